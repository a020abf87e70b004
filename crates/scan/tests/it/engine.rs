//! Images in engines on this machine: a real Docker Engine where there
//! is one, and one that answers badly.

use std::process::Command;

use scan::{EngineError, Engines, Options, ScanError, Source};
use testkit::Image;

use crate::subject::{lines, scan_with, try_scan, warnings};

fn with_engines(engines: Engines) -> Options {
    Options {
        engines,
        ..Options::default()
    }
}

#[test]
fn a_missing_engine_has_no_images_and_says_how_to_reach_it() {
    let folder = tempfile::tempdir().unwrap();
    let engines = Engines {
        docker: folder.path().join("docker.sock"),
        containerd: folder.path().join("containerd.sock"),
        remote: None,
    };
    let (images, complaints) = scan::local_images(&engines);
    assert!(images.is_empty() && complaints.is_empty());
    let error = try_scan(
        &Source::Engine("x".to_owned()),
        &with_engines(engines.clone()),
    );
    let Err(ScanError::Engine(EngineError::Connect { .. })) = error else {
        panic!("{error:?}")
    };
    // A socket nobody listens on is there but does not answer.
    // Of another kind, so that nothing can connect: a listener that is closed
    // may live on for a moment in a program another test starts.
    drop(std::os::unix::net::UnixDatagram::bind(&engines.docker).unwrap());
    let (images, complaints) = scan::local_images(&engines);
    assert!(images.is_empty());
    assert!(
        complaints[0].message.contains("docker.sock"),
        "{complaints:?}"
    );
}

#[test]
fn an_image_in_docker_engine_is_the_same_as_in_its_archive() {
    let Some(engine) = testkit::service::Engine::start().unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    Image::example().write_docker_archive(&path);
    let loaded = Command::new("docker")
        .arg("--host")
        .arg(format!("unix://{}", engine.socket.display()))
        .args(["load", "--input"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(loaded.status.success(), "{loaded:?}");
    let engines = Engines {
        docker: engine.socket.clone(),
        containerd: folder.path().join("none"),
        remote: None,
    };
    let (images, complaints) = scan::local_images(&engines);
    assert!(complaints.is_empty(), "{complaints:?}");
    let names: Vec<_> = images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["example.org/shop:1"]);

    let cache = tempfile::tempdir().unwrap();
    let options = Options {
        cache: Some(cache.path().to_owned()),
        ..with_engines(engines)
    };
    let sbom = scan_with(&images[0].source, &options);
    let stored = scan_with(&Source::Archive(path), &Options::default());
    assert_eq!(sbom.packages, stored.packages);
    assert_eq!(warnings(&sbom), [""; 0]);
    assert_eq!(sbom.config, stored.config);
    assert_eq!(
        sbom.image.as_ref().unwrap().config,
        stored.image.unwrap().config
    );

    let again = scan_with(&images[0].source, &options);
    assert_eq!(lines(&again), lines(&sbom));

    let error = try_scan(&Source::Engine("no/such:1".to_owned()), &options).unwrap_err();
    assert!(error.to_string().contains("no/such:1"), "{error}");
}

#[test]
fn an_image_in_containerd_is_the_same_as_in_its_archive() {
    let Some(containerd) = testkit::service::Containerd::start().unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    Image::example().write_layout_tar(&path);
    let imported = Command::new("ctr")
        .arg("--address")
        .arg(&containerd.socket)
        .args(["--namespace", "k8s.io", "images", "import", "--no-unpack"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(imported.status.success(), "{imported:?}");
    let engines = Engines {
        docker: folder.path().join("none"),
        containerd: containerd.socket.clone(),
        remote: None,
    };
    let (images, complaints) = scan::local_images(&engines);
    assert!(complaints.is_empty(), "{complaints:?}");
    let sources: Vec<_> = images
        .iter()
        .map(|image| image.source.to_string())
        .collect();
    assert_eq!(sources, ["containerd:k8s.io/example.org/shop:1"]);

    let cache = tempfile::tempdir().unwrap();
    let options = Options {
        cache: Some(cache.path().to_owned()),
        ..with_engines(engines)
    };
    let sbom = scan_with(&images[0].source, &options);
    let stored = scan_with(&Source::Archive(path), &Options::default());
    assert_eq!(sbom.packages, stored.packages);
    assert_eq!(sbom.layers, stored.layers);
    assert_eq!(sbom.config, stored.config);
    assert_eq!(warnings(&sbom), [""; 0]);
    assert_eq!(scan_with(&images[0].source, &options), sbom);

    let missing = Source::detect("containerd:k8s.io/no/such:1").unwrap();
    let error = try_scan(&missing, &options).unwrap_err();
    assert!(error.to_string().contains("no/such:1"), "{error}");
}

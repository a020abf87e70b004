//! An image is the same image in whatever form it arrives.

use std::path::Path;

use model::Sbom;
use scan::{Options, Source};
use testkit::{Compression, Image, Layer, image};

use crate::subject::{lines, scan, scan_path, scan_with, try_scan, warnings};

const EXAMPLE: [&str; 3] = [
    "libssl3 3.0.11-1~deb12u1 @0 var/lib/dpkg/status",
    "openssl 3.0.11-1~deb12u1 @0 var/lib/dpkg/status",
    "left-pad 1.3.0 @1 app/node_modules/left-pad/package.json",
];

fn check_example(sbom: &Sbom) {
    assert_eq!(lines(sbom), EXAMPLE);
    assert_eq!(warnings(sbom), [""; 0]);
    let os = sbom.os.as_ref().unwrap();
    assert_eq!((os.id.as_str(), os.version.as_str()), ("debian", "12"));
}

fn check_image(sbom: &Sbom) {
    check_example(sbom);
    let history: Vec<_> = sbom
        .layers
        .iter()
        .map(|layer| layer.created_by.as_deref().unwrap())
        .collect();
    assert_eq!(
        history,
        [
            "ADD rootfs.tar / # buildkit",
            "COPY app /app # buildkit",
            "RUN rm -r /app/node_modules/gone"
        ]
    );
    let config = sbom.config.as_ref().unwrap();
    assert_eq!(config.user.as_deref(), Some("app"));
    assert_eq!(config.platform.as_ref().unwrap().to_string(), "linux/amd64");
    let identity = sbom.image.as_ref().unwrap();
    assert_eq!(
        identity.config,
        Some(model::Digest::of(&Image::example().config()))
    );
    assert_eq!(identity.tags, ["example.org/shop:1"]);
}

fn compress(path: &Path, packing: Compression) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, packing.pack(&bytes)).unwrap();
}

#[test]
fn every_stored_form_gives_the_same_result() {
    let image = Image::example();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    image.write_layout(&at("layout"));
    image.write_layout_tar(&at("layout.tar"));
    image.write_docker_archive(&at("old.tar"));
    image.write_docker_archive_oci(&at("new.tar"));
    image.write_docker_archive(&at("old.tar.gz"));
    compress(&at("old.tar.gz"), Compression::Gzip);
    image.write_docker_archive_oci(&at("new.tar.zst"));
    compress(&at("new.tar.zst"), Compression::Zstd);
    for name in [
        "layout",
        "layout.tar",
        "old.tar",
        "new.tar",
        "old.tar.gz",
        "new.tar.zst",
    ] {
        check_image(&scan_path(&at(name)));
    }
    image.write_rootfs(&at("rootfs"));
    let sbom = scan_path(&at("rootfs"));
    let without_layers: Vec<String> = EXAMPLE
        .map(|line| line.replace("@0", "@-").replace("@1", "@-"))
        .to_vec();
    assert_eq!(lines(&sbom), without_layers);
    assert_eq!(sbom.os.unwrap().id, "debian");
}

#[test]
fn every_packing_of_layers_gives_the_same_packages() {
    for packing in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
        let folder = tempfile::tempdir().unwrap();
        let example = Image::example();
        let mut image = Image::new().compression(packing);
        image = image.layer("ADD", image::debian());
        image.write_layout(folder.path());
        let sbom = scan_path(folder.path());
        assert_eq!(lines(&sbom), EXAMPLE[..2], "{packing:?}");
        drop(example);
    }
}

#[test]
fn the_platform_asked_for_is_scanned_and_attestations_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let of = |architecture: &str| {
        let package = format!(r#"{{"name":"{architecture}","version":"1.0.0"}}"#);
        Image::new().architecture(architecture).layer(
            "COPY",
            Layer::new().file("node_modules/x/package.json", package),
        )
    };
    image::write_layout(
        folder.path(),
        &[of("arm64"), of("amd64"), of("s390x")],
        true,
    );
    let source = Source::Layout(folder.path().to_owned());
    let names = |platform: &str| {
        let options = Options {
            platform: Some(platform.parse().unwrap()),
            ..Options::default()
        };
        try_scan(&source, &options).map(|sbom| sbom.packages[0].name.clone())
    };
    assert_eq!(names("linux/amd64").unwrap(), "amd64");
    assert_eq!(names("linux/s390x").unwrap(), "s390x");
    let error = names("linux/riscv64").unwrap_err().to_string();
    assert!(
        error.contains("linux/riscv64") && error.contains("linux/arm64"),
        "{error}"
    );
    if cfg!(target_arch = "x86_64") {
        assert_eq!(scan(&source).packages[0].name, "amd64");
    }
}

#[test]
fn a_second_scan_reads_no_layer() {
    let folder = tempfile::tempdir().unwrap();
    let cache = tempfile::tempdir().unwrap();
    let options = Options {
        cache: Some(cache.path().to_owned()),
        ..Options::default()
    };
    Image::example().write_layout(folder.path());
    let source = Source::Layout(folder.path().to_owned());
    let first = scan_with(&source, &options);
    // Without their blobs only the cache can know the layers.
    for layer in &first.layers {
        let blob = folder
            .path()
            .join("blobs/sha256")
            .join(layer.digest.unwrap().hex());
        std::fs::write(blob, "").unwrap();
    }
    let second = scan_with(&source, &options);
    assert_eq!(first, second);
    check_image(&second);
}

#[test]
fn a_package_belongs_to_the_layer_that_brought_its_version() {
    let status = |version: &str, extra: &str| {
        format!(
            "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n{extra}"
        )
    };
    let curl = "Package: curl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 8.0\n\n";
    let path = "var/lib/dpkg/status";
    let folder = tempfile::tempdir().unwrap();
    Image::new()
        .layer("one", image::debian().file(path, status("1.0", "")))
        .layer("two", Layer::new().file(path, status("1.0", curl)))
        .layer("three", Layer::new().file(path, status("1.1", curl)))
        .layer("four", Layer::new().file(path, status("1.1", curl)))
        .write_layout(folder.path());
    let sbom = scan_path(folder.path());
    assert_eq!(
        lines(&sbom),
        [
            "curl 8.0 @1 var/lib/dpkg/status",
            "openssl 1.1 @2 var/lib/dpkg/status"
        ]
    );
}

#[test]
fn upper_layers_hide_lower_ones() {
    let package = |name: &str| format!(r#"{{"name":"{name}","version":"1.0.0"}}"#);
    let path = |name: &str| format!("app/{name}/node_modules/{name}/package.json");
    let mut lower = Layer::new();
    for name in ["kept", "removed", "opaque", "linked", "replaced", "parent"] {
        lower = lower.file(&path(name), package(name));
    }
    let folder = tempfile::tempdir().unwrap();
    Image::new()
        .layer("lower", lower)
        .layer(
            "upper",
            Layer::new()
                .whiteout(&path("removed"))
                .opaque("app/opaque")
                .file(
                    &path("opaque").replace("opaque/package", "fresh/package"),
                    package("fresh"),
                )
                .symlink(&path("linked"), "elsewhere")
                .file(&path("replaced"), "no JSON at all")
                .whiteout("app/parent"),
        )
        .write_layout(folder.path());
    let sbom = scan_path(folder.path());
    let names: Vec<_> = sbom
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    assert_eq!(names, ["fresh", "kept"]);
}

#[test]
fn hard_links_are_read_under_every_name_someone_wants() {
    let package = r#"{"name":"linked","version":"1.0.0"}"#;
    let folder = tempfile::tempdir().unwrap();
    let image = Image::new().layer(
        "pnpm install",
        Layer::new()
            .file("store/ab/cdef", package)
            .hard_link("app/node_modules/linked/package.json", "store/ab/cdef")
            .file("b/node_modules/linked/package.json", package)
            .hard_link(
                "c/node_modules/linked/package.json",
                "b/node_modules/linked/package.json",
            ),
    );
    image.write_layout(&folder.path().join("layout"));
    image.write_docker_archive(&folder.path().join("image.tar.gz"));
    compress(&folder.path().join("image.tar.gz"), Compression::Gzip);
    let sbom = scan_path(&folder.path().join("layout"));
    let paths: Vec<_> = sbom
        .packages
        .iter()
        .map(|package| package.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "app/node_modules/linked/package.json",
            "b/node_modules/linked/package.json",
            "c/node_modules/linked/package.json",
        ]
    );
    // A stream is read only once, and says what it therefore missed.
    let sbom = scan_path(&folder.path().join("image.tar.gz"));
    assert_eq!(sbom.packages.len(), 2);
    assert!(warnings(&sbom)[0].contains("1 hard links were not followed"));
}

#[test]
fn packages_of_the_distribution_are_not_found_twice() {
    let folder = tempfile::tempdir().unwrap();
    let record = "usr/lib/python3/dist-packages/requests-2.28.1.dist-info/METADATA";
    Image::new()
        .layer(
            "apt-get install python3-requests",
            image::debian()
                .file(
                    record,
                    "Metadata-Version: 2.1\nName: requests\nVersion: 2.28.1\n\n",
                )
                .file(
                    "var/lib/dpkg/info/python3-requests.list",
                    format!("/.\n/usr\n/{record}\n"),
                ),
        )
        .write_layout(folder.path());
    let sbom = scan_path(folder.path());
    let requests = sbom
        .packages
        .iter()
        .find(|package| package.name == "requests")
        .unwrap();
    assert_eq!(requests.owned_by.as_deref(), Some("python3-requests"));
}

#[test]
fn one_of_several_images_is_chosen_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.tar");
    let of = |name: &str| {
        let package = format!(r#"{{"name":"{name}","version":"1.0.0"}}"#);
        Image::new().tag(&format!("{name}:1")).layer(
            "COPY",
            Layer::new().file("node_modules/x/package.json", package),
        )
    };
    image::write_docker_archive(&path, &[of("one"), of("two")]);
    let source = Source::Archive(path);
    let sbom = scan(&source);
    assert_eq!(sbom.packages[0].name, "one");
    assert!(warnings(&sbom)[0].contains("2 images"));
    let options = |name: &str| Options {
        select: Some(name.to_owned()),
        ..Options::default()
    };
    let sbom = scan_with(&source, &options("docker.io/library/two:1"));
    assert_eq!(sbom.packages[0].name, "two");
    assert_eq!(warnings(&sbom), [""; 0]);
    let error = try_scan(&source, &options("three"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("three") && error.contains("two:1"),
        "{error}"
    );
}

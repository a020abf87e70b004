//! One image, seen through every door, gives the same findings.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use model::Report;
use testkit::{
    Image, Layer, debian, languages,
    service::{Containerd, Engine, Registry, program},
};

use crate::program::{Seawall, kept};

/// What must not depend on how the image was reached: its packages and
/// their findings.
fn findings(report: &Report) -> BTreeSet<String> {
    let packages = report
        .sbom
        .packages
        .iter()
        .map(|package| format!("{} {}", package.purl, package.path));
    report
        .findings
        .iter()
        .map(|finding| {
            format!(
                "{} {} {} {} {:?}",
                finding.vulnerability,
                finding.package.purl,
                finding.package.path,
                finding.severity,
                finding.fix
            )
        })
        .chain(packages)
        .collect()
}

fn advisories(seawall: &Seawall) {
    let folders: Vec<PathBuf> = ["npm", "PyPI", "Maven", "Go", "AlmaLinux", "Alpine"]
        .iter()
        .map(|ecosystem| format!("osv/{ecosystem}"))
        .chain(["osv-derived".to_owned()])
        .filter_map(|folder| testkit::data(&folder))
        .collect();
    if !folders.is_empty() {
        seawall.import(&folders);
    }
}

fn skopeo(from: &str, to: &str) {
    let output = Command::new("skopeo")
        .args([
            "--insecure-policy",
            "copy",
            "--quiet",
            "--dest-tls-verify=false",
            from,
            to,
        ])
        .output()
        .expect("skopeo starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Scans `image` through every door this machine has and holds all
/// results to the layout's. Returns the layout's report.
fn through_every_door(image: &Image) -> Report {
    let seawall = Seawall::new();
    advisories(&seawall);
    let at = |name: &str| seawall.folder().join(name);
    image.write_layout(&at("layout"));
    image.write_layout_tar(&at("layout.tar"));
    image.write_docker_archive(&at("docker.tar"));
    image.write_rootfs(&at("rootfs"));

    let layout = seawall.scan(&["--no-cache"], &target("oci", &at("layout")));
    let expected = findings(&layout);
    assert!(!layout.findings.is_empty(), "the image has findings");
    let same = |door: &str, report: &Report| {
        let got = findings(report);
        let more: Vec<_> = got.difference(&expected).take(3).collect();
        let less: Vec<_> = expected.difference(&got).take(3).collect();
        assert!(
            more.is_empty() && less.is_empty(),
            "{door}: more {more:?}, less {less:?}"
        );
        println!(
            "{door}: {} packages, {} findings",
            report.sbom.packages.len(),
            report.findings.len()
        );
    };
    same("layout", &layout);
    same(
        "layout tar",
        &seawall.scan(&["--no-cache"], &target("oci", &at("layout.tar"))),
    );
    same(
        "docker archive",
        &seawall.scan(&["--no-cache"], &target("archive", &at("docker.tar"))),
    );
    same("folder", &seawall.scan(&[], &target("dir", &at("rootfs"))));

    if let (Some(registry), Some(_)) = (
        Registry::start().expect("the registry starts"),
        program("skopeo"),
    ) {
        let name = format!("{}/shop:1", registry.host);
        skopeo(
            &format!("oci:{}", at("layout").display()),
            &format!("docker://{name}"),
        );
        let pushed = registry.blob_requests();
        same("registry", &seawall.scan(&[], &format!("registry:{name}")));
        let cold = registry.blob_requests() - pushed;
        assert!(cold > 0, "a cold scan fetches layers");
        same(
            "registry again",
            &seawall.scan(&[], &format!("registry:{name}")),
        );
        let warm = registry.blob_requests() - pushed - cold;
        println!("registry: {cold} blob requests cold, {warm} warm");
        assert_eq!(warm, 0, "a second scan fetches no blob");
    }
    if let Some(engine) = Engine::start().expect("the engine is looked for") {
        let host = format!("unix://{}", engine.socket.display());
        let loaded = Command::new("docker")
            .args(["--host", &host, "load", "--quiet", "--input"])
            .arg(at("docker.tar"))
            .output()
            .expect("docker starts");
        assert!(
            loaded.status.success(),
            "{}",
            String::from_utf8_lossy(&loaded.stderr)
        );
        let report = seawall.scan_with(
            &[("DOCKER_HOST", &host)],
            &["--no-cache"],
            &format!("docker:{}", image.tag),
        );
        same("Docker Engine", &report);
    }
    if let Some(containerd) = Containerd::start().expect("containerd is looked for") {
        let address = containerd.socket.display().to_string();
        let imported = Command::new("ctr")
            .args(["--address", &address, "images", "import"])
            .arg(at("layout.tar"))
            .output()
            .expect("ctr starts");
        assert!(
            imported.status.success(),
            "{}",
            String::from_utf8_lossy(&imported.stderr)
        );
        let listed = Command::new("ctr")
            .args(["--address", &address, "images", "list", "--quiet"])
            .output()
            .expect("ctr starts");
        let name = String::from_utf8_lossy(&listed.stdout).trim().to_owned();
        let report = seawall.scan_with(
            &[("CONTAINERD_ADDRESS", &address)],
            &["--no-cache"],
            &format!("containerd:{name}"),
        );
        same("containerd", &report);
    }
    layout
}

fn target(scheme: &str, path: &Path) -> String {
    format!("{scheme}:{}", path.display())
}

#[test]
fn a_debian_image_with_five_languages_is_the_same_through_every_door() {
    let Some(roots) = debian::roots(&kept()).expect("the systems install") else {
        return;
    };
    let content = kept().join("languages");
    languages::install(&content).expect("the content installs");
    let mut image = Image::new().layer("debootstrap bookworm", Layer::new().tree("", &roots.old));
    for (step, layer) in languages::layers(&content) {
        image = image.layer(step, layer);
    }
    let report = through_every_door(&image);

    let removed = report
        .sbom
        .packages
        .iter()
        .any(|package| package.name == "minimist");
    assert!(!removed, "what an upper layer removes is gone");
    let log4j = report
        .sbom
        .packages
        .iter()
        .find(|package| package.name == "org.apache.logging.log4j:log4j-core")
        .expect("the jar inside the war is found");
    assert_eq!(
        log4j.path,
        "srv/java/shop.war!/WEB-INF/lib/log4j-core-2.14.1.jar"
    );
    let layer = log4j.layer.expect("an image has layers") as usize;
    assert_eq!(
        report.sbom.layers[layer].created_by.as_deref(),
        Some("COPY shop.war /srv/java/")
    );
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.vulnerability.as_str() == "CVE-2021-44228"),
        "Log4Shell is found"
    );
}

/// Unpacks one archive of the conformance data.
fn unpack(archive: &str, folder: &Path) -> Option<()> {
    let archive = testkit::data(&format!("conformance/{archive}"))?;
    fs::create_dir_all(folder).expect("a folder for the fixture");
    let status = Command::new("tar")
        .arg("-xf")
        .arg(archive)
        .arg("-C")
        .arg(folder)
        .status()
        .expect("tar starts");
    assert!(status.success());
    Some(())
}

#[test]
fn an_alpine_image_is_the_same_through_every_door() {
    let folder = tempfile::tempdir().expect("a folder");
    if unpack("alpine-310-metadata-layer.tar.xz", folder.path()).is_none() {
        return;
    }
    // The system itself is clean by the advisories at hand; what an
    // application puts on it is not.
    let application = languages::java();
    let report = through_every_door(
        &Image::new()
            .layer("ADD alpine", Layer::new().tree("", folder.path()))
            .layer("COPY shop.war /srv/", application),
    );
    assert_eq!(
        report.sbom.os.as_ref().map(|os| os.id.as_str()),
        Some("alpine")
    );
}

#[test]
fn an_rpm_image_is_the_same_through_every_door() {
    let folder = tempfile::tempdir().expect("a folder");
    if unpack("rpmdb-fixtures.tar.xz", folder.path()).is_none() {
        return;
    }
    // A real package database, under the release whose advisories we hold.
    let database =
        fs::read(folder.path().join("pkg/testdata/libuuid/Packages")).expect("the database");
    let layer = Layer::new()
        .dir("etc")
        .file(
            "etc/os-release",
            "ID=almalinux\nVERSION_ID=\"8.4\"\nPRETTY_NAME=\"AlmaLinux 8.4\"\n",
        )
        .file("var/lib/rpm/Packages", database);
    let report = through_every_door(&Image::new().layer("ADD alma", layer));
    assert!(
        report
            .sbom
            .packages
            .iter()
            .all(|package| package.kind.is_distribution())
    );
}

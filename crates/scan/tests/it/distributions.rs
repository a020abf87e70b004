//! Every distribution once: its os-release as it ships it, its package
//! database in the format and the place it uses, and what must come out.

use std::{fmt::Write as _, io::Read as _};

use testkit::{Image, Layer};

use crate::subject;

const DPKG: &[u8] = include_bytes!("../../src/extract/testdata/dpkg-status");
const APK: &[u8] = include_bytes!("../../src/extract/testdata/apk-installed");
const RPM_SQLITE: &[u8] = include_bytes!("../../src/extract/rpm/testdata/rpmdb.sqlite.gz");
const RPM_NDB: &[u8] = include_bytes!("../../src/extract/rpm/testdata/Packages.db.gz");
const RPM_BERKELEY: &[u8] = include_bytes!("../../src/extract/rpm/testdata/Packages.gz");
const GO: &[u8] = include_bytes!("../../../../fuzz/seeds/elf/go-inline");
const RUST: &[u8] = include_bytes!("../../../../fuzz/seeds/elf/rust");

const AZURE: &str = "openssl-libs\t3.3.3-2.azl3\t1735000000\t1734000000\tMicrosoft Corporation\t\
    (none)\t100\tx86_64\t0\topenssl-3.3.3-2.azl3.src.rpm\n";

fn inflate(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(bytes);
    decoder.read_to_end(&mut out).unwrap();
    out
}

/// `ID`, `VERSION_ID`, `PRETTY_NAME`, more lines; then the database.
type Distribution = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Vec<u8>,
);

fn distributions() -> Vec<Distribution> {
    const STATUS: &str = "var/lib/dpkg/status";
    const INSTALLED: &str = "lib/apk/db/installed";
    const SQLITE: &str = "var/lib/rpm/rpmdb.sqlite";
    let sqlite = || inflate(RPM_SQLITE);
    let ndb = || inflate(RPM_NDB);
    let berkeley = || inflate(RPM_BERKELEY);
    vec![
        (
            "debian",
            "\"12\"",
            "Debian GNU/Linux 12 (bookworm)",
            "VERSION_CODENAME=bookworm",
            STATUS,
            DPKG.to_vec(),
        ),
        (
            "debian",
            "",
            "Debian GNU/Linux forky/sid",
            "VERSION_CODENAME=forky",
            STATUS,
            DPKG.to_vec(),
        ),
        (
            "ubuntu",
            "\"24.04\"",
            "Ubuntu 24.04.1 LTS",
            "VERSION_CODENAME=noble\nID_LIKE=debian",
            STATUS,
            DPKG.to_vec(),
        ),
        (
            "ubuntu",
            "\"23.10\"",
            "Ubuntu 23.10",
            "ID_LIKE=debian",
            STATUS,
            DPKG.to_vec(),
        ),
        (
            "debian",
            "\"12\"",
            "Distroless",
            "",
            "var/lib/dpkg/status.d/tzdata",
            b"Package: tzdata\nVersion: 2024a-0+deb12u1\nArchitecture: all\n".to_vec(),
        ),
        (
            "alpine",
            "3.18.4",
            "Alpine Linux v3.18",
            "",
            INSTALLED,
            APK.to_vec(),
        ),
        (
            "wolfi",
            "\"20230201\"",
            "Wolfi",
            "",
            INSTALLED,
            APK.to_vec(),
        ),
        (
            "chainguard",
            "\"20230214\"",
            "Chainguard",
            "",
            "usr/lib/apk/db/installed",
            APK.to_vec(),
        ),
        (
            "\"rhel\"",
            "\"9.3\"",
            "Red Hat Enterprise Linux 9.3 (Plow)",
            "ID_LIKE=\"fedora\"",
            SQLITE,
            sqlite(),
        ),
        (
            "\"centos\"",
            "\"7\"",
            "CentOS Linux 7 (Core)",
            "ID_LIKE=\"rhel fedora\"",
            "var/lib/rpm/Packages",
            berkeley(),
        ),
        (
            "\"almalinux\"",
            "\"8.9\"",
            "AlmaLinux 8.9 (Midnight Oncilla)",
            "ID_LIKE=\"rhel centos fedora\"",
            "var/lib/rpm/Packages",
            berkeley(),
        ),
        (
            "\"rocky\"",
            "\"9.3\"",
            "Rocky Linux 9.3 (Blue Onyx)",
            "ID_LIKE=\"rhel centos fedora\"",
            SQLITE,
            sqlite(),
        ),
        (
            "\"ol\"",
            "\"8.9\"",
            "Oracle Linux Server 8.9",
            "ID_LIKE=\"fedora\"",
            "var/lib/rpm/Packages",
            berkeley(),
        ),
        (
            "\"amzn\"",
            "\"2\"",
            "Amazon Linux 2",
            "ID_LIKE=\"centos rhel fedora\"",
            "var/lib/rpm/Packages",
            berkeley(),
        ),
        (
            "\"amzn\"",
            "\"2023\"",
            "Amazon Linux 2023",
            "ID_LIKE=\"fedora\"",
            SQLITE,
            sqlite(),
        ),
        (
            "fedora",
            "39",
            "Fedora Linux 39 (Container Image)",
            "",
            "usr/lib/sysimage/rpm/rpmdb.sqlite",
            sqlite(),
        ),
        (
            "\"sles\"",
            "\"15.5\"",
            "SUSE Linux Enterprise Server 15 SP5",
            "ID_LIKE=\"suse\"",
            "usr/lib/sysimage/rpm/Packages.db",
            ndb(),
        ),
        (
            "\"opensuse-leap\"",
            "\"15.6\"",
            "openSUSE Leap 15.6",
            "ID_LIKE=\"suse opensuse\"",
            "usr/lib/sysimage/rpm/Packages.db",
            ndb(),
        ),
        (
            "azurelinux",
            "\"3.0\"",
            "Microsoft Azure Linux 3.0",
            "",
            "var/lib/rpmmanifest/container-manifest-2",
            AZURE.into(),
        ),
        ("templeos", "5", "TempleOS", "", STATUS, DPKG.to_vec()),
    ]
}

fn scan(layer: Layer) -> model::Sbom {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.tar");
    Image::new()
        .layer("ADD rootfs.tar /", layer)
        .write_docker_archive(&path);
    subject::scan_path(&path)
}

fn render(title: &str, sbom: &model::Sbom) -> String {
    let ecosystem = sbom
        .os
        .as_ref()
        .and_then(model::OperatingSystem::ecosystem)
        .map_or("no advisories".to_owned(), |ecosystem| {
            ecosystem.to_string()
        });
    let mut text = format!("{title}: {ecosystem}\n");
    for package in &sbom.packages {
        write!(text, "  {}", package.purl).unwrap();
        if let Some(source) = &package.source {
            write!(text, " from {} {}", source.name, source.version).unwrap();
        }
        if package.ecosystem.as_ref().map(ToString::to_string) != Some(ecosystem.clone()) {
            match &package.ecosystem {
                Some(ecosystem) => write!(text, " in {ecosystem}").unwrap(),
                None => text.push_str(" in none"),
            }
        }
        if let Some(owner) = &package.owned_by {
            write!(text, " owned by {owner}").unwrap();
        }
        text.push('\n');
    }
    for warning in &sbom.warnings {
        writeln!(text, "  ! {warning}").unwrap();
    }
    text
}

#[test]
fn each_distribution_is_known_by_its_own_files() {
    let mut text = String::new();
    for (id, version, name, more, path, database) in distributions() {
        let version = match version {
            "" => String::new(),
            version => format!("VERSION_ID={version}\n"),
        };
        let release = format!("PRETTY_NAME=\"{name}\"\nID={id}\n{version}{more}\n");
        let layer = Layer::new()
            .file("usr/lib/os-release", release)
            .symlink("etc/os-release", "../usr/lib/os-release")
            .file(path, database);
        text.push_str(&render(name, &scan(layer)));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn an_image_from_scratch_has_programs_but_no_system() {
    let sbom = scan(
        Layer::new()
            .executable("server", GO)
            .executable("worker", RUST),
    );
    assert_eq!(sbom.os, None);
    insta::assert_snapshot!(render("scratch", &sbom));
}

#[test]
fn a_large_program_reads_the_same_in_a_folder_and_in_a_layer() {
    let mut program = GO.to_vec();
    program.resize(5 << 20, 0);
    let from_layer = scan(Layer::new().executable("server", &program));
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("server");
    std::fs::write(&path, &program).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, mode).unwrap();
    let from_folder = subject::scan_path(root.path());
    assert_eq!(
        render("scratch", &from_layer),
        render("scratch", &from_folder)
    );
    assert_eq!(from_folder.packages.len(), 4);
}

#[test]
fn programs_of_the_distribution_are_listed_as_its_own() {
    let sbom = scan(
        Layer::new()
            .file("etc/os-release", "ID=debian\nVERSION_ID=12\n")
            .file(
                "var/lib/dpkg/status",
                "Package: gobuild\nStatus: install ok installed\nVersion: 1.0-1\n\n",
            )
            .file("var/lib/dpkg/info/gobuild.list", "/.\n/bin\n/bin/gobuild\n")
            .executable("usr/bin/gobuild", GO)
            .executable("usr/local/bin/gobuild", GO),
    );
    insta::assert_snapshot!(render("Debian with Go programs", &sbom));
}

#[test]
fn programs_in_other_vendors_packages_answer_for_themselves() {
    let layer = |release: &str, maintainer: &str| {
        Layer::new()
            .file("etc/os-release", release)
            .file(
                "var/lib/dpkg/status",
                format!(
                    "Package: tool\nStatus: install ok installed\nVersion: 1\n\
                     Maintainer: {maintainer}\n\n"
                ),
            )
            .file("var/lib/dpkg/info/tool.list", "/usr/bin/tool\n")
            .executable("usr/bin/tool", GO)
    };
    let is_owned = |layer| {
        let sbom = scan(layer);
        let mut programs = sbom
            .packages
            .iter()
            .filter(|package| package.kind == model::PackageKind::Golang);
        programs.any(|package| package.owned_by.is_some())
    };
    let debian = "ID=debian\nVERSION_ID=12\n";
    let team = "Debian Go Team <team@tracker.debian.org>";
    assert!(is_owned(layer(debian, team)));
    assert!(!is_owned(layer(
        debian,
        "Tool Authors <tool@vendor.example>"
    )));
    assert!(
        !is_owned(layer("ID=templeos\n", team)),
        "no advisories speak for this distribution"
    );
}

#[test]
fn a_real_alpine_layer_holds_what_apk_lists() {
    let Some(archive) = testkit::data("conformance/alpine-310-metadata-layer.tar.xz") else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let unpacked = std::process::Command::new("tar")
        .arg("-xJf")
        .arg(&archive)
        .arg("-C")
        .arg(root.path())
        .status();
    if !unpacked.is_ok_and(|status| status.success()) {
        return testkit::skipped("tar cannot unpack the Alpine layer");
    }
    let sbom = subject::scan_path(root.path());
    let names: Vec<&str> = sbom
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    assert_eq!(names.len(), 14, "{names:?}");
    let musl = sbom
        .packages
        .iter()
        .find(|package| package.name == "musl")
        .unwrap();
    assert_eq!(musl.version, "1.1.22-r3");
    assert_eq!(
        musl.ecosystem.as_ref().map(ToString::to_string).as_deref(),
        Some("Alpine:v3.10")
    );
    assert!(sbom.warnings.is_empty(), "{:?}", sbom.warnings);
}

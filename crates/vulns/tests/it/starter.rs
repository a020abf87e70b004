//! What the starter set finds by itself, and what it leaves alone.

use model::{Package, PackageKind, SourcePackage, purl::PurlParts};
use vulns::{Database, Judgements, assess};

use crate::shared;

#[expect(clippy::unwrap_used, reason = "a test's own input")]
fn package(kind: PackageKind, ecosystem: &str, name: &str, version: &str) -> Package {
    let purl = PurlParts {
        kind: "generic".to_owned(),
        name: name.replace(['/', ':'], "-"),
        version: Some(version.to_owned()),
        ..PurlParts::default()
    };
    let is_packaged = matches!(kind, PackageKind::Deb | PackageKind::Apk);
    Package {
        kind,
        name: name.to_owned(),
        version: version.to_owned(),
        ecosystem: Some(ecosystem.parse().unwrap()),
        source: is_packaged.then(|| SourcePackage {
            name: name.to_owned(),
            version: version.to_owned(),
        }),
        architecture: None,
        licenses: vec![],
        purl: purl.build().unwrap(),
        path: "somewhere".to_owned(),
        layer: None,
        owned_by: None,
    }
}

#[expect(clippy::unwrap_used, reason = "a test's own input")]
fn found(database: &Database, package: Package) -> Vec<String> {
    let sbom = shared::sbom(vec![package]);
    let now = shared::NOW.parse().unwrap();
    let judgements = Judgements::default();
    let report = assess(
        database,
        sbom,
        shared::machine(),
        &judgements,
        "seawall test",
        now,
    );
    let ids = report.vulnerabilities.keys();
    ids.map(|id| id.as_str().to_owned()).collect()
}

#[test]
fn the_vulnerable_are_found_and_the_mended_are_not() {
    use PackageKind::{Apk, Cargo, Composer, Deb, Gem, Golang, Maven, Npm, Nuget, Pypi, Rpm};
    let cases = [
        (
            Maven,
            "Maven",
            "org.apache.logging.log4j:log4j-core",
            "2.14.1",
            "2.24.0",
            "CVE-2021-44228",
        ),
        (
            Maven,
            "Maven",
            "org.springframework:spring-beans",
            "5.3.17",
            "5.3.39",
            "CVE-2022-22965",
        ),
        (
            Maven,
            "Maven",
            "org.apache.struts:struts2-core",
            "2.3.31",
            "6.7.0",
            "CVE-2017-5638",
        ),
        (Npm, "npm", "lodash", "4.17.20", "4.17.21", "CVE-2021-23337"),
        (Npm, "npm", "next", "15.5.6", "15.5.9", "CVE-2025-55182"),
        (Pypi, "PyPI", "PyYAML", "5.3.1", "6.0.2", "CVE-2020-14343"),
        (Pypi, "PyPI", "Django", "4.2.25", "4.2.26", "CVE-2025-64459"),
        (
            Golang,
            "Go",
            "github.com/opencontainers/runc",
            "v1.1.11",
            "v1.4.0",
            "CVE-2024-21626",
        ),
        (
            Golang,
            "Go",
            "stdlib",
            "go1.21.2",
            "go1.25.3",
            "CVE-2023-44487",
        ),
        (
            Golang,
            "Go",
            "k8s.io/ingress-nginx",
            "v1.11.4",
            "v1.13.0",
            "CVE-2025-1974",
        ),
        (
            Cargo,
            "crates.io",
            "openssl",
            "0.10.69",
            "0.10.75",
            "CVE-2025-24898",
        ),
        (
            Gem,
            "RubyGems",
            "actionview",
            "5.2.2",
            "7.1.3",
            "CVE-2019-5418",
        ),
        (
            Composer,
            "Packagist",
            "laravel/framework",
            "v8.83.27",
            "v8.83.29",
            "CVE-2024-52301",
        ),
        (
            Nuget,
            "NuGet",
            "newtonsoft.json",
            "12.0.3",
            "13.0.3",
            "CVE-2024-21907",
        ),
        (
            Deb,
            "Debian:12",
            "glibc",
            "2.36-9+deb12u2",
            "2.36-9+deb12u10",
            "CVE-2023-4911",
        ),
        (
            Deb,
            "Debian:7",
            "openssl",
            "1.0.1e-2+deb7u4",
            "1.0.1t-1+deb7u5",
            "CVE-2014-0160",
        ),
        (
            Deb,
            "Debian:11",
            "sudo",
            "1.9.5p2-3",
            "1.9.5p2-3+deb11u1",
            "CVE-2023-22809",
        ),
        (
            Deb,
            "Ubuntu:22.04:LTS",
            "openssh",
            "1:8.9p1-3",
            "1:8.9p1-3ubuntu0.13",
            "CVE-2024-6387",
        ),
        (
            Deb,
            "Ubuntu:14.04:LTS",
            "bash",
            "4.3-7ubuntu1",
            "4.3-7ubuntu1.8",
            "CVE-2014-6271",
        ),
        (
            Apk,
            "Alpine:v3.15",
            "openssl",
            "1.1.1l-r7",
            "1.1.1w-r1",
            "CVE-2022-0778",
        ),
        (
            Apk,
            "Alpine:v3.12",
            "sudo",
            "1.9.5-r0",
            "1.9.5p2-r0",
            "CVE-2021-3156",
        ),
        (
            Rpm,
            "AlmaLinux:9",
            "glibc",
            "2.34-60.el9",
            "2.34-125.el9_5.1",
            "CVE-2023-4911",
        ),
        (
            Rpm,
            "Red Hat:enterprise_linux:9",
            "openssl-libs",
            "1:3.0.1-41.el9_0",
            "1:3.2.2-6.el9_5",
            "CVE-2022-3602",
        ),
    ];
    let database = Database::starter().unwrap();
    let mut wrong = Vec::new();
    for (kind, ecosystem, name, vulnerable, mended, id) in cases {
        let ids = found(&database, package(kind, ecosystem, name, vulnerable));
        if !ids.iter().any(|found| found == id) {
            wrong.push(format!("{name} {vulnerable}: {id} is not among {ids:?}"));
        }
        let ids = found(&database, package(kind, ecosystem, name, mended));
        if !ids.is_empty() {
            wrong.push(format!("{name} {mended}: {ids:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

//! Real advisories, where this machine has them.

use std::path::{Path, PathBuf};

use model::{Clock, Package, PackageKind, Purl, Sbom, SourcePackage, TargetKind, scan::Target};

/// A folder of the shared test data; says "skipped" when it is absent.
#[expect(clippy::print_stdout, reason = "a test that did not run says so")]
pub(crate) fn data(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SEAWALL_TESTDATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join(path);
    if path.exists() {
        Some(path)
    } else {
        println!("skipped: there is no {}", path.display());
        None
    }
}

pub(crate) const NOW: &str = "2026-09-01T00:00:00Z";

#[derive(Debug)]
pub(crate) struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> jiff::Timestamp {
        NOW.parse().unwrap()
    }
}

/// A package of Debian 12.
pub(crate) fn deb(name: &str, source: &str, version: &str) -> Package {
    let purl = format!("pkg:deb/debian/{name}@{}", version.replace('+', "%2B"));
    Package {
        kind: PackageKind::Deb,
        name: name.to_owned(),
        version: version.to_owned(),
        ecosystem: Some("Debian:12".parse().unwrap()),
        source: Some(SourcePackage {
            name: source.to_owned(),
            version: version.to_owned(),
        }),
        architecture: None,
        licenses: vec![],
        purl: purl.parse::<Purl>().unwrap(),
        path: "var/lib/dpkg/status".to_owned(),
        layer: None,
        owned_by: None,
    }
}

pub(crate) fn sbom(packages: Vec<Package>) -> Sbom {
    Sbom {
        packages,
        ..Sbom::default()
    }
}

pub(crate) fn machine() -> Target {
    Target {
        kind: TargetKind::Rootfs,
        name: "machine".to_owned(),
    }
}

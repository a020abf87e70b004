//! Scanning in a line, for tests.

use std::path::Path;

use model::{Cancel, Package, Sbom};
use scan::{Options, ScanError, Silent, Source};

pub(crate) fn try_scan(source: &Source, options: &Options) -> Result<Sbom, ScanError> {
    scan::scan(source, options, &Silent, &Cancel::default())
}

pub(crate) fn scan_with(source: &Source, options: &Options) -> Sbom {
    match try_scan(source, options) {
        Ok(sbom) => sbom,
        Err(error) => panic!("failed to {}", model::error::chain(&error)),
    }
}

pub(crate) fn scan(source: &Source) -> Sbom {
    scan_with(source, &Options::default())
}

pub(crate) fn scan_path(path: &Path) -> Sbom {
    let text = path.to_str().unwrap();
    scan(&Source::detect(text).unwrap())
}

/// `name version @layer path`, one line for each package.
pub(crate) fn lines(sbom: &Sbom) -> Vec<String> {
    let line = |package: &Package| {
        let layer = package
            .layer
            .map_or("-".to_owned(), |layer| layer.to_string());
        format!(
            "{} {} @{layer} {}",
            package.name, package.version, package.path
        )
    };
    sbom.packages.iter().map(line).collect()
}

pub(crate) fn warnings(sbom: &Sbom) -> Vec<String> {
    sbom.warnings.iter().map(ToString::to_string).collect()
}

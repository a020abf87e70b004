//! Installed Python distributions.
//!
//! What: `*.dist-info/METADATA` (wheels), `*.egg-info/PKG-INFO`,
//! `*.egg-info` as a single file (distutils) and `EGG-INFO/PKG-INFO`
//! (eggs), wherever they lie.
//!
//! Limits: distributions that others carry inside themselves
//! (`setuptools/_vendor`) are listed too, because their code is there;
//! those among a package's test data are not.
//!
//! References: Python Packaging User Guide, "Core metadata
//! specifications" and "Recording installed projects".

use model::PackageKind;

use super::{Extraction, Extractor, FileMeta, Found, Input, Want, listing::Listing};
use crate::naming;

pub(crate) struct PythonDist;

/// The description that follows the fields can be long.
const LIMIT: u64 = 8 << 20;

/// Some distributions put the licence's whole text into the field.
const LONGEST_LICENSE: usize = 100;

impl Extractor for PythonDist {
    fn name(&self) -> &'static str {
        "python-dist"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        let mut parts = file.path.rsplit('/');
        let name = parts.next()?;
        let folder = parts.next().unwrap_or_default();
        let is_metadata = match name {
            "METADATA" => folder.ends_with(".dist-info"),
            "PKG-INFO" => folder.ends_with(".egg-info") || folder == "EGG-INFO",
            name => name.ends_with(".egg-info"),
        };
        (is_metadata && !is_test_data(file.path)).then_some(Want::Whole { limit: LIMIT })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let metadata = Metadata::read(&String::from_utf8_lossy(file.bytes()));
        let (Some(name), Some(version)) = (&metadata.name, &metadata.version) else {
            out.warn("Python metadata does not state name and version");
            return;
        };
        let mut found = Found::new(PackageKind::Pypi, naming::pypi(name), version);
        found.licenses = metadata.licenses();
        let mut listing = Listing::default();
        listing.add(found);
        listing.finish(out);
    }
}

/// Packaging tools test themselves on made-up distributions, in
/// `tests/data`.
fn is_test_data(path: &str) -> bool {
    let folders = path.split('/');
    folders
        .clone()
        .zip(folders.skip(1))
        .any(|pair| matches!(pair, ("test" | "tests", "data" | "fixtures")))
}

#[derive(Default)]
struct Metadata {
    name: Option<String>,
    version: Option<String>,
    expression: Option<String>,
    license: Option<String>,
    classifiers: Vec<String>,
}

impl Metadata {
    /// Reads the fields, which look like a mail's headers.
    fn read(text: &str) -> Self {
        let mut metadata = Self::default();
        let mut lines = text.trim_start_matches('\u{feff}').lines().peekable();
        while let Some(line) = lines.next() {
            if line.is_empty() {
                // The description follows.
                break;
            }
            let goes_on = lines
                .peek()
                .is_some_and(|next| next.starts_with([' ', '\t']));
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            let value = || Some(value.to_owned());
            if key.eq_ignore_ascii_case("name") {
                metadata.name = metadata.name.or_else(value);
            } else if key.eq_ignore_ascii_case("version") {
                metadata.version = metadata.version.or_else(value);
            } else if key.eq_ignore_ascii_case("license-expression") {
                metadata.expression = value();
            } else if key.eq_ignore_ascii_case("license") && !goes_on {
                metadata.license = value();
            } else if key.eq_ignore_ascii_case("classifier") {
                let license = line.split_once("License :: ").map(|(_, rest)| rest);
                let name = license.and_then(|path| path.rsplit(" :: ").next());
                metadata.classifiers.extend(name.map(str::to_owned));
            }
        }
        metadata
    }

    /// The most exact statement there is.
    fn licenses(self) -> Vec<String> {
        let license = self
            .license
            .filter(|text| text.len() <= LONGEST_LICENSE && text != "UNKNOWN");
        match self.expression.or(license) {
            Some(license) => vec![license],
            None => self
                .classifiers
                .into_iter()
                .filter(|name| name != "OSI Approved")
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn wheels_and_eggs_are_read() {
        check::check(
            &PythonDist,
            "usr/lib/python3.11/site-packages/Jinja2-3.1.2.dist-info/METADATA",
            "python_dist_wheel.txt",
        );
        check::check(
            &PythonDist,
            "usr/lib/python3/dist-packages/zope.interface-5.5.2.egg-info/PKG-INFO",
            "python_dist_egg.txt",
        );
    }

    #[test]
    fn metadata_is_known_by_its_place() {
        for path in [
            "a/x-1.0.dist-info/METADATA",
            "a/x.egg-info/PKG-INFO",
            "a/x-1.0-py3.11.egg-info",
            "a/x-1.0-py3.11.egg/EGG-INFO/PKG-INFO",
        ] {
            assert!(check::wants(&PythonDist, path), "{path}");
        }
        for path in [
            "a/METADATA",
            "a/PKG-INFO",
            "a/x-1.0.dist-info/RECORD",
            "a/x.egg-info/top_level.txt",
            "pkg_resources/tests/data/a-unpacked/a-1.0.egg/EGG-INFO/PKG-INFO",
        ] {
            assert!(!check::wants(&PythonDist, path), "{path}");
        }
    }

    #[test]
    fn a_version_in_the_description_is_not_a_field() {
        let text = "Metadata-Version: 2.1\nName: a\n\nVersion: 1.0\n";
        let out = check::extract(&PythonDist, "a.egg-info/PKG-INFO", text.as_bytes());
        assert!(out.packages.is_empty());
        assert_eq!(out.warnings.len(), 1);
    }

    #[test]
    fn a_licence_text_is_no_licence_name() {
        let text = "Name: a\nVersion: 1\nLicense: MIT License\n        Permission is hereby…\n\
            Classifier: License :: OSI Approved :: MIT License\n";
        let out = check::extract(&PythonDist, "a.egg-info/PKG-INFO", text.as_bytes());
        assert_eq!(check::render(&out), "pypi a 1 licenses=MIT License\n");
    }
}

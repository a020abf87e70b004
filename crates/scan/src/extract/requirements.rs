//! pip's requirements files: `requirements.txt` and its kin.
//!
//! What: requirements pinned to one version (`name==1.2.3`, `===`), in
//! `requirements*.txt`, `*requirements.txt` and `requirements/*.txt`.
//!
//! Limits: ranges, URLs and included files are not followed, so that
//! nothing is ever guessed. Files whose name says they are for
//! development, tests or documentation are left out. Where distributions
//! of the same name are installed they speak instead (`lock_files`).
//!
//! References: pip documentation, "Requirements file format"; PEP 440
//! and PEP 508.

use model::PackageKind;

use super::{Extraction, Extractor, FileMeta, Found, Input, Want, listing::Listing};
use crate::naming;

pub(crate) struct Requirements;

/// Words in a file's name that say what it is not for.
const NOT_FOR_PRODUCTION: [&str; 17] = [
    "bench",
    "build",
    "ci",
    "dev",
    "develop",
    "development",
    "doc",
    "docs",
    "example",
    "examples",
    "lint",
    "local",
    "mypy",
    "test",
    "testing",
    "tests",
    "typing",
];

impl Extractor for Requirements {
    fn name(&self) -> &'static str {
        "requirements"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        let stem = file.name().strip_suffix(".txt")?;
        let folder = file.path.rsplit('/').nth(1);
        let is_requirements = stem.starts_with("requirements")
            || stem.ends_with("requirements")
            || folder == Some("requirements");
        let is_for_production = !stem
            .split(['-', '_', '.'])
            .any(|word| NOT_FOR_PRODUCTION.contains(&word));
        (is_requirements && is_for_production && !super::is_foreign(file.path)).then_some(
            Want::Whole {
                limit: super::LOCK_FILE_LIMIT,
            },
        )
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let text = String::from_utf8_lossy(file.bytes());
        let mut listing = Listing::default();
        // A line that ends in a backslash only goes on to hashes and
        // other options, which are passed over like any option.
        for line in text.lines() {
            if let Some((name, version)) = pinned(line) {
                listing.add(Found::new(PackageKind::Pypi, naming::pypi(name), version));
            }
        }
        listing.finish(out);
    }
}

/// Name and version of a requirement pinned to one version.
fn pinned(line: &str) -> Option<(&str, &str)> {
    let requirement = line
        .split([';', '\\'])
        .next()?
        .split(" #")
        .next()?
        .split(" --")
        .next()?
        .trim();
    if requirement.starts_with(['-', '#']) {
        return None;
    }
    let (name, specifiers) = requirement.split_at_checked(requirement.find("==")?)?;
    let name = name.split(['[', '(']).next()?.trim();
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    let version = specifiers
        .trim_start_matches('=')
        .split([',', ')'])
        .next()?
        .trim();
    let is_version = version.starts_with(|first: char| first.is_ascii_digit())
        && !version.contains('*')
        && !version.contains(char::is_whitespace);
    (is_name && is_version).then_some((name, version))
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn pinned_requirements_are_read() {
        check::check(&Requirements, "app/requirements.txt", "requirements.txt");
    }

    #[test]
    fn files_are_known_by_their_names() {
        for path in [
            "requirements.txt",
            "app/requirements-prod.txt",
            "app/base_requirements.txt",
            "app/requirements/production.txt",
        ] {
            assert!(check::wants(&Requirements, path), "{path}");
        }
        for path in [
            "app/requirements-dev.txt",
            "app/test-requirements.txt",
            "lib/third_party/urllib3/requirements.txt",
            "app/requirements/docs.txt",
            "app/requirements.in",
            "app/notes.txt",
            "srv/site-packages/a/requirements.txt",
        ] {
            assert!(!check::wants(&Requirements, path), "{path}");
        }
    }

    #[test]
    fn whatever_is_not_pinned_is_not_guessed() {
        for line in [
            "requests",
            "requests>=2.0",
            "requests==2.*",
            "requests @ https://example.com/requests-2.31.0.tar.gz",
            "-r base==1.txt",
            "# requests==2.31.0",
            "--hash=sha256:00==1",
            "==1.0",
            "naïve==1.0",
            "requests==",
        ] {
            assert_eq!(pinned(line), None, "{line}");
        }
    }
}

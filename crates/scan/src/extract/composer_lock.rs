//! Composer's lock file, `composer.lock`.
//!
//! What: the packages of `packages`.
//!
//! Limits: `packages-dev` is left out. A lock file inside `vendor`
//! belongs to somebody else's development and is not read; where
//! packages are installed in `vendor` beside the lock file they speak
//! instead (`lock_files`).
//!
//! References: Composer documentation, "The composer.lock file".

use model::PackageKind;
use serde::{
    Deserialize,
    de::{IgnoredAny, MapAccess},
};

use super::{
    Extraction, Extractor, FileMeta, Found, Input, Want,
    json::{self, Elements, Fields, Licenses, Text},
    listing::Listing,
};

pub(crate) struct ComposerLock;

impl Extractor for ComposerLock {
    fn name(&self) -> &'static str {
        "composer-lock"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        (file.name() == "composer.lock" && !super::is_foreign(file.path)).then_some(Want::Whole {
            limit: super::LOCK_FILE_LIMIT,
        })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let mut lock = Lock(Listing::default());
        if let Err(error) = json::read(file.bytes(), &mut lock) {
            out.warn(format!("composer.lock is damaged: {error}"));
        }
        lock.0.finish(out);
    }
}

struct Lock(Listing);

impl Fields for Lock {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if key != "packages" {
            return map.next_value::<IgnoredAny>().map(drop);
        }
        let listing = &mut self.0;
        map.next_value_seed(Elements::new(|package: ComposerPackage| {
            listing.add_all(package.found());
        }))
    }
}

/// A package as Composer's lock file and list of installed packages
/// both write it.
#[derive(Deserialize)]
pub(super) struct ComposerPackage {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    version: Text,
    #[serde(default)]
    license: Licenses,
}

impl ComposerPackage {
    /// Names compare without case and are published in lower case.
    pub(super) fn found(self) -> Option<Found> {
        let name = self.name.0?.to_lowercase();
        let mut found = Found::new(PackageKind::Composer, name, self.version.0?);
        found.licenses = self.license.0;
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn locked_packages_are_read() {
        check::check(&ComposerLock, "app/composer.lock", "composer_lock.json");
    }

    #[test]
    fn lock_files_inside_vendor_are_not_wanted() {
        for path in ["app/vendor/a/b/composer.lock", "app/composer.json"] {
            assert!(!check::wants(&ComposerLock, path), "{path}");
        }
    }

    #[test]
    fn a_lock_file_cut_short_keeps_what_came_before() {
        let text = br#"{"packages": [{"name": "a/b", "version": "1.0"}, {"na"#;
        let out = check::extract(&ComposerLock, "composer.lock", text);
        assert_eq!(out.packages.len(), 1);
        assert_eq!(out.warnings.len(), 1);
    }
}

//! Installed PHP packages: `vendor/composer/installed.json`.
//!
//! What: every package Composer installed beside the file, as Composer 2
//! (an object) and Composer 1 (a list) write it.
//!
//! Limits: development packages that are installed count, since they are
//! there.
//!
//! References: Composer documentation, "Runtime: installed versions".

use serde::de::{IgnoredAny, MapAccess};

use super::{
    Extraction, Extractor, FileMeta, Input, Want,
    composer_lock::ComposerPackage,
    json::{self, Elements, Fields},
    listing::Listing,
};

pub(crate) struct ComposerInstalled;

impl Extractor for ComposerInstalled {
    fn name(&self) -> &'static str {
        "composer-installed"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        // Projects may rename `vendor`; the folder below keeps its name.
        file.path
            .ends_with("/composer/installed.json")
            .then_some(Want::Whole {
                limit: super::LOCK_FILE_LIMIT,
            })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let mut installed = Installed(Listing::default());
        let bytes = json::without_mark(file.bytes());
        let result = if bytes.trim_ascii_start().starts_with(b"[") {
            json::read_list(bytes, |package: ComposerPackage| {
                installed.0.add_all(package.found());
            })
        } else {
            json::read(bytes, &mut installed)
        };
        if let Err(error) = result {
            out.warn(format!("installed.json is damaged: {error}"));
        }
        installed.0.finish(out);
    }
}

struct Installed(Listing);

impl Fields for Installed {
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

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn installed_packages_are_read() {
        check::check(
            &ComposerInstalled,
            "app/vendor/composer/installed.json",
            "composer_installed.json",
        );
    }

    #[test]
    fn composer_1_wrote_a_plain_list() {
        let text = br#"[{"name": "a/b", "version": "1.0", "license": ["MIT"]}]"#;
        let out = check::extract(&ComposerInstalled, "vendor/composer/installed.json", text);
        assert_eq!(check::render(&out), "composer a/b 1.0 licenses=MIT\n");
    }

    #[test]
    fn other_files_of_that_name_are_not_wanted() {
        for path in ["app/installed.json", "app/vendor/installed.json"] {
            assert!(!check::wants(&ComposerInstalled, path), "{path}");
        }
    }
}

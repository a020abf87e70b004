//! npm's lock files: `package-lock.json` and `npm-shrinkwrap.json`.
//!
//! What: the packages a project would install, in lock file versions 1
//! (npm 5–6: nested `dependencies`), 2 and 3 (npm 7 on: flat `packages`,
//! keyed by folder).
//!
//! Limits: development dependencies and workspace members are left out,
//! as are version 1 entries that name a URL instead of a version. A lock
//! file inside `node_modules` belongs to somebody else's development and
//! is not read; `node_modules/.package-lock.json` repeats what the
//! installed modules say themselves. Where modules are installed beside
//! the lock file they speak instead of it (`lock_files`).
//!
//! References: npm documentation, "package-lock.json".

use model::PackageKind;
use serde::{
    Deserialize,
    de::{IgnoredAny, MapAccess},
};

use super::{
    Extraction, Extractor, FileMeta, Found, Input, Want,
    json::{self, Entries, Fields, Flag, Licenses, Object, Text},
    listing::Listing,
};

pub(crate) struct NpmLock;

impl Extractor for NpmLock {
    fn name(&self) -> &'static str {
        "npm-lock"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        let is_lock = matches!(file.name(), "package-lock.json" | "npm-shrinkwrap.json");
        (is_lock && !super::is_foreign(file.path)).then_some(Want::Whole {
            limit: super::LOCK_FILE_LIMIT,
        })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let mut lock = Lock::default();
        if let Err(error) = json::read(file.bytes(), &mut lock) {
            out.warn(format!("npm lock file is damaged: {error}"));
        }
        // Version 2 files say everything twice, for npm 6.
        if lock.has_packages {
            lock.packages.finish(out);
        } else {
            lock.legacy.finish(out);
        }
    }
}

#[derive(Default)]
struct Lock {
    has_packages: bool,
    packages: Listing,
    legacy: Listing,
}

impl Fields for Lock {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "packages" => {
                self.has_packages = true;
                let listing = &mut self.packages;
                map.next_value_seed(Entries::new(|folder: String, entry: Module| {
                    listing.add_all(module(&folder, entry));
                }))
            }
            "dependencies" if !self.has_packages => {
                map.next_value_seed(Object(&mut Dependencies(&mut self.legacy)))
            }
            _ => map.next_value::<IgnoredAny>().map(drop),
        }
    }
}

/// An entry of `packages`.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Module {
    name: Text,
    version: Text,
    license: Licenses,
    dev: Flag,
    link: Flag,
}

fn module(folder: &str, module: Module) -> Option<Found> {
    if module.dev.0 || module.link.0 {
        return None;
    }
    // A folder outside node_modules is the project itself or one of its
    // workspaces.
    let (_, installed_as) = folder.rsplit_once("node_modules/")?;
    let name = module.name.0.unwrap_or_else(|| installed_as.to_owned());
    let mut found = Found::new(PackageKind::Npm, name, module.version.0?);
    found.licenses = module.license.0;
    Some(found)
}

/// The entries of `dependencies`, in version 1.
struct Dependencies<'l>(&'l mut Listing);

impl Fields for Dependencies<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let mut dependency = Dependency {
            listing: self.0,
            version: None,
            is_dev: false,
        };
        map.next_value_seed(Object(&mut dependency))?;
        let Dependency {
            version, is_dev, ..
        } = dependency;
        self.0.add_all(
            version
                .filter(|_| !is_dev)
                .and_then(|version| legacy(name, &version)),
        );
        Ok(())
    }
}

struct Dependency<'l> {
    listing: &'l mut Listing,
    version: Option<String>,
    is_dev: bool,
}

impl Fields for Dependency<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "version" => self.version = map.next_value::<Text>()?.0,
            "dev" => self.is_dev = map.next_value::<Flag>()?.0,
            "dependencies" => map.next_value_seed(Object(&mut Dependencies(self.listing)))?,
            _ => map.next_value::<IgnoredAny>().map(drop)?,
        }
        Ok(())
    }
}

fn legacy(name: &str, version: &str) -> Option<Found> {
    // An alias: `npm:minimist@1.2.5`.
    let alias = version
        .strip_prefix("npm:")
        .and_then(|alias| alias.rsplit_once('@'));
    let (name, version) = alias.unwrap_or((name, version));
    version
        .starts_with(|first: char| first.is_ascii_digit())
        .then(|| Found::new(PackageKind::Npm, name, version))
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn every_lock_file_version_is_read() {
        for fixture in ["npm_lock_v1.json", "npm_lock_v2.json", "npm_lock_v3.json"] {
            check::check(&NpmLock, "app/package-lock.json", fixture);
        }
    }

    #[test]
    fn other_json_and_installed_lock_files_are_not_wanted() {
        for path in [
            "app/package.json",
            "app/my-package-lock.json",
            "app/node_modules/.package-lock.json",
            "app/node_modules/old/package-lock.json",
        ] {
            assert!(!check::wants(&NpmLock, path), "{path}");
        }
    }

    #[test]
    fn a_lock_file_cut_short_keeps_what_came_before() {
        let text = r#"{"lockfileVersion": 3, "packages": {
            "node_modules/debug": {"version": "2.6.8"},
            "node_modules/ms": {"versi"#;
        let out = check::extract(&NpmLock, "package-lock.json", text.as_bytes());
        assert_eq!(out.packages[0].name, "debug");
        assert!(out.warnings[0].contains("damaged"), "{:?}", out.warnings);
    }

    #[test]
    fn urls_workspaces_and_links_are_no_registry_packages() {
        let old = r#"{"dependencies": {
            "fork": {"version": "git+ssh://git@example.com/fork.git#abc"},
            "local": {"version": "file:../local"}}}"#;
        let new = r#"{"packages": {
            "": {"name": "root", "version": "1.0.0"},
            "packages/member": {"name": "member", "version": "1.0.0"},
            "node_modules/member": {"resolved": "packages/member", "link": true}}}"#;
        for text in [old, new] {
            let out = check::extract(&NpmLock, "package-lock.json", text.as_bytes());
            assert_eq!(out, Extraction::default());
        }
    }
}

//! Installed npm packages: `node_modules/<name>/package.json`.
//!
//! What: every module that lies where Node would load it from: the
//! folder right below a `node_modules` (or a scope in one). npm, yarn
//! and pnpm (`node_modules/.pnpm/…/node_modules`) agree on that place.
//!
//! Limits: development dependencies that are installed count, since they
//! are there. A `package.json` elsewhere describes a project, not an
//! installation. Packages keep `node_modules` among their tests and
//! examples that nobody loads; those are passed over. Yarn's Plug'n'Play
//! archives are not opened.
//!
//! References: Node.js documentation, "Loading from `node_modules`
//! folders".

use model::PackageKind;
use serde::Deserialize;

use super::{
    Extraction, Extractor, FileMeta, Found, Input, Want,
    json::{self, Licenses, Text},
    listing::Listing,
};

pub(crate) struct NodeModule;

/// A few packages put long tables into their manifest.
const LIMIT: u64 = 4 << 20;

/// Folders inside a package whose `node_modules` is never loaded.
const TEST_FOLDERS: [&str; 10] = [
    "test",
    "tests",
    "__tests__",
    "spec",
    "fixture",
    "fixtures",
    "__fixtures__",
    "testdata",
    "example",
    "examples",
];

impl Extractor for NodeModule {
    fn name(&self) -> &'static str {
        "node-module"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        let folder = file.path.strip_suffix("/package.json")?;
        // Yarn's cache holds modules in such folders too, and no program
        // loads them from there.
        (is_module_folder(folder) && !file.path.contains(".cache/yarn/"))
            .then_some(Want::Whole { limit: LIMIT })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let manifest: Manifest = match serde_json::from_slice(json::without_mark(file.bytes())) {
            Ok(manifest) => manifest,
            Err(error) => {
                out.warn(format!("package.json is damaged: {error}"));
                return;
            }
        };
        // Without a name and a version it only sets options for the
        // files beside it.
        let (Some(name), Some(version)) = (manifest.name.0, manifest.version.0) else {
            return;
        };
        let mut found = Found::new(PackageKind::Npm, name, version);
        found.licenses = manifest.license.0;
        if found.licenses.is_empty() {
            found.licenses = manifest.licenses.0;
        }
        let mut listing = Listing::default();
        listing.add(found);
        listing.finish(out);
    }
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    version: Text,
    #[serde(default)]
    license: Licenses,
    #[serde(default)]
    licenses: Licenses,
}

/// Whether `folder` is one Node loads a package from: the child of a
/// `node_modules`, or of a scope in one, with no test folder between the
/// outermost `node_modules` and it.
fn is_module_folder(folder: &str) -> bool {
    let mut parts = folder.rsplit('/');
    if parts.next().is_none_or(str::is_empty) {
        return false;
    }
    let is_child = match parts.next() {
        Some("node_modules") => true,
        Some(scope) => scope.starts_with('@') && parts.next() == Some("node_modules"),
        None => false,
    };
    is_child
        && folder
            .split('/')
            .skip_while(|part| *part != "node_modules")
            // A package may itself be called `test` or `example`.
            .zip(
                folder
                    .split('/')
                    .skip_while(|part| *part != "node_modules")
                    .skip(1),
            )
            .all(|(parent, part)| {
                parent == "node_modules" || parent.starts_with('@') || !TEST_FOLDERS.contains(&part)
            })
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn an_installed_module_is_read() {
        check::check(
            &NodeModule,
            "app/node_modules/@hapi/boom/package.json",
            "node_module.json",
        );
    }

    #[test]
    fn modules_are_wanted_wherever_node_loads_them_from() {
        for path in [
            "node_modules/debug/package.json",
            "usr/lib/node_modules/npm/node_modules/@npmcli/arborist/package.json",
            "app/node_modules/.pnpm/debug@2.6.8/node_modules/debug/package.json",
            "app/node_modules/example/package.json",
            "app/node_modules/@scope/test/package.json",
            "app/node_modules/next/dist/node_modules/ws/package.json",
            "srv/tests/app/node_modules/debug/package.json",
        ] {
            assert!(check::wants(&NodeModule, path), "{path}");
        }
    }

    #[test]
    fn projects_options_and_test_trees_are_not_wanted() {
        for path in [
            "package.json",
            "app/package.json",
            "app/node_modules/package.json",
            "app/node_modules/debug/dist/package.json",
            "app/node_modules/@scope/package/esm/package.json",
            "app/node_modules/resolve/test/node_modules/a/package.json",
            "app/node_modules/x/lib/fixtures/y/node_modules/a/package.json",
            "app/my_node_modules/debug/package.json",
            "usr/local/share/.cache/yarn/v6/npm-ms-2.0.0/node_modules/ms/package.json",
        ] {
            assert!(!check::wants(&NodeModule, path), "{path}");
        }
    }

    #[test]
    fn a_manifest_without_name_or_version_is_passed_over() {
        let path = "node_modules/a/package.json";
        for text in [r#"{"type": "module"}"#, r#"{"name": "a", "version": 1}"#] {
            let out = check::extract(&NodeModule, path, text.as_bytes());
            assert_eq!(out, Extraction::default());
        }
        let out = check::extract(&NodeModule, path, b"{\"name\": \"a\",");
        assert!(out.warnings[0].contains("damaged"));
    }
}

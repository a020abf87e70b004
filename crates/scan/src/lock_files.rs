//! Lock files say what would be installed; what is installed says so
//! itself. Where both speak of the same thing, only the latter counts,
//! or every package would be reported twice and stale lock files would
//! invent findings.
//!
//! The rule is the same for every source, so that an image and its
//! unpacked folder give the same result:
//!
//! - npm and Composer install beside the lock file. With any module in
//!   `node_modules` (any package in `vendor`) beside it, the whole lock
//!   file is silent.
//! - Python, Ruby, .NET, Go and Rust packages end up anywhere: in a
//!   virtual environment, a gem folder, a program. An entry is silent
//!   where a package of that name is installed: anywhere in a system (a
//!   root with an `os-release`), below the lock file's own folder in a
//!   plain source tree.

use std::collections::{BTreeSet, HashSet};

use model::{Package, PackageKind};

/// Removes the packages of lock files whose word something installed
/// takes. `is_system` says whether this is the root of a system.
pub(crate) fn silence(packages: &mut Vec<Package>, is_system: bool) {
    if !packages.iter().any(is_locked) {
        return;
    }
    let mut folders: HashSet<(PackageKind, &str)> = HashSet::new();
    let mut installed: BTreeSet<(PackageKind, &str, &str)> = BTreeSet::new();
    for package in packages.iter().filter(|package| !is_locked(package)) {
        folders.extend(
            install_folders(package)
                .into_iter()
                .map(|folder| (package.kind, folder)),
        );
        installed.insert((package.kind, &package.name, &package.path));
    }
    let is_silent = |package: &Package| {
        let folder = folder(&package.path);
        match package.kind {
            PackageKind::Npm | PackageKind::Composer => folders.contains(&(package.kind, folder)),
            kind => {
                let name = package.name.as_str();
                let below = if is_system { "" } else { folder };
                // In this order the first path at or after the folder is
                // below it, if any is.
                installed.range((kind, name, below)..).next().is_some_and(
                    |(its_kind, its_name, path)| {
                        *its_kind == kind && *its_name == name && path.starts_with(below)
                    },
                )
            }
        }
    };
    let keep: Vec<bool> = packages
        .iter()
        .map(|package| !(is_locked(package) && is_silent(package)))
        .collect();
    let mut keep = keep.into_iter();
    packages.retain(|_| keep.next().unwrap_or(true));
}

/// Whether a lock file, or another list of what is wanted, names it.
fn is_locked(package: &Package) -> bool {
    let name = package.path.rsplit('/').next().unwrap_or(&package.path);
    match package.kind {
        PackageKind::Npm => matches!(
            name,
            "package-lock.json" | "npm-shrinkwrap.json" | "yarn.lock" | "pnpm-lock.yaml"
        ),
        PackageKind::Composer => name == "composer.lock",
        PackageKind::Pypi => name.rsplit_once('.').is_some_and(|(stem, ending)| {
            // Beside `Pipfile.lock`, `poetry.lock`, `uv.lock`.
            ending == "lock" || ending == "txt" && !stem.is_empty()
        }),
        PackageKind::Gem => matches!(name, "Gemfile.lock" | "gems.locked"),
        PackageKind::Golang => name == "go.mod",
        PackageKind::Cargo => name == "Cargo.lock",
        PackageKind::Nuget => {
            name == "packages.lock.json" || name.eq_ignore_ascii_case("packages.config")
        }
        PackageKind::Deb
        | PackageKind::Apk
        | PackageKind::Rpm
        | PackageKind::Maven
        | PackageKind::Generic => false,
    }
}

/// The folder a file lies in, with its slash; empty at the root.
fn folder(path: &str) -> &str {
    let end = path.rfind('/').map_or(0, |slash| slash + 1);
    path.get(..end).unwrap_or_default()
}

/// The folders whose lock file may have installed this package.
fn install_folders(package: &Package) -> Vec<&str> {
    match package.kind {
        PackageKind::Npm => package
            .path
            .match_indices("node_modules/")
            .filter_map(|(at, _)| package.path.get(..at))
            .filter(|folder| folder.is_empty() || folder.ends_with('/'))
            .collect(),
        PackageKind::Composer => package
            .path
            .strip_suffix("composer/installed.json")
            .and_then(|vendor| vendor.strip_suffix('/'))
            .map(folder)
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{extract::Found, naming};

    fn package(kind: PackageKind, name: &str, path: &str) -> Package {
        let found = Found::new(kind, name, "1.0.0");
        Package {
            kind,
            name: found.name.clone(),
            version: found.version.clone(),
            ecosystem: kind.registry(),
            source: None,
            architecture: None,
            licenses: Vec::new(),
            purl: naming::purl(&found, None).unwrap(),
            path: path.to_owned(),
            layer: None,
            owned_by: None,
        }
    }

    /// The paths that still speak.
    fn left(packages: &[(PackageKind, &str, &str)], is_system: bool) -> Vec<String> {
        let mut packages: Vec<Package> = packages
            .iter()
            .map(|(kind, name, path)| package(*kind, name, path))
            .collect();
        silence(&mut packages, is_system);
        packages.into_iter().map(|package| package.path).collect()
    }

    #[test]
    fn modules_beside_an_npm_lock_file_speak_for_it() {
        let installed = "app/node_modules/ms/package.json";
        let packages = [
            (PackageKind::Npm, "ms", installed),
            (PackageKind::Npm, "stale", "app/package-lock.json"),
            (PackageKind::Npm, "ms", "other/package-lock.json"),
            (PackageKind::Npm, "ms", "app/front/yarn.lock"),
        ];
        for is_system in [true, false] {
            assert_eq!(
                left(&packages, is_system),
                [installed, "other/package-lock.json", "app/front/yarn.lock"]
            );
        }
    }

    #[test]
    fn packages_in_vendor_speak_for_composers_lock_file() {
        let installed = "vendor/composer/installed.json";
        let packages = [
            (PackageKind::Composer, "a/b", installed),
            (PackageKind::Composer, "a/stale", "composer.lock"),
            (PackageKind::Composer, "a/b", "app/composer.lock"),
        ];
        assert_eq!(left(&packages, true), [installed, "app/composer.lock"]);
    }

    #[test]
    fn in_a_system_an_installed_package_speaks_for_its_name_anywhere() {
        let installed = "usr/lib/python3/site-packages/jinja2-3.1.2.dist-info/METADATA";
        let packages = [
            (PackageKind::Pypi, "jinja2", installed),
            (PackageKind::Pypi, "jinja2", "app/requirements.txt"),
            (PackageKind::Pypi, "requests", "app/requirements.txt"),
        ];
        assert_eq!(left(&packages, true), [installed, "app/requirements.txt"]);
    }

    #[test]
    fn in_a_source_tree_it_speaks_only_below_the_lock_files_folder() {
        let installed = "a/.venv/lib/jinja2-3.1.2.dist-info/METADATA";
        let packages = [
            (PackageKind::Pypi, "jinja2", installed),
            (PackageKind::Pypi, "jinja2", "a/uv.lock"),
            (PackageKind::Pypi, "jinja2", "b/uv.lock"),
        ];
        assert_eq!(left(&packages, false), [installed, "b/uv.lock"]);
    }

    #[test]
    fn programs_speak_for_go_and_cargo_but_never_for_one_another() {
        let packages = [
            (PackageKind::Golang, "golang.org/x/text", "app/tide"),
            (PackageKind::Golang, "golang.org/x/text", "app/go.mod"),
            (PackageKind::Cargo, "itoa", "app/Cargo.lock"),
        ];
        assert_eq!(left(&packages, false), ["app/tide", "app/Cargo.lock"]);
    }

    #[test]
    fn names_are_compared_within_one_registry() {
        let packages = [
            (
                PackageKind::Gem,
                "rack",
                "specifications/rack-1.0.0.gemspec",
            ),
            (PackageKind::Cargo, "rack", "app/Cargo.lock"),
        ];
        assert_eq!(left(&packages, true).len(), 2);
    }
}

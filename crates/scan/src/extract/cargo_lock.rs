//! Cargo's lock file, `Cargo.lock`.
//!
//! What: every crate that comes from a registry or a repository, in all
//! lock file versions (1–4).
//!
//! Limits: the file does not tell development and build dependencies
//! from others, so all are listed. Crates of the workspace itself carry
//! no source and are left out. Lock files of other people's crates, in
//! Cargo's own registry and checkouts, are not read. Programs that carry
//! their own list (`cargo auditable`) speak instead of the lock file
//! (`lock_files`).
//!
//! References: The Cargo Book, "Cargo.toml vs Cargo.lock".

use model::PackageKind;
use serde::Deserialize;

use super::{
    Extraction, Extractor, FileMeta, Found, Input, Want, listing::Listing, package_tables,
};

pub(crate) struct CargoLock;

impl Extractor for CargoLock {
    fn name(&self) -> &'static str {
        "cargo-lock"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        (file.name() == "Cargo.lock"
            && !file.path.contains("registry/src/")
            && !file.path.contains("git/checkouts/")
            && !super::is_foreign(file.path))
        .then_some(Want::Whole {
            limit: super::LOCK_FILE_LIMIT,
        })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let mut listing = Listing::default();
        package_tables::read(file.bytes(), "Cargo.lock", out, |package: Package| {
            if package.source.is_some() {
                listing.add(Found::new(
                    PackageKind::Cargo,
                    package.name,
                    package.version,
                ));
            }
        });
        listing.finish(out);
    }
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn crates_from_elsewhere_are_read() {
        check::check(&CargoLock, "app/Cargo.lock", "cargo_lock.lock");
    }

    #[test]
    fn lock_files_of_downloaded_crates_are_not_wanted() {
        for path in [
            "root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/a-1.0.0/Cargo.lock",
            "root/.cargo/git/checkouts/a-0123/abc/Cargo.lock",
            "app/cargo.lock",
        ] {
            assert!(!check::wants(&CargoLock, path), "{path}");
        }
    }
}

//! Poetry's lock file, `poetry.lock`.
//!
//! What: the distributions a project would install.
//!
//! Limits: development dependencies are left out where the file tells
//! them: Poetry 2 writes each package's `groups` (all but `main` are
//! for development), Poetry before 1.5 its `category`; in between it
//! said neither. Distributions in a local folder are left out. Where
//! distributions of the same name are installed they speak instead
//! (`lock_files`).
//!
//! References: Poetry documentation, "Installing dependencies".

use model::PackageKind;
use serde::Deserialize;

use super::{
    Extraction, Extractor, FileMeta, Found, Input, Want, listing::Listing, package_tables,
};
use crate::naming;

pub(crate) struct PoetryLock;

impl Extractor for PoetryLock {
    fn name(&self) -> &'static str {
        "poetry-lock"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        (file.name() == "poetry.lock" && !super::is_foreign(file.path)).then_some(Want::Whole {
            limit: super::LOCK_FILE_LIMIT,
        })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let mut listing = Listing::default();
        package_tables::read(file.bytes(), "poetry.lock", out, |package: Package| {
            if package.is_used() {
                let name = naming::pypi(&package.name);
                listing.add(Found::new(PackageKind::Pypi, name, package.version));
            }
        });
        listing.finish(out);
    }
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    category: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    source: Option<Source>,
}

#[derive(Deserialize)]
struct Source {
    r#type: String,
}

impl Package {
    fn is_used(&self) -> bool {
        let for_development = self.category.as_deref() == Some("dev")
            || !self.groups.is_empty() && !self.groups.iter().any(|group| group == "main");
        let is_local = self
            .source
            .as_ref()
            .is_some_and(|source| source.r#type == "directory");
        !for_development && !is_local
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn old_and_current_files_are_read() {
        check::check(&PoetryLock, "app/poetry.lock", "poetry_lock_1_1.lock");
        check::check(&PoetryLock, "app/poetry.lock", "poetry_lock_2.lock");
    }

    #[test]
    fn lock_files_of_installed_distributions_are_not_wanted() {
        for path in [
            "usr/lib/python3/dist-packages/a/poetry.lock",
            "app/pyproject.toml",
        ] {
            assert!(!check::wants(&PoetryLock, path), "{path}");
        }
    }
}

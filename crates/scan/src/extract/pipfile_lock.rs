//! pipenv's lock file, `Pipfile.lock`.
//!
//! What: the pinned distributions of the `default` group.
//!
//! Limits: the `develop` group is left out, as are entries that name a
//! repository or file instead of a version. Where distributions of the
//! same name are installed they speak instead (`lock_files`).
//!
//! References: pipenv documentation, "Pipfile & Pipfile.lock".

use model::PackageKind;
use serde::{
    Deserialize,
    de::{IgnoredAny, MapAccess},
};

use super::{
    Extraction, Extractor, FileMeta, Found, Input, Want,
    json::{self, Entries, Fields, Text},
    listing::Listing,
};
use crate::naming;

pub(crate) struct PipfileLock;

impl Extractor for PipfileLock {
    fn name(&self) -> &'static str {
        "pipfile-lock"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        (file.name() == "Pipfile.lock" && !super::is_foreign(file.path)).then_some(Want::Whole {
            limit: super::LOCK_FILE_LIMIT,
        })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let mut lock = Lock(Listing::default());
        if let Err(error) = json::read(file.bytes(), &mut lock) {
            out.warn(format!("Pipfile.lock is damaged: {error}"));
        }
        lock.0.finish(out);
    }
}

struct Lock(Listing);

impl Fields for Lock {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if key != "default" {
            return map.next_value::<IgnoredAny>().map(drop);
        }
        let listing = &mut self.0;
        map.next_value_seed(Entries::new(|name: String, entry: Entry| {
            if let Some(version) = entry
                .version
                .0
                .as_deref()
                .and_then(|v| v.strip_prefix("=="))
            {
                let name = naming::pypi(&name);
                listing.add(Found::new(PackageKind::Pypi, name, version.trim()));
            }
        }))
    }
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    version: Text,
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn the_default_group_is_read() {
        check::check(&PipfileLock, "app/Pipfile.lock", "pipfile_lock.json");
    }

    #[test]
    fn the_pipfile_itself_is_not_wanted() {
        assert!(!check::wants(&PipfileLock, "app/Pipfile"));
    }

    #[test]
    fn only_pinned_versions_count() {
        let text = br#"{"default": {
            "a": {"git": "https://example.com/a.git", "ref": "abc"},
            "b": {"version": "*"},
            "c": {"version": "==1.0"}}}"#;
        let out = check::extract(&PipfileLock, "Pipfile.lock", text);
        assert_eq!(check::render(&out), "pypi c 1.0\n");
    }
}

//! NuGet's lock file, `packages.lock.json`.
//!
//! What: the resolved packages of every target framework.
//!
//! Limits: projects are left out. Where a published program lists the
//! package it speaks instead (`lock_files`).
//!
//! References: NuGet documentation, "Locking dependencies".

use model::PackageKind;
use serde::{
    Deserialize,
    de::{IgnoredAny, MapAccess},
};

use super::{
    Extraction, Extractor, FileMeta, Found, Input, Want,
    json::{self, Entries, Fields, Object, Text},
    listing::Listing,
};

pub(crate) struct NugetLock;

impl Extractor for NugetLock {
    fn name(&self) -> &'static str {
        "nuget-lock"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        (file.name() == "packages.lock.json" && !super::is_foreign(file.path)).then_some(
            Want::Whole {
                limit: super::LOCK_FILE_LIMIT,
            },
        )
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let mut lock = Lock(Listing::default());
        if let Err(error) = json::read(file.bytes(), &mut lock) {
            out.warn(format!("packages.lock.json is damaged: {error}"));
        }
        lock.0.finish(out);
    }
}

struct Lock(Listing);

impl Fields for Lock {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if key != "dependencies" {
            return map.next_value::<IgnoredAny>().map(drop);
        }
        map.next_value_seed(Object(&mut Frameworks(&mut self.0)))
    }
}

struct Frameworks<'l>(&'l mut Listing);

impl Fields for Frameworks<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, _: &str, map: &mut A) -> Result<(), A::Error> {
        map.next_value_seed(Entries::new(|name: String, package: Package| {
            self.0.add_all(package.found(name));
        }))
    }
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    r#type: Text,
    #[serde(default)]
    resolved: Text,
}

impl Package {
    fn found(self, name: String) -> Option<Found> {
        if self.r#type.0.as_deref() == Some("Project") {
            return None;
        }
        Some(Found::new(PackageKind::Nuget, name, self.resolved.0?))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn every_framework_is_read() {
        check::check(&NugetLock, "app/packages.lock.json", "nuget_lock.json");
    }

    #[test]
    fn npms_lock_file_is_not_wanted() {
        assert!(!check::wants(&NugetLock, "app/package-lock.json"));
    }
}

//! .NET's dependency manifests, `*.deps.json`.
//!
//! What: the NuGet packages a published program or an installed shared
//! framework consists of, and the run-time packs bundled into a
//! self-contained program.
//!
//! Limits: the program's own projects are left out.
//!
//! References: .NET runtime documentation, "runtime configuration
//! files: deps.json".

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

pub(crate) struct DotnetDeps;

impl Extractor for DotnetDeps {
    fn name(&self) -> &'static str {
        "dotnet-deps"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        file.path.ends_with(".deps.json").then_some(Want::Whole {
            limit: super::LOCK_FILE_LIMIT,
        })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let mut deps = Deps(Listing::default());
        if let Err(error) = json::read(file.bytes(), &mut deps) {
            out.warn(format!("deps.json is damaged: {error}"));
        }
        deps.0.finish(out);
    }
}

struct Deps(Listing);

impl Fields for Deps {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if key != "libraries" {
            return map.next_value::<IgnoredAny>().map(drop);
        }
        let listing = &mut self.0;
        map.next_value_seed(Entries::new(|key: String, library: Library| {
            listing.add_all(found(&key, &library));
        }))
    }
}

#[derive(Deserialize)]
struct Library {
    #[serde(default)]
    r#type: Text,
}

fn found(key: &str, library: &Library) -> Option<Found> {
    let (name, version) = key.split_once('/')?;
    let name = match library.r#type.0.as_deref()? {
        "package" => name,
        // Published to NuGet without the prefix.
        "runtimepack" => name.strip_prefix("runtimepack.").unwrap_or(name),
        _ => return None,
    };
    Some(Found::new(PackageKind::Nuget, name, version))
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn a_published_program_is_read() {
        check::check(&DotnetDeps, "app/Harbour.deps.json", "dotnet_deps.json");
    }

    #[test]
    fn other_json_is_not_wanted() {
        for path in ["app/Harbour.runtimeconfig.json", "app/deps.json"] {
            assert!(!check::wants(&DotnetDeps, path), "{path}");
        }
    }
}

//! uv's lock file, `uv.lock`.
//!
//! What: the distributions that the project and its workspace members
//! reach through their dependencies and extras. The file does not mark
//! development dependencies at the packages, so the graph is walked.
//!
//! Limits: dependency groups (development) and local folders are left
//! out. Where distributions of the same name are installed they speak
//! instead (`lock_files`).
//!
//! References: uv documentation, "Project structure: the lockfile".

use std::collections::{BTreeMap, BTreeSet};

use model::PackageKind;
use serde::{Deserialize, de::IgnoredAny};

use super::{
    Extraction, Extractor, FileMeta, Found, Input, Want, listing::Listing, package_tables,
};
use crate::naming;

/// Links between packages that are followed. Many packages of one name
/// that all need that name would otherwise take the square of their
/// number; real files have a few thousand links.
const MOST_STEPS: usize = 1_000_000;

pub(crate) struct UvLock;

impl Extractor for UvLock {
    fn name(&self) -> &'static str {
        "uv-lock"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        (file.name() == "uv.lock" && !super::is_foreign(file.path)).then_some(Want::Whole {
            limit: super::LOCK_FILE_LIMIT,
        })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let mut packages = Vec::new();
        package_tables::read(file.bytes(), "uv.lock", out, |package: Package| {
            packages.push(package);
        });
        let mut listing = Listing::default();
        for index in reached(&packages) {
            if let Some(package) = packages.get(index)
                && !package.source.is_local()
                && let Some(version) = &package.version
            {
                let name = naming::pypi(&package.name);
                listing.add(Found::new(PackageKind::Pypi, name, version));
            }
        }
        listing.finish(out);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: String,
    /// Absent where the project's build decides it.
    version: Option<String>,
    #[serde(default)]
    source: Source,
    #[serde(default)]
    dependencies: Vec<Dependency>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<Dependency>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Source {
    r#virtual: Option<IgnoredAny>,
    editable: Option<IgnoredAny>,
    directory: Option<IgnoredAny>,
}

impl Source {
    fn is_local(&self) -> bool {
        self.r#virtual.is_some() || self.editable.is_some() || self.directory.is_some()
    }
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// Only where several versions of that name are locked.
    version: Option<String>,
    #[serde(default)]
    extra: Vec<String>,
}

/// Which packages the local ones lead to, by index; all of them where
/// the file names no local one.
fn reached(packages: &[Package]) -> BTreeSet<usize> {
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, package) in packages.iter().enumerate() {
        by_name.entry(&package.name).or_default().push(index);
    }
    // A package, and the extra of it that is asked for.
    let mut waiting: Vec<(usize, Option<&str>)> = Vec::new();
    for (index, package) in packages.iter().enumerate() {
        if package.source.is_local() {
            waiting.push((index, None));
            let extras = package.optional_dependencies.keys();
            waiting.extend(extras.map(|extra| (index, Some(extra.as_str()))));
        }
    }
    if waiting.is_empty() {
        return (0..packages.len()).collect();
    }
    let mut seen: BTreeSet<(usize, Option<&str>)> = waiting.iter().copied().collect();
    let mut steps = 0_usize;
    while let Some((index, extra)) = waiting.pop() {
        let Some(package) = packages.get(index) else {
            continue;
        };
        let needs = match extra {
            None => Some(&package.dependencies),
            Some(extra) => package.optional_dependencies.get(extra),
        };
        for need in needs.into_iter().flatten() {
            let candidates = by_name.get(need.name.as_str()).into_iter().flatten();
            for candidate in candidates.copied() {
                steps += 1 + need.extra.len();
                if steps > MOST_STEPS {
                    return (0..packages.len()).collect();
                }
                let is_meant = need.version.is_none()
                    || packages.get(candidate).map(|package| &package.version)
                        == Some(&need.version);
                if is_meant {
                    let extras = need.extra.iter().map(|extra| Some(extra.as_str()));
                    for extra in std::iter::once(None).chain(extras) {
                        if seen.insert((candidate, extra)) {
                            waiting.push((candidate, extra));
                        }
                    }
                }
            }
        }
    }
    seen.into_iter().map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn what_the_project_needs_is_read() {
        check::check(&UvLock, "app/uv.lock", "uv_lock.lock");
    }

    #[test]
    fn lock_files_of_installed_distributions_are_not_wanted() {
        assert!(!check::wants(
            &UvLock,
            "srv/lib/python3.11/site-packages/a/uv.lock"
        ));
        assert!(!check::wants(&UvLock, "app/uv.toml"));
    }

    #[test]
    fn many_packages_of_one_name_do_not_take_their_square() {
        use std::fmt::Write as _;

        let mut text = "[[package]]\nname = \"root\"\nsource = { virtual = \".\" }\n\
             dependencies = [{ name = \"a\" }]\n"
            .to_owned();
        for version in 0..3000 {
            write!(
                text,
                "[[package]]\nname = \"a\"\nversion = \"{version}\"\n\
                 dependencies = [{{ name = \"a\" }}]\n"
            )
            .unwrap();
        }
        let out = check::extract(&UvLock, "uv.lock", text.as_bytes());
        assert_eq!(out.packages.len(), 3000);
    }

    #[test]
    fn a_circle_of_dependencies_ends() {
        let text = r#"
[[package]]
name = "root"
source = { virtual = "." }
dependencies = [{ name = "a" }]
[[package]]
name = "a"
version = "1"
dependencies = [{ name = "a", extra = ["x"] }]
[package.optional-dependencies]
x = [{ name = "a" }, { name = "b", version = "2" }]
[[package]]
name = "b"
version = "1"
[[package]]
name = "b"
version = "2"
"#;
        let out = check::extract(&UvLock, "uv.lock", text.as_bytes());
        assert_eq!(check::render(&out), "pypi a 1\npypi b 2\n");
    }

    #[test]
    fn without_a_project_everything_counts() {
        let text = "[[package]]\nname = \"a\"\nversion = \"1\"\n";
        let out = check::extract(&UvLock, "uv.lock", text.as_bytes());
        assert_eq!(check::render(&out), "pypi a 1\n");
    }
}

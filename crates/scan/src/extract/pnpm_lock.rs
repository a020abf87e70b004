//! pnpm's lock file, `pnpm-lock.yaml`.
//!
//! What: the packages of lock file versions 5 (pnpm 3–7), 6 (pnpm 8) and
//! 9 (pnpm 9 on). Up to version 6 each package says whether it is for
//! development only; in version 9 that follows from what the importers
//! reach through their other dependencies, so the graph is walked.
//!
//! Limits: development dependencies, workspace members and packages that
//! come from a tarball or repository without naming their version are
//! left out. A lock file inside `node_modules` is not read, and
//! installed modules beside the lock file speak instead of it
//! (`lock_files`).
//!
//! References: pnpm/spec, "lockfile" 5, 6.0 and 9.0.

use std::collections::{BTreeMap, BTreeSet};

use model::PackageKind;

use super::{
    Extraction, Extractor, FileMeta, Found, Input, Want,
    lines::{self, Line},
    listing::Listing,
};

pub(crate) struct PnpmLock;

impl Extractor for PnpmLock {
    fn name(&self) -> &'static str {
        "pnpm-lock"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        (file.name() == "pnpm-lock.yaml" && !super::is_foreign(file.path)).then_some(Want::Whole {
            limit: super::LOCK_FILE_LIMIT,
        })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let text = String::from_utf8_lossy(file.bytes());
        let mut lock = Lock::default();
        for line in lines::lines(&text) {
            lock.read(line);
        }
        if lock.version.is_empty() {
            out.warn("pnpm lock file does not say its version".to_owned());
        }
        let reached = lock.reached();
        let mut listing = Listing::default();
        for (key, package) in &lock.packages {
            let is_used = match &reached {
                Some(reached) => reached.contains(key),
                None => !package.is_dev,
            };
            if is_used {
                listing.add_all(found(key, package));
            }
        }
        listing.finish(out);
    }
}

#[derive(Default)]
struct Lock<'a> {
    version: &'a str,
    packages: BTreeMap<&'a str, Package<'a>>,
    /// Version 9: what each snapshot depends on, by snapshot.
    snapshots: BTreeMap<&'a str, Vec<(&'a str, &'a str)>>,
    /// Version 9: what the importers need outside development.
    roots: Vec<(&'a str, &'a str)>,
    has_importers: bool,
    /// The keys above the line being read, one for each two columns.
    above: [&'a str; 4],
}

#[derive(Default)]
struct Package<'a> {
    /// Where the key does not hold them.
    name: Option<&'a str>,
    version: Option<&'a str>,
    is_dev: bool,
}

impl<'a> Lock<'a> {
    fn read(&mut self, line: Line<'a>) {
        let depth = line.indent / 2;
        if let Some(slot) = self.above.get_mut(depth) {
            *slot = line.key;
        }
        let [section, entry, group, name] = self.above;
        match (section, depth) {
            ("lockfileVersion", 0) => self.version = line.value,
            ("packages", 1) => {
                self.packages.entry(entry).or_default();
            }
            ("packages", 2) => {
                let package = self.packages.entry(entry).or_default();
                match line.key {
                    "name" => package.name = Some(line.value),
                    "version" => package.version = Some(line.value),
                    "dev" => package.is_dev = line.value == "true",
                    _ => {}
                }
            }
            ("snapshots", 1) => {
                self.snapshots.entry(entry).or_default();
            }
            ("snapshots", 3) if is_needed(group) => {
                let needs = self.snapshots.entry(entry).or_default();
                needs.push((line.key, line.value));
            }
            ("importers", 1) => self.has_importers = true,
            ("importers", 4) if is_needed(group) && line.key == "version" => {
                self.roots.push((name, line.value));
            }
            _ => {}
        }
    }

    /// The packages in use, by key; `None` where each says so itself.
    fn reached(&self) -> Option<BTreeSet<&'a str>> {
        if !self.has_importers || self.snapshots.is_empty() {
            return None;
        }
        let mut waiting: Vec<&str> = self
            .roots
            .iter()
            .filter_map(|(name, version)| self.snapshot(name, version))
            .collect();
        let mut seen = BTreeSet::new();
        while let Some(snapshot) = waiting.pop() {
            if seen.insert(snapshot)
                && let Some(needs) = self.snapshots.get(snapshot)
            {
                waiting.extend(
                    needs
                        .iter()
                        .filter_map(|(name, version)| self.snapshot(name, version)),
                );
            }
        }
        Some(seen.into_iter().map(without_peers).collect())
    }

    /// The snapshot that a dependency means. An alias spells its target
    /// out, any other gives the version alone.
    fn snapshot(&self, name: &str, version: &'a str) -> Option<&'a str> {
        if let Some((key, _)) = self.snapshots.get_key_value(version) {
            return Some(key);
        }
        let key = format!("{name}@{version}");
        self.snapshots
            .get_key_value(key.as_str())
            .map(|(key, _)| *key)
    }
}

fn is_needed(group: &str) -> bool {
    matches!(group, "dependencies" | "optionalDependencies")
}

/// `react-dom@18.2.0(react@18.2.0)` without what it was resolved with.
fn without_peers(key: &str) -> &str {
    key.split_once('(').map_or(key, |(key, _)| key)
}

fn found(key: &str, package: &Package<'_>) -> Option<Found> {
    let (name, version) = match (package.name, package.version) {
        (Some(name), Some(version)) => (name, version),
        (name, version) => {
            let (from_key, version_of_key) = split_key(key)?;
            (name.unwrap_or(from_key), version.unwrap_or(version_of_key))
        }
    };
    version
        .starts_with(|first: char| first.is_ascii_digit())
        .then(|| Found::new(PackageKind::Npm, name, version))
}

/// Name and version from a package's key: `debug@2.6.8` (version 9),
/// `/debug@2.6.8` (6), `/debug/2.6.8` or `/debug/2.6.8_peer@1` (5), the
/// last two possibly after a registry's host.
fn split_key(key: &str) -> Option<(&str, &str)> {
    let key = without_peers(key);
    let path = match key.strip_prefix('/') {
        Some(path) => path,
        None => match key.split_once('/') {
            Some((host, path)) if host.contains('.') && !host.contains('@') => path,
            _ => key,
        },
    };
    let is_scoped = path.starts_with('@');
    let name_end = path
        .match_indices(['/', '@'])
        .map(|(at, _)| at)
        .filter(|at| *at > 0)
        .nth(usize::from(is_scoped))?;
    let (name, version) = path.split_at_checked(name_end)?;
    let version = version.trim_start_matches(['/', '@']);
    let version = version
        .split_once(['_', '/'])
        .map_or(version, |(version, _)| version);
    Some((name, version))
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn every_lock_file_version_is_read() {
        for fixture in [
            "pnpm_lock_v5.yaml",
            "pnpm_lock_v6.yaml",
            "pnpm_lock_v9.yaml",
        ] {
            check::check(&PnpmLock, "app/pnpm-lock.yaml", fixture);
        }
    }

    #[test]
    fn other_yaml_is_not_wanted() {
        for path in [
            "app/pnpm-workspace.yaml",
            "app/node_modules/a/pnpm-lock.yaml",
        ] {
            assert!(!check::wants(&PnpmLock, path), "{path}");
        }
    }

    #[test]
    fn keys_of_every_version_are_taken_apart() {
        let cases = [
            ("/debug/2.6.8", "debug", "2.6.8"),
            ("/@hapi/boom/9.1.0", "@hapi/boom", "9.1.0"),
            ("/react-dom/18.2.0_react@18.2.0", "react-dom", "18.2.0"),
            ("/ts-node/8.1.0/typescript@4.0.0", "ts-node", "8.1.0"),
            ("/@hapi/boom@9.1.0", "@hapi/boom", "9.1.0"),
            ("/react-dom@18.2.0(react@18.2.0)", "react-dom", "18.2.0"),
            ("@hapi/boom@9.1.0", "@hapi/boom", "9.1.0"),
            (
                "registry.example.com/@hapi/boom/9.1.0",
                "@hapi/boom",
                "9.1.0",
            ),
        ];
        for (key, name, version) in cases {
            assert_eq!(split_key(key), Some((name, version)), "{key}");
        }
    }

    #[test]
    fn tarballs_count_only_with_a_version_of_their_own() {
        let text = "lockfileVersion: '6.0'\npackages:\n\n  \
            '@codeload.github.com/a/b/tar.gz/abc':\n    resolution: {tarball: x}\n    \
            name: b\n    version: 1.0.0\n\n  file:../lib:\n    resolution: {directory: ../lib}\n";
        let out = check::extract(&PnpmLock, "pnpm-lock.yaml", text.as_bytes());
        assert_eq!(check::render(&out), "npm b 1.0.0\n");
    }

    #[test]
    fn circular_snapshots_end() {
        let text = "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      a:\n        \
            specifier: 1\n        version: 1.0.0\npackages:\n  a@1.0.0: {}\n  b@1.0.0: {}\n  \
            c@1.0.0: {}\nsnapshots:\n  a@1.0.0:\n    dependencies:\n      b: 1.0.0\n  \
            b@1.0.0:\n    dependencies:\n      a: 1.0.0\n  c@1.0.0: {}\n";
        let out = check::extract(&PnpmLock, "pnpm-lock.yaml", text.as_bytes());
        assert_eq!(check::render(&out), "npm a 1.0.0\nnpm b 1.0.0\n");
    }

    #[test]
    fn a_file_that_is_no_lock_file_is_told() {
        let out = check::extract(&PnpmLock, "pnpm-lock.yaml", b"\x00\xff");
        assert_eq!(out.warnings.len(), 1);
    }
}

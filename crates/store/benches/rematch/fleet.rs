//! What the bench is made of: advisories, what a day changes about them,
//! and bills of materials of many images.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    io::Read as _,
    path::{Path, PathBuf},
};

use model::{Digest, Ecosystem, ImageIdentity, Layer, Package, PackageKind, Sbom, SourcePackage};
use vulns::Database;

const BASES: usize = 100;
/// How many mended versions bases are behind.
const AGES: [usize; 7] = [0, 0, 0, 1, 1, 2, 3];
pub(super) const CHANGED: usize = 500;
const DISTRIBUTION: &str = "Debian:12";
const REGISTRIES: [(&str, PackageKind); 5] = [
    ("PyPI", PackageKind::Pypi),
    ("Go", PackageKind::Golang),
    ("Maven", PackageKind::Maven),
    ("npm", PackageKind::Npm),
    ("RubyGems", PackageKind::Gem),
];

/// Chance that comes again: xorshift.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    /// The first of many come far more often than the last.
    fn skewed(&mut self, end: usize) -> usize {
        let one = self.below(end);
        let other = self.below(end);
        one * other / end
    }
}

/// Every record of the feeds, as text.
pub(super) fn records(data: &Path) -> Vec<String> {
    let mut records = Vec::new();
    let feeds = std::fs::read_dir(data.join("osv")).unwrap();
    let mut feeds: Vec<PathBuf> = feeds.map(|entry| entry.unwrap().path()).collect();
    feeds.push(data.join("osv-derived/Debian-12-changelogs"));
    feeds.sort();
    for feed in feeds {
        let archive = feed.join("all.zip");
        if let Ok(file) = std::fs::File::open(&archive) {
            let mut archive = zip::ZipArchive::new(file).unwrap();
            for index in 0..archive.len() {
                let mut text = String::new();
                let mut entry = archive.by_index(index).unwrap();
                if entry.is_file() && entry.read_to_string(&mut text).is_ok() {
                    records.push(text);
                }
            }
        } else if let Ok(files) = std::fs::read_dir(&feed) {
            for file in files {
                let path = file.unwrap().path();
                if path.extension().is_some_and(|ending| ending == "json") {
                    records.push(std::fs::read_to_string(path).unwrap());
                }
            }
        }
    }
    records.chunks(500).flat_map(readable).collect()
}

/// Feeds hold a few records that are none; an update leaves them out.
fn readable(records: &[String]) -> Vec<String> {
    let is_read = |records: &[String]| {
        let all: Vec<&str> = records.iter().map(String::as_str).collect();
        Database::from_records(&[("feed", &all)], jiff::Timestamp::UNIX_EPOCH).is_ok()
    };
    if is_read(records) {
        return records.to_vec();
    }
    let single = records
        .iter()
        .filter(|one| is_read(std::slice::from_ref(*one)));
    single.cloned().collect()
}

/// The records as they were before an ordinary day's changes: of the 500
/// that changed last in the feeds of crates and of AlmaLinux, a third and
/// three quarters were new, and few of the others said something else of
/// versions. Here half are new, a quarter had other words, a quarter said
/// something else.
pub(super) fn the_day_before(records: &[String], dice: &mut Dice) -> Vec<String> {
    let mut before = changed(records, CHANGED / 4, dice);
    for _ in 0..CHANGED / 4 {
        let record = &mut before[dice.below(records.len())];
        let mut value: serde_json::Value = serde_json::from_str(record).unwrap();
        value["summary"] = "It was said otherwise.".into();
        *record = value.to_string();
    }
    for _ in 0..CHANGED / 2 {
        let place = dice.below(before.len());
        before.swap_remove(place);
    }
    before
}

/// The same records, of which so many say something else: a third is
/// withdrawn, a third names another fixed version, a third no longer
/// names any.
pub(super) fn changed(records: &[String], count: usize, dice: &mut Dice) -> Vec<String> {
    let mut changed = records.to_vec();
    let mut left = count;
    while left > 0 {
        let place = dice.below(changed.len());
        let record = &mut changed[place];
        if !record.contains("\"fixed\"") || record.contains("\"withdrawn\"") {
            continue;
        }
        let mut value: serde_json::Value = serde_json::from_str(record).unwrap();
        match left % 3 {
            0 => value["withdrawn"] = "2026-01-01T00:00:00Z".into(),
            kind => {
                for affected in value["affected"].as_array_mut().into_iter().flatten() {
                    for range in affected["ranges"].as_array_mut().into_iter().flatten() {
                        let Some(events) = range["events"].as_array_mut() else {
                            continue;
                        };
                        if kind == 1 {
                            events.retain(|event| event["fixed"].is_null());
                        }
                        for event in events {
                            if let Some(fixed) = event["fixed"].as_str() {
                                event["fixed"] = format!("{fixed}.1").into();
                            }
                        }
                    }
                }
            }
        }
        *record = value.to_string();
        left -= 1;
    }
    changed
}

/// Names and versions of ecosystems, as advisories name them, oldest
/// first.
type Named = BTreeMap<String, Vec<(String, Vec<String>)>>;

fn named(records: &[String]) -> Named {
    let mut named: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for record in records {
        let value: serde_json::Value = serde_json::from_str(record).unwrap();
        for affected in value["affected"].as_array().into_iter().flatten() {
            let ecosystem = affected["package"]["ecosystem"]
                .as_str()
                .unwrap_or_default();
            let is_known = |(name, _): &(&str, _)| *name == ecosystem;
            if ecosystem != DISTRIBUTION && !REGISTRIES.iter().any(is_known) {
                continue;
            }
            let name = affected["package"]["name"].as_str().unwrap_or_default();
            let versions = named
                .entry(ecosystem.to_owned())
                .or_default()
                .entry(name.to_owned())
                .or_default();
            let listed = affected["versions"].as_array().into_iter().flatten();
            versions.extend(
                listed
                    .take(20)
                    .filter_map(|one| Some(one.as_str()?.to_owned())),
            );
            for event in affected["ranges"][0]["events"]
                .as_array()
                .into_iter()
                .flatten()
            {
                versions.extend(event["fixed"].as_str().map(str::to_owned));
            }
        }
    }
    named
        .into_iter()
        .map(|(ecosystem, names)| {
            let scheme = ecosystem.parse::<Ecosystem>().unwrap().version_scheme();
            let order = |a: &String, b: &String| {
                let order = scheme.and_then(|scheme| vulns::version::compare(scheme, a, b));
                order.unwrap_or(Ordering::Equal)
            };
            let mut kept: Vec<_> = names
                .into_iter()
                .filter(|(_, all)| !all.is_empty())
                .map(|(name, mut all)| {
                    // By a bubble: versions nobody can read have no order,
                    // which a sort must not meet.
                    all.sort();
                    all.dedup();
                    for end in (1..all.len()).rev() {
                        for place in 0..end {
                            if order(&all[place], &all[place + 1]).is_gt() {
                                all.swap(place, place + 1);
                            }
                        }
                    }
                    (name, all)
                })
                .collect();
            kept.sort_by_key(|(name, _)| Digest::of(name.as_bytes()).hex());
            (ecosystem, kept)
        })
        .collect()
}

fn package(kind: PackageKind, name: &str, version: &str, path: &str) -> Option<Package> {
    let text = match kind {
        PackageKind::Deb => format!("pkg:deb/debian/{name}@{version}"),
        PackageKind::Maven => {
            let (group, artifact) = name.split_once(':')?;
            format!("pkg:maven/{group}/{artifact}@{version}")
        }
        kind => format!("pkg:{}/{name}@{version}", kind.as_str()),
    };
    Some(Package {
        kind,
        name: name.to_owned(),
        version: version.to_owned(),
        ecosystem: (kind == PackageKind::Deb).then(|| Ecosystem::with_release("Debian", "12")),
        source: None,
        architecture: None,
        licenses: Vec::new(),
        purl: text.parse().ok()?,
        path: path.to_owned(),
        layer: Some(u32::from(kind != PackageKind::Deb)),
        owned_by: None,
    })
}

/// What images of Debian 12 hold, as apt says of each: what all have, and
/// what each of some stacks adds to it. A line names the stack, the package,
/// its version, and its source where that is called otherwise.
const PACKAGES: &str = include_str!("debian-12.tsv");

/// Packages by stack; what all have is the first.
fn stacks() -> Vec<Vec<Package>> {
    let mut stacks: Vec<(&str, Vec<Package>)> = Vec::new();
    for line in PACKAGES.lines() {
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap();
        let (stack, name, version, source) = (field(), field(), field(), field());
        let source = source.split_whitespace().next().map(|named| SourcePackage {
            name: named.to_owned(),
            version: match source.split_once(' ') {
                Some((_, version)) => version.trim_matches(['(', ')']).to_owned(),
                None => version.to_owned(),
            },
        });
        let package = package(PackageKind::Deb, name, version, "var/lib/dpkg/status").unwrap();
        let package = Package { source, ..package };
        match stacks.last_mut() {
            Some((last, packages)) if *last == stack => packages.push(package),
            _ => stacks.push((stack, vec![package])),
        }
    }
    stacks.into_iter().map(|(_, packages)| packages).collect()
}

/// How many stacks an image has at most beside what all have.
const MOST_STACKS: usize = 4;

/// Brings a package back to what it was so many mended versions ago.
fn older(package: &mut Package, age: usize, mended: &BTreeMap<String, Vec<String>>) {
    let (name, version) = match &package.source {
        Some(source) => (&source.name, &source.version),
        None => (&package.name, &package.version),
    };
    let Some(versions) = mended.get(name).filter(|_| age > 0) else {
        return;
    };
    let scheme = model::VersionScheme::Dpkg;
    let is_older = |other: &&String| {
        vulns::version::compare(scheme, other, version).is_some_and(Ordering::is_lt)
    };
    let Some(before) = versions.iter().rev().filter(is_older).nth(age - 1) else {
        return;
    };
    match &mut package.source {
        Some(source) => {
            package.version.clone_from(before);
            source.version.clone_from(before);
        }
        None => package.version.clone_from(before),
    }
    package.purl = format!("pkg:deb/debian/{}@{before}", package.name)
        .parse()
        .unwrap();
}

/// Bills of materials: so many bases, a layer of its own on each.
pub(super) struct Fleet {
    bases: Vec<Vec<Package>>,
    names: Named,
}

impl Fleet {
    pub(super) fn of(records: &[String], dice: &mut Dice) -> Self {
        let mut names = named(records);
        let mended: BTreeMap<String, Vec<String>> = names
            .remove(DISTRIBUTION)
            .unwrap_or_default()
            .into_iter()
            .collect();
        let stacks = stacks();
        let bases = (0..BASES)
            .map(|base| {
                let mut packages = stacks[0].clone();
                for _ in 0..=dice.below(MOST_STACKS) {
                    packages.extend_from_slice(&stacks[1 + dice.below(stacks.len() - 1)]);
                }
                packages.sort();
                packages.dedup();
                for package in &mut packages {
                    older(package, AGES[base % AGES.len()], &mended);
                }
                packages
            })
            .collect();
        Self { bases, names }
    }

    pub(super) fn image(&self, number: usize, dice: &mut Dice) -> Sbom {
        let mut packages = self.bases[number % BASES].clone();
        let (registry, kind) = REGISTRIES[dice.skewed(REGISTRIES.len())];
        let names = &self.names[registry];
        for _ in 0..10 + dice.below(60) {
            let (name, versions) = &names[dice.skewed(names.len())];
            let version = &versions[versions.len() - 1 - dice.skewed(versions.len())];
            packages.extend(package(kind, name, version, "app/lock"));
        }
        packages.sort();
        packages.dedup();
        let layer = |text: String| Layer {
            diff_id: Digest::of(text.as_bytes()),
            digest: None,
            size: Some(1000),
            created_by: None,
            created: None,
        };
        Sbom {
            image: Some(ImageIdentity {
                manifest: None,
                config: Some(Digest::of(number.to_string().as_bytes())),
                tags: vec![format!("registry.example/app-{number}:1")],
            }),
            layers: vec![
                layer(format!("base {}", number % BASES)),
                layer(format!("app {number}")),
            ],
            packages,
            ..Sbom::default()
        }
    }
}

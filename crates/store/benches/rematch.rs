//! A change of 500 advisories over ten thousand stored images: how long
//! it takes to say what changed, and to have it on disk; and who has a
//! package among a hundred thousand.
//!
//! `SEAWALL_TESTDATA=… cargo bench -p store --bench rematch`;
//! `SEAWALL_BENCH_IMAGES=10000` for the figures of
//! docs/reference/performance.md. Packages of a distribution are this
//! machine's (`/var/lib/dpkg/status`), those of languages are drawn from
//! what OSV's records name, with versions those name. Not gating: it
//! prints.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it is a program that prints figures"
)]

use std::{
    collections::{BTreeMap, HashSet},
    io::Read as _,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use model::{
    Digest, Ecosystem, ImageIdentity, Layer, Package, PackageKind, Sbom, SourcePackage, TargetKind,
    scan::Target,
};
use store::{Assessment, Store};
use vulns::{Component, Database, Held, Index, Judgements, Wanted, version::Relation};

/// What the server does between the matcher and the record.
#[path = "../../server/src/work"]
mod work {
    pub(crate) mod fix;
    #[expect(dead_code, reason = "the server also looks things up in it")]
    pub(crate) mod holdings;
    #[expect(dead_code, reason = "the server also tells what was done")]
    pub(crate) mod rematch;
}

use work::{
    fix,
    holdings::Holdings,
    rematch::{self, Change},
};

const BASES: usize = 100;
const CHANGED: usize = 500;
const REGISTRIES: [(&str, PackageKind); 5] = [
    ("PyPI", PackageKind::Pypi),
    ("Go", PackageKind::Golang),
    ("Maven", PackageKind::Maven),
    ("npm", PackageKind::Npm),
    ("RubyGems", PackageKind::Gem),
];

/// Chance that comes again: xorshift.
struct Dice(u64);

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

fn time(minute: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + minute * 60).unwrap()
}

fn images() -> usize {
    std::env::var("SEAWALL_BENCH_IMAGES").map_or(1000, |text| text.parse().unwrap())
}

/// Every record of the feeds, as text.
fn records(data: &std::path::Path) -> Vec<String> {
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
        Database::from_records(&[("feed", &all)], time(0)).is_ok()
    };
    if is_read(records) {
        return records.to_vec();
    }
    let single = records
        .iter()
        .filter(|one| is_read(std::slice::from_ref(*one)));
    single.cloned().collect()
}

fn database(records: &[String], minute: i64) -> Arc<Database> {
    let all: Vec<&str> = records.iter().map(String::as_str).collect();
    Arc::new(Database::from_records(&[("feed", &all)], time(minute)).unwrap())
}

/// The same records, of which some say something else: a third is
/// withdrawn, a third names another fixed version, a third no longer
/// names any.
fn changed(records: &[String], dice: &mut Dice) -> Vec<String> {
    let mut changed = records.to_vec();
    let mut left = CHANGED;
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

/// Names and versions of one registry, as its advisories name them.
fn named(records: &[String]) -> BTreeMap<&'static str, Vec<(String, Vec<String>)>> {
    let mut named: BTreeMap<&'static str, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for record in records {
        let value: serde_json::Value = serde_json::from_str(record).unwrap();
        for affected in value["affected"].as_array().into_iter().flatten() {
            let ecosystem = affected["package"]["ecosystem"]
                .as_str()
                .unwrap_or_default();
            let Some((registry, _)) = REGISTRIES.iter().find(|(name, _)| *name == ecosystem) else {
                continue;
            };
            let name = affected["package"]["name"].as_str().unwrap_or_default();
            let versions = named
                .entry(registry)
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
        .map(|(registry, names)| {
            let mut kept: Vec<_> = names
                .into_iter()
                .filter(|(_, all)| !all.is_empty())
                .collect();
            kept.sort_by_key(|(name, _)| Digest::of(name.as_bytes()).hex());
            (registry, kept)
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

/// This machine's packages.
fn distribution() -> Vec<Package> {
    let status = std::fs::read_to_string("/var/lib/dpkg/status").unwrap();
    let field = |stanza: &str, key: &str| {
        let mut lines = stanza.lines();
        lines.find_map(|line| Some(line.strip_prefix(key)?.trim().to_owned()))
    };
    status
        .split("\n\n")
        .filter_map(|stanza| {
            let (name, version) = (field(stanza, "Package:")?, field(stanza, "Version:")?);
            let source = field(stanza, "Source:").map(|source| {
                let (name, rest) = source.split_once(' ').unwrap_or((&source, ""));
                SourcePackage {
                    name: name.to_owned(),
                    version: match rest.trim_matches(['(', ')']) {
                        "" => version.clone(),
                        other => other.to_owned(),
                    },
                }
            });
            let path = "var/lib/dpkg/status";
            Some(Package {
                source,
                ..package(PackageKind::Deb, &name, &version, path)?
            })
        })
        .collect()
}

/// Bills of materials: so many bases, a layer of its own on each.
struct Fleet {
    bases: Vec<Vec<Package>>,
    names: BTreeMap<&'static str, Vec<(String, Vec<String>)>>,
}

impl Fleet {
    fn of(records: &[String], dice: &mut Dice) -> Self {
        let all = distribution();
        let bases = (0..BASES)
            .map(|base| {
                // Every base is of its own day: some of its packages are
                // older.
                let keep = 20 + dice.below(60);
                let mut packages = all.clone();
                packages.retain(|_| dice.below(100) < keep);
                for package in &mut packages {
                    if base % 3 > 0 && dice.below(4) == 0 {
                        package.version = format!("0~{base}");
                        if let Some(source) = &mut package.source {
                            source.version.clone_from(&package.version);
                        }
                    }
                }
                packages
            })
            .collect();
        Self {
            bases,
            names: named(records),
        }
    }

    fn image(&self, number: usize, dice: &mut Dice) -> Sbom {
        let mut packages = self.bases[number % BASES].clone();
        let (registry, kind) = REGISTRIES[dice.skewed(REGISTRIES.len())];
        let names = &self.names[registry];
        for _ in 0..10 + dice.below(60) {
            let (name, versions) = &names[dice.skewed(names.len())];
            let version = &versions[dice.below(versions.len())];
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

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

async fn stored(fleet: &Fleet, store: &Store, db: &Database, dice: &mut Dice) -> (u64, u64) {
    let (mut packages, mut findings) = (0, 0);
    for number in 0..images() {
        let sbom = fleet.image(number, dice);
        let target = Target {
            kind: TargetKind::Image,
            name: format!("registry.example/app-{number}:1"),
        };
        let report = vulns::assess(db, sbom, target, &Judgements::default(), "bench", time(0));
        packages += report.sbom.packages.len() as u64;
        findings += report.findings.len() as u64;
        let assessment = Assessment {
            fixes: fix::fixes(
                report.sbom.packages.iter(),
                report.findings.iter(),
                vulns::version::compare,
            ),
            report: Arc::new(report),
            target: "bench".to_owned(),
            fresh: true,
        };
        store.put_report("local", assessment).await.unwrap();
    }
    (packages, findings)
}

async fn carried(records: &[String], fleet: &Fleet, dice: &mut Dice) {
    let (old, new) = (database(records, 0), database(&changed(records, dice), 1));
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("seawall.db"))
        .await
        .unwrap();
    store
        .ensure_environment("local", "Bench", false)
        .await
        .unwrap();
    let began = Instant::now();
    let (packages, findings) = stored(fleet, &store, &old, dice).await;
    println!(
        "stored {} images with {packages} packages and {findings} findings in {:.0} s",
        images(),
        began.elapsed().as_secs_f64()
    );
    let holdings = Holdings::default();
    let began = Instant::now();
    holdings.sweep(&store).await.unwrap();
    {
        let kept = holdings.read();
        println!(
            "index: {} components, {} edges, {} KiB, read in {}",
            kept.index.components(),
            kept.index.edges(),
            kept.index.bytes() / 1024,
            ms(began.elapsed())
        );
    }
    let change = Change {
        from: old.status().generation.clone(),
        to: new.status().generation.clone(),
        old,
        new,
        spoken: HashSet::new(),
    };
    for _ in 0..5 {
        let began = Instant::now();
        let computed = rematch::compute(&change, &holdings).unwrap();
        println!(
            "computed: {} names, {} vulnerabilities, {} images, {} findings in {}",
            computed.delta.keys.len(),
            computed.delta.vulnerabilities.len(),
            computed.rematch.images.len(),
            computed.rematch.findings,
            ms(began.elapsed())
        );
    }
    let began = Instant::now();
    let computed = rematch::compute(&change, &holdings).unwrap();
    let compare = vulns::version::compare;
    let to = change.to.clone();
    let done = rematch::write(&store, change, computed, compare, time(1))
        .await
        .unwrap();
    println!("computed and durable in {}", ms(began.elapsed()));
    let left = store.outdated(&to).await.unwrap().len();
    assert_eq!(left, done.left);
    println!("{left} images are left to be matched whole: versions nobody can read");
    let wanted = wanted("openssl", Relation::Below, "3.0.16");
    let began = Instant::now();
    let found = holdings.read().index.images_with(&wanted, &[1]).len();
    println!("search: {found} images in {}", ms(began.elapsed()));
    assert_eq!(store.check_roll_ups().await.unwrap(), []);
    store.close().await;
}

fn wanted(name: &str, relation: Relation, version: &str) -> Wanted {
    Wanted {
        name: name.to_owned(),
        ecosystem: None,
        versions: vec![(relation, version.to_owned())],
    }
}

fn searched(fleet: &Fleet, dice: &mut Dice) {
    let mut index = Index::default();
    let mut numbers: BTreeMap<Package, i64> = BTreeMap::new();
    let began = Instant::now();
    for number in 0..10 * images() {
        let sbom = fleet.image(number, dice);
        let mut packages = Vec::with_capacity(sbom.packages.len());
        for package in sbom.packages {
            let next = i64::try_from(numbers.len()).unwrap() + 1;
            let id = *numbers.entry(package.clone()).or_insert(next);
            if id == next {
                index.learn(&Component {
                    package: id,
                    kind: package.kind,
                    name: package.name,
                    version: package.version,
                    ecosystem: package.ecosystem,
                    source: package.source.map(|source| (source.name, source.version)),
                });
            }
            packages.push(id);
        }
        index.put(&Held {
            image: i64::try_from(number).unwrap() + 1,
            environment: 1,
            packages,
        });
    }
    println!(
        "index of {} images: {} components, {} edges, {} KiB, made in {:.0} s",
        index.images(),
        index.components(),
        index.edges(),
        index.bytes() / 1024,
        began.elapsed().as_secs_f64()
    );
    for (name, version) in [
        ("openssl", "3.0.16"),
        ("log4j-core", "2.17"),
        ("libc6", "2.37"),
    ] {
        let wanted = wanted(name, Relation::Below, version);
        let began = Instant::now();
        let found = index.images_with(&wanted, &[1]).len();
        println!(
            "who has {name} < {version}: {found} images in {}",
            ms(began.elapsed())
        );
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Some(data) = std::env::var_os("SEAWALL_TESTDATA").map(PathBuf::from) else {
        println!("skipped: SEAWALL_TESTDATA names no data");
        return;
    };
    let records = records(&data);
    println!("{} advisories", records.len());
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let fleet = Fleet::of(&records, &mut dice);
    carried(&records, &fleet, &mut dice).await;
    searched(&fleet, &mut dice);
}

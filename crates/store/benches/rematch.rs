//! A change of 500 advisories over ten thousand stored images: how long
//! it takes to say what changed, and to have it on disk; and who has a
//! package among a hundred thousand.
//!
//! `SEAWALL_TESTDATA=… cargo bench -p store --bench rematch`;
//! `SEAWALL_BENCH_IMAGES=10000` for the figures of
//! docs/reference/performance.md, `SEAWALL_BENCH_ONLY=sqlite` or
//! `postgresql` for one database or `search`, `SEAWALL_BENCH_KEPT=folder` to keep the
//! file with all images for the next run. Packages of a distribution are
//! Debian's, as apt installs them for usual stacks (`rematch/debian-12.tsv`),
//! in images of several ages: an
//! older one has of each what advisories say was mended later. Those of
//! languages are drawn from what OSV's records name, with versions those
//! name, newer ones more often. Not gating: it prints.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it is a program that prints figures"
)]

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use model::{Package, Sbom, TargetKind, scan::Target};
use store::{Assessment, Store};
use tokio::task::JoinSet;
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

#[path = "rematch/fleet.rs"]
mod fleet;

use fleet::{CHANGED, Dice, Fleet, changed, records, the_day_before};
use work::{
    fix,
    holdings::Holdings,
    rematch::{self, Change},
};

/// Images on their way to the store at once.
const AT_ONCE: usize = 64;

fn time(minute: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + minute * 60).unwrap()
}

fn images() -> usize {
    std::env::var("SEAWALL_BENCH_IMAGES").map_or(1000, |text| text.parse().unwrap())
}

fn database(records: &[String], minute: i64) -> Arc<Database> {
    let all: Vec<&str> = records.iter().map(String::as_str).collect();
    Arc::new(Database::from_records(&[("feed", &all)], time(minute)).unwrap())
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

async fn put(store: Store, db: Arc<Database>, number: usize, sbom: Sbom) -> (u64, u64) {
    let target = Target {
        kind: TargetKind::Image,
        name: format!("registry.example/app-{number}:1"),
    };
    let report = vulns::assess(&db, sbom, target, &Judgements::default(), "bench", time(0));
    let sums = (
        report.sbom.packages.len() as u64,
        report.findings.len() as u64,
    );
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
    sums
}

async fn fill(fleet: &Fleet, store: &Store, db: &Arc<Database>) {
    store
        .ensure_environment("local", "Bench", false)
        .await
        .unwrap();
    let began = Instant::now();
    let (mut packages, mut findings) = (0, 0);
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let mut under_way = JoinSet::new();
    for number in 0..images() {
        if under_way.len() >= AT_ONCE {
            let (more, hit) = under_way.join_next().await.unwrap().unwrap();
            packages += more;
            findings += hit;
        }
        let sbom = fleet.image(number, &mut dice);
        under_way.spawn(put(store.clone(), Arc::clone(db), number, sbom));
    }
    for (more, hit) in under_way.join_all().await {
        packages += more;
        findings += hit;
    }
    println!(
        "  stored {} images with {packages} packages and {findings} findings in {:.0} s",
        images(),
        began.elapsed().as_secs_f64()
    );
}

async fn carried(store: &Store, generations: &[Arc<Database>; 3]) {
    let holdings = Holdings::default();
    let began = Instant::now();
    holdings.sweep(store).await.unwrap();
    {
        let kept = holdings.read();
        println!(
            "  index: {} components, {} edges, {} KiB, read in {}",
            kept.index.components(),
            kept.index.edges(),
            kept.index.bytes() / 1024,
            ms(began.elapsed())
        );
    }
    let [before, day, after] = generations;
    for (what, old, new, minute) in [
        ("an ordinary day's change of 500 advisories", before, day, 1),
        ("500 advisories, all of versions", day, after, 2),
    ] {
        println!(" {what}");
        let change = Change {
            old: Arc::clone(old),
            new: Arc::clone(new),
            from: old.status().generation.clone(),
            to: new.status().generation.clone(),
            spoken: HashSet::new(),
        };
        carry(store, &holdings, change, time(minute)).await;
    }
    let wanted = wanted("openssl", Relation::Below, "3.0.16");
    let began = Instant::now();
    let found = holdings.read().index.images_with(&wanted, &[1]).len();
    println!("  search: {found} images in {}", ms(began.elapsed()));
    assert_eq!(store.check_roll_ups().await.unwrap(), []);
}

/// Time of the processors this process has used.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(") ").next().unwrap().split(' ');
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}

/// Megabytes this process has written.
fn written() -> u64 {
    let all = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = all.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.unwrap().parse::<u64>().unwrap() >> 20
}

/// How often it is computed, to say what it takes.
const TIMES: u32 = 20;

async fn carry(store: &Store, holdings: &Holdings, change: Change, now: Timestamp) {
    let mut times = Vec::new();
    let used = processor();
    for _ in 0..TIMES {
        let kept = holdings.read();
        let began = Instant::now();
        let (delta, differences) = rematch::compare(&change, &kept).unwrap();
        times.push(began.elapsed());
        if times.len() == 1 {
            println!(
                "  {} names, {} vulnerabilities; {} of {} images; {} findings come, {} change, {} go",
                delta.keys.len(),
                delta.vulnerabilities.len(),
                differences.images,
                kept.index.images(),
                differences.came,
                differences.changed,
                differences.went
            );
        }
    }
    times.sort();
    println!(
        "  computed in {} (best {}, worst {}), {} of processor",
        ms(times[times.len() / 2]),
        ms(times[0]),
        ms(times[times.len() - 1]),
        ms(processor().saturating_sub(used) / TIMES)
    );
    let began = Instant::now();
    let (used, put) = (processor(), written());
    let computed = rematch::compute(&change, holdings).unwrap();
    let took = began.elapsed();
    #[expect(clippy::cast_precision_loss, reason = "far fewer than that")]
    let findings = computed.rematch.findings as f64;
    let compare = vulns::version::compare;
    let to = change.to.clone();
    let done = rematch::write(store, change, computed, compare, now)
        .await
        .unwrap();
    let durable = began.elapsed();
    println!(
        "  ready to be written in {}, what comes durable in {}, all in {} ({} of processor, {} MB written): {:.0} \
         findings a second",
        ms(took),
        ms(took + done.new_on_disk),
        ms(durable),
        ms(processor().saturating_sub(used)),
        written() - put,
        findings / durable.as_secs_f64()
    );
    let left = store.outdated(&to).await.unwrap().len();
    assert!(left >= done.left);
    println!("  {left} images are left to be matched whole: versions nobody can read");
}

fn say_load(database: &str) {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{database} (load of the machine: {})", load.trim());
}

async fn on_sqlite(fleet: &Fleet, generations: &[Arc<Database>; 3]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seawall.db");
    let kept = std::env::var_os("SEAWALL_BENCH_KEPT").map(|kept| {
        let name = format!("{}-{}.db", generations[0].status().generation, images());
        Path::new(&kept).join(name)
    });
    say_load("SQLite");
    if let Some(kept) = kept.as_ref().filter(|kept| kept.exists()) {
        std::fs::copy(kept, &file).unwrap();
    } else {
        let store = Store::open(&file).await.unwrap();
        fill(fleet, &store, &generations[0]).await;
        store.close().await;
        if let Some(kept) = kept {
            std::fs::copy(&file, kept).unwrap();
        }
    }
    let store = Store::open(&file).await.unwrap();
    carried(&store, generations).await;
    store.close().await;
}

async fn on_postgresql(fleet: &Fleet, generations: &[Arc<Database>; 3]) {
    let Some(cluster) = testkit::postgres::Postgres::start(true).unwrap() else {
        return;
    };
    say_load("PostgreSQL");
    let url = cluster.create_database().unwrap();
    let store = Store::connect(&url).await.unwrap();
    fill(fleet, &store, &generations[0]).await;
    carried(&store, generations).await;
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

#[tokio::main]
async fn main() {
    let Some(data) = std::env::var_os("SEAWALL_TESTDATA").map(PathBuf::from) else {
        println!("skipped: SEAWALL_TESTDATA names no data");
        return;
    };
    let only = std::env::var("SEAWALL_BENCH_ONLY").unwrap_or_default();
    let records = records(&data);
    println!("{} advisories", records.len());
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let fleet = Fleet::of(&records, &mut dice);
    let generations = [
        database(&the_day_before(&records, &mut dice), 0),
        database(&records, 1),
        database(&changed(&records, CHANGED, &mut dice), 2),
    ];
    if !matches!(only.as_str(), "postgresql" | "search") {
        on_sqlite(&fleet, &generations).await;
    }
    if !matches!(only.as_str(), "sqlite" | "search") {
        on_postgresql(&fleet, &generations).await;
    }
    if only.is_empty() || only == "search" {
        searched(&fleet, &mut dice);
    }
}

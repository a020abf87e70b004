//! A million findings of what happens, on both databases: taking them
//! in, and what people ask while that goes on.
//!
//! `cargo bench -p store --bench findings`;
//! `SEAWALL_BENCH_FINDINGS=1000000` for the figures of
//! docs/reference/performance.md, `SEAWALL_BENCH_ONLY=sqlite` or
//! `postgresql` for one of them, `SEAWALL_BENCH_URL=postgres://…` for an
//! empty database of your own. Not gating: it prints.
//!
//! Beside the time on the clock it says the processors' own, of this
//! process and of the database server it started, and how fast the same
//! rows go into a bare table in the same minute: on a machine that has
//! other work those say more.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it is a program that prints figures"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{Connection as _, PgConnection, QueryBuilder, SqliteConnection};

use jiff::Timestamp;
use model::{AssetKind, FindingKind, Fingerprint, Query, Severity, Tactics};
use store::{
    AssetStep, FindingBatch, FindingFilter, FindingSort, GroupBy, Happened, NewFinding, NewRule,
    PageRequest, RuleDetails, Scope, Sight, Store,
};
use tokio::task::JoinSet;

/// Findings of one batch.
const BATCH: usize = 2000;
/// Batches on their way at once.
const AT_ONCE: usize = 4;
const RULES: usize = 200;
const CONTAINERS: usize = 5000;

fn findings() -> usize {
    std::env::var("SEAWALL_BENCH_FINDINGS").map_or(100_000, |text| text.parse().unwrap())
}

fn time(number: usize) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + i64::try_from(number).unwrap() / 100).unwrap()
}

fn batch(from: usize) -> FindingBatch {
    let severities = [
        Severity::Low,
        Severity::Medium,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];
    let step = |kind, name: String| AssetStep {
        kind,
        identity: name.clone(),
        name,
    };
    // A burst comes from few containers.
    let findings: Vec<NewFinding> = (from..from + BATCH)
        .map(|number| {
            let container = (number / 40) % CONTAINERS;
            let rule = number % RULES;
            NewFinding {
                fingerprint: Fingerprint::of(&["bench", &number.to_string()]),
                rule: format!("rule-{rule}"),
                severity: severities[rule % 5],
                asset: vec![
                    step(AssetKind::Host, format!("node-{}", container % 50)),
                    step(AssetKind::Namespace, format!("team-{}", container % 100)),
                    step(AssetKind::Container, format!("app-{container}")),
                ],
                summary: Some(format!("process {} was started by {rule}", number % 9973)),
                path: None,
                layer: None,
                container: None,
                evidence: None,
                happened: Some(Happened {
                    first: time(number),
                    last: time(number),
                    times: 1,
                }),
            }
        })
        .collect();
    let rules = (0..RULES)
        .map(|rule| NewRule {
            kind: FindingKind::Alert,
            name: format!("rule-{rule}"),
            severity: severities[rule % 5],
            title: format!("Something of sort {rule}"),
            tactics: Tactics::default(),
            techniques: Vec::new(),
            details: RuleDetails::default(),
        })
        .collect();
    FindingBatch {
        environment: "local".to_owned(),
        now: time(from + BATCH),
        sight: Sight::Partial,
        rules,
        findings,
    }
}

/// Puts findings in; how long that took, without making them up.
async fn fill(store: &Store, from: usize, count: usize) -> Duration {
    let started = Instant::now();
    let mut made_up = Duration::ZERO;
    let mut writing = JoinSet::new();
    for number in (from..from + count).step_by(BATCH) {
        if writing.len() >= AT_ONCE {
            writing.join_next().await.unwrap().unwrap();
        }
        let making = Instant::now();
        let batch = batch(number);
        made_up += making.elapsed();
        let store = store.clone();
        writing.spawn(async move {
            store.put_findings(batch).await.unwrap();
        });
    }
    while let Some(done) = writing.join_next().await {
        done.unwrap();
    }
    started.elapsed().saturating_sub(made_up)
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

async fn ask(server: Option<&str>, name: &str, times: usize, question: impl AsyncFn()) {
    let mut took = Vec::with_capacity(times);
    let before = processor(server);
    for _ in 0..times {
        let started = Instant::now();
        question().await;
        took.push(started.elapsed());
    }
    let worked = processor(server).saturating_sub(before);
    took.sort();
    let each = worked.as_secs_f64() * 1000.0 / rate(times, Duration::from_secs(1));
    let at = |part: usize| took[(times - 1) * part / 100].as_secs_f64() * 1000.0;
    println!(
        "  {name:<24} p50 {:>8.2} ms   p99 {:>8.2} ms   processors {each:>6.2} ms each",
        at(50),
        at(99)
    );
}

async fn questions(store: &Store, server: Option<&str>, scope: &Scope) {
    let means = |text: &str| {
        let query = Query::parse(text).unwrap();
        FindingFilter::of_query(query, time(0), None)
    };
    let first = PageRequest::first(50);
    let sort = FindingSort::Severity;
    let page = async |filter: &FindingFilter, request: &PageRequest| {
        store.findings(scope, filter, sort, request).await.unwrap()
    };
    let open = means("");
    ask(server, "queue, first page", 500, async || {
        page(&open, &first).await;
    })
    .await;
    let next = PageRequest {
        limit: 50,
        cursor: page(&open, &first).await.next_cursor,
    };
    ask(server, "queue, next page", 300, async || {
        page(&open, &next).await;
    })
    .await;
    let narrowed = means("kind:alert severity:>=high");
    ask(server, "kind and severity", 300, async || {
        page(&narrowed, &first).await;
    })
    .await;
    ask(server, "facets", 200, async || {
        store.finding_facets(scope, &open).await.unwrap();
    })
    .await;
    ask(server, "groups by rule", 100, async || {
        let by = GroupBy::Rule;
        store
            .finding_groups(scope, &open, by, &first)
            .await
            .unwrap();
    })
    .await;
    for (name, text) in [
        ("search, common", "started"),
        ("search, a container", "app-4711"),
        ("search, nothing", "\"nothing like it\""),
    ] {
        let filter = means(text);
        ask(server, name, 20, async || {
            page(&filter, &first).await;
        })
        .await;
    }
}

/// Processor time of this process, and of a server whose folder is
/// named, so far. Nought where `/proc` does not say.
fn processor(server: Option<&str>) -> Duration {
    let postmaster = server.and_then(|folder| {
        std::fs::read_to_string(format!("{folder}/data/postmaster.pid"))
            .ok()?
            .lines()
            .next()?
            .parse::<u32>()
            .ok()
    });
    // Names may hold spaces; the numbers follow the last bracket. Hundredths
    // of a second: its own, and of its children that ended.
    let ticks = |pid: &str, parent: Option<u32>| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
        let is_child = number(1) == parent.map(u64::from);
        let is_parent = pid.parse() == Ok(parent.unwrap_or(0));
        (parent.is_none() || is_child || is_parent).then_some(())?;
        let own = number(11)? + number(12)?;
        Some(if is_parent {
            own + number(13)? + number(14)?
        } else {
            own
        })
    };
    let mut sum = ticks("self", None).unwrap_or(0);
    if postmaster.is_some() {
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name();
            sum += name
                .to_str()
                .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|pid| ticks(pid, postmaster))
                .unwrap_or(0);
        }
    }
    Duration::from_millis(sum * 10)
}

/// Rows a bare table is given.
const BARE: usize = 100_000;
const BARE_TABLE: &str = "CREATE TABLE bare (id BIGINT, rule TEXT, fingerprint TEXT,
    severity BIGINT, place TEXT, summary TEXT, first BIGINT, last BIGINT)";

/// How fast the rows themselves go in, without indexes, roll-ups and
/// whatever else a record is.
macro_rules! bare {
    ($connection:expr) => {{
        let mut connection = $connection;
        sqlx::raw_sql(BARE_TABLE)
            .execute(&mut connection)
            .await
            .unwrap();
        let mut took = Duration::ZERO;
        for from in (0..BARE).step_by(BATCH) {
            let batch = batch(from);
            let started = Instant::now();
            let mut transaction = connection.begin().await.unwrap();
            for rows in batch.findings.chunks(1000) {
                let mut query = QueryBuilder::new("INSERT INTO bare ");
                query.push_values(rows, |mut row, finding| {
                    let happened = finding.happened.unwrap();
                    row.push_bind(i64::try_from(from).unwrap())
                        .push_bind(&finding.rule)
                        .push_bind(finding.fingerprint.as_str())
                        .push_bind(1_i64)
                        .push_bind(&finding.asset[2].name)
                        .push_bind(&finding.summary)
                        .push_bind(happened.first.as_microsecond())
                        .push_bind(happened.last.as_microsecond());
                });
                query.build().execute(&mut *transaction).await.unwrap();
            }
            transaction.commit().await.unwrap();
            took += started.elapsed();
        }
        sqlx::raw_sql("DROP TABLE bare")
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        println!("  bare inserts of such rows: {:.0}/s", rate(BARE, took));
    }};
}

/// Fills, and says how fast and at what cost.
async fn fill_and_tell(store: &Store, server: Option<&str>, what: &str, count: usize) {
    let before = processor(server);
    let took = fill(store, 0, count).await;
    let worked = processor(server).saturating_sub(before);
    println!(
        "  {count} {what}: {:.0}/s; {:.1} s, processors {:.1} s",
        rate(count, took),
        took.as_secs_f64(),
        worked.as_secs_f64()
    );
}

async fn measure(store: Store, server: Option<&str>) {
    store.ensure_environment("local", "", false).await.unwrap();
    let count = findings().next_multiple_of(BATCH);
    fill_and_tell(&store, server, "taken in", count).await;
    let again = (count / 5).next_multiple_of(BATCH);
    fill_and_tell(&store, server, "seen again", again).await;
    let scope = store.scope(None).await.unwrap();
    println!("  quiet:");
    questions(&store, server, &scope).await;
    println!("  while a writer writes:");
    let stop = Arc::new(AtomicBool::new(false));
    let mut writer = JoinSet::new();
    writer.spawn({
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        async move {
            let mut next = count;
            while !stop.load(Ordering::Relaxed) {
                fill(&store, next, BATCH).await;
                next += BATCH;
            }
        }
    });
    questions(&store, server, &scope).await;
    stop.store(true, Ordering::Relaxed);
    writer.join_next().await.unwrap().unwrap();
    let started = Instant::now();
    let drifts = store.check_roll_ups().await.unwrap();
    println!(
        "  roll-ups counted again in {:.1} s: {} differ",
        started.elapsed().as_secs_f64(),
        drifts.len()
    );
    store.close().await;
}

fn say_load(dialect: &str) {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{dialect} (load of the machine: {})", load.trim());
}

#[tokio::main]
async fn main() {
    let only = std::env::var("SEAWALL_BENCH_ONLY").unwrap_or_default();
    let own = std::env::var("SEAWALL_BENCH_URL").ok();
    if only != "postgresql" && own.is_none() {
        let folder = tempfile::tempdir().unwrap();
        say_load("SQLite");
        let path = folder.path().join("bare.db");
        let url = format!("sqlite:{}?mode=rwc", path.display());
        bare!(SqliteConnection::connect(&url).await.unwrap());
        let file = folder.path().join("seawall.db");
        measure(Store::open(&file).await.unwrap(), None).await;
    }
    if let Some(url) = own {
        say_load("PostgreSQL, a server of yours");
        bare!(PgConnection::connect(&url).await.unwrap());
        measure(Store::connect(&url).await.unwrap(), None).await;
    } else if only != "sqlite"
        && let Some(cluster) = testkit::postgres::Postgres::start(true).unwrap()
    {
        let url = cluster.create_database().unwrap();
        say_load("PostgreSQL");
        bare!(PgConnection::connect(&url).await.unwrap());
        let folder = url
            .split_once("?host=")
            .map(|(_, folder)| folder.to_owned());
        measure(Store::connect(&url).await.unwrap(), folder.as_deref()).await;
    }
}

//! A million findings of what happens, on both databases: taking them
//! in, and what people ask while that goes on.
//!
//! `cargo bench -p store --bench findings`;
//! `SEAWALL_BENCH_FINDINGS=1000000` for the figures of
//! docs/reference/performance.md, `SEAWALL_BENCH_ONLY=sqlite` or
//! `postgresql` for one of them. Not gating: it prints.

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

async fn ask(name: &str, times: usize, question: impl AsyncFn()) {
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let started = Instant::now();
        question().await;
        took.push(started.elapsed());
    }
    took.sort();
    let at = |part: usize| took[(times - 1) * part / 100].as_secs_f64() * 1000.0;
    println!(
        "  {name:<34} p50 {:>8.2} ms   p99 {:>8.2} ms",
        at(50),
        at(99)
    );
}

async fn questions(store: &Store, scope: &Scope) {
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
    ask("queue, first page", 500, async || {
        page(&open, &first).await;
    })
    .await;
    let next = PageRequest {
        limit: 50,
        cursor: page(&open, &first).await.next_cursor,
    };
    ask("queue, next page", 300, async || {
        page(&open, &next).await;
    })
    .await;
    let narrowed = means("kind:alert severity:>=high");
    ask("kind and severity", 300, async || {
        page(&narrowed, &first).await;
    })
    .await;
    ask("facets", 200, async || {
        store.finding_facets(scope, &open).await.unwrap();
    })
    .await;
    ask("groups by rule", 100, async || {
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
        ask(name, 2, async || {
            page(&filter, &first).await;
        })
        .await;
    }
}

async fn measure(store: Store) {
    println!("{}", store.dialect().as_str());
    store.ensure_environment("local", "", false).await.unwrap();
    let count = findings().next_multiple_of(BATCH);
    let took = fill(&store, 0, count).await;
    println!("  {count} taken in: {:.0}/s", rate(count, took));
    let again = (count / 5).next_multiple_of(BATCH);
    let took = fill(&store, 0, again).await;
    println!("  {again} seen again: {:.0}/s", rate(again, took));
    let scope = store.scope(None).await.unwrap();
    println!("  quiet:");
    questions(&store, &scope).await;
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
    questions(&store, &scope).await;
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

#[tokio::main]
async fn main() {
    let only = std::env::var("SEAWALL_BENCH_ONLY").unwrap_or_default();
    if only != "postgresql" {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("seawall.db");
        measure(Store::open(&file).await.unwrap()).await;
    }
    if only != "sqlite"
        && let Some(cluster) = testkit::postgres::Postgres::start(true).unwrap()
    {
        let url = cluster.create_database().unwrap();
        measure(Store::connect(&url).await.unwrap()).await;
    }
}

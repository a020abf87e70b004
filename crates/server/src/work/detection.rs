//! Judging what the inbox took in.
//!
//! Read, judged, alerts into the record, position moved: in that order,
//! so that a sudden end costs nothing but judging again. What rules
//! remember (windows, sequences) is written down now and then; at start
//! it is read back, and what came between there and the position is
//! judged again without a word.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use model::Alert;
use serde::{Deserialize, Serialize};
use store::StoreError;

use crate::{
    app::App,
    detect::{ClusterWindows, Detector, Judged, Origin},
    inbox::{Counts, Reader, Record, SpoolIoError},
    metrics::add,
    work::{alert, engine::blocking},
};

/// Bytes of bodies judged before their alerts are kept.
const CHUNK_BYTES: usize = 8 << 20;
const CHUNK_ALERTS: usize = 2_000;
/// How often the position is written while there is more to judge.
const SAVE: Duration = Duration::from_secs(1);
/// How often what rules remember is written down.
const WINDOWS: Duration = Duration::from_secs(30);
/// Before a failed step is tried again.
const PAUSE: Duration = Duration::from_secs(2);
/// What was judged is looked back at so far at least: API servers send
/// batches again.
const LOOK_BACK: SignedDuration = SignedDuration::from_mins(10);
/// How often a cluster is noted as seen.
const MEET: SignedDuration = SignedDuration::from_mins(5);

/// Reader and rules, handed to a thread and back.
struct Bench {
    reader: Reader,
    detector: Detector,
}

/// What became of some records.
#[derive(Default)]
struct Chunk {
    alerts: BTreeMap<String, Vec<Alert>>,
    counts: BTreeMap<(String, String), Counts>,
    bytes: usize,
    number: usize,
    /// When the last of them came in.
    received: Option<Timestamp>,
}

impl Chunk {
    fn is_full(&self) -> bool {
        self.bytes >= CHUNK_BYTES || self.number >= CHUNK_ALERTS
    }

    fn add(&mut self, record: &Record, judged: Judged, now: Timestamp) {
        let head = &record.head;
        self.bytes += record.body.len();
        self.number += judged.alerts.len();
        self.received = Some(head.received);
        let delay = judged.newest.map(|newest| now.duration_since(newest));
        let counts = Counts {
            requests: 1,
            bytes: head.length,
            events: judged.events,
            alerts: judged.alerts.len() as u64,
            faults: judged.faults,
            last_received: Some(head.received),
            last_event: judged.newest,
            delay_ms: delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or_default()),
        };
        self.counts
            .entry((head.environment.clone(), head.cluster.clone()))
            .or_default()
            .add(&counts);
        if !judged.alerts.is_empty() {
            self.alerts
                .entry(head.environment.clone())
                .or_default()
                .extend(judged.alerts);
        }
    }
}

impl Bench {
    /// Judges what is there, up to a chunk.
    fn judge(&mut self, now: &dyn model::Clock) -> Result<Chunk, SpoolIoError> {
        let mut chunk = Chunk::default();
        while !chunk.is_full()
            && let Some(record) = self.reader.next()?
        {
            let judged = self.detector.judge(origin(&record), &record.body);
            chunk.add(&record, judged, now.now());
        }
        Ok(chunk)
    }

    /// Makes anew what was known at `until`: events before `known` are in
    /// the windows already, later ones are judged again.
    fn look_back(&mut self, known: u64, until: u64) -> Result<(), SpoolIoError> {
        while self.reader.position() < until
            && let Some(record) = self.reader.next()?
        {
            if record.sequence < known {
                self.detector.remember(origin(&record), &record.body);
            } else {
                drop(self.detector.judge(origin(&record), &record.body));
            }
        }
        Ok(())
    }

    /// What rules remember at this position, as text.
    fn windows(&self) -> String {
        let noted = Noted {
            unread: self.reader.position(),
            clusters: self.detector.windows(),
        };
        serde_json::to_string(&noted).expect("invariant: plain data")
    }
}

/// What rules remembered at a position.
#[derive(Serialize, Deserialize)]
struct Noted {
    unread: u64,
    clusters: Vec<ClusterWindows>,
}

fn origin(record: &Record) -> Origin<'_> {
    let head = &record.head;
    Origin {
        environment: &head.environment,
        cluster: &head.cluster,
        received: head.received,
        is_live: head.is_live,
    }
}

/// Judges until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    let mut more = app.inbox.spool().watch();
    let mut met = HashMap::new();
    let mut switches = app.switches.watch();
    switches.mark_unchanged();
    let mut bench = begin(&app).await;
    let mut saved = Instant::now();
    let mut noted = Instant::now();
    let (mut is_saved, mut is_noted) = (true, true);
    loop {
        if switches.has_changed().unwrap_or(false) {
            switches.mark_unchanged();
            bench.detector.replace(app.engine());
        }
        let clock = Arc::clone(&app.clock);
        let (returned, outcome) = blocking(move || {
            let outcome = bench.judge(clock.as_ref());
            (bench, outcome)
        })
        .await;
        bench = returned;
        let chunk = match outcome {
            Ok(chunk) => chunk,
            Err(error) => {
                tracing::error!(error = %model::error::chain(&error), "cannot read audit events");
                if pause(&app).await {
                    continue;
                }
                return;
            }
        };
        let is_idle = chunk.counts.is_empty();
        if !keep(&app, chunk, &mut met).await {
            return;
        }
        note_damage(&app, &mut bench);
        is_saved &= is_idle;
        is_noted &= is_idle;
        let is_ending = app.shutdown.is_cancelled();
        if !is_saved && (is_idle || is_ending || saved.elapsed() >= SAVE) {
            is_saved = save(&app, bench.reader.position()).await;
            saved = Instant::now();
        }
        if is_saved && !is_noted && (is_ending || noted.elapsed() >= WINDOWS) {
            is_noted = note_windows(&app, bench.windows()).await;
            noted = Instant::now();
        }
        if is_ending {
            return;
        }
        if !is_idle {
            continue;
        }
        app.inbox.note_lag(None);
        let is_due = async {
            if is_noted {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(WINDOWS.saturating_sub(noted.elapsed())).await;
        };
        tokio::select! {
            () = app.shutdown.cancelled() => {}
            () = is_due => {}
            changed = more.changed() => if changed.is_err() { return },
        }
    }
}

async fn note_windows(app: &Arc<App>, text: String) -> bool {
    let inbox = app.inbox.clone();
    let outcome = blocking(move || inbox.save_windows(&text)).await;
    if let Err(error) = &outcome {
        let error = model::error::chain(error);
        tracing::error!(error, "cannot write down what rules remember");
    }
    outcome.is_ok()
}

async fn begin(app: &Arc<App>) -> Bench {
    let spool = app.inbox.spool();
    let unread = spool.unread();
    let mut detector = app.detector();
    let since = spool.since(app.clock.now() - LOOK_BACK);
    let noted = app
        .inbox
        .windows()
        .and_then(|text| serde_json::from_str::<Noted>(&text).ok())
        .filter(|noted| noted.unread <= unread);
    let known = noted.as_ref().map_or(0, |noted| noted.unread);
    if let Some(noted) = noted {
        detector.recall(noted.clusters);
    }
    let mut bench = Bench {
        reader: spool.reader(if known > 0 { since.min(known) } else { since }),
        detector,
    };
    blocking(move || {
        if let Err(error) = bench.look_back(known, unread) {
            let error = model::error::chain(&error);
            tracing::warn!(error, "cannot look back at audit events");
        }
        bench
    })
    .await
}

/// Keeps what a chunk brought, for as long as it takes; `false`: the
/// server stops, and will judge it again.
async fn keep(
    app: &Arc<App>,
    chunk: Chunk,
    met: &mut HashMap<(String, String), Timestamp>,
) -> bool {
    for (environment, cluster) in chunk.counts.keys() {
        meet(app, environment, cluster, met).await;
    }
    for (environment, alerts) in chunk.alerts {
        loop {
            match alert::take(app, &environment, alerts.clone()).await {
                Ok(_taken) => break,
                Err(StoreError::NoEnvironment(name)) => {
                    tracing::warn!(
                        environment = name,
                        alerts = alerts.len(),
                        "alerts are dropped: their environment is gone"
                    );
                    break;
                }
                Err(error) => {
                    let error = model::error::chain(&error);
                    tracing::error!(error, "cannot keep alerts; trying again");
                }
            }
            if !pause(app).await {
                return false;
            }
        }
    }
    let mut clusters = app.inbox.clusters();
    for ((environment, cluster), counts) in &chunk.counts {
        clusters.judged(environment, cluster, counts);
        add(&app.metrics.audit_events, counts.events);
        add(&app.metrics.audit_faults, counts.faults.total());
        add(&app.metrics.audit_alerts, counts.alerts);
    }
    drop(clusters);
    app.inbox.note_lag(chunk.received);
    true
}

/// Makes the cluster an asset at first sight.
async fn meet(
    app: &Arc<App>,
    environment: &str,
    cluster: &str,
    met: &mut HashMap<(String, String), Timestamp>,
) {
    let now = app.clock.now();
    let key = (environment.to_owned(), cluster.to_owned());
    let is_due = met
        .get(&key)
        .is_none_or(|before| now.duration_since(*before) >= MEET);
    if !is_due {
        return;
    }
    match app.store.put_cluster(environment, cluster, now).await {
        Ok(()) | Err(StoreError::NoEnvironment(_)) => {
            met.insert(key, now);
        }
        Err(error) => {
            let error = model::error::chain(&error);
            tracing::warn!(error, cluster, "cannot note that a cluster was seen");
        }
    }
}

fn note_damage(app: &App, bench: &mut Bench) {
    let damaged = bench.reader.take_damaged();
    if damaged > 0 {
        // Whose they were was in what is damaged.
        app.inbox.note_damaged(damaged);
    }
}

async fn save(app: &Arc<App>, position: u64) -> bool {
    let inbox = app.inbox.clone();
    let keep = app.clock.now() - LOOK_BACK;
    let outcome = blocking(move || inbox.save(position, keep)).await;
    if let Err(error) = &outcome {
        let error = model::error::chain(error);
        tracing::error!(error, "cannot remember which audit events were judged");
    }
    outcome.is_ok()
}

/// Waits a moment; `false`: the server stops.
async fn pause(app: &App) -> bool {
    tokio::select! {
        () = app.shutdown.cancelled() => false,
        () = tokio::time::sleep(PAUSE) => true,
    }
}

//! Fifty changes a second, each of which makes a finding or mends one;
//! and how long until whoever looks sees it.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc::{RecvTimeoutError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::line::Line;

use super::fill::{FLIPPED, FLIPS, Filled, NAMESPACE};
use crate::server::Server;

const RATE: u32 = 50;
const WRITERS: u32 = 4;
/// What reads again though nobody told of news.
const LOOK: Duration = Duration::from_millis(500);
/// How long the last changes may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn get(line: &mut Line, server: &Server, path: &str) -> Value {
    let (status, body) = line
        .ask("GET", path, &[("cookie", server.cookie())], "")
        .expect("the server answers");
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("answers are JSON")
}

/// What came of changes.
pub(super) struct Changes {
    made: u32,
    took: Duration,
    waits: Vec<Duration>,
    /// What the API server took to take one.
    writes: Vec<Duration>,
    /// Changed again before they were seen; they waited until then at the
    /// least, and are counted so.
    overtaken: usize,
    /// Not seen at all.
    pub(super) lost: usize,
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "changes: {} at {:.1} a second; from the API server's answer to the finding seen or \
             gone p50 {} ms, p99 {} ms, most {} ms, {} changed again before, {} lost (the API server \
             answers in p50 {} ms, p99 {} ms)",
            self.made,
            f64::from(self.made) / self.took.as_secs_f64(),
            at(&self.waits, 50),
            at(&self.waits, 99),
            at(&self.waits, 100),
            self.overtaken,
            self.lost,
            at(&self.writes, 50),
            at(&self.writes, 99),
        )
    }
}

/// In milliseconds.
fn at(sorted: &[Duration], percent: usize) -> u128 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(0, Duration::as_millis)
}

/// Changes that were taken, and not seen yet: by pod, whether it is to
/// have a finding.
#[derive(Default)]
struct Waiting {
    pods: HashMap<String, (bool, Instant)>,
    waits: Vec<Duration>,
    writes: Vec<Duration>,
    /// Changed again before the change before was seen.
    overtaken: usize,
}

fn lock(waiting: &Mutex<Waiting>) -> std::sync::MutexGuard<'_, Waiting> {
    waiting.lock().expect("nobody panics with it")
}

/// The pods that have the finding now, as a page of the dashboard asks.
fn look(line: &mut Line, server: &Server) -> HashSet<String> {
    let q = format!("kind:misconfiguration%20rule:{FLIPPED}%20namespace:{NAMESPACE}");
    let page = get(line, server, &format!("/api/v1/findings?limit=1000&q={q}"));
    let items = page["items"].as_array().into_iter().flatten();
    items
        .filter_map(|finding| finding["asset"]["name"].as_str())
        .map(str::to_owned)
        .collect()
}

fn flip(line: &mut Line, pod: &str, is_bad: bool) {
    let tag = if is_bad { "latest" } else { "1.4" };
    let patch = json!([{"op": "replace", "path": "/spec/containers/0/image",
        "value": format!("registry.example/flip:{tag}")}]);
    let (status, body) = line
        .ask(
            "PATCH",
            &format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}"),
            &[("content-type", "application/json-patch+json")],
            &patch.to_string(),
        )
        .expect("the API server answers");
    assert_eq!(status, 200, "{body}");
}

impl Changes {
    /// Flips pods one after the other for so many seconds.
    pub(super) fn make(filled: &Filled, server: &Server, seconds: u32) -> Self {
        let waiting = Mutex::new(Waiting::default());
        let (ring, bell) = sync_channel::<()>(1);
        let next = AtomicU32::new(0);
        let is_over = AtomicBool::new(false);
        let count = seconds * RATE;
        let begun = Instant::now();
        // What a run before left as it was.
        let bad = look(&mut Line::to(&server.address), server);
        // Ends with the server: it reads for as long as that lives.
        let mut events = Line::to(&server.address);
        let news = events
            .follow("/api/v1/events", &[("cookie", server.cookie())])
            .expect("the server tells of events");
        thread::spawn(move || {
            for text in news {
                if text.starts_with("event:") && text.contains("findings") {
                    let _rung = ring.try_send(());
                }
            }
        });
        let (waiting_here, over) = (&waiting, &is_over);
        let took = thread::scope(|scope| {
            let looking = scope.spawn(move || {
                let mut line = Line::to(&server.address);
                while !over.load(Ordering::Relaxed) {
                    if bell.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
                        thread::sleep(LOOK);
                    }
                    let begun = Instant::now();
                    let there = look(&mut line, server);
                    let now = Instant::now();
                    let mut waiting = lock(waiting_here);
                    let mut waits = Vec::new();
                    waiting.pods.retain(|pod, (is_bad, since)| {
                        // What was changed while the page was read may not
                        // be what the page shows.
                        let is_seen = *since < begun && there.contains(pod) == *is_bad;
                        if is_seen {
                            waits.push(now.saturating_duration_since(*since));
                        }
                        !is_seen
                    });
                    waiting.waits.extend(waits);
                }
            });
            let writers: Vec<_> = (0..WRITERS)
                .map(|_| {
                    scope.spawn(|| {
                        let mut line = filled.line();
                        loop {
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            if number >= count {
                                return;
                            }
                            let due = Duration::from_secs(1) * number / RATE;
                            thread::sleep(due.saturating_sub(begun.elapsed()));
                            let pod = format!("flip-{}", number % FLIPS);
                            let is_bad = (number / FLIPS).is_multiple_of(2) != bad.contains(&pod);
                            let asked = Instant::now();
                            flip(&mut line, &pod, is_bad);
                            let now = Instant::now();
                            let mut waiting = lock(&waiting);
                            waiting.writes.push(now.saturating_duration_since(asked));
                            if let Some((_, since)) = waiting.pods.insert(pod, (is_bad, now)) {
                                waiting.overtaken += 1;
                                waiting.waits.push(now.saturating_duration_since(since));
                            }
                        }
                    })
                })
                .collect();
            for writer in writers {
                writer.join().expect("a writer ends");
            }
            let took = begun.elapsed();
            let written = Instant::now();
            while !lock(&waiting).pods.is_empty() && written.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(100));
            }
            is_over.store(true, Ordering::Relaxed);
            looking.join().expect("whoever looks ends");
            took
        });
        let mut waiting = waiting.into_inner().expect("nobody panicked with it");
        waiting.waits.sort_unstable();
        waiting.writes.sort_unstable();
        Self {
            made: count,
            took,
            overtaken: waiting.overtaken,
            lost: waiting.pods.len(),
            waits: waiting.waits,
            writes: waiting.writes,
        }
    }
}

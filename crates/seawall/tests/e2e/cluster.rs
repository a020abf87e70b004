//! A real API server sends its audit events to a real server: what an
//! attacker does with kubectl raises the alert it should, at once, and
//! what is nearly that raises none.

use std::{
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use model::{Clock as _, SystemClock};
use serde_json::Value;
use testkit::{
    audit_load::Load,
    cluster::{
        Audit, Batch, Cluster, Options, Webhook,
        script::{Played, Script, Step},
    },
};

use crate::{program::Seawall, server::Server};

/// How long an alert may take on a machine that does other things too.
/// What it took is printed.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);
/// How long the API server collects events before it sends them, as
/// `seawall audit policy` recommends it.
const WAIT: Duration = Duration::from_secs(1);

/// A step, how it went, and when its alert was seen.
struct Outcome<'a> {
    step: &'a Step,
    played: Played,
    alert: Option<Value>,
    seen: Timestamp,
}

impl Outcome<'_> {
    /// From the request to the alert.
    fn latency(&self) -> Option<SignedDuration> {
        let happened = time(&self.alert.as_ref()?["last_seen"])?;
        Some(self.seen.duration_since(happened))
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A cluster audited as `seawall audit policy` says.
fn start(seawall: &Seawall, server: &Server) -> Option<Cluster> {
    let policy = seawall
        .command()
        .args(["audit", "policy"])
        .output()
        .expect("the command starts");
    assert!(policy.status.success(), "{}", policy.status);
    let webhook = Webhook {
        url: format!("{}/api/v1/clusters/test/audit", server.url()),
        token: Some(server.token("ingest_audit")),
        ca: server.authority(),
        batch: Batch {
            wait: Some(WAIT),
            ..Batch::default()
        },
    };
    let options = Options {
        audit: Audit {
            policy: Some(String::from_utf8_lossy(&policy.stdout).into_owned()),
            webhook: Some(webhook),
            ..Audit::default()
        },
        ..Options::default()
    };
    Cluster::start(&options).expect("the cluster starts")
}

/// Alerts of one rule, newest first.
fn alerts(server: &Server, rule: &str) -> Vec<Value> {
    let path = format!("/api/v1/findings?state=all&limit=1000&sort=-last_seen&q=rule:{rule}");
    let page = server.get(&path);
    page["items"].as_array().cloned().unwrap_or_default()
}

/// Whether this alert is the one the step must raise.
fn is_right(step: &Step, since: Timestamp, alert: &Value) -> bool {
    let brief = &alert["alert"];
    let tactics = alert["tactics"].as_array().cloned().unwrap_or_default();
    time(&alert["last_seen"]).is_some_and(|last| last >= since)
        && text(&brief["principal"]["name"]) == step.user()
        && step
            .object
            .as_ref()
            .is_none_or(|object| text(&brief["object"]) == object)
        && step.tactics.iter().all(|tactic| {
            let is_it = |said: &Value| text(said).replace('-', "_") == *tactic;
            tactics.iter().any(is_it)
        })
}

/// Does a step, and looks for its alert from its beginning on.
fn play<'a>(server: &Server, cluster: &Cluster, step: &'a Step) -> Outcome<'a> {
    let started = SystemClock.now();
    thread::scope(|scope| {
        let playing = scope.spawn(|| {
            step.play(&cluster.place, &cluster.binary, &SystemClock)
                .expect("a step is done")
        });
        let mut alert = None;
        let mut patience = Instant::now();
        while alert.is_none() && patience.elapsed() < PATIENCE {
            if !playing.is_finished() {
                patience = Instant::now();
            } else if step.alert.is_none() {
                break;
            }
            alert = step
                .alert
                .iter()
                .flat_map(|rule| alerts(server, rule))
                .find(|alert| is_right(step, started, alert));
            if alert.is_none() {
                thread::sleep(LOOK);
            }
        }
        let seen = SystemClock.now();
        Outcome {
            step,
            played: playing.join().expect("a step is done"),
            alert,
            seen,
        }
    })
}

/// Waits until everything up to `moment` is judged.
fn settle(server: &Server, moment: Timestamp) {
    for _ in 0..600 {
        let health = server.find("/api/v1/clusters/test/audit");
        let health = health.unwrap_or_default();
        if time(&health["last_event"]).is_some_and(|last| last > moment)
            && health["spool"]["waiting"] == 0
        {
            return;
        }
        thread::sleep(LOOK);
    }
    panic!("the events are not judged");
}

/// Events while near misses were done, by whoever did them, that raised
/// what they must not: the rule they are near to, or anything worse than
/// low.
fn noise(server: &Server, script: &Script, outcomes: &[Outcome]) -> String {
    let mut noise = String::new();
    let page = server.get("/api/v1/findings?state=all&limit=1000&q=kind:alert");
    let every = page["items"].as_array().cloned().unwrap_or_default();
    for finding in &every {
        let id = text(&finding["id"]);
        let events = server.get(&format!("/api/v1/findings/{id}/events"));
        let events = events["items"].as_array().or_else(|| events.as_array());
        for event in events.into_iter().flatten() {
            let event = &event["event"];
            let Some(received) = time(&event["requestReceivedTimestamp"]) else {
                continue;
            };
            let near = outcomes.iter().find(|outcome| {
                outcome.step.near.is_some()
                    && (outcome.played.started..=outcome.played.ended).contains(&received)
                    && text(&event["user"]["username"]) == outcome.step.user()
            });
            let Some(outcome) = near else { continue };
            let near = outcome.step.near.as_deref();
            let near = near.and_then(|id| script.step(id)?.alert.as_deref());
            let is_bad = matches!(text(&finding["severity"]), "medium" | "high" | "critical");
            if is_bad || near == Some(text(&finding["rule"])) {
                let rule = text(&finding["rule"]);
                writeln!(noise, "{} raises {rule}", outcome.step.id).expect("a string grows");
            }
        }
    }
    noise
}

#[test]
fn every_attack_raises_its_alert_and_no_near_miss_does() {
    let seawall = Seawall::new();
    let server = Server::start_with_tls(&seawall);
    let Some(cluster) = start(&seawall, &server) else {
        return;
    };
    let script = Script::read().expect("the script is whole");
    script
        .prepare(&cluster.place, &cluster.binary)
        .expect("the cluster is set up");
    settle(&server, SystemClock.now());

    let outcomes: Vec<Outcome> = script
        .steps
        .iter()
        .map(|step| play(&server, &cluster, step))
        .collect();
    settle(&server, SystemClock.now());

    let mut missing = String::new();
    let mut latencies = Vec::new();
    println!("{:<42} {:<34} {:>10}", "step", "alert", "latency");
    for outcome in &outcomes {
        let step = outcome.step;
        let Some(rule) = &step.alert else { continue };
        let Some(latency) = outcome.latency() else {
            let there: Vec<Value> = alerts(&server, rule)
                .iter()
                .map(|alert| {
                    let object = &alert["alert"]["object"];
                    serde_json::json!([
                        alert["alert"]["principal"]["name"],
                        object,
                        alert["tactics"]
                    ])
                })
                .collect();
            writeln!(
                missing,
                "{}: no {rule} by {} about {:?} with {:?}; there are {}",
                step.id,
                step.user(),
                step.object,
                step.tactics,
                Value::from(there)
            )
            .expect("a string grows");
            continue;
        };
        latencies.push(latency.as_millis());
        println!("{:<42} {rule:<34} {:>7} ms", step.id, latency.as_millis());
    }
    latencies.sort_unstable();
    let near = script.steps.iter().filter(|step| step.near.is_some());
    let near = near.count();
    println!(
        "measured: {} attacks, {near} near misses; alert after {} ms (median), {} ms (slowest)",
        latencies.len(),
        latencies.get(latencies.len() / 2).unwrap_or(&0),
        latencies.last().unwrap_or(&0)
    );
    let noise = noise(&server, &script, &outcomes);
    assert!(missing.is_empty(), "{missing}");
    assert!(noise.is_empty(), "{noise}");
}

#[test]
fn what_was_acknowledged_is_judged_once_though_the_server_is_killed() {
    let seawall = Seawall::new();
    let mut server = Server::start(&seawall);
    let load = Load {
        // Not the full rate: this is a debug build, beside other tests.
        batch: 50,
        rate: 10,
        batches: 120,
        ..Load::full(
            server.address.clone(),
            "load".to_owned(),
            server.token("ingest_audit"),
            12,
        )
    };
    let cookie = server.cookie().to_owned();
    let sent = thread::scope(|scope| {
        let sending = scope.spawn(|| load.run(&SystemClock));
        for _ in 0..3 {
            thread::sleep(Duration::from_secs(3));
            server.restart(&seawall);
        }
        sending.join().expect("the sender does not panic")
    });
    let sent = sent.expect("every batch is acknowledged in the end");
    assert_eq!(sent.marks, 120);
    let marks = load
        .marks(("cookie", &cookie), &sent)
        .expect("the server says what it has");
    println!(
        "measured: {} events acknowledged with three kills, {} batches sent again, \
         acknowledged in {:?} (p50), {:?} (p99)",
        sent.events,
        sent.again,
        sent.percentile(50),
        sent.percentile(99)
    );
    assert_eq!(marks.there, 120, "alerts are lost");
    assert!(marks.doubled.is_empty(), "{:?}", marks.doubled);
}

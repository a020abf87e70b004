//! Ten thousand pods in a real API server, the connector and a real
//! server between it and whoever looks: how long until everything that is
//! wrong is told, how long from a change to its finding, and what both
//! take when nothing changes.
//!
//! Runs where it is asked to: `SEAWALL_POSTURE_PODS=10000`. kwok says
//! that the pods run (`SEAWALL_KWOK`, else the one in the path), half of
//! them made by deployments. `SEAWALL_PROGRAM` names the program to be
//! measured, `SEAWALL_POSTURE_PLACE` a folder to keep the cluster in for
//! the next run, `SEAWALL_POSTURE_NAKED` how many pods nothing makes,
//! `SEAWALL_POSTURE_SECONDS` and `SEAWALL_POSTURE_IDLE` how long changes
//! and quiet last.

mod changes;
mod fill;
mod size;

use std::{
    fs::File,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use testkit::{line::Line, skipped};

use crate::{program::Seawall, server::Server};
use changes::Changes;
use fill::{CLUSTER, Filled, Size};
use size::{Ended, Process};

/// How long the first picture may take, whatever the bar is.
const PATIENCE: Duration = Duration::from_mins(15);
const LOOK: Duration = Duration::from_millis(250);

fn asked(name: &str) -> Option<u32> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a number is expected"))
}

/// How many findings a query has.
fn total(line: &mut Line, server: &Server, query: &str) -> u64 {
    let path = format!("/api/v1/findings?limit=1&q={}", query.replace(' ', "%20"));
    let page = changes::get(line, server, &path);
    page["total"].as_u64().unwrap_or_default()
}

/// Waits until every fault that was planted is told; how long that took.
fn first_picture(line: &mut Line, server: &Server, filled: &Filled) -> Duration {
    let begun = Instant::now();
    loop {
        let told: Vec<u64> = filled
            .expected
            .iter()
            .map(|(query, _)| total(line, server, query))
            .collect();
        let is_there = filled
            .expected
            .iter()
            .zip(&told)
            .all(|((_, many), told)| many == told);
        if is_there {
            return begun.elapsed();
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "expected {:?}, found {told:?}; the connector says {}",
            filled.expected,
            server
                .find(&format!("/api/v1/clusters/{CLUSTER}/posture"))
                .unwrap_or_default()
        );
        thread::sleep(LOOK);
    }
}

/// What both take while nothing changes, in parts of a core.
fn quiet(connector: &Process, server: &Process, seconds: u32) {
    // What the last change set going ends first.
    thread::sleep(Duration::from_secs(15));
    let before = (connector.processor(), server.processor());
    thread::sleep(Duration::from_secs(u64::from(seconds)));
    let part = |now: f64, before: f64| 100.0 * (now - before) / f64::from(seconds);
    println!(
        "idle for {seconds} s: connector {:.2} %, server {:.2} % of a core; {} and {} MiB",
        part(connector.processor(), before.0),
        part(server.processor(), before.1),
        connector.memory().0,
        server.memory().0,
    );
}

#[test]
fn ten_thousand_pods_are_told_of_in_time() {
    let Some(pods) = asked("SEAWALL_POSTURE_PODS") else {
        skipped("posture at size is measured where SEAWALL_POSTURE_PODS says how many pods");
        return;
    };
    let naked = asked("SEAWALL_POSTURE_NAKED").unwrap_or(pods / 2);
    let Some(filled) = Filled::cluster(Size { pods, naked }) else {
        return;
    };
    let seawall = Seawall::new();
    let server = Server::start(&seawall);
    let serving = Process::of(server.id());
    let token = seawall.folder().join("connector-token");
    std::fs::write(&token, server.token("ingest")).expect("the token is written");
    let log = File::create(seawall.folder().join("connector.log")).expect("a log");
    let mut line = Line::to(&server.address);
    let empty = serving.memory().0;

    let begun = Instant::now();
    let connector = Ended(
        seawall
            .command()
            .args(["connector", "--cluster", CLUSTER, "--server", &server.url()])
            .arg("--kubeconfig")
            .arg(filled.kubeconfig())
            .arg("--token-file")
            .arg(token)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the connector starts"),
    );
    let telling = Process::of(connector.0.id());
    first_picture(&mut line, &server, &filled);
    let cold = begun.elapsed();
    let posture = server.get(&format!("/api/v1/clusters/{CLUSTER}/posture"));
    println!(
        "cold: {pods} pods, {naked} of them naked: all told after {cold:.1?}; \
         connector {:.1} s of processor, at most {} MiB; server {:.1} s, at most {} MiB ({empty} \
         before)",
        telling.processor(),
        telling.memory().1,
        serving.processor(),
        serving.memory().1,
    );
    println!(
        "judged: {}, affected: {}",
        posture["judged"], posture["affected"]
    );

    // What was told last is still being counted.
    thread::sleep(Duration::from_secs(5));
    let seconds = asked("SEAWALL_POSTURE_SECONDS").unwrap_or(60);
    if seconds > 0 {
        let before = (telling.processor(), serving.processor());
        let told = Changes::make(&filled, &server, seconds);
        let part = |now: f64, before: f64| 100.0 * (now - before) / f64::from(seconds);
        println!(
            "{told}; connector {:.0} %, server {:.0} % of a core; at most {} and {} MiB",
            part(telling.processor(), before.0),
            part(serving.processor(), before.1),
            telling.memory().1,
            serving.memory().1,
        );
        assert_eq!(told.lost, 0, "changes whose finding never came");
    }
    let idle = asked("SEAWALL_POSTURE_IDLE").unwrap_or(120);
    if idle > 0 {
        quiet(&telling, &serving, idle);
    }
}

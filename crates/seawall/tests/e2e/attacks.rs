//! The sensor as it is deployed: a real server, a real `seawall-sensor`
//! beside it, real containers of a real Docker Engine, and an intruder.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use model::{Clock as _, SystemClock};
use serde_json::Value;
use testkit::{
    node::{IMAGE, Line, Node, Script, Sensor, Step},
    service::is_root,
    skipped,
};

use crate::{program::Seawall, server::Server};

/// How long an alert may take on a machine that does other things too.
/// What it took is printed.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(3);
/// After a near miss, the time in which its alert would have come.
pub(crate) const SILENCE: Duration = Duration::from_millis(700);
/// What the node is called, so that other sensors' alerts are not ours.
pub(crate) const NODE: &str = "node-under-test";
const STARTS: Duration = Duration::from_mins(1);

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The sensor's program: the one named, or one built as this test was.
pub(crate) fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("SEAWALL_SENSOR") {
        return Some(named.into());
    }
    let beside = Path::new(env!("CARGO_BIN_EXE_seawall")).with_file_name("seawall-sensor");
    let mut build = Command::new(env!("CARGO"));
    build.args([
        "build",
        "--quiet",
        "--package",
        "sensor",
        "--bin",
        "seawall-sensor",
    ]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let status = build
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .status();
    if !status.is_ok_and(|status| status.success()) {
        skipped("seawall-sensor cannot be built here");
        return None;
    }
    Some(beside)
}

/// A server, a node, and the sensor between them.
pub(crate) struct Stage {
    sensor: Sensor,
    pub(crate) node: Node,
    pub(crate) server: Server,
    line: Line,
    _seawall: Seawall,
}

impl Stage {
    pub(crate) fn set() -> Option<Self> {
        if std::env::var_os("SEAWALL_ATTACKS").is_none() {
            skipped("attacks on this machine (set SEAWALL_ATTACKS; it takes a quiet one)");
            return None;
        }
        if !is_root("a sensor") {
            return None;
        }
        let program = program()?;
        let seawall = Seawall::new();
        let server = Server::start(&seawall);
        let node = Node::start().expect("the node starts")?;
        let token = seawall.folder().join("token");
        fs::write(&token, server.token("ingest")).expect("the token is written");
        let mut command = Command::new(program);
        command
            .args(["run", "--node", NODE, "--server", &server.url()])
            .arg("--token-file")
            .arg(&token)
            .arg("--state-dir")
            .arg(seawall.folder().join("state"))
            .arg("--host-root")
            .arg(node.root())
            .env("NO_COLOR", "1");
        let mut sensor =
            Sensor::start(command, &seawall.folder().join("sensor.log")).expect("it starts");
        let line = Line::open(&server.address, server.cookie()).expect("the server answers");
        let begun = Instant::now();
        while server.find(&format!("/api/v1/sensors/{NODE}")).is_none() {
            if let Some(end) = sensor.ended() {
                skipped(&format!("the sensor does not run here: {end}"));
                return None;
            }
            assert!(begun.elapsed() < STARTS, "no status: {}", sensor.log());
            thread::sleep(Duration::from_millis(100));
        }
        Some(Self {
            sensor,
            node,
            server,
            line,
            _seawall: seawall,
        })
    }

    /// Alerts of this node by one rule, or by any, the latest first.
    pub(crate) fn alerts(&mut self, rule: Option<&str>) -> Vec<Value> {
        let rule = rule.map(|rule| format!("+rule:{rule}")).unwrap_or_default();
        let path =
            format!("/api/v1/findings?state=all&limit=1000&sort=-last_seen&q=kind:alert{rule}");
        let page = self.line.get(&path).expect("the server answers");
        page["items"].as_array().cloned().unwrap_or_default()
    }

    pub(crate) fn detail(&mut self, finding: &Value) -> Value {
        let path = format!("/api/v1/findings/{}", text(&finding["id"]));
        self.line.get(&path).expect("a finding that was listed")
    }

    /// Whether an alert came of a step: the shell that did it is the
    /// process it is about or one above. (A trace has what else the
    /// container did, too.)
    fn is_of(detail: &Value, mark: &str) -> bool {
        ancestry(&detail["alert"]["trace"])
            .iter()
            .any(|process| text(&process["command"]).replace('+', " ").contains(mark))
    }

    /// Does a step and waits for its alert.
    fn play<'s>(&mut self, step: &'s Step, number: usize) -> Outcome<'s> {
        let mark = format!("step-{}-{number}-", std::process::id());
        let started = SystemClock.now();
        let mut outcome = Outcome {
            step,
            mark: mark.clone(),
            alert: None,
            latency: None,
            faults: Vec::new(),
        };
        let Some(rule) = step.alert.as_deref() else {
            self.node.play(step, &mark).expect("a step is done");
            thread::sleep(SILENCE);
            return outcome;
        };
        let Self { node, line, .. } = self;
        let (found, seen) = thread::scope(|scope| {
            let mark = &mark;
            let playing = scope.spawn(move || node.play(step, mark).expect("a step is done"));
            let path = format!(
                "/api/v1/findings?state=all&limit=20&sort=-last_seen&q=kind:alert+rule:{rule}"
            );
            let mut patience = Instant::now();
            loop {
                let page = line.get(&path).expect("the server answers");
                let seen = SystemClock.now();
                let items = page["items"].as_array().cloned().unwrap_or_default();
                let fresh = items.into_iter().filter(|finding| {
                    time(&finding["last_seen"]).is_some_and(|last| last >= started)
                });
                for finding in fresh {
                    let path = format!("/api/v1/findings/{}", text(&finding["id"]));
                    let detail = line.get(&path).expect("a finding that was listed");
                    if Self::is_of(&detail, mark) {
                        return (Some(detail), seen);
                    }
                }
                if !playing.is_finished() {
                    patience = Instant::now();
                } else if patience.elapsed() > PATIENCE {
                    return (None, seen);
                }
                thread::sleep(LOOK);
            }
        });
        if let Some(detail) = found {
            let happened = time(&detail["finding"]["last_seen"]);
            outcome.latency = happened.map(|happened| seen.duration_since(happened));
            outcome.faults = self.faults(step, &detail);
            outcome.alert = Some(detail);
        }
        outcome
    }

    /// What an alert says that is not so, or leaves out.
    fn faults(&self, step: &Step, detail: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        let mut fault = |is_right: bool, what: String| {
            if !is_right {
                faults.push(what);
            }
        };
        let finding = &detail["finding"];
        let chain = detail["chain"].as_array().cloned().unwrap_or_default();
        let named = |kind: &str| {
            let found = chain.iter().find(|asset| text(&asset["kind"]) == kind);
            found.map(|asset| text(&asset["name"]).to_owned())
        };
        let host = named("host");
        fault(host.as_deref() == Some(NODE), format!("host {host:?}"));
        let fields = &detail["evidence"]["fields"];
        if step.place == "host" {
            let container = named("container");
            fault(container.is_none(), format!("container {container:?}"));
        } else {
            let container = named("container");
            let is_it = container.as_deref() == Some(step.place.as_str());
            fault(is_it, format!("container {container:?}"));
            let id = text(&fields["container.full_id"]);
            let is_it = Some(id) == self.node.container(&step.place);
            fault(is_it, format!("container id '{id}'"));
            let image = text(&detail["alert"]["image"]);
            fault(image == IMAGE, format!("image '{image}'"));
        }
        let tactics: Vec<String> = finding["tactics"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|tactic| text(tactic).replace('-', "_"))
            .collect();
        for tactic in &step.tactics {
            fault(tactics.contains(tactic), format!("tactics {tactics:?}"));
        }
        let above: Vec<String> = ancestry(&detail["alert"]["trace"])
            .iter()
            .map(|process| text(&process["name"]).to_owned())
            .collect();
        let subject = above.first().map(String::as_str);
        fault(
            subject == step.process.as_deref(),
            format!("process tree {above:?}"),
        );
        for name in &step.above {
            let is_above = above.iter().skip(1).any(|own| own == name);
            fault(is_above, format!("process tree {above:?}"));
        }
        let is_dated = detail["alert"]["trace"]["events"]
            .as_array()
            .is_some_and(|events| !events.is_empty());
        fault(is_dated, "no timeline".to_owned());
        faults
    }
}

/// The process an alert is about, and those above it.
fn ancestry(trace: &Value) -> Vec<&Value> {
    let none = &[][..];
    let processes = trace["processes"].as_array().map_or(none, Vec::as_slice);
    let mut line = Vec::new();
    let mut next = processes.iter().find(|it| it["is_subject"] == true);
    while let Some(process) = next {
        line.push(process);
        if line.len() > processes.len() {
            break;
        }
        let parent = &process["parent"];
        let above = processes.iter().find(|it| it["pid"] == *parent);
        next = above.filter(|_| *parent != 0);
    }
    line
}

/// A step and what came of it.
struct Outcome<'s> {
    step: &'s Step,
    mark: String,
    alert: Option<Value>,
    latency: Option<SignedDuration>,
    faults: Vec<String>,
}

/// Steps named in the environment alone, so that one can be tried.
fn chosen(script: &Script) -> Vec<&Step> {
    let only = std::env::var_os("SEAWALL_STEPS").unwrap_or_default();
    let only = only.to_string_lossy();
    let only: Vec<&str> = only.split(',').filter(|id| !id.is_empty()).collect();
    let is_chosen = |step: &&Step| only.is_empty() || only.contains(&step.id.as_str());
    script.steps.iter().filter(is_chosen).collect()
}

/// The worst a near miss may raise.
pub(crate) fn is_loud(severity: &str) -> bool {
    matches!(severity, "medium" | "high" | "critical")
}

#[test]
fn every_attack_raises_its_alert_and_no_near_miss_does() {
    let script = Script::read().expect("the script is whole");
    let Some(mut stage) = Stage::set() else {
        return;
    };
    let steps = chosen(&script);
    let outcomes: Vec<Outcome<'_>> = steps
        .into_iter()
        .enumerate()
        .map(|(number, step)| stage.play(step, number))
        .collect();

    let mut wrong = String::new();
    let mut latencies = Vec::new();
    println!("{:<32} {:<40} {:>9}", "step", "alert", "latency");
    for outcome in &outcomes {
        let step = outcome.step;
        let Some(rule) = &step.alert else { continue };
        let Some(latency) = outcome.latency else {
            println!("{:<32} {rule:<40} {:>9}", step.id, "none");
            writeln!(wrong, "{}: no {rule}", step.id).expect("a string grows");
            continue;
        };
        latencies.push(latency.as_micros());
        #[expect(clippy::cast_precision_loss, reason = "milliseconds for people")]
        let told = latency.as_micros() as f64 / 1000.0;
        println!("{:<32} {rule:<40} {told:>6.1} ms", step.id);
        for fault in &outcome.faults {
            writeln!(wrong, "{}: {rule}, but {fault}", step.id).expect("a string grows");
        }
    }
    latencies.sort_unstable();
    let part = |share: usize| {
        let at = (latencies.len() * share).div_ceil(100).saturating_sub(1);
        latencies.get(at).copied().unwrap_or(0) / 1000
    };
    let near = outcomes.iter().filter(|it| it.step.near.is_some()).count();
    println!(
        "measured: {} attacks of {} in containers and {} on the host, {near} near misses; alert \
         in the server after {} ms (p50), {} ms (p99), {} ms (slowest)",
        latencies.len(),
        script.attacks(false),
        script.attacks(true),
        part(50),
        part(99),
        part(100),
    );

    for finding in stage.alerts(None) {
        let detail = stage.detail(&finding);
        let outcome = outcomes
            .iter()
            .filter(|outcome| outcome.step.near.is_some())
            .find(|outcome| Stage::is_of(&detail, &outcome.mark));
        let Some(outcome) = outcome else { continue };
        let rule = text(&finding["rule"]);
        let near = outcome.step.near.as_deref();
        let near = near.and_then(|id| script.step(id)?.alert.as_deref());
        if near == Some(rule) || is_loud(text(&finding["severity"])) {
            writeln!(wrong, "{} raises {rule}", outcome.step.id).expect("a string grows");
        }
    }
    if let Some(end) = stage.sensor.ended() {
        writeln!(wrong, "{end}").expect("a string grows");
    }
    assert!(wrong.is_empty(), "{wrong}\n{}", stage.sensor.log());
}

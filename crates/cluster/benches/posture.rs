//! Ten thousand pods judged cold, and fifty changes a second after that.
//!
//! `cargo bench -p cluster --bench posture`. No framework: what counts is
//! one pass over everything and the memory it takes, not the mean of many.
//! The pods are of a hundred templates and nothing known made them, so
//! each is judged.

#![expect(clippy::print_stdout, reason = "figures are what a bench is for")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cluster::watch::{Arrived, Core};
use policy::bundle;
use serde_json::{Value, json};

mod common;

use common::processor;

const PODS: usize = 10_000;
const TEMPLATES: usize = 100;
const CHANGES: u32 = 500;
const PACE: Duration = Duration::from_millis(20);

fn pod(number: usize, turn: u32) -> Value {
    let template = number % TEMPLATES;
    let container = |index: usize| {
        json!({"name": format!("c{index}"),
            "image": format!("registry.example/team-{template}/service-{index}:1.{template}"),
            "imagePullPolicy": "IfNotPresent",
            "command": ["/usr/bin/service", "--config", "/etc/service/config.yaml"],
            "env": (0..12).map(|env| json!({"name": format!("SETTING_{env}"),
                "value": format!("value-{env}-of-{template}")})).collect::<Vec<_>>(),
            "ports": [{"containerPort": 8080 + index, "protocol": "TCP"}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"},
                "limits": {"cpu": "1", "memory": "512Mi"}},
            "livenessProbe": {"httpGet": {"path": "/live", "port": 8080}, "periodSeconds": 10},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5},
            "securityContext": {"allowPrivilegeEscalation": template.is_multiple_of(3),
                "privileged": template.is_multiple_of(17), "runAsNonRoot": template.is_multiple_of(2),
                "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/service"},
                {"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                    "readOnly": true}]})
    };
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("pod-{number}"), "namespace": format!("ns-{}", number % 50),
            "uid": format!("00000000-0000-0000-0000-{number:012}"),
            "labels": {"app": format!("app-{template}"), "team": format!("team-{template}"),
                "turn": turn.to_string()},
            "annotations": {"example.org/checksum": format!("{number:064x}")}},
        "spec": {"nodeName": format!("node-{}", number % 200), "serviceAccountName": "default",
            "containers": [container(0), container(1), container(2)],
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists",
                "effect": "NoExecute", "tolerationSeconds": 300}],
            "volumes": [{"name": "config", "configMap": {"name": "config"}},
                {"name": "token", "projected": {"sources": [
                    {"serviceAccountToken": {"path": "token"}}]}}]},
        "status": {"phase": "Running", "podIP": format!("10.0.{}.{}", number / 250, number % 250)}})
}

/// Resident memory, in MiB; and the most there was.
fn memory() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number
            .and_then(|number| number.parse::<u64>().ok())
            .unwrap_or(0)
            / 1024
    };
    (line("VmRSS:"), line("VmHWM:"))
}

fn arrive(core: &mut Core, pod: Value) {
    if let Some(Ok(arrived)) = Arrived::of(pod) {
        core.put(arrived, Instant::now());
    }
}

fn main() {
    let before = memory();
    let mut core = Core::new(Arc::new(bundle()));
    let constraints = core.policies().constraints().count();
    println!("policies: {constraints} constraints, {} MiB", memory().0);
    let size = pod(1, 0).to_string().len();
    let begun = Instant::now();
    core.extend((0..PODS).map(|number| pod(number, 0)));
    println!(
        "taken in: {PODS} pods of {size} bytes in {:?}, {} MiB",
        begun.elapsed(),
        memory().0
    );
    let (begun, taken) = (Instant::now(), processor());
    while core.to_judge() > 0 {
        core.judge(Duration::from_millis(150), 0);
    }
    let cold = begun.elapsed();
    let (now, most) = memory();
    println!(
        "cold: {PODS} pods × {constraints} constraints in {cold:.1?} ({:.1} s of processor); {now} \
         MiB, at most {most} MiB ({} MiB before)",
        processor() - taken,
        before.0
    );
    let violations: u64 = core.verdicts().map(|(_, one)| u64::from(one.count)).sum();
    println!("violations: {violations}");

    let mut waits = Vec::new();
    let mut busy = Duration::ZERO;
    for turn in 1..=CHANGES {
        let begun = Instant::now();
        let number = (turn as usize * 7919) % PODS;
        arrive(&mut core, pod(number, turn));
        core.judge(Duration::from_millis(150), 0);
        let took = begun.elapsed();
        waits.push(took);
        busy += took;
        std::thread::sleep(PACE.saturating_sub(took));
    }
    waits.sort_unstable();
    println!(
        "changes: {CHANGES} at 50 a second; to the verdict p50 {:?}, p99 {:?}, most {:?}; {:.1} % of \
         a core",
        waits[waits.len() / 2],
        waits[waits.len() * 99 / 100],
        waits[waits.len() - 1],
        100.0 * busy.as_secs_f64() / (f64::from(CHANGES) * PACE.as_secs_f64())
    );
}

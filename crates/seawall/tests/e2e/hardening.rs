//! A cluster with planted faults in front of a real API server, and its
//! twin without them: each fault is found, and the twin is quiet.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    process::Stdio,
};

use serde_json::{Value, json};
use testkit::{
    cluster::{Cluster, Options},
    hardening::{Planted, bad, key, twin},
};

use crate::{admission::until, program::Seawall};

/// What cannot be seen of what is in a cluster; pipelines and admission
/// see it, and a server that scans.
const ELSEWHERE: [&str; 2] = [
    // What scans said of images is the server's to know.
    "pods-images-not-vulnerable",
    "pods-images-scanned",
];

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Objects of the real cluster, at least.
const SEEDED: usize = 150;

type Found = BTreeMap<String, BTreeSet<String>>;

/// Makes the objects, and says what is found of each. Nothing where the
/// cluster cannot be had.
fn assess(planted: &[Planted]) -> Option<Found> {
    let options = Options {
        nodes: 0,
        is_bare: true,
        ..Options::default()
    };
    let cluster = Cluster::start(&options).expect("the cluster starts")?;
    let objects: Vec<&Value> = planted
        .iter()
        .filter(|one| one.real)
        .map(|one| &one.object)
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let mut child = cluster
        .kubectl("admin")
        .args([
            "apply",
            "--server-side",
            "--force-conflicts",
            "--validate=false",
            "-f",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(list.to_string().as_bytes()).ok();
    drop(pipe);
    let made = child.wait_with_output().expect("kubectl ends");
    let refused: Vec<String> = String::from_utf8_lossy(&made.stderr)
        .lines()
        .filter(|line| !line.contains("Warning"))
        .map(str::to_owned)
        .collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    settle(&cluster, &objects);
    let output = Seawall::new()
        .command()
        .args(["connector", "--once", "--format", "json", "--kubeconfig"])
        .arg(cluster.place.kubeconfig("admin"))
        .output()
        .expect("the command starts");
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let mut found = Found::new();
    for item in told["items"].as_array().into_iter().flatten() {
        let object = json!({"kind": item["object"]["kind"],
            "metadata": {"name": item["object"]["name"], "namespace": item["object"]["namespace"]}});
        let said = found.entry(key(&object)).or_default();
        for violation in item["violations"].as_array().into_iter().flatten() {
            // Ours are named by their policy.
            said.insert(violation["constraint"].as_str().unwrap_or("?").to_owned());
        }
    }
    Some(found)
}

/// Brings about what making objects does not.
fn settle(cluster: &Cluster, objects: &[&Value]) {
    let kubectl = |arguments: &[&str]| {
        let output = cluster.kubectl("admin").args(arguments).output();
        let output = output.expect("kubectl starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    };
    for object in objects {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
        let (Some(kind), Some(name)) = (text("/kind"), text("/metadata/name")) else {
            continue;
        };
        let namespace = text("/metadata/namespace").unwrap_or("default");
        // kubectl writes its own over it.
        if let Some(applied) = object["metadata"]["annotations"][LAST_APPLIED].as_str() {
            let note = format!("{LAST_APPLIED}={applied}");
            let change = ["annotate", "--overwrite", kind, name, &note];
            kubectl(&[&["-n", namespace], change.as_slice()].concat());
        }
        // Tokens are made a moment later, and whose they are is written then.
        if text("/type") == Some("kubernetes.io/service-account-token") {
            until("a token is made", || {
                let asked = ["-n", namespace, "get", kind, name, "-o", "json"];
                let secret: Value = serde_json::from_slice(&kubectl(&asked)).expect("JSON");
                let notes = &secret["metadata"]["annotations"];
                notes["kubernetes.io/service-account.uid"].is_string()
            });
        }
    }
}

#[test]
fn each_planted_fault_is_found_and_the_twin_is_quiet() {
    let planted = bad().expect("the plants are read");
    let Some(found) = assess(&planted) else {
        return;
    };
    let none = BTreeSet::new();
    let mut faults = Vec::new();
    let (mut objects, mut seen) = (0, 0);
    for one in planted.iter().filter(|one| one.real) {
        objects += 1;
        let place = key(&one.object);
        let told = found.get(&place).unwrap_or(&none);
        for policy in told.iter().filter(|known| !one.policies.contains(known)) {
            faults.push(format!("{place}: nobody planted {policy}"));
        }
        for policy in &one.policies {
            if told.contains(policy) {
                seen += 1;
            } else if !ELSEWHERE.contains(&policy.as_str()) {
                faults.push(format!("{place}: {policy} does not find it"));
            }
        }
    }
    let quiet = twin().expect("the twin is read");
    let Some(found) = assess(&quiet) else { return };
    for one in quiet.iter().filter(|one| one.real) {
        if let Some(told) = found.get(&key(&one.object)) {
            faults.push(format!("{} of the twin: {told:?}", key(&one.object)));
        }
    }
    assert!(
        objects >= SEEDED,
        "only {objects} objects in a real cluster"
    );
    println!("{objects} objects in a real cluster, {seen} planted faults found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

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

use crate::program::Seawall;

/// What cannot be seen of what is in a cluster; pipelines and admission
/// see it, and a server that scans.
const ELSEWHERE: [&str; 5] = [
    // What secrets and configurations hold is never read.
    "accounts-no-token-secrets",
    "config-maps-no-secrets",
    // What scans said of images is the server's to know.
    "pods-images-not-vulnerable",
    "pods-images-scanned",
    // The API server answers in the version it is asked for.
    "objects-no-removed-api",
];

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
    println!("{objects} objects in a real cluster, {seen} planted faults found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

//! What judging costs: a pod of three containers and 7 KB under fifty
//! constraints, and ten thousand of them.
//!
//! The policies are the default bundle's, or those of the public
//! Gatekeeper library where `SEAWALL_GATEKEEPER_LIBRARY` names a copy.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on should stop")]
#![expect(clippy::print_stdout, reason = "it says what criterion does not")]

use std::hint::black_box;
use std::time::Instant;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use policy::review::{Kind, Moment, Operation, Origin, Review, Violation};
use policy::suite::RegoEngine;
use policy::{Document, Policies, World};
use serde_json::{Value, json};

const CONSTRAINTS: usize = 50;

/// Fifty constraints that are asked about pods.
fn documents() -> Vec<Document> {
    let all = match std::env::var("SEAWALL_GATEKEEPER_LIBRARY") {
        Ok(folder) => library(std::path::Path::new(&folder).join("library").as_path()),
        Err(_) => policy::bundle(),
    };
    let is_template = |document: &&Document| document.value["kind"] == "ConstraintTemplate";
    let mut documents: Vec<Document> = all.iter().filter(is_template).cloned().collect();
    let constraints: Vec<&Document> = all
        .iter()
        .filter(|document| !is_template(document))
        .filter(|document| {
            let kinds = document.value["spec"]["match"]["kinds"].to_string();
            kinds.contains("\"Pod\"")
        })
        .collect();
    assert!(!constraints.is_empty(), "no constraint asks about pods");
    for (index, constraint) in constraints.iter().cycle().take(CONSTRAINTS).enumerate() {
        let mut constraint = (*constraint).clone();
        constraint.value["metadata"]["name"] = json!(format!("c{index}"));
        constraint.value["spec"]["match"] =
            json!({"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]});
        documents.push(constraint);
    }
    documents
}

fn library(folder: &std::path::Path) -> Vec<Document> {
    let mut documents = Vec::new();
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            documents.extend(library(&entry));
            continue;
        }
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if name != "template.yaml" && name != "constraint.yaml" {
            continue;
        }
        let text = std::fs::read_to_string(&entry).unwrap();
        for value in policy::suite::documents(&text).unwrap() {
            documents.push(Document {
                source: name.clone(),
                value,
            });
        }
    }
    documents
}

/// A pod of about 7 KB; `workload` tells the pods of one from another's,
/// `index` those of one apart.
fn pod(workload: usize, index: usize) -> Value {
    let container = |name: &str| {
        let env: Vec<Value> = (0..14)
            .map(|each| {
                json!({"name": format!("SETTING_{each}"),
                "value": format!("value-of-{name}-{workload}-{each}")})
            })
            .collect();
        json!({
            "name": name,
            "image": format!("registry.example/team-{}/{name}:1.{workload}", workload % 7),
            "args": ["--listen=0.0.0.0:8080", "--log-format=json", "--shutdown-grace=30s"],
            "env": env,
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "500m", "memory": "256Mi"},
                "requests": {"cpu": "100m", "memory": "128Mi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"},
                "periodSeconds": 10, "timeoutSeconds": 2, "failureThreshold": 3},
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"},
                "periodSeconds": 5, "timeoutSeconds": 2},
            "securityContext": {"allowPrivilegeEscalation": false, "runAsNonRoot": true,
                "runAsUser": 10001, "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}},
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"},
                {"name": "config", "mountPath": "/etc/service", "readOnly": true}],
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent",
        })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("service-{workload}-7c9d8f-{index}"), "namespace": "shop",
            "uid": format!("5f1c-{workload}-{index}"),
            "labels": {"app": format!("service-{workload}"), "team": "shop", "tier": "backend",
                "pod-template-hash": format!("7c9d8f{workload}")},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080",
                "checksum/config": format!("{workload:064}")},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet",
                "name": format!("service-{workload}-7c9d8f"), "uid": format!("{workload}"),
                "controller": true}],
        },
        "spec": {
            "containers": [container("app"), container("proxy"), container("metrics")],
            "serviceAccountName": "service", "automountServiceAccountToken": false,
            "nodeName": format!("node-{}", index % 50),
            "securityContext": {"fsGroup": 10001, "runAsNonRoot": true},
            "volumes": [{"name": "tmp", "emptyDir": {}},
                {"name": "config", "configMap": {"name": "service", "defaultMode": 420}}],
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists",
                "effect": "NoExecute", "tolerationSeconds": 300}],
        },
    })
}

fn judge(policies: &Policies, object: &Value, world: &World) -> Vec<Violation> {
    policies.review(
        &Review {
            moment: Moment::Audit,
            operation: Operation::Create,
            kind: Kind::of(object).unwrap_or_default(),
            object: Some(object),
            old_object: None,
            name: object["metadata"]["name"].as_str().unwrap_or_default(),
            namespace: "shop",
            namespace_object: None,
            origin: Origin::Original,
            request: None,
        },
        world,
    )
}

/// What this process holds in memory, in KB.
fn resident() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Ten thousand pods, cold: as they come from a watch, one after the
/// other, on one thread.
fn cold(documents: &[Document], replicas: usize, engine: RegoEngine) {
    const PODS: usize = 10_000;
    let before = resident();
    let (policies, _) = Policies::load_on(documents, engine);
    let world = World::default();
    let start = Instant::now();
    let mut said = 0;
    for index in 0..PODS {
        said += judge(&policies, &pod(index / replicas, index), &world).len();
    }
    println!(
        "cold, {engine:?}: {PODS} pods in {} workloads × {} constraints: {:.1} s on one thread, \
         {said} violations, {} MB more",
        PODS / replicas,
        policies.constraints().count(),
        start.elapsed().as_secs_f64(),
        resident().saturating_sub(before) / 1024
    );
}

/// The constraints that take longest, each asked alone about pods nobody
/// has seen.
fn dearest(documents: &[Document]) {
    const PODS: u32 = 300;
    const SHOWN: usize = 12;
    let (templates, constraints): (Vec<&Document>, Vec<&Document>) = documents
        .iter()
        .partition(|document| document.value["kind"] == "ConstraintTemplate");
    let world = World::default();
    let mut times: Vec<_> = constraints
        .iter()
        .map(|constraint| {
            let kind = constraint.value["kind"].as_str().unwrap();
            let template = templates
                .iter()
                .find(|it| it.value["spec"]["crd"]["spec"]["names"]["kind"] == kind);
            let alone: Vec<Document> = template
                .into_iter()
                .chain([constraint])
                .map(|it| (*it).clone())
                .collect();
            let (policies, _) = Policies::load(&alone);
            let pods: Vec<Value> = (0..PODS as usize).map(|index| pod(index, index)).collect();
            let start = Instant::now();
            for pod in &pods {
                black_box(judge(&policies, pod, &world));
            }
            (start.elapsed() / PODS, kind)
        })
        .collect();
    times.sort_unstable_by(|one, other| other.cmp(one));
    let all: std::time::Duration = times.iter().map(|(time, _)| *time).sum();
    println!("each alone, {all:.1?} in all:");
    for (time, kind) in times.iter().take(SHOWN) {
        println!("  {time:>9.1?}  {kind}");
    }
}

fn benches(criterion: &mut Criterion) {
    let documents = documents();
    dearest(&documents);
    let bytes = pod(1, 1).to_string().len();
    let world = World::default();
    println!("a pod of {bytes} bytes, {CONSTRAINTS} constraints");
    for engine in [RegoEngine::Interpreter, RegoEngine::Bytecode] {
        let (policies, problems) = Policies::load_on(&documents, engine);
        assert!(problems.is_empty(), "{problems:#?}");
        let mut count = 0;
        criterion.bench_function(&format!("review/{engine:?}/new"), |bench| {
            bench.iter_batched(
                || {
                    count += 1;
                    pod(count, count)
                },
                |object| black_box(judge(&policies, &object, &world)),
                BatchSize::SmallInput,
            );
        });
        let known = pod(1, 1);
        criterion.bench_function(&format!("review/{engine:?}/seen"), |bench| {
            bench.iter(|| black_box(judge(&policies, &known, &world)));
        });
    }
    criterion.bench_function("load", |bench| {
        bench.iter(|| black_box(Policies::load(&documents).1.len()));
    });
    for (replicas, engine) in [
        (1, RegoEngine::Interpreter),
        (1, RegoEngine::Bytecode),
        (10, RegoEngine::Bytecode),
    ] {
        cold(&documents, replicas, engine);
    }
}

criterion_group! {
    name = review;
    config = Criterion::default().sample_size(20);
    targets = benches
}
criterion_main!(review);

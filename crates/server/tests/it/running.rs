//! What runs, what of it is used, what presses, and what to do first.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::http::StatusCode;
use jiff::Timestamp;
use model::{Digest, PackageFiles, package_files::path_key};
use serde_json::{Value, json};

use crate::{
    people::{in_days, token},
    test_server::{Person, TestServer, start_at},
};

struct MovedClock(AtomicI64);

impl model::Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

const BEGUN: i64 = 1_767_355_200;

fn at(hours: i64) -> String {
    Timestamp::from_second(BEGUN + hours * 3600)
        .unwrap()
        .to_string()
}

fn sha(build: &str) -> String {
    Digest::of(build.as_bytes()).to_string()
}

/// A report of an image with `curl` and `rsync`, of each of which the
/// starter advisories know something.
fn report() -> Value {
    let packages = [("curl", "7.88.1-10"), ("rsync", "3.2.7-1")].map(|(name, version)| {
        json!({"kind": "deb", "name": name, "version": version, "ecosystem": "Debian:12",
            "purl": format!("pkg:deb/debian/{name}@{version}?distro=debian-12"),
            "path": "var/lib/dpkg/status", "layer": 0})
    });
    let files = PackageFiles::new([
        (path_key("usr/bin/curl"), 0),
        (path_key("usr/bin/rsync"), 1),
    ]);
    json!({"schema": model::Report::SCHEMA, "tool": "seawall test",
        "target": {"kind": "image", "name": "shop:1"}, "scanned": at(0),
        "database": serde_json::to_value(model::db::DatabaseStatus {
            generation: "1".to_owned(),
            compiled: Timestamp::from_second(BEGUN).unwrap(),
            advisories: 0,
            sources: Vec::new(),
            epss: None,
            kev: None,
            starter_only: true,
        }).unwrap(),
        "sbom": {
            "image": {"manifest": sha("manifest"), "config": sha("config"), "tags": ["shop:1"]},
            "layers": [{"diff_id": sha("layer")}, {"diff_id": sha("more")}],
            "os": {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12"},
            "packages": packages, "files": files},
        "findings": [], "suppressed": [], "vulnerabilities": {}})
}

fn key(kind: &str, name: &str) -> Value {
    json!({"group": "", "kind": kind, "namespace": "shop", "name": name})
}

/// A pod that runs the image, one that runs another, and an ingress that
/// leads to the first.
fn objects() -> Value {
    let pod = |name: &str, app: &str, id: &str, image: &str, digest: &str| {
        json!({"key": key("Pod", name), "version": "v1",
            "owner": {"group": "apps", "kind": "Deployment", "namespace": "shop", "name": app},
            "pod": {"node": "node-1", "phase": "Running",
                "labels": {"app": app, "team": "checkout"},
                "containers": [{"name": app, "image": image, "running": true,
                    "image_id": format!("docker.io/{image}@{digest}"),
                    "id": format!("containerd://{id}"), "started": at(0)}]}})
    };
    json!({"session": "s", "number": 1, "completes": true, "policies": [], "gone": [], "except": [],
    "objects": [
        pod("web-1", "web", &"c0ffee".repeat(10), "shop:1", &sha("manifest")),
        pod("old-1", "old", &"decade".repeat(10), "legacy:9", &sha("never scanned")),
        {"key": key("Service", "web"), "version": "v1", "body": {"spec": {
            "selector": {"app": "web"}, "ports": [{"port": 80}]}}},
        {"key": {"group": "networking.k8s.io", "kind": "Ingress", "namespace": "shop",
            "name": "front"}, "version": "v1", "body": {"spec": {"rules": [{"http": {"paths": [
            {"backend": {"service": {"name": "web"}}}]}}]}}},
    ]})
}

/// A server with all of it, and a program that may ingest.
async fn stage() -> (TestServer, Person, Person, Arc<MovedClock>, String) {
    let clock = Arc::new(MovedClock(AtomicI64::new(BEGUN + 60)));
    let test = start_at(clock.clone()).await;
    let person = test.signed_in().await;
    let body = json!({"name": "all", "permissions": ["ingest"], "environments": ["local"],
        "expires": in_days(2)});
    let (program, _) = token(&test, &person, body).await;
    let answer = program
        .post("/api/v1/reports", json!({"report": report()}))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let image = answer.json()["image"]["id"].as_str().unwrap().to_owned();
    let answer = program
        .post("/api/v1/clusters/prod/objects", objects())
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    (test, person, program, clock, image)
}

/// What is answered once what runs was looked at.
async fn looked(test: &TestServer, person: &Person, path: &str) -> Value {
    test.server.look_at_running().await.unwrap();
    person.get(path).await.json()
}

#[tokio::test]
async fn what_runs_is_joined_with_what_was_scanned() {
    let (test, person, program, clock, image) = stage().await;
    let all = looked(&test, &person, "/api/v1/running").await;
    assert_eq!(all["total"], 2, "{all}");
    let shop = &all["items"][0];
    assert_eq!(
        (&shop["id"], &shop["containers"]),
        (&json!(image), &json!(1))
    );
    assert_eq!(shop["workloads"][0]["owner"]["name"], "checkout");
    assert_eq!(shop["exposure"]["reach"], "outside");
    assert_eq!(shop["exposure"]["by"], "ingress shop/front in prod");
    let legacy = &all["items"][1];
    assert_eq!(
        (&legacy["name"], &legacy["scanned"]),
        (&json!("legacy:9"), &json!(false))
    );
    let why = legacy["not_scanned"].as_str().unwrap();
    assert!(why.contains("connect the registry"), "{why}");
    let detail = person.get(&format!("/api/v1/running/{image}")).await.json();
    assert_eq!(detail["all_containers"][0]["on"], "web-1");
    assert_eq!(detail["all_containers"][0]["node"], "node-1");
    let by_digest = format!("/api/v1/running/{}", sha("never scanned"));
    let detail = person.get(&by_digest).await.json();
    assert_eq!(detail["all_containers"][0]["workload"], "old");
    let nobody = person.get("/api/v1/running/nobody").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);

    // Who runs a vulnerability, and whose it is.
    let path = "/api/v1/vulnerabilities/CVE-2023-38545/workloads";
    let affected = person.get(path).await.json();
    assert_eq!(
        (&affected["images"], &affected["total"]),
        (&json!(1), &json!(1))
    );
    let row = &affected["workloads"][0];
    assert_eq!(row["workload"]["owner"]["label"], "team");
    assert_eq!(row["packages"][0]["fixed_version"], "7.88.1-10+deb12u4");
    assert_eq!(row["packages"][0]["in_use"]["state"], "not_known");

    // The sensor of the node tells; told twice, it is one.
    let used = |since: &str, files: &[&str]| {
        let files: Vec<Value> = files
            .iter()
            .map(|path| json!({"path": path, "seen": at(0)}))
            .collect();
        json!({"images": [{"digests": [sha("config")], "files": files,
            "containers": [{"id": "c0ffee".repeat(10), "since": since}]}]})
    };
    let path = "/api/v1/sensors/node-1/used";
    let told = used(&at(0), &["/usr/bin/curl", "/data/else"]);
    let receipt = program.post(path, told.clone()).await;
    assert_eq!(receipt.status, StatusCode::OK, "{}", receipt.text);
    assert_eq!(receipt.json(), json!({"images": 1, "files": 2}));
    let again = program.post(path, told).await.json();
    assert_eq!(again, json!({"images": 1, "files": 0}));
    let refused = program.post(path, json!({"image": []})).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);

    let packages = format!("/api/v1/images/{image}/packages");
    let state = |page: &Value, place: usize| page["items"][place]["in_use"]["state"].clone();
    let page = person.get(&packages).await.json();
    assert_eq!(state(&page, 0), "seen");
    assert_eq!(page["items"][0]["in_use"]["path"], "/usr/bin/curl");

    // A day and more of watching later.
    clock.0.store(BEGUN + 50 * 3600, Ordering::Relaxed);
    let still = program.post(path, used(&at(0), &[])).await;
    assert_eq!(still.status, StatusCode::OK, "{}", still.text);
    // Whoever signed in two days ago is signed out by now.
    let person = test.signed_in().await;
    let page = looked(&test, &person, &packages).await;
    assert_eq!(state(&page, 1), "not_seen");
    assert_eq!(page["items"][1]["in_use"]["days"], 2);
    let running = person.get("/api/v1/running").await.json();
    let counts = &running["items"][0]["packages"];
    assert_eq!(
        (&counts["seen"], &counts["not_seen"]),
        (&json!(1), &json!(1))
    );

    // What was not used for two days may be told to others, if asked for.
    let export = |rest: &str| format!("/api/v1/vex/export?{rest}");
    let decided = person.get(&export("format=openvex")).await.json();
    assert_eq!(decided["statements"], json!([]), "{decided}");
    let too_long = person.get(&export("in_use_days=3")).await.json();
    assert_eq!(too_long["statements"], json!([]), "{too_long}");
    let unused = person.get(&export("in_use_days=2")).await.json();
    let [said] = unused["statements"].as_array().unwrap().as_slice() else {
        panic!("{unused}");
    };
    assert_eq!(said["vulnerability"]["name"], "CVE-2024-12084");
    assert_eq!(said["status"], "not_affected");
    assert_eq!(said["justification"], "vulnerable_code_not_in_execute_path");
    let why = said["impact_statement"].as_str().unwrap();
    assert!(why.contains(&format!("since {}", at(0))), "{why}");
    for (format, word) in [
        ("cyclonedx", "code_not_reachable"),
        ("csaf", "vulnerable_code_not_in_execute_path"),
    ] {
        let path = export(&format!("format={format}&in_use_days=2"));
        let document = person.get(&path).await;
        assert!(document.text.contains(word), "{}", document.text);
    }
    let refused = person.get(&export("in_use_days=0")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
}

#[tokio::test]
async fn a_priority_is_told_with_all_it_is_made_of() {
    let (test, person, program, _, image) = stage().await;
    let used = json!({"images": [{"digests": [sha("config")],
        "containers": [{"id": "c0ffee".repeat(10), "since": at(0)}],
        "files": [{"path": "/usr/bin/rsync", "seen": at(0)}]}]});
    program.post("/api/v1/sensors/node-1/used", used).await;
    let list = "/api/v1/findings?sort=-priority&limit=1";
    let page = looked(&test, &person, list).await;
    assert_eq!(page["items"][0]["rule"], "CVE-2024-12084");
    // Seen in use, and open to the outside.
    assert!(
        page["items"][0]["priority"].as_u64().unwrap() >= 360,
        "{page}"
    );
    assert_eq!(page["total"], 2);
    let next = page["next_cursor"].as_str().unwrap();
    let second = person.get(&format!("{list}&cursor={next}")).await.json();
    assert_eq!(second["items"][0]["rule"], "CVE-2023-38545");
    let first = &page["items"][0];
    let id = first["id"].as_str().unwrap();
    let detail = person.get(&format!("/api/v1/findings/{id}")).await.json();
    assert_eq!(detail["priority"]["score"], first["priority"]);
    assert_eq!(detail["in_use"]["state"], "seen");
    let factors = detail["priority"]["factors"].as_array().unwrap();
    let names: Vec<&str> = factors
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["severity", "likelihood", "in_use", "exposure", "fix"]
    );
    let product: f64 = factors
        .iter()
        .map(|one| one["weight"].as_f64().unwrap())
        .product();
    let score = first["priority"].as_f64().unwrap();
    assert!((product * 1000.0 - score).abs() <= 0.5, "{detail}");
    let narrowed = person
        .get(&format!("/api/v1/findings?priority={}", score.trunc()))
        .await
        .json();
    assert_eq!(narrowed["total"], 1, "{narrowed}");
    let used = person.get("/api/v1/findings?in_use=false").await.json();
    assert_eq!(used["items"][0]["rule"], "CVE-2023-38545");

    // Both came with the lowest layer: one thing to do.
    let work = person.get("/api/v1/work-list").await.json();
    assert_eq!(
        (&work["total"], &work["closes"]),
        (&json!(1), &json!(2)),
        "{work}"
    );
    let step = &work["steps"][0];
    assert_eq!(step["kind"], "rebuild");
    assert_eq!(
        step["title"],
        "Rebuild 1 image on the newest Debian GNU/Linux 12"
    );
    assert_eq!(step["images"][0]["image"]["id"], image);
    assert_eq!(step["images"][0]["running"], 1);
    let refused = person.get("/api/v1/work-list?limit=0").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let refused = person.get("/api/v1/work-list?priority=1001").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);

    // What runs shows its most pressing one, and that goes with decisions.
    let pressing = async || {
        let running = person.get("/api/v1/running").await.json();
        running["items"][0]["priority"].as_u64().unwrap()
    };
    assert_eq!(pressing().await, page["items"][0]["priority"]);
    let body = json!({"select": {"ids": [id]},
        "action": {"do": "dismiss", "reason": "false_positive", "note": "not built in"}});
    let done = person.post("/api/v1/findings/actions", body).await;
    assert_eq!(done.json()["changed"], 1, "{}", done.text);
    test.server.look_at_running().await.unwrap();
    assert_eq!(pressing().await, second["items"][0]["priority"]);
}

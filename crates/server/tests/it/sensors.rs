//! Sensors on nodes: what they send, how they are, what they are told.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    people::{in_days, token},
    test_server::{Person, TestServer, start, start_at},
};

struct MovedClock(AtomicI64);

impl model::Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

async fn sensor(test: &TestServer, maker: &Person) -> Person {
    let body = json!({"name": "sensor", "permissions": ["ingest"], "environments": ["local"],
        "expires": in_days(1)});
    token(test, maker, body).await.0
}

fn alert(sequence: u64, program: &str) -> Value {
    json!({"sequence": sequence, "time": "2026-01-02T12:00:00Z", "what": {"alert": {
        "rule": {"id": "K8S.NODE_Test", "title": "Of the test", "description": "d",
            "severity": "high", "tactics": ["execution"], "techniques": ["T1059"],
            "fix": "- Look at it."},
        "place": [{"kind": "host", "identity": "node-1", "name": "node-1"},
            {"kind": "container", "identity": "c0ffee".repeat(10) + "c0ff", "name": "web"}],
        "program": program, "summary": format!("{program} ran"),
        "evidence": {"proc.exepath": program}, "user": "root", "uid": 0,
        "trace": {"processes": [{"pid": 7, "parent": 1, "name": "sh", "path": "/bin/sh",
            "command": "sh -i", "user": "root", "started": "2026-01-02T11:59:00Z",
            "in_container": true, "is_subject": true}],
            "events": [{"time": "2026-01-02T12:00:00Z", "pid": 7, "kind": "execute",
                "what": program}]},
    }}})
}

fn gap(sequence: u64) -> Value {
    json!({"sequence": sequence, "time": "2026-01-02T12:00:00Z", "what": {"gap": {
        "stage": "kernel", "class": "file", "reason": "ring full", "count": 12,
        "from": "2026-01-02T11:00:00Z", "to": "2026-01-02T11:00:01Z"}}})
}

fn batch(items: &[Value]) -> Value {
    json!({"boot": "boot", "run": "run", "items": items})
}

fn status(policy: &str, notes: &[&str]) -> Value {
    json!({"version": "1.2", "boot": "boot", "kernel": "6.12", "architecture": "x86_64",
        "os": "Debian 12", "started": "2026-01-02T11:00:00Z", "cpu": 1.5, "memory": 40_000_000,
        "memory_limit": 64_000_000, "spool": 10, "spool_limit": 1_000, "processes": 90,
        "features": [{"name": "lsm", "state": "absent", "detail": "no BPF LSM", "lost": "blocking"}],
        "classes": [{"name": "file", "seen": 9, "filtered": 1, "delivered": 8, "dropped": 0,
            "rate": 4.5, "shed": false}],
        "containers": [], "rules": 90, "policy": policy, "notes": notes})
}

const BATCHES: &str = "/api/v1/sensors/node-1/batches";
const STATUS: &str = "/api/v1/sensors/node-1/status";
const POLICY: &str = "/api/v1/drift/policy";

#[tokio::test]
async fn a_batch_is_taken_once_and_a_poisonous_item_is_told() {
    let test = start().await;
    let person = test.signed_in().await;
    let sensor = sensor(&test, &person).await;
    let mut bad = alert(3, "/tmp/c");
    bad["what"]["alert"]["place"] = json!([{"kind": "moon", "identity": "m", "name": "m"}]);
    let items = [gap(1), alert(2, "/tmp/a"), bad, alert(4, "/tmp/b")];
    let answer = sensor.post(BATCHES, batch(&items)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let receipt = answer.json();
    assert_eq!(
        (&receipt["taken"], &receipt["repeated"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(receipt["refused"][0]["sequence"], 3);
    let again = sensor.post(BATCHES, batch(&items)).await.json();
    assert_eq!(
        (&again["taken"], &again["repeated"]),
        (&json!(0), &json!(3))
    );

    let page = person.get("/api/v1/findings?q=kind:alert").await.json();
    assert_eq!(page["total"], 2, "{page}");
    let id = page["items"][0]["id"].as_str().unwrap();
    let detail = person.get(&format!("/api/v1/findings/{id}")).await.json();
    assert_eq!(detail["finding"]["occurrences"], 1);
    assert_eq!(detail["finding"]["asset"]["name"], "web");
    let trace = &detail["alert"]["trace"];
    assert_eq!(trace["processes"][0]["command"], "sh -i");
    assert_eq!(trace["events"][0]["kind"], "execute");
    assert_eq!(detail["alert"]["context"]["principal"]["name"], "root");
}

#[tokio::test]
async fn what_is_no_batch_is_refused_by_its_place() {
    let test = start().await;
    let person = test.signed_in().await;
    let sensor = sensor(&test, &person).await;
    let mut unknown = alert(1, "/tmp/a");
    unknown["what"]["alert"]["later"] = json!(1);
    let pointers = [
        (batch(&[alert(2, "a"), alert(2, "b")]), "/items/1/sequence"),
        (batch(&[alert(0, "a")]), "/items/0/sequence"),
        (batch(&[unknown]), "body"),
        (json!({"boot": "", "run": "r", "items": []}), "/boot"),
    ];
    for (body, pointer) in pointers {
        let answer = sensor.post(BATCHES, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(
            answer.json()["errors"][0]["pointer"],
            pointer,
            "{}",
            answer.text
        );
    }
    let many: Vec<Value> = (1..=1_001).map(gap).collect();
    let answer = sensor.post(BATCHES, batch(&many)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    // Sensors look at nothing.
    for path in [
        "/api/v1/sensors",
        "/api/v1/drift/policy",
        "/api/v1/findings",
    ] {
        assert_eq!(
            sensor.get(path).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    let elsewhere = format!("{BATCHES}?environment=other");
    let answer = sensor.post(&elsewhere, batch(&[])).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_sensor_is_shown_as_it_told_and_its_silence_is_an_alert() {
    let start: Timestamp = "2026-01-02T12:00:00Z".parse().unwrap();
    let clock = Arc::new(MovedClock(AtomicI64::new(start.as_second())));
    let test = start_at(clock.clone()).await;
    let person = test.signed_in().await;
    let body = json!({"name": "sensor", "permissions": ["ingest"], "environments": ["local"],
        "expires": "2026-01-05T12:00:00Z"});
    let sensor = token(&test, &person, body).await.0;
    let answer = sensor.post(STATUS, status("old", &[])).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let mark = answer.json()["policy"].as_str().unwrap().to_owned();
    let shown = person.get("/api/v1/sensors").await.json();
    assert_eq!(shown[0]["state"], "healthy", "{shown}");
    assert_eq!(shown[0]["policy_current"], false);
    assert_eq!(shown[0]["events"], 4.5);
    sensor
        .post(STATUS, status(&mark, &["the disk is full"]))
        .await;
    sensor.post(BATCHES, batch(&[gap(1)])).await;
    let detail = person.get("/api/v1/sensors/node-1").await.json();
    assert_eq!(detail["state"], "degraded");
    assert_eq!(detail["reasons"], json!(["the disk is full"]));
    assert_eq!(detail["policy_current"], true);
    assert_eq!(detail["gaps"][0]["gap"]["count"], 12);
    assert_eq!(detail["status"]["features"][0]["lost"], "blocking");
    assert_eq!(detail["history"].as_array().map(Vec::len), Some(1));

    clock.0.fetch_add(200, Ordering::Relaxed);
    test.server.look_at_sensors().await.unwrap();
    test.server.look_at_sensors().await.unwrap();
    let shown = person.get("/api/v1/sensors").await.json();
    assert_eq!(shown[0]["state"], "silent");
    let page = person.get("/api/v1/findings?q=kind:alert").await.json();
    assert_eq!(page["total"], 1, "{page}");
    assert_eq!(page["items"][0]["rule"], "sensor-silent");
    assert_eq!(page["items"][0]["asset"]["name"], "node-1");
    assert_eq!(page["items"][0]["occurrences"], 1);

    // It is back, and sees little; that is told once for each start.
    let mut little = status(&mark, &[]);
    little["features"][0]["name"] = "calls".into();
    for _ in 0..2 {
        sensor.post(STATUS, little.clone()).await;
        test.server.look_at_sensors().await.unwrap();
    }
    let path = "/api/v1/findings?q=kind:alert+rule:sensor-sees-little";
    let page = person.get(path).await.json();
    assert_eq!(page["items"][0]["occurrences"], 1, "{page}");
    assert_eq!(
        page["items"][0]["summary"],
        "the sensor on node-1 is without: calls"
    );

    let gone = person.delete("/api/v1/sensors/node-1").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(person.get("/api/v1/sensors").await.json(), json!([]));
    let gone = person.delete("/api/v1/sensors/node-1").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_drift_policy_reaches_sensors_and_no_change_is_lost() {
    let test = start().await;
    let person = test.signed_in().await;
    let sensor = sensor(&test, &person).await;
    let before = person.get(POLICY).await.json();
    assert_eq!(before["revision"], 0);
    let rules = json!([{"name": "shop", "action": "block", "dry_run": true,
        "namespaces": ["shop"], "allow": ["/usr/local/bin/*"]}]);
    let change = |revision: u64, rules: &Value| {
        json!({"revision": revision, "drift": {"rules": rules},
            "deny": {"metadata": "block", "sysctl": "alert"}})
    };
    let answer = person.send(Method::PUT, POLICY, change(0, &rules)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.json()["revision"], 1);
    let answer = person
        .send(Method::PUT, POLICY, change(0, &json!([])))
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    for (rules, pointer) in [
        (
            json!([{"name": " ", "action": "alert"}]),
            "/drift/rules/0/name",
        ),
        (
            json!([{"name": "a", "action": "alert"}, {"name": "a", "action": "alert"}]),
            "/drift/rules/1/name",
        ),
        (
            json!([{"name": "a", "action": "alert", "allow": ["/ok", "bin/sh"]}]),
            "/drift/rules/0/allow/1",
        ),
        (
            json!([{"name": "a", "action": "alert", "labels": ["=x"]}]),
            "/drift/rules/0/labels/0",
        ),
    ] {
        let answer = person.send(Method::PUT, POLICY, change(1, &rules)).await;
        assert_eq!(
            answer.json()["errors"][0]["pointer"],
            pointer,
            "{}",
            answer.text
        );
    }
    let of_sensor = "/api/v1/sensors/node-1/policy";
    let answer = sensor.get(of_sensor).await;
    let policy = answer.json();
    assert_eq!(policy["drift"]["rules"], rules);
    assert_eq!(policy["deny"]["metadata"], "block");
    let tag = answer.header("etag").to_owned();
    let known = [("if-none-match", tag.as_str())];
    let answer = sensor
        .ask(Method::GET, of_sensor, Body::empty(), &known)
        .await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
    // It is written who did it.
    let trail = person.get("/api/v1/audit?action=drift.change").await.json();
    assert_eq!(trail["items"][0]["object"]["id"], "local", "{trail}");
}

#[tokio::test]
async fn a_rule_switched_off_is_told_to_sensors_and_its_alerts_are_not_kept() {
    let test = start().await;
    let person = test.signed_in().await;
    let sensor = sensor(&test, &person).await;
    sensor.post(BATCHES, batch(&[alert(1, "/tmp/a")])).await;
    let off = json!({"environment": "local", "enabled": false, "note": "too loud"});
    let path = "/api/v1/rules/K8S.NODE_Test/switch";
    let answer = person.send(Method::PUT, path, off).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let policy = sensor.get("/api/v1/sensors/node-1/policy").await.json();
    assert_eq!(policy["rules_off"], json!(["K8S.NODE_Test"]));
    let receipt = sensor
        .post(BATCHES, batch(&[alert(2, "/tmp/b")]))
        .await
        .json();
    assert_eq!((&receipt["off"], &receipt["taken"]), (&json!(1), &json!(0)));
    assert_eq!(receipt["policy"], policy["mark"]);
    // What it is called on a host is switched with it, unless by itself.
    let rule = "K8S.NODE_ReverseShell";
    let switch = async |id: &str, is_on: bool| {
        let body = json!({"environment": "local", "enabled": is_on, "note": ""});
        let path = format!("/api/v1/rules/{id}/switch");
        let answer = person.send(Method::PUT, &path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let policy = sensor.get("/api/v1/sensors/node-1/policy").await.json();
        policy["rules_off"].as_array().unwrap().len() - 1
    };
    let host = "/api/v1/rules/VM_ReverseShell";
    assert_eq!(person.get(host).await.json()["rule"]["enabled"], true);
    assert_eq!(switch(rule, false).await, 2);
    assert_eq!(person.get(host).await.json()["rule"]["enabled"], false);
    assert_eq!(switch("VM_ReverseShell", true).await, 1);
    assert_eq!(person.get(host).await.json()["rule"]["enabled"], true);
    assert_eq!(switch(rule, true).await, 0);
    // It stays dealt with when the rule is on again.
    let on = json!({"environment": "local", "enabled": true, "note": ""});
    person.send(Method::PUT, path, on).await;
    let receipt = sensor
        .post(BATCHES, batch(&[alert(2, "/tmp/b")]))
        .await
        .json();
    assert_eq!(
        (&receipt["taken"], &receipt["repeated"]),
        (&json!(0), &json!(1))
    );
}

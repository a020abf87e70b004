//! Standards, what answers their controls, who answers for the rest; and
//! machines of clusters, which answer much.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    people::{in_days, token},
    test_server::{Person, TestServer, start},
};

const STANDARD: &str = "CIS-KUBERNETES-1.12";

async fn job(server: &TestServer, maker: &Person) -> Person {
    let body = json!({"name": "nodes", "permissions": ["ingest"], "environments": ["local"],
        "expires": in_days(1)});
    token(server, maker, body).await.0
}

fn looked(affected: &[&str], healthy: &[&str]) -> Value {
    let mut checks: Vec<Value> = healthy
        .iter()
        .map(|id| json!({"id": id, "state": "healthy"}))
        .collect();
    checks.extend(affected.iter().map(|id| {
        json!({"id": id, "state": "affected", "summary": format!("{id} <b>is wrong</b>"),
            "evidence": {"flag": "x"}, "remediation": [{"text": "Mend it."}]})
    }));
    checks.push(json!({"id": "node-scheduler-profiling", "state": "not_applicable"}));
    json!({"profile": "self-managed", "checks": checks, "gaps": ["one file"]})
}

async fn send(job: &Person, node: &str, body: Value) -> Value {
    let path = format!("/api/v1/clusters/prod/nodes/{node}/assessment");
    let answer = job.post(&path, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

async fn control(person: &Person, id: &str, parameters: &str) -> Value {
    let path = format!("/api/v1/compliance/{STANDARD}?{parameters}");
    let detail = person.get(&path).await.json();
    let controls = detail["standard"]["controls"].as_array().unwrap().clone();
    let found = controls.into_iter().find(|control| control["id"] == id);
    found.unwrap_or_else(|| panic!("{id}"))
}

/// Waits until a recommendation was counted.
async fn counted(person: &Person, rule: &str, affected: u64) -> Value {
    let mut events = person.events().await;
    loop {
        let path = format!("/api/v1/recommendations/{rule}?environment=local");
        let standing = person.get(&path).await.json()["recommendation"].take();
        if standing["affected"] == affected && standing["assessed"] != 0 {
            return standing;
        }
        while events.next().await.name != "score" {}
    }
}

#[tokio::test]
async fn a_node_that_was_looked_at_answers_controls_moves_the_score_and_is_mended() {
    let server = start().await;
    server.server.start_jobs().await.unwrap();
    let person = server.signed_in().await;
    let job = job(&server, &person).await;
    assert_eq!(
        control(&person, "1.2.1", "").await["state"],
        "not_applicable"
    );
    let bad = looked(&["node-apiserver-anonymous-auth"], &["node-apiserver-rbac"]);
    let receipt = send(&job, "one", bad.clone()).await;
    assert_eq!(receipt, json!({"new": 1, "resolved": 0, "unknown": []}));
    // Again, it is the same.
    assert_eq!(send(&job, "one", bad).await["new"], 0);
    let mut older = looked(&[], &[]);
    older["checks"][0]["id"] = "node-of-tomorrow".into();
    assert_eq!(
        send(&job, "two", older).await["unknown"],
        json!(["node-of-tomorrow"])
    );

    let standing = counted(&person, "node-apiserver-anonymous-auth", 1).await;
    assert_eq!(standing["gain"], 10.0);
    let failed = control(&person, "1.2.1", "environment=local").await;
    assert_eq!(
        (&failed["state"], &failed["affected"]),
        (&json!("failed"), &json!(1))
    );
    assert_eq!(control(&person, "1.2.8", "").await["state"], "passed");
    let there = control(&person, "1.2.1", "cluster=prod").await;
    assert_eq!(there["state"], "failed");
    let elsewhere = control(&person, "1.2.1", "cluster=other").await;
    assert_eq!(elsewhere["state"], "not_applicable");

    let path = format!("/api/v1/compliance/{STANDARD}/evidence?control=1.2.1&cluster=prod");
    let evidence = person.get(&path).await.json();
    assert_eq!(evidence["total"], 1, "{evidence}");
    let asset = &evidence["items"][0]["asset"];
    assert_eq!(
        (&asset["kind"], &asset["name"], &asset["cluster"]),
        (&json!("host"), &json!("one"), &json!("prod"))
    );
    let score = person.get("/api/v1/score").await.json();
    assert_eq!(score["clusters"][0]["cluster"], "prod");
    assert_eq!(score["clusters"][0]["percent"], 50.0, "{score}");
    let nodes = person.get("/api/v1/clusters/prod/nodes").await.json();
    assert_eq!(
        nodes[0]["affected"],
        json!(["node-apiserver-anonymous-auth"])
    );
    assert_eq!(nodes[0]["gaps"], json!(["one file"]));

    for (format, mime, says) in [
        ("html", "text/html; charset=utf-8", "&lt;b&gt;is wrong"),
        (
            "csv",
            "text/csv; charset=utf-8",
            "CIS-KUBERNETES-1.12,1.2.1,",
        ),
        ("oscal", "application/json", "\"oscal-version\": \"1.1.2\""),
    ] {
        let path = format!("/api/v1/compliance/{STANDARD}/report?format={format}&cluster=prod");
        let report = person.get(&path).await;
        assert_eq!(report.status, StatusCode::OK, "{}", report.text);
        assert_eq!(report.header("content-type"), mime);
        assert!(report.text.contains(says), "{format}: {}", report.text);
        let is_let_in = report.text.contains("<b>is wrong");
        assert!(format != "html" || !is_let_in, "{}", report.text);
    }

    let good = looked(
        &[],
        &["node-apiserver-anonymous-auth", "node-apiserver-rbac"],
    );
    assert_eq!(send(&job, "one", good).await["resolved"], 1);
    counted(&person, "node-apiserver-anonymous-auth", 0).await;
    assert_eq!(control(&person, "1.2.1", "").await["state"], "passed");
}

#[tokio::test]
async fn a_manual_control_is_somebodys_word_until_it_expires_or_is_withdrawn() {
    let server = start().await;
    let person = server.signed_in().await;
    let word = json!({"control": "3.1.1", "environment": "local", "note": "we use OpenID",
        "expires": in_days(30)});
    let path = format!("/api/v1/compliance/{STANDARD}/attestations");
    assert_eq!(control(&person, "3.1.1", "").await["state"], "manual");
    let made = person.post(&path, word.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let held = control(&person, "3.1.1", "environment=local").await;
    assert_eq!(held["state"], "passed");
    assert_eq!(held["attestation"]["note"], "we use OpenID");
    let trail = person.get("/api/v1/audit?limit=5").await.json();
    assert_eq!(trail["items"][0]["action"], "compliance.attest", "{trail}");
    assert_eq!(
        trail["items"][0]["object"]["id"],
        format!("{STANDARD} 3.1.1")
    );

    for (change, part) in [
        (json!({"expires": "2020-01-01T00:00:00Z"}), "expires"),
        (json!({"expires": in_days(3000)}), "expires"),
        (json!({"note": " "}), "note"),
        (json!({"control": "99"}), "control"),
        // Checks answer it whole.
        (json!({"control": "1.2.2"}), "control"),
    ] {
        let mut wrong = word.clone();
        for (key, value) in change.as_object().unwrap() {
            wrong[key] = value.clone();
        }
        let answer = person.post(&path, wrong).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{change}: {}",
            answer.text
        );
        assert!(answer.text.contains(part), "{}", answer.text);
    }

    let withdrawn = format!("{path}?control=3.1.1&environment=local");
    assert_eq!(
        person.delete(&withdrawn).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        person.delete(&withdrawn).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(control(&person, "3.1.1", "").await["state"], "manual");
    let unknown = person.get("/api/v1/compliance/NO-SUCH").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_too_much_or_nameless_is_refused() {
    let server = start().await;
    let person = server.signed_in().await;
    let job = job(&server, &person).await;
    let check = json!({"id": "node-apiserver-rbac", "state": "healthy"});
    let many = json!({"profile": "eks", "checks": vec![check; 1001]});
    let path = "/api/v1/clusters/prod/nodes/one/assessment";
    let answer = job.post(path, many).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let empty = json!({"profile": "eks", "checks": []});
    let answer = job
        .post("/api/v1/clusters/%20/nodes/one/assessment", empty.clone())
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let elsewhere = format!("{path}?environment=moon");
    let answer = job.post(&elsewhere, empty).await;
    assert!(answer.status.is_client_error(), "{}", answer.text);
}

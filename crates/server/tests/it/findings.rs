//! A finding's life over HTTP: triage, undo, exemptions, and why it is
//! shown.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::test_server::{Person, start, start_at};

/// A clock that is moved by hand.
#[derive(Debug)]
struct MovedClock(AtomicI64);

impl MovedClock {
    fn at(time: &str) -> Arc<Self> {
        let time: Timestamp = time.parse().unwrap();
        Arc::new(Self(AtomicI64::new(time.as_second())))
    }

    fn pass(&self, minutes: i64) {
        self.0.fetch_add(minutes * 60, Ordering::Relaxed);
    }
}

impl model::Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// Hands in one alert of each container.
async fn alerts(person: &Person, containers: &[&str]) {
    for container in containers {
        let event = json!({
            "uuid": container,
            "output": format!("A shell was spawned in {container}"),
            "priority": "Warning",
            "rule": "Terminal shell in container",
            "time": "2026-01-02T12:01:00Z",
            "source": "syscall",
            "hostname": "node-3",
            "tags": ["T1059", "container", "mitre_execution"],
            "output_fields": {
                "container.id": format!("9f1c2ab34d5{}", container.len()),
                "container.name": container,
                "proc.name": "sh",
            }
        });
        let headers = [("content-type", "application/json")];
        let answer = person
            .ask(
                Method::POST,
                "/api/v1/alerts/falco",
                Body::from(event.to_string()),
                &headers,
            )
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
}

async fn list(person: &Person, q: &str) -> Vec<Value> {
    let q = q.replace(' ', "%20").replace('"', "%22");
    let answer = person.get(&format!("/api/v1/findings?q={q}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn triage_is_done_in_bulk_and_taken_back() {
    let clock = MovedClock::at("2026-01-02T13:00:00Z");
    let test = start_at(clock.clone()).await;
    let person = test.signed_in().await;
    alerts(&person, &["web", "cart", "mailer"]).await;
    let open = list(&person, "kind:alert \"shell was\"").await;
    assert_eq!(open.len(), 3);

    let body = json!({
        "select": { "query": { "q": "kind:alert container:web,cart" } },
        "action": { "do": "dismiss", "reason": "benign", "note": "our debugging" },
    });
    let done = person.post("/api/v1/findings/actions", body).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    let done = done.json();
    assert_eq!(done["summary"], "2 findings dismissed as benign");
    assert_eq!((&done["changed"], &done["skipped"]), (&json!(2), &json!(0)));
    assert_eq!(done["undo_until"], "2026-01-02T13:10:00Z");
    assert_eq!(list(&person, "").await.len(), 1);

    let facets = person.get("/api/v1/findings/facets").await.json();
    let states = facets["facets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|facet| facet["field"] == "state")
        .unwrap()["values"]
        .clone();
    assert_eq!(
        states,
        json!([{ "value": "open", "count": 1 }, { "value": "dismissed", "count": 2 }])
    );

    let dismissed = &list(&person, "state:dismissed").await[0];
    assert_eq!(dismissed["decision"]["by"], "owner");
    let path = format!("/api/v1/findings/{}", dismissed["id"].as_str().unwrap());
    let detail = person.get(&path).await.json();
    assert_eq!(detail["history"][0]["what"], "dismissed");
    assert_eq!(detail["chain"].as_array().unwrap().len(), 3);
    let because = detail["because"].as_array().unwrap();
    assert!(
        because[0]
            .as_str()
            .unwrap()
            .starts_with("The rule 'terminal-shell-in-container'"),
        "{because:?}"
    );

    clock.pass(5);
    let undo = format!("/api/v1/actions/{}/undo", done["id"].as_str().unwrap());
    let undone = person.post(&undo, json!({})).await;
    assert_eq!(undone.json()["summary"], "2 findings put back");
    assert_eq!(list(&person, "").await.len(), 3);
    let again = person.post(&undo, json!({})).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let audit = person.get("/api/v1/audit?action=finding").await.json();
    assert_eq!(audit["total"], 2, "{audit}");
}

#[tokio::test]
async fn an_exemption_ends_when_its_time_comes() {
    let clock = MovedClock::at("2026-01-02T13:00:00Z");
    let test = start_at(clock.clone()).await;
    test.server.start_jobs().await.unwrap();
    let person = test.signed_in().await;
    alerts(&person, &["web", "cart"]).await;
    let exemption = json!({
        "scope": "container:web",
        "environment": "local",
        "reason": "accepted_risk",
        "note": "until the new release",
        "expires": "2026-01-02T15:00:00Z",
    });
    let preview = person
        .post("/api/v1/exemptions/preview", exemption.clone())
        .await
        .json();
    assert_eq!(preview["counts"]["medium"], 1, "{preview}");
    assert_eq!(preview["examples"].as_array().unwrap().len(), 1);
    let made = person.post("/api/v1/exemptions", exemption).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.json();
    assert_eq!(
        (&made["findings"], &made["owner"]),
        (&json!(1), &json!("owner"))
    );
    assert_eq!(list(&person, "kind:alert").await.len(), 1);
    let held = &list(&person, "state:exempted").await[0];
    assert_eq!(held["decision"]["expires"], "2026-01-02T15:00:00Z");

    clock.pass(180);
    // The session is over by then.
    let person = test.signed_in().await;
    // Making another one wakes whoever ends them.
    let other = json!({
        "scope": "container:nothing", "environment": "local", "reason": "other", "note": "x",
    });
    person.post("/api/v1/exemptions", other).await;
    let path = format!("/api/v1/exemptions/{}", made["id"].as_str().unwrap());
    let ended = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let known = person.get(&path).await.json();
            if known["state"] == "expired" {
                return known;
            }
            tokio::task::yield_now().await;
        }
    });
    let ended = ended.await.unwrap();
    assert_eq!(ended["ended"], "2026-01-02T16:00:00Z");
    assert_eq!(list(&person, "kind:alert").await.len(), 2);
    let over = person.delete(&path).await;
    assert_eq!(over.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_says_where() {
    let test = start().await;
    let person = test.signed_in().await;
    let mut told = Vec::new();
    let long = "x".repeat(5000);
    for body in [
        json!({"select": {"ids": []}, "action": {"do": "reopen"}}),
        json!({"select": {"query": {"q": "sevrity:high"}}, "action": {"do": "reopen"}}),
        json!({"select": {"ids": ["1"]}, "action": {"do": "comment", "text": "  "}}),
        json!({"select": {"ids": ["1"]}, "action": {"do": "comment", "text": long}}),
        json!({"select": {"ids": ["1"]}, "action": {"do": "dismiss"}}),
    ] {
        told.push(
            person
                .post("/api/v1/findings/actions", body)
                .await
                .problem(),
        );
    }
    for body in [
        json!({"scope": "", "reason": "other", "note": "x"}),
        json!({"scope": "state:open", "reason": "other", "note": "x"}),
        json!({"scope": "rule:a", "reason": "other", "note": ""}),
        json!({"scope": "rule:a", "reason": "other", "note": "x",
            "expires": "2001-01-01T00:00:00Z"}),
        json!({"scope": "rule:a", "reason": "other", "note": "x", "environment": "nowhere"}),
    ] {
        told.push(person.post("/api/v1/exemptions", body).await.problem());
    }
    for path in [
        "/api/v1/findings/1",
        "/api/v1/findings/x/history",
        "/api/v1/exemptions/x",
        "/api/v1/findings/groups?by=colour",
    ] {
        told.push(person.get(path).await.problem());
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn findings_are_gathered_worst_first() {
    let test = start().await;
    let person = test.signed_in().await;
    alerts(&person, &["web", "cart"]).await;
    for (by, q) in [("rule", "rule:terminal-shell-in-container"), ("asset", "")] {
        let groups = person
            .get(&format!("/api/v1/findings/groups?by={by}"))
            .await
            .json();
        let first = &groups["items"][0];
        if q.is_empty() {
            assert_eq!(groups["total"], 2, "{groups}");
        } else {
            assert_eq!(first["q"], q);
            assert_eq!(first["counts"]["medium"], 2);
        }
        let members = list(&person, first["q"].as_str().unwrap()).await;
        assert!(!members.is_empty());
    }
}

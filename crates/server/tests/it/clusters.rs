//! Audit events, from the webhook to what is told of their intake.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use jiff::{Timestamp, ToSpan as _};
use model::Clock as _;
use serde_json::{Value, json};

use crate::{
    people::{in_days, token},
    test_server::{Answer, Person, TestServer, start, start_with},
};

const PATH: &str = "/api/v1/clusters/prod/audit";

fn event(id: &str) -> Value {
    event_at(id, model::SystemClock.now())
}

fn event_at(id: &str, time: Timestamp) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": id,
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/shop/pods?limit=500",
        "verb": "list", "user": {"username": "ada", "groups": ["system:authenticated"]},
        "sourceIPs": ["192.0.2.7"], "userAgent": "kubectl/v1.36.1",
        "objectRef": {"resource": "pods", "namespace": "shop", "apiVersion": "v1"},
        "responseStatus": {"code": 200}, "stageTimestamp": time.to_string()
    })
}

/// The body of an API server's audit webhook.
fn list(events: &[Value]) -> String {
    json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": events})
        .to_string()
}

async fn send(person: &Person, path: &str, body: impl Into<Body>) -> Answer {
    let headers = [("content-type", "application/json")];
    person.ask(Method::POST, path, body.into(), &headers).await
}

/// Asks until all that was handed in is judged.
async fn judged(person: &Person, events: u64) -> Value {
    let patience = tokio::time::timeout(Duration::from_mins(1), async {
        loop {
            let answer = person.get(PATH).await;
            if answer.status == StatusCode::OK && answer.json()["events"] == events {
                return answer.json();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    patience.await.expect("the events are judged")
}

async fn running() -> TestServer {
    let test = start().await;
    test.server.start_jobs().await.unwrap();
    test
}

#[tokio::test]
async fn what_an_api_server_sends_is_taken_and_told_of() {
    let test = running().await;
    let owner = test.signed_in().await;
    let body = json!({"name": "prod", "permissions": ["ingest_audit"], "expires": in_days(30)});
    let (webhook, _) = token(&test, &owner, body).await;
    // As client-go asks.
    let path = format!("{PATH}?timeout=30s");
    let answer = send(&webhook, &path, list(&[event("a"), event("b")])).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    let health = judged(&owner, 2).await;
    assert_eq!(health["cluster"], "prod");
    assert_eq!(health["environment"], "local");
    assert_eq!(health["requests"], 1);
    assert_eq!(health["faults"], json!([]));
    assert!(health["events_per_second"].as_f64().unwrap() > 0.0);
    assert!(health["last_event"].is_string() && health["delay_ms"].is_u64());
    assert_eq!(health["spool"]["damaged"], 0);
    let all = owner.get("/api/v1/clusters").await.json();
    assert_eq!(all[0]["cluster"], "prod");
    // The cluster is an asset before anything happened in it.
    let assets = owner.get("/api/v1/assets?kind=cluster").await;
    assert_eq!(
        assets.json()["items"][0]["asset"]["name"],
        "prod",
        "{}",
        assets.text
    );
    // The token opens nothing else.
    assert_eq!(webhook.get(PATH).await.status, StatusCode::FORBIDDEN);
    let alert = send(&webhook, "/api/v1/alerts/falco", "{}").await;
    assert_eq!(alert.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_token_for_one_environment_says_which() {
    let test = running().await;
    let owner = test.signed_in().await;
    let shop = json!({"id": "shop", "name": "The shop"});
    owner.post("/api/v1/environments", shop).await;
    let body = json!({"name": "shop", "permissions": ["ingest_audit"], "environments": ["shop"],
        "expires": in_days(30)});
    let (webhook, _) = token(&test, &owner, body).await;
    let answer = send(&webhook, PATH, list(&[event("a")])).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    assert_eq!(judged(&owner, 1).await["environment"], "shop");
    let elsewhere = format!("{PATH}?environment=local");
    let answer = send(&webhook, &elsewhere, list(&[event("b")])).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
    let filtered = owner.get("/api/v1/clusters?environment=local").await;
    assert_eq!(filtered.json(), json!([]));
}

#[tokio::test]
async fn what_is_wrong_with_events_is_counted_and_never_fatal() {
    let test = running().await;
    let owner = test.signed_in().await;
    let now = model::SystemClock.now();
    let mut huge = event("huge");
    huge["requestObject"] = json!("x".repeat(10 << 20));
    let mut newer = event("newer");
    newer["apiVersion"] = json!("audit.k8s.io/v9");
    let events = [
        event("a"),
        event("a"),
        event_at("late", now - 10.minutes()),
        json!({"kind": "Pod", "apiVersion": "v1"}),
        json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1"}),
        json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": 7}),
        newer,
        huge,
    ];
    let body = list(&events);
    let answer = send(&owner, PATH, body.clone()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    let cut = send(&owner, PATH, body.get(..body.len() / 2).unwrap().to_owned()).await;
    assert_eq!(cut.status, StatusCode::NO_CONTENT);
    let mut bytes = event("text").to_string().into_bytes();
    let at = bytes.windows(7).position(|w| w == b"kubectl").unwrap();
    bytes[at] = 0xff;
    let answer = send(&owner, PATH, bytes).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    // The half body's seven whole events came before.
    let health = judged(&owner, 8 + 7 + 1).await;
    let faults = health["faults"].as_array().unwrap();
    let count = |word: &str| {
        let found = faults.iter().find(|fault| fault["fault"] == word);
        found.map_or(0, |fault| fault["events"].as_u64().unwrap())
    };
    let told = [
        "not_json",
        "wrong_kind",
        "missing_field",
        "wrong_shape",
        "too_large",
        "unknown_version",
        "duplicate",
        "clock_skew",
        "out_of_order",
        "not_utf8",
    ]
    .map(|word| (word, count(word)));
    assert_eq!(
        told,
        [
            ("not_json", 1),
            ("wrong_kind", 2),
            ("missing_field", 2),
            ("wrong_shape", 2),
            ("too_large", 1),
            ("unknown_version", 2),
            ("duplicate", 4),
            ("clock_skew", 2),
            ("out_of_order", 1),
            ("not_utf8", 1),
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_taken_says_why() {
    let test = start_with(|config| config.audit.max_body.0 = 1 << 20).await;
    let owner = test.signed_in().await;
    let refusals = [
        send(&owner, PATH, "hello").await,
        send(&owner, PATH, "").await,
        send(&owner, PATH, format!("{{{}", " ".repeat(1 << 20))).await,
        send(&owner, "/api/v1/clusters/%20/audit", "{}").await,
        send(&owner, &format!("{PATH}?environment=nowhere"), "{}").await,
        send(&test.anonymous(), PATH, "{}").await,
        owner.get(PATH).await,
    ];
    let refusals: Vec<String> = refusals.iter().map(Answer::problem).collect();
    insta::assert_snapshot!(refusals.join("\n"), @r"
    400 invalid_request /api/v1/clusters/prod/audit: expected audit events as JSON
    400 invalid_request /api/v1/clusters/prod/audit: expected audit events as JSON
    413 too_large /api/v1/clusters/prod/audit: more than 1048576 bytes at once
    400 invalid_request /api/v1/clusters/%20/audit: ' ' is no name of a cluster: expected 1 to 200 bytes without control characters
    404 not_found /api/v1/clusters/prod/audit: no such environment
    401 not_signed_in /api/v1/clusters/prod/audit: sign in, or send an API token
    404 not_found /api/v1/clusters/prod/audit: no such cluster
    ");
}

#[tokio::test]
async fn a_full_spool_asks_to_come_again() {
    // Nothing is judged: no job runs.
    let test = start_with(|config| config.audit.spool_size.0 = 16 << 20).await;
    let owner = test.signed_in().await;
    let mut last = StatusCode::NO_CONTENT;
    for body in 0..6 {
        let noise =
            (0..1_u32 << 20).flat_map(|n| (n + body).wrapping_mul(2_654_435_761).to_le_bytes());
        let body: Vec<u8> = std::iter::once(b'{').chain(noise).collect();
        let answer = send(&owner, PATH, body).await;
        last = answer.status;
        if last != StatusCode::NO_CONTENT {
            assert_eq!(answer.header("retry-after"), "2");
            break;
        }
    }
    assert_eq!(last, StatusCode::SERVICE_UNAVAILABLE);
    let health = owner.get(PATH).await.json();
    assert_eq!(health["refused"], 1);
    let reason = health["last_refusal"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("the spool is full"), "{reason}");
    let metrics = owner.get("/metrics").await.text;
    assert!(
        metrics.contains("seawall_audit_refused_total 1\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn an_api_server_is_never_told_that_it_asks_too_often() {
    let test = start_with(|config| config.limits.requests_per_minute = 10).await;
    let owner = test.signed_in().await;
    for number in 0..20 {
        let answer = send(&owner, PATH, list(&[event(&number.to_string())])).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    }
}

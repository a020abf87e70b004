//! Falco's alerts, from the request to the queue.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use base64::Engine as _;
use serde_json::{Value, json};

use crate::{
    people::{in_days, token},
    test_server::{Answer, Person, start},
};

const PATH: &str = "/api/v1/alerts/falco";

/// As falcosidekick passes it on.
fn event(uuid: &str, minute: u32) -> Value {
    json!({
        "uuid": uuid,
        "output": format!("12:{minute:02}:00.000000001: Critical Fileless execution via memfd_create (user=www-data)"),
        "priority": "Critical",
        "rule": "Fileless execution via memfd_create",
        "time": format!("2026-01-02T12:{minute:02}:00.000000001Z"),
        "source": "syscall",
        "hostname": "node-3",
        "tags": ["T1620", "container", "maturity_stable", "mitre_defense_evasion", "process"],
        "output_fields": {
            "container.id": "9f1c2ab34d5e",
            "container.image.repository": "registry.example/shop/checkout",
            "container.image.tag": "7",
            "container.name": "checkout",
            "evt.type": "execve",
            "k8s.ns.name": "shop",
            "k8s.pod.name": "checkout-5c9d8f7b6-qq7zx",
            "proc.cmdline": "3 -c",
            "proc.exepath": "memfd:x",
            "proc.name": "3",
            "user.name": "www-data"
        }
    })
}

async fn hand_in(person: &Person, body: impl Into<Body>, kind: &str) -> Answer {
    let headers = [("content-type", kind)];
    person.ask(Method::POST, PATH, body.into(), &headers).await
}

async fn alerts(person: &Person) -> Vec<Value> {
    let answer = person.get("/api/v1/findings?q=kind:alert").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_alert_reaches_the_queue_with_all_it_says() {
    let test = start().await;
    let person = test.signed_in().await;
    let answer = hand_in(&person, event("a", 1).to_string(), "application/json").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let expected = json!({"accepted": 1, "opened": 1, "repeated": 0, "off": 0, "refused": []});
    assert_eq!(answer.json(), expected);

    let alerts = alerts(&person).await;
    assert_eq!(alerts.len(), 1);
    let alert = &alerts[0];
    assert_eq!(alert["kind"], "alert");
    assert_eq!(alert["severity"], "critical");
    assert_eq!(alert["rule"], "fileless-execution-via-memfd-create");
    assert_eq!(alert["title"], "Fileless execution via memfd_create");
    assert_eq!(
        alert["summary"],
        "Fileless execution via memfd_create (user=www-data)"
    );
    assert_eq!(alert["tactics"], json!(["defense-evasion"]));
    assert_eq!(alert["techniques"], json!(["T1620"]));
    assert_eq!(alert["asset"]["kind"], "container");
    assert_eq!(alert["asset"]["name"], "checkout");
    assert_eq!(alert["asset"]["cluster"], "kubernetes");
    assert_eq!(alert["asset"]["namespace"], "shop");
    assert_eq!(alert["occurrences"], 1);
    assert_eq!(alert["first_seen"], "2026-01-02T12:01:00Z");
}

#[tokio::test]
async fn the_same_again_is_counted_and_a_second_delivery_is_not() {
    let test = start().await;
    let person = test.signed_in().await;
    let send = |events: Vec<Value>| {
        let person = &person;
        let lines: Vec<String> = events.iter().map(ToString::to_string).collect();
        let lines = lines.join("\n");
        async move { hand_in(person, lines, "application/x-ndjson").await.json() }
    };
    let first = send(vec![event("a", 1), event("b", 2), event("a", 1)]).await;
    assert_eq!(
        first,
        json!({"accepted": 2, "opened": 1, "repeated": 1, "off": 0, "refused": []})
    );
    let again = send(vec![event("a", 1), event("c", 9)]).await;
    assert_eq!(
        again,
        json!({"accepted": 1, "opened": 0, "repeated": 1, "off": 0, "refused": []})
    );
    let alerts = alerts(&person).await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["occurrences"], 3);
    assert_eq!(alerts[0]["first_seen"], "2026-01-02T12:01:00Z");
    assert_eq!(alerts[0]["last_seen"], "2026-01-02T12:09:00Z");
}

#[tokio::test]
async fn what_is_refused_spoils_nothing_and_says_why() {
    let test = start().await;
    let person = test.signed_in().await;
    let body = json!([event("a", 1), {"rule": "x"}, event("b", 2)]).to_string();
    let answer = hand_in(&person, body, "application/json").await.json();
    assert_eq!(answer["accepted"], 2);
    assert_eq!(answer["refused"][0]["index"], 1);
    assert_eq!(
        answer["refused"][0]["reason"],
        "priority: expected one of Falco's"
    );

    let refusals = [
        hand_in(&person, "{}", "application/json").await,
        hand_in(&person, "", "application/json").await,
        hand_in(&person, "{}", "text/plain").await,
        hand_in(&person, " ".repeat((1 << 20) + 1), "application/json").await,
        hand_in(&person, "{}".repeat(1_001), "application/json").await,
    ];
    let refusals: Vec<String> = refusals.iter().map(Answer::problem).collect();
    insta::assert_snapshot!(refusals.join("\n"), @r"
    400 invalid_request /api/v1/alerts/falco: rule: expected the rule's name
    400 invalid_request /api/v1/alerts/falco: there is no event in the body; is json_output on in falco.yaml?
    415 unsupported_media_type /api/v1/alerts/falco: expected application/json or application/x-ndjson; is json_output on in falco.yaml?
    413 too_large /api/v1/alerts/falco: more than 1048576 bytes at once
    413 too_large /api/v1/alerts/falco: more than 1000 events at once; send them in several requests
    ");
    let elsewhere = format!("{PATH}?environment=nowhere");
    let headers = [("content-type", "application/json")];
    let body = Body::from(event("c", 3).to_string());
    let answer = person.ask(Method::POST, &elsewhere, body, &headers).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
    let nobody = test.anonymous();
    let answer = hand_in(&nobody, event("d", 4).to_string(), "application/json").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_that_may_only_ingest_hands_in_alerts_and_reads_nothing() {
    let test = start().await;
    let owner = test.signed_in().await;
    let body = json!({
        "name": "falco",
        "permissions": ["ingest"],
        "expires": in_days(30),
    });
    let (falco, _) = token(&test, &owner, body).await;
    let answer = hand_in(&falco, event("a", 1).to_string(), "application/json").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let answer = falco.get("/api/v1/findings").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);

    // Falco's own output sends no header; its address can hold a password.
    let secret = falco.bearer.unwrap();
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("falco:{secret}"));
    let basic = format!("Basic {pair}");
    let headers = [
        ("content-type", "application/json"),
        ("authorization", &*basic),
    ];
    let ask = |headers: Vec<(&'static str, String)>| {
        let anyone = test.anonymous();
        async move {
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (*name, &**value))
                .collect();
            let body = Body::from(event("b", 2).to_string());
            anyone.ask(Method::POST, PATH, body, &headers).await
        }
    };
    let sent = headers
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec();
    let answer = ask(sent.clone()).await;
    assert_eq!(answer.json()["accepted"], 1, "{}", answer.text);
    // A password a browser remembers is no proof that nobody forged this.
    let forged = [sent, vec![("sec-fetch-site", "cross-site".to_owned())]].concat();
    let answer = ask(forged).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);
}

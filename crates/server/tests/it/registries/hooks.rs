//! Every kind's webhook at the server, by each way to prove itself.

use std::sync::atomic::AtomicUsize;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use model::Digest;

use super::*;
use crate::test_server::start_at;

/// When what was recorded happened.
const AT: &str = "2026-11-20T10:05:00Z";

/// As registries sign, by the words of RFC 2104.
fn signature(secret: &str, body: &[u8]) -> String {
    let pad = |with: u8| {
        let mut block = [with; 64];
        for (byte, key) in block.iter_mut().zip(secret.bytes()) {
            *byte ^= key;
        }
        block
    };
    let inner = Digest::of(&[&pad(0x36)[..], body].concat());
    let outer = Digest::of(&[&pad(0x5c)[..], inner.as_bytes()].concat());
    format!("sha256={}", outer.hex())
}

/// The ways to prove itself that exist: how each is called, the end of
/// the address and the headers.
type Way = (&'static str, String, Option<(&'static str, String)>);

fn ways(secret: &str, body: &[u8]) -> Vec<Way> {
    let header = |name, value: String| Some((name, value));
    let password = BASE64_STANDARD.encode(format!("seawall:{secret}"));
    vec![
        ("nothing", String::new(), None),
        ("address", format!("?token={secret}"), None),
        (
            "alone",
            String::new(),
            header("authorization", secret.to_owned()),
        ),
        (
            "bearer",
            String::new(),
            header("authorization", format!("Bearer {secret}")),
        ),
        (
            "password",
            String::new(),
            header("authorization", format!("Basic {password}")),
        ),
        (
            "own header",
            String::new(),
            header("x-seawall-token", secret.to_owned()),
        ),
        (
            "signature",
            String::new(),
            header("x-hub-signature-256", signature(secret, body)),
        ),
    ]
}

#[tokio::test]
async fn every_kind_is_heard_by_its_own_way_and_by_no_other() {
    const HEADER: &[&str] = &["alone", "bearer", "password", "own header"];
    const ADDRESS: &[&str] = &["address"];
    const SIGNATURE: &[&str] = &["signature"];
    let amazon = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    // Kind, where it is, what it sends, of how many events, and how it
    // may prove itself.
    let kinds = [
        ("distribution", "d.example:5000", "distribution", 3, HEADER),
        ("harbor", "h.example", "harbor-push", 1, HEADER),
        ("quay", "quay.io", "quay-push", 2, ADDRESS),
        ("ghcr", "ghcr.io", "ghcr-published", 1, SIGNATURE),
        ("docker_hub", "docker.io", "docker-hub", 1, ADDRESS),
        ("azure", "team.azurecr.io", "azure-push", 1, HEADER),
        ("amazon", amazon, "amazon-push", 1, HEADER),
        (
            "google",
            "europe-docker.pkg.dev",
            "google-insert",
            1,
            ADDRESS,
        ),
    ];
    let clock = model::time::FixedClock(AT.parse().unwrap());
    let test = start_at(Arc::new(clock)).await;
    let person = test.signed_in().await;
    let known = person.get("/api/v1/registries/kinds").await.json();
    assert_eq!(known.as_array().unwrap().len(), kinds.len(), "{known}");
    for (number, (kind, address, fixture, events, proofs)) in (1_u8..).zip(kinds) {
        let made = add(
            &person,
            json!({"name": kind, "kind": kind, "address": address,
                "options": {"poll_minutes": 0, "repositories": ["team/shop"]}}),
        )
        .await;
        let secret = made["secret"].as_str().unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../registry/testdata");
        let body = std::fs::read(format!("{folder}/{fixture}.json")).unwrap();
        let path = made["registry"]["hook"].as_str().unwrap();
        // One address that guesses has to wait, so each kind has its own.
        let mut sender = test.anonymous();
        sender.address = Some(std::net::Ipv4Addr::new(192, 0, 2, number).into());
        let mut taken = 0;
        for secret in ["guessed", secret] {
            for (way, end, header) in ways(secret, &body) {
                let headers: Vec<(&str, &str)> = header
                    .iter()
                    .map(|(name, value)| (*name, value.as_str()))
                    .chain([("content-type", "application/json")])
                    .collect();
                let path = format!("{path}{end}");
                let answer = sender
                    .ask(Method::POST, &path, Body::from(body.clone()), &headers)
                    .await;
                if secret == "guessed" || !proofs.contains(&way) {
                    let code = answer.json()["code"].clone();
                    assert_eq!(code, "hook_not_proven", "{kind} by {way}: {}", answer.text);
                    continue;
                }
                assert_eq!(
                    answer.status,
                    StatusCode::ACCEPTED,
                    "{kind} by {way}: {answer:?}"
                );
                let (new, repeated) = if taken == 0 { (events, 0) } else { (0, events) };
                let receipt = json!({"taken": new, "repeated": repeated});
                assert_eq!(answer.json(), receipt, "{kind} by {way}");
                taken += new;
            }
        }
        assert_eq!(taken, events, "{kind} was heard");
        let registry = person
            .get(&format!("/api/v1/registries/{}", id(&made)))
            .await;
        assert!(registry.json()["told"].is_string(), "{}", registry.text);
    }
}

fn id(made: &Value) -> &str {
    made["registry"]["id"].as_str().unwrap()
}

#[tokio::test]
async fn what_was_told_to_no_avail_is_counted_with_its_reason() {
    let server = Server::start(|_| Reply::new(403, ""));
    let test = start().await;
    let person = test.signed_in().await;
    let mut body = body_of("team", &server.host());
    body["credential"] = json!({"type": "anonymous"});
    let made = add(&person, body).await;
    let path = format!("/api/v1/registries/{}", id(&made));
    let before = person.get(&path).await.json();
    assert!(before["losses"].is_null(), "{before}");

    let secret = made["secret"].as_str().unwrap();
    let told = notification("one", "1.0", &Digest::of(b"x").to_string());
    assert_eq!(hook(&test, &made, secret, &told).await.json()["taken"], 1);
    test.server.look_at_registries(false).await.unwrap();
    let losses = person.get(&path).await.json()["losses"].clone();
    assert_eq!(
        (&losses["given_up"], &losses["misread"]),
        (&json!(1), &json!(0))
    );
    assert!(
        losses["reason"].as_str().unwrap().contains("403"),
        "{losses}"
    );
    assert!(losses["last"].is_string(), "{losses}");

    // Whoever proves nothing is not counted.
    hook(&test, &made, "guessed", "{").await;
    let nonsense = hook(&test, &made, secret, "{").await;
    assert!(nonsense.status.is_client_error(), "{}", nonsense.text);
    let losses = person.get(&path).await.json()["losses"].clone();
    assert_eq!(
        (&losses["given_up"], &losses["misread"]),
        (&json!(1), &json!(1))
    );
    let reason = losses["reason"].as_str().unwrap();
    assert!(reason.starts_with("a webhook: "), "{losses}");
}

/// One message of a queue.
fn message(receipt: &str, body: &str) -> Value {
    json!({"MessageId": receipt, "ReceiptHandle": receipt, "Body": body})
}

#[tokio::test]
async fn what_is_queued_is_kept_once_and_then_acknowledged() {
    // What the queue gives, batch by batch; the first is not forgotten
    // when it is acknowledged, and comes again.
    let event = |number: usize| {
        json!({
            "version": "0", "id": format!("event-{number}"), "detail-type": "ECR Image Action",
            "source": "aws.ecr", "account": "123456789012", "time": AT, "region": "eu-west-1",
            "resources": [],
            "detail": {"result": "SUCCESS", "repository-name": "team/shop",
                       "action-type": "DELETE", "image-tag": number.to_string()},
        })
        .to_string()
    };
    let first = json!({"Messages": [message("r1", &event(1)), message("r2", &event(2))]});
    let batches = [
        first.clone(),
        first,
        json!({"Messages": [message("r3", "nonsense"), message("r4", &event(3))]}),
    ];
    let (given, acknowledged) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let server = Server::start(move |request: &Request| {
        let target = request.headers["x-amz-target"].as_str();
        if target.ends_with(".ReceiveMessage") {
            let batch = batches.get(given.fetch_add(1, Ordering::Relaxed));
            return Reply::new(200, batch.map_or_else(|| "{}".to_owned(), Value::to_string));
        }
        assert!(target.ends_with(".DeleteMessageBatch"), "{target}");
        match acknowledged.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::new(500, "{}"),
            _ => Reply::new(200, "{}"),
        }
    });
    let test = start().await;
    let person = test.signed_in().await;
    let endpoint = format!("http://{}/", server.host());
    let made = add(
        &person,
        json!({"name": "ours", "kind": "amazon",
            "address": "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "credential": {"type": "aws",
                "key": {"id": "AKIAIOSFODNN7EXAMPLE", "secret": "secret"}},
            "options": {"poll_minutes": 0, "endpoint": endpoint,
                "queue": format!("{endpoint}123456789012/ecr-events")}}),
    )
    .await;
    test.server.look_at_registries(false).await.unwrap();

    let receipts: Vec<Vec<String>> = server
        .asked()
        .iter()
        .filter(|request| request.headers["x-amz-target"].ends_with(".DeleteMessageBatch"))
        .map(|request| {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let entries = body["Entries"].as_array().unwrap().iter();
            let handle = |entry: &Value| entry["ReceiptHandle"].as_str().unwrap().to_owned();
            entries.map(handle).collect()
        })
        .collect();
    assert_eq!(receipts, [["r1", "r2"], ["r1", "r2"], ["r3", "r4"]]);
    let metrics = person.get("/metrics").await.text;
    assert!(
        metrics.contains("seawall_registry_events_total 3"),
        "{metrics}"
    );
    let registry = person
        .get(&format!("/api/v1/registries/{}", id(&made)))
        .await;
    let registry = registry.json();
    assert!(registry["told"].is_string(), "{registry}");
    let losses = &registry["losses"];
    assert_eq!(
        (&losses["given_up"], &losses["misread"]),
        (&json!(0), &json!(1))
    );
    let reason = losses["reason"].as_str().unwrap();
    assert!(reason.starts_with("a message of its queue: "), "{losses}");
}

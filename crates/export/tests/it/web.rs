//! Receivers that speak HTTP.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use export::{Kind, Verdict};
use serde_json::{Value, json};
use testkit::{
    receiver::{Receiver, tool},
    web::{Reply, Server},
};

use crate::sample::{
    all, deliver, deliver_knowing, insist, many, open, opened, resolved, try_open,
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr";
const NEXT: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn webhook(host: &str) -> Value {
    json!({"url": format!("http://{host}/in"), "secret": SECRET, "next_secret": NEXT,
        "allow_private": true})
}

#[tokio::test]
async fn a_signature_is_what_another_library_expects() {
    let receiver = Server::start(|_| Reply::new(204, ""));
    let sink = open(Kind::Webhook, webhook(&receiver.host()));
    assert!(deliver(&sink, "b", &[opened()]).await.is_delivered());
    let request = &receiver.asked()[0];
    assert_eq!(request.headers["webhook-id"], opened().id);
    let Some(python) = tool("python/bin/python") else {
        return;
    };
    let script = "
import json, sys
try:
    from standardwebhooks.webhooks import Webhook
except ImportError as error:
    print('skipped: ' + str(error)); sys.exit(0)
given = json.load(sys.stdin)
import standardwebhooks.webhooks as library
from datetime import datetime, timezone
class Then(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.fromtimestamp(int(given['headers']['webhook-timestamp']), tz=tz)
library.datetime = Then
for secret in given['secrets']:
    Webhook(secret).verify(given['body'], given['headers'])
try:
    Webhook(given['secrets'][0]).verify(given['body'] + ' ', given['headers'])
except Exception:
    sys.exit(0)
sys.exit('a changed body verifies')
";
    let given = json!({"headers": request.headers, "secrets": [SECRET, NEXT],
        "body": String::from_utf8_lossy(&request.body)});
    let mut child = Command::new(python)
        .args(["-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(
        &mut child.stdin.take().unwrap(),
        given.to_string().as_bytes(),
    )
    .unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    if told.contains("skipped") {
        testkit::skipped(&told);
    }
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn a_status_says_whether_to_come_back() {
    let receiver = Server::start(|request| {
        let status = request.target.trim_start_matches('/').parse().unwrap();
        Reply::new(status, "x".repeat(100_000))
            .header("retry-after", "120")
            .header("location", "http://169.254.169.254/")
    });
    for (status, expected) in [
        (200, Verdict::Delivered),
        (202, Verdict::Delivered),
        (302, Verdict::Rejected),
        (400, Verdict::Rejected),
        (401, Verdict::Rejected),
        (410, Verdict::Rejected),
        (
            429,
            Verdict::Retry {
                after: Some(Duration::from_mins(2)),
            },
        ),
        (
            503,
            Verdict::Retry {
                after: Some(Duration::from_mins(2)),
            },
        ),
    ] {
        let url = format!("http://{}/{status}", receiver.host());
        let sink = open(Kind::Http, json!({"url": url, "allow_private": true}));
        let answer = deliver(&sink, "b", &[opened()]).await;
        assert_eq!(answer.verdict, expected, "{status}");
        assert_eq!(answer.status, Some(status));
        assert!(answer.text.len() <= export::answer::MAX_TEXT);
    }
    // Nobody followed the redirect.
    assert_eq!(receiver.asked().len(), 8);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_tried_again_and_a_forbidden_one_is_not() {
    let gone = testkit::service::spare_port();
    let settings = json!({"url": format!("http://127.0.0.1:{gone}/"), "allow_private": true});
    let answer = deliver(&open(Kind::Http, settings), "b", &[opened()]).await;
    assert_eq!(answer.verdict, Verdict::Retry { after: None });
    assert!(answer.text.contains("refused"), "{}", answer.text);
    // A name that means this machine is found out when it is resolved.
    let settings = json!({"url": format!("http://localhost:{gone}/")});
    let answer = deliver(&open(Kind::Http, settings), "b", &[opened()]).await;
    assert_eq!(answer.verdict, Verdict::Rejected);
    assert!(answer.text.contains("allow_private"), "{}", answer.text);
}

#[tokio::test]
async fn many_notices_are_one_request() {
    let receiver = Server::start(|_| Reply::new(200, "{\"text\":\"Success\",\"code\":0}"));
    let host = receiver.host();
    let base = format!("http://{host}");
    for (kind, settings) in [
        (
            Kind::Splunk,
            json!({"url": base, "token": "t0ken", "index": "main", "allow_private": true}),
        ),
        (
            Kind::Http,
            json!({"url": base, "format": "ndjson", "authorization": "Bearer t0ken",
            "headers": {"x-tenant": "a"}, "allow_private": true}),
        ),
        (Kind::Slack, json!({"url": base, "allow_private": true})),
        (Kind::Teams, json!({"url": base, "allow_private": true})),
        (
            Kind::Pagerduty,
            json!({"url": base, "routing_key": "t0ken", "allow_private": true}),
        ),
    ] {
        let sink = open(kind, settings);
        let batch = if kind.batch() == 1 {
            vec![opened()]
        } else {
            all()
        };
        let answer = deliver(&sink, "batch", &batch).await;
        assert!(answer.is_delivered(), "{kind}: {answer:?}");
    }
    let asked = receiver.asked();
    assert_eq!(asked[0].headers["authorization"], "Splunk t0ken");
    assert_eq!(asked[0].target, "/services/collector/event");
    assert_eq!(asked[1].headers["authorization"], "Bearer t0ken");
    assert_eq!(asked[1].headers["x-tenant"], "a");
    assert_eq!(
        String::from_utf8_lossy(&asked[1].body).lines().count(),
        all().len()
    );
    assert_eq!(asked.len(), 5);
}

#[tokio::test]
async fn a_finding_is_one_issue_for_all_its_life() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let receiver = Server::start(move |request| {
        let target = request.target.as_str();
        match (request.method.as_str(), target) {
            ("POST", "/rest/api/2/issue") => {
                count.fetch_add(1, Ordering::Relaxed);
                Reply::new(201, r#"{"id":"1","key":"SEC-7"}"#)
            }
            ("GET", "/rest/api/2/issue/SEC-7/transitions") => Reply::new(
                200,
                r#"{"transitions":[{"id":"11","name":"Start","to":{"statusCategory":{"key":"indeterminate"}}},
                    {"id":"31","name":"Done","to":{"statusCategory":{"key":"done"}}}]}"#,
            ),
            ("POST", "/rest/api/2/search/jql") => Reply::new(404, ""),
            ("POST", "/rest/api/2/search") => Reply::new(200, r#"{"issues":[{"key":"SEC-7"}]}"#),
            _ => Reply::new(201, "{}"),
        }
    });
    let settings = json!({"url": format!("http://{}", receiver.host()), "project": "SEC",
        "email": "a@example.com", "token": "t0ken", "allow_private": true});
    let sink = open(Kind::Jira, settings);
    let answer = deliver(&sink, "b", &[opened()]).await;
    assert!(answer.is_delivered(), "{answer:?}");
    let known: BTreeMap<_, _> = answer.learned.into_iter().collect();
    assert_eq!(known[opened().subject()], "SEC-7");
    let answer = deliver_knowing(&sink, "c", &[resolved()], 0, &known).await;
    assert_eq!(
        (answer.is_delivered(), answer.text.as_str()),
        (true, "moved SEC-7")
    );
    // The answer to a creation got lost: it is found, not made again.
    let answer = deliver_knowing(&sink, "b", &[opened()], 1, &BTreeMap::new()).await;
    assert!(answer.is_delivered(), "{answer:?}");
    assert_eq!(made.load(Ordering::Relaxed), 1);
    let moved = receiver
        .asked()
        .into_iter()
        .find(|request| request.target.ends_with("/transitions") && request.method == "POST")
        .unwrap();
    assert_eq!(moved.body, br#"{"transition":{"id":"31"}}"#);
}

#[tokio::test]
async fn a_real_alertmanager_opens_and_ends_an_alert() {
    let Some(mut receiver) = Receiver::alertmanager() else {
        return;
    };
    let settings = json!({"url": format!("http://127.0.0.1:{}", receiver.port),
        "allow_private": true, "hold_hours": 8760});
    let sink = open(Kind::Alertmanager, settings);
    let answer = deliver(&sink, "a", &[opened()]).await;
    assert!(answer.is_delivered(), "{answer:?}");
    receiver.kill();
    let answer = deliver(&sink, "b", &[resolved()]).await;
    assert!(
        matches!(answer.verdict, Verdict::Retry { .. }),
        "{answer:?}"
    );
    receiver.start().unwrap();
    insist(&sink, "b", &[resolved()]).await;
    assert!(deliver(&sink, "c", &many(0, 100)).await.is_delivered());
}

#[test]
fn settings_are_refused_by_field_and_secrets_are_not_repeated() {
    let base = json!({"url": "https://a.example", "secret": SECRET});
    for (change, field) in [
        (json!({"url": "https://user:pass@a.example"}), "url:"),
        (json!({"url": "http://[fe80::1]/"}), "url:"),
        (json!({"url": 7}), "url:"),
        (json!({"ca_certificate": "hello"}), "ca_certificate:"),
        (json!({"secret": "not base64!"}), "secret:"),
        (json!({"allow_private": "maybe"}), "allow_private:"),
    ] {
        let mut settings = base.clone();
        let fields = settings.as_object_mut().unwrap();
        fields.extend(change.as_object().unwrap().clone());
        let refusal = try_open(Kind::Webhook, settings).unwrap_err();
        assert!(refusal.starts_with(field), "{refusal}");
        assert!(!refusal.contains("not base64!"), "{refusal}");
    }
}

/// The descriptions forms are made from, and the settings that are read,
/// name the same fields.
#[test]
fn every_described_field_is_read_and_no_other() {
    for kind in Kind::ALL {
        let refusal = try_open_unknown(kind);
        let listed: Vec<&str> = refusal.split('`').skip(3).step_by(2).collect();
        let mut described: Vec<_> = kind
            .describe()
            .fields
            .iter()
            .map(|field| field.name)
            .collect();
        let mut listed: Vec<_> = listed.into_iter().collect();
        described.sort_unstable();
        listed.sort_unstable();
        assert_eq!(described, listed, "{kind}: {refusal}");
        for field in kind.describe().fields {
            assert!(
                field.default.is_empty() || serde_json::from_str::<Value>(field.default).is_ok(),
                "{kind}.{}",
                field.name
            );
        }
    }
}

fn try_open_unknown(kind: Kind) -> String {
    let mut settings = serde_json::Map::new();
    for field in kind.describe().fields.iter().filter(|field| field.required) {
        let value = match field.input {
            export::describe::Input::List => json!(["a@example.com"]),
            export::describe::Input::Choice => json!(field.choices[0]),
            _ => json!("x"),
        };
        settings.insert(field.name.to_owned(), value);
    }
    settings.insert("a_field_nobody_knows".to_owned(), json!(1));
    try_open(kind, Value::Object(settings)).unwrap_err()
}

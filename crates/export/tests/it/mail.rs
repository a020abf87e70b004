//! A real mail server.

use std::collections::BTreeSet;

use export::{Kind, Verdict};
use serde_json::json;
use testkit::receiver::Receiver;

use crate::sample::{deliver, hostile, insist, many, open, try_open};

fn settings(port: u16) -> serde_json::Value {
    json!({"host": "127.0.0.1", "port": port, "security": "none", "allow_private": true,
        "from": "Seawall <seawall@example.com>", "to": ["ops@example.com"]})
}

#[tokio::test]
async fn a_message_arrives_with_text_and_html_and_no_second_subject() {
    let Some(server) = Receiver::smtp() else {
        return;
    };
    let sink = open(Kind::Email, settings(server.port));
    let answer = deliver(&sink, "b", &[hostile()]).await;
    assert_eq!(
        (answer.is_delivered(), answer.status),
        (true, Some(250)),
        "{answer:?}"
    );
    let mail = server.mail();
    assert_eq!(mail.len(), 1);
    let (head, body) = mail[0].split_once("\n\n").unwrap();
    assert!(
        head.contains("X-Seawall-Notice: 01936b1e-7b7e-7000-8000-000000000003"),
        "{head}"
    );
    assert_eq!(head.matches("Subject:").count(), 1);
    assert!(body.contains("text/plain") && body.contains("text/html"));
    let (_, html) = body.split_once("text/html").unwrap();
    assert!(!html.contains("<script"), "{html}");
}

#[tokio::test]
async fn a_killed_mail_server_loses_nothing() {
    let Some(mut server) = Receiver::smtp() else {
        return;
    };
    let sink = open(Kind::Email, settings(server.port));
    for notice in many(0, 3) {
        insist(&sink, &notice.id, std::slice::from_ref(&notice)).await;
    }
    server.kill();
    let late = many(3, 1);
    let answer = deliver(&sink, "late", &late).await;
    assert!(
        matches!(answer.verdict, Verdict::Retry { .. }),
        "{answer:?}"
    );
    server.start().unwrap();
    insist(&sink, "late", &late).await;
    let ids: BTreeSet<String> = server
        .mail()
        .iter()
        .filter_map(|mail| {
            let line = mail
                .lines()
                .find(|line| line.starts_with("X-Seawall-Notice:"))?;
            Some(line.to_owned())
        })
        .collect();
    assert_eq!(ids.len(), 4, "{ids:?}");
}

#[test]
fn mail_without_tls_stays_on_this_machine() {
    let mut elsewhere = settings(25);
    elsewhere["host"] = "mail.example.com".into();
    let refusal = try_open(Kind::Email, elsewhere).unwrap_err();
    assert!(refusal.starts_with("security:"), "{refusal}");
    let mut injected = settings(25);
    injected["to"] = json!(["a@example.com\r\nBcc: b@example.com"]);
    let refusal = try_open(Kind::Email, injected).unwrap_err();
    assert!(refusal.starts_with("to:"), "{refusal}");
}

//! Documents of every kind, forged, replayed and broken ones.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderValue;
use proptest::prelude::*;
use sha2::Sha256;

use super::*;

const SECRET: &str = "s3cret-of-the-webhook";

fn now() -> Timestamp {
    "2026-11-20T10:05:00Z".parse().unwrap()
}

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/testdata/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

fn signature(body: &[u8], secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    let bytes: [u8; 32] = mac.finalize().into_bytes().into();
    format!("sha256={}", Digest::from_bytes(bytes).hex())
}

/// Delivered as its registry would.
fn delivered(kind: Kind, body: &[u8], at: Timestamp) -> Result<Vec<Told>, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static(SECRET));
    let signed = signature(body, SECRET).parse().unwrap();
    headers.insert("x-hub-signature-256", signed);
    let delivery = Delivery {
        headers: &headers,
        body,
        token: Some(SECRET),
    };
    told(kind, &delivery, &Secret::new(SECRET), at)
}

/// In one line: what, where, which, whence and who.
fn line(event: &Told) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    format!(
        "{} {}:{} {} from {} by {}",
        event.what.as_str(),
        event.repository,
        text(&event.tag),
        if event.digest.is_some() {
            "digest"
        } else {
            "-"
        },
        text(&event.origin),
        text(&event.actor)
    )
}

#[test]
fn every_kind_is_read_in_its_own_form() {
    let cases: [(Kind, &str, &[&str]); 18] = [
        (
            Kind::Distribution,
            "distribution",
            &[
                "push team/shop:1.4 digest from - by ci-robot",
                "pull team/shop:1.4 digest from - by -",
                "delete team/shop:- digest from - by -",
            ],
        ),
        (
            Kind::Harbor,
            "harbor-push",
            &["push team/shop:1.4 digest from - by robot$ci"],
        ),
        (
            Kind::Harbor,
            "harbor-untagged",
            &["delete team/shop:- digest from - by admin"],
        ),
        (
            Kind::Harbor,
            "harbor-cloudevent",
            &["push team/shop:1.4 digest from - by admin"],
        ),
        (
            Kind::Harbor,
            "harbor-replication",
            &[
                "copy mirror/debian:12 - from https://hub.docker.com/library by MANUAL",
                "copy mirror/debian:- digest from https://hub.docker.com/library by MANUAL",
            ],
        ),
        (Kind::Harbor, "harbor-scan", &[]),
        (
            Kind::Quay,
            "quay-push",
            &[
                "push team/shop:latest - from - by -",
                "push team/shop:1.4 - from - by -",
            ],
        ),
        (Kind::Quay, "quay-build", &[]),
        (
            Kind::DockerHub,
            "docker-hub",
            &["push team/shop:1.4 - from - by ada"],
        ),
        (
            Kind::Azure,
            "azure-push",
            &["push team/shop:1.4 digest from - by -"],
        ),
        (
            Kind::Azure,
            "azure-delete",
            &["delete team/shop:- digest from - by -"],
        ),
        (
            Kind::Azure,
            "azure-quarantine",
            &["quarantine team/shop:1.4 digest from - by -"],
        ),
        (Kind::Azure, "azure-ping", &[]),
        (
            Kind::Ghcr,
            "ghcr-published",
            &["push team/shop:1.4 digest from - by ada"],
        ),
        (Kind::Ghcr, "ghcr-npm", &[]),
        (
            Kind::Google,
            "google-insert",
            &["push contoso/images/shop:1.4 digest from - by -"],
        ),
        (
            Kind::Amazon,
            "amazon-push",
            &["push team/shop:1.4 digest from - by 123456789012"],
        ),
        (
            Kind::Amazon,
            "amazon-replication",
            &[
                "copy team/shop:1.4 digest from 210987654321.dkr.ecr.us-west-2.amazonaws.com by \
                 123456789012",
            ],
        ),
    ];
    for (kind, name, expected) in cases {
        let events = delivered(kind, &fixture(name), now()).unwrap_or_else(|error| {
            panic!("{name}: {error}");
        });
        let lines: Vec<_> = events.iter().map(line).collect();
        assert_eq!(lines, expected, "{name}");
        let minute = SignedDuration::from_mins(6);
        for event in &events {
            assert!(now().duration_since(event.time) <= minute, "{name}");
            assert!(!event.id.is_empty(), "{name}");
        }
    }
}

#[test]
fn a_registry_that_pulls_through_says_whence() {
    let events = of_queue(&fixture("amazon-pull-through")).unwrap();
    assert_eq!(
        line(&events[0]),
        "copy hub/library/debian:12 digest from registry-1.docker.io by 123456789012"
    );
    // The same, through a topic.
    let message = String::from_utf8(fixture("amazon-push")).unwrap();
    let envelope =
        serde_json::json!({"Type": "Notification", "MessageId": "1", "Message": message});
    let events = of_queue(envelope.to_string().as_bytes()).unwrap();
    assert_eq!(events[0].id, "13cde686-328b-6117-af20-0e5566167482");
}

#[test]
fn a_real_notification_of_docker_distribution_is_read() {
    let Some(folder) = testkit::data("registry") else {
        return;
    };
    let bytes = std::fs::read(folder.join("docker-distribution-notification.json")).unwrap();
    let recorded: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let body = recorded["body"].to_string();
    let mut headers = HeaderMap::new();
    let header = recorded["headers"]["Authorization"].as_str().unwrap();
    headers.insert("authorization", header.parse().unwrap());
    let delivery = Delivery {
        headers: &headers,
        body: body.as_bytes(),
        token: None,
    };
    let at = "2026-11-21T08:58:45Z".parse().unwrap();
    let events = told(Kind::Distribution, &delivery, &Secret::new("test"), at).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(line(&events[0]), "push team/shop:1.0 digest from - by -");
    assert_eq!(events[0].id, "a91c43d1-19fd-47e5-8f9f-3cb2820ca6f2");
}

#[test]
fn what_carries_another_secret_or_none_is_not_read() {
    let body = fixture("distribution");
    let secret = Secret::new(SECRET);
    let ask = |name: &'static str, value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let delivery = Delivery {
            headers: &headers,
            body: &body,
            token: None,
        };
        told(Kind::Distribution, &delivery, &secret, now()).is_ok()
    };
    assert!(ask("authorization", SECRET));
    assert!(ask("authorization", &format!("Bearer {SECRET}")));
    // seawall:s3cret-of-the-webhook
    assert!(ask(
        "authorization",
        "Basic c2Vhd2FsbDpzM2NyZXQtb2YtdGhlLXdlYmhvb2s="
    ));
    assert!(ask("x-seawall-token", SECRET));
    assert!(!ask("authorization", ""));
    assert!(!ask("authorization", "Bearer"));
    assert!(!ask("authorization", "Bearer s3cret-of-the-webhoo"));
    assert!(!ask("authorization", &format!("{SECRET}x")));
    assert!(!ask("cookie", SECRET));
    let empty = Delivery {
        headers: &HeaderMap::new(),
        body: &body,
        token: Some(""),
    };
    // A webhook without a secret is open to nobody.
    for kind in Kind::ALL {
        let answer = told(kind, &empty, &Secret::new(""), now());
        assert!(matches!(answer, Err(Refusal::Unproven(_))), "{kind}");
        let answer = told(kind, &empty, &secret, now());
        assert!(matches!(answer, Err(Refusal::Unproven(_))), "{kind}");
    }
}

#[test]
fn a_signature_holds_for_one_body_and_one_secret() {
    let body = fixture("ghcr-published");
    let ask = |body: &[u8], header: String| {
        let mut headers = HeaderMap::new();
        headers.insert("x-hub-signature-256", header.parse().unwrap());
        let delivery = Delivery {
            headers: &headers,
            body,
            token: None,
        };
        told(Kind::Ghcr, &delivery, &Secret::new(SECRET), now()).map(|events| events.len())
    };
    assert_eq!(ask(&body, signature(&body, SECRET)), Ok(1));
    for (body, header) in [
        (body.clone(), signature(&body, "another")),
        (
            [body.clone(), b" ".to_vec()].concat(),
            signature(&body, SECRET),
        ),
        (body.clone(), "sha256=".to_owned()),
        (body.clone(), "sha1=0000".to_owned()),
    ] {
        let answer = ask(&body, header);
        assert!(matches!(answer, Err(Refusal::Unproven(_))), "{answer:?}");
    }
}

#[test]
fn a_recording_is_not_believed_a_day_later() {
    for (kind, name) in [
        (Kind::Distribution, "distribution"),
        (Kind::Harbor, "harbor-push"),
        (Kind::DockerHub, "docker-hub"),
        (Kind::Azure, "azure-push"),
        (Kind::Ghcr, "ghcr-published"),
        (Kind::Google, "google-insert"),
        (Kind::Amazon, "amazon-push"),
    ] {
        let body = fixture(name);
        let later = now().saturating_add(OLDEST).unwrap();
        let answer = delivered(kind, &body, later);
        assert!(
            matches!(answer, Err(Refusal::OutOfTime { .. })),
            "{name}: {answer:?}"
        );
        let earlier = now()
            .saturating_add(SignedDuration::from_mins(-30))
            .unwrap();
        let answer = delivered(kind, &body, earlier);
        assert!(
            matches!(answer, Err(Refusal::OutOfTime { .. })),
            "{name}: {answer:?}"
        );
    }
}

#[test]
fn the_same_delivered_twice_has_the_same_ids() {
    for (kind, name) in [
        (Kind::Distribution, "distribution"),
        (Kind::Harbor, "harbor-push"),
        (Kind::Harbor, "harbor-replication"),
        (Kind::Quay, "quay-push"),
        (Kind::DockerHub, "docker-hub"),
        (Kind::Ghcr, "ghcr-published"),
    ] {
        let ids = |at| -> Vec<String> {
            let events = delivered(kind, &fixture(name), at).unwrap();
            events.into_iter().map(|event| event.id).collect()
        };
        let first = ids(now());
        let again = ids(now().saturating_add(SignedDuration::from_secs(20)).unwrap());
        assert_eq!(first, again, "{name}");
        let distinct: std::collections::HashSet<_> = first.iter().collect();
        assert_eq!(distinct.len(), first.len(), "{name}");
    }
}

#[test]
fn size_and_number_are_bounded() {
    let answer = delivered(Kind::Azure, &vec![b' '; LARGEST_BODY + 1], now());
    assert_eq!(answer, Err(Refusal::TooLarge(LARGEST_BODY)));
    let event = r#"{"id":"a","timestamp":"2026-11-20T10:00:00Z","action":"pull","target":{}},"#;
    let body = format!("{{\"events\":[{}", event.repeat(MOST_EVENTS + 1));
    let body = format!("{}]}}", body.trim_end_matches(','));
    let answer = delivered(Kind::Distribution, body.as_bytes(), now());
    assert_eq!(answer, Err(Refusal::TooMany(MOST_EVENTS)));
}

#[test]
fn names_that_are_no_names_are_refused() {
    for repository in [
        "../../etc",
        "team/shop?x=1",
        "team/../shop",
        "",
        "TEAM/shop",
        "a b",
    ] {
        let body = serde_json::json!({
            "id": "1", "timestamp": "2026-11-20T10:00:00Z", "action": "push",
            "target": {"mediaType": "application/vnd.oci.image.manifest.v1+json",
                       "repository": repository, "tag": "1"},
        });
        let answer = delivered(Kind::Azure, body.to_string().as_bytes(), now());
        assert!(
            matches!(answer, Err(Refusal::NotUnderstood(_))),
            "{repository}: {answer:?}"
        );
    }
}

const FIXTURES: [(Kind, &str); 8] = [
    (Kind::Distribution, "distribution"),
    (Kind::Harbor, "harbor-replication"),
    (Kind::Quay, "quay-push"),
    (Kind::Ghcr, "ghcr-published"),
    (Kind::DockerHub, "docker-hub"),
    (Kind::Azure, "azure-push"),
    (Kind::Amazon, "amazon-push"),
    (Kind::Google, "google-insert"),
];

proptest! {
    #[test]
    fn whatever_is_sent_ends(
        kind in 0_usize..8,
        at in 0_usize..2_000,
        with in proptest::collection::vec(any::<u8>(), 0..40),
        take in 0_usize..60,
    ) {
        let (kind, name) = FIXTURES[kind];
        let mut body = fixture(name);
        let start = at.min(body.len());
        let end = (start + take).min(body.len());
        body.splice(start..end, with);
        if let Ok(events) = delivered(kind, &body, now()) {
            for event in events {
                prop_assert!(event.repository.len() <= LONGEST_TEXT);
                prop_assert!(!event.repository.contains(".."));
            }
        }
    }

    #[test]
    fn any_json_ends(value in "[\\[\\]{}\":,a-z0-9 -]{0,200}") {
        for (kind, _) in FIXTURES {
            drop(delivered(kind, value.as_bytes(), now()));
        }
    }
}

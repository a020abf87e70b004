//! Recommendations, the score and what is made of them.

use axum::http::StatusCode;
use model::{ContainerEngine, Digest, PublishedPort, RunningContainer, RunningContainers};
use serde_json::{Value, json};
use testkit::{Image, Layer};

use crate::test_server::{Person, TestServer, start};

#[tokio::test]
async fn before_anything_is_judged_there_is_no_score_and_nothing_failed() {
    let server = start().await;
    let person = server.signed_in().await;
    let score = person.get("/api/v1/score").await.json();
    assert_eq!(score["percent"], Value::Null);
    let open = person.get("/api/v1/recommendations").await.json();
    assert_eq!(open.as_array().unwrap().len(), 0);
    let all = person.get("/api/v1/recommendations?state=all").await.json();
    assert!(all.as_array().unwrap().len() >= 12);
    let compliance = person.get("/api/v1/compliance").await.json();
    for standard in compliance["standards"].as_array().unwrap() {
        assert_eq!(
            (&standard["passed"], &standard["failed"]),
            (&0.into(), &0.into())
        );
    }
    let trend = person.get("/api/v1/overview/trend").await.json();
    assert_eq!(trend["days"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_recommendation_explains_itself() {
    let server = start().await;
    let person = server.signed_in().await;
    let rule = person
        .get("/api/v1/recommendations/containers-not-privileged")
        .await
        .json();
    assert_eq!(rule["recommendation"]["severity"], "high");
    assert!(rule["why"].as_str().unwrap().len() > 40);
    assert!(rule["remediation"][0]["code"].is_string());
    let unknown = person.get("/api/v1/recommendations/no-such").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    for bad in [
        "recommendations?state=broken",
        "recommendations?severity=huge",
        "score/history?days=0",
        "score/history?days=366",
        "overview/trend?days=1000",
    ] {
        let answer = person.get(&format!("/api/v1/{bad}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

/// Builds an image with one version of a package that version 1.2.6
/// mends, and scans it; its configuration's digest.
async fn build(server: &TestServer, person: &Person, version: &str) -> Digest {
    let package = json!({ "name": "minimist", "version": version });
    let image = Image::new().tag("registry.test/shop:1").layer(
        "COPY . /app",
        Layer::new().file(
            "app/node_modules/minimist/package.json",
            package.to_string(),
        ),
    );
    let path = server.folder.path().join(format!("shop-{version}.tar"));
    image.write_docker_archive(&path);
    let target = format!("archive:{}", path.display());
    let answer = person
        .post("/api/v1/scans", json!({ "target": target }))
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    person.wait_for_scans().await;
    Digest::of(&image.config())
}

fn container(digest: Digest, privileged: bool) -> RunningContainer {
    RunningContainer {
        engine: ContainerEngine::Docker,
        namespace: None,
        id: "c0ffee".repeat(10),
        name: "shop".to_owned(),
        image: "registry.test/shop:1".to_owned(),
        image_digests: vec![digest],
        started: None,
        pid: None,
        privileged: Some(privileged),
        host_namespaces: None,
        host_paths: None,
        ports: vec![PublishedPort {
            address: "127.0.0.1".to_owned(),
            host: 8080,
            container: 80,
            protocol: "tcp".to_owned(),
        }],
        labels: [].into(),
        options: None,
    }
}

async fn runs(server: &TestServer, containers: Vec<RunningContainer>) {
    let running = RunningContainers {
        containers,
        unknown: Vec::new(),
    };
    server
        .server
        .put_containers("local", "host-1", running)
        .await
        .unwrap();
}

/// Waits until a recommendation stands as told.
async fn until(person: &Person, rule: &str, what: impl Fn(&Value) -> bool) -> Value {
    let mut events = person.events().await;
    loop {
        let path = format!("/api/v1/recommendations/{rule}?environment=local");
        let standing = person.get(&path).await.json()["recommendation"].take();
        if what(&standing) {
            return standing;
        }
        while events.next().await.name != "score" {}
    }
}

/// Waits until so many images and as many containers of an environment
/// were judged: then nothing moves any more.
pub(crate) async fn judged(person: &Person, environment: &str, many: u64) {
    let mut events = person.events().await;
    loop {
        let mut done = 0;
        for rule in ["images-read-whole", "containers-not-privileged"] {
            let path = format!("/api/v1/recommendations/{rule}?environment={environment}");
            let standing = person.get(&path).await.json();
            if standing["recommendation"]["assessed"] == many {
                done += 1;
            }
        }
        if done == 2 {
            return;
        }
        while events.next().await.name != "score" {}
    }
}

async fn percent(person: &Person) -> f64 {
    let score = person.get("/api/v1/score?environment=local").await.json();
    score["percent"].as_f64().unwrap()
}

#[tokio::test]
async fn an_exemption_moves_the_score_as_its_preview_said() {
    let server = start().await;
    server.server.start_jobs().await.unwrap();
    let person = server.signed_in().await;
    let old = build(&server, &person, "1.2.5").await;
    runs(&server, vec![container(old, true)]).await;
    let cases = [
        // Of the vulnerabilities nothing is left that an upgrade would close.
        ("package:minimist", "images-fix-critical"),
        (
            "rule:containers-not-privileged",
            "containers-not-privileged",
        ),
    ];
    for (_, rule) in cases {
        until(&person, rule, |at| at["affected"] == 1).await;
    }
    for (scope, rule) in cases {
        let before = percent(&person).await;
        let exemption = json!({
            "scope": scope,
            "environment": "local",
            "reason": "accepted_risk",
            "note": "to see what it does",
        });
        let preview = person
            .post("/api/v1/exemptions/preview", exemption.clone())
            .await
            .json();
        let promised = preview["score"].as_f64().unwrap();
        assert!(promised > 0.0, "{scope}: {preview}");
        let made = person.post("/api/v1/exemptions", exemption).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        until(&person, rule, |at| at["affected"] == 0).await;
        let moved = percent(&person).await - before;
        assert!(
            (moved - promised).abs() < 1e-9,
            "{scope}: {moved}, promised {promised}"
        );
    }
}

#[tokio::test]
async fn what_runs_with_a_mendable_hole_costs_points_until_it_is_mended() {
    let server = start().await;
    server.server.start_jobs().await.unwrap();
    let person = server.signed_in().await;
    let rule = "images-fix-critical";
    let sound = build(&server, &person, "1.2.7").await;
    runs(&server, vec![container(sound, false)]).await;
    until(&person, rule, |at| at["assessed"] == 1).await;
    until(&person, "containers-not-privileged", |at| {
        at["assessed"] == 1
    })
    .await;
    let before = percent(&person).await;

    let old = build(&server, &person, "1.2.5").await;
    runs(&server, vec![container(old, true)]).await;
    let standing = until(&person, rule, |at| at["affected"] == 1).await;
    assert_eq!(standing["state"], "open");
    assert_eq!(standing["gain"], 20.0);
    until(&person, "containers-not-privileged", |at| {
        at["affected"] == 1
    })
    .await;
    let bad = percent(&person).await;
    assert!(bad < before, "{bad} after {before}");

    let findings = person
        .get("/api/v1/findings?vulnerability=images-fix-critical&environment=local")
        .await
        .json();
    assert_eq!(findings["total"], 1, "{findings}");
    let finding = &findings["items"][0];
    assert_eq!(finding["kind"], "misconfiguration");
    assert_eq!(finding["asset"]["name"], "registry.test/shop:1");
    assert!(
        finding["summary"]
            .as_str()
            .unwrap()
            .contains("raise minimist 1.2.6"),
        "{finding}"
    );
    let open = person
        .get("/api/v1/recommendations?environment=local")
        .await
        .json();
    assert_eq!(open[0]["id"], rule, "most to gain first: {open}");
    let new = build(&server, &person, "1.2.8").await;
    runs(&server, vec![container(new, false)]).await;
    until(&person, rule, |at| at["affected"] == 0).await;
    until(&person, "containers-not-privileged", |at| {
        at["affected"] == 0
    })
    .await;
    let good = percent(&person).await;
    assert!((good - before).abs() < 1e-9, "{good} after {bad}");
    let gone = person
        .get("/api/v1/findings?vulnerability=images-fix-critical&state=resolved")
        .await
        .json();
    assert_eq!(gone["total"], 1);

    let history = person
        .get("/api/v1/score/history?environment=local")
        .await
        .json();
    let told: Vec<String> = history["ledger"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["rule"] == rule)
        .map(|entry| {
            let change = entry["change"].as_f64().unwrap();
            let direction = if change > 0.0 { "up" } else { "down" };
            format!("{direction}: {}", entry["text"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [
            "up: 1 image mended",
            "down: 1 image newly affected",
            "up: 1 image looked at and healthy"
        ],
        "{history}"
    );
    let overview = person.get("/api/v1/overview").await.json();
    assert!(overview["score"]["percent"].is_number());
    assert!(
        !overview["top_recommendations"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let trend = person.get("/api/v1/overview/trend").await.json();
    assert_eq!(trend["days"].as_array().unwrap().len(), 1);
    assert!(trend["days"][0]["resolved"].as_u64().unwrap() >= 1);
    assert!(trend["days"][0]["new"].as_u64().unwrap() >= 2);
}

#[tokio::test]
async fn what_ended_has_nothing_wrong_with_it_any_more() {
    let server = start().await;
    server.server.start_jobs().await.unwrap();
    let person = server.signed_in().await;
    let digest = build(&server, &person, "1.2.8").await;
    runs(&server, vec![container(digest, true)]).await;
    let rule = "containers-not-privileged";
    until(&person, rule, |at| at["affected"] == 1).await;
    runs(&server, Vec::new()).await;
    let standing = until(&person, rule, |at| at["affected"] == 0).await;
    assert_eq!(standing["state"], "not_applicable");
    let open = person
        .get("/api/v1/findings?vulnerability=containers-not-privileged")
        .await
        .json();
    assert_eq!(open["total"], 0);
}

//! From asking for a scan to seeing what it found.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use serde_json::{Value, json};
use testkit::web::{Reply, Request, Server};

use crate::{
    people::{in_days, token},
    test_server::{Person, TestServer, start, start_with},
};

/// A folder with one package that is vulnerable and one that is not.
fn vulnerable_folder(server: &TestServer) -> String {
    let root = server.folder.path().join("root");
    std::fs::create_dir_all(root.join("app/node_modules/lodash")).unwrap();
    std::fs::write(
        root.join("app/node_modules/lodash/package.json"),
        r#"{ "name": "lodash", "version": "4.17.15" }"#,
    )
    .unwrap();
    std::fs::create_dir_all(root.join("app/node_modules/quiet")).unwrap();
    std::fs::write(
        root.join("app/node_modules/quiet/package.json"),
        r#"{ "name": "quiet", "version": "1.0.0" }"#,
    )
    .unwrap();
    root.display().to_string()
}

async fn scan(person: &Person, target: &str) -> Value {
    let answer = person
        .post("/api/v1/scans", json!({ "target": target }))
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    person.wait_for_scans().await;
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    person.get(&format!("/api/v1/scans/{id}")).await.json()
}

#[tokio::test]
async fn a_scan_ends_in_findings_everywhere_they_belong() {
    let server = start().await;
    server.server.start_jobs().await.unwrap();
    let person = server.signed_in().await;
    let folder = vulnerable_folder(&server);
    let scan = scan(&person, &format!("dir:{folder}")).await;
    assert_eq!(scan["state"], "done", "{scan}");
    assert_eq!(scan["outcome"]["packages"], 2);
    let found = scan["outcome"]["new"].as_u64().unwrap();
    assert!(found > 0, "{scan}");

    let image = scan["image"]["id"].as_str().unwrap();
    let detail = person.get(&format!("/api/v1/images/{image}")).await.json();
    assert_eq!(detail["image"]["kind"], "rootfs");
    assert_eq!(detail["image"]["starter_only"], true);
    assert_eq!(detail["top_fixes"][0]["package"], "lodash");

    let findings = person
        .get(&format!("/api/v1/images/{image}/findings"))
        .await
        .json();
    assert_eq!(findings["total"], found);
    let finding = &findings["items"][0];
    assert_eq!(finding["package"]["name"], "lodash");
    assert_eq!(
        finding["package"]["path"],
        "app/node_modules/lodash/package.json"
    );
    let everywhere = person.get("/api/v1/findings?package=lodash").await.json();
    assert_eq!(everywhere["items"], findings["items"]);

    let id = finding["rule"].as_str().unwrap();
    let vulnerability = person
        .get(&format!("/api/v1/vulnerabilities/{id}"))
        .await
        .json();
    assert_eq!(vulnerability["affected"][0]["image"]["id"], image);
    assert_eq!(vulnerability["fixes"][0]["package"], "lodash");

    let packages = person
        .get(&format!("/api/v1/images/{image}/packages?q=LOD"))
        .await
        .json();
    assert_eq!(packages["total"], 1);
    assert_ne!(
        packages["items"][0]["counts"],
        packages["items"][1]["counts"]
    );

    let overview = person.get("/api/v1/overview").await.json();
    assert_eq!(overview["totals"]["machines"], 1);
    assert_eq!(overview["top_images"][0]["id"], image);
    assert_eq!(overview["database"]["state"], "starter");
    assert_eq!(overview["coverage"]["gaps"][0]["kind"], "database");
    assert_eq!(overview["changes"][0]["kind"], "image_added");

    let results = person.get("/api/v1/search?q=lodash").await.json();
    assert_eq!(results["packages"][0]["images"], 1);
    assert!(!results["vulnerabilities"].as_array().unwrap().is_empty());

    for (format, mark) in [
        ("json", "\"findings\""),
        ("sarif", "\"2.1.0\""),
        ("cyclonedx", "\"CycloneDX\""),
        ("spdx", "\"SPDX-2.3\""),
        ("csv", "lodash"),
    ] {
        let path = format!("/api/v1/images/{image}/report?format={format}");
        let answer = person.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{format}");
        assert!(answer.text.contains(mark), "{format}");
        assert!(
            answer
                .header("content-disposition")
                .starts_with("attachment")
        );
    }

    let answer = person.delete(&format!("/api/v1/images/{image}")).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let answer = person.get("/api/v1/vulnerabilities").await.json();
    assert_eq!(answer["total"], 0);
}

#[tokio::test]
async fn a_mended_package_is_resolved() {
    let server = start().await;
    server.server.start_jobs().await.unwrap();
    let person = server.signed_in().await;
    let folder = vulnerable_folder(&server);
    let before = scan(&person, &format!("dir:{folder}")).await;
    std::fs::write(
        server
            .folder
            .path()
            .join("root/app/node_modules/lodash/package.json"),
        r#"{ "name": "lodash", "version": "99.0.0" }"#,
    )
    .unwrap();
    let after = scan(&person, &format!("dir:{folder}")).await;
    assert_eq!(after["image"], before["image"]);
    assert_eq!(after["outcome"]["resolved"], before["outcome"]["new"]);
    let resolved = person.get("/api/v1/findings?state=resolved").await.json();
    assert_eq!(resolved["total"], before["outcome"]["new"]);
    assert!(resolved["items"][0]["resolved"].is_string());
}

#[tokio::test]
async fn a_scan_that_fails_says_why_and_what_to_do() {
    let server = start().await;
    server.server.start_jobs().await.unwrap();
    let person = server.signed_in().await;
    let path = server.folder.path().join("broken.tar");
    std::fs::write(&path, "no archive at all").unwrap();
    let scan = scan(&person, &format!("archive:{}", path.display())).await;
    assert_eq!(scan["state"], "failed");
    let message = scan["error"]["message"].as_str().unwrap();
    assert!(message.contains("broken.tar"), "{message}");
    let changes = person.get("/api/v1/changes").await.json();
    assert_eq!(changes["items"][0]["kind"], "scan_failed");
}

#[tokio::test]
async fn asking_twice_is_asking_once() {
    let server = start().await;
    let person = server.signed_in().await;
    let folder = vulnerable_folder(&server);
    let body = json!({ "target": format!("dir:{folder}") });
    let first = person.post("/api/v1/scans", body.clone()).await.json();
    let second = person.post("/api/v1/scans", body).await.json();
    assert_eq!(first["id"], second["id"]);
    let id = first["id"].as_str().unwrap();
    let cancelled = person.delete(&format!("/api/v1/scans/{id}")).await;
    assert_eq!(cancelled.json()["state"], "cancelled");
    let again = person.delete(&format!("/api/v1/scans/{id}")).await;
    assert!(again.problem().starts_with("409 scan_ended"), "{again:?}");
}

#[tokio::test]
async fn an_update_that_cannot_be_says_how_to_go_on() {
    let server = start_with(|config| {
        config.advisories.url = "http://127.0.0.1:9/".to_owned();
    })
    .await;
    server.server.start_jobs().await.unwrap();
    let person = server.signed_in().await;
    let mut events = person.events().await;
    let answer = person.post("/api/v1/database/update", json!({})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    loop {
        let event = events.next().await;
        if event.name == "database" && event.data["database"]["problem"].is_object() {
            break;
        }
    }
    let database = person.get("/api/v1/database").await.json();
    assert_eq!(database["state"], "starter");
    let advice = database["problem"]["advice"].as_str().unwrap();
    assert!(advice.contains("seawall db export"), "{advice}");
}

#[tokio::test]
async fn news_reaches_what_is_known_without_reading_it_again() {
    let server = start().await;
    server.server.start_jobs().await.unwrap();
    let person = server.signed_in().await;
    let folder = vulnerable_folder(&server);
    scan(&person, &format!("dir:{folder}")).await;
    std::fs::remove_dir_all(&folder).unwrap();
    let about_quiet = "/api/v1/findings?package=quiet";
    assert_eq!(person.get(about_quiet).await.json()["total"], 0);

    let advisory = json!({
        "id": "GHSA-quie-tpac-kage",
        "modified": "2026-01-01T00:00:00Z",
        "summary": "quiet is not quiet",
        "affected": [{
            "package": { "ecosystem": "npm", "name": "quiet" },
            "ranges": [{
                "type": "SEMVER",
                "events": [{ "introduced": "0" }, { "fixed": "2.0.0" }],
            }],
        }],
    });
    let mut events = person.events().await;
    let answer = person
        .ask(
            Method::POST,
            "/api/v1/database/import?name=GHSA-quie-tpac-kage.json",
            Body::from(advisory.to_string()),
            &[],
        )
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    loop {
        let event = events.next().await;
        assert!(event.data["database"]["problem"].is_null(), "{event:?}");
        if event.name == "image" {
            break;
        }
    }
    let findings = person.get(about_quiet).await.json();
    assert_eq!(findings["items"][0]["rule"], "GHSA-quie-tpac-kage");
    assert_eq!(findings["items"][0]["fix"]["versions"], json!(["2.0.0"]));
    let changes = person.get("/api/v1/changes").await.json();
    let kinds: Vec<_> = changes["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["image_changed", "database_updated", "image_added"]);
}

#[tokio::test]
async fn a_registry_nobody_watches_leads_into_no_network_of_ours() {
    let test = start().await;
    test.server.start_jobs().await.unwrap();
    let person = test.signed_in().await;
    for (place, told) in [
        ("http://10.255.255.1:5000/v2/", "on a private network"),
        ("http://169.254.169.254/latest/", "which is never used"),
    ] {
        let fake = Server::start(move |_: &Request| Reply::new(302, "").header("location", place));
        let target = format!("registry:{}/team/shop:1", fake.host());
        let body = json!({ "target": target });
        let answer = person.post("/api/v1/scans", body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        person.wait_for_scans().await;
        let failed = person.get("/api/v1/scans?state=failed").await.json();
        let error = failed["items"][0]["error"]["message"].as_str().unwrap();
        assert!(error.contains(told), "{error}");
        assert!(!fake.asked().is_empty(), "it was asked, and led astray");
    }
}

#[tokio::test]
async fn an_image_of_a_pod_is_not_looked_for_on_this_machine() {
    let test = start_with(|config| config.scan.running = true).await;
    test.server.start_jobs().await.unwrap();
    let person = test.signed_in().await;
    let body = json!({"name": "connector", "permissions": ["ingest"], "environments": ["local"],
        "expires": in_days(1)});
    let connector = token(&test, &person, body).await.0;
    let fake = Server::start(|_: &Request| Reply::new(200, "{}"));
    let image = format!("{}/team/shop:1", fake.host());
    let pod = json!({"key": {"group": "", "kind": "Pod", "namespace": "shop", "name": "web-1"},
        "version": "v1", "pod": {"node": "n1", "phase": "Running", "containers": [{"name": "main",
            "image": image, "id": format!("containerd://{}", "c0ffee".repeat(10)),
            "image_id": format!("{}/team/shop@sha256:{}", fake.host(), "0".repeat(64)),
            "running": true}]}});
    let batch = json!({"session": "a", "number": 1, "completes": true, "policies": [],
        "objects": [pod]});
    let path = "/api/v1/clusters/prod/objects";
    let answer = connector.post(path, batch).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    test.server.look_at_registries(true).await.unwrap();
    person.wait_for_scans().await;
    let failed = person.get("/api/v1/scans?state=failed").await.json();
    let error = failed["items"][0]["error"]["message"].as_str().unwrap();
    assert!(error.contains("this machine itself"), "{error}");
    assert!(fake.asked().is_empty(), "{:?}", fake.asked());
}

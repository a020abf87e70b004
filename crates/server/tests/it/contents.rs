//! Secrets, malware and licences of images, from a report to the lists.

use axum::http::StatusCode;
use serde_json::{Value, json};
use testkit::{Image, Layer};

use crate::test_server::{Person, start, start_with};

fn secret(path: &str, removed_in: Option<u32>) -> Value {
    json!({
        "rule": "private-key", "severity": "high", "place": "file", "path": path, "line": 3,
        "redacted": "•••", "mark": "00aa11bb22cc", "proof": "RSA, without a passphrase",
        "layer": 0, "removed_in": removed_in,
    })
}

fn package(name: &str, license: &str) -> Value {
    json!({
        "kind": "npm", "name": name, "version": "1.0.0", "licenses": [license],
        "purl": format!("pkg:npm/{name}@1.0.0"), "path": format!("app/{name}/package.json"),
    })
}

/// Hands in what a pipeline read; `secrets` is null where it did not look.
async fn hand_in(person: &Person, secrets: Value) -> String {
    let status = model::db::DatabaseStatus {
        generation: "0".to_owned(),
        compiled: jiff::Timestamp::UNIX_EPOCH,
        advisories: 0,
        sources: Vec::new(),
        epss: None,
        kev: None,
        starter_only: true,
    };
    let report = json!({
        "schema": 1, "tool": "seawall 0", "scanned": "2026-01-01T00:00:00Z",
        "target": {"kind": "image", "name": "registry.example/shop:1"},
        "database": status,
        "sbom": {
            "packages": [package("quiet", "MIT"), package("loud", "AGPL-3.0-only")],
            "secrets": secrets,
            "config": {"user": "app", "health_check": true, "ports": ["22/tcp"]},
        },
        "findings": [], "suppressed": [], "vulnerabilities": {},
    });
    let answer = person
        .post("/api/v1/reports", json!({ "report": report }))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json()["image"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_secret_is_a_finding_with_a_list_of_its_own() {
    let server = start().await;
    let person = server.signed_in().await;
    let both = json!([secret("root/key.pem", Some(1)), secret("srv/key.pem", None)]);
    let image = hand_in(&person, both).await;

    let list = person.get("/api/v1/secrets").await.json();
    assert_eq!(list["total"], 2, "{list}");
    let one = &list["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["path"] == "root/key.pem");
    let one = one.unwrap();
    assert_eq!(one["removed_in"], 1);
    assert_eq!(one["line"], 3);
    assert_eq!(one["image"]["id"], image.as_str());
    assert_eq!(one["title"], "Private key");
    let narrowed = person
        .get("/api/v1/secrets?q=srv&severity=high")
        .await
        .json();
    assert_eq!(narrowed["total"], 1);

    let id = one["id"].as_str().unwrap();
    let detail = person.get(&format!("/api/v1/findings/{id}")).await.json();
    assert_eq!(detail["finding"]["kind"], "secret", "{detail}");
    let kinds = person.get("/api/v1/secrets/kinds").await.json();
    assert_eq!(kinds[0]["id"], "private-key", "what is open comes first");
    assert_eq!(
        (&kinds[0]["open"], &kinds[0]["images"]),
        (&json!(2), &json!(1))
    );
    let sarif = person
        .get(&format!("/api/v1/images/{image}/report?format=sarif"))
        .await;
    assert!(sarif.text.contains("images-no-ssh") && sarif.text.contains("private-key"));

    // Somebody looked for vulnerabilities alone; then one is mended.
    hand_in(&person, Value::Null).await;
    assert_eq!(person.get("/api/v1/secrets").await.json()["total"], 2);
    hand_in(&person, json!([secret("srv/key.pem", None)])).await;
    let left = person.get("/api/v1/secrets").await.json();
    assert_eq!(left["total"], 1);
    assert_eq!(left["items"][0]["path"], "srv/key.pem");
    let gone = person.get("/api/v1/secrets?state=resolved").await.json();
    assert_eq!(gone["items"][0]["path"], "root/key.pem");
    let refused = person.get("/api/v1/secrets?state=lost").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

/// Harmless, and in a list.
const BAD: &str = "#!/bin/sh\necho THIS-IS-A-HARMLESS-TEST-FILE\n";

#[tokio::test]
async fn malware_is_found_by_rules_and_layers_are_asked_anew_when_they_change() {
    let own = std::env::current_exe().unwrap();
    let judge = own.ancestors().nth(2).unwrap().join("seawall-malware");
    if !judge.is_file() {
        testkit::skipped("rules over images: seawall-malware is not built in the target folder");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("own.yar");
    std::fs::write(&rules, "rule Nothing { condition: false }").unwrap();
    let server = start_with(|config| {
        config.scan.malware.rules = vec![rules.clone()];
        config.scan.malware.worker = Some(judge);
    })
    .await;
    server.server.start_jobs().await.unwrap();
    let person = server.signed_in().await;
    let image = folder.path().join("shop.tar");
    Image::new()
        .tag("registry.test/shop:1")
        .layer("COPY . /", Layer::new().executable("usr/bin/tool", BAD))
        .write_docker_archive(&image);
    let found = async || {
        let target = json!({ "target": format!("archive:{}", image.display()) });
        let answer = person.post("/api/v1/scans", target).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        person.wait_for_scans().await;
        let path = "/api/v1/findings?q=kind%3Amalware%20is%3Aopen";
        person.get(path).await.json()
    };
    assert_eq!(found().await["total"], 0);
    let rule = "rule Harmless { strings: $a = \"HARMLESS-TEST\" condition: $a }";
    std::fs::write(&rules, rule).unwrap();
    let told = found().await;
    assert_eq!(told["total"], 1, "{told}");
    let summary = told["items"][0]["summary"].as_str().unwrap();
    assert!(
        summary.starts_with("usr/bin/tool matches the rule Harmless of "),
        "{summary}"
    );
    // Of no use: those before hold.
    std::fs::write(&rules, "rule Broken {").unwrap();
    assert_eq!(found().await["total"], 1);
}

#[tokio::test]
async fn malware_is_found_by_the_lists_as_they_are_and_goes_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("bad.txt");
    std::fs::write(&list, "# nothing yet\n").unwrap();
    let server = start_with(|config| config.scan.malware.hashes = vec![list.clone()]).await;
    server.server.start_jobs().await.unwrap();
    let person = server.signed_in().await;
    let image = folder.path().join("shop.tar");
    Image::new()
        .tag("registry.test/shop:1")
        .layer("COPY . /", Layer::new().executable("usr/bin/tool", BAD))
        .layer("RUN true", Layer::new().executable("usr/bin/fine", "x"))
        .write_docker_archive(&image);
    let scan = async || {
        let target = json!({ "target": format!("archive:{}", image.display()) });
        let answer = person.post("/api/v1/scans", target).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        person.wait_for_scans().await;
    };
    let open = async || {
        let path = "/api/v1/findings?q=kind%3Amalware%20is%3Aopen";
        person.get(path).await.json()
    };
    scan().await;
    assert_eq!(open().await["total"], 0);

    let hash = model::Digest::of(BAD.as_bytes()).hex();
    std::fs::write(&list, format!("{hash}  harmless-test\n")).unwrap();
    scan().await;
    let found = open().await;
    assert_eq!(found["total"], 1, "{found}");
    let one = &found["items"][0];
    assert_eq!(
        (&one["severity"], &one["kind"]),
        (&json!("critical"), &json!("malware"))
    );
    let summary = one["summary"].as_str().unwrap();
    assert!(
        summary.starts_with("usr/bin/tool is harmless-test, says "),
        "{summary}"
    );
    let id = one["id"].as_str().unwrap();
    let detail = person.get(&format!("/api/v1/findings/{id}")).await.json();
    let evidence = &detail["evidence"];
    assert_eq!(evidence["layer"], 0, "{detail}");
    assert_eq!(evidence["digest"], format!("sha256:{hash}"));
    let image = one["image"]["id"].as_str().unwrap();
    let sarif = format!("/api/v1/images/{image}/report?format=sarif");
    let sarif = person.get(&sarif).await;
    assert!(sarif.text.contains("malware-in-list"), "{}", sarif.text);

    std::fs::write(&list, "# it was a mistake, and is taken back\n").unwrap();
    scan().await;
    assert_eq!(open().await["total"], 0);
}

#[tokio::test]
async fn licences_are_counted_and_judged_by_the_policy() {
    let server = start_with(|config| {
        config.licenses.forbidden = vec!["class:network_copyleft".to_owned().try_into().unwrap()];
    })
    .await;
    let person = server.signed_in().await;
    let image = hand_in(&person, json!([])).await;
    let all = person.get("/api/v1/licenses").await.json();
    assert_eq!(
        all["policy"]["forbidden"],
        json!(["class:network_copyleft"])
    );
    let loud = all["licenses"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["license"] == "AGPL-3.0-only");
    let loud = loud.unwrap();
    assert_eq!(
        (&loud["forbidden"], &loud["images"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(all["classes"][0]["class"], "network_copyleft", "{all}");
    let holders = person
        .get("/api/v1/licenses/images?license=AGPL-3.0-only")
        .await
        .json();
    assert_eq!(holders["total"], 1);
    assert_eq!(holders["items"][0]["named"], json!(["loud"]));
    let none = person
        .get("/api/v1/licenses/images?class=restricted")
        .await
        .json();
    assert_eq!(none["total"], 0);
    let own = person
        .get(&format!("/api/v1/images/{image}/licenses"))
        .await
        .json();
    assert_eq!(own["violations"][0]["package"], "loud", "{own}");
    assert_eq!(own["licenses"].as_array().unwrap().len(), 2);
}

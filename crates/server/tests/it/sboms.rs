//! SBOMs brought in, searched and compared; VEX in and out.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use serde_json::{Value, json};

use crate::test_server::{Answer, Person, start};

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const LOG4J: &str = "pkg:maven/org.apache.logging.log4j/log4j-core";

fn bom(packages: &[&str]) -> String {
    let components: Vec<Value> = packages
        .iter()
        .map(|purl| {
            let (path, version) = purl.rsplit_once('@').unwrap();
            let name = path.rsplit('/').next().unwrap();
            json!({ "type": "library", "name": name, "version": version, "purl": purl })
        })
        .collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "components": components,
    })
    .to_string()
}

async fn send(person: &Person, path: &str, document: &str) -> Answer {
    let kind = [("content-type", "application/octet-stream")];
    person
        .ask(Method::POST, path, Body::from(document.to_owned()), &kind)
        .await
}

async fn import(person: &Person, name: &str, packages: &[&str]) -> String {
    let answer = send(
        person,
        &format!("/api/v1/sboms?name={name}"),
        &bom(packages),
    )
    .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json()["image"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_document_for_an_image_is_found_by_what_is_in_it() {
    let server = start().await;
    let person = server.signed_in().await;
    let old = format!("{LOG4J}@2.14.1");
    let path = format!("/api/v1/sboms?name=registry.example/shop:1&digest={DIGEST}");
    let answer = send(&person, &path, &bom(&[&old, "pkg:npm/quiet@1.0.0"])).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let imported = answer.json();
    assert_eq!(imported["image"]["kind"], "image");
    assert_eq!(imported["packages"], 2);
    let image = imported["image"]["id"].as_str().unwrap().to_owned();
    let detail = person.get(&format!("/api/v1/images/{image}")).await.json();
    assert_eq!(detail["image"]["digest"], DIGEST);

    let new = format!("{LOG4J}@2.25.0");
    let other = import(&person, "patched", &[&new]).await;
    let search = "/api/v1/sboms/search?name=log4j-core";
    let all = person.get(search).await.json();
    assert_eq!(all["total"], 2, "{all}");
    let old = person
        .get(&format!("{search}&version=%3C2.17"))
        .await
        .json();
    assert_eq!(old["total"], 1, "{old}");
    assert_eq!(old["items"][0]["image"]["id"], image.as_str());
    assert_eq!(old["items"][0]["packages"][0]["version"], "2.14.1");
    let first = person.get(&format!("{search}&limit=1")).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = person
        .get(&format!("{search}&limit=1&cursor={cursor}"))
        .await
        .json();
    assert_ne!(first["items"], second["items"]);
    assert_eq!(second["next_cursor"], Value::Null);
    let npm = person.get(&format!("{search}&ecosystem=npm")).await.json();
    assert_eq!(npm["total"], 0);

    let path = format!("/api/v1/images/{image}/comparison?with={other}");
    let comparison = person.get(&path).await.json();
    assert_eq!(comparison["removed"][0]["name"], "quiet");
    assert_eq!(comparison["changed"][0]["after"], json!(["2.25.0"]));
    assert!(
        !comparison["lost"].as_array().unwrap().is_empty(),
        "{comparison}"
    );
    assert_eq!(comparison["gained"], json!([]));

    person.delete(&format!("/api/v1/images/{image}")).await;
    let old = person
        .get(&format!("{search}&version=%3C2.17"))
        .await
        .json();
    assert_eq!(old["items"], json!([]));
}

#[tokio::test]
async fn what_is_no_document_is_refused_by_name() {
    let server = start().await;
    let person = server.signed_in().await;
    for (path, document, words) in [
        ("/api/v1/sboms?name=a", "", "the document is empty"),
        ("/api/v1/sboms?name=a", "hello", "recognise the SBOM"),
        ("/api/v1/sboms", "{}", "say what it is of"),
        ("/api/v1/sboms?name=a&digest=7", "{}", "digest"),
        ("/api/v1/vex?name=a", "{}", "no OpenVEX, CSAF or CycloneDX"),
        ("/api/v1/vex?name=a&environment=moon", "{}", "environment"),
    ] {
        let answer = send(&person, path, document).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.text);
        assert!(answer.text.contains(words), "{path}: {}", answer.text);
    }
    let answer = person.get("/api/v1/sboms/search?name=a&version=%3C").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
}

async fn findings(person: &Person, image: &str) -> Value {
    person
        .get(&format!("/api/v1/images/{image}/findings?limit=100"))
        .await
        .json()
}

#[tokio::test]
async fn what_others_say_sets_findings_aside_and_our_word_goes_out() {
    let server = start().await;
    let person = server.signed_in().await;
    let old = format!("{LOG4J}@2.14.1");
    let path = format!("/api/v1/sboms?name=registry.example/shop:1&digest={DIGEST}");
    let imported = send(&person, &path, &bom(&[&old])).await.json();
    let image = imported["image"]["id"].as_str().unwrap().to_owned();
    let before = findings(&person, &image).await;
    let total = before["total"].as_u64().unwrap();
    assert!(total > 1, "{before}");
    let rule = before["items"][0]["rule"].as_str().unwrap().to_owned();

    let vex = json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://vendor.example/1",
        "author": "Vendor",
        "timestamp": "2026-01-01T00:00:00Z",
        "version": 1,
        "statements": [{
            "vulnerability": { "name": rule },
            "products": [{ "@id": LOG4J }],
            "status": "not_affected",
            "justification": "vulnerable_code_not_present",
        }],
    });
    let added = send(&person, "/api/v1/vex?name=vendor.json", &vex.to_string()).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text);
    assert_eq!(added.json()["statements"], 1);
    // Images are judged beside the answer; an event says when.
    let becomes = async |expected: u64| {
        let patience = tokio::time::timeout(Duration::from_mins(1), async {
            let mut events = person.events().await;
            while findings(&person, &image).await["total"] != expected {
                events.next().await;
            }
        });
        patience.await.expect("the image is judged again");
    };
    becomes(total - 1).await;
    let listed = person.get("/api/v1/vex").await.json();
    assert_eq!(listed[0]["name"], "vendor.json");
    let id = listed[0]["id"].as_str().unwrap();
    let statements = format!("/api/v1/vex/{id}/statements");
    let said = person.get(&statements).await.json();
    assert_eq!(said["total"], 1, "{said}");
    let one = &said["items"][0];
    assert_eq!(
        (&one["vulnerability"], &one["status"], &one["justification"]),
        (
            &json!(rule),
            &json!("not_affected"),
            &json!("vulnerable_code_not_present")
        )
    );
    assert_eq!(one["products"], json!([{ "name": LOG4J }]));
    let gone = person.delete(&format!("/api/v1/vex/{id}")).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    becomes(total).await;

    let exemption = json!({
        "scope": format!("cve:{rule}"),
        "reason": "mitigated",
        "note": "no lookups are made here",
    });
    let made = person.post("/api/v1/exemptions", exemption).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    for (format, words) in [
        ("openvex", "inline_mitigations_already_exist"),
        ("cyclonedx", "protected_by_mitigating_control"),
        ("csaf", "csaf_vex"),
    ] {
        let path = format!("/api/v1/vex/export?format={format}");
        let ours = person.get(&path).await;
        assert_eq!(ours.status, StatusCode::OK);
        for words in [words, &rule, "no lookups are made here"] {
            assert!(
                ours.text.contains(words),
                "{format}: {words}: {}",
                ours.text
            );
        }
    }
}

#[tokio::test]
async fn what_a_document_says_is_read_page_by_page_where_it_holds() {
    let server = start().await;
    let person = server.signed_in().await;
    let statements: Vec<Value> = (1..=5)
        .map(|number| {
            json!({"vulnerability": {"name": format!("CVE-2024-{number}")},
                "products": [{"@id": LOG4J}], "status": "under_investigation",
                "status_notes": if number % 2 == 0 { "Even" } else { "odd" }})
        })
        .collect();
    let vex = json!({"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://vendor.example/1",
        "author": "Vendor", "timestamp": "2026-01-01T00:00:00Z", "version": 1,
        "statements": statements});
    let path = "/api/v1/vex?name=vendor.json&environment=local";
    let added = send(&person, path, &vex.to_string()).await.json();
    let id = added["id"].as_str().unwrap();
    let read = async |rest: &str| {
        let path = format!("/api/v1/vex/{id}/statements?limit=2{rest}");
        let page = person.get(&path).await.json();
        let items = page["items"].as_array().unwrap();
        let names = items.iter().map(|one| one["vulnerability"].clone());
        let names: Vec<Value> = names.collect();
        (names, page["total"].clone(), page["next_cursor"].clone())
    };
    let (first, total, next) = read("").await;
    assert_eq!((first.len(), total), (2, json!(5)));
    let cursor = format!("&cursor={}", next.as_str().unwrap());
    let (second, _, next) = read(&cursor).await;
    assert_eq!(second, ["CVE-2024-3", "CVE-2024-4"]);
    let cursor = format!("&cursor={}", next.as_str().unwrap());
    assert_eq!(read(&cursor).await.0, ["CVE-2024-5"]);
    let (even, total, next) = read("&q=EVEN").await;
    assert_eq!(even, ["CVE-2024-2", "CVE-2024-4"]);
    assert_eq!((total, next), (json!(2), Value::Null));

    let garbage = format!("/api/v1/vex/{id}/statements?cursor=x");
    let refused = person.get(&garbage).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
    let nothing = person.get("/api/v1/vex/nothing/statements").await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    // Whoever may look elsewhere alone does not see it.
    let answer = person
        .post(
            "/api/v1/environments",
            json!({"id": "else", "name": "Elsewhere"}),
        )
        .await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let body = json!({"name": "else", "permissions": ["view"], "environments": ["else"],
        "expires": crate::people::in_days(2)});
    let (foreign, _) = crate::people::token(&server, &person, body).await;
    let hidden = foreign.get(&format!("/api/v1/vex/{id}/statements")).await;
    assert_eq!(hidden.status, StatusCode::NOT_FOUND, "{}", hidden.text);
}

/// One document at an address, which may be changed and may be away.
struct Vendor {
    server: testkit::web::Server,
    held: std::sync::Arc<std::sync::Mutex<Option<String>>>,
}

fn vendor(text: &str) -> Vendor {
    let held = std::sync::Arc::new(std::sync::Mutex::new(Some(text.to_owned())));
    let there = std::sync::Arc::clone(&held);
    let server = testkit::web::Server::start(move |request: &testkit::web::Request| {
        let Some(text) = there.lock().unwrap().clone() else {
            return testkit::web::Reply::new(503, "");
        };
        let tag = model::Digest::of(text.as_bytes()).to_string();
        if request.headers.get("if-none-match") == Some(&tag) {
            return testkit::web::Reply::new(304, "");
        }
        testkit::web::Reply::new(200, text).header("etag", &tag)
    });
    Vendor { server, held }
}

#[tokio::test]
async fn what_is_at_an_address_holds_as_it_is_there() {
    let server = start().await;
    let person = server.signed_in().await;
    let old = format!("{LOG4J}@2.14.1");
    let path = format!("/api/v1/sboms?name=registry.example/shop:1&digest={DIGEST}");
    let imported = send(&person, &path, &bom(&[&old])).await.json();
    let image = imported["image"]["id"].as_str().unwrap().to_owned();
    let before = findings(&person, &image).await;
    let total = before["total"].as_u64().unwrap();
    let rule = before["items"][0]["rule"].as_str().unwrap().to_owned();
    let says = |status: &str| {
        json!({"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://vendor.example/1",
            "author": "Vendor", "timestamp": "2026-01-01T00:00:00Z", "version": 1,
            "statements": [{"vulnerability": {"name": rule}, "products": [{"@id": LOG4J}],
                "status": status, "justification": "vulnerable_code_not_present"}]})
        .to_string()
    };
    let vendor = vendor(&says("not_affected"));
    let address = format!("http://{}/vex.json", vendor.server.host());
    let body = json!({"name": "vendor", "address": address});
    let refused = person.post("/api/v1/vex/sources", body.clone()).await;
    assert!(refused.text.contains("https://"), "{}", refused.text);
    let mut body = body;
    body["allow_private"] = json!(true);
    let made = person.post("/api/v1/vex/sources", body.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let again = person.post("/api/v1/vex/sources", body).await;
    assert!(again.problem().starts_with("409 name_taken"), "{again:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let becomes = async |expected: u64| {
        let patience = tokio::time::timeout(Duration::from_mins(1), async {
            let mut events = person.events().await;
            while findings(&person, &image).await["total"] != expected {
                events.next().await;
            }
        });
        patience.await.expect("the image is judged again");
    };
    let source = async || person.get("/api/v1/vex/sources").await.json()[0].clone();
    server.server.look_at_vex_sources().await.unwrap();
    becomes(total - 1).await;
    let known = source().await;
    assert_eq!(
        (&known["documents"], &known["statements"]),
        (&json!(1), &json!(1))
    );
    let documents = person.get("/api/v1/vex").await.json();
    assert_eq!(documents[0]["name"], "vendor");
    // Away, it holds on, and why is told.
    let fetch = async || {
        let path = format!("/api/v1/vex/sources/{id}/fetch");
        let answer = person.post(&path, json!({})).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        server.server.look_at_vex_sources().await.unwrap();
    };
    let text = vendor.held.lock().unwrap().take();
    fetch().await;
    let known = source().await;
    assert!(known["error"].as_str().unwrap().contains("503"), "{known}");
    assert_eq!(known["documents"], 1);
    // Another word, and none.
    *vendor.held.lock().unwrap() = text.map(|text| text.replace("not_affected", "affected"));
    fetch().await;
    becomes(total).await;
    let known = source().await;
    assert!(known.get("error").is_none(), "{known}");
    let gone = person.delete(&format!("/api/v1/vex/sources/{id}")).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(person.get("/api/v1/vex").await.json(), json!([]));
    let trail = person.get("/api/v1/audit").await.text;
    for action in ["vex_source.create", "vex_source.remove"] {
        assert!(trail.contains(action), "{trail}");
    }
}

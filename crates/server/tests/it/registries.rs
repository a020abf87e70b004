//! Registries: who may say what of them, what they tell, and what becomes
//! of those that lie or have had enough.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use model::Clock as _;
use serde_json::{Value, json};
use testkit::{
    Image,
    image::OCI_MANIFEST,
    web::{Reply, Request, Server},
};

mod attached;
mod copied;
mod hooks;
mod requested;
mod walks;

use crate::{
    people::{first_account, in_days, somebody, token},
    test_server::{Answer, Person, TestServer, start},
};

fn body_of(name: &str, address: &str) -> Value {
    json!({"name": name, "kind": "distribution", "address": address,
        "credential": {"type": "basic", "username": "robot", "password": "hunter2"},
        "options": {"poll_minutes": 0, "allow_private": true}})
}

async fn add(person: &Person, body: Value) -> Value {
    let answer = person.post("/api/v1/registries", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json()
}

async fn hook(test: &TestServer, made: &Value, secret: &str, body: &str) -> Answer {
    let path = made["registry"]["hook"].as_str().unwrap();
    let authorization = format!("Bearer {secret}");
    let headers = [
        ("authorization", authorization.as_str()),
        (
            "content-type",
            "application/vnd.docker.distribution.events.v1+json",
        ),
    ];
    test.anonymous()
        .ask(Method::POST, path, Body::from(body.to_owned()), &headers)
        .await
}

/// The form of a real notification, of now.
fn notification(id: &str, tag: &str, digest: &str) -> String {
    let recorded = testkit::data("registry/docker-distribution-notification.json")
        .and_then(|path| std::fs::read_to_string(path).ok())
        .and_then(|text| serde_json::from_str::<Value>(&text).ok())
        .map(|recorded| recorded["body"].clone());
    let mut body = recorded.unwrap_or_else(|| {
        json!({"events": [{"action": "push",
            "target": {"mediaType": OCI_MANIFEST, "repository": "team/shop"}}]})
    });
    let event = &mut body["events"][0];
    event["id"] = id.into();
    event["timestamp"] = model::SystemClock.now().to_string().into();
    event["target"]["tag"] = tag.into();
    event["target"]["digest"] = digest.into();
    body.to_string()
}

#[tokio::test]
async fn each_kind_says_every_credential_it_understands() {
    let test = start().await;
    let person = test.signed_in().await;
    let kinds = person.get("/api/v1/registries/kinds").await.json();
    for kind in kinds.as_array().unwrap() {
        let understood = kind["credentials"].as_array().unwrap();
        let has = understood.contains(&json!("managed_identity"));
        let may = ["azure", "google"].contains(&kind["kind"].as_str().unwrap());
        assert_eq!(has, may, "{kind}");
    }
}

#[tokio::test]
async fn credentials_go_in_and_never_come_out() {
    let test = start().await;
    let person = test.signed_in().await;
    let made = add(&person, body_of("team", "registry.example:5000")).await;
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.len() >= 32 && made["url"].as_str().unwrap().ends_with("/hook"));
    let id = made["registry"]["id"].as_str().unwrap();
    let path = format!("/api/v1/registries/{id}");
    let read = person.get(&path).await;
    assert_eq!(read.json()["credential"], "basic");
    for text in [&read.text, &person.get("/api/v1/registries").await.text] {
        assert!(
            !text.contains("hunter2") && !text.contains(secret),
            "{text}"
        );
    }
    let trail = person.get("/api/v1/audit").await.text;
    assert!(trail.contains("registry.create"), "{trail}");
    assert!(
        !trail.contains("hunter2") && !trail.contains(secret),
        "{trail}"
    );
    let file = std::fs::read(test.folder.path().join("data/seawall.db"));
    let file = file.unwrap_or_default();
    let holds = |needle: &[u8]| file.windows(needle.len()).any(|window| window == needle);
    assert!(!holds(b"hunter2") && !holds(secret.as_bytes()));

    let again = person
        .post("/api/v1/registries", body_of("team", "other.example"))
        .await;
    assert!(again.problem().starts_with("409 name_taken"), "{again:?}");
    // A password that nobody types again goes nowhere else.
    let elsewhere = person
        .send(
            Method::PATCH,
            &path,
            json!({"address": "evil.example:5000"}),
        )
        .await;
    assert!(elsewhere.problem().contains("/address") || elsewhere.text.contains("credential"));
    assert!(elsewhere.status.is_client_error(), "{elsewhere:?}");
    let wrong = json!({"name": "x", "kind": "harbor", "address": "https://h.example",
        "credential": {"type": "aws"}});
    let wrong = person.post("/api/v1/registries", wrong).await;
    assert!(wrong.status.is_client_error(), "{wrong:?}");
    let paused = person
        .send(Method::PATCH, &path, json!({"paused": true}))
        .await;
    assert_eq!(paused.json()["state"], "paused", "{paused:?}");
    let sync = person.post(&format!("{path}/sync"), json!({})).await;
    assert!(sync.problem().starts_with("409 paused"), "{sync:?}");
    assert_eq!(person.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(person.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn readers_see_registries_and_security_admins_change_them() {
    let test = start().await;
    let owner = first_account(&test).await;
    add(&owner, body_of("team", "registry.example:5000")).await;
    for (role, may) in [("security_reader", false), ("security_admin", true)] {
        let roles = json!([{"role": role, "environments": ["*"]}]);
        let person = somebody(&test, &owner, role.trim_start_matches("security_"), roles).await;
        let listed = person.get("/api/v1/registries").await;
        assert_eq!(listed.json().as_array().unwrap().len(), 1, "{listed:?}");
        let body = body_of(&format!("of-{role}"), "registry.example:5001");
        let answer = person.post("/api/v1/registries", body).await;
        let expected = if may {
            StatusCode::CREATED
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(answer.status, expected, "{role}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_webhook_is_believed_by_its_secret_and_once() {
    let test = start().await;
    let person = test.signed_in().await;
    let made = add(&person, body_of("team", "registry.example:5000")).await;
    let secret = made["secret"].as_str().unwrap();
    let digest = format!("sha256:{}", "7".repeat(64));
    let body = notification("event-1", "1.0", &digest);
    let forged = hook(&test, &made, "guessed", &body).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN, "{}", forged.text);
    let nobody = json!({"registry": {"hook": "/api/v1/registries/none/hook"}});
    let unknown = hook(&test, &nobody, secret, &body).await;
    assert_eq!(
        (unknown.status, unknown.json()["code"].clone()),
        (forged.status, forged.json()["code"].clone()),
        "nobody can tell whether there is one"
    );
    let taken = hook(&test, &made, secret, &body).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{}", taken.text);
    assert_eq!(taken.json(), json!({"taken": 1, "repeated": 0}));
    let again = hook(&test, &made, secret, &body).await;
    assert_eq!(again.json(), json!({"taken": 0, "repeated": 1}));
    let old = body.replace(
        &model::SystemClock.now().strftime("%Y-").to_string(),
        "2019-",
    );
    let old = hook(&test, &made, secret, &old).await;
    assert!(old.status.is_client_error(), "{}", old.text);
    let nonsense = hook(&test, &made, secret, "{").await;
    assert!(nonsense.status.is_client_error(), "{}", nonsense.text);
    let large = hook(&test, &made, secret, &"x".repeat((1 << 20) + 1)).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);

    // Another secret; the one before is believed for a while.
    let id = made["registry"]["id"].as_str().unwrap();
    let rotated = person
        .post(&format!("/api/v1/registries/{id}/secret"), json!({}))
        .await
        .json();
    let new = rotated["secret"].as_str().unwrap();
    assert_ne!(new, secret);
    for (secret, event) in [(new, "event-2"), (secret, "event-3")] {
        let body = notification(event, "1.0", &digest);
        let taken = hook(&test, &made, secret, &body).await;
        assert_eq!(taken.json()["taken"], 1, "{}", taken.text);
    }

    // Whoever guesses is shut out, and whoever knows is not.
    let mut last = StatusCode::FORBIDDEN;
    for _ in 0..60 {
        last = hook(&test, &made, "guessed", &body).await.status;
        if last == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

/// A registry of one image, which may lie or have had enough.
struct Fake {
    server: Server,
    tired: Arc<AtomicBool>,
    digest: String,
}

fn fake(lies: bool) -> Fake {
    let blobs = Image::example().blobs();
    let digest = model::Digest::of(&blobs.manifest).to_string();
    let tired = Arc::new(AtomicBool::new(false));
    let is_tired = Arc::clone(&tired);
    let stated = digest.clone();
    let server = Server::start(move |request: &Request| {
        if is_tired.load(Ordering::Relaxed) && request.target.contains("/blobs/") {
            return Reply::new(429, "").header("retry-after", "600");
        }
        if request.target.contains("/manifests/") {
            let mut body = blobs.manifest.clone();
            if lies {
                body.push(b' ');
            }
            let body = if request.method == "HEAD" {
                Vec::new()
            } else {
                body
            };
            return Reply::new(200, body)
                .header("content-type", OCI_MANIFEST)
                .header("docker-content-digest", &stated);
        }
        let all = std::iter::once(&blobs.config).chain(&blobs.layers);
        for blob in all {
            if request
                .target
                .ends_with(&model::Digest::of(blob).to_string())
            {
                return Reply::new(200, blob.clone());
            }
        }
        if request.target.starts_with("/v2/_catalog") {
            return Reply::new(200, r#"{"repositories": ["team/shop"]}"#);
        }
        if request.target.contains("/tags/list") {
            return Reply::new(200, r#"{"name": "team/shop", "tags": ["1.0"]}"#);
        }
        Reply::new(200, "{}")
    });
    Fake {
        server,
        tired,
        digest,
    }
}

async fn until(person: &Person, path: &str, pleases: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..600 {
        last = person.get(path).await.json();
        if pleases(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} stays at {last:#}");
}

fn address(fake: &Fake) -> String {
    fake.server.host()
}

#[tokio::test]
async fn a_registry_is_walked_and_what_it_holds_is_read_once() {
    let test = start().await;
    test.server.start_jobs().await.unwrap();
    let person = test.signed_in().await;
    let fake = fake(false);
    let mut body = body_of("team", &address(&fake));
    body["credential"] = json!({"type": "anonymous"});
    let made = add(&person, body).await;
    let id = made["registry"]["id"].as_str().unwrap().to_owned();
    test.server.look_at_registries(true).await.unwrap();
    person.wait_for_scans().await;
    let page = person.get("/api/v1/scans?state=done").await.json();
    assert_eq!(page["total"], 1, "{page}");
    let scan = &page["items"][0];
    assert_eq!(
        (&scan["trigger"], &scan["digest"]),
        (&json!("schedule"), &json!(fake.digest))
    );
    assert_eq!(scan["registry"]["name"], "team");
    let repositories = person
        .get(&format!("/api/v1/registries/{id}/repositories"))
        .await
        .json();
    assert_eq!(repositories["items"][0]["name"], "team/shop");
    let repository = repositories["items"][0]["id"].as_str().unwrap();
    let tags = person
        .get(&format!("/api/v1/repositories/{repository}/tags"))
        .await
        .json();
    assert_eq!(tags["items"][0]["image"]["id"], scan["image"]["id"]);

    // Told of what is known: it is noted, and not read again.
    let secret = made["secret"].as_str().unwrap();
    let told = notification("again", "1.0", &fake.digest);
    assert_eq!(hook(&test, &made, secret, &told).await.json()["taken"], 1);
    test.server.look_at_registries(false).await.unwrap();
    let image = scan["image"]["id"].as_str().unwrap();
    let timeline = until(
        &person,
        &format!("/api/v1/images/{image}/timeline"),
        |entries| {
            let entries = entries.as_array().unwrap();
            entries.iter().any(|entry| entry["trigger"] == "push")
        },
    )
    .await;
    let push = timeline
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["trigger"] == "push")
        .unwrap();
    assert!(
        push["reason"].as_str().unwrap().contains("known already"),
        "{push}"
    );
    assert_eq!(person.get("/api/v1/scans").await.json()["total"], 1);
    let check = person
        .post(&format!("/api/v1/registries/{id}/check"), json!({}))
        .await
        .json();
    assert_eq!(
        check,
        json!({"reached": true, "repositories": ["team/shop"]})
    );
}

#[tokio::test]
async fn one_that_has_had_enough_is_left_alone_and_one_that_lies_is_not_believed() {
    let test = start().await;
    test.server.start_jobs().await.unwrap();
    let person = test.signed_in().await;
    let (tired, liar) = (fake(false), fake(true));
    tired.tired.store(true, Ordering::Relaxed);
    for (name, fake) in [("tired", &tired), ("liar", &liar)] {
        let mut body = body_of(name, &address(fake));
        body["credential"] = json!({"type": "anonymous"});
        add(&person, body).await;
    }
    test.server.look_at_registries(true).await.unwrap();
    let queue = until(&person, "/api/v1/queue", |queue| {
        !queue["held"].as_array().unwrap().is_empty()
    })
    .await;
    assert_eq!(queue["held"][0]["registry"]["name"], "tired");
    let waiting = until(&person, "/api/v1/scans?state=queued", |page| {
        page["items"][0]["next_try"].is_string()
    })
    .await;
    assert_eq!(waiting["items"][0]["attempts"], 0, "{waiting}");
    // The liar's tag was told as one digest and is another: nothing of it
    // was queued.
    let all = person.get("/api/v1/scans").await.json();
    assert_eq!(all["total"], 1, "{all}");
}

#[tokio::test]
async fn what_a_pipeline_read_is_known_with_its_name() {
    let test = start().await;
    let person = test.signed_in().await;
    let body = json!({"name": "ci", "permissions": ["ingest"], "environments": ["local"],
        "expires": in_days(1)});
    let (pipeline, _) = token(&test, &person, body).await;
    let report = json!({"schema": model::Report::SCHEMA, "tool": "seawall test",
        "target": {"kind": "image", "name": "shop:ci"},
        "scanned": "2026-01-02T03:04:05Z",
        "database": serde_json::to_value(model::db::DatabaseStatus {
            generation: "1".to_owned(),
            compiled: model::SystemClock.now(),
            advisories: 0,
            sources: Vec::new(),
            epss: None,
            kev: None,
            starter_only: true,
        }).unwrap(),
        "sbom": model::Sbom::default(), "findings": [], "suppressed": [],
        "vulnerabilities": {}});
    let body = json!({"pipeline": "build 42", "report": report});
    let answer = pipeline.post("/api/v1/reports", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let image = answer.json()["image"]["id"].as_str().unwrap().to_owned();
    let timeline = person
        .get(&format!("/api/v1/images/{image}/timeline"))
        .await
        .json();
    let entries = timeline.as_array().unwrap();
    assert!(
        entries
            .iter()
            .any(|entry| entry["trigger"] == "ci" && entry["reason"] == "read in build 42"),
        "{timeline}"
    );
    let nonsense = pipeline
        .post("/api/v1/reports", json!({"report": {"target": 1}}))
        .await;
    assert!(nonsense.status.is_client_error(), "{}", nonsense.text);
}

/// An advisory of one package, as feeds have it.
fn advisory(id: &str, package: &str) -> Value {
    json!({
        "id": id,
        "modified": "2026-01-01T00:00:00Z",
        "summary": format!("{package} goes wrong"),
        "affected": [{
            "package": { "ecosystem": "npm", "name": package },
            "ranges": [{
                "type": "SEMVER",
                "events": [{ "introduced": "0" }, { "fixed": "2.0.0" }],
            }],
        }],
    })
}

async fn import(person: &Person, id: &str, package: &str) {
    // What came before may just begin to be matched again.
    for _ in 0..600 {
        let answer = person
            .ask(
                Method::POST,
                &format!("/api/v1/database/import?name={id}.json"),
                Body::from(advisory(id, package).to_string()),
                &[],
            )
            .await;
        if answer.status == StatusCode::ACCEPTED {
            return;
        }
        assert_eq!(answer.json()["code"], "database_busy", "{}", answer.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the database was busy for a minute");
}

#[tokio::test]
async fn a_new_advisory_reaches_stored_images_and_asks_no_registry() {
    let test = start().await;
    test.server.start_jobs().await.unwrap();
    let person = test.signed_in().await;
    let fake = fake(false);
    let mut body = body_of("team", &address(&fake));
    body["credential"] = json!({"type": "anonymous"});
    add(&person, body).await;
    test.server.look_at_registries(true).await.unwrap();
    person.wait_for_scans().await;
    let read = fake.server.asked().len();
    assert!(read > 0, "the image was read from the registry");

    // The first makes npm known; what comes after it is told apart.
    import(&person, "GHSA-else-wher-etgd", "elsewhere").await;
    let is_idle = |database: &Value| database["activity"].is_null() && database["state"] == "ready";
    until(&person, "/api/v1/database", is_idle).await;
    import(&person, "GHSA-left-padd-gone", "left-pad").await;
    let found = until(&person, "/api/v1/findings?package=left-pad", |page| {
        page["total"] == 1
    })
    .await;
    let finding = &found["items"][0];
    assert_eq!(finding["rule"], "GHSA-left-padd-gone");
    let image = finding["image"]["id"].as_str().unwrap();
    let timeline = until(
        &person,
        &format!("/api/v1/images/{image}/timeline"),
        |entries| {
            let entries = entries.as_array().unwrap();
            entries.iter().any(|entry| entry["trigger"] == "advisory")
        },
    )
    .await;
    let entries = timeline.as_array().unwrap().iter();
    let told: Vec<&Value> = entries
        .filter(|entry| entry["trigger"] == "advisory")
        .map(|entry| &entry["reason"])
        .collect();
    assert_eq!(told, ["advisory GHSA-left-padd-gone came"]);
    assert_eq!(
        fake.server.asked().len(),
        read,
        "matching again asked the registry: {:?}",
        fake.server.asked().get(read..)
    );
}

//! Images that requests to a cluster name and nobody read.

use testkit::signing::Signer;

use super::*;
use crate::test_server::start_with;

const DECISIONS: &str = "/api/v1/clusters/prod/decisions";

/// A program that tells what admission decided.
async fn admission(test: &TestServer, person: &Person) -> Person {
    let body = json!({"name": "admission", "permissions": ["ingest"], "environments": ["local"],
        "expires": in_days(3)});
    token(test, person, body).await.0
}

async fn tell(program: &Person, uid: &str, image: &str) {
    let time = model::SystemClock.now().to_string();
    let decision = json!({"uid": uid, "time": time, "verdict": "denied", "operation": "CREATE",
        "kind": "Pod", "namespace": "shop", "name": "web-1", "workload": "Deployment/web",
        "user": "dana", "images": [image]});
    let answer = program.post(DECISIONS, json!({"items": [decision]})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.json()["taken"], 1, "{}", answer.text);
}

/// A registry with one image, which is watched.
async fn watched(person: &Person) -> Fake {
    let fake = fake(false);
    let mut body = body_of("team", &address(&fake));
    body["credential"] = json!({"type": "anonymous"});
    add(person, body).await;
    fake
}

#[tokio::test]
async fn an_image_a_request_names_is_read_once_and_its_signature_looked_at() {
    let test = start_with(|config| config.scan.running = true).await;
    let person = test.signed_in().await;
    let program = admission(&test, &person).await;
    let fake = watched(&person).await;
    let signed = json!({"name": "release", "repositories": ["*"],
        "signers": [{"type": "key", "name": "release", "pem": Signer::default().public_pem()}]});
    let policy = person.post("/api/v1/trust", signed).await.json();

    let image = format!("{}/team/shop:1.0", address(&fake));
    tell(&program, "1", &image).await;
    test.server.look_at_requested().await.unwrap();
    let queued = person.get("/api/v1/scans?state=queued").await.json();
    assert_eq!(queued["total"], 1, "{queued}");
    assert_eq!(queued["items"][0]["trigger"], "admission");
    assert_eq!(queued["items"][0]["registry"]["name"], "team");
    // Asked for again.
    tell(&program, "2", &image).await;
    test.server.look_at_requested().await.unwrap();
    assert_eq!(person.get("/api/v1/scans").await.json()["total"], 1);

    test.server.start_jobs().await.unwrap();
    person.wait_for_scans().await;
    let done = person.get("/api/v1/scans?state=done").await.json();
    assert_eq!(done["total"], 1, "{done}");
    let id = done["items"][0]["image"]["id"].as_str().unwrap();
    let timeline = person.get(&format!("/api/v1/images/{id}/timeline")).await;
    assert!(
        timeline
            .text
            .contains("a request for Deployment/web of shop in prod named it, and was denied"),
        "{}",
        timeline.text
    );
    let path = format!("/api/v1/trust/{}/images", policy["id"].as_str().unwrap());
    let judged = until(&person, &path, |page| {
        let mut images = page["items"].as_array().unwrap().iter();
        images.any(|image| image["verdict"] == "refused")
    })
    .await;
    assert!(judged.to_string().contains(&fake.digest), "{judged}");
    // What is attached was listed for that.
    let attached = person.get(&format!("/api/v1/images/{id}/referrers")).await;
    assert!(attached.json()["asked"].is_string(), "{}", attached.text);
}

#[tokio::test]
async fn an_image_no_policy_says_anything_about_is_read_too() {
    let test = start_with(|config| config.scan.running = true).await;
    let person = test.signed_in().await;
    let program = admission(&test, &person).await;
    let fake = watched(&person).await;

    let image = format!("{}/team/shop:1.0", address(&fake));
    let body = json!({"items": [], "images": [image, "no name"]});
    let answer = program.post(DECISIONS, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    test.server.look_at_requested().await.unwrap();
    test.server.start_jobs().await.unwrap();
    person.wait_for_scans().await;
    let done = person.get("/api/v1/scans?state=done").await.json();
    assert_eq!(done["total"], 1, "{done}");
    let id = done["items"][0]["image"]["id"].as_str().unwrap();
    let timeline = person.get(&format!("/api/v1/images/{id}/timeline")).await;
    assert!(
        timeline.text.contains("a request to prod named it"),
        "{}",
        timeline.text
    );
}

#[tokio::test]
async fn a_request_does_not_choose_what_this_server_reaches() {
    let test = start_with(|config| config.scan.running = true).await;
    let person = test.signed_in().await;
    let program = admission(&test, &person).await;
    let fake = fake(false);
    let own = format!("{}/team/shop", address(&fake));
    tell(&program, "1", &format!("{own}@{}", fake.digest)).await;
    tell(&program, "2", "not an image:").await;
    test.server.start_jobs().await.unwrap();
    let failed = until(&person, "/api/v1/scans?state=failed", |page| {
        page["total"] == 1
    })
    .await;
    assert_eq!(failed["items"][0]["trigger"], "admission", "{failed}");
    let asked = fake.server.asked();
    assert!(asked.is_empty(), "nobody watches it: {asked:?}");
}

//! Trust policies: who may set what, what is verified in a real registry,
//! and what whoever judges before something runs is told of it.

use axum::http::{Method, StatusCode};
use model::Digest;
use serde_json::{Value, json};
use testkit::{Image, service, signing::Signer, web};

use crate::{
    people::{first_account, somebody},
    test_server::{Person, TestServer, start},
};

fn asking(name: &str, repositories: &[&str], signer: &Signer) -> Value {
    json!({"name": name, "repositories": repositories,
        "signers": [{"type": "key", "name": "release", "pem": signer.public_pem()}]})
}

async fn add(person: &Person, body: Value) -> Value {
    let answer = person.post("/api/v1/trust", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json()
}

async fn images(person: &Person, policy: &Value) -> Vec<Value> {
    let id = policy["id"].as_str().unwrap();
    let page = person.get(&format!("/api/v1/trust/{id}/images")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    page.json()["items"].as_array().unwrap().clone()
}

async fn bundle(person: &Person) -> Value {
    let path = "/api/v1/clusters/prod/bundle?environment=local";
    let answer = person.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

fn is_on(bundle: &Value) -> bool {
    let mut policies = bundle["policies"].as_array().unwrap().iter();
    policies.any(|policy| policy["id"] == "pods-images-signed")
}

#[tokio::test]
async fn what_makes_no_sense_is_told_by_its_part() {
    let test = start().await;
    let person = test.signed_in().await;
    let key = Signer::default();
    let with = |part: &str, value: Value| {
        let mut body = asking("shop", &["registry.example/shop/*"], &key);
        body[part] = value;
        body
    };
    let identity = json!([{"type": "identity", "issuer": "https://issuer.example",
        "subject": "ada@example.org"}]);
    let anybody = json!([{"type": "identity", "issuer": "https://issuer.example",
        "subject": "*"}]);
    for (body, part, words) in [
        (with("name", json!("")), "/name", "characters"),
        (with("repositories", json!([])), "/repositories", "1 to"),
        (
            with("repositories", json!(["team/*"])),
            "/repositories/0",
            "docker.io/team/*",
        ),
        (with("signers", json!([])), "/signers", "nobody"),
        (
            with("signers", json!([{"type": "key", "name": "k", "pem": "x"}])),
            "/signers",
            "PUBLIC KEY",
        ),
        (with("signers", identity), "/trusted_root", "trusted root"),
        (with("signers", anybody), "/signers", "anybody"),
        (
            with("trusted_root", json!({})),
            "/trusted_root",
            "trusted root",
        ),
    ] {
        let answer = person.post("/api/v1/trust", body).await;
        assert!(answer.status.is_client_error(), "{}", answer.text);
        assert!(answer.text.contains(part), "{part}: {}", answer.text);
        assert!(answer.text.contains(words), "{words}: {}", answer.text);
    }
    let made = add(&person, asking("shop", &["docker.io/nginx"], &key)).await;
    assert_eq!(made["repositories"][0], "docker.io/library/nginx");
    assert!(
        made["signers"][0]["fingerprint"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );
    let again = person
        .post("/api/v1/trust", asking("shop", &["*"], &key))
        .await;
    assert!(again.problem().starts_with("409 name_taken"), "{again:?}");
}

#[tokio::test]
async fn readers_see_trust_policies_and_security_admins_change_those_of_their_environments() {
    let test = start().await;
    let owner = first_account(&test).await;
    let key = Signer::default();
    let made = add(&owner, asking("shop", &["registry.example/*"], &key)).await;
    let path = format!("/api/v1/trust/{}", made["id"].as_str().unwrap());
    let shop = json!({ "id": "shop", "name": "The shop" });
    owner.post("/api/v1/environments", shop).await;
    let roles =
        |role: &str, environment: &str| json!([{"role": role, "environments": [environment]}]);
    let reader = somebody(&test, &owner, "reader", roles("security_reader", "*")).await;
    let admin = somebody(&test, &owner, "admin", roles("security_admin", "*")).await;
    let local = somebody(&test, &owner, "local", roles("security_admin", "shop")).await;
    let other = || asking("other", &["registry.example/*"], &key);
    assert_eq!(reader.get(&path).await.status, StatusCode::OK);
    let refused = reader.post("/api/v1/trust", other()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
    assert_eq!(local.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(local.delete(&path).await.status, StatusCode::NOT_FOUND);
    // One that is nobody's business elsewhere, and the own.
    let mut elsewhere = other();
    elsewhere["environment"] = json!("local");
    let refused = local.post("/api/v1/trust", elsewhere).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "{}", refused.text);
    assert_eq!(add(&local, other()).await["environment"], "shop");
    let changed = admin
        .send(
            Method::PUT,
            &path,
            asking("shop-2", &["registry.example/*"], &key),
        )
        .await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!(changed.json()["revision"], 2);
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    let trail = owner.get("/api/v1/audit").await.text;
    for action in ["trust.create", "trust.change", "trust.remove"] {
        assert!(trail.contains(action), "{action}: {trail}");
    }
}

/// Three images: signed by the key, by another, and not at all.
struct Held {
    registry: service::Registry,
    key: Signer,
    digests: [Digest; 3],
}

fn held() -> Option<Held> {
    let registry = service::Registry::start().unwrap()?;
    let (key, other) = (Signer::default(), Signer::default());
    let digests = ["amd64", "arm64", "s390x"].map(|architecture| {
        let image = Image::example().architecture(architecture);
        web::push(&image, &registry.host, "team/shop", architecture);
        Digest::of(&image.blobs().manifest)
    });
    key.sign(&registry.host, "team/shop", &digests[0]);
    other.sign(&registry.host, "team/shop", &digests[1]);
    Some(Held {
        registry,
        key,
        digests,
    })
}

async fn watch(test: &TestServer, person: &Person, host: &str) {
    let body = json!({"name": "team", "kind": "distribution", "address": host,
        "options": {"poll_minutes": 0}});
    let answer = person.post("/api/v1/registries", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    test.server.look_at_registries(true).await.unwrap();
}

#[tokio::test]
async fn images_of_a_registry_are_verified_and_whoever_judges_is_told() {
    let Some(held) = held() else { return };
    let test = start().await;
    let person = test.signed_in().await;
    let host = held.registry.host.clone();
    watch(&test, &person, &host).await;
    assert!(!is_on(&bundle(&person).await), "nothing is asked yet");
    let pattern = format!("{host}/team/*");
    let policy = add(&person, asking("shop", &[&pattern], &held.key)).await;
    test.server.look_at_signatures().await.unwrap();
    let found = images(&person, &policy).await;
    let of = |digest: &Digest| {
        let digest = digest.to_string();
        let found = found.iter().find(|image| image["digest"] == digest);
        found
            .unwrap_or_else(|| panic!("{digest}: {found:#?}"))
            .clone()
    };
    assert_eq!(found.len(), 3, "signatures are no images: {found:#?}");
    let [signed, other, unsigned] = held.digests.each_ref().map(of);
    assert_eq!(signed["verdict"], "signed", "{signed}");
    assert_eq!(signed["signer"], "the key release");
    assert_eq!(signed["scheme"], "cosign");
    assert_eq!(
        (&other["verdict"], &other["why"]),
        (&json!("refused"), &json!("other_key"))
    );
    assert!(
        other["mend"].as_str().unwrap().contains("release"),
        "{other}"
    );
    assert_eq!(unsigned["why"], "unsigned");
    assert!(
        unsigned["mend"].as_str().unwrap().contains("cosign sign"),
        "{unsigned}"
    );
    let listed = person.get("/api/v1/trust").await.json();
    assert_eq!(
        listed[0]["counts"],
        json!({"signed": 1, "refused": 2, "pending": 0, "unknown": 0})
    );

    // What is judged by before something runs.
    let told = bundle(&person).await;
    assert!(is_on(&told), "a trust policy turns it on");
    assert_eq!(told["trust"][0]["repositories"][0], pattern);
    let signed = held.digests[0].to_string();
    let trusted = told["trusted"].as_array().unwrap();
    let image = trusted
        .iter()
        .find(|image| image["digest"] == signed)
        .unwrap();
    assert_eq!(image["tags"], json!(["amd64"]));
    assert_eq!(image["signed"]["shop"], "the key release");

    // Signed later: it counts as soon as it is looked at again.
    held.key.sign(&host, "team/shop", &held.digests[2]);
    let path = format!("/api/v1/trust/{}", policy["id"].as_str().unwrap());
    let again = person.post(&format!("{path}/verify"), json!({})).await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text);
    test.server.look_at_signatures().await.unwrap();
    let listed = person.get(&path).await.json();
    assert_eq!(listed["counts"]["signed"], 2, "{listed}");

    // Another key: nothing that was found before counts any more.
    let body = asking("shop", &[&pattern], &Signer::default());
    let changed = person.send(Method::PUT, &path, body).await.json();
    assert_eq!(changed["counts"]["pending"], 3, "{changed}");
    let told = bundle(&person).await;
    let trusted = told["trusted"].as_array().unwrap();
    assert!(
        trusted.iter().all(|image| image.get("signed").is_none()),
        "{trusted:#?}"
    );
    test.server.look_at_signatures().await.unwrap();
    let listed = person.get(&path).await.json();
    assert_eq!(listed["counts"]["refused"], 3, "{listed}");

    // A trial knows what admission knows.
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {"containers": [{"name": "web", "image": format!("{host}/team/shop:amd64")}]}});
    let detail = person
        .get("/api/v1/policies/pods-images-signed")
        .await
        .json();
    let trial = json!({"text": detail["text"], "objects": pod.to_string(),
        "environment": "local"});
    let tried = person.post("/api/v1/policies/test", trial).await;
    assert!(
        tried
            .text
            .contains("is not signed as the trust policy shop asks"),
        "{}",
        tried.text
    );
}

#[tokio::test]
async fn an_image_says_who_signed_it_and_its_timeline_since_when() {
    let Some(held) = held() else { return };
    let test = start().await;
    test.server.start_jobs().await.unwrap();
    let person = test.signed_in().await;
    watch(&test, &person, &held.registry.host).await;
    person.wait_for_scans().await;
    let pattern = format!("{}/*", held.registry.host);
    add(&person, asking("shop", &[&pattern], &held.key)).await;
    test.server.look_at_signatures().await.unwrap();
    let list = person.get("/api/v1/images").await.json();
    let signed = held.digests[0].to_string();
    let all = list["items"].as_array().unwrap();
    let image = all.iter().find(|image| image["digest"] == signed);
    let id = image.unwrap_or_else(|| panic!("{list:#}"))["id"]
        .as_str()
        .unwrap();
    let path = format!("/api/v1/images/{id}");
    let mut detail = Value::Null;
    // The server's own look and ours may share the work.
    for _ in 0..200 {
        detail = person.get(&path).await.json();
        if detail["signatures"][0]["verdict"] == "signed" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let signature = &detail["signatures"][0];
    assert_eq!(signature["policy_name"], "shop", "{detail:#}");
    assert_eq!(signature["verdict"], "signed", "{detail:#}");
    let timeline = person.get(&format!("{path}/timeline")).await.json();
    let entries = timeline.as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["kind"] == "trust");
    let entry = entry.unwrap_or_else(|| panic!("{timeline:#}"));
    assert_eq!(
        (&entry["verdict"], &entry["policy"]),
        (&json!("signed"), &json!("shop"))
    );
}

#[tokio::test]
async fn a_registry_that_cannot_be_asked_is_told_and_takes_nothing_away() {
    let Some(held) = held() else { return };
    let test = start().await;
    let person = test.signed_in().await;
    watch(&test, &person, &held.registry.host).await;
    let pattern = format!("{}/*", held.registry.host);
    let policy = add(&person, asking("shop", &[&pattern], &held.key)).await;
    let late = add(&person, asking("late", &[&pattern], &held.key)).await;
    let path = |policy: &Value| format!("/api/v1/trust/{}", policy["id"].as_str().unwrap());
    let off = |name: &str, enabled: bool| {
        let mut body = asking(name, &[&pattern], &held.key);
        body["enabled"] = json!(enabled);
        body
    };
    person
        .send(Method::PUT, &path(&late), off("late", false))
        .await;
    test.server.look_at_signatures().await.unwrap();
    drop(held.registry);
    person
        .send(Method::PUT, &path(&late), off("late", true))
        .await;
    person
        .post(&format!("{}/verify", path(&policy)), json!({}))
        .await;
    test.server.look_at_signatures().await.unwrap();
    let counts = person.get(&path(&policy)).await.json()["counts"].clone();
    assert_eq!(counts["signed"], 1, "{counts}");
    let counts = person.get(&path(&late)).await.json()["counts"].clone();
    assert_eq!(counts["unknown"], 3, "{counts}");
    let found = images(&person, &late).await;
    assert_eq!(found[0]["why"], "not_asked", "{found:#?}");
    assert!(
        found[0]["mend"].as_str().unwrap().contains("registry"),
        "{found:#?}"
    );
}

//! What denying by a policy would mean: of policies that are on, that are
//! off, and that somebody thinks of setting otherwise.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    people::{in_days, token},
    test_server::{Person, TestServer, start},
};

const POLICY: &str = "pods-not-privileged";

async fn begin() -> (TestServer, Person, Person) {
    let test = start().await;
    let person = test.signed_in().await;
    let body = json!({"name": "connector", "permissions": ["ingest"], "environments": ["local"],
        "expires": in_days(1)});
    let program = token(&test, &person, body).await.0;
    (test, person, program)
}

fn deployment(name: &str, namespace: &str, privileged: bool) -> Value {
    json!({"key": {"group": "apps", "kind": "Deployment", "namespace": namespace, "name": name},
        "version": "v1", "judged": {"policies": 0, "violations": []},
        "body": {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"template": {"metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "registry.test/shop:1",
                    "securityContext": {"privileged": privileged}}]}}}}})
}

/// A cluster's connector tells what is there.
async fn there(program: &Person, cluster: &str, objects: &[Value]) {
    let batch = json!({"session": "a", "number": 1, "completes": true, "policies": [[]],
        "objects": objects});
    let path = format!("/api/v1/clusters/{cluster}/objects");
    let answer = program.post(&path, batch).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

/// Admission of a cluster tells that it is there.
async fn judges(program: &Person, cluster: &str) {
    let status = json!({"replica": "a", "version": "1", "bundle": "", "fail": "open",
        "requests": 7, "problems": []});
    let path = format!("/api/v1/clusters/{cluster}/decisions");
    let body = json!({"items": [], "status": status});
    let answer = program.post(&path, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

async fn set(person: &Person, policy: &str, setting: Value) {
    let path = format!("/api/v1/policies/{policy}/setting");
    let answer = person.send(Method::PUT, &path, setting).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

async fn impact(person: &Person, policy: &str, question: Value) -> Value {
    let path = format!("/api/v1/policies/{policy}/impact");
    let answer = person.post(&path, question).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn of_a_policy_that_is_off_requests_are_not_known_and_what_is_there_is_judged() {
    let (_test, person, program) = begin().await;
    judges(&program, "prod").await;
    let objects = [
        deployment("web", "shop", true),
        deployment("agent", "shop", true),
        deployment("db", "shop", false),
    ];
    there(&program, "prod", &objects).await;
    set(
        &person,
        POLICY,
        json!({"environment": "local", "action": "off"}),
    )
    .await;
    // Another policy is on, and decided something.
    let decided = json!({"uid": "1", "time": "2026-01-02T11:00:00Z", "verdict": "audited",
        "operation": "CREATE", "kind": "Pod", "namespace": "shop", "name": "web-1",
        "user": "dana", "violations": [{"policy": "pods-probes", "constraint": "c",
            "verdict": "audited", "message": "no probe"}]});
    let path = "/api/v1/clusters/prod/decisions";
    program.post(path, json!({"items": [decided]})).await;
    let exempt = json!({"scope": "rule:pods-not-privileged ns:shop workload:agent",
        "environment": "local", "reason": "accepted_risk", "note": "agreed"});
    let answer = person.post("/api/v1/exemptions", exempt).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);

    let told = impact(&person, POLICY, json!({"environment": "local"})).await;
    assert_eq!(told["is_watched"], false, "{told}");
    assert_eq!(told["unwatched"], json!(["prod"]));
    assert_eq!(told["requests"], 0);
    assert_eq!(told["basis"], "trial");
    assert_eq!(
        (&told["judged"], &told["running"], &told["exempted"]),
        (&json!(3), &json!(1), &json!(1)),
        "{told}"
    );
    assert_eq!(told["examples"][0]["workload"], "Deployment/web");
    assert_eq!(told["examples"][0].get("finding"), None);
    // Of a cluster nobody tells of, nothing is known either.
    let question = json!({"environment": "local", "cluster": "other"});
    let told = impact(&person, POLICY, question).await;
    assert_eq!(
        (&told["basis"], &told["is_watched"]),
        (&json!("nothing"), &json!(false)),
        "{told}"
    );
}

#[tokio::test]
async fn what_a_policy_that_is_on_is_against_is_what_its_findings_say() {
    let (_test, person, program) = begin().await;
    there(&program, "prod", &[deployment("web", "shop", false)]).await;
    // On by default, but nothing asks before it stores.
    let told = impact(&person, POLICY, json!({})).await;
    assert_eq!(
        (&told["basis"], &told["is_watched"], &told["unwatched"]),
        (&json!("findings"), &json!(false), &json!(["prod"])),
        "{told}"
    );
    judges(&program, "prod").await;
    let told = impact(&person, POLICY, json!({"setting": {}})).await;
    assert_eq!(
        (&told["is_watched"], &told["unwatched"], &told["is_other"]),
        (&json!(true), &json!([]), &json!(false)),
        "{told}"
    );
    assert_eq!(told.get("set"), None);
}

#[tokio::test]
async fn what_is_thought_of_is_judged_as_it_would_be() {
    let (_test, person, program) = begin().await;
    let policy = "pods-images-scanned";
    judges(&program, "prod").await;
    let objects = [
        deployment("web", "shop", false),
        deployment("tool", "ci", false),
    ];
    there(&program, "prod", &objects).await;
    there(&program, "lab", &objects).await;
    let of_lab = json!({"environment": "local", "cluster": "lab", "action": "off"});
    set(&person, policy, of_lab).await;

    // Of an image nobody knows, it says nothing by default.
    let told = impact(&person, policy, json!({"cluster": "prod", "setting": {}})).await;
    assert_eq!(
        (&told["basis"], &told["running"]),
        (&json!("findings"), &json!(0)),
        "{told}"
    );
    // A setting for all holds where there is none of its own.
    let question = json!({"environment": "local", "setting": {"parameters": {"unknownToo": true}}});
    let told = impact(&person, policy, question).await;
    assert_eq!(
        (&told["basis"], &told["running"], &told["is_other"]),
        (&json!("trial"), &json!(2), &json!(true)),
        "{told}"
    );
    assert_eq!(told["is_watched"], true);
    let question = json!({"environment": "local", "cluster": "prod",
        "setting": {"parameters": {"unknownToo": true}, "scope": {"excluded_namespaces": ["ci"]}}});
    let told = impact(&person, policy, question).await;
    assert_eq!(told["running"], 1, "{told}");
    assert_eq!(told["examples"][0]["namespace"], "shop");

    let path = format!("/api/v1/policies/{policy}/impact");
    let broken = json!({"setting": {"parameters": {"unknownToo": "perhaps"}}});
    let answer = person.post(&path, broken).await;
    assert_eq!(
        answer.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        answer.text
    );
    let answer = person.post(&path, json!({"days": 99})).await;
    assert_eq!(answer.json()["errors"][0]["pointer"], "days");
}

#[tokio::test]
async fn an_image_that_runs_and_was_never_scanned_is_known_to_admission() {
    let (_test, person, program) = begin().await;
    let pod = json!({"key": {"group": "", "kind": "Pod", "namespace": "shop", "name": "web-1"},
        "version": "v1", "pod": {"node": "n1", "phase": "Running", "containers": [{"name": "main",
            "image": "registry.test/shop:1", "id": format!("containerd://{}", "c0ffee".repeat(10)),
            "image_id": format!("registry.test/shop@sha256:{}", "0".repeat(64)),
            "running": true}]}});
    there(&program, "prod", &[deployment("web", "shop", false), pod]).await;
    let bundle = program.get("/api/v1/clusters/prod/bundle").await.json();
    let images = bundle["images"].as_array().unwrap();
    assert_eq!(images.len(), 1, "{images:?}");
    assert_eq!(images[0]["unscanned"], true);
    assert_eq!(images[0]["references"], json!(["registry.test/shop:1"]));
    // So the policy says something of it, with nothing set.
    let off = json!({"environment": "local", "action": "off"});
    set(&person, "pods-images-scanned", off).await;
    let told = impact(&person, "pods-images-scanned", json!({})).await;
    assert_eq!(
        (&told["basis"], &told["running"]),
        (&json!("trial"), &json!(1)),
        "{told}"
    );
    // What scans say of vulnerabilities is not said of it.
    let off = json!({"environment": "local", "action": "off"});
    set(&person, "pods-images-not-vulnerable", off).await;
    let told = impact(&person, "pods-images-not-vulnerable", json!({})).await;
    assert_eq!(told["running"], 0, "{told}");
}

#[tokio::test]
async fn a_cluster_with_a_connector_has_a_score_of_its_own() {
    let (_test, person, program) = begin().await;
    there(&program, "prod", &[deployment("web", "shop", true)]).await;
    let score = person.get("/api/v1/score?environment=local").await.json();
    let clusters = score["clusters"].as_array().unwrap();
    assert_eq!(clusters.len(), 1, "{score}");
    assert_eq!(clusters[0]["cluster"], "prod");
}

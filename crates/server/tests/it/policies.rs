//! Policies over clusters' objects: set, written, tried; what admission is
//! given, and what it hands in.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    people::token,
    test_server::{Person, TestServer, start_at},
};

struct MovedClock(AtomicI64);

impl model::Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

const POLICY: &str = "pods-not-privileged";
const BUNDLE: &str = "/api/v1/clusters/prod/bundle";
const DECISIONS: &str = "/api/v1/clusters/prod/decisions";

async fn begin() -> (TestServer, Person, Person, Arc<MovedClock>) {
    let start: Timestamp = "2026-01-02T12:00:00Z".parse().unwrap();
    let clock = Arc::new(MovedClock(AtomicI64::new(start.as_second())));
    let test = start_at(clock.clone()).await;
    let person = test.signed_in().await;
    let body = json!({"name": "admission", "permissions": ["ingest"], "environments": ["local"],
        "expires": "2026-01-05T12:00:00Z"});
    let program = token(&test, &person, body).await.0;
    (test, person, program, clock)
}

fn custom(rego: &str) -> String {
    format!(
        "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata:\n  \
         name: testowner\nspec:\n  crd: {{spec: {{names: {{kind: TestOwner}}}}}}\n  targets:\n  \
         - target: admission.k8s.gatekeeper.sh\n    rego: |\n      package testowner\n      \
         {rego}\n---\napiVersion: constraints.gatekeeper.sh/v1beta1\nkind: TestOwner\n\
         metadata: {{name: owner}}\nspec:\n  enforcementAction: warn\n"
    )
}

const REGO: &str =
    "violation[{\"msg\": \"say who owns it\"}] { not input.review.object.metadata.labels.owner }";

/// The policy of a bundle.
fn of<'b>(bundle: &'b Value, id: &str) -> Option<&'b Value> {
    let policies = bundle["policies"].as_array().unwrap();
    policies.iter().find(|policy| policy["id"] == id)
}

fn decision(uid: &str, verdict: &str) -> Value {
    json!({"uid": uid, "time": "2026-01-02T11:00:00Z", "verdict": verdict, "operation": "CREATE",
        "kind": "Pod", "namespace": "shop", "name": "web-1", "workload": "Deployment/web",
        "user": "dana", "violations": [{"policy": POLICY, "constraint": "c", "verdict": verdict,
            "message": "container web must not be privileged", "container": "web"}]})
}

#[tokio::test]
async fn what_is_set_is_in_the_bundle_of_the_cluster_and_in_the_trail() {
    let (_test, person, program, _) = begin().await;
    let answer = program.get(BUNDLE).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let (bundle, tag) = (answer.json(), answer.header("etag").to_owned());
    assert_eq!(of(&bundle, POLICY).unwrap()["action"], "audit");
    let known = [("if-none-match", tag.as_str())];
    let answer = program
        .ask(Method::GET, BUNDLE, Body::empty(), &known)
        .await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED);

    let path = format!("/api/v1/policies/{POLICY}/setting");
    let deny = json!({"environment": "local", "cluster": "prod", "action": "deny",
        "scope": {"excluded_namespaces": ["legacy"]}, "reason": "agreed"});
    let answer = person.send(Method::PUT, &path, deny).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.json()["policy"]["action"], "deny");
    let answer = program
        .ask(Method::GET, BUNDLE, Body::empty(), &known)
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    let bundle = answer.json();
    let policy = of(&bundle, POLICY).unwrap();
    assert_eq!(policy["action"], "deny");
    let constraint = &policy["documents"][1]["value"]["spec"];
    assert_eq!(constraint["enforcementAction"], "deny");
    let excluded = constraint["match"]["excludedNamespaces"]
        .as_array()
        .unwrap();
    assert!(excluded.contains(&json!("legacy")), "{constraint}");
    // Another cluster is as it was.
    let other = program.get("/api/v1/clusters/test/bundle").await.json();
    assert_eq!(of(&other, POLICY).unwrap()["action"], "audit");
    let trail = person.get("/api/v1/audit?action=policy.set").await.json();
    assert_eq!(trail["items"][0]["object"]["id"], POLICY, "{trail}");

    let off = json!({"environment": "local", "action": "off"});
    person.send(Method::PUT, &path, off).await;
    let other = program.get("/api/v1/clusters/test/bundle").await.json();
    assert!(of(&other, POLICY).is_none());
    let gone = json!({"environment": "local", "cluster": "prod"});
    person.send(Method::PUT, &path, gone).await;
    let bundle = program.get(BUNDLE).await.json();
    assert!(of(&bundle, POLICY).is_none());
    let parameters = json!({"environment": "local", "parameters": {}});
    let answer = person.send(Method::PUT, &path, parameters).await;
    assert_eq!(answer.json()["errors"][0]["pointer"], "action");
    let answer = program
        .send(Method::PUT, &path, json!({"action": "deny"}))
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_policy_of_ones_own_is_kept_when_a_new_version_is_broken() {
    let (_test, person, program, _) = begin().await;
    let keep = |text: String, revision: u64| {
        let person = person.clone();
        async move {
            let body = json!({"environment": "local", "text": text, "revision": revision,
                "title": "Owners", "severity": "low", "reason": "new"});
            person.post("/api/v1/policies", body).await
        }
    };
    let answer = keep(custom(REGO), 0).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let made = answer.json();
    assert_eq!(made["policy"]["id"], "testowner");
    assert_eq!(made["policy"]["action"], "warn");
    assert_eq!(made["revision"], 1);

    let answer = keep(custom("violation[ {"), 1).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let told = answer.json();
    assert_eq!(told["code"], "broken_policy");
    let detail = told["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("document #1"), "{detail}");
    let answer = keep(custom(REGO), 0).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    let bundle = program.get(BUNDLE).await.json();
    let documents = of(&bundle, "testowner").unwrap()["documents"].to_string();
    assert!(documents.contains("say who owns it"), "{documents}");
    let listed = person.get("/api/v1/policies").await.json();
    let listed = listed.as_array().unwrap().iter();
    let mine: Vec<_> = listed.filter(|one| one["origin"] == "custom").collect();
    assert_eq!(mine.len(), 1);
    assert_eq!(mine[0]["title"], "Owners");

    let path = "/api/v1/policies/testowner?environment=local";
    assert_eq!(person.delete(path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(person.delete(path).await.status, StatusCode::NOT_FOUND);
    let ours = format!("/api/v1/policies/{POLICY}");
    assert_eq!(person.delete(&ours).await.status, StatusCode::CONFLICT);
    let detail = person.get(&ours).await.json();
    assert!(
        detail["text"]
            .as_str()
            .unwrap()
            .contains("ConstraintTemplate"),
        "{detail}"
    );
    assert!(!detail["why"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn documents_are_tried_on_pasted_objects() {
    let (_test, person, _, _) = begin().await;
    let objects = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {owner: b}}\n---\n\
        apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: shop}\n";
    let body = json!({"text": custom(REGO), "objects": objects});
    let answer = person.post("/api/v1/policies/test", body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let result = answer.json();
    assert_eq!(
        (&result["judged"], &result["against"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(result["violations"][0]["object"], "ConfigMap/b");
    assert_eq!(result["violations"][0]["message"], "say who owns it");
    let body = json!({"text": custom("violation[ {"), "objects": objects});
    let result = person.post("/api/v1/policies/test", body).await.json();
    assert_eq!(result["against"], 0);
    assert!(
        !result["problems"].as_array().unwrap().is_empty(),
        "{result}"
    );
}

#[tokio::test]
async fn decisions_are_taken_once_listed_and_counted() {
    let (_test, person, program, clock) = begin().await;
    let mut future = decision("f", "denied");
    future["time"] = json!("2027-01-01T00:00:00Z");
    let status = json!({"replica": "a", "version": "1", "bundle": "old", "fail": "open",
        "requests": 7, "problems": ["a policy is broken"]});
    let batch = json!({"items": [decision("1", "denied"), decision("2", "audited"), future],
        "status": status});
    let answer = program.post(DECISIONS, batch.clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let receipt = answer.json();
    assert_eq!(
        (&receipt["taken"], &receipt["repeated"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(receipt["refused"][0]["uid"], "f");
    let again = program.post(DECISIONS, batch).await.json();
    assert_eq!(
        (&again["taken"], &again["repeated"]),
        (&json!(0), &json!(2))
    );

    let page = person
        .get("/api/v1/decisions?verdict=denied&cluster=prod")
        .await
        .json();
    assert_eq!(page["total"], 1, "{page}");
    assert_eq!(page["items"][0]["decision"]["workload"], "Deployment/web");
    let page = person
        .get(&format!("/api/v1/decisions?policy={POLICY}&q=privileged"))
        .await;
    assert_eq!(page.json()["total"], 2, "{}", page.text);
    let wrong = person.get("/api/v1/decisions?verdict=eaten").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let offenders = person.get("/api/v1/decisions/offenders").await.json();
    assert_eq!(offenders[0]["object"], "Deployment/web", "{offenders}");
    assert_eq!(offenders[0]["decisions"]["denied"], 1);
    let impact = person
        .post(
            &format!("/api/v1/policies/{POLICY}/impact"),
            json!({"days": 7}),
        )
        .await
        .json();
    assert_eq!(
        (&impact["requests"], &impact["denied"]),
        (&json!(2), &json!(1)),
        "{impact}"
    );
    assert_eq!(impact["is_watched"], true);
    let policies = person.get("/api/v1/policies?cluster=prod").await.json();
    let policies = policies.as_array().unwrap().iter();
    let mine = policies.clone().find(|one| one["id"] == POLICY).unwrap();
    assert_eq!(mine["decisions"]["denied"], 1);

    let replicas = person.get("/api/v1/admissions").await.json();
    assert_eq!(replicas[0]["is_current"], false, "{replicas}");
    assert_eq!(replicas[0]["is_silent"], false);
    clock.0.fetch_add(120, Ordering::Relaxed);
    let replicas = person.get("/api/v1/admissions").await.json();
    assert_eq!(replicas[0]["is_silent"], true);
    // Whoever hands decisions in looks at nothing.
    assert_eq!(
        program.get("/api/v1/decisions").await.status,
        StatusCode::FORBIDDEN
    );
    let many: Vec<Value> = (0..1_001)
        .map(|uid| decision(&uid.to_string(), "denied"))
        .collect();
    let answer = program.post(DECISIONS, json!({"items": many})).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn what_a_decision_is_cut_to_is_told_and_is_what_weighs_most() {
    let (_test, person, program, _clock) = begin().await;
    let mut long = decision("1", "audited");
    let one = long["violations"][0].clone();
    let mut violations = vec![one.clone(); 250];
    violations[249]["verdict"] = json!("denied");
    violations[249]["policy"] = json!("pods-last");
    long["violations"] = violations.into();
    long["verdict"] = json!("denied");
    long["images"] = vec!["registry.example/web:1"; 201].into();
    long["note"] = json!("told before");
    let mut whole = decision("2", "audited");
    whole["violations"] = vec![one; 200].into();
    let status = json!({"replica": "a", "version": "1", "bundle": "", "fail": "open",
        "problems": vec!["a policy is broken"; 103]});
    let batch = json!({"items": [long, whole], "status": status});
    let taken = program.post(DECISIONS, batch).await.json();
    assert_eq!(taken["taken"], 2, "{taken}");
    let page = person.get("/api/v1/decisions?policy=pods-last").await;
    let kept = &page.json()["items"][0]["decision"];
    assert_eq!(kept["violations"].as_array().unwrap().len(), 200);
    assert_eq!(kept["violations"][0]["policy"], "pods-last");
    assert_eq!(
        kept["note"],
        "told before; 200 of 250 violations are kept, those that weigh most; \
         200 of 201 images are kept"
    );
    let page = person.get("/api/v1/decisions?verdict=audited").await.json();
    assert_eq!(page["items"][0]["decision"].get("note"), None, "{page}");
    let replicas = person.get("/api/v1/admissions").await.json();
    let problems = replicas[0]["status"]["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[100], "and 3 more problems, which are in its log");
}

#[tokio::test]
async fn exemptions_in_force_are_in_the_bundle_until_they_end() {
    let (_test, person, program, clock) = begin().await;
    for (scope, expires) in [
        (
            "rule:pods-not-privileged ns:shop workload:web",
            "2026-01-02T13:00:00Z",
        ),
        ("cve:CVE-2021-44228", "2026-01-04T12:00:00Z"),
    ] {
        let body = json!({"scope": scope, "environment": "local", "reason": "accepted_risk",
            "note": "agreed", "expires": expires});
        let answer = person.post("/api/v1/exemptions", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    }
    let bundle = program.get(BUNDLE).await.json();
    let exemptions = bundle["exemptions"].as_array().unwrap();
    assert_eq!(exemptions.len(), 1, "{exemptions:?}");
    assert_eq!(exemptions[0]["expires"], "2026-01-02T13:00:00Z");
    clock.0.fetch_add(3_600, Ordering::Relaxed);
    let id = exemptions[0]["id"].as_str().unwrap();
    // Ended or over, it is in no bundle.
    person.delete(&format!("/api/v1/exemptions/{id}")).await;
    let bundle = program.get(BUNDLE).await.json();
    assert_eq!(bundle["exemptions"], json!([]));
}

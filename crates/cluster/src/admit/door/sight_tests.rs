//! A door in front of a cluster that is not seen yet.

use api::policy::{BundleDocument, BundlePolicy, PolicyAction};
use serde_json::{Value, json};

use super::*;

struct Still;

impl Clock for Still {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}

/// Refuses pods that have no object of `kind` of their name.
fn rules(kind: &str) -> Rules {
    let sync = format!(r#"[[{{"groups": [""], "versions": ["v1"], "kinds": ["{kind}"]}}]]"#);
    let rego = format!(
        "package x\nviolation[{{\"msg\": \"has no {kind}\"}}] {{\n  \
         o := input.review.object\n  \
         not data.inventory.namespace[o.metadata.namespace].v1.{kind}[o.metadata.name]\n}}"
    );
    let template = json!({"apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": "needs",
            "annotations": {"metadata.gatekeeper.sh/requires-sync-data": sync}},
        "spec": {"crd": {"spec": {"names": {"kind": "Needs"}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}]}});
    let constraint = json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "Needs",
        "metadata": {"name": "x"},
        "spec": {"match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}}});
    let document = |value| BundleDocument {
        source: "test".to_owned(),
        value,
    };
    let bundle = api::policy::Bundle {
        policies: vec![BundlePolicy {
            id: "needs".to_owned(),
            title: String::new(),
            severity: api::Severity::High,
            action: PolicyAction::Deny,
            fix: String::new(),
            documents: vec![document(template), document(constraint)],
        }],
        ..api::policy::Bundle::default()
    };
    let rules = Rules::load(&bundle, None);
    assert!(rules.problems.is_empty(), "{:?}", rules.problems);
    rules
}

fn kind(name: &str) -> Kind {
    Kind {
        group: String::new(),
        version: "v1".to_owned(),
        kind: name.to_owned(),
    }
}

fn object(kind: &str) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "web", "namespace": "shop"}})
}

fn blind() -> Arc<Door> {
    let settings = DoorSettings {
        place: Place::default(),
        fail: Fail::Open,
        audit_only: false,
        timeout: Duration::from_secs(30),
        judges: 1,
        external: None,
    };
    let door = Arc::new(Door::new(settings, Arc::new(Still)));
    door.expect_cluster();
    door
}

pub(in crate::admit) fn door(kind: &str) -> Arc<Door> {
    let door = blind();
    door.put_rules(rules(kind));
    door
}

async fn ask(door: &Arc<Door>) -> Answer {
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {"uid": "u", "operation": "CREATE", "namespace": "shop", "name": "web",
            "kind": {"group": "", "version": "v1", "kind": "Pod"}, "object": object("Pod")}});
    let request = Arc::new(Request::read(review.to_string().as_bytes()).unwrap());
    let deadline = Instant::now() + Duration::from_mins(1);
    Arc::clone(door)
        .decide(Asked::Validate, &request, deadline)
        .await
}

#[tokio::test]
async fn a_cluster_is_seen_before_it_is_judged() {
    let door = door("ServiceAccount");
    assert!(!door.is_ready());
    let unjudged = ask(&door).await;
    assert!(unjudged.is_allowed);
    assert_eq!(
        unjudged.decision.unwrap().note,
        "it has not seen the cluster yet"
    );
    door.saw_namespaces();
    assert_eq!(door.unseen(), ["ServiceAccount"]);
    assert!(!door.is_ready());
    // Names are not what it asks for.
    door.saw(&kind("ServiceAccount"), true);
    assert!(!door.is_ready());
    door.saw(&kind("ServiceAccount"), false);
    assert!(door.is_ready());
    assert!(!ask(&door).await.is_allowed);
    door.around(|world| {
        world.inventory.put(&object("ServiceAccount"));
    });
    assert!(ask(&door).await.is_allowed);
}

#[tokio::test]
async fn what_new_rules_look_up_is_no_violation_until_it_was_seen() {
    let door = door("ServiceAccount");
    door.saw_namespaces();
    door.saw(&kind("ServiceAccount"), false);
    door.put_rules(rules("ConfigMap"));
    assert!(door.is_ready(), "what it knew it knows");
    let answer = ask(&door).await;
    assert!(answer.is_allowed);
    let warned = answer.review["response"]["warnings"].to_string();
    assert!(warned.contains("ConfigMap"), "{warned}");
    assert!(!warned.contains("has no"), "{warned}");
    door.saw(&kind("ConfigMap"), false);
    assert!(!ask(&door).await.is_allowed);
}

#[tokio::test]
async fn a_cluster_that_was_seen_before_there_were_rules_is_seen() {
    let door = blind();
    door.saw_namespaces();
    assert_eq!(door.lacks(), Some("it has no policies yet"));
    door.put_rules(Rules::default());
    assert!(door.is_ready());
}

#[tokio::test]
async fn what_is_never_seen_is_judged_without() {
    let door = door("ServiceAccount");
    door.saw_namespaces();
    door.wait_no_more();
    assert!(door.is_ready());
    assert!(ask(&door).await.is_allowed);
    assert_eq!(door.unseen(), ["ServiceAccount"]);
}

#[tokio::test]
async fn who_is_about_to_leave_still_judges() {
    let door = door("ServiceAccount");
    door.saw_namespaces();
    door.saw(&kind("ServiceAccount"), false);
    door.leave();
    assert!(!door.is_ready());
    assert!(!ask(&door).await.is_allowed);
}

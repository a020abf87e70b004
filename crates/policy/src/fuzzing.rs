//! Doors for fuzzing: what hostile text reaches, without what is around
//! it.

use serde_json::{Value, json};

use crate::review::{Kind, Moment, Operation, Origin, Review};
use crate::set::{Document, Policies};
use crate::world::World;

/// Compiles an expression and runs it over a pod. What it says is right
/// if it says anything, and soon.
pub fn expression(source: &str) {
    let pod = pod();
    let spec = json!({"validations": [{"expression": source, "messageExpression": source}]});
    let documents = [
        json!({"apiVersion": "admissionregistration.k8s.io/v1",
               "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "fuzz"},
               "spec": {"matchConstraints": {}, "validations": spec["validations"]}}),
        json!({"apiVersion": "admissionregistration.k8s.io/v1",
               "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "fuzz"},
               "spec": {"policyName": "fuzz", "validationActions": ["Deny"]}}),
    ];
    judge(&documents, &pod);
}

/// Loads documents and judges an object by them; mutates it as well.
pub fn judge(documents: &[Value], object: &Value) {
    let documents: Vec<Document> = documents
        .iter()
        .map(|value| Document {
            source: "fuzz".to_owned(),
            value: value.clone(),
        })
        .collect();
    let (policies, _) = Policies::load(&documents);
    let text = |field: &str| {
        object
            .get("metadata")
            .and_then(|metadata| metadata.get(field))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let world = World::default();
    for operation in [Operation::Create, Operation::Delete] {
        let review = Review {
            moment: Moment::Admission,
            operation,
            kind: Kind::of(object).unwrap_or_default(),
            object: (operation == Operation::Create).then_some(object),
            old_object: (operation == Operation::Delete).then_some(object),
            name: text("name"),
            namespace: text("namespace"),
            namespace_object: None,
            origin: Origin::Original,
            request: None,
        };
        policies.review(&review, &world);
        if let Ok(Some(mutated)) = policies.mutate(&review, &world) {
            let patch = crate::difference(object, &mutated);
            assert!(patch.as_array().is_some_and(|patch| !patch.is_empty()));
        }
    }
}

/// A pod to be judged.
pub fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {"hostNetwork": false, "containers": [
            {"name": "a", "image": "nginx:1", "ports": [{"containerPort": 80}],
             "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}},
            {"name": "b", "image": "ghcr.io/x/y@sha256:00"}]}})
}

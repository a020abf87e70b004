//! Policies that look up what nobody has seen yet do not judge.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};

use super::sample::policies;
use crate::{
    Policies, World,
    review::{Kind, Moment, Operation, Origin, Review, Violation},
};

fn said(policies: &Policies, world: &World) -> Vec<Violation> {
    let object = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop"}});
    let review = Review {
        moment: Moment::Admission,
        operation: Operation::Create,
        kind: Kind::of(&object).unwrap(),
        object: Some(&object),
        old_object: None,
        name: "web",
        namespace: "shop",
        namespace_object: None,
        origin: Origin::Original,
        request: None,
    };
    policies.review(&review, world)
}

fn kind(name: &str) -> Kind {
    Kind {
        group: String::new(),
        version: "v1".to_owned(),
        kind: name.to_owned(),
    }
}

fn without(kinds: &[&str]) -> World {
    World {
        unseen: Arc::new(kinds.iter().map(|name| kind(name)).collect::<BTreeSet<_>>()),
        ..World::default()
    }
}

/// Refuses whatever has no `ConfigMap` of its name.
fn template(annotations: &Value) -> Value {
    json!({"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
        "metadata": {"name": "needs", "annotations": annotations},
        "spec": {"crd": {"spec": {"names": {"kind": "Needs"}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": "package x\n\
                violation[{\"msg\": \"has none\"}] {\n  o := input.review.object\n  \
                not data.inventory.namespace[o.metadata.namespace].v1.ConfigMap[o.metadata.name]\n}"}]}})
}

fn constraint() -> Value {
    json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "Needs",
        "metadata": {"name": "x"},
        "spec": {"match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}}})
}

#[test]
fn what_is_looked_up_and_not_known_is_no_violation() {
    let says = json!({"metadata.gatekeeper.sh/requires-sync-data":
        r#"[[{"groups": [""], "versions": ["v1"], "kinds": ["ConfigMap"]}]]"#});
    // One that does not say which kinds: those of `Config`.
    let config = json!({"apiVersion": "config.gatekeeper.sh/v1alpha1", "kind": "Config",
        "metadata": {"name": "config"},
        "spec": {"sync": {"syncOnly": [{"group": "", "version": "v1", "kind": "ConfigMap"}]}}});
    for documents in [
        vec![template(&says), constraint()],
        vec![template(&json!({})), constraint(), config],
    ] {
        let policies = policies(&documents);
        assert_eq!(policies.inventory_kinds(), [kind("ConfigMap")]);
        let unknown = said(&policies, &without(&["ConfigMap"]));
        assert_eq!(unknown.len(), 1, "{unknown:?}");
        assert!(unknown[0].failed, "{unknown:?}");
        assert!(unknown[0].message.contains("ConfigMap"), "{unknown:?}");
        // Seen, and there is none.
        let known = said(&policies, &World::default());
        assert_eq!(known.len(), 1, "{known:?}");
        assert!(!known[0].failed, "{known:?}");
        assert_eq!(known[0].message, "has none");
    }
    let policies = policies(&[template(&says), constraint()]);
    let other = said(&policies, &without(&["Service"]));
    assert!(!other[0].failed, "another kind is none of its business");
}

#[test]
fn parameters_that_are_not_known_are_not_taken_for_absent() {
    let policies = policies(&[
        json!({"apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "p"},
            "spec": {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
                "matchConstraints": {"resourceRules": [{"apiGroups": [""],
                    "apiVersions": ["v1"], "operations": ["*"], "resources": ["pods"]}]},
                "validations": [{"expression": "false"}]}}),
        json!({"apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "b"},
            "spec": {"policyName": "p", "validationActions": ["Deny"],
                "paramRef": {"name": "settings", "parameterNotFoundAction": "Allow"}}}),
    ]);
    let unknown = said(&policies, &without(&["ConfigMap"]));
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    assert!(unknown[0].failed && unknown[0].message.contains("ConfigMap"));
    assert_eq!(said(&policies, &World::default()), []);
}

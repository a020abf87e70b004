//! Which requests policies ask to see.
//!
//! What is made and changed is every policy's business. What is deleted,
//! and who connects to what, is it only where a policy says so: by the
//! `operations` of a template's target or of a rule of Kubernetes' own
//! policies, or by a constraint that names the kind of a connection. A
//! policy that was written for what is made would else refuse to have it
//! deleted.

use std::collections::BTreeSet;

use super::Policies;
use crate::{
    gatekeeper::{Constraint, Template},
    review::{Kind, Operation, Violation},
};

/// What is asked for by connecting: the kind of the request's object, and
/// the resource it is asked of.
pub const CONNECTIONS: [(&str, &str); 6] = [
    ("NodeProxyOptions", "nodes/proxy"),
    ("PodAttachOptions", "pods/attach"),
    ("PodExecOptions", "pods/exec"),
    ("PodPortForwardOptions", "pods/portforward"),
    ("PodProxyOptions", "pods/proxy"),
    ("ServiceProxyOptions", "services/proxy"),
];

/// The resource and the part of it that is connected to, by the kind of
/// the request's object.
pub(crate) fn connection(kind: &Kind) -> Option<(&'static str, &'static str)> {
    if !kind.group.is_empty() {
        return None;
    }
    let (_, resource) = CONNECTIONS.iter().find(|(name, _)| *name == kind.kind)?;
    resource.split_once('/')
}

impl Template {
    /// Whether a constraint of it asks to judge requests that do this to
    /// objects of `kind`.
    fn asks_for(&self, constraint: &Constraint, kind: &Kind, operation: Operation) -> bool {
        // Connections are all that is connected to.
        if (operation == Operation::Connect) != connection(kind).is_some() {
            return false;
        }
        match (self.operations.as_slice(), operation) {
            ([], Operation::Create | Operation::Update) => true,
            ([], Operation::Delete) => false,
            ([], Operation::Connect) => constraint.matches.names(kind),
            (_, operation) => self.judges(operation.word()),
        }
    }
}

impl Policies {
    /// What is done to objects of `kind` that policies ask to judge.
    pub fn operations(&self, kind: &Kind) -> BTreeSet<Operation> {
        let mut all = self.native.operations(kind);
        for constraint in &self.constraints {
            let template = self.templates.get(&constraint.kind);
            if let Some(template) = template.filter(|_| constraint.matches.wants(kind)) {
                let asked = Operation::ALL.into_iter();
                all.extend(asked.filter(|one| template.asks_for(constraint, kind, *one)));
            }
        }
        let made = self.expansions.makes(kind);
        let makes = made.iter().any(|made| {
            let mut constraints = self.constraints.iter();
            constraints.any(|constraint| constraint.matches.wants(made))
        });
        if makes || self.mutators.wants(kind) {
            all.extend([Operation::Create, Operation::Update]);
        }
        all
    }

    /// Whether whoever says this asked to judge such requests.
    pub fn asked_for(&self, said: &Violation, kind: &Kind, operation: Operation) -> bool {
        if matches!(operation, Operation::Create | Operation::Update) {
            return true;
        }
        let mut constraints = self.constraints.iter();
        let constraint =
            constraints.find(|one| one.kind == said.kind && one.name == said.constraint);
        match (constraint, self.templates.get(&said.kind)) {
            (Some(constraint), Some(template)) => template.asks_for(constraint, kind, operation),
            // Kubernetes' own say of what they are asked anyway.
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::set::sample::policies;

    fn template(kind: &str, operations: &Value) -> Value {
        json!({"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
            "metadata": {"name": kind.to_lowercase()},
            "spec": {"crd": {"spec": {"names": {"kind": kind}}},
                "targets": [{"target": "admission.k8s.gatekeeper.sh", "operations": operations,
                    "rego": "package x\nviolation[{\"msg\": \"no\"}] { true }"}]}})
    }

    fn constraint(kind: &str, kinds: &[&str]) -> Value {
        json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": kind,
            "metadata": {"name": "x"},
            "spec": {"match": {"kinds": [{"apiGroups": [""], "kinds": kinds}]}}})
    }

    fn kind(kind: &str) -> Kind {
        Kind {
            group: String::new(),
            version: "v1".to_owned(),
            kind: kind.to_owned(),
        }
    }

    fn words(policies: &Policies, of: &str) -> Vec<&'static str> {
        let all = policies.operations(&kind(of)).into_iter();
        all.map(Operation::word).collect()
    }

    #[test]
    fn deletions_are_judged_by_those_who_ask_for_them() {
        let plain = policies(&[template("Plain", &json!(null)), constraint("Plain", &["*"])]);
        assert_eq!(words(&plain, "Pod"), ["CREATE", "UPDATE"]);
        assert_eq!(words(&plain, "PodExecOptions"), [""; 0]);
        let both = policies(&[
            template("Plain", &json!(null)),
            constraint("Plain", &["Pod"]),
            template("Keep", &json!(["DELETE"])),
            constraint("Keep", &["Pod"]),
        ]);
        assert_eq!(words(&both, "Pod"), ["CREATE", "UPDATE", "DELETE"]);
        assert_eq!(words(&both, "Service"), [""; 0]);
        let said = |kind: &str| Violation {
            kind: kind.to_owned(),
            constraint: "x".to_owned(),
            action: crate::review::Action::Deny,
            message: "no".to_owned(),
            details: Value::Null,
            failed: false,
        };
        let deletes = |of: &str| both.asked_for(&said(of), &kind("Pod"), Operation::Delete);
        assert!(deletes("Keep") && !deletes("Plain"));
    }

    #[test]
    fn connections_are_judged_by_those_who_name_them() {
        for documents in [
            [
                template("Shut", &json!(null)),
                constraint("Shut", &["PodExecOptions"]),
            ],
            [
                template("Shut", &json!(["CONNECT"])),
                constraint("Shut", &["*"]),
            ],
        ] {
            let policies = policies(&documents);
            assert_eq!(words(&policies, "PodExecOptions"), ["CONNECT"]);
        }
    }

    #[test]
    fn kubernetes_own_policies_say_which_operations_they_are_about() {
        let policy = |resources: &[&str], operations: &[&str]| {
            policies(&[
                json!({"apiVersion": "admissionregistration.k8s.io/v1",
                    "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "p"},
                    "spec": {"matchConstraints": {"resourceRules": [{"apiGroups": [""],
                        "apiVersions": ["v1"], "operations": operations, "resources": resources}]},
                        "validations": [{"expression": "false"}]}}),
                json!({"apiVersion": "admissionregistration.k8s.io/v1",
                    "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "b"},
                    "spec": {"policyName": "p", "validationActions": ["Deny"]}}),
            ])
        };
        let deletes = policy(&["pods"], &["DELETE"]);
        assert_eq!(words(&deletes, "Pod"), ["DELETE"]);
        assert_eq!(words(&deletes, "PodExecOptions"), [""; 0]);
        let connects = policy(&["pods/exec"], &["CONNECT"]);
        assert!(connects.wants(&kind("PodExecOptions")));
        assert_eq!(words(&connects, "PodExecOptions"), ["CONNECT"]);
        assert_eq!(words(&connects, "PodAttachOptions"), [""; 0]);
        let all = policy(&["*/*"], &["*"]);
        assert_eq!(words(&all, "Pod"), ["CREATE", "UPDATE", "DELETE"]);
        assert_eq!(words(&all, "ServiceProxyOptions"), ["CONNECT"]);
    }
}

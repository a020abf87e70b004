//! What has to be judged again though it did not change itself.
//!
//! What is said of a workload is said of the pods it makes, too: what a
//! policy for pods looks up is looked up for a `Deployment`.

use super::Policies;
use crate::{gatekeeper::Template, review::Kind};

impl Policies {
    /// Whether what is said of objects of `kind` may change though they
    /// do not, because others did that a policy looks up.
    pub fn looks_around(&self, kind: &Kind) -> bool {
        let made = self.expansions.makes(kind);
        self.is_judged_by(kind, &made, Template::looks_around) || self.native.looks_around(kind)
    }

    /// Whether what is said of objects of `kind` rests on what providers
    /// of external data answer.
    pub fn asks_providers(&self, kind: &Kind) -> bool {
        let made = self.expansions.makes(kind);
        // Pods are judged as mutators leave them.
        self.is_judged_by(kind, &made, Template::asks_providers)
            || made.iter().any(|made| self.mutators.asks_providers(made))
    }

    /// Whether a template of such a sort may be asked about objects of
    /// `kind`, or about those they make.
    fn is_judged_by(&self, kind: &Kind, made: &[Kind], is_such: fn(&Template) -> bool) -> bool {
        self.constraints.iter().any(|constraint| {
            let matches = &constraint.matches;
            (matches.wants(kind) || made.iter().any(|made| matches.wants(made)))
                && self.templates.get(&constraint.kind).is_some_and(is_such)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::set::sample::policies;

    /// A policy for pods with this condition.
    fn of_pods(condition: &str) -> [Value; 2] {
        let rego = format!("package known\nviolation[{{\"msg\": \"no\"}}] {{ {condition} }}");
        [
            json!({"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
                "metadata": {"name": "known"},
                "spec": {"crd": {"spec": {"names": {"kind": "Known"}}},
                    "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}]}}),
            json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "Known",
                "metadata": {"name": "known"},
                "spec": {"match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}}}),
        ]
    }

    fn kind(group: &str, name: &str) -> Kind {
        Kind {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: name.to_owned(),
        }
    }

    /// Of a pod, of what makes pods, and of what has nothing to do with
    /// them.
    fn told(asked: impl Fn(&Kind) -> bool) -> [bool; 3] {
        let kinds = [("", "Pod"), ("apps", "Deployment"), ("", "Service")];
        kinds.map(|(group, name)| asked(&kind(group, name)))
    }

    #[test]
    fn what_rests_on_providers_is_pods_and_what_makes_them() {
        let asks = r#"r := external_data({"provider": "p", "keys": ["k"]}); r.system_error != """#;
        let asking = policies(&of_pods(asks));
        assert_eq!(
            told(|kind| asking.asks_providers(kind)),
            [true, true, false]
        );
        let alone = policies(&of_pods("true"));
        assert_eq!(told(|kind| alone.asks_providers(kind)), [false; 3]);
        let mutator = json!({"apiVersion": "mutations.gatekeeper.sh/v1", "kind": "Assign",
            "metadata": {"name": "digests"},
            "spec": {"applyTo": [{"groups": [""], "versions": ["v1"], "kinds": ["Pod"]}],
                "location": "spec.containers[name: *].image",
                "parameters": {"assign": {"externalData": {"provider": "p"}}}}});
        let mended = policies(&[&of_pods("true")[..], &[mutator]].concat());
        // A pod that is there was mended, or was not.
        assert_eq!(
            told(|kind| mended.asks_providers(kind)),
            [false, true, false]
        );
    }

    #[test]
    fn what_rests_on_other_objects_is_pods_and_what_makes_them() {
        let looks = "data.inventory.namespace[_][_].Service[_]";
        let looking = policies(&of_pods(looks));
        assert_eq!(told(|kind| looking.looks_around(kind)), [true, true, false]);
        let alone = policies(&of_pods("true"));
        assert_eq!(told(|kind| alone.looks_around(kind)), [false; 3]);
    }

    #[test]
    fn what_rests_on_parameters_is_what_their_policy_is_about() {
        let with = |params: Value, reference: Value| {
            let mut policy = json!({"apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "few"},
                "spec": {"matchConstraints": {"resourceRules": [{"apiGroups": ["apps"],
                        "apiVersions": ["v1"], "operations": ["CREATE"],
                        "resources": ["deployments"]}]},
                    "validations": [{"expression": "true"}]}});
            policy["spec"]["paramKind"] = params;
            let mut binding = json!({"apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "few"},
                "spec": {"policyName": "few", "validationActions": ["Deny"]}});
            binding["spec"]["paramRef"] = reference;
            policies(&[policy, binding])
        };
        let bound = with(
            json!({"apiVersion": "v1", "kind": "ConfigMap"}),
            json!({"name": "few", "namespace": "shop", "parameterNotFoundAction": "Deny"}),
        );
        assert_eq!(told(|kind| bound.looks_around(kind)), [false, true, false]);
        let alone = with(Value::Null, Value::Null);
        assert_eq!(told(|kind| alone.looks_around(kind)), [false; 3]);
    }
}

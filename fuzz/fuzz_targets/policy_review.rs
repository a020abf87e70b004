//! Objects of whatever shape, judged and mutated by policies that look
//! into them.

#![no_main]

use std::sync::LazyLock;

use serde_json::{Value, json};

static DOCUMENTS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let mutate = |kind: &str, name: &str, location: &str, parameters: Value| {
        json!({"apiVersion": "mutations.gatekeeper.sh/v1", "kind": kind,
            "metadata": {"name": name}, "spec": {"location": location, "parameters": parameters,
            "applyTo": [{"groups": [""], "versions": ["v1"], "kinds": ["Pod"]}]}})
    };
    let assign = |value: Value| json!({"assign": {"value": value}});
    vec![
        json!({"apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "p"},
            "spec": {"matchConstraints": {"objectSelector": {"matchExpressions": [
                {"key": "a", "operator": "NotIn", "values": ["b"]}]}},
            "variables": [{"name": "c", "expression":
                "object.?spec.containers.orValue([]).map(c, c.image)"}],
            "validations": [
                {"expression": "variables.c.all(i, i.matches('^[a-z./:]+$'))"},
                {"expression": "object.spec.containers.all(c, quantity(c.resources.limits.cpu)\
                    .isLessThan(quantity('2')))", "messageExpression": "object.metadata.name"},
                {"expression": "object == object && size(object.metadata.labels) > 0"}]}}),
        json!({"apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "b"},
            "spec": {"policyName": "p", "validationActions": ["Deny"]}}),
        mutate("Assign", "a", "spec.containers[name: *].imagePullPolicy", assign(json!("Always"))),
        mutate("Assign", "b", "spec.volumes[name: v]", assign(json!({"name": "v"}))),
        mutate("AssignImage", "c", "spec.containers[name: *].image",
               json!({"assignDomain": "mirror.example"})),
        mutate("ModifySet", "d", "spec.containers[name: *].args",
               json!({"values": {"fromList": ["-x"]}})),
    ]
});

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(object) = serde_json::from_str::<Value>(text) {
        policy::fuzzing::judge(&DOCUMENTS, &object);
    }
});

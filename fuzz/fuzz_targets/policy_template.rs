//! Templates in Rego: whatever stands for the code, loading and judging
//! ends, and nothing panics.

#![no_main]

use serde_json::json;

libfuzzer_sys::fuzz_target!(|rego: &str| {
    let documents = [
        json!({"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
            "metadata": {"name": "fuzz"},
            "spec": {"crd": {"spec": {"names": {"kind": "Fuzz"}}},
                     "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}]}}),
        json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "Fuzz",
               "metadata": {"name": "fuzz"}, "spec": {}}),
    ];
    policy::fuzzing::judge(&documents, &policy::fuzzing::pod());
});

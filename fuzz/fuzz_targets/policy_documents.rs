//! Documents of every sort, as YAML: templates, constraints, mutators,
//! expansions, Kubernetes' own policies. A broken one is a problem, never
//! a panic.

#![no_main]

use serde::Deserialize as _;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let documents: Vec<serde_json::Value> = serde_norway::Deserializer::from_str(text)
        .take(8)
        .map_while(|document| serde_json::Value::deserialize(document).ok())
        .collect();
    policy::fuzzing::judge(&documents, &policy::fuzzing::pod());
});

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

/// Loads a template with this Rego, and judges a pod by it.
pub fn rego(source: &str) {
    let documents = [
        json!({"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
               "metadata": {"name": "fuzz"},
               "spec": {"crd": {"spec": {"names": {"kind": "Fuzz"}}},
                        "targets": [{"target": "admission.k8s.gatekeeper.sh",
                                     "operations": ["*"], "rego": source}]}}),
        json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "Fuzz",
               "metadata": {"name": "fuzz"}, "spec": {}}),
    ];
    judge(&documents, &pod());
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde::Deserialize as _;

    use super::*;

    /// What the fuzz targets start from.
    const EXPRESSIONS: &[&str] = &[
        include_str!("../../../fuzz/seeds/policy_expression/library"),
        include_str!("../../../fuzz/seeds/policy_expression/loops"),
        include_str!("../../../fuzz/seeds/policy_expression/optional"),
        include_str!("../../../fuzz/seeds/policy_expression/times"),
    ];
    const DOCUMENTS: &[&str] = &[
        include_str!("../../../fuzz/seeds/policy_documents/mutator"),
        include_str!("../../../fuzz/seeds/policy_documents/policy"),
        include_str!("../../../fuzz/seeds/policy_documents/template"),
    ];
    const REGO: &[&str] = &[
        include_str!("../../../fuzz/seeds/policy_template/functions"),
        include_str!("../../../fuzz/seeds/policy_template/loops"),
        include_str!("../../../fuzz/seeds/policy_template/recursion"),
        include_str!("../../../fuzz/seeds/policy_template/violation"),
    ];
    const POD: &str = include_str!("../../../fuzz/seeds/policy_review/pod");

    /// The slowest one input may be, on a machine that does other things.
    const SLOWEST: Duration = Duration::from_secs(20);

    /// Chance that is the same each time.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 11).unwrap_or(0) % bound.max(1)
        }

        /// A few changes: pieces cut out, doubled, swapped with pieces of
        /// `other`, bytes replaced.
        fn change(&mut self, text: &str, other: &str) -> String {
            const ODD: &[char] = &[
                '(', ')', '[', ']', '{', '}', '.', ',', ':', '?', '*', '!', '-', '\'', '"', '\\',
                '0', '9', '~', '\u{0}', 'é', '\n', '&', '|', '<', 'x', 'e',
            ];
            let mut text: Vec<char> = text.chars().collect();
            let other: Vec<char> = other.chars().collect();
            for _ in 0..=self.below(6) {
                let from = self.below(text.len());
                let to = (from + self.below(24)).min(text.len());
                match self.below(5) {
                    0 => drop(text.drain(from..to)),
                    1 => {
                        let piece: Vec<char> = text[from..to].to_vec();
                        text.splice(from..from, piece);
                    }
                    2 => {
                        let start = self.below(other.len());
                        let end = (start + self.below(40)).min(other.len());
                        text.splice(from..to, other[start..end].iter().copied());
                    }
                    3 => text.insert(from.min(text.len()), ODD[self.below(ODD.len())]),
                    _ => {
                        if let Some(place) = text.get_mut(from) {
                            *place = ODD[self.below(ODD.len())];
                        }
                    }
                }
            }
            text.into_iter().collect()
        }
    }

    /// Runs `judge` on changed seeds: a few hundred times, or for as long
    /// as `SEAWALL_FUZZ_SECONDS` says.
    #[expect(clippy::print_stdout, reason = "says how much was tried")]
    fn run(name: &str, seeds: &[&str], judge: impl Fn(&str)) {
        let seconds = std::env::var("SEAWALL_FUZZ_SECONDS")
            .ok()
            .and_then(|text| text.parse().ok())
            .map(Duration::from_secs);
        let begun = Instant::now();
        let mut chance = Chance(0x5eed_1234_abcd_0001);
        let (mut runs, mut slowest) = (0_u32, Duration::ZERO);
        while seconds.map_or(runs < 150, |seconds| begun.elapsed() < seconds) {
            let (one, two) = (chance.below(seeds.len()), chance.below(seeds.len()));
            let text = chance.change(seeds[one], seeds[two]);
            let started = Instant::now();
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| judge(&text)));
            assert!(outcome.is_ok(), "{name} panicked at: {text}");
            let took = started.elapsed();
            assert!(took < SLOWEST, "{name} took {took:?} at: {text}");
            slowest = slowest.max(took);
            runs += 1;
        }
        println!("{name}: {runs} runs, slowest {slowest:?}");
    }

    #[test]
    fn no_expression_panics_or_runs_on() {
        run("expressions", EXPRESSIONS, expression);
    }

    #[test]
    fn no_rego_panics_or_runs_on() {
        run("rego", REGO, rego);
    }

    #[test]
    fn no_documents_panic_or_run_on() {
        run("documents", DOCUMENTS, |text| {
            let documents: Vec<Value> = serde_norway::Deserializer::from_str(text)
                .take(8)
                .map_while(|document| Value::deserialize(document).ok())
                .collect();
            judge(&documents, &pod());
        });
    }

    #[test]
    fn no_object_panics_or_runs_on() {
        let documents: Vec<Value> = DOCUMENTS
            .iter()
            .flat_map(|text| serde_norway::Deserializer::from_str(text))
            .map(|document| Value::deserialize(document).unwrap())
            .collect();
        run("objects", &[POD], |text| {
            if let Ok(object) = serde_json::from_str(text) {
                judge(&documents, &object);
            }
        });
    }
}

//! A door for fuzzing: any body, read and answered without a network.

use std::{collections::BTreeMap, sync::Arc, sync::LazyLock};

use api::policy::{Bundle, BundleDocument, BundleExemption, BundlePolicy, PolicyAction};
use base64::Engine as _;
use jiff::Timestamp;
use policy::World;
use serde_json::{Value, json};

use super::{Answer, Fail, Judge, Place, Request, Rules};

/// Ours, as strict as they can be: they look at containers, at metadata,
/// and at what was before.
const POLICIES: [&str; 6] = [
    "accounts-no-token-secrets",
    "objects-no-removed-api",
    "pods-drop-capabilities",
    "pods-not-privileged",
    "pods-volume-types",
    "roles-no-wildcards",
];

static RULES: LazyLock<Rules> = LazyLock::new(rules);
static WORLD: LazyLock<World> = LazyLock::new(|| World {
    namespaces: BTreeMap::from([(
        "shop".to_owned(),
        Arc::new(json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "shop", "labels": {"team": "shop"}}})),
    )]),
    ..World::default()
});

fn rules() -> Rules {
    let policies = POLICIES.iter().filter_map(|id| policy::policy(id));
    let mut policies: Vec<BundlePolicy> = policies
        .map(|policy| {
            let [template, mut constraint] = policy.documents().map(|document| document.value);
            constraint["spec"]["enforcementAction"] = "deny".into();
            let documents = [template, constraint].into_iter();
            named(&policy.id, documents.chain(policy.mutation.clone()))
        })
        .collect();
    let mutate = json!({"apiVersion": "mutations.gatekeeper.sh/v1", "kind": "Assign",
        "metadata": {"name": "pull"},
        "spec": {"applyTo": [{"groups": [""], "versions": ["v1"], "kinds": ["Pod"]}],
            "location": "spec.containers[name: *].imagePullPolicy",
            "parameters": {"assign": {"value": "Always"}}}});
    policies.push(named("pull", [mutate]));
    let bundle = Bundle {
        policies,
        exemptions: vec![BundleExemption {
            id: "old".to_owned(),
            scope: "rule:pods-volume-types ns:shop workload:old".to_owned(),
            expires: None,
        }],
        ..Bundle::default()
    };
    Rules::load(&bundle, None)
}

fn named(id: &str, documents: impl IntoIterator<Item = Value>) -> BundlePolicy {
    BundlePolicy {
        id: id.to_owned(),
        title: id.to_owned(),
        severity: api::Severity::High,
        action: PolicyAction::Deny,
        fix: String::new(),
        documents: documents
            .into_iter()
            .map(|value| BundleDocument {
                source: "fuzz".to_owned(),
                value,
            })
            .collect(),
    }
}

/// Reads a body, and answers what was read in every way there is. What is
/// answered has to be an answer; whether it was one.
pub fn answer(body: &[u8]) -> bool {
    let Ok(request) = Request::read(body) else {
        return false;
    };
    let place = Place {
        own_namespace: Some("seawall".to_owned()),
        exempt_namespaces: vec!["legacy".to_owned()],
    };
    for (fail, audit_only) in [
        (Fail::Open, false),
        (Fail::Closed, false),
        (Fail::Open, true),
    ] {
        let judge = Judge {
            rules: &RULES,
            world: &WORLD,
            place: &place,
            audit_only,
            fail,
            now: Timestamp::UNIX_EPOCH,
        };
        let validated = judge.validate(&request);
        assert!(validated.is_allowed || !audit_only, "refused in audit");
        look(&request, &validated);
        let mutated = judge.mutate(&request);
        assert!(mutated.is_allowed, "refused by a mutator");
        look(&request, &mutated);
        let unjudged = judge.unjudged(&request, "a reason");
        assert_eq!(unjudged.is_allowed, fail == Fail::Open);
        look(&request, &unjudged);
    }
    true
}

/// Whether an API server would understand it.
fn look(request: &Request, answer: &Answer) {
    let response = &answer.review["response"];
    assert_eq!(answer.review["kind"], "AdmissionReview");
    assert_eq!(response["uid"], request.uid.as_str());
    assert_eq!(response["allowed"], answer.is_allowed);
    assert!(answer.is_allowed || response["status"]["message"].is_string());
    assert!(answer.decision.is_none() || !request.is_dry_run);
    if let Some(patch) = response["patch"].as_str() {
        let patch = base64::engine::general_purpose::STANDARD.decode(patch);
        let patch: Value = serde_json::from_slice(&patch.expect("base64")).expect("a patch");
        assert!(patch.as_array().is_some_and(|steps| !steps.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the fuzz target starts from.
    const SEEDS: &[&str] = &[
        include_str!("../../../../fuzz/seeds/admission_review/create"),
        include_str!("../../../../fuzz/seeds/admission_review/delete"),
        include_str!("../../../../fuzz/seeds/admission_review/update"),
    ];
    const RUNS: usize = 1_500;
    const ODD: &[u8] = b"[]{}\",:\\0-9e.\0\xff/ ntx";

    /// Chance that is the same each time.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 11).unwrap_or(0) % bound.max(1)
        }

        /// Bytes replaced, pieces cut out, and pieces of another put in.
        fn change(&mut self, body: &mut Vec<u8>, other: &[u8]) {
            for _ in 0..=self.below(4) {
                let from = self.below(body.len());
                let to = (from + self.below(40)).min(body.len());
                match self.below(4) {
                    0 => drop(body.drain(from..to)),
                    1 => {
                        let begin = self.below(other.len());
                        let end = (begin + self.below(60)).min(other.len());
                        let piece = other.get(begin..end).unwrap_or_default().to_vec();
                        body.splice(from..from, piece);
                    }
                    _ => {
                        let odd = ODD[self.below(ODD.len())];
                        if let Some(byte) = body.get_mut(from) {
                            *byte = odd;
                        }
                    }
                }
            }
        }

        /// A value of it becomes another sort of value: what is still
        /// JSON gets further.
        fn bend(&mut self, value: &mut Value) {
            let all: Vec<&mut Value> = match value {
                Value::Object(fields) => fields.iter_mut().map(|(_, field)| field).collect(),
                Value::Array(items) => items.iter_mut().collect(),
                _ => Vec::new(),
            };
            let count = all.len();
            let chosen = self.below(count + 1);
            match all.into_iter().nth(chosen) {
                Some(inner) => self.bend(inner),
                None => {
                    *value = match self.below(6) {
                        0 => Value::Null,
                        1 => json!([]),
                        2 => json!({"a": [{}]}),
                        3 => json!("\u{0}é"),
                        4 => json!(-1.5e300),
                        _ => json!([[{"name": "x"}], true]),
                    };
                }
            }
        }
    }

    #[test]
    fn the_seeds_are_questions_and_the_rules_have_something_to_say() {
        assert!(RULES.problems.is_empty(), "{:?}", RULES.problems);
        assert_eq!(RULES.loaded().policies, POLICIES.len() + 1);
        for seed in SEEDS {
            assert!(answer(seed.as_bytes()), "{seed}");
        }
        let request = Request::read(SEEDS[0].as_bytes()).unwrap();
        let judge = Judge {
            rules: &RULES,
            world: &WORLD,
            place: &Place::default(),
            audit_only: false,
            fail: Fail::Open,
            now: Timestamp::UNIX_EPOCH,
        };
        assert!(!judge.validate(&request).is_allowed);
        let mutated = judge.mutate(&request);
        assert!(mutated.review["response"]["patch"].is_string());
    }

    #[test]
    fn no_body_makes_an_answer_that_is_none() {
        let mut chance = Chance(0x5eed);
        let mut read = 0;
        for run in 0..RUNS {
            let seed = SEEDS[run % SEEDS.len()];
            let mut body = if run % 2 == 0 {
                let mut value: Value = serde_json::from_str(seed).unwrap();
                for _ in 0..=chance.below(3) {
                    chance.bend(&mut value["request"]);
                }
                value.to_string().into_bytes()
            } else {
                seed.as_bytes().to_vec()
            };
            if run % 4 != 0 {
                let other = SEEDS[chance.below(SEEDS.len())].as_bytes();
                chance.change(&mut body, other);
            }
            read += usize::from(answer(&body));
        }
        // Else nothing but the reader was tried.
        assert!(read > RUNS / 10, "{read} of {RUNS} were read");
    }
}

//! What `deploy/admission` may do in a cluster, against what policies ask
//! it to look up.

use std::{fs, path::Path};

use policy::{Document, Policies};
use serde_json::Value;

/// The resource of each kind that policies of ours look up.
const RESOURCES: &[(&str, &str)] = &[
    ("CronJob", "cronjobs"),
    ("DaemonSet", "daemonsets"),
    ("Deployment", "deployments"),
    ("HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ("Ingress", "ingresses"),
    ("NetworkPolicy", "networkpolicies"),
    ("Pod", "pods"),
    ("PodDisruptionBudget", "poddisruptionbudgets"),
    ("ResourceQuota", "resourcequotas"),
    ("Service", "services"),
    ("ServiceAccount", "serviceaccounts"),
    ("StatefulSet", "statefulsets"),
];

fn role() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/admission/admission.yaml");
    let text = fs::read_to_string(path).unwrap();
    let (documents, problems) = policy::documents("admission.yaml", &text);
    assert_eq!(problems, []);
    let mut roles = documents
        .into_iter()
        .map(|document| document.value)
        .filter(|value| value["kind"] == "ClusterRole");
    let role = roles.next().unwrap();
    assert!(roles.next().is_none());
    role
}

fn grants(role: &Value, group: &str, resource: &str, verb: &str) -> bool {
    let has = |rule: &Value, field: &str, word: &str| {
        let words = rule[field].as_array().into_iter().flatten();
        words.into_iter().any(|known| known == word)
    };
    let rules = role["rules"].as_array().unwrap();
    rules.iter().any(|rule| {
        has(rule, "apiGroups", group)
            && has(rule, "resources", resource)
            && has(rule, "verbs", verb)
            && rule["resourceNames"].is_null()
    })
}

#[test]
fn the_role_may_watch_all_that_policies_of_ours_look_up() {
    let role = role();
    let all: Vec<Document> = policy::policies()
        .iter()
        .flat_map(policy::Policy::documents)
        .collect();
    let mut missing = Vec::new();
    for documents in [policy::bundle(), all] {
        let (policies, problems) = Policies::load(&documents);
        assert_eq!(problems, []);
        let kinds = policies.inventory_kinds();
        assert!(kinds.len() > 5, "{kinds:?}");
        for kind in kinds {
            let Some((_, resource)) = RESOURCES.iter().find(|(known, _)| *known == kind.kind)
            else {
                missing.push(format!("{}: not known here", kind.kind));
                continue;
            };
            for verb in ["list", "watch"] {
                if !grants(&role, &kind.group, resource, verb) {
                    missing.push(format!("{verb} {resource} of '{}'", kind.group));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_role_grants_no_more_than_that() {
    let role = role();
    for rule in role["rules"].as_array().unwrap() {
        let is_own = rule["apiGroups"][0] == "admissionregistration.k8s.io";
        for field in ["apiGroups", "resources", "verbs"] {
            let words = rule[field].as_array().unwrap();
            assert!(!words.iter().any(|word| word == "*"), "{rule}");
        }
        let verbs = rule["verbs"].as_array().unwrap();
        let reads = |verb: &Value| ["get", "list", "watch"].iter().any(|word| verb == word);
        assert!(is_own || verbs.iter().all(reads), "{rule}");
        let resources = rule["resources"].as_array().unwrap();
        assert!(
            is_own
                || resources.iter().all(|resource| resource == "namespaces"
                    || RESOURCES.iter().any(|(_, known)| resource == known)),
            "{rule}"
        );
    }
}

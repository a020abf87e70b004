//! What a constraint says and nobody does: told beside what is wrong, as
//! the rest of it holds.

use std::collections::BTreeSet;

use serde_json::Value;

use super::constraint::{POINTS, is_constraint};
use crate::set::{Document, Problem};

/// Gatekeeper makes Kubernetes' own policies of templates for it.
const NATIVE: &str = "vap.k8s.io";

/// Constraints that do less than their text says, and why: actions at
/// enforcement points that nobody asks at, or that are not looked at.
pub fn notes(documents: &[Document]) -> Vec<Problem> {
    let constraints = documents
        .iter()
        .filter(|document| is_constraint(&document.value));
    constraints
        .flat_map(|document| {
            let told = of_actions(&document.value["spec"]).into_iter();
            told.map(|message| document.problem(message))
        })
        .collect()
}

fn of_actions(spec: &Value) -> Vec<String> {
    let Some(entries) = spec["scopedEnforcementActions"].as_array() else {
        return Vec::new();
    };
    if spec["enforcementAction"] != "scoped" {
        return vec![
            "spec.scopedEnforcementActions: not looked at, as enforcementAction is not scoped"
                .to_owned(),
        ];
    }
    let points = entries
        .iter()
        .flat_map(|entry| entry["enforcementPoints"].as_array().into_iter().flatten())
        .filter_map(|point| point["name"].as_str());
    let asked: BTreeSet<&str> = points.collect();
    let is_known = |name: &&str| *name == "*" || POINTS.contains(name);
    let mut told: Vec<String> = asked
        .iter()
        .filter(|name| !is_known(name))
        .map(|name| of_point(name))
        .collect();
    if !asked.iter().any(is_known) {
        told.push(
            "spec.scopedEnforcementActions: names no enforcement point there is, so nothing is \
             judged by it"
                .to_owned(),
        );
    }
    told
}

fn of_point(name: &str) -> String {
    let known = POINTS.join(", ");
    let why = if name == NATIVE {
        "no ValidatingAdmissionPolicy is made of a template; what is asked of the API server is \
         judged at validation.gatekeeper.sh"
    } else {
        "nobody asks there"
    };
    format!(
        "spec.scopedEnforcementActions: nothing is done at the enforcement point '{name}': {why} \
         (there are {known}, and * for all)"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(spec: &Value) -> String {
        let document = Document {
            source: "labels.yaml #1".to_owned(),
            value: json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "Labels",
                "metadata": {"name": "owner"}, "spec": spec}),
        };
        let told = notes(&[document]).into_iter().map(|note| {
            assert_eq!(
                (note.source.as_str(), note.kind.as_str()),
                ("labels.yaml #1", "Labels")
            );
            note.message
        });
        told.collect::<Vec<_>>().join("\n")
    }

    fn scoped(points: &[&str]) -> Value {
        let points: Vec<Value> = points.iter().map(|name| json!({"name": name})).collect();
        json!({"enforcementAction": "scoped", "scopedEnforcementActions": [
            {"action": "deny", "enforcementPoints": points}]})
    }

    #[test]
    fn a_point_nobody_asks_at_is_named_and_so_are_those_there_are() {
        let said = told(&scoped(&["audit.gatekeeper.sh", "wehbook.gatekeeper.sh"]));
        assert_eq!(
            said,
            "spec.scopedEnforcementActions: nothing is done at the enforcement point \
             'wehbook.gatekeeper.sh': nobody asks there (there are audit.gatekeeper.sh, \
             gator.gatekeeper.sh, validation.gatekeeper.sh, and * for all)"
        );
        let said = told(&scoped(&["vap.k8s.io"]));
        assert!(said.contains("'vap.k8s.io': no ValidatingAdmissionPolicy is made"));
        assert!(said.ends_with("so nothing is judged by it"), "{said}");
    }

    #[test]
    fn points_there_are_need_no_word() {
        assert_eq!(told(&scoped(&["*"])), "");
        assert_eq!(
            told(&scoped(&[
                "validation.gatekeeper.sh",
                "gator.gatekeeper.sh"
            ])),
            ""
        );
        assert_eq!(told(&json!({"enforcementAction": "deny"})), "");
    }

    #[test]
    fn scoped_actions_that_are_not_looked_at_are_told() {
        let mut spec = scoped(&["*"]);
        spec["enforcementAction"] = json!("deny");
        assert!(told(&spec).contains("not looked at, as enforcementAction is not scoped"));
        assert!(told(&scoped(&[])).contains("names no enforcement point"));
    }
}

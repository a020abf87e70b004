//! Namespaces that are left alone at some moments: `spec.match` of
//! Gatekeeper's `Config`.

use serde_json::Value;

use super::matching::{glob, globs};
use crate::review::{Moment, Review};
use crate::set::{Document, Problem};

/// What Gatekeeper calls those who ask; `sync` fills the inventory, which
/// holds objects of every namespace here.
const PROCESSES: [&str; 5] = ["*", "audit", "mutation-webhook", "sync", "webhook"];

/// Who leaves which namespaces alone.
#[derive(Debug, Default)]
pub(crate) struct Excluded {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    processes: Vec<String>,
    namespaces: Vec<String>,
}

impl Excluded {
    pub(crate) fn load(documents: &[Document], problems: &mut Vec<Problem>) -> Self {
        let mut entries = Vec::new();
        for document in documents {
            let value = &document.value;
            let version = value["apiVersion"].as_str().unwrap_or_default();
            if value["kind"] != "Config" || !version.starts_with("config.gatekeeper.sh/") {
                continue;
            }
            let all = value["spec"]["match"].as_array().into_iter().flatten();
            for (index, entry) in all.enumerate() {
                match Entry::read(entry, &format!("spec.match[{index}]")) {
                    Ok(entry) => entries.push(entry),
                    Err(message) => problems.push(document.problem(message)),
                }
            }
        }
        Self { entries }
    }

    /// Whether constraints are not asked about the object of `review`.
    pub(crate) fn judges_not(&self, review: &Review<'_>) -> bool {
        match review.moment {
            Moment::Audit => self.holds("audit", review),
            Moment::Admission => self.holds("webhook", review),
            // A manifest is read where there is no such process.
            Moment::Ci => false,
        }
    }

    /// Whether mutators leave it as it is.
    pub(crate) fn mutates_not(&self, review: &Review<'_>) -> bool {
        review.moment == Moment::Admission && self.holds("mutation-webhook", review)
    }

    fn holds(&self, process: &str, review: &Review<'_>) -> bool {
        let is_namespace = review.kind.group.is_empty() && review.kind.kind == "Namespace";
        let namespace = if is_namespace {
            review.name
        } else {
            review.namespace
        };
        !namespace.is_empty()
            && self.entries.iter().any(|entry| {
                let mut processes = entry.processes.iter();
                processes.any(|known| known == "*" || known == process)
                    && entry.namespaces.iter().any(|known| glob(known, namespace))
            })
    }
}

impl Entry {
    fn read(value: &Value, at: &str) -> Result<Self, String> {
        let all = value["processes"].as_array().into_iter().flatten();
        let processes: Vec<String> = all
            .filter_map(|process| process.as_str().map(str::to_owned))
            .collect();
        let known = |process: &String| PROCESSES.contains(&process.as_str());
        if let Some(other) = processes.iter().find(|process| !known(process)) {
            return Err(format!(
                "{at}.processes: '{other}' is not known (one of {})",
                PROCESSES.join(", ")
            ));
        }
        let at = format!("{at}.excludedNamespaces");
        Ok(Self {
            processes,
            namespaces: globs(value.get("excludedNamespaces"), &at)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::review::{Kind, Operation, Origin};

    fn load(entry: &Value) -> (Excluded, Vec<Problem>) {
        let mut problems = Vec::new();
        let document = Document {
            source: "config.yaml".to_owned(),
            value: json!({"apiVersion": "config.gatekeeper.sh/v1alpha1", "kind": "Config",
                "metadata": {"name": "config"}, "spec": {"match": [entry]}}),
        };
        (Excluded::load(&[document], &mut problems), problems)
    }

    fn review(moment: Moment, kind: &'static str, namespace: &'static str) -> Review<'static> {
        Review {
            moment,
            operation: Operation::Create,
            kind: Kind {
                group: String::new(),
                version: "v1".to_owned(),
                kind: kind.to_owned(),
            },
            object: None,
            old_object: None,
            name: "legacy",
            namespace,
            namespace_object: None,
            origin: Origin::Original,
            request: None,
        }
    }

    #[test]
    fn each_process_leaves_alone_what_is_said_of_it() {
        let entry = |processes: &[&str]| {
            let entry = json!({"excludedNamespaces": ["legacy*"], "processes": processes});
            load(&entry).0
        };
        let alone = |processes: &[&str], moment| {
            let excluded = entry(processes);
            let asked = review(moment, "Pod", "legacy-1");
            (excluded.judges_not(&asked), excluded.mutates_not(&asked))
        };
        assert_eq!(alone(&["audit"], Moment::Audit), (true, false));
        assert_eq!(alone(&["audit"], Moment::Admission), (false, false));
        assert_eq!(alone(&["webhook"], Moment::Admission), (true, false));
        assert_eq!(
            alone(&["mutation-webhook"], Moment::Admission),
            (false, true)
        );
        assert_eq!(alone(&["*"], Moment::Admission), (true, true));
        assert_eq!(alone(&["*"], Moment::Ci), (false, false));
        assert_eq!(alone(&["sync"], Moment::Audit), (false, false));
        let all = entry(&["*"]);
        assert!(!all.judges_not(&review(Moment::Audit, "Pod", "shop")));
        assert!(!all.judges_not(&review(Moment::Audit, "Node", "")));
        assert!(all.judges_not(&review(Moment::Audit, "Namespace", "")));
    }

    #[test]
    fn what_is_not_understood_is_told() {
        let told = |entry: &Value| load(entry).1.pop().map(|problem| problem.message);
        let wrong = told(&json!({"excludedNamespaces": ["a"], "processes": ["audits"]}));
        assert!(wrong.is_some_and(|wrong| wrong.contains("'audits' is not known")));
        let wrong = told(&json!({"excludedNamespaces": ["a*b"], "processes": ["*"]}));
        assert!(wrong.is_some_and(|wrong| wrong.contains("excludedNamespaces: 'a*b'")));
        assert_eq!(
            told(&json!({"excludedNamespaces": ["a"], "processes": ["*"]})),
            None
        );
    }
}

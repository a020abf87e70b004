//! Policies as they could last be read: one that is broken by a change
//! stays as it was, and with it what it found.

use std::collections::{BTreeMap, BTreeSet};

use policy::{Document, Policies, Problem};
use serde_json::Value;

/// Source, kind and name of a document.
type Named = (String, String, String);

/// The documents that hold.
#[derive(Debug, Default)]
pub(super) struct Good {
    last: BTreeMap<Named, Value>,
}

impl Good {
    /// Compiles documents. One that cannot be read is told of, and its
    /// last version stands in for it where there was one.
    pub(super) fn load(&mut self, mut documents: Vec<Document>) -> (Policies, Vec<Problem>) {
        let (mut policies, mut problems) = Policies::load(&documents);
        let mut broken = names(&problems);
        let mut kept = BTreeSet::new();
        for document in &mut documents {
            let name = name(document);
            if broken.contains(&name)
                && let Some(last) = self.last.get(&name)
                && *last != document.value
            {
                document.value = last.clone();
                kept.insert(name);
            }
        }
        if !kept.is_empty() {
            let (with_last, still) = Policies::load(&documents);
            policies = with_last;
            broken = names(&still);
            // What was wrong only because of what stays is not.
            problems.retain(|problem| kept.contains(&of(problem)));
            for problem in &mut problems {
                if !broken.contains(&of(problem)) {
                    problem
                        .message
                        .push_str("; its last version stays in force");
                }
            }
            let others = still.into_iter();
            problems.extend(others.filter(|problem| !kept.contains(&of(problem))));
            problems.sort();
        }
        problems.extend(policy::notes(&documents));
        self.last = documents
            .into_iter()
            .map(|document| (name(&document), document.value))
            .filter(|(name, _)| !broken.contains(name))
            .collect();
        (policies, problems)
    }
}

fn of(problem: &Problem) -> Named {
    (
        problem.source.clone(),
        problem.kind.clone(),
        problem.name.clone(),
    )
}

fn names(problems: &[Problem]) -> BTreeSet<Named> {
    problems.iter().map(of).collect()
}

fn name(document: &Document) -> Named {
    let text = |pointer| {
        let text = document.value.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    (
        document.source.clone(),
        text("/kind"),
        text("/metadata/name"),
    )
}

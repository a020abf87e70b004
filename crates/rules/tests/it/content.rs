//! Our own rules: every file's own cases.

use rules::{cases, content};

#[test]
fn our_own_rules_say_what_their_cases_say() {
    let rules = &content::pack().ruleset.rules;
    let outcomes: Vec<_> = rules.iter().flat_map(cases::run).collect();
    let failed: Vec<_> = outcomes
        .iter()
        .filter_map(|it| {
            let failure = it.failure.as_deref()?;
            Some(format!("{}, case {:?}: {failure}", it.rule, it.case))
        })
        .collect();
    eprintln!("{} cases of {} rules", outcomes.len(), rules.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

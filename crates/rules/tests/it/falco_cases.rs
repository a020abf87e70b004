//! Recorded audit events and the rules of Falco's own file they are
//! expected to fire: `SEAWALL_FALCO_RULES` as for the other tests of stock
//! files, with the small files of single tests in its `cases` folder;
//! `SEAWALL_TESTDATA` names the recordings.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rules::{
    Loader,
    audit::{Event, Tape},
    engine::{Engine, State},
};

/// Rules that were split since the events were recorded.
const NOW_CALLED: [(&str, &str); 2] = [
    (
        "K8s Role/Clusterrolebinding Created",
        "K8s ClusterRoleBinding Created",
    ),
    ("K8s Role/Clusterrole Deleted", "K8s ClusterRole Deleted"),
];
fn folder(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: {variable} is not set");
    }
    folder
}

fn engine(files: &[serde_json::Value], folder: &Path) -> Option<Engine> {
    let mut loader = Loader::new();
    let mut is_renamed = false;
    for file in files {
        let name = Path::new(file.as_str()?).file_name()?.to_str()?;
        let mut text = [folder.join(name), folder.join("cases").join(name)]
            .iter()
            .find_map(|path| std::fs::read_to_string(path).ok())?;
        // The small files are of 2022 and append to lists renamed since.
        is_renamed |= text.contains("- list: k8s_audit_privileged_images");
        if is_renamed && name.starts_with("trust_") {
            text += &text.replace("- list: falco_", "- list: k8s_audit_");
        }
        loader = loader.file(name, &text);
    }
    let (ruleset, diagnostics) = loader.finish();
    let errors: Vec<_> = diagnostics
        .iter()
        .filter(|it| it.is_error() && it.file == "k8s_audit_rules.yaml")
        .collect();
    assert!(errors.is_empty(), "{files:?}: {errors:?}");
    Some(Engine::compile(&ruleset).0)
}

/// The first rule that holds for each event, as Falco says only that.
fn first_matches(engine: &Engine, events: &[serde_json::Value]) -> Vec<String> {
    let mut state = State::default();
    let mut found = Vec::new();
    for event in events {
        let text = event.to_string();
        let mut tape = Tape::default();
        let event = Event::read(text.as_bytes(), &mut tape).unwrap();
        let mut first = None;
        engine.audit(&mut state, &event, Timestamp::MAX, &mut |it| {
            first.get_or_insert_with(|| it.rule.name.clone());
        });
        found.extend(first);
    }
    found
}

#[test]
fn recorded_events_fire_the_rules_they_are_known_to_fire() {
    let (Some(stock), Some(data)) = (folder("SEAWALL_FALCO_RULES"), folder("SEAWALL_TESTDATA"))
    else {
        return;
    };
    let cases = std::fs::read_to_string(data.join("audit/falco-k8saudit-cases.jsonl")).unwrap();
    let (mut wrong, mut ran) = (Vec::new(), 0);
    for line in cases.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = case["test"].as_str().unwrap();
        let Some(engine) = engine(case["rules_files"].as_array().unwrap(), &stock) else {
            eprintln!("skipped: {name}: a rule file of it is not here");
            continue;
        };
        let mut expected: Vec<String> = case["expected_rules"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|it| it.as_object().unwrap())
            .flat_map(|(rule, count)| {
                let rule = if engine.rules().iter().any(|it| it.name == *rule) {
                    rule.clone()
                } else {
                    let renamed = NOW_CALLED.iter().find(|(before, _)| before == rule);
                    renamed.map_or(rule.clone(), |(_, now)| (*now).to_owned())
                };
                let count = usize::try_from(count.as_u64().unwrap()).unwrap();
                std::iter::repeat_n(rule, count)
            })
            .collect();
        let mut found = first_matches(&engine, case["events"].as_array().unwrap());
        expected.sort();
        found.sort();
        ran += 1;
        if found != expected {
            wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
        }
    }
    eprintln!("{ran} recorded cases ran");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

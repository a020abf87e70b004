//! Reports of a small standard, with hostile names in it.

use serde_json::Value;

use super::*;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn control(id: &str, state: State) -> Control {
    Control {
        id: id.to_owned(),
        title: format!("Control {id}"),
        level: Some(1),
        state,
        checks: Vec::new(),
        word: None,
        evidence: Vec::new(),
    }
}

fn assessed() -> Assessed {
    let mut failed = control("1.1", State::Failed);
    failed.checks.push(Check {
        id: "node-a".to_owned(),
        title: "A should be so".to_owned(),
        severity: Severity::High,
        healthy: 3,
        affected: 2,
        exempted: 1,
    });
    failed.evidence.push(Evidence {
        check: "node-a".to_owned(),
        asset: "=cmd|' /C calc'!A0 <script>alert(1)</script>".to_owned(),
        summary: "is 0644 & open".to_owned(),
        since: time("2026-05-01T00:00:00Z"),
    });
    let mut word = control("CC1", State::Passed);
    word.level = None;
    word.word = Some(Word {
        note: "we looked".to_owned(),
        by: "alice".to_owned(),
        made: time("2026-05-02T00:00:00Z"),
        expires: time("2027-05-02T00:00:00Z"),
    });
    Assessed {
        id: "TEST-1".to_owned(),
        name: "A test of standards".to_owned(),
        source: "https://standards.example/".to_owned(),
        description: "What a test needs.".to_owned(),
        place: "production, cluster \"one\"".to_owned(),
        time: time("2026-06-01T00:00:00Z"),
        controls: vec![
            failed,
            word,
            control("2", State::Manual),
            control("3", State::NotApplicable),
        ],
    }
}

fn written(form: Form) -> String {
    let mut bytes = Vec::new();
    write(form, &assessed(), &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_page_stands_by_itself_and_lets_nothing_in() {
    let page = written(Form::Html);
    assert!(page.starts_with("<!doctype html>"));
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("&lt;script&gt;"));
    assert!(!page.contains("src=") && !page.contains("@import") && !page.contains("url("));
    assert!(page.contains("size:A4"));
    assert!(page.contains("50 %"), "one of two that were judged: {page}");
    assert!(page.contains("and 1 more"));
    assert!(page.contains("alice answers for it since 2026-05-02"));
}

#[test]
fn a_table_has_a_line_for_each_check_and_no_formula() {
    let table = written(Form::Csv);
    assert_eq!(table.lines().count(), 5, "{table}");
    assert!(table.contains("TEST-1,1.1,Control 1.1,1,failed,node-a"));
    assert!(!table.contains(",=cmd"), "{table}");
    let words = table.lines().find(|line| line.contains("CC1")).unwrap();
    assert!(words.contains("alice"));
}

/// What the schema of version 1.1.2 requires, and the patterns it has.
#[test]
fn results_have_what_oscal_requires() {
    let text = written(Form::Oscal);
    let document: Value = serde_json::from_str(&text).unwrap();
    let results = &document["assessment-results"];
    let has = |at: &Value, keys: &[&str]| {
        for key in keys {
            assert!(!at[*key].is_null(), "{key} of {at}");
        }
    };
    has(results, &["uuid", "metadata", "import-ap", "results"]);
    let metadata = &results["metadata"];
    has(metadata, &["title", "last-modified", "version"]);
    assert_eq!(metadata["oscal-version"], "1.1.2");
    has(&results["import-ap"], &["href"]);
    let result = &results["results"][0];
    has(
        result,
        &["uuid", "title", "description", "start", "reviewed-controls"],
    );
    let selected = &result["reviewed-controls"]["control-selections"][0]["include-controls"];
    assert_eq!(selected.as_array().unwrap().len(), 4);
    assert_eq!(selected[0]["control-id"], "control-1.1");
    assert_eq!(selected[1]["control-id"], "CC1");
    let findings = result["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 3, "of what is not applicable none is found");
    let mut ids = std::collections::HashSet::new();
    let known: Vec<&str> = result["observations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|observation| {
            has(
                observation,
                &["uuid", "description", "methods", "collected"],
            );
            observation["uuid"].as_str().unwrap()
        })
        .collect();
    for finding in findings {
        has(finding, &["uuid", "title", "description", "target"]);
        let uuid = finding["uuid"].as_str().unwrap();
        assert!(ids.insert(uuid.to_owned()));
        assert_eq!(uuid.as_bytes()[14], b'5', "version of {uuid}");
        has(&finding["target"], &["type", "target-id", "status"]);
        let state = finding["target"]["status"]["state"].as_str().unwrap();
        assert!(["satisfied", "not-satisfied"].contains(&state));
        for related in finding["related-observations"].as_array().unwrap() {
            assert!(known.contains(&related["observation-uuid"].as_str().unwrap()));
        }
    }
    assert_eq!(text, written(Form::Oscal));
}

/// Objects of version 1.1.2 that are written, by the key they are under:
/// what each must have, and what else of what it may is written. The
/// schema takes no other keys, and no empty list.
const SHAPES: [(&str, &[&str], &[&str]); 14] = [
    (
        "assessment-results",
        &["uuid", "metadata", "import-ap", "results"],
        &[],
    ),
    (
        "metadata",
        &["title", "last-modified", "version", "oscal-version"],
        &[],
    ),
    ("import-ap", &["href"], &["remarks"]),
    (
        "results",
        &["uuid", "title", "description", "start", "reviewed-controls"],
        &["end", "observations", "findings"],
    ),
    ("reviewed-controls", &["control-selections"], &[]),
    (
        "control-selections",
        &[],
        &["description", "props", "include-controls"],
    ),
    ("include-controls", &["control-id"], &[]),
    ("props", &["name", "value"], &["ns"]),
    (
        "observations",
        &["uuid", "description", "methods", "collected"],
        &["title", "props", "relevant-evidence", "expires"],
    ),
    ("relevant-evidence", &["description"], &[]),
    (
        "findings",
        &["uuid", "title", "description", "target"],
        &["related-observations"],
    ),
    ("target", &["type", "target-id", "status"], &[]),
    ("status", &["state"], &["reason", "remarks"]),
    ("related-observations", &["observation-uuid"], &[]),
];

/// What of a document, and of the objects in it, is not as the schema has
/// it.
fn strays(key: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) if items.is_empty() => vec![format!("{key} is empty")],
        Value::Array(items) => items.iter().flat_map(|item| strays(key, item)).collect(),
        Value::Object(fields) => {
            let Some((_, must, may)) = SHAPES.iter().find(|(known, ..)| *known == key) else {
                return vec![format!("{key} is an object")];
            };
            let missing = must.iter().filter(|name| !fields.contains_key(**name));
            let missing = missing.map(|name| format!("{key} has no {name}"));
            let own = fields.keys().filter(|name| {
                let name = name.as_str();
                !must.contains(&name) && !may.contains(&name)
            });
            let own = own.map(|name| format!("{key} has {name}"));
            let below = fields.iter().flat_map(|(key, value)| strays(key, value));
            missing.chain(own).chain(below).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn results_have_nothing_that_oscal_has_no_place_for() {
    let mut document: Value = serde_json::from_str(&written(Form::Oscal)).unwrap();
    let results = document["assessment-results"].take();
    assert_eq!(strays("assessment-results", &results), [""; 0]);
    // Of a level that has no controls.
    let mut nothing = assessed();
    nothing.controls.clear();
    let mut bytes = Vec::new();
    write(Form::Oscal, &nothing, &mut bytes).unwrap();
    let mut document: Value = serde_json::from_slice(&bytes).unwrap();
    let mut results = document["assessment-results"].take();
    assert_eq!(strays("assessment-results", &results), [""; 0]);
    // It tells what is wrong.
    results["results"][0]["findings"] = serde_json::json!([]);
    results["metadata"]["own"] = 1.into();
    assert_eq!(
        strays("assessment-results", &results),
        ["metadata has own", "findings is empty"]
    );
}

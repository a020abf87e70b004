//! What authors get wrong, and what they are told: pairs of files in
//! `mistakes/`.

use std::{fmt::Write as _, path::Path};

use rules::{Loader, diagnostic};

#[test]
fn each_mistake_is_told_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mistakes");
    let mut stale = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        count += 1;
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let (ruleset, diagnostics) = Loader::new().file(name, &text).finish();
        assert!(!diagnostics.is_empty(), "{name}: nothing is said");
        let mut told = diagnostic::render(&diagnostics, false);
        let loaded: Vec<&str> = ruleset
            .rules
            .iter()
            .map(|rule| rule.name.as_str())
            .collect();
        writeln!(told, "\nloaded: {}", loaded.join(", ")).unwrap();
        let golden = path.with_extension("txt");
        if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &told).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if told != expected {
            stale.push(format!("{name}:\n{told}"));
        }
    }
    assert!(count >= 30, "only {count} mistakes");
    assert!(
        stale.is_empty(),
        "SEAWALL_UPDATE_GOLDEN=1 cargo test -p rules writes what is told now\n\n{}",
        stale.join("\n")
    );
}

#[test]
fn a_mistake_is_json_for_machines() {
    let text = "- macro: a\n  condition: proc.name is x\n";
    let (_, diagnostics) = Loader::new().file("a.yaml", text).finish();
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(
        serde_json::to_value(&diagnostics[0]).unwrap(),
        serde_json::json!({
            "level": "error",
            "code": "syntax",
            "message": "unknown operator `is`",
            "label": "not one of the operators",
            "file": "a.yaml",
            "line": 2,
            "column": 24,
            "width": 2,
            "excerpt": "  condition: proc.name is x",
            "item": "macro `a`",
            "help": "write `=`",
        })
    );
}

//! Falco's own rule files, where a developer has them at hand:
//! `SEAWALL_FALCO_RULES` names a folder with the files of its `rules`
//! repository and `k8s_audit_rules.yaml`.

use std::path::PathBuf;

use rules::{Loader, diagnostic, rule::Ruleset};

/// File, rules, and how many of them are switched on.
const FILES: [(&str, usize, usize); 5] = [
    ("falco_rules.yaml", 25, 25),
    ("falco-incubating_rules.yaml", 31, 31),
    ("falco-sandbox_rules.yaml", 37, 25),
    ("falco-deprecated_rules.yaml", 4, 0),
    ("k8s_audit_rules.yaml", 48, 48),
];
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("SEAWALL_FALCO_RULES").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: SEAWALL_FALCO_RULES names no folder with Falco's rule files");
    }
    folder
}

fn load(files: &[&str], folder: &std::path::Path) -> (Ruleset, Vec<rules::Diagnostic>) {
    let mut loader = Loader::new();
    for file in files {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        loader = loader.file(file, &text);
    }
    loader.finish()
}

#[test]
fn each_file_loads_unmodified() {
    let Some(folder) = folder() else { return };
    for (file, count, enabled) in FILES {
        let (ruleset, diagnostics) = load(&[file], &folder);
        let errors: Vec<_> = diagnostics
            .into_iter()
            .filter(rules::Diagnostic::is_error)
            .collect();
        assert!(errors.is_empty(), "{}", diagnostic::render(&errors, false));
        assert_eq!(ruleset.rules.len(), count, "{file}");
        let on = ruleset.rules.iter().filter(|rule| rule.is_enabled).count();
        assert_eq!(on, enabled, "{file}");
    }
}

#[test]
fn all_files_load_together() {
    let Some(folder) = folder() else { return };
    let (ruleset, diagnostics) = load(&FILES.map(|(file, ..)| file), &folder);
    let errors: Vec<_> = diagnostics
        .into_iter()
        .filter(rules::Diagnostic::is_error)
        .collect();
    assert!(errors.is_empty(), "{}", diagnostic::render(&errors, false));
    assert_eq!(ruleset.rules.len(), 145);
}

#[test]
fn every_resolved_condition_reads_back_as_it_is() {
    let Some(folder) = folder() else { return };
    for (file, ..) in FILES {
        let (ruleset, _) = load(&[file], &folder);
        for rule in ruleset.rules {
            let printed = rule.condition.to_string();
            if printed.starts_with("(never)") {
                continue;
            }
            let read = rules::parse::condition(&printed);
            let read = read.unwrap_or_else(|error| panic!("{}: {error}\n{printed}", rule.name));
            assert_eq!(read.to_string(), printed, "{}", rule.name);
        }
    }
}

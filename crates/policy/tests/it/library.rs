//! The public Gatekeeper library, where a copy is at hand:
//! `SEAWALL_GATEKEEPER_LIBRARY` names its folder. Nothing of it is here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use policy::suite::{Outcome, RegoEngine, RegoFile, Report, Tally, run_rego, run_suite};

pub(crate) fn library() -> Option<PathBuf> {
    let folder = std::env::var_os("SEAWALL_GATEKEEPER_LIBRARY").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: SEAWALL_GATEKEEPER_LIBRARY does not name the library's folder");
    }
    folder
}

fn files(folder: &Path, fits: &dyn Fn(&Path) -> bool, into: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            files(&entry, fits, into);
        } else if fits(&entry) {
            into.push(entry);
        }
    }
}

/// Every document of the YAML files below `folder`, with its file.
pub(crate) fn yaml(folder: &Path) -> Vec<(String, serde_json::Value)> {
    let mut found = Vec::new();
    files(
        folder,
        &|path| path.extension().is_some_and(|name| name == "yaml"),
        &mut found,
    );
    found
        .iter()
        .flat_map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            let name = path.display().to_string();
            let documents = policy::suite::documents(&text).unwrap_or_default();
            documents
                .into_iter()
                .map(move |value| (name.clone(), value))
        })
        .collect()
}

fn faults(report: &Report) -> Vec<String> {
    let mut faults = Vec::new();
    for test in &report.tests {
        if let Outcome::Failed(fault) = &test.outcome {
            faults.push(format!("{} › {}: {fault}", report.path, test.name));
        }
        for case in &test.cases {
            if let Outcome::Failed(fault) = &case.outcome {
                faults.push(format!(
                    "{} › {} › {}: {fault}",
                    report.path, test.name, case.name
                ));
            }
        }
    }
    faults
}

#[test]
fn every_suite_passes_on_every_engine() {
    let Some(library) = library() else { return };
    let mut suites = Vec::new();
    let is_suite = |path: &Path| path.file_name().is_some_and(|name| name == "suite.yaml");
    files(&library.join("library"), &is_suite, &mut suites);
    assert!(!suites.is_empty(), "no suite in {}", library.display());
    let read =
        |path: &str| std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let mut all = Vec::new();
    for engine in [
        RegoEngine::Chosen,
        RegoEngine::Interpreter,
        RegoEngine::Bytecode,
    ] {
        let mut tally = Tally::default();
        for suite in &suites {
            let path = suite.display().to_string();
            let report = run_suite(&path, &read(&path).unwrap(), &read, engine);
            tally = tally.and(report.tally());
            all.extend(
                faults(&report)
                    .into_iter()
                    .map(|fault| format!("{engine:?} {fault}")),
            );
        }
        eprintln!("{engine:?}: {} suites, {tally:?}", suites.len());
    }
    assert!(all.is_empty(), "{} faults:\n{}", all.len(), all.join("\n"));
}

#[test]
fn every_test_in_rego_holds() {
    let Some(library) = library() else { return };
    let mut found = Vec::new();
    let is_rego = |path: &Path| path.extension().is_some_and(|name| name == "rego");
    files(&library.join("src"), &is_rego, &mut found);
    let mut folders: BTreeMap<PathBuf, Vec<RegoFile>> = BTreeMap::new();
    for path in found {
        let folder = path.parent().unwrap().to_owned();
        folders.entry(folder).or_default().push(RegoFile {
            path: path.display().to_string(),
            text: std::fs::read_to_string(&path).unwrap(),
        });
    }
    let mut tally = Tally::default();
    let mut all = Vec::new();
    for (folder, files) in &folders {
        let own = files;
        if !own.iter().any(|file| file.path.ends_with("_test.rego")) {
            continue;
        }
        let name = folder.display().to_string();
        let reports = [false, true].map(|v1| run_rego(&name, files, v1));
        let [old, new] = reports;
        let report = if faults(&old).is_empty() { old } else { new };
        tally = tally.and(report.tally());
        all.extend(faults(&report));
    }
    eprintln!("{} folders, {tally:?}", folders.len());
    assert!(all.is_empty(), "{} faults:\n{}", all.len(), all.join("\n"));
}

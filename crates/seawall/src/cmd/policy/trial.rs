//! `seawall policy test`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use policy::suite::{Outcome, RegoEngine, RegoFile, Report, Tally, run_rego, run_suite};
use serde::Serialize;

use super::counted;
use crate::{
    args::{db::TextOrJson, policy::Test},
    cmd::{Context, files, remote::output::json, write_stdout},
    exit::{Exit, Failure},
};

#[derive(Serialize)]
struct Tested {
    files: usize,
    passed: usize,
    skipped: usize,
    failed: usize,
    failures: Vec<Line>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    passes: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    file: String,
    test: String,
    case: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

pub(super) fn run(_context: &Context, arguments: &Test) -> Result<Exit, Failure> {
    let reports = reports(&arguments.paths)?;
    let tally = reports
        .iter()
        .fold(Tally::default(), |sum, report| sum.and(report.tally()));
    if tally == Tally::default() {
        let failure = Failure::usage(anyhow::anyhow!("no test in what was read"));
        return Err(failure.help(
            "a suite is a document `kind: Suite` of test.gatekeeper.sh; tests in Rego are in \
             files named …_test.rego",
        ));
    }
    let (mut failures, mut passes) = (Vec::new(), Vec::new());
    for report in &reports {
        sort_out(report, arguments.all, &mut failures, &mut passes);
    }
    match arguments.format {
        TextOrJson::Json => write_stdout(&json(&Tested {
            files: reports.len(),
            passed: tally.passed,
            skipped: tally.skipped,
            failed: tally.failed,
            failures,
            passes,
        })?)?,
        TextOrJson::Text => {
            let mut out = String::new();
            // Writing to a string does not fail.
            for line in &passes {
                _ = writeln!(out, "passed  {}", place(line));
            }
            for line in &failures {
                let why = line.why.as_deref().unwrap_or_default();
                _ = writeln!(
                    out,
                    "FAILED  {}\n        {}",
                    place(line),
                    report::plain(why)
                );
            }
            _ = writeln!(
                out,
                "{} of {}: {} passed, {} failed, {} skipped",
                counted(tally.passed + tally.failed + tally.skipped, "case"),
                counted(reports.len(), "file"),
                tally.passed,
                tally.failed,
                tally.skipped
            );
            write_stdout(out.as_bytes())?;
        }
    }
    Ok(if tally.failed > 0 {
        Exit::Reached
    } else {
        Exit::Clean
    })
}

fn place(line: &Line) -> String {
    let parts = [&line.file, &line.test, &line.case];
    let parts: Vec<&str> = parts
        .into_iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    report::plain(&parts.join(" › ")).into_owned()
}

fn sort_out(report: &Report, all: bool, failures: &mut Vec<Line>, passes: &mut Vec<Line>) {
    let mut put = |test: &str, case: &str, outcome: &Outcome| {
        let mut line = Line {
            file: report.path.clone(),
            test: test.to_owned(),
            case: case.to_owned(),
            why: None,
        };
        match outcome {
            Outcome::Failed(why) => {
                line.why = Some(why.clone());
                failures.push(line);
            }
            Outcome::Passed if all => passes.push(line),
            Outcome::Passed | Outcome::Skipped => {}
        }
    };
    for test in &report.tests {
        if test.cases.is_empty() || matches!(test.outcome, Outcome::Failed(_)) {
            put(&test.name, "", &test.outcome);
        }
        for case in &test.cases {
            put(&test.name, &case.name, &case.outcome);
        }
    }
}

fn reports(paths: &[PathBuf]) -> Result<Vec<Report>, Failure> {
    let read = |path: &str| files::text(Path::new(path)).map_err(|failure| failure.line());
    let mut reports = Vec::new();
    let mut folders: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for path in files::find(paths, &[".yaml", ".yml", "_test.rego"])? {
        let is_rego = path.extension().is_some_and(|name| name == "rego");
        if is_rego {
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            folders.entry(folder).or_default().push(path);
            continue;
        }
        let content = files::text(&path)?;
        // Manifests and templates lie beside suites: a look is cheaper
        // than reading them.
        if content.contains("test.gatekeeper.sh") {
            let name = path.display().to_string();
            reports.push(run_suite(&name, &content, &read, RegoEngine::Chosen));
        }
    }
    for folder in folders.keys() {
        reports.push(in_rego(folder)?);
    }
    Ok(reports)
}

/// The tests of one folder, with all the Rego in it.
fn in_rego(folder: &Path) -> Result<Report, Failure> {
    let place = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let mut files = Vec::new();
    for path in files::find(&[place.to_owned()], &[".rego"])? {
        if path.parent() == Some(place) {
            files.push(RegoFile {
                path: path.display().to_string(),
                text: files::text(&path)?,
            });
        }
    }
    let name = place.display().to_string();
    let old = run_rego(&name, &files, false);
    let is_unread = old
        .tests
        .iter()
        .any(|test| test.name.is_empty() && matches!(test.outcome, Outcome::Failed(_)));
    if !is_unread {
        return Ok(old);
    }
    // What is no version 0 may be version 1; if neither, version 0 says
    // what is wrong.
    let new = run_rego(&name, &files, true);
    let is_read = new.tests.iter().all(|test| !test.name.is_empty());
    Ok(if is_read { new } else { old })
}

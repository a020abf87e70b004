//! Rego's own tests, as `opa test` runs them: rules whose names begin
//! with `test_` hold.

use super::{CaseReport, Outcome, Report, TestReport};
use crate::rego::{Dialect, Trial};

/// One file of Rego.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegoFile {
    pub path: String,
    pub text: String,
}

/// Runs the tests in `files`, which belong together; `v1` where they are
/// of that version of Rego.
pub fn run_rego(folder: &str, files: &[RegoFile], v1: bool) -> Report {
    let dialect = if v1 { Dialect::V1 } else { Dialect::V0 };
    let files: Vec<(String, String)> = files
        .iter()
        .map(|file| (file.path.clone(), file.text.clone()))
        .collect();
    let mut trial = match Trial::read(&files, dialect) {
        Ok(trial) => trial,
        Err(fault) => return Report::unread(folder, fault),
    };
    let mut tests: Vec<TestReport> = Vec::new();
    for name in trial.tests() {
        let outcome = match name.rsplit('.').next() {
            Some(last) if last.starts_with("todo_test_") => Outcome::Skipped,
            _ => match trial.holds(&name) {
                Ok(true) => Outcome::Passed,
                Ok(false) => Outcome::Failed("does not hold".to_owned()),
                Err(fault) => Outcome::Failed(fault),
            },
        };
        let (package, rule) = name.rsplit_once('.').unwrap_or(("", &name));
        let case = CaseReport {
            name: rule.to_owned(),
            outcome,
        };
        match tests.last_mut().filter(|test| test.name == package) {
            Some(test) => test.cases.push(case),
            None => tests.push(TestReport {
                name: package.to_owned(),
                outcome: Outcome::Passed,
                cases: vec![case],
            }),
        }
    }
    Report {
        path: folder.to_owned(),
        tests,
    }
}

//! Tests of policies: Gatekeeper's suites, and Rego's own tests.
//!
//! Files are read by whoever asks, so that a suite may lie anywhere.

mod gator;
mod rego;

pub use gator::{is_suite, run_suite};
pub use rego::{RegoFile, run_rego};

/// Reads a file by its path, or says why it cannot be read.
pub type Reader<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// What evaluates templates, so that tests hold all of it to the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegoEngine {
    /// What suits each template: its CEL before its Rego, the virtual
    /// machine before the interpreter.
    #[default]
    Chosen,
    /// Rego by the interpreter; CEL where there is no Rego.
    Interpreter,
    /// Rego by the virtual machine where that can run it safely, by the
    /// interpreter elsewhere; CEL where there is no Rego.
    Bytecode,
}

/// How one file of tests went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub path: String,
    pub tests: Vec<TestReport>,
}

/// How one test went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestReport {
    pub name: String,
    pub outcome: Outcome,
    pub cases: Vec<CaseReport>,
}

/// How one case went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseReport {
    pub name: String,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    #[default]
    Passed,
    Skipped,
    /// And why.
    Failed(String),
}

/// Outcomes, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: usize,
    pub skipped: usize,
    pub failed: usize,
}

impl Report {
    /// A file that could not be read as one of tests.
    fn unread(path: &str, fault: String) -> Self {
        Self {
            path: path.to_owned(),
            tests: vec![TestReport {
                name: String::new(),
                outcome: Outcome::Failed(fault),
                cases: Vec::new(),
            }],
        }
    }

    /// Cases by outcome; a test without cases counts as one.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for test in &self.tests {
            if test.cases.is_empty() || matches!(test.outcome, Outcome::Failed(_)) {
                tally.count(&test.outcome);
            }
            test.cases
                .iter()
                .for_each(|case| tally.count(&case.outcome));
        }
        tally
    }
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Skipped => self.skipped += 1,
            Outcome::Failed(_) => self.failed += 1,
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            skipped: self.skipped + other.skipped,
            failed: self.failed + other.failed,
        }
    }
}

/// Every document of a YAML or JSON text, empty ones left out.
pub fn documents(text: &str) -> Result<Vec<serde_json::Value>, String> {
    use serde::Deserialize as _;
    let mut documents = Vec::new();
    for document in serde_norway::Deserializer::from_str(text) {
        let value = serde_json::Value::deserialize(document).map_err(|error| error.to_string())?;
        if !value.is_null() {
            documents.push(value);
        }
    }
    Ok(documents)
}

/// `path` as seen from the folder of `file`.
fn beside(file: &str, path: &str) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let is_absolute = file.starts_with('/');
    let mut steps: Vec<&str> = Vec::new();
    for step in folder.split('/').chain(path.split('/')) {
        match step {
            "" | "." => {}
            ".." if steps.last().is_some_and(|last| *last != "..") => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    let joined = steps.join("/");
    if is_absolute {
        format!("/{joined}")
    } else {
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_file_that_names_them() {
        assert_eq!(beside("a/b/suite.yaml", "../c/x.yaml"), "a/c/x.yaml");
        assert_eq!(beside("/a/suite.yaml", "./x.yaml"), "/a/x.yaml");
        assert_eq!(beside("suite.yaml", "x.yaml"), "x.yaml");
        assert_eq!(beside("suite.yaml", "../x.yaml"), "../x.yaml");
    }
}

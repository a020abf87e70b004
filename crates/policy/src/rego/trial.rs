//! Modules evaluated for themselves, without a template around them:
//! Rego's own tests.

use std::collections::BTreeSet;

use regorus::{Engine, Value};

use super::engine::{Dialect, ready};
use super::rewrite::Choice;
use super::tree::{parse, rule_name};
use super::{bounds, brief, scan};

/// Modules, ready to be asked.
#[derive(Debug)]
pub(crate) struct Trial {
    engine: Engine,
    tests: BTreeSet<String>,
}

impl Trial {
    /// Reads files by name and text.
    pub(crate) fn read(files: &[(String, String)], dialect: Dialect) -> Result<Self, String> {
        let mut sources = Vec::new();
        let mut tests = BTreeSet::new();
        let mut parsed = Vec::new();
        for (name, text) in files {
            let text = scan::prepare(name, text, dialect)?;
            let module = parse(name, &text, dialect)?;
            let package = bounds::package(&module);
            tests.extend(
                module
                    .policy
                    .iter()
                    .filter_map(|rule| rule_name(rule))
                    .filter(|rule| rule.starts_with("test_") || rule.starts_with("todo_test_"))
                    .map(|rule| format!("{package}.{rule}")),
            );
            sources.push((name.clone(), text));
            parsed.push((name.clone(), module));
        }
        bounds::check(&parsed, false)?;
        let choice = Choice {
            dialect,
            guarded: false,
            from_input: false,
        };
        Ok(Self {
            engine: ready(&sources, choice)?,
            tests,
        })
    }

    /// Every test, by its whole path.
    pub(crate) fn tests(&self) -> Vec<String> {
        self.tests.iter().cloned().collect()
    }

    /// Whether a test holds.
    pub(crate) fn holds(&mut self, test: &str) -> Result<bool, String> {
        match self.engine.eval_rule(test.to_owned()) {
            Ok(value) => Ok(value == Value::Bool(true)),
            Err(error) => Err(brief(&error)),
        }
    }
}

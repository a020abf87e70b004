//! How a standard stands, written down: a page that prints well, a table
//! for spreadsheets, and OSCAL assessment results for other programs.
//!
//! Everything written comes from names of assets and notes of people, and
//! is as hostile as what comes from inside an image.

mod csv;
mod html;
mod oscal;

use std::io;

use jiff::Timestamp;
use model::Severity;

use crate::WriteError;

/// One standard, assessed in one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessed {
    pub id: String,
    pub name: String,
    pub source: String,
    pub description: String,
    /// What was looked at, in words.
    pub place: String,
    pub time: Timestamp,
    pub controls: Vec<Control>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Control {
    pub id: String,
    pub title: String,
    pub level: Option<u8>,
    pub state: State,
    pub checks: Vec<Check>,
    pub word: Option<Word>,
    /// What fails it, the first of each check.
    pub evidence: Vec<Evidence>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Passed,
    Failed,
    Manual,
    NotApplicable,
}

/// What answers a control.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    pub id: String,
    pub title: String,
    pub severity: Severity,
    pub healthy: u64,
    pub affected: u64,
    pub exempted: u64,
}

/// Somebody's word that a control holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    pub note: String,
    pub by: String,
    pub made: Timestamp,
    pub expires: Timestamp,
}

/// One asset that is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The check's id.
    pub check: String,
    pub asset: String,
    pub summary: String,
    pub since: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Html,
    Csv,
    Oscal,
}

/// Writes how a standard stands. The same gives the same bytes.
pub fn write(form: Form, assessed: &Assessed, out: &mut dyn io::Write) -> Result<(), WriteError> {
    match form {
        Form::Html => html::write(assessed, out)?,
        Form::Csv => csv::write(assessed, out)?,
        Form::Oscal => oscal::write(assessed, out)?,
    }
    Ok(())
}

impl State {
    pub(crate) const ALL: [Self; 4] = [
        Self::Failed,
        Self::Manual,
        Self::Passed,
        Self::NotApplicable,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Manual => "manual",
            Self::NotApplicable => "not applicable",
        }
    }
}

impl Assessed {
    pub(crate) fn count(&self, state: State) -> usize {
        let of = self
            .controls
            .iter()
            .filter(|control| control.state == state);
        of.count()
    }

    /// Passed of passed and failed, in percent.
    pub(crate) fn percent(&self) -> Option<usize> {
        let (passed, failed) = (self.count(State::Passed), self.count(State::Failed));
        (passed * 100).checked_div(passed + failed)
    }
}

#[cfg(test)]
mod tests;

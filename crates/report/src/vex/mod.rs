//! What we say of vulnerabilities in products, for others: VEX, in its
//! three forms.
//!
//! A statement is somebody's decision about findings; which decision
//! means what is said here once. Nobody is told "not affected" without a
//! reason, and a risk that is lived with is told as affected.

mod csaf;
mod cyclonedx;
mod openvex;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use model::{Digest, Reason};
use serde::Serialize;

/// Which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Openvex,
    Cyclonedx,
    Csaf,
}

impl Format {
    pub const ALL: [Self; 3] = [Self::Openvex, Self::Cyclonedx, Self::Csaf];
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    pub vulnerability: String,
    pub reason: Reason,
    /// Why, in words.
    pub note: String,
    pub by: String,
    pub time: Timestamp,
    pub products: Vec<Product>,
}

/// An image, and the packages in it that are meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Product {
    /// What people call it.
    pub name: String,
    /// Its package URL.
    pub purl: String,
    /// Package URLs.
    pub packages: Vec<String>,
}

/// Who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    pub name: String,
    /// Where it is found.
    pub address: String,
    /// The program and its version.
    pub tool: String,
}

/// What a decision means to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    NotAffected,
    Affected,
}

impl Statement {
    fn status(&self) -> Status {
        match self.reason {
            Reason::FalsePositive | Reason::Mitigated | Reason::Benign | Reason::Test => {
                Status::NotAffected
            }
            Reason::AcceptedRisk | Reason::Other => Status::Affected,
        }
    }

    /// Why, so that no reader is left without a word.
    fn words(&self) -> &str {
        match (self.note.trim(), self.reason) {
            ("", Reason::FalsePositive) => "looked at and found to be no vulnerability here",
            ("", Reason::Mitigated) => "something else prevents the harm",
            ("", Reason::Benign) => "expected and harmless here",
            ("", Reason::Test) => "used for tests only",
            ("", Reason::AcceptedRisk | Reason::Other) => "known and lived with",
            (note, _) => note,
        }
    }
}

/// Writes one document. The same statements and time give the same
/// bytes.
pub fn write(
    format: Format,
    publisher: &Publisher,
    statements: &[Statement],
    now: Timestamp,
) -> Result<Vec<u8>, serde_json::Error> {
    let value = match format {
        Format::Openvex => openvex::document(publisher, statements, now),
        Format::Cyclonedx => cyclonedx::document(publisher, statements, now),
        Format::Csaf => csaf::document(publisher, statements, now),
    };
    let mut bytes = serde_json::to_vec_pretty(&value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A name for a document that is its content's.
fn id_of(content: &impl Serialize) -> String {
    let text = serde_json::to_vec(content).unwrap_or_default();
    Digest::of(&text).hex().chars().take(32).collect()
}

/// The time of the newest statement: when the document last changed.
fn newest(statements: &[Statement], now: Timestamp) -> Timestamp {
    statements.iter().map(|one| one.time).max().unwrap_or(now)
}

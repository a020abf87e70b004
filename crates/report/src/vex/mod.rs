//! What we say of vulnerabilities in products, for others: VEX, in its
//! three forms.
//!
//! A statement is somebody's decision about findings, or that what is
//! vulnerable was watched and never ran; what either means is said here
//! once. Nobody is told "not affected" without a reason, and a risk that
//! is lived with is told as affected.

mod csaf;
mod cyclonedx;
mod openvex;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

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

/// What is said of one vulnerability, once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    pub vulnerability: String,
    pub basis: Basis,
    pub time: Timestamp,
    pub products: Vec<Product>,
}

/// What a statement rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// Somebody decided.
    Decision {
        reason: Reason,
        /// Why, in words.
        note: String,
        by: String,
    },
    /// All containers were watched from then on without a break, and
    /// nothing of the packages was loaded or executed.
    NotInUse { since: Timestamp },
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

/// What a statement means to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    NotAffected,
    Affected,
}

/// Why something is not affected, where each form has a word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Justification {
    Mitigated,
    NotExecuted,
}

impl Statement {
    fn status(&self) -> Status {
        match &self.basis {
            Basis::NotInUse { .. } => Status::NotAffected,
            Basis::Decision { reason, .. } => match reason {
                Reason::FalsePositive | Reason::Mitigated | Reason::Benign | Reason::Test => {
                    Status::NotAffected
                }
                Reason::AcceptedRisk | Reason::Other => Status::Affected,
            },
        }
    }

    fn justification(&self) -> Option<Justification> {
        match &self.basis {
            Basis::NotInUse { .. } => Some(Justification::NotExecuted),
            Basis::Decision { reason, .. } => {
                (*reason == Reason::Mitigated).then_some(Justification::Mitigated)
            }
        }
    }

    /// Why, so that no reader is left without a word.
    fn words(&self) -> Cow<'_, str> {
        let (note, reason) = match &self.basis {
            Basis::Decision { note, reason, .. } => (note.trim(), reason),
            Basis::NotInUse { since } => {
                return format!(
                    "not seen loaded or executed since {since}, while every container of the \
                     image was watched without a break; what is loaded later is not ruled out"
                )
                .into();
            }
        };
        match (note, reason) {
            ("", Reason::FalsePositive) => "looked at and found to be no vulnerability here",
            ("", Reason::Mitigated) => "something else prevents the harm",
            ("", Reason::Benign) => "expected and harmless here",
            ("", Reason::Test) => "used for tests only",
            ("", Reason::AcceptedRisk | Reason::Other) => "known and lived with",
            (note, _) => note,
        }
        .into()
    }

    /// Who or what says so.
    fn origin(&self) -> Cow<'_, str> {
        match &self.basis {
            Basis::Decision { by, .. } => format!("decided by {by}").into(),
            Basis::NotInUse { .. } => "observed by sensors, decided by nobody".into(),
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

//! The state of the advisory database, as shown beside every result.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

/// What the advisory database in use knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseStatus {
    /// Changes with every compilation: 16 hex digits.
    pub generation: String,
    pub compiled: Timestamp,
    /// Advisories in it.
    pub advisories: u64,
    /// By ecosystem, sorted by name.
    pub sources: Vec<SourceStatus>,
    /// Date of the EPSS scores joined in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<Date>,
    /// Release date of the KEV catalogue joined in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kev: Option<Date>,
    /// Only the embedded starter set is here: results made with it are
    /// true but incomplete, and must say so.
    pub starter_only: bool,
}

/// One ecosystem's advisories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    pub ecosystem: String,
    pub advisories: u64,
    /// The newest `modified` among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
}

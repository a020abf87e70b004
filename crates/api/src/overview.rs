//! The overview: how things stand, and what to do first.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Change, Database, Finding, FindingKind, Image, ImageRef, PackageKind, Recommendation, Scan,
    Score, SeverityCounts, Vulnerability,
};

/// How things stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    pub totals: Totals,
    /// The images with the worst findings.
    pub top_images: Vec<Image>,
    /// The upgrades that close the most.
    pub top_fixes: Vec<TopFix>,
    /// The vulnerabilities most likely to hurt: exploited ones first.
    pub top_vulnerabilities: Vec<Vulnerability>,
    pub coverage: Coverage,
    pub database: Database,
    /// Scans running or queued, running first; at most 20.
    pub scans: Vec<Scan>,
    pub changes: Vec<Change>,
    pub score: Score,
    /// The recommendations worth most.
    pub top_recommendations: Vec<Recommendation>,
    /// The worst open alerts, newest first within a severity.
    pub top_alerts: Vec<Finding>,
    /// What changed within the last 24 hours.
    pub day: Day,
    /// Open findings of each kind, worst first.
    pub kinds: Vec<KindCounts>,
    /// Open alerts by ATT&CK tactic, in the matrix's order.
    pub tactics: Vec<TacticCount>,
}

/// A day's changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Day {
    /// Findings first seen.
    pub new: SeverityCounts,
    pub resolved: u64,
    pub dismissed: u64,
    pub exempted: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KindCounts {
    pub kind: FindingKind,
    pub open: SeverityCounts,
    pub dismissed: u64,
    pub exempted: u64,
    /// First seen within the last 24 hours.
    pub new: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TacticCount {
    pub slug: String,
    pub name: String,
    pub alerts: u64,
}

/// Open findings at the end of each day, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trend {
    pub days: Vec<TrendDay>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrendDay {
    pub date: Date,
    pub open: SeverityCounts,
    pub new: u64,
    pub resolved: u64,
}

/// Counts over everything in scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Container images.
    pub images: u64,
    /// Root file systems.
    pub machines: u64,
    pub sboms: u64,
    pub packages: u64,
    /// Open findings.
    pub findings: SeverityCounts,
    /// Different vulnerabilities among them.
    pub vulnerabilities: SeverityCounts,
    pub fixable: u64,
    pub kev: u64,
    pub suppressed: u64,
    /// Scans queued or running.
    pub scans_active: u64,
}

/// How much of what is there has been looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Coverage {
    /// Targets looked at whole.
    pub complete: u64,
    /// Targets of which part could not be read.
    pub partial: u64,
    /// Targets whose last scan failed.
    pub failed: u64,
    /// What is not covered, most important first.
    pub gaps: Vec<Gap>,
}

/// One reason why the picture is incomplete, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gap {
    pub kind: GapKind,
    pub message: String,
    pub advice: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// Only the starter set, or too old.
    Database,
    /// Part of a target could not be read.
    Partial,
    /// A target could not be scanned.
    Failed,
    /// Docker or containerd is here but does not let us in.
    Runtime,
    /// No advisory source for an operating system or language.
    Source,
}

/// One upgrade, and what it would close.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopFix {
    pub kind: PackageKind,
    pub package: String,
    /// The versions installed.
    pub installed: Vec<String>,
    /// Upgrading to this closes them all.
    pub version: String,
    /// Open findings it closes.
    pub closes: SeverityCounts,
    /// Images it touches.
    pub images: u64,
    /// The layer to change, within one image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
}

/// The scope of the overview.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OverviewQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
}

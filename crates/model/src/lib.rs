//! The nouns of the product, and nothing that acts on them.
//!
//! Every other crate speaks in these types, so that a finding in the
//! matcher, in the database, on the wire and on the screen is the same
//! thing under the same name. This room does no input or output and
//! knows neither a database nor a protocol; what it parses (package
//! URLs, digests, ecosystems) it parses from strings handed in.

pub mod advisory;
pub mod alert;
pub mod asset;
pub mod attack;
pub mod audit;
pub mod cancel;
pub mod container;
pub mod db;
pub mod ecosystem;
pub mod error;
pub mod finding;
pub mod id;
pub mod image;
pub mod in_use;
pub mod incident;
pub mod issue;
pub mod license;
pub mod malware;
pub mod notable;
pub mod notice;
pub mod package;
pub mod package_files;
pub mod permission;
pub mod priority;
pub mod purl;
pub mod query;
pub mod sbom;
pub mod scan;
pub mod score;
pub mod secret;
mod secret_found;
mod secret_text;
pub mod severity;
pub mod time;
pub mod vulnerability;
pub mod warning;
pub mod work;

pub use advisory::AffectedState;
pub use alert::{
    Alert, AlertAction, AlertChange, AlertContext, AlertImage, AlertPlace, AlertRule, AlertStep,
    Principal, PrincipalKind, RuleStep, Whence,
};
pub use asset::AssetKind;
pub use attack::Tactics;
pub use cancel::Cancel;
pub use container::{
    ContainerEngine, PublishedPort, RunOptions, RunningContainer, RunningContainers,
};
pub use ecosystem::{Ecosystem, VersionScheme};
pub use finding::{Finding, FindingKind, FindingState, Fix, Progress, Reason, Suppression};
pub use id::{Digest, Fingerprint, VulnerabilityId};
pub use image::{ImageConfig, ImageIdentity, Layer, OperatingSystem, Platform};
pub use in_use::InUse;
pub use incident::IncidentState;
pub use issue::{Issue, IssueRule};
pub use license::{LicenseClass, LicensePolicy, LicenseVerdict, Licensed};
pub use notable::{NotableFile, NotableSort};
pub use notice::{Notice, NoticeEvent};
pub use package::{Package, PackageKind, SourcePackage};
pub use package_files::PackageFiles;
pub use permission::{Permission, Role};
pub use purl::Purl;
pub use query::Query;
pub use sbom::Sbom;
pub use scan::{Report, TargetKind};
pub use secret_found::{FoundSecret, SecretPlace};
pub use secret_text::Secret;
pub use severity::Severity;
pub use time::{Clock, SystemClock};
pub use vulnerability::Vulnerability;
pub use warning::Warning;

//! The wire contract: the bodies that cross HTTP, and nothing else.
//!
//! Every type here is a shape the dashboard, the command line and other
//! programs may rely on; it is made from the model's nouns by `From`, so
//! that the product may change inside without the wire changing with it.
//! This room knows neither the web framework nor SQL. `openapi.json`
//! beside `src` is generated from these types and the server's routes
//! and is the contract in one file.

pub mod alert;
pub mod asset;
pub mod attack;
pub mod audit;
pub mod change;
pub mod client;
pub mod cluster;
pub mod compliance;
pub mod database;
pub mod decision;
pub mod delivery;
pub mod environment;
pub mod event;
pub mod exemption;
pub mod facet;
pub mod finding;
pub mod host;
pub mod image;
pub mod incident;
pub mod layer;
pub mod license;
pub mod node;
pub mod overview;
pub mod package;
pub mod page;
pub mod permission;
pub mod policy;
pub mod posture;
pub mod priority;
pub mod problem;
pub mod query;
pub mod queue;
pub mod recommendation;
pub mod referrer;
pub mod registry;
pub mod route;
pub mod rule;
pub mod running;
pub mod sbom;
pub mod scan;
pub mod search;
pub mod secret;
pub mod sensor;
pub mod session;
pub mod severity;
pub mod sink;
pub mod token;
pub mod trust;
pub mod user;
pub mod vex;
pub mod view;
pub mod vulnerability;
pub mod work_list;

pub use alert::AlertIntake;
pub use asset::{Asset, AssetDetail, AssetKind, AssetRef};
pub use attack::AttackMatrix;
pub use audit::{AuditEntry, AuditVerdict};
pub use change::{Change, ChangeKind};
pub use cluster::ClusterAudit;
pub use compliance::Compliance;
pub use database::{Database, DatabaseState};
pub use decision::{Decision, NewDecision, Verdict};
pub use delivery::{Delivery, DeliveryState};
pub use environment::Environment;
pub use event::Event;
pub use exemption::Exemption;
pub use facet::{Facet, FacetValue, Facets};
pub use finding::{Finding, FindingDetail, FindingKind, FindingState, Fix, FixState, Suppression};
pub use host::{Host, HostChange, HostCheck, HostDetail, NewHost};
pub use image::{Image, ImageDetail, ImageRef, TargetKind};
pub use incident::{Incident, IncidentDetail, IncidentState};
pub use layer::{Layer, Layers};
pub use overview::{Overview, TopFix};
pub use package::{Package, PackageKind};
pub use page::Page;
pub use permission::{Me, Permission, Role, RoleBinding};
pub use policy::{Bundle, Policy, PolicyAction, PolicyDetail};
pub use priority::{InUse, Priority};
pub use problem::Problem;
pub use recommendation::{Recommendation, Score};
pub use registry::{NewRegistry, Registry, RegistryKind};
pub use route::{NewRoute, Route};
pub use rule::{Rule, RuleDetail};
pub use running::RunningImage;
pub use scan::{Scan, ScanState};
pub use search::SearchResults;
pub use session::{Session, SessionEntry};
pub use severity::{Severity, SeverityCounts};
pub use sink::{NewSink, Sink, SinkKind};
pub use token::ApiToken;
pub use trust::{TrustOutcome, TrustPolicy, TrustVerdict};
pub use user::User;
pub use view::View;
pub use vulnerability::{Vulnerability, VulnerabilityDetail};
pub use work_list::WorkList;

/// The contract as generated from this version's routes and types.
pub const OPENAPI_JSON: &str = include_str!("../openapi.json");

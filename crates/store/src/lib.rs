//! The record: everything the server remembers, in SQL.
//!
//! One writer task owns the only writing connection and commits in
//! groups; readers never wait for it. What a caller was told is written
//! survives a crash at any later moment. Every query carries the scope
//! of environments it may see. This room speaks no HTTP and runs no
//! engine; SQL appears nowhere else.

mod action;
mod admission;
mod alert;
mod assessment;
mod asset;
mod attack;
mod attestation;
mod audit;
mod care;
mod change;
mod claim;
mod cluster;
mod component;
mod connector;
mod container;
mod content;
mod counts;
mod db;
mod decision;
mod delivery;
mod environment;
mod error;
mod exemption;
mod finding;
mod fix;
mod growth;
mod history;
mod host;
mod image;
mod image_event;
mod in_use;
mod incident;
mod ingest;
mod inventory;
mod invitation;
mod kind;
mod layer;
mod lease;
mod license;
mod node;
mod notice;
mod oidc;
mod outbox;
mod package;
mod packed;
mod page;
mod place;
#[cfg(test)]
mod plan;
mod policy;
mod posture;
mod priority;
mod query;
mod referrer;
mod registry;
mod rematch;
mod rollup;
mod route;
mod row;
mod rule;
mod running;
mod scan;
mod scope;
mod score;
mod secret;
mod sensor;
mod session;
mod setting;
mod sighting;
mod sink;
mod standing;
mod token;
mod trend;
mod trust;
mod user;
mod vex;
mod vex_source;
mod view;
mod vulnerability;
mod work_list;
mod workload;
mod writer;

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

pub use action::{ActionDone, FindingAction, MAX_SELECTED, Selected, UndoError};
pub use admission::{
    AdmissionDecision, AdmissionFilter, AdmissionHit, AdmissionOffender, AdmissionReplica,
    AdmissionTally, NewAdmissionDecision, PolicyDecisionCount, TakenDecisions,
};
pub use alert::{AlertEvent, TakenAlerts};
pub use assessment::{Assessment, Outcome, StoredSbom};
pub use asset::uid_of_environment as environment_asset;
pub use attack::AlertRuleUse;
pub use attestation::{Attestation, NewAttestation};
pub use audit::{AuditFilter, Author, Note};
pub use care::{
    backup::{Backup, backup},
    check::{Check, check, vacuum},
    copy::{Copied, CopiedTable, CopyProgress, copy},
    migrate::{Migrated, migrate},
    retention::{Pruned, Retention},
};
pub use change::{Change, ChangeKind, NewChange};
pub use component::{Holder, HolderPackage, OpenVulnerability};
pub use connector::{
    ClusterBatch, ClusterTotals, ConnectorRecord, NewNode, NewObject, NewPod, ObjectFilter,
    ObjectName, ObjectRow, ObjectText, PodContainer, PodRow, PolicyCount, RunImage, TakenBatch,
    WorkloadRow,
};
pub use container::{ContainerChanges, container_identity};
pub use content::{ImageContent, KnownPackage};
pub use counts::Counts;
pub use db::Dialect;
pub use delivery::{
    Delivery, DeliveryFilter, DeliveryState, Keep, NewDelivery, Outgoing, Pending, Tried,
};
pub use environment::Environment;
pub use error::StoreError;
pub use exemption::{Exemption, ExemptionChange, ExemptionFilter, ExemptionState, NewExemption};
pub use finding::{
    Asked, AssetKey, Decision, Finding, FindingColumn, FindingDetail, FindingFacets, FindingFilter,
    FindingGroup, FindingSort, FoundPackage, GroupBy, Look, SaidBy, Suppressed,
};
pub use fix::{PackageFix, TopFix};
pub use history::{FindingEvent, FindingEventKind};
pub use host::{ContainerHost, HostContainer, HostLook, HostRecord};
pub use image::{Image, ImageColumn, ImageDocument, ImageFilter, ImageKey, ImageSort, Totals};
pub use image_event::{ImageEntry, ImageEvent, NewImageEvent};
pub use in_use::{ImageUse, Reached, TakenUse, UnusedVulnerability, UsedFile, UsedImage};
pub use incident::{
    Incident, IncidentAlert, IncidentChange, IncidentCounts, IncidentDetail, IncidentEvent,
    IncidentEventKind, IncidentFilter, IncidentKey, IncidentSort,
};
pub use inventory::{Asset, AssetDetail, AssetFilter};
pub use kind::KindCounts;
pub use layer::{Layer, LayerTotals};
pub use license::{HeldLicense, ImageLicense, LicenseFilter, LicenseHolder, LicenseUse};
pub use model::RuleStep;
pub use node::{NewNodeAssessment, NodeAssessment, NodeVerdicts};
pub use notice::PictureFilter;
pub use oidc::{ExternalUser, OidcAttempt};
pub use package::{InstalledPackage, PackageFilter, PackageUse};
pub use page::{CursorError, Page, PageRequest};
pub use place::Place;
pub use policy::{
    CustomPolicy, CustomPolicyRefusal, KnownImage, NewCustomPolicy, NewPolicySetting, PolicySetting,
};
pub use posture::{
    About, ContainerFacts, Fault, HostFacts, ImageFacts, Judgement, JudgementChanges, RuleText,
};
pub use referrer::{FoundReferrer, Referrer};
pub use registry::{
    Losses, Registry, RegistryLook, RegistryRecord, RegistrySettings,
    content::{Repository, SeenTag, Tag, TagAnswer},
    due::{DueImage, RunningImage, UnknownImage},
    told::{NewRegistryEvent, RegistryEvent},
    walk::{DueRepository, KnownTag, RepositoryWalk, Rest, TagList},
};
pub use rematch::{HeldPackage, Judge, Rematch, Rematched, TouchedImage, Verdict};
pub use rollup::Drift;
pub use route::{Route, RouteProgress, RouteRecord, RouteRefusal};
pub use rule::{RuleSwitch, RuleUse};
pub use running::{
    AffectedWorkload, AffectedWorkloads, ClusterWays, HostWays, PackageAffected, PackageUses,
    PodWays, RunningDetail, RunningFilter, RunningInstance, RunningPlace, RunningRow,
};
pub use scan::{
    Lease, NewScan, QueueCount, QueueCounts, Queued, Scan, ScanEnd, ScanFilter, ScanOrigin,
    ScanOutcome, ScanState, Unless,
};
pub use scope::Scope;
pub use score::{ScoreMove, ScorePoint};
pub use secret::{SecretEntry, SecretFilter, SecretTally};
pub use sensor::{SensorGap, SensorItems, SensorPolicy, SensorRecord, StalePolicy, TakenItems};
pub use session::{Ended, NewSession, OpenSession, Session, SessionUser, SignInMethod};
pub use sighting::{
    AssetStep, BatchOutcome, FindingBatch, Happened, NewFinding, NewRule, RuleDetails, Sight,
};
pub use sink::{DeliveryAnswer, Sink, SinkQueue, SinkRecord};
pub use standing::{NewStanding, RuleStanding};
pub use token::{NewToken, Token, TokenUse};
pub use trend::{Activity, TrendDay};
pub use trust::{
    MAX_TRUST_POLICIES, TrustPolicy, TrustRecord, TrustRefusal, TrustTally,
    outcome::{TrustDue, TrustFinding, TrustOutcome, TrustSubject, TrustVerdict},
    place::TrustTag,
};
pub use user::{NewUser, User, UserChange, UserOutcome, UserRefusal};
pub use vex::{MAX_VEX_DOCUMENTS, NewVexDocument, VexRecord, VexText};
pub use vex_source::{
    FetchedVex, MAX_VEX_SOURCES, VexFetch, VexSource, VexSourceRecord, VexSourceRefusal,
};
pub use view::{NewView, View};
pub use vulnerability::{
    Vulnerability, VulnerabilityFilter, VulnerabilityFix, VulnerabilityRecord, VulnerabilitySort,
    VulnerabilityUse,
};

pub use work_list::{BaseImages, ImageBase, Work};
pub use workload::PlacedContainer;

use crate::{
    db::{Database, Pool, sql},
    writer::Writer,
};

/// The record. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    readers: Pool,
    writer: Arc<Writer>,
    /// Whether text inside findings' lines has an index.
    has_lines: bool,
    /// Findings that came since the planner last looked.
    grown: Arc<growth::Growth>,
    /// Held while the store is open: two servers must not share a file.
    lease: Arc<Mutex<Option<lease::Lease>>>,
}

/// A value and how often it occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    pub value: String,
    pub count: u64,
}

impl Store {
    /// Opens the database in the file `path`, making or upgrading it as
    /// needed.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Self::at(&Place::file(path)).await
    }

    /// Connects to a PostgreSQL database, which several servers may share.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::at(&Place::server(url)?).await
    }

    /// Opens the database at `place`, making or upgrading it as needed.
    pub async fn at(place: &Place) -> Result<Self, StoreError> {
        let lease = place.lease()?;
        let database = place.database.clone();
        db::migrate::run(&database).await?;
        Self::start(database, lease).await
    }

    /// Opens the database at `place` although a server of this same
    /// version may be using it: for small changes, each one transaction,
    /// that a server reads afresh whenever it needs them.
    pub async fn beside(place: &Place) -> Result<Self, StoreError> {
        let database = place.database.clone();
        match (place.lease(), place.path()) {
            (Ok(lease), _) => {
                db::migrate::run(&database).await?;
                Self::start(database, lease).await
            }
            (Err(StoreError::InUse { path }), Some(_)) => {
                let mut connection = database.connect().await?;
                let found = db::migrate::version(&mut connection).await?;
                connection.close().await;
                if found != Some(db::migrate::known()) {
                    return Err(StoreError::InUse { path });
                }
                Self::start(database, None).await
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn start(database: Database, lease: Option<lease::Lease>) -> Result<Self, StoreError> {
        let has_lines = db::lines::ensure(&database).await?;
        let writing = database.connect_to_write().await?;
        let readers = database.readers().await?;
        let writer = Writer::start(database, writing).map_err(StoreError::Writer)?;
        Ok(Self {
            readers,
            writer: Arc::new(writer),
            has_lines,
            grown: Arc::default(),
            lease: Arc::new(Mutex::new(lease)),
        })
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        self.readers.dialect()
    }

    /// The schema, as SQL text.
    pub async fn schema(&self) -> Result<String, StoreError> {
        let text = self.dialect().pick(
            "SELECT sql FROM sqlite_schema
             WHERE sql IS NOT NULL AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'
               AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')
             ORDER BY name",
            include_str!("db/schema.sql"),
        );
        let statements: Vec<String> = sql(text).scalar().fetch_all(&self.readers).await?;
        Ok(statements
            .iter()
            .flat_map(|statement| [statement.as_str(), ";\n"])
            .collect())
    }

    /// Commits what is under way, closes the files and lets others have
    /// them.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
        drop(
            self.lease
                .lock()
                .expect("invariant: nothing panics while holding the lock")
                .take(),
        );
    }
}

//! What a sensor sends, and what it is told.
//!
//! A sensor numbers what it sends within one run of its own, keeps it
//! until the server says that it has it, and sends it again until then:
//! an item is known by node, boot, run and sequence, and taken once.

use jiff::Timestamp;
use model::alert::Trace;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Severity, alert::AlertTrace};

/// What a request of a sensor is about.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SensorQuery {
    /// The environment the node belongs to. A sensor whose token is for
    /// one environment need not say; else `local` when a sensor asks, and
    /// all within reach when a person does.
    pub environment: Option<String>,
}

/// Items of one node. Alerts ascend by sequence, and so do gaps; alerts
/// may be ahead of gaps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorBatch {
    /// The kernel's boot id.
    pub boot: String,
    /// Names one run of the sensor: sequences begin anew with it, so that
    /// a spool that was lost or emptied repeats no number.
    pub run: String,
    /// The cluster the node belongs to; absent for a host of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    pub items: Vec<SensorItem>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorItem {
    /// Counts from 1 within a run.
    pub sequence: u64,
    pub time: Timestamp,
    pub what: SensorNews,
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SensorNews {
    Alert(Box<SensorAlert>),
    /// Something was lost, and why.
    Gap(SensorGap),
}

/// An alert, with all its rule says: a node may have rules of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorAlert {
    pub rule: SensorRule,
    pub place: Vec<SensorStep>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<SensorImage>,
    /// The program: the same rule, place and program are one finding.
    pub program: String,
    pub summary: String,
    /// What was seen, by field.
    #[schema(value_type = Object)]
    pub evidence: serde_json::Value,
    /// The name of the user who ran it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AlertTrace>)]
    pub trace: Option<Trace>,
}

/// As [`model::AlertRule`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorRule {
    pub id: String,
    pub title: String,
    pub description: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub condition: String,
    pub severity: Severity,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tactics: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matrix: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fix: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub false_positives: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
}

/// A step down the tree of assets: `cluster`, `host`, `namespace`,
/// `workload`, `pod`, `container`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorStep {
    pub kind: String,
    pub identity: String,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorImage {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// Something that will never arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorGap {
    /// `kernel`, `metadata`, `rules`, `spool`, `governor`.
    pub stage: String,
    /// `process`, `file`, `network`, `dns`, `privilege`, `alert`.
    pub class: String,
    pub reason: String,
    pub count: u64,
    /// From when to when it was lost.
    pub from: Timestamp,
    pub to: Timestamp,
}

/// Every item of a batch was dealt with for good: what was taken is
/// durable, what was refused never will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SensorReceipt {
    /// New to the server.
    pub taken: u64,
    /// Delivered before, and not counted again.
    pub repeated: u64,
    /// Alerts of rules that are switched off; not kept.
    pub off: u64,
    pub refused: Vec<RefusedItem>,
    /// Changes when the sensor should ask for its policy again.
    pub policy: String,
}

/// An item nothing can be made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedItem {
    pub sequence: u64,
    pub reason: String,
}

/// Which files of images a node's containers execute or load: what is new
/// since the last that was taken, and once a day what still is. The same
/// told twice changes nothing, so nothing of it is numbered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SensorUse {
    pub images: Vec<SensorUsedImage>,
}

/// One image, as its containers' engine knows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SensorUsedImage {
    /// Digests it is known by, the engine's own first.
    pub digests: Vec<String>,
    /// Its containers whose files are looked at.
    pub containers: Vec<SensorUsedContainer>,
    pub files: Vec<SensorUsedFile>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorUsedContainer {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Since when, without a break.
    pub since: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorUsedFile {
    /// From the container's root.
    pub path: String,
    pub seen: Timestamp,
}

/// What was taken is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SensorUseReceipt {
    /// Images the server knows.
    pub images: u64,
    /// Files that were not known to be used.
    pub files: u64,
}

/// The answer to a status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SensorNod {
    /// As in a receipt.
    pub policy: String,
}

/// How a sensor is, told every few seconds and not kept to be sent again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorStatus {
    pub version: String,
    pub boot: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    pub kernel: String,
    pub architecture: String,
    pub os: String,
    pub started: Timestamp,
    /// Percent of one core, over the last interval.
    pub cpu: f64,
    /// Resident bytes.
    pub memory: u64,
    pub memory_limit: u64,
    /// Bytes waiting on disk.
    pub spool: u64,
    pub spool_limit: u64,
    pub processes: u64,
    /// What the kernel allows, and what is lost without.
    pub features: Vec<SensorFeature>,
    pub classes: Vec<SensorClass>,
    pub containers: Vec<SensorContainer>,
    pub rules: u64,
    pub policy: String,
    /// What a person should know: shed classes, no metadata, full disk.
    pub notes: Vec<String>,
}

/// Something the kernel allows or does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorFeature {
    pub name: String,
    /// `active`, `fallback`, `absent`, `off`.
    pub state: String,
    /// By what it is done, or why not.
    pub detail: String,
    /// What is not seen or not stopped without it; empty where nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lost: String,
}

/// A class of events, counted since the sensor started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorClass {
    pub name: String,
    pub seen: u64,
    /// Not wanted, told by the kernel's side.
    pub filtered: u64,
    pub delivered: u64,
    pub dropped: u64,
    /// A second, over the last interval.
    pub rate: f64,
    /// Not looked at for now, to stay within the processor budget.
    pub shed: bool,
}

/// A container the sensor sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorContainer {
    /// 64 hexadecimal digits.
    pub id: String,
    pub name: String,
    pub image: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    pub runtime: String,
    pub processes: u64,
    /// A second, over the last interval.
    pub events: f64,
    /// Percent of one core.
    pub cpu: f64,
    pub alerts: u64,
}

/// What a sensor is to do: asked for when the receipt's mark changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SensorPolicy {
    pub mark: String,
    pub drift: DriftPolicy,
    pub deny: DenyLists,
    /// Ids of rules that are switched off.
    pub rules_off: Vec<String>,
    /// Ids of rules that are off by themselves and were switched on.
    #[serde(default)]
    pub rules_on: Vec<String>,
}

/// What is done about programs that are not in the image. The first rule
/// that fits decides; none: alert.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftPolicy {
    pub rules: Vec<DriftRule>,
}

/// A rule fits where all it names fit; a list that is empty fits all.
/// `*` stands for any characters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftRule {
    pub name: String,
    pub action: DriftAction,
    /// Say what would have been blocked, and block nothing.
    #[serde(default)]
    pub dry_run: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<String>,
    /// `key=value`, `key`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Programs that may run although they are not in the image: paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftAction {
    Ignore,
    #[default]
    Alert,
    Block,
}

/// What containers may not reach, and what is done when they try.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DenyLists {
    /// Connections to the cloud's metadata service.
    pub metadata: DriftAction,
    /// Writes to kernel settings such as `kernel.core_pattern`.
    pub sysctl: DriftAction,
}

/// A sensor as the server knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sensor {
    pub environment: String,
    pub node: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    pub state: SensorState,
    /// Why it is not healthy, for people; empty where it is.
    pub reasons: Vec<String>,
    pub version: String,
    pub kernel: String,
    pub architecture: String,
    pub os: String,
    pub started: Timestamp,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// Percent of one core.
    pub cpu: f64,
    /// Resident bytes.
    pub memory: u64,
    pub memory_limit: u64,
    /// Bytes waiting on the node's disk.
    pub spool: u64,
    pub spool_limit: u64,
    pub processes: u64,
    pub containers: u64,
    pub rules: u64,
    /// Events delivered a second, all classes.
    pub events: f64,
    /// Events dropped since the sensor started, all classes.
    pub dropped: u64,
    /// Classes that are not looked at for now.
    pub shed: Vec<String>,
    /// It acts by the policy that is in force.
    pub policy_current: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SensorState {
    /// Not heard of for a while.
    Silent,
    /// It works, and something is lost.
    Degraded,
    Healthy,
}

/// All that is known of a sensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SensorDetail {
    #[serde(flatten)]
    pub sensor: Sensor,
    /// The last it told.
    pub status: SensorStatus,
    /// The last hour, oldest first; of this server's run.
    pub history: Vec<SensorSample>,
    /// What was lost, the latest first.
    pub gaps: Vec<SensorLoss>,
}

/// How a sensor was at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SensorSample {
    pub time: Timestamp,
    /// Percent of one core.
    pub cpu: f64,
    pub memory: u64,
    pub spool: u64,
    /// Events delivered a second, all classes.
    pub events: f64,
    /// Events dropped since the sample before, all classes.
    pub dropped: u64,
}

/// Something lost, and when the server heard of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SensorLoss {
    pub received: Timestamp,
    pub gap: SensorGap,
}

/// What an environment's sensors are to do, for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DriftSettings {
    pub environment: String,
    /// Grows with every change; 0: never changed. Also the entity tag.
    pub revision: u64,
    pub drift: DriftPolicy,
    pub deny: DenyLists,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
}

/// A change of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDriftSettings {
    /// `local` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The revision this is a change of: another's change meanwhile is
    /// not overwritten.
    pub revision: u64,
    pub drift: DriftPolicy,
    pub deny: DenyLists,
}

//! What a connector tells of a cluster's objects: which there are, and
//! what policies say of them; and how both are shown.
//!
//! A connector numbers what it sends within one session of its own. The
//! first batch of a session begins a whole picture, and the one that ends
//! it lets the server forget what the picture did not show. A number that
//! was taken is not taken again; one that is missing makes the server ask
//! for a new session.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{AssetRef, Finding, ImageRef, SeverityCounts};

/// Which object of a cluster.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(deny_unknown_fields)]
#[schema(as = ClusterObjectKey)]
pub struct ObjectKey {
    /// Empty for the core group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    pub kind: String,
    /// Empty for what is in no namespace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    pub name: String,
}

/// Objects that are new, changed or gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectBatch {
    /// Names one session of the connector.
    pub session: String,
    /// Counts from 1 within a session.
    pub number: u64,
    /// The last batch of the whole picture that the session began with:
    /// what it did not show is gone.
    #[serde(default)]
    pub completes: bool,
    /// Kinds that could not be seen (`Pod`, `Deployment.apps`): of them,
    /// nothing is gone because the picture did not show it.
    #[serde(default)]
    pub except: Vec<String>,
    /// Sets of policies, by their constraints' kinds; objects say by
    /// which set they were judged.
    #[serde(default)]
    pub policies: Vec<Vec<String>>,
    #[serde(default)]
    pub objects: Vec<SentObject>,
    #[serde(default)]
    pub gone: Vec<ObjectKey>,
}

/// One object as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SentObject {
    pub key: ObjectKey,
    /// The version of its group: `v1`.
    pub version: String,
    /// What made it, as far up as the connector knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<ObjectKey>,
    /// The object, without what is of no use to policies; absent where
    /// that is longer than is kept, or of no use either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub body: Option<Value>,
    /// Absent where it is not judged by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<ObjectJudgement>,
    /// Where it is a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<SentPod>,
    /// Where it is a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<SentNode>,
}

/// What policies say of one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectJudgement {
    /// The place in the batch's sets of policies.
    pub policies: u32,
    /// All there are; none: it is healthy.
    #[serde(default)]
    pub violations: Vec<ObjectViolation>,
    /// Violations there are beside these.
    #[serde(default, skip_serializing_if = "is_none")]
    pub left_out: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

/// What one policy says against an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectViolation {
    /// The constraint's kind.
    pub kind: String,
    /// The constraint's name.
    pub constraint: String,
    /// `deny`, `warn` or `dryrun`.
    pub action: String,
    pub message: String,
    /// What the policy adds: `container`, and `patch`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Object)]
    pub details: Value,
    /// The policy could not be evaluated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

/// What runs in a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SentPod {
    pub node: String,
    pub service_account: String,
    pub phase: String,
    pub address: String,
    pub labels: BTreeMap<String, String>,
    pub containers: Vec<SentContainer>,
}

/// One container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SentContainer {
    pub name: String,
    /// The image as the pod names it.
    pub image: String,
    /// As the node reports it, with its digest.
    pub image_id: String,
    /// `containerd://c0ffee…`; empty until it was made.
    pub id: String,
    pub running: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
}

/// A machine of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SentNode {
    pub os: String,
    pub kernel: String,
    pub runtime: String,
    pub kubelet: String,
    pub architecture: String,
    pub address: String,
    /// `control-plane`, `worker`, …
    pub roles: Vec<String>,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectReceipt {
    /// Objects taken in.
    pub taken: u64,
    /// It was taken before.
    pub repeated: bool,
    /// The server lacks what came before: begin a new session.
    pub resync: bool,
}

/// How a connector is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectorStatus {
    /// The program's version.
    pub version: String,
    /// The API server's version.
    pub kubernetes: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// Whether everything was seen once.
    pub synced: bool,
    /// Objects known, and waiting to be judged, and to be sent.
    pub objects: u64,
    pub to_judge: u64,
    pub to_send: u64,
    /// From the last change seen to its verdict, in milliseconds, the
    /// slowest of the last minute.
    pub lag_ms: u64,
    pub policies: u64,
    pub watches: Vec<WatchState>,
    pub problems: Vec<ConnectorProblem>,
}

/// One kind that is watched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WatchState {
    /// `deployments.apps`.
    pub resource: String,
    pub objects: u64,
    pub synced: bool,
    /// Times it had to begin anew.
    pub restarts: u64,
}

/// What keeps a connector from seeing or judging everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectorProblem {
    /// The resource, the object or the policy.
    pub about: String,
    pub message: String,
    /// What mends it, where that is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mend: String,
}

/// A cluster's connector, as it last told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterPosture {
    pub environment: String,
    pub cluster: String,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// It has not been heard of for longer than it should.
    pub silent: bool,
    pub status: ConnectorStatus,
    pub nodes: u64,
    pub namespaces: u64,
    pub workloads: u64,
    pub pods: u64,
    /// Objects that were judged.
    pub judged: u64,
    /// Of them, those a policy says something against.
    pub affected: u64,
    /// Open findings of the cluster and everything in it.
    pub counts: SeverityCounts,
}

/// What a request about a cluster's posture is about.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PostureQuery {
    /// The environment; when absent the one the token is for, `local`
    /// when a connector asks, and all within reach when a person does.
    pub environment: Option<String>,
}

/// Which workloads.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WorkloadQuery {
    pub environment: Option<String>,
    pub namespace: Option<String>,
    /// `Deployment`, `DaemonSet`, …
    pub kind: Option<String>,
    /// In the name.
    pub q: Option<String>,
    /// Only those a policy says something against.
    pub affected: Option<bool>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

/// Which objects.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ObjectQuery {
    pub environment: Option<String>,
    pub namespace: Option<String>,
    pub kind: Option<String>,
    pub q: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

/// One object the server knows of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterObject {
    pub id: String,
    pub environment: String,
    pub cluster: String,
    pub key: ObjectKey,
    pub version: String,
    /// Whether its text is kept.
    pub has_text: bool,
    pub changed: Timestamp,
}

/// One object with its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterObjectDetail {
    pub object: ClusterObject,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub body: Option<Value>,
}

/// A workload, or a pod that nothing keeps running.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Workload {
    /// The object's id.
    pub id: String,
    pub environment: String,
    pub cluster: String,
    pub key: ObjectKey,
    /// Its place in the inventory, where findings are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<AssetRef>,
    /// Policies that judged it, and those of them with something to say.
    pub judged: u64,
    pub violated: u64,
    /// Open findings of it and of what is below it.
    pub counts: SeverityCounts,
    pub pods: u64,
    pub changed: Timestamp,
}

/// Everything about one workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadDetail {
    pub workload: Workload,
    /// What policies say against it, worst first.
    pub findings: Vec<Finding>,
    /// Policies that judged it and have nothing to say.
    pub healthy: Vec<String>,
    pub images: Vec<WorkloadImage>,
    pub pods: Vec<WorkloadPod>,
    /// Services, ingresses and host ports that lead to it.
    pub exposure: Vec<Exposure>,
    /// Network policies that select it; none: everything may reach it.
    pub network_policies: Vec<String>,
    pub service_account: ServiceAccount,
    /// Alerts in it and below it, newest first.
    pub alerts: Vec<Finding>,
}

/// An image a workload runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadImage {
    pub container: String,
    /// As the workload names it.
    pub name: String,
    /// Where it was scanned: what it is, and how many vulnerabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vulnerabilities: Option<SeverityCounts>,
}

/// A pod of a workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadPod {
    pub name: String,
    pub node: String,
    pub phase: String,
    pub address: String,
    pub containers: Vec<SentContainer>,
}

/// A way to a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exposure {
    /// `service`, `ingress`, `host_port`, `host_network`.
    pub by: String,
    pub name: String,
    /// `cluster`: from inside; `node`: from whoever reaches a node;
    /// `outside`: by a load balancer or an ingress.
    pub reach: String,
    pub ports: Vec<String>,
}

/// The account a workload acts as, and what it may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceAccount {
    pub name: String,
    /// Whether its token is mounted into the pods.
    pub mounted: bool,
    pub rights: Vec<AccountRight>,
}

/// One rule that holds for an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountRight {
    /// `ClusterRoleBinding/name`.
    pub binding: String,
    /// `ClusterRole/name`.
    pub role: String,
    /// Empty: in the whole cluster.
    pub namespace: String,
    pub verbs: Vec<String>,
    pub resources: Vec<String>,
}

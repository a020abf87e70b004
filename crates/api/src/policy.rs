//! Policies over objects of clusters: what each asks, what is done about
//! it where, what it refused, and what it would refuse.
//!
//! A policy is judged at several moments: in a pipeline, when something
//! is stored (admission), and while it is there (posture). What this
//! speaks of holds for the last two; the action matters at admission.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{Severity, finding::Step};

/// What becomes of an object that a policy is against.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PolicyAction {
    /// Nobody is judged by it.
    Off,
    /// It is noted: findings of what is there, decisions of what comes.
    #[default]
    Audit,
    /// Whoever asks is told as well.
    Warn,
    /// The request is refused.
    Deny,
}

/// Who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyOrigin {
    /// Part of the product.
    BuiltIn,
    /// Somebody's own, made by `POST /policies`.
    Custom,
}

/// In what a policy is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyForm {
    /// A `ConstraintTemplate` with constraints.
    Template,
    /// A `ValidatingAdmissionPolicy` with bindings.
    AdmissionPolicy,
    /// It changes objects (`Assign`, `AssignMetadata`, `ModifySet`,
    /// `AssignImage`).
    Mutation,
}

/// One policy, as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    pub id: String,
    pub title: String,
    pub origin: PolicyOrigin,
    pub form: PolicyForm,
    /// The folder of the product's own; empty for somebody's.
    pub group: String,
    pub severity: Severity,
    /// The constraint's kind, as Gatekeeper names it.
    pub kind: String,
    /// What it judges: `workload`, `namespace`, `cluster`, …
    pub asset: String,
    /// What is done where nobody says.
    pub by_default: PolicyAction,
    /// The strongest there is in what was asked about.
    pub action: PolicyAction,
    /// Where it is otherwise than by default, or was set.
    pub settings: Vec<PolicySetting>,
    /// Findings of it that are open now.
    pub violations: u64,
    /// What admission decided by it in the last seven days.
    pub decisions: PolicyDecisions,
    /// The environment a custom one is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Why it is not as it was written, where it is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<PolicyProblem>,
    /// What its documents say and nobody does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<PolicyProblem>,
}

/// What became of requests that a policy was against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDecisions {
    pub denied: u64,
    pub warned: u64,
    /// Let through, and noted.
    pub audited: u64,
    /// Let through because of an exemption.
    pub exempted: u64,
}

/// What was said of a policy in one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicySetting {
    pub environment: String,
    /// One cluster; absent: every cluster of the environment that has no
    /// setting of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    pub action: PolicyAction,
    /// In place of the constraint's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<PolicyScope>,
    pub reason: String,
    pub changed: Timestamp,
    pub changed_by: String,
}

/// Which objects a policy is asked about: narrower than the constraint
/// says by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyScope {
    /// Only these namespaces; `kube-*` and `*-system` stand for many.
    /// Empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Not these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_namespaces: Vec<String>,
    /// Labels of the namespace: a Kubernetes label selector.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub namespace_selector: Option<Value>,
    /// Labels of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub label_selector: Option<Value>,
}

/// What is wrong with a document, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyProblem {
    /// Which document, counted from 1, or the file it is from.
    pub document: String,
    pub kind: String,
    pub name: String,
    pub message: String,
}

/// Everything about one policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDetail {
    pub policy: Policy,
    /// Markdown.
    pub description: String,
    pub why: String,
    /// How to mend what it is against, in order.
    pub steps: Vec<Step>,
    pub effort: String,
    /// How it is checked, in words.
    pub checked_by: String,
    pub controls: Vec<String>,
    pub techniques: Vec<String>,
    pub references: Vec<String>,
    /// Ids of built-in policies of Azure that ask the same.
    pub azure: Vec<String>,
    /// Its documents, as YAML: what `POST /policies` takes.
    pub text: String,
    /// What may be said of it: a JSON schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub parameters_schema: Option<Value>,
    /// The parameters it has where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Value>,
    /// Who is refused, warned or noted most, in the last seven days.
    pub offenders: Vec<Offender>,
    /// Of a custom one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
}

/// What a policy is against most often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Offender {
    pub environment: String,
    pub cluster: String,
    pub namespace: String,
    /// `Deployment/checkout`
    pub object: String,
    /// Who asked last.
    pub user: String,
    /// The policy it offends; the one asked about, where one was.
    pub policy: String,
    pub decisions: PolicyDecisions,
    pub last: Timestamp,
}

/// Which policies to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PolicyQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
    /// One cluster of it; all when absent.
    pub cluster: Option<String>,
}

/// Set what is done about a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPolicySetting {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// One cluster; absent: all of the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Absent: as it is by default, or as the environment says for a
    /// cluster; nothing else may be said then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<PolicyAction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<PolicyScope>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Make a policy, or a new version of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPolicy {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// YAML documents: a `ConstraintTemplate` and its constraints, a
    /// `ValidatingAdmissionPolicy` and its bindings, or a mutator.
    pub text: String,
    /// What people call it; the name of the template when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// What it is for, Markdown.
    #[serde(default)]
    pub description: String,
    /// The revision this is a change of; absent or 0: there is none yet.
    #[serde(default)]
    pub revision: u64,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Which environment a custom policy is of.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CustomPolicyQuery {
    /// The asker's own when absent.
    pub environment: Option<String>,
}

/// Try documents on objects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyTest {
    /// YAML documents, as for `POST /policies`.
    pub text: String,
    /// Objects as YAML; absent: those that are in the clusters asked
    /// about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

/// How a test went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyTestResult {
    /// What is wrong with the documents. Judged by the rest.
    pub problems: Vec<PolicyProblem>,
    /// What the documents say and nobody does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<PolicyProblem>,
    /// Objects that were judged.
    pub judged: u64,
    /// Not all that are there were judged.
    pub is_partial: bool,
    /// Objects it is against.
    pub against: u64,
    /// The first few hundred of them.
    pub violations: Vec<TestViolation>,
    /// Objects a mutation would change: the first few.
    pub changes: Vec<TestChange>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestViolation {
    /// Empty for pasted ones.
    pub cluster: String,
    pub namespace: String,
    /// `Deployment/checkout`
    pub object: String,
    pub constraint: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// RFC 6902: what would mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub patch: Option<Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestChange {
    pub cluster: String,
    pub namespace: String,
    pub object: String,
    /// RFC 6902.
    #[schema(value_type = Vec<Object>)]
    pub patch: Value,
}

/// What denying by a policy is asked about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImpactQuestion {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// One cluster; absent: all. With a setting that is thought of, those
    /// that have one of their own are left out then, as it would not hold
    /// for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Days of decisions, 1 to 30; 7 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// What is thought of; absent: as the policy is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<ImpactSetting>,
}

/// A setting that is thought of: what is left out is as the policy has
/// it by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImpactSetting {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<PolicyScope>,
}

/// How it is known what a policy is against of what is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImpactBasis {
    /// Nobody tells what is in these clusters.
    #[default]
    Nothing,
    /// By its findings: it is judged all the time.
    Findings,
    /// It was judged for this answer: it is off somewhere, or what is
    /// asked about is not what is set.
    Trial,
}

/// What denying by a policy would have meant, and would mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyImpact {
    pub days: u32,
    /// Requests it would have refused, or did, as it was set then.
    pub requests: u64,
    /// Of them, those it did refuse.
    pub denied: u64,
    /// Different objects among them.
    pub objects: u64,
    /// Whether requests are judged by it in at least one of these
    /// clusters, or were in those days: none refused means nothing where
    /// nobody asked.
    pub is_watched: bool,
    /// Clusters where no request is judged by it: it is off there, or
    /// nothing asks before it stores.
    pub unwatched: Vec<String>,
    /// When what holds was set, where that is within those days: before,
    /// it may have been off, or have asked for something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<Timestamp>,
    /// What is asked about is not what is set: requests were judged as it
    /// is set.
    pub is_other: bool,
    /// Whose, most first.
    pub offenders: Vec<Offender>,
    /// How the rest is known.
    pub basis: ImpactBasis,
    /// Objects that were judged for this answer.
    pub judged: u64,
    /// Not all that is there was judged.
    pub is_partial: bool,
    /// What is there now that could not be made again, exemptions left
    /// out.
    pub running: u64,
    /// A few of it.
    pub examples: Vec<ImpactExample>,
    /// Held by exemptions that would hold then as well.
    pub exempted: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImpactExample {
    /// The finding; absent where there is none, as it was judged for this
    /// answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    pub cluster: String,
    pub namespace: String,
    pub workload: String,
    pub summary: String,
}

/// Everything whoever judges objects of a cluster needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Bundle {
    /// Names this content: the entity tag.
    pub mark: String,
    pub environment: String,
    pub cluster: String,
    /// Those that are on, each with its action, parameters and scope
    /// written into its documents.
    pub policies: Vec<BundlePolicy>,
    /// In force when this was made; each ends when it says.
    pub exemptions: Vec<BundleExemption>,
    /// There are more than these: the rest does not hold at the door.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exemptions_cut: bool,
    pub images: Vec<BundleImage>,
    /// Whose signatures are asked for where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trust: Vec<BundleTrust>,
    /// Images these hold for, and what was found of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<BundleTrusted>,
}

/// A trust policy, as whoever judges needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct BundleTrust {
    pub name: String,
    /// With their registry; `*` stands for anything.
    pub repositories: Vec<String>,
}

/// What is known of one image's signatures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct BundleTrusted {
    /// With its registry.
    pub repository: String,
    pub digest: String,
    /// Tags that lead to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Who signed, by the trust policies that satisfies.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub signed: BTreeMap<String, String>,
    /// Why not, by the others; those nobody looked at yet are in neither.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BundlePolicy {
    pub id: String,
    pub title: String,
    pub severity: Severity,
    pub action: PolicyAction,
    /// Where there is no patch: the first step of the mend, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fix: String,
    pub documents: Vec<BundleDocument>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BundleDocument {
    /// The file, or which of somebody's documents.
    pub source: String,
    #[schema(value_type = Object)]
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BundleExemption {
    pub id: String,
    /// In the query grammar.
    pub scope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// What is known of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct BundleImage {
    /// It runs or is in a watched registry, and nobody ever scanned it:
    /// of what scans say, nothing is known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unscanned: bool,
    /// References pods may name it by, and those with its digest.
    pub references: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Open vulnerabilities, those that are suppressed or exempted left
    /// out.
    pub critical: u64,
    pub high: u64,
    /// Of these, those that an upgrade closes.
    pub fixable: u64,
    /// Known to be exploited, of any severity.
    pub exploited: u64,
}

/// What a request of whoever judges a cluster's objects is about.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BundleQuery {
    /// The environment of the cluster. A token that is for one need not
    /// say.
    pub environment: Option<String>,
}

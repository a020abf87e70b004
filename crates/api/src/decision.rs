//! What admission decided of requests, and what it was told to send.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// What became of a request.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
// What became of a delivery has the shorter name.
#[schema(as = DecisionVerdict)]
pub enum Verdict {
    /// Let through; a policy was against it, and it is noted.
    Audited,
    /// Let through; whoever asked was told.
    Warned,
    Denied,
    /// Let through; an exemption holds.
    Exempted,
    /// Let through as somebody's mutation wants it.
    Mutated,
    /// Nobody could say in time, and it was decided as `--fail` says.
    Failed,
}

/// What one policy said of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionViolation {
    pub policy: String,
    pub constraint: String,
    /// `audited`, `warned`, `denied` or `exempted`.
    pub verdict: Verdict,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// RFC 6902: what would have mended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub patch: Option<Value>,
    /// The exemption that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption: Option<String>,
}

/// One decision, as admission sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDecision {
    /// Names it: the request's uid, and which webhook was asked.
    pub uid: String,
    pub time: Timestamp,
    pub verdict: Verdict,
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    pub operation: String,
    /// Empty for the core group.
    #[serde(default)]
    pub group: String,
    pub kind: String,
    /// Empty for what is in no namespace.
    #[serde(default)]
    pub namespace: String,
    #[serde(default)]
    pub name: String,
    /// The workload it is part of, `Deployment/checkout`; empty where it
    /// is none of one.
    #[serde(default)]
    pub workload: String,
    pub user: String,
    #[serde(default)]
    pub images: Vec<String>,
    /// How long it took, in microseconds.
    #[serde(default)]
    pub took_us: u64,
    #[serde(default)]
    pub violations: Vec<DecisionViolation>,
    /// Why, where no policy says; and what is kept of long lists.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl NewDecision {
    /// The workload it is about, `Deployment/checkout`, or the object by
    /// itself.
    pub fn about(&self) -> String {
        if self.workload.is_empty() {
            format!("{}/{}", self.kind, self.name)
        } else {
            self.workload.clone()
        }
    }

    /// Adds something to the note.
    pub fn remark(&mut self, text: &str) {
        if !self.note.is_empty() {
            self.note.push_str("; ");
        }
        self.note.push_str(text);
    }
}

/// Decisions of one cluster. Sent until the server has them; one that
/// comes again is known by its uid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionBatch {
    pub items: Vec<NewDecision>,
    /// How whoever decides is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<AdmissionStatus>,
    /// Images that requests named which nothing is said about here, and
    /// nothing is known of. At most 200 are heard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
}

/// How one replica of admission is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdmissionStatus {
    /// The pod's or the machine's name.
    pub replica: String,
    pub version: String,
    /// The bundle it decides by.
    pub bundle: String,
    /// It refuses nothing.
    pub audit_only: bool,
    /// What it does where it cannot decide: `open` or `closed`.
    pub fail: String,
    /// Requests since it started, and those it refused.
    pub requests: u64,
    pub denied: u64,
    pub failed: u64,
    /// Decisions that could not be kept until they were sent.
    pub dropped: u64,
    /// Half of the last requests took no longer than this; 99 of 100 no
    /// longer than that.
    pub p50_us: u64,
    pub p99_us: u64,
    /// When its serving certificate ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_ends: Option<Timestamp>,
    /// What is wrong: a policy that does not compile, a webhook that
    /// could not be registered.
    pub problems: Vec<String>,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionReceipt {
    pub taken: u64,
    /// Known already.
    pub repeated: u64,
    /// Not kept, and why; sending them again helps nobody.
    pub refused: Vec<RefusedDecision>,
    /// The bundle there is now.
    pub bundle: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedDecision {
    pub uid: String,
    pub reason: String,
}

/// One decision, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
// What people decide about findings has the shorter name.
#[schema(as = AdmissionDecision)]
pub struct Decision {
    pub id: String,
    pub environment: String,
    pub cluster: String,
    pub decision: NewDecision,
}

/// Which decisions, newest first.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DecisionQuery {
    pub environment: Option<String>,
    pub cluster: Option<String>,
    pub namespace: Option<String>,
    /// A policy's id.
    pub policy: Option<String>,
    /// `denied`, `warned`, `audited`, `exempted`, `mutated`, `failed`;
    /// several separated by commas.
    pub verdict: Option<String>,
    /// Who asked, exactly.
    pub user: Option<String>,
    /// Text in the object's name, the workload, the user or the message.
    pub q: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}

/// Over what to look for offenders.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OffenderQuery {
    pub environment: Option<String>,
    pub cluster: Option<String>,
    pub policy: Option<String>,
    /// 1 to 30; 7 when absent.
    pub days: Option<u32>,
}

/// How admission of a cluster is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Admission {
    pub environment: String,
    pub cluster: String,
    pub last_seen: Timestamp,
    /// Not heard of for longer than it should.
    pub is_silent: bool,
    /// It decides by the bundle there is.
    pub is_current: bool,
    pub status: AdmissionStatus,
}

//! What is judged, and what is said of it: the one form in which objects
//! reach policies of every language, at every moment.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// When an object is judged. A policy is the same text at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// A manifest on its way to a cluster, judged where it is written.
    Ci,
    /// A request, before the API server stores it.
    Admission,
    /// What already is in a cluster.
    Audit,
}

/// What a request does, in the words of `AdmissionReview` v1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

impl Operation {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Create, Self::Update, Self::Delete, Self::Connect];

    /// `CREATE`
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// A kind of object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Kind {
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    pub kind: String,
}

impl Kind {
    /// The kind an object says it is of: its `apiVersion` and `kind`.
    pub fn of(object: &Value) -> Option<Self> {
        let kind = object.get("kind")?.as_str()?;
        let version = object.get("apiVersion")?.as_str()?;
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        Some(Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        })
    }
}

/// Whether an object was asked for, or stands for what another will make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Origin {
    #[default]
    Original,
    /// The pod a workload's template describes.
    Generated,
}

/// One object to be judged, with what is known around it.
///
/// Built from an `AdmissionReview`, from what a watch saw, or from a
/// file.
#[derive(Clone, Debug)]
pub struct Review<'a> {
    pub moment: Moment,
    pub operation: Operation,
    pub kind: Kind,
    /// Absent when something is deleted.
    pub object: Option<&'a Value>,
    pub old_object: Option<&'a Value>,
    pub name: &'a str,
    /// Empty for what is in no namespace.
    pub namespace: &'a str,
    /// The `Namespace` it is in, where known: selectors ask for its
    /// labels.
    pub namespace_object: Option<&'a Value>,
    pub origin: Origin,
    /// The rest of the request (`userInfo`, `resource`, `subResource`,
    /// `options`, `dryRun`, `uid`), where there was one.
    pub request: Option<&'a Value>,
}

/// What becomes of a violation.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Noted, nobody is told.
    DryRun,
    /// Whoever asked is told, and gets what they asked for.
    Warn,
    /// Refused.
    #[default]
    Deny,
}

/// What one constraint has to say against one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// The constraint's kind, as Gatekeeper names it: `K8sBlockNodePort`;
    /// `ValidatingAdmissionPolicy` for Kubernetes' own.
    pub kind: String,
    /// The constraint's name; the binding's for Kubernetes' own.
    pub constraint: String,
    pub action: Action,
    /// Exactly what the policy's text says.
    pub message: String,
    /// What the policy adds. Ours may say `container`, and `patch`: an
    /// RFC 6902 patch of the pod, or of the object, that mends it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
    /// The policy could not be evaluated, and this says why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

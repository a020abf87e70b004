//! The audit trail: who changed what, in an order nobody can quietly
//! rewrite.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::permission::ActorKind;

/// One entry. Its hash covers everything in it and the hash of the entry
/// before; `docs/reference/audit.md` says exactly how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// Counts from 1 without gaps.
    pub number: u64,
    pub time: Timestamp,
    pub actor: AuditActor,
    /// Where the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What was done: `user.create`, `finding.dismiss`, `session.refuse`.
    pub action: String,
    pub object: AuditObject,
    /// The environment it belongs to, where it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The parts that changed, as they were; absent where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<serde_json::Value>,
    /// The same parts, as they are since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub after: Option<serde_json::Value>,
    /// The request's id, as in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The hash of the entry before; 64 zeros in the first.
    pub previous: String,
    /// SHA-256 in hexadecimal.
    pub hash: String,
}

impl From<model::audit::Entry> for AuditEntry {
    fn from(entry: model::audit::Entry) -> Self {
        Self {
            number: entry.number,
            time: entry.time,
            actor: AuditActor {
                kind: entry.actor.kind.into(),
                id: entry.actor.id,
                name: entry.actor.name,
            },
            address: entry.address,
            action: entry.action,
            object: AuditObject {
                kind: entry.object.kind,
                id: entry.object.id,
            },
            environment: entry.environment,
            before: entry.before,
            after: entry.after,
            request: entry.request,
            previous: entry.previous,
            hash: entry.hash,
        }
    }
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditActor {
    pub kind: ActorKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// As it was called then.
    pub name: String,
}

/// What it was done to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditObject {
    /// `user`, `token`, `finding`, `exemption`, `setting`, …
    pub kind: String,
    pub id: String,
}

/// Which entries, newest first.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// The actor's name or id.
    pub actor: Option<String>,
    /// An action, or its beginning: `user` finds `user.create`.
    pub action: Option<String>,
    /// The object's kind (`user`) or kind and id (`user/0190…`).
    pub object: Option<String>,
    pub environment: Option<String>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

/// Whether the trail is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditVerdict {
    pub intact: bool,
    /// Entries looked at.
    pub entries: u64,
    /// The last sound hash: keep it elsewhere, and a later verdict that
    /// still passes through it proves that nothing before was rewritten.
    pub head: String,
    /// The first entry that is not as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<AuditFault>,
}

/// Where and how the trail is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditFault {
    pub number: u64,
    pub message: String,
}

//! Registries: where they are, what they hold, and how they are asked.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::ImageRef;

/// What sort of registry it is. `distribution`: Docker's, and whatever
/// speaks like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegistryKind {
    Distribution,
    Harbor,
    Quay,
    Ghcr,
    DockerHub,
    Azure,
    Amazon,
    Google,
}

/// How a registry is. `new`: not asked yet. `waiting`: it allows no more
/// requests for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegistryState {
    New,
    Working,
    Waiting,
    Failing,
    Paused,
}

/// A sort of registry, and what it has to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryDescription {
    pub kind: RegistryKind,
    pub title: String,
    /// Where it is, for those that are in one place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Whether it lists its repositories; else they have to be named.
    pub has_catalogue: bool,
    /// How its webhooks prove where they come from.
    pub proof: HookProof,
    /// Sorts of credentials it understands, by their `type`.
    pub credentials: Vec<String>,
}

/// How webhooks prove where they come from. `header`: the secret in
/// `Authorization`. `signature`: the body signed with it. `address`: the
/// secret at the end of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HookProof {
    Header,
    Signature,
    Address,
}

/// How a registry is asked and how much of it is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryOptions {
    /// Repositories to look at: whole names, or beginnings that end with
    /// `*`. None: all of its catalogue.
    pub repositories: Vec<String>,
    /// How many of a repository's newest tags are looked at.
    pub tags: u32,
    /// Minutes between two walks of what it holds; 0: never, it tells by
    /// itself.
    pub poll_minutes: u32,
    /// Images pulled or running within so many days …
    pub recent_days: u32,
    /// … are read again after so many.
    pub again_days: u32,
    /// Images read in a minute; 0: no limit.
    pub per_minute: u32,
    /// Images read at once.
    pub concurrency: u32,
    /// Certificates of further authorities, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorities: Option<String>,
    /// Spoken to without TLS.
    pub plain_http: bool,
    /// It is on a private network, and may lead to addresses there.
    pub allow_private: bool,
    /// Amazon: the address of the SQS queue its events reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Another address than the cloud's own for its interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            repositories: Vec::new(),
            tags: 100,
            poll_minutes: 15,
            recent_days: 30,
            again_days: 7,
            per_minute: 60,
            concurrency: 2,
            authorities: None,
            plain_http: false,
            allow_private: false,
            queue: None,
            endpoint: None,
        }
    }
}

/// A registry that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Registry {
    pub id: String,
    pub environment: String,
    pub name: String,
    pub kind: RegistryKind,
    /// `registry.example:5000`.
    pub address: String,
    pub options: RegistryOptions,
    /// The `type` of its credentials. They go in and never come out.
    pub credential: String,
    /// Where its webhooks go, below this server's address.
    pub hook: String,
    pub state: RegistryState,
    pub paused: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// When its contents were last asked for, and when that went well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polled: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Timestamp>,
    /// When it last told something by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Timestamp>,
    /// Nothing is asked of it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RegistryFault>,
    pub repositories: u64,
    pub tags: u64,
    /// Repositories that could not be read when they were last walked.
    #[serde(default)]
    pub failing: u64,
    /// What it told to no avail, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub losses: Option<RegistryLosses>,
}

/// What a registry told to no avail. What was pushed then is found by the
/// next walk, if there are walks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryLosses {
    /// Events within 30 days that could not be looked up, for good.
    pub given_up: u64,
    /// Webhooks and messages of its queue that were not understood.
    pub misread: u64,
    /// The last of either: when, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    pub reason: String,
}

/// Why a registry, or one of its repositories, could not be asked, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryFault {
    pub message: String,
    pub advice: String,
}

/// Add a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRegistry {
    /// The server's own when absent.
    #[serde(default)]
    pub environment: Option<String>,
    #[schema(max_length = 100)]
    pub name: String,
    pub kind: RegistryKind,
    /// `host` or `host:port`; where its kind always is, when absent.
    #[serde(default)]
    #[schema(max_length = 300)]
    pub address: Option<String>,
    /// As whom it is asked: `{"type": "basic", "username": …,
    /// "password": …}`; absent: as nobody.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub credential: Option<Value>,
    #[serde(default)]
    pub options: RegistryOptions,
    #[serde(default)]
    pub paused: bool,
}

/// Change a registry. What is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryChange {
    pub name: Option<String>,
    pub address: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub credential: Option<Value>,
    pub options: Option<RegistryOptions>,
    pub paused: Option<bool>,
}

/// A registry, and the secret of its webhooks, which is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryMade {
    pub registry: Registry,
    pub secret: String,
    /// Where its webhooks go, whole.
    pub url: String,
    /// How it proves itself there.
    pub proof: HookProof,
}

/// Whether a registry is there and accepts the credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryCheck {
    pub reached: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RegistryFault>,
    /// Some of its repositories.
    pub repositories: Vec<String>,
}

/// A repository as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Repository {
    pub id: String,
    /// The registry's id.
    pub registry: String,
    pub name: String,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Timestamp>,
    pub tags: u64,
    /// Tags whose images were scanned.
    pub scanned: u64,
    /// When its tags were last asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walked: Option<Timestamp>,
    /// Why they could not be read then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RegistryFault>,
}

/// A tag as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryTag {
    pub name: String,
    /// What it points to: an image, or an index of images. Absent:
    /// nobody asked yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// When it last pointed elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulled: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Timestamp>,
    /// An image it leads to that was scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
}

/// What was taken of a webhook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HookReceipt {
    /// Events that were not known.
    pub taken: u64,
    /// Events that were told before.
    pub repeated: u64,
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RegistryQuery {
    pub environment: Option<String>,
}

/// Which repositories or tags.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RepositoryQuery {
    /// Part of a name.
    pub q: Option<String>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}

/// The secret part of a webhook's address, for the kinds that prove
/// themselves by it.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HookQuery {
    pub token: Option<String>,
}

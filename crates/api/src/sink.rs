//! Sinks: the other systems that are told.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The sorts of sinks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SinkKind {
    Webhook,
    Slack,
    Teams,
    Pagerduty,
    Email,
    Jira,
    Alertmanager,
    Syslog,
    Kafka,
    ObjectStorage,
    Splunk,
    Http,
}

/// One sort of sink and what it has to be told, for forms and help.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SinkDescription {
    pub kind: SinkKind,
    /// "Slack".
    pub title: String,
    /// One sentence.
    pub about: String,
    /// Whether people read it, so that a storm should become a digest.
    pub for_people: bool,
    pub fields: Vec<SinkField>,
}

/// One setting of a sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SinkField {
    /// Its key in `settings`.
    pub name: String,
    pub title: String,
    pub input: SinkInput,
    pub required: bool,
    /// Is never shown again once set. Leave it out of a change to keep
    /// it, or send `null` to remove it.
    pub secret: bool,
    /// What it may be, where `input` is `choice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// What holds when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// One sentence of help.
    pub help: String,
}

/// How a setting is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkInput {
    Text,
    Url,
    /// Several lines, as a certificate has.
    Lines,
    Number,
    Boolean,
    Choice,
    /// A list of texts.
    List,
    /// Names with values.
    Pairs,
}

/// One sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sink {
    pub id: String,
    pub name: String,
    pub kind: SinkKind,
    /// What [`SinkDescription`] lists, without secrets.
    #[schema(value_type = Object)]
    pub settings: serde_json::Value,
    /// The names of the secret settings that are set.
    pub secrets: Vec<String>,
    pub paused: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub health: SinkHealth,
}

/// How a sink does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SinkHealth {
    pub state: SinkState,
    /// Deliveries that wait.
    pub pending: u64,
    /// Deliveries that were given up.
    pub dead: u64,
    /// How long the oldest waiting delivery waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_delivered: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_answer: Option<Answer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try: Option<Timestamp>,
}

/// `idle`: nothing was ever delivered. `retrying`: the last try failed
/// and there will be another. `failing`: something was given up since
/// the last success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkState {
    Idle,
    Working,
    Retrying,
    Failing,
    Paused,
}

/// What a receiver said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Answer {
    pub time: Timestamp,
    pub verdict: Verdict,
    /// The HTTP or SMTP status; absent where the receiver was not reached
    /// or its protocol has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The receiver's words, at most 2 KiB, or why it was not reached.
    pub text: String,
    /// How long it took.
    pub milliseconds: u64,
}

/// `retry`: may work later. `rejected`: will not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Delivered,
    Retry,
    Rejected,
}

/// Make or change a sink. In a change, secret settings that are left out
/// keep their value and `kind` must be the sink's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSink {
    #[schema(max_length = 100)]
    pub name: String,
    pub kind: SinkKind,
    #[schema(value_type = Object)]
    pub settings: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    pub paused: bool,
}

/// Which deliveries to list, newest first.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// One sink's id.
    pub sink: Option<String>,
    /// `pending`, `delivered`, `dead`; several separated by commas.
    pub state: Option<String>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}

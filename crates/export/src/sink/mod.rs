//! The sorts of receivers, one file each: settings, their check, and the
//! delivery of a batch.

pub mod alertmanager;
pub mod email;
pub mod http;
pub mod jira;
pub mod kafka;
pub mod object_storage;
pub mod pagerduty;
pub mod slack;
pub mod splunk;
pub mod syslog;
pub mod teams;
pub mod webhook;

use std::{fmt, path::PathBuf, str::FromStr};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Answer, Batch, describe::Description};

/// The sorts of sinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
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

impl Kind {
    pub const ALL: [Self; 12] = [
        Self::Webhook,
        Self::Slack,
        Self::Teams,
        Self::Pagerduty,
        Self::Email,
        Self::Jira,
        Self::Alertmanager,
        Self::Syslog,
        Self::Kafka,
        Self::ObjectStorage,
        Self::Splunk,
        Self::Http,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Pagerduty => "pagerduty",
            Self::Email => "email",
            Self::Jira => "jira",
            Self::Alertmanager => "alertmanager",
            Self::Syslog => "syslog",
            Self::Kafka => "kafka",
            Self::ObjectStorage => "object_storage",
            Self::Splunk => "splunk",
            Self::Http => "http",
        }
    }

    pub fn describe(self) -> &'static Description {
        match self {
            Self::Webhook => &webhook::DESCRIPTION,
            Self::Slack => &slack::DESCRIPTION,
            Self::Teams => &teams::DESCRIPTION,
            Self::Pagerduty => &pagerduty::DESCRIPTION,
            Self::Email => &email::DESCRIPTION,
            Self::Jira => &jira::DESCRIPTION,
            Self::Alertmanager => &alertmanager::DESCRIPTION,
            Self::Syslog => &syslog::DESCRIPTION,
            Self::Kafka => &kafka::DESCRIPTION,
            Self::ObjectStorage => &object_storage::DESCRIPTION,
            Self::Splunk => &splunk::DESCRIPTION,
            Self::Http => &http::DESCRIPTION,
        }
    }

    /// The names of the settings nobody may read back.
    pub fn secrets(self) -> impl Iterator<Item = &'static str> {
        let fields = self.describe().fields.iter();
        fields.filter(|field| field.secret).map(|field| field.name)
    }

    /// The most notices one delivery may hold.
    pub fn batch(self) -> usize {
        match self {
            Self::Webhook
            | Self::Slack
            | Self::Teams
            | Self::Pagerduty
            | Self::Email
            | Self::Jira => 1,
            Self::Alertmanager => 100,
            Self::Syslog | Self::Kafka | Self::Splunk | Self::Http => 500,
            Self::ObjectStorage => 5000,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is no sort of sink.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of sink '{0}'")]
pub struct ParseKindError(String);

impl FromStr for Kind {
    type Err = ParseKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| ParseKindError(text.chars().take(60).collect()))
    }
}

/// What a sink knows of where it runs.
#[derive(Clone, Debug)]
pub struct Site {
    /// The folder below which files may be written.
    pub export_dir: PathBuf,
}

/// A setting that does not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct Invalid {
    /// Its name; empty: the settings as a whole.
    pub field: &'static str,
    pub detail: String,
}

impl Invalid {
    pub(crate) fn new(field: &'static str, detail: impl Into<String>) -> Self {
        Self {
            field,
            detail: detail.into(),
        }
    }
}

/// A sink that is ready: settings checked, clients made. It may hold
/// connections and is meant to be kept between deliveries.
pub struct Sink(Open);

enum Open {
    Webhook(webhook::Webhook),
    Slack(slack::Slack),
    Teams(teams::Teams),
    Pagerduty(pagerduty::Pagerduty),
    Email(Box<email::Email>),
    Jira(jira::Jira),
    Alertmanager(alertmanager::Alertmanager),
    Syslog(syslog::Syslog),
    Kafka(Box<kafka::Kafka>),
    ObjectStorage(object_storage::ObjectStorage),
    Splunk(splunk::Splunk),
    Http(http::Http),
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").finish_non_exhaustive()
    }
}

impl Sink {
    /// Checks settings, secrets among them, and makes what is needed to
    /// deliver. Nothing is connected to.
    pub fn open(kind: Kind, settings: &Map<String, Value>, site: &Site) -> Result<Self, Invalid> {
        for field in kind.describe().fields {
            let is_empty = match settings.get(field.name) {
                None | Some(Value::Null) => true,
                Some(Value::String(text)) => text.trim().is_empty(),
                Some(Value::Array(list)) => list.is_empty(),
                Some(_) => false,
            };
            if field.required && is_empty {
                return Err(Invalid::new(field.name, "is required"));
            }
        }
        Ok(Self(match kind {
            Kind::Webhook => Open::Webhook(webhook::Webhook::open(&read(kind, settings)?)?),
            Kind::Slack => Open::Slack(slack::Slack::open(&read(kind, settings)?)?),
            Kind::Teams => Open::Teams(teams::Teams::open(&read(kind, settings)?)?),
            Kind::Pagerduty => Open::Pagerduty(pagerduty::Pagerduty::open(read(kind, settings)?)?),
            Kind::Email => Open::Email(Box::new(email::Email::open(read(kind, settings)?)?)),
            Kind::Jira => Open::Jira(jira::Jira::open(read(kind, settings)?)?),
            Kind::Alertmanager => {
                Open::Alertmanager(alertmanager::Alertmanager::open(read(kind, settings)?)?)
            }
            Kind::Syslog => Open::Syslog(syslog::Syslog::open(read(kind, settings)?)?),
            Kind::Kafka => Open::Kafka(Box::new(kafka::Kafka::open(read(kind, settings)?)?)),
            Kind::ObjectStorage => Open::ObjectStorage(object_storage::ObjectStorage::open(
                &read(kind, settings)?,
                site,
            )?),
            Kind::Splunk => Open::Splunk(splunk::Splunk::open(read(kind, settings)?)?),
            Kind::Http => Open::Http(http::Http::open(&read(kind, settings)?)?),
        }))
    }

    /// Delivers a batch and says what the receiver said. Bounded in time.
    pub async fn deliver(&self, batch: &Batch<'_>) -> Answer {
        if batch.notices.is_empty() {
            return Answer::delivered("nothing to deliver");
        }
        match &self.0 {
            Open::Webhook(sink) => sink.deliver(batch).await,
            Open::Slack(sink) => sink.deliver(batch).await,
            Open::Teams(sink) => sink.deliver(batch).await,
            Open::Pagerduty(sink) => sink.deliver(batch).await,
            Open::Email(sink) => sink.deliver(batch).await,
            Open::Jira(sink) => sink.deliver(batch).await,
            Open::Alertmanager(sink) => sink.deliver(batch).await,
            Open::Syslog(sink) => sink.deliver(batch).await,
            Open::Kafka(sink) => sink.deliver(batch).await,
            Open::ObjectStorage(sink) => sink.deliver(batch).await,
            Open::Splunk(sink) => sink.deliver(batch).await,
            Open::Http(sink) => sink.deliver(batch).await,
        }
    }
}

/// Reads the settings of one sort. Unknown names and wrong types are
/// told by field where that can be known.
fn read<T: DeserializeOwned>(kind: Kind, settings: &Map<String, Value>) -> Result<T, Invalid> {
    let fields = kind.describe().fields;
    // Empty texts are what forms send for "not given".
    let given: Map<String, Value> = settings
        .iter()
        .filter(|(_, value)| !value.is_null() && value.as_str() != Some(""))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    serde_json::from_value(Value::Object(given.clone())).map_err(|error| {
        let culprit = fields.iter().find(|field| {
            let mut without = given.clone();
            without.remove(field.name).is_some()
                && match serde_json::from_value::<T>(Value::Object(without)) {
                    Ok(_) => true,
                    Err(other) => other.to_string().contains("missing field"),
                }
        });
        let detail = error.to_string();
        if detail.starts_with("unknown field") {
            return Invalid::new("", detail);
        }
        Invalid::new(culprit.map_or("", |field| field.name), detail)
    })
}

/// Refuses a text with line ends or control characters, which would end
/// a header.
fn one_line(field: &'static str, text: &str) -> Result<(), Invalid> {
    if text.chars().any(char::is_control) {
        return Err(Invalid::new(field, "holds a line end or control character"));
    }
    Ok(())
}

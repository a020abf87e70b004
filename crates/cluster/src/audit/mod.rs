//! Audit logs, read where they are left.
//!
//! A [`Source`] gives [`Batch`]es of `audit.k8s.io` events, in the form an
//! API server writes them, whoever wrapped them before ([`normalise`]).
//! Each batch carries the position behind it. Whoever takes a batch keeps
//! it first and the position afterwards: after a sudden end some events
//! come twice, and none is lost. A source that fails is asked again; no
//! failure is final, for logs come and go with their cluster.

mod cloudwatch;
mod event_hubs;
mod file;
mod normal;
mod tls;

use std::time::Duration;

use self::{cloudwatch::Cloudwatch, event_hubs::EventHubs, file::Tail};
pub use self::{
    cloudwatch::{AccessKey, CloudwatchSettings},
    event_hubs::EventHubsSettings,
    file::FileSettings,
    normal::normalise,
};

/// Events, one JSON text a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub body: Vec<u8>,
    pub events: u64,
    pub skipped: Skipped,
    /// Where to go on behind it.
    pub position: String,
}

/// What was there and is no event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Could not be read.
    pub broken: u64,
    /// Longer than is read.
    pub too_long: u64,
    /// Other logs beside the audit log, as clouds mix them. Nothing is
    /// wrong with them.
    pub others: u64,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.events == 0 && self.skipped == Skipped::default()
    }

    /// Adds one event.
    pub(crate) fn push(&mut self, event: &str) {
        // Line breaks in JSON are between its parts, or escaped.
        let bytes = event.trim().bytes();
        let bytes = bytes.map(|byte| {
            if byte == b'\n' || byte == b'\r' {
                b' '
            } else {
                byte
            }
        });
        self.body.extend(bytes);
        self.body.push(b'\n');
        self.events += 1;
    }
}

/// Why a source gave nothing. Asked again, it may.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct SourceError {
    what: String,
    /// How long to wait at least, where that is known.
    pub wait: Option<Duration>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SourceError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            wait: None,
            source: None,
        }
    }

    pub(crate) fn of(
        what: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            source: Some(Box::new(source)),
            ..Self::new(what)
        }
    }
}

/// Where an audit log is.
#[derive(Clone, Debug)]
pub enum Settings {
    File(FileSettings),
    EventHubs(EventHubsSettings),
    Cloudwatch(CloudwatchSettings),
}

/// An audit log being read.
#[derive(Debug)]
pub struct Source(Kind);

#[derive(Debug)]
enum Kind {
    // Absent while a thread reads it.
    File(Option<Tail>),
    EventHubs(EventHubs),
    Cloudwatch(Box<Cloudwatch>),
}

/// Between two looks at a file that had nothing new.
const LOOK: Duration = Duration::from_millis(200);
/// How long [`Source::next`] waits for something before it says that
/// there is nothing.
const WAIT: Duration = Duration::from_secs(10);

impl Source {
    /// Begins at `position`, as an earlier batch gave it.
    pub fn open(settings: Settings, position: Option<&str>) -> Result<Self, SourceError> {
        Ok(Self(match settings {
            Settings::File(settings) => Kind::File(Some(Tail::open(settings, position))),
            Settings::EventHubs(settings) => Kind::EventHubs(EventHubs::open(settings, position)?),
            Settings::Cloudwatch(settings) => {
                Kind::Cloudwatch(Box::new(Cloudwatch::open(settings, position)?))
            }
        }))
    }

    /// The next events; an empty batch after a while without any.
    pub async fn next(&mut self) -> Result<Batch, SourceError> {
        match &mut self.0 {
            Kind::File(tail) => {
                for _ in 0..WAIT.as_millis() / LOOK.as_millis() {
                    let mut reading = tail.take().ok_or_else(|| {
                        SourceError::new("read a file: another read is under way")
                    })?;
                    let task = tokio::task::spawn_blocking(move || {
                        let outcome = reading.read();
                        (reading, outcome)
                    });
                    let (back, outcome) = task
                        .await
                        .map_err(|error| SourceError::of("read a file", error))?;
                    *tail = Some(back);
                    let batch = outcome?;
                    if !batch.is_empty() {
                        return Ok(batch);
                    }
                    tokio::time::sleep(LOOK).await;
                }
                Ok(Batch::default())
            }
            Kind::EventHubs(hubs) => hubs.next().await,
            Kind::Cloudwatch(logs) => logs.next().await,
        }
    }
}

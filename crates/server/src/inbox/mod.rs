//! Where audit events come in: made durable first, judged afterwards.
//!
//! Whoever hands in, the webhook's handler or a source this server reads
//! itself, is answered once what it gave is on the disk ([`spool`]), and
//! never waits for a rule. The work `detection` reads behind, judges, and
//! moves the position ([`ledger`]) when its alerts are in the record.
//! After a sudden end it judges again from there; alerts carry the
//! fingerprint of their event, so none counts twice.
//!
//! A spool is this process's own. Servers that share a database each
//! spool and judge what came to them.

mod health;
mod ledger;
mod record;
mod spool;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use model::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::{
    health::{ClusterHealth, SourceHealth},
    spool::SpoolIoError,
};
pub(crate) use self::{
    health::{Clusters, Counts},
    ledger::LedgerError,
    record::{Head, Record},
    spool::{Reader, Room, Spool, SpoolError},
};
use crate::{
    config::AuditConfig,
    metrics::{Metrics, count},
    work::engine::blocking,
};

pub use crate::intake::audit::{Fault, Faults};

/// Bytes of bodies in memory at once, in KiB.
const MEMORY: usize = 512 << 10;
/// The longest name of a cluster.
pub const MAX_CLUSTER: usize = 200;

/// Why an inbox could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum InboxOpenError {
    #[error("open the spool of audit events")]
    Spool(#[from] SpoolIoError),
    #[error("open the ledger of audit events")]
    Ledger(#[from] LedgerError),
}

/// Why something was not taken in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InboxError {
    #[error(
        "'{0}' is no name of a cluster: expected 1 to {MAX_CLUSTER} bytes without control characters"
    )]
    Cluster(String),
    #[error("there are {0} clusters already, and audit.max_clusters allows no more")]
    TooManyClusters(usize),
    #[error("more than {0} bytes at once")]
    TooLarge(u64),
    /// Come again: nothing is wrong with what was sent.
    #[error("{0}")]
    Unavailable(String),
}

/// Makes a cloud's form of audit events an API server's own: the events,
/// one a line, and how many could not be read.
pub type Unwrap = fn(&[u8]) -> (Vec<u8>, u64);

/// The inbox; cheap to clone.
#[derive(Clone)]
pub struct Inbox(Arc<Inner>);

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Inbox").field(&self.0.folder).finish()
    }
}

struct Inner {
    spool: Spool,
    folder: PathBuf,
    clusters: Mutex<Clusters>,
    memory: Arc<Semaphore>,
    /// When the record judged last came in, while others wait.
    lag: Mutex<Option<Timestamp>>,
    /// Records lost on this server's own disk.
    damaged: AtomicU64,
    unwrap: OnceLock<Unwrap>,
    config: AuditConfig,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// How the spool does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SpoolHealth {
    pub(crate) room: Room,
    /// How long the record judged last had waited; zero: none waits.
    pub(crate) lag: Duration,
    /// Records lost since the server started.
    pub(crate) damaged: u64,
}

/// The right to hold a body in memory.
#[derive(Debug)]
pub(crate) struct Admission {
    _permit: OwnedSemaphorePermit,
}

/// What a source hands in.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The environment the cluster belongs to.
    pub environment: String,
    pub cluster: String,
    /// It was sent a moment after it happened.
    pub is_live: bool,
    /// Audit events: an `EventList`, an array, or one after the other.
    pub body: Vec<u8>,
}

impl Inbox {
    pub(crate) fn open(
        folder: &Path,
        config: &AuditConfig,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, InboxOpenError> {
        let (unread, clusters) = ledger::read(&folder.join(ledger::FILE))?;
        let spool = Spool::open(&folder.join("spool"), config.spool_size.0, unread)?;
        Ok(Self(Arc::new(Inner {
            spool,
            folder: folder.to_owned(),
            clusters: Mutex::new(clusters),
            memory: Arc::new(Semaphore::new(MEMORY)),
            lag: Mutex::new(None),
            damaged: AtomicU64::new(0),
            unwrap: OnceLock::new(),
            config: config.clone(),
            clock,
            metrics,
        })))
    }

    pub(crate) fn spool(&self) -> &Spool {
        &self.0.spool
    }

    pub(crate) fn clusters(&self) -> MutexGuard<'_, Clusters> {
        self.0
            .clusters
            .lock()
            .expect("invariant: no panic under the lock")
    }

    /// Says how bodies in other forms than an API server's are read. Once,
    /// before anything comes in.
    pub fn unwrap_with(&self, unwrap: Unwrap) {
        // The first word stands.
        self.0.unwrap.get_or_init(|| unwrap);
    }

    /// The largest body that is taken.
    pub(crate) fn max_body(&self) -> u64 {
        self.0.config.max_body.0
    }

    /// Asks to hold a body of so many bytes, before it is read.
    pub(crate) fn admit(&self, bytes: u64) -> Result<Admission, InboxError> {
        let limit = self.max_body();
        if bytes > limit {
            return Err(InboxError::TooLarge(limit));
        }
        let kibibytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        Arc::clone(&self.0.memory)
            .try_acquire_many_owned(kibibytes)
            .map(|permit| Admission { _permit: permit })
            .map_err(|_full| {
                InboxError::Unavailable("too much is being handed in at once".to_owned())
            })
    }

    /// Takes a body in; answered once it is on the disk.
    pub async fn take(&self, delivery: Delivery) -> Result<(), InboxError> {
        let admission = self.admit(delivery.body.len() as u64)?;
        self.take_admitted(delivery, admission).await
    }

    pub(crate) async fn take_admitted(
        &self,
        delivery: Delivery,
        admission: Admission,
    ) -> Result<(), InboxError> {
        let inner = &self.0;
        let Delivery {
            environment,
            cluster,
            is_live,
            body,
        } = delivery;
        let received = inner.clock.now();
        self.clusters()
            .meet(&environment, &cluster, received, inner.config.max_clusters)?;
        let mut head = Head {
            environment: environment.clone(),
            cluster: cluster.clone(),
            is_live,
            received,
            length: body.len() as u64,
        };
        // What a source of ours read is unwrapped; an API server's list
        // says so in its first bytes.
        let unwrap = inner.unwrap.get().copied();
        let unwrap = unwrap.filter(|_| is_live && !begins_as_list(&body));
        let packed = blocking(move || {
            let (body, broken) = match unwrap {
                Some(unwrap) => unwrap(&body),
                None => (body, 0),
            };
            head.length = body.len() as u64;
            let payload = record::payload(&head, &body);
            drop(admission);
            (payload, broken)
        })
        .await;
        let outcome = match packed {
            (Ok(payload), broken) => {
                self.note_faults(&environment, &cluster, Fault::NotJson, broken);
                inner.spool.append(payload, received).await
            }
            (Err(error), _) => Err(SpoolError::Write(Arc::new(error))),
        };
        count(&inner.metrics.audit_requests);
        match outcome {
            Ok(_sequence) => Ok(()),
            Err(error) => {
                let told = model::error::chain(&error);
                tracing::warn!(cluster, error = told, "audit events are refused for now");
                count(&inner.metrics.audit_refused);
                self.clusters()
                    .refused(&environment, &cluster, &told, received);
                Err(InboxError::Unavailable(told))
            }
        }
    }

    /// Counts what a source found that was no event.
    pub fn note_faults(&self, environment: &str, cluster: &str, fault: Fault, events: u64) {
        let mut faults = Faults::default();
        faults.add_many(fault, events);
        self.clusters().note(environment, cluster, &faults);
    }

    /// Says how a source does: `Err` tells what keeps it from reading.
    pub fn note_source(
        &self,
        environment: &str,
        cluster: &str,
        source: &str,
        outcome: Result<(), String>,
    ) {
        let now = self.0.clock.now();
        self.clusters()
            .note_source(environment, cluster, source, outcome, now);
    }

    /// How the intake of every cluster does, by environment and name.
    pub(crate) fn health(&self) -> Vec<ClusterHealth> {
        self.clusters().health(self.0.clock.now())
    }

    /// How the spool does.
    pub(crate) fn spool_health(&self) -> SpoolHealth {
        let judged = *self
            .0
            .lag
            .lock()
            .expect("invariant: no panic under the lock");
        let lag = judged.map(|received| self.0.clock.now().duration_since(received));
        SpoolHealth {
            room: self.0.spool.room(),
            lag: lag
                .and_then(|lag| Duration::try_from(lag).ok())
                .unwrap_or_default(),
            damaged: self.0.damaged.load(Ordering::Relaxed),
        }
    }

    /// Says when the record judged last came in; `None`: no other waits.
    pub(crate) fn note_lag(&self, received: Option<Timestamp>) {
        *self
            .0
            .lag
            .lock()
            .expect("invariant: no panic under the lock") = received;
    }

    /// Counts records that were lost on this server's own disk.
    pub(crate) fn note_damaged(&self, records: u64) {
        self.0.damaged.fetch_add(records, Ordering::Relaxed);
    }

    /// What [`Self::save_windows`] wrote down, if that is here.
    pub(crate) fn windows(&self) -> Option<String> {
        std::fs::read_to_string(self.0.folder.join(ledger::WINDOWS)).ok()
    }

    /// Writes down what rules remember. Called after [`Self::save`], so
    /// that it is never ahead of it.
    pub(crate) fn save_windows(&self, text: &str) -> Result<(), LedgerError> {
        ledger::write(&self.0.folder.join(ledger::WINDOWS), text)
    }

    /// Remembers, on the disk, that all before `unread` was judged, and
    /// what was counted until then; lets go of records older than `keep`.
    pub(crate) fn save(&self, unread: u64, keep: Timestamp) -> Result<(), LedgerError> {
        let text = ledger::text(unread, &self.clusters());
        ledger::write(&self.0.folder.join(ledger::FILE), &text)?;
        self.0.spool.release(unread, keep);
        Ok(())
    }
}

/// How an `EventList` begins, as API servers write it.
fn begins_as_list(body: &[u8]) -> bool {
    let start = body.get(..body.len().min(64)).unwrap_or_default();
    start.windows(11).any(|window| window == b"\"EventList\"")
}

/// Whether a name can be a cluster's.
pub(crate) fn is_cluster_name(name: &str) -> bool {
    (1..=MAX_CLUSTER).contains(&name.len())
        && name.trim() == name
        && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;

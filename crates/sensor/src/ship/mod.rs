//! Sends what the spool keeps, tells how the sensor is, and learns what it
//! is to do.
//!
//! Threads of their own, so that none waits for another: one sends alerts as
//! soon as there are any and losses behind them, and acknowledges to the
//! spool what the server has; the other tells a status every few seconds
//! and fetches the policy when its mark changes; a third tells which files
//! of images are used. Whatever goes wrong is
//! tried again; what somebody must mend is told in [`Shipper::notes`].

mod aside;
mod backoff;
mod link;
mod policy;
mod send;
mod used;
mod verdict;

use std::{
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use api::sensor::{SensorPolicy, SensorStatus};
use model::Clock;

use self::{backoff::Backoff, link::Link};
use crate::{spool::Spool, used::Ledger};

/// How often a sensor tells how it is.
pub const STATUS_EVERY: Duration = Duration::from_secs(5);

/// Where to and as whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://seawall.example`; plain HTTP only where it stays on this
    /// machine.
    pub server: String,
    /// Read anew whenever the server refuses it.
    pub token_file: PathBuf,
    /// Certificates to trust beside the machine's, PEM.
    pub ca_file: Option<PathBuf>,
    /// SHA-256 of the certificate of a server that signed its own.
    pub fingerprint: Option<String>,
    pub node: String,
    pub cluster: Option<String>,
    /// The token's own when absent.
    pub environment: Option<String>,
    /// Where the policy is remembered, and what the server refused.
    pub state_dir: PathBuf,
    pub status_every: Duration,
}

/// Why sending cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    #[error("send to '{server}': {why}")]
    Server { server: String, why: String },
    #[error("read the token file {}; make a token with the permission 'ingest' and put it there", path.display())]
    Token {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("reach the server")]
    Fetch(#[from] fetch::FetchError),
    #[error("start a thread")]
    Thread(#[source] std::io::Error),
}

/// What both threads know.
struct Shared {
    settings: Settings,
    spool: Spool,
    is_stopping: AtomicBool,
    /// Wakes whoever waits for its next turn.
    stopped: (Mutex<()>, Condvar),
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// What keeps alerts, and the status, from arriving.
    alerts: Option<String>,
    status: Option<String>,
    set_aside: u64,
    /// The mark the server last gave.
    mark: String,
    policy: SensorPolicy,
    is_policy_new: bool,
}

/// Sends until it is stopped.
pub struct Shipper {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Shipper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shipper")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

impl Shipper {
    /// Begins to send. `status` says how the sensor is, whenever it is
    /// asked; spool, policy and notes of sending are filled in here.
    pub fn start(
        settings: Settings,
        spool: Spool,
        status: impl FnMut() -> SensorStatus + Send + 'static,
    ) -> Result<Self, ShipError> {
        let link = Link::new(&settings)?;
        link.token().map_err(|source| ShipError::Token {
            path: settings.token_file.clone(),
            source,
        })?;
        let known = policy::remembered(&settings.state_dir);
        let shared = Arc::new(Shared {
            told: Mutex::new(Told {
                is_policy_new: known.is_some(),
                policy: known.unwrap_or_default(),
                ..Told::default()
            }),
            settings,
            spool,
            is_stopping: AtomicBool::new(false),
            stopped: (Mutex::default(), Condvar::new()),
        });
        let mut shipper = Self {
            shared: Arc::clone(&shared),
            threads: Vec::new(),
        };
        let (of_alerts, alerts) = (Arc::clone(&shared), link.clone());
        shipper.spawn("ship-alerts", move || send::run(&of_alerts, &alerts))?;
        shipper.spawn("ship-status", move || policy::run(&shared, &link, status))?;
        Ok(shipper)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), ShipError> {
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .map_err(ShipError::Thread)?;
        self.threads.push(thread);
        Ok(())
    }

    /// The policy, if it changed since it was last asked for; the first
    /// time the one that was remembered from before, where there is one.
    pub fn new_policy(&self) -> Option<SensorPolicy> {
        let mut told = self.shared.told();
        let is_new = std::mem::take(&mut told.is_policy_new);
        is_new.then(|| told.policy.clone())
    }

    /// Begins to tell which files of images are used, too.
    pub(crate) fn tell_used(
        &mut self,
        ledger: Arc<Mutex<Ledger>>,
        clock: Arc<dyn Clock>,
    ) -> Result<(), ShipError> {
        let link = Link::new(&self.shared.settings)?;
        let shared = Arc::clone(&self.shared);
        self.spawn("ship-used", move || {
            used::run(&shared, &link, &ledger, clock.as_ref());
        })
    }

    /// What a person should know of sending.
    pub fn notes(&self) -> Vec<String> {
        self.shared.notes()
    }

    /// Stops. What is not sent stays in the spool; `grace`: how long to
    /// go on sending what there is.
    pub fn stop(mut self, grace: Duration) {
        let mut left = grace;
        let slice = Duration::from_millis(20);
        while !left.is_zero() && self.shared.spool.next(1, 1).is_some() {
            thread::sleep(slice.min(left));
            left = left.saturating_sub(slice);
        }
        self.end();
    }

    fn end(&mut self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        self.shared.spool.wake();
        self.shared.stopped.1.notify_all();
        for thread in self.threads.drain(..) {
            // A panic of it was told where it happened.
            drop(thread.join());
        }
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    /// Waits, unless told to stop.
    fn pause(&self, wait: Duration) {
        let (lock, stopped) = &self.stopped;
        let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_stopping() {
            drop(stopped.wait_timeout(guard, wait));
        }
    }

    fn notes(&self) -> Vec<String> {
        let told = self.told();
        let mut notes = Vec::new();
        notes.extend(told.alerts.iter().cloned());
        if told.alerts.is_none() {
            notes.extend(told.status.iter().cloned());
        }
        if told.set_aside > 0 {
            notes.push(format!(
                "{} items were refused by the server and put into {}",
                told.set_aside,
                aside::path(&self.settings.state_dir).display()
            ));
        }
        notes
    }

    /// Remembers the mark the server gave.
    fn heard(&self, mark: String) {
        self.told().mark = mark;
    }

    fn backoff(&self, name: &str) -> Backoff {
        Backoff::new(&format!("{} {name}", self.settings.node))
    }
}

#[cfg(test)]
mod tests;

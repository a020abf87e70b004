//! Which files of images containers execute and load.
//!
//! What: programs, from execs; libraries and archives, from what
//! processes have mapped and open, looked at shortly after each exec and
//! every few minutes. Why: of all that is vulnerable in an image most is
//! never loaded. Limits: a file that is read and closed (a module of
//! Python or JavaScript) is not seen; a program too short-lived to be
//! looked at even once makes its image one that is not fully watched, and
//! says so; looks are few in a second and each is bounded.
//!
//! The loop only notes execs, once each; looking is done by a thread of
//! its own, and what is new is sent by another.

mod ledger;
mod look;
mod looker;

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use model::Clock;
use rules::syscall::{Container, Process};

pub(crate) use self::ledger::Ledger;
use self::looker::{Looker, Target};
use crate::{
    context::{Context, Told},
    record::What,
    ship::{ShipError, Shipper},
};

/// Programs remembered as looked at lately, so that not every exec is.
const RECENT: usize = 8_192;
/// How often, in ticks, containers are gone through; and processes.
const CONTAINERS_EVERY: u64 = 5;
const PROCESSES_EVERY: u64 = 300;
/// Processes looked at of one container and round.
const OF_ONE: usize = 64;

/// Notes what is used.
#[derive(Debug)]
pub(crate) struct Used {
    ledger: Arc<Mutex<Ledger>>,
    looker: Looker,
    /// Container and program, by hash: those looked at since the last
    /// round.
    recent: HashSet<u64>,
    ticks: u64,
}

impl Used {
    /// Starts the thread that looks. `proc`: where the host's is.
    pub(crate) fn start(proc: &Path, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        Ok(Self {
            looker: Looker::start(proc, Arc::clone(&ledger), clock)?,
            ledger,
            recent: HashSet::new(),
            ticks: 0,
        })
    }

    /// Starts both threads, where somebody is told.
    pub(crate) fn beside(
        shipper: Option<&mut Shipper>,
        proc: &Path,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Self>, ShipError> {
        let Some(shipper) = shipper else {
            return Ok(None);
        };
        match Self::start(proc, Arc::clone(clock)) {
            Ok(used) => {
                shipper.tell_used(used.ledger(), Arc::clone(clock))?;
                Ok(Some(used))
            }
            Err(error) => {
                tracing::warn!(%error, "which files are used is not noted");
                Ok(None)
            }
        }
    }

    /// What there is to be sent.
    pub(crate) fn ledger(&self) -> Arc<Mutex<Ledger>> {
        Arc::clone(&self.ledger)
    }

    /// Notes an exec within a container; everything else is passed over.
    pub(crate) fn take(&mut self, told: &Told<'_>, now: Timestamp) {
        let Told::Event {
            process, record, ..
        } = told
        else {
            return;
        };
        let What::Exec(exec) = &record.what else {
            return;
        };
        let Some(container) = &process.container else {
            return;
        };
        let key = key(container, process);
        if self.recent.len() >= RECENT || !self.recent.insert(key) {
            return;
        }
        // What was written since the container began is not the image's.
        let is_of_image = !exec.file.is_upper && !exec.file.is_memfd && !exec.file.is_unlinked;
        let is_noted =
            is_of_image && locked(&self.ledger).saw(&container.full_id, &process.exe_path, now);
        if !self.looker.look(target(container, process, key, true)) && is_noted {
            self.recent.remove(&key);
        }
    }

    /// What goes by time.
    pub(crate) fn tick(&mut self, context: &Context, now: Timestamp) {
        if self.ticks.is_multiple_of(CONTAINERS_EVERY) {
            let mut ledger = locked(&self.ledger);
            ledger.there(context.containers().map(|known| &*known.container), now);
            // Programs that ended before they could be looked at are to
            // be looked at when they run again.
            for key in ledger.missed() {
                self.recent.remove(&key);
            }
        }
        if self.ticks.is_multiple_of(PROCESSES_EVERY) {
            self.recent.clear();
            self.round(context);
        }
        self.ticks += 1;
    }

    /// Looks at what runs: one process of each program of a container.
    fn round(&mut self, context: &Context) {
        let mut of_container: std::collections::HashMap<&[u8], usize> =
            std::collections::HashMap::new();
        for process in context.processes() {
            let Some(container) = &process.container else {
                continue;
            };
            let key = key(container, process);
            let count = of_container.entry(&container.full_id).or_default();
            if *count >= OF_ONE || self.recent.len() >= RECENT || !self.recent.insert(key) {
                continue;
            }
            *count += 1;
            self.looker.look(target(container, process, key, false));
        }
    }
}

fn key(container: &Container, process: &Process) -> u64 {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    hash.update(&container.full_id);
    hash.update(&[0]);
    hash.update(&process.exe_path);
    hash.digest()
}

fn target(container: &Container, process: &Process, key: u64, is_new: bool) -> Target {
    Target {
        pid: u32::try_from(process.pid).unwrap_or_default(),
        container: container.full_id.clone(),
        key,
        is_new,
    }
}

pub(crate) fn locked(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

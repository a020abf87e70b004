//! What is to be sent, kept on disk until the server has it.
//!
//! Two lanes of segments: alerts, and losses (gaps), which wait behind
//! them. Whatever is appended may be sent at once and is made durable a
//! few milliseconds later, together with what came meanwhile: a record is
//! either on the server or on this disk, but for those milliseconds. An
//! item has a number within the run of the sensor; a run writes its own
//! segments, so that no number is given out twice whatever was lost.
//!
//! Invariants: records of a lane are given out in order, and again until
//! they are acknowledged; nothing is lost without a gap that says so. The
//! disk is bounded: losses make room for alerts, and where only alerts are
//! left the newest are refused, for the oldest tell how it began.

mod lane;
mod losses;
mod segment;

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use api::sensor::{SensorItem, SensorNews};
use jiff::Timestamp;
use model::Clock;

pub use self::segment::Origin;
use self::{
    lane::{Lane, Place},
    losses::Losses,
    segment::{MAX_PAYLOAD, Segment},
};

/// Bytes of losses that are held where even they do not fit the disk.
const LOSSES_IN_MEMORY: usize = 64 << 10;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// On disk, altogether.
    pub bytes: u64,
    /// A segment is not added to once it is longer.
    pub segment: u64,
    /// Of alerts in memory while the disk refuses them.
    pub memory: usize,
    /// How long records gather before they are made durable.
    pub gather: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            segment: 4 << 20,
            memory: 4 << 20,
            gather: Duration::from_millis(3),
        }
    }
}

/// Why a spool could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SpoolOpenError {
    #[error("make the folder {}", path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("lock {}: another sensor uses this folder; stop it, or name another --state-dir", path.display())]
    InUse { path: PathBuf },
    #[error("open the spool in {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Why an item was not taken. It is counted, and told as a gap.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    #[error("the spool is full of alerts: {limit} bytes")]
    Full { limit: u64 },
    #[error("an item of {bytes} bytes is too long to be kept")]
    TooLong { bytes: usize },
    #[error("write the spool")]
    Write(#[source] io::Error),
}

/// One item, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub sequence: u64,
    /// A `SensorItem` as JSON.
    pub payload: Vec<u8>,
}

/// Items of one run and lane, in order, to be sent and acknowledged.
#[derive(Debug)]
pub struct Batch {
    pub origin: Origin,
    pub items: Vec<Item>,
    lane: Kind,
    end: Place,
    last_overflow: Option<u64>,
    damaged: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Alerts,
    Losses,
}

impl Kind {
    /// What a gap calls it.
    fn class(self) -> &'static str {
        match self {
            Self::Alerts => "alert",
            Self::Losses => "loss",
        }
    }
}

/// How a spool is, for status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    pub used: u64,
    pub limit: u64,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// The spool. Cheap to clone; the last one closed makes all durable.
#[derive(Clone, Debug)]
pub struct Spool(Arc<Owner>);

#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    syncer: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    origin: Origin,
    limits: Limits,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Wakes whoever sends.
    more: Condvar,
    /// Wakes whoever makes durable.
    dirty: Condvar,
    _lease: File,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[derive(Debug)]
#[cfg_attr(
    test,
    expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")
)]
struct State {
    alerts: Lane,
    losses: Lane,
    /// What was lost and is not yet in a lane.
    untold: Losses,
    sequence: u64,
    is_dirty: bool,
    is_closing: bool,
    /// What the disk last said when it refused.
    refused: Option<String>,
    is_full: bool,
    sync_fault: Option<String>,
    #[cfg(test)]
    disk_is_full: bool,
}

impl Spool {
    /// Opens or makes the spool in `folder`, which nobody else may use.
    pub fn open(
        folder: &Path,
        origin: Origin,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SpoolOpenError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| SpoolOpenError::Folder {
                path: folder.to_owned(),
                source,
            })?;
        let failed = |source| SpoolOpenError::Open {
            path: folder.to_owned(),
            source,
        };
        let path = folder.join("lock");
        let lease = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        lease.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => SpoolOpenError::InUse { path },
            fs::TryLockError::Error(source) => failed(source),
        })?;
        let (alerts, broken_alerts) = Lane::open(folder, "alerts").map_err(failed)?;
        let (losses, broken_losses) = Lane::open(folder, "losses").map_err(failed)?;
        let mut untold = Losses::default();
        let broken = broken_alerts.into_iter().map(|broken| ("alert", broken));
        let broken = broken.chain(broken_losses.into_iter().map(|broken| ("loss", broken)));
        for (class, (path, error)) in broken {
            let error = model::error::chain(&error);
            tracing::warn!(path = %path.display(), error, "a segment of the spool is put aside");
            let reason = "a segment of the spool was damaged; it holds at least one";
            untold.add("spool", class, reason, 1, clock.now());
        }
        let shared = Arc::new(Shared {
            origin,
            limits,
            clock,
            state: Mutex::new(State {
                alerts,
                losses,
                untold,
                sequence: 0,
                is_dirty: false,
                is_closing: false,
                refused: None,
                is_full: false,
                sync_fault: None,
                #[cfg(test)]
                disk_is_full: false,
            }),
            more: Condvar::new(),
            dirty: Condvar::new(),
            _lease: lease,
        });
        let of_thread = Arc::clone(&shared);
        let syncer = thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || of_thread.keep_durable())
            .map_err(failed)?;
        Ok(Self(Arc::new(Owner {
            shared,
            syncer: Mutex::new(Some(syncer)),
        })))
    }

    /// Adds an item; its number. What is refused is counted, and told as a
    /// gap when that can be.
    pub fn append(&self, time: Timestamp, news: SensorNews) -> Result<u64, AppendError> {
        self.0.shared.append(time, news)
    }

    /// Counts something lost elsewhere; told as a gap together with what
    /// else was lost for that reason.
    pub fn lose(&self, stage: &str, class: &str, reason: &str, count: u64) {
        let shared = &self.0.shared;
        let now = shared.clock.now();
        let mut inner = shared.lock();
        inner.untold.add(stage, class, reason, count, now);
        shared.more.notify_all();
    }

    /// What is to be sent next: alerts first, and losses when there are
    /// none. At least one item, else within these bounds.
    pub fn next(&self, most: usize, most_bytes: usize) -> Option<Batch> {
        self.0.shared.next(most, most_bytes)
    }

    /// The server has these for good, or never will.
    pub fn acknowledge(&self, batch: &Batch) {
        let shared = &self.0.shared;
        let mut state = shared.lock();
        state.acknowledge(batch, shared.clock.now());
    }

    /// Waits until there is something to send, or for so long.
    pub fn wait(&self, longest: Duration) {
        let shared = &self.0.shared;
        let state = shared.lock();
        if !state.has_more() {
            drop(shared.more.wait_timeout(state, longest));
        }
    }

    /// Wakes whoever waits.
    pub fn wake(&self) {
        self.0.shared.more.notify_all();
    }

    /// How much is kept, and what a person should know.
    pub fn room(&self) -> Room {
        let shared = &self.0.shared;
        let state = shared.lock();
        let mut notes = Vec::new();
        if let Some(refused) = &state.refused {
            let kept = state.alerts.in_memory();
            notes.push(format!(
                "the disk of the spool refuses ({refused}); {kept} bytes wait in memory"
            ));
        }
        if state.is_full {
            notes.push("the spool is full of alerts; new ones are dropped".to_owned());
        }
        if let Some(fault) = &state.sync_fault {
            notes.push(format!(
                "the disk of the spool does not confirm writes ({fault})"
            ));
        }
        Room {
            used: state.alerts.used() + state.losses.used(),
            limit: shared.limits.bytes,
            notes,
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.lock().is_closing = true;
        self.shared.dirty.notify_all();
        let syncer = self
            .syncer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(syncer) = syncer {
            // A panic of it was told where it happened.
            drop(syncer.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock leaves a state that can go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, time: Timestamp, news: SensorNews) -> Result<u64, AppendError> {
        let kind = match news {
            SensorNews::Alert(_) => Kind::Alerts,
            SensorNews::Gap(_) => Kind::Losses,
        };
        let mut item = SensorItem {
            sequence: 0,
            time,
            what: news,
        };
        let mut state = self.lock();
        item.sequence = state.sequence + 1;
        let payload = self.payload(&mut item, &mut state)?;
        state.sequence = item.sequence;
        let outcome = self.put(&mut state, kind, item.sequence, payload);
        if let Err(error) = &outcome {
            let reason = match error {
                AppendError::Full { .. } => "the spool was full of alerts not yet sent".to_owned(),
                error => model::error::chain(error),
            };
            state
                .untold
                .add("spool", kind.class(), &reason, 1, self.clock.now());
        }
        self.more.notify_all();
        outcome.map(|()| item.sequence)
    }

    /// An item as JSON; one that is too long goes without its trace.
    fn payload(&self, item: &mut SensorItem, state: &mut State) -> Result<Vec<u8>, AppendError> {
        let write = |item: &SensorItem| serde_json::to_vec(item).expect("invariant: plain data");
        let mut payload = write(item);
        if payload.len() > MAX_PAYLOAD
            && let SensorNews::Alert(alert) = &mut item.what
            && alert.trace.take().is_some()
        {
            payload = write(item);
        }
        if payload.len() <= MAX_PAYLOAD {
            return Ok(payload);
        }
        let reason = "longer than a record of the spool may be";
        state
            .untold
            .add("spool", "alert", reason, 1, self.clock.now());
        Err(AppendError::TooLong {
            bytes: payload.len(),
        })
    }

    fn put(
        &self,
        state: &mut State,
        kind: Kind,
        sequence: u64,
        payload: Vec<u8>,
    ) -> Result<(), AppendError> {
        self.make_room(state, kind, Segment::weight(&payload))?;
        let written = state.write(&self.origin, self.limits.segment, kind, sequence, &payload);
        let Err(error) = written else {
            state.refused = None;
            if !state.is_dirty {
                state.is_dirty = true;
                self.dirty.notify_one();
            }
            return Ok(());
        };
        let told = error.to_string();
        if state.refused.replace(told.clone()).is_none() {
            tracing::warn!(error = told, "the disk of the spool refuses");
        }
        // It can still be sent from memory, if the server is there.
        let (lane, most) = match kind {
            Kind::Alerts => (&mut state.alerts, self.limits.memory),
            Kind::Losses => (&mut state.losses, LOSSES_IN_MEMORY),
        };
        if lane.in_memory() + payload.len() > most {
            return Err(AppendError::Write(error));
        }
        lane.keep(sequence, payload);
        Ok(())
    }

    /// Losses make room for alerts; alerts for nobody.
    fn make_room(&self, state: &mut State, kind: Kind, weight: u64) -> Result<(), AppendError> {
        let limit = self.limits.bytes;
        while state.alerts.used() + state.losses.used() + weight > limit {
            let Some(lost) = state.losses.evict() else {
                state.is_full |= kind == Kind::Alerts;
                return Err(AppendError::Full { limit });
            };
            if lost > 0 {
                let reason = "made room in the spool for what came later";
                let now = self.clock.now();
                state
                    .untold
                    .add("spool", Kind::Losses.class(), reason, lost, now);
            }
        }
        state.is_full &= kind != Kind::Alerts;
        Ok(())
    }

    fn next(&self, most: usize, most_bytes: usize) -> Option<Batch> {
        let mut state = self.lock();
        self.tell_losses(&mut state);
        for kind in [Kind::Alerts, Kind::Losses] {
            loop {
                let lane = state.lane(kind);
                let taken = lane.take(&self.origin, most, most_bytes);
                let is_empty = taken.items.is_empty();
                if is_empty && taken.damaged == 0 {
                    break;
                }
                let batch = Batch {
                    origin: taken.origin.unwrap_or_else(|| self.origin.clone()),
                    items: taken.items,
                    lane: kind,
                    end: taken.end,
                    last_overflow: taken.last_overflow,
                    damaged: taken.damaged,
                };
                if !is_empty {
                    return Some(batch);
                }
                // Nothing but damage: there may be more behind it.
                state.acknowledge(&batch, self.clock.now());
            }
        }
        None
    }

    /// Puts what was lost into its lane, as far as it fits.
    fn tell_losses(&self, state: &mut State) {
        while let Some(gap) = state.untold.take() {
            let sequence = state.sequence + 1;
            let item = SensorItem {
                sequence,
                time: self.clock.now(),
                what: SensorNews::Gap(gap.clone()),
            };
            let payload = serde_json::to_vec(&item).expect("invariant: plain data");
            state.sequence = sequence;
            if self.put(state, Kind::Losses, sequence, payload).is_err() {
                state.untold.give_back(gap);
                return;
            }
        }
    }

    /// Makes what is added durable, until told to stop.
    fn keep_durable(&self) {
        let mut state = self.lock();
        loop {
            while !state.is_dirty {
                if state.is_closing {
                    return;
                }
                state = self
                    .dirty
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            let is_closing = state.is_closing;
            drop(state);
            if !is_closing {
                // What comes meanwhile is made durable with it.
                thread::sleep(self.limits.gather);
            }
            state = self.lock();
            state.is_dirty = false;
            let files = [state.alerts.open_file(), state.losses.open_file()];
            drop(state);
            let outcome: io::Result<()> = files.iter().flatten().try_for_each(File::sync_data);
            state = self.lock();
            state.sync_fault = outcome.err().map(|error| error.to_string());
        }
    }
}

impl State {
    fn lane(&self, kind: Kind) -> &Lane {
        match kind {
            Kind::Alerts => &self.alerts,
            Kind::Losses => &self.losses,
        }
    }

    fn has_more(&self) -> bool {
        self.alerts.has_more() || self.losses.has_more() || !self.untold.is_empty()
    }

    fn write(
        &mut self,
        origin: &Origin,
        longest: u64,
        kind: Kind,
        sequence: u64,
        payload: &[u8],
    ) -> io::Result<()> {
        #[cfg(test)]
        if self.disk_is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let lane = match kind {
            Kind::Alerts => &mut self.alerts,
            Kind::Losses => &mut self.losses,
        };
        lane.append(origin, longest, sequence, payload)
    }

    fn acknowledge(&mut self, batch: &Batch, now: Timestamp) {
        let lane = match batch.lane {
            Kind::Alerts => &mut self.alerts,
            Kind::Losses => &mut self.losses,
        };
        lane.acknowledge(batch.end, batch.last_overflow);
        if batch.damaged > 0 {
            let reason = "a record of the spool was damaged, or torn when the sensor ended";
            self.untold
                .add("spool", batch.lane.class(), reason, batch.damaged, now);
        }
        self.is_full = false;
    }
}

#[cfg(test)]
mod tests;

//! Which process, which container, which pod: the processes and containers
//! of this node, and events in terms of them.
//!
//! [`Context::take`] is given each record of the kernel in the order they
//! come and tells what it means. It keeps a table of processes
//! ([`process`]), knows whose control group is whose ([`container`]) and
//! asks on another thread what runtimes keep of a container
//! ([`metadata`]); records of a container of which nothing has come back
//! yet wait, for a bounded while and in bounded memory. It never waits
//! itself, reads nothing on the way of an event that it knows the process
//! of, and allocates nothing for it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use rules::syscall::{Container, Process};

mod clock;
mod container;
mod event;
mod hash;
mod metadata;
mod names;
mod place;
mod process;
#[cfg(test)]
pub(crate) mod sample;
mod take;
mod told;

pub use container::mounts::Group;
pub use metadata::{
    Answer as MetadataAnswer, Found, Hint, Metadata, Nothing, Question, Sources, Worker,
    kubernetes::{Workload, workload},
};
pub use process::{
    files::{Membership, Seen},
    users::{Person, Users},
};
pub use told::{Answer, Known, Lookup, Moment, Told};

use self::{
    clock::Clocks,
    container::{Containers, hint::Hints},
    event::Scribe,
    names::{Message, Names},
    process::{Table, files::ProcessFiles},
};
use crate::capture::Recorder;

/// What may be chosen.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the host's `proc` is mounted.
    pub proc: PathBuf,
    /// Where the unified hierarchy and the older one of the `pids`
    /// controller are mounted; found by themselves where nothing is said.
    pub unified: Option<PathBuf>,
    pub legacy: Option<PathBuf>,
    /// Processes and containers remembered.
    pub most_processes: usize,
    pub most_containers: usize,
    /// Records of a container wait so long for what its runtime keeps.
    pub patience: Duration,
    /// Bytes of records that wait, of all containers together.
    pub most_held: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            proc: "/proc".into(),
            unified: None,
            legacy: None,
            most_processes: 32_768,
            most_containers: 4096,
            patience: Duration::from_millis(200),
            most_held: 4 * 1024 * 1024,
        }
    }
}

/// What was there before the first record.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Number of the older hierarchy that records speak of; 0 where there
    /// is none.
    pub legacy: u32,
    pub groups: Vec<Group>,
    pub processes: Vec<Seen>,
}

/// Counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub records: u64,
    pub events: u64,
    /// Processes, containers, control groups and resolved addresses known
    /// now.
    pub processes: u64,
    pub containers: u64,
    pub groups: u64,
    pub names: u64,
    pub containers_seen: u64,
    /// Processes that were not seen when they began, and those of them
    /// that `/proc` told of.
    pub unknown: u64,
    pub learnt: u64,
    /// Processes forgotten for want of room.
    pub evicted: u64,
    /// Process numbers that were used again.
    pub reused: u64,
    /// Records that waited, and those that went on before anything came.
    pub held: u64,
    pub incomplete: u64,
    /// Events whose control group nobody told of.
    pub unattributed: u64,
    /// Containers and groups there was no room for, and questions.
    pub refused: u64,
    pub unasked: u64,
    /// Names that were not taken over from processes that change theirs
    /// all the time.
    pub renames_ignored: u64,
    pub clock_steps: u64,
    /// Messages of the domain name system that could not be read.
    pub unread_messages: u64,
}

/// Keeps what is needed to make events of records.
pub struct Context {
    settings: Settings,
    files: ProcessFiles,
    clocks: Clocks,
    table: Table,
    containers: Containers,
    hints: Hints,
    metadata: Box<dyn Metadata>,
    host_users: Arc<Users>,
    names: Names,
    message: Message,
    scribe: Scribe,
    counters: Counters,
    number: u64,
    /// Containers whose records may have to wait, bytes that do, and when
    /// the first of them may go.
    waiting: u32,
    held: usize,
    next_due: u64,
    /// Processes that may still be read from `/proc`, and since when.
    budget: f64,
    budget_time: u64,
    /// When all groups were walked last.
    walked: Option<u64>,
    recorder: Option<Recorder>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("settings", &self.settings)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

impl Context {
    pub fn new(settings: Settings, metadata: Box<dyn Metadata>, now: Moment) -> Self {
        Self {
            files: ProcessFiles::new(&settings.proc),
            clocks: Clocks::new(now),
            table: Table::new(settings.most_processes),
            containers: Containers::new(0, settings.most_containers),
            hints: Hints::default(),
            metadata,
            host_users: Arc::default(),
            names: Names::default(),
            message: Message::default(),
            scribe: Scribe::new(),
            counters: Counters::default(),
            number: 0,
            waiting: 0,
            held: 0,
            next_due: u64::MAX,
            budget: place::BUDGET,
            budget_time: 0,
            walked: None,
            recorder: None,
            settings,
        }
    }

    /// Writes all that is taken from here on into a file that can be
    /// played again; to be called before [`Self::start`].
    pub fn record_to(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Ends writing; tells how it went.
    pub fn stop_recording(&mut self) -> Option<std::io::Result<u64>> {
        self.recorder.take().map(Recorder::finish)
    }

    /// How far apart both clocks are, before anything is taken.
    pub(crate) fn set_clock(&mut self, now: Moment) {
        self.clocks = Clocks::new(now);
    }

    /// What is there now, read from `/proc` and the mounted hierarchies.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            legacy: self.files.hierarchy_of("pids").unwrap_or_default(),
            groups: self.groups(),
            processes: self.files.all(self.settings.most_processes),
        }
    }

    /// The control groups there are in the hierarchies records speak of.
    fn groups(&self) -> Vec<Group> {
        let mountinfo =
            std::fs::read_to_string(self.settings.proc.join("self/mountinfo")).unwrap_or_default();
        let (unified, legacy) = container::mounts::mounted(&mountinfo, "pids");
        let number = self.files.hierarchy_of("pids").unwrap_or_default();
        let mut groups = Vec::new();
        if let Some(place) = self.settings.unified.clone().or(unified) {
            groups.extend(container::mounts::walk(&place, 0));
        }
        if number != 0
            && let Some(place) = self.settings.legacy.clone().or(legacy)
        {
            groups.extend(container::mounts::walk(&place, number));
        }
        groups
    }

    /// Containers there are now.
    pub fn containers(&self) -> impl Iterator<Item = &Known> {
        self.containers
            .iter()
            .filter(|(_, state)| !state.is_ended)
            .map(|(_, state)| &state.known)
    }

    /// Processes that have not ended.
    pub fn processes(&self) -> impl Iterator<Item = &Arc<Process>> {
        self.table.living().map(|(_, entry)| &entry.process)
    }

    /// A container by its full identifier.
    pub fn container(&self, id: &[u8]) -> Option<&Arc<Container>> {
        let index = self.containers.by_id(id)?;
        Some(&self.containers.get(index)?.known.container)
    }

    pub fn counters(&self) -> Counters {
        let (groups, containers) = self.containers.sizes();
        Counters {
            processes: self.table.len() as u64,
            containers: containers as u64,
            groups: groups as u64,
            names: self.names.len() as u64,
            containers_seen: self.containers.counts.seen,
            evicted: self.table.counts.evicted,
            reused: self.table.counts.reused,
            unknown: self.table.counts.unknown,
            refused: self.containers.counts.refused,
            ..self.counters
        }
    }
}

#[cfg(test)]
mod tests;

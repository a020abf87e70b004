//! Watching a kernel that lets no programs be loaded: processes by the
//! process connector, or by looking into `/proc` again and again; files
//! and drift by fanotify. It sees less and later than programs in the
//! kernel do, and [`Fallback::report`] says what is lost.

mod connector;
mod drift;
mod files;
mod gate;
mod layer;
mod proc;
mod report;

use std::{collections::HashMap, os::fd::AsFd as _, path::PathBuf, time::Duration};

use rules::syscall::Kind;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::{
    connector::{Connector, Happened},
    files::{Files, Touched},
    gate::Gate,
    proc::{Processes, Seen},
};
use crate::record::{Call, Cgroup, Exec, Fork, Group, Record, Task, What};

pub(super) use gate::Action;

/// Between two looks at all processes, where nobody tells of them.
const LOOK: u64 = 250_000_000;
/// Between two looks for control groups that are gone.
const SWEEP: u64 = 5_000_000_000;
/// Messages of the connector taken in one turn.
const TURN: usize = 512;
/// Processes remembered; beyond, the oldest knowledge is dropped whole
/// and read again as it is needed.
const TASKS: usize = 65_536;

/// What it is started with.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// `/proc`, as the host sees it.
    pub(super) proc: PathBuf,
    pub(super) has_files: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            proc: "/proc".into(),
            has_files: true,
        }
    }
}

/// What became of what happened, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) seen: u64,
    pub(super) sent: u64,
    /// Gone before they could be looked at, or told faster than taken.
    pub(super) dropped: u64,
}

/// What is remembered of a process.
#[derive(Clone, Copy, Debug)]
struct Known {
    task: Task,
    /// Of the file it runs.
    inode: u64,
    /// What it did last may be told after its end.
    has_ended: bool,
}

/// A kernel watched from outside.
#[derive(Debug)]
pub(super) struct Fallback {
    processes: Processes,
    connector: Option<Connector>,
    files: Option<Files>,
    gate: Option<Gate>,
    tasks: HashMap<u32, Known>,
    /// Groups where drift is judged; what the gate cannot stop is ended
    /// once it was seen.
    drift: HashMap<Cgroup, Action>,
    why: [Option<String>; 3],
    looked: u64,
    swept: u64,
    pub(super) process: Counts,
    pub(super) file: Counts,
    pub(super) privilege: Counts,
    pub(super) verdict: Counts,
}

impl Fallback {
    /// Begins with whatever this kernel and these rights allow; at the
    /// least, looking into `/proc`.
    pub(super) fn start(options: &Options) -> Self {
        let mut why = [const { None }; 3];
        let mut keep = |place: usize, error: std::io::Error| {
            if let Some(slot) = why.get_mut(place) {
                *slot = Some(error.to_string());
            }
        };
        let connector = Connector::open().map_err(|error| keep(0, error)).ok();
        let files = options
            .has_files
            .then(|| Files::open().map_err(|error| keep(1, error)).ok())
            .flatten();
        let gate = Gate::open(&options.proc)
            .map_err(|error| keep(2, error))
            .ok();
        let mut fallback = Self {
            processes: Processes::new(&options.proc),
            connector,
            files,
            gate,
            tasks: HashMap::new(),
            drift: HashMap::new(),
            why,
            looked: proc::now(),
            swept: proc::now(),
            process: Counts::default(),
            file: Counts::default(),
            privilege: Counts::default(),
            verdict: Counts::default(),
        };
        for pid in fallback.processes.all() {
            if let Some(seen) = fallback.processes.see(pid) {
                fallback.remember(&seen);
            }
        }
        fallback
    }

    /// Files are told, or not.
    pub(super) fn set_files(&mut self, are_told: bool) {
        if !are_told {
            self.files = None;
        } else if self.files.is_none()
            && let Ok(files) = Files::open()
        {
            self.files = Some(files);
            for pid in self.processes.all() {
                if let Some(seen) = self.processes.see(pid) {
                    self.remember(&seen);
                }
            }
        }
    }

    /// Whether more is seen than anybody may see in `/proc`.
    pub(super) fn is_of_use(&self) -> bool {
        self.connector.is_some() || self.gate.is_some()
    }

    /// Waits until something happened, at most so long, and tells it.
    pub(super) fn poll(
        &mut self,
        wait: Duration,
        take: &mut dyn FnMut(&Record<'_>),
    ) -> Result<usize, rustix::io::Errno> {
        self.wait(wait)?;
        let mut told = 0;
        let mut count = |record: &Record<'_>| {
            told += 1;
            take(record);
        };
        self.take_processes(&mut count);
        self.take_files(&mut count);
        self.take_verdicts(&mut count);
        let now = proc::now();
        if now.saturating_sub(self.swept) > SWEEP {
            self.swept = now;
            self.tasks.retain(|_, known| !known.has_ended);
            for group in self.processes.gone_groups() {
                let task = Task {
                    time: now,
                    ..Task::default()
                };
                count(&Record {
                    task,
                    what: What::CgroupRemoved(Group {
                        id: group.id,
                        hierarchy: group.hierarchy,
                        path: &group.path,
                    }),
                });
            }
        }
        Ok(told)
    }

    fn wait(&self, wait: Duration) -> Result<(), rustix::io::Errno> {
        let mut sources = Vec::with_capacity(3);
        sources.extend(
            self.connector
                .as_ref()
                .map(|it| PollFd::new(it.socket(), PollFlags::IN)),
        );
        let files = self.files.as_ref().map(Files::descriptor);
        sources.extend(files.as_ref().map(|it| PollFd::new(it, PollFlags::IN)));
        sources.extend(
            self.gate
                .as_ref()
                .map(|it| PollFd::from_borrowed_fd(it.news().as_fd(), PollFlags::IN)),
        );
        let mut left = wait;
        if self.connector.is_none() {
            let since = proc::now().saturating_sub(self.looked);
            left = left.min(Duration::from_nanos(LOOK.saturating_sub(since)));
        }
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        match poll(&mut sources, Some(&left)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn take_processes(&mut self, take: &mut dyn FnMut(&Record<'_>)) {
        let mut happened = Vec::new();
        if let Some(connector) = &mut self.connector {
            match connector.read(TURN, &mut |what| happened.push(what)) {
                Ok(has_lost) => self.process.dropped += u64::from(has_lost),
                Err(error) => {
                    tracing::warn!(%error, "the process connector fell silent; /proc is looked at");
                    self.connector = None;
                }
            }
        } else {
            self.look(&mut happened);
        }
        for what in happened {
            self.tell(what, take);
        }
    }

    /// What differs from the last look.
    fn look(&mut self, happened: &mut Vec<Happened>) {
        let now = proc::now();
        if now.saturating_sub(self.looked) < LOOK {
            return;
        }
        self.looked = now;
        let mut there = self.processes.all();
        there.sort_unstable();
        for &pid in &there {
            let Some((started, name)) = self.processes.glance(pid) else {
                continue;
            };
            match self.tasks.get_mut(&pid) {
                Some(known) if known.task.started == started && !known.has_ended => {
                    if known.task.name == name {
                        continue;
                    }
                    // It may have renamed itself and still run the same.
                    known.task.name = name;
                    let inode = self.processes.see(pid).map(|seen| seen.file.inode);
                    if inode.is_some_and(|inode| inode != known.inode) {
                        happened.push(Happened::Exec { pid });
                    }
                }
                _ => happened.push(Happened::Exec { pid }),
            }
        }
        let gone = self
            .tasks
            .iter()
            .filter(|(pid, known)| !known.has_ended && there.binary_search(pid).is_err());
        happened.extend(gone.map(|(&pid, _)| Happened::Exit { pid, code: 0 }));
    }

    fn tell(&mut self, happened: Happened, take: &mut dyn FnMut(&Record<'_>)) {
        match happened {
            Happened::Fork { parent, child } => self.tell_fork(parent, child, take),
            Happened::Exec { pid } => {
                self.process.seen += 1;
                let Some(seen) = self.processes.see(pid) else {
                    // It ended before it could be looked at.
                    self.process.dropped += 1;
                    return;
                };
                self.remember(&seen);
                tell_exec(&seen, take);
                self.process.sent += 1;
                self.end_drifted(&seen, take);
            }
            Happened::Exit { pid, code } => {
                self.process.seen += 1;
                let Some(known) = self.tasks.get_mut(&pid).filter(|it| !it.has_ended) else {
                    return;
                };
                known.has_ended = true;
                let task = Task {
                    time: proc::now(),
                    ..known.task
                };
                take(&Record {
                    task,
                    what: What::Exit { code },
                });
                self.process.sent += 1;
            }
            Happened::User { pid, .. } => {
                self.tell_call(pid, Kind::Setresuid, 0, |_| {}, take);
            }
            Happened::Session { pid } => {
                self.tell_call(pid, Kind::Setsid, 0, |_| {}, take);
            }
            Happened::Traced { pid, tracer } if tracer != 0 => {
                /// `PTRACE_ATTACH`
                const ATTACH: u64 = 16;
                self.tell_call(
                    tracer,
                    Kind::Ptrace,
                    pid,
                    |arguments| *arguments = [ATTACH, u64::from(pid), 0, 0, 0, 0],
                    take,
                );
            }
            Happened::Traced { .. } => {}
        }
    }

    fn tell_fork(&mut self, parent: u32, child: u32, take: &mut dyn FnMut(&Record<'_>)) {
        self.process.seen += 1;
        let Some(Known { task, inode, .. }) = self.known(parent) else {
            self.process.dropped += 1;
            return;
        };
        let now = proc::now();
        let started = self
            .processes
            .glance(child)
            .map_or(now, |(started, _)| started);
        let child_task = Task {
            pid: child,
            tid: child,
            parent,
            started,
            ..task
        };
        self.insert(Known {
            task: child_task,
            inode,
            has_ended: false,
        });
        take(&Record {
            task: Task { time: now, ..task },
            what: What::Fork(Fork {
                pid: child,
                started,
                virtual_pid: self.processes.virtual_pid(child).unwrap_or_default(),
            }),
        });
        self.process.sent += 1;
    }

    fn tell_call(
        &mut self,
        pid: u32,
        kind: Kind,
        target: u32,
        fill: impl FnOnce(&mut [u64; 6]),
        take: &mut dyn FnMut(&Record<'_>),
    ) {
        self.privilege.seen += 1;
        let Some(seen) = self.processes.see(pid) else {
            self.privilege.dropped += 1;
            return;
        };
        self.remember(&seen);
        let mut arguments = [0; 6];
        fill(&mut arguments);
        if kind == Kind::Setresuid {
            arguments[0] = u64::from(seen.credentials.uid);
            arguments[1] = u64::from(seen.credentials.effective_uid);
        }
        take(&Record {
            task: seen.task,
            what: What::Call(Call {
                target,
                credentials: (kind == Kind::Setresuid).then_some(seen.credentials),
                arguments,
                ..Call::new(kind)
            }),
        });
        self.privilege.sent += 1;
    }

    fn take_files(&mut self, take: &mut dyn FnMut(&Record<'_>)) {
        /// `O_WRONLY`
        const WRITES: u64 = 1;
        const WORKING_FOLDER: u64 = (-100_i64).cast_unsigned();
        let Some(files) = &mut self.files else { return };
        let mut touched: Vec<Touched> = Vec::new();
        files.read(&mut |it| touched.push(it));
        self.file.dropped = files.lost;
        for it in touched {
            self.file.seen += 1;
            let Some(Known { task, .. }) = self.known(it.pid) else {
                self.file.dropped += 1;
                continue;
            };
            let flags = if it.is_written { WRITES } else { 0 };
            take(&Record {
                task: Task {
                    time: proc::now(),
                    ..task
                },
                what: What::Call(Call {
                    arguments: [WORKING_FOLDER, 0, flags, 0, 0, 0],
                    path: &it.path,
                    resolved: &it.path,
                    file: Some(it.file),
                    descriptor: Some(rules::syscall::DescriptorKind::File),
                    ..Call::new(Kind::Openat)
                }),
            });
            self.file.sent += 1;
        }
    }

    /// What is known of a process, or can be found out.
    fn known(&mut self, pid: u32) -> Option<Known> {
        if let Some(known) = self.tasks.get(&pid) {
            return Some(*known);
        }
        let seen = self.processes.see(pid)?;
        self.remember(&seen);
        self.tasks.get(&pid).copied()
    }

    fn remember(&mut self, seen: &Seen) {
        self.insert(Known {
            task: seen.task,
            inode: seen.file.inode,
            has_ended: false,
        });
        if let Some(files) = &mut self.files
            && seen.task.mount_namespace != 0
        {
            let folder = self.processes.folder(seen.task.pid);
            files.watch(seen.task.mount_namespace, &folder);
        }
        if self.drift.contains_key(&seen.task.cgroup) {
            self.meet(seen.task.cgroup, seen.task.pid);
        }
    }

    fn insert(&mut self, known: Known) {
        if self.tasks.len() >= TASKS {
            self.tasks.clear();
        }
        self.tasks.insert(known.task.pid, known);
    }
}

/// Control groups before whoever is in them.
fn tell_groups(seen: &Seen, take: &mut dyn FnMut(&Record<'_>)) {
    for group in &seen.new_groups {
        take(&Record {
            task: seen.task,
            what: What::CgroupMade(Group {
                id: group.id,
                hierarchy: group.hierarchy,
                path: &group.path,
            }),
        });
    }
}

fn tell_exec(seen: &Seen, take: &mut dyn FnMut(&Record<'_>)) {
    tell_groups(seen, take);
    take(&Record {
        task: seen.task,
        what: What::Exec(Exec {
            path: &seen.path,
            resolved: &seen.path,
            arguments: &seen.arguments,
            are_arguments_cut: seen.are_arguments_cut,
            environment: &seen.environment,
            file: seen.file,
            credentials: seen.credentials,
            virtual_pid: seen.virtual_pid,
            session: seen.session,
            group: seen.group,
            terminal: seen.terminal,
            login_uid: seen.login_uid,
            stdio: seen.stdio,
        }),
    });
}

#[cfg(test)]
mod tests;

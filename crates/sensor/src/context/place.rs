//! Where processes are: which container, with whose names; processes and
//! groups that nobody told of, and what runtimes answer.

use std::sync::Arc;

use rules::syscall::{Bytes, Process};

use super::{
    Context, MetadataAnswer, Moment, Question, Seen, Snapshot, Told,
    container::{Made, Owner, Wait, hint, path},
    process::{self, Place, capability, users::Users},
};
use crate::record::{Cgroup, Credentials, Group, Record, Task};

/// Processes read from `/proc` in a second, and at once.
pub(super) const BUDGET: f64 = 500.0;
/// All groups are walked at most so often, in nanoseconds.
const WALK_APART: u64 = 1_000_000_000;
const SECOND: f64 = 1e9;

impl Context {
    /// Takes in what was there before the first record.
    pub fn start(&mut self, snapshot: &Snapshot, tell: &mut dyn FnMut(Told<'_>)) {
        if let Some(recorder) = &mut self.recorder {
            recorder.start(snapshot);
        }
        self.containers.legacy = snapshot.legacy;
        self.hear(tell);
        // What serves containers says where they are kept.
        for seen in &snapshot.processes {
            let is_host = !seen
                .cgroups
                .iter()
                .any(|it| path::identify(&it.path).is_some());
            if is_host
                && seen.credentials.effective_uid == 0
                && let Some(hint) = hint::read(&Process {
                    exe_path: seen.exe_path.clone(),
                    arguments: seen.arguments.iter().skip(1).cloned().collect(),
                    working_folder: seen.working_folder.clone(),
                    ..Process::default()
                })
            {
                self.hints.put(hint);
            }
        }
        for group in &snapshot.groups {
            self.group_there(group.hierarchy, group.id, &group.path, 0);
        }
        let ids: std::collections::HashMap<(u32, &[u8]), u64> = snapshot
            .groups
            .iter()
            .map(|group| ((group.hierarchy, &*group.path), group.id))
            .collect();
        for seen in &snapshot.processes {
            let of = |hierarchy: u32| {
                seen.cgroups
                    .iter()
                    .find(|it| it.hierarchy == hierarchy)
                    .and_then(|it| ids.get(&(hierarchy, &*it.path)).copied())
                    .unwrap_or_default()
            };
            let task = Task {
                pid: seen.pid,
                tid: seen.pid,
                parent: seen.parent,
                started: seen.started,
                cgroup: Cgroup {
                    unified: of(0),
                    legacy: if snapshot.legacy == 0 {
                        0
                    } else {
                        of(snapshot.legacy)
                    },
                },
                name: comm(&seen.name),
                ..Task::default()
            };
            let slot = self.learn(&task, seen);
            self.settle(slot, &task);
        }
    }

    /// Time passes: what waited long enough goes on, what ended long
    /// enough ago is forgotten, and the clocks are compared.
    pub fn tick(&mut self, now: Moment, tell: &mut dyn FnMut(Told<'_>)) {
        if let Some(recorder) = &mut self.recorder {
            recorder.moment(now);
        }
        if self.clocks.compare(now) {
            self.counters.clock_steps += 1;
            self.set_starts();
        }
        self.hear(tell);
        self.set_idle_due(now.boot);
        self.release_due(now.boot, tell);
        self.table.expire(now.boot);
        for index in self.containers.expire(now.boot) {
            self.names.forget(index);
        }
    }

    /// Containers that do nothing are waited for ten times as long as those
    /// that do.
    fn set_idle_due(&mut self, now: u64) {
        if self.waiting == 0 {
            return;
        }
        let patience = u64::try_from(self.settings.patience.as_nanos()).unwrap_or(u64::MAX);
        let due = now.saturating_add(patience.saturating_mul(10));
        if self.containers.set_idle_due(due) {
            self.next_due = self.next_due.min(due);
        }
    }

    /// After somebody set the clock: when each process began, by what it
    /// says now.
    fn set_starts(&mut self) {
        let all: Vec<_> = self
            .table
            .living()
            .map(|(slot, entry)| (slot, entry.started))
            .collect();
        for (slot, started) in all {
            let wall = self.clocks.wall(started);
            self.table.change(slot, |process| process.started = wall);
        }
    }

    /// A process as `/proc` describes it.
    pub(super) fn learn(&mut self, task: &Task, seen: &Seen) -> u32 {
        let mut arguments = seen.arguments.clone();
        let exe = if arguments.is_empty() {
            Bytes::default()
        } else {
            arguments.remove(0)
        };
        let who = seen.credentials;
        let mut process = Process {
            vpid: i64::from(seen.virtual_pid),
            sid: i64::from(seen.session),
            pgid: i64::from(seen.group),
            vpgid: i64::from(seen.group),
            tty: terminal(seen.terminal),
            name: seen.name.clone(),
            exe,
            exe_path: seen.exe_path.clone(),
            arguments,
            environment: seen.environment.clone(),
            working_folder: seen.working_folder.clone(),
            started: self.clocks.wall(task.started),
            cgroups: seen
                .cgroups
                .iter()
                .map(|it| (it.controllers.clone(), it.path.clone()))
                .collect(),
            stdio: seen.stdio.clone(),
            ..Process::default()
        };
        set_capabilities(&mut process, &who);
        process.user.uid = who.effective_uid;
        process.user.gid = who.effective_gid;
        process.user.login_uid = if seen.login_uid == u32::MAX {
            -1
        } else {
            i64::from(seen.login_uid)
        };
        if seen.session != task.pid {
            process.session_leader = self.table.alone(seen.session);
        }
        if seen.group != task.pid {
            process.group_leader = self.table.alone(seen.group);
        }
        set_leaders(&mut process);
        let parent = self.table.by_pid(seen.parent).filter(|_| seen.parent != 0);
        let slot = self.table.insert(task, parent, true, process);
        if let Some(entry) = self.table.get_mut(slot) {
            entry.credentials = who;
        }
        slot
    }

    /// A process that nobody said began: lost, or older than the sensor.
    pub(super) fn unknown(&mut self, record: &Record<'_>) -> u32 {
        let task = &record.task;
        self.table.counts.unknown += 1;
        if self.may_read(task.time)
            && let Some(seen) = self.files.read(task.pid)
            // Another may have the number by now.
            && (task.started == 0 || seen.started.abs_diff(task.started) < 20_000_000)
        {
            self.counters.learnt += 1;
            return self.learn(task, &seen);
        }
        let mut process = Process {
            vpid: i64::from(task.pid),
            name: process::name(&task.name).into(),
            started: self.clocks.wall(task.started),
            ..Process::default()
        };
        process.user.uid = task.uid;
        process.user.gid = task.gid;
        process.user.login_uid = -1;
        let parent = self.table.by_pid(task.parent).filter(|_| task.parent != 0);
        self.table.insert(task, parent, false, process)
    }

    fn may_read(&mut self, now: u64) -> bool {
        let passed = now.saturating_sub(self.budget_time);
        self.budget_time = now;
        #[expect(clippy::cast_precision_loss, reason = "a budget need not be exact")]
        let more = passed as f64 / SECOND * BUDGET;
        self.budget = (self.budget + more).min(BUDGET);
        if self.budget < 1.0 {
            return false;
        }
        self.budget -= 1.0;
        true
    }

    /// Works out which container a process is in, and whose names count
    /// there.
    pub(super) fn settle(&mut self, slot: u32, task: &Task) {
        let owner = match self.containers.owner(task.cgroup) {
            Owner::Unknown => self.find_owner(task),
            owner => owner,
        };
        let index = match owner {
            Owner::Container(index) => Some(index),
            Owner::Host | Owner::Unknown => None,
        };
        let (place, container, users) = match index.and_then(|it| self.containers.get(it)) {
            Some(state) => (
                Place {
                    container: index,
                    generation: state.generation,
                },
                Some(Arc::clone(&state.known.container)),
                Arc::clone(&state.users),
            ),
            None => (
                Place {
                    container: None,
                    // Where nobody knows, it is asked again next time.
                    generation: if owner == Owner::Unknown {
                        0
                    } else {
                        self.containers.host_generation
                    },
                },
                None,
                Arc::clone(&self.host_users),
            ),
        };
        let Some(entry) = self.table.get_mut(slot) else {
            return;
        };
        let before = entry.place.container;
        entry.cgroup = task.cgroup;
        entry.place = place;
        entry.has_moved |= before != place.container;
        let is_counted = entry.ended.is_none();
        self.table.change(slot, |process| {
            process.container = container;
            set_user(process, &users);
        });
        if is_counted {
            self.count_process(before, false);
            self.count_process(place.container, true);
        }
        if let Some(index) = index {
            self.ask_for_users(index, task.pid);
        }
    }

    pub(super) fn count_process(&mut self, place: Option<u32>, is_more: bool) {
        if let Some(state) = place.and_then(|index| self.containers.get_mut(index)) {
            let count = &mut state.known.processes;
            *count = if is_more {
                *count + 1
            } else {
                count.saturating_sub(1)
            };
        }
    }

    /// Where no file told who there is in a container, its first process
    /// shows its root.
    fn ask_for_users(&mut self, index: u32, pid: u32) {
        let Some(state) = self.containers.get_mut(index) else {
            return;
        };
        let has_none = state.users.user(0).is_none() && state.users.is_empty();
        if state.wait != Wait::Over || state.asked_by_process || !has_none {
            return;
        }
        state.asked_by_process = true;
        let question = Question {
            id: state.known.container.full_id.clone(),
            runtime: state.known.container.runtime.clone(),
            cgroup: state.path.clone(),
            hint: self.hints.get(&state.known.container.full_id).cloned(),
            pid: Some(pid),
            may_ask: false,
        };
        if !self.metadata.ask(question) {
            self.counters.unasked += 1;
        }
    }

    /// A group that was made before anybody looked, or whose making was
    /// lost: the process itself says where it is.
    fn find_owner(&mut self, task: &Task) -> Owner {
        if self.may_read(task.time)
            && let Some(lines) = self.files.memberships(task.pid)
        {
            for line in &lines {
                let id = if line.hierarchy == 0 {
                    task.cgroup.unified
                } else if line.hierarchy == self.containers.legacy {
                    task.cgroup.legacy
                } else {
                    continue;
                };
                if id > 1 {
                    self.group_there(line.hierarchy, id, &line.path, task.time);
                }
            }
        }
        let mut owner = self.containers.owner(task.cgroup);
        if owner == Owner::Unknown && self.may_walk(task.time) {
            // Its end came before it was asked; the group may still be there.
            for group in self.groups() {
                self.group_there(group.hierarchy, group.id, &group.path, task.time);
            }
            owner = self.containers.owner(task.cgroup);
        }
        if owner == Owner::Unknown {
            self.counters.unattributed += 1;
        }
        owner
    }

    /// Walking all groups takes a while, and finds nothing where a group is
    /// gone, too.
    fn may_walk(&mut self, now: u64) -> bool {
        let is_time = self
            .walked
            .is_none_or(|last| now.saturating_sub(last) >= WALK_APART);
        if is_time {
            self.walked = Some(now);
        }
        is_time
    }

    /// A group exists: it may be a container's.
    pub(super) fn group_there(&mut self, hierarchy: u32, id: u64, path: &[u8], time: u64) {
        if !self.containers.is_watched(hierarchy) {
            return;
        }
        let candidate = path::candidate(path);
        let hint = candidate.and_then(|id| self.hints.get(id));
        let is_kept = hint.is_none()
            && path::identify(path).is_none()
            && candidate.is_some_and(|id| self.metadata.is_kept(id));
        let made = Made {
            hierarchy,
            id,
            path,
            hint,
            is_kept,
            time: if time == 0 { 0 } else { self.clocks.wall(time) },
        };
        let Some((index, true)) = self.containers.made(&made) else {
            return;
        };
        self.waiting += 1;
        let Some(state) = self.containers.get(index) else {
            return;
        };
        let question = Question {
            id: state.known.container.full_id.clone(),
            runtime: state.known.container.runtime.clone(),
            cgroup: state.path.clone(),
            hint: self.hints.get(&state.known.container.full_id).cloned(),
            pid: None,
            may_ask: false,
        };
        if !self.metadata.ask(question) {
            self.counters.unasked += 1;
        }
    }

    pub(super) fn group_gone(
        &mut self,
        task: &Task,
        group: &Group<'_>,
        tell: &mut dyn FnMut(Told<'_>),
    ) {
        let gone = self
            .containers
            .removed(group.hierarchy, group.id, group.path, task.time);
        if let Some(index) = gone {
            let Some(state) = self.containers.get_mut(index) else {
                return;
            };
            state.owes_end = true;
            // What waits may go on waiting: an answer that is on its way is
            // as good as before.
            if state.held.is_empty() {
                self.release(index, tell);
            }
        }
    }

    /// Takes in what runtimes keep, as far as it was read by now.
    pub(super) fn hear(&mut self, tell: &mut dyn FnMut(Told<'_>)) {
        while let Some(answer) = self.metadata.answer() {
            if let Some(recorder) = &mut self.recorder {
                recorder.answer(&answer);
            }
            self.answered(answer, tell);
        }
    }

    /// Takes in one answer; replays have them from elsewhere.
    pub fn answered(&mut self, answer: MetadataAnswer, tell: &mut dyn FnMut(Told<'_>)) {
        match answer {
            MetadataAnswer::Users(users) => {
                self.host_users = Arc::new(users);
                self.containers.host_generation += 1;
            }
            MetadataAnswer::Found(found) => {
                let is_complete = found.is_complete;
                let Some(index) = self.containers.learn(*found) else {
                    return;
                };
                if let Some(state) = self.containers.get(index) {
                    tell(Told::Container(&state.known));
                }
                if is_complete {
                    self.release(index, tell);
                }
            }
        }
    }
}

/// `comm` as the kernel has it.
fn comm(name: &[u8]) -> [u8; 16] {
    let mut comm = [0; 16];
    for (to, from) in comm.iter_mut().take(15).zip(name) {
        *to = *from;
    }
    comm
}

/// Number of a terminal as `stat` packs it, as major and minor apart.
fn terminal(packed: u32) -> i64 {
    let major = packed >> 8 & 0xfff;
    let minor = packed & 0xff | packed >> 12 & 0xfff00;
    i64::from(major << 20 | minor)
}

pub(super) fn set_capabilities(process: &mut Process, who: &Credentials) {
    process.permitted = capability::text(who.permitted);
    process.inheritable = capability::text(who.inheritable);
    process.effective = capability::text(who.effective);
}

/// Names of a process's user, where it is now.
pub(super) fn set_user(process: &mut Process, users: &Users) {
    let user = &process.user;
    let login = u32::try_from(user.login_uid).unwrap_or(u32::MAX);
    process.user = process::user(user.uid, user.gid, login, users);
}

/// Sessions and groups are numbered as their processes see them.
pub(super) fn set_leaders(process: &mut Process) {
    match &process.session_leader {
        Some(leader) => process.sid = leader.vpid,
        None if process.sid == process.pid => process.sid = process.vpid,
        None => {}
    }
    match &process.group_leader {
        Some(leader) => process.vpgid = leader.vpid,
        None if process.pgid == process.pid => process.vpgid = process.vpid,
        None => {}
    }
}

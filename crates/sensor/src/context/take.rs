//! One record after another: what it changes, and what is told of it.

use rules::syscall::{Bytes, Kind};

use super::{
    Context, Lookup, Told,
    container::{Owner, Wait, hint},
    event::Frame,
    place::{set_capabilities, set_leaders, set_user},
    process::{self, MAX_RENAMES, files},
};
use crate::{
    capture::codec::{Reader, Writer},
    record::{Call, Dns, Exec, Fork, Record, Verdict, What},
};

/// Answers are looked for at least after so many records.
const LISTEN: u64 = 64;

impl Context {
    /// Takes one record; tells of it now, or when its container is known.
    pub fn take(&mut self, record: &Record<'_>, tell: &mut dyn FnMut(Told<'_>)) {
        if let Some(recorder) = &mut self.recorder {
            recorder.record(record);
        }
        self.counters.records += 1;
        if self.waiting > 0 {
            self.hear(tell);
            if record.task.time >= self.next_due {
                self.release_due(record.task.time, tell);
            }
        } else if self.counters.records.is_multiple_of(LISTEN) {
            self.hear(tell);
        }
        match &record.what {
            What::CgroupMade(group) | What::CgroupJoined { group, .. } => {
                self.group_there(group.hierarchy, group.id, group.path, record.task.time);
            }
            What::CgroupRemoved(group) => self.group_gone(&record.task, group, tell),
            _ => {
                if self.waiting == 0 || !self.hold(record, tell) {
                    self.resolve(record, tell);
                }
            }
        }
    }

    /// Puts a record by where its container is not known yet.
    fn hold(&mut self, record: &Record<'_>, tell: &mut dyn FnMut(Told<'_>)) -> bool {
        let Owner::Container(index) = self.containers.owner(record.task.cgroup) else {
            return false;
        };
        let patience = u64::try_from(self.settings.patience.as_nanos()).unwrap_or(u64::MAX);
        let Some(state) = self.containers.get_mut(index) else {
            return false;
        };
        let now = record.task.time;
        match state.wait {
            Wait::Over => return false,
            Wait::Open(_) => {
                let due = now.saturating_add(patience);
                state.wait = Wait::Until(due);
                self.next_due = self.next_due.min(due);
            }
            Wait::Until(_) => {}
        }
        let mut bytes = Writer::default();
        bytes.record(record);
        if self.held + bytes.0.len() > self.settings.most_held {
            self.release(index, tell);
            return false;
        }
        self.held += bytes.0.len();
        self.counters.held += 1;
        state.held.push(bytes.0.into());
        true
    }

    /// Lets go what waited for long enough.
    pub(super) fn release_due(&mut self, now: u64, tell: &mut dyn FnMut(Told<'_>)) {
        if self.waiting == 0 || now < self.next_due {
            return;
        }
        let due: Vec<u32> = self
            .containers
            .iter()
            .filter(|(_, state)| {
                matches!(state.wait, Wait::Until(due) | Wait::Open(Some(due)) if due <= now)
            })
            .map(|(index, _)| index)
            .collect();
        for index in due {
            self.release(index, tell);
        }
        self.next_due = self
            .containers
            .iter()
            .filter_map(|(_, state)| match state.wait {
                Wait::Until(due) | Wait::Open(Some(due)) => Some(due),
                Wait::Open(None) | Wait::Over => None,
            })
            .min()
            .unwrap_or(u64::MAX);
    }

    /// Lets go all that waits, whatever it waits for.
    pub(crate) fn let_go(&mut self, tell: &mut dyn FnMut(Told<'_>)) {
        let all: Vec<u32> = self.containers.iter().map(|(index, _)| index).collect();
        for index in all {
            self.release(index, tell);
        }
    }

    /// Lets go what waited for a container.
    pub(super) fn release(&mut self, index: u32, tell: &mut dyn FnMut(Told<'_>)) {
        let Some(state) = self.containers.get_mut(index) else {
            return;
        };
        if state.wait != Wait::Over {
            state.wait = Wait::Over;
            self.waiting = self.waiting.saturating_sub(1);
        }
        for bytes in std::mem::take(&mut state.held) {
            self.held = self.held.saturating_sub(bytes.len());
            if let Some(record) = Reader(&bytes).record() {
                self.resolve(&record, tell);
            }
        }
        if let Some(state) = self.containers.get_mut(index)
            && std::mem::take(&mut state.owes_end)
        {
            tell(Told::Ended(&state.known));
        }
    }

    /// Finds the process of a record and tells what happened.
    fn resolve(&mut self, record: &Record<'_>, tell: &mut dyn FnMut(Told<'_>)) {
        let task = &record.task;
        let slot = match self.table.find(task.pid, task.started) {
            Some(slot) => slot,
            None => self.unknown(record),
        };
        let Some(entry) = self.table.get(slot) else {
            return;
        };
        let is_ending = matches!(record.what, What::Exit { .. });
        let has_moved = entry.cgroup != task.cgroup && !is_ending && task.cgroup.unified != 0;
        if has_moved || !self.containers.is_current(entry.place) {
            let mut task = *task;
            if is_ending {
                task.cgroup = entry.cgroup;
            }
            self.settle(slot, &task);
        }
        if !self.table.is_current(slot) {
            self.table.catch_up(slot);
        }
        match &record.what {
            What::Exec(exec) => self.exec(slot, record, exec),
            What::Call(call) => {
                self.rename(slot, record);
                self.call(slot, call);
            }
            _ => self.rename(slot, record),
        }
        self.tell_of(slot, record, tell);
        match &record.what {
            What::Fork(fork) => self.fork(slot, record, fork),
            What::Exit { .. } => {
                let place = self
                    .table
                    .get(slot)
                    .and_then(|it| it.ended.is_none().then_some(it.place.container));
                self.table.end(slot, task.time);
                if let Some(place) = place {
                    self.count_process(place, false);
                }
            }
            _ => {}
        }
    }

    fn tell_of(&mut self, slot: u32, record: &Record<'_>, tell: &mut dyn FnMut(Told<'_>)) {
        if let What::Dns(dns) = &record.what {
            return self.lookup(slot, record, dns, tell);
        }
        let Some(entry) = self.table.get(slot) else {
            return;
        };
        let process = &entry.process;
        let time = self.clocks.wall(record.task.time);
        if let What::Verdict(verdict) = &record.what {
            let verdict: &Verdict<'_> = verdict;
            return tell(Told::Verdict {
                verdict,
                process,
                time,
            });
        }
        self.number += 1;
        self.counters.events += 1;
        let place = entry.place.container;
        let users = match place.and_then(|index| self.containers.get_mut(index)) {
            Some(state) => {
                state.known.events += 1;
                if !state.known.is_complete {
                    self.counters.incomplete += 1;
                }
                &*state.users
            }
            None => &*self.host_users,
        };
        let frame = Frame {
            number: self.number,
            time,
            process,
            users,
            place,
        };
        let mut each = |event: &rules::syscall::Event<'_>| {
            tell(Told::Event {
                event,
                process,
                record,
            });
        };
        match &record.what {
            What::Call(call) => self
                .scribe
                .call(&frame, record, call, &self.names, &mut each),
            What::Exec(exec) => self.scribe.exec(&frame, record, exec, &mut each),
            What::Fork(fork) => self.scribe.fork(&frame, record, fork, &mut each),
            What::Exit { code } => self.scribe.exit(&frame, record, *code, &mut each),
            _ => {}
        }
    }

    /// A process took another name.
    #[inline]
    fn rename(&mut self, slot: u32, record: &Record<'_>) {
        let task = &record.task;
        // A thread's name is its own.
        if task.tid != task.pid {
            return;
        }
        let Some(entry) = self.table.get_mut(slot) else {
            return;
        };
        if entry.name == task.name {
            return;
        }
        entry.name = task.name;
        if process::name(&task.name) == &*entry.process.name {
            return;
        }
        if entry.renames >= MAX_RENAMES {
            self.counters.renames_ignored += 1;
            return;
        }
        entry.renames += 1;
        self.table.change(slot, |process| {
            process.name = process::name(&task.name).into();
        });
    }

    /// What a call changes about its process.
    fn call(&mut self, slot: u32, call: &Call<'_>) {
        if let Some(who) = call.credentials.filter(|_| call.result >= 0) {
            let Some(entry) = self.table.get_mut(slot) else {
                return;
            };
            if entry.credentials == who {
                return;
            }
            entry.credentials = who;
            let users = match entry.place.container {
                Some(index) => self.containers.get(index).map(|state| &*state.users),
                None => Some(&*self.host_users),
            };
            self.table.change(slot, |process| {
                set_capabilities(process, &who);
                process.user.uid = who.effective_uid;
                process.user.gid = who.effective_gid;
                if let Some(users) = users {
                    set_user(process, users);
                }
            });
        }
        match call.kind {
            Kind::Setsid if call.result > 0 => self.table.change(slot, |process| {
                process.sid = call.result;
                process.pgid = process.pid;
                process.vpgid = call.result;
                process.session_leader = None;
                process.group_leader = None;
                process.tty = 0;
            }),
            Kind::Chdir | Kind::Fchdir if call.result >= 0 && !call.resolved.is_empty() => {
                let is_same = self
                    .table
                    .get(slot)
                    .is_none_or(|entry| *entry.process.working_folder == *call.resolved);
                if !is_same {
                    self.table.change(slot, |process| {
                        process.working_folder = call.resolved.into();
                    });
                }
            }
            _ => {}
        }
    }

    fn fork(&mut self, parent: u32, record: &Record<'_>, fork: &Fork) {
        let Some(entry) = self.table.get(parent) else {
            return;
        };
        // A record of the child may have come first.
        if self
            .table
            .by_pid(fork.pid)
            .and_then(|slot| self.table.get(slot))
            .is_some_and(|it| it.started == fork.started && fork.started != 0)
        {
            return;
        }
        let mut process = rules::syscall::Process::clone(&entry.process);
        let (place, who) = (entry.place, entry.credentials);
        process.vpid = i64::from(fork.virtual_pid);
        process.started = self.clocks.wall(fork.started);
        let leads = entry.process.sid == entry.process.vpid && process.session_leader.is_none();
        let leads_group = process.pgid == entry.process.pid && process.group_leader.is_none();
        if leads {
            process.session_leader = self.table.alone(record.task.pid);
        }
        if leads_group {
            process.group_leader = self.table.alone(record.task.pid);
        }
        let mut task = record.task;
        task.pid = fork.pid;
        task.tid = fork.pid;
        task.parent = record.task.pid;
        task.started = fork.started;
        let slot = self.table.insert(&task, Some(parent), false, process);
        if let Some(child) = self.table.get_mut(slot) {
            child.place = place;
            child.credentials = who;
        }
        self.count_process(place.container, true);
    }

    fn exec(&mut self, slot: u32, record: &Record<'_>, exec: &Exec<'_>) {
        let mut arguments = files::parts(exec.arguments);
        let exe = if arguments.is_empty() {
            Bytes::default()
        } else {
            arguments.remove(0)
        };
        let leader = |context: &mut Self, pid: u32| {
            (pid != record.task.pid)
                .then(|| context.table.alone(pid))
                .flatten()
        };
        let session = leader(self, exec.session);
        let group = leader(self, exec.group);
        let Some(entry) = self.table.get_mut(slot) else {
            return;
        };
        entry.name = record.task.name;
        entry.renames = 0;
        entry.credentials = exec.credentials;
        let knows_folder = !entry.has_moved && !entry.process.working_folder.is_empty();
        entry.has_moved = false;
        let place = entry.place.container;
        // What was read at the start, or a folder of another root, is not
        // where it works now.
        let folder = if knows_folder {
            None
        } else {
            self.files.working_folder(record.task.pid)
        };
        let state = place.and_then(|index| self.containers.get(index));
        let users = state.map_or(&*self.host_users, |state| &*state.users);
        let is_from_outside = self
            .table
            .get(slot)
            .and_then(|entry| entry.process.parent.as_ref())
            .is_none_or(|parent| parent.container.is_none());
        let is_check = is_from_outside
            && state.is_some_and(|state| {
                state
                    .healthcheck
                    .split_first()
                    .is_some_and(|(first, rest)| **first == *exe && *rest == *arguments)
            });
        let namespace_started = state.map_or(0, |state| state.known.container.started);
        let environment = files::parts(exec.environment);
        self.table.change(slot, |process| {
            process.name = process::name(&record.task.name).into();
            process.exe = exe;
            process.exe_path = exec.resolved.into();
            if exec.resolved.is_empty() && exec.path.starts_with(b"/") {
                process.exe_path = exec.path.into();
            }
            process.arguments = arguments;
            process.environment = environment;
            process.vpid = i64::from(exec.virtual_pid);
            process.sid = i64::from(exec.session);
            process.pgid = i64::from(exec.group);
            process.vpgid = process.pgid;
            process.session_leader = session;
            process.group_leader = group;
            set_leaders(process);
            process.tty = i64::from(exec.terminal);
            if let Some(folder) = folder {
                process.working_folder = folder;
            }
            set_capabilities(process, &exec.credentials);
            process.user.uid = exec.credentials.effective_uid;
            process.user.gid = exec.credentials.effective_gid;
            process.user.login_uid = if exec.login_uid == u32::MAX {
                -1
            } else {
                i64::from(exec.login_uid)
            };
            set_user(process, users);
            process.executable = process::executable(&exec.file, &exec.credentials);
            process.executable.namespace_started = namespace_started;
            process.stdio = exec
                .stdio
                .map(|kind| kind.map(|kind| (kind, Bytes::default())));
            if is_from_outside {
                process.is_healthcheck = is_check;
            }
        });
        // Only root makes containers that others should be told of by name.
        if place.is_none()
            && exec.credentials.effective_uid == 0
            && let Some(entry) = self.table.get(slot)
            && let Some(hint) = hint::read(&entry.process)
        {
            self.hints.put(hint);
        }
    }

    /// A message of the domain name system.
    fn lookup(
        &mut self,
        slot: u32,
        record: &Record<'_>,
        dns: &Dns<'_>,
        tell: &mut dyn FnMut(Told<'_>),
    ) {
        if !self.message.read(dns.message) {
            self.counters.unread_messages += 1;
            return;
        }
        let entry = self.table.get(slot);
        // Answers arrive while whoever is running runs: the group is right,
        // the process need not be.
        let owner = self.containers.owner(record.task.cgroup);
        let place = match owner {
            Owner::Container(index) => Some(index),
            Owner::Host | Owner::Unknown => None,
        };
        if self.message.is_answer && self.message.code == 0 {
            for address in self.message.addresses() {
                self.names.learn(place, address, self.message.name());
            }
        }
        let answers = self.message.answers(dns.message);
        tell(Told::Lookup(&Lookup {
            time: self.clocks.wall(record.task.time),
            container: place
                .and_then(|index| self.containers.get(index))
                .map(|state| &state.known.container),
            process: entry
                .filter(|entry| entry.place.container == place)
                .map(|entry| &entry.process),
            is_answer: self.message.is_answer,
            server: dns.server,
            name: self.message.name(),
            kind: self.message.kind,
            code: self.message.code,
            answers: &answers,
            size: dns.message.len(),
        }));
    }
}

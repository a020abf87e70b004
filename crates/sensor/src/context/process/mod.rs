//! The processes of this node: who they are, who made them, and what they
//! became.
//!
//! Each change makes a new version of a process; events and descendants
//! that hold an older one keep it. A process outlives its exit for a while,
//! so that records that come late still find it, and its descendants keep
//! it for as long as they live.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use rules::syscall::{Executable, Process, User};

use super::hash::FastHash;
use crate::record::{Cgroup, Credentials, Task};

pub(crate) mod capability;
pub(crate) mod files;
pub(crate) mod users;

/// Ancestors kept of a process.
pub(crate) const MAX_ANCESTORS: u32 = 64;
/// `/proc` counts a start in hundredths of a second.
const TICK: u64 = 10_000_000;
/// A process outlives its exit by so many nanoseconds.
const LINGER: u64 = 3_000_000_000;
/// A process that renames itself again and again is not followed for ever.
pub(crate) const MAX_RENAMES: u8 = 32;

/// Where a process is, as far as that was worked out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Of the table of containers; nothing on the host.
    pub(crate) container: Option<u32>,
    /// What was known of the container then.
    pub(crate) generation: u64,
}

/// What is kept of a process beside what rules see of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) process: Arc<Process>,
    pub(crate) pid: u32,
    pub(crate) started: u64,
    /// `started` was read from `/proc`, which rounds.
    is_rounded: bool,
    /// As the last record had it.
    pub(crate) cgroup: Cgroup,
    pub(crate) place: Place,
    pub(crate) credentials: Credentials,
    pub(crate) name: [u8; 16],
    pub(crate) renames: u8,
    /// Unlike that of whatever is in this slot before or after.
    pub(crate) tenancy: u64,
    parent: Option<(u32, u64)>,
    has_children: bool,
    depth: u32,
    /// What of its ancestors was looked at last.
    epoch: u64,
    /// What leads a session or a group, without what is above it.
    alone: Option<Arc<Process>>,
    pub(crate) ended: Option<u64>,
    /// It moved to another container since its last exec.
    pub(crate) has_moved: bool,
}

/// Counted for whoever runs the sensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Forgotten for want of room.
    pub(crate) evicted: u64,
    /// Not seen when they began.
    pub(crate) unknown: u64,
    /// A number that another process had.
    pub(crate) reused: u64,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    living: HashMap<u32, u32, FastHash>,
    /// Those whose number another process has by now.
    replaced: HashMap<(u32, u64), u32, FastHash>,
    leaving: VecDeque<(u64, u32, u64)>,
    limit: usize,
    versions: u64,
    tenancies: u64,
    /// Changes when a process that has children changes.
    epoch: u64,
    hand: usize,
    /// Who was found last: processes do several things in a row.
    last: u32,
    pub(crate) counts: Counts,
}

impl Table {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            living: HashMap::default(),
            replaced: HashMap::default(),
            leaving: VecDeque::new(),
            limit: limit.max(16),
            versions: 0,
            tenancies: 0,
            epoch: 0,
            hand: 0,
            last: 0,
            counts: Counts::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Entry> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// The process that has this number now.
    pub(crate) fn by_pid(&self, pid: u32) -> Option<u32> {
        self.living.get(&pid).copied()
    }

    /// The process that did something.
    #[inline]
    pub(crate) fn find(&mut self, pid: u32, started: u64) -> Option<u32> {
        if let Some(entry) = self.get(self.last)
            && (entry.pid, entry.started) == (pid, started)
            && started != 0
        {
            return Some(self.last);
        }
        let slot = *self.living.get(&pid)?;
        self.last = slot;
        let entry = self.slots.get_mut(slot as usize)?.as_mut()?;
        if entry.started == started || started == 0 {
            return Some(slot);
        }
        if entry.started == 0 || (entry.is_rounded && entry.started.abs_diff(started) <= TICK) {
            entry.started = started;
            entry.is_rounded = false;
            return Some(slot);
        }
        self.replaced.get(&(pid, started)).copied()
    }

    /// Puts a process in, made by what is in the slot `parent`. The caller
    /// fills in what it is.
    pub(crate) fn insert(
        &mut self,
        task: &Task,
        parent: Option<u32>,
        is_rounded: bool,
        mut process: Process,
    ) -> u32 {
        if let Some(old) = self.living.get(&task.pid).copied() {
            self.replace(old, task);
        }
        if self.len() >= self.limit {
            self.make_room();
        }
        let mut depth = 0;
        let mut above = None;
        if let Some(slot) = parent
            && let Some(entry) = self.get_mut(slot)
        {
            entry.has_children = true;
            depth = entry.depth + 1;
            above = Some((slot, entry.tenancy));
            let parent = Arc::clone(&entry.process);
            process.parent = Some(if depth > 2 * MAX_ANCESTORS {
                depth = MAX_ANCESTORS;
                shortened(&parent)
            } else {
                parent
            });
        }
        self.versions += 1;
        self.tenancies += 1;
        process.version = self.versions;
        process.pid = i64::from(task.pid);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        process.slot = slot;
        let entry = Entry {
            process: Arc::new(process),
            pid: task.pid,
            started: task.started,
            is_rounded,
            cgroup: task.cgroup,
            place: Place::default(),
            credentials: Credentials::default(),
            name: task.name,
            renames: 0,
            tenancy: self.tenancies,
            parent: above,
            has_children: false,
            depth,
            epoch: self.epoch,
            alone: None,
            ended: None,
            has_moved: false,
        };
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(entry);
        }
        self.living.insert(task.pid, slot);
        slot
    }

    /// Makes a new version of a process.
    pub(crate) fn change(&mut self, slot: u32, change: impl FnOnce(&mut Process)) {
        let Some(entry) = self
            .slots
            .get_mut(slot as usize)
            .and_then(|entry| entry.as_mut())
        else {
            return;
        };
        let process = Arc::make_mut(&mut entry.process);
        change(process);
        self.versions += 1;
        process.version = self.versions;
        entry.alone = None;
        if entry.has_children {
            self.epoch += 1;
        }
    }

    /// Whether an ancestor may have changed since this process was last
    /// looked at.
    #[inline]
    pub(crate) fn is_current(&self, slot: u32) -> bool {
        self.get(slot).is_none_or(|entry| entry.epoch == self.epoch)
    }

    /// Takes in what ancestors became.
    pub(crate) fn catch_up(&mut self, slot: u32) {
        let mut line = Vec::new();
        let mut at = slot;
        while let Some(entry) = self.get(at) {
            line.push(at);
            match entry.parent {
                Some((parent, tenancy))
                    if line.len() < MAX_ANCESTORS as usize
                        && self.get(parent).is_some_and(|it| it.tenancy == tenancy) =>
                {
                    at = parent;
                }
                _ => break,
            }
        }
        for pair in line.windows(2).rev() {
            let [child, parent] = *pair else { continue };
            let Some(now) = self.get(parent).map(|it| Arc::clone(&it.process)) else {
                continue;
            };
            let Some(entry) = self
                .slots
                .get_mut(child as usize)
                .and_then(|entry| entry.as_mut())
            else {
                continue;
            };
            // A parent that was taken leave of above a shortened line has
            // another version and is the same process.
            let is_same = entry
                .process
                .parent
                .as_ref()
                .is_some_and(|it| it.version == now.version);
            if !is_same && entry.depth < MAX_ANCESTORS {
                let process = Arc::make_mut(&mut entry.process);
                process.parent = Some(now);
                self.versions += 1;
                process.version = self.versions;
                entry.alone = None;
            }
            entry.epoch = self.epoch;
        }
        let epoch = self.epoch;
        if let Some(entry) = self.get_mut(slot) {
            entry.epoch = epoch;
        }
    }

    /// A process as leader of a session or group: without what is above
    /// it, so that leaders who lead each other hold nobody for ever.
    pub(crate) fn alone(&mut self, pid: u32) -> Option<Arc<Process>> {
        let slot = self.by_pid(pid)?;
        let entry = self.get_mut(slot)?;
        if entry.alone.is_none() {
            let process = &entry.process;
            entry.alone = Some(Arc::new(Process {
                slot: process.slot,
                version: process.version,
                pid: process.pid,
                vpid: process.vpid,
                name: process.name.clone(),
                exe: process.exe.clone(),
                exe_path: process.exe_path.clone(),
                container: process.container.clone(),
                started: process.started,
                ..Process::default()
            }));
        }
        entry.alone.clone()
    }

    /// A process is gone; it is forgotten a while later.
    pub(crate) fn end(&mut self, slot: u32, time: u64) {
        let Some(entry) = self.get_mut(slot) else {
            return;
        };
        if entry.ended.is_none() {
            entry.ended = Some(time);
            let tenancy = entry.tenancy;
            self.leaving.push_back((time + LINGER, slot, tenancy));
        }
    }

    /// Forgets those that ended long enough ago.
    pub(crate) fn expire(&mut self, now: u64) {
        while let Some((due, slot, tenancy)) = self.leaving.front().copied() {
            if due > now {
                break;
            }
            self.leaving.pop_front();
            if self.get(slot).is_some_and(|it| it.tenancy == tenancy) {
                self.remove(slot);
            }
        }
    }

    /// All that have not ended.
    pub(crate) fn living(&self) -> impl Iterator<Item = (u32, &Entry)> {
        self.living
            .values()
            .filter_map(|slot| Some((*slot, self.get(*slot)?)))
            .filter(|(_, entry)| entry.ended.is_none())
    }

    /// Another process has the number of the one in `old`.
    fn replace(&mut self, old: u32, by: &Task) {
        let Some(entry) = self.get(old) else { return };
        let key = (entry.pid, entry.started);
        self.living.remove(&by.pid);
        self.replaced.insert(key, old);
        self.counts.reused += 1;
        self.end(old, by.time);
    }

    fn remove(&mut self, slot: u32) -> Option<Entry> {
        let entry = self.slots.get_mut(slot as usize)?.take()?;
        if self.living.get(&entry.pid) == Some(&slot) {
            self.living.remove(&entry.pid);
        }
        if !self.replaced.is_empty() {
            self.replaced.remove(&(entry.pid, entry.started));
        }
        self.free.push(slot);
        Some(entry)
    }

    /// Those that ended go first, then whoever the hand points at: under a
    /// storm of forks that is mostly the storm.
    fn make_room(&mut self) {
        while let Some((_, slot, tenancy)) = self.leaving.pop_front() {
            if self.get(slot).is_some_and(|it| it.tenancy == tenancy) {
                self.remove(slot);
                return;
            }
        }
        for _ in 0..self.slots.len() {
            self.hand = (self.hand + 1) % self.slots.len().max(1);
            let slot = u32::try_from(self.hand).unwrap_or_default();
            let is_spared = self
                .get(slot)
                .is_none_or(|entry| entry.has_children || entry.pid <= 2);
            if !is_spared {
                self.counts.evicted += 1;
                self.remove(slot);
                return;
            }
        }
        self.hand = (self.hand + 1) % self.slots.len().max(1);
        self.counts.evicted += 1;
        self.remove(u32::try_from(self.hand).unwrap_or_default());
    }
}

/// The line above a process, cut at its far end.
fn shortened(process: &Arc<Process>) -> Arc<Process> {
    let line: Vec<_> = std::iter::successors(Some(process), |it| it.parent.as_ref())
        .take(MAX_ANCESTORS as usize)
        .collect();
    let mut above = None;
    for process in line.into_iter().rev() {
        let mut copy = Process::clone(process);
        copy.parent = above;
        above = Some(Arc::new(copy));
    }
    above.unwrap_or_else(|| Arc::clone(process))
}

/// Who runs a process, by the names of its place.
pub(crate) fn user(uid: u32, gid: u32, login: u32, users: &users::Users) -> User {
    let mut user = User {
        uid,
        gid,
        login_uid: if login == u32::MAX {
            -1
        } else {
            i64::from(login)
        },
        ..User::default()
    };
    match users.user(uid) {
        Some(person) => {
            user.name.clone_from(&person.name);
            user.home.clone_from(&person.home);
            user.shell.clone_from(&person.shell);
        }
        // Many images have no passwd; 0 is root everywhere.
        None if uid == 0 => user.name = b"root".as_slice().into(),
        None => {}
    }
    match users.group(gid) {
        Some(group) => user.group = group.into(),
        None if gid == 0 => user.group = b"root".as_slice().into(),
        None => {}
    }
    if login != u32::MAX {
        user.login_name = match users.user(login) {
            Some(person) => person.name.clone(),
            None if login == 0 => b"root".as_slice().into(),
            None => rules::syscall::Bytes::default(),
        };
    }
    user
}

/// What is known of the file a process runs.
pub(crate) fn executable(file: &crate::record::File, who: &Credentials) -> Executable {
    // The owner is not known here: what anybody may write, or what the
    // permissions do not hold back.
    let is_writable = who.effective & capability::DAC_OVERRIDE != 0 || file.mode & 0o002 != 0;
    Executable {
        is_writable,
        is_upper_layer: file.is_overlay && file.is_upper,
        is_lower_layer: file.is_overlay && !file.is_upper,
        is_memfd: file.is_memfd,
        inode: file.inode,
        changed: file.changed,
        modified: file.modified,
        namespace_started: 0,
    }
}

/// `comm` without what follows its end.
pub(crate) fn name(name: &[u8; 16]) -> &[u8] {
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(15);
    name.get(..end.min(15)).unwrap_or_default()
}

#[cfg(test)]
mod tests;

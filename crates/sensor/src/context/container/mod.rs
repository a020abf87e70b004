//! The containers of this node, and which control group is whose.
//!
//! The kernel tells of a group before any process is in it, so a container
//! is known before its first process begins; those that were there before
//! are found by walking the mounted hierarchies. Numbers of groups are good
//! for one hierarchy only. What the runtime keeps of a container arrives
//! later, from another thread.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use rules::syscall::{Bytes, Container};

use super::{
    Known,
    hash::FastHash,
    metadata::{Found, Hint},
    process::{Place, users::Users},
};
use crate::record::Cgroup;

pub(crate) mod hint;
pub(crate) mod mounts;
pub(crate) mod path;

/// Control groups remembered.
const MAX_GROUPS: usize = 65_536;
/// A container outlives its last group by so many nanoseconds.
const LINGER: u64 = 3_000_000_000;
/// The root of each hierarchy has this number; 0 is none at all.
const ROOT: u64 = 1;

/// A container, and how far it is known.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) known: Known,
    /// Changes with what is known; unlike that of any other container.
    pub(crate) generation: u64,
    /// What the generation was at first.
    born: u64,
    pub(crate) users: Arc<Users>,
    /// Words of the command that asks whether it is well.
    pub(crate) healthcheck: Vec<Bytes>,
    pub(crate) wait: Wait,
    /// Records kept until more is known, and by when they are let go.
    pub(crate) held: Vec<Box<[u8]>>,
    /// Path of its group in one of the hierarchies.
    pub(crate) path: Bytes,
    groups: u32,
    pub(crate) is_ended: bool,
    /// Its end is told once its records are.
    pub(crate) owes_end: bool,
    /// Its users were asked for again, by a process in it.
    pub(crate) asked_by_process: bool,
}

/// Whose a group is.
#[derive(Clone, Copy, Debug, Default)]
struct Member {
    /// A container, and when it was heard of first: its place may be
    /// another's by now.
    container: Option<(u32, u64)>,
    is_gone: bool,
}

/// Whether records of a container wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// No record came yet; one that does nothing is not waited for without
    /// end, because all others look whether they have to.
    Open(Option<u64>),
    Until(u64),
    /// It is known, or was waited for long enough.
    Over,
}

/// What a control group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Host,
    Container(u32),
    /// Not heard of: made before the sensor looked, or lost.
    Unknown,
}

/// Counted for whoever runs the sensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) seen: u64,
    /// Containers and groups there was no room for.
    pub(crate) refused: u64,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Containers {
    /// Number of the older hierarchy that records speak of.
    pub(crate) legacy: u32,
    groups: HashMap<(u32, u64), Member, FastHash>,
    /// Groups that are gone, and when they are forgotten: records that
    /// waited, or came late, still speak of them.
    gone: VecDeque<(u64, (u32, u64))>,
    list: Vec<Option<State>>,
    free: Vec<u32>,
    by_id: HashMap<Bytes, u32, FastHash>,
    /// Groups whose name alone does not say that they are a container.
    chosen: HashMap<Bytes, u32, FastHash>,
    leaving: VecDeque<(u64, u32)>,
    forgotten: Vec<u32>,
    generations: u64,
    limit: usize,
    /// What processes of the host are told to have seen last.
    pub(crate) host_generation: u64,
    pub(crate) counts: Counts,
}

/// A group that was made, or found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made<'a> {
    pub(crate) hierarchy: u32,
    pub(crate) id: u64,
    pub(crate) path: &'a [u8],
    /// Its maker is a runtime, and says which container it makes.
    pub(crate) hint: Option<&'a Hint>,
    /// Whether a runtime keeps a container of this name.
    pub(crate) is_kept: bool,
    /// Nanoseconds since 1970.
    pub(crate) time: i64,
}

impl Containers {
    pub(crate) fn new(legacy: u32, limit: usize) -> Self {
        Self {
            legacy,
            groups: HashMap::default(),
            gone: VecDeque::new(),
            list: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::default(),
            chosen: HashMap::default(),
            leaving: VecDeque::new(),
            forgotten: Vec::new(),
            generations: 1,
            limit: limit.max(1),
            host_generation: 1,
            counts: Counts::default(),
        }
    }

    pub(crate) fn get(&self, index: u32) -> Option<&State> {
        self.list.get(index as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut State> {
        self.list.get_mut(index as usize)?.as_mut()
    }

    pub(crate) fn by_id(&self, id: &[u8]) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &State)> {
        (0..)
            .zip(&self.list)
            .filter_map(|(index, state)| Some((index, state.as_ref()?)))
    }

    /// Whether what was worked out for a process still holds.
    #[inline]
    pub(crate) fn is_current(&self, place: Place) -> bool {
        match place.container {
            None => place.generation == self.host_generation,
            Some(index) => self
                .get(index)
                .is_some_and(|state| state.generation == place.generation),
        }
    }

    /// Whose a process is that is in this group.
    pub(crate) fn owner(&self, cgroup: Cgroup) -> Owner {
        let unified = self.of(0, cgroup.unified);
        if let Owner::Container(_) = unified {
            return unified;
        }
        match self.of(self.legacy, cgroup.legacy) {
            Owner::Host => unified,
            legacy => legacy,
        }
    }

    fn is_born(&self, index: u32, born: u64) -> bool {
        self.get(index).is_some_and(|state| state.born == born)
    }

    fn of(&self, hierarchy: u32, id: u64) -> Owner {
        if id <= ROOT {
            return Owner::Host;
        }
        match self.groups.get(&(hierarchy, id)).map(|it| it.container) {
            Some(Some((index, born))) if self.is_born(index, born) => Owner::Container(index),
            Some(None) => Owner::Host,
            _ => Owner::Unknown,
        }
    }

    /// Whether records speak of groups of this hierarchy.
    pub(crate) fn is_watched(&self, hierarchy: u32) -> bool {
        hierarchy == 0 || hierarchy == self.legacy
    }

    /// A group is there; says which container it is of, and whether that is
    /// new.
    pub(crate) fn made(&mut self, made: &Made<'_>) -> Option<(u32, bool)> {
        if !self.is_watched(made.hierarchy) {
            return None;
        }
        let key = (made.hierarchy, made.id);
        if let Some(known) = self.groups.get(&key).filter(|it| !it.is_gone) {
            return known.container.map(|(index, _)| (index, false));
        }
        let found = self.identify(made);
        if self.groups.len() >= MAX_GROUPS
            && let Some((_, key)) = self.gone.pop_front()
        {
            self.groups.remove(&key);
        }
        if self.groups.len() >= MAX_GROUPS {
            self.counts.refused += 1;
            return None;
        }
        let Some((id, inner, runtime, is_chosen)) = found else {
            self.groups.insert(key, Member::default());
            return None;
        };
        let (index, is_new) = match self.by_id.get(&id) {
            Some(index) => (*index, false),
            None => (self.add(id, runtime, made)?, true),
        };
        let born = self.get(index).map_or(0, |state| state.born);
        self.groups.insert(
            key,
            Member {
                container: Some((index, born)),
                is_gone: false,
            },
        );
        if is_chosen {
            self.chosen.insert(made.path.into(), index);
        }
        if let Some(state) = self.get_mut(index) {
            state.groups += 1;
            state.is_ended = false;
            if inner.is_some() {
                state.known.inner = inner;
            } else if made.hierarchy == 0 && state.known.cgroup.unified == 0 {
                state.known.cgroup.unified = made.id;
            } else if made.hierarchy != 0 && state.known.cgroup.legacy == 0 {
                state.known.cgroup.legacy = made.id;
            }
        }
        Some((index, is_new))
    }

    /// Identity, what is inside, runtime, and whether the name was chosen.
    fn identify(&self, made: &Made<'_>) -> Option<(Bytes, Option<Bytes>, &'static str, bool)> {
        // A folder inside of a container with a chosen name is of it.
        if !self.chosen.is_empty() {
            let mut at = made.path;
            while let Some(end) = at.iter().rposition(|byte| *byte == b'/') {
                if let Some(state) = self.chosen.get(at).and_then(|index| self.get(*index)) {
                    let inner = (at.len() < made.path.len())
                        .then(|| path::identify(made.path))
                        .flatten()
                        .map(|it| it.id);
                    let is_same = at.len() == made.path.len();
                    return Some((state.known.container.full_id.clone(), inner, "", is_same));
                }
                at = at.get(..end).unwrap_or_default();
            }
        }
        if let Some(found) = path::identify(made.path) {
            // A pod's containers are of an engine above the runtime.
            let runtime = match made.hint {
                Some(hint)
                    if found.runtime.is_empty()
                        && *hint.id == *found.id
                        && path::pod_of(made.path).is_none() =>
                {
                    hint.runtime
                }
                _ => found.runtime,
            };
            return Some((found.id, found.inner, runtime, false));
        }
        let name = path::candidate(made.path)?;
        if let Some(hint) = made.hint
            && *hint.id == *name
        {
            return Some((name.into(), None, hint.runtime, true));
        }
        made.is_kept.then(|| (name.into(), None, "", true))
    }

    fn add(&mut self, id: Bytes, runtime: &str, made: &Made<'_>) -> Option<u32> {
        if self.by_id.len() >= self.limit && !self.forget_one() {
            self.counts.refused += 1;
            return None;
        }
        self.counts.seen += 1;
        self.generations += 1;
        let container = Container {
            full_id: id.clone(),
            runtime: runtime.as_bytes().into(),
            started: made.time,
            ..Container::default()
        };
        let state = State {
            known: Known {
                container: Arc::new(container),
                cgroup: Cgroup::default(),
                inner: None,
                is_complete: false,
                processes: 0,
                events: 0,
            },
            generation: self.generations,
            born: self.generations,
            users: Arc::default(),
            healthcheck: Vec::new(),
            wait: Wait::Open(None),
            held: Vec::new(),
            path: made.path.into(),
            groups: 0,
            is_ended: false,
            owes_end: false,
            asked_by_process: false,
        };
        let index = self.free.pop().unwrap_or_else(|| {
            self.list.push(None);
            u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.list.get_mut(index as usize) {
            *place = Some(state);
        }
        self.by_id.insert(id, index);
        Some(index)
    }

    /// Gives those a deadline that have none; says whether there were any.
    pub(crate) fn set_idle_due(&mut self, due: u64) -> bool {
        let mut any = false;
        for state in self.list.iter_mut().flatten() {
            if state.wait == Wait::Open(None) {
                state.wait = Wait::Open(Some(due));
                any = true;
            }
        }
        any
    }

    /// More is known of a container; nothing where it is gone by now.
    pub(crate) fn learn(&mut self, found: Found) -> Option<u32> {
        let index = self.by_id(&found.container.full_id)?;
        self.generations += 1;
        let generation = self.generations;
        let state = self.get_mut(index)?;
        let before = &state.known.container;
        let mut container = found.container;
        if container.started == 0 {
            container.started = before.started;
        }
        if container.runtime.is_empty() {
            container.runtime.clone_from(&before.runtime);
        }
        state.known.container = Arc::new(container);
        state.known.is_complete |= found.is_complete;
        state.generation = generation;
        if let Some(users) = found.users {
            state.users = Arc::new(users);
        }
        if !found.healthcheck.is_empty() {
            state.healthcheck = found.healthcheck;
        }
        Some(index)
    }

    /// A group is gone; says whose it was where it was the last.
    pub(crate) fn removed(
        &mut self,
        hierarchy: u32,
        id: u64,
        path: &[u8],
        now: u64,
    ) -> Option<u32> {
        let member = self.groups.get_mut(&(hierarchy, id))?;
        if std::mem::replace(&mut member.is_gone, true) {
            return None;
        }
        let of = member.container;
        self.gone.push_back((now + LINGER, (hierarchy, id)));
        let (index, _) = of.filter(|(index, born)| self.is_born(*index, *born))?;
        self.chosen.remove(path);
        let state = self.get_mut(index)?;
        state.groups = state.groups.saturating_sub(1);
        if state.groups > 0 {
            return None;
        }
        state.is_ended = true;
        self.leaving.push_back((now + LINGER, index));
        Some(index)
    }

    /// Forgets containers that ended long enough ago; gives the numbers
    /// that others may have from now on.
    pub(crate) fn expire(&mut self, now: u64) -> Vec<u32> {
        while let Some((due, key)) = self.gone.front().copied() {
            if due > now {
                break;
            }
            self.gone.pop_front();
            // One that was made anew meanwhile stays.
            if self.groups.get(&key).is_some_and(|it| it.is_gone) {
                self.groups.remove(&key);
            }
        }
        while let Some((due, index)) = self.leaving.front().copied() {
            if due > now {
                break;
            }
            self.leaving.pop_front();
            self.forget(index);
        }
        std::mem::take(&mut self.forgotten)
    }

    fn forget_one(&mut self) -> bool {
        while let Some((_, index)) = self.leaving.pop_front() {
            if self.forget(index) {
                return true;
            }
        }
        false
    }

    fn forget(&mut self, index: u32) -> bool {
        if !self.get(index).is_some_and(|state| state.is_ended) {
            return false;
        }
        let Some(state) = self.list.get_mut(index as usize).and_then(Option::take) else {
            return false;
        };
        self.by_id.remove(&state.known.container.full_id);
        self.free.push(index);
        self.forgotten.push(index);
        true
    }

    /// Groups remembered, and containers.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.groups.len(), self.by_id.len())
    }
}

#[cfg(test)]
mod life;
#[cfg(test)]
mod tests;

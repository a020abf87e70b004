//! Processes that were seen lately, in a fixed number of slots: what a
//! trace says of those that are no ancestors of whom an alert is about.
//!
//! Limits: [`MAX_FACTS`] processes, the oldest go first; texts are cut.

use std::collections::HashMap;

use rules::syscall::Process;

use super::{
    history::{History, Seat, Whose},
    text,
};
use rules::syscall::{Event, Kind};

/// Processes remembered: one and a half megabytes.
const MAX_FACTS: usize = 4096;
/// Slots of the table of processes that are looked at.
const MAX_SLOTS: usize = 1 << 18;

/// What is remembered of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) pid: u32,
    pub(super) parent: u32,
    /// Nanoseconds since 1970.
    pub(super) started: i64,
    /// 0: it still runs, as far as is known.
    pub(super) ended: i64,
    pub(super) uid: u32,
    pub(super) is_in_container: bool,
    name: Text<16>,
    path: Text<96>,
    command: Text<200>,
    user: Text<20>,
}

#[derive(Clone, Copy, Debug)]
struct Text<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    const EMPTY: Self = Self {
        length: 0,
        bytes: [0; N],
    };

    fn of(text: &[u8]) -> Self {
        let mut new = Self::EMPTY;
        new.write(text);
        new
    }

    fn write(&mut self, text: &[u8]) {
        let from = usize::from(self.length);
        let room = self.bytes.get_mut(from..).unwrap_or_default();
        let taken = text.len().min(room.len());
        for (to, byte) in room.iter_mut().zip(text) {
            *to = *byte;
        }
        self.length = u8::try_from(from + taken).unwrap_or(u8::MAX);
    }

    fn get(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

impl Facts {
    fn of(process: &Process) -> Self {
        let mut command = Text::EMPTY;
        text::write_command(process, 200, &mut |part| command.write(part));
        let parent = process.parent.as_ref().map_or(0, |it| it.pid);
        Self {
            pid: u32::try_from(process.pid).unwrap_or_default(),
            parent: u32::try_from(parent).unwrap_or_default(),
            started: process.started,
            ended: 0,
            uid: process.user.uid,
            is_in_container: process.container.is_some(),
            name: Text::of(&process.name),
            path: Text::of(&process.exe_path),
            command,
            user: Text::of(&process.user.name),
        }
    }

    pub(super) fn name(&self) -> &[u8] {
        self.name.get()
    }

    pub(super) fn path(&self) -> &[u8] {
        self.path.get()
    }

    pub(super) fn command(&self) -> &[u8] {
        self.command.get()
    }

    pub(super) fn user(&self) -> &[u8] {
        self.user.get()
    }
}

/// What changed about a process since its event before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) uid: u32,
    /// It might have changed its user itself.
    pub(super) may_set_user: bool,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    version: u64,
    pid: u32,
    seat: Seat,
    before: Before,
}

/// Processes by their slot, and facts by their id.
#[derive(Debug, Default)]
pub(super) struct Processes {
    slots: Vec<Option<Place>>,
    facts: Vec<Facts>,
    oldest: usize,
    by_pid: HashMap<u32, u32>,
}

/// Where a process's history is, and what it was before where it changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) seat: Seat,
    pub(super) before: Option<Before>,
}

impl Processes {
    /// Looks its process up; the work is done where it changed.
    pub(super) fn see(&mut self, event: &Event<'_>, history: &mut History) -> Seen {
        let process = event.process;
        let at = process.slot as usize;
        if let Some(Some(place)) = self.slots.get(at)
            && place.version == process.version
        {
            let seat = place.seat;
            if event.kind == Kind::Procexit {
                self.ended(place.pid, event.time);
            }
            return Seen { seat, before: None };
        }
        let seat = history.seat(Whose::of(event.process), event.time / 1000);
        let pid = self.remember(process);
        let mut before = None;
        if at < MAX_SLOTS {
            if self.slots.len() <= at {
                self.slots.resize(at + 1, None);
            }
            if let Some(place) = self.slots.get_mut(at) {
                before = place
                    .filter(|place| place.pid == pid)
                    .map(|place| place.before);
                *place = Some(Place {
                    version: process.version,
                    pid,
                    seat,
                    before: Before {
                        uid: process.user.uid,
                        may_set_user: has(&process.permitted, b"CAP_SETUID"),
                    },
                });
            }
        }
        if event.kind == Kind::Procexit {
            self.ended(pid, event.time);
        }
        Seen { seat, before }
    }

    /// A seat was given to somebody else.
    pub(super) fn reseat(&mut self, event: &Event<'_>, history: &mut History) -> Seat {
        let seat = history.seat(Whose::of(event.process), event.time / 1000);
        if let Some(Some(place)) = self.slots.get_mut(event.process.slot as usize) {
            place.seat = seat;
        }
        seat
    }

    fn remember(&mut self, process: &Process) -> u32 {
        let facts = Facts::of(process);
        let known = self.by_pid.get(&facts.pid).copied();
        if let Some(place) = known.and_then(|at| self.facts.get_mut(at as usize))
            && place.pid == facts.pid
        {
            *place = facts;
            return facts.pid;
        }
        let at = if self.facts.len() < MAX_FACTS {
            self.facts.push(facts);
            self.facts.len() - 1
        } else {
            let at = self.oldest;
            self.oldest = (self.oldest + 1) % MAX_FACTS;
            if let Some(place) = self.facts.get_mut(at) {
                self.by_pid.remove(&place.pid);
                *place = facts;
            }
            at
        };
        self.by_pid
            .insert(facts.pid, u32::try_from(at).unwrap_or_default());
        facts.pid
    }

    fn ended(&mut self, pid: u32, time: i64) {
        let at = self.by_pid.get(&pid).copied();
        if let Some(facts) = at.and_then(|at| self.facts.get_mut(at as usize)) {
            facts.ended = time;
        }
    }

    pub(super) fn get(&self, pid: u32) -> Option<&Facts> {
        self.facts.get(*self.by_pid.get(&pid)? as usize)
    }
}

/// Whether one of the words, parted by blanks, is this.
pub(super) fn has(words: &[u8], word: &[u8]) -> bool {
    words
        .split(|byte| matches!(byte, b' ' | b','))
        .any(|each| each.eq_ignore_ascii_case(word))
}

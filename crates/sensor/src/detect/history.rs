//! What each container did lately, in a fixed number of slots.
//!
//! # What
//! The last two minutes of every container, and of every session of the
//! host's own processes: what was executed, written, connected to, asked
//! for. Repeats in a row are one entry with a count.
//!
//! # Why
//! An alert without what came before is a riddle. Asking afterwards is too
//! late: the container may be gone.
//!
//! # Limits
//! At most 200 entries for each container, of [`MAX_CHUNKS`] chunks of 25
//! in all; when none is free, whoever was silent longest gives
//! theirs. Texts are cut at 110 bytes. Nothing is allocated after the
//! first minutes, and nothing at all while an event is noted into a chunk
//! that has room. Reads of libraries and of the kernel's own files are not
//! noted.

use std::collections::{HashMap, VecDeque};

use rules::syscall::{Container, Process};

use super::entry::Entry;

/// How far back an alert looks, in microseconds.
pub(super) const SPAN: i64 = 120_000_000;
/// Entries of one chunk.
const CHUNK: usize = 25;
/// Chunks of one ring.
const RING_CHUNKS: usize = 8;
/// Entries kept of one container.
#[cfg(test)]
const MAX_RING: usize = CHUNK * RING_CHUNKS;
/// Chunks of all: four megabytes.
const MAX_CHUNKS: usize = 1_280;
/// How far back a repeat is looked for.
const REPEATS: usize = 4;

/// Whose history it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Whose {
    /// The first bytes of its id.
    Container([u8; 32]),
    /// A session of the host's own processes.
    Session(i64),
}

impl Whose {
    pub(super) fn of(process: &Process) -> Self {
        match &process.container {
            Some(container) => Self::of_container(container),
            None => Self::Session(process.sid),
        }
    }

    pub(super) fn of_container(container: &Container) -> Self {
        let mut id = [0; 32];
        for (to, from) in id.iter_mut().zip(&container.full_id) {
            *to = *from;
        }
        Self::Container(id)
    }
}

#[derive(Debug)]
struct Ring {
    whose: Whose,
    /// Changes when it is given to somebody else.
    turn: u32,
    chunks: VecDeque<u16>,
    /// When something was noted last.
    last: i64,
    /// When it was last told whole.
    told: i64,
    /// Entries that were given up while they were still of interest, and
    /// when.
    lost: u64,
    lost_at: i64,
}

/// Where a ring is, as long as it is still the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    ring: u32,
    turn: u32,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: Vec<Vec<Entry>>,
    free: Vec<u16>,
    rings: Vec<Ring>,
    by_whose: HashMap<Whose, u32>,
    /// Rings nobody has.
    spare: Vec<u32>,
}

impl History {
    /// Where whoever it is has their history.
    pub(super) fn seat(&mut self, whose: Whose, time: i64) -> Seat {
        if let Some(at) = self.by_whose.get(&whose)
            && let Some(ring) = self.rings.get(*at as usize)
        {
            return Seat {
                ring: *at,
                turn: ring.turn,
            };
        }
        let at = match self.spare.pop() {
            Some(at) => at,
            None if self.rings.len() < MAX_CHUNKS => {
                self.rings.push(Ring {
                    whose,
                    turn: 0,
                    chunks: VecDeque::with_capacity(RING_CHUNKS),
                    last: time,
                    told: i64::MIN,
                    lost: 0,
                    lost_at: i64::MIN,
                });
                u32::try_from(self.rings.len() - 1).unwrap_or_default()
            }
            None => {
                let at = self.most_silent(None);
                self.empty(at);
                self.spare.pop().unwrap_or(at)
            }
        };
        let mut turn = 0;
        if let Some(ring) = self.rings.get_mut(at as usize) {
            ring.whose = whose;
            ring.last = time;
            ring.told = i64::MIN;
            ring.lost = 0;
            turn = ring.turn;
        }
        self.by_whose.insert(whose, at);
        Seat { ring: at, turn }
    }

    /// Notes it, or counts it where it is the same again. `false`: the
    /// seat is somebody else's by now.
    pub(super) fn note(&mut self, seat: Seat, entry: &Entry) -> bool {
        let Some(ring) = self.rings.get_mut(seat.ring as usize) else {
            return false;
        };
        if ring.turn != seat.turn {
            return false;
        }
        ring.last = ring.last.max(entry.time);
        if let Some(chunk) = ring
            .chunks
            .back()
            .and_then(|at| self.entries.get_mut(usize::from(*at)))
        {
            for known in chunk.iter_mut().rev().take(REPEATS) {
                if known.pid == entry.pid
                    && known.kind == entry.kind
                    && known.text() == entry.text()
                {
                    known.count = known.count.saturating_add(1);
                    known.time = known.time.max(entry.time);
                    return true;
                }
            }
            if chunk.len() < CHUNK {
                chunk.push(*entry);
                return true;
            }
        }
        let at = self.chunk_for(seat.ring, entry.time);
        if let Some(chunk) = self.entries.get_mut(usize::from(at)) {
            chunk.clear();
            chunk.push(*entry);
        }
        if let Some(ring) = self.rings.get_mut(seat.ring as usize) {
            ring.chunks.push_back(at);
        }
        true
    }

    /// A chunk for a ring whose last is full: its own oldest where that
    /// is of no interest any more or it has enough, else a free one.
    fn chunk_for(&mut self, at: u32, now: i64) -> u16 {
        if let Some(ring) = self.rings.get_mut(at as usize)
            && let Some(oldest) = ring.chunks.front().copied()
            && let Some(chunk) = self.entries.get(usize::from(oldest))
        {
            let is_old = chunk.last().is_none_or(|entry| entry.time < now - SPAN);
            if is_old || ring.chunks.len() >= RING_CHUNKS {
                if !is_old {
                    if ring.lost_at < now - SPAN {
                        ring.lost = 0;
                    }
                    ring.lost += chunk.len() as u64;
                    ring.lost_at = now;
                }
                ring.chunks.pop_front();
                return oldest;
            }
        }
        if let Some(free) = self.free.pop() {
            return free;
        }
        if self.entries.len() < MAX_CHUNKS {
            self.entries.push(Vec::with_capacity(CHUNK));
            return u16::try_from(self.entries.len() - 1).unwrap_or_default();
        }
        let silent = self.most_silent(Some(at));
        self.empty(silent);
        // Whoever was silent longest had at least one, or we have all.
        self.free.pop().unwrap_or_else(|| {
            let ring = self.rings.get_mut(at as usize);
            ring.and_then(|ring| ring.chunks.pop_front())
                .unwrap_or_default()
        })
    }

    fn most_silent(&self, but: Option<u32>) -> u32 {
        let rings = (0..).zip(&self.rings);
        rings
            .filter(|(at, ring)| Some(*at) != but && (but.is_none() || !ring.chunks.is_empty()))
            .min_by_key(|(_, ring)| ring.last)
            .map_or(0, |(at, _)| at)
    }

    /// Takes a ring from whoever has it.
    fn empty(&mut self, at: u32) {
        if let Some(ring) = self.rings.get_mut(at as usize) {
            self.free.extend(ring.chunks.drain(..));
            ring.turn = ring.turn.wrapping_add(1);
            if self.by_whose.remove(&ring.whose).is_some() {
                self.spare.push(at);
            }
        }
    }

    /// What is still of interest, oldest first, and how many more there
    /// were.
    pub(super) fn read(&self, seat: Seat, now: i64) -> (impl Iterator<Item = &Entry>, u64) {
        let ring = self
            .rings
            .get(seat.ring as usize)
            .filter(|ring| ring.turn == seat.turn);
        let lost = ring
            .filter(|ring| ring.lost_at >= now - SPAN)
            .map_or(0, |ring| ring.lost);
        let entries = ring
            .into_iter()
            .flat_map(|ring| &ring.chunks)
            .filter_map(|at| self.entries.get(usize::from(*at)))
            .flatten()
            .filter(move |entry| entry.time >= now - SPAN);
        (entries, lost)
    }

    /// Whether it may be told whole now; says yes once in `apart`.
    pub(super) fn may_tell(&mut self, seat: Seat, now: i64, apart: i64) -> bool {
        let Some(ring) = self.rings.get_mut(seat.ring as usize) else {
            return false;
        };
        let since = now.saturating_sub(ring.told);
        if ring.turn != seat.turn || (0..apart).contains(&since) {
            return false;
        }
        ring.told = now;
        true
    }
}

#[cfg(test)]
mod tests {
    use model::alert::TraceKind;

    use super::*;

    fn entry(time: i64, text: &str) -> Entry {
        Entry::new(time * 1000, 1, TraceKind::Write, text.as_bytes())
    }

    fn texts(history: &History, seat: Seat, now: i64) -> Vec<String> {
        let (entries, _) = history.read(seat, now);
        entries
            .map(|entry| String::from_utf8_lossy(entry.text()).into_owned())
            .collect()
    }

    #[test]
    fn repeats_are_counted_and_what_is_old_is_not_told() {
        let mut history = History::default();
        let seat = history.seat(Whose::Session(1), 0);
        for (time, text) in [(0, "a"), (1, "b"), (2, "a"), (SPAN + 1, "c")] {
            assert!(history.note(seat, &entry(time, text)));
        }
        assert_eq!(texts(&history, seat, SPAN + 1), ["a", "b", "c"]);
        assert_eq!(texts(&history, seat, SPAN + 2), ["a", "c"]);
        let (entries, lost) = history.read(seat, SPAN);
        assert_eq!(entries.map(|it| it.count).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(lost, 0);
    }

    #[test]
    fn one_container_keeps_so_many_and_says_how_many_more_there_were() {
        let mut history = History::default();
        let seat = history.seat(Whose::Session(1), 0);
        for number in 0..1000 {
            history.note(seat, &entry(number, &number.to_string()));
        }
        let (entries, lost) = history.read(seat, 1000);
        let kept = entries.count();
        assert!((MAX_RING - CHUNK..=MAX_RING).contains(&kept), "{kept}");
        assert_eq!(kept as u64 + lost, 1000);
        assert_eq!(history.entries.len(), RING_CHUNKS);
    }

    #[test]
    fn memory_is_fixed_and_the_silent_give_way() {
        let mut history = History::default();
        let busy = history.seat(Whose::Session(-1), 0);
        for session in 0..5000_i64 {
            let seat = history.seat(Whose::Session(session), session);
            for text in 0..40 {
                assert!(history.note(seat, &entry(session, &text.to_string())));
            }
            assert!(history.note(busy, &entry(session, "x")));
        }
        assert!(history.entries.len() <= MAX_CHUNKS && history.rings.len() <= MAX_CHUNKS);
        assert!(history.entries.iter().all(|it| it.capacity() == CHUNK));
        assert!(history.by_whose.len() <= MAX_CHUNKS);
        assert_eq!(texts(&history, busy, 4999), ["x"]);
        let newest = history.seat(Whose::Session(4999), 4999);
        assert_eq!(texts(&history, newest, 4999).len(), 40);
        // An old seat leads nowhere.
        assert!(!history.note(Seat { ring: 1, turn: 77 }, &entry(0, "x")));
    }

    #[test]
    fn whole_histories_are_told_apart_in_time() {
        let mut history = History::default();
        let seat = history.seat(Whose::Session(1), 0);
        assert!(history.may_tell(seat, 0, 10));
        assert!(!history.may_tell(seat, 9, 10));
        assert!(history.may_tell(seat, 10, 10));
        // The clock was set back.
        assert!(history.may_tell(seat, 5, 10));
    }

    proptest::proptest! {
        /// No order of seats and notes loses a chunk.
        #[test]
        fn chunks_are_never_lost(steps in proptest::collection::vec((0..60_i64, 0..90_u8), 0..400)) {
            let mut history = History::default();
            for (time, (session, notes)) in (0..).zip(steps) {
                let seat = history.seat(Whose::Session(session), time);
                for note in 0..notes {
                    history.note(seat, &entry(time, &note.to_string()));
                }
            }
            let used: usize = history.rings.iter().map(|ring| ring.chunks.len()).sum();
            proptest::prop_assert_eq!(used + history.free.len(), history.entries.len());
        }
    }
}

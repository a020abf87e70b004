//! Images that requests name and nobody read yet: a bounded line of names
//! that go to the server.
//!
//! Whoever may ask a cluster for pods chooses those names. A name is told
//! once in a while, and what there is no room for is told when it is named
//! again.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard},
};

use jiff::{SignedDuration, Timestamp};

/// Names that wait, and those remembered as told.
const WAITING: usize = 1_000;
const REMEMBERED: usize = 5_000;
/// How long what was told is remembered at most.
const QUIET: SignedDuration = SignedDuration::from_mins(10);
/// A longer name is nobody's.
const LONGEST: usize = 500;

#[derive(Debug, Default)]
struct Names {
    waiting: VecDeque<String>,
    /// Those that wait, too.
    told: HashSet<String>,
    since: Timestamp,
}

/// The line.
#[derive(Debug, Default)]
pub struct Unread(Mutex<Names>);

impl Unread {
    fn names(&self) -> MutexGuard<'_, Names> {
        self.0.lock().expect("invariant: no panic under the lock")
    }

    /// Notes a name, where it is new and there is room.
    pub fn note(&self, image: String, now: Timestamp) {
        let mut names = self.names();
        if now.duration_since(names.since) >= QUIET || names.told.len() >= REMEMBERED {
            names.told = names.waiting.iter().cloned().collect();
            names.since = now;
        }
        let has_room = image.len() <= LONGEST && names.waiting.len() < WAITING;
        if has_room && names.told.insert(image.clone()) {
            names.waiting.push_back(image);
        }
    }

    /// The first few, which stay until they are [`Self::sent`].
    pub fn first(&self, most: usize) -> Vec<String> {
        self.names().waiting.iter().take(most).cloned().collect()
    }

    /// The first `count` are where they should be.
    pub fn sent(&self, count: usize) {
        let mut names = self.names();
        let count = count.min(names.waiting.len());
        names.waiting.drain(..count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_name_is_told_once_in_a_while() {
        let unread = Unread::default();
        let mut told = Vec::new();
        for second in [1_000, 1_001, 1_599, 1_600, 1_601] {
            unread.note("nginx:1".to_owned(), at(second));
            let first = unread.first(10);
            unread.sent(first.len());
            told.push(first.len());
        }
        assert_eq!(told, [1, 0, 0, 1, 0]);
        unread.note("redis:7".to_owned(), at(1_602));
        assert_eq!(unread.first(10), ["redis:7"]);
        // One that waits does not wait twice, however long that takes.
        unread.note("redis:7".to_owned(), at(9_000));
        assert_eq!(unread.first(10), ["redis:7"], "it stays until it was sent");
    }

    #[test]
    fn a_flood_of_names_is_bounded() {
        let unread = Unread::default();
        for round in 0..20 {
            for number in 0..WAITING + 50 {
                unread.note(format!("registry.example/{round}:{number}"), at(1_000));
            }
            assert!(unread.names().told.len() <= REMEMBERED);
            assert_eq!(unread.first(usize::MAX).len(), WAITING);
            unread.sent(usize::MAX);
        }
        unread.note("x".repeat(LONGEST + 1), at(1_000));
        assert!(unread.first(1).is_empty());
    }
}

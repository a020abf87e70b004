//! Decisions that wait to be sent: a bounded line. When it is full the
//! newest are dropped and counted.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use api::decision::NewDecision;

/// Decisions that may wait.
const MOST: usize = 10_000;
/// And what they may weigh, about, in bytes.
const HEAVIEST: usize = 16 << 20;

#[derive(Debug, Default)]
struct Waiting {
    all: VecDeque<NewDecision>,
    weight: usize,
}

/// The line.
#[derive(Debug, Default)]
pub struct Line {
    waiting: Mutex<Waiting>,
    dropped: AtomicU64,
}

fn weight(decision: &NewDecision) -> usize {
    let of = |texts: &[&str]| texts.iter().map(|text| text.len()).sum::<usize>();
    let violations = decision.violations.iter().map(|one| {
        let patch = one
            .patch
            .as_ref()
            .map_or(0, |patch| patch.to_string().len());
        of(&[&one.message, &one.policy, &one.constraint]) + patch + 128
    });
    violations.sum::<usize>() + of(&[&decision.note, &decision.name, &decision.user]) + 512
}

impl Line {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting
            .lock()
            .expect("invariant: no panic under the lock")
    }

    /// Joins the line, where there is room.
    pub fn push(&self, decision: NewDecision) {
        let weight = weight(&decision);
        let mut waiting = self.waiting();
        if waiting.all.len() >= MOST || waiting.weight + weight > HEAVIEST {
            drop(waiting);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.weight += weight;
        waiting.all.push_back(decision);
    }

    /// The first few, which stay until they are [`Self::sent`].
    pub fn first(&self, most: usize) -> Vec<NewDecision> {
        let waiting = self.waiting();
        waiting.all.iter().take(most).cloned().collect()
    }

    /// The first `count` are where they should be.
    pub fn sent(&self, count: usize) {
        let mut waiting = self.waiting();
        for _ in 0..count {
            let Some(decision) = waiting.all.pop_front() else {
                break;
            };
            waiting.weight = waiting.weight.saturating_sub(weight(&decision));
        }
    }

    pub fn len(&self) -> usize {
        self.waiting().all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those there was no room for.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use api::decision::Verdict;

    use super::*;

    fn decision(number: usize) -> NewDecision {
        NewDecision {
            uid: number.to_string(),
            time: jiff::Timestamp::UNIX_EPOCH,
            verdict: Verdict::Denied,
            operation: "CREATE".to_owned(),
            group: String::new(),
            kind: "Pod".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            workload: String::new(),
            user: "dana".to_owned(),
            images: Vec::new(),
            took_us: 0,
            violations: Vec::new(),
            note: String::new(),
        }
    }

    #[test]
    fn what_waits_is_bounded_and_what_is_dropped_is_counted() {
        let line = Line::default();
        for number in 0..MOST + 7 {
            line.push(decision(number));
        }
        assert_eq!((line.len(), line.dropped()), (MOST, 7));
        assert_eq!(line.first(2)[1].uid, "1");
        // Not sent: it is there still.
        assert_eq!(line.first(1)[0].uid, "0");
        line.sent(2);
        assert_eq!(line.first(1)[0].uid, "2");
        line.sent(MOST);
        assert!(line.is_empty());
        let mut heavy = decision(0);
        heavy.note = "x".repeat(HEAVIEST);
        line.push(heavy);
        assert_eq!((line.len(), line.dropped()), (0, 8));
        line.push(decision(1));
        assert_eq!(line.len(), 1);
    }
}

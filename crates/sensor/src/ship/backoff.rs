//! How long to wait before trying again.

use std::time::Duration;

/// After the first fault: the server may only have closed a connection
/// that lay idle.
const FIRST: Duration = Duration::from_millis(50);
/// The longest of our own choosing.
const LONGEST: Duration = Duration::from_secs(10);
/// The longest a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_mins(1);
/// Where only a person can mend it.
const SLOW: Duration = Duration::from_secs(30);

/// Waits that grow, each somewhere between half and all of what is due,
/// so that a thousand sensors do not come back at once.
#[derive(Debug)]
pub(super) struct Backoff {
    faults: u32,
    /// State of a small generator of numbers.
    seed: u64,
}

impl Backoff {
    /// `seed`: anything that differs between sensors.
    pub(super) fn new(seed: &str) -> Self {
        let hash = xxhash_rust::xxh3::xxh3_64(seed.as_bytes());
        Self {
            faults: 0,
            seed: hash | 1,
        }
    }

    pub(super) fn succeeded(&mut self) {
        self.faults = 0;
    }

    /// After a fault that may pass by itself.
    pub(super) fn failed(&mut self, asked: Option<Duration>) -> Duration {
        let due = FIRST.saturating_mul(1 << self.faults.min(16)).min(LONGEST);
        self.faults = self.faults.saturating_add(1);
        let wait = self.jittered(due);
        asked.map_or(wait, |asked| wait.max(asked.min(LONGEST_ASKED)))
    }

    /// After a fault somebody must mend.
    pub(super) fn slow(&mut self) -> Duration {
        self.jittered(SLOW)
    }

    fn jittered(&mut self, due: Duration) -> Duration {
        // xorshift: chance enough for this.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let part = u32::try_from(self.seed % 512).unwrap_or(0);
        due / 2 + due * part / 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_differ_between_sensors() {
        let mut one = Backoff::new("a");
        let mut other = Backoff::new("b");
        let waits: Vec<_> = (0..20).map(|_| one.failed(None)).collect();
        let others: Vec<_> = (0..20).map(|_| other.failed(None)).collect();
        assert_ne!(waits, others);
        assert!(waits[0] <= FIRST && waits[0] >= FIRST / 2);
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
        assert!(waits[19] >= LONGEST / 2);
        one.succeeded();
        assert!(one.failed(None) <= FIRST);
        let asked = one.failed(Some(Duration::from_hours(1)));
        assert_eq!(asked, LONGEST_ASKED);
        assert!(one.slow() >= SLOW / 2);
    }
}

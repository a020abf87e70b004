//! How long the reader waits before it looks into the rings again.
//!
//! Waking it costs those who are watched most of what a record costs at all.
//! So while records come nobody wakes it: it looks by itself, soon. Once
//! nothing came for a while it says that it sleeps, and then the first record
//! wakes it.

use std::time::Duration;

/// Looked at again so soon after something came.
const SOON: Duration = Duration::from_millis(3);
/// Asleep for so long, at most: a record that was written while it fell
/// asleep wakes nobody.
const SLEEP: Duration = Duration::from_millis(40);
/// As often nothing was there before it sleeps.
const TRIES: u32 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) time: Duration,
    /// Whether the kernel is to wake the reader.
    pub(super) is_sleep: bool,
}

#[derive(Debug)]
pub(super) struct Pace {
    batch: Duration,
    /// How often in a row nothing was there.
    empty: u32,
}

impl Pace {
    /// Nothing waits longer than `batch` while records come.
    pub(super) fn new(batch: Duration) -> Self {
        Self { batch, empty: 0 }
    }

    pub(super) fn next(&self) -> Next {
        match self.empty {
            0 => Next {
                time: SOON.min(self.batch),
                is_sleep: false,
            },
            few if few < TRIES => Next {
                time: self.batch,
                is_sleep: false,
            },
            _ => Next {
                time: SLEEP,
                is_sleep: true,
            },
        }
    }

    pub(super) fn saw(&mut self, count: usize) {
        self.empty = match count {
            0 => self.empty.saturating_add(1),
            _ => 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_soon_while_records_come_and_sleeps_when_none_do() {
        let batch = Duration::from_millis(10);
        let mut pace = Pace::new(batch);
        let mut waits = Vec::new();
        for count in [5, 0, 0, 0, 0, 0, 1, 0] {
            pace.saw(count);
            waits.push((pace.next().time, pace.next().is_sleep));
        }
        assert_eq!(
            waits,
            [
                (SOON, false),
                (batch, false),
                (batch, false),
                (batch, false),
                (SLEEP, true),
                (SLEEP, true),
                (SOON, false),
                (batch, false),
            ]
        );
    }

    #[test]
    fn is_never_slower_than_asked_while_records_come() {
        let batch = Duration::from_millis(1);
        let mut pace = Pace::new(batch);
        assert_eq!(pace.next().time, batch);
        pace.saw(0);
        assert_eq!(pace.next().time, batch);
    }
}

//! From nanoseconds since boot to the time of day, while somebody sets
//! the clock.

use super::Moment;

/// A change by less is a correction; by more, somebody set the clock.
const STEP: u64 = 50_000_000;

/// How far apart both clocks are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    offset: i64,
    /// What `offset` was at the last step.
    base: i64,
    /// Changes with each step: what was computed before is wrong.
    pub(crate) epoch: u64,
}

impl Clocks {
    pub(crate) fn new(now: Moment) -> Self {
        let offset = offset(now);
        Self {
            offset,
            base: offset,
            epoch: 0,
        }
    }

    /// Nanoseconds since 1970.
    pub(crate) fn wall(&self, boot: u64) -> i64 {
        i64::try_from(boot)
            .unwrap_or(i64::MAX)
            .saturating_add(self.offset)
    }

    /// Compares both clocks anew; true where somebody set one.
    pub(crate) fn compare(&mut self, now: Moment) -> bool {
        self.offset = offset(now);
        let is_step = self.offset.abs_diff(self.base) >= STEP;
        if is_step {
            self.base = self.offset;
            self.epoch += 1;
        }
        is_step
    }
}

fn offset(now: Moment) -> i64 {
    now.wall
        .saturating_sub(i64::try_from(now.boot).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_told_from_a_correction() {
        let at = |boot: u64, wall: i64| Moment { boot, wall };
        let mut clocks = Clocks::new(at(1_000, 5_000_000_001_000));
        assert_eq!(clocks.wall(2_000), 5_000_000_002_000);
        assert!(!clocks.compare(at(2_000, 5_000_000_002_000 + 1_000_000)));
        assert_eq!(clocks.wall(2_000), 5_000_001_002_000);
        assert!(clocks.compare(at(2_000, 2_000)));
        assert_eq!((clocks.wall(2_000), clocks.epoch), (2_000, 1));
        assert!(clocks.wall(u64::MAX) > 0);
    }

    #[test]
    fn small_corrections_add_up_to_a_step() {
        let mut clocks = Clocks::new(Moment::default());
        let steps = (1..=10)
            .filter(|turn| {
                clocks.compare(Moment {
                    boot: 0,
                    wall: turn * 10_000_000,
                })
            })
            .count();
        assert_eq!(steps, 2);
    }
}

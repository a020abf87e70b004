//! Keeps the sensor within its budget of processor and memory.
//!
//! Bulk classes are given up one after the other, in a fixed order, while
//! the processor budget is exceeded for a few seconds, and taken up again
//! in the opposite order once there has been room for a while. What must
//! not be missed (processes, privileges, verdicts) is never given up. One
//! that had to be given up again soon after is tried again ever later.
//!
//! Pure: whoever runs it measures ([`Usage`]), acts on what is to be shed,
//! and tells the [`Turn`]s.

use std::{fs, io, time::Duration};

use api::sensor::SensorGap;
use jiff::Timestamp;

/// What can be given up, in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bulk {
    /// Reads of files.
    FileRead,
    /// Files opened for writing, renamed, deleted.
    FileWrite,
    Network,
    Dns,
}

impl Bulk {
    pub const ORDER: [Self; 4] = [Self::FileRead, Self::FileWrite, Self::Network, Self::Dns];

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FileRead => "file reads",
            Self::FileWrite => "file writes",
            Self::Network => "network",
            Self::Dns => "dns",
        }
    }

    /// The class of events, as status and gaps name it.
    pub fn class(self) -> &'static str {
        match self {
            Self::FileRead | Self::FileWrite => "file",
            Self::Network => "network",
            Self::Dns => "dns",
        }
    }
}

/// What the sensor may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Percent of one core, over a few seconds.
    pub cpu: f64,
    /// Resident bytes.
    pub memory: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            cpu: 25.0,
            memory: 64 << 20,
        }
    }
}

/// What the sensor takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time of all its threads since it began.
    pub cpu: Duration,
    /// Resident bytes.
    pub memory: u64,
}

impl Usage {
    /// Of this process.
    pub fn of_this_process() -> io::Result<Self> {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let cpu = Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        );
        let text = fs::read_to_string("/proc/self/statm")?;
        let pages: Option<u64> = text.split(' ').nth(1).and_then(|text| text.parse().ok());
        let pages = pages.ok_or_else(|| io::Error::other("/proc/self/statm has another form"))?;
        Ok(Self {
            cpu,
            memory: pages * rustix::param::page_size() as u64,
        })
    }
}

/// Over the budget for so long: something is given up.
const TO_SHED: Duration = Duration::from_secs(4);
/// Well within it for so long: something is taken up again.
const TO_RESTORE: Duration = Duration::from_secs(30);
/// What is well within: a part of the budget.
const ROOM: f64 = 0.7;
/// Given up again so soon after it was taken up: too early.
const TOO_EARLY: Duration = Duration::from_mins(1);
/// The longest until it is tried again.
const LONGEST: Duration = Duration::from_mins(16);
/// The longest a measurement may reach back; suspended machines do.
const STALE: Duration = Duration::from_secs(30);

/// A class given up or taken up again.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    Shed {
        what: Bulk,
        cpu: f64,
    },
    Restored {
        what: Bulk,
        /// When it was given up.
        since: Timestamp,
    },
}

impl Turn {
    /// What is told of it: nobody knows how many events it was.
    pub fn gap(&self, budget: &Budget, now: Timestamp) -> SensorGap {
        let (what, reason, from) = match self {
            Self::Shed { what, cpu } => (
                what,
                format!(
                    "{} not looked at from here on: {cpu:.0} % of a core is more than {:.0} %",
                    what.as_str(),
                    budget.cpu
                ),
                now,
            ),
            Self::Restored { what, since } => (
                what,
                format!("{} not looked at until here", what.as_str()),
                *since,
            ),
        };
        SensorGap {
            stage: "governor".to_owned(),
            class: what.class().to_owned(),
            reason,
            count: 0,
            from,
            to: now,
        }
    }
}

/// Decides what is shed.
#[derive(Debug)]
pub struct Governor {
    budget: Budget,
    last: Option<(Duration, Usage)>,
    /// Percent of one core, over the last measurements.
    cpu: f64,
    memory: u64,
    over: Duration,
    under: Duration,
    /// When each that is shed was, in order.
    shed: Vec<Timestamp>,
    restored: Option<Duration>,
    patience: Duration,
}

impl Governor {
    pub fn new(budget: Budget) -> Self {
        Self {
            budget,
            last: None,
            cpu: 0.0,
            memory: 0,
            over: Duration::ZERO,
            under: Duration::ZERO,
            shed: Vec::new(),
            restored: None,
            patience: TO_RESTORE,
        }
    }

    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Percent of one core, over the last seconds.
    pub fn cpu(&self) -> f64 {
        self.cpu
    }

    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// What is not to be looked at.
    pub fn shed(&self) -> &'static [Bulk] {
        Bulk::ORDER.get(..self.shed.len()).unwrap_or(&Bulk::ORDER)
    }

    /// Takes a measurement, about once a second: `at` grows steadily, and
    /// `now` is for what is told.
    pub fn measure(&mut self, at: Duration, usage: Usage, now: Timestamp) -> Option<Turn> {
        self.memory = usage.memory;
        let last = self.last.replace((at, usage));
        let (then, before) = last?;
        let passed = at.checked_sub(then).filter(|passed| !passed.is_zero())?;
        if passed > STALE {
            return None;
        }
        let spent = usage.cpu.saturating_sub(before.cpu);
        let percent = spent.as_secs_f64() / passed.as_secs_f64() * 100.0;
        // A second's peak is none: the last five or so count.
        let weight = (passed.as_secs_f64() / 5.0).min(1.0);
        self.cpu += (percent - self.cpu) * weight;
        self.over = if self.cpu > self.budget.cpu {
            self.over + passed
        } else {
            Duration::ZERO
        };
        self.under = if self.cpu < self.budget.cpu * ROOM {
            self.under + passed
        } else {
            Duration::ZERO
        };
        if self.over >= TO_SHED {
            return self.give_up(at, now);
        }
        if self.under >= self.patience {
            return self.take_up(at);
        }
        None
    }

    fn give_up(&mut self, at: Duration, now: Timestamp) -> Option<Turn> {
        let what = *Bulk::ORDER.get(self.shed.len())?;
        self.over = Duration::ZERO;
        self.under = Duration::ZERO;
        let is_early = self
            .restored
            .take()
            .is_some_and(|restored| at.saturating_sub(restored) < TOO_EARLY);
        self.patience = if is_early {
            (self.patience * 2).min(LONGEST)
        } else {
            TO_RESTORE
        };
        self.shed.push(now);
        Some(Turn::Shed {
            what,
            cpu: self.cpu,
        })
    }

    fn take_up(&mut self, at: Duration) -> Option<Turn> {
        let since = self.shed.pop()?;
        self.under = Duration::ZERO;
        self.restored = Some(at);
        let what = *Bulk::ORDER.get(self.shed.len())?;
        Some(Turn::Restored { what, since })
    }

    /// What a person should know.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let shed: Vec<&str> = self.shed().iter().map(|what| what.as_str()).collect();
        if !shed.is_empty() {
            notes.push(format!(
                "not looked at, to stay within {:.0} % of a core: {}",
                self.budget.cpu,
                shed.join(", ")
            ));
        } else if self.over >= TO_SHED {
            notes.push(format!("takes {:.0} % of a core", self.cpu));
        }
        if self.memory > self.budget.memory {
            notes.push(format!(
                "takes {} MiB of memory, more than its {} MiB",
                self.memory >> 20,
                self.budget.memory >> 20
            ));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        governor: Governor,
        second: u64,
        spent: f64,
        turns: Vec<(u64, String)>,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                governor: Governor::new(Budget {
                    cpu: 20.0,
                    memory: 64 << 20,
                }),
                second: 0,
                spent: 0.0,
                turns: Vec::new(),
            }
        }

        /// So many seconds at what the load costs with so many shed.
        fn run(&mut self, seconds: u64, cost: impl Fn(usize) -> f64) {
            for _ in 0..seconds {
                self.second += 1;
                self.spent += cost(self.governor.shed().len()) / 100.0;
                let usage = Usage {
                    cpu: Duration::from_secs_f64(self.spent),
                    memory: 1,
                };
                let at = Duration::from_secs(self.second);
                let now = Timestamp::UNIX_EPOCH + at;
                let told = match self.governor.measure(at, usage, now) {
                    Some(Turn::Shed { what, .. }) => format!("-{}", what.as_str()),
                    Some(Turn::Restored { what, .. }) => format!("+{}", what.as_str()),
                    None => continue,
                };
                self.turns.push((self.second, told));
            }
        }

        fn told(&self) -> Vec<&str> {
            self.turns.iter().map(|(_, told)| told.as_str()).collect()
        }
    }

    #[test]
    fn a_peak_of_a_second_or_two_gives_nothing_up() {
        let mut bench = Bench::new();
        bench.run(20, |_| 5.0);
        bench.run(2, |_| 60.0);
        bench.run(20, |_| 5.0);
        assert!(bench.told().is_empty(), "{:?}", bench.turns);
    }

    #[test]
    fn classes_go_in_order_and_come_back_in_the_opposite() {
        let mut bench = Bench::new();
        bench.run(60, |_| 90.0);
        assert_eq!(
            bench.told(),
            ["-file reads", "-file writes", "-network", "-dns"]
        );
        assert_eq!(bench.governor.shed(), Bulk::ORDER);
        assert!(bench.governor.notes()[0].contains("file reads"));
        bench.turns.clear();
        bench.run(200, |_| 1.0);
        assert_eq!(
            bench.told(),
            ["+dns", "+network", "+file writes", "+file reads"]
        );
        assert!(bench.governor.notes().is_empty());
    }

    #[test]
    fn enough_is_given_up_and_no_more_and_retries_become_rare() {
        let mut bench = Bench::new();
        // Without file reads there is room.
        bench.run(3_600, |shed| if shed == 0 { 50.0 } else { 5.0 });
        assert!(bench.told().iter().all(|told| told.ends_with("file reads")));
        let retries = bench
            .told()
            .iter()
            .filter(|told| told.starts_with('+'))
            .count();
        assert!((2..=10).contains(&retries), "{:?}", bench.turns);
    }

    #[test]
    fn a_turn_is_a_gap_that_says_from_when_to_when() {
        let budget = Budget::default();
        let later = Timestamp::UNIX_EPOCH + Duration::from_secs(9);
        let turn = Turn::Restored {
            what: Bulk::Network,
            since: Timestamp::UNIX_EPOCH,
        };
        let gap = turn.gap(&budget, later);
        assert_eq!(
            (gap.class.as_str(), gap.from, gap.to),
            ("network", Timestamp::UNIX_EPOCH, later)
        );
    }

    #[test]
    fn this_process_is_measured() {
        let usage = Usage::of_this_process().unwrap();
        assert!(usage.memory > 1 << 20, "{usage:?}");
    }
}

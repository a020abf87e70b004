//! One sensor: what it last told, and the last hour.

use std::collections::VecDeque;

use api::sensor::{Sensor, SensorSample, SensorState, SensorStatus};
use jiff::{SignedDuration, Timestamp};

use super::{Judge, Key};

/// How far apart samples are, and how many are kept: an hour.
const EVERY: SignedDuration = SignedDuration::from_secs(20);
const SAMPLES: usize = 180;
/// Something dropped is a reason to worry for so long.
const WORRY: SignedDuration = SignedDuration::from_mins(10);

#[derive(Debug)]
pub(super) struct Live {
    pub(super) status: SensorStatus,
    pub(super) first_seen: Timestamp,
    pub(super) last_seen: Timestamp,
    /// `last_seen` as the record has it.
    pub(super) saved: Timestamp,
    samples: VecDeque<SensorSample>,
    /// Dropped since the sensor started, at the last sample.
    dropped: u64,
    /// When something was last dropped.
    last_drop: Option<Timestamp>,
    is_silent: bool,
    /// The start at which it was told what it cannot see.
    told_blind: Option<Timestamp>,
}

/// Features without which most of what happens is not seen.
const VITAL: [&str; 6] = [
    "programs",
    "processes",
    "containers",
    "calls",
    "network",
    "privileges",
];

impl Live {
    pub(super) fn new(status: SensorStatus, now: Timestamp) -> Self {
        let mut one = Self::recalled(status, now, now);
        one.saved = Timestamp::UNIX_EPOCH;
        one.sample(now);
        one
    }

    /// As the record has it: nothing is known of the last hour.
    pub(super) fn recalled(
        status: SensorStatus,
        first_seen: Timestamp,
        last_seen: Timestamp,
    ) -> Self {
        Self {
            dropped: dropped(&status),
            status,
            first_seen,
            last_seen,
            saved: last_seen,
            samples: VecDeque::new(),
            last_drop: None,
            is_silent: false,
            told_blind: None,
        }
    }

    pub(super) fn hear(&mut self, status: SensorStatus, now: Timestamp) {
        // Counters begin anew with the sensor.
        if status.started != self.status.started {
            self.dropped = 0;
        }
        if dropped(&status) > dropped(&self.status) && status.started == self.status.started {
            self.last_drop = Some(now);
        }
        self.status = status;
        self.last_seen = self.last_seen.max(now);
        self.is_silent = false;
        let is_due = self
            .samples
            .back()
            .is_none_or(|last| now.duration_since(last.time) >= EVERY);
        if is_due {
            self.sample(now);
        }
    }

    pub(super) fn recall(&mut self, status: &SensorStatus, last_seen: Timestamp) {
        if last_seen > self.last_seen {
            self.hear(status.clone(), last_seen);
            self.saved = last_seen;
        }
    }

    fn sample(&mut self, now: Timestamp) {
        let status = &self.status;
        let total = dropped(status);
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(SensorSample {
            time: now,
            cpu: status.cpu,
            memory: status.memory,
            spool: status.spool,
            events: rate(status),
            dropped: total.saturating_sub(self.dropped),
        });
        self.dropped = total;
    }

    pub(super) fn history(&self) -> Vec<SensorSample> {
        self.samples.iter().cloned().collect()
    }

    fn is_quiet(&self, judge: &Judge<'_>) -> bool {
        let since = self.last_seen.max(judge.started.min(judge.now));
        // What the record told at start may be as old as its last save.
        let since = if self.samples.is_empty() {
            since
        } else {
            self.last_seen
        };
        judge.now.duration_since(since) >= judge.patience
    }

    /// Whether it is silent and was not found so before.
    pub(super) fn fell_silent(&mut self, judge: &Judge<'_>) -> bool {
        let is_silent = self.is_quiet(judge);
        let is_new = is_silent && !self.is_silent;
        self.is_silent = is_silent;
        is_new
    }

    /// What it cannot see at all, of what alerts are mostly made of; told
    /// once for each of its starts.
    pub(super) fn grew_blind(&mut self) -> Option<Vec<String>> {
        if self.told_blind == Some(self.status.started) {
            return None;
        }
        let absent =
            self.status.features.iter().filter(|feature| {
                feature.state == "absent" && VITAL.contains(&feature.name.as_str())
            });
        let absent: Vec<String> = absent.map(|feature| feature.name.clone()).collect();
        if absent.is_empty() {
            return None;
        }
        self.told_blind = Some(self.status.started);
        Some(absent)
    }

    pub(super) fn is_unsaved(&self, now: Timestamp, every: SignedDuration) -> bool {
        self.last_seen > self.saved && now.duration_since(self.saved) >= every
    }

    pub(super) fn wire(&self, key: &Key, judge: &Judge<'_>) -> Sensor {
        let status = &self.status;
        let mark = judge.marks.get(&key.0);
        let (state, reasons) = self.state(judge);
        Sensor {
            environment: key.0.clone(),
            node: key.1.clone(),
            cluster: status.cluster.clone(),
            state,
            reasons,
            version: status.version.clone(),
            kernel: status.kernel.clone(),
            architecture: status.architecture.clone(),
            os: status.os.clone(),
            started: status.started,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            cpu: status.cpu,
            memory: status.memory,
            memory_limit: status.memory_limit,
            spool: status.spool,
            spool_limit: status.spool_limit,
            processes: status.processes,
            containers: status.containers.len() as u64,
            rules: status.rules,
            events: rate(status),
            dropped: dropped(status),
            shed: shed(status),
            policy_current: mark.is_none_or(|mark| *mark == status.policy),
        }
    }

    fn state(&self, judge: &Judge<'_>) -> (SensorState, Vec<String>) {
        if self.is_quiet(judge) {
            let told = format!(
                "not heard of since {}",
                self.last_seen.strftime("%F %T UTC")
            );
            return (SensorState::Silent, vec![told]);
        }
        let status = &self.status;
        let mut reasons = status.notes.clone();
        let shed = shed(status);
        if !shed.is_empty() && !reasons.iter().any(|note| note.contains(&shed[0])) {
            let told = format!(
                "not looked at, to stay within its budget: {}",
                shed.join(", ")
            );
            reasons.push(told);
        }
        let is_recent = |time: &Timestamp| judge.now.duration_since(*time) < WORRY;
        if self.last_drop.as_ref().is_some_and(is_recent) {
            reasons.push("events were dropped in the last minutes".to_owned());
        }
        if status.spool_limit > 0 && status.spool > status.spool_limit / 5 * 4 {
            reasons.push("its spool is nearly full".to_owned());
        }
        if reasons.is_empty() {
            (SensorState::Healthy, reasons)
        } else {
            (SensorState::Degraded, reasons)
        }
    }
}

fn dropped(status: &SensorStatus) -> u64 {
    let classes = status.classes.iter();
    classes.fold(0, |sum, class| sum.saturating_add(class.dropped))
}

fn rate(status: &SensorStatus) -> f64 {
    status.classes.iter().map(|class| class.rate).sum()
}

fn shed(status: &SensorStatus) -> Vec<String> {
    let classes = status.classes.iter().filter(|class| class.shed);
    classes.map(|class| class.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use api::sensor::SensorClass;

    use super::*;

    fn status(dropped: u64, notes: &[&str]) -> SensorStatus {
        SensorStatus {
            version: "1".to_owned(),
            boot: "b".to_owned(),
            cluster: None,
            kernel: "6.12".to_owned(),
            architecture: "x86_64".to_owned(),
            os: "Debian".to_owned(),
            started: Timestamp::UNIX_EPOCH,
            cpu: 1.0,
            memory: 1,
            memory_limit: 2,
            spool: 0,
            spool_limit: 100,
            processes: 3,
            features: Vec::new(),
            classes: vec![SensorClass {
                name: "file".to_owned(),
                seen: 10,
                filtered: 0,
                delivered: 10,
                dropped,
                rate: 2.0,
                shed: false,
            }],
            containers: Vec::new(),
            rules: 5,
            policy: "p".to_owned(),
            notes: notes.iter().map(|note| (*note).to_owned()).collect(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn judged(one: &mut Live, second: i64) -> (SensorState, bool) {
        let marks = HashMap::new();
        let judge = Judge {
            now: at(second),
            patience: SignedDuration::from_secs(60),
            started: at(0),
            marks: &marks,
        };
        let key = ("local".to_owned(), "n".to_owned());
        (one.wire(&key, &judge).state, one.fell_silent(&judge))
    }

    #[test]
    fn silence_is_told_once_and_ends_with_the_next_word() {
        let mut one = Live::new(status(0, &[]), at(100));
        assert_eq!(judged(&mut one, 120), (SensorState::Healthy, false));
        assert_eq!(judged(&mut one, 160), (SensorState::Silent, true));
        assert_eq!(judged(&mut one, 170), (SensorState::Silent, false));
        one.hear(status(0, &[]), at(171));
        assert_eq!(judged(&mut one, 172), (SensorState::Healthy, false));
        assert_eq!(judged(&mut one, 300), (SensorState::Silent, true));
    }

    #[test]
    fn drops_and_notes_degrade_and_are_forgiven() {
        let mut one = Live::new(status(5, &[]), at(100));
        assert_eq!(judged(&mut one, 101).0, SensorState::Healthy);
        one.hear(status(6, &[]), at(105));
        assert_eq!(judged(&mut one, 106).0, SensorState::Degraded);
        one.hear(status(6, &[]), at(800));
        assert_eq!(judged(&mut one, 801).0, SensorState::Healthy);
        one.hear(status(6, &["the disk is full"]), at(805));
        assert_eq!(judged(&mut one, 806).0, SensorState::Degraded);
    }

    #[test]
    fn an_hour_is_kept_and_drops_are_told_by_the_sample() {
        let mut one = Live::new(status(5, &[]), at(0));
        for second in 1..8_000_i64 {
            one.hear(status(5 + second.unsigned_abs(), &[]), at(second));
        }
        let history = one.history();
        assert_eq!(history.len(), SAMPLES);
        assert!(history.iter().all(|sample| sample.dropped == 20));
    }

    #[test]
    fn what_the_record_tells_is_given_time_after_a_start() {
        let mut one = Live::recalled(status(0, &[]), at(0), at(10));
        let marks = HashMap::new();
        let judge = |now| Judge {
            now: at(now),
            patience: SignedDuration::from_secs(60),
            started: at(1_000),
            marks: &marks,
        };
        assert!(!one.fell_silent(&judge(1_030)));
        assert!(one.fell_silent(&judge(1_061)));
    }
}

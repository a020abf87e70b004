//! The sensor does not see everything, and has not for a while.
//!
//! # What
//! Is told of events that were lost, by class, and raises an alert where
//! that goes on: in several of the last looks, ten seconds apart.
//!
//! # Why
//! A gap is where an attack can be. One burst is told as a gap; a loss
//! that stays means that alerts are missing, or that somebody makes noise
//! to hide in.
//!
//! # Limits
//! Counts are the kernel's; what never was an event is not in them.
//!
//! # References
//! ATT&CK T1562.

use std::collections::BTreeMap;

use api::Severity;

use super::suspicion::{Suspicion, Text};

/// Nanoseconds between two looks.
const APART: i64 = 10_000_000_000;
/// Of the last six looks, so many with losses.
const BAD: u32 = 3;
const QUIET: i64 = 600_000_000_000;
/// Nanoseconds after a loss in which what is missing may explain anything.
const DOUBT: i64 = 10_000_000_000;
/// Classes of which nothing may be missing.
const VITAL: [&str; 3] = ["process", "privilege", "verdict"];
const MAX_CLASSES: usize = 32;

pub(super) static TEXT: Text = Text {
    id: "K8S.NODE_SensorLosesEvents",
    on_host: "VM_SensorLosesEvents",
    title: "The sensor loses events",
    description: "Events were lost again and again within a minute: alerts about this machine \
                  may be missing.",
    severity: Severity::Medium,
    tactics: &["defense_evasion"],
    techniques: &["T1562"],
    matrix: &[],
    why: "What is lost is judged by nobody. Whoever wants not to be seen can make more noise \
          than a sensor can read.",
    fix: "1. See on the sensor's page which class is lost and which container makes it.\n\
          2. Give the sensor more memory or processor time, or limit that container.",
    false_positives: "Machines that are overloaded for reasons of their own.",
    references: &["https://attack.mitre.org/techniques/T1562/"],
};

#[derive(Debug, Default)]
pub(super) struct Blind {
    /// Lost since the last look, by class.
    lost: BTreeMap<String, u64>,
    /// A bit for each of the last looks.
    looks: u8,
    total: BTreeMap<String, u64>,
    looked: i64,
    last: Option<i64>,
    quiet_until: i64,
}

impl Blind {
    pub(super) fn lost(&mut self, class: &str, count: u64, now: i64) {
        if count == 0 {
            return;
        }
        self.last = Some(now);
        if let Some(known) = self.lost.get_mut(class) {
            *known += count;
        } else if self.lost.len() < MAX_CLASSES {
            self.lost.insert(class.to_owned(), count);
        }
    }

    /// Whether what is missing may explain what is there.
    pub(super) fn is_in_doubt(&self, time: i64) -> bool {
        self.last.is_some_and(|last| time - last < DOUBT)
    }

    pub(super) fn tick(&mut self, now: i64) -> Option<Suspicion> {
        if (0..APART).contains(&now.saturating_sub(self.looked)) {
            return None;
        }
        self.looked = now;
        let is_bad = !self.lost.is_empty();
        self.looks = (self.looks << 1 | u8::from(is_bad)) & 0x3f;
        for (class, count) in std::mem::take(&mut self.lost) {
            *self.total.entry(class).or_default() += count;
        }
        if self.looks == 0 {
            self.total.clear();
        }
        if !is_bad || self.looks.count_ones() < BAD || now < self.quiet_until {
            return None;
        }
        self.quiet_until = now + QUIET;
        let total = std::mem::take(&mut self.total);
        let classes: Vec<_> = total
            .iter()
            .map(|(class, count)| format!("{count} of class {class}"))
            .collect();
        let mut suspicion = Suspicion::new(
            &TEXT,
            format!(
                "Events were lost within the last minute: {}",
                classes.join(", ")
            ),
        )
        .field("lost", total.values().sum::<u64>().to_string());
        // Of files and connections a busy machine loses some, and what they
        // mean is mostly seen otherwise as well.
        if !total.keys().any(|class| VITAL.contains(&class.as_str())) {
            suspicion.severity = Some(Severity::Low);
        }
        Some(suspicion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(lost: impl Fn(i64) -> u64, looks: i64) -> Vec<String> {
        let mut blind = Blind::default();
        (0..looks)
            .filter_map(|look| {
                let now = (look + 1) * APART;
                blind.lost("file", lost(look), now);
                blind.tick(now + 1).map(|it| it.summary)
            })
            .collect()
    }

    #[test]
    fn losses_that_go_on_are_told_and_one_burst_is_not() {
        assert!(run(|_| 0, 100).is_empty());
        assert!(run(|look| u64::from(look == 5) * 10_000, 100).is_empty());
        assert!(run(|look| u64::from(look % 4 == 0), 100).is_empty());
        let told = run(|_| 7, 50);
        assert_eq!(
            told,
            ["Events were lost within the last minute: 21 of class file"]
        );
        assert_eq!(run(|_| 7, 80).len(), 2);
    }

    #[test]
    fn after_a_loss_there_is_doubt() {
        let mut blind = Blind::default();
        assert!(!blind.is_in_doubt(0));
        blind.lost("process", 1, 100);
        assert!(blind.is_in_doubt(100 + DOUBT - 1));
        assert!(!blind.is_in_doubt(100 + DOUBT));
    }
}

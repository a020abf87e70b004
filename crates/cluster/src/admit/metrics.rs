//! The numbers of one replica.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Requests whose time is remembered.
const REMEMBERED: usize = 2_000;
/// Upper ends of the histogram, in microseconds.
const BUCKETS: [u64; 10] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000,
];

/// Counts since the start, and how long the last requests took.
#[derive(Debug, Default)]
pub struct Metrics {
    pub requests: AtomicU64,
    pub denied: AtomicU64,
    pub mutated: AtomicU64,
    /// Answered as `--fail` says, for nobody could judge in time.
    pub failed: AtomicU64,
    /// Turned away unread: no room.
    pub refused: AtomicU64,
    /// Bodies that were no question.
    pub malformed: AtomicU64,
    buckets: [AtomicU64; BUCKETS.len()],
    sum: AtomicU64,
    last: Mutex<VecDeque<u32>>,
}

impl Metrics {
    /// Counts one answer.
    pub fn took(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.sum.fetch_add(micros, Ordering::Relaxed);
        for (end, bucket) in BUCKETS.iter().zip(&self.buckets) {
            if micros <= *end {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        let mut last = self.last.lock().expect("invariant: no panic under it");
        if last.len() >= REMEMBERED {
            last.pop_front();
        }
        last.push_back(u32::try_from(micros).unwrap_or(u32::MAX));
    }

    /// What half of the last requests took at most, and 99 of 100.
    pub fn percentiles(&self) -> (u64, u64) {
        let last = self.last.lock().expect("invariant: no panic under it");
        let mut times: Vec<u32> = last.iter().copied().collect();
        drop(last);
        times.sort_unstable();
        let at = |part: usize| {
            let place = (times.len() * part / 100).min(times.len().saturating_sub(1));
            times.get(place).copied().map_or(0, u64::from)
        };
        (at(50), at(99))
    }

    /// In Prometheus' words.
    pub fn text(&self, waiting: usize, dropped: u64) -> String {
        let mut text = String::new();
        let counter = |name: &str, help: &str, value: u64, text: &mut String| {
            let name = format!("seawall_admission_{name}");
            writeln!(
                text,
                "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}"
            )
            .ok();
        };
        let of = |counted: &AtomicU64| counted.load(Ordering::Relaxed);
        for (name, help, value) in [
            ("requests_total", "Requests answered.", of(&self.requests)),
            ("denied_total", "Requests refused.", of(&self.denied)),
            ("mutated_total", "Requests changed.", of(&self.mutated)),
            (
                "failed_total",
                "Requests answered unjudged.",
                of(&self.failed),
            ),
            (
                "refused_total",
                "Requests turned away for want of room.",
                of(&self.refused),
            ),
            (
                "malformed_total",
                "Bodies that were no AdmissionReview.",
                of(&self.malformed),
            ),
            (
                "decisions_dropped_total",
                "Decisions there was no room for.",
                dropped,
            ),
        ] {
            counter(name, help, value, &mut text);
        }
        let name = "seawall_admission_decisions_waiting";
        writeln!(
            text,
            "# HELP {name} Decisions that wait to be sent.\n# TYPE {name} gauge\n{name} {waiting}"
        )
        .ok();
        let name = "seawall_admission_duration_seconds";
        writeln!(
            text,
            "# HELP {name} Time from the body read to the answer.\n# TYPE {name} histogram"
        )
        .ok();
        for (end, bucket) in BUCKETS.iter().zip(&self.buckets) {
            let end = Duration::from_micros(*end).as_secs_f64();
            writeln!(text, "{name}_bucket{{le=\"{end}\"}} {}", of(bucket)).ok();
        }
        let all = of(&self.requests);
        let sum = Duration::from_micros(of(&self.sum)).as_secs_f64();
        writeln!(
            text,
            "{name}_bucket{{le=\"+Inf\"}} {all}\n{name}_sum {sum}\n{name}_count {all}"
        )
        .ok();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_percentiles_and_a_histogram() {
        let metrics = Metrics::default();
        for milli in 1..=100 {
            metrics.took(Duration::from_millis(milli));
            metrics.requests.fetch_add(1, Ordering::Relaxed);
        }
        assert_eq!(metrics.percentiles(), (51_000, 100_000));
        let text = metrics.text(3, 1);
        for line in [
            "seawall_admission_requests_total 100",
            "seawall_admission_decisions_waiting 3",
            "seawall_admission_decisions_dropped_total 1",
            "seawall_admission_duration_seconds_bucket{le=\"0.01\"} 10",
            "seawall_admission_duration_seconds_bucket{le=\"+Inf\"} 100",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }
}

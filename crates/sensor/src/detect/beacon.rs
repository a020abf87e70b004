//! Somebody calls home, as regularly as a clock.
//!
//! # What
//! The time between connections to one public address and port, for each
//! container and session, where a shell, an interpreter, a downloader or a
//! program that is not in the image makes them. Many in a row with nearly
//! the same time between them are told.
//!
//! # Why
//! What was planted asks for orders. Asking by the clock is how it is
//! done, and how it is found.
//!
//! # Limits
//! [`MAX_TARGETS`] targets; from ten seconds to an hour apart. Whoever
//! keeps one connection open, or waits at random, is not seen. Monitoring
//! by the workload's own programs is regular, too, and left out.
//!
//! # References
//! ATT&CK T1071, T1029.

use std::net::IpAddr;

use api::Severity;
use rules::syscall::{Event, Process};

use super::{
    bounded::Bounded,
    entry,
    history::Whose,
    suspicion::{Suspicion, Text},
    text,
};

const MAX_TARGETS: usize = 1_024;
/// Intervals in a row.
const ENOUGH: u32 = 12;
/// Seconds between two.
const SHORTEST: f64 = 10.0;
const LONGEST: f64 = 3_600.0;
/// How far they may vary, as a part of the time between them.
const EVEN: f64 = 0.08;
/// Nanoseconds.
const QUIET: i64 = 6 * 3_600_000_000_000;

pub(super) static TEXT: Text = Text {
    id: "K8S.NODE_Beacon",
    on_host: "VM_Beacon",
    title: "Regular connections to one address outside",
    description: "A shell, an interpreter, a downloader or a program that is not in the image \
                  connected to one public address again and again, at even intervals.",
    severity: Severity::Low,
    tactics: &["command_and_control"],
    techniques: &["T1071", "T1029"],
    matrix: &[],
    why: "What was planted asks whoever planted it for orders, and does so by the clock.",
    fix: "1. See which program asks and who started it.\n\
          2. Look the address up; refuse it where nobody knows it.",
    false_positives: "Scripts that poll an interface outside. Exempt their workload.",
    references: &["https://attack.mitre.org/techniques/T1071/"],
};

/// Beside programs that are not in the image.
const WATCHED: [&[u8]; 14] = [
    b"sh", b"bash", b"dash", b"ash", b"zsh", b"curl", b"wget", b"nc", b"ncat", b"socat", b"python",
    b"python3", b"perl", b"php",
];

#[derive(Debug)]
struct Target {
    last: i64,
    intervals: u32,
    mean: f64,
    /// Squares of how far each was from the mean, added up.
    spread: f64,
    quiet_until: i64,
}

#[derive(Debug)]
pub(super) struct Beacon {
    targets: Bounded<(Whose, IpAddr, u16), Target>,
}

impl Default for Beacon {
    fn default() -> Self {
        Self {
            targets: Bounded::new(MAX_TARGETS),
        }
    }
}

impl Beacon {
    pub(super) fn see(&mut self, event: &Event<'_>) -> Option<Suspicion> {
        let process = event.process;
        if !is_watched(process) {
            return None;
        }
        let connection = event.descriptor?.connection?;
        let (address, port) = entry::other_end(&connection)?;
        if connection.is_server || port == 53 || !is_public(&address) {
            return None;
        }
        let key = (Whose::of(process), address, port);
        let target = self.targets.entry(&key, || Target {
            last: event.time,
            intervals: 0,
            mean: 0.0,
            spread: 0.0,
            quiet_until: i64::MIN,
        })?;
        #[expect(clippy::cast_precision_loss, reason = "seconds are enough")]
        let passed = (event.time - target.last) as f64 / 1e9;
        if passed < 1.0 {
            // The same call, tried by another address or thread.
            return None;
        }
        target.last = event.time;
        if !(SHORTEST..=LONGEST).contains(&passed) {
            target.intervals = 0;
            target.mean = 0.0;
            target.spread = 0.0;
            return None;
        }
        target.intervals += 1;
        let before = passed - target.mean;
        target.mean += before / f64::from(target.intervals);
        target.spread += before * (passed - target.mean);
        let deviation = (target.spread / f64::from(target.intervals)).sqrt();
        if target.intervals < ENOUGH || event.time < target.quiet_until {
            return None;
        }
        if deviation > target.mean * EVEN {
            // It may become even from here on.
            target.intervals = 0;
            target.mean = 0.0;
            target.spread = 0.0;
            return None;
        }
        target.quiet_until = event.time + QUIET;
        let name = text::bytes(&process.name, 64);
        Some(
            Suspicion::new(
                &TEXT,
                format!(
                    "{name} connected to {address}, port {port}, every {:.0} s, {} times",
                    target.mean,
                    target.intervals + 1
                ),
            )
            .field("beacon.seconds", format!("{:.1}", target.mean))
            .field("beacon.deviation", format!("{deviation:.2}")),
        )
    }
}

fn is_watched(process: &Process) -> bool {
    let file = &process.executable;
    file.is_upper_layer || file.is_memfd || WATCHED.contains(&&*process.name)
}

fn is_public(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => {
            let [first, second, ..] = it.octets();
            !(it.is_private()
                || it.is_loopback()
                || it.is_link_local()
                || it.is_unspecified()
                || it.is_multicast()
                || it.is_broadcast()
                || (first == 100 && (64..128).contains(&second)))
        }
        IpAddr::V6(it) => {
            !(it.is_loopback()
                || it.is_unspecified()
                || it.is_unique_local()
                || it.is_unicast_link_local()
                || it.is_multicast())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::made;

    fn told(path: &str, address: [u8; 4], times: impl Iterator<Item = i64>) -> Vec<String> {
        let process = made::process(151, path, &[]);
        let mut beacon = Beacon::default();
        times
            .filter_map(|second| {
                let mut event = made::connect(&process, address, 443);
                event.time += second * 1_000_000_000;
                beacon.see(&event).map(|it| it.summary)
            })
            .collect()
    }

    #[test]
    fn even_calls_home_are_told_once() {
        let even = || (0..200).map(|it| it * 60 + it % 3);
        assert_eq!(
            told("/usr/bin/curl", [93, 184, 216, 34], even()),
            ["curl connected to 93.184.216.34, port 443, every 60 s, 13 times"]
        );
        assert!(told("/usr/bin/curl", [10, 0, 0, 7], even()).is_empty());
        assert!(told("/app/server", [93, 184, 216, 34], even()).is_empty());
    }

    #[test]
    fn what_comes_by_chance_is_not() {
        let uneven = (0..200).map(|it| it * 60 + (it * 7919) % 50);
        assert!(told("/bin/bash", [93, 184, 216, 34], uneven).is_empty());
        let fast = 0..500;
        assert!(told("/bin/bash", [93, 184, 216, 34], fast).is_empty());
    }
}

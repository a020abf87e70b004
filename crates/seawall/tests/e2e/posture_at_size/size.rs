//! What a process takes.

use std::process::Child;

/// Ended on drop.
pub(super) struct Ended(pub(super) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A process of this machine, by its number.
pub(super) struct Process(u32);

impl Process {
    pub(super) fn of(number: u32) -> Self {
        Self(number)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.0)).unwrap_or_default()
    }

    /// Seconds of processor time so far.
    pub(super) fn processor(&self) -> f64 {
        let text = self.read("stat");
        let after = text.rsplit_once(')').map_or("", |(_, after)| after);
        let ticks = after.split_whitespace().skip(11).take(2);
        ticks
            .filter_map(|ticks| ticks.parse::<f64>().ok())
            .sum::<f64>()
            / 100.0
    }

    /// Resident memory in MiB, and the most there was.
    pub(super) fn memory(&self) -> (u64, u64) {
        let text = self.read("status");
        let line = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            let number = line.and_then(|line| line.split_whitespace().nth(1));
            number
                .and_then(|number| number.parse::<u64>().ok())
                .unwrap_or(0)
                / 1024
        };
        (line("VmRSS:"), line("VmHWM:"))
    }
}

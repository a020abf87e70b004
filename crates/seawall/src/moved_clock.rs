//! A clock that stories move: the machine's own, plus the seconds a file
//! says. Debug builds alone know it, so that no shipped server's time can
//! be told from outside.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use model::{Clock, SystemClock};

/// The machine's clock, moved by what the file holds at each look.
#[derive(Clone, Debug)]
pub(crate) struct MovedClock(pub PathBuf);

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        let seconds = std::fs::read_to_string(&self.0)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        SystemClock.now() + SignedDuration::from_secs(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_moves_the_time_and_nonsense_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clock");
        let clock = MovedClock(file.clone());
        let ahead = |clock: &MovedClock| (clock.now() - SystemClock.now()).get_hours();
        assert_eq!(ahead(&clock), 0);
        std::fs::write(&file, "90000\n").unwrap();
        let moved = clock.now().duration_since(SystemClock.now());
        assert!(moved.as_secs().abs_diff(90_000) <= 1, "{moved}");
        std::fs::write(&file, "soon").unwrap();
        assert_eq!(ahead(&clock), 0);
    }
}

//! Why a scan gave no result, whether it is tried again, and when.

use jiff::{SignedDuration, Timestamp};
use model::error::chain;
use store::{Scan, ScanOrigin};

use super::engine::LookError;
use crate::{app::App, registries::OpenError};

/// Tries of a scan before it is given up, and seconds between them, at
/// first and at most.
const TRIES: u32 = 5;
const FIRST_WAIT: i64 = 15;
const LONGEST_WAIT: i64 = 3_600;
/// How long a registry that asks for patience is left alone, at least
/// and at most; and how long one scan waits in all.
const SHORTEST_HOLD: SignedDuration = SignedDuration::from_secs(5);
const LONGEST_HOLD: SignedDuration = SignedDuration::from_hours(6);
const PATIENCE: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Why a scan gave no result.
pub(super) enum Failure {
    Look(LookError),
    Store(store::StoreError),
    Registry(OpenError),
    TimedOut(crate::config::Interval),
}

impl Failure {
    /// Until when the registry wants to be left alone, if it does.
    fn asked_to_wait(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Look(LookError::Scan(scan::ScanError::Registry(
                scan::RegistryError::RateLimited { retry_after, .. },
            ))) => {
                let wait = retry_after.and_then(|wait| SignedDuration::try_from(wait).ok());
                now.checked_add(wait.unwrap_or(SHORTEST_HOLD)).ok()
            }
            Self::Registry(OpenError::Ask(error)) => error.later(),
            _ => None,
        }
    }

    /// Whether the same try may go well later.
    fn may_pass(&self) -> bool {
        match self {
            Self::Look(LookError::Scan(scan::ScanError::Registry(error))) => match error {
                scan::RegistryError::Fetch { source, .. } => source.may_pass(),
                scan::RegistryError::Status { status, .. } => *status >= 500,
                _ => false,
            },
            Self::Look(
                LookError::Scan(scan::ScanError::NothingReadable(_) | scan::ScanError::Engine(_))
                | LookError::Host(_),
            )
            | Self::Store(_) => true,
            Self::Registry(OpenError::Ask(error)) => error.may_pass(),
            Self::Look(_) | Self::Registry(_) | Self::TimedOut(_) => false,
        }
    }

    pub(super) fn explain(&self) -> (String, Option<String>) {
        match self {
            Self::Look(error) => (error.explain(), error.advice()),
            Self::Store(error) => (format!("failed to {}", chain(error)), None),
            Self::Registry(error) => (
                format!("failed to {}", chain(error)),
                Some("look at the registry: seawall registry test".to_owned()),
            ),
            Self::TimedOut(after) => (
                format!("took longer than {after}"),
                Some("raise scan.timeout, or scan a part of it".to_owned()),
            ),
        }
    }
}

/// When a scan is taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Again {
    pub(super) at: Timestamp,
    /// Its registry asked for patience: nothing is taken from there
    /// before, and the try does not count.
    pub(super) hold: bool,
}

/// Whether another try may help, and when. A person who asked is told at
/// once instead: they are there to try again.
pub(super) fn again(app: &App, scan: &Scan, failure: &Failure) -> Option<Again> {
    let is_awaited = matches!(scan.origin, ScanOrigin::User | ScanOrigin::Demo);
    if is_awaited && scan.registry.is_none() {
        return None;
    }
    let now = app.clock.now();
    if now.duration_since(scan.created) > PATIENCE {
        return None;
    }
    if let Some(asked) = failure.asked_to_wait(now) {
        let at = asked.clamp(now + SHORTEST_HOLD, now + LONGEST_HOLD);
        return Some(Again { at, hold: true });
    }
    if is_awaited || !failure.may_pass() || scan.attempts + 1 >= TRIES {
        return None;
    }
    Some(Again {
        at: now + backoff(scan.attempts, chance()),
        hold: false,
    })
}

/// How long to wait after so many tries: four times as long each time,
/// spread by a quarter.
fn backoff(attempts: u32, chance: u8) -> SignedDuration {
    let seconds = (FIRST_WAIT << (2 * attempts.min(8))).min(LONGEST_WAIT);
    let spread = seconds * i64::from(chance) / 1024;
    SignedDuration::from_secs(seconds + spread)
}

fn chance() -> u8 {
    let mut byte = [0];
    // Without chance, everybody comes back at the same moment; no worse.
    getrandom::fill(&mut byte).ok();
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_an_hour_and_are_spread() {
        let wait = |attempts, chance| backoff(attempts, chance).as_secs();
        assert_eq!(wait(0, 0), 15);
        assert_eq!(wait(1, 0), 60);
        assert_eq!(wait(4, 0), 3_600);
        assert_eq!(wait(40, 0), 3_600);
        assert!((15..=19).contains(&wait(0, 255)));
    }
}

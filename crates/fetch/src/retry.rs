//! When to try again, and after how long.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

/// Statuses that say "later": the server's or a gateway's passing state.
pub(crate) fn status_may_pass(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

/// Reads a `Retry-After` header: seconds, or an HTTP date
/// (RFC 9110, section 10.2.3).
pub fn parse_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTimeParser::new().parse_timestamp(text).ok()?;
    let wait = date.duration_since(now);
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

/// How long to wait before try number `attempt + 1`: what the server
/// asked for, else doubling from half a second, spread by up to a half
/// so that many clients do not come back at once.
pub(crate) fn wait(attempt: u32, asked: Option<Duration>, longest: Duration) -> Duration {
    let base = asked.unwrap_or_else(|| Duration::from_millis(500 << attempt.min(10)));
    let spread = RandomState::new().hash_one(attempt) % 512;
    let jitter = base.mul_f64(f64::from(u32::try_from(spread).unwrap_or(0)) / 1024.0);
    let wait = match asked {
        // Never earlier than asked.
        Some(_) => base + jitter.min(Duration::from_secs(1)),
        None => base.mul_f64(0.75) + jitter,
    };
    wait.min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_retry_after_are_read() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let cases = [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("Thu, 01 Jan 2026 00:00:30 GMT", Some(30)),
            ("Wed, 31 Dec 2025 00:00:30 GMT", Some(0)),
            ("soon", None),
            ("-3", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(
                parse_retry_after(text, now),
                seconds.map(Duration::from_secs),
                "{text}"
            );
        }
    }

    #[test]
    fn waits_grow_and_stay_bounded() {
        let longest = Duration::from_secs(30);
        for attempt in 0..40 {
            let wait = wait(attempt, None, longest);
            assert!(wait <= longest);
            assert!(wait >= Duration::from_millis(375));
        }
        assert!(wait(5, None, longest) > wait(0, None, longest));
    }

    #[test]
    fn a_server_that_asks_for_an_hour_gets_the_bound() {
        let longest = Duration::from_secs(30);
        assert_eq!(wait(0, Some(Duration::from_hours(1)), longest), longest);
        assert!(wait(0, Some(Duration::from_secs(3)), longest) >= Duration::from_secs(3));
    }
}

//! What a route holds back: gathered for a digest, or beyond what may
//! be sent in a minute.

use jiff::{SignedDuration, Timestamp};
use model::{Notice, NoticeEvent, notice::NoticeDigest};
use serde::{Deserialize, Serialize};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A route's state between two sortings; kept in the record as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Held {
    /// When the current minute, or the digest's window, began.
    #[serde(default)]
    since: Option<Timestamp>,
    /// Notices sent one by one in it.
    #[serde(default)]
    sent: u32,
    #[serde(default)]
    digest: NoticeDigest,
}

/// How a route wants to be told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) digest_seconds: u32,
    pub(super) max_per_minute: u32,
}

impl Pace {
    fn window(self) -> SignedDuration {
        if self.digest_seconds > 0 {
            SignedDuration::from_secs(i64::from(self.digest_seconds))
        } else {
            MINUTE
        }
    }
}

impl Held {
    pub(super) fn read(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    pub(super) fn write(&self) -> Option<String> {
        (*self != Self::default())
            .then(|| serde_json::to_string(self).expect("invariant: plain data"))
    }

    /// Whether a notice goes out by itself; if not, it is gathered.
    pub(super) fn passes(&mut self, notice: &Notice, pace: Pace, now: Timestamp) -> bool {
        if pace.digest_seconds == 0 && pace.max_per_minute == 0 {
            return true;
        }
        let since = *self.since.get_or_insert(now);
        if pace.digest_seconds == 0 {
            let is_over = now.duration_since(since) >= MINUTE;
            if is_over && self.digest.count == 0 {
                self.since = Some(now);
                self.sent = 0;
            }
            if self.sent < pace.max_per_minute && self.digest.count == 0 {
                self.sent += 1;
                return true;
            }
        }
        self.digest.add(notice);
        false
    }

    /// The digest, once its time has come. It counts as one message of
    /// the minute that begins.
    pub(super) fn due(&mut self, route: &str, pace: Pace, now: Timestamp) -> Option<Notice> {
        let since = self.since?;
        if now.duration_since(since) < pace.window() {
            return None;
        }
        if self.digest.count == 0 {
            *self = Self::default();
            return None;
        }
        let mut digest = std::mem::take(&mut self.digest);
        route.clone_into(&mut digest.route);
        *self = Self::default();
        if pace.digest_seconds == 0 {
            self.since = Some(now);
            self.sent = 1;
        }
        Some(Notice {
            id: uuid::Uuid::now_v7().to_string(),
            event: NoticeEvent::Digest,
            time: now,
            environment: String::new(),
            finding: None,
            recommendation: None,
            incident: None,
            digest: Some(digest),
            link: Some("/findings".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice() -> Notice {
        Notice {
            id: "n".to_owned(),
            event: NoticeEvent::Test,
            time: at(0),
            environment: "local".to_owned(),
            finding: None,
            recommendation: None,
            incident: None,
            digest: None,
            link: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_storm_is_a_few_messages_and_one_that_counts_the_rest() {
        let pace = Pace {
            digest_seconds: 0,
            max_per_minute: 5,
        };
        let mut held = Held::default();
        let sent = (0..1248)
            .filter(|_| held.passes(&notice(), pace, at(1)))
            .count();
        assert_eq!(sent, 5);
        assert_eq!(held.due("r", pace, at(30)), None);
        // What is held survives a restart.
        let mut held = Held::read(held.write().as_deref());
        let digest = held.due("r", pace, at(61)).unwrap();
        assert_eq!(digest.digest.as_ref().unwrap().count, 1243);
        assert_eq!(digest.headline(), "1,243 changes for 'r'");
        assert!(held.passes(&notice(), pace, at(62)));
        assert_eq!(held.due("r", pace, at(130)), None);
        assert_eq!(held.write(), None);
    }

    #[test]
    fn a_digest_gathers_everything_until_its_window_ends() {
        let pace = Pace {
            digest_seconds: 900,
            max_per_minute: 5,
        };
        let mut held = Held::default();
        for second in 0..10 {
            assert!(!held.passes(&notice(), pace, at(second)));
        }
        assert_eq!(held.due("r", pace, at(899)), None);
        let digest = held.due("r", pace, at(900)).unwrap();
        assert_eq!(digest.digest.unwrap().count, 10);
        assert_eq!(held.due("r", pace, at(5000)), None);
    }

    #[test]
    fn a_quiet_route_sends_each() {
        let pace = Pace {
            digest_seconds: 0,
            max_per_minute: 2,
        };
        let mut held = Held::default();
        for minute in 0..10 {
            assert!(held.passes(&notice(), pace, at(minute * 61)));
            assert!(held.passes(&notice(), pace, at(minute * 61 + 1)));
        }
    }
}

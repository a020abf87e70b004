//! Whether a package is used: its files were executed or loaded by a
//! container, or somebody watched for days and they were not, or nobody
//! can say.
//!
//! "Not seen" is said only where every container of the image was
//! watched without a break and the package holds something that could
//! have been seen. Everything else is "not known", with the reason.

use jiff::{SignedDuration, Timestamp};

use crate::priority::Use;

/// How long somebody must have watched before "not seen" is said.
pub const WATCHED: SignedDuration = SignedDuration::from_hours(24);

/// How far two reports of one watcher may be apart, and it still counts
/// as having watched.
pub const SILENCE: SignedDuration = SignedDuration::from_hours(3);

/// How much later than its container a watcher may begin.
pub const LATE: SignedDuration = SignedDuration::from_mins(2);

/// Whether a package is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InUse {
    Seen {
        /// When last, to the day or better.
        at: Timestamp,
        /// The file, from the root of the container.
        path: String,
    },
    NotSeen {
        since: Timestamp,
    },
    NotKnown(NotKnown),
}

/// Why nobody can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotKnown {
    NotRunning,
    /// No sensor watches some container of it.
    NotWatched,
    /// Not watched for long enough.
    TooShort(Timestamp),
    /// The image was read before it was kept which file is whose.
    OldSbom,
    /// Nothing of it is ever executed or mapped: modules of Python or
    /// JavaScript are read and closed.
    Modules,
    /// A lock file names it; whether it is installed is not said.
    Listed,
    /// It holds no program and no library.
    NoPrograms,
}

impl NotKnown {
    /// Why, for people.
    pub fn why(self) -> &'static str {
        match self {
            Self::NotRunning => "no container runs this image",
            Self::NotWatched => {
                "no sensor watches every container of this image: install the sensor on its nodes"
            }
            Self::TooShort(_) => "watched for less than a day",
            Self::OldSbom => {
                "the image was read before it was kept which file is whose: scan it again"
            }
            Self::Modules => {
                "modules of this language are read and closed, which the sensor does not see"
            }
            Self::Listed => "a lock file names it, which says nothing of files",
            Self::NoPrograms => "it holds no program and no library that could be seen to run",
        }
    }
}

impl InUse {
    pub fn as_use(&self) -> Use {
        match self {
            Self::Seen { .. } => Use::Seen,
            Self::NotSeen { .. } => Use::NotSeen,
            Self::NotKnown(NotKnown::NotRunning) => Use::NotRunning,
            Self::NotKnown(_) => Use::NotKnown,
        }
    }

    /// Whole days it was watched without being seen.
    pub fn days(since: Timestamp, now: Timestamp) -> u32 {
        let hours = now.duration_since(since).as_hours().max(0);
        u32::try_from(hours / 24).unwrap_or(u32::MAX)
    }
}

/// What is known of one package of an image that may run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The last time a file of it was seen, and which.
    pub seen: Option<(Timestamp, String)>,
    /// Containers of the image that run.
    pub running: u64,
    /// Since when all of them were watched without a break; none: not
    /// all are.
    pub watched: Option<Timestamp>,
    /// What of it could be seen; none: it could be.
    pub unseeable: Option<NotKnown>,
}

impl Known {
    /// What is to be said of it at `now`.
    pub fn judge(&self, now: Timestamp) -> InUse {
        if let Some((at, path)) = &self.seen {
            return InUse::Seen {
                at: *at,
                path: path.clone(),
            };
        }
        if self.running == 0 {
            return InUse::NotKnown(NotKnown::NotRunning);
        }
        if let Some(why) = self.unseeable {
            return InUse::NotKnown(why);
        }
        match self.watched {
            None => InUse::NotKnown(NotKnown::NotWatched),
            Some(since) if since + WATCHED > now => InUse::NotKnown(NotKnown::TooShort(since)),
            Some(since) => InUse::NotSeen { since },
        }
    }
}

/// One container of an image, and who watched it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    pub started: Timestamp,
    /// When it ended; none: it runs.
    pub ended: Option<Timestamp>,
    /// From when to when a sensor looked at its files, as last told.
    pub by_sensor: Option<(Timestamp, Timestamp)>,
}

/// Since when every container of an image was watched without a break;
/// `None` where one that runs is not, or none was ever.
pub fn watched_since(containers: &[Watched], now: Timestamp) -> Option<Timestamp> {
    let mut since: Option<Timestamp> = None;
    let mut begun: Option<Timestamp> = None;
    let mut later = |time: Timestamp| since = Some(since.map_or(time, |known| known.max(time)));
    for container in containers {
        let Some((from, to)) = container.by_sensor else {
            match container.ended {
                // What it loaded unseen was loaded before then.
                Some(ended) => later(ended),
                None => return None,
            }
            continue;
        };
        begun = Some(begun.map_or(from, |known: Timestamp| known.min(from)));
        if from > container.started + LATE {
            // It is looked at as it is then: what it had mapped and let
            // go of before was not seen.
            later(from);
        }
        match container.ended {
            None if to + SILENCE < now => return None,
            Some(ended) if to + SILENCE < ended => later(ended),
            _ => {}
        }
    }
    let begun = begun?;
    Some(since.map_or(begun, |since| since.max(begun)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + hour * 3600).unwrap()
    }

    fn known() -> Known {
        Known {
            running: 1,
            watched: Some(at(0)),
            ..Known::default()
        }
    }

    #[test]
    fn not_seen_is_said_after_a_whole_day_only() {
        assert_eq!(
            known().judge(at(23)),
            InUse::NotKnown(NotKnown::TooShort(at(0)))
        );
        let later = known().judge(at(75));
        assert_eq!(later, InUse::NotSeen { since: at(0) });
        assert_eq!(InUse::days(at(0), at(75)), 3);
        assert_eq!(later.as_use(), Use::NotSeen);
    }

    #[test]
    fn what_was_seen_stays_seen_and_what_cannot_be_is_never_not_seen() {
        let seen = Known {
            seen: Some((at(1), "/usr/bin/curl".to_owned())),
            running: 0,
            watched: None,
            ..known()
        };
        assert_eq!(seen.judge(at(99)).as_use(), Use::Seen);
        let module = Known {
            unseeable: Some(NotKnown::Modules),
            ..known()
        };
        assert_eq!(module.judge(at(99)), InUse::NotKnown(NotKnown::Modules));
        let idle = Known {
            running: 0,
            ..known()
        };
        assert_eq!(idle.judge(at(99)).as_use(), Use::NotRunning);
        let unwatched = Known {
            watched: None,
            ..known()
        };
        assert_eq!(
            unwatched.judge(at(99)),
            InUse::NotKnown(NotKnown::NotWatched)
        );
    }

    #[test]
    fn one_container_nobody_watches_spoils_it_for_all() {
        let watched = Watched {
            started: at(0),
            ended: None,
            by_sensor: Some((at(0), at(50))),
        };
        let alone = Watched {
            by_sensor: None,
            ..watched
        };
        assert_eq!(watched_since(&[watched], at(51)), Some(at(0)));
        assert_eq!(watched_since(&[watched, alone], at(51)), None);
        assert_eq!(watched_since(&[], at(51)), None);
        // One that ended unwatched counts until its end.
        let over = Watched {
            ended: Some(at(20)),
            ..alone
        };
        assert_eq!(watched_since(&[watched, over], at(51)), Some(at(20)));
    }

    #[test]
    fn a_watcher_that_came_late_or_fell_silent_is_believed_from_then_only() {
        let late = Watched {
            started: at(0),
            ended: None,
            by_sensor: Some((at(10), at(50))),
        };
        assert_eq!(watched_since(&[late], at(51)), Some(at(10)));
        assert_eq!(watched_since(&[late], at(54)), None, "silent");
        let ended = Watched {
            ended: Some(at(50)),
            by_sensor: Some((at(0), at(40))),
            ..late
        };
        let steady = Watched {
            started: at(5),
            ended: None,
            by_sensor: Some((at(5), at(50))),
        };
        assert_eq!(watched_since(&[steady, ended], at(51)), Some(at(50)));
    }
}

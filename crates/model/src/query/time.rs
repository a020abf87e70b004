//! Times in queries: so long ago, a day, a moment.

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};

use super::{Field, Op};

/// A time as a query says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Seconds from now: back, or ahead for a due date.
    Away(i64),
    /// The whole day, UTC.
    Day(Date),
    /// Microseconds since 1970, UTC.
    At(i64),
}

/// A stretch of time in microseconds since 1970: from, up to but not
/// including. What is absent is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub from: Option<i64>,
    pub until: Option<i64>,
}

impl Stretch {
    /// The times that `field OP when` means, seen from `now`.
    ///
    /// `last_seen:<2h` is less than two hours ago, `last_seen:>7d` more
    /// than seven days ago; `due:<3d` is due in less than three days,
    /// or already. Without an operator, `2h` is two hours at most and a
    /// day is any time within it.
    pub fn of(field: Field, op: Op, when: When, now: Timestamp) -> Self {
        let now = now.as_microsecond();
        match when {
            When::Away(seconds) => {
                let away = seconds.saturating_mul(1_000_000);
                if field == Field::Due {
                    Self::moment(op.or_at_most(), now.saturating_add(away))
                } else {
                    // Longer ago is earlier, so the order turns round.
                    Self::moment(op.or_at_most().reversed(), now.saturating_sub(away))
                }
            }
            When::Day(day) => {
                let (start, end) = bounds(day);
                Self::between(op, start, end)
            }
            When::At(moment) => Self::moment(op, moment),
        }
    }

    pub fn contains(self, microsecond: i64) -> bool {
        self.from.is_none_or(|from| microsecond >= from)
            && self.until.is_none_or(|until| microsecond < until)
    }

    fn moment(op: Op, moment: i64) -> Self {
        Self::between(op, moment, moment.saturating_add(1))
    }

    fn between(op: Op, start: i64, end: i64) -> Self {
        let (from, until) = match op {
            Op::Is => (Some(start), Some(end)),
            Op::Above => (Some(end), None),
            Op::AtLeast => (Some(start), None),
            Op::Below => (None, Some(start)),
            Op::AtMost => (None, Some(end)),
        };
        Self { from, until }
    }
}

impl Op {
    fn or_at_most(self) -> Self {
        match self {
            Self::Is => Self::AtMost,
            other => other,
        }
    }

    fn reversed(self) -> Self {
        match self {
            Self::Is => Self::Is,
            Self::Above => Self::Below,
            Self::AtLeast => Self::AtMost,
            Self::Below => Self::Above,
            Self::AtMost => Self::AtLeast,
        }
    }
}

/// First moment of a day and of the next.
pub(super) fn bounds(day: Date) -> (i64, i64) {
    let start = |day: Date| {
        day.to_zoned(TimeZone::UTC)
            .map_or(i64::MAX, |zoned| zoned.timestamp().as_microsecond())
    };
    let next = day.checked_add(1.day());
    (start(day), next.map_or(i64::MAX, start))
}

const UNITS: [(char, i64); 5] = [
    ('w', 604_800),
    ('d', 86_400),
    ('h', 3600),
    ('m', 60),
    ('s', 1),
];

/// A hundred years: further is a mistake.
const FURTHEST: i64 = 100 * 365 * 86_400;

impl When {
    /// Reads `2h`, `7d`, `2026-11-25` or `2026-11-25T10:00:00Z`.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str =
            "expected a time like 30m, 2h, 7d, 4w, 2026-11-25 or 2026-11-25T10:00:00Z";
        if let Some(unit) = text.chars().next_back()
            && let Some((_, seconds)) = UNITS
                .iter()
                .find(|(letter, _)| *letter == unit.to_ascii_lowercase())
            && let Some(number) = text.strip_suffix(unit)
            && !number.is_empty()
            && number.chars().all(|digit| digit.is_ascii_digit())
        {
            return number
                .parse::<i64>()
                .ok()
                .and_then(|number| number.checked_mul(*seconds))
                .filter(|seconds| *seconds <= FURTHEST)
                .map(Self::Away)
                .ok_or("that is more than a hundred years");
        }
        let years = 1970..9999;
        if text.len() == 10 {
            return text
                .parse::<Date>()
                .ok()
                .filter(|day| years.contains(&day.year()))
                .map(Self::Day)
                .ok_or(EXPECTED);
        }
        text.parse::<Timestamp>()
            .ok()
            .filter(|time| years.contains(&time.to_zoned(TimeZone::UTC).year()))
            .map(|time| Self::At(time.as_microsecond()))
            .ok_or(EXPECTED)
    }
}

impl std::fmt::Display for When {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Away(seconds) => {
                let (letter, unit) = UNITS
                    .into_iter()
                    .find(|(_, unit)| *seconds != 0 && seconds % unit == 0)
                    .unwrap_or(('s', 1));
                write!(f, "{}{letter}", seconds / unit)
            }
            Self::Day(day) => write!(f, "{day}"),
            Self::At(moment) => {
                let time = Timestamp::UNIX_EPOCH
                    .checked_add(SignedDuration::from_micros(*moment))
                    .unwrap_or(Timestamp::MAX);
                write!(f, "{time}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(field: Field, op: Op, when: &str, time: &str) -> bool {
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        let time: Timestamp = time.parse().unwrap();
        Stretch::of(field, op, When::read(when).unwrap(), now).contains(time.as_microsecond())
    }

    #[test]
    fn less_is_younger_and_a_due_date_lies_ahead() {
        let seen = Field::LastSeen;
        assert!(holds(seen, Op::Below, "2h", "2026-11-25T10:00:00.000001Z"));
        assert!(!holds(seen, Op::Below, "2h", "2026-11-25T10:00:00Z"));
        assert!(holds(seen, Op::Is, "2h", "2026-11-25T10:00:00Z"));
        assert!(holds(seen, Op::Above, "7d", "2026-11-18T11:59:59Z"));
        assert!(!holds(seen, Op::Above, "7d", "2026-11-18T12:00:00Z"));
        assert!(holds(Field::Due, Op::Below, "3d", "2026-11-28T00:00:00Z"));
        assert!(holds(Field::Due, Op::Below, "3d", "2026-01-01T00:00:00Z"));
        assert!(holds(Field::Due, Op::Above, "3d", "2026-11-29T00:00:00Z"));
    }

    #[test]
    fn a_day_is_all_of_it() {
        let seen = Field::FirstSeen;
        let (first, last) = ("2026-11-20T00:00:00Z", "2026-11-20T23:59:59.999999Z");
        for (op, within, before, after) in [
            (Op::Is, true, false, false),
            (Op::AtLeast, true, false, true),
            (Op::AtMost, true, true, false),
            (Op::Above, false, false, true),
            (Op::Below, false, true, false),
        ] {
            assert_eq!(holds(seen, op, "2026-11-20", first), within);
            assert_eq!(holds(seen, op, "2026-11-20", last), within);
            assert_eq!(
                holds(seen, op, "2026-11-20", "2026-11-19T23:59:59Z"),
                before
            );
            assert_eq!(holds(seen, op, "2026-11-20", "2026-11-21T00:00:00Z"), after);
        }
    }

    #[test]
    fn times_print_in_their_largest_unit() {
        for (text, printed) in [
            ("120m", "2h"),
            ("90m", "90m"),
            ("14D", "2w"),
            ("0h", "0s"),
            ("2026-11-25", "2026-11-25"),
            ("2026-11-25T11:00:00+01:00", "2026-11-25T10:00:00Z"),
        ] {
            assert_eq!(When::read(text).unwrap().to_string(), printed);
        }
        for text in [
            "",
            "h",
            "1y",
            "-2h",
            "9999999999w",
            "2026-13-01",
            "1066-10-14",
            "é",
        ] {
            assert!(When::read(text).is_err(), "{text}");
        }
    }
}

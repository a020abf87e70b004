//! Whether a query means a finding.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{Condition, Field, Flag, Label, Node, Person, Query, Stretch};
use crate::Severity;

/// Anything a query can decide about: a finding, and all that is known
/// of what it is about.
pub trait Subject {
    fn severity(&self) -> Severity;

    /// What it has under a field of words or text; nothing where it has
    /// none. Asked for every such field of the catalogue but `label`.
    ///
    /// `kind`, `state` and `progress` answer with the catalogue's words.
    /// `asset` answers with names and ids of all it is inside of too,
    /// `ecosystem` with the kind of package and the release, `finding`
    /// with id and fingerprint, `technique` with parent techniques too.
    fn texts(&self, field: Field) -> Vec<Cow<'_, str>>;

    /// What free text is looked for in: title, rule, package, names of
    /// assets, summary.
    fn searched(&self) -> Vec<Cow<'_, str>>;

    fn labels(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)>;

    /// `epss`, `cvss` or `layer`.
    fn number(&self, field: Field) -> Option<f64>;

    /// `first_seen`, `last_seen`, `resolved` or `due` (a date is its
    /// first moment, UTC).
    fn time(&self, field: Field) -> Option<Timestamp>;

    /// Asked for what nothing else tells: `Fixable`, `Kev`,
    /// `Suppressed`, `Running`, `Commented`.
    fn is(&self, flag: Flag) -> bool;
}

/// Who asks, and when.
#[derive(Clone, Debug)]
pub struct Asking<'a> {
    pub now: Timestamp,
    /// The name findings are assigned under; nobody is `me` when absent.
    pub me: Option<&'a str>,
}

impl Flag {
    /// How long a finding is new.
    pub const NEW_SECONDS: i64 = 86_400;
}

impl Query {
    pub fn matches(&self, subject: &dyn Subject, asking: &Asking<'_>) -> bool {
        self.root
            .as_ref()
            .is_none_or(|root| root.matches(subject, asking))
    }
}

impl Node {
    pub fn matches(&self, subject: &dyn Subject, asking: &Asking<'_>) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.matches(subject, asking)),
            Self::Any(nodes) => nodes.iter().any(|node| node.matches(subject, asking)),
            Self::Not(node) => !node.matches(subject, asking),
            Self::Test(test) => test.condition.holds(subject, asking),
        }
    }
}

impl Condition {
    fn holds(&self, subject: &dyn Subject, asking: &Asking<'_>) -> bool {
        match self {
            Self::Contains(pattern) => subject.searched().iter().any(|text| pattern.found_in(text)),
            Self::Present(field) => is_present(subject, *field),
            Self::Words(field, words) => subject
                .texts(*field)
                .iter()
                .any(|text| words.contains(&text.as_ref())),
            Self::Severity(op, severities) => severities
                .iter()
                .any(|severity| op.holds(&subject.severity(), severity)),
            Self::Flags(_, flags) => flags.iter().any(|flag| is(subject, *flag, asking)),
            Self::Text(field, patterns) => subject
                .texts(*field)
                .iter()
                .any(|text| patterns.iter().any(|pattern| pattern.matches(text))),
            Self::Label(labels) => subject
                .labels()
                .iter()
                .any(|(key, value)| labels.iter().any(|label| label.matches(key, value))),
            Self::Assignee(people) => {
                let assignees = subject.texts(Field::Assignee);
                people.iter().any(|person| match person {
                    Person::Nobody => assignees.is_empty(),
                    Person::Me => asking
                        .me
                        .is_some_and(|me| assignees.iter().any(|name| name.as_ref() == me)),
                    Person::Named(pattern) => assignees.iter().any(|name| pattern.matches(name)),
                })
            }
            Self::Number(field, op, numbers) => subject
                .number(*field)
                .is_some_and(|number| numbers.iter().any(|other| op.holds(&number, other))),
            Self::Time(field, op, times) => subject.time(*field).is_some_and(|time| {
                times.iter().any(|when| {
                    Stretch::of(*field, *op, *when, asking.now).contains(time.as_microsecond())
                })
            }),
        }
    }
}

impl Label {
    fn matches(&self, key: &str, value: &str) -> bool {
        self.key.eq_ignore_ascii_case(key)
            && self
                .value
                .as_ref()
                .is_none_or(|pattern| pattern.matches(value))
    }
}

fn is_present(subject: &dyn Subject, field: Field) -> bool {
    use super::FieldKind;

    match (field, field.kind()) {
        (Field::Label, _) => !subject.labels().is_empty(),
        (_, FieldKind::Rank) => true,
        (_, FieldKind::Number) => subject.number(field).is_some(),
        (_, FieldKind::Time) => subject.time(field).is_some(),
        (_, FieldKind::Word | FieldKind::Text | FieldKind::Flag) => {
            !subject.texts(field).is_empty()
        }
    }
}

fn is(subject: &dyn Subject, flag: Flag, asking: &Asking<'_>) -> bool {
    if let Some(state) = flag.as_state() {
        return subject.texts(Field::State).iter().any(|text| text == state);
    }
    match flag {
        Flag::Assigned => !subject.texts(Field::Assignee).is_empty(),
        Flag::New => subject.time(Field::FirstSeen).is_some_and(|time| {
            time.as_microsecond()
                >= asking
                    .now
                    .as_microsecond()
                    .saturating_sub(Flag::NEW_SECONDS * 1_000_000)
        }),
        Flag::Overdue => {
            is(subject, Flag::Open, asking)
                && subject
                    .time(Field::Due)
                    .is_some_and(|due| due.as_microsecond() < today(asking.now))
        }
        other => subject.is(other),
    }
}

/// The first moment of the day, UTC.
fn today(now: Timestamp) -> i64 {
    super::time::bounds(now.to_zoned(jiff::tz::TimeZone::UTC).date()).0
}

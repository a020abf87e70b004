//! What a query says, once it is understood.

use super::{Field, FieldKind, Flag, Label, Pattern, When};
use crate::Severity;

/// Which findings are meant. The empty query means all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Absent: everything.
    pub root: Option<Node>,
}

/// A part of a query. Made by [`Node::all`], [`Node::any`] and
/// [`Node::not`], a tree has no group of one and no group of its own
/// kind directly inside it.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Test(Test),
}

/// One thing asked of a finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    pub condition: Condition,
    pub place: Place,
}

/// What is asked. Where several values are given, any of them will do.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Title, rule, package, asset names or summary contain it.
    Contains(Pattern),
    /// The field has a value, whatever it is.
    Present(Field),
    /// A field of a closed set of words: kind, state, progress.
    Words(Field, Vec<&'static str>),
    Severity(Op, Vec<Severity>),
    /// `is:` and `has:`.
    Flags(Field, Vec<Flag>),
    Text(Field, Vec<Pattern>),
    Label(Vec<Label>),
    Assignee(Vec<Person>),
    Number(Field, Op, Vec<f64>),
    Time(Field, Op, Vec<When>),
}

/// How a value is compared. With anything but [`Op::Is`] there is
/// exactly one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Is,
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// Whom findings are assigned to.
#[derive(Clone, Debug, PartialEq)]
pub enum Person {
    /// Whoever asks.
    Me,
    Nobody,
    Named(Pattern),
}

/// Where in the text something stands, in characters: from, up to but
/// not including. It is no part of the meaning: any two are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    pub start: usize,
    pub end: usize,
}

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Op {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Is => "",
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
        }
    }

    /// Whether `left OP right` holds.
    pub fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Is => left == right,
            Self::Above => left > right,
            Self::AtLeast => left >= right,
            Self::Below => left < right,
            Self::AtMost => left <= right,
        }
    }
}

impl Condition {
    /// The field asked about; `None` for a search in the text.
    pub fn field(&self) -> Option<Field> {
        match self {
            Self::Contains(_) => None,
            Self::Severity(..) => Some(Field::Severity),
            Self::Label(_) => Some(Field::Label),
            Self::Assignee(_) => Some(Field::Assignee),
            Self::Present(field)
            | Self::Words(field, _)
            | Self::Flags(field, _)
            | Self::Text(field, _)
            | Self::Number(field, ..)
            | Self::Time(field, ..) => Some(*field),
        }
    }
}

impl Node {
    /// All of them.
    pub fn all(nodes: Vec<Self>) -> Option<Self> {
        Self::group(nodes, Self::All, |node| match node {
            Self::All(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// Any of them.
    pub fn any(nodes: Vec<Self>) -> Option<Self> {
        Self::group(nodes, Self::Any, |node| match node {
            Self::Any(inner) => Ok(inner),
            other => Err(other),
        })
    }

    #[expect(
        clippy::should_implement_trait,
        reason = "a constructor, like its siblings"
    )]
    pub fn not(node: Self) -> Self {
        match node {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    fn group(
        nodes: Vec<Self>,
        make: fn(Vec<Self>) -> Self,
        open: fn(Self) -> Result<Vec<Self>, Self>,
    ) -> Option<Self> {
        let mut members = Vec::with_capacity(nodes.len());
        for node in nodes {
            match open(node) {
                Ok(inner) => members.extend(inner),
                Err(node) => members.push(node),
            }
        }
        if members.len() > 1 {
            return Some(make(members));
        }
        members.pop()
    }

    /// Every test in it, in the order they were written.
    pub fn tests(&self) -> Vec<&Test> {
        match self {
            Self::Test(test) => vec![test],
            Self::Not(node) => node.tests(),
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().flat_map(Self::tests).collect(),
        }
    }
}

impl Query {
    /// All findings.
    pub fn everything() -> Self {
        Self::default()
    }

    pub fn is_everything(&self) -> bool {
        self.root.is_none()
    }

    pub fn tests(&self) -> Vec<&Test> {
        self.root.as_ref().map(Node::tests).unwrap_or_default()
    }

    /// Whether it says anything about where findings are in their life.
    /// One that does not is meant of open findings.
    pub fn speaks_of_state(&self) -> bool {
        self.tests().iter().any(|test| match &test.condition {
            Condition::Flags(_, flags) => flags.iter().any(|flag| flag.is_state()),
            condition => condition.field() == Some(Field::State),
        })
    }

    /// Whether it asks about a flag, either way.
    pub fn speaks_of(&self, flag: Flag) -> bool {
        self.tests().iter().any(
            |test| matches!(&test.condition, Condition::Flags(_, flags) if flags.contains(&flag)),
        )
    }

    /// What both mean.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            root: Node::all(self.root.into_iter().chain(other.root).collect()),
        }
    }

    /// This, and the field having exactly this value. For text fields.
    #[must_use]
    pub fn and_exactly(self, field: Field, value: &str) -> Self {
        debug_assert!(field.kind() == FieldKind::Text);
        let condition = Condition::Text(field, vec![Pattern::exact(value)]);
        self.and(Self::from(condition))
    }
}

impl From<Condition> for Query {
    fn from(condition: Condition) -> Self {
        Self {
            root: Some(Node::Test(Test {
                condition,
                place: Place::default(),
            })),
        }
    }
}

//! Rules with everything resolved: what the engine compiles.

use std::collections::BTreeSet;

use crate::{
    ast::{Operator, Quantifier, Transformer},
    field::{Field, Source},
    suggest,
};

/// All rules that were read, in the order of their files.
#[derive(Clone, Debug, Default)]
pub struct Ruleset {
    pub rules: Vec<Rule>,
}

impl Ruleset {
    /// The id or name that `word` most likely meant.
    pub fn nearest(&self, word: &str) -> Option<&str> {
        let names = self
            .rules
            .iter()
            .flat_map(|rule| rule.ids().chain([rule.name.as_str()]));
        suggest::nearest(word, names)
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `seawall.id`, or the name in lower-case words joined by hyphens.
    pub id: String,
    /// `seawall.on_host`: what it is called where a process of the node
    /// itself did it, and not one of a container. It shares a space with
    /// the ids: no two rules have one word.
    pub on_host: Option<String>,
    /// As the file names it.
    pub name: String,
    pub description: String,
    pub source: Source,
    pub condition: Expression,
    /// The condition as its author wrote it, appended parts and all.
    pub written: String,
    /// With `%field[argument]` in it.
    pub output: String,
    pub priority: Priority,
    pub tags: Vec<String>,
    pub is_enabled: bool,
    /// What stands under `seawall:`.
    pub extension: Extension,
    /// `file:line`, for people.
    pub origin: String,
}

/// How much a rule matters, in the words of rule files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Informational,
    Debug,
}

impl Priority {
    /// Most urgent first.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Informational,
        Self::Debug,
    ];

    /// As rule files spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emergency => "Emergency",
            Self::Alert => "Alert",
            Self::Critical => "Critical",
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Notice => "Notice",
            Self::Informational => "Informational",
            Self::Debug => "Debug",
        }
    }

    /// In any case; `Info` is short for `Informational`.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim();
        if word.eq_ignore_ascii_case("info") {
            return Some(Self::Informational);
        }
        Self::ALL
            .into_iter()
            .find(|each| each.as_str().eq_ignore_ascii_case(word))
    }

    /// On the product's own scale, for a rule that names no severity.
    pub fn severity(self) -> model::Severity {
        match self {
            Self::Emergency | Self::Alert | Self::Critical => model::Severity::Critical,
            Self::Error => model::Severity::High,
            Self::Warning => model::Severity::Medium,
            Self::Notice => model::Severity::Low,
            Self::Informational | Self::Debug => model::Severity::Info,
        }
    }
}

impl std::fmt::Display for Priority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl Rule {
    /// What an alert of it is named by.
    pub fn id_of(&self, is_on_host: bool) -> &str {
        match &self.on_host {
            Some(id) if is_on_host => id,
            _ => &self.id,
        }
    }

    /// Every id it goes by.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        [Some(self.id.as_str()), self.on_host.as_deref()]
            .into_iter()
            .flatten()
    }

    /// What people call it.
    pub fn title(&self) -> &str {
        self.extension.title.as_deref().unwrap_or(&self.name)
    }

    /// Its own word, else what its priority means.
    pub fn severity(&self) -> model::Severity {
        self.extension
            .severity
            .unwrap_or_else(|| self.priority.severity())
    }
}

/// A condition without macros and lists.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    Or(Vec<Self>),
    And(Vec<Self>),
    Not(Box<Self>),
    /// Always, or never: what an empty macro or `evt.num=0` leaves.
    Constant(bool),
    Predicate(Predicate),
}

impl Expression {
    /// The names of all fields it asks for, each once, sorted.
    pub fn fields(&self) -> BTreeSet<&'static str> {
        let mut names = BTreeSet::new();
        self.each_predicate(&mut |predicate| {
            predicate.left.each_field(&mut |name| {
                names.insert(name);
            });
            if let Comparand::Term(term) = &predicate.right {
                term.each_field(&mut |name| {
                    names.insert(name);
                });
            }
        });
        names
    }

    /// Every comparison in it, from left to right.
    pub fn each_predicate<'e>(&'e self, see: &mut impl FnMut(&'e Predicate)) {
        match self {
            Self::Or(parts) | Self::And(parts) => {
                for part in parts {
                    part.each_predicate(see);
                }
            }
            Self::Not(inner) => inner.each_predicate(see),
            Self::Constant(_) => {}
            Self::Predicate(predicate) => see(predicate),
        }
    }
}

impl Term {
    fn each_field(&self, see: &mut impl FnMut(&'static str)) {
        match self {
            Self::Field { field, .. } => see(field.name),
            Self::Call(_, parts) | Self::List(parts) => {
                for part in parts {
                    part.each_field(see);
                }
            }
            Self::Value(_) => {}
        }
    }
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Predicate {
    pub left: Term,
    pub operator: Operator,
    pub quantifier: Option<Quantifier>,
    pub right: Comparand,
}

/// What is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    Field {
        field: &'static Field,
        argument: Option<String>,
    },
    /// A transformed value; `getopt(a, b)[c]` has `c` as a third argument.
    Call(Transformer, Vec<Self>),
    /// `(a, b)`: what `join` takes beside a field that is a list.
    List(Vec<Self>),
    Value(String),
}

/// What it is compared with; lists are flat, and the field of `val(field)`
/// is a term like any other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Comparand {
    None,
    Value(String),
    List(Vec<String>),
    Term(Term),
}

/// What our own keys add to a rule.
#[derive(Clone, Debug, Default)]
pub struct Extension {
    pub title: Option<String>,
    pub severity: Option<model::Severity>,
    pub maturity: Option<Maturity>,
    pub why: Option<String>,
    /// How to respond.
    pub fix: Option<String>,
    pub false_positives: Option<String>,
    pub references: Vec<String>,
    /// ATT&CK techniques: `T1611`.
    pub attack: Vec<String>,
    /// Techniques of Microsoft's matrix: `MS-TA9003`.
    pub matrix: Vec<String>,
    pub threshold: Option<Threshold>,
    pub sequence: Option<Sequence>,
    pub suppress: Option<Suppress>,
    /// The fields that make two matches the same alert.
    pub dedup: Vec<Term>,
    pub cases: Vec<Case>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maturity {
    Stable,
    Incubating,
    Experimental,
}

impl Maturity {
    pub const ALL: [Self; 3] = [Self::Stable, Self::Incubating, Self::Experimental];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Incubating => "incubating",
            Self::Experimental => "experimental",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.as_str() == word)
    }
}

/// Matches only count once there are `count` of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    pub count: u32,
    pub within: std::time::Duration,
    /// Counted apart for each value of these.
    pub by: Vec<Term>,
    /// Counts different values of this, not matches.
    pub distinct: Option<Term>,
}

/// One after another, by the same key.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    pub within: std::time::Duration,
    pub by: Vec<Term>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub name: String,
    pub condition: Expression,
}

/// The same key again within the time only counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Suppress {
    pub by: Vec<Term>,
    pub within: std::time::Duration,
}

/// Events with what the rule says to them.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub name: String,
    /// Whether the rule shall match at least once.
    pub expects_match: bool,
    /// In the source's own form, JSON, in order.
    pub events: Vec<String>,
}

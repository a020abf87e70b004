//! All conditions of one source, with what they share found.
//!
//! Equal comparisons are one. Comparisons with the same field form a group:
//! the field is read once for each event, and what a text said to the whole
//! group is remembered. Some groups say what sort of event it is, and some
//! say only what the process is; conditions are folded with those before
//! they are run.

use std::{collections::HashMap, ops::Range};

use super::{
    cache::Answers,
    matcher::{Matcher, Unusable},
    program::{Bit, Node},
    terms::{self, Owned},
};
use crate::{
    ast::{Operator, Transformer},
    field::{Field, Kind},
    rule::{Comparand, Expression, Predicate, Term},
    value::{self, Facts, Value},
};

/// How long an answer is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// As long as the process is what it is.
    Process,
    /// For all events of a sort: few answers, many events.
    Sort,
    Event,
}

/// A source of events, as the engine sees it.
pub(crate) trait Vocabulary {
    /// Where a field is.
    type Place: std::fmt::Debug;

    fn place(field: &Field, argument: Option<&str>) -> Self::Place;

    fn scope(field: &Field, argument: Option<&str>) -> Scope;

    /// Which name all a field says comes from, where there is one.
    fn of_name(_: &Field) -> Option<OfName> {
        None
    }
}

/// What is made of [`Asked::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OfName {
    /// As it is from the root.
    Whole,
    /// As the program passed it.
    Raw,
}

/// The name of the file an event is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    /// From the root.
    pub(crate) whole: &'a [u8],
    /// Whether the program passed it just so.
    pub(crate) is_raw: bool,
}

/// An event that can be asked by place.
pub(crate) trait Asked<V: Vocabulary>: Facts {
    fn ask(&self, place: &V::Place, each: &mut dyn FnMut(Value<'_>));

    /// The name of the file it is about. Several fields are parts of it:
    /// what it said to all of them is remembered together.
    fn name(&self) -> Option<Name<'_>> {
        None
    }
}

/// What a group asks.
#[derive(Debug)]
enum Question<P> {
    /// A field, and what is done to each of its values.
    Field(P, Vec<Transformer>),
    Term(Term),
    /// Two terms are compared with each other; one comparison only.
    Pair(Box<Predicate>),
}

/// Comparisons with the same field.
#[derive(Debug)]
pub(crate) struct Group<P> {
    question: Question<P>,
    pub(crate) scope: Scope,
    matchers: Vec<Matcher>,
    /// Bits of the comparisons that every value has to pass.
    all: Vec<u64>,
    /// Where its words are.
    pub(crate) first: usize,
    pub(crate) is_remembered: bool,
    pub(crate) of_name: Option<OfName>,
}

impl<P> Group<P> {
    pub(crate) fn words(&self) -> Range<usize> {
        self.first..self.first + self.width()
    }

    pub(crate) fn width(&self) -> usize {
        self.all.len()
    }
}

/// Groups that stand side by side, and so do their words.
#[derive(Clone, Debug)]
pub(crate) struct Together {
    pub(crate) groups: Range<usize>,
    pub(crate) words: Range<usize>,
}

impl Together {
    fn new<P>(groups: &[Group<P>], is_in: impl Fn(&Group<P>) -> bool) -> Self {
        let first = groups.iter().position(&is_in).unwrap_or_default();
        let of = groups.iter().skip(first).take_while(|group| is_in(group));
        let count = of.clone().count();
        let from = of.clone().next().map_or(0, |group| group.first);
        Self {
            groups: first..first + count,
            words: from..from + of.map(Group::width).sum::<usize>(),
        }
    }
}

/// Which part of which rule a condition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) rule: u32,
    pub(crate) step: Option<u8>,
}

#[derive(Debug)]
pub(crate) struct Plan<V: Vocabulary> {
    /// Those of the process first, then those of the sort.
    pub(crate) groups: Vec<Group<V::Place>>,
    pub(crate) conditions: Vec<(Owner, Node<Bit>)>,
    pub(crate) words: usize,
    /// What is of a file's name: of the whole one, and of that where it is
    /// also what the program passed.
    pub(crate) of_name: [Together; 2],
    /// How many groups, and words, say what the process is.
    pub(crate) process: (usize, usize),
    /// How many groups, and words, say that or the sort of the event.
    pub(crate) sort: (usize, usize),
    pub(crate) predicates: usize,
}

/// A comparison before its group has a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draft {
    group: usize,
    bit: usize,
}

/// Puts a plan together.
#[derive(Debug)]
pub(crate) struct Planner<V: Vocabulary> {
    groups: Vec<Group<V::Place>>,
    by_term: HashMap<Term, usize>,
    by_predicate: HashMap<Predicate, Draft>,
    conditions: Vec<(Owner, Node<Draft>)>,
}

impl<V: Vocabulary> Planner<V> {
    pub(crate) fn new() -> Self {
        Self {
            groups: Vec::new(),
            by_term: HashMap::new(),
            by_predicate: HashMap::new(),
            conditions: Vec::new(),
        }
    }

    /// What cannot be compared never holds, and is said.
    pub(crate) fn add(&mut self, owner: Owner, condition: &Expression) -> Vec<Unusable> {
        let mut problems = Vec::new();
        let node = self.node(condition, &mut problems);
        self.conditions.push((owner, node.fold(&|_| None)));
        problems
    }

    pub(crate) fn fields(&self) -> usize {
        self.groups.len()
    }

    /// Whether the last condition does not depend on the event.
    pub(crate) fn last_is_constant(&self) -> Option<bool> {
        match self.conditions.last() {
            Some((_, Node::Constant(truth))) => Some(*truth),
            _ => None,
        }
    }

    fn node(&mut self, condition: &Expression, problems: &mut Vec<Unusable>) -> Node<Draft> {
        let mut all = |parts: &[Expression]| {
            parts
                .iter()
                .map(|part| self.node(part, problems))
                .collect::<Vec<_>>()
        };
        match condition {
            Expression::And(parts) => Node::And(all(parts)),
            Expression::Or(parts) => Node::Or(all(parts)),
            Expression::Not(inner) => Node::Not(Box::new(self.node(inner, problems))),
            Expression::Constant(truth) => Node::Constant(*truth),
            Expression::Predicate(predicate) => match self.predicate(predicate) {
                Ok(draft) => Node::Test(draft),
                Err(problem) => {
                    problems.push(problem);
                    Node::Constant(false)
                }
            },
        }
    }

    fn predicate(&mut self, predicate: &Predicate) -> Result<Draft, Unusable> {
        if let Some(known) = self.by_predicate.get(predicate) {
            return Ok(*known);
        }
        let kind = terms::kind(&predicate.left);
        let right = match &predicate.right {
            Comparand::None => Vec::new(),
            Comparand::Value(value) => vec![value.as_str()],
            Comparand::List(values) => values.iter().map(String::as_str).collect(),
            Comparand::Term(_) => {
                let group = self.groups.len();
                self.groups.push(Group {
                    question: Question::Pair(Box::new(predicate.clone())),
                    scope: Scope::Event,
                    matchers: Vec::new(),
                    all: vec![0],
                    first: 0,
                    is_remembered: false,
                    of_name: None,
                });
                let draft = Draft { group, bit: 0 };
                self.by_predicate.insert(predicate.clone(), draft);
                return Ok(draft);
            }
        };
        let matcher = Matcher::new(kind, predicate.operator, predicate.quantifier, &right)?;
        let group = self.group(&predicate.left);
        let Some(it) = self.groups.get_mut(group) else {
            return Err(Unusable::Nothing);
        };
        let bit = it.matchers.len();
        if bit / 64 >= it.all.len() {
            it.all.push(0);
        }
        if wants_all(&predicate.left, predicate.operator)
            && let Some(word) = it.all.last_mut()
        {
            *word |= 1 << (bit % 64);
        }
        it.matchers.push(matcher);
        let draft = Draft { group, bit };
        self.by_predicate.insert(predicate.clone(), draft);
        Ok(draft)
    }

    fn group(&mut self, term: &Term) -> usize {
        if let Some(known) = self.by_term.get(term) {
            return *known;
        }
        let (question, scope, of_name) = match chain(term) {
            Some((field, argument, transformers)) => (
                Question::Field(V::place(field, argument), transformers),
                V::scope(field, argument),
                V::of_name(field),
            ),
            None => (Question::Term(term.clone()), Scope::Event, None),
        };
        let group = self.groups.len();
        self.groups.push(Group {
            question,
            scope,
            matchers: Vec::new(),
            all: Vec::new(),
            first: 0,
            is_remembered: false,
            of_name: of_name.filter(|_| scope == Scope::Event),
        });
        self.by_term.insert(term.clone(), group);
        group
    }

    /// Gives every group its place.
    pub(crate) fn finish(self) -> Plan<V> {
        let predicates = self.by_predicate.len();
        let remembers = |group: &Group<V::Place>| {
            matches!(&group.question, Question::Field(..))
                && (group.matchers.len() > 2 || group.matchers.iter().any(Matcher::is_dear))
        };
        let mut groups: Vec<_> = self.groups.into_iter().enumerate().collect();
        groups.sort_by_key(|(_, group)| (group.scope, group.of_name.is_none(), group.of_name));
        let mut words = 0;
        let mut moved = vec![0; groups.len()];
        for (now, (before, group)) in groups.iter_mut().enumerate() {
            group.first = words;
            words += group.width();
            group.is_remembered = remembers(group);
            if let Some(place) = moved.get_mut(*before) {
                *place = now;
            }
        }
        let groups: Vec<_> = groups.into_iter().map(|(_, group)| group).collect();
        let up_to = |scope: Scope| {
            let of = groups.iter().filter(|group| group.scope <= scope);
            (of.clone().count(), of.map(Group::width).sum())
        };
        let bit = |draft: Draft| {
            let group = moved.get(draft.group).copied().unwrap_or_default();
            let first = groups.get(group).map_or(0, |group| group.first);
            Bit {
                group: narrow(group),
                word: narrow(first + draft.bit / 64),
                mask: 1 << (draft.bit % 64),
            }
        };
        let conditions = self
            .conditions
            .iter()
            .map(|(owner, node)| (*owner, node.map(&bit)))
            .collect();
        let whole = Together::new(&groups, |it| it.of_name == Some(OfName::Whole));
        let raw = Together::new(&groups, |it| it.of_name.is_some());
        Plan {
            of_name: [whole, raw],
            process: up_to(Scope::Process),
            sort: up_to(Scope::Sort),
            groups,
            conditions,
            words,
            predicates,
        }
    }
}

/// Rule sets of more than 65,535 fields do not exist; see [`super::MAX_FIELDS`].
fn narrow(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

pub(crate) fn wants_all(term: &Term, operator: Operator) -> bool {
    match term {
        Term::Field { field, .. } => value::wants_all(field, operator),
        Term::Call(_, arguments) => arguments
            .first()
            .is_some_and(|inner| operator == Operator::In && wants_all(inner, operator)),
        Term::List(_) | Term::Value(_) => false,
    }
}

/// A field below transformers of one value, the innermost first.
fn chain(term: &Term) -> Option<(&'static Field, Option<&str>, Vec<Transformer>)> {
    match term {
        Term::Field { field, argument } => Some((field, argument.as_deref(), Vec::new())),
        Term::Call(transformer, arguments) => {
            let [inner] = arguments.as_slice() else {
                return None;
            };
            let (field, argument, mut transformers) = chain(inner)?;
            let is_of_one = match transformer {
                Transformer::Lower
                | Transformer::Upper
                | Transformer::Base64
                | Transformer::Basename => matches!(field.kind, Kind::Text | Kind::Path),
                Transformer::Length => {
                    !field.is_list && matches!(field.kind, Kind::Text | Kind::Path)
                }
                Transformer::Value => true,
                Transformer::Join | Transformer::Concat | Transformer::GetOpt => false,
            };
            if !is_of_one {
                return None;
            }
            if *transformer != Transformer::Value {
                transformers.push(*transformer);
            }
            Some((field, argument, transformers))
        }
        Term::List(_) | Term::Value(_) => None,
    }
}

impl<P> Group<P> {
    /// Fills its words for one event.
    pub(crate) fn fill<V, F>(
        &self,
        facts: &F,
        words: &mut [u64],
        answers: Option<&mut Answers>,
        spare: &mut Vec<u64>,
    ) where
        V: Vocabulary<Place = P>,
        F: Asked<V>,
    {
        words.fill(0);
        match &self.question {
            Question::Field(place, transformers) => {
                let mut is_first = true;
                let mut answers = answers;
                facts.ask(place, &mut |value| {
                    if let (Some(answers), Value::Text(text)) = (answers.as_deref_mut(), value) {
                        if let Some(bits) = answers.get(text) {
                            self.merge(words, bits, is_first);
                        } else if self.compare(value, transformers, spare) {
                            answers.put(text, spare);
                            self.merge(words, spare, is_first);
                        } else {
                            return;
                        }
                    } else if self.compare(value, transformers, spare) {
                        self.merge(words, spare, is_first);
                    } else {
                        return;
                    }
                    is_first = false;
                });
            }
            Question::Term(term) => {
                for (number, value) in terms::values(term, facts).iter().enumerate() {
                    self.compare(value.as_value(), &[], spare);
                    self.merge(words, spare, number == 0);
                }
            }
            Question::Pair(predicate) => {
                if let Some(word) = words.first_mut() {
                    *word = u64::from(pair(predicate, facts));
                }
            }
        }
    }

    fn merge(&self, words: &mut [u64], bits: &[u64], is_first: bool) {
        for ((word, bits), all) in words.iter_mut().zip(bits).zip(&self.all) {
            *word = if is_first {
                *bits
            } else {
                (*word & bits & all) | ((*word | bits) & !all)
            };
        }
    }

    /// `false` where a transformer leaves no value.
    fn compare(&self, value: Value<'_>, transformers: &[Transformer], bits: &mut Vec<u64>) -> bool {
        bits.clear();
        bits.resize(self.width(), 0);
        let mut made = None;
        for transformer in transformers {
            let text = match &made {
                None => Owned::of(value),
                Some(made) => Owned::clone(made),
            };
            let Owned::Text(text) = text else {
                return false;
            };
            match terms::transform(*transformer, &text) {
                Some(next) => made = Some(next),
                None => return false,
            }
        }
        let value = made.as_ref().map_or(value, Owned::as_value);
        for (number, matcher) in self.matchers.iter().enumerate() {
            if matcher.holds(value)
                && let Some(word) = bits.get_mut(number / 64)
            {
                *word |= 1 << (number % 64);
            }
        }
        true
    }
}

/// One term with another; what is on the right is made ready each time.
pub(crate) fn pair(predicate: &Predicate, facts: &dyn Facts) -> bool {
    let Comparand::Term(right) = &predicate.right else {
        return false;
    };
    let left = terms::values(&predicate.left, facts);
    let right: Vec<String> = terms::values(right, facts)
        .iter()
        .map(|value| value.as_value().to_text())
        .collect();
    if left.is_empty() || right.is_empty() {
        return false;
    }
    let kind = terms::kind(&predicate.left);
    let Ok(matcher) = Matcher::new(kind, predicate.operator, predicate.quantifier, &right) else {
        return false;
    };
    if wants_all(&predicate.left, predicate.operator) {
        left.iter().all(|value| matcher.holds(value.as_value()))
    } else {
        left.iter().any(|value| matcher.holds(value.as_value()))
    }
}

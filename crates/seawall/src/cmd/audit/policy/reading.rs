//! What a rule reads of an event, and what of that a policy leaves out.

use std::collections::BTreeSet;

use rules::{
    ast::Operator,
    field::Needs,
    rule::{Comparand, Expression, Predicate, Rule, Term},
};

use super::{CREDENTIALS, TOKEN, group};
use crate::args::audit::PolicyLevel;

/// What a rule reads.
#[derive(Debug)]
pub(super) struct Reading<'r> {
    pub(super) rule: &'r Rule,
    pub(super) needs: Needs,
    /// The resources it is about; empty: any.
    pub(super) resources: BTreeSet<String>,
    subresources: BTreeSet<String>,
    /// Whether it can fire where no body is recorded.
    is_seen_without_bodies: bool,
    /// Empty: any.
    verbs: BTreeSet<String>,
    /// Whether it is about what nodes do.
    is_about_nodes: bool,
}

impl<'r> Reading<'r> {
    pub(super) fn of(rule: &'r Rule) -> Self {
        let mut reading = Self {
            rule,
            needs: Needs::Event,
            resources: BTreeSet::new(),
            subresources: BTreeSet::new(),
            is_seen_without_bodies: true,
            verbs: BTreeSet::new(),
            is_about_nodes: false,
        };
        let conditions: Vec<&Expression> = match &rule.extension.sequence {
            Some(sequence) => sequence.steps.iter().map(|it| &it.condition).collect(),
            None => vec![&rule.condition],
        };
        for condition in conditions {
            reading.walk(condition, false);
            reading.is_seen_without_bodies &= can_be(condition, true);
        }
        // A rule that asks for a token's request is about nothing else of the
        // account.
        let token = TOKEN.split_once('/').unwrap_or_default();
        if reading.subresources.contains(token.1) && reading.resources.remove(token.0) {
            reading.resources.insert(TOKEN.to_owned());
        }
        reading
    }

    fn walk(&mut self, expression: &Expression, is_negated: bool) {
        match expression {
            Expression::Or(parts) | Expression::And(parts) => {
                for part in parts {
                    self.walk(part, is_negated);
                }
            }
            Expression::Not(inner) => self.walk(inner, !is_negated),
            Expression::Constant(_) => {}
            Expression::Predicate(predicate) => self.read(predicate, is_negated),
        }
    }

    fn read(&mut self, predicate: &Predicate, is_negated: bool) {
        self.term(&predicate.left);
        if let Comparand::Term(term) = &predicate.right {
            self.term(term);
        }
        let Term::Field { field, .. } = &predicate.left else {
            return;
        };
        if is_negated {
            return;
        }
        let values: &[String] = match &predicate.right {
            Comparand::Value(value) => std::slice::from_ref(value),
            Comparand::List(values) => values,
            Comparand::None | Comparand::Term(_) => &[],
        };
        self.is_about_nodes |=
            field.name == "ka.user.name" && values.iter().any(|it| it == "system:node:");
        if matches!(predicate.operator, Operator::Equal | Operator::In) {
            match field.name {
                "ka.target.resource" => self.resources.extend(values.iter().cloned()),
                "ka.verb" => self.verbs.extend(values.iter().cloned()),
                "ka.target.subresource" => self.subresources.extend(values.iter().cloned()),
                _ => {}
            }
        }
    }

    fn term(&mut self, term: &Term) {
        match term {
            Term::Field { field, argument } => {
                let needs = field.needs_for(argument.as_deref());
                if weight(needs) > weight(self.needs) {
                    self.needs = needs;
                }
            }
            Term::Call(_, terms) | Term::List(terms) => {
                for term in terms {
                    self.term(term);
                }
            }
            Term::Value(_) => {}
        }
    }

    /// Whether [`NOISE`] leaves out some of what nodes do that it is about.
    pub(super) fn is_missing_nodes(&self) -> bool {
        let is_left_out = |verb: &str| self.verbs.is_empty() || self.verbs.contains(verb);
        self.is_about_nodes
            && ["get", "patch", "update", "watch"]
                .into_iter()
                .any(is_left_out)
    }

    /// What of it a policy of this level cannot show.
    pub(super) fn missed(&self, level: PolicyLevel) -> Option<Missed> {
        let why = match (level, self.needs) {
            (_, Needs::Event) => return None,
            (PolicyLevel::Minimal, Needs::RequestBody) => "it reads what was asked for",
            (PolicyLevel::Minimal | PolicyLevel::Recommended, Needs::ResponseBody) => {
                "it reads what was answered"
            }
            (PolicyLevel::Recommended, Needs::RequestBody)
            | (PolicyLevel::Full, Needs::RequestBody | Needs::ResponseBody) => {
                return self.missed_of(level);
            }
        };
        Some(Missed {
            is_whole: !self.is_seen_without_bodies,
            why,
        })
    }

    /// What it misses of the resources it is about, where bodies are recorded.
    fn missed_of(&self, level: PolicyLevel) -> Option<Missed> {
        let is_credential = |name: &String| CREDENTIALS.contains(&name.as_str());
        let is_answer = |name: &String| name == TOKEN && self.needs == Needs::ResponseBody;
        let is_recorded =
            |name: &String| level == PolicyLevel::Full || name == TOKEN || group(name).is_some();
        if self
            .resources
            .iter()
            .any(|it| is_credential(it) || is_answer(it))
        {
            let is_all = self
                .resources
                .iter()
                .all(|it| is_credential(it) || is_answer(it));
            return Some(Missed {
                is_whole: is_all && !self.is_seen_without_bodies,
                why: "it reads what holds credentials, which no policy of ours records",
            });
        }
        let is_any = self.resources.is_empty() && level != PolicyLevel::Full;
        (is_any || !self.resources.iter().all(is_recorded)).then_some(Missed {
            is_whole: false,
            why: "it reads requests for other resources than are recorded, too",
        })
    }
}

/// What a rule is blind to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missed {
    /// It can never fire.
    pub(super) is_whole: bool,
    pub(super) why: &'static str,
}

/// Whether a condition can come out so, if nothing has a body. What does not
/// read bodies may be either.
fn can_be(expression: &Expression, outcome: bool) -> bool {
    match expression {
        Expression::And(parts) if outcome => parts.iter().all(|part| can_be(part, true)),
        Expression::And(parts) => parts.iter().any(|part| can_be(part, false)),
        Expression::Or(parts) if outcome => parts.iter().any(|part| can_be(part, true)),
        Expression::Or(parts) => parts.iter().all(|part| can_be(part, false)),
        Expression::Not(inner) => can_be(inner, !outcome),
        Expression::Constant(value) => *value == outcome,
        Expression::Predicate(predicate) => !outcome || !reads_body(&predicate.left),
    }
}

fn reads_body(term: &Term) -> bool {
    match term {
        Term::Field { field, argument } => field.needs_for(argument.as_deref()) != Needs::Event,
        Term::Call(_, terms) | Term::List(terms) => terms.iter().any(reads_body),
        Term::Value(_) => false,
    }
}

fn weight(needs: Needs) -> u8 {
    match needs {
        Needs::Event => 0,
        Needs::RequestBody => 1,
        Needs::ResponseBody => 2,
    }
}

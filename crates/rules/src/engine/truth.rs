//! Why a condition holds or not: every comparison with its answer, worked
//! out one by one.

use super::{matcher::Matcher, output, plan, terms};
use crate::{
    rule::{Comparand, Expression, Predicate},
    value::Facts,
};

/// A part of a condition, as deep as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub depth: usize,
    pub holds: bool,
    /// `and`, `or`, `not`, or a comparison as rule files write it.
    pub text: String,
    /// What the event has for it.
    pub values: String,
}

/// Whether a condition holds, and its parts from the outside in.
pub fn truth(condition: &Expression, facts: &dyn Facts) -> (bool, Vec<Line>) {
    let mut lines = Vec::new();
    let holds = part(condition, facts, 0, &mut lines);
    (holds, lines)
}

fn part(condition: &Expression, facts: &dyn Facts, depth: usize, lines: &mut Vec<Line>) -> bool {
    let place = lines.len();
    lines.push(Line {
        depth,
        holds: false,
        text: String::new(),
        values: String::new(),
    });
    let inner = |parts: &[Expression], lines: &mut Vec<Line>| -> Vec<bool> {
        parts
            .iter()
            .map(|each| part(each, facts, depth + 1, lines))
            .collect()
    };
    let (holds, text, values) = match condition {
        Expression::And(parts) => {
            let all = inner(parts, lines);
            let held = all.iter().filter(|it| **it).count();
            (
                held == all.len(),
                "and".to_owned(),
                format!("{held} of {}", all.len()),
            )
        }
        Expression::Or(parts) => {
            let all = inner(parts, lines);
            let held = all.iter().filter(|it| **it).count();
            (
                held > 0,
                "or".to_owned(),
                format!("{held} of {}", all.len()),
            )
        }
        Expression::Not(below) => {
            let holds = part(below, facts, depth + 1, lines);
            (!holds, "not".to_owned(), String::new())
        }
        Expression::Constant(truth) => (*truth, truth.to_string(), String::new()),
        Expression::Predicate(predicate) => {
            let name = output::name(&predicate.left);
            let values = format!("{name} is {}", terms::text(&predicate.left, facts));
            (holds(predicate, facts), written(predicate), values)
        }
    };
    if let Some(line) = lines.get_mut(place) {
        line.holds = holds;
        line.text = text;
        line.values = values;
    }
    holds
}

fn holds(predicate: &Predicate, facts: &dyn Facts) -> bool {
    let right = match &predicate.right {
        Comparand::Term(_) => return plan::pair(predicate, facts),
        Comparand::None => Vec::new(),
        Comparand::Value(value) => vec![value.as_str()],
        Comparand::List(values) => values.iter().map(String::as_str).collect(),
    };
    let kind = terms::kind(&predicate.left);
    let Ok(matcher) = Matcher::new(kind, predicate.operator, predicate.quantifier, &right) else {
        return false;
    };
    let values = terms::values(&predicate.left, facts);
    let mut passes = values.iter().map(|value| matcher.holds(value.as_value()));
    if plan::wants_all(&predicate.left, predicate.operator) {
        !values.is_empty() && passes.all(|it| it)
    } else {
        passes.any(|it| it)
    }
}

/// Long lists are cut: what counts is the answer.
const SHOWN_VALUES: usize = 8;

fn written(predicate: &Predicate) -> String {
    let left = output::name(&predicate.left);
    let quantifier = predicate
        .quantifier
        .map(|it| format!(" {it}"))
        .unwrap_or_default();
    let right = match &predicate.right {
        Comparand::None => String::new(),
        Comparand::Value(value) => format!(" {value:?}"),
        Comparand::Term(term) => format!(" {}", output::name(term)),
        Comparand::List(values) => {
            let mut shown: Vec<_> = values
                .iter()
                .take(SHOWN_VALUES)
                .map(|it| format!("{it:?}"))
                .collect();
            if values.len() > SHOWN_VALUES {
                shown.push(format!("… {} in all", values.len()));
            }
            format!(" ({})", shown.join(", "))
        }
    };
    format!("{left} {}{quantifier}{right}", predicate.operator)
}

//! Conditions that hold for everything, and how large one is.

use crate::{
    ast::Operator,
    rule::{Expression, Term},
};

/// What every event has.
const ALWAYS_THERE: &[&str] = &[
    "evt.num",
    "evt.rawtime",
    "evt.source",
    "evt.time",
    "evt.type",
    "jevt.obj",
    "jevt.rawtime",
    "json.obj",
    "json.rawtime",
    "ka.auditid",
    "ka.stage",
    "ka.verb",
];

/// Whether a condition holds for any event there is.
pub(crate) fn always(condition: &Expression) -> bool {
    known(condition) == Some(true)
}

fn known(condition: &Expression) -> Option<bool> {
    match condition {
        Expression::Constant(truth) => Some(*truth),
        Expression::Not(inner) => known(inner).map(|truth| !truth),
        Expression::And(parts) => all(parts, false),
        Expression::Or(parts) => all(parts, true),
        Expression::Predicate(predicate) => match (&predicate.left, predicate.operator) {
            (
                Term::Field {
                    field,
                    argument: None,
                },
                Operator::Exists,
            ) => ALWAYS_THERE.contains(&field.name).then_some(true),
            _ => None,
        },
    }
}

fn all(parts: &[Expression], deciding: bool) -> Option<bool> {
    let mut is_known = true;
    for part in parts {
        match known(part) {
            Some(truth) if truth == deciding => return Some(deciding),
            Some(_) => {}
            None => is_known = false,
        }
    }
    is_known.then_some(!deciding)
}

/// Comparisons in a condition.
pub(crate) fn size(condition: &Expression) -> usize {
    match condition {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().map(size).sum(),
        Expression::Not(inner) => size(inner),
        Expression::Constant(_) => 0,
        Expression::Predicate(_) => 1,
    }
}

//! Which events a condition can hold for at all.

use std::collections::BTreeSet;

use crate::{
    ast::{Operator, Quantifier},
    rule::{Comparand, Expression, Predicate, Term},
};

/// The names of `evt.type` the condition can hold for; `None` where it does
/// not say.
///
/// The answer is never too small: a condition holds for no other event.
pub fn event_types(condition: &Expression) -> Option<BTreeSet<String>> {
    match both(condition).holds {
        Types::Only(names) => Some(names),
        Types::Except(_) => None,
    }
}

/// A set of names, or all but a set.
#[derive(Clone, Debug)]
enum Types {
    Only(BTreeSet<String>),
    Except(BTreeSet<String>),
}

/// For which events it can hold, and for which it can fail.
struct Both {
    holds: Types,
    fails: Types,
}

impl Types {
    fn all() -> Self {
        Self::Except(BTreeSet::new())
    }

    fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Only(a), Self::Only(b)) => Self::Only(a.into_iter().chain(b).collect()),
            (Self::Except(a), Self::Except(b)) => {
                Self::Except(a.into_iter().filter(|name| b.contains(name)).collect())
            }
            (Self::Only(only), Self::Except(except)) | (Self::Except(except), Self::Only(only)) => {
                Self::Except(
                    except
                        .into_iter()
                        .filter(|name| !only.contains(name))
                        .collect(),
                )
            }
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Only(a), Self::Only(b)) => {
                Self::Only(a.into_iter().filter(|name| b.contains(name)).collect())
            }
            (Self::Except(a), Self::Except(b)) => Self::Except(a.into_iter().chain(b).collect()),
            (Self::Only(only), Self::Except(except)) | (Self::Except(except), Self::Only(only)) => {
                Self::Only(
                    only.into_iter()
                        .filter(|name| !except.contains(name))
                        .collect(),
                )
            }
        }
    }
}

fn both(condition: &Expression) -> Both {
    match condition {
        Expression::Or(parts) => parts.iter().map(both).fold(
            Both {
                holds: Types::none(),
                fails: Types::all(),
            },
            |sum, part| Both {
                holds: sum.holds.or(part.holds),
                fails: sum.fails.and(part.fails),
            },
        ),
        Expression::And(parts) => parts.iter().map(both).fold(
            Both {
                holds: Types::all(),
                fails: Types::none(),
            },
            |sum, part| Both {
                holds: sum.holds.and(part.holds),
                fails: sum.fails.or(part.fails),
            },
        ),
        Expression::Not(inner) => {
            let Both { holds, fails } = both(inner);
            Both {
                holds: fails,
                fails: holds,
            }
        }
        Expression::Constant(true) => Both {
            holds: Types::all(),
            fails: Types::none(),
        },
        Expression::Constant(false) => Both {
            holds: Types::none(),
            fails: Types::all(),
        },
        Expression::Predicate(predicate) => of_predicate(predicate),
    }
}

fn of_predicate(predicate: &Predicate) -> Both {
    let unknown = Both {
        holds: Types::all(),
        fails: Types::all(),
    };
    let Term::Field {
        field,
        argument: None,
    } = &predicate.left
    else {
        return unknown;
    };
    if field.name != "evt.type" {
        return unknown;
    }
    let names: BTreeSet<String> = match (predicate.operator, predicate.quantifier, &predicate.right)
    {
        (Operator::Equal | Operator::NotEqual, None, Comparand::Value(name)) => {
            BTreeSet::from([name.clone()])
        }
        (Operator::In | Operator::Intersects, None, Comparand::List(names))
        | (Operator::Equal, Some(Quantifier::AnyOf), Comparand::List(names)) => {
            names.iter().cloned().collect()
        }
        _ => return unknown,
    };
    let (holds, fails) = (Types::Only(names.clone()), Types::Except(names));
    if predicate.operator == Operator::NotEqual {
        Both {
            holds: fails,
            fails: holds,
        }
    } else {
        Both { holds, fails }
    }
}

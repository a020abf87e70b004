//! Exceptions: events a rule leaves alone, as tables of fields,
//! comparisons and values.

use super::{
    check::{At, Left, Side, Written},
    item::{Entry, Exception},
    resolve::{Resolver, Scope, all, any, not},
    text::{Draft, Place, Text},
};
use crate::{
    ast::{Operator, Quantifier},
    parse,
    rule::Expression,
    suggest,
};

/// A field of an exception, and how its values are compared.
type Column<'t> = (Left, (Operator, Option<Quantifier>), At<'t>);

/// A comparison as exceptions write it: `in`, `startswith oneof`.
pub(super) fn comparison(text: &str) -> Option<(Operator, Option<Quantifier>)> {
    let mut words = text.split_whitespace();
    let word = words.next()?;
    let operator = Operator::parse(if word == "==" { "=" } else { word })?;
    let quantifier = words.next().map(Quantifier::parse);
    if words.next().is_some() {
        return None;
    }
    let takes_quantifier = !matches!(
        operator,
        Operator::Exists
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual
            | Operator::In
            | Operator::Intersects
            | Operator::PathMatch
    );
    match quantifier {
        None => Some((operator, None)),
        Some(quantifier) if takes_quantifier => Some((operator, Some(quantifier?))),
        Some(_) => None,
    }
}

pub(super) fn takes_list(operator: Operator, quantifier: Option<Quantifier>) -> bool {
    quantifier.is_some()
        || matches!(
            operator,
            Operator::In | Operator::Intersects | Operator::PathMatch
        )
}

/// Checks that its parts fit each other. Where it names no comparisons,
/// one field is compared by `in`, several by `=`.
pub(super) fn complete(exception: &mut Exception) -> Result<(), Draft> {
    let fault = |message: &str, label: &str, place: &Place| {
        Draft::error("bad-exception", message, label, place.clone())
    };
    let Some(fields) = &exception.fields else {
        return Err(fault(
            &format!("exception `{}` has no `fields`", exception.name),
            "of which fields?",
            &exception.place,
        ));
    };
    let Some(comps) = &exception.comps else {
        return Ok(());
    };
    match (fields, comps) {
        (Entry::One(..), Entry::One(text, place)) => {
            let known = comparison(&text.text);
            if known.is_none_or(|(operator, quantifier)| !takes_list(operator, quantifier)) {
                return Err(fault(
                    &format!("one field cannot be compared by `{}`", text.text.trim()),
                    "all values are compared at once",
                    place,
                )
                .help(Some(
                    "`in`, `intersects`, `pmatch`, or an operator with `oneof`, `anyof` or `allof`",
                )));
            }
        }
        (Entry::Many(fields, _), Entry::Many(comps, place)) => {
            if fields.len() != comps.len() {
                return Err(fault(
                    &format!("{} fields but {} comparisons", fields.len(), comps.len()),
                    "one for each field",
                    place,
                ));
            }
            for comp in comps {
                let Entry::One(text, place) = comp else {
                    return Err(fault(
                        "a comparison is one word",
                        "not a list",
                        comp.place(),
                    ));
                };
                if comparison(&text.text).is_none() {
                    let known = Operator::ALL.iter().map(|each| each.as_str());
                    return Err(fault(
                        &format!("unknown comparison `{}`", text.text.trim()),
                        "not an operator",
                        place,
                    )
                    .help(suggest::or_list(text.text.trim(), known)));
                }
            }
        }
        (Entry::One(..), Entry::Many(_, place)) | (Entry::Many(..), Entry::One(_, place)) => {
            return Err(fault(
                "`fields` and `comps` are both one word or both lists",
                "of the other sort",
                place,
            ));
        }
    }
    Ok(())
}

/// Adds values to exceptions there are, and exceptions there are not.
pub(super) fn append(own: &mut Vec<Exception>, added: Vec<Exception>) -> Result<(), Draft> {
    let mut next = own.clone();
    for mut exception in added {
        let fault = |message: String, label: &str, place: &Place| {
            Draft::error("bad-exception", message, label, place.clone())
        };
        if let Some(earlier) = next.iter_mut().find(|each| each.name == exception.name) {
            for (key, entry) in [("fields", &exception.fields), ("comps", &exception.comps)] {
                if let Some(entry) = entry {
                    return Err(fault(
                        format!(
                            "exception `{}` exists: only values can be added, not `{key}`",
                            exception.name
                        ),
                        "leave this out",
                        entry.place(),
                    ));
                }
            }
            earlier.values.append(&mut exception.values);
            continue;
        }
        if exception.values.is_empty() {
            return Err(fault(
                format!("exception `{}` adds no `values`", exception.name),
                "excepts nothing",
                &exception.place,
            ));
        }
        complete(&mut exception)?;
        next.push(exception);
    }
    *own = next;
    Ok(())
}

impl Resolver<'_> {
    /// `not (…)` for each exception that has values.
    pub(super) fn exceptions(
        &mut self,
        exceptions: &[Exception],
        scope: &mut Scope<'_>,
    ) -> Option<Vec<Expression>> {
        let mut resolved = Some(Vec::new());
        for exception in exceptions.iter().filter(|each| !each.values.is_empty()) {
            match (self.exception(exception, scope), &mut resolved) {
                (Some(part), Some(resolved)) => resolved.push(not(part)),
                _ => resolved = None,
            }
        }
        resolved
    }

    fn exception(&mut self, exception: &Exception, scope: &mut Scope<'_>) -> Option<Expression> {
        match (exception.fields.as_ref()?, &exception.comps) {
            (Entry::One(text, place), comps) => {
                let comps = match comps {
                    Some(Entry::One(text, _)) => comparison(&text.text)?,
                    _ => (Operator::In, None),
                };
                let left = self.exception_field(text, scope)?;
                let mut values = Vec::new();
                for value in &exception.values {
                    let Entry::One(text, _) = value else {
                        self.bad_exception("a single field has single values", value, scope);
                        return None;
                    };
                    values.push(self.exception_item(text, scope)?);
                }
                let at = At::Place(place);
                self.check(left, comps.0, comps.1, Side::List(values), &at, scope)
            }
            (Entry::Many(fields, _), comps) => {
                let mut columns = Vec::new();
                for (index, field) in fields.iter().enumerate() {
                    let Entry::One(text, place) = field else {
                        self.bad_exception("a field is one word", field, scope);
                        return None;
                    };
                    let comps = match comps {
                        Some(Entry::Many(comps, _)) => match comps.get(index)? {
                            Entry::One(text, _) => comparison(&text.text)?,
                            Entry::Many(..) => return None,
                        },
                        _ => (Operator::Equal, None),
                    };
                    let left = self.exception_field(text, scope)?;
                    columns.push((left, comps, At::Place(place)));
                }
                let mut rows = Vec::new();
                for row in &exception.values {
                    rows.push(self.exception_row(row, &columns, scope)?);
                }
                Some(any(rows))
            }
        }
    }

    fn exception_row(
        &mut self,
        row: &Entry,
        columns: &[Column<'_>],
        scope: &mut Scope<'_>,
    ) -> Option<Expression> {
        let values = match row {
            Entry::Many(values, _) if values.len() == columns.len() => values,
            Entry::Many(..) | Entry::One(..) => {
                let message = format!(
                    "a row of values has {} of them, as many as fields",
                    columns.len()
                );
                self.bad_exception(&message, row, scope);
                return None;
            }
        };
        let mut parts = Vec::new();
        for ((left, (operator, quantifier), at), value) in columns.iter().zip(values) {
            let wants_list = takes_list(*operator, *quantifier);
            let right = match value {
                Entry::One(_, _) if *operator == Operator::Exists => Side::None,
                Entry::One(text, _) if wants_list => match parse::values(&text.text) {
                    Ok(values) => Side::List(
                        values
                            .into_iter()
                            .map(|value| Written {
                                at: At::Text(text, value.span),
                                value,
                            })
                            .collect(),
                    ),
                    Err(error) => {
                        self.syntax(error, text, scope.label);
                        return None;
                    }
                },
                Entry::One(text, _) => Side::Value(self.exception_item(text, scope)?),
                Entry::Many(values, _) if wants_list => {
                    let mut written = Vec::new();
                    for value in values {
                        let Entry::One(text, _) = value else {
                            self.bad_exception("a list of values holds no lists", value, scope);
                            return None;
                        };
                        written.push(self.exception_item(text, scope)?);
                    }
                    Side::List(written)
                }
                Entry::Many(..) => {
                    self.bad_exception(
                        &format!("`{operator}` compares with one value, not a list"),
                        value,
                        scope,
                    );
                    return None;
                }
            };
            parts.push(self.check(left.clone(), *operator, *quantifier, right, at, scope)?);
        }
        Some(all(parts))
    }

    fn exception_field(&mut self, text: &Text, scope: &mut Scope<'_>) -> Option<Left> {
        match parse::operand(&text.text) {
            Ok(operand) => self.left(&operand, text, scope),
            Err(error) => {
                self.syntax(error, text, scope.label);
                None
            }
        }
    }

    fn exception_item<'t>(&mut self, text: &'t Text, scope: &Scope<'_>) -> Option<Written<'t>> {
        match parse::item(&text.text) {
            Ok(value) => Some(Written {
                at: At::Text(text, value.span),
                value,
            }),
            Err(error) => {
                self.syntax(error, text, scope.label);
                None
            }
        }
    }

    fn bad_exception(&mut self, message: &str, entry: &Entry, scope: &Scope<'_>) {
        self.say(
            Draft::error("bad-exception", message, "not so", entry.place().clone())
                .item(scope.label),
        );
    }
}

//! One comparison: do field, operator and values fit each other?

use std::net::IpAddr;

use super::{
    resolve::{Resolver, Scope},
    text::{Draft, File, Place, Text},
};
use crate::{
    ast::{Operator, Quantifier, Span, Transformer, Value},
    field::{Kind, Source},
    rule::{Comparand, Expression, Predicate, Term},
    suggest,
};

/// Where something stands, worked out only when it is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum At<'t> {
    Text(&'t Text, Span),
    Place(&'t Place),
}

impl At<'_> {
    pub(super) fn place(&self, files: &[File]) -> Place {
        match self {
            Self::Text(text, span) => text.place(*span, files),
            Self::Place(place) => (*place).clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Written<'t> {
    pub(super) value: Value,
    pub(super) at: At<'t>,
}

/// The left side, or a term on the right.
#[derive(Clone, Debug)]
pub(super) struct Left {
    pub(super) term: Term,
    pub(super) shape: Shape,
}

/// What values a term has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) is_list: bool,
}

#[derive(Debug)]
pub(super) enum Side<'t> {
    None,
    Value(Written<'t>),
    List(Vec<Written<'t>>),
    Term(Left),
}

pub(super) fn unknown_field(name: &str, source: Source, place: Place) -> Draft {
    let other = Source::ALL
        .into_iter()
        .find(|other| other.field(name).is_some());
    let help = match other {
        Some(other) => Some(format!(
            "`{name}` is a field of source {other}; this rule has source {source}"
        )),
        None => suggest::did_you_mean(name, source.fields().iter().map(|field| field.name)),
    };
    Draft::error(
        "unknown-field",
        format!("unknown field `{name}`"),
        format!("source {source} has no such field"),
        place,
    )
    .help(help)
}

/// Fields that are still read but say nothing any more, and why.
pub(super) fn deprecated(name: &str) -> Option<&'static str> {
    match name {
        "evt.dir" => Some("every event is an exit: `<` always holds, `>` never"),
        "evt.latency" | "evt.latency.s" | "evt.latency.ns" | "evt.latency.human"
        | "evt.wait_latency" => Some("there are no enter events to measure from"),
        _ => None,
    }
}

impl Resolver<'_> {
    /// A comparison whose sides are known.
    pub(super) fn check(
        &mut self,
        left: Left,
        operator: Operator,
        quantifier: Option<Quantifier>,
        right: Side<'_>,
        at: &At<'_>,
        scope: &mut Scope<'_>,
    ) -> Option<Expression> {
        if !self.spend(1, scope, at) {
            return None;
        }
        if let Some((message, help)) = misfit(&left, operator) {
            let place = at.place(self.files);
            self.say(
                Draft::error("operator-type", message, "does not fit", place)
                    .help(help)
                    .item(scope.label),
            );
            return None;
        }
        let right = match right {
            Side::None => Comparand::None,
            Side::Value(written) => {
                Comparand::Value(self.single(&written, &left, operator, scope)?)
            }
            Side::List(written) => {
                Comparand::List(self.many(&written, &left, operator, quantifier, at, scope)?)
            }
            Side::Term(right) => {
                Comparand::Term(self.right_term(&left, operator, right, at, scope)?)
            }
        };
        if matches!(&right, Comparand::List(values) if values.is_empty()) {
            return Some(Expression::Constant(false));
        }
        let predicate = Predicate {
            left: left.term,
            operator,
            quantifier,
            right,
        };
        Some(match constant(&predicate) {
            Some(value) => Expression::Constant(value),
            None => Expression::Predicate(predicate),
        })
    }

    /// A value, or the one item of the list it names.
    fn single(
        &mut self,
        written: &Written<'_>,
        left: &Left,
        operator: Operator,
        scope: &Scope<'_>,
    ) -> Option<String> {
        let mut text = written.value.text.clone();
        if !written.value.is_quoted
            && let Some(values) = self.list(&text)
        {
            if let [only] = values {
                text.clone_from(only);
            } else {
                let place = written.at.place(self.files);
                self.say(
                    Draft::error(
                        "list-as-value",
                        format!("`{text}` is a list, and `{operator}` compares with one value"),
                        "a list",
                        place,
                    )
                    .help(Some(format!(
                        "write `in ({text})`, or quote the word if it is one"
                    )))
                    .item(scope.label),
                );
                return None;
            }
        }
        self.value_fits(&text, &written.at, left, operator, scope)
            .then(|| plain(text, left.shape.kind))
    }

    fn many(
        &mut self,
        written: &[Written<'_>],
        left: &Left,
        operator: Operator,
        quantifier: Option<Quantifier>,
        at: &At<'_>,
        scope: &mut Scope<'_>,
    ) -> Option<Vec<String>> {
        let mut all = Vec::new();
        let mut names_list = false;
        let mut is_well = true;
        for each in written {
            let named = if each.value.is_quoted {
                None
            } else {
                self.list(&each.value.text).map(<[String]>::to_vec)
            };
            let values = if let Some(values) = named {
                names_list = true;
                values
            } else {
                vec![each.value.text.clone()]
            };
            if !self.spend(values.len(), scope, at) {
                return None;
            }
            for value in values {
                is_well &= self.value_fits(&value, &each.at, left, operator, scope);
                all.push(plain(value, left.shape.kind));
            }
            if !is_well {
                break;
            }
        }
        if let ([only], false, Operator::In, None) = (written, names_list, operator, quantifier) {
            let place = only.at.place(self.files);
            let draft = Draft::warning(
                "single-in",
                "`in` with a single value",
                "or was a list meant?",
                place,
            )
            .help(Some(format!("write `= {}`", only.value)))
            .item(scope.label);
            if !left.shape.is_list {
                self.say(draft);
            }
        }
        is_well.then_some(all)
    }

    /// Says what does not fit, and what fits but is hardly meant.
    fn value_fits(
        &mut self,
        value: &str,
        at: &At<'_>,
        left: &Left,
        operator: Operator,
        scope: &Scope<'_>,
    ) -> bool {
        let fault: Option<(&'static str, String, Option<&str>)> = match (operator, left.shape.kind)
        {
            (Operator::ContainsBytes | Operator::StartsWithBytes, _) => {
                let is_hex = value.len().is_multiple_of(2)
                    && value.bytes().all(|byte| byte.is_ascii_hexdigit());
                (!is_hex || value.is_empty()).then(|| {
                    (
                        "bad-value",
                        format!("`{operator}` takes bytes in hexadecimal, not `{value}`"),
                        Some("write two digits for each byte, as in `cafe01`"),
                    )
                })
            }
            (Operator::Regex, _) => regex::RegexBuilder::new(value)
                .size_limit(1 << 20)
                .build()
                .err()
                .map(|error| {
                    let text = error.to_string();
                    let last = text.lines().last().unwrap_or("").trim();
                    let last = last.trim_start_matches("error: ");
                    (
                        "bad-value",
                        format!("the expression cannot be used: {last}"),
                        None,
                    )
                }),
            (_, Kind::Number | Kind::Time | Kind::Port) => number(value)
                .is_none()
                .then(|| ("bad-value", format!("`{value}` is no whole number"), None)),
            (_, Kind::Boolean) => (!matches!(value, "true" | "false")).then(|| {
                (
                    "bad-value",
                    format!("`{value}` is neither `true` nor `false`"),
                    None,
                )
            }),
            (_, Kind::Address) => value.parse::<IpAddr>().is_err().then(|| {
                (
                    "bad-value",
                    format!("`{value}` is no address"),
                    Some("networks are compared by fields such as `fd.net`"),
                )
            }),
            (_, Kind::Network) => (!is_network(value)).then(|| {
                (
                    "bad-value",
                    format!("`{value}` is no network"),
                    Some("write address and length, as in `10.0.0.0/8`"),
                )
            }),
            (_, Kind::Text | Kind::Path) => None,
        };
        if let Some((code, message, help)) = fault {
            let place = at.place(self.files);
            self.say(
                Draft::error(code, message, "does not fit the field", place)
                    .help(help)
                    .item(scope.label),
            );
            return false;
        }
        if let Some((code, message, help)) = doubtful(value, left, operator, scope.source) {
            let place = at.place(self.files);
            self.say(
                Draft::warning(code, message, "hardly meant so", place)
                    .help(help)
                    .item(scope.label),
            );
        }
        true
    }

    fn right_term(
        &mut self,
        left: &Left,
        operator: Operator,
        right: Left,
        at: &At<'_>,
        scope: &Scope<'_>,
    ) -> Option<Term> {
        let family = |kind: Kind| match kind {
            Kind::Text | Kind::Path => 0,
            Kind::Number | Kind::Time | Kind::Port => 1,
            Kind::Boolean => 2,
            Kind::Address | Kind::Network => 3,
        };
        let message = if matches!(operator, Operator::PathMatch | Operator::Regex) {
            Some(format!(
                "`{operator}` compares with values, not with a field"
            ))
        } else if left.shape.kind == Kind::Network {
            Some("a network is compared with values, not with a field".to_owned())
        } else if family(left.shape.kind) != family(right.shape.kind) {
            Some(format!(
                "{} is compared with {}",
                words(left.shape.kind),
                words(right.shape.kind)
            ))
        } else {
            None
        };
        if let Some(message) = message {
            let place = at.place(self.files);
            self.say(
                Draft::error("operator-type", message, "does not fit", place).item(scope.label),
            );
            return None;
        }
        Some(right.term)
    }

    pub(super) fn call(
        &mut self,
        transformer: Transformer,
        arguments: Vec<Left>,
        argument: Option<&str>,
        at: &At<'_>,
        scope: &Scope<'_>,
    ) -> Option<Left> {
        let shapes: Vec<Shape> = arguments.iter().map(|left| left.shape).collect();
        let is_text = |shape: &Shape| matches!(shape.kind, Kind::Text | Kind::Path);
        let shape = match (transformer, shapes.as_slice()) {
            (
                Transformer::Lower
                | Transformer::Upper
                | Transformer::Base64
                | Transformer::Basename,
                [one],
            ) if is_text(one) => Ok(*one),
            (Transformer::Length, [one]) if one.is_list || is_text(one) => Ok(Shape {
                kind: Kind::Number,
                is_list: false,
            }),
            (Transformer::Join, [separator, list]) if !separator.is_list && list.is_list => {
                Ok(Shape::TEXT)
            }
            (Transformer::Concat, [_, _, ..])
                if shapes.iter().all(|shape| is_text(shape) && !shape.is_list) =>
            {
                Ok(Shape::TEXT)
            }
            (Transformer::GetOpt, [list, options]) if list.is_list && !options.is_list => {
                Ok(Shape {
                    kind: Kind::Text,
                    is_list: argument.is_none(),
                })
            }
            (
                Transformer::Lower
                | Transformer::Upper
                | Transformer::Base64
                | Transformer::Basename,
                _,
            ) => Err("takes one text"),
            (Transformer::Length, _) => Err("takes one text or list"),
            (Transformer::Join, _) => Err("takes a separator and a list"),
            (Transformer::Concat, _) => Err("takes two texts or more"),
            (Transformer::GetOpt, _) => Err("takes a list of arguments and its options"),
            (Transformer::Value, _) => Err("stands around one field on the right side"),
        };
        let shape = match (shape, argument) {
            (Ok(_), Some(_)) if transformer != Transformer::GetOpt => Err("takes no brackets"),
            (Ok(_), Some(option)) if option.chars().count() != 1 => {
                Err("takes one option character in brackets")
            }
            (shape, _) => shape,
        };
        match shape {
            Ok(shape) => {
                let mut terms: Vec<Term> = arguments.into_iter().map(|left| left.term).collect();
                terms.extend(argument.map(|option| Term::Value(option.to_owned())));
                Some(Left {
                    term: Term::Call(transformer, terms),
                    shape,
                })
            }
            Err(wanted) => {
                let place = at.place(self.files);
                self.say(
                    Draft::error(
                        "bad-call",
                        format!("`{transformer}` {wanted}"),
                        "called otherwise",
                        place,
                    )
                    .item(scope.label),
                );
                None
            }
        }
    }
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a text",
        Kind::Path => "a path",
        Kind::Number => "a number",
        Kind::Boolean => "a yes or no",
        Kind::Time => "a time",
        Kind::Address => "an address",
        Kind::Network => "a network",
        Kind::Port => "a port",
    }
}

/// Why the operator cannot be asked of this field.
fn misfit(left: &Left, operator: Operator) -> Option<(String, Option<&'static str>)> {
    use Operator as O;
    if operator == O::Exists {
        return None;
    }
    if left.shape.is_list {
        let fits = matches!(operator, O::In | O::Intersects);
        return (!fits).then(|| {
            (
                format!(
                    "`{}` has many values and cannot be compared by `{operator}`",
                    left.term
                ),
                Some("`intersects (…)` asks for any of them, `in (…)` for all"),
            )
        });
    }
    let fits = match left.shape.kind {
        Kind::Text | Kind::Path => true,
        Kind::Number | Kind::Time | Kind::Port => matches!(
            operator,
            O::Equal
                | O::NotEqual
                | O::Less
                | O::LessOrEqual
                | O::Greater
                | O::GreaterOrEqual
                | O::In
                | O::Intersects
        ),
        Kind::Boolean | Kind::Address | Kind::Network => {
            matches!(operator, O::Equal | O::NotEqual | O::In | O::Intersects)
        }
    };
    (!fits).then(|| {
        (
            format!(
                "`{}` is {} and cannot be compared by `{operator}`",
                left.term,
                words(left.shape.kind)
            ),
            None,
        )
    })
}

/// What fits but is hardly meant.
fn doubtful(
    value: &str,
    left: &Left,
    operator: Operator,
    source: Source,
) -> Option<(&'static str, String, Option<&'static str>)> {
    if matches!(operator, Operator::Glob | Operator::GlobAnyCase)
        && !value.contains(['*', '?', '['])
    {
        return Some((
            "plain-glob",
            format!("`{operator}` without `*`, `?` or `[…]` compares like `=`"),
            Some("write `=`, or say where the wildcard goes"),
        ));
    }
    if operator == Operator::Regex
        && !value.contains(['.', '+', '*', '?', '(', '[', '{', '|', '\\'])
    {
        return Some((
            "plain-regex",
            "this expression is a plain text".to_owned(),
            Some("`=`, `contains` or `startswith` is faster"),
        ));
    }
    if source == Source::K8sAudit
        && value == "<NA>"
        && matches!(
            operator,
            Operator::Equal | Operator::NotEqual | Operator::In | Operator::Intersects
        )
    {
        return Some((
            "na-value",
            "an absent field has no value, not `<NA>`".to_owned(),
            Some("`exists` asks whether there is one"),
        ));
    }
    if matches!(left.shape.kind, Kind::Text | Kind::Path) && source.field(value).is_some() {
        return Some((
            "field-as-value",
            format!("`{value}` is a field but stands as a text here"),
            Some("to compare with the field's value, write `val(…)`"),
        ));
    }
    None
}

/// The idioms of rule files for "always" and "never".
fn constant(predicate: &Predicate) -> Option<bool> {
    let Term::Field {
        field,
        argument: None,
    } = &predicate.left
    else {
        return None;
    };
    let Comparand::Value(value) = &predicate.right else {
        return None;
    };
    match (field.name, predicate.operator, value.as_str()) {
        ("evt.num", Operator::GreaterOrEqual, "0") | ("evt.dir", Operator::Equal, "<") => {
            Some(true)
        }
        ("evt.num", Operator::Equal | Operator::Less, "0") | ("evt.dir", Operator::Equal, ">") => {
            Some(false)
        }
        _ => None,
    }
}

/// A whole number, decimal or `0x…`; `1e+3` and `5.0` are whole too.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only what is whole and small enough to be exact is kept"
)]
fn number(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return i64::from_str_radix(digits, 16).ok();
    }
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let number = text.parse::<f64>().ok().filter(|_| is_plain)?;
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

/// Numbers in one form, whatever was written.
fn plain(value: String, kind: Kind) -> String {
    match (kind, number(&value)) {
        (Kind::Number | Kind::Time | Kind::Port, Some(number)) => number.to_string(),
        _ => value,
    }
}

fn is_network(text: &str) -> bool {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= bits))
}

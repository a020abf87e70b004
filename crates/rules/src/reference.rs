//! What a condition means, said as plainly as can be.
//!
//! Nothing here is prepared, shared or remembered: every comparison is made
//! anew from the event and the rule's own words. The engine has to agree
//! with it on every event; that is what it is for.

use std::net::IpAddr;

use crate::{
    ast::{Operator, Quantifier, Transformer},
    field::Kind,
    rule::{Comparand, Expression, Predicate, Term},
    value::{Facts, Value, wants_all},
};

/// Whether `condition` holds for the event that `facts` answers for.
pub fn evaluate(condition: &Expression, facts: &dyn Facts) -> bool {
    match condition {
        Expression::Or(parts) => parts.iter().any(|part| evaluate(part, facts)),
        Expression::And(parts) => parts.iter().all(|part| evaluate(part, facts)),
        Expression::Not(inner) => !evaluate(inner, facts),
        Expression::Constant(truth) => *truth,
        Expression::Predicate(predicate) => holds(predicate, facts),
    }
}

/// A value of its own.
#[derive(Clone, Debug, PartialEq)]
enum Own {
    Text(Vec<u8>),
    Number(i64),
    Boolean(bool),
    Address(IpAddr),
}

impl Own {
    fn text(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string().into_bytes(),
            Self::Boolean(truth) => truth.to_string().into_bytes(),
            Self::Address(address) => address.to_string().into_bytes(),
        }
    }
}

fn holds(predicate: &Predicate, facts: &dyn Facts) -> bool {
    let left = values(&predicate.left, facts);
    if left.is_empty() {
        return false;
    }
    let right: Vec<Vec<u8>> = match &predicate.right {
        Comparand::None => return predicate.operator == Operator::Exists,
        Comparand::Value(value) => vec![value.clone().into_bytes()],
        Comparand::List(list) => list
            .iter()
            .map(|value| value.clone().into_bytes())
            .collect(),
        Comparand::Term(term) => values(term, facts).iter().map(Own::text).collect(),
    };
    let kind = kind(&predicate.left);
    let one = |value: &Own| {
        passes(
            kind,
            predicate.operator,
            predicate.quantifier,
            value,
            &right,
        )
    };
    let is_every = match &predicate.left {
        Term::Field { field, .. } => wants_all(field, predicate.operator),
        other => predicate.operator == Operator::In && is_list(other),
    };
    if is_every {
        left.iter().all(one)
    } else {
        left.iter().any(one)
    }
}

fn passes(
    kind: Kind,
    operator: Operator,
    quantifier: Option<Quantifier>,
    left: &Own,
    right: &[Vec<u8>],
) -> bool {
    let count = right
        .iter()
        .filter(|right| compare(kind, operator, left, right))
        .count();
    match (quantifier, operator) {
        (Some(Quantifier::AnyOf), _)
        | (None, Operator::In | Operator::Intersects | Operator::PathMatch) => count > 0,
        (Some(Quantifier::OneOf), _) => count == 1,
        (Some(Quantifier::AllOf), _) => count == right.len() && count > 0,
        (None, _) => right
            .first()
            .is_some_and(|right| compare(kind, operator, left, right)),
    }
}

fn compare(kind: Kind, operator: Operator, left: &Own, right: &[u8]) -> bool {
    let words = || std::str::from_utf8(right).ok();
    match kind {
        Kind::Text | Kind::Path => compare_text(operator, &left.text(), right),
        Kind::Number | Kind::Time | Kind::Port => {
            let left = match left {
                Own::Number(number) => Some(*number),
                Own::Text(text) => std::str::from_utf8(text)
                    .ok()
                    .and_then(|text| text.parse().ok()),
                Own::Boolean(_) | Own::Address(_) => None,
            };
            let right = words().and_then(|text| text.parse::<i64>().ok());
            left.zip(right)
                .is_some_and(|(left, right)| ordered(operator, &left, &right))
        }
        Kind::Boolean => match (left, words()) {
            (Own::Boolean(left), Some("true")) => *left == (operator != Operator::NotEqual),
            (Own::Boolean(left), Some("false")) => *left == (operator == Operator::NotEqual),
            _ => false,
        },
        Kind::Address | Kind::Network => match (left, words()) {
            (Own::Address(left), Some(network)) => {
                is_within(*left, network) == Some(operator != Operator::NotEqual)
            }
            _ => false,
        },
    }
}

fn ordered<T: Ord + ?Sized>(operator: Operator, left: &T, right: &T) -> bool {
    match operator {
        Operator::Equal | Operator::In | Operator::Intersects => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => left < right,
        Operator::LessOrEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterOrEqual => left >= right,
        _ => false,
    }
}

fn compare_text(operator: Operator, left: &[u8], right: &[u8]) -> bool {
    let contains = |text: &[u8], part: &[u8]| {
        (0..=text.len()).any(|at| text.get(at..).is_some_and(|rest| rest.starts_with(part)))
    };
    match operator {
        Operator::Exists => true,
        Operator::Contains => contains(left, right),
        Operator::ContainsAnyCase => {
            contains(&left.to_ascii_lowercase(), &right.to_ascii_lowercase())
        }
        Operator::ContainsBytes => unhex(right).is_some_and(|right| contains(left, &right)),
        Operator::StartsWith => left.starts_with(right),
        Operator::StartsWithBytes => unhex(right).is_some_and(|right| left.starts_with(&right)),
        Operator::EndsWith => left.ends_with(right),
        Operator::Glob => glob(right, left),
        Operator::GlobAnyCase => glob(&right.to_ascii_lowercase(), &left.to_ascii_lowercase()),
        Operator::Regex => std::str::from_utf8(right)
            .ok()
            .and_then(|right| regex::bytes::Regex::new(&format!("^(?:{right})$")).ok())
            .is_some_and(|right| right.is_match(left)),
        Operator::PathMatch => {
            let parts = |path: &[u8]| -> Vec<Vec<u8>> {
                path.split(|byte| *byte == b'/')
                    .filter(|part| !part.is_empty())
                    .map(<[u8]>::to_vec)
                    .collect()
            };
            let (path, above) = (parts(left), parts(right));
            above.len() <= path.len()
                && above.iter().zip(&path).all(|(above, part)| {
                    let is_pattern = above.iter().any(|byte| b"?*[".contains(byte));
                    above == part || (is_pattern && glob(above, part))
                })
        }
        _ => ordered(operator, left, right),
    }
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digits = std::str::from_utf8(digits).ok()?;
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
        .collect()
}

/// `None` where `network` is none.
fn is_within(address: IpAddr, network: &str) -> Option<bool> {
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, Some(length.parse::<usize>().ok()?)),
        None => (network, None),
    };
    let bits = |address: IpAddr| -> Vec<bool> {
        let bytes = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        bytes
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1))
            .collect()
    };
    let (own, base) = (bits(address), bits(base.parse().ok()?));
    let length = length.unwrap_or(base.len());
    Some(own.len() == base.len() && own.get(..length)? == base.get(..length)?)
}

/// Shell patterns, tried every way there is.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], rest) => rest.is_empty(),
        ([b'*', more @ ..], _) => {
            (0..=text.len()).any(|at| text.get(at..).is_some_and(|rest| glob(more, rest)))
        }
        ([b'?', more @ ..], [_, rest @ ..]) => glob(more, rest),
        ([b'\\', escaped, more @ ..], [byte, rest @ ..]) => escaped == byte && glob(more, rest),
        ([b'[', class @ ..], [byte, rest @ ..]) => match in_class(class, *byte) {
            Some((is_in, more)) => is_in && glob(more, rest),
            None => *byte == b'[' && glob(class, rest),
        },
        ([own, more @ ..], [byte, rest @ ..]) => own == byte && glob(more, rest),
        (_, []) => false,
    }
}

/// Whether the class behind `[` has `byte`, and what follows it; `None`
/// where nothing closes it.
fn in_class(class: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let (is_negated, mut rest) = match class {
        [b'!' | b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut is_first = true;
    let mut is_in = false;
    let letter = |rest: &mut &[u8]| -> Option<u8> {
        let (first, more) = rest.split_first()?;
        if *first != b'\\' {
            *rest = more;
            return Some(*first);
        }
        let (escaped, more) = more.split_first()?;
        *rest = more;
        Some(*escaped)
    };
    loop {
        if let [b']', more @ ..] = rest
            && !is_first
        {
            return Some((is_in != is_negated, more));
        }
        is_first = false;
        let low = letter(&mut rest)?;
        let high = match rest {
            [b'-', b']', ..] => low,
            [b'-', more @ ..] => {
                rest = more;
                letter(&mut rest)?
            }
            _ => low,
        };
        is_in |= (low..=high).contains(&byte);
    }
}

fn kind(term: &Term) -> Kind {
    match term {
        Term::Field { field, .. } => field.kind,
        Term::Call(Transformer::Length, _) => Kind::Number,
        Term::Call(..) | Term::List(_) | Term::Value(_) => Kind::Text,
    }
}

fn is_list(term: &Term) -> bool {
    match term {
        Term::Field { field, .. } => field.is_list,
        Term::List(_) => true,
        Term::Value(_) => false,
        Term::Call(transformer, arguments) => match transformer {
            Transformer::Length | Transformer::Join | Transformer::Concat => false,
            Transformer::GetOpt => arguments.len() == 2,
            Transformer::Lower
            | Transformer::Upper
            | Transformer::Base64
            | Transformer::Basename
            | Transformer::Value => arguments.first().is_some_and(is_list),
        },
    }
}

fn values(term: &Term, facts: &dyn Facts) -> Vec<Own> {
    match term {
        Term::Value(text) => vec![Own::Text(text.clone().into_bytes())],
        Term::List(parts) => parts.iter().flat_map(|part| values(part, facts)).collect(),
        Term::Field { field, argument } => {
            let mut found = Vec::new();
            facts.visit(field, argument.as_deref(), &mut |value| {
                found.push(match value {
                    Value::Text(text) => Own::Text(text.to_vec()),
                    Value::Number(number) => Own::Number(number),
                    Value::Boolean(truth) => Own::Boolean(truth),
                    Value::Address(address) => Own::Address(address),
                });
            });
            found
        }
        Term::Call(transformer, arguments) => call(*transformer, arguments, facts),
    }
}

fn call(transformer: Transformer, arguments: &[Term], facts: &dyn Facts) -> Vec<Own> {
    let every: Vec<Vec<Own>> = arguments.iter().map(|term| values(term, facts)).collect();
    // Without a value there is nothing to work on.
    let (Some(first), false) = (every.first(), every.iter().any(Vec::is_empty)) else {
        return Vec::new();
    };
    let number = |count: usize| Own::Number(i64::try_from(count).unwrap_or(i64::MAX));
    let each = |change: fn(&[u8]) -> Option<Vec<u8>>| -> Vec<Own> {
        first
            .iter()
            .filter_map(|value| change(&value.text()).map(Own::Text))
            .collect()
    };
    match transformer {
        Transformer::Value => first.clone(),
        Transformer::Lower => each(|text| Some(text.to_ascii_lowercase())),
        Transformer::Upper => each(|text| Some(text.to_ascii_uppercase())),
        Transformer::Basename => {
            each(|text| text.rsplit(|byte| *byte == b'/').next().map(<[u8]>::to_vec))
        }
        Transformer::Base64 => each(unbase64),
        Transformer::Length if arguments.first().is_some_and(is_list) => vec![number(first.len())],
        Transformer::Length => first
            .iter()
            .map(|value| number(value.text().len()))
            .collect(),
        Transformer::Join => {
            let separator = first.first().map(Own::text).unwrap_or_default();
            let parts: Vec<Vec<u8>> = every.iter().skip(1).flatten().map(Own::text).collect();
            vec![Own::Text(parts.join(separator.as_slice()))]
        }
        Transformer::Concat => {
            let parts: Vec<Vec<u8>> = every
                .iter()
                .filter_map(|values| values.first())
                .map(Own::text)
                .collect();
            vec![Own::Text(parts.concat())]
        }
        Transformer::GetOpt => {
            let text = |at: usize| {
                every
                    .get(at)
                    .and_then(|values| values.first())
                    .map(Own::text)
            };
            let words: Vec<Vec<u8>> = first.iter().map(Own::text).collect();
            let only = text(2).and_then(|text| text.first().copied());
            getopt(&words, &text(1).unwrap_or_default(), only)
        }
    }
}

/// Short options and their values, as `getopt(3)` reads them; with `only`,
/// what that option says last.
fn getopt(words: &[Vec<u8>], options: &[u8], only: Option<u8>) -> Vec<Own> {
    // Each option with its value, if it takes one.
    let mut said: Vec<(Vec<u8>, Option<Vec<u8>>, u8)> = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        if word.starts_with(b"--") && word.len() > 2 {
            continue;
        }
        let is_option = word.starts_with(b"-") && word.len() > 1 && word != b"--";
        if !is_option {
            break;
        }
        let mut letters = word.iter().skip(1);
        while let Some(letter) = letters.next() {
            let known = options.iter().position(|option| option == letter);
            let Some(known) = known.filter(|_| *letter != b':') else {
                said.push((b"?".to_vec(), None, 0));
                continue;
            };
            if options.get(known + 1) != Some(&b':') {
                said.push((vec![*letter], None, *letter));
                continue;
            }
            let rest: Vec<u8> = letters.by_ref().copied().collect();
            let value = if rest.is_empty() {
                at += 1;
                words.get(at - 1).cloned()
            } else {
                Some(rest)
            };
            let name = if value.is_some() {
                vec![*letter]
            } else {
                Vec::new()
            };
            said.push((name, value, *letter));
        }
    }
    match only {
        Some(only) => said
            .into_iter()
            .rfind(|(_, _, letter)| *letter == only)
            .map(|(name, value, _)| Own::Text(value.unwrap_or(name)))
            .into_iter()
            .collect(),
        None => said
            .into_iter()
            .flat_map(|(name, value, _)| std::iter::once(name).chain(value))
            .map(Own::Text)
            .collect(),
    }
}

/// Padded or not; `None` where it is no base64.
fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"="));
    let digits = digits.unwrap_or(text);
    let mut bytes = Vec::new();
    for group in digits.chunks(4) {
        let mut bits = 0u32;
        for byte in group {
            let digit = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(digit);
        }
        let missing = 4 - group.len();
        if missing == 3 {
            return None;
        }
        bits <<= 6 * missing;
        let three = bits.to_be_bytes();
        bytes.extend(three.iter().skip(1).take(3 - missing));
    }
    Some(bytes)
}

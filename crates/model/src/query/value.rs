//! From the words behind a field to what they mean.

use super::{
    Condition, Field, FieldKind, Flag, Label, Op, Pattern, Person, When, error::nearest, lex::Raw,
};

/// What is wrong with a value, and what to put there.
pub(super) struct Wrong {
    pub message: String,
    pub suggestion: Option<String>,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            suggestion: None,
        }
    }

    pub(super) fn or(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }
}

/// What the values mean together; every wrong one is reported.
pub(super) fn condition(
    field: Field,
    op: Op,
    values: &[Raw],
    wrong: &mut impl FnMut(&Raw, Wrong),
) -> Option<Condition> {
    if values.iter().any(|raw| raw.is_any() && !raw.quoted) && field.kind() != FieldKind::Flag {
        return Some(Condition::Present(field));
    }
    match (field, field.kind()) {
        (Field::Label, _) => each(values, wrong, label).map(Condition::Label),
        (Field::Assignee, _) => each(values, wrong, |raw| Ok(person(raw))).map(Condition::Assignee),
        (_, FieldKind::Rank) => each(values, wrong, |raw| severity(field, raw))
            .map(|values| Condition::Severity(op, values)),
        (_, FieldKind::Word) => each(values, wrong, |raw| {
            let text = raw.text();
            field.word(&text).ok_or_else(|| unknown(field, &text))
        })
        .map(|values| Condition::Words(field, values)),
        (_, FieldKind::Flag) => each(values, wrong, |raw| {
            let text = raw.text();
            Flag::read(field, &text).ok_or_else(|| unknown(field, &text))
        })
        .map(|values| Condition::Flags(field, values)),
        (_, FieldKind::Number) => {
            each(values, wrong, number).map(|values| Condition::Number(field, op, values))
        }
        (_, FieldKind::Time) => each(values, wrong, |raw| {
            When::read(&raw.text()).map_err(Wrong::new)
        })
        .map(|values| Condition::Time(field, op, values)),
        (_, FieldKind::Text) => {
            each(values, wrong, |raw| Ok(pattern(raw))).map(|values| Condition::Text(field, values))
        }
    }
}

/// Reads each value; `None` when any is wrong.
fn each<T>(
    values: &[Raw],
    wrong: &mut impl FnMut(&Raw, Wrong),
    read: impl Fn(&Raw) -> Result<T, Wrong>,
) -> Option<Vec<T>> {
    let mut meanings = Vec::with_capacity(values.len());
    for raw in values {
        match read(raw) {
            Ok(meaning) => meanings.push(meaning),
            Err(error) => wrong(raw, error),
        }
    }
    (meanings.len() == values.len()).then_some(meanings)
}

fn unknown(field: Field, text: &str) -> Wrong {
    let shown: String = text.chars().take(40).collect();
    let values = field.catalogued().values;
    Wrong::new(format!(
        "'{shown}' is no {} (expected {})",
        match field {
            Field::Is | Field::Has => format!("word for {}:", field.name()),
            _ => field.name().to_owned(),
        },
        values.join(", ")
    ))
    .or(nearest(text, values.iter().copied()))
}

fn severity(field: Field, raw: &Raw) -> Result<crate::Severity, Wrong> {
    let text = raw.text();
    text.parse().map_err(|_error| unknown(field, &text))
}

pub(super) fn pattern(raw: &Raw) -> Pattern {
    Pattern::of_pieces(raw.pieces.clone())
}

fn person(raw: &Raw) -> Person {
    let pattern = pattern(raw);
    let word = |word: &str| {
        !raw.quoted
            && pattern
                .as_exact()
                .is_some_and(|text| text.eq_ignore_ascii_case(word))
    };
    if word("me") {
        Person::Me
    } else if word("none") {
        Person::Nobody
    } else {
        Person::Named(pattern)
    }
}

fn label(raw: &Raw) -> Result<Label, Wrong> {
    let (first, rest) = raw
        .pieces
        .split_first()
        .ok_or_else(|| Wrong::new("a label needs a key"))?;
    let (key, value) = match first.split_once('=') {
        Some((key, value)) => {
            let pieces = [&[value.to_owned()], rest].concat();
            (key, Some(Pattern::of_pieces(pieces)))
        }
        None if rest.is_empty() => (first.as_str(), None),
        None => {
            return Err(Wrong::new(
                "the key of a label is exact: label:key, label:key=value or label:key=val*",
            ));
        }
    };
    if key.is_empty() {
        return Err(Wrong::new("a label needs a key: label:key=value"));
    }
    Ok(Label {
        key: key.to_owned(),
        value,
    })
}

/// No number of ours comes near it.
const LARGEST: f64 = 1e9;

fn number(raw: &Raw) -> Result<f64, Wrong> {
    let wrong = || Wrong::new("expected a number like 9, 0.5 or 50%");
    let text = raw.text();
    let (digits, per) = match text.strip_suffix('%') {
        Some(digits) => (digits, 100.0),
        None => (text.as_str(), 1.0),
    };
    let plain = digits.len() <= 40
        && digits
            .chars()
            .all(|digit| digit.is_ascii_digit() || digit == '.');
    let number: f64 = digits.parse().map_err(|_error| wrong())?;
    if !plain || number > LARGEST {
        return Err(wrong());
    }
    Ok(number / per)
}

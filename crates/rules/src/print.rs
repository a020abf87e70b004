//! Writes conditions: what is printed reads back as the same condition.

use std::fmt::{self, Write};

use crate::{
    ast::{Check, Condition, FieldName, Operand, Right, Value},
    parse,
    rule::{Comparand, Expression, Predicate, Rule, Term},
};

/// `text` in double quotes, escaped as the grammar wants it.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            '\0'..='\u{1f}' | '\u{7f}' => {
                quoted.extend([format!("\\x{:02x}", u32::from(c))]);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// What is joined by `or`, `and` and `not`, however its leaves look.
trait Joined: Sized {
    fn form(&self) -> Form<'_, Self>;
    fn leaf(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

enum Form<'a, T> {
    Or(&'a [T]),
    And(&'a [T]),
    Not(&'a T),
    Leaf,
}

/// Parentheses only where the grammar would read something else.
fn structure<T: Joined>(f: &mut fmt::Formatter<'_>, whole: &T) -> fmt::Result {
    let grouped = |f: &mut fmt::Formatter<'_>, part: &T| {
        if matches!(part.form(), Form::Leaf) {
            return part.leaf(f);
        }
        f.write_char('(')?;
        structure(f, part)?;
        f.write_char(')')
    };
    match whole.form() {
        Form::Or(parts) => joined(f, parts, " or ", |f, part| match part.form() {
            Form::And(_) => structure(f, part),
            _ => grouped(f, part),
        }),
        Form::And(parts) => joined(f, parts, " and ", |f, part| match part.form() {
            Form::Not(_) => structure(f, part),
            _ => grouped(f, part),
        }),
        Form::Not(inner) => {
            f.write_str("not ")?;
            grouped(f, inner)
        }
        Form::Leaf => whole.leaf(f),
    }
}

impl Joined for Condition {
    fn form(&self) -> Form<'_, Self> {
        match self {
            Self::Or(parts) => Form::Or(parts),
            Self::And(parts) => Form::And(parts),
            Self::Not(inner) => Form::Not(inner),
            Self::Macro(_) | Self::Check(_) => Form::Leaf,
        }
    }

    fn leaf(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Macro(name) => f.write_str(&name.text),
            Self::Check(check) => write!(f, "{check}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        structure(f, self)
    }
}

fn joined<T>(
    f: &mut fmt::Formatter<'_>,
    parts: &[T],
    between: &str,
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        write(f, part)?;
    }
    Ok(())
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.operator)?;
        if let Some(quantifier) = self.quantifier {
            write!(f, " {quantifier}")?;
        }
        match &self.right {
            Right::None => Ok(()),
            Right::Value(value) => write!(f, " {value}"),
            Right::List(values) => {
                f.write_str(" (")?;
                joined(f, values, ", ", |f, value| write!(f, "{value}"))?;
                f.write_char(')')
            }
            Right::Operand(operand) => write!(f, " {operand}"),
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => write!(f, "{field}"),
            Self::Value(value) => write!(f, "{value}"),
            Self::List(parts) => {
                f.write_char('(')?;
                joined(f, parts, ", ", |f, part| write!(f, "{part}"))?;
                f.write_char(')')
            }
            Self::Call {
                transformer,
                arguments,
                argument,
                span: _,
            } => {
                write!(f, "{transformer}(")?;
                joined(f, arguments, ", ", |f, part| write!(f, "{part}"))?;
                f.write_char(')')?;
                brackets(f, argument.as_deref())
            }
        }
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        brackets(f, self.argument.as_deref())
    }
}

/// An argument stands bare where it can.
fn brackets(f: &mut fmt::Formatter<'_>, argument: Option<&str>) -> fmt::Result {
    match argument {
        None => Ok(()),
        Some(argument) if parse::is_bare_argument(argument) => write!(f, "[{argument}]"),
        Some(argument) => write!(f, "[{}]", quote(argument)),
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_quoted {
            f.write_str(&quote(&self.text))
        } else {
            f.write_str(&self.text)
        }
    }
}

impl Joined for Expression {
    fn form(&self) -> Form<'_, Self> {
        match self {
            Self::Or(parts) => Form::Or(parts),
            Self::And(parts) => Form::And(parts),
            Self::Not(inner) => Form::Not(inner),
            Self::Constant(_) | Self::Predicate(_) => Form::Leaf,
        }
    }

    fn leaf(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(true) => f.write_str("(always)"),
            Self::Constant(false) => f.write_str("(never)"),
            Self::Predicate(predicate) => write!(f, "{predicate}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        structure(f, self)
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.operator)?;
        if let Some(quantifier) = self.quantifier {
            write!(f, " {quantifier}")?;
        }
        match &self.right {
            Comparand::None => Ok(()),
            Comparand::Value(value) => {
                f.write_char(' ')?;
                word(f, value)
            }
            Comparand::List(values) => {
                f.write_str(" (")?;
                joined(f, values, ", ", |f, value| word(f, value))?;
                f.write_char(')')
            }
            Comparand::Term(term) => write!(f, " {term}"),
        }
    }
}

fn word(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if parse::is_bare(text) {
        f.write_str(text)
    } else {
        f.write_str(&quote(text))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { field, argument } => {
                f.write_str(field.name)?;
                brackets(f, argument.as_deref())
            }
            Self::Call(transformer, arguments) => {
                write!(f, "{transformer}(")?;
                let (arguments, selected) = match arguments.as_slice() {
                    [list, options, Self::Value(selected)]
                        if *transformer == crate::ast::Transformer::GetOpt =>
                    {
                        (vec![list, options], Some(selected))
                    }
                    all => (all.iter().collect(), None),
                };
                joined(f, &arguments, ", ", |f, part| write!(f, "{part}"))?;
                f.write_char(')')?;
                brackets(f, selected.map(String::as_str))
            }
            Self::List(parts) => {
                f.write_char('(')?;
                joined(f, parts, ", ", |f, part| write!(f, "{part}"))?;
                f.write_char(')')
            }
            Self::Value(value) => f.write_str(&quote(value)),
        }
    }
}

/// `expression` over several lines, one part of `and` and `or` each.
pub fn pretty(expression: &Expression) -> String {
    let mut text = String::new();
    match group(expression) {
        Some((parts, word)) => each_line(&mut text, parts, word, 0),
        None => lines(&mut text, "", expression, 0),
    }
    text
}

/// Widest line before an expression is broken up.
const WIDTH: usize = 88;

fn group(expression: &Expression) -> Option<(&[Expression], &'static str)> {
    match expression {
        Expression::And(parts) => Some((parts, "and ")),
        Expression::Or(parts) => Some((parts, "or ")),
        Expression::Not(_) | Expression::Constant(_) | Expression::Predicate(_) => None,
    }
}

fn each_line(text: &mut String, parts: &[Expression], word: &str, depth: usize) {
    for (index, part) in parts.iter().enumerate() {
        lines(text, if index == 0 { "" } else { word }, part, depth);
    }
}

fn lines(text: &mut String, lead: &str, expression: &Expression, depth: usize) {
    let indent = "  ".repeat(depth);
    let (lead, inner) = match expression {
        Expression::Not(inner) => (format!("{lead}not "), &**inner),
        other => (lead.to_owned(), other),
    };
    let whole = inner.to_string();
    match group(inner) {
        None => text.extend([format!("{indent}{lead}{whole}\n")]),
        Some(_) if indent.len() + lead.len() + whole.chars().count() + 2 <= WIDTH => {
            text.extend([format!("{indent}{lead}({whole})\n")]);
        }
        Some((parts, word)) => {
            text.extend([format!("{indent}{lead}(\n")]);
            each_line(text, parts, word, depth + 1);
            text.extend([format!("{indent})\n")]);
        }
    }
}

/// Thresholds, sequences and the like of a rule, in sentences; nothing for
/// a rule that has none.
pub fn windows(rule: &Rule) -> String {
    let keys = |terms: &[Term]| match terms {
        [] => String::new(),
        terms => {
            let names: Vec<String> = terms.iter().map(Term::to_string).collect();
            format!(" for each {}", names.join(" and "))
        }
    };
    let mut text = String::new();
    let extension = &rule.extension;
    if let Some(threshold) = &extension.threshold {
        let what = match &threshold.distinct {
            Some(term) => format!("different values of {term}"),
            None => "matches".to_owned(),
        };
        text.extend([format!(
            "{} {what} within {}{}\n",
            threshold.count,
            time(threshold.within),
            keys(&threshold.by)
        )]);
    }
    if let Some(sequence) = &extension.sequence {
        text.extend([format!(
            "one after another within {}{}:\n",
            time(sequence.within),
            keys(&sequence.by)
        )]);
        for (index, step) in sequence.steps.iter().enumerate() {
            text.extend([format!(
                "{}. {}: {}\n",
                index + 1,
                step.name,
                step.condition
            )]);
        }
    }
    if let Some(suppress) = &extension.suppress {
        text.extend([format!(
            "then silent for {}{}\n",
            time(suppress.within),
            keys(&suppress.by)
        )]);
    }
    if !extension.dedup.is_empty() {
        text.extend([format!("one alert{}\n", keys(&extension.dedup))]);
    }
    text
}

/// `10m`, as rule files write it.
fn time(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    for (unit, length) in [('d', 86_400), ('h', 3600), ('m', 60)] {
        if seconds > 0 && seconds.is_multiple_of(length) {
            return format!("{}{unit}", seconds / length);
        }
    }
    format!("{seconds}s")
}

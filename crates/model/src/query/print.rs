//! A query in its plainest form. Reading it again gives the same query.

use std::fmt::{self, Write as _};

use super::{Condition, Label, Node, Pattern, Person, Query};

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Some(root) => write!(f, "{root}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Test(test) => write!(f, "{}", test.condition),
            Self::Not(node) => match node.as_ref() {
                Self::All(_) | Self::Any(_) => write!(f, "-({node})"),
                _ => write!(f, "-{node}"),
            },
            Self::All(nodes) => list(f, " ", nodes, |f, node| match node {
                Self::Any(_) => write!(f, "({node})"),
                _ => write!(f, "{node}"),
            }),
            Self::Any(nodes) => list(f, " OR ", nodes, |f, node| write!(f, "{node}")),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = self.field() {
            write!(f, "{}:", field.name())?;
        }
        match self {
            Self::Contains(pattern) => word(f, pattern, Where::Term),
            Self::Present(_) => f.write_char('*'),
            Self::Words(_, words) => list(f, ",", words, |f, word| f.write_str(word)),
            Self::Severity(op, severities) => {
                f.write_str(op.as_str())?;
                list(f, ",", severities, |f, severity| write!(f, "{severity}"))
            }
            Self::Flags(field, flags) => {
                list(f, ",", flags, |f, flag| f.write_str(flag.word(*field)))
            }
            Self::Text(_, patterns) => list(f, ",", patterns, |f, pattern| {
                word(f, pattern, Where::Value)
            }),
            Self::Label(labels) => list(f, ",", labels, label),
            Self::Assignee(people) => list(f, ",", people, |f, person| match person {
                Person::Me => f.write_str("me"),
                Person::Nobody => f.write_str("none"),
                Person::Named(pattern) => word(f, pattern, Where::Assignee),
            }),
            Self::Number(_, op, numbers) => {
                f.write_str(op.as_str())?;
                list(f, ",", numbers, |f, number| write!(f, "{number}"))
            }
            Self::Time(_, op, times) => {
                f.write_str(op.as_str())?;
                list(f, ",", times, |f, time| write!(f, "{time}"))
            }
        }
    }
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    between: &str,
    items: &[T],
    print: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        print(f, item)?;
    }
    Ok(())
}

/// Where a word stands decides what it may look like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Term,
    Value,
    Assignee,
}

fn word(f: &mut fmt::Formatter<'_>, pattern: &Pattern, place: Where) -> fmt::Result {
    if let Some(text) = pattern.as_exact() {
        return if needs_quotes(text, place) {
            quoted(f, text)
        } else {
            f.write_str(text)
        };
    }
    for (index, piece) in pattern.pieces().iter().enumerate() {
        if index > 0 {
            f.write_char('*')?;
        }
        escaped(f, piece, place)?;
    }
    Ok(())
}

fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || "-_./@=~%:#&;'|^$[]{}?".contains(letter)
}

fn needs_quotes(text: &str, place: Where) -> bool {
    let odd = |letter: char| !is_plain(letter) || (place == Where::Term && letter == ':');
    let begins_oddly = place == Where::Term && text.starts_with('-');
    let keyword = match place {
        Where::Term => matches!(text, "AND" | "OR" | "NOT") || text.contains('='),
        Where::Assignee => ["me", "none"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word)),
        Where::Value => false,
    };
    text.is_empty() || text.chars().any(odd) || begins_oddly || keyword
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(letter)?;
    }
    f.write_char('"')
}

/// In a word with wildcards, quotes cannot be used: what is special is
/// escaped one by one.
fn escaped(f: &mut fmt::Formatter<'_>, text: &str, place: Where) -> fmt::Result {
    for (index, letter) in text.chars().enumerate() {
        let special = !is_plain(letter)
            || (place == Where::Term
                && (matches!(letter, ':' | '=') || (index == 0 && letter == '-')));
        if special {
            f.write_char('\\')?;
        }
        f.write_char(letter)?;
    }
    Ok(())
}

fn label(f: &mut fmt::Formatter<'_>, label: &Label) -> fmt::Result {
    let Some(value) = &label.value else {
        return word(f, &Pattern::exact(label.key.as_str()), Where::Value);
    };
    let mut pieces = value.pieces().to_vec();
    if let Some(first) = pieces.first_mut() {
        first.insert_str(0, &format!("{}=", label.key));
    }
    word(f, &Pattern::of_pieces(pieces), Where::Value)
}

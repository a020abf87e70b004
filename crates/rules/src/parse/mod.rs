//! Reads conditions: the grammar of Falco's engine 0.63, with the place of
//! every word kept for whoever has to mend it.
//!
//! Where that grammar lets words run into each other (`a.b existsand c.d=1`,
//! `a.b inlist`) this one asks for a space; otherwise what one accepts the
//! other does. Text and depth are bounded.

mod operand;
mod structure;
mod token;

use crate::ast::{Condition, Operand, Span, Value};

/// Longest condition, appended parts included.
pub const MAX_BYTES: usize = 256 * 1024;

/// Deepest nesting of parentheses and calls.
pub const MAX_DEPTH: u32 = 100;

/// Why a condition cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    pub message: String,
    /// What to say under the caret.
    pub label: String,
    pub help: Option<String>,
    pub span: Span,
}

/// Reads one condition.
pub fn condition(text: &str) -> Result<Condition, SyntaxError> {
    let mut parser = Parser::new(text)?;
    parser.blank();
    if parser.rest().is_empty() {
        return Err(parser.error("the condition is empty", "a check is missing here"));
    }
    let condition = parser.or()?;
    parser.blank();
    if parser.rest().is_empty() {
        Ok(condition)
    } else {
        Err(parser.unexpected_rest())
    }
}

/// Reads a field, or a transformed one, alone: `ka.user.name`.
pub fn operand(text: &str) -> Result<Operand, SyntaxError> {
    let mut parser = Parser::new(text)?;
    parser.blank();
    let operand = parser.field_or_call()?;
    parser.blank();
    if parser.rest().is_empty() {
        Ok(operand)
    } else {
        Err(parser.error("unexpected text behind the field", "nothing may follow"))
    }
}

/// Reads a field, or a transformed one, that begins at `at`, and says
/// where it ends.
pub(crate) fn operand_at(text: &str, at: usize) -> Result<(Operand, usize), SyntaxError> {
    let mut parser = Parser::new(text)?;
    parser.at = at;
    let operand = parser.field_or_call()?;
    Ok((operand, parser.at))
}

/// Reads `a, b` or `(a, b)`: the values of an exception for an operator
/// that takes a list.
pub fn values(text: &str) -> Result<Vec<Value>, SyntaxError> {
    let mut parser = Parser::new(text)?;
    parser.blank();
    let values = if parser.eat("(") {
        parser.list_rest()?
    } else {
        parser.values_until(|parser| parser.rest().is_empty())?
    };
    parser.blank();
    if parser.rest().is_empty() {
        Ok(values)
    } else {
        Err(parser.error("unexpected text behind the values", "nothing may follow"))
    }
}

/// Reads one item of a list: quoted if it begins with a quote, else the
/// text itself.
pub fn item(text: &str) -> Result<Value, SyntaxError> {
    let mut parser = Parser::new(text)?;
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    if text.starts_with(['"', '\'']) {
        let value = parser.quoted()?;
        if let Some(value) = value
            && parser.rest().is_empty()
        {
            return Ok(value);
        }
        return Err(parser.error(
            "the item goes on behind its closing quote",
            "nothing may follow the quote",
        ));
    }
    Ok(Value {
        text: text.to_owned(),
        is_quoted: text.contains(is_blank),
        span: Span {
            start: 0,
            end: length,
        },
    })
}

/// Whether `text` can stand without quotes.
pub fn is_bare(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_bare_char)
}

/// Whether `text` can stand between brackets without quotes.
pub fn is_bare_argument(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_argument_char)
}

/// Whether `text` can name a macro.
pub fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{8}' | '\r' | '\n')
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{b}' | '\u{c}')
}

fn is_argument_char(c: char) -> bool {
    !is_space(c) && !matches!(c, '[' | ']' | '"' | '\'')
}

fn is_bare_char(c: char) -> bool {
    !is_space(c) && !matches!(c, '(' | ')' | '"' | '\'' | '=' | ',')
}

const KEYWORDS: [&str; 3] = ["and", "or", "not"];

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: u32,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Result<Self, SyntaxError> {
        let parser = Self {
            text,
            at: 0,
            depth: 0,
        };
        if text.len() > MAX_BYTES {
            return Err(parser.error(
                &format!(
                    "the condition is longer than {} KiB, as it says {} bytes",
                    MAX_BYTES / 1024,
                    text.len()
                ),
                "split it into macros",
            ));
        }
        Ok(parser)
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn span_from(&self, start: usize) -> Span {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span {
            start: narrow(start),
            end: narrow(self.at),
        }
    }

    fn blank(&mut self) -> bool {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches(is_blank).len();
        self.at += length;
        length > 0
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len();
        }
        found
    }

    /// The text as far as `belongs` says so.
    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or("")
    }

    fn peek_word(&self) -> &'t str {
        let rest = self.rest();
        let length = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        rest.get(..length).unwrap_or("")
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.peek_word() == word;
        if found {
            self.at += word.len();
        }
        found
    }

    /// What stands here, for messages.
    fn found(&self) -> (String, usize) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return ("the end".to_owned(), 0);
        };
        let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
        let symbol = |c: char| matches!(c, '=' | '!' | '<' | '>' | '~' | '&' | '|');
        let length = if belongs(first) {
            rest.find(|c| !belongs(c)).unwrap_or(rest.len())
        } else if symbol(first) {
            rest.find(|c| !symbol(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let shown: String = rest.chars().take(40.min(length)).collect();
        (format!("`{}`", shown.trim_end()), length)
    }

    fn error(&self, message: &str, label: &str) -> SyntaxError {
        let (_, length) = self.found();
        self.error_at(message, label, self.at, self.at + length)
    }

    fn error_at(&self, message: &str, label: &str, start: usize, end: usize) -> SyntaxError {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        SyntaxError {
            message: message.to_owned(),
            label: label.to_owned(),
            help: None,
            span: Span {
                start: narrow(start),
                end: narrow(end.min(self.text.len())),
            },
        }
    }

    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(
                &format!("nested more than {MAX_DEPTH} deep"),
                "name the inner part as a macro",
            ));
        }
        let read = read(self);
        self.depth -= 1;
        read
    }
}

#[cfg(test)]
mod tests;

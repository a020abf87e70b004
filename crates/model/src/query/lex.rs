//! Words and phrases.

use super::{Field, MAX_WILDCARDS};

/// A position in the text of a query.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    /// In bytes, always between two characters.
    at: usize,
}

/// A word or phrase as it stands.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    /// What is between its wildcards.
    pub pieces: Vec<String>,
    pub quoted: bool,
    pub start: usize,
    pub end: usize,
    /// The phrase's end is missing.
    pub unclosed: bool,
}

impl Raw {
    /// The text, with wildcards written as `*`.
    pub(super) fn text(&self) -> String {
        self.pieces.join("*")
    }

    pub(super) fn is_blank(&self) -> bool {
        self.pieces.len() == 1 && self.pieces.iter().all(String::is_empty)
    }

    /// Nothing but a wildcard.
    pub(super) fn is_any(&self) -> bool {
        self.pieces.len() > 1 && self.pieces.iter().all(String::is_empty)
    }

    pub(super) fn has_too_many_wildcards(&self) -> bool {
        self.pieces.len() > MAX_WILDCARDS + 1
    }
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn take(&mut self, text: &str) -> bool {
        let taken = self.rest().starts_with(text);
        if taken {
            self.at += text.len();
        }
        taken
    }

    /// Takes the keyword if it stands here as a word of its own.
    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        self.is_at_keyword(keyword) && self.take(keyword)
    }

    pub(super) fn is_at_keyword(&self, keyword: &str) -> bool {
        self.rest().strip_prefix(keyword).is_some_and(|behind| {
            behind
                .chars()
                .next()
                .is_none_or(|next| next.is_whitespace() || "()\"".contains(next))
        })
    }

    /// Space, and `+` where a term could begin.
    pub(super) fn skip_separators(&mut self) {
        while self
            .peek()
            .is_some_and(|next| next.is_whitespace() || next == '+')
        {
            self.next();
        }
    }

    pub(super) fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    /// The name before a `:` that stands here.
    pub(super) fn name(&self) -> Option<&'t str> {
        name(self.rest())
    }

    pub(super) fn skip_bytes(&mut self, length: usize) {
        self.at += length;
    }

    /// A phrase, whose opening quote stands here.
    pub(super) fn phrase(&mut self) -> Raw {
        let start = self.at;
        self.next();
        let mut text = String::new();
        let mut unclosed = true;
        while let Some(next) = self.next() {
            match next {
                '"' => {
                    unclosed = false;
                    break;
                }
                '\\' => match self.peek() {
                    Some(escaped @ ('"' | '\\')) => {
                        text.push(escaped);
                        self.next();
                    }
                    _ => text.push('\\'),
                },
                other => text.push(other),
            }
        }
        Raw {
            pieces: vec![text],
            quoted: true,
            start,
            end: self.at,
            unclosed,
        }
    }

    /// A word; perhaps an empty one. In a list of values it ends at a
    /// comma.
    pub(super) fn word(&mut self, in_values: bool) -> Raw {
        let start = self.at;
        let mut pieces = vec![String::new()];
        while let Some(next) = self.peek() {
            if next.is_whitespace()
                || matches!(next, '"' | '(' | ')')
                || (in_values && next == ',')
                || (next == '+' && self.is_at_separator())
            {
                break;
            }
            self.next();
            match next {
                '*' => pieces.push(String::new()),
                '\\' => {
                    let escaped = self.next().unwrap_or('\\');
                    push(&mut pieces, escaped);
                }
                other => push(&mut pieces, other),
            }
        }
        Raw {
            pieces,
            quoted: false,
            start,
            end: self.at,
            unclosed: false,
        }
    }

    /// Whether the `+` here divides terms: only before the name of a
    /// field, because versions and names of packages contain it.
    fn is_at_separator(&self) -> bool {
        let behind = self.rest().get(1..).unwrap_or_default();
        let behind = behind.strip_prefix(['-', '!']).unwrap_or(behind);
        name(behind).is_some_and(|name| name.parse::<Field>().is_ok())
    }
}

fn push(pieces: &mut [String], letter: char) {
    if let Some(piece) = pieces.last_mut() {
        piece.push(letter);
    }
}

/// The name before a `:` that `text` begins with.
fn name(text: &str) -> Option<&str> {
    let (name, _) = text.split_once(':')?;
    let mut letters = name.chars();
    let begins = letters.next()?.is_ascii_alphabetic();
    let goes_on =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    (begins && letters.all(goes_on)).then_some(name)
}

//! What is handed over, and what the receiver said.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use model::Notice;

/// The most of a receiver's words that is kept.
pub const MAX_TEXT: usize = 2048;

/// Notices delivered together.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Stays the same however often the batch is tried.
    pub id: &'a str,
    /// When it was put together; stays the same too.
    pub created: Timestamp,
    pub now: Timestamp,
    /// Tries before this one.
    pub attempts: u32,
    /// Never empty, in the order things happened.
    pub notices: &'a [Notice],
    /// What earlier answers asked to be remembered, by the notice's
    /// subject: the key of an issue, for instance.
    pub known: &'a BTreeMap<String, String>,
}

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Delivered,
    /// May work later; the receiver may have said when.
    Retry {
        after: Option<Duration>,
    },
    /// Will not work until somebody changes something.
    Rejected,
}

/// What the receiver said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub verdict: Verdict,
    /// The HTTP or SMTP status, where there was one.
    pub status: Option<u16>,
    /// The receiver's words, or why it was not reached; at most
    /// [`MAX_TEXT`] bytes.
    pub text: String,
    /// Subjects and what to remember of them.
    pub learned: Vec<(String, String)>,
}

impl Answer {
    pub fn new(verdict: Verdict, status: Option<u16>, text: &str) -> Self {
        Self {
            verdict,
            status,
            text: shorten(text, MAX_TEXT),
            learned: Vec::new(),
        }
    }

    pub(crate) fn delivered(text: &str) -> Self {
        Self::new(Verdict::Delivered, None, text)
    }

    /// The way there failed; it may be open later.
    pub(crate) fn unreachable(text: &str) -> Self {
        Self::new(Verdict::Retry { after: None }, None, text)
    }

    pub(crate) fn rejected(text: &str) -> Self {
        Self::new(Verdict::Rejected, None, text)
    }

    pub fn is_delivered(&self) -> bool {
        self.verdict == Verdict::Delivered
    }
}

/// At most `limit` bytes of `text`, cut between characters.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mark = '…';
    let mut end = limit.saturating_sub(mark.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut short = text.get(..end).unwrap_or_default().to_owned();
    short.push(mark);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(shorten("short", 10), "short");
        assert_eq!(shorten("ééééé", 8), "éé…");
        let answer = Answer::delivered(&"x".repeat(5000));
        assert_eq!(answer.text.len(), MAX_TEXT);
    }
}

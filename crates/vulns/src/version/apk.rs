//! Alpine package versions: `1.2.3a_rc4_p5~0123abc-r6`.
//!
//! What: the order of apk-tools; no allocation.
//! Why: Alpine, Wolfi, Chainguard and their like.
//! Limits: texts outside the grammar are no versions, as for apk itself.
//! References: apk-package(5), "pkgver"; Alpine's APKBUILD reference.

use std::cmp::Ordering;

use super::{by_value, split_run};

/// A text that keeps to the grammar.
#[derive(Debug)]
pub(super) struct Version<'a>(&'a str);

pub(super) fn parse(text: &str) -> Option<Version<'_>> {
    let mut tokens = Tokens::new(text);
    while !tokens.next()?.is_end() {}
    Some(Version(text))
}

impl Version<'_> {
    /// `None` where `other` is no version.
    pub(super) fn cmp(&self, other: &str) -> Option<Ordering> {
        by_tokens(Tokens::new(self.0), Tokens::new(other))
    }
}

fn by_tokens(mut a: Tokens<'_>, mut b: Tokens<'_>) -> Option<Ordering> {
    let mut order = Ordering::Equal;
    loop {
        // Both are read to their ends, so that what is no version is
        // found out however early the two differ.
        let (one, two) = (a.next()?, b.next()?);
        order = order.then_with(|| one.cmp(two));
        if one.is_end() && two.is_end() {
            return Some(order);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Token<'a> {
    First(&'a [u8]),
    /// A further number, after a dot.
    Number(&'a [u8]),
    Letter(u8),
    Suffix(i8),
    SuffixNumber(&'a [u8]),
    /// A commit hash, after a tilde.
    Hash(&'a [u8]),
    Revision(&'a [u8]),
    End,
}

/// Where a suffix stands against having none, which is 0.
const SUFFIXES: [(&[u8], i8); 9] = [
    (b"alpha", -4),
    (b"beta", -3),
    (b"pre", -2),
    (b"rc", -1),
    (b"cvs", 1),
    (b"svn", 2),
    (b"git", 3),
    (b"hg", 4),
    (b"p", 5),
];

impl Token<'_> {
    fn is_end(self) -> bool {
        matches!(self, Self::End)
    }

    /// Whether it may only be followed by what has a hyphen.
    fn is_tail(self) -> bool {
        matches!(self, Self::Hash(_) | Self::Revision(_))
    }

    fn cmp(self, other: Self) -> Ordering {
        match (self, other) {
            // A leading zero makes a number a fraction: 1.05 < 1.1.
            (Self::Number(a), Self::Number(b))
                if a.first() == Some(&b'0') || b.first() == Some(&b'0') =>
            {
                a.cmp(b)
            }
            (Self::First(a), Self::First(b))
            | (Self::Number(a), Self::Number(b))
            | (Self::SuffixNumber(a), Self::SuffixNumber(b))
            | (Self::Revision(a), Self::Revision(b)) => by_value(a, b),
            (Self::Letter(a), Self::Letter(b)) => a.cmp(&b),
            (Self::Suffix(a), Self::Suffix(b)) => a.cmp(&b),
            (Self::Hash(a), Self::Hash(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    /// Kinds against each other: a suffix such as `_rc` is older than
    /// anything, the end included; otherwise what the grammar lets come
    /// earlier is newer.
    fn rank(self) -> u8 {
        match self {
            Self::Suffix(..0) => 0,
            Self::End => 1,
            Self::Revision(_) => 2,
            Self::Hash(_) => 3,
            Self::SuffixNumber(_) => 4,
            Self::Suffix(_) => 5,
            Self::Letter(_) => 6,
            Self::Number(_) => 7,
            Self::First(_) => 8,
        }
    }
}

struct Tokens<'a> {
    rest: &'a [u8],
    last: Option<Token<'a>>,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text.as_bytes(),
            last: None,
        }
    }

    /// `None` where the grammar is violated; at the end, `End` for ever.
    fn next(&mut self) -> Option<Token<'a>> {
        let token = self.read()?;
        self.last = Some(token);
        Some(token)
    }

    fn read(&mut self) -> Option<Token<'a>> {
        let Some(last) = self.last else {
            return self.digits().map(Token::First);
        };
        let (first, rest) = match self.rest {
            [] => return Some(Token::End),
            [first, rest @ ..] => (*first, rest),
        };
        match (last, first) {
            (Token::First(_) | Token::Number(_), b'.') => {
                self.rest = rest;
                self.digits().map(Token::Number)
            }
            (Token::First(_) | Token::Number(_), b'a'..=b'z') => {
                self.rest = rest;
                Some(Token::Letter(first))
            }
            (
                Token::First(_)
                | Token::Number(_)
                | Token::Letter(_)
                | Token::Suffix(_)
                | Token::SuffixNumber(_),
                b'_',
            ) => {
                let (name, rest) = split_run(rest, u8::is_ascii_lowercase);
                self.rest = rest;
                let known = SUFFIXES.iter().find(|(suffix, _)| *suffix == name);
                known.map(|(_, place)| Token::Suffix(*place))
            }
            // Not in apk-tools 3, but packages of earlier branches have it:
            // `1.9.5p2-r0`.
            (Token::Letter(_), b'0'..=b'9') => self.digits().map(Token::Number),
            (Token::Suffix(_), b'0'..=b'9') => self.digits().map(Token::SuffixNumber),
            (before, b'~') if !before.is_tail() => {
                let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                let (hash, rest) = split_run(rest, is_hex);
                self.rest = rest;
                (!hash.is_empty()).then_some(Token::Hash(hash))
            }
            (before, b'-') if !matches!(before, Token::Revision(_)) => {
                self.rest = rest.strip_prefix(b"r")?;
                self.digits().map(Token::Revision)
            }
            _ => None,
        }
    }

    fn digits(&mut self) -> Option<&'a [u8]> {
        let (digits, rest) = split_run(self.rest, u8::is_ascii_digit);
        self.rest = rest;
        (!digits.is_empty()).then_some(digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Option<Ordering> {
        crate::version::compare(model::VersionScheme::Apk, a, b)
    }

    #[track_caller]
    fn check(a: &str, expected: Ordering, b: &str) {
        assert_eq!(compare(a, b), Some(expected), "{a} against {b}");
        assert_eq!(compare(b, a), Some(expected.reverse()), "{b} against {a}");
    }

    #[test]
    fn suffixes_stand_around_the_release_in_the_documented_order() {
        let sorted = [
            "1.0_alpha",
            "1.0_alpha2",
            "1.0_beta",
            "1.0_pre",
            "1.0_rc",
            "1.0_rc1",
            "1.0",
            "1.0_cvs",
            "1.0_svn",
            "1.0_git",
            "1.0_hg",
            "1.0_p",
            "1.0_p1",
        ];
        for pair in sorted.windows(2) {
            check(pair[0], Ordering::Less, pair[1]);
        }
    }

    #[test]
    fn numbers_compare_by_value_unless_one_begins_with_zero() {
        check("1.2", Ordering::Less, "1.10");
        check("1.05", Ordering::Less, "1.1");
        check("1.050", Ordering::Greater, "1.05");
        check("007", Ordering::Equal, "7");
        check("1.0", Ordering::Less, "1.0.0");
    }

    #[test]
    fn a_letter_is_newer_than_none_and_older_than_a_further_number() {
        check("1.1.1w", Ordering::Greater, "1.1.1");
        check("1.1.1w", Ordering::Less, "1.1.1x");
        check("1.1a", Ordering::Less, "1.1.1");
        check("1.9.5p1-r0", Ordering::Less, "1.9.5p2-r0");
        check("1.9.5-r0", Ordering::Less, "1.9.5p2-r0");
    }

    #[test]
    fn the_revision_decides_last() {
        check("1.36.1-r5", Ordering::Less, "1.36.1-r15");
        check("1.36.1", Ordering::Less, "1.36.1-r0");
        check("1.36.1-r99", Ordering::Less, "1.36.1_p1-r0");
        check("1.2_rc1-r9", Ordering::Less, "1.2-r0");
        check("1.2~abc-r0", Ordering::Greater, "1.2-r1");
    }

    #[test]
    fn outside_the_grammar_there_are_no_versions() {
        for text in [
            "", "a", "1.", "1..2", "1ab", "1_foo", "1-1", "1-r", "1-r1-r2", "1 ", "v1", "1~", "1.A",
        ] {
            assert_eq!(compare(text, text), None, "{text}");
            assert_eq!(compare(text, "1"), None, "{text}");
        }
    }
}

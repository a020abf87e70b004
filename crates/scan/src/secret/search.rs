//! Looking for words, and then for what they promise.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::{
    Hit,
    check::{Judgement, judge},
    kind::{SecretKind, secret_kinds},
    mark,
};

/// Bytes before a word, and behind it, in which its value is.
const BEFORE: usize = 256;
const BEHIND: usize = 2048;
/// What of that must be left for a further word in it, or it is looked at
/// anew from there.
const ENOUGH: usize = 512;
/// Hits in one file; a list of thousands is a list, and says no more.
const MOST_HITS: usize = 200;

/// All words of all kinds, and whose each is.
struct Words {
    automaton: AhoCorasick,
    kinds: Vec<&'static SecretKind>,
}

static WORDS: LazyLock<Option<Words>> = LazyLock::new(|| {
    let pairs: Vec<(&str, &'static SecretKind)> = secret_kinds()
        .iter()
        .filter(|kind| kind.pattern.is_some())
        .flat_map(|kind| kind.keywords.iter().map(move |word| (word.as_str(), kind)))
        .collect();
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .build(pairs.iter().map(|(word, _)| word));
    Some(Words {
        // A test builds it: no content can make it too large.
        automaton: automaton.ok()?,
        kinds: pairs.into_iter().map(|(_, kind)| kind).collect(),
    })
});

/// How far each kind has been looked for.
#[derive(Clone, Copy, Default)]
struct Looked {
    /// All before this was looked at.
    to: usize,
    /// And the line ended there, so that nothing was cut off.
    is_line: bool,
}

/// Adds what is found to `hits`.
pub(super) fn find<'a>(path: &str, bytes: &'a [u8], hits: &mut Vec<Hit<'a>>) {
    let Some(words) = &*WORDS else { return };
    let mut looked = vec![Looked::default(); secret_kinds().len()];
    for word in words.automaton.find_overlapping_iter(bytes) {
        let Some(&kind) = words.kinds.get(word.pattern().as_usize()) else {
            continue;
        };
        let Some(looked) = looked.get_mut(kind.order) else {
            continue;
        };
        let is_seen = if looked.is_line {
            word.end() <= looked.to
        } else {
            word.end() + ENOUGH <= looked.to
        };
        if is_seen || !kind.is_for(path) {
            continue;
        }
        let (from, to, is_line) = around(bytes, word.start(), word.end());
        *looked = Looked { to, is_line };
        look(kind, bytes, (from, to), hits);
        if hits.len() >= MOST_HITS {
            return;
        }
    }
}

/// The line a word is in, as far as it is near.
fn around(bytes: &[u8], start: usize, end: usize) -> (usize, usize, bool) {
    let least = start.saturating_sub(BEFORE);
    let most = (end + BEHIND).min(bytes.len());
    let before = bytes.get(least..start).unwrap_or_default();
    let behind = bytes.get(end..most).unwrap_or_default();
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r' | 0);
    let from = before
        .iter()
        .rposition(is_end)
        .map_or(least, |at| least + at + 1);
    match behind.iter().position(is_end) {
        Some(at) => (from, end + at, true),
        None => (from, most, most == bytes.len()),
    }
}

fn look<'a>(
    kind: &'static SecretKind,
    bytes: &'a [u8],
    (from, to): (usize, usize),
    hits: &mut Vec<Hit<'a>>,
) {
    let Some(regex) = kind.regex() else { return };
    let window = bytes.get(from..to).unwrap_or_default();
    for found in regex.captures_iter(window) {
        let Some(value) = found.name("secret").or_else(|| found.get(0)) else {
            continue;
        };
        let whole = found.get(0).unwrap_or(value);
        let (at, text) = (from + value.start(), value.as_bytes());
        if mark::is_placeholder(text) || mark::entropy(text) < kind.entropy {
            continue;
        }
        let (proof, severity) = match kind.check.map(|check| judge(check, text, whole.as_bytes())) {
            Some(Judgement::No) => continue,
            Some(Judgement::Yes(proof, severity)) => (Some(proof), severity),
            Some(Judgement::Unknown) | None => (None, None),
        };
        hits.push(Hit {
            kind,
            value: text,
            at,
            proof,
            severity,
        });
        if hits.len() >= MOST_HITS {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_all_kinds_make_one_search() {
        let words = WORDS.as_ref().unwrap();
        assert!(words.kinds.len() > 60);
    }

    #[test]
    fn a_line_without_end_is_looked_at_in_pieces() {
        let mut text = "x".repeat(10_000);
        text.push_str(" token ");
        text.push_str(&"y".repeat(10_000));
        let at = text.find("token").unwrap();
        let (from, to, is_line) = around(text.as_bytes(), at, at + 5);
        assert_eq!((from, to, is_line), (at - BEFORE, at + 5 + BEHIND, false));
        assert_eq!(around(b"a\ntoken b\nc", 2, 7), (2, 9, true));
    }
}

//! Secrets: which are there, where, and nothing of what they are.
//!
//! A file or a text goes in; what comes out names each secret's kind and
//! place, shows a few of its letters at most, and marks it by a slow hash,
//! so that two sightings of one can be told from two secrets. A value
//! never leaves this module. What kinds there are is content, in
//! `content/secrets`; how each is proved is in [`check`], and files with
//! a form of their own are read by [`forms`].
//!
//! Time is linear in what is read: words are looked for in one pass, an
//! expression is tried once for each stretch around them, and there are
//! bounds on lengths and on how much is reported.

mod check;
mod forms;
mod image;
mod issue;
mod key;
mod kind;
mod mark;
mod noise;
mod search;
#[cfg(test)]
mod trial;

use model::{FoundSecret, SecretPlace, Severity};

pub(crate) use image::{hide, of_config};
pub use issue::{secret_issues, secret_rules};
pub use kind::{SecretCase, SecretKind, secret_kinds};
pub(crate) use noise::{LARGEST, is_worth_reading};

/// Secrets told of one file: a list of more says no more.
const MOST_IN_FILE: usize = 40;

/// One secret, before anything of it is let out.
#[derive(Debug)]
struct Hit<'a> {
    kind: &'static SecretKind,
    value: &'a [u8],
    /// Where it begins.
    at: usize,
    proof: Option<String>,
    /// Other than the kind's.
    severity: Option<Severity>,
}

/// What is in a file. `path` decides which kinds are looked for.
pub(crate) fn in_file(path: &str, bytes: &[u8]) -> Vec<FoundSecret> {
    let mut hits = forms::find(path, bytes);
    search::find(path, bytes, &mut hits);
    told(path, SecretPlace::File, bytes, hits)
}

/// What is in a short text: a variable, a step, a label.
fn in_text(text: &str) -> Vec<Hit<'_>> {
    let mut hits = Vec::new();
    search::find("", text.as_bytes(), &mut hits);
    one_each(hits)
}

fn told(path: &str, place: SecretPlace, bytes: &[u8], hits: Vec<Hit<'_>>) -> Vec<FoundSecret> {
    let mut lines = Lines::of(bytes);
    let mut found: Vec<FoundSecret> = Vec::new();
    for hit in one_each(hits).into_iter().take(MOST_IN_FILE) {
        let line = (place == SecretPlace::File).then(|| lines.line(hit.at));
        let secret = tell(&hit, place, path, line);
        // The same value again on another line is the same secret.
        let is_known = |known: &FoundSecret| known.rule == secret.rule && known.mark == secret.mark;
        if !found.iter().any(is_known) {
            found.push(secret);
        }
    }
    found
}

fn tell(hit: &Hit<'_>, place: SecretPlace, path: &str, line: Option<u32>) -> FoundSecret {
    let severity = hit.severity.unwrap_or(hit.kind.severity);
    FoundSecret {
        rule: hit.kind.id.clone(),
        severity: match place {
            SecretPlace::File if noise::is_example(path) => severity.min(Severity::Low),
            _ => severity,
        },
        place,
        path: path.to_owned(),
        line,
        redacted: mark::redacted(hit.kind, hit.value),
        mark: mark::mark(hit.kind, hit.value),
        proof: hit.proof.clone(),
        layer: None,
        removed_in: None,
    }
}

/// Of hits over the same letters only the most telling, by place.
fn one_each(mut hits: Vec<Hit<'_>>) -> Vec<Hit<'_>> {
    hits.sort_by_key(|hit| (hit.at, std::cmp::Reverse(hit.value.len())));
    let mut kept: Vec<Hit<'_>> = Vec::with_capacity(hits.len().min(MOST_IN_FILE));
    for hit in hits {
        match kept.last_mut() {
            Some(last) if hit.at < last.at + last.value.len() => {
                if hit.kind.order < last.kind.order {
                    *last = hit;
                }
            }
            _ => kept.push(hit),
        }
    }
    kept
}

/// Numbers of lines, for places that come in order.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            line: 1,
        }
    }

    fn line(&mut self, at: usize) -> u32 {
        if at < self.at {
            *self = Self::of(self.bytes);
        }
        let between = self.bytes.get(self.at..at).unwrap_or_default();
        let lines = memchr::memchr_iter(b'\n', between).count();
        self.line = self
            .line
            .saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.at = at;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_counted_from_one() {
        let mut lines = Lines::of(b"a\nb\n\nc");
        assert_eq!([0, 1, 2, 5].map(|at| lines.line(at)), [1, 1, 2, 4]);
        assert_eq!(lines.line(0), 1, "also backwards");
    }

    #[test]
    fn one_value_on_many_lines_is_one_secret() {
        let token = trial::filled("<crc62:ghp_>");
        let text = format!("A={token}\nB={token}\n");
        assert_eq!(in_file("app/.env", text.as_bytes()).len(), 1);
    }

    #[test]
    fn nothing_of_a_value_is_let_out_but_its_ends() {
        for kind in secret_kinds() {
            for case in kind.cases.iter().filter(|case| case.found) {
                let text = trial::filled(&case.text);
                for found in in_file(&case.path, text.as_bytes()) {
                    let shown = serde_json::to_string(&found).unwrap();
                    let [head, tail] = kind.show;
                    for window in trial::values(&text) {
                        // What a case writes out is no value: those are
                        // filled in. An account's address is told.
                        let is_value = !case.text.contains(&window);
                        let kept = is_value && window.len() > 12 && shown.contains(&window);
                        assert!(!kept, "{}: {shown} shows {window}", kind.id);
                    }
                    assert!(head + tail <= 12, "{} shows too much", kind.id);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(
            bytes in proptest::collection::vec(0_u8.., 0..4000),
            path in proptest::sample::select(forms::PATHS.to_vec()),
        ) {
            in_file(path, &bytes);
        }

        #[test]
        fn any_text_of_words_is_read_without_harm(
            words in proptest::collection::vec(word(), 0..200),
            path in proptest::sample::select(forms::PATHS.to_vec()),
        ) {
            in_file(path, words.concat().as_bytes());
        }
    }

    /// Pieces of what is looked for, in any order.
    fn word() -> impl Strategy<Value = String> {
        let known: Vec<String> = secret_kinds()
            .iter()
            .flat_map(|kind| kind.keywords.iter().cloned())
            .chain(
                [
                    "-----BEGIN ",
                    "-----END ",
                    "PRIVATE KEY-----",
                    "\n",
                    "=",
                    "\"",
                    ":",
                    "{",
                    "}",
                    "eyJ",
                    ".",
                ]
                .map(str::to_owned),
            )
            .collect();
        prop_oneof![proptest::sample::select(known), "[A-Za-z0-9+/=_.-]{0,60}",]
    }

    /// Words without end: the worst a file can do to a search by words.
    #[test]
    fn time_is_linear_whatever_is_repeated() {
        let most = |text: &str, size: usize| -> std::time::Duration {
            let bytes = text.repeat(size / text.len() + 1);
            let started = std::time::Instant::now();
            in_file("app/config.js", bytes.as_bytes());
            started.elapsed()
        };
        for text in [
            "token",
            "password=",
            "-----BEGIN ",
            "eyJ",
            "AKIA",
            "secret\":\"",
            "://a:",
            "_auth",
        ] {
            let (one, four) = (most(text, 250_000), most(text, 1_000_000));
            // Four times as much, and room for a loaded machine.
            let bound = one * 16 + std::time::Duration::from_millis(500);
            assert!(four < bound, "{text}: {one:?} and {four:?}");
        }
    }
}

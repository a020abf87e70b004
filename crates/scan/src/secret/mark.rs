//! What may be known of a value: how it begins and ends, a hash that is
//! slow to guess by, how much like chance it looks.

use sha2::{Digest as _, Sha256};

use super::SecretKind;

/// Rounds of the hash: a guess costs as many.
const ROUNDS: u32 = 4096;
/// Bytes of a mark. Of a value that people choose so few are kept that a
/// list of likely ones cannot be narrowed down by it.
const MARK: usize = 6;
const COARSE: usize = 2;

/// What stands for the letters that are left out.
const LEFT_OUT: &str = "…";

/// A value with all but its ends left out; of one that people choose,
/// nothing at all.
pub(super) fn redacted(kind: &SecretKind, value: &[u8]) -> String {
    let [head, tail] = kind.show;
    // Of a short value the ends are most of it.
    if kind.chosen || value.len() < 3 * (head + tail) || head + tail == 0 {
        return model::secret::MASK.to_owned();
    }
    let printable = |bytes: &[u8]| -> String {
        let letter = |byte: &u8| {
            if byte.is_ascii_graphic() {
                char::from(*byte)
            } else {
                '?'
            }
        };
        bytes.iter().map(letter).collect()
    };
    let begin = printable(value.get(..head).unwrap_or_default());
    let end = printable(value.get(value.len() - tail..).unwrap_or_default());
    format!("{begin}{LEFT_OUT}{end}")
}

/// The same for the same value of a kind, wherever it is found.
pub(super) fn mark(kind: &SecretKind, value: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"seawall secret 1\0");
    hash.update(kind.id.as_bytes());
    hash.update([0]);
    hash.update(value);
    let mut state: [u8; 32] = hash.finalize().into();
    for _ in 0..ROUNDS {
        state = Sha256::digest(state).into();
    }
    let length = if kind.chosen { COARSE } else { MARK };
    let digits = state.iter().take(length).map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// Shannon's entropy, in bits per letter.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of letters in one value are far below 2^52"
)]
pub(super) fn entropy(value: &[u8]) -> f64 {
    if value.is_empty() {
        return 0.0;
    }
    let mut counts = [0_usize; 256];
    for byte in value {
        counts[usize::from(*byte)] += 1;
    }
    let length = value.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = *count as f64 / length;
            -share * share.log2()
        })
        .sum()
}

/// What people write where a secret would be, in lower case.
const STANDING_IN: [&str; 26] = [
    "example",
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "your_",
    "your-",
    "yourpass",
    "yourtoken",
    "xxxx",
    "****",
    "....",
    "dummy",
    "redacted",
    "insert",
    "replace",
    "todo",
    "not_a_real",
    "notarealsecret",
    "fake",
    "sample",
    "1234567890",
    "abcdefgh",
    "deadbeef",
    "foobar",
    "lorem",
];

/// Whether a value stands for one: a name to fill in, a reference to
/// somewhere else, one letter over and over.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let Some(first) = value.first() else {
        return true;
    };
    // `${NAME}`, `<token>`, `{{ name }}`, `%s`, `$(cat …)`; a hash begins
    // `$6$`.
    let is_reference = match first {
        b'$' => value.get(1).is_some_and(|next| {
            matches!(next, b'{' | b'(') || next.is_ascii_alphabetic() && !value[2..].contains(&b'$')
        }),
        b'<' | b'{' | b'%' => true,
        _ => false,
    };
    if is_reference || value.iter().all(|byte| byte == first) {
        return true;
    }
    if value.len() > 200 {
        return false;
    }
    let lower = String::from_utf8_lossy(value).to_ascii_lowercase();
    STANDING_IN.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{secret_kinds, trial};

    #[test]
    fn chance_looks_like_chance() {
        assert!(entropy(b"") < 0.1);
        assert!(entropy(b"aaaaaaaa") < 0.1);
        assert!((entropy(b"abcdefgh") - 3.0).abs() < 1e-9);
        assert!(entropy(trial::filled("<base62:40>").as_bytes()) > 4.0);
    }

    #[test]
    fn what_stands_for_a_secret_is_none() {
        for text in [
            "",
            "${TOKEN}",
            "$TOKEN",
            "$(cat x)",
            "<your token>",
            "{{ token }}",
            "changeme",
            "EXAMPLEKEY",
            "xxxxxxxxxxxx",
            "--------",
        ] {
            assert!(is_placeholder(text.as_bytes()), "{text}");
        }
        for text in ["hunter2hunter", "$6$abc$def", "p4ssw0rd!x"] {
            assert!(!is_placeholder(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_mark_tells_values_apart_and_says_little_of_chosen_ones() {
        let named = |id: &str| secret_kinds().iter().find(|kind| kind.id == id).unwrap();
        let token = named("github-personal-token");
        assert_eq!(mark(token, b"a"), mark(token, b"a"));
        assert_ne!(mark(token, b"a"), mark(token, b"b"));
        assert_eq!(mark(token, b"a").len(), 12);
        let chosen = named("generic-secret");
        assert_eq!(mark(chosen, b"hunter2").len(), 4);
        assert_eq!(redacted(chosen, b"hunter2hunter2hunter2"), "•••");
        assert_eq!(redacted(token, b"short"), "•••");
    }
}

//! The audit trail's entries and the chain that holds them together.
//!
//! An entry's hash covers the whole entry and the hash of the one
//! before, so that changing, removing or inserting one breaks every hash
//! after it. Where entries are kept, and who writes them, is not said
//! here; the record, the server and `seawall audit verify` all check
//! with the one [`Verifier`]. `docs/reference/audit.md` specifies the
//! form for anybody who would rather check with a program of their own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Digest as _;

use crate::permission::ActorKind;

/// The `previous` of the first entry.
pub const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Counts from 1 without gaps.
    pub number: u64,
    pub time: Timestamp,
    pub actor: Actor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    pub action: String,
    pub object: Object,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    pub previous: String,
    #[serde(default)]
    pub hash: String,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    pub kind: ActorKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub name: String,
}

/// What it was done to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    pub kind: String,
    pub id: String,
}

impl Entry {
    /// What is hashed: the entry without its hash, as JSON with sorted
    /// keys and no space (RFC 8785, of which no number but whole ones is
    /// needed).
    pub fn canonical(&self) -> String {
        let mut value =
            serde_json::to_value(self).expect("invariant: an entry is plain data with text keys");
        if let Value::Object(parts) = &mut value {
            parts.remove("hash");
        }
        let mut text = String::new();
        write_canonical(&value, &mut text);
        text
    }

    /// What `hash` must be, in hexadecimal.
    pub fn computed_hash(&self) -> String {
        use std::fmt::Write as _;
        sha2::Sha256::digest(self.canonical().as_bytes())
            .iter()
            .fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").expect("invariant: writing to a string cannot fail");
                text
            })
    }
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(parts) => {
            let mut keys: Vec<&String> = parts.keys().collect();
            keys.sort_unstable_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (place, key) in keys.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_canonical(&Value::String(key.clone()), out);
                out.push(':');
                write_canonical(&parts[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        // serde_json escapes exactly what RFC 8785 says must be.
        leaf => out.push_str(&leaf.to_string()),
    }
}

/// The longest text kept of one part.
const MAX_TEXT: usize = 2000;
/// Keys whose values are nobody's to read.
const SECRET_WORDS: [&str; 7] = [
    "password",
    "secret",
    "hash",
    "credential",
    "private_key",
    "authorization",
    "webhook_url",
];

/// What may stand in `before` and `after`: no secrets, nothing endless,
/// and no number another program would write differently.
pub fn presentable(value: Value) -> Value {
    match value {
        Value::Object(parts) => Value::Object(
            parts
                .into_iter()
                .map(|(key, part)| {
                    let lower = key.to_ascii_lowercase();
                    let is_secret = SECRET_WORDS.iter().any(|word| lower.contains(word));
                    let part = match part {
                        Value::Null => Value::Null,
                        _ if is_secret => Value::String("(not shown)".to_owned()),
                        part => presentable(part),
                    };
                    (key, part)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(presentable).collect()),
        Value::Number(number) if !(number.is_i64() || number.is_u64()) => {
            Value::String(number.to_string())
        }
        Value::String(text) if text.len() > MAX_TEXT => {
            let kept: String = text.chars().take(MAX_TEXT).collect();
            Value::String(format!("{kept}…"))
        }
        leaf => leaf,
    }
}

/// The parts of two objects that differ, as they were and as they are.
pub fn difference(before: Value, after: Value) -> (Value, Value) {
    match (before, after) {
        (Value::Object(mut before), Value::Object(mut after)) => {
            let same: Vec<String> = before
                .iter()
                .filter(|(key, part)| after.get(*key) == Some(part))
                .map(|(key, _)| key.clone())
                .collect();
            for key in same {
                before.remove(&key);
                after.remove(&key);
            }
            (Value::Object(before), Value::Object(after))
        }
        different => different,
    }
}

/// The first entry that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub number: u64,
    pub message: String,
}

/// Follows a chain entry by entry. A trail may begin later than at 1 (an
/// export of a part); then its first `previous` is taken on trust.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    last: Option<(u64, String)>,
    entries: u64,
}

impl Verifier {
    /// The next entry, in order of number.
    pub fn take(&mut self, entry: &Entry) -> Result<(), Fault> {
        let fault = |message: String| Fault {
            number: entry.number,
            message,
        };
        let (number, previous) = match &self.last {
            Some((number, hash)) => (number + 1, Some(hash.as_str())),
            None if entry.number == 1 => (1, Some(START)),
            None => (entry.number, None),
        };
        if entry.number != number {
            return Err(fault(format!(
                "entry {number} should follow, but {} does: entries were removed or inserted",
                entry.number
            )));
        }
        if entry.hash != entry.computed_hash() {
            return Err(fault(
                "the hash does not fit the content: the entry was changed".to_owned(),
            ));
        }
        if previous.is_some_and(|previous| previous != entry.previous) {
            return Err(fault(
                "it does not continue the entry before: an earlier one was replaced".to_owned(),
            ));
        }
        self.last = Some((entry.number, entry.hash.clone()));
        self.entries += 1;
        Ok(())
    }

    /// Sound entries so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The last sound entry's number, 0 before the first.
    pub fn number(&self) -> u64 {
        self.last.as_ref().map_or(0, |(number, _)| *number)
    }

    /// The last sound hash.
    pub fn head(&self) -> &str {
        self.last.as_ref().map_or(START, |(_, hash)| hash)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(number: u64, previous: &str) -> Entry {
        let mut entry = Entry {
            number,
            time: "2026-01-02T03:04:05.000006Z".parse().unwrap(),
            actor: Actor {
                kind: ActorKind::User,
                id: Some("0190".to_owned()),
                name: "ada".to_owned(),
            },
            address: Some("192.0.2.7".to_owned()),
            action: "user.change".to_owned(),
            object: Object {
                kind: "user".to_owned(),
                id: "0191".to_owned(),
            },
            environment: None,
            before: Some(json!({ "disabled": false, "a": "é\n\u{1f}" })),
            after: Some(json!({ "disabled": true, "a": 7 })),
            request: None,
            previous: previous.to_owned(),
            hash: String::new(),
        };
        entry.hash = entry.computed_hash();
        entry
    }

    /// The vector in docs/reference/audit.md.
    #[test]
    fn the_documented_vector_holds() {
        let entry = entry(1, START);
        let page = include_str!("../../../docs/reference/audit.md");
        assert!(page.contains(&entry.canonical()), "{}", entry.canonical());
        assert!(page.contains(&entry.hash), "{}", entry.hash);
    }

    #[test]
    fn a_whole_chain_is_sound_and_survives_being_written_down() {
        let mut verifier = Verifier::default();
        let mut previous = START.to_owned();
        for number in 1..=5 {
            let written = serde_json::to_string(&entry(number, &previous)).unwrap();
            let read: Entry = serde_json::from_str(&written).unwrap();
            assert_eq!(verifier.take(&read), Ok(()));
            previous = read.hash;
        }
        assert_eq!(
            (verifier.entries(), verifier.head()),
            (5, previous.as_str())
        );
    }

    #[test]
    fn tampering_is_found_where_it_happened() {
        let first = entry(1, START);
        let second = entry(2, &first.hash);
        let third = entry(3, &second.hash);
        let find = |entries: &[Entry]| {
            let mut verifier = Verifier::default();
            entries
                .iter()
                .find_map(|entry| verifier.take(entry).err())
                .map(|fault| fault.number)
        };
        assert_eq!(find(&[first.clone(), second.clone(), third.clone()]), None);
        let mut changed = second.clone();
        changed.actor.name = "eve".to_owned();
        assert_eq!(
            find(&[first.clone(), changed.clone(), third.clone()]),
            Some(2)
        );
        // Hashed anew, it no longer fits the one after.
        changed.hash = changed.computed_hash();
        assert_eq!(find(&[first.clone(), changed, third.clone()]), Some(3));
        assert_eq!(find(&[first.clone(), third.clone()]), Some(3));
        assert_eq!(find(&[second, third]), None);
    }

    #[test]
    fn secrets_and_fractions_do_not_get_in() {
        let shown = presentable(json!({
            "name": "x", "password": "p", "client_secret": { "a": 1 }, "ratio": 0.5,
            "list": [{ "token_hash": "h" }], "secret_file": null,
        }));
        assert_eq!(
            shown,
            json!({
                "name": "x", "password": "(not shown)", "client_secret": "(not shown)",
                "ratio": "0.5", "list": [{ "token_hash": "(not shown)" }], "secret_file": null,
            })
        );
    }

    #[test]
    fn only_what_changed_is_kept() {
        let (before, after) = difference(
            json!({ "a": 1, "b": [1], "c": null }),
            json!({ "a": 2, "b": [1], "d": 4 }),
        );
        assert_eq!(before, json!({ "a": 1, "c": null }));
        assert_eq!(after, json!({ "a": 2, "d": 4 }));
    }
}

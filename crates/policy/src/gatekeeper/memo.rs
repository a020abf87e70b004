//! Verdicts that are remembered.
//!
//! The pods of one workload differ in their name and little else, and an
//! object is seen again and again without having changed where a policy
//! looks. A verdict follows from the template, the parameters and the
//! parts of the object the template reads; for templates that read
//! nothing else it is kept under a digest of the three.
//!
//! The digest is keyed with chance, so that nobody can make an object
//! that is taken for another.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::engine::{Ask, Said};
use crate::rego::{Part, Reads};

use super::shape;

/// Parts the memory is split into, each with a lock of its own.
const SHARDS: usize = 16;

/// Verdicts kept in one generation of a shard; there are two.
const KEPT: usize = 2_048;

/// Text of one verdict that is worth keeping.
const MAX_BYTES: usize = 8 * 1024;

/// Values within a value.
fn weight(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(weight).sum::<usize>(),
        Value::String(text) => 1 + text.len() / 64,
        _ => 1,
    }
}

/// Verdicts by what they follow from, the most recent ones.
#[derive(Debug)]
pub(crate) struct Memo {
    first: RandomState,
    second: RandomState,
    shards: Vec<Mutex<Shard>>,
    nothing: Verdict,
}

/// Two generations: when the young one is full, the old one goes.
#[derive(Debug, Default)]
struct Shard {
    young: HashMap<u128, Verdict>,
    old: HashMap<u128, Verdict>,
}

pub(crate) type Verdict = Arc<[Said]>;

impl Default for Memo {
    fn default() -> Self {
        Self {
            first: RandomState::new(),
            second: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            nothing: Arc::new([]),
        }
    }
}

impl Memo {
    /// What a verdict of the constraint numbered `constraint` follows
    /// from.
    pub(crate) fn key(&self, constraint: usize, reads: &Reads, ask: &Ask<'_>) -> u128 {
        let mut digest = Digest::new(self);
        digest.number(constraint as u64);
        for part in &reads.parts {
            let inner = ask.shared.digest(part, || {
                let mut digest = Digest::new(self);
                digest.part(part, ask);
                digest.finish()
            });
            digest.number((inner >> 64) as u64);
            digest.number(low(inner));
        }
        digest.finish()
    }

    pub(crate) fn get(&self, key: u128) -> Option<Verdict> {
        let mut shard = self.shard(key);
        if let Some(verdict) = shard.young.get(&key) {
            return Some(Arc::clone(verdict));
        }
        let verdict = shard.old.remove(&key)?;
        shard.put(key, Arc::clone(&verdict));
        Some(verdict)
    }

    /// Remembers a verdict that is not too large to keep.
    pub(crate) fn put(&self, key: u128, said: &Verdict) {
        let bytes: usize = said.iter().map(|each| each.message.len()).sum();
        let is_small = bytes <= MAX_BYTES && said.iter().all(|each| weight(&each.details) <= 200);
        if is_small {
            // One nothing for all that say nothing.
            let said = if said.is_empty() { &self.nothing } else { said };
            self.shard(key).put(key, Arc::clone(said));
        }
    }

    fn shard(&self, key: u128) -> std::sync::MutexGuard<'_, Shard> {
        let index = usize::try_from(key % SHARDS as u128).unwrap_or(0);
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn put(&mut self, key: u128, verdict: Verdict) {
        if self.young.len() >= KEPT {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, verdict);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
fn low(wide: u128) -> u64 {
    wide as u64
}

/// Two keyed digests side by side.
struct Digest {
    first: std::hash::DefaultHasher,
    second: std::hash::DefaultHasher,
}

impl Digest {
    fn new(memo: &Memo) -> Self {
        Self {
            first: memo.first.build_hasher(),
            second: memo.second.build_hasher(),
        }
    }

    fn finish(&self) -> u128 {
        (u128::from(self.first.finish()) << 64) | u128::from(self.second.finish())
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.first.write(bytes);
        self.second.write(bytes);
    }

    fn number(&mut self, number: u64) {
        self.first.write_u64(number);
        self.second.write_u64(number);
    }

    fn part(&mut self, part: &Part, ask: &Ask<'_>) {
        let review = ask.review;
        let Some((first, rest)) = part.split_first() else {
            return;
        };
        let root = match first.as_str() {
            "object" => shape::object(review),
            "oldObject" => review.old_object,
            "namespaceObject" => shape::namespace(review, ask.world),
            other => {
                let request = shape::request(review);
                let value = request.iter().find(|(key, _)| *key == other);
                return self.place(value.map(|(_, value)| value), rest);
            }
        };
        self.place(root, rest);
    }

    fn place(&mut self, root: Option<&Value>, path: &[String]) {
        let mut value = root;
        for step in path {
            value = value.and_then(|value| value.get(step));
        }
        match value {
            None => self.number(u64::MAX),
            Some(value) => self.value(value),
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.number(0),
            Value::Bool(flag) => self.number(1 + u64::from(*flag)),
            Value::Number(number) => {
                self.number(3);
                match (number.as_i64(), number.as_f64()) {
                    (Some(whole), _) => self.number(whole.cast_unsigned()),
                    (None, Some(real)) => self.number(real.to_bits()),
                    (None, None) => self.number(0),
                }
            }
            Value::String(text) => {
                self.number(4);
                self.bytes(text.as_bytes());
            }
            Value::Array(items) => {
                self.number(5);
                self.number(items.len() as u64);
                for item in items {
                    self.value(item);
                }
            }
            Value::Object(fields) => {
                self.number(6);
                self.number(fields.len() as u64);
                for (key, value) in fields {
                    self.bytes(key.as_bytes());
                    self.value(value);
                }
            }
        }
    }
}

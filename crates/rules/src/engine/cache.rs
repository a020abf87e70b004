//! What a text said to all comparisons with its field, remembered.
//!
//! Verbs, resources, paths and names of processes come again and again:
//! looking an answer up costs a tenth of making it. The memory is bounded
//! and emptied when it is full; where texts do not come again, it stops
//! remembering for a while.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher},
};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Longer texts are rare and rarely come again.
const MAX_TEXT: usize = 256;
/// Bytes remembered of each field: a node's sensor has a dozen such
/// fields and tens of megabytes in all.
const MAX_BYTES: usize = 256 << 10;
/// What a text takes beside itself and its answers: its place, twice where
/// the table has just grown.
const OVERHEAD: usize = 64;
/// After so many questions it is seen whether remembering helps.
const TRIAL: u32 = 4096;
/// And so many go unremembered when it does not.
const PAUSE: u32 = 65_536;

/// Fast, and seeded, so that nobody outside can choose what collides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FastHash(u64);

impl FastHash {
    pub(crate) fn seeded() -> Self {
        Self(std::hash::RandomState::new().hash_one(1u8))
    }

    pub(crate) fn of(self, bytes: &[u8]) -> u64 {
        xxh3_64_with_seed(bytes, self.0)
    }
}

impl Default for FastHash {
    fn default() -> Self {
        Self::seeded()
    }
}

impl BuildHasher for FastHash {
    type Hasher = FastHasher;

    fn build_hasher(&self) -> FastHasher {
        FastHasher(self.0)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct FastHasher(u64);

impl Hasher for FastHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }

    /// Lengths stand before contents, which differ anyway.
    fn write_usize(&mut self, _: usize) {}
}

/// Answers by text: `width` words of bits each.
#[derive(Debug)]
pub(crate) struct Answers {
    width: usize,
    places: HashMap<Box<[u8]>, u32, FastHash>,
    bits: Vec<u64>,
    bytes: usize,
    hits: u32,
    misses: u32,
    pause: u32,
    pub(crate) emptied: u64,
}

impl Answers {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            width,
            places: HashMap::with_hasher(FastHash::seeded()),
            bits: Vec::new(),
            bytes: 0,
            hits: 0,
            misses: 0,
            pause: 0,
            emptied: 0,
        }
    }

    /// What is remembered of a text.
    #[inline]
    pub(crate) fn get(&mut self, text: &[u8]) -> Option<&[u64]> {
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        if text.len() > MAX_TEXT {
            return None;
        }
        let place = *self.places.get(text)? as usize;
        self.hits += 1;
        self.bits.get(place..place + self.width)
    }

    pub(crate) fn put(&mut self, text: &[u8], bits: &[u64]) {
        if self.pause > 0 || text.len() > MAX_TEXT {
            return;
        }
        self.misses += 1;
        if self.hits + self.misses > TRIAL {
            if self.hits < self.misses {
                self.pause = PAUSE;
            }
            self.hits = 0;
            self.misses = 0;
        }
        let bytes = text.len() + size_of_val(bits) + OVERHEAD;
        if self.bytes + bytes > MAX_BYTES {
            self.places.clear();
            self.bits.clear();
            self.bytes = 0;
            self.emptied += 1;
        }
        self.bytes += bytes;
        let place = u32::try_from(self.bits.len()).unwrap_or(u32::MAX);
        self.bits.extend_from_slice(bits);
        self.places.insert(text.into(), place);
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_bounded_and_come_back() {
        let mut answers = Answers::new(2);
        answers.put(b"a", &[1, 2]);
        assert_eq!(answers.get(b"a"), Some([1, 2].as_slice()));
        assert_eq!(answers.get(b"b"), None);
        answers.put(&[b'x'; MAX_TEXT + 1], &[1, 2]);
        assert_eq!(answers.len(), 1);
    }

    #[test]
    fn long_texts_take_the_room_of_several() {
        let mut answers = Answers::new(1);
        let text = |number: u32| format!("{number:0>200}").into_bytes();
        let mut most = 0;
        for number in 0..4_000 {
            answers.put(&text(number), &[0]);
            answers.hits += 2;
            most = most.max(answers.len());
        }
        assert!(answers.emptied > 0);
        assert!(most * 200 <= MAX_BYTES, "{most}");
        assert!(answers.get(&text(3_999)).is_some());
    }

    #[test]
    fn texts_that_never_come_again_are_not_remembered_for_long() {
        let mut answers = Answers::new(1);
        for number in 0..20_000u32 {
            let text = number.to_string();
            assert_eq!(answers.get(text.as_bytes()), None);
            answers.put(text.as_bytes(), &[0]);
        }
        assert!(answers.len() * OVERHEAD <= MAX_BYTES);
        assert!(answers.pause > 0);
    }
}

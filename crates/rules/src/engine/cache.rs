//! What a text said to all comparisons with its field, remembered.
//!
//! Verbs, resources, paths and names of processes come again and again:
//! looking an answer up costs a tenth of making it, or less. The memory is
//! bounded and emptied when it is full; where texts do not come again, it
//! stops remembering for a while.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher},
};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Longer texts are rare and rarely come again; a length is kept in a byte.
const MAX_TEXT: usize = 255;
/// Bytes remembered of each field, a power of two: a node's sensor has a dozen such
/// fields and tens of megabytes in all.
const MAX_BYTES: usize = 256 << 10;
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
///
/// Texts are many, and most say the same as others: answers are kept apart
/// and once. What takes time is to fetch lines of memory that nobody looked
/// at for a while, so a text takes as little as can be: half a word in a
/// table of places, and its number of an answer and length before itself.
#[derive(Debug)]
pub(crate) struct Answers {
    width: usize,
    hash: FastHash,
    /// [`TAG`] bits of a text's hash, and where it is from one on; a power
    /// of two of them, at most three quarters taken.
    places: Vec<u32>,
    /// Of each text: the number of its answer, its length in a byte, itself.
    kept: Vec<u8>,
    /// Each answer once, a row of words.
    rows: Vec<u64>,
    numbers: HashMap<Box<[u64]>, u16, FastHash>,
    count: usize,
    hits: u32,
    misses: u32,
    pause: u32,
    pub(crate) emptied: u64,
    emptied_before: u64,
}

/// Bytes before a text.
const HEAD: usize = 3;
/// Bits of a place that say where in [`MAX_BYTES`] something is.
const AT: u32 = MAX_BYTES.trailing_zeros();
/// The others are the end of a hash, whose beginning says which place.
const TAG: u64 = u32::MAX as u64 >> AT << AT;

impl Answers {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            width,
            hash: FastHash::seeded(),
            places: Vec::new(),
            kept: Vec::new(),
            rows: Vec::new(),
            numbers: HashMap::default(),
            count: 0,
            hits: 0,
            misses: 0,
            pause: 0,
            emptied: 0,
            emptied_before: 0,
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
        let number = self.find(self.hash.of(text), text).ok()?;
        self.hits += 1;
        let first = usize::from(number) * self.width;
        self.rows.get(first..first + self.width)
    }

    /// The number of a text's answer, else the place where it would be.
    #[inline]
    fn find(&self, hash: u64, text: &[u8]) -> Result<u16, usize> {
        let last = self.places.len().wrapping_sub(1);
        let mut place = usize::try_from(hash >> 32).unwrap_or_default() & last;
        loop {
            let noted = match self.places.get(place) {
                None | Some(0) => return Err(place),
                Some(noted) => u64::from(*noted),
            };
            if (noted ^ hash) & TAG == 0 {
                let at = usize::try_from(noted & !TAG).unwrap_or_default() - 1;
                if let Some((number, kept)) = self.at(at)
                    && kept == text
                {
                    return Ok(number);
                }
            }
            place = (place + 1) & last;
        }
    }

    /// The text that is kept there, and the number of its answer.
    #[inline]
    fn at(&self, at: usize) -> Option<(u16, &[u8])> {
        let ([low, high, length], rest) = self.kept.get(at..)?.split_first_chunk()?;
        let text = rest.get(..usize::from(*length))?;
        Some((u16::from_ne_bytes([*low, *high]), text))
    }

    pub(crate) fn put(&mut self, text: &[u8], bits: &[u64]) {
        if self.pause > 0 {
            return;
        }
        let Ok(length) = u8::try_from(text.len()) else {
            return;
        };
        self.misses += 1;
        if self.hits + self.misses > TRIAL {
            // As long as there is room it costs nothing to go on.
            if self.hits < self.misses && self.emptied > self.emptied_before {
                self.pause = PAUSE;
            }
            self.emptied_before = self.emptied;
            self.hits = 0;
            self.misses = 0;
        }
        if (self.count + 1) * 4 > self.places.len() * 3 {
            self.widen();
        }
        // A new answer is kept twice: in its row, and to be found by.
        if self.bytes() + 2 * size_of_val(bits) + HEAD + text.len() > MAX_BYTES {
            self.clear();
        }
        let Some([low, high]) = self.number(bits).map(u16::to_ne_bytes) else {
            return self.clear();
        };
        let at = self.kept.len();
        push(&mut self.kept, &[low, high, length]);
        push(&mut self.kept, text);
        self.count += 1;
        self.note(at);
    }

    /// The number of an answer, a new one where it never came before;
    /// nothing where there are too many.
    fn number(&mut self, bits: &[u64]) -> Option<u16> {
        if let Some(number) = self.numbers.get(bits) {
            return Some(*number);
        }
        let number = u16::try_from(self.numbers.len()).ok()?;
        self.rows.extend_from_slice(bits);
        self.numbers.insert(bits.into(), number);
        Some(number)
    }

    /// What is taken, as good as all of it.
    fn bytes(&self) -> usize {
        self.kept.len() + size_of_val(&*self.places) + 2 * size_of_val(&*self.rows)
    }

    fn clear(&mut self) {
        self.places.fill(0);
        self.kept.clear();
        self.rows.clear();
        self.numbers.clear();
        self.count = 0;
        self.emptied += 1;
    }

    /// Twice as many places; all is forgotten where that is too much.
    fn widen(&mut self) {
        let places = (self.places.len() * 2).max(64);
        if self.bytes() + size_of_val(&*self.places) > MAX_BYTES {
            return self.clear();
        }
        self.places = vec![0; places];
        let mut at = 0;
        while let Some((_, text)) = self.at(at) {
            let next = at + HEAD + text.len();
            self.note(at);
            at = next;
        }
    }

    /// Notes where a text is that has no place yet.
    fn note(&mut self, at: usize) {
        let Some((_, text)) = self.at(at) else {
            return;
        };
        let hash = self.hash.of(text);
        if let Err(place) = self.find(hash, text)
            && let Some(place) = self.places.get_mut(place)
        {
            // Less than MAX_BYTES are kept.
            *place = u32::try_from(hash & TAG | (at as u64 + 1)).unwrap_or_default();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }
}

/// Appends; a vector that grows by a quarter wastes little.
fn push(to: &mut Vec<u8>, more: &[u8]) {
    if to.capacity() - to.len() < more.len() {
        to.reserve_exact(more.len().max(to.capacity() / 4).max(64));
    }
    to.extend_from_slice(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_bounded_and_come_back() {
        let mut answers = Answers::new(2);
        answers.put(b"a", &[1, 2]);
        assert_eq!(answers.get(b"a").unwrap(), [1, 2]);
        assert!(answers.get(b"b").is_none());
        answers.put(&[b'x'; MAX_TEXT + 1], &[1, 2]);
        assert_eq!(answers.len(), 1);
    }

    /// What is remembered is right, however often it is forgotten.
    #[test]
    fn answers_are_those_that_were_put() {
        let mut answers = Answers::new(3);
        let text = |number: u64| format!("{:0>1$}", number, (number % 90) as usize).into_bytes();
        let bits = |number: u64| [number, !number, number << 7];
        let mut found = 0;
        for round in 0..40_000_u64 {
            // Some come back soon, some late, some never.
            let number = match round % 3 {
                0 => round % 50,
                1 => round % 4_001,
                _ => round,
            };
            answers.pause = 0;
            match answers.get(&text(number)) {
                Some(kept) => {
                    assert_eq!(kept, bits(number));
                    found += 1;
                }
                None => answers.put(&text(number), &bits(number)),
            }
            assert!(answers.bytes() <= MAX_BYTES);
        }
        assert!(found > 5_000 && answers.emptied > 0, "{found}");
    }

    #[test]
    fn short_texts_of_a_busy_program_all_have_room() {
        let mut answers = Answers::new(1);
        let text = |number: u32| format!("/srv/made/{number:04x}").into_bytes();
        for _ in 0..20 {
            for number in 0..4_096 {
                if answers.get(&text(number)).is_none() {
                    answers.put(&text(number), &[number.into()]);
                }
            }
        }
        assert_eq!((answers.len(), answers.emptied), (4_096, 0));
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
        for number in 0..60_000u32 {
            let text = number.to_string();
            assert!(answers.get(text.as_bytes()).is_none());
            answers.put(text.as_bytes(), &[0]);
        }
        assert!(answers.bytes() <= MAX_BYTES);
        assert!(answers.pause > 0);
    }
}

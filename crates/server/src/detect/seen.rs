//! Which events were judged lately. API servers send a batch again that
//! was not acknowledged in time, and logs that are polled overlap.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

/// Events of a generation: with 4,000 a second, one lasts half a minute
/// at least, and the one before is remembered as well.
const GENERATION: usize = 128 << 10;

/// The last events, by hash.
#[derive(Debug, Default)]
pub(super) struct Seen {
    young: HashSet<u64>,
    old: HashSet<u64>,
}

impl Seen {
    /// Whether this stage of this request comes for the first time.
    pub(super) fn is_new(&mut self, id: &str, stage: &str) -> bool {
        let mut key = String::with_capacity(id.len() + 1 + stage.len());
        key.push_str(id);
        key.push('\0');
        key.push_str(stage);
        let hash = xxh3_64(key.as_bytes());
        if self.young.contains(&hash) || self.old.contains(&hash) {
            return false;
        }
        if self.young.len() == GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_known_and_memory_is_bounded() {
        let mut seen = Seen::default();
        for number in 0..3 * GENERATION {
            assert!(seen.is_new(&number.to_string(), "s"));
        }
        assert!(!seen.is_new(&(2 * GENERATION).to_string(), "s"));
        assert!(!seen.is_new(&(GENERATION + 1).to_string(), "s"));
        assert!(seen.is_new(&(2 * GENERATION).to_string(), "t"));
        assert!(seen.young.len() + seen.old.len() <= 2 * GENERATION);
    }
}

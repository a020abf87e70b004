//! Ascending numbers, packed: who holds a component.
//!
//! Each is written as its distance from the one before, seven bits a
//! byte. What a base image brings is held by images that came one after
//! the other, so most distances take one byte.

/// Ascending numbers. They can only be appended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Postings {
    bytes: Vec<u8>,
    /// One more than the last, or nought.
    next: u32,
    count: u32,
}

impl Postings {
    /// Appends a number; one that is not larger than the last is there
    /// already, or comes too late.
    pub(crate) fn push(&mut self, number: u32) {
        let Some(mut distance) = number.checked_sub(self.next) else {
            return;
        };
        while distance >= 0x80 {
            #[expect(clippy::cast_possible_truncation, reason = "seven bits and a flag")]
            self.bytes.push(distance as u8 | 0x80);
            distance >>= 7;
        }
        #[expect(clippy::cast_possible_truncation, reason = "below 128")]
        self.bytes.push(distance as u8);
        self.next = number.saturating_add(1);
        self.count += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.count as usize
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let mut bytes = self.bytes.iter();
        let mut next = 0_u32;
        std::iter::from_fn(move || {
            let mut distance = 0_u32;
            let mut shift = 0;
            loop {
                let byte = *bytes.next()?;
                distance |= u32::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
                shift += 7;
            }
            let number = next.wrapping_add(distance);
            next = number.wrapping_add(1);
            Some(number)
        })
    }

    /// What it takes in memory beyond itself.
    pub(crate) fn heap(&self) -> usize {
        self.bytes.capacity()
    }
}

/// A set of numbers below a bound.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    words: Vec<u64>,
}

impl Places {
    /// None of the numbers below `end`.
    pub(crate) fn of(end: usize) -> Self {
        Self {
            words: vec![0; end.div_ceil(64)],
        }
    }

    /// Takes a number in; one beyond the bound is left out.
    pub(crate) fn insert(&mut self, number: u32) {
        if let Some(word) = self.words.get_mut(number as usize / 64) {
            *word |= 1 << (number % 64);
        }
    }

    pub(crate) fn contains(&self, number: u32) -> bool {
        let word = self.words.get(number as usize / 64);
        word.is_some_and(|word| word & 1 << (number % 64) != 0)
    }

    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Its numbers, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0_u32..).zip(&self.words).flat_map(|(index, word)| {
            let mut word = *word;
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros())?;
                word &= word - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out(numbers in proptest::collection::btree_set(any::<u32>(), 0..60)) {
            let mut postings = Postings::default();
            for &number in numbers.iter().filter(|number| **number < u32::MAX) {
                postings.push(number);
            }
            let expected: Vec<u32> =
                numbers.into_iter().filter(|number| *number < u32::MAX).collect();
            prop_assert_eq!(postings.len(), expected.len());
            prop_assert_eq!(postings.iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn neighbours_take_a_byte_each() {
        let mut postings = Postings::default();
        (1000..2000).for_each(|number| postings.push(number));
        postings.push(1500);
        assert_eq!(postings.len(), 1000);
        assert_eq!(postings.bytes.len(), 1001);
    }
}

//! The string pool: each distinct string once.

use std::collections::HashMap;

use super::layout;

/// A string longer than this makes its record bad: no real name or
/// version comes near.
pub(crate) const MAX_STRING_BYTES: usize = 4096;

#[derive(Debug)]
pub(crate) struct Strings {
    pool: Vec<u8>,
    /// Hash to offset. Two strings of one hash are both kept; the later
    /// is merely not shared.
    by_hash: HashMap<u64, u32>,
}

impl Default for Strings {
    fn default() -> Self {
        let mut strings = Self {
            pool: Vec::new(),
            by_hash: HashMap::new(),
        };
        strings.intern("");
        strings
    }
}

impl Strings {
    /// The reference of `text`, which is cut at [`MAX_STRING_BYTES`].
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        let end = text.floor_char_boundary(MAX_STRING_BYTES);
        let text = text.get(..end).unwrap_or(text);
        let hash = layout::hash(text);
        match self.by_hash.get(&hash) {
            Some(&offset) if self.get(offset) == text => offset,
            Some(_) => self.append(text),
            None => {
                let offset = self.append(text);
                self.by_hash.insert(hash, offset);
                offset
            }
        }
    }

    fn append(&mut self, text: &str) -> u32 {
        let offset = u32::try_from(self.pool.len()).unwrap_or(layout::NONE);
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.pool.extend_from_slice(&length.to_le_bytes());
        self.pool.extend_from_slice(text.as_bytes());
        offset
    }

    pub(crate) fn get(&self, offset: u32) -> &str {
        get(&self.pool, offset).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.pool
    }
}

/// The string at an offset of a pool; `None` where there is none.
pub(crate) fn get(pool: &[u8], offset: u32) -> Option<&str> {
    std::str::from_utf8(bytes(pool, offset)?).ok()
}

pub(crate) fn bytes(pool: &[u8], offset: u32) -> Option<&[u8]> {
    let (length, rest) = pool.get(offset as usize..)?.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_le_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_string_is_zero_and_equals_are_shared() {
        let mut strings = Strings::default();
        assert_eq!(strings.intern(""), 0);
        let a = strings.intern("openssl");
        assert_eq!(strings.intern("openssl"), a);
        assert_eq!(strings.get(a), "openssl");
    }

    #[test]
    fn a_reference_to_nowhere_is_no_string() {
        assert_eq!(get(b"\x05\x00abc", 0), None);
        assert_eq!(get(b"", 7), None);
        assert_eq!(get(b"\x01\x00\xff", 0), None);
    }
}

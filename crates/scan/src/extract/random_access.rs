//! Reading pieces of a seekable file whose own numbers say where they
//! are: nothing is allocated before the file is known to be that long.

use std::io::{Error, ErrorKind, Read, Result, SeekFrom};

use super::{Input, ReadSeek};

pub(crate) struct RandomAccess<'a> {
    file: &'a mut dyn ReadSeek,
    size: u64,
}

impl std::fmt::Debug for RandomAccess<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RandomAccess")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl<'a> RandomAccess<'a> {
    pub(crate) fn new(input: &'a mut Input<'_>) -> Self {
        let size = input.size;
        Self {
            file: input.seekable(),
            size,
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Exactly `length` bytes at `offset`, or an error.
    pub(crate) fn exact(&mut self, offset: u64, length: usize) -> Result<Vec<u8>> {
        let bytes = self.up_to(offset, length)?;
        if bytes.len() == length {
            Ok(bytes)
        } else {
            Err(Error::new(
                ErrorKind::UnexpectedEof,
                format!(
                    "the file ends before byte {}",
                    offset.saturating_add(length as u64)
                ),
            ))
        }
    }

    /// At most `length` bytes at `offset`: fewer where the file ends.
    pub(crate) fn up_to(&mut self, offset: u64, length: usize) -> Result<Vec<u8>> {
        let left = self.size.saturating_sub(offset);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(length);
        if length == 0 {
            return Ok(Vec::new());
        }
        self.file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(length);
        self.file.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Fixed-width integers out of a byte slice; `None` past its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

impl Endian {
    pub(crate) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    pub(crate) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }

    pub(crate) fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lying_length_allocates_only_what_is_there() {
        let mut input = Input::memory("x", b"0123456789");
        let mut file = RandomAccess::new(&mut input);
        assert_eq!(file.up_to(8, usize::MAX).unwrap(), b"89");
        assert_eq!(file.up_to(u64::MAX, usize::MAX).unwrap(), b"");
        assert!(file.exact(8, 3).is_err());
        assert_eq!(file.exact(2, 3).unwrap(), b"234");
    }

    #[test]
    fn integers_end_with_the_slice() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(Endian::Little.u16(&bytes, 0), Some(0x0201));
        assert_eq!(Endian::Big.u32(&bytes, 4), Some(0x0506_0708));
        assert_eq!(Endian::Big.u64(&bytes, 0), Some(0x0102_0304_0506_0708));
        assert_eq!(Endian::Big.u64(&bytes, 1), None);
        assert_eq!(Endian::Big.u16(&bytes, usize::MAX), None);
    }
}

//! Small documents as rows keep them, compressed.
//!
//! Many are read and written one after the other, and a context costs more
//! to make than one of them takes. Each thread keeps its own.

use std::{cell::RefCell, io};

use zstd::bulk::{Compressor, Decompressor};

const LEVEL: i32 = 3;

thread_local! {
    static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

pub(crate) fn pack(document: &[u8]) -> io::Result<Vec<u8>> {
    PACKER.with_borrow_mut(|own| {
        let packer = match own.take() {
            Some(packer) => packer,
            None => Compressor::new(LEVEL)?,
        };
        own.insert(packer).compress(document)
    })
}

/// What was packed, which has `most` bytes or is an error.
pub(crate) fn unpack(packed: &[u8], most: usize) -> io::Result<Vec<u8>> {
    UNPACKER.with_borrow_mut(|own| {
        let unpacker = match own.take() {
            Some(unpacker) => unpacker,
            None => Decompressor::new()?,
        };
        own.insert(unpacker).decompress(packed, most)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_also_after_what_was_broken() {
        for size in [0, 1, 5_000, 400_000, 7] {
            let text: Vec<u8> = (0..size)
                .map(|at| u8::try_from(at % 251).unwrap())
                .collect();
            let packed = pack(&text).unwrap();
            assert!(unpack(b"no frame", size).is_err());
            if size > 0 {
                assert!(unpack(&packed, size - 1).is_err());
            }
            assert_eq!(unpack(&packed, size).unwrap(), text);
        }
    }
}

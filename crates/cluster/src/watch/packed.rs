//! Text that is kept for long, compressed.
//!
//! A compressor is large beside an object. Each thread keeps its own, so
//! that memory is not torn to pieces by one after another.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

const LEVEL: i32 = 1;

thread_local! {
    static PACKER: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The larger of what a thread keeps room for.
const MAX_ROOM: usize = 256 << 10;

pub(super) fn pack(text: &[u8]) -> Box<[u8]> {
    ROOM.with_borrow_mut(|room| {
        PACKER.with_borrow_mut(|packer| {
            let Some(packer) = packer else {
                return Box::default();
            };
            room.resize(zstd::zstd_safe::compress_bound(text.len()), 0);
            let length = packer.compress_to_buffer(text, room.as_mut_slice());
            let written = length.ok().and_then(|length| room.get(..length));
            let kept = written.map(Box::from).unwrap_or_default();
            if room.capacity() > MAX_ROOM {
                *room = Vec::new();
            }
            kept
        })
    })
}

/// The text again, which had `size` bytes.
pub(super) fn unpack(packed: &[u8], size: usize) -> Vec<u8> {
    UNPACKER.with_borrow_mut(|unpacker| {
        let unpacker = unpacker.as_mut();
        let text = unpacker.map(|unpacker| unpacker.decompress(packed, size));
        text.and_then(Result::ok).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_whatever_its_size() {
        for size in [0, 1, 5_000, 400_000, 7] {
            let text: Vec<u8> = (0..size)
                .map(|at| u8::try_from(at % 251).unwrap())
                .collect();
            let packed = pack(&text);
            assert_eq!(unpack(&packed, text.len()), text);
        }
    }
}

//! What people read of an advisory: packed in blocks, opened on demand.
//!
//! Neighbours in a feed share words, so records are packed together
//! until a block is worth compressing; one lookup opens one block.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use serde::{Deserialize, Serialize};

use super::layout::BlockRow;

const BLOCK_BYTES: usize = 64 << 10;
/// A block holds at least one record, whatever its size.
pub(crate) const MAX_BLOCK_BYTES: usize = 64 << 20;
const LEVEL: i32 = 3;

/// One record's text. Short keys: they are written 55,000 times.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Prose<'a> {
    #[serde(borrow, rename = "t", default, skip_serializing_if = "str::is_empty")]
    pub(crate) title: Cow<'a, str>,
    #[serde(borrow, rename = "d", default, skip_serializing_if = "str::is_empty")]
    pub(crate) details: Cow<'a, str>,
    #[serde(borrow, rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) references: Vec<Cow<'a, str>>,
    #[serde(borrow, rename = "v", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) vectors: Vec<Cow<'a, str>>,
    #[serde(borrow, rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) cwes: Vec<Cow<'a, str>>,
    /// Seconds since 1970.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub(crate) published: Option<i64>,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(crate) modified: Option<i64>,
}

/// Where one record's prose lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) block: u32,
    pub(crate) offset: u32,
    pub(crate) length: u32,
    /// What it says, as one number.
    pub(crate) mark: u64,
}

/// Packs prose into `out` as it comes.
pub(crate) struct ProseWriter<W> {
    out: W,
    compressor: zstd::bulk::Compressor<'static>,
    buffer: Vec<u8>,
    packed: Vec<u8>,
    written: u64,
    pub(crate) blocks: Vec<BlockRow>,
}

impl<W: Write> ProseWriter<W> {
    pub(crate) fn new(out: W) -> io::Result<Self> {
        Ok(Self {
            out,
            compressor: zstd::bulk::Compressor::new(LEVEL)?,
            buffer: Vec::with_capacity(2 * BLOCK_BYTES),
            packed: Vec::new(),
            written: 0,
            blocks: Vec::new(),
        })
    }

    pub(crate) fn push(&mut self, prose: &Prose<'_>) -> io::Result<Place> {
        let start = self.buffer.len();
        serde_json::to_writer(&mut self.buffer, prose)?;
        let place = Place {
            block: count(self.blocks.len()),
            offset: count(start),
            length: count(self.buffer.len() - start),
            mark: xxhash_rust::xxh3::xxh3_64(self.buffer.get(start..).unwrap_or_default()),
        };
        if self.buffer.len() >= BLOCK_BYTES {
            self.flush()?;
        }
        Ok(place)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.packed.clear();
        self.packed
            .reserve(zstd::zstd_safe::compress_bound(self.buffer.len()));
        self.compressor
            .compress_to_buffer(&self.buffer, &mut self.packed)?;
        self.out.write_all(&self.packed)?;
        self.blocks.push(BlockRow {
            offset: self.written,
            packed: count(self.packed.len()),
            unpacked: count(self.buffer.len()),
        });
        self.written += self.packed.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Hands back the output, the number of bytes written and the blocks.
    pub(crate) fn finish(mut self) -> io::Result<(W, u64, Vec<BlockRow>)> {
        self.flush()?;
        Ok((self.out, self.written, self.blocks))
    }
}

impl<W> std::fmt::Debug for ProseWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProseWriter")
            .field("blocks", &self.blocks.len())
            .finish_non_exhaustive()
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

//! A generation, open for reading.
//!
//! The header is checked when the file is opened; after that every
//! access is bounds-checked, so that a damaged file gives wrong or
//! missing answers but never a panic and never a read outside it.

use std::{io, path::Path};

use model::{Severity, db::DatabaseStatus, vulnerability::Kev};

use super::{
    layout::{
        self, BlockRow, CHECKSUM_AT, HEADER_BYTES, KeySlot, MAGIC, NameRow, RecordRow, Row, Rule,
        SECTIONS, Section, TABLE_AT, VERSION, VulnerabilityRow,
    },
    prose::{MAX_BLOCK_BYTES, Prose},
    strings,
};
use crate::mapped::Bytes;

/// Why a file is no generation we can read.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    #[error("read it")]
    Read(#[source] io::Error),
    #[error("it is no advisory database")]
    NotAGeneration,
    #[error("it has layout version {found}, and this program reads version {VERSION}")]
    Version { found: u32 },
    #[error("it is {found} bytes long and should be {expected}")]
    Length { expected: u64, found: u64 },
    #[error("it has a damaged header")]
    Header,
    #[error("it does not say what it holds")]
    Status(#[source] serde_json::Error),
}

/// An open generation. Cheap to share between threads.
#[derive(Debug)]
pub(crate) struct Generation {
    bytes: Bytes,
    sections: [(usize, usize); SECTIONS],
    status: DatabaseStatus,
}

impl Generation {
    pub(crate) fn open(path: &Path) -> Result<Self, GenerationError> {
        Self::from_bytes(Bytes::map(path).map_err(GenerationError::Read)?)
    }

    pub(crate) fn from_bytes(bytes: Bytes) -> Result<Self, GenerationError> {
        let sections = read_header(&bytes)?;
        let mut generation = Self {
            bytes,
            sections,
            status: DatabaseStatus {
                generation: String::new(),
                compiled: jiff::Timestamp::UNIX_EPOCH,
                advisories: 0,
                sources: Vec::new(),
                epss: None,
                kev: None,
                starter_only: false,
            },
        };
        generation.status = serde_json::from_slice(generation.section(Section::Meta))
            .map_err(GenerationError::Status)?;
        Ok(generation)
    }

    pub(crate) fn status(&self) -> &DatabaseStatus {
        &self.status
    }

    fn section(&self, section: Section) -> &[u8] {
        let (start, end) = self.sections[section as usize];
        self.bytes.get(start..end).unwrap_or_default()
    }

    fn row_count<R: Row<N>, const N: usize>(&self) -> usize {
        self.section(R::SECTION).len() / (4 * N)
    }

    fn row<R: Row<N>, const N: usize>(&self, index: u32) -> Option<R> {
        row_at(self.section(R::SECTION), index as usize)
    }

    pub(crate) fn string(&self, reference: u32) -> &str {
        strings::get(self.section(Section::Strings), reference).unwrap_or_default()
    }

    /// The same, unread.
    pub(crate) fn bytes(&self, reference: u32) -> &[u8] {
        strings::bytes(self.section(Section::Strings), reference).unwrap_or_default()
    }

    /// A run of the list section.
    pub(crate) fn list(&self, start: u32, count: u32) -> impl Iterator<Item = u32> + '_ {
        let start = (start as usize).saturating_mul(4);
        let end = start.saturating_add((count as usize).saturating_mul(4));
        let bytes = self.section(Section::Lists).get(start..end);
        let words = bytes.unwrap_or_default().as_chunks::<4>().0;
        words.iter().map(|word| u32::from_le_bytes(*word))
    }

    /// The rules kept under a key, by record.
    pub(crate) fn rules(&self, key: &str) -> Vec<Rule> {
        let Some(slot) = self.find(key) else {
            return Vec::new();
        };
        let width = 20;
        let start = (slot.start as usize).saturating_mul(width);
        let end = start.saturating_add((slot.count as usize).saturating_mul(width));
        let bytes = self.section(Section::Rules).get(start..end);
        let bytes = bytes.unwrap_or_default();
        (0..bytes.len() / width)
            .filter_map(|index| row_at(bytes, index))
            .collect()
    }

    fn find(&self, key: &str) -> Option<KeySlot> {
        self.seek(key).map(|(_, slot)| slot)
    }

    fn seek(&self, key: &str) -> Option<(u32, KeySlot)> {
        let capacity = self.row_count::<KeySlot, 4>();
        if capacity == 0 {
            return None;
        }
        let hash = layout::hash(key);
        let tag = layout::hash_tag(hash);
        let mut index = layout::slot(hash, capacity);
        for _ in 0..capacity {
            let place = u32::try_from(index).ok()?;
            let slot: KeySlot = self.row(place)?;
            if slot.count == 0 {
                return None;
            }
            if slot.hash == tag && self.string(slot.key) == key {
                return Some((place, slot));
            }
            index = (index + 1) % capacity;
        }
        None
    }

    pub(crate) fn record(&self, index: u32) -> Option<RecordRow> {
        self.row(index)
    }

    pub(crate) fn vulnerability(&self, index: u32) -> Option<VulnerabilityRow> {
        self.row(index)
    }

    /// What a vulnerability goes by; nothing where there is no such row.
    pub(crate) fn id_of(&self, vulnerability: u32) -> &str {
        let row = self.vulnerability(vulnerability);
        row.map_or("", |row| self.string(row.id))
    }

    pub(crate) fn vulnerability_count(&self) -> u32 {
        u32::try_from(self.row_count::<VulnerabilityRow, 10>()).unwrap_or(u32::MAX)
    }

    /// Every key that has rules, with its slot.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (u32, KeySlot)> + '_ {
        let capacity = u32::try_from(self.row_count::<KeySlot, 4>()).unwrap_or(u32::MAX);
        (0..capacity).filter_map(|index| {
            let slot: KeySlot = self.row(index)?;
            (slot.count > 0).then_some((index, slot))
        })
    }

    /// Where the key is kept that another generation keeps in this slot.
    pub(crate) fn slot_like(&self, other: &Self, place: u32, slot: &KeySlot) -> Option<u32> {
        let own = u32::try_from(self.row_count::<KeySlot, 4>()).unwrap_or(u32::MAX);
        let others = u32::try_from(other.row_count::<KeySlot, 4>()).unwrap_or(u32::MAX);
        let key = other.bytes(slot.key);
        let is_there = |place: u32| {
            let here: Option<KeySlot> = self.row(place);
            here.is_some_and(|here| {
                here.count > 0 && here.hash == slot.hash && self.bytes(here.key) == key
            })
        };
        // Where a slot is counts from the end of the hash, so that a table
        // twice as large has it in one of two places.
        let first = place.checked_rem(own)?;
        let second = place.saturating_add(others);
        if is_there(first) {
            return Some(first);
        }
        if others < own && is_there(second) {
            return Some(second);
        }
        self.seek(other.string(slot.key)).map(|(index, _)| index)
    }

    /// Whether it says of itself what tells it from another.
    pub(crate) fn has_marks(&self) -> bool {
        let slots = self.row_count::<KeySlot, 4>();
        let vulnerabilities = self.row_count::<VulnerabilityRow, 10>();
        self.section(Section::KeyMarks).len() == slots * 8
            && self.section(Section::VulnerabilityMarks).len() == vulnerabilities * 8
    }

    /// The mark of a key's slot.
    pub(crate) fn key_mark(&self, slot: u32) -> Option<u64> {
        self.mark(Section::KeyMarks, slot)
    }

    /// The mark of a vulnerability's row.
    pub(crate) fn vulnerability_mark(&self, row: u32) -> Option<u64> {
        self.mark(Section::VulnerabilityMarks, row)
    }

    fn mark(&self, section: Section, index: u32) -> Option<u64> {
        let start = (index as usize).checked_mul(8)?;
        let bytes = self.section(section).get(start..start.checked_add(8)?)?;
        bytes.first_chunk().copied().map(u64::from_le_bytes)
    }

    /// The severity of a vulnerability, whatever package it is in.
    pub(crate) fn severity(&self, vulnerability: u32) -> Severity {
        self.vulnerability(vulnerability)
            .map_or(Severity::Unknown, |row| row.severity)
    }

    /// The vulnerability a name means.
    pub(crate) fn by_name(&self, name: &str) -> Option<u32> {
        let mut low = 0;
        let mut high = self.row_count::<NameRow, 2>();
        while low < high {
            let middle = low + (high - low) / 2;
            let row: NameRow = self.row(u32::try_from(middle).ok()?)?;
            match self.string(row.name).cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(row.vulnerability),
            }
        }
        None
    }

    /// Opens the block a record's prose is in.
    pub(crate) fn block(&self, block: u32) -> Option<Vec<u8>> {
        let row: BlockRow = self.row(block)?;
        let start = usize::try_from(row.offset).ok()?;
        let end = start.checked_add(row.packed as usize)?;
        let packed = self.section(Section::Prose).get(start..end)?;
        let unpacked = (row.unpacked as usize).min(MAX_BLOCK_BYTES);
        let bytes = zstd::bulk::decompress(packed, unpacked).ok()?;
        Some(bytes)
    }

    pub(crate) fn kev(row: &VulnerabilityRow) -> Option<Kev> {
        Some(Kev {
            added: layout::date(row.kev_added?)?,
            due: row.kev_due.and_then(layout::date),
            ransomware: row.kev_ransomware,
        })
    }
}

/// A record's prose within its opened block.
pub(crate) fn prose<'b>(block: &'b [u8], record: &RecordRow) -> Option<Prose<'b>> {
    let start = record.offset as usize;
    let bytes = block.get(start..start.checked_add(record.length as usize)?)?;
    serde_json::from_slice(bytes).ok()
}

fn row_at<R: Row<N>, const N: usize>(bytes: &[u8], index: usize) -> Option<R> {
    let start = index.checked_mul(4 * N)?;
    let bytes = bytes.get(start..start.checked_add(4 * N)?)?;
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    Some(R::from_words(words))
}

fn read_header(bytes: &[u8]) -> Result<[(usize, usize); SECTIONS], GenerationError> {
    let header = bytes
        .first_chunk::<HEADER_BYTES>()
        .ok_or(GenerationError::NotAGeneration)?;
    if !header.starts_with(&MAGIC) {
        return Err(GenerationError::NotAGeneration);
    }
    let found = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    if found != VERSION {
        return Err(GenerationError::Version { found });
    }
    let number = |at: usize| {
        let bytes = header.get(at..).and_then(<[u8]>::first_chunk);
        bytes.copied().map(u64::from_le_bytes).unwrap_or_default()
    };
    let checksum = xxhash_rust::xxh3::xxh3_64(&header[..CHECKSUM_AT]);
    if number(CHECKSUM_AT) != checksum {
        return Err(GenerationError::Header);
    }
    let (expected, found) = (number(16), bytes.len() as u64);
    if expected != found {
        return Err(GenerationError::Length { expected, found });
    }
    let mut sections = [(0, 0); SECTIONS];
    for (index, section) in sections.iter_mut().enumerate() {
        let at = TABLE_AT + 16 * index;
        let start = number(at);
        let end = start.checked_add(number(at + 8));
        let end = end
            .filter(|end| *end <= found)
            .ok_or(GenerationError::Header)?;
        let fit = |number| usize::try_from(number).ok().ok_or(GenerationError::Header);
        *section = (fit(start)?, fit(end)?);
    }
    Ok(sections)
}

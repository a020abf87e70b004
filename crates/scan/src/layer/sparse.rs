//! Sparse tar entries: which stretches of a file are stored, the rest
//! being zeros (GNU tar manual, "Storing Sparse Files").

use super::header::{decimal, number};

/// More stretches than this is an attack, not a file.
const MOST_SEGMENTS: usize = 100_000;

/// The stored stretches of a file, and how far it has been read.
#[derive(Debug)]
pub(super) struct Map {
    segments: Vec<(u64, u64)>,
    size: u64,
    overflow: bool,
    position: u64,
    current: usize,
}

/// What comes next when reading.
pub(super) enum Step {
    End,
    Hole(usize),
    Stored(usize),
}

impl Map {
    pub(super) fn new(size: u64) -> Self {
        Self {
            segments: Vec::new(),
            size,
            overflow: false,
            position: 0,
            current: 0,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn push(&mut self, offset: u64, length: u64) {
        if self.segments.len() >= MOST_SEGMENTS {
            self.overflow = true;
        } else {
            self.segments.push((offset, length));
        }
    }

    /// The map itself, if its stretches are in order, apart, inside the
    /// file and exactly what is stored.
    pub(super) fn checked(self, stored: u64) -> Option<Self> {
        let mut end = 0_u64;
        let mut total = 0_u64;
        for (offset, length) in &self.segments {
            if *offset < end {
                return None;
            }
            end = offset.checked_add(*length)?;
            total = total.checked_add(*length)?;
        }
        (!self.overflow && end <= self.size && total == stored).then_some(self)
    }

    pub(super) fn step(&mut self, room: usize) -> Step {
        while let Some((offset, length)) = self.segments.get(self.current) {
            if self.position < *offset {
                return Step::Hole(fit(*offset - self.position, room));
            }
            let end = offset + length;
            if self.position < end {
                return Step::Stored(fit(end - self.position, room));
            }
            self.current += 1;
        }
        if self.position < self.size {
            Step::Hole(fit(self.size - self.position, room))
        } else {
            Step::End
        }
    }

    pub(super) fn advance(&mut self, bytes: u64) {
        self.position += bytes;
    }
}

fn fit(left: u64, room: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(room)
}

/// Adds the stretches of one header block; false when the list ends.
pub(super) fn gnu_entries(field: &[u8], map: &mut Map) -> bool {
    for entry in field.chunks_exact(24) {
        let (offset, length) = entry.split_at(12);
        if entry[0] == 0 {
            return false;
        }
        match (number(offset), number(length)) {
            (Some(offset), Some(length)) => map.push(offset, length),
            _ => map.overflow = true,
        }
    }
    !map.overflow
}

/// The `GNU.sparse.*` records of a pax header.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) segments: Vec<(u64, u64)>,
    major: Option<u64>,
    offset: Option<u64>,
    has_map: bool,
}

impl Records {
    pub(super) fn set(&mut self, key: &[u8], value: &[u8]) {
        match key {
            b"GNU.sparse.name" => self.name = Some(value.to_owned()),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.size = decimal(value),
            b"GNU.sparse.major" => self.major = decimal(value),
            b"GNU.sparse.map" => {
                self.has_map = true;
                self.segments.clear();
                let mut numbers = value.split(|byte| *byte == b',').map(decimal);
                while let (Some(Some(offset)), Some(Some(length))) =
                    (numbers.next(), numbers.next())
                {
                    self.segments.push((offset, length));
                }
            }
            b"GNU.sparse.offset" => self.offset = decimal(value),
            b"GNU.sparse.numbytes" => {
                self.has_map = true;
                if let (Some(offset), Some(length)) = (self.offset.take(), decimal(value)) {
                    self.segments.push((offset, length));
                }
            }
            _ => {}
        }
    }

    pub(super) fn is_in_content(&self) -> bool {
        self.major == Some(1)
    }

    pub(super) fn is_present(&self) -> bool {
        self.is_in_content() || self.has_map
    }
}

/// The decimal lines of a version 1.0 map: a count, then offset and
/// length of each stretch.
#[derive(Debug, Default)]
pub(super) struct Lines {
    left: Option<u64>,
    offset: Option<u64>,
    line: Option<u64>,
}

impl Lines {
    pub(super) fn is_complete(&self) -> bool {
        self.left == Some(0)
    }

    pub(super) fn feed(&mut self, block: &[u8], map: &mut Map) -> Option<()> {
        for byte in block {
            if self.is_complete() {
                break;
            }
            if byte.is_ascii_digit() {
                let line = self.line.unwrap_or(0).checked_mul(10)?;
                self.line = Some(line.checked_add(u64::from(byte - b'0'))?);
                continue;
            }
            let line = self.line.take().filter(|_| *byte == b'\n')?;
            match (self.left, self.offset.take()) {
                (None, _) => self.left = Some(line),
                (Some(_), None) => self.offset = Some(line),
                (Some(left), Some(offset)) => {
                    map.push(offset, line);
                    self.left = Some(left - 1);
                }
            }
        }
        Some(())
    }
}

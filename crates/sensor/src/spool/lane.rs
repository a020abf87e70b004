//! A line of segments of one sort: alerts, or losses.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    Item,
    segment::{Found, HeadError, Origin, Segment, array},
};

/// A segment all of whose records are acknowledged is begun anew once it
/// is longer than this.
const WORN: u64 = 64 << 10;

/// Where records are read from: a segment by number, and a place in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) at: u64,
}

/// Records in the order they were added.
#[derive(Debug)]
pub(super) struct Lane {
    name: &'static str,
    folder: PathBuf,
    segments: VecDeque<Segment>,
    /// The last of `segments` is this run's and may be added to.
    is_open: bool,
    /// The first record that was not acknowledged.
    read: Place,
    next_number: u64,
    marker: File,
    /// What the disk refused, in order, behind all that it took.
    overflow: VecDeque<(u64, Vec<u8>)>,
    overflow_bytes: usize,
}

/// What was read of a lane.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) items: Vec<Item>,
    pub(super) bytes: usize,
    pub(super) origin: Option<Origin>,
    /// Where to go on once these are acknowledged.
    pub(super) end: Place,
    /// The last that was in memory only.
    pub(super) last_overflow: Option<u64>,
    /// Records that were damaged, and what to say of them.
    pub(super) damaged: u64,
}

impl Lane {
    /// Opens a lane; files that are no segments are put aside and told.
    pub(super) fn open(
        folder: &Path,
        name: &'static str,
    ) -> io::Result<(Self, Vec<(PathBuf, HeadError)>)> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(folder)? {
            let file = entry?.file_name();
            let number = file
                .to_str()
                .and_then(|file| file.strip_prefix(name)?.strip_prefix('-'))
                .and_then(|rest| rest.strip_suffix(".seg"))
                .and_then(|number| number.parse::<u64>().ok());
            numbers.extend(number);
        }
        numbers.sort_unstable();
        let mut segments = VecDeque::new();
        let mut broken = Vec::new();
        for &number in &numbers {
            let path = segment_path(folder, name, number);
            match Segment::open(path.clone(), number) {
                Ok(segment) => segments.push_back(segment),
                Err(error) => {
                    let aside = path.with_extension("broken");
                    drop(fs::rename(&path, &aside));
                    broken.push((aside, error));
                }
            }
        }
        let marker = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(folder.join(format!("{name}.read")))?;
        let mut lane = Self {
            name,
            folder: folder.to_owned(),
            segments,
            is_open: false,
            read: remembered(&marker).unwrap_or_default(),
            next_number: numbers.last().map_or(1, |last| last + 1),
            marker,
            overflow: VecDeque::new(),
            overflow_bytes: 0,
        };
        // Numbers never begin anew, or an old mark would hide new records.
        lane.next_number = lane.next_number.max(lane.read.segment + 1);
        lane.settle();
        Ok((lane, broken))
    }

    pub(super) fn used(&self) -> u64 {
        self.segments.iter().map(|segment| segment.end).sum()
    }

    pub(super) fn in_memory(&self) -> usize {
        self.overflow_bytes
    }

    /// Whether something is not acknowledged.
    pub(super) fn has_more(&self) -> bool {
        !self.overflow.is_empty()
            || self
                .segments
                .iter()
                .any(|segment| self.first_of(segment) < segment.end)
    }

    /// A handle to make what was added durable with.
    pub(super) fn open_file(&self) -> Option<File> {
        let last = self.segments.back().filter(|_| self.is_open)?;
        last.file.try_clone().ok()
    }

    /// Adds a record to the disk; first those that wait in memory. On an
    /// error none was added out of turn.
    pub(super) fn append(
        &mut self,
        origin: &Origin,
        longest: u64,
        sequence: u64,
        payload: &[u8],
    ) -> io::Result<()> {
        while let Some((sequence, payload)) = self.overflow.pop_front() {
            if let Err(error) = self.write(origin, longest, sequence, &payload) {
                self.overflow.push_front((sequence, payload));
                return Err(error);
            }
            self.overflow_bytes -= payload.len();
        }
        self.write(origin, longest, sequence, payload)
    }

    /// Keeps a record in memory, behind those there are.
    pub(super) fn keep(&mut self, sequence: u64, payload: Vec<u8>) {
        self.overflow_bytes += payload.len();
        self.overflow.push_back((sequence, payload));
    }

    fn write(
        &mut self,
        origin: &Origin,
        longest: u64,
        sequence: u64,
        payload: &[u8],
    ) -> io::Result<()> {
        let is_worn = |segment: &Segment| {
            segment.end >= longest || (segment.end > WORN && self.first_of(segment) == segment.end)
        };
        if !self.is_open || self.segments.back().is_none_or(is_worn) {
            let path = segment_path(&self.folder, self.name, self.next_number);
            let segment = Segment::make(path, self.next_number, origin)?;
            self.next_number += 1;
            self.segments.push_back(segment);
            self.is_open = true;
            self.settle();
        }
        let last = self.segments.back_mut();
        last.expect("invariant: there is an open segment")
            .append(sequence, payload)
    }

    /// Reads what is not acknowledged, of one run, up to these bounds but
    /// at least one record.
    pub(super) fn take(&self, origin: &Origin, most: usize, most_bytes: usize) -> Taken {
        let mut taken = Taken {
            end: self.read,
            ..Taken::default()
        };
        for segment in &self.segments {
            if segment.number < self.read.segment {
                continue;
            }
            let mut at = self.first_of(segment);
            let is_other = taken
                .origin
                .as_ref()
                .is_some_and(|known| *known != segment.origin);
            if is_other && at < segment.end {
                return taken;
            }
            loop {
                if taken.is_full(most, most_bytes) {
                    return taken;
                }
                match segment.read(at) {
                    Ok(Found::Whole {
                        sequence,
                        payload,
                        next,
                    }) => {
                        taken.origin = Some(segment.origin.clone());
                        if taken.would_burst(payload.len(), most_bytes) {
                            return taken;
                        }
                        taken.push(sequence, payload);
                        at = next;
                    }
                    Ok(Found::Damaged { next }) => {
                        taken.damaged += 1;
                        at = next;
                    }
                    Ok(Found::Lost) | Err(_) => {
                        taken.damaged += 1;
                        at = segment.end;
                    }
                    Ok(Found::End) => break,
                }
                taken.end = Place {
                    segment: segment.number,
                    at,
                };
            }
        }
        if taken.origin.as_ref().is_some_and(|known| known != origin) {
            return taken;
        }
        for (sequence, payload) in &self.overflow {
            if taken.is_full(most, most_bytes) || taken.would_burst(payload.len(), most_bytes) {
                break;
            }
            taken.origin = Some(origin.clone());
            taken.last_overflow = Some(*sequence);
            taken.push(*sequence, payload.clone());
        }
        taken
    }

    /// What was read is dealt with, and never given out again.
    pub(super) fn acknowledge(&mut self, end: Place, last_overflow: Option<u64>) {
        if end > self.read {
            self.read = end;
            let mut bytes = Vec::with_capacity(24);
            bytes.extend_from_slice(&end.segment.to_le_bytes());
            bytes.extend_from_slice(&end.at.to_le_bytes());
            let hash = xxh3_64_with_seed(&bytes, 0);
            bytes.extend_from_slice(&hash.to_le_bytes());
            // Where it does not hold, some is sent again.
            drop(self.marker.write_all_at(&bytes, 0));
            self.settle();
        }
        let Some(last) = last_overflow else { return };
        while self
            .overflow
            .front()
            .is_some_and(|(sequence, _)| *sequence <= last)
        {
            if let Some((_, payload)) = self.overflow.pop_front() {
                self.overflow_bytes -= payload.len();
            }
        }
    }

    /// Removes the oldest segment, whatever is in it: how many records it
    /// had that were not acknowledged, or `None` where there is none.
    pub(super) fn evict(&mut self) -> Option<u64> {
        let segment = self.segments.pop_front()?;
        if self.segments.is_empty() {
            self.is_open = false;
        }
        let lost = segment.count_from(self.first_of(&segment));
        drop(fs::remove_file(&segment.path));
        Some(lost)
    }

    /// Where the first record is that was not acknowledged.
    fn first_of(&self, segment: &Segment) -> u64 {
        match segment.number.cmp(&self.read.segment) {
            std::cmp::Ordering::Less => segment.end,
            std::cmp::Ordering::Equal => self.read.at.clamp(segment.start, segment.end),
            std::cmp::Ordering::Greater => segment.start,
        }
    }

    /// Removes segments all of whose records are acknowledged.
    fn settle(&mut self) {
        while let Some(first) = self.segments.front() {
            let is_open = self.is_open && self.segments.len() == 1;
            if is_open || self.first_of(first) < first.end {
                return;
            }
            drop(fs::remove_file(&first.path));
            self.segments.pop_front();
        }
    }
}

impl Taken {
    fn is_full(&self, most: usize, most_bytes: usize) -> bool {
        self.items.len() >= most || self.bytes >= most_bytes
    }

    fn would_burst(&self, more: usize, most_bytes: usize) -> bool {
        !self.items.is_empty() && self.bytes + more > most_bytes
    }

    fn push(&mut self, sequence: u64, payload: Vec<u8>) {
        self.bytes += payload.len() + 1;
        self.items.push(Item { sequence, payload });
    }
}

fn segment_path(folder: &Path, name: &str, number: u64) -> PathBuf {
    folder.join(format!("{name}-{number:020}.seg"))
}

/// What the marker says, if it is whole.
fn remembered(marker: &File) -> Option<Place> {
    let mut bytes = [0; 24];
    marker.read_exact_at(&mut bytes, 0).ok()?;
    let hash = xxh3_64_with_seed(bytes.get(..16)?, 0);
    let is_whole = array(&bytes, 16).map(u64::from_le_bytes) == Some(hash);
    is_whole.then_some(())?;
    Some(Place {
        segment: array(&bytes, 0).map(u64::from_le_bytes)?,
        at: array(&bytes, 8).map(u64::from_le_bytes)?,
    })
}

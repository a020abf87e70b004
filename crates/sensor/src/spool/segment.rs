//! One file of records.
//!
//! `magic | head length: u16 | head as JSON | hash: u64`, then records
//! `length: u32 | sequence: u64 | hash: u64 | payload`, little-endian. The
//! hash is XXH3 of the payload, seeded with the sequence (of a head: 0), so
//! that a record is whole, and in its own place, or is no record. A file is
//! only ever added to by the run that made it.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const MAGIC: &[u8; 8] = b"SWSPOOL1";
/// What precedes a payload.
pub(super) const FRAME: u64 = 4 + 8 + 8;
/// The longest payload; a length beyond it is damage.
pub(super) const MAX_PAYLOAD: usize = 1 << 20;

/// Whose records they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The kernel's boot id.
    pub boot: String,
    /// Names this run of the sensor.
    pub run: String,
}

impl Origin {
    /// This boot, and a new run.
    pub fn of_this_machine() -> io::Result<Self> {
        let read = |name: &str| {
            let path = Path::new("/proc/sys/kernel/random").join(name);
            std::fs::read_to_string(path).map(|text| text.trim().to_owned())
        };
        Ok(Self {
            boot: read("boot_id")?,
            run: read("uuid")?,
        })
    }
}

/// A file of records, closed or being written.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) origin: Origin,
    /// Where the first record begins.
    pub(super) start: u64,
    /// Where the next record would.
    pub(super) end: u64,
    pub(super) file: File,
}

/// What was found where a record should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Whole {
        sequence: u64,
        payload: Vec<u8>,
        next: u64,
    },
    /// One record is damaged; the next begins there.
    Damaged {
        next: u64,
    },
    /// Nothing behind this place can be read.
    Lost,
    End,
}

/// Why a file is no segment.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeadError {
    #[error("read it")]
    Read(#[from] io::Error),
    #[error("its head is damaged")]
    Damaged,
}

impl Segment {
    /// Makes a new file, which must not be there.
    pub(super) fn make(path: PathBuf, number: u64, origin: &Origin) -> io::Result<Self> {
        let head = serde_json::to_vec(origin)?;
        let length = u16::try_from(head.len()).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(MAGIC.len() + 2 + head.len() + 8);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(&xxh3_64_with_seed(&head, 0).to_le_bytes());
        let file = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)?;
        if let Err(error) = file.write_all_at(&bytes, 0) {
            // Half a head is no segment.
            drop(std::fs::remove_file(&path));
            return Err(error);
        }
        let start = bytes.len() as u64;
        Ok(Self {
            number,
            path,
            origin: origin.clone(),
            start,
            end: start,
            file,
        })
    }

    /// Opens a file of an earlier run.
    pub(super) fn open(path: PathBuf, number: u64) -> Result<Self, HeadError> {
        let file = File::options().read(true).write(true).open(&path)?;
        let end = file.metadata()?.len();
        let head = read_at(&file, 0, MAGIC.len() + 2)?;
        let (Some(magic), Some(length)) = (head.get(..MAGIC.len()), array(&head, MAGIC.len()))
        else {
            return Err(HeadError::Damaged);
        };
        let length = usize::from(u16::from_le_bytes(length));
        let at = (MAGIC.len() + 2) as u64;
        let rest = read_at(&file, at, length + 8)?;
        let (Some(json), Some(hash)) = (rest.get(..length), array(&rest, length)) else {
            return Err(HeadError::Damaged);
        };
        let is_whole = magic == MAGIC && xxh3_64_with_seed(json, 0) == u64::from_le_bytes(hash);
        let origin = serde_json::from_slice(json).ok().filter(|_| is_whole);
        Ok(Self {
            number,
            path,
            origin: origin.ok_or(HeadError::Damaged)?,
            start: at + rest.len() as u64,
            end,
            file,
        })
    }

    /// What an append of this payload takes.
    pub(super) fn weight(payload: &[u8]) -> u64 {
        FRAME + payload.len() as u64
    }

    /// Adds a record; where the disk refuses, the file ends where it did.
    pub(super) fn append(&mut self, sequence: u64, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(payload.len() + 20);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&sequence.to_le_bytes());
        bytes.extend_from_slice(&xxh3_64_with_seed(payload, sequence).to_le_bytes());
        bytes.extend_from_slice(payload);
        if let Err(error) = self.file.write_all_at(&bytes, self.end) {
            // Whatever was written of it would be taken for damage.
            drop(self.file.set_len(self.end));
            return Err(error);
        }
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// What is at a place where a record should begin.
    pub(super) fn read(&self, at: u64) -> io::Result<Found> {
        if at >= self.end {
            return Ok(Found::End);
        }
        let Some((length, sequence, hash)) = self.frame(at)? else {
            return Ok(Found::Lost);
        };
        let next = at + FRAME + length as u64;
        let payload = read_at(&self.file, at + FRAME, length)?;
        if payload.len() == length && xxh3_64_with_seed(&payload, sequence) == hash {
            return Ok(Found::Whole {
                sequence,
                payload,
                next,
            });
        }
        // Its length can be believed where a record follows, or nothing.
        let follows = next == self.end
            || match self.frame(next)? {
                Some((length, sequence, hash)) => {
                    let payload = read_at(&self.file, next + FRAME, length)?;
                    payload.len() == length && xxh3_64_with_seed(&payload, sequence) == hash
                }
                None => false,
            };
        Ok(if follows {
            Found::Damaged { next }
        } else {
            Found::Lost
        })
    }

    /// Records from a place on, as far as they can be told apart.
    pub(super) fn count_from(&self, mut at: u64) -> u64 {
        let mut count = 0;
        while at < self.end {
            count += 1;
            match self.frame(at) {
                Ok(Some((length, ..))) => at += FRAME + length as u64,
                Ok(None) | Err(_) => break,
            }
        }
        count
    }

    fn frame(&self, at: u64) -> io::Result<Option<(usize, u64, u64)>> {
        let bytes = read_at(&self.file, at, 20)?;
        let (Some(length), Some(sequence), Some(hash)) =
            (array(&bytes, 0), array(&bytes, 4), array(&bytes, 12))
        else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(length) as usize;
        let frame = (
            length,
            u64::from_le_bytes(sequence),
            u64::from_le_bytes(hash),
        );
        Ok((length > 0 && length <= MAX_PAYLOAD).then_some(frame))
    }
}

/// What there is of so many bytes.
fn read_at(file: &File, mut at: u64, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let mut have = 0;
    while let Some(rest) = bytes.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at) {
            Ok(0) => break,
            Ok(more) => {
                have += more;
                at += more as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(have);
    Ok(bytes)
}

pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

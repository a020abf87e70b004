//! Zip archives, read without unpacking them.
//!
//! Only the directory at the end is walked, as a stream, and only the
//! wanted entries are remembered. General zip readers keep every entry
//! of the directory in memory; a hostile archive of a few hundred
//! megabytes can list millions.
//!
//! References: PKWARE APPNOTE 6.3.10.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::DeflateDecoder;

use super::ReadSeek;

/// A directory larger than this belongs to no real archive: it would
/// list half a million files.
const DIRECTORY_LIMIT: u64 = 64 << 20;

/// More wanted entries than any real archive has.
pub(super) const MOST_ENTRIES: usize = 20_000;

/// The end record and the longest comment behind it.
const END_LIMIT: u64 = 22 + 0xffff;

const END: &[u8] = b"PK\x05\x06";
const END_64_LOCATOR: &[u8] = b"PK\x06\x07";
const END_64: &[u8] = b"PK\x06\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";

/// Why an archive or one of its entries cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ZipError {
    #[error("not a zip archive")]
    NotAnArchive,
    #[error("the zip archive's {0} is damaged")]
    Damaged(&'static str),
    #[error("the zip archive's directory is larger than {DIRECTORY_LIMIT} bytes")]
    DirectoryTooLarge,
    #[error("'{0}' is packed by a method that is not understood")]
    Method(String),
    #[error("'{name}' unpacks to more than {limit} bytes")]
    EntryTooLarge { name: String, limit: u64 },
    #[error("the archive takes too much work to read")]
    TooMuchWork,
    #[error("the archive cannot be read")]
    Read(#[from] io::Error),
}

/// How many bytes of directories and contents may be read in all. It
/// ends archives that lead into each other, or into one place a million
/// times.
#[derive(Debug)]
pub(super) struct Budget(pub(super) u64);

impl Budget {
    fn spend(&mut self, bytes: u64) -> Result<(), ZipError> {
        self.0 = self.0.checked_sub(bytes).ok_or(ZipError::TooMuchWork)?;
        Ok(())
    }
}

/// A file in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub name: String,
    /// Bytes it claims to unpack to.
    pub size: u64,
    packed: u64,
    offset: u64,
    method: u16,
    is_encrypted: bool,
}

impl Entry {
    /// Whether it lies in the archive as it is.
    pub(super) fn is_stored(&self) -> bool {
        self.method == 0 && !self.is_encrypted
    }
}

/// The entries of `archive` that `wanted` wants by name; at most
/// [`MOST_ENTRIES`].
pub(super) fn entries(
    archive: &mut dyn ReadSeek,
    budget: &mut Budget,
    mut wanted: impl FnMut(&str) -> bool,
) -> Result<Vec<Entry>, ZipError> {
    let directory = Directory::find(archive)?;
    if directory.size > DIRECTORY_LIMIT {
        return Err(ZipError::DirectoryTooLarge);
    }
    budget.spend(directory.size)?;
    archive.seek(SeekFrom::Start(directory.start))?;
    let mut reader = BufReader::new(archive.take(directory.size));
    let mut found = Vec::new();
    let mut name = Vec::new();
    let mut is_first = true;
    while found.len() < MOST_ENTRIES && !reader.fill_buf()?.is_empty() {
        let mut header = [0; 46];
        reader.read_exact(&mut header).map_err(damaged)?;
        if !header.starts_with(ENTRY) {
            if is_first {
                return Err(ZipError::Damaged("directory"));
            }
            // Signatures may follow the last entry.
            break;
        }
        is_first = false;
        name.resize(usize::from(short(&header, 28)), 0);
        reader.read_exact(&mut name).map_err(damaged)?;
        let mut extra = vec![0; usize::from(short(&header, 30))];
        reader.read_exact(&mut extra).map_err(damaged)?;
        let comment = u64::from(short(&header, 32));
        io::copy(&mut reader.by_ref().take(comment), &mut io::sink())?;

        let name = String::from_utf8_lossy(&name);
        if wanted(&name) {
            let mut entry = Entry {
                name: name.into_owned(),
                size: u64::from(long(&header, 24)),
                packed: u64::from(long(&header, 20)),
                offset: u64::from(long(&header, 42)),
                method: short(&header, 10),
                is_encrypted: short(&header, 8) & 1 == 1,
            };
            entry.widen(&extra);
            entry.offset = entry.offset.saturating_add(directory.prefix);
            found.push(entry);
        }
    }
    Ok(found)
}

/// Where the entry's bytes begin in the archive, still packed.
pub(super) fn start(archive: &mut dyn ReadSeek, entry: &Entry) -> Result<u64, ZipError> {
    archive.seek(SeekFrom::Start(entry.offset))?;
    let mut header = [0; 30];
    archive.read_exact(&mut header).map_err(damaged)?;
    if !header.starts_with(LOCAL) {
        return Err(ZipError::Damaged("entry"));
    }
    let names = u64::from(short(&header, 26)) + u64::from(short(&header, 28));
    Ok(entry.offset + 30 + names)
}

/// The entry's content, if it is not larger than `limit`, whatever it
/// claims.
pub(super) fn read(
    archive: &mut dyn ReadSeek,
    entry: &Entry,
    limit: u64,
    budget: &mut Budget,
) -> Result<Vec<u8>, ZipError> {
    let too_large = || ZipError::EntryTooLarge {
        name: entry.name.clone(),
        limit,
    };
    if entry.size > limit {
        return Err(too_large());
    }
    let start = start(archive, entry)?;
    archive.seek(SeekFrom::Start(start))?;
    let packed = archive.take(entry.packed);
    let mut content = Vec::new();
    let outcome = match entry.method {
        _ if entry.is_encrypted => return Err(ZipError::Method(entry.name.clone())),
        0 => packed.take(limit + 1).read_to_end(&mut content),
        8 => DeflateDecoder::new(BufReader::new(packed))
            .take(limit + 1)
            .read_to_end(&mut content),
        _ => return Err(ZipError::Method(entry.name.clone())),
    };
    // What came out was work, even where it comes to nothing.
    budget.spend(content.len() as u64)?;
    outcome.map_err(damaged)?;
    if content.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(content)
}

struct Directory {
    start: u64,
    size: u64,
    /// Bytes before the archive proper, such as a launch script; offsets
    /// in the directory may or may not count them.
    prefix: u64,
}

impl Directory {
    fn find(archive: &mut dyn ReadSeek) -> Result<Self, ZipError> {
        let length = archive.seek(SeekFrom::End(0))?;
        let tail_start = length.saturating_sub(END_LIMIT);
        archive.seek(SeekFrom::Start(tail_start))?;
        let mut tail = Vec::new();
        archive.take(END_LIMIT).read_to_end(&mut tail)?;
        let (at, record) = (0..tail.len())
            .rev()
            .find_map(|at| {
                let record = tail.get(at..at + 22)?;
                record.starts_with(END).then_some((at, record))
            })
            .ok_or(ZipError::NotAnArchive)?;
        let mut size = u64::from(long(record, 12));
        let mut offset = u64::from(long(record, 16));
        let mut end = tail_start + at as u64;
        // Written where a number does not fit the record above, which
        // may be the count of entries alone.
        let locator = at
            .checked_sub(20)
            .and_then(|start| tail.get(start..at))
            .filter(|locator| locator.starts_with(END_64_LOCATOR));
        if let Some(locator) = locator {
            // Bytes before the archive shift the record, so look for it
            // right before its locator first.
            let record_start = end
                .checked_sub(20 + 56)
                .ok_or(ZipError::Damaged("directory"))?;
            let mut record = [0; 56];
            for start in [record_start, wide(locator, 8)] {
                archive.seek(SeekFrom::Start(start))?;
                if archive.read_exact(&mut record).is_ok() && record.starts_with(END_64) {
                    size = wide(&record, 40);
                    offset = wide(&record, 48);
                    end = start;
                    break;
                }
            }
        }
        let start = end
            .checked_sub(size)
            .ok_or(ZipError::Damaged("directory"))?;
        let prefix = start.saturating_sub(offset);
        Ok(Self {
            start,
            size,
            prefix,
        })
    }
}

impl Entry {
    /// Takes the sizes that do not fit 32 bits from the extra field.
    fn widen(&mut self, extra: &[u8]) {
        let mut rest = extra;
        while let (Some(header), Some(after)) = (rest.get(..4), rest.get(4..)) {
            let length = usize::from(short(header, 2));
            let Some(field) = after.get(..length) else {
                return;
            };
            if short(header, 0) == 1 {
                let mut numbers = field.chunks_exact(8).map(|number| wide(number, 0));
                for value in [&mut self.size, &mut self.packed, &mut self.offset] {
                    if *value == 0xffff_ffff
                        && let Some(number) = numbers.next()
                    {
                        *value = number;
                    }
                }
                return;
            }
            rest = after.get(length..).unwrap_or_default();
        }
    }
}

fn damaged(error: io::Error) -> ZipError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            ZipError::Damaged("content")
        }
        _ => ZipError::Read(error),
    }
}

/// Little-endian numbers; zero past the end, which callers rule out.
fn short(bytes: &[u8], at: usize) -> u16 {
    let number = bytes.get(at..at + 2).and_then(|b| b.try_into().ok());
    number.map_or(0, u16::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> u32 {
    let number = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    number.map_or(0, u32::from_le_bytes)
}

fn wide(bytes: &[u8], at: usize) -> u64 {
    let number = bytes.get(at..at + 8).and_then(|b| b.try_into().ok());
    number.map_or(0, u64::from_le_bytes)
}

/// Part of an archive, as if it were a file of its own: how a stored
/// archive inside an archive is read in place.
pub(super) struct Window<'a> {
    archive: &'a mut dyn ReadSeek,
    start: u64,
    length: u64,
    position: u64,
}

impl<'a> Window<'a> {
    pub(super) fn new(archive: &'a mut dyn ReadSeek, start: u64, length: u64) -> Self {
        Self {
            archive,
            start,
            length,
            position: 0,
        }
    }
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.position);
        let wanted = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        self.archive
            .seek(SeekFrom::Start(self.start.saturating_add(self.position)))?;
        let read = self.archive.read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Window<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.length.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn archive(files: &[(&str, &[u8], CompressionMethod)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content, method) in files {
            let options = SimpleFileOptions::default().compression_method(*method);
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn contents(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ZipError> {
        let mut archive = Cursor::new(bytes);
        let mut budget = Budget(10_000);
        let entries = entries(&mut archive, &mut budget, |name| name != "unwanted")?;
        entries
            .into_iter()
            .map(|entry| {
                let content = read(&mut archive, &entry, 1000, &mut budget)?;
                Ok((entry.name, content))
            })
            .collect()
    }

    #[test]
    fn stored_and_deflated_entries_are_read() {
        let bytes = archive(&[
            ("a", b"alpha", CompressionMethod::Stored),
            ("unwanted", b"", CompressionMethod::Stored),
            ("b", &[b'b'; 500], CompressionMethod::Deflated),
        ]);
        let contents = contents(&bytes).unwrap();
        assert_eq!(contents[0], ("a".to_owned(), b"alpha".to_vec()));
        assert_eq!(contents[1], ("b".to_owned(), vec![b'b'; 500]));
        assert_eq!(contents.len(), 2);
    }

    #[test]
    fn entries_that_lie_about_their_size_use_up_the_budget() {
        let mut bytes = archive(&[("a", &[0; 2000], CompressionMethod::Deflated)]);
        let claim = bytes.windows(4).rposition(|four| four == ENTRY).unwrap() + 24;
        bytes[claim..claim + 4].copy_from_slice(&1_u32.to_le_bytes());
        let mut archive = Cursor::new(bytes.as_slice());
        let mut budget = Budget(10_000);
        let entries = entries(&mut archive, &mut budget, |_| true).unwrap();
        let outcomes: Vec<_> = (0..12)
            .map(|_| read(&mut archive, &entries[0], 1000, &mut budget))
            .collect();
        assert!(matches!(outcomes[0], Err(ZipError::EntryTooLarge { .. })));
        assert!(matches!(outcomes[11], Err(ZipError::TooMuchWork)));
    }

    #[test]
    fn more_entries_than_sixteen_bits_count_are_read() {
        let names: Vec<String> = (0..66_000).map(|number| number.to_string()).collect();
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for name in &names {
            writer
                .start_file(name.as_str(), SimpleFileOptions::default())
                .unwrap();
        }
        let mut archive = writer.finish().unwrap();
        let mut budget = Budget(100 << 20);
        let entries = entries(&mut archive, &mut budget, |name| name == "65999").unwrap();
        assert_eq!(entries.len(), 1);
    }

    #[test]
    fn a_directory_that_is_not_where_it_should_be_is_told() {
        let mut bytes = archive(&[("a", b"alpha", CompressionMethod::Deflated)]);
        let entry = bytes.windows(4).rposition(|four| four == ENTRY).unwrap();
        bytes[entry] = b'X';
        assert!(matches!(contents(&bytes), Err(ZipError::Damaged(_))));
    }

    #[test]
    fn an_archive_behind_a_launch_script_is_read() {
        let mut bytes = b"#!/bin/sh\nexec java -jar $0\n".to_vec();
        bytes.extend(archive(&[("a", b"alpha", CompressionMethod::Deflated)]));
        assert_eq!(contents(&bytes).unwrap()[0].1, b"alpha");
    }

    #[test]
    fn an_entry_larger_than_the_bound_is_refused_whatever_it_claims() {
        let mut bytes = archive(&[("a", &[0; 2000], CompressionMethod::Deflated)]);
        let claim = bytes.windows(4).rposition(|four| four == ENTRY).unwrap() + 24;
        bytes[claim..claim + 4].copy_from_slice(&1_u32.to_le_bytes());
        assert!(matches!(
            contents(&bytes),
            Err(ZipError::EntryTooLarge { .. })
        ));
    }

    #[test]
    fn work_ends_when_the_budget_does() {
        let bytes = archive(&[("a", &[0; 900], CompressionMethod::Deflated)]);
        let mut archive = Cursor::new(bytes);
        let mut budget = Budget(1000);
        let entries = entries(&mut archive, &mut budget, |_| true).unwrap();
        let results = [(), ()].map(|()| read(&mut archive, &entries[0], 1000, &mut budget));
        assert!(results[0].is_ok());
        assert!(matches!(results[1], Err(ZipError::TooMuchWork)));
    }

    #[test]
    fn what_is_no_archive_is_said_to_be_none() {
        for bytes in [&b""[..], b"PK", &[0; 100]] {
            assert!(matches!(contents(bytes), Err(ZipError::NotAnArchive)));
        }
    }

    #[test]
    fn any_cut_is_an_error_and_never_a_panic() {
        let bytes = archive(&[("a", b"alpha", CompressionMethod::Deflated)]);
        for end in 0..bytes.len() {
            assert!(contents(&bytes[..end]).is_err(), "{end}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_flipped_byte_panics(at in 0..150_usize, byte: u8) {
            let mut bytes = archive(&[("a", b"alpha", CompressionMethod::Deflated)]);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _result = contents(&bytes);
        }
    }
}

//! Reading tar entries from a stream, trusting nothing in them.
//!
//! Our own reader rather than a crate's, for three reasons: extended
//! headers and long names are bounded before they are read, entries cost
//! no allocation, and skipped content is never copied. It reads ustar,
//! GNU and pax (POSIX.1-2017, pax; GNU tar manual, "Basic Tar Format")
//! including sparse files, and neither creates nor follows anything.

use std::io::{self, BufRead, BufReader, Read, Seek};

use super::{
    header::{checksum_holds, decimal, field, header_path, number, padding, pax_record, text},
    sparse::{self, Map},
};

pub(crate) const BLOCK: usize = 512;
/// Extended headers and long names beyond this are passed over.
const LONGEST_RECORD: u64 = 1 << 20;

/// What an entry is. Everything that is no file, link or folder is of
/// no interest, whatever it claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    HardLink,
    Symlink,
    Directory,
    /// Device nodes, pipes and types nobody has defined.
    Other,
}

/// One entry's header. Paths are as the archive has them.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub kind: Kind,
    pub path: &'a [u8],
    pub link: &'a [u8],
    /// Length of the content as read, holes included.
    pub size: u64,
    pub mode: u32,
    /// A long name or extended header was too large and is missing.
    pub curtailed: bool,
}

/// The stream is no well-formed tar, or ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TarError {
    #[error("damaged tar header at byte {offset}")]
    Header { offset: u64 },
    #[error("tar ends in the middle of an entry")]
    Truncated,
    #[error(transparent)]
    Read(io::Error),
}

impl From<io::Error> for TarError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Truncated
        } else {
            Self::Read(error)
        }
    }
}

/// Walks the entries of one tar.
#[derive(Debug)]
pub(crate) struct Tar<R> {
    inner: R,
    offset: u64,
    /// Stored bytes of the current entry not yet read, then padding.
    stored: u64,
    padding: u64,
    sparse: Option<Map>,
    path: Vec<u8>,
    link: Vec<u8>,
    records: Records,
}

/// What long-name records and extended headers say of the next entry.
#[derive(Debug, Default)]
struct Records {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: sparse::Records,
    curtailed: bool,
}

impl<R: BufRead> Tar<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            offset: 0,
            stored: 0,
            padding: 0,
            sparse: None,
            path: Vec::new(),
            link: Vec::new(),
            records: Records::default(),
        }
    }

    pub(crate) fn into_inner(self) -> R {
        self.inner
    }

    /// Where the next byte to be read lies in the stream.
    pub(crate) fn position(&self) -> u64 {
        self.offset
    }

    /// The next entry; `None` at the archive's end. Whatever was not
    /// read of the current one is skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Entry<'_>>, TarError> {
        self.records = Records::default();
        loop {
            self.skip(self.stored.saturating_add(self.padding))?;
            self.stored = 0;
            self.padding = 0;
            self.sparse = None;
            let mut block = [0; BLOCK];
            if !self.read_block(&mut block)? {
                return Ok(None);
            }
            if block.iter().all(|byte| *byte == 0) {
                // The archive ends with two such blocks, or, written by
                // careless tools, with one and the end of the stream.
                if self.read_block(&mut block)? && block.iter().any(|byte| *byte != 0) {
                    return Err(self.damaged());
                }
                return Ok(None);
            }
            if !checksum_holds(&block) {
                return Err(self.damaged());
            }
            let size = number(field(&block, 124, 12)).ok_or_else(|| self.damaged())?;
            let kind = block[156];
            self.stored = size;
            self.padding = padding(size);
            match kind {
                b'L' => self.records.path = self.name_record(size)?,
                b'K' => self.records.link = self.name_record(size)?,
                b'x' => self.extended_header(size)?,
                // Global headers never carry names or sizes in layers.
                b'g' => {}
                _ => return self.entry(&block, kind, size).map(Some),
            }
        }
    }

    fn damaged(&self) -> TarError {
        TarError::Header {
            offset: self.offset.saturating_sub(BLOCK as u64),
        }
    }

    fn entry(&mut self, block: &[u8; BLOCK], kind: u8, size: u64) -> Result<Entry<'_>, TarError> {
        let records = std::mem::take(&mut self.records);
        self.link.clear();
        match &records.link {
            Some(link) => self.link.extend_from_slice(link),
            None => self.link.extend_from_slice(text(field(block, 157, 100))),
        }
        self.path.clear();
        match &records.path {
            Some(path) => self.path.extend_from_slice(path),
            None => header_path(block, &mut self.path),
        }
        let is_folder_name = self.path.last() == Some(&b'/');
        let entry_kind = match kind {
            b'0' | 0 | b'7' if is_folder_name => Kind::Directory,
            b'0' | 0 | b'7' | b'S' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'5' => Kind::Directory,
            _ => Kind::Other,
        };
        let stored = records.size.unwrap_or(size);
        // Links and folders have no content, whatever their size says
        // (POSIX.1-2017, pax, "ustar Interchange Format", typeflag).
        let has_content = !matches!(kind, b'1'..=b'6');
        self.stored = if has_content { stored } else { 0 };
        self.padding = padding(self.stored);
        let mut full = self.stored;
        if kind == b'S' {
            let map = self.gnu_map(block)?;
            full = map.size();
            self.sparse = Some(map);
        } else if entry_kind == Kind::File && records.sparse.is_present() {
            let map = self.pax_map(&records.sparse)?;
            if let Some(name) = records.sparse.name.as_deref() {
                self.path.clear();
                self.path.extend_from_slice(name);
            }
            full = map.size();
            self.sparse = Some(map);
        }
        let mode = number(field(block, 100, 8)).unwrap_or(0) & 0o7777;
        Ok(Entry {
            kind: entry_kind,
            path: &self.path,
            link: &self.link,
            size: full,
            mode: u32::try_from(mode).unwrap_or(0),
            curtailed: records.curtailed,
        })
    }

    /// The map of an old GNU sparse entry, which goes on in further
    /// blocks after the header.
    fn gnu_map(&mut self, block: &[u8; BLOCK]) -> Result<Map, TarError> {
        let size = number(field(block, 483, 12)).ok_or_else(|| self.damaged())?;
        let mut map = Map::new(size);
        let mut more = sparse::gnu_entries(field(block, 386, 96), &mut map) && block[482] != 0;
        while more {
            let mut block = [0; BLOCK];
            if !self.read_block(&mut block)? {
                return Err(TarError::Truncated);
            }
            more = sparse::gnu_entries(field(&block, 0, 504), &mut map) && block[504] != 0;
        }
        map.checked(self.stored).ok_or_else(|| self.damaged())
    }

    fn pax_map(&mut self, records: &sparse::Records) -> Result<Map, TarError> {
        let size = records.size.unwrap_or(self.stored);
        let mut map = Map::new(size);
        if records.is_in_content() {
            // Version 1.0: the map is decimal lines before the content,
            // filling whole blocks.
            let mut lines = sparse::Lines::default();
            while !lines.is_complete() {
                if self.stored < BLOCK as u64 {
                    return Err(self.damaged());
                }
                let mut block = [0; BLOCK];
                if !self.read_block(&mut block)? {
                    return Err(TarError::Truncated);
                }
                self.stored -= BLOCK as u64;
                lines.feed(&block, &mut map).ok_or_else(|| self.damaged())?;
            }
        } else {
            for (offset, length) in &records.segments {
                map.push(*offset, *length);
            }
        }
        map.checked(self.stored).ok_or_else(|| self.damaged())
    }

    fn name_record(&mut self, size: u64) -> Result<Option<Vec<u8>>, TarError> {
        let Some(record) = self.record(size)? else {
            return Ok(None);
        };
        Ok(Some(text(&record).to_owned()))
    }

    fn extended_header(&mut self, size: u64) -> Result<(), TarError> {
        let Some(record) = self.record(size)? else {
            return Ok(());
        };
        let mut rest = record.as_slice();
        while let Some((key, value, after)) = pax_record(rest) {
            rest = after;
            match key {
                b"path" => self.records.path = Some(value.to_owned()),
                b"linkpath" => self.records.link = Some(value.to_owned()),
                b"size" => self.records.size = decimal(value),
                key if key.starts_with(b"GNU.sparse.") => self.records.sparse.set(key, value),
                _ => {}
            }
        }
        Ok(())
    }

    /// The content of a record that speaks of the next entry.
    fn record(&mut self, size: u64) -> Result<Option<Vec<u8>>, TarError> {
        if size > LONGEST_RECORD {
            self.records.curtailed = true;
            return Ok(None);
        }
        let mut record = Vec::new();
        (&mut *self).take(size).read_to_end(&mut record)?;
        if record.len() as u64 == size {
            Ok(Some(record))
        } else {
            Err(TarError::Truncated)
        }
    }

    /// A whole block; false at the stream's very end.
    fn read_block(&mut self, block: &mut [u8; BLOCK]) -> Result<bool, TarError> {
        let mut filled = 0;
        while filled < BLOCK {
            let read = match self.inner.read(&mut block[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            if read == 0 {
                return if filled == 0 {
                    Ok(false)
                } else {
                    Err(TarError::Truncated)
                };
            }
            filled += read;
        }
        self.offset += BLOCK as u64;
        Ok(true)
    }

    fn skip(&mut self, mut bytes: u64) -> Result<(), TarError> {
        while bytes > 0 {
            let available = match self.inner.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?.len(),
            };
            if available == 0 {
                return Err(TarError::Truncated);
            }
            let step = usize::try_from(bytes).unwrap_or(usize::MAX).min(available);
            self.inner.consume(step);
            self.offset += step as u64;
            bytes -= step as u64;
        }
        Ok(())
    }

    fn read_stored(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.stored).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(most);
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.inner.read(&mut buffer[..wanted])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.stored -= read as u64;
        self.offset += read as u64;
        Ok(read)
    }
}

impl<R: Read + Seek> Tar<BufReader<R>> {
    /// Goes to the next entry without reading the rest of this one.
    pub(crate) fn seek_past(&mut self) -> Result<(), TarError> {
        let length = self.stored.saturating_add(self.padding);
        let step = i64::try_from(length).map_err(|_huge| self.damaged())?;
        self.inner.seek_relative(step)?;
        self.offset += length;
        self.stored = 0;
        self.padding = 0;
        Ok(())
    }
}

/// The content of the current entry.
impl<R: BufRead> Read for Tar<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut map) = self.sparse.take() else {
            return self.read_stored(buffer);
        };
        let result = match map.step(buffer.len()) {
            sparse::Step::End => Ok(0),
            sparse::Step::Hole(length) => {
                buffer[..length].fill(0);
                Ok(length)
            }
            sparse::Step::Stored(length) => self.read_stored(&mut buffer[..length]),
        };
        if let Ok(length) = result {
            map.advance(length as u64);
        }
        self.sparse = Some(map);
        result
    }
}

#[cfg(test)]
mod tests {
    use ::tar::{EntryType, Header};
    use proptest::prelude::*;
    use testkit::Layer;

    use super::*;

    fn walk(bytes: &[u8]) -> (Vec<String>, Option<TarError>) {
        let mut tar = Tar::new(bytes);
        let mut seen = Vec::new();
        loop {
            match tar.next() {
                Ok(Some(entry)) => {
                    let path = String::from_utf8_lossy(entry.path);
                    let link = String::from_utf8_lossy(entry.link);
                    seen.push(format!("{:?} {path} {link} {}", entry.kind, entry.size));
                }
                Ok(None) => return (seen, None),
                Err(error) => return (seen, Some(error)),
            }
        }
    }

    #[test]
    fn every_kind_of_entry_is_told_apart() {
        let long = "p/".repeat(80) + "file";
        let tar = Layer::new()
            .dir("d")
            .file("d/f", "hello")
            .symlink("s", "d/f")
            .hard_link("h", "d/f")
            .device("null")
            .fifo("pipe")
            .file(&long, "x")
            .pax(&[("path", "from/pax"), ("size", "3")])
            .file("ignored", "abc")
            .tar();
        let (seen, error) = walk(&tar);
        assert!(error.is_none());
        assert_eq!(
            seen,
            [
                "Directory d/  0",
                "File d/f  5",
                "Symlink s d/f 0",
                "HardLink h d/f 0",
                "Other null  0",
                "Other pipe  0",
                &format!("File {long}  1"),
                "File from/pax  3",
            ]
        );
    }

    #[test]
    fn content_is_read_up_to_its_end_and_no_further() {
        let tar = Layer::new().file("a", "hello").file("b", "world").tar();
        let mut tar = Tar::new(tar.as_slice());
        let mut content = String::new();
        tar.next().unwrap().unwrap();
        tar.next().unwrap().unwrap();
        tar.read_to_string(&mut content).unwrap();
        assert_eq!(content, "world");
        assert!(tar.next().unwrap().is_none());
    }

    #[test]
    fn an_endless_name_record_is_passed_over() {
        let name = vec![b'a'; 3 << 20];
        let tar = Layer::new()
            .entry(EntryType::GNULongName, "././@LongLink", "", 0, &name)
            .file("short", "x")
            .tar();
        let mut tar = Tar::new(tar.as_slice());
        let entry = tar.next().unwrap().unwrap();
        assert_eq!(entry.path, b"short");
        assert!(entry.curtailed);
    }

    #[test]
    fn damage_is_named_by_its_place() {
        let tar = Layer::new().file("a", "hello").raw(&[7; 512]).tar();
        let (seen, error) = walk(&tar);
        assert_eq!(seen.len(), 1);
        assert!(matches!(error, Some(TarError::Header { offset: 1024 })));
    }

    #[test]
    fn every_cut_ends_quietly_or_as_truncated() {
        let tar = Layer::new().dir("d").file("d/f", [1; 700]).tar();
        for length in 0..tar.len() {
            let mut reader = Tar::new(&tar[..length]);
            loop {
                match reader.next() {
                    Ok(Some(_)) => {}
                    Ok(None) | Err(TarError::Truncated) => break,
                    Err(error) => panic!("{length}: {error}"),
                }
            }
        }
    }

    #[test]
    fn huge_and_negative_sizes_are_no_trouble() {
        for size in [
            [0xff; 12],
            [0x80, 0x7f, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
        ] {
            let mut header = Header::new_gnu();
            header.set_path("f").unwrap();
            header.as_gnu_mut().unwrap().size = size;
            header.set_cksum();
            let tar = Layer::new().record(&header, b"abc").tar();
            assert!(walk(&tar).1.is_some());
        }
    }

    #[test]
    fn holes_of_a_sparse_file_are_zeros() {
        let mut header = testkit::layer::header(EntryType::GNUSparse, "sparse", "", 0o644, 3);
        let gnu = header.as_gnu_mut().unwrap();
        gnu.sparse[0].offset.copy_from_slice(b"00000000002\0");
        gnu.sparse[0].numbytes.copy_from_slice(b"00000000003\0");
        gnu.realsize.copy_from_slice(b"00000000010\0");
        header.set_cksum();
        let tar = Layer::new().record(&header, b"abc").file("next", "").tar();
        let mut tar = Tar::new(tar.as_slice());
        assert_eq!(tar.next().unwrap().unwrap().size, 8);
        let mut content = Vec::new();
        tar.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"\0\0abc\0\0\0");
        assert_eq!(tar.next().unwrap().unwrap().path, b"next");
    }

    #[test]
    fn pax_sparse_files_are_read_in_each_version() {
        let map = "1\n2\n3\n";
        let mut content = map.as_bytes().to_vec();
        content.resize(512, 0);
        content.extend_from_slice(b"abc");
        let modern = Layer::new()
            .pax(&[
                ("GNU.sparse.major", "1"),
                ("GNU.sparse.minor", "0"),
                ("GNU.sparse.name", "real"),
                ("GNU.sparse.realsize", "8"),
            ])
            .file("GNUSparseFile.0/real", &content)
            .tar();
        let older = Layer::new()
            .pax(&[
                ("GNU.sparse.map", "2,3"),
                ("GNU.sparse.name", "real"),
                ("GNU.sparse.size", "8"),
            ])
            .file("GNUSparseFile.0/real", "abc")
            .tar();
        for tar in [modern, older] {
            let mut tar = Tar::new(tar.as_slice());
            let entry = tar.next().unwrap().unwrap();
            assert_eq!((entry.path, entry.size), (&b"real"[..], 8));
            let mut content = Vec::new();
            tar.read_to_end(&mut content).unwrap();
            assert_eq!(content, b"\0\0abc\0\0\0");
            assert!(tar.next().unwrap().is_none());
        }
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_panic_or_run_on(
            flips in proptest::collection::vec((0_usize..5000, any::<u8>()), 1..8),
        ) {
            let mut bytes = Layer::new()
                .pax(&[("GNU.sparse.map", "2,3"), ("GNU.sparse.size", "8")])
                .file("sparse", "abc")
                .hard_link("link", "sparse")
                .file(&"long/".repeat(40), "x")
                .tar();
            for (at, value) in flips {
                let at = at % bytes.len();
                bytes[at] = value;
                // A header whose checksum fails would end it at once.
                let start = at - at % BLOCK;
                let mut header = Header::from_byte_slice(&bytes[start..start + BLOCK]).clone();
                header.set_cksum();
                bytes[start..start + BLOCK].copy_from_slice(header.as_bytes());
            }
            let mut tar = Tar::new(bytes.as_slice());
            let mut entries = 0;
            while let Ok(Some(_)) = tar.next() {
                entries += 1;
                let read = io::copy(&mut (&mut tar).take(1 << 20), &mut io::sink());
                prop_assert!(entries <= bytes.len() / BLOCK);
                if read.is_err() {
                    break;
                }
            }
        }
    }
}

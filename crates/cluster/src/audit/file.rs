//! A log file that grows, as `tail -F` reads it.
//!
//! What: lines of the file at a path; when it is renamed and begun anew,
//! as API servers do, what is left of the old one first; when it was cut,
//! from its beginning. The position names the file by its number and its
//! first bytes, so that reading goes on in it even when it was renamed
//! while nobody read.
//! Limits: a line longer than 20 MiB is counted and left out. Rotated
//! files that were compressed while nobody read cannot be told, and are
//! not read.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{Batch, SourceError, normalise};

const MAX_LINE: usize = 20 << 20;
/// Bytes of one batch, about.
const BATCH: usize = 4 << 20;
/// Bytes that tell one file from another of the same number.
const HEAD: u64 = 256;

/// A file to read.
#[derive(Clone, Debug)]
pub struct FileSettings {
    pub path: PathBuf,
    /// Without a position: read what is there already.
    pub from_start: bool,
}

/// How far which file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    inode: u64,
    offset: u64,
    /// Of the first `head_length` bytes.
    head: u64,
    head_length: u64,
}

#[derive(Debug)]
pub(super) struct Tail {
    settings: FileSettings,
    position: Option<Position>,
    /// Nothing was read before: begin at the end, unless told otherwise.
    is_first: bool,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    source: BufReader<File>,
    inode: u64,
    /// Behind the last whole line.
    offset: u64,
}

impl Tail {
    pub(super) fn open(settings: FileSettings, position: Option<&str>) -> Self {
        let position: Option<Position> = position.and_then(|text| serde_json::from_str(text).ok());
        Self {
            is_first: position.is_none() && !settings.from_start,
            settings,
            position,
            open: None,
        }
    }

    /// What was written since; empty where nothing was.
    pub(super) fn read(&mut self) -> Result<Batch, SourceError> {
        let path = self.settings.path.clone();
        self.try_read()
            .map_err(|error| SourceError::of(format!("read {}", path.display()), error))
    }

    fn try_read(&mut self) -> io::Result<Batch> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => match self.find()? {
                Some(open) => open,
                None => return Ok(Batch::default()),
            },
        };
        let mut batch = Batch::default();
        let length = open.source.get_ref().metadata()?.len();
        if length < open.offset {
            tracing::info!(path = %self.settings.path.display(), "the file was cut: read anew");
            open.source.seek(SeekFrom::Start(0))?;
            open.offset = 0;
        }
        let mut line = Vec::new();
        while batch.body.len() < BATCH {
            match read_line(&mut open.source, &mut line)? {
                Line::Whole(bytes) => {
                    open.offset += bytes;
                    normalise(&line, &mut batch);
                }
                Line::TooLong(bytes) => {
                    open.offset += bytes;
                    batch.skipped.too_long += 1;
                }
                // Half a line is read again once it is whole.
                Line::Half => {
                    open.source.seek(SeekFrom::Start(open.offset))?;
                    break;
                }
            }
        }
        let position = position_of(&open)?;
        self.position = Some(position);
        batch.position = serde_json::to_string(&position)?;
        // At its end: was another begun at its path? What it still got
        // before that is read first.
        let is_replaced = batch.is_empty() && self.is_replaced(&open)?;
        if !is_replaced {
            self.open = Some(open);
        } else if open.source.get_ref().metadata()?.len() > open.offset {
            // Half a line nobody will end.
            batch.skipped.broken += 1;
        }
        if is_replaced {
            self.position = None;
        }
        Ok(batch)
    }

    fn is_replaced(&self, open: &Open) -> io::Result<bool> {
        match fs::metadata(&self.settings.path) {
            Ok(there) => Ok(there.ino() != open.inode),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The file to go on in: the one that was read last, wherever it is
    /// now, or the one at the path.
    fn find(&mut self) -> io::Result<Option<Open>> {
        let path = self.settings.path.clone();
        if let Some(position) = self.position {
            if let Some(open) = reopen(&path, position)? {
                return Ok(Some(open));
            }
            for sibling in rotated(&path)? {
                if let Some(open) = reopen(&sibling, position)? {
                    return Ok(Some(open));
                }
            }
            tracing::warn!(
                path = %path.display(),
                "the file that was read last is gone; reading the one in its place from its start"
            );
        }
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.is_first => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let meta = file.metadata()?;
        let mut source = BufReader::with_capacity(256 << 10, file);
        let offset = if std::mem::take(&mut self.is_first) {
            last_line_end(&mut source, meta.len())?
        } else {
            0
        };
        source.seek(SeekFrom::Start(offset))?;
        Ok(Some(Open {
            source,
            inode: meta.ino(),
            offset,
        }))
    }
}

/// The place behind the last line break.
fn last_line_end(source: &mut BufReader<File>, length: u64) -> io::Result<u64> {
    let from = length.saturating_sub(MAX_LINE as u64);
    source.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    source.by_ref().take(length - from).read_to_end(&mut end)?;
    let last = end.iter().rposition(|byte| *byte == b'\n');
    Ok(last.map_or(from, |last| from + last as u64 + 1))
}

/// The file at a path, if it is the one of the position.
fn reopen(path: &Path, position: Position) -> io::Result<Option<Open>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let meta = file.metadata()?;
    let mut source = BufReader::with_capacity(256 << 10, file);
    let is_it = meta.ino() == position.inode
        && meta.len() >= position.offset
        && head(source.get_mut(), position.head_length)? == position.head;
    if !is_it {
        return Ok(None);
    }
    source.seek(SeekFrom::Start(position.offset))?;
    Ok(Some(Open {
        source,
        inode: meta.ino(),
        offset: position.offset,
    }))
}

fn position_of(open: &Open) -> io::Result<Position> {
    let head_length = open.offset.min(HEAD);
    // Read past the buffer, which knows nothing of it.
    let mut file = open.source.get_ref().try_clone()?;
    let at = file.stream_position()?;
    let head = head(&mut file, head_length)?;
    file.seek(SeekFrom::Start(at))?;
    Ok(Position {
        inode: open.inode,
        offset: open.offset,
        head,
        head_length,
    })
}

fn head(file: &mut File, length: u64) -> io::Result<u64> {
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(xxh3_64(&bytes))
}

/// Files beside it that may have been it: `audit-2026-03-02T….log` and
/// `audit.log.1` beside `audit.log`.
fn rotated(path: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder.unwrap_or(Path::new("."))) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in entries.take(10_000) {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_file = entry.file_type()?.is_file();
        if is_file && name.starts_with(&*stem) && entry.path() != path {
            found.push(entry.path());
        }
    }
    Ok(found)
}

enum Line {
    /// It, and how many bytes it took.
    Whole(u64),
    TooLong(u64),
    /// Not ended yet.
    Half,
}

fn read_line(source: &mut BufReader<File>, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let mut bytes = 0;
    let mut is_too_long = false;
    loop {
        let buffer = source.fill_buf()?;
        if buffer.is_empty() {
            return Ok(Line::Half);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = end.map_or(buffer, |end| buffer.get(..end).unwrap_or_default());
        if line.len() + part.len() > MAX_LINE {
            is_too_long = true;
            line.clear();
        }
        if !is_too_long {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        source.consume(used);
        bytes += used as u64;
        if end.is_some() {
            return Ok(if is_too_long {
                Line::TooLong(bytes)
            } else {
                Line::Whole(bytes)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    struct Log {
        folder: tempfile::TempDir,
    }

    impl Log {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
            }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("audit.log")
        }

        fn write(&self, text: &str) {
            let mut file = File::options()
                .create(true)
                .append(true)
                .open(self.path())
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn rotate(&self, name: &str) {
            fs::rename(self.path(), self.folder.path().join(name)).unwrap();
        }

        fn tail(&self, position: Option<&str>) -> Tail {
            let settings = FileSettings {
                path: self.path(),
                from_start: true,
            };
            Tail::open(settings, position)
        }
    }

    fn lines(batch: &Batch) -> Vec<&str> {
        std::str::from_utf8(&batch.body).unwrap().lines().collect()
    }

    /// All there is, and the position behind it.
    fn rest(tail: &mut Tail) -> (Vec<String>, String) {
        let mut all = Vec::new();
        let mut quiet = 0;
        loop {
            let batch = tail.read().unwrap();
            all.extend(lines(&batch).iter().map(|line| (*line).to_owned()));
            quiet = if batch.is_empty() { quiet + 1 } else { 0 };
            if quiet == 3 {
                return (all, batch.position);
            }
        }
    }

    #[test]
    fn what_is_appended_is_read_once_and_only_when_whole() {
        let log = Log::new();
        log.write("1\n2\n3");
        let mut tail = log.tail(None);
        assert_eq!(lines(&tail.read().unwrap()), ["1", "2"]);
        assert!(tail.read().unwrap().is_empty());
        log.write("4\n5\n");
        assert_eq!(lines(&tail.read().unwrap()), ["34", "5"]);
        assert!(tail.read().unwrap().is_empty());
    }

    #[test]
    fn at_first_sight_a_file_is_read_from_its_end() {
        let log = Log::new();
        log.write("1\n2\n3");
        let settings = FileSettings {
            path: log.path(),
            from_start: false,
        };
        let mut tail = Tail::open(settings, None);
        assert!(tail.read().unwrap().is_empty());
        log.write("4\n");
        assert_eq!(lines(&tail.read().unwrap()), ["34"]);
    }

    #[test]
    fn a_file_that_is_renamed_is_read_to_its_end_before_the_next() {
        let log = Log::new();
        log.write("1\n");
        let mut tail = log.tail(None);
        assert_eq!(lines(&tail.read().unwrap()), ["1"]);
        log.write("2\n");
        log.rotate("audit-2026-03-02T10-00-00.000.log");
        log.write("3\n");
        assert_eq!(rest(&mut tail).0, ["2", "3"]);
        log.rotate("audit-2026-03-02T11-00-00.000.log");
        // Nothing is in its place for a while.
        assert!(tail.read().unwrap().is_empty());
        log.write("4\n");
        assert_eq!(rest(&mut tail).0, ["4"]);
    }

    #[test]
    fn a_file_that_is_cut_is_read_from_its_start() {
        let log = Log::new();
        log.write("1\n2\n");
        let mut tail = log.tail(None);
        assert_eq!(rest(&mut tail).0, ["1", "2"]);
        fs::write(log.path(), "3\n").unwrap();
        assert_eq!(rest(&mut tail).0, ["3"]);
    }

    #[test]
    fn reading_goes_on_after_a_restart_even_in_a_renamed_file() {
        let log = Log::new();
        log.write("1\n2\n");
        let (_, position) = rest(&mut log.tail(None));
        log.write("3\n");
        let (read, _) = rest(&mut log.tail(Some(&position)));
        assert_eq!(read, ["3"]);
        log.rotate("audit.log.1");
        log.write("4\n");
        let (read, position) = rest(&mut log.tail(Some(&position)));
        assert_eq!(read, ["3", "4"]);
        // What it named is gone, and another has its place.
        fs::remove_file(log.path()).unwrap();
        log.write("5\n6\n");
        assert_eq!(rest(&mut log.tail(Some(&position))).0, ["5", "6"]);
        assert_eq!(rest(&mut log.tail(Some("nonsense"))).0, ["5", "6"]);
    }

    #[test]
    fn a_line_without_end_is_counted_and_left_out() {
        let log = Log::new();
        log.write("1\n");
        log.write(&"x".repeat(MAX_LINE + 1));
        log.write("\n2\n");
        let mut tail = log.tail(None);
        let batch = tail.read().unwrap();
        assert_eq!(lines(&batch), ["1", "2"]);
        assert_eq!(batch.skipped.too_long, 1);
    }

    #[test]
    fn a_file_that_is_not_there_yet_is_waited_for() {
        let log = Log::new();
        let mut tail = log.tail(None);
        assert!(tail.read().unwrap().is_empty());
        log.write("1\n");
        assert_eq!(lines(&tail.read().unwrap()), ["1"]);
    }
}

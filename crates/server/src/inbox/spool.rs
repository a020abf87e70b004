//! A bounded line of records on disk, between whoever hands in and
//! whoever judges.
//!
//! Segments are files named by the sequence of their first record. One
//! thread writes: it takes all that waits, writes it at once, and answers
//! when the disk has it. A torn end is cut off when the spool is opened.
//! Records that were read stay as long as there is room, for whoever has
//! to look back; what was not read is never removed: a full spool refuses.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, BufReader, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use super::record::{self, FRAME, Found, Record};

/// Bytes a group gathers before it is written.
const GROUP: usize = 16 << 20;
/// Groups that wait for the disk.
const WAITING: usize = 1024;
/// A segment is not written to once it is longer.
const SEGMENT: u64 = 32 << 20;

/// Why a record was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    #[error("the spool is full: {used} of {limit} bytes wait to be judged")]
    Full { used: u64, limit: u64 },
    #[error("too much waits for the disk")]
    Busy,
    #[error("write the spool")]
    Write(#[source] Arc<io::Error>),
    #[error("write the spool: it was closed")]
    Closed,
}

/// Why a spool could not be opened or read.
#[derive(Debug, thiserror::Error)]
#[error("{what} {}", path.display())]
pub struct SpoolIoError {
    pub(crate) what: &'static str,
    pub(crate) path: PathBuf,
    #[source]
    pub(crate) source: io::Error,
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SpoolIoError {
    let path = path.to_owned();
    move |source| SpoolIoError { what, path, source }
}

/// One file of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    /// Sequence of its first record.
    first: u64,
    bytes: u64,
    /// When its last record was written.
    newest: Timestamp,
}

#[derive(Debug)]
struct State {
    segments: VecDeque<Segment>,
    /// The first record that was not judged.
    unread: u64,
}

impl State {
    fn used(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Whether all of the first segment was judged, and there is another.
    fn first_is_read(&self) -> bool {
        self.segments
            .get(1)
            .is_some_and(|next| next.first <= self.unread)
    }
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    limit: u64,
    state: Mutex<State>,
    /// The sequence of the next record: all before it are on the disk.
    next: watch::Sender<u64>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("invariant: no panic under the lock")
    }

    fn path(&self, first: u64) -> PathBuf {
        self.folder.join(format!("{first:020}.spool"))
    }

    fn remove_first(&self, state: &mut State) {
        if let Some(segment) = state.segments.pop_front() {
            let path = self.path(segment.first);
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "cannot remove a segment");
            }
        }
    }
}

/// What there is of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) used: u64,
    pub(crate) limit: u64,
    /// Records not judged.
    pub(crate) waiting: u64,
}

struct Request {
    payload: Vec<u8>,
    received: Timestamp,
    done: oneshot::Sender<Result<u64, SpoolError>>,
}

/// The writing end, shared by whoever hands in.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
}

impl Spool {
    /// Opens or makes the spool in `folder`. `unread` is the first record
    /// that was not judged, as whoever judges remembers it.
    pub(crate) fn open(folder: &Path, limit: u64, unread: u64) -> Result<Self, SpoolIoError> {
        fs::create_dir_all(folder).map_err(failed("make the folder", folder))?;
        let lock = folder.join("lock");
        let lease = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock)
            .map_err(failed("open", &lock))?;
        lease.try_lock().map_err(|error| SpoolIoError {
            what: "lock, as another server uses it,",
            path: lock,
            source: error.into(),
        })?;
        let mut segments = list(folder)?;
        let mut next = unread;
        if let Some(last) = segments.back_mut() {
            let path = folder.join(format!("{:020}.spool", last.first));
            let (whole, after) = whole(&path, last.first).map_err(failed("read", &path))?;
            if whole < last.bytes {
                tracing::warn!(
                    path = %path.display(),
                    bytes = last.bytes - whole,
                    "a record that was never acknowledged is cut off"
                );
                let file = File::options()
                    .write(true)
                    .open(&path)
                    .map_err(failed("open", &path))?;
                file.set_len(whole)
                    .and_then(|()| file.sync_all())
                    .map_err(failed("shorten", &path))?;
                last.bytes = whole;
            }
            next = next.max(after);
        }
        let oldest = segments.front().map_or(next, |segment| segment.first);
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            limit,
            state: Mutex::new(State {
                segments,
                unread: unread.clamp(oldest, next),
            }),
            next: watch::Sender::new(next),
        });
        let (requests, waiting) = mpsc::channel(WAITING);
        let writer = Writer {
            shared: Arc::clone(&shared),
            file: None,
            next,
            _lease: lease,
        };
        thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || writer.run(waiting))
            .map_err(failed("start a thread for", folder))?;
        Ok(Self { shared, requests })
    }

    /// Puts a payload in line; answered once it is on the disk, with its
    /// sequence.
    pub(crate) async fn append(
        &self,
        payload: Vec<u8>,
        received: Timestamp,
    ) -> Result<u64, SpoolError> {
        let (done, answer) = oneshot::channel();
        let request = Request {
            payload,
            received,
            done,
        };
        self.requests
            .try_send(request)
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => SpoolError::Busy,
                mpsc::error::TrySendError::Closed(_) => SpoolError::Closed,
            })?;
        answer.await.unwrap_or(Err(SpoolError::Closed))
    }

    /// The first record that was not judged.
    pub(crate) fn unread(&self) -> u64 {
        self.shared.lock().unread
    }

    pub(crate) fn room(&self) -> Room {
        let state = self.shared.lock();
        Room {
            used: state.used(),
            limit: self.shared.limit,
            waiting: self.shared.next.borrow().saturating_sub(state.unread),
        }
    }

    /// Wakes whenever records were added.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.shared.next.subscribe()
    }

    /// Says that all before `unread` was judged; segments whose records
    /// are all older than `keep` are removed.
    pub(crate) fn release(&self, unread: u64, keep: Timestamp) {
        let mut state = self.shared.lock();
        state.unread = state.unread.max(unread);
        while state.first_is_read()
            && state
                .segments
                .front()
                .is_some_and(|segment| segment.newest < keep)
        {
            self.shared.remove_first(&mut state);
        }
    }

    /// The reading end, from the record `from` on, or from the oldest
    /// there is.
    pub(crate) fn reader(&self, from: u64) -> Reader {
        Reader {
            shared: Arc::clone(&self.shared),
            next: from,
            open: None,
            damaged: 0,
        }
    }

    /// The first record of a segment that may hold something received
    /// at `since` or later: where to begin looking back.
    pub(crate) fn since(&self, since: Timestamp) -> u64 {
        let state = self.shared.lock();
        let found = state
            .segments
            .iter()
            .find(|segment| segment.newest >= since);
        found.map_or(state.unread, |segment| segment.first.min(state.unread))
    }
}

/// The segments in a folder, oldest first.
fn list(folder: &Path) -> Result<VecDeque<Segment>, SpoolIoError> {
    let mut segments = Vec::new();
    let read = failed("read the folder", folder);
    let entries: Vec<_> = fs::read_dir(folder)
        .and_then(Iterator::collect)
        .map_err(read)?;
    for entry in entries {
        let name = entry.file_name();
        let Some(first) = name
            .to_str()
            .and_then(|name| name.strip_suffix(".spool"))
            .and_then(|number| number.parse().ok())
        else {
            continue;
        };
        let path = entry.path();
        let meta = entry.metadata().map_err(failed("look at", &path))?;
        let newest = meta.modified().map_err(failed("look at", &path))?;
        segments.push(Segment {
            first,
            bytes: meta.len(),
            newest: Timestamp::try_from(newest).unwrap_or(Timestamp::MAX),
        });
    }
    segments.sort_unstable_by_key(|segment| segment.first);
    Ok(segments.into())
}

/// How many bytes of a segment hold whole records, and the sequence after
/// the last of them.
fn whole(path: &Path, first: u64) -> io::Result<(u64, u64)> {
    let mut source = BufReader::new(File::open(path)?);
    let (mut bytes, mut next) = (0, first);
    while let Found::Whole(frame) = record::frame(&mut source)?
        && frame.sequence == next
        && let Found::Whole(payload) = record::read(&mut source, frame)?
    {
        bytes += (FRAME + payload.len()) as u64;
        next += 1;
    }
    Ok((bytes, next))
}

/// The thread that writes.
struct Writer {
    shared: Arc<Shared>,
    /// The segment being written, and how much of it is good.
    file: Option<(File, u64)>,
    next: u64,
    /// Let go of with the thread, however that ends.
    _lease: File,
}

impl Writer {
    fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = requests.blocking_recv() {
            let mut bytes = first.payload.len();
            let mut group = vec![first];
            while bytes < GROUP
                && let Ok(next) = requests.try_recv()
            {
                bytes += next.payload.len();
                group.push(next);
            }
            let outcome = self.commit(&group);
            for (request, sequence) in group.into_iter().zip(self.next..) {
                let answer = outcome.clone().map(|first| first + (sequence - self.next));
                // Whoever asked may be gone; the record stays.
                drop(request.done.send(answer));
            }
            if let Ok(first) = outcome {
                tracing::trace!(sequence = first, bytes, "spooled");
            }
        }
    }

    /// Writes a group and waits for the disk; the sequence of its first.
    fn commit(&mut self, group: &[Request]) -> Result<u64, SpoolError> {
        let mut bytes = Vec::new();
        for (request, sequence) in group.iter().zip(self.next..) {
            record::write(&mut bytes, sequence, &request.payload)
                .map_err(|error| SpoolError::Write(Arc::new(error)))?;
        }
        let newest = group.iter().map(|request| request.received).max();
        self.make_room(bytes.len() as u64)?;
        let written = self.write(&bytes, newest.unwrap_or(Timestamp::MIN));
        if let Err(error) = written {
            // What is half there must not stand before what comes next.
            if let Some((file, good)) = self.file.take()
                && file.set_len(good).is_ok()
            {
                self.file = Some((file, good));
            }
            tracing::error!(%error, "the spool cannot be written");
            return Err(SpoolError::Write(Arc::new(error)));
        }
        let first = self.next;
        self.next += group.len() as u64;
        self.shared.next.send_replace(self.next);
        Ok(first)
    }

    fn make_room(&self, bytes: u64) -> Result<(), SpoolError> {
        let mut state = self.shared.lock();
        let limit = self.shared.limit;
        while state.used() + bytes > limit && state.first_is_read() {
            self.shared.remove_first(&mut state);
        }
        let used = state.used();
        if used + bytes > limit {
            return Err(SpoolError::Full { used, limit });
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], newest: Timestamp) -> io::Result<()> {
        let longest = SEGMENT.min(self.shared.limit / 8);
        if self.file.as_ref().is_none_or(|(_, good)| *good >= longest) {
            self.file = None;
            self.begin(newest)?;
        }
        let Some((file, good)) = self.file.as_mut() else {
            return Err(io::Error::other("no segment"));
        };
        file.seek(SeekFrom::Start(*good))?;
        file.write_all(bytes)?;
        file.sync_data()?;
        *good += bytes.len() as u64;
        let mut state = self.shared.lock();
        if let Some(segment) = state.segments.back_mut() {
            segment.bytes = *good;
            segment.newest = newest;
        }
        Ok(())
    }

    /// Begins the next segment. The folder is told before a record in it
    /// is acknowledged, or the file might be gone after a power cut.
    fn begin(&mut self, newest: Timestamp) -> io::Result<()> {
        let file = File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .open(self.shared.path(self.next))?;
        File::open(&self.shared.folder)?.sync_all()?;
        self.file = Some((file, 0));
        let mut state = self.shared.lock();
        // An attempt that failed has left its name.
        state.segments.retain(|segment| segment.first < self.next);
        state.segments.push_back(Segment {
            first: self.next,
            bytes: 0,
            newest,
        });
        Ok(())
    }
}

/// The reading end.
#[derive(Debug)]
pub(crate) struct Reader {
    shared: Arc<Shared>,
    next: u64,
    /// The segment being read.
    open: Option<Open>,
    /// Records that could not be read.
    damaged: u64,
}

#[derive(Debug)]
struct Open {
    source: BufReader<File>,
    /// The segment's first record.
    first: u64,
    next: u64,
    /// Nothing was read from it before.
    is_fresh: bool,
}

impl Reader {
    /// The sequence of the next record.
    pub(crate) fn position(&self) -> u64 {
        self.next
    }

    /// How many records could not be read since last asked.
    pub(crate) fn take_damaged(&mut self) -> u64 {
        std::mem::take(&mut self.damaged)
    }

    /// The next record that is on the disk; `None`: there is none yet.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, SpoolIoError> {
        let end = *self.shared.next.borrow();
        while self.next < end {
            let opened = match self.open.take() {
                Some(open) => Some(open),
                None => self.find()?,
            };
            let Some(mut open) = opened else {
                // Nothing of it is left.
                self.damaged += end - self.next;
                self.next = end;
                break;
            };
            match self.read(&mut open)? {
                Some(read) => {
                    self.next = open.next;
                    open.is_fresh = false;
                    self.open = Some(open);
                    match read {
                        Some(record) => return Ok(Some(record)),
                        None => self.damaged += 1,
                    }
                }
                // Half of a record that was written anew since may be
                // buffered: looked at once more.
                None if !open.is_fresh => {}
                None => self.leave(&open, end),
            }
        }
        Ok(None)
    }

    /// The next record of a segment at or after the position.
    /// `Some(None)`: it is whole, but not ours; `None`: the segment ends
    /// here.
    #[expect(clippy::option_option, reason = "both tell of different ends")]
    fn read(&self, open: &mut Open) -> Result<Option<Option<Record>>, SpoolIoError> {
        let mut inner = || {
            loop {
                let Found::Whole(frame) = record::frame(&mut open.source)? else {
                    return Ok(None);
                };
                if frame.sequence != open.next {
                    return Ok(None);
                }
                if frame.sequence < self.next {
                    open.source.seek_relative(i64::from(frame.length))?;
                    open.next += 1;
                    continue;
                }
                let Found::Whole(payload) = record::read(&mut open.source, frame)? else {
                    return Ok(None);
                };
                open.next += 1;
                return Ok(Some(record::open(frame.sequence, &payload)));
            }
        };
        inner().map_err(failed("read a segment in", &self.shared.folder))
    }

    /// Opens the segment that holds the position, or the next there is.
    fn find(&mut self) -> Result<Option<Open>, SpoolIoError> {
        loop {
            let first = {
                let state = self.shared.lock();
                let at = state
                    .segments
                    .partition_point(|segment| segment.first <= self.next);
                let segment = state.segments.get(at.saturating_sub(1));
                segment.map(|segment| segment.first)
            };
            let Some(first) = first else { return Ok(None) };
            let path = self.shared.path(first);
            match File::open(&path) {
                Ok(file) => {
                    // What was removed to make room had been judged.
                    self.next = self.next.max(first);
                    return Ok(Some(Open {
                        source: BufReader::with_capacity(256 << 10, file),
                        first,
                        next: first,
                        is_fresh: true,
                    }));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let is_known = self.shared.lock().segments.iter().any(|s| s.first == first);
                    if is_known {
                        return Err(failed("open", &path)(error));
                    }
                }
                Err(error) => return Err(failed("open", &path)(error)),
            }
        }
    }

    /// Goes on with the segment after this one; records that should have
    /// been in it are lost.
    fn leave(&mut self, open: &Open, end: u64) {
        let after = {
            let state = self.shared.lock();
            let mut firsts = state.segments.iter().map(|segment| segment.first);
            firsts.find(|first| *first > open.first)
        };
        let next = after.unwrap_or(end).min(end).max(self.next);
        if next > self.next {
            let records = next - self.next;
            tracing::error!(records, "records of the spool are damaged");
            self.damaged += records;
            self.next = next;
        }
    }
}

#[cfg(test)]
mod tests;

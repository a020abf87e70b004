//! Records kept in a file, and played again: what happened on one node,
//! seen on another, without a kernel.
//!
//! A file begins with `SEAWALLR` and the number of its format; each frame
//! follows its length and checksum, so that one that was cut short ends
//! where it was cut, and one that was damaged is refused. It holds what was
//! there at the start, all records, and what runtimes answered: with that,
//! the same events come out again.

use std::io::{BufWriter, Read, Write};

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

pub(crate) mod codec;
mod excerpt;

pub use excerpt::excerpt;

use self::codec::{Reader, Writer};
use crate::{
    context::{Context, Found, MetadataAnswer, Moment, Nothing, Settings, Snapshot, Told},
    record::Record,
};

const MAGIC: &[u8; 8] = b"SEAWALLR";
const FORMAT: u8 = 1;
/// A frame is a record of a few kilobytes, or a list of all processes.
const MAX_FRAME: u32 = 64 * 1024 * 1024;

const START: u8 = 1;
const RECORD: u8 = 2;
const ANSWER: u8 = 3;
const MOMENT: u8 = 4;

/// Why a capture cannot be played.
#[derive(Debug, Error)]
pub enum CaptureError {
    #[error("failed to read the capture")]
    Read(#[source] std::io::Error),
    #[error("this is no capture of a sensor: it begins otherwise")]
    Magic,
    #[error("the capture has format {found}; this sensor reads up to {FORMAT}")]
    Format { found: u8 },
    #[error("frame {number} is damaged: its checksum is another")]
    Checksum { number: u64 },
    #[error("failed to write the capture")]
    Write(#[source] std::io::Error),
    #[error("frame {number} cannot be understood")]
    Frame { number: u64 },
}

/// Writes a capture.
pub struct Recorder {
    to: BufWriter<Box<dyn Write + Send>>,
    frames: u64,
    /// The first fault; nothing is written after it.
    fault: Option<std::io::Error>,
    buffer: Writer,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// Begins a capture at this moment.
    pub fn new(to: Box<dyn Write + Send>, now: Moment) -> std::io::Result<Self> {
        let mut to = BufWriter::new(to);
        to.write_all(MAGIC)?;
        to.write_all(&[FORMAT])?;
        let mut recorder = Self {
            to,
            frames: 0,
            fault: None,
            buffer: Writer::default(),
        };
        recorder.moment(now);
        Ok(recorder)
    }

    pub(crate) fn start(&mut self, snapshot: &Snapshot) {
        self.frame(START, |to| to.snapshot(snapshot));
    }

    pub(crate) fn record(&mut self, record: &Record<'_>) {
        self.frame(RECORD, |to| to.record(record));
    }

    pub(crate) fn answer(&mut self, answer: &MetadataAnswer) {
        self.frame(ANSWER, |to| match answer {
            MetadataAnswer::Users(users) => {
                to.byte(0);
                to.users(users);
            }
            MetadataAnswer::Found(found) => {
                to.byte(1);
                to.container(&found.container);
                to.byte(found.is_complete.into());
                to.byte(found.users.is_some().into());
                if let Some(users) = &found.users {
                    to.users(users);
                }
                to.number(found.healthcheck.len() as u64);
                for word in &found.healthcheck {
                    to.bytes(word);
                }
            }
        });
    }

    pub(crate) fn moment(&mut self, now: Moment) {
        self.frame(MOMENT, |to| {
            to.number(now.boot);
            to.number(now.wall.cast_unsigned());
        });
    }

    fn frame(&mut self, kind: u8, write: impl FnOnce(&mut Writer)) {
        if self.fault.is_some() {
            return;
        }
        self.buffer.0.clear();
        self.buffer.byte(kind);
        write(&mut self.buffer);
        let payload = &self.buffer.0;
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let written = self
            .to
            .write_all(&length.to_le_bytes())
            .and_then(|()| self.to.write_all(&xxh3_64(payload).to_le_bytes()))
            .and_then(|()| self.to.write_all(payload));
        match written {
            Ok(()) => self.frames += 1,
            Err(fault) => self.fault = Some(fault),
        }
    }

    /// Ends the capture; says how many frames it has.
    pub fn finish(mut self) -> std::io::Result<u64> {
        match self.fault {
            Some(fault) => Err(fault),
            None => self.to.flush().map(|()| self.frames),
        }
    }
}

/// What was played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Played {
    pub frames: u64,
    pub records: u64,
    /// The file ends within a frame: whoever wrote it was ended.
    pub is_cut: bool,
}

/// Plays a capture: tells all that was told when it was made.
pub fn replay(
    mut from: impl Read,
    mut settings: Settings,
    tell: &mut dyn FnMut(Told<'_>),
) -> Result<(Played, Context), CaptureError> {
    head(&mut from)?;
    // Processes of this machine are others.
    settings.proc = "/nonexistent".into();
    let mut context = Context::new(settings, Box::new(Nothing), Moment::default());
    let mut played = Played::default();
    let mut payload = Vec::new();
    loop {
        match next_frame(&mut from, &mut payload, played.frames + 1)? {
            Next::Frame => {}
            Next::End => break,
            Next::Cut => {
                played.is_cut = true;
                break;
            }
        }
        played.frames += 1;
        play(&payload, &mut context, &mut played, tell).ok_or(CaptureError::Frame {
            number: played.frames,
        })?;
    }
    // What still waits has nobody to wait for.
    context.let_go(tell);
    Ok((played, context))
}

fn head(from: &mut impl Read) -> Result<(), CaptureError> {
    let mut head = [0; 9];
    from.read_exact(&mut head).map_err(|fault| {
        if fault.kind() == std::io::ErrorKind::UnexpectedEof {
            CaptureError::Magic
        } else {
            CaptureError::Read(fault)
        }
    })?;
    let [magic @ .., format] = head;
    if magic != *MAGIC {
        return Err(CaptureError::Magic);
    }
    if format > FORMAT {
        return Err(CaptureError::Format { found: format });
    }
    Ok(())
}

enum Next {
    Frame,
    End,
    Cut,
}

fn next_frame(
    from: &mut impl Read,
    payload: &mut Vec<u8>,
    number: u64,
) -> Result<Next, CaptureError> {
    let mut head = Vec::with_capacity(12);
    from.take(12)
        .read_to_end(&mut head)
        .map_err(CaptureError::Read)?;
    let Some((length, sum)) = head.split_first_chunk::<4>() else {
        return Ok(if head.is_empty() {
            Next::End
        } else {
            Next::Cut
        });
    };
    let Ok(sum) = <[u8; 8]>::try_from(sum) else {
        return Ok(Next::Cut);
    };
    let length = u32::from_le_bytes(*length);
    if length > MAX_FRAME {
        return Err(CaptureError::Frame { number });
    }
    payload.clear();
    // Grows with what is there, not with what is promised.
    let read = from
        .take(length.into())
        .read_to_end(payload)
        .map_err(CaptureError::Read)?;
    if read < length as usize {
        return Ok(Next::Cut);
    }
    if xxh3_64(payload) != u64::from_le_bytes(sum) {
        return Err(CaptureError::Checksum { number });
    }
    Ok(Next::Frame)
}

fn answer(from: &mut Reader<'_>) -> Option<MetadataAnswer> {
    if from.byte()? == 0 {
        return Some(MetadataAnswer::Users(from.users()?));
    }
    let mut found = Found {
        container: from.container()?,
        is_complete: from.byte()? != 0,
        ..Found::default()
    };
    if from.byte()? != 0 {
        found.users = Some(from.users()?);
    }
    for _ in 0..from.number()?.min(1024) {
        found.healthcheck.push(from.bytes()?.into());
    }
    Some(MetadataAnswer::Found(Box::new(found)))
}

fn snapshot(from: &mut Reader<'_>) -> Option<Snapshot> {
    let mut snapshot = Snapshot {
        legacy: from.number()?.try_into().ok()?,
        ..Snapshot::default()
    };
    for _ in 0..from.number()? {
        snapshot.groups.push(from.seen_group()?);
    }
    for _ in 0..from.number()? {
        snapshot.processes.push(from.seen()?);
    }
    Some(snapshot)
}

fn play(
    payload: &[u8],
    context: &mut Context,
    played: &mut Played,
    tell: &mut dyn FnMut(Told<'_>),
) -> Option<()> {
    let mut from = Reader(payload);
    match from.byte()? {
        START => context.start(&snapshot(&mut from)?, tell),
        RECORD => {
            let record = from.record()?;
            played.records += 1;
            context.take(&record, tell);
        }
        ANSWER => {
            context.answered(answer(&mut from)?, tell);
        }
        MOMENT => {
            let now = Moment {
                boot: from.number()?,
                wall: from.number()?.cast_signed(),
            };
            if played.frames == 1 {
                context.set_clock(now);
            } else {
                context.tick(now, tell);
            }
        }
        // A frame of a later version that this one can do without.
        _ => {}
    }
    Some(())
}

#[cfg(test)]
mod tests;

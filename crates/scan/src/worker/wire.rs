//! What an asker and a worker say to each other: frames of a kind, a
//! length and so many bytes.

use std::io::{self, Read};

use model::Digest;
use serde::{Deserialize, Serialize};

use super::Sealed;
use crate::limits::Limits;

/// A kind and a length.
pub(super) const HEADER: usize = 5;

/// From the asker.
pub(super) const JOB: u8 = 1;
pub(super) const DATA: u8 = 2;
/// The blob is over.
pub(super) const END: u8 = 3;
/// The blob cannot be read on; why, in words.
pub(super) const BROKEN: u8 = 4;
/// A file, opened: its descriptor comes beside.
pub(super) const FILE: u8 = 5;

/// From the worker.
pub(super) const HELLO: u8 = 11;
/// More facts, beside those told before.
pub(super) const FACTS: u8 = 12;
/// Facts told before hold no longer; all will be told again.
pub(super) const FORGET: u8 = 13;
pub(super) const DONE: u8 = 14;
/// Unpacked bytes.
pub(super) const BYTES: u8 = 15;
/// The file has been read, or why not.
pub(super) const READ: u8 = 16;

/// A program, for whoever judges it: the length of its path, the path,
/// and what is in it.
pub(super) const PROGRAM: u8 = 17;

/// How much of the blob goes in one frame.
pub(super) const CHUNK: usize = 128 << 10;

/// What is to be done with the blob that follows.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Job {
    Layer {
        /// By name.
        extractors: Vec<String>,
        limits: Limits,
        aliases: Vec<(u64, Vec<String>)>,
        /// Whether programs are to be shown.
        shows: bool,
    },
    /// Give back what is packed in it.
    Unpack { limits: Limits },
    /// Read it as an SBOM, and give back what is in it.
    Sbom,
    /// Read each of the files that follow, opened, until there is no more.
    Files {
        extractors: Vec<String>,
        limits: Limits,
        shows: bool,
    },
}

/// What is known of a file that was handed over.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Meta {
    pub path: String,
    pub size: u64,
    pub mode: u32,
}

/// A worker's first words.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Hello {
    Ready(Sealed),
    /// It could not be shut in, and reads nothing.
    Refused(String),
}

/// A worker's last words.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Done {
    /// Digest of what the blob unpacks to, where it is packed.
    pub diff_id: Option<Digest>,
    /// Bytes of the blob, if it was read to its end.
    pub size: Option<u64>,
    pub unresolved: Vec<(u64, Vec<String>)>,
    pub interrupted: Option<Why>,
}

/// Why a reading ended early.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Why {
    Limit(String),
    Read(String),
}

pub(super) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER + payload.len());
    frame.extend_from_slice(&header(kind, payload.len()));
    frame.extend_from_slice(payload);
    frame
}

pub(super) fn json_frame(kind: u8, message: &impl Serialize) -> Vec<u8> {
    let text = serde_json::to_vec(message).expect("invariant: messages are plain data");
    frame(kind, &text)
}

pub(super) fn header(kind: u8, length: usize) -> [u8; HEADER] {
    let length = u32::try_from(length).expect("invariant: frames are cut far below 4 GiB");
    let [a, b, c, d] = length.to_le_bytes();
    [kind, a, b, c, d]
}

pub(super) fn parse_header([kind, a, b, c, d]: [u8; HEADER]) -> (u8, usize) {
    let length = u32::from_le_bytes([a, b, c, d]);
    (kind, usize::try_from(length).unwrap_or(usize::MAX))
}

/// What stands before a program in its frame.
pub(super) fn before_program(path: &str) -> Vec<u8> {
    let length = u32::try_from(path.len()).expect("invariant: paths are bounded");
    [&length.to_le_bytes(), path.as_bytes()].concat()
}

/// A program's path, and what is in it.
pub(super) fn program(frame: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = frame.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (path, program) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(path).ok()?, program))
}

/// The worker's side of the pipe: the job, and then the blob as a stream.
pub(super) struct Incoming<R> {
    from: R,
    left: usize,
    is_over: bool,
}

/// One whole message. Its length is believed: the asker is.
pub(super) fn read_frame(from: &mut impl Read, header: [u8; HEADER]) -> io::Result<(u8, Vec<u8>)> {
    let (kind, length) = parse_header(header);
    let mut payload = Vec::new();
    from.take(length as u64).read_to_end(&mut payload)?;
    Ok((kind, payload))
}

impl<R: Read> Incoming<R> {
    /// Reads the job, which comes first.
    pub(super) fn open(mut from: R) -> io::Result<(Job, Self)> {
        let mut header = [0; HEADER];
        from.read_exact(&mut header)?;
        let (kind, text) = read_frame(&mut from, header)?;
        if kind != JOB {
            return Err(io::Error::other("no job came"));
        }
        let job = serde_json::from_slice(&text)?;
        let incoming = Self {
            from,
            left: 0,
            is_over: false,
        };
        Ok((job, incoming))
    }
}

impl<R: Read> Read for Incoming<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 {
            if self.is_over {
                return Ok(0);
            }
            let mut header = [0; HEADER];
            self.from.read_exact(&mut header)?;
            match parse_header(header) {
                (DATA, length) => self.left = length,
                (BROKEN, length) => {
                    self.is_over = true;
                    let mut text = Vec::new();
                    self.from
                        .by_ref()
                        .take(length as u64)
                        .read_to_end(&mut text)?;
                    return Err(io::Error::other(
                        String::from_utf8_lossy(&text).into_owned(),
                    ));
                }
                _ => self.is_over = true,
            }
        }
        let room = buffer.len().min(self.left);
        let read = self.from.read(&mut buffer[..room])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        Job::Unpack {
            limits: Limits::default(),
        }
    }

    #[test]
    fn a_blob_comes_out_as_it_went_in() {
        let said = [
            json_frame(JOB, &job()),
            frame(DATA, b"some "),
            frame(DATA, b""),
            frame(DATA, b"content"),
            frame(END, b""),
        ]
        .concat();
        let (_, mut incoming) = Incoming::open(&*said).unwrap();
        let mut blob = String::new();
        incoming.read_to_string(&mut blob).unwrap();
        assert_eq!(blob, "some content");
    }

    #[test]
    fn a_blob_that_breaks_says_why_and_one_that_stops_is_not_over() {
        let said = [json_frame(JOB, &job()), frame(BROKEN, b"the line is cut")].concat();
        let (_, mut incoming) = Incoming::open(&*said).unwrap();
        let error = incoming.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "the line is cut");
        let said = [json_frame(JOB, &job()), frame(DATA, b"half")].concat();
        let (_, mut incoming) = Incoming::open(&*said).unwrap();
        assert!(incoming.read_to_end(&mut Vec::new()).is_err());
    }
}

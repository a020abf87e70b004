//! One record of the spool: a body as it came in, and where from.
//!
//! `length: u32 | sequence: u64 | hash: u64 | payload`, little-endian.
//! The hash is XXH3 of the payload, seeded with the sequence, so that a
//! record is whole, and in its own place, or is no record. The payload is
//! `head length: u16 | head as JSON | body, compressed`.

use std::io::{self, Read};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What precedes a payload.
pub(super) const FRAME: usize = 4 + 8 + 8;
/// Nothing that is written comes near it; a length beyond it is damage.
const MAX_PAYLOAD: u32 = 1 << 30;
/// Fast enough to stand before an acknowledgement: JSON shrinks about
/// tenfold, which saves more time on the disk than it costs.
const LEVEL: i32 = 1;

/// Where a body came from, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) environment: String,
    pub(crate) cluster: String,
    /// The API server itself sent it, a moment after it happened.
    pub(crate) is_live: bool,
    pub(crate) received: Timestamp,
    /// Of the body, as it came in.
    pub(crate) length: u64,
}

/// A record that was read back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) sequence: u64,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

/// A record without its place in the line.
pub(super) fn payload(head: &Head, body: &[u8]) -> io::Result<Vec<u8>> {
    let head = serde_json::to_vec(head)?;
    let length = u16::try_from(head.len()).map_err(io::Error::other)?;
    let mut payload = Vec::with_capacity(2 + head.len() + body.len() / 6);
    payload.extend_from_slice(&length.to_le_bytes());
    payload.extend_from_slice(&head);
    payload.append(&mut zstd::bulk::compress(body, LEVEL)?);
    Ok(payload)
}

/// Appends the whole record to `out`.
pub(super) fn write(out: &mut Vec<u8>, sequence: u64, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&xxh3_64_with_seed(payload, sequence).to_le_bytes());
    out.extend_from_slice(payload);
    Ok(())
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) length: u32,
    pub(super) sequence: u64,
    hash: u64,
}

/// What was found where a record should begin.
#[derive(Debug)]
pub(super) enum Found<T> {
    Whole(T),
    /// Nothing follows.
    End,
    /// Half of a record, or none: nothing behind it can be trusted.
    Damaged,
}

/// The next frame.
pub(super) fn frame(source: &mut impl Read) -> io::Result<Found<Frame>> {
    let mut bytes = Vec::with_capacity(FRAME);
    source.take(FRAME as u64).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(Found::End);
    }
    let (Some(length), Some(sequence), Some(hash)) =
        (array(&bytes, 0), array(&bytes, 4), array(&bytes, 12))
    else {
        return Ok(Found::Damaged);
    };
    let frame = Frame {
        length: u32::from_le_bytes(length),
        sequence: u64::from_le_bytes(sequence),
        hash: u64::from_le_bytes(hash),
    };
    Ok(if frame.length > MAX_PAYLOAD {
        Found::Damaged
    } else {
        Found::Whole(frame)
    })
}

fn array<const N: usize>(bytes: &[u8], from: usize) -> Option<[u8; N]> {
    bytes.get(from..from + N)?.try_into().ok()
}

/// The payload a frame announces.
pub(super) fn read(source: &mut impl Read, frame: Frame) -> io::Result<Found<Vec<u8>>> {
    let mut payload = Vec::new();
    source
        .take(u64::from(frame.length))
        .read_to_end(&mut payload)?;
    let is_whole = payload.len() == frame.length as usize
        && xxh3_64_with_seed(&payload, frame.sequence) == frame.hash;
    Ok(if is_whole {
        Found::Whole(payload)
    } else {
        Found::Damaged
    })
}

/// Takes a payload apart; `None`: this program did not write it.
pub(super) fn open(sequence: u64, payload: &[u8]) -> Option<Record> {
    let length = usize::from(u16::from_le_bytes(array(payload, 0)?));
    let head: Head = serde_json::from_slice(payload.get(2..2 + length)?).ok()?;
    let body = zstd::bulk::decompress(
        payload.get(2 + length..)?,
        usize::try_from(head.length).ok()?,
    )
    .ok()?;
    Some(Record {
        sequence,
        head,
        body,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(length: usize) -> Head {
        Head {
            environment: "local".to_owned(),
            cluster: "prod".to_owned(),
            is_live: true,
            received: Timestamp::from_second(1_700_000_000).unwrap(),
            length: length as u64,
        }
    }

    fn written(sequence: u64, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write(
            &mut out,
            sequence,
            &payload(&head(body.len()), body).unwrap(),
        )
        .unwrap();
        out
    }

    fn read_back(bytes: &[u8]) -> Option<Record> {
        let mut source = bytes;
        let Found::Whole(frame) = frame(&mut source).unwrap() else {
            return None;
        };
        let Found::Whole(payload) = read(&mut source, frame).unwrap() else {
            return None;
        };
        open(frame.sequence, &payload)
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_and_what_is_damaged_does_not(
            body: Vec<u8>,
            sequence: u64,
            place: prop::sample::Index,
            flip in 1_u8..,
        ) {
            let mut bytes = written(sequence, &body);
            let record = read_back(&bytes).unwrap();
            prop_assert_eq!(record, Record { sequence, head: head(body.len()), body });
            let place = place.index(bytes.len());
            prop_assert_eq!(read_back(&bytes[..place]), None);
            bytes[place] ^= flip;
            prop_assert_eq!(read_back(&bytes), None);
        }

        #[test]
        fn anything_at_all_is_read_without_harm(bytes: Vec<u8>) {
            prop_assert_eq!(read_back(&bytes), None);
            open(0, &bytes);
        }
    }
}

//! How much of a target is read at most: the one place where hostile
//! sizes, counts and times meet a bound.

use std::{
    io::{self, Read},
    time::{Duration, Instant},
};

use model::Cancel;
use serde::{Deserialize, Serialize};

/// Bounds on one target. Exceeding one ends the reading of that layer
/// with a warning that names the bound; the rest is still reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub layers: usize,
    /// Entries of one layer's tar, or files of a folder.
    pub entries: u64,
    /// Bytes of one layer, uncompressed.
    pub layer_bytes: u64,
    /// Uncompressed for each compressed byte, once past
    /// [`Limits::RATIO_GRACE`].
    pub ratio: u64,
    /// Bytes handed to extractors from one layer.
    pub wanted_bytes: u64,
    pub layer_time: Duration,
    /// Bytes of a path.
    pub path_length: usize,
    pub path_depth: usize,
    pub packages: usize,
    /// Bytes of a manifest, index or configuration.
    pub document_bytes: u64,
    /// Files up to this size are parsed in memory, larger ones from an
    /// unlinked temporary file.
    pub memory_bytes: u64,
}

impl Limits {
    /// Holes of log files compress a thousandfold in honest images;
    /// nothing is held against a layer until this many bytes came out.
    pub const RATIO_GRACE: u64 = 1 << 30;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            layers: 512,
            entries: 2_000_000,
            layer_bytes: 64 << 30,
            ratio: 200,
            wanted_bytes: 8 << 30,
            layer_time: Duration::from_mins(30),
            path_length: 4096,
            path_depth: 256,
            packages: 500_000,
            document_bytes: 16 << 20,
            memory_bytes: 4 << 20,
        }
    }
}

/// Why reading was stopped from our side. Travels inside an
/// [`io::Error`] through decompressors and parsers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("cancelled")]
    Cancelled,
    #[error("{0}")]
    Limit(String),
}

impl From<Stop> for io::Error {
    fn from(stop: Stop) -> Self {
        Self::other(stop)
    }
}

impl Stop {
    /// The stop inside an error, however often it was wrapped.
    pub(crate) fn inside(error: &io::Error) -> Option<&Self> {
        let mut cause: Option<&(dyn std::error::Error + 'static)> =
            error.get_ref().map(|inner| inner as _);
        while let Some(error) = cause {
            if let Some(stop) = error.downcast_ref::<Self>() {
                return Some(stop);
            }
            if let Some(io) = error.downcast_ref::<io::Error>() {
                cause = io.get_ref().map(|inner| inner as _);
            } else {
                cause = error.source();
            }
        }
        None
    }
}

/// Bounds what a decompressor gives out: bytes, ratio, time, and the
/// user's patience.
#[derive(Debug)]
pub(crate) struct Bounded<'a, R> {
    inner: R,
    limits: &'a Limits,
    cancel: &'a Cancel,
    deadline: Instant,
    out: u64,
}

/// A reader that knows how many bytes went in at its far end.
pub(crate) trait Counted {
    fn consumed(&self) -> u64;
}

impl<'a, R: Read> Bounded<'a, R> {
    pub(crate) fn new(inner: R, limits: &'a Limits, cancel: &'a Cancel) -> Self {
        Self {
            inner,
            limits,
            cancel,
            deadline: Instant::now() + limits.layer_time,
            out: 0,
        }
    }

    pub(crate) fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    pub(crate) fn get_ref(&self) -> &R {
        &self.inner
    }
}

impl<R: Read + Counted> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(Stop::Cancelled.into());
        }
        if Instant::now() > self.deadline {
            let text = format!("not read within {} s", self.limits.layer_time.as_secs());
            return Err(Stop::Limit(text).into());
        }
        let read = self.inner.read(buffer)?;
        self.out += read as u64;
        if self.out > self.limits.layer_bytes {
            let text = format!("more than {} bytes uncompressed", self.limits.layer_bytes);
            return Err(Stop::Limit(text).into());
        }
        let allowed = self.inner.consumed().saturating_mul(self.limits.ratio);
        if self.out > Limits::RATIO_GRACE.max(allowed) {
            let text = format!("inflates more than {} fold", self.limits.ratio);
            return Err(Stop::Limit(text).into());
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Endless;

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            Ok(buffer.len())
        }
    }

    impl Counted for Endless {
        fn consumed(&self) -> u64 {
            10
        }
    }

    fn reason(limits: &Limits, cancel: &Cancel) -> Stop {
        let mut reader = Bounded::new(Endless, limits, cancel);
        let error = io::copy(&mut reader, &mut io::sink()).unwrap_err();
        Stop::inside(&error).unwrap().clone()
    }

    #[test]
    fn each_bound_names_itself() {
        let cancel = Cancel::default();
        let limits = Limits {
            layer_bytes: 100_000,
            ..Limits::default()
        };
        assert!(
            reason(&limits, &cancel)
                .to_string()
                .contains("100000 bytes")
        );
        assert!(
            reason(&Limits::default(), &cancel)
                .to_string()
                .contains("200 fold")
        );
        cancel.cancel();
        assert_eq!(reason(&limits, &cancel), Stop::Cancelled);
    }

    #[test]
    fn a_stop_is_found_under_wrappings() {
        let error = io::Error::other(io::Error::other(Stop::Cancelled));
        assert_eq!(Stop::inside(&error), Some(&Stop::Cancelled));
        assert_eq!(Stop::inside(&io::Error::other("else")), None);
    }
}

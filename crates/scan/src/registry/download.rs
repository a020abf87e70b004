//! A blob coming over a network that may fail: a cut download goes on
//! where it was cut.

use std::{
    io::{self, Read},
    time::Duration,
};

use super::{RegistryError, session::Session};

/// Cuts in a row without a byte between them.
const PATIENCE: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// Cuts in all: a server that gives a byte at a time is no server.
const MOST_CUTS: u32 = 50;

pub(super) struct Download<'a> {
    session: &'a Session,
    path: String,
    /// Bytes in all, as the manifest says.
    size: Option<u64>,
    position: u64,
    body: Option<Box<dyn Read + Send>>,
    fruitless: u32,
    cuts: u32,
}

impl<'a> Download<'a> {
    pub(super) fn start(
        session: &'a Session,
        digest: &str,
        size: Option<u64>,
    ) -> Result<Self, RegistryError> {
        let mut download = Self {
            session,
            path: format!("blobs/{digest}"),
            size,
            position: 0,
            body: None,
            fruitless: 0,
            cuts: 0,
        };
        download.body = Some(download.open()?);
        Ok(download)
    }

    /// The blob from the current position on.
    fn open(&self) -> Result<Box<dyn Read + Send>, RegistryError> {
        let mut draft = self.session.get(&self.path)?;
        if self.position > 0 {
            draft = draft.header("Range", format!("bytes={}-", self.position));
        }
        let response = self.session.send(&draft)?;
        // A server without ranges sends all of it again.
        let is_rest = response.status == 206
            && response
                .header("content-range")
                .and_then(|text| text.strip_prefix("bytes ")?.split('-').next()?.parse().ok())
                == Some(self.position);
        let mut body = response.reader();
        if self.position > 0 && !is_rest {
            let known = io::copy(&mut (&mut body).take(self.position), &mut io::sink());
            if !matches!(known, Ok(skipped) if skipped == self.position) {
                // The next read finds the end and opens it once more.
                return Ok(Box::new(io::empty()));
            }
        }
        Ok(body)
    }

    fn is_whole(&self) -> bool {
        self.size.is_none_or(|size| self.position >= size)
    }

    /// After a cut: waits and opens again, or gives up with `error`.
    fn resume(&mut self, error: io::Error) -> io::Result<()> {
        self.body = None;
        self.fruitless += 1;
        self.cuts += 1;
        if self.fruitless > PATIENCE || self.cuts > MOST_CUTS || self.session.is_cancelled() {
            return Err(error);
        }
        tracing::debug!(blob = self.path, position = self.position, error = %error, "download was cut, going on");
        std::thread::sleep(FIRST_WAIT * (1 << self.fruitless.min(5)));
        match self.open() {
            Ok(body) => {
                self.body = Some(body);
                Ok(())
            }
            Err(failure @ RegistryError::Fetch { .. }) if self.fruitless < PATIENCE => {
                self.resume(io::Error::other(failure))
            }
            Err(failure) => Err(io::Error::other(model::error::chain(&failure))),
        }
    }
}

impl Read for Download<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(body) = &mut self.body else {
                return Ok(0);
            };
            let room = match self.size {
                // Whatever follows is not part of the blob.
                Some(size) => usize::try_from(size.saturating_sub(self.position))
                    .unwrap_or(usize::MAX)
                    .min(buffer.len()),
                None => buffer.len(),
            };
            if room == 0 {
                return Ok(0);
            }
            match body.read(&mut buffer[..room]) {
                Ok(0) if self.is_whole() => return Ok(0),
                Ok(0) => {
                    let error = format!("the download ended after {} bytes", self.position);
                    self.resume(io::Error::new(io::ErrorKind::UnexpectedEof, error))?;
                }
                Ok(read) => {
                    self.position += read as u64;
                    self.fruitless = 0;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.resume(error)?,
            }
        }
    }
}

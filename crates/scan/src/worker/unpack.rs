//! What a worker gives back as bytes: what was packed in an archive, and
//! what is in an SBOM.

use std::{
    io::{self, Read},
    thread,
};

use model::{Cancel, Sbom};

use super::{
    Isolation,
    ask::{Gone, Worker, feed},
    end,
    told::Lie,
    wire::{self, BYTES, DONE, Done, Why},
};
use crate::{
    layer::Hashing,
    limits::{Limits, Stop},
};

/// The most a worker may say of one SBOM: half a million components.
const MOST_TOLD: u64 = 512 << 20;

/// Lends `user` the bytes that `packed` unpacks to.
pub(crate) fn unpack<T>(
    isolation: &Isolation,
    packed: impl Read + Send,
    limits: &Limits,
    cancel: &Cancel,
    user: impl FnOnce(&mut dyn Read) -> T,
) -> Result<T, String> {
    let job = wire::Job::Unpack {
        limits: limits.clone(),
    };
    through(isolation, &job, packed, limits, cancel, user)
}

/// What is in an SBOM. The error reads after "failed to".
pub(crate) fn read_sbom(
    isolation: &Isolation,
    document: &[u8],
    cancel: &Cancel,
) -> Result<Sbom, String> {
    let told = |reason: String| format!("read the SBOM: the process for it {reason}");
    let limits = Limits::default();
    through(
        isolation,
        &wire::Job::Sbom,
        document,
        &limits,
        cancel,
        |plain| {
            let mut text = Vec::new();
            plain
                .take(MOST_TOLD + 1)
                .read_to_end(&mut text)
                .map_err(|error| error.to_string())?;
            if text.len() as u64 > MOST_TOLD {
                return Err(told("said too much".to_owned()));
            }
            serde_json::from_slice(&text).map_err(|error| told(format!("made no sense: {error}")))
        },
    )
    .map_err(told)?
}

/// Lends `user` the bytes a worker makes of `blob`.
fn through<T>(
    isolation: &Isolation,
    job: &wire::Job,
    blob: impl Read + Send,
    limits: &Limits,
    cancel: &Cancel,
    user: impl FnOnce(&mut dyn Read) -> T,
) -> Result<T, String> {
    let mut worker = Worker::start(isolation, limits, cancel)?;
    let input = worker.input.take().ok_or("could not be fed")?;
    Ok(thread::scope(|scope| {
        let feeding = scope.spawn(|| feed(job, Hashing::counting(blob), input));
        let mut plain = Plain {
            worker,
            frame: Vec::new(),
            position: 0,
            is_over: false,
        };
        let result = user(&mut plain);
        // Whoever feeds it may be waiting for it to take more.
        plain.worker.end();
        drop(feeding.join());
        result
    }))
}

struct Plain<'a> {
    worker: Worker<'a>,
    frame: Vec<u8>,
    position: usize,
    is_over: bool,
}

impl Read for Plain<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position == self.frame.len() {
            if self.is_over {
                return Ok(0);
            }
            self.next()?;
        }
        let left = self.frame.get(self.position..).unwrap_or_default();
        let length = left.len().min(buffer.len());
        buffer[..length].copy_from_slice(&left[..length]);
        self.position += length;
        Ok(length)
    }
}

impl Plain<'_> {
    fn next(&mut self) -> io::Result<()> {
        let gone = match self.worker.frame() {
            Ok((BYTES, frame)) => {
                self.frame = frame;
                self.position = 0;
                return Ok(());
            }
            Ok((DONE, text)) => match serde_json::from_slice(&text) {
                Ok(Done {
                    interrupted: None, ..
                }) => {
                    self.is_over = true;
                    return Ok(());
                }
                Ok(Done {
                    interrupted: Some(why),
                    ..
                }) => {
                    return Err(match why {
                        Why::Limit(limit) => Stop::Limit(end::clean(&limit, 300)).into(),
                        Why::Read(text) => io::Error::other(end::clean(&text, 300)),
                    });
                }
                Err(_) => Lie("a last word that makes no sense").into(),
            },
            Ok(_) => Lie("something of no kind").into(),
            Err(Gone::Cancelled) => return Err(Stop::Cancelled.into()),
            Err(gone) => gone,
        };
        let reason = self.worker.explain(&gone);
        Err(Stop::Limit(format!("the process that read it {reason}")).into())
    }
}

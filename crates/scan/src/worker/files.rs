//! The files of a folder, opened here, read by a worker: what lies on
//! disk need not be copied, and of large files only what matters is read.
//!
//! One file is handed over at a time. A worker that dies over one costs
//! that file alone: another takes the rest.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, IoSlice, Write as _},
    mem::MaybeUninit,
    os::{fd::AsFd as _, unix::net::UnixStream},
    sync::LazyLock,
};

use model::Cancel;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

use super::{
    Isolation,
    ask::{Gone, Worker, names},
    end,
    told::{Lie, Told, check_path},
    wire::{self, FACTS, FILE, HEADER, JOB, Meta, PROGRAM, READ, Why},
};
use crate::{
    extract::{Extractor, FileMeta},
    layer::LayerFacts,
    limits::{Limits, Stop},
    malware::Judge,
};

/// A folder over which so many workers die is not read on.
const MOST_LOST: u32 = 20;

static NO_ALIASES: LazyLock<HashMap<u64, Vec<String>>> = LazyLock::new(HashMap::new);

/// Whoever reads a folder's files elsewhere.
pub(crate) struct Files<'a> {
    isolation: &'a Isolation,
    extractors: &'a [&'a dyn Extractor],
    limits: &'a Limits,
    cancel: &'a Cancel,
    /// Started when the first file comes, and again when one has died.
    worker: Option<(Worker<'a>, UnixStream)>,
    told: Told<'a>,
    judge: Option<&'a Judge<'a>>,
    lost: u32,
}

/// What became of a file.
pub(crate) enum Handed {
    Read,
    /// Its worker died over it, for this reason.
    Lost(String),
    /// None can be had, or too many have died.
    Nobody(String),
}

impl<'a> Files<'a> {
    pub(crate) fn new(
        isolation: &'a Isolation,
        extractors: &'a [&'a dyn Extractor],
        limits: &'a Limits,
        cancel: &'a Cancel,
        judge: Option<&'a Judge<'a>>,
    ) -> Self {
        Self {
            isolation,
            extractors,
            limits,
            cancel,
            worker: None,
            told: Told::new(extractors, &NO_ALIASES, limits),
            judge,
            lost: 0,
        }
    }

    /// Everything that was found.
    pub(crate) fn finish(self) -> LayerFacts {
        self.told.facts
    }

    /// Has a file read. Failing to read the file itself is an error.
    pub(crate) fn take(&mut self, meta: &FileMeta<'_>, file: &File) -> io::Result<Handed> {
        if check_path(meta.path, self.limits, &mut String::new()).is_err() {
            return Err(io::Error::other("its path is too long"));
        }
        if self.lost > MOST_LOST {
            return Ok(Handed::Nobody(format!("died {MOST_LOST} times before")));
        }
        if self.worker.is_none() {
            match self.start() {
                Ok(started) => self.worker = Some(started),
                Err(reason) => return Ok(Handed::Nobody(reason)),
            }
        }
        let Some((worker, socket)) = &mut self.worker else {
            return Ok(Handed::Nobody("is not there".to_owned()));
        };
        worker.renew(self.limits);
        // If it cannot be sent, it has died; how, is asked next.
        send(socket, meta, file).ok();
        let gone = loop {
            match worker.frame() {
                Ok((FACTS, frame)) => {
                    if let Err(lie) = self.told.add(&frame) {
                        break Gone::from(lie);
                    }
                }
                Ok((PROGRAM, frame)) => {
                    let judged = self.told.show(&frame, self.judge);
                    // Judging takes time that the reading may have.
                    worker.renew(self.limits);
                    if let Err(lie) = judged {
                        break Gone::from(lie);
                    }
                }
                Ok((READ, text)) => match serde_json::from_slice(&text) {
                    Ok(None) => return Ok(Handed::Read),
                    Ok(Some(Why::Limit(limit))) => {
                        return Err(Stop::Limit(end::clean(&limit, 300)).into());
                    }
                    Ok(Some(Why::Read(text))) => {
                        return Err(io::Error::other(end::clean(&text, 300)));
                    }
                    Err(_) => break Lie("a word that makes no sense").into(),
                },
                Ok(_) => break Lie("something of no kind").into(),
                Err(Gone::Cancelled) => return Err(Stop::Cancelled.into()),
                Err(gone) => break gone,
            }
        };
        let reason = worker.explain(&gone);
        self.worker = None;
        self.lost += 1;
        Ok(Handed::Lost(reason))
    }

    fn start(&self) -> Result<(Worker<'a>, UnixStream), String> {
        let (worker, mut socket) =
            Worker::start_for_files(self.isolation, self.limits, self.cancel)?;
        let job = wire::Job::Files {
            extractors: names(self.extractors),
            limits: self.limits.clone(),
            shows: self.judge.is_some(),
        };
        socket
            .write_all(&wire::json_frame(JOB, &job))
            .map_err(|error| format!("could not be fed: {error}"))?;
        Ok((worker, socket))
    }
}

fn send(mut socket: &UnixStream, meta: &FileMeta<'_>, file: &File) -> io::Result<()> {
    let meta = Meta {
        path: meta.path.to_owned(),
        size: meta.size,
        mode: meta.mode,
    };
    let frame = wire::json_frame(FILE, &meta);
    let (header, rest) = frame.split_at(HEADER);
    let files = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&files));
    // The descriptor goes with the header, which is read by itself.
    let sent = rustix::net::sendmsg(
        socket,
        &[IoSlice::new(header)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    socket.write_all(header.get(sent..).unwrap_or_default())?;
    socket.write_all(rest)
}

//! The asker's side: a worker is started, fed, listened to, and ended.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Write as _},
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    thread,
    time::{Duration, Instant},
};

use model::Cancel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    Isolation, Sealed, end,
    told::{Lie, MOST_FRAME, Told},
    wire::{
        self, BROKEN, CHUNK, DATA, DONE, Done, END, FACTS, FORGET, HEADER, HELLO, Hello, JOB,
        PROGRAM, Why,
    },
};
use crate::{
    extract::Extractor,
    layer::{self, Ended, Hashing, LayerFacts, Outcome, in_words},
    limits::{Limits, Stop},
    malware::Judge,
};

/// How long a worker may take to be shut in.
const PATIENCE: Duration = Duration::from_secs(20);
/// Beyond a layer's own time, before it is ended from outside.
const GRACE: Duration = Duration::from_secs(5);
/// How often it is looked whether somebody wants it ended.
const LOOK_UP: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Why a worker is listened to no longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Gone {
    #[error("cancelled")]
    Cancelled,
    #[error("did not end in time")]
    Late,
    /// It is dead, or ought to be.
    #[error("ended")]
    Ended,
    #[error(transparent)]
    Lie(#[from] Lie),
    #[error("could not be listened to: {0}")]
    Read(#[source] io::Error),
}

/// A worker that has been shut in and waits for its job.
pub(super) struct Worker<'a> {
    child: Child,
    /// Taken by whoever feeds it.
    pub(super) input: Option<ChildStdin>,
    output: ChildStdout,
    last_words: File,
    isolation: &'a Isolation,
    seconds: u64,
    deadline: Instant,
    cancel: &'a Cancel,
}

impl<'a> Worker<'a> {
    pub(super) fn start(
        isolation: &'a Isolation,
        limits: &Limits,
        cancel: &'a Cancel,
    ) -> Result<Self, String> {
        let mut worker = Self::spawn(isolation, limits, cancel, None)?;
        worker.input = worker.child.stdin.take();
        Ok(worker)
    }

    /// Starts one that hears over a socket, through which files can be
    /// handed over.
    pub(super) fn start_for_files(
        isolation: &'a Isolation,
        limits: &Limits,
        cancel: &'a Cancel,
    ) -> Result<(Self, UnixStream), String> {
        let (ours, theirs) =
            UnixStream::pair().map_err(|error| format!("could not be started: {error}"))?;
        let worker = Self::spawn(isolation, limits, cancel, Some(theirs))?;
        Ok((worker, ours))
    }

    fn spawn(
        isolation: &'a Isolation,
        limits: &Limits,
        cancel: &'a Cancel,
        socket: Option<UnixStream>,
    ) -> Result<Self, String> {
        let seconds = limits.layer_time.as_secs().saturating_add(1);
        let failed = |error: io::Error| format!("could not be started: {error}");
        let last_words = end::last_words().map_err(failed)?;
        let theirs = last_words.try_clone().map_err(failed)?;
        let is_handed_files = socket.is_some();
        let input = socket.map_or_else(Stdio::piped, |socket| OwnedFd::from(socket).into());
        let mut child = isolation
            .command(seconds, theirs, input)
            .arg(u8::from(is_handed_files).to_string())
            .spawn()
            .map_err(failed)?;
        let Some(output) = child.stdout.take() else {
            return Err("could not be spoken to".to_owned());
        };
        let mut worker = Self {
            child,
            input: None,
            output,
            last_words,
            isolation,
            seconds,
            deadline: Instant::now() + PATIENCE,
            cancel,
        };
        let sealed = worker.hello()?;
        isolation.sealed.get_or_init(|| {
            tracing::debug!(%sealed, "a scan worker is shut in");
            sealed
        });
        worker.renew(limits);
        Ok(worker)
    }

    /// Gives it as long again as a layer may take.
    pub(super) fn renew(&mut self, limits: &Limits) {
        self.deadline = Instant::now() + limits.layer_time + GRACE;
    }

    fn hello(&mut self) -> Result<Sealed, String> {
        match self.frame() {
            Ok((HELLO, text)) => match serde_json::from_slice(&text) {
                Ok(Hello::Ready(sealed)) => Ok(sealed),
                Ok(Hello::Refused(reason)) => Err(format!(
                    "could not be shut in: {}",
                    end::clean(&reason, 300)
                )),
                Err(_) => Err("is no worker of ours".to_owned()),
            },
            Ok(_) => Err("is no worker of ours".to_owned()),
            Err(gone) => Err(self.explain(&gone)),
        }
    }

    /// The next frame. Its length is a claim: room is made for what comes.
    pub(super) fn frame(&mut self) -> Result<(u8, Vec<u8>), Gone> {
        let mut header = [0; HEADER];
        self.fill(&mut header)?;
        let (kind, length) = wire::parse_header(header);
        if length > MOST_FRAME {
            return Err(Lie("more at once than it may").into());
        }
        let mut payload = Vec::new();
        while payload.len() < length {
            let start = payload.len();
            payload.resize(length.min(start + (1 << 20)), 0);
            self.fill(&mut payload[start..])?;
        }
        Ok((kind, payload))
    }

    fn fill(&mut self, mut room: &mut [u8]) -> Result<(), Gone> {
        while !room.is_empty() {
            self.wait()?;
            match self.output.read(room) {
                Ok(0) => return Err(Gone::Ended),
                Ok(read) => room = room.get_mut(read..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Gone::Read(error)),
            }
        }
        Ok(())
    }

    fn wait(&self) -> Result<(), Gone> {
        loop {
            if self.cancel.is_cancelled() {
                return Err(Gone::Cancelled);
            }
            if Instant::now() > self.deadline {
                return Err(Gone::Late);
            }
            let mut awaited = [PollFd::new(&self.output, PollFlags::IN)];
            match poll(&mut awaited, Some(&LOOK_UP)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(Gone::Read(error.into())),
            }
        }
    }

    /// Ends it, and says why that had to be.
    pub(super) fn explain(&mut self, gone: &Gone) -> String {
        if !matches!(gone, Gone::Ended) {
            self.end();
            return match gone {
                Gone::Late => format!("did not end within {} s", self.seconds + GRACE.as_secs()),
                gone => gone.to_string(),
            };
        }
        // Its pipe is shut: it is dying. Only a liar closes it and lives.
        let until = Instant::now() + GRACE;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    return end::explain(
                        status,
                        &self.last_words,
                        self.isolation.memory,
                        self.seconds,
                    );
                }
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(1)),
                _ => {
                    self.end();
                    return "fell silent".to_owned();
                }
            }
        }
    }

    /// Ends it, whatever it does.
    pub(super) fn end(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

pub(super) fn check(isolation: &Isolation) -> Result<Sealed, String> {
    let cancel = Cancel::default();
    let mut worker = Worker::start(isolation, &Limits::default(), &cancel)?;
    worker.end();
    isolation.sealed().ok_or_else(|| "said nothing".to_owned())
}

/// How the feeding went.
pub(super) enum Fed<R> {
    /// All of the blob has gone in.
    Whole(Hashing<R>),
    /// The worker took no more.
    Refused,
    /// The blob itself could not be read on.
    Broken(io::Error),
}

/// Sends the job, and then the blob from its start to its end.
pub(super) fn feed<R: Read>(job: &wire::Job, mut blob: Hashing<R>, mut to: ChildStdin) -> Fed<R> {
    if to.write_all(&wire::json_frame(JOB, job)).is_err() {
        return Fed::Refused;
    }
    let mut frame = vec![0; HEADER + CHUNK];
    loop {
        let mut filled = HEADER;
        let end = loop {
            match blob.read(&mut frame[filled..]) {
                Ok(0) => break Some(Ok(())),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Some(Err(error)),
            }
            if filled == frame.len() {
                break None;
            }
        };
        frame[..HEADER].copy_from_slice(&wire::header(DATA, filled - HEADER));
        if filled > HEADER && to.write_all(&frame[..filled]).is_err() {
            return Fed::Refused;
        }
        match end {
            None => {}
            Some(Ok(())) => {
                return match to.write_all(&wire::frame(END, b"")) {
                    Ok(()) => Fed::Whole(blob),
                    Err(_) => Fed::Refused,
                };
            }
            Some(Err(error)) => {
                let text = error.to_string();
                // If it does not hear it, it is gone.
                to.write_all(&wire::frame(BROKEN, text.as_bytes())).ok();
                return Fed::Broken(error);
            }
        }
    }
}

/// Reads a layer as [`layer::read_layer`] does, in a worker.
pub(crate) fn read_layer(isolation: &Isolation, blob: impl Read, job: layer::Job<'_>) -> Outcome {
    let mut worker = match Worker::start(isolation, job.limits, job.cancel) {
        Ok(worker) => worker,
        Err(reason) => return partly(LayerFacts::for_extractors(job.extractors), &reason),
    };
    let order = wire::Job::Layer {
        extractors: names(job.extractors),
        limits: job.limits.clone(),
        aliases: job
            .aliases
            .iter()
            .map(|(target, names)| (*target, names.clone()))
            .collect(),
        shows: job.judge.is_some(),
    };
    let Some(input) = worker.input.take() else {
        return partly(
            LayerFacts::for_extractors(job.extractors),
            "could not be fed",
        );
    };
    let mut told = Told::new(job.extractors, job.aliases, job.limits);
    let judge = job.judge;
    let (heard, fed) = thread::scope(|scope| {
        let listening = scope.spawn(|| {
            let heard = listen(&mut worker, &mut told, judge);
            // Whoever feeds it may be waiting for it to take more.
            worker.end();
            heard
        });
        let fed = feed(&order, Hashing::new(blob), input);
        let heard = listening
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (heard, fed)
    });
    let mut facts = std::mem::take(&mut told.facts);
    let (mut done, unresolved) = match heard {
        Ok(heard) => heard,
        Err(Heard::Cancelled) => {
            let stop = io::Error::from(Stop::Cancelled);
            facts.remark(None, in_words(&stop));
            return interrupted(facts, stop);
        }
        Err(Heard::Lost(reason)) => return partly(facts, &reason),
    };
    facts.seal();
    let (ended, error) = match fed {
        Fed::Whole(blob) => {
            let ended = done.size.take().map(|_| Ended {
                digest: blob.digest(),
                diff_id: done.diff_id,
                size: blob.count(),
            });
            (ended, None)
        }
        Fed::Broken(error) => (None, Some(error)),
        Fed::Refused => (None, None),
    };
    let why = done.interrupted.map(|why| match why {
        Why::Limit(limit) => Stop::Limit(end::clean(&limit, 300)).into(),
        Why::Read(text) => io::Error::other(end::clean(&text, 300)),
    });
    Outcome {
        facts,
        verified: ended.and_then(|ended| ended.verified()),
        ended,
        unresolved,
        interrupted: error.or(why),
    }
}

pub(super) fn names(extractors: &[&dyn Extractor]) -> Vec<String> {
    let name = |extractor: &&dyn Extractor| extractor.name().to_owned();
    extractors.iter().map(name).collect()
}

enum Heard {
    Cancelled,
    Lost(String),
}

type Links = HashMap<u64, Vec<String>>;

fn listen(
    worker: &mut Worker<'_>,
    told: &mut Told<'_>,
    judge: Option<&Judge<'_>>,
) -> Result<(Done, Links), Heard> {
    let heard = loop {
        let heard = match worker.frame() {
            Ok((FACTS, frame)) => told.add(&frame).map_err(Gone::from),
            Ok((PROGRAM, frame)) => told.show(&frame, judge).map_err(Gone::from),
            Ok((FORGET, _)) => {
                told.forget();
                Ok(())
            }
            Ok((DONE, text)) => break finish(&text, told).map_err(Gone::from),
            Ok(_) => Err(Lie("something of no kind").into()),
            Err(gone) => Err(gone),
        };
        if let Err(gone) = heard {
            break Err(gone);
        }
    };
    heard.map_err(|gone| match gone {
        Gone::Cancelled => Heard::Cancelled,
        gone => Heard::Lost(worker.explain(&gone)),
    })
}

fn finish(text: &[u8], told: &mut Told<'_>) -> Result<(Done, Links), Lie> {
    let Ok(mut done) = serde_json::from_slice::<Done>(text) else {
        return Err(Lie("a last word that makes no sense"));
    };
    let links = told.unresolved(&mut done)?;
    Ok((done, links))
}

/// What is known of a layer whose worker was lost: a bound that says
/// nothing against the layer itself.
fn partly(mut facts: LayerFacts, reason: &str) -> Outcome {
    let stop = io::Error::from(Stop::Limit(format!("the process that read it {reason}")));
    facts.remark(None, in_words(&stop));
    interrupted(facts, stop)
}

fn interrupted(mut facts: LayerFacts, error: io::Error) -> Outcome {
    facts.seal();
    Outcome {
        facts,
        verified: None,
        ended: None,
        unresolved: HashMap::new(),
        interrupted: Some(error),
    }
}

//! The worker's side: shut in, asked once, done.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap, HashSet},
    ffi::OsString,
    fs::File,
    io::{self, IoSliceMut, Read},
    mem::MaybeUninit,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd},
    process::ExitCode,
    time::{Duration, Instant},
};

use model::{Cancel, Digest, malware::MAX_SCAN};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};

use super::{
    Sealed, end,
    filter::Descriptors,
    seal::{self, Bounds},
    wire::{
        self, BYTES, CHUNK, DONE, Done, FACTS, FILE, FORGET, HELLO, Hello, Incoming, Job, Meta,
        PROGRAM, READ, Why,
    },
};
use crate::{
    cache,
    extract::{self, Extractor, FileMeta, ReadSeek},
    layer::{self, ExtractorFacts, LayerFacts, Unpack, Watch},
    limits::{Limits, Stop},
    offer::Offer,
    sbom_document,
};

/// What stands in for the reading of a layer, to try what one that fell
/// to its input could do: it is given the blob, and says what came of it.
pub type Parser<'a> = &'a dyn Fn(&mut dyn Read) -> Vec<String>;

/// Before what such a parser claims that the blob unpacks to.
const CLAIM: &str = "claim ";
/// The largest file that is spooled to disk: no extractor takes larger
/// ones.
const MOST_SPOOLED: u64 = 2 << 30;
/// And in memory, where no file can be made.
const MOST_IN_MEMORY: u64 = 128 << 20;
/// Facts are told this often at most: what a reader that dies has found
/// since is lost.
const TOLD_EVERY: Duration = Duration::from_millis(5);

/// Is a worker: reads one blob from standard input, tells of it on
/// standard output, and ends. `arguments` are what an asker adds.
pub fn serve(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    be_a_worker(arguments, None)
}

/// As [`serve`], with another parser in the place of ours, shut in by
/// the same means. For tests.
#[doc(hidden)]
pub fn serve_with(arguments: impl Iterator<Item = OsString>, parser: Parser<'_>) -> ExitCode {
    be_a_worker(arguments, Some(parser))
}

fn be_a_worker(arguments: impl Iterator<Item = OsString>, parser: Option<Parser<'_>>) -> ExitCode {
    let numbers: Vec<u64> = arguments
        .filter_map(|argument| argument.to_str()?.parse().ok())
        .collect();
    let [memory, seconds, is_handed_files] = *numbers.as_slice() else {
        say("this command is started by `seawall scan`, and is of no use by itself\n");
        return ExitCode::from(2);
    };
    let (spool, most_spooled) = match prepare_spool() {
        Ok(prepared) => prepared,
        Err(error) => return refuse(&format!("no file to spool to can be made: {error}")),
    };
    // Numbers are given out from the lowest: the next file gets this one.
    let next = match spool.try_clone() {
        Ok(copy) => copy.as_raw_fd(),
        Err(error) => return refuse(&format!("no file can be opened: {error}")),
    };
    let bounds = Bounds {
        memory,
        seconds,
        spool: most_spooled,
    };
    let own = Descriptors {
        input: io::stdin().as_raw_fd(),
        output: io::stdout().as_raw_fd(),
        last_words: io::stderr().as_raw_fd(),
        spool: spool.as_raw_fd(),
        passed: (is_handed_files > 0).then_some(next),
    };
    let sealed = match seal::seal(bounds, own) {
        Ok(sealed) => sealed,
        Err(error) => return refuse(&model::error::chain(&error)),
    };
    match work(sealed, &spool, most_spooled, parser) {
        Ok(()) => ExitCode::SUCCESS,
        // The asker is gone, or is no asker.
        Err(_) => ExitCode::from(3),
    }
}

fn work(
    sealed: Sealed,
    spool: &File,
    most_spooled: u64,
    parser: Option<Parser<'_>>,
) -> io::Result<()> {
    tell(&wire::json_frame(HELLO, &Hello::Ready(sealed)))?;
    let (job, mut blob) = Incoming::open(Input)?;
    let done = match (job, parser) {
        (Job::Layer { .. }, Some(parser)) => {
            let mut facts = LayerFacts::default();
            let mut claim = None;
            for message in parser(&mut blob) {
                match message.strip_prefix(CLAIM) {
                    Some(digest) => claim = digest.parse().ok(),
                    None => facts.remark(None, message),
                }
            }
            tell(&wire::frame(FACTS, &cache::encode(&facts)))?;
            Done {
                diff_id: claim,
                size: Some(0),
                ..Done::default()
            }
        }
        (
            Job::Layer {
                extractors,
                limits,
                aliases,
                shows,
            },
            None,
        ) => {
            let asked = asked(&extractors);
            let teller = Teller::new(spool, most_spooled, shows);
            let outcome = layer::read_layer(
                blob,
                layer::Job {
                    extractors: &asked,
                    limits: &limits,
                    cancel: &Cancel::default(),
                    aliases: &aliases.into_iter().collect::<HashMap<_, _>>(),
                    watch: &teller,
                    judge: None,
                    is_hashed: true,
                },
            );
            Done {
                diff_id: outcome.ended.and_then(|ended| ended.diff_id),
                size: outcome.ended.map(|ended| ended.size),
                unresolved: outcome.unresolved.into_iter().collect(),
                interrupted: outcome.interrupted.as_ref().map(why),
            }
        }
        (
            Job::Files {
                extractors,
                limits,
                shows,
            },
            None,
        ) => {
            let teller = Teller::new(spool, most_spooled, shows);
            read_files(&asked(&extractors), &limits, &teller)?;
            Done::default()
        }
        (Job::Files { .. }, Some(parser)) => {
            let mut facts = LayerFacts::default();
            while let Some((_, mut file)) = next_file()? {
                for message in parser(&mut file) {
                    facts.remark(None, message);
                }
                tell(&wire::frame(FACTS, &cache::encode(&facts)))?;
                tell(&wire::json_frame(READ, &None::<Why>))?;
            }
            Done::default()
        }
        (Job::Sbom, None) => match document(blob) {
            Ok(()) => Done {
                size: Some(0),
                ..Done::default()
            },
            Err(reason) => Done {
                interrupted: Some(Why::Read(reason)),
                ..Done::default()
            },
        },
        (Job::Sbom, Some(parser)) => Done {
            interrupted: Some(Why::Read(parser(&mut blob).join("\n"))),
            ..Done::default()
        },
        (Job::Unpack { limits }, _) => match unpack(blob, &limits) {
            Ok(()) => Done {
                size: Some(0),
                ..Done::default()
            },
            Err(error) => Done {
                interrupted: Some(why(&error)),
                ..Done::default()
            },
        },
    };
    tell(&wire::json_frame(DONE, &done))
}

fn asked(names: &[String]) -> Vec<&'static dyn Extractor> {
    extract::all()
        .iter()
        .filter(|known| names.iter().any(|name| name == known.name()))
        .copied()
        .collect()
}

/// Reads files as they are handed over, and says so after each.
fn read_files(
    extractors: &[&dyn Extractor],
    limits: &Limits,
    teller: &Teller<'_>,
) -> io::Result<()> {
    let mut facts = LayerFacts::for_extractors(extractors);
    let mut offer = Offer::new(extractors, limits, teller);
    while let Some((meta, mut file)) = next_file()? {
        let meta = FileMeta {
            path: &meta.path,
            size: meta.size,
            mode: meta.mode,
        };
        let read = if offer.is_wanted(&meta) {
            offer.take_file(&meta, &mut file, &mut facts)
        } else {
            Ok(())
        };
        // Room for the next one.
        drop(file);
        teller.knows(&facts, true)?;
        tell(&wire::json_frame(READ, &read.as_ref().err().map(why)))?;
    }
    Ok(())
}

/// The next file, if there is one.
fn next_file() -> io::Result<Option<(Meta, File)>> {
    let mut header = [0; wire::HEADER];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::net::recvmsg(
        io::stdin().as_fd(),
        &mut [IoSliceMut::new(&mut header)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    if received.bytes == 0 {
        return Ok(None);
    }
    Input.read_exact(header.get_mut(received.bytes..).unwrap_or_default())?;
    let (kind, text) = wire::read_frame(&mut Input, header)?;
    let file = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    match (kind, file) {
        (FILE, Some(file)) => Ok(Some((serde_json::from_slice(&text)?, file.into()))),
        _ => Ok(None),
    }
}

fn why(error: &io::Error) -> Why {
    match Stop::inside(error) {
        Some(Stop::Limit(limit)) => Why::Limit(limit.clone()),
        _ => Why::Read(model::error::chain(error)),
    }
}

fn unpack(blob: impl Read, limits: &Limits) -> io::Result<()> {
    let cancel = Cancel::default();
    let mut plain = Unpack::unhashed(blob, limits, &cancel)?;
    let mut frame = vec![0; wire::HEADER + CHUNK];
    loop {
        let read = plain.read(&mut frame[wire::HEADER..])?;
        if read == 0 {
            return plain.finish().map(drop);
        }
        frame[..wire::HEADER].copy_from_slice(&wire::header(BYTES, read));
        tell(&frame[..wire::HEADER + read])?;
    }
}

/// Reads an SBOM, and tells what is in it in the model's own words.
fn document(mut blob: impl Read) -> Result<(), String> {
    let mut bytes = Vec::new();
    blob.by_ref()
        .take(sbom_document::LARGEST)
        .read_to_end(&mut bytes)
        .map_err(|error| model::error::chain(&error))?;
    let sbom = sbom_document::read(&bytes).map_err(|error| model::error::chain(&error))?;
    drop(bytes);
    let text = serde_json::to_vec(&sbom).map_err(|error| model::error::chain(&error))?;
    for part in text.chunks(CHUNK) {
        tell(&wire::frame(BYTES, part)).map_err(|error| model::error::chain(&error))?;
    }
    Ok(())
}

/// A file for what is too large to hold, made while files can be made.
/// On disk, out of every folder, or in memory where there is no disk.
fn prepare_spool() -> io::Result<(File, u64)> {
    if let Ok(file) = tempfile::tempfile() {
        return Ok((file, MOST_SPOOLED));
    }
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let file = rustix::fs::memfd_create("seawall-scan-spool", flags)?;
    Ok((file.into(), MOST_IN_MEMORY))
}

fn refuse(reason: &str) -> ExitCode {
    let hello = Hello::Refused(reason.to_owned());
    // If the asker does not hear it, it sees the end.
    tell(&wire::json_frame(HELLO, &hello)).ok();
    ExitCode::from(3)
}

fn say(text: &str) {
    rustix::io::write(io::stderr().as_fd(), text.as_bytes()).ok();
}

/// Standard input, without a buffer that reads ahead.
struct Input;

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(io::stdin().as_fd(), buffer)?)
    }
}

fn tell(frame: &[u8]) -> io::Result<()> {
    write_all(io::stdout().as_fd(), frame)
}

fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Tells the asker what is found while it is found.
struct Teller<'a> {
    spool: &'a File,
    most_spooled: u64,
    told: RefCell<Told>,
    /// What has been shown, where programs are to be.
    shown: Option<RefCell<HashSet<Digest>>>,
}

impl<'a> Teller<'a> {
    fn new(spool: &'a File, most_spooled: u64, shows: bool) -> Self {
        Self {
            spool,
            most_spooled,
            told: RefCell::new(Told::new()),
            shown: shows.then(RefCell::default),
        }
    }
}

/// How much of the facts has been told.
struct Told {
    files: BTreeMap<String, (usize, usize)>,
    lists: [usize; 4],
    remarks: usize,
    last: Instant,
}

impl Told {
    fn new() -> Self {
        Self {
            files: BTreeMap::new(),
            lists: [0; 4],
            remarks: 0,
            last: Instant::now(),
        }
    }

    /// What is new in `facts`, which from here on has been told.
    fn news(&mut self, facts: &LayerFacts) -> LayerFacts {
        let mut news = LayerFacts::default();
        for (name, own) in &facts.extractors {
            let told = self.files.entry(name.clone()).or_default();
            let (files, remarks) = (own.files.get(told.0..), own.remarks.get(told.1..));
            let (files, remarks) = (files.unwrap_or_default(), remarks.unwrap_or_default());
            if files.is_empty() && remarks.is_empty() {
                continue;
            }
            *told = (own.files.len(), own.remarks.len());
            let own = ExtractorFacts {
                version: own.version,
                files: files.to_vec(),
                remarks: remarks.to_vec(),
            };
            news.extractors.insert(name.clone(), own);
        }
        let lists = [
            (&facts.files, &mut news.files),
            (&facts.folders, &mut news.folders),
            (&facts.whiteouts, &mut news.whiteouts),
            (&facts.opaques, &mut news.opaques),
        ];
        for (told, (all, new)) in self.lists.iter_mut().zip(lists) {
            new.extend_from_slice(all.get(*told..).unwrap_or_default());
            *told = all.len();
        }
        let remarks = facts.remarks.get(self.remarks..);
        news.remarks.extend_from_slice(remarks.unwrap_or_default());
        self.remarks = facts.remarks.len();
        news
    }
}

impl Watch for Teller<'_> {
    fn begins(&self, extractor: &str, path: &str) {
        let note = end::note(extractor, path);
        rustix::io::pwrite(io::stderr().as_fd(), &note, 0).ok();
    }

    fn ended(&self) {
        let note = end::note("", "");
        rustix::io::pwrite(io::stderr().as_fd(), &note, 0).ok();
    }

    fn knows(&self, facts: &LayerFacts, at_once: bool) -> io::Result<()> {
        let mut told = self.told.borrow_mut();
        if !at_once && told.last.elapsed() < TOLD_EVERY {
            return Ok(());
        }
        let news = told.news(facts);
        if news != LayerFacts::default() {
            tell(&wire::frame(FACTS, &cache::encode(&news)))?;
        }
        told.last = Instant::now();
        Ok(())
    }

    fn forgets(&self) -> io::Result<()> {
        *self.told.borrow_mut() = Told::new();
        tell(&wire::frame(FORGET, b""))
    }

    fn spool(&self) -> Option<(&File, u64)> {
        Some((self.spool, self.most_spooled))
    }

    fn shows(&self, path: &str, digest: &Digest, program: &mut dyn ReadSeek) -> io::Result<()> {
        let Some(shown) = &self.shown else {
            return Ok(());
        };
        if !shown.borrow_mut().insert(*digest) {
            return Ok(());
        }
        let mut frame = wire::before_program(path);
        program.take(MAX_SCAN).read_to_end(&mut frame)?;
        tell(&wire::header(PROGRAM, frame.len()))?;
        tell(&frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::FileFacts;

    #[test]
    fn everything_is_told_once() {
        let mut facts = LayerFacts::default();
        let mut told = Told::new();
        let mut heard = LayerFacts::default();
        for number in 0..5 {
            facts.files.push(number);
            facts.remark(None, number.to_string());
            let own = facts.extractors.entry("dpkg".to_owned()).or_default();
            own.files.push(FileFacts {
                path: number.to_string(),
                extraction: extract::Extraction::default(),
            });
            let news = told.news(&facts);
            heard.files.extend(news.files);
            heard.remarks.extend(news.remarks);
            for (name, own) in news.extractors {
                let known = heard.extractors.entry(name).or_default();
                known.files.extend(own.files);
            }
        }
        assert_eq!(heard, facts);
        assert_eq!(told.news(&facts), LayerFacts::default());
    }
}

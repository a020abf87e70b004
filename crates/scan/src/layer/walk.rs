//! Walking a layer's tar: offering its files, noting what it hides.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
};

use model::{Cancel, Digest};

use super::{
    facts::{FileFacts, LayerFacts},
    path::{hash, normalise},
    tar::{Kind, Tar, TarError},
    unpack::{Ended, Unpack, Verified},
};
use crate::{
    extract::{Extractor, FileMeta, ReadSeek},
    limits::{Limits, Stop},
    malware::Judge,
    offer::Offer,
};

const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";
/// Of each sort of mishap, so many are listed one by one.
const LISTED: usize = 5;

/// How a layer is to be read.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub extractors: &'a [&'a dyn Extractor],
    pub limits: &'a Limits,
    pub cancel: &'a Cancel,
    /// Files, by [`hash`] of their path, to be read under other names
    /// too: hard links whose target nobody wanted under its own.
    pub aliases: &'a HashMap<u64, Vec<String>>,
    pub watch: &'a dyn Watch,
    /// Who judges programs, where they are read by another process.
    pub judge: Option<&'a Judge<'a>>,
    /// Somebody else hashes the blob: only its tar is hashed here, and
    /// nothing is [`Outcome::verified`].
    pub is_hashed: bool,
}

/// Told how far a reading has come, for the case that it never ends.
/// Whoever watches hears of what it says; of the rest, nothing follows.
pub(crate) trait Watch {
    /// An extractor is about to read a file.
    fn begins(&self, _extractor: &str, _path: &str) {}
    /// It has come back.
    fn ended(&self) {}
    /// What is known so far; before something large it is told at once.
    fn knows(&self, _facts: &LayerFacts, _at_once: bool) -> io::Result<()> {
        Ok(())
    }
    /// Something that was told holds no longer.
    fn forgets(&self) -> io::Result<()> {
        Ok(())
    }
    /// The file to spool to, where none can be made, and how large it
    /// may grow.
    fn spool(&self) -> Option<(&File, u64)> {
        None
    }
    /// A program was read that has this digest: here is what is in it.
    fn shows(&self, _path: &str, _digest: &Digest, _program: &mut dyn ReadSeek) -> io::Result<()> {
        Ok(())
    }
}

/// Nobody needs to be told: the reading is in this process.
pub(crate) struct Nobody;

impl Watch for Nobody {}

/// Files from this size on are worth a word before they are read.
const LARGE: u64 = 256 << 10;

/// How it went.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub facts: LayerFacts,
    /// Set if the blob was read to its end: only then are the digests
    /// known, and the facts complete.
    pub verified: Option<Verified>,
    pub ended: Option<Ended>,
    /// Hard links that need a second reading, see [`Job::aliases`].
    pub unresolved: HashMap<u64, Vec<String>>,
    /// Why it ended early, where that was not the layer's own fault.
    pub interrupted: Option<io::Error>,
}

/// Reads one layer's blob to its end, whatever is in it.
pub(crate) fn read_layer(blob: impl Read, job: Job<'_>) -> Outcome {
    let mut walk = Walk {
        job,
        facts: LayerFacts::for_extractors(job.extractors),
        path: String::new(),
        seen: HashMap::new(),
        unresolved: HashMap::new(),
        entries: 0,
        bad_paths: Tally::default(),
    };
    let mut interrupted = None;
    let unpack = if job.is_hashed {
        Unpack::unhashed(blob, job.limits, job.cancel)
    } else {
        Unpack::new(blob, job.limits, job.cancel)
    };
    let ended = unpack
        .and_then(|unpack| walk.blob(unpack))
        .map_err(|error| {
            walk.facts.remark(None, in_words(&error));
            interrupted = Some(error);
        })
        .ok();
    walk.bad_paths.report(&mut walk.facts);
    if let Err(error) = job.watch.knows(&walk.facts, true) {
        interrupted.get_or_insert(error);
    }
    walk.facts.seal();
    Outcome {
        facts: walk.facts,
        verified: ended.and_then(|ended| ended.verified()),
        ended,
        unresolved: walk.unresolved,
        interrupted,
    }
}

/// What ended the reading of a layer, as a user can understand it.
pub(crate) fn in_words(error: &io::Error) -> String {
    match Stop::inside(error) {
        Some(Stop::Limit(limit)) => format!("only partly read: {limit}"),
        Some(Stop::Cancelled) => "only partly read: cancelled".to_owned(),
        None => format!("only partly read: {error}"),
    }
}

struct Walk<'a> {
    job: Job<'a>,
    facts: LayerFacts,
    path: String,
    /// What stands at a path that some extractor wanted.
    seen: HashMap<u64, Seen>,
    unresolved: HashMap<u64, Vec<String>>,
    entries: u64,
    bad_paths: Tally,
}

/// A file that was handed to extractors.
#[derive(Clone)]
struct Seen {
    readers: Vec<&'static str>,
    size: u64,
}

/// A hard link's size is its target's; where that is not known, a size
/// no extractor is likely to turn down.
const LINK_SIZE: u64 = 1 << 16;

impl Walk<'_> {
    fn blob<R: Read>(&mut self, unpack: Unpack<'_, R>) -> io::Result<Ended> {
        let mut tar = Tar::new(unpack);
        let mut offer = Offer::new(self.job.extractors, self.job.limits, self.job.watch);
        match self.entries(&mut tar, &mut offer) {
            Ok(()) => {}
            Err(TarError::Read(error)) => return Err(error),
            // The tar itself is damaged: that is a fact about the layer.
            // Reading on tells whether its digest is at least true.
            Err(error) => {
                let message = format!("only partly read: {error}");
                self.facts.remark(None, message);
            }
        }
        tar.into_inner().finish()
    }

    fn entries<R: io::BufRead>(
        &mut self,
        tar: &mut Tar<R>,
        offer: &mut Offer<'_>,
    ) -> Result<(), TarError> {
        let limits = self.job.limits;
        let mut link = String::new();
        while let Some(entry) = tar.next()? {
            self.entries += 1;
            if self.entries > limits.entries {
                let text = format!("more than {} entries", limits.entries);
                return Err(TarError::Read(Stop::Limit(text).into()));
            }
            let mut path = std::mem::take(&mut self.path);
            let clean = normalise(entry.path, limits.path_length, limits.path_depth, &mut path);
            let (kind, size, mode) = (entry.kind, entry.size, entry.mode);
            self.job.watch.knows(&self.facts, size >= LARGE)?;
            if entry.curtailed {
                self.bad_paths
                    .count("an entry's name is too long to be read");
            }
            match clean {
                Err(error) => self
                    .bad_paths
                    .count(&format!("an entry was passed over: {error}")),
                Ok(()) if path.is_empty() => {}
                Ok(()) if self.is_whiteout(&path) => {}
                Ok(()) => {
                    let key = hash(&path);
                    self.replace(key, &path, kind)?;
                    match kind {
                        Kind::File => {
                            let meta = FileMeta {
                                path: &path,
                                size,
                                mode,
                            };
                            self.file(tar, offer, key, &meta)?;
                        }
                        Kind::HardLink => {
                            let clean = normalise(
                                entry.link,
                                limits.path_length,
                                limits.path_depth,
                                &mut link,
                            );
                            if clean.is_ok() {
                                self.hard_link(offer, key, &path, &link, mode);
                            }
                        }
                        Kind::Symlink | Kind::Directory | Kind::Other => {}
                    }
                }
            }
            self.path = path;
        }
        Ok(())
    }

    /// Notes a whiteout or opaque marker. Other names beginning with
    /// `.wh..wh.` are AUFS's book-keeping and mean nothing.
    fn is_whiteout(&mut self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(removed) = name.strip_prefix(WHITEOUT) else {
            return false;
        };
        if name == OPAQUE {
            self.facts.opaques.push(hash(folder));
        } else if !removed.starts_with(WHITEOUT) && !removed.is_empty() {
            let hidden = if folder.is_empty() {
                hash(removed)
            } else {
                hash(&format!("{folder}/{removed}"))
            };
            self.facts.whiteouts.push(hidden);
        }
        true
    }

    /// Notes that an entry stands at `path`; a later entry of the same
    /// path replaces what an earlier one held.
    fn replace(&mut self, key: u64, path: &str, kind: Kind) -> io::Result<()> {
        if kind == Kind::Directory {
            self.facts.folders.push(key);
        } else {
            self.facts.files.push(key);
        }
        if self.seen.remove(&key).is_some() {
            let mut is_told = false;
            for own in self.facts.extractors.values_mut() {
                let before = (own.files.len(), own.remarks.len());
                own.files.retain(|file| file.path != path);
                own.remarks
                    .retain(|remark| remark.path.as_deref() != Some(path));
                is_told |= before != (own.files.len(), own.remarks.len());
            }
            // Most files are read and say nothing.
            if is_told {
                self.job.watch.forgets()?;
            }
        }
        Ok(())
    }

    fn file<R: io::BufRead>(
        &mut self,
        tar: &mut Tar<R>,
        offer: &mut Offer<'_>,
        key: u64,
        meta: &FileMeta<'_>,
    ) -> Result<(), TarError> {
        if let Some(names) = self.job.aliases.get(&key) {
            // Second reading: only under the other names.
            let mut content = Vec::new();
            let largest = self.job.limits.memory_bytes.max(64 << 20);
            (&mut *tar).take(largest).read_to_end(&mut content)?;
            for name in names {
                let meta = FileMeta {
                    path: name,
                    ..*meta
                };
                if offer.is_wanted(&meta) {
                    offer.take(&meta, &mut content.as_slice(), &mut self.facts)?;
                }
            }
            return Ok(());
        }
        if offer.is_wanted(meta) {
            let readers = offer.wanted_by().collect();
            let size = meta.size;
            self.seen.insert(key, Seen { readers, size });
            offer.take(meta, tar, &mut self.facts)?;
        }
        Ok(())
    }

    /// A hard link is its target under another name. Whoever read the
    /// target need not read it again; whoever would have read it only
    /// under this name needs a second pass over the layer.
    fn hard_link(&mut self, offer: &mut Offer<'_>, key: u64, path: &str, target: &str, mode: u32) {
        let target_key = hash(target);
        let seen = self.seen.get(&target_key).cloned();
        let meta = FileMeta {
            path,
            size: seen.as_ref().map_or(LINK_SIZE, |seen| seen.size),
            mode,
        };
        if !offer.is_link_wanted(&meta) {
            return;
        }
        let was_read_by = |name: &str| {
            seen.as_ref()
                .is_some_and(|seen| seen.readers.contains(&name))
        };
        if !offer.wanted_by().all(was_read_by) {
            let names = self.unresolved.entry(target_key).or_default();
            names.push(path.to_owned());
            return;
        }
        for name in offer.wanted_by() {
            let Some(own) = self.facts.extractors.get_mut(name) else {
                continue;
            };
            let found = own.files.iter().find(|file| file.path == target);
            let copy = found.map(|file| file.extraction.clone());
            own.files.extend(copy.map(|extraction| FileFacts {
                path: path.to_owned(),
                extraction,
            }));
        }
        if let Some(seen) = seen {
            self.seen.insert(key, seen);
        }
    }
}

/// Counts mishaps, so that a million of them make a few lines.
#[derive(Default)]
struct Tally(Vec<(String, u64)>);

impl Tally {
    fn count(&mut self, message: &str) {
        if let Some((_, count)) = self.0.iter_mut().find(|(known, _)| known == message) {
            *count += 1;
        } else if self.0.len() < LISTED {
            self.0.push((message.to_owned(), 1));
        }
    }

    fn report(&mut self, facts: &mut LayerFacts) {
        for (message, count) in self.0.drain(..) {
            if count == 1 {
                facts.remark(None, message);
            } else {
                facts.remark(None, format!("{message} ({count} times)"));
            }
        }
    }
}

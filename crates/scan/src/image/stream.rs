//! An archive that can only be read once, from start to end: compressed,
//! or coming from a container engine. Layers are parsed as they pass;
//! which of them the image has is often told last.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{BufRead, BufReader, Cursor, Read},
    path::Path,
};

use model::{Digest, Sbom};

use super::{
    Plan, Reader,
    archive::link_target,
    folder::bounded,
    layers::{Advancing, Reading, Streamed},
    stored::{self, Choice, DocumentError, Documents},
};
use crate::{
    ProgressEvent, ScanError,
    layer::{Kind, Tar, TarError, Unpack, normalise},
    limits::Stop,
    worker,
};

/// Whether bytes begin a gzip or zstd stream.
pub(crate) fn is_compressed(magic: &[u8]) -> bool {
    magic.starts_with(&[0x1f, 0x8b]) || magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

/// What passed by.
#[derive(Default)]
struct Passed {
    documents: BTreeMap<String, Vec<u8>>,
    layers: Streamed,
    /// Layers the cache knows by the digest in their name.
    known: BTreeSet<String>,
    links: HashMap<String, String>,
    sizes: HashMap<String, u64>,
}

impl Documents for Passed {
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, DocumentError> {
        Ok(self.documents.get(self.member(name)).cloned())
    }

    fn blob_size(&self, name: &str) -> Option<u64> {
        self.sizes.get(self.member(name)).copied()
    }
}

impl Passed {
    fn member<'n>(&'n self, name: &'n str) -> &'n str {
        let mut name = name;
        for _ in 0..8 {
            match self.links.get(name) {
                Some(target) => name = target,
                None => break,
            }
        }
        name
    }
}

/// Scans an image passing by in `stream`, compressed or not. `path` is
/// for messages; `adjust` may correct what the archive says of itself.
pub(crate) fn scan(
    mut stream: impl Read + Send,
    path: &Path,
    reader: &Reader<'_>,
    adjust: &dyn Fn(&mut Plan),
) -> Result<Sbom, ScanError> {
    let no_image = |reason: String| ScanError::NoImage {
        path: path.to_owned(),
        reason,
    };
    let (limits, cancel) = (&reader.options.limits, reader.cancel);
    let mut passed = Passed::default();
    let mut notes = Vec::new();
    let mut magic = Vec::new();
    stream
        .by_ref()
        .take(4)
        .read_to_end(&mut magic)
        .map_err(|error| no_image(error.to_string()))?;
    let isolation = reader.options.isolation.as_ref();
    let isolation = isolation.filter(|_| is_compressed(&magic));
    let stream = Cursor::new(magic).chain(stream);
    let read = if let Some(isolation) = isolation {
        worker::unpack(isolation, stream, limits, cancel, |plain| {
            let tar = Tar::new(Unpack::plain(plain, limits, cancel));
            pass(tar, reader, &mut passed)
        })
        .map_err(|reason| no_image(format!("the process that unpacks it {reason}")))?
    } else {
        let unpack = Unpack::unhashed(stream, limits, cancel);
        let unpack = unpack.map_err(|error| no_image(error.to_string()))?;
        pass(Tar::new(unpack), reader, &mut passed)
    };
    if let Err(error) = read {
        if reader.cancel.is_cancelled() {
            return Err(ScanError::Cancelled);
        }
        notes.push(format!("the archive was only partly read: {error}"));
    }
    let platform = reader.options.platform_or_own();
    let plan = stored::resolve(&passed, Choice::of(reader.options, &platform));
    let mut plan = match plan {
        Ok(plan) => plan,
        Err(error) => {
            return Err(match (error, notes.pop()) {
                (DocumentError::NoImage | DocumentError::Missing(_), Some(note)) => no_image(note),
                (error, _) => error.into_scan_error(path),
            });
        }
    };
    plan.notes.extend(notes);
    adjust(&mut plan);
    finish(&plan, passed, reader)
}

/// Reads every member, in whatever order they come.
fn pass<R: BufRead>(
    mut tar: Tar<R>,
    reader: &Reader<'_>,
    passed: &mut Passed,
) -> Result<(), TarError> {
    let limits = &reader.options.limits;
    loop {
        let mut path = String::new();
        let (kind, target, size) = match tar.next()? {
            Some(entry) => {
                if normalise(entry.path, limits.path_length, 64, &mut path).is_err() {
                    continue;
                }
                let target = String::from_utf8_lossy(entry.link).into_owned();
                (entry.kind, target, entry.size)
            }
            None => return Ok(()),
        };
        match kind {
            Kind::File => {}
            Kind::Symlink | Kind::HardLink => {
                let target = link_target(&path, &target, kind);
                passed.links.insert(path, target);
                continue;
            }
            Kind::Directory | Kind::Other => continue,
        }
        passed.sizes.insert(path.clone(), size);
        if passed.sizes.len() > 4 * limits.layers + 1024 {
            let text = format!("more than {} members", passed.sizes.len());
            return Err(TarError::Read(Stop::Limit(text).into()));
        }
        let digest = path
            .strip_prefix("blobs/sha256/")
            .and_then(|hex| format!("sha256:{hex}").parse::<Digest>().ok());
        if let (Some(digest), Some(cache)) = (&digest, &reader.cache) {
            // A blob known to be a layer need not be looked at.
            let known = reader.known_blob(cache, digest);
            if known.is_some_and(|facts| reader.missing(&facts).is_empty()) {
                passed.known.insert(path);
                continue;
            }
        }
        let mut content = BufReader::new(&mut tar);
        let is_document = Path::new(&path).extension() == Some("json".as_ref())
            || digest.is_some() && content.fill_buf()?.first() == Some(&b'{');
        if is_document {
            if let Ok(bytes) = bounded(content, &path, limits.document_bytes) {
                passed.documents.insert(path, bytes);
            }
        } else if (digest.is_some() || path.ends_with("layer.tar"))
            && passed.layers.len() < limits.layers
        {
            let index = passed.layers.len();
            let content = Advancing {
                inner: content,
                layer: index,
                progress: reader.progress,
            };
            let outcome = reader.walk(content, reader.extractors, &HashMap::new());
            let stop = outcome.interrupted.as_ref().and_then(Stop::inside);
            if stop == Some(&Stop::Cancelled) {
                return Err(TarError::Read(Stop::Cancelled.into()));
            }
            passed.layers.insert(path, outcome);
        }
    }
}

/// Finds each of the image's layers among what passed.
fn finish(plan: &Plan, mut passed: Passed, reader: &Reader<'_>) -> Result<Sbom, ScanError> {
    let mut readings: Vec<Reading> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (index, layer) in plan.layers.iter().enumerate() {
        let name = passed.member(&layer.name).to_owned();
        let cached = passed.known.contains(&name);
        let reading = if let Some(mut outcome) = passed.layers.remove(&name) {
            note_links(&mut outcome);
            reader.judge(outcome, layer, None, true)
        } else if let Some(earlier) = places.get(&name).and_then(|at| readings.get(*at)) {
            earlier.again()
        } else if let Some(facts) = reader.known(layer) {
            Reading {
                facts,
                is_cached: true,
                ..Reading::default()
            }
        } else {
            Reading {
                warnings: vec![format!("could not be read: the archive has no {name}")],
                is_lost: true,
                ..Reading::default()
            }
        };
        places.insert(name, index);
        readings.push(reading);
        reader.progress.report(ProgressEvent::LayerDone {
            layer: index,
            cached,
        });
    }
    reader.finish(plan, &readings)
}

/// A stream cannot be read again for hard links.
fn note_links(outcome: &mut crate::layer::Outcome) {
    let count: usize = outcome.unresolved.values().map(Vec::len).sum();
    if count > 0 {
        let message = format!("{count} hard links were not followed: the archive is a stream");
        outcome.facts.remark(None, message);
        outcome.verified = None;
    }
}

impl Reading {
    fn again(&self) -> Self {
        Self {
            facts: self.facts.clone(),
            warnings: self.warnings.clone(),
            is_lost: self.is_lost,
            is_cached: self.is_cached,
        }
    }
}

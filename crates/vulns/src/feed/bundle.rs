//! The whole database in one file, to be carried across an air gap.
//!
//! ```text
//! "SEAWALLB", u32 version, u32 header length
//! header     JSON: when, how much, SHA-256 of the payload
//! signature  u32 length (0 or 96): ed25519 public key and signature
//!            over everything above
//! payload    zstd: u16 name length, u64 length, name, content; …;
//!            ends with a name length of 0
//! ```
//!
//! Numbers are little-endian. The payload is checked against the header
//! before anything in it is read, so a signature vouches for all of it.
//! Names are `sources/<source>/<record>.json`, `intel/epss`, `intel/kev`.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use model::{Cancel, Clock, Digest, Warning};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::{
    Event, FeedError, Progress, Warnings,
    archive::{Archive, Entry},
    compile::forget_deltas,
    depot::Depot,
    import::RecordWriter,
    key::{SignatureBlock, SigningKey, TrustedKey, Verdict},
};
use crate::osv::MAX_RECORD_BYTES;

pub(crate) const MAGIC: [u8; 8] = *b"SEAWALLB";
const VERSION: u32 = 1;
const MAX_HEADER_BYTES: u32 = 1 << 20;
const MAX_UNPACKED_BYTES: u64 = 32 << 30;
const MAX_RATIO: u64 = 200;
const FREE_BYTES: u64 = 64 << 20;
const MAX_ENTRIES: u64 = 8_000_000;
const MAX_INTEL_BYTES: u64 = 256 << 20;
const LEVEL: i32 = 9;

/// What a bundle says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    created: Timestamp,
    entries: u64,
    unpacked_bytes: u64,
    payload_bytes: u64,
    payload_sha256: Digest,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    pub path: PathBuf,
    pub bytes: u64,
    pub records: u64,
    pub is_signed: bool,
}

/// Writes everything the database of `dir` was compiled from into one
/// file.
pub fn export(
    dir: &Path,
    out: &Path,
    key: Option<&SigningKey>,
    clock: &dyn Clock,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Exported, FeedError> {
    let depot = Depot::lock(dir)?;
    let sources = depot.sources()?;
    if sources.is_empty() {
        return Err(FeedError::NothingToExport);
    }
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut payload = tempfile::tempfile_in(folder).map_err(FeedError::write(out))?;
    let mut packer = Packer::new(&mut payload, out)?;
    let mut records = 0;
    for name in &sources {
        progress.report(Event::Started {
            source: name,
            bytes: None,
        });
        records += pack_source(&depot, name, &mut packer, cancel)?;
        progress.report(Event::Done {
            source: name,
            changed: false,
        });
    }
    for name in ["epss", "kev"] {
        match fs::read(depot.intel(name)) {
            Ok(bytes) => packer.add(&format!("intel/{name}"), &bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(FeedError::read(depot.intel(name))(error)),
        }
    }
    let (entries, unpacked_bytes) = packer.finish()?;
    let (payload_sha256, payload_bytes) = digest(&mut payload).map_err(FeedError::read(out))?;
    let header = Header {
        created: clock.now(),
        entries,
        unpacked_bytes,
        payload_bytes,
        payload_sha256,
    };
    let head = head(&header).map_err(FeedError::write(out))?;
    let signature = key.map(|key| key.sign(&head).to_bytes());
    let mut write = || -> io::Result<u64> {
        let mut draft = tempfile::Builder::new()
            .prefix(".draft-")
            .tempfile_in(folder)?;
        draft.write_all(&head)?;
        let signature = signature.as_ref().map_or(&[][..], |bytes| bytes);
        let length = u32::try_from(signature.len()).unwrap_or_default();
        draft.write_all(&length.to_le_bytes())?;
        draft.write_all(signature)?;
        io::copy(&mut payload, &mut draft)?;
        draft.as_file().sync_all()?;
        let bytes = draft.as_file().metadata()?.len();
        draft.persist(out)?;
        Ok(bytes)
    };
    Ok(Exported {
        path: out.to_owned(),
        bytes: write().map_err(FeedError::write(out))?,
        records,
        is_signed: key.is_some(),
    })
}

/// Packs a source's records, the changed ones in place of the old.
fn pack_source(
    depot: &Depot,
    name: &str,
    packer: &mut Packer<'_>,
    cancel: &Cancel,
) -> Result<u64, FeedError> {
    let mut seen = std::collections::HashSet::new();
    for file in ["changes.zip", "all.zip"] {
        let path = depot.source(name).join(file);
        if !path.is_file() {
            continue;
        }
        Archive::open(&path)?.for_each(|entry| {
            if cancel.is_cancelled() {
                return Err(FeedError::Cancelled);
            }
            if let Entry::Record { name: entry, bytes } = entry {
                // Folders inside an archive mean nothing to us.
                let entry = entry.rsplit('/').next().unwrap_or(entry);
                if seen.insert(entry.to_owned()) {
                    packer.add(&format!("sources/{name}/{entry}"), bytes)?;
                }
            }
            Ok(())
        })?;
    }
    Ok(seen.len() as u64)
}

fn head(header: &Header) -> io::Result<Vec<u8>> {
    let header = serde_json::to_vec(header)?;
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX);
    let mut head = Vec::with_capacity(16 + header.len());
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&length.to_le_bytes());
    head.extend_from_slice(&header);
    Ok(head)
}

/// SHA-256 and length of a whole file, which is left at its start.
fn digest(file: &mut (impl Read + Seek)) -> io::Result<(Digest, u64)> {
    file.seek(SeekFrom::Start(0))?;
    let digest = digest_rest(file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(digest)
}

fn digest_rest(file: &mut impl Read) -> io::Result<(Digest, u64)> {
    let mut hasher = sha2::Sha256::new();
    let mut chunk = vec![0; 128 << 10];
    let mut length = 0;
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hasher.update(chunk.get(..read).unwrap_or_default());
        length += read as u64;
    }
    Ok((Digest::from_bytes(hasher.finalize().into()), length))
}

struct Packer<'f> {
    out: zstd::Encoder<'static, BufWriter<&'f mut File>>,
    path: PathBuf,
    entries: u64,
    bytes: u64,
}

impl<'f> Packer<'f> {
    fn new(file: &'f mut File, path: &Path) -> Result<Self, FeedError> {
        let out = zstd::Encoder::new(BufWriter::new(file), LEVEL);
        Ok(Self {
            out: out.map_err(FeedError::write(path))?,
            path: path.to_owned(),
            entries: 0,
            bytes: 0,
        })
    }

    fn add(&mut self, name: &str, content: &[u8]) -> Result<(), FeedError> {
        let Ok(length) = u16::try_from(name.len()) else {
            return Ok(());
        };
        let mut write = || -> io::Result<()> {
            self.out.write_all(&length.to_le_bytes())?;
            self.out.write_all(&(content.len() as u64).to_le_bytes())?;
            self.out.write_all(name.as_bytes())?;
            self.out.write_all(content)
        };
        write().map_err(FeedError::write(&self.path))?;
        self.entries += 1;
        self.bytes += 10 + name.len() as u64 + content.len() as u64;
        Ok(())
    }

    fn finish(mut self) -> Result<(u64, u64), FeedError> {
        let finish = || -> io::Result<()> {
            self.out.write_all(&0_u16.to_le_bytes())?;
            self.out.finish()?.flush()
        };
        finish().map_err(FeedError::write(&self.path))?;
        Ok((self.entries, self.bytes + 2))
    }
}

/// Whether a file begins like a bundle.
pub(crate) fn is_bundle(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

/// A bundle whose signature and checksum have been looked at.
#[derive(Debug)]
pub(crate) struct Bundle<R> {
    path: PathBuf,
    header: Header,
    payload: R,
    /// `None`: unsigned.
    verdict: Option<Verdict>,
}

impl<R: Read + Seek> Bundle<R> {
    /// Reads up to the payload, checks it whole, and goes back to its
    /// start.
    pub(crate) fn open(
        path: &Path,
        mut file: R,
        trusted: &[TrustedKey],
    ) -> Result<Self, FeedError> {
        let refuse = |reason: String| FeedError::Bundle {
            path: path.to_owned(),
            reason,
        };
        let cut_off = |error: io::Error| refuse(format!("it is cut off ({error})"));
        let mut fixed = [0; 16];
        file.read_exact(&mut fixed).map_err(cut_off)?;
        let number = |at: usize| {
            let bytes = fixed.get(at..).and_then(<[u8]>::first_chunk).copied();
            u32::from_le_bytes(bytes.unwrap_or_default())
        };
        if !is_bundle(&fixed) {
            return Err(refuse("it is no bundle".to_owned()));
        }
        if number(8) != VERSION {
            return Err(refuse(format!(
                "it is of version {}, and this program reads version {VERSION}",
                number(8)
            )));
        }
        let length = number(12);
        if length > MAX_HEADER_BYTES {
            return Err(refuse("its header is too long".to_owned()));
        }
        let mut head = fixed.to_vec();
        head.resize(16 + length as usize, 0);
        file.read_exact(head.get_mut(16..).unwrap_or_default())
            .map_err(cut_off)?;
        let header: Header = serde_json::from_slice(head.get(16..).unwrap_or_default())
            .map_err(|error| refuse(format!("its header makes no sense ({error})")))?;
        let mut length = [0; 4];
        file.read_exact(&mut length).map_err(cut_off)?;
        let verdict = match u32::from_le_bytes(length) as usize {
            0 => None,
            SignatureBlock::BYTES => {
                let mut block = [0; SignatureBlock::BYTES];
                file.read_exact(&mut block).map_err(cut_off)?;
                Some(SignatureBlock::from_bytes(&block).verify(&head, trusted))
            }
            _ => return Err(refuse("its signature is of no known kind".to_owned())),
        };
        match verdict {
            None if !trusted.is_empty() => return Err(FeedError::Unsigned(path.to_owned())),
            Some(Verdict::Bad) => return Err(FeedError::Signature(path.to_owned())),
            Some(Verdict::Stranger) if !trusted.is_empty() => {
                return Err(FeedError::Signature(path.to_owned()));
            }
            _ => {}
        }
        let start = file.stream_position().map_err(cut_off)?;
        let (digest, bytes) = digest_rest(&mut file).map_err(cut_off)?;
        if bytes != header.payload_bytes || digest != header.payload_sha256 {
            return Err(refuse("its content does not match its checksum".to_owned()));
        }
        let limit = FREE_BYTES.saturating_add(bytes.saturating_mul(MAX_RATIO));
        if header.unpacked_bytes > limit.min(MAX_UNPACKED_BYTES) || header.entries > MAX_ENTRIES {
            return Err(refuse("it claims to hold more than is credible".to_owned()));
        }
        file.seek(SeekFrom::Start(start)).map_err(cut_off)?;
        Ok(Self {
            path: path.to_owned(),
            header,
            payload: file,
            verdict,
        })
    }

    /// What a user should know before relying on it.
    pub(crate) fn warn(&self, warnings: &mut Warnings, progress: &dyn Progress) {
        let message = match self.verdict {
            None => "the bundle is not signed; its origin is not known",
            Some(Verdict::Stranger) => {
                "the bundle is signed by a key that was not given as trusted"
            }
            Some(Verdict::Trusted | Verdict::Bad) => return,
        };
        let path = self.path.to_string_lossy();
        warnings.push(Warning::new(message).at(path), progress);
    }

    /// Hands every entry to `visit`.
    pub(crate) fn for_each(
        self,
        mut visit: impl FnMut(&str, &[u8]) -> Result<(), FeedError>,
    ) -> Result<(), FeedError> {
        let path = self.path;
        let refuse = |reason: String| FeedError::Bundle {
            path: path.clone(),
            reason,
        };
        let cut_off = |error: io::Error| refuse(format!("its content is damaged ({error})"));
        let unpacked = zstd::Decoder::new(self.payload).map_err(cut_off)?;
        let mut unpacked = BufReader::new(unpacked).take(self.header.unpacked_bytes);
        let (mut name, mut content) = (Vec::new(), Vec::new());
        for _ in 0..=self.header.entries {
            let mut length = [0; 2];
            unpacked.read_exact(&mut length).map_err(cut_off)?;
            let length = u16::from_le_bytes(length);
            if length == 0 {
                return Ok(());
            }
            let mut content_length = [0; 8];
            unpacked.read_exact(&mut content_length).map_err(cut_off)?;
            let content_length = u64::from_le_bytes(content_length);
            if content_length > MAX_INTEL_BYTES.max(MAX_RECORD_BYTES) {
                return Err(refuse("an entry of it is too large".to_owned()));
            }
            read_exactly(&mut unpacked, u64::from(length), &mut name).map_err(cut_off)?;
            read_exactly(&mut unpacked, content_length, &mut content).map_err(cut_off)?;
            visit(&String::from_utf8_lossy(&name), &content)?;
        }
        Err(refuse("it holds more entries than it says".to_owned()))
    }
}

/// Grows only as bytes arrive: a claimed length costs nothing.
fn read_exactly(from: &mut impl Read, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
    into.clear();
    from.take(length).read_to_end(into)?;
    if into.len() as u64 == length {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// Puts a bundle's sources in the place of those of the same names.
pub(crate) fn unpack<R: Read + Seek>(
    depot: &Depot,
    bundle: Bundle<R>,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(), FeedError> {
    let mut open: Option<Unpacking> = None;
    bundle.for_each(|name, content| {
        if cancel.is_cancelled() {
            return Err(FeedError::Cancelled);
        }
        let mut parts = name.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("sources"), Some(source), Some(entry)) => {
                if open.as_ref().is_none_or(|open| open.source != source) {
                    if let Some(done) = open.take() {
                        done.finish(depot, progress)?;
                    }
                    open = Some(Unpacking::new(depot, source, progress)?);
                }
                match &mut open {
                    Some(open) => open.add(entry, content),
                    None => Ok(()),
                }
            }
            (Some("intel"), Some(kind @ ("epss" | "kev")), None) => {
                depot.write(&depot.intel(kind), content)
            }
            // A later version may carry more.
            _ => Ok(()),
        }
    })?;
    match open {
        Some(done) => done.finish(depot, progress),
        None => Ok(()),
    }
}

/// One source on its way into the depot.
struct Unpacking {
    source: String,
    path: PathBuf,
    draft: tempfile::NamedTempFile,
    writer: RecordWriter<BufWriter<File>>,
}

impl Unpacking {
    fn new(depot: &Depot, source: &str, progress: &dyn Progress) -> Result<Self, FeedError> {
        progress.report(Event::Started {
            source,
            bytes: None,
        });
        let path = depot.source(source).join("all.zip");
        let draft = depot.draft(&path)?;
        let file = draft.reopen().map_err(FeedError::write(&path))?;
        Ok(Self {
            source: source.to_owned(),
            path,
            draft,
            writer: RecordWriter::new(BufWriter::new(file)),
        })
    }

    fn add(&mut self, entry: &str, content: &[u8]) -> Result<(), FeedError> {
        self.writer
            .add(entry, content)
            .map_err(FeedError::write(&self.path))
    }

    fn finish(self, depot: &Depot, progress: &dyn Progress) -> Result<(), FeedError> {
        let out = self.writer.finish();
        let flush = out.and_then(|mut out| out.flush());
        flush.map_err(FeedError::write(&self.path))?;
        Depot::publish(self.draft, &self.path)?;
        forget_deltas(&depot.source(&self.source))?;
        progress.report(Event::Done {
            source: &self.source,
            changed: true,
        });
        Ok(())
    }
}

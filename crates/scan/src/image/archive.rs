//! An archive file: indexed once, then read in place.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt as _,
    path::Path,
};

use model::Sbom;

use super::{
    Blobs, LayerPlan, Reader,
    folder::bounded,
    layers::BlobError,
    stored::{self, Choice, DocumentError, Documents},
    stream,
};
use crate::{
    ScanError,
    layer::{Kind, Tar, TarError, normalise},
};

/// Where a member lies in the file.
#[derive(Clone, Copy)]
struct Span {
    start: u64,
    length: u64,
}

struct Archive {
    file: File,
    members: HashMap<String, Span>,
    /// Docker saved the same layer twice as a link.
    links: HashMap<String, String>,
    limit: u64,
}

/// More members than any image has.
const MOST_MEMBERS: usize = 100_000;

impl Archive {
    fn index(file: File, limit: u64) -> Result<Self, TarError> {
        let mut archive = Self {
            file: file.try_clone()?,
            members: HashMap::new(),
            links: HashMap::new(),
            limit,
        };
        let mut tar = Tar::new(BufReader::new(file));
        loop {
            let mut path = String::new();
            let (kind, target, length) = match tar.next() {
                Ok(Some(entry)) => {
                    if normalise(entry.path, 4096, 64, &mut path).is_err() {
                        continue;
                    }
                    let target = String::from_utf8_lossy(entry.link).into_owned();
                    (entry.kind, target, entry.size)
                }
                Ok(None) => return Ok(archive),
                // A torn archive may still hold all that is needed; what
                // is not, is missed when it is asked for.
                Err(_) if !archive.members.is_empty() => return Ok(archive),
                Err(error) => return Err(error),
            };
            match kind {
                Kind::File => {
                    let start = tar.position();
                    archive.members.insert(path, Span { start, length });
                    tar.seek_past()?;
                }
                Kind::Symlink | Kind::HardLink => {
                    let target = link_target(&path, &target, kind);
                    archive.links.insert(path, target);
                }
                Kind::Directory | Kind::Other => {}
            }
            if archive.members.len() + archive.links.len() > MOST_MEMBERS {
                return Ok(archive);
            }
        }
    }

    fn span(&self, name: &str) -> Option<Span> {
        let mut name = name;
        for _ in 0..8 {
            if let Some(span) = self.members.get(name) {
                return Some(*span);
            }
            name = self.links.get(name)?;
        }
        None
    }

    fn part(&self, span: Span) -> io::Result<Part> {
        Ok(Part {
            file: self.file.try_clone()?,
            position: span.start,
            end: span.start + span.length,
        })
    }
}

/// A link's target as a member name. Symbolic links start at their own
/// folder, hard links at the root.
pub(super) fn link_target(path: &str, target: &str, kind: Kind) -> String {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let joined = match kind {
        Kind::Symlink if !target.starts_with('/') => format!("{folder}/{target}"),
        _ => target.to_owned(),
    };
    let mut clean = String::new();
    // A link leading out leads to no member.
    if normalise(joined.as_bytes(), 4096, 64, &mut clean).is_err() {
        clean.clear();
    }
    clean
}

/// A stretch of a file, read without moving the file's own position, so
/// that several layers are read at once.
struct Part {
    file: File,
    position: u64,
    end: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        if room == 0 {
            return Ok(0);
        }
        let read = self.file.read_at(&mut buffer[..room], self.position)?;
        if read == 0 {
            let error = "the archive ends in the middle of it";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, error));
        }
        self.position += read as u64;
        Ok(read)
    }
}

impl Documents for Archive {
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, DocumentError> {
        let Some(span) = self.span(name) else {
            return Ok(None);
        };
        let part = self.part(span).map_err(|source| DocumentError::Read {
            name: name.to_owned(),
            source,
        })?;
        bounded(part, name, self.limit).map(Some)
    }

    fn blob_size(&self, name: &str) -> Option<u64> {
        Some(self.span(name)?.length)
    }
}

impl Blobs for Archive {
    fn open(&self, layer: &LayerPlan) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        let span = self
            .span(&layer.name)
            .ok_or_else(|| format!("the archive has no {}", layer.name))?;
        Ok(Box::new(self.part(span)?))
    }

    fn keeps_unverified(&self) -> bool {
        true
    }
}

/// Scans the image in an archive. A compressed archive cannot be read in
/// place and is streamed instead.
pub(crate) fn scan(path: &Path, reader: &Reader<'_>) -> Result<Sbom, ScanError> {
    let open = |source| ScanError::Open {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(open)?;
    let mut magic = [0; 4];
    let read = file.read_at(&mut magic, 0).map_err(open)?;
    if stream::is_compressed(&magic[..read]) {
        return stream::scan(file, path, reader, &|_| {});
    }
    let archive = Archive::index(file, reader.options.limits.document_bytes).map_err(|error| {
        ScanError::NoImage {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    })?;
    let platform = reader.options.platform_or_own();
    let plan = stored::resolve(&archive, Choice::of(reader.options, &platform))
        .map_err(|error| error.into_scan_error(path))?;
    reader.read(&plan, &archive)
}

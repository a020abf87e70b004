//! An OCI layout folder.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use model::Sbom;

use super::{
    Blobs, LayerPlan, Reader,
    layers::BlobError,
    stored::{self, Choice, DocumentError, Documents},
};
use crate::ScanError;

struct Folder<'a> {
    root: &'a Path,
    limit: u64,
}

impl Folder<'_> {
    /// Names are digests or ours, never a path from a document, except
    /// in Docker's manifest.json.
    fn path(&self, name: &str) -> io::Result<PathBuf> {
        let mut clean = String::new();
        crate::layer::normalise(name.as_bytes(), 4096, 64, &mut clean)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(self.root.join(clean))
    }

    fn open_file(&self, name: &str) -> io::Result<File> {
        // A pipe in place of a blob must not make us wait for ever.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
            .open(self.path(name)?)?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ))
        }
    }
}

impl Documents for Folder<'_> {
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, DocumentError> {
        let failed = |source| DocumentError::Read {
            name: name.to_owned(),
            source,
        };
        let file = match self.open_file(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(failed)?,
        };
        bounded(file, name, self.limit).map(Some)
    }

    fn blob_size(&self, name: &str) -> Option<u64> {
        Some(fs::metadata(self.path(name).ok()?).ok()?.len())
    }
}

/// Reads a document no larger than the bound.
pub(crate) fn bounded(reader: impl Read, name: &str, limit: u64) -> Result<Vec<u8>, DocumentError> {
    let mut bytes = Vec::new();
    let read = reader.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|source| DocumentError::Read {
        name: name.to_owned(),
        source,
    })?;
    if bytes.len() as u64 > limit {
        return Err(DocumentError::TooLarge {
            name: name.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

impl Blobs for Folder<'_> {
    fn open(&self, layer: &LayerPlan) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        Ok(Box::new(self.open_file(&layer.name)?))
    }

    fn keeps_unverified(&self) -> bool {
        true
    }
}

/// Scans the image in a layout folder.
pub(crate) fn scan(root: &Path, reader: &Reader<'_>) -> Result<Sbom, ScanError> {
    let folder = Folder {
        root,
        limit: reader.options.limits.document_bytes,
    };
    let plan = stored::resolve(
        &folder,
        Choice::of(reader.options, &reader.options.platform_or_own()),
    )
    .map_err(|error| error.into_scan_error(root))?;
    reader.read(&plan, &folder)
}

impl<'a> Choice<'a> {
    pub(crate) fn of(options: &'a crate::Options, platform: &'a model::Platform) -> Self {
        Self {
            platform,
            is_asked: options.platform.is_some(),
            select: options.select.as_deref(),
        }
    }
}

impl DocumentError {
    pub(crate) fn into_scan_error(self, path: &Path) -> ScanError {
        match self {
            Self::Manifest(error) => ScanError::Manifest(error),
            error => ScanError::NoImage {
                path: path.to_owned(),
                reason: format!("failed to {}", model::error::chain(&error)),
            },
        }
    }
}

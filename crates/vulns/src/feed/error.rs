//! Why advisories could not be brought in or carried out.

use std::{io, path::PathBuf};

use fetch::FetchError;

/// An update, import or export failed; the generation in use stays.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("read {}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("write {}", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("write to {}: another update is doing so", .0.display())]
    Busy(PathBuf),
    #[error("find advisories in {}", .0.display())]
    NothingFound(PathBuf),
    #[error("find any advisories: there is nothing to export")]
    NothingToExport,
    #[error("open the archive {}", .path.display())]
    OpenArchive {
        path: PathBuf,
        source: zip::result::ZipError,
    },
    #[error("accept {}: it {reason}", .path.display())]
    Hostile { path: PathBuf, reason: String },
    #[error("accept the bundle {}: {reason}", .path.display())]
    Bundle { path: PathBuf, reason: String },
    #[error("accept {}: a trusted key is demanded, and it is not signed", .0.display())]
    Unsigned(PathBuf),
    #[error("accept {}: its signature is not by a trusted key, or not genuine", .0.display())]
    Signature(PathBuf),
    #[error("read the key in {}: {reason}", .path.display())]
    Key { path: PathBuf, reason: String },
    #[error("use {url}: {reason}")]
    Address { url: String, reason: String },
    #[error("fetch {name}")]
    Fetch { name: String, source: FetchError },
    #[error("fetch {name}: the server answered {status}")]
    Status { name: String, status: u16 },
    #[error("fetch {name}: it is larger than {limit} bytes")]
    TooLarge { name: String, limit: u64 },
    #[error("fetch any advisories from {base}")]
    AllFailed {
        base: String,
        #[source]
        first: Box<Self>,
    },
    #[error("compile the advisories")]
    Compile(#[source] io::Error),
    #[error("open the advisories just compiled")]
    Open(#[source] crate::OpenError),
    #[error("finish: cancelled")]
    Cancelled,
}

impl FeedError {
    pub(crate) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }

    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }
}

//! Why advisories could not be brought in.

use std::{io, path::PathBuf};

/// An update, import or export failed; the generation in use stays.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("could not read {}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not write {}", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("another update is writing to {}", .0.display())]
    Busy(PathBuf),
    #[error("found no advisories in {}", .0.display())]
    NothingFound(PathBuf),
    #[error("{} is no zip archive", .path.display())]
    OpenArchive {
        path: PathBuf,
        source: zip::result::ZipError,
    },
    #[error("{} {reason}", .path.display())]
    Hostile { path: PathBuf, reason: String },
    #[error("could not compile the advisories")]
    Compile(#[source] io::Error),
    #[error("the update was cancelled")]
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

//! Why a target could not be scanned at all. Whatever is less than that
//! is a warning in the result.

use std::{io, path::PathBuf};

use crate::{engine::EngineError, manifest::ManifestError, registry::RegistryError};

/// No result could be made.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error("finish the scan: cancelled")]
    Cancelled,
    #[error("open {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("read {} as an image: {reason}", path.display())]
    NoImage { path: PathBuf, reason: String },
    #[error("read an image of {layers} layers: more than {most}")]
    TooManyLayers { layers: usize, most: usize },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("read any layer of the image ({0})")]
    NothingReadable(String),
    #[error("read {}: larger than {most} bytes", path.display())]
    TooLarge { path: PathBuf, most: u64 },
    #[error("use {}", path.display())]
    Sbom {
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

//! Images in container engines on this machine.

/// Why an engine gave no image.
#[derive(Debug, thiserror::Error)]
#[error("ask the container engine")]
pub struct EngineError;

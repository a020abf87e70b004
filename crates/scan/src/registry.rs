//! Images in registries.

/// Why a registry gave no image.
#[derive(Debug, thiserror::Error)]
#[error("ask the registry")]
pub struct RegistryError;

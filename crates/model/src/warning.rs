//! What could not be read, and where: partial success as a value.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// Something that was skipped or could not be understood, while the
/// rest of the result stands. Shown to the user as a gap in coverage.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Warning {
    /// What went wrong, in words a user can act on; lower-case, no full stop.
    pub message: String,
    /// The file inside the image or folder, relative to its root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The layer (uncompressed digest) the file came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Digest>,
}

impl Warning {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            path: None,
            layer: None,
        }
    }

    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    #[must_use]
    pub fn in_layer(mut self, layer: Digest) -> Self {
        self.layer = Some(layer);
        self
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(layer) = &self.layer {
            write!(f, " (layer {})", layer.short())?;
        }
        Ok(())
    }
}

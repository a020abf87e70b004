//! `rules`: detection rules beside those that came with the product.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `rules`: what is watched for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleConfig {
    /// Folder with rule files (`.yaml`) of your own, read at start after
    /// those that came with the product, which they may change. Empty:
    /// none.
    pub folder: PathBuf,
}

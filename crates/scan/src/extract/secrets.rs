//! Secrets in files: handed on to [`crate::secret`], which says what is
//! looked for and lets no value out.
//!
//! Text files up to a MiB are read, but for those nobody keeps secrets in
//! ([`crate::secret::is_worth_reading`]); what is no text is told by its
//! first bytes and passed over.

use super::{Extraction, Extractor, FileMeta, Input, Want};
use crate::secret;

/// Bytes in which a text has no zero.
const SNIFFED: usize = 1024;

pub(crate) struct Secrets;

impl Extractor for Secrets {
    fn name(&self) -> &'static str {
        super::SECRETS
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        secret::is_worth_reading(file.path, file.size).then_some(Want::Text {
            limit: secret::LARGEST,
        })
    }

    fn follows_links(&self) -> bool {
        false
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let bytes = file.bytes();
        let start = bytes.get(..bytes.len().min(SNIFFED)).unwrap_or_default();
        if !start.contains(&0) {
            out.secrets = secret::in_file(file.path, bytes);
        }
    }
}

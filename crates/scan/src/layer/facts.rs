//! What reading one layer (or a folder) brought to light.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::path;
use crate::{
    extract::{Extraction, Extractor},
    malware::Judged,
};

/// One extractor's word on one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FileFacts {
    pub path: String,
    pub extraction: Extraction,
}

/// Something that could not be read or understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Remark {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    pub message: String,
}

/// All of one extractor's results in a layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExtractorFacts {
    pub version: u32,
    pub files: Vec<FileFacts>,
    /// Wanted files that could not be handed over: too large, unreadable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

/// What a layer holds and hides. Paths that only matter for hiding are
/// kept as sorted [`path::hash`]es.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LayerFacts {
    /// By extractor name.
    pub extractors: BTreeMap<String, ExtractorFacts>,
    /// Everything that is not a folder.
    pub files: Vec<u64>,
    pub folders: Vec<u64>,
    /// Paths removed from the layers below.
    pub whiteouts: Vec<u64>,
    /// Folders whose content below is hidden.
    pub opaques: Vec<u64>,
    /// About the layer as a whole.
    pub remarks: Vec<Remark>,
    /// What rules say of its programs, where any were asked. Never told by
    /// whoever reads the layer, and kept apart from what is.
    pub judged: Option<Judged>,
}

impl LayerFacts {
    /// Nothing known yet, but each of these extractors has been asked.
    pub(crate) fn for_extractors(extractors: &[&dyn Extractor]) -> Self {
        let asked = |extractor: &&dyn Extractor| {
            let facts = ExtractorFacts {
                version: extractor.version(),
                ..ExtractorFacts::default()
            };
            (extractor.name().to_owned(), facts)
        };
        Self {
            extractors: extractors.iter().map(asked).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn remark(&mut self, path: Option<&str>, message: impl Into<String>) {
        self.remarks.push(Remark {
            path: path.map(str::to_owned),
            message: message.into(),
        });
    }

    /// Makes the look-ups below possible; to be called once, at the end.
    pub(crate) fn seal(&mut self) {
        for list in [
            &mut self.files,
            &mut self.folders,
            &mut self.whiteouts,
            &mut self.opaques,
        ] {
            list.sort_unstable();
            list.dedup();
            list.shrink_to_fit();
        }
    }

    /// Whether this layer hides what a lower one has at `path`: by
    /// replacing or removing it or a folder above it, or by declaring
    /// such a folder opaque (OCI image specification, layer.md).
    pub(crate) fn hides(&self, path: &str) -> bool {
        let own = path::hash(path);
        let has = |list: &[u64], hash| list.binary_search(&hash).is_ok();
        if has(&self.files, own) || has(&self.folders, own) || has(&self.whiteouts, own) {
            return true;
        }
        path::ancestors(path).any(|folder| {
            let hash = path::hash(folder);
            has(&self.opaques, hash)
                || !folder.is_empty() && (has(&self.files, hash) || has(&self.whiteouts, hash))
        })
    }

    /// Takes over what `other`, the same layer read for further
    /// extractors, has found.
    pub(crate) fn merge(&mut self, other: Self) {
        self.extractors.extend(other.extractors);
        self.files = other.files;
        self.folders = other.folders;
        self.whiteouts = other.whiteouts;
        self.opaques = other.opaques;
        self.remarks = other.remarks;
        self.judged = other.judged.or(self.judged.take());
    }

    /// Extractors whose results are absent or of another version.
    pub(crate) fn missing<'e>(&self, extractors: &[&'e dyn Extractor]) -> Vec<&'e dyn Extractor> {
        let is_missing = |extractor: &&&dyn Extractor| {
            self.extractors
                .get(extractor.name())
                .is_none_or(|facts| facts.version != extractor.version())
        };
        extractors.iter().filter(is_missing).copied().collect()
    }
}

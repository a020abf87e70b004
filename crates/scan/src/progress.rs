//! Telling whoever waits how far a scan has come.

use model::Digest;

/// Something happened that a waiting user may like to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressEvent<'a> {
    /// It is known what will be read.
    Resolved {
        layers: usize,
        /// Bytes of all layers as they come, where known.
        bytes: Option<u64>,
    },
    LayerStarted {
        layer: usize,
        diff_id: &'a Digest,
        /// Bytes of the layer as it comes, where known.
        bytes: Option<u64>,
    },
    /// So many more bytes of the layer have come.
    LayerAdvanced { layer: usize, bytes: u64 },
    LayerDone {
        layer: usize,
        /// Known from an earlier scan: nothing was read.
        cached: bool,
    },
    /// So many files of a folder have been looked at.
    FilesWalked { files: u64 },
    /// A remark for people.
    Note(&'a str),
}

/// Receives events, from several threads at once. Must be quick.
pub trait Progress: Send + Sync {
    fn report(&self, event: ProgressEvent<'_>);
}

/// Nobody is waiting.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _: ProgressEvent<'_>) {}
}

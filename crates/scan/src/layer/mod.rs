//! One layer, read once: which files matter in it, what it hides of the
//! layers below, and what could not be read.

mod facts;
mod header;
mod path;
mod sparse;
mod tar;
mod unpack;
mod walk;

pub(crate) use facts::{ExtractorFacts, FileFacts, LayerFacts, Remark};
#[cfg(test)]
pub(crate) use path::hash;
pub(crate) use path::normalise;
pub(crate) use tar::{Kind, Tar, TarError};
pub(crate) use unpack::{Ended, Hashing, Unpack};
pub(crate) use walk::{Job, Nobody, Outcome, Watch, in_words, read_layer};

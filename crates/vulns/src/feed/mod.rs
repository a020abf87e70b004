//! How advisories get here: from the OSV bucket over HTTPS, from files,
//! from a bundle carried across an air gap.
//!
//! Whatever the way, the records end up as archives in the database's
//! folder ([`depot`]) and are compiled from there ([`compile`]). One
//! writer works at a time, held by a lock file; readers hold nothing.
//! Invariant: until the last rename the old generation stays current,
//! so an update that fails or is cut off changes nothing.

mod archive;
mod bucket;
pub(crate) mod bundle;
mod compile;
mod depot;
mod error;
mod import;
pub(crate) mod intel;
mod key;
mod origin;
mod update;

use model::{Warning, db::DatabaseStatus};

pub use bundle::{Exported, export};
pub use error::FeedError;
pub use import::import;
pub use intel::IntelError;
pub use key::{SigningKey, TrustedKey};
pub use update::{UpdateOptions, update};

pub(crate) use compile::{compile_records, compile_starter};

/// Hears how the work goes on. Called often, from one thread.
pub trait Progress: Send + Sync {
    fn report(&self, event: Event<'_>);
}

/// What there is to say while working.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A source is being fetched or copied; `bytes` where known.
    Started { source: &'a str, bytes: Option<u64> },
    /// So many bytes of it are here.
    Advanced { source: &'a str, bytes: u64 },
    /// It is here whole, or was all along.
    Done { source: &'a str, changed: bool },
    /// Records compiled, of those there are.
    Compiling { done: u64, total: u64 },
    /// Something was left out; it is also in the outcome.
    Warning(&'a Warning),
}

/// For those who do not care to hear.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _: Event<'_>) {}
}

/// What an update or import came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: DatabaseStatus,
    /// What was left out, by name.
    pub warnings: Vec<Warning>,
    /// Whether a new generation was made.
    pub changed: bool,
}

/// Warnings, kept up to a bound and counted beyond it.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    kept: Vec<Warning>,
    dropped: usize,
}

impl Warnings {
    const MAX_KEPT: usize = 100;

    pub(crate) fn push(&mut self, warning: Warning, progress: &dyn Progress) {
        if self.kept.len() < Self::MAX_KEPT {
            progress.report(Event::Warning(&warning));
            self.kept.push(warning);
        } else {
            self.dropped += 1;
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Warning> {
        if self.dropped > 0 {
            let more = format!("{} more were left out for such reasons", self.dropped);
            self.kept.push(Warning::new(more));
        }
        self.kept
    }
}

//! Which advisories hit a package: feeds, version orders, the compiled
//! database, the matcher, and what people have said needs no attention.
//!
//! Advisories come in one form (OSV) and compile to one immutable file
//! that any number of readers map at once. Matching is pure: packages
//! and a database in, findings out. This room knows nothing of images,
//! clusters, HTTP servers or SQL; it reaches the network only through
//! the client that [`feed`] is handed.

mod alias;
pub mod assess;
pub mod cvss;
mod database;
mod delta;
pub mod feed;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod generation;
pub mod ignore;
mod index;
mod mapped;
mod matcher;
mod names;
mod osv;
mod postings;
pub mod rematch;
mod starter;
pub mod version;
pub mod vex;

pub use assess::{Judgements, assess};
pub use database::{Database, Entry, OpenError};
pub use delta::{Cause, Delta, How, KeyChange, Untold};
pub use generation::{read::GenerationError, write::RecordError};
pub use index::{Component, Held, Index, Wanted};

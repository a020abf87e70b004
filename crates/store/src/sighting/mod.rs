//! Sightings: findings of any kind, as whoever looked saw them, taken
//! into the record by fingerprint.
//!
//! New ones open. Those seen again are counted again. One that was
//! resolved reopens, unless somebody had decided about it: a dismissal
//! outlives a rebuild and a change of severity. What a look that saw
//! everything no longer saw is resolved; a look that saw a part resolves
//! nothing.

mod batch;
mod put;
mod said;

pub(crate) use batch::put_batch;
pub use batch::{
    AssetStep, BatchOutcome, FindingBatch, Happened, NewFinding, NewRule, RuleDetails, Sight,
};
pub(crate) use batch::{put_rules, sighting};
pub(crate) use put::{Changes, Look, LookedAt, Whole, Within, put};
pub(crate) use said::{Known, Said, Seen, Sighting, push_keys};

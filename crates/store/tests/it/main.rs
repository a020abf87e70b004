//! The record, through its public face.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where by panicking"
)]

mod admission;
mod alert;
mod base;
mod care;
mod compliance;
mod connect;
mod container;
mod contents;
mod context;
mod crash;
mod deliveries;
mod history;
mod host;
mod incident;
mod inventory;
mod laws;
mod life;
mod lists;
mod people;
mod policy;
mod posture;
mod referrer;
mod registry;
mod rematch;
mod rule;
mod running;
mod sample;
mod schema;
mod search;
mod sensor;
mod tag;
mod trust;
mod vex_source;

/// What the server does between the matcher and the record, tried here
/// on both databases.
#[path = "../../../server/src/work"]
mod work {
    pub(crate) mod fix;
    #[expect(dead_code, reason = "the server also looks things up in it")]
    pub(crate) mod holdings;
    #[expect(dead_code, reason = "the server also tells what was done")]
    pub(crate) mod rematch;
}

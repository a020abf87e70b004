//! What a cluster holds, and what policies say of it, as it changes.
//!
//! One stream per kind ([`stream`]) lists and watches, and hands on each
//! object trimmed and compressed. [`Core`] keeps them, resolves who made
//! whom, and judges what changed: a workload through its template, a pod
//! only where nothing known made it. [`Connector`] runs both and
//! [`ship`]s what came of it to a server; [`once`] does one whole pass.
//! Nothing is written to the cluster. Of secrets only the metadata is
//! asked for; what configuration maps hold is judged where a policy names
//! them, and not kept.

mod contents;
mod core;
mod good;
mod judging;
mod kinds;
mod lanes;
mod mirror;
mod once;
mod packed;
mod parcel;
mod providers;
mod run;
mod ship;
mod stream;
mod summary;
#[cfg(test)]
mod tests;
mod trim;
mod verdict;

pub(crate) use self::{
    run::rule,
    stream::{Backoff, is_forbidden, message},
};
pub use crate::connect::{ConnectError, Target, connect};

pub use self::{
    contents::Contents,
    core::Core,
    kinds::{Depth, Watched},
    mirror::{Arrived, Object},
    once::{OnceError, once},
    run::{Connector, RunError, Settings},
    ship::ShipSettings,
    summary::{AssessedObject, Assessment},
    verdict::Judged,
};

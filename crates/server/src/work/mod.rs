//! Work done in the background: scanning, keeping the advisory database
//! fresh, looking around this machine.
//!
//! Every failure here is retried by the next round or shown to a person;
//! none stops the server. Engines run on blocking threads.

pub(crate) mod admission;
pub(crate) mod advisories;
pub(crate) mod alert;
pub(crate) mod beside;
pub(crate) mod database;
pub(crate) mod delivery;
pub(crate) mod detection;
pub(crate) mod discovery;
pub(crate) mod engine;
pub(crate) mod exemption;
pub(crate) mod fix;
pub(crate) mod holdings;
pub(crate) mod host;
pub(crate) mod malware;
pub(crate) mod meter;
pub(crate) mod posture;
pub(crate) mod queue;
pub(crate) mod referrers;
pub(crate) mod registry;
pub(crate) mod rematch;
pub(crate) mod retention;
mod retry;
pub(crate) mod running;
pub(crate) mod sensor;
pub(crate) mod spoken;
pub(crate) mod trust;
pub(crate) mod vex;

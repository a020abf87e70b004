//! What the advisory database promises, tried on real feeds and on
//! small ones made for the purpose.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod assess;
mod bundle;
mod debian;
mod hub;
mod import;
mod server;
mod shared;
mod starter;
mod update;
mod vex;

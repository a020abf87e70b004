//! The command as its users run it, against what its users have: real
//! Debian systems, a real registry, real container engines, other
//! people's validators.

#![cfg(test)]
#![expect(
    clippy::print_stdout,
    reason = "what a door was seen to give belongs in the summary"
)]

mod admission;
mod attacks;
mod away;
mod benign;
mod cluster;
mod debian;
mod deploy;
mod hardening;
mod host;
mod in_use;
mod node;
mod posture;
mod posture_at_size;
mod program;
mod registry;
mod replicas;
mod sensor;
mod server;
mod sources;
mod trust;

//! Fixtures and real counterparts for tests: images made byte by byte,
//! registries and engines started from packages, real Debian systems.
//! Never linked into a shipped binary.

pub mod changelog;
pub mod debian;
pub mod service;
mod skip;

pub use skip::{data, skipped};

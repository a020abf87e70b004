//! Fixtures and real counterparts for tests: images made byte by byte,
//! registries and engines started from packages, real Debian systems.
//! Never linked into a shipped binary.

pub mod audit_load;
pub mod authority;
pub mod changelog;
pub mod cluster;
pub mod container;
pub mod debian;
pub mod hardening;
pub mod identity;
#[expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be built fails its test"
)]
pub mod image;
pub mod languages;
#[expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be built fails its test"
)]
pub mod layer;
pub mod line;
pub mod node;
pub mod postgres;
pub mod receiver;
pub mod service;
pub mod signing;
mod skip;
pub mod sleeper;
pub mod uring;
pub mod validator;
pub mod vm;
#[expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be built fails its test"
)]
pub mod web;

pub use image::Image;
pub use layer::{Compression, Layer};
pub use skip::{data, skipped};

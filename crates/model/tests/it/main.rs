//! The nouns against the specifications that define them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where by panicking"
)]

mod purl;
mod query;

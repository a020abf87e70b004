//! The server: HTTP, sign-in, background jobs and the embedded
//! dashboard, over the engines and the store.
//!
//! Nothing here parses an image, matches an advisory or writes SQL; it
//! decides when those things happen, keeps what they say and shows it.

mod app;
pub mod http;

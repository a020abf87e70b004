//! Container hosts: a real Docker Engine over TLS and without, and
//! servers that are something else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod engine;
mod hostile;

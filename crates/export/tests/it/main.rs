//! Formats as others read them, and deliveries to real receivers.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where by panicking"
)]

mod formats;
mod mail;
mod message;
mod reference;
mod sample;
mod storage;
mod stream;
mod web;

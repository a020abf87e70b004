//! The room from outside: targets in, bills of materials out.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where by panicking"
)]

mod container;
mod distributions;
mod engine;
mod forms;
mod hostile;
mod malware;
mod registry;
mod rootfs;
mod secrets;
mod subject;

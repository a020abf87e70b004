//! Programs: Go build information and lists of Rust crates.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| scan::fuzzing::extract("usr/bin/program", bytes));

//! Debian's package database.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| scan::fuzzing::extract("var/lib/dpkg/status", bytes));

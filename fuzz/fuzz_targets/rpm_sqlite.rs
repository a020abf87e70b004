//! The rpm database in SQLite's format.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| scan::fuzzing::extract("var/lib/rpm/rpmdb.sqlite", bytes));

//! The rpm database in Berkeley DB's format.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| scan::fuzzing::extract("var/lib/rpm/Packages", bytes));

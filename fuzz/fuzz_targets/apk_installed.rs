//! Alpine's package database.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| scan::fuzzing::extract("lib/apk/db/installed", bytes));

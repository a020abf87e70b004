//! The rpm database in the ndb format.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| scan::fuzzing::extract("usr/lib/sysimage/rpm/Packages.db", bytes));

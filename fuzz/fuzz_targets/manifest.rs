//! Indexes, manifests, configurations and `docker save`'s list.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| scan::fuzzing::manifest(bytes));

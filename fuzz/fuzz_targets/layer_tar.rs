//! A layer's blob: tar, plain or packed, with whatever is in it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| scan::fuzzing::layer(bytes));

//! A compiled advisory database that someone has damaged.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| vulns::fuzzing::generation(bytes));

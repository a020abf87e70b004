//! A bundle carried across an air gap.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| vulns::fuzzing::bundle(bytes));

//! One OSV record, compiled and asked for.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| vulns::fuzzing::osv_record(bytes));

//! Templates in Rego: whatever stands for the code, loading and judging
//! ends, and nothing panics.

#![no_main]

libfuzzer_sys::fuzz_target!(|rego: &str| policy::fuzzing::rego(rego));

//! Expressions in CEL: no text trips the parser or the evaluator, and
//! none runs longer than its cost allows.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| policy::fuzzing::expression(text));

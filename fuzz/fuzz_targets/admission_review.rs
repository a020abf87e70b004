//! Bodies the API server may send: read or refused, and what was read is
//! validated, mutated and answered by policies of ours.

#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    cluster::admit::fuzzing::answer(body);
});

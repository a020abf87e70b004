//! Falco events: any bytes are understood or refused, within bounds.

#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| server::fuzzing::falco(body));

//! Bytes of a ring of the node sensor: read as a record or refused.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = sensor::kernel::decode(bytes) {
        drop(format!("{record:?}"));
    }
});

//! Bodies of audit events: any bytes are taken apart or counted.

#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    server::fuzzing::audit(body);
    cluster::audit::normalise(body, &mut cluster::audit::Batch::default());
});

//! Java archives and the archives inside them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if !bytes.is_empty() {
        scan::fuzzing::extract("srv/harbour.war", bytes);
    }
});

//! Licences of Debian's packages.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    scan::fuzzing::extract("usr/share/doc/shop/copyright", bytes);
});

//! VEX documents: OpenVEX, CSAF and CycloneDX.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| drop(vulns::vex::parse("fuzz", bytes)));

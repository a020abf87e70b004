//! CycloneDX (JSON and XML) and SPDX documents.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| scan::fuzzing::sbom_document(bytes));

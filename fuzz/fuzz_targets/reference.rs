//! Image names: whatever parses prints, and reads back as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(reference) = text.parse::<scan::Reference>() {
        let again = reference.to_string().parse::<scan::Reference>();
        assert_eq!(again.as_ref(), Ok(&reference));
    }
});

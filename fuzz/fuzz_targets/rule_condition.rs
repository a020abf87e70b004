//! Conditions: no text trips the parser, its complaints point into the
//! text, and what it reads it prints so that it reads back the same.

#![no_main]

use rules::parse;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match parse::condition(text) {
        Ok(condition) => {
            let printed = condition.to_string();
            // Written out, a condition may be longer than one may be.
            if printed.len() <= parse::MAX_BYTES {
                let again = parse::condition(&printed).expect("what is printed reads back");
                assert_eq!(again.to_string(), printed);
            }
        }
        Err(error) => {
            assert!(error.span.start <= error.span.end);
            assert!(error.span.end as usize <= text.len());
        }
    }
});

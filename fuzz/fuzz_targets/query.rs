//! The query grammar: no text trips it, and what it understands it
//! prints so that it reads back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::Query;

fuzz_target!(|text: &str| {
    match Query::parse(text) {
        Ok(query) => {
            let printed = query.to_string();
            if printed.len() <= model::query::MAX_LENGTH {
                let again = Query::parse(&printed).expect("a plain query parses");
                assert_eq!(query, again, "{printed}");
            }
        }
        Err(errors) => assert!(!errors.0.is_empty()),
    }
});

//! Package URLs: whatever parses prints, and what is printed parses to
//! the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::Purl;

fuzz_target!(|text: &str| {
    if let Ok(purl) = text.parse::<Purl>() {
        let printed = purl.to_string();
        let again: Purl = printed.parse().expect("a canonical URL parses");
        assert_eq!(printed, again.to_string());
        let _ = purl.parts();
        let _ = purl.without_version();
    }
});

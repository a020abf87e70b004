//! Rule files: whatever stands in them, what is understood is resolved,
//! printed and explained, and what is not is told with a place that is in
//! the file.

#![no_main]

use rules::{Loader, diagnostic, docs, events, print};

libfuzzer_sys::fuzz_target!(|text: &str| {
    // A mark parts two files: the later changes the earlier.
    let (first, second) = text.split_once('\u{1}').unwrap_or((text, ""));
    let (ruleset, diagnostics) = Loader::new()
        .file("first.yaml", first)
        .file("second.yaml", second)
        .finish();
    for diagnostic in &diagnostics {
        let file = if diagnostic.file == "first.yaml" { first } else { second };
        let line = usize::try_from(diagnostic.line).expect("lines are counted");
        assert!(line <= file.matches('\n').count() + 1);
    }
    drop(diagnostic::render(&diagnostics, true));
    for rule in &ruleset.rules {
        drop(events::event_types(&rule.condition));
        drop(print::pretty(&rule.condition));
        drop(print::windows(rule));
    }
    drop(docs::rules(&ruleset));
});

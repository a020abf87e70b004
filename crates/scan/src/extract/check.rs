//! How extractors are tested: a fixture goes in, a snapshot beside it
//! of the same name says what must come out.

use std::{fmt::Write as _, path::Path};

use super::{Extraction, Extractor, FileMeta, Input};

/// Runs `extractor` over the fixture `testdata/<fixture>` as if it lay
/// at `path`, and compares the result, one line a package, with
/// `testdata/<fixture>.snap`.
pub(super) fn check(extractor: &dyn Extractor, path: &str, fixture: &str) {
    let bytes = std::fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/extract/testdata")
            .join(fixture),
    )
    .expect("the fixture can be read");
    let text = render(&extract(extractor, path, &bytes));
    insta::with_settings!({
        snapshot_path => "testdata",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(fixture, text);
    });
}

/// What `extractor` makes of `bytes` at `path`, which it must want.
pub(super) fn extract(extractor: &dyn Extractor, path: &str, bytes: &[u8]) -> Extraction {
    assert!(
        wants(extractor, path),
        "{} does not want {path}",
        extractor.name()
    );
    let mut out = Extraction::default();
    extractor.extract(&mut Input::memory(path, bytes), &mut out);
    out
}

pub(super) fn wants(extractor: &dyn Extractor, path: &str) -> bool {
    let file = FileMeta {
        path,
        size: 1000,
        mode: 0o644,
    };
    extractor.wants(&file).is_some()
}

/// One line a package: name, version, then whatever else is known.
pub(super) fn render(extraction: &Extraction) -> String {
    let mut text = String::new();
    for package in &extraction.packages {
        write!(
            text,
            "{} {} {}",
            package.kind, package.name, package.version
        )
        .unwrap();
        if let Some(source) = &package.source {
            write!(text, " source={} {}", source.name, source.version).unwrap();
        }
        if let Some(architecture) = &package.architecture {
            write!(text, " architecture={architecture}").unwrap();
        }
        if !package.licenses.is_empty() {
            write!(text, " licenses={}", package.licenses.join(" | ")).unwrap();
        }
        if let Some(inner) = &package.inner_path {
            write!(text, " inner={inner}").unwrap();
        }
        for (key, value) in &package.qualifiers {
            write!(text, " {key}={value}").unwrap();
        }
        text.push('\n');
    }
    if let Some(os) = &extraction.os {
        writeln!(text, "os {os:?}").unwrap();
    }
    for owned in &extraction.owned {
        writeln!(text, "owned {} {} files", owned.package, owned.files.len()).unwrap();
    }
    for warning in &extraction.warnings {
        writeln!(text, "warning {warning}").unwrap();
    }
    text
}

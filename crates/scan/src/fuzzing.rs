//! A door for the fuzz targets, which are a workspace of their own:
//! bytes go in as if they were one file of an image. Only with the
//! feature `fuzzing`.

use std::collections::HashMap;

use model::Cancel;

use crate::{
    extract::{self, Extraction, FileMeta, Input},
    layer::{Job, Nobody, read_layer},
    limits::Limits,
    manifest,
};

/// The most an extractor may make of a file: every package and warning
/// has some bytes of its own to stand on.
fn check(extraction: &Extraction, size: usize) {
    assert!(
        extraction.packages.len() <= size,
        "more packages than bytes"
    );
    assert!(
        extraction.warnings.len() <= size + 1,
        "more warnings than bytes"
    );
    for found in &extraction.packages {
        assert!(!found.name.is_empty(), "a package without a name");
    }
}

/// Hands `bytes` to every extractor that wants the file at `path`.
pub fn extract(path: &str, bytes: &[u8]) {
    let meta = FileMeta {
        path,
        size: bytes.len() as u64,
        mode: 0o755,
    };
    let mut wanted = false;
    for extractor in extract::all() {
        if extractor.wants(&meta).is_some() {
            wanted = true;
            let mut out = Extraction::default();
            extractor.extract(&mut Input::memory(path, bytes), &mut out);
            check(&out, bytes.len());
        }
    }
    assert!(wanted, "no extractor wants {path}");
}

/// Looks for secrets in `bytes`; none of what is told holds a value.
pub fn secrets(path: &str, bytes: &[u8]) {
    for found in crate::secret::in_file(path, bytes) {
        assert!(found.redacted.len() <= 64, "more than a few letters");
        assert!(found.mark.len() <= 12, "more than a mark");
    }
}

/// Reads `bytes` as an SBOM, in whatever format they are.
pub fn sbom_document(bytes: &[u8]) {
    if let Ok(sbom) = crate::sbom_document::read(bytes) {
        assert!(
            sbom.packages.len() <= bytes.len(),
            "more packages than bytes"
        );
        for package in &sbom.packages {
            assert!(!package.version.is_empty(), "a package without a version");
            package.purl.parts();
        }
    }
}

/// Reads `bytes` as a layer's blob, packed or not.
pub fn layer(bytes: &[u8]) {
    let limits = Limits::default();
    let cancel = Cancel::default();
    let outcome = read_layer(
        bytes,
        Job {
            extractors: extract::all(),
            limits: &limits,
            cancel: &cancel,
            aliases: &HashMap::new(),
            watch: &Nobody,
            judge: None,
            is_hashed: false,
        },
    );
    assert!(
        outcome.verified.is_some() || !outcome.facts.remarks.is_empty(),
        "a layer read in part does not say so"
    );
    for own in outcome.facts.extractors.values() {
        for file in &own.files {
            check(&file.extraction, usize::MAX - 1);
        }
    }
}

/// Reads `bytes` as each document that describes an image.
pub fn manifest(bytes: &[u8]) {
    let platform = model::Platform {
        os: "linux".to_owned(),
        architecture: "amd64".to_owned(),
        variant: None,
    };
    if let Ok(document) = manifest::parse::<manifest::Document>("it", bytes) {
        drop(document.image());
        let entries = document.manifests.unwrap_or_default();
        drop(manifest::choose(&entries, &platform, true));
    }
    if let Ok(config) = manifest::parse::<manifest::Config>("it", bytes) {
        drop(config.diff_ids());
        drop(config.check_platform(Some(&platform)));
        assert!(config.steps().len() <= bytes.len());
        config.facts();
    }
    drop(manifest::parse::<Vec<manifest::Saved>>("it", bytes));
}

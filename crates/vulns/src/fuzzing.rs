//! Doors for the fuzz targets: each takes hostile bytes and must neither
//! panic nor ask for more than its bounds. Built only for fuzzing.

use std::{io::Cursor, path::Path};

use jiff::Timestamp;
use model::{Digest, Package, PackageKind};

use crate::{
    Database,
    feed::bundle::Bundle,
    generation::{Compiler, Generation, layout, link::SourceName},
    mapped::Bytes,
    matcher,
};

/// One record, compiled and asked for.
pub fn osv_record(bytes: &[u8]) {
    let Ok(mut compiler) = Compiler::new(Cursor::new(Vec::new())) else {
        return;
    };
    if compiler.add(0, bytes).is_err() {
        return;
    }
    let sources = [SourceName {
        name: "fuzz".to_owned(),
        is_starter: false,
    }];
    let intel = crate::feed::intel::Intel::default();
    if let Ok((out, _)) = compiler.finish(&sources, &intel, Timestamp::UNIX_EPOCH) {
        ask(out.into_inner());
    }
}

/// A generation with damage done to it: each three bytes of input are a
/// place and what to turn over there. Its checksum is made right again,
/// so that what lies behind the header is reached.
pub fn generation(bytes: &[u8]) {
    let records = [
        r#"{"id":"GHSA-1","aliases":["CVE-1-1"],"summary":"one","affected":[{"package":
        {"ecosystem":"npm","name":"a"},"versions":["9.0.0"],"ranges":[{"type":"SEMVER",
        "events":[{"introduced":"0"},{"fixed":"2.0.0"}]}]}]}"#,
        r#"{"id":"DSA-1","upstream":["CVE-1-1","CVE-1-2"],"affected":[{"package":{"ecosystem":
        "Debian:12","name":"a"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]}"#,
    ];
    let sources = [("fuzz", &records[..])];
    let Ok(mut whole) = crate::feed::compile_records(&sources, Timestamp::UNIX_EPOCH) else {
        return;
    };
    for damage in bytes.as_chunks::<3>().0 {
        let [low, high, value] = *damage;
        let at = usize::from(u16::from_le_bytes([low, high])) % whole.len();
        if let Some(byte) = whole.get_mut(at) {
            *byte ^= value;
        }
    }
    if let Some((head, rest)) = whole.split_at_mut_checked(layout::CHECKSUM_AT)
        && let Some(checksum) = rest.first_chunk_mut::<8>()
    {
        *checksum = xxhash_rust::xxh3::xxh3_64(head).to_le_bytes();
    }
    ask(whole);
}

fn ask(bytes: Vec<u8>) {
    let Ok(generation) = Generation::from_bytes(Bytes::Owned(bytes)) else {
        return;
    };
    let packages = [
        (PackageKind::Npm, "npm"),
        (PackageKind::Deb, "Debian:12"),
        (PackageKind::Rpm, "AlmaLinux:9"),
    ];
    let packages: Vec<Package> = packages
        .into_iter()
        .filter_map(|(kind, ecosystem)| {
            Some(Package {
                kind,
                name: "a".to_owned(),
                version: "1.0".to_owned(),
                ecosystem: Some(ecosystem.parse().ok()?),
                source: None,
                architecture: None,
                licenses: vec![],
                purl: "pkg:generic/a".parse().ok()?,
                path: String::new(),
                layer: None,
                owned_by: None,
            })
        })
        .collect();
    matcher::find(&generation, &packages);
    let db = Database::of(generation);
    for entry in db.entries().take(32) {
        db.vulnerability(&model::VulnerabilityId::new(entry.id));
    }
}

/// A whole bundle, and one whose payload is these bytes.
pub fn bundle(bytes: &[u8]) {
    let path = Path::new("fuzz");
    let read = |bytes: Vec<u8>| {
        if let Ok(bundle) = Bundle::open(path, Cursor::new(bytes), &[]) {
            // Damaged content is an error, and that is all it may be.
            drop(bundle.for_each(|_, _| Ok(())));
        }
    };
    read(bytes.to_vec());
    let header = format!(
        r#"{{"created":"2026-01-01T00:00:00Z","entries":16,"unpacked_bytes":65536,
        "payload_bytes":{},"payload_sha256":"{}"}}"#,
        bytes.len(),
        Digest::of(bytes)
    );
    let length = u32::try_from(header.len()).unwrap_or_default();
    let mut whole = b"SEAWALLB\x01\0\0\0".to_vec();
    whole.extend_from_slice(&length.to_le_bytes());
    whole.extend_from_slice(header.as_bytes());
    whole.extend_from_slice(&[0; 4]);
    whole.extend_from_slice(bytes);
    read(whole);
}

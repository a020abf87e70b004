//! Bundles: carried, signed, tampered with.

use std::{fs, path::Path};

use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding},
};
use model::{Cancel, VulnerabilityId};
use vulns::{
    Database,
    feed::{self, FeedError, Silent, TrustedKey},
};

use crate::shared::Fixed;

const RECORD: &str = r#"{"id":"GHSA-aaaa-bbbb-cccc","modified":"2026-01-01T00:00:00Z",
    "aliases":["CVE-2026-1"],"summary":"It bites","affected":[{"package":{"ecosystem":"npm",
    "name":"tooth"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"2.0.0"}]}]}]}"#;

struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn import(&self, file: &Path, trusted: &[TrustedKey]) -> Result<feed::Outcome, FeedError> {
        let (paths, cancel) = ([file.to_owned()], Cancel::default());
        feed::import(&self.at("db"), &paths, trusted, &Fixed, &Silent, &cancel)
    }

    /// A database of one record, exported.
    fn bundle(&self, key: Option<&feed::SigningKey>) -> std::path::PathBuf {
        let record = self.at("tooth.json");
        fs::write(&record, RECORD).unwrap();
        self.import(&record, &[]).unwrap();
        let out = self.at("advisories.bundle");
        let cancel = Cancel::default();
        let exported = feed::export(&self.at("db"), &out, key, &Fixed, &Silent, &cancel).unwrap();
        assert_eq!(exported.records, 1);
        assert_eq!(exported.is_signed, key.is_some());
        out
    }

    /// A key pair from a fixed seed, as files.
    fn keys(&self, seed: u8) -> (feed::SigningKey, TrustedKey) {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let (private, public) = (self.at("private.pem"), self.at("public.pem"));
        fs::write(&private, key.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap();
        let pem = key.verifying_key().to_public_key_pem(LineEnding::LF);
        fs::write(&public, pem.unwrap()).unwrap();
        (
            feed::SigningKey::read(&private).unwrap(),
            TrustedKey::read(&public).unwrap(),
        )
    }
}

#[test]
fn what_was_exported_reads_the_same_elsewhere() {
    let (here, there) = (Site::new(), Site::new());
    let bundle = here.bundle(None);
    let outcome = there.import(&bundle, &[]).unwrap();
    assert!(outcome.warnings[0].message.contains("not signed"));
    let id = VulnerabilityId::new("CVE-2026-1");
    let read = |site: &Site| {
        let db = Database::open(&site.at("db")).unwrap();
        db.vulnerability(&id).unwrap()
    };
    assert_eq!(read(&here), read(&there));
}

#[test]
fn a_signed_bundle_is_taken_by_its_key_and_no_other() {
    let (here, there) = (Site::new(), Site::new());
    let (signing, trusted) = here.keys(1);
    let (_, stranger) = there.keys(2);
    let bundle = here.bundle(Some(&signing));
    let outcome = there.import(&bundle, &[stranger.clone(), trusted]).unwrap();
    assert_eq!(outcome.warnings, []);
    let error = there.import(&bundle, &[stranger]).unwrap_err();
    assert!(matches!(error, FeedError::Signature(_)), "{error}");
    let outcome = there.import(&bundle, &[]).unwrap();
    assert!(outcome.warnings[0].message.contains("not given as trusted"));
}

#[test]
fn where_a_key_is_demanded_nothing_unsigned_is_taken() {
    let (here, there) = (Site::new(), Site::new());
    let (_, trusted) = here.keys(1);
    let bundle = here.bundle(None);
    for file in [bundle, here.at("tooth.json")] {
        let error = there
            .import(&file, std::slice::from_ref(&trusted))
            .unwrap_err();
        assert!(matches!(error, FeedError::Unsigned(_)), "{error}");
    }
}

#[test]
fn no_byte_of_a_signed_bundle_can_be_changed() {
    let (here, there) = (Site::new(), Site::new());
    let (signing, trusted) = here.keys(1);
    let bundle = here.bundle(Some(&signing));
    let whole = fs::read(&bundle).unwrap();
    let tampered = here.at("tampered");
    for at in (8..whole.len()).step_by(11) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&tampered, bytes).unwrap();
        let outcome = there.import(&tampered, std::slice::from_ref(&trusted));
        // The key a signature claims to be by is no more than a hint.
        let header = u32::from_le_bytes(whole[12..16].try_into().unwrap()) as usize;
        let is_hint = (16 + header + 4..16 + header + 36).contains(&at);
        assert_eq!(outcome.is_ok(), is_hint, "byte {at}");
    }
    for length in (0..whole.len()).step_by(11) {
        fs::write(&tampered, &whole[..length]).unwrap();
        assert!(there.import(&tampered, &[]).is_err(), "{length} bytes");
    }
}

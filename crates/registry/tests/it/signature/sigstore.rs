//! An authority, a transparency log and bundles of our own, as sigstore's
//! are.

use model::Digest;
use registry::{
    Artifact,
    signature::{Believed, TrustRoot},
};
use serde_json::{Value, json};

use std::sync::Arc;

use super::{BUNDLE, ISSUER, SUBJECT, artifact, asn1, b64, public_der};

/// An authority that gives certificates to identities, and a log.
pub(super) struct Sigstore {
    pub(super) authority: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
    log: rcgen::KeyPair,
}

/// Somebody's certificate and key.
pub(super) struct Somebody {
    pub(super) certificate: rcgen::Certificate,
    pub(super) key: rcgen::KeyPair,
}

impl Sigstore {
    pub(super) fn new() -> Self {
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, "fulcio");
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
        let key = rcgen::KeyPair::generate().unwrap();
        Self {
            authority: rcgen::CertifiedIssuer::self_signed(parameters, key).unwrap(),
            log: rcgen::KeyPair::generate().unwrap(),
        }
    }

    pub(super) fn log_id(&self) -> Digest {
        Digest::of(&public_der(&self.log))
    }

    pub(super) fn root(&self) -> TrustRoot {
        let text = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://rekor.example", "hashAlgorithm": "SHA2_256",
                "publicKey": {"rawBytes": b64(public_der(&self.log)),
                              "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                              "validFor": {"start": "2021-01-01T00:00:00Z"}},
                "logId": {"keyId": b64(self.log_id().as_bytes())},
            }],
            "certificateAuthorities": [{
                "subject": {"commonName": "fulcio"}, "uri": "https://fulcio.example",
                "certChain": {"certificates": [{"rawBytes": b64(self.authority.der())}]},
                "validFor": {"start": "2021-01-01T00:00:00Z"},
            }],
        });
        TrustRoot::from_json(&text.to_string()).unwrap()
    }

    pub(super) fn believed(&self) -> Believed {
        Believed {
            root: Some(Arc::new(self.root())),
            ..Believed::default()
        }
    }

    /// A certificate as Fulcio gives it, valid in one year.
    pub(super) fn issue(&self, year: i32, usage: rcgen::ExtendedKeyUsagePurpose) -> Somebody {
        let first = |year| rcgen::date_time_ymd(year, 1, 1).unix_timestamp();
        self.issue_for(usage, first(year), first(year + 1))
    }

    /// The same, between two seconds.
    pub(super) fn issue_for(
        &self,
        usage: rcgen::ExtendedKeyUsagePurpose,
        from: i64,
        until: i64,
    ) -> Somebody {
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.subject_alt_names = vec![rcgen::SanType::URI(SUBJECT.try_into().unwrap())];
        parameters.extended_key_usages = vec![usage];
        let mut issuer = vec![0x0c, u8::try_from(ISSUER.len()).unwrap()];
        issuer.extend_from_slice(ISSUER.as_bytes());
        let oid = [1, 3, 6, 1, 4, 1, 57_264, 1, 8];
        parameters.custom_extensions = vec![rcgen::CustomExtension::from_oid_content(&oid, issuer)];
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let at = |second: i64| epoch + std::time::Duration::from_secs(second.unsigned_abs());
        parameters.not_before = at(from);
        parameters.not_after = at(until);
        let key = rcgen::KeyPair::generate().unwrap();
        Somebody {
            certificate: parameters.signed_by(&key, &self.authority).unwrap(),
            key,
        }
    }

    pub(super) fn somebody(&self) -> Somebody {
        self.issue(2026, rcgen::ExtendedKeyUsagePurpose::CodeSigning)
    }

    /// The log's promise over an entry.
    pub(super) fn promise(&self, body: &[u8], time: i64) -> Vec<u8> {
        let text = format!(
            "{{\"body\":\"{}\",\"integratedTime\":{time},\"logID\":\"{}\",\"logIndex\":7}}",
            b64(body),
            self.log_id().hex()
        );
        asn1(&self.log, text.as_bytes())
    }

    /// A tree of two, ours the second, and its signed head.
    pub(super) fn proof(&self, body: &[u8]) -> Value {
        let leaf = Digest::of(&[&[0][..], body].concat());
        let other = Digest::of(b"\0another entry");
        let root = Digest::of(&[&[1][..], other.as_bytes(), leaf.as_bytes()].concat());
        let head = format!("rekor.example - 1\n2\n{}\n", b64(root.as_bytes()));
        let signature = asn1(&self.log, head.as_bytes());
        let hint = [&self.log_id().as_bytes()[..4], &signature].concat();
        json!({
            "logIndex": "1", "treeSize": "2", "rootHash": b64(root.as_bytes()),
            "hashes": [b64(other.as_bytes())],
            "checkpoint": {"envelope": format!("{head}\n\u{2014} rekor.example {}\n", b64(hint))},
        })
    }
}

/// A bundle by somebody, in the log at a time; `change` has the last word.
pub(super) fn bundle(
    sigstore: &Sigstore,
    somebody: &Somebody,
    payload: &[u8],
    time: i64,
    change: impl FnOnce(&mut Value),
) -> Artifact {
    let kind = "application/vnd.in-toto+json";
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    let signature = asn1(&somebody.key, &[head.as_bytes(), payload].concat());
    let body = json!({
        "apiVersion": "0.0.1", "kind": "dsse",
        "spec": {
            "envelopeHash": {"algorithm": "sha256", "value": Digest::of(b"x").hex()},
            "payloadHash": {"algorithm": "sha256", "value": Digest::of(payload).hex()},
            "signatures": [{"signature": b64(&signature),
                            "verifier": b64(somebody.certificate.pem())}],
        },
    })
    .to_string();
    let mut bundle = json!({
        "mediaType": BUNDLE,
        "verificationMaterial": {
            "certificate": {"rawBytes": b64(somebody.certificate.der())},
            "tlogEntries": [{
                "logIndex": "7", "logId": {"keyId": b64(sigstore.log_id().as_bytes())},
                "kindVersion": {"kind": "dsse", "version": "0.0.1"},
                "integratedTime": time.to_string(),
                "inclusionPromise": {
                    "signedEntryTimestamp": b64(sigstore.promise(body.as_bytes(), time)),
                },
                "inclusionProof": sigstore.proof(body.as_bytes()),
                "canonicalizedBody": b64(&body),
            }],
        },
        "dsseEnvelope": {
            "payload": b64(payload), "payloadType": kind,
            "signatures": [{"sig": b64(&signature)}],
        },
    });
    change(&mut bundle);
    artifact(BUNDLE, BUNDLE, bundle.to_string().into_bytes(), &[])
}

//! Signatures made here: by openssl, by a certificate authority and a
//! transparency log of our own, by notation's form; and sigstore's own
//! suite, where a copy of it is at hand.

mod asked;
mod notation;
mod program;
mod sigstore;
mod suite;

use std::{collections::BTreeMap, process::Command};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use model::Digest;
use registry::{
    Artifact, ArtifactBlob, NewReferrer,
    signature::{
        Believed, Claim, NotVerified, PublicKey, Scheme, Signer, TrustRoot, Verified, verify,
    },
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm},
};
use serde_json::{Value, json};
use testkit::{
    Image,
    service::{self, program},
    web,
};

use crate::{anonymous, now};
use sigstore::{Sigstore, bundle};

const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const NOTATION: &str = "application/vnd.cncf.notary.signature";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const SUBJECT: &str = "https://github.com/team/shop/.github/workflows/release.yml@refs/tags/v1";

fn b64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn image() -> Digest {
    Digest::of(b"an image's manifest")
}

fn sign(key: &rcgen::KeyPair, how: &'static EcdsaSigningAlgorithm, message: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_pkcs8(how, &key.serialize_der(), &random).unwrap();
    pair.sign(&random, message).unwrap().as_ref().to_vec()
}

fn asn1(key: &rcgen::KeyPair, message: &[u8]) -> Vec<u8> {
    sign(key, &ECDSA_P256_SHA256_ASN1_SIGNING, message)
}

fn public_der(key: &rcgen::KeyPair) -> Vec<u8> {
    let pem = key.public_key_pem();
    let body: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    BASE64_STANDARD.decode(body).unwrap()
}

fn moment() -> i64 {
    now().as_second()
}

/// What cosign signed before it had bundles.
fn simple_payload(image: &Digest) -> Vec<u8> {
    json!({
        "critical": {
            "identity": {"docker-reference": "registry.example/team/shop"},
            "image": {"docker-manifest-digest": image.to_string()},
            "type": "cosign container image signature",
        },
        "optional": {"build": "4711"},
    })
    .to_string()
    .into_bytes()
}

fn artifact(kind: &str, media_type: &str, bytes: Vec<u8>, notes: &[(&str, String)]) -> Artifact {
    let annotations = notes
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    Artifact {
        digest: Digest::of(&bytes),
        artifact_type: kind.to_owned(),
        subject: None,
        annotations: BTreeMap::new(),
        blobs: vec![ArtifactBlob {
            digest: Digest::of(&bytes),
            media_type: media_type.to_owned(),
            annotations,
            bytes,
        }],
    }
}

fn judged(artifact: &Artifact, believed: &Believed) -> Result<Verified, NotVerified> {
    let found = verify(&image(), artifact, believed, now());
    assert_eq!(found.len(), 1);
    found.into_iter().next().unwrap().verdict
}

fn statement(image: &Digest, predicate: &str) -> Vec<u8> {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": image.hex()}, "annotations": {"build": "4711"}}],
        "predicateType": predicate, "predicate": {},
    })
    .to_string()
    .into_bytes()
}

const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";

#[test]
fn signatures_made_with_openssls_keys_are_verified() {
    let Some(openssl) = program("openssl") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let run = |arguments: &[&str]| {
        let output = Command::new(&openssl).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    std::fs::write(path("payload"), simple_payload(&image())).unwrap();
    let sorts: [(&str, &[&str], &[&str]); 4] = [
        (
            "p256",
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            &["-digest", "sha256"],
        ),
        (
            "p384",
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
            &["-digest", "sha384"],
        ),
        (
            "rsa",
            &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            &["-digest", "sha256"],
        ),
        ("ed25519", &["-algorithm", "ED25519"], &[]),
    ];
    let mut keys = Vec::new();
    for (name, make, digest) in sorts {
        let (key, public, signature) = (path(name), path(&format!("{name}.pub")), path("sig"));
        run(&[&["genpkey", "-out", &key][..], make].concat());
        run(&["pkey", "-in", &key, "-pubout", "-out", &public]);
        let payload = path("payload");
        let sign = [
            "pkeyutl", "-sign", "-rawin", "-in", &payload, "-inkey", &key, "-out", &signature,
        ];
        run(&[&sign[..], digest].concat());
        let pem = std::fs::read_to_string(&public).unwrap();
        keys.push((name.to_owned(), PublicKey::from_pem(&pem).unwrap()));
        let signature = b64(std::fs::read(&signature).unwrap());
        let notes = [("dev.cosignproject.cosign/signature", signature)];
        let signed = artifact(SIMPLE, SIMPLE, simple_payload(&image()), &notes);
        let believed = Believed {
            keys: keys.clone(),
            ..Believed::default()
        };
        let verified = judged(&signed, &believed).unwrap();
        assert!(
            matches!(&verified.signer, Signer::Key { name: by, .. } if by == name),
            "{verified:?}"
        );
        assert_eq!(verified.claim, Claim::Signature);
        assert_eq!(verified.annotations["build"], "4711");
        // Another's key, another image's document, a document changed.
        assert_eq!(
            judged(&signed, &Believed::default()),
            Err(NotVerified::OtherKey)
        );
        let of_another = verify(&Digest::of(b"another"), &signed, &believed, now());
        assert_eq!(of_another[0].verdict, Err(NotVerified::OtherImage));
        let mut forged = signed.clone();
        forged.blobs[0].bytes = simple_payload(&Digest::of(b"another"));
        assert_eq!(judged(&forged, &believed), Err(NotVerified::OtherKey));
    }
}

#[test]
fn a_key_that_is_none_is_told() {
    for text in [
        "",
        "ssh-ed25519 AAAA",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    ] {
        assert!(PublicKey::from_pem(text).is_err(), "{text}");
    }
    assert!(TrustRoot::from_json("{}").is_err());
    assert!(TrustRoot::from_json("nonsense").is_err());
}

#[test]
fn a_bundle_says_who_signed_and_when() {
    let sigstore = Sigstore::new();
    let somebody = sigstore.somebody();
    let payload = statement(&image(), SIGNED);
    let signed = bundle(&sigstore, &somebody, &payload, moment(), |_| {});
    let verified = judged(&signed, &sigstore.believed()).unwrap();
    assert_eq!(
        verified.signer,
        Signer::Identity {
            subject: SUBJECT.to_owned(),
            issuer: ISSUER.to_owned(),
        }
    );
    assert!(
        verified
            .signer
            .is_identity(ISSUER, "https://github.com/team/shop/*")
    );
    assert!(
        !verified
            .signer
            .is_identity(ISSUER, "https://github.com/team/shop")
    );
    assert_eq!(verified.claim, Claim::Signature);
    assert_eq!(verified.logged, Some(now()));
    assert_eq!(verified.annotations["build"], "4711");
    // A statement about the image is not its signature.
    let provenance = "https://slsa.dev/provenance/v1";
    let payload = statement(&image(), provenance);
    let stated = bundle(&sigstore, &somebody, &payload, moment(), |_| {});
    let verified = judged(&stated, &sigstore.believed()).unwrap();
    assert_eq!(verified.claim, Claim::Attestation(provenance.to_owned()));
}

#[test]
fn a_bundle_that_was_changed_anywhere_is_not_verified() {
    let sigstore = Sigstore::new();
    let somebody = sigstore.somebody();
    let payload = statement(&image(), SIGNED);
    let believed = sigstore.believed();
    let entry = "/verificationMaterial/tlogEntries/0";
    let other = Sigstore::new();
    let cases: Vec<(&str, Value)> = vec![
        (
            "/dsseEnvelope/payload",
            json!(b64(statement(&Digest::of(b"y"), SIGNED))),
        ),
        (
            "/dsseEnvelope/payloadType",
            json!("application/vnd.in-toto+jso"),
        ),
        (
            "/dsseEnvelope/signatures/0/sig",
            json!(b64(asn1(&somebody.key, b"x"))),
        ),
        ("/dsseEnvelope/signatures", json!([])),
        (
            "/verificationMaterial/certificate/rawBytes",
            json!(b64(other.somebody().certificate.der())),
        ),
        ("/verificationMaterial/tlogEntries", json!([])),
        (
            "/verificationMaterial/tlogEntries/0/integratedTime",
            json!((moment() - 1).to_string()),
        ),
        ("/verificationMaterial/tlogEntries/0/logIndex", json!("8")),
        (
            "/verificationMaterial/tlogEntries/0/inclusionPromise/signedEntryTimestamp",
            json!(b64(b"x")),
        ),
        (
            "/verificationMaterial/tlogEntries/0/logId/keyId",
            json!(b64(other.log_id().as_bytes())),
        ),
        (
            "/verificationMaterial/tlogEntries/0/inclusionProof/rootHash",
            json!(b64([0; 32])),
        ),
        (
            "/verificationMaterial/tlogEntries/0/inclusionProof/hashes/0",
            json!(b64([0; 32])),
        ),
        (
            "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope",
            json!("x\n2\nAA==\n\n\u{2014} x AA==\n"),
        ),
        (
            "/verificationMaterial/tlogEntries/0/inclusionProof",
            Value::Null,
        ),
        (
            "/verificationMaterial/tlogEntries/0/inclusionPromise",
            Value::Null,
        ),
    ];
    for (path, value) in cases {
        let changed = bundle(&sigstore, &somebody, &payload, moment(), |bundle| {
            *bundle.pointer_mut(path).unwrap() = value;
        });
        let verdict = judged(&changed, &believed);
        assert!(verdict.is_err(), "{path}: {verdict:?}");
    }
    // An entry of another statement by the same signer.
    let another = statement(&image(), "https://slsa.dev/provenance/v1");
    let of_another = bundle(&sigstore, &somebody, &another, moment(), |_| {});
    let of_another: Value = serde_json::from_slice(&of_another.blobs[0].bytes).unwrap();
    let mixed = bundle(&sigstore, &somebody, &payload, moment(), |bundle| {
        *bundle.pointer_mut(entry).unwrap() = of_another.pointer(entry).unwrap().clone();
    });
    let verdict = judged(&mixed, &believed);
    assert!(
        matches!(verdict, Err(NotVerified::NotLogged(_))),
        "{verdict:?}"
    );
}

#[test]
fn certificates_count_at_their_time_from_their_authority_for_their_use() {
    let sigstore = Sigstore::new();
    let payload = statement(&image(), SIGNED);
    let believed = sigstore.believed();
    // Valid last year, and signed with this year.
    let late = sigstore.issue(2025, rcgen::ExtendedKeyUsagePurpose::CodeSigning);
    let server = sigstore.issue(2026, rcgen::ExtendedKeyUsagePurpose::ServerAuth);
    let stranger = Sigstore::new().somebody();
    for somebody in [late, server, stranger] {
        let signed = bundle(&sigstore, &somebody, &payload, moment(), |_| {});
        let verdict = judged(&signed, &believed);
        assert!(
            matches!(
                verdict,
                Err(NotVerified::NotVouchedFor(_) | NotVerified::OutOfTime { .. })
            ),
            "{verdict:?}"
        );
    }
    let signed = bundle(&sigstore, &sigstore.somebody(), &payload, moment(), |_| {});
    let nobody = judged(&signed, &Believed::default());
    assert!(
        matches!(nobody, Err(NotVerified::NotVouchedFor(_))),
        "{nobody:?}"
    );
}

#[test]
fn cosigns_older_form_by_identity_is_verified() {
    let sigstore = Sigstore::new();
    let somebody = sigstore.somebody();
    let payload = simple_payload(&image());
    let signature = b64(asn1(&somebody.key, &payload));
    let body = |hash: String| {
        json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hash}},
                "signature": {"content": signature,
                              "publicKey": {"content": b64(somebody.certificate.pem())}},
            },
        })
        .to_string()
    };
    let signed = |body: &str, time: i64| {
        let entry = json!({
            "SignedEntryTimestamp": b64(sigstore.promise(body.as_bytes(), moment())),
            "Payload": {"body": b64(body), "integratedTime": time, "logIndex": 7,
                        "logID": sigstore.log_id().hex()},
        });
        let notes = [
            ("dev.cosignproject.cosign/signature", signature.clone()),
            (
                "dev.sigstore.cosign/certificate",
                somebody.certificate.pem(),
            ),
            ("dev.sigstore.cosign/chain", sigstore.authority.pem()),
            ("dev.sigstore.cosign/bundle", entry.to_string()),
        ];
        artifact(SIMPLE, SIMPLE, payload.clone(), &notes)
    };
    let right = body(Digest::of(&payload).hex());
    let verified = judged(&signed(&right, moment()), &sigstore.believed()).unwrap();
    assert!(verified.signer.is_identity(ISSUER, SUBJECT));
    assert_eq!(verified.logged, Some(now()));
    let wrong = body(Digest::of(b"x").hex());
    for changed in [signed(&wrong, moment()), signed(&right, moment() + 1)] {
        let verdict = judged(&changed, &sigstore.believed());
        assert!(
            matches!(verdict, Err(NotVerified::NotLogged(_))),
            "{verdict:?}"
        );
    }
}

#[test]
fn cosigns_older_attestations_are_told_as_what_they_state() {
    let sigstore = Sigstore::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let provenance = "https://slsa.dev/provenance/v0.2";
    let kind = "application/vnd.in-toto+json";
    let envelope = |payload: &[u8]| {
        let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
        let signature = asn1(&key, &[head.as_bytes(), payload].concat());
        json!({"payloadType": kind, "payload": b64(payload), "signatures": [{"sig": b64(signature)}]})
    };
    let believed = Believed {
        keys: vec![(
            "ci".to_owned(),
            PublicKey::from_pem(&key.public_key_pem()).unwrap(),
        )],
        ..sigstore.believed()
    };
    let dsse = "application/vnd.dsse.envelope.v1+json";
    let right = envelope(&statement(&image(), provenance));
    let judge = |envelope: &Value| {
        let bytes = envelope.to_string().into_bytes();
        judged(&artifact(dsse, dsse, bytes, &[]), &believed)
    };
    let verified = judge(&right).unwrap();
    assert_eq!(verified.claim, Claim::Attestation(provenance.to_owned()));
    let other = envelope(&statement(&Digest::of(b"another"), provenance));
    assert_eq!(judge(&other), Err(NotVerified::OtherImage));
    let mut mixed = right.clone();
    mixed["payload"] = other["payload"].clone();
    assert_eq!(judge(&mixed), Err(NotVerified::OtherKey));
}

#[test]
fn signatures_in_a_real_registry_are_found_and_verified() {
    let Some(server) = service::Registry::start().unwrap() else {
        return;
    };
    web::push(&Image::example(), &server.host, "team/shop", "1.0");
    let registry = anonymous(&server.host);
    let reference = registry.reference("team/shop", "1.0").unwrap();
    let digest = registry.resolve(&reference).unwrap().digest;
    let sigstore = Sigstore::new();
    let payload = statement(&digest, SIGNED);
    let signed = bundle(&sigstore, &sigstore.somebody(), &payload, moment(), |_| {});
    let pushed = registry
        .push_referrer(
            "team/shop",
            &digest,
            &NewReferrer {
                artifact_type: BUNDLE.to_owned(),
                media_type: BUNDLE.to_owned(),
                bytes: signed.blobs[0].bytes.clone(),
                annotations: BTreeMap::new(),
            },
        )
        .unwrap();
    // And one under cosign's tag, by a key.
    let key = rcgen::KeyPair::generate().unwrap();
    let document = simple_payload(&digest);
    let upload = |bytes: &[u8]| {
        let (_, headers) = web::send(
            "POST",
            &server.host,
            "/v2/team/shop/blobs/uploads/",
            &[],
            &[],
        );
        let place = headers["location"].trim_start_matches(&format!("http://{}", server.host));
        let target = format!("{place}&digest={}", Digest::of(bytes));
        assert_eq!(web::send("PUT", &server.host, &target, &[], bytes).0, 201);
    };
    upload(b"{}");
    upload(&document);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": testkit::image::OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                   "digest": Digest::of(b"{}").to_string(), "size": 2},
        "layers": [{"mediaType": SIMPLE, "digest": Digest::of(&document).to_string(),
                    "size": document.len(),
                    "annotations": {"dev.cosignproject.cosign/signature": b64(asn1(&key, &document))}}],
    })
    .to_string();
    let target = format!("/v2/team/shop/manifests/sha256-{}.sig", digest.hex());
    let kind = [("content-type", testkit::image::OCI_MANIFEST)];
    let (status, _) = web::send("PUT", &server.host, &target, &kind, manifest.as_bytes());
    assert_eq!(status, 201);

    let believed = Believed {
        keys: vec![(
            "release".to_owned(),
            PublicKey::from_pem(&key.public_key_pem()).unwrap(),
        )],
        ..sigstore.believed()
    };
    let found = registry
        .signatures("team/shop", &digest, &believed)
        .unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        (found[0].scheme, found[0].referrer),
        (Scheme::Bundle, pushed.digest)
    );
    assert!(
        found[0]
            .verdict
            .as_ref()
            .unwrap()
            .signer
            .is_identity(ISSUER, SUBJECT)
    );
    assert_eq!(found[1].scheme, Scheme::Cosign);
    assert!(found[1].verdict.is_ok(), "{found:?}");
}

#[test]
fn bytes_of_any_sort_are_no_signature() {
    let sigstore = Sigstore::new();
    let somebody = sigstore.somebody();
    let payload = statement(&image(), SIGNED);
    let whole = bundle(&sigstore, &somebody, &payload, moment(), |_| {});
    let believed = Believed {
        authorities: vec![("ours".to_owned(), sigstore.authority.pem())],
        ..sigstore.believed()
    };
    let bytes = &whole.blobs[0].bytes;
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] = changed[at].wrapping_add(1);
        for (kind, media_type) in [
            (BUNDLE, BUNDLE),
            (SIMPLE, SIMPLE),
            (NOTATION, "application/jose+json"),
        ] {
            let changed = artifact(kind, media_type, changed.clone(), &[]);
            drop(judged(&changed, &believed));
            let cut = artifact(kind, media_type, bytes[..at].to_vec(), &[]);
            assert!(judged(&cut, &believed).is_err());
        }
    }
}

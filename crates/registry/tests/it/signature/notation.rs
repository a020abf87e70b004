//! Notation's signatures, made as its specification says.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use model::Digest;
use registry::{
    Artifact,
    signature::{Believed, NotVerified, Signer},
};
use ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use serde_json::{Value, json};

use super::{
    NOTATION, artifact, b64, image, judged, sign,
    sigstore::{Sigstore, Somebody},
};

/// A JSON web signature as notation makes it.
fn notation(somebody: &Somebody, protected: &Value, image: &Digest) -> Artifact {
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let payload = json!({"targetArtifact": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": image.to_string(), "size": 7, "annotations": {"build": "4711"},
    }});
    let signed = format!("{}.{}", encode(protected), encode(&payload));
    let signature = sign(
        &somebody.key,
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        signed.as_bytes(),
    );
    let envelope = json!({
        "payload": encode(&payload), "protected": encode(protected),
        "header": {"x5c": [b64(somebody.certificate.der())],
                   "io.cncf.notary.signingAgent": "notation/1.2"},
        "signature": BASE64_URL_SAFE_NO_PAD.encode(signature),
    });
    artifact(
        NOTATION,
        "application/jose+json",
        envelope.to_string().into_bytes(),
        &[],
    )
}

#[test]
fn notations_signatures_are_verified() {
    let sigstore = Sigstore::new();
    let somebody = sigstore.somebody();
    let protected = json!({
        "alg": "ES256", "cty": "application/vnd.cncf.notary.payload.v1+json",
        "crit": ["io.cncf.notary.signingScheme"],
        "io.cncf.notary.signingScheme": "notary.x509",
        "io.cncf.notary.signingTime": "2026-11-20T09:00:00Z",
    });
    let believed = Believed {
        authorities: vec![("ours".to_owned(), sigstore.authority.pem())],
        ..Believed::default()
    };
    let verified = judged(&notation(&somebody, &protected, &image()), &believed).unwrap();
    assert!(
        matches!(&verified.signer, Signer::Certificate { authority, .. } if authority == "ours"),
        "{verified:?}"
    );
    assert_eq!(verified.annotations["build"], "4711");

    let other = notation(&somebody, &protected, &Digest::of(b"another"));
    assert_eq!(judged(&other, &believed), Err(NotVerified::OtherImage));
    let with = |key: &str, value: Value| {
        let mut protected = protected.clone();
        protected[key] = value;
        judged(&notation(&somebody, &protected, &image()), &believed)
    };
    let ended = with("io.cncf.notary.expiry", json!("2026-11-20T09:59:00Z"));
    assert!(matches!(ended, Err(NotVerified::Ended(_))), "{ended:?}");
    let unknown = with("crit", json!(["com.example.must-be-heeded"]));
    assert!(
        matches!(unknown, Err(NotVerified::Unsupported(_))),
        "{unknown:?}"
    );
    // "none", and an algorithm that is another key's.
    for algorithm in ["none", "HS256", "PS256", "ES384"] {
        let verdict = with("alg", json!(algorithm));
        assert!(
            matches!(verdict, Err(NotVerified::Unsupported(_))),
            "{verdict:?}"
        );
    }
    let late = sigstore.issue(2025, rcgen::ExtendedKeyUsagePurpose::CodeSigning);
    let verdict = judged(&notation(&late, &protected, &image()), &believed);
    assert!(
        matches!(verdict, Err(NotVerified::NotVouchedFor(_))),
        "{verdict:?}"
    );
}

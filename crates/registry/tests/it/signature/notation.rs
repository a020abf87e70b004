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
    stamped(somebody, protected, image, |_| None)
}

/// The same, with what `stamp` makes of the signature.
fn stamped(
    somebody: &Somebody,
    protected: &Value,
    image: &Digest,
    stamp: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Artifact {
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
    let stamp = stamp(&signature);
    let mut envelope = json!({
        "payload": encode(&payload), "protected": encode(protected),
        "header": {"x5c": [b64(somebody.certificate.der())],
                   "io.cncf.notary.signingAgent": "notation/1.2"},
        "signature": BASE64_URL_SAFE_NO_PAD.encode(signature),
    });
    if let Some(stamp) = stamp {
        envelope["header"]["io.cncf.notary.timestampSignature"] = json!(b64(stamp));
    }
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
        matches!(verdict, Err(NotVerified::OutOfTime { .. })),
        "{verdict:?}"
    );
}

/// A timestamp authority of openssl's; it stamps with this machine's time.
struct Stampers(tempfile::TempDir);

const CONFIGURATION: &str = "\
[req]
distinguished_name=dn
prompt=no
x509_extensions=root
[dn]
CN=stamper
[root]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
[leaf]
basicConstraints=CA:FALSE
extendedKeyUsage=critical,timeStamping
keyUsage=critical,digitalSignature
[tsa]
default_tsa=t
[t]
serial=serial
crypto_device=builtin
default_policy=1.2.3.4
digests=sha256
signer_digest=sha256
";

impl Stampers {
    fn new() -> Option<Self> {
        testkit::service::program("openssl")?;
        let made = Self(tempfile::tempdir().unwrap());
        std::fs::write(made.0.path().join("cnf"), CONFIGURATION).unwrap();
        std::fs::write(made.0.path().join("serial"), "01").unwrap();
        for line in [
            "ecparam -name prime256v1 -genkey -noout -out ca.key",
            "req -x509 -new -key ca.key -config cnf -days 30 -out ca.pem",
            "ecparam -name prime256v1 -genkey -noout -out tsa.key",
            "req -new -key tsa.key -config cnf -out tsa.csr",
            "x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile cnf \
             -extensions leaf -days 30 -out tsa.pem",
        ] {
            made.run(line);
        }
        Some(made)
    }

    fn run(&self, line: &str) {
        let output = std::process::Command::new("openssl")
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
    }

    fn stamp(&self, bytes: &[u8]) -> Vec<u8> {
        std::fs::write(self.0.path().join("data"), bytes).unwrap();
        self.run("ts -query -data data -sha256 -cert -out query");
        self.run(
            "ts -reply -config cnf -section t -queryfile query -signer tsa.pem -inkey tsa.key \
             -token_out -out token",
        );
        std::fs::read(self.0.path().join("token")).unwrap()
    }

    fn root(&self) -> String {
        std::fs::read_to_string(self.0.path().join("ca.pem")).unwrap()
    }
}

/// A certificate that has ended counts for what it signed before.
#[test]
fn a_timestamp_says_that_it_was_signed_in_time() {
    let Some(stampers) = Stampers::new() else {
        return;
    };
    let sigstore = Sigstore::new();
    let today = model::Clock::now(&model::SystemClock);
    let somebody = sigstore.issue_for(
        rcgen::ExtendedKeyUsagePurpose::CodeSigning,
        (today - jiff::SignedDuration::from_hours(24)).as_second(),
        (today + jiff::SignedDuration::from_hours(24)).as_second(),
    );
    let later = today + jiff::SignedDuration::from_hours(24 * 300);
    let protected = json!({
        "alg": "ES256", "cty": "application/vnd.cncf.notary.payload.v1+json",
        "crit": ["io.cncf.notary.signingScheme"],
        "io.cncf.notary.signingScheme": "notary.x509",
    });
    let believed = Believed {
        authorities: vec![("ours".to_owned(), sigstore.authority.pem())],
        stampers: vec![("tsa".to_owned(), stampers.root())],
        ..Believed::default()
    };
    let judge = |artifact: &Artifact, believed: &Believed| {
        let mut found = registry::signature::verify(&image(), artifact, believed, later);
        found.remove(0).verdict
    };
    let signed = stamped(&somebody, &protected, &image(), |signature| {
        Some(stampers.stamp(signature))
    });
    let verified = judge(&signed, &believed).unwrap();
    assert!(verified.logged.is_some_and(|time| time < later));
    assert_eq!(verified.until, None);
    // Without it, by nobody who counts, or of something else.
    let unstamped = stamped(&somebody, &protected, &image(), |_| None);
    let of_another = stamped(&somebody, &protected, &image(), |_| {
        Some(stampers.stamp(b"another"))
    });
    let nobody = Believed {
        stampers: Vec::new(),
        ..believed.clone()
    };
    for (artifact, believed) in [
        (&unstamped, &believed),
        (&of_another, &believed),
        (&signed, &nobody),
    ] {
        let verdict = judge(artifact, believed);
        assert!(
            matches!(verdict, Err(NotVerified::OutOfTime { .. })),
            "{verdict:?}"
        );
    }
}

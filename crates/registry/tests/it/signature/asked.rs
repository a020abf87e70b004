//! Whose signature is asked for, and what is said where it is not there.

use std::sync::Arc;

use model::Digest;
use registry::signature::{Asked, AskedError, Scheme, Wanted, Why, judge};

use super::{
    ISSUER, SIGNED, SIMPLE, SUBJECT, artifact, asn1, b64, image, moment, now,
    sigstore::{Sigstore, bundle},
    simple_payload, statement,
};

fn signed_with(key: &rcgen::KeyPair, of: &Digest) -> registry::Artifact {
    let payload = simple_payload(of);
    let notes = [(
        "dev.cosignproject.cosign/signature",
        b64(asn1(key, &payload)),
    )];
    artifact(SIMPLE, SIMPLE, payload, &notes)
}

fn by_key(name: &str, key: &rcgen::KeyPair) -> Wanted {
    Wanted::key(name, &key.public_key_pem()).unwrap()
}

fn asked(anyone_of: Vec<Wanted>, sigstore: Option<&Sigstore>) -> Asked {
    let asked = Asked {
        anyone_of,
        root: sigstore.map(|it| Arc::new(it.root())),
        ..Asked::default()
    };
    asked.check().unwrap();
    asked
}

#[test]
fn any_one_of_those_asked_for_will_do() {
    let (ours, theirs) = (
        rcgen::KeyPair::generate().unwrap(),
        rcgen::KeyPair::generate().unwrap(),
    );
    let sigstore = Sigstore::new();
    let identity = Wanted::identity("https://github.com/team/shop/*", ISSUER).unwrap();
    let asked = asked(vec![by_key("release", &ours), identity], Some(&sigstore));
    let signed = [signed_with(&theirs, &image()), signed_with(&ours, &image())];
    let accepted = judge(&image(), &signed, &asked, now()).unwrap();
    assert_eq!(accepted.scheme, Scheme::Cosign);
    assert_eq!(accepted.verified.signer.to_string(), "the key release");
    let payload = statement(&image(), SIGNED);
    let signed = bundle(&sigstore, &sigstore.somebody(), &payload, moment(), |_| {});
    let accepted = judge(&image(), &[signed], &asked, now()).unwrap();
    assert_eq!(
        accepted.verified.signer.to_string(),
        format!("{SUBJECT} at {ISSUER}")
    );
}

/// Each miss says what was found, and what would mend it.
#[test]
fn a_refusal_names_the_nearest_miss_and_its_mend() {
    let (ours, theirs) = (
        rcgen::KeyPair::generate().unwrap(),
        rcgen::KeyPair::generate().unwrap(),
    );
    let sigstore = Sigstore::new();
    let key = || asked(vec![by_key("release", &ours)], None);
    let of_bob = || {
        let bob = Wanted::identity("bob@example.org", ISSUER).unwrap();
        asked(vec![bob], Some(&sigstore))
    };
    let payload = statement(&image(), SIGNED);
    let whole = || bundle(&sigstore, &sigstore.somebody(), &payload, moment(), |_| {});
    let unlogged = bundle(&sigstore, &sigstore.somebody(), &payload, moment(), |it| {
        it["verificationMaterial"]["tlogEntries"] = serde_json::json!([]);
    });
    let late = sigstore.issue(2025, rcgen::ExtendedKeyUsagePurpose::CodeSigning);
    let late = bundle(&sigstore, &late, &payload, moment(), |_| {});
    let provenance = statement(&image(), "https://slsa.dev/provenance/v1");
    let stated = bundle(
        &sigstore,
        &sigstore.somebody(),
        &provenance,
        moment(),
        |_| {},
    );
    let another = Digest::of(b"another");
    let broken = artifact(SIMPLE, SIMPLE, b"nonsense".to_vec(), &[]);
    let cases = [
        (vec![], key(), Why::Unsigned, "no signature", "cosign sign"),
        (
            vec![signed_with(&theirs, &image())],
            key(),
            Why::OtherKey,
            "not by the key release",
            "let the key release sign it",
        ),
        (
            vec![signed_with(&ours, &another)],
            key(),
            Why::OtherImage,
            "another image",
            "sign this digest",
        ),
        (
            vec![whole()],
            of_bob(),
            Why::OtherSigner,
            SUBJECT,
            "bob@example.org",
        ),
        (
            vec![unlogged],
            of_bob(),
            Why::NotLogged,
            "transparency log",
            "transparency log",
        ),
        (vec![late], of_bob(), Why::Expired, "was good from", "anew"),
        (
            vec![stated],
            of_bob(),
            Why::AttestedOnly,
            "slsa.dev",
            "sign the image itself",
        ),
        (
            vec![broken.clone()],
            key(),
            Why::Broken,
            "cannot be used",
            "anew",
        ),
        // The nearest of several is told.
        (
            vec![broken, whole()],
            of_bob(),
            Why::OtherSigner,
            SUBJECT,
            "bob@example.org",
        ),
    ];
    for (artifacts, asked, why, reason, mend) in cases {
        let refused = judge(&image(), &artifacts, &asked, now()).unwrap_err();
        assert_eq!(refused.why, why, "{refused:?}");
        assert!(refused.reason.contains(reason), "{refused:?}");
        assert!(refused.mend.contains(mend), "{refused:?}");
    }
}

#[test]
fn what_makes_no_sense_to_ask_for_is_told() {
    let key = rcgen::KeyPair::generate().unwrap();
    assert_eq!(Asked::default().check(), Err(AskedError::Nobody));
    let twice = Asked {
        anyone_of: vec![by_key("a", &key), by_key("a", &key)],
        ..Asked::default()
    };
    assert_eq!(twice.check(), Err(AskedError::SameName("a".to_owned())));
    let rootless = Asked {
        anyone_of: vec![Wanted::identity("a@example.org", ISSUER).unwrap()],
        ..Asked::default()
    };
    assert_eq!(rootless.check(), Err(AskedError::NoRoot));
    for anybody in ["*", "", "**"] {
        let wrong = Wanted::identity(anybody, ISSUER);
        assert!(matches!(wrong, Err(AskedError::Anybody(_))), "{anybody}");
    }
    for issuer in ["https://*", "github.com", "http://issuer.example"] {
        let wrong = Wanted::identity("a@example.org", issuer);
        assert!(matches!(wrong, Err(AskedError::Issuer(_))), "{issuer}");
    }
    assert!(Wanted::key("k", "nonsense").is_err());
    assert!(Wanted::certificate("c", &key.public_key_pem(), None).is_err());
}

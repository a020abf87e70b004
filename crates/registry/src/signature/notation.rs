//! Notation's signatures: a JSON web signature over the image's
//! descriptor, with the signer's certificates.
//!
//! A timestamp of an authority that counts says when it was made; without
//! one its certificate must be good now.
//! Limits: no COSE envelopes, no revocation.
//! References: the Notary Project's specifications, "signature
//! specification", "signature envelope JWS", "signing scheme".

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use model::Digest;
use serde::Deserialize;

use super::{
    Believed, Claim, NotVerified, Signer, TrustRoot, Verified,
    certificate::{self, Certificate},
    decode, timestamp,
};
use crate::ArtifactBlob;

pub(super) const SIGNATURE: &str = "application/vnd.cncf.notary.signature";
const JWS: &str = "application/jose+json";
const PAYLOAD: &str = "application/vnd.cncf.notary.payload.v1+json";
const SCHEME: &str = "notary.x509";
/// What we heed of what must be heeded.
const KNOWN: [&str; 3] = [
    "io.cncf.notary.signingScheme",
    "io.cncf.notary.expiry",
    "io.cncf.notary.signingTime",
];

#[derive(Deserialize)]
struct Envelope {
    payload: String,
    protected: String,
    header: Header,
    signature: String,
}

#[derive(Deserialize)]
struct Header {
    x5c: Vec<String>,
    #[serde(default, rename = "io.cncf.notary.timestampSignature")]
    stamp: Option<String>,
}

#[derive(Deserialize)]
struct Protected {
    alg: String,
    cty: String,
    #[serde(default)]
    crit: Vec<String>,
    #[serde(rename = "io.cncf.notary.signingScheme")]
    scheme: String,
    #[serde(default, rename = "io.cncf.notary.expiry")]
    expiry: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    target_artifact: Target,
}

#[derive(Deserialize)]
struct Target {
    digest: String,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

pub(super) fn verify(
    image: &Digest,
    blob: &ArtifactBlob,
    believed: &Believed,
    now: Timestamp,
) -> Result<Verified, NotVerified> {
    if blob.media_type != JWS {
        let kind: String = blob.media_type.chars().take(100).collect();
        return Err(NotVerified::Unsupported(format!(
            "an envelope of type {kind}"
        )));
    }
    let malformed = |what: &str, error: &dyn std::fmt::Display| {
        NotVerified::Malformed(format!("{what}: {error}"))
    };
    let envelope: Envelope =
        serde_json::from_slice(&blob.bytes).map_err(|error| malformed("the envelope", &error))?;
    let part = |what: &str, text: &str| {
        BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|error| malformed(what, &error))
    };
    let protected: Protected =
        serde_json::from_slice(&part("the protected header", &envelope.protected)?)
            .map_err(|error| malformed("the protected header", &error))?;
    if protected.cty != PAYLOAD {
        return Err(NotVerified::Malformed(format!(
            "it signs a {}",
            protected.cty
        )));
    }
    if let Some(unknown) = protected
        .crit
        .iter()
        .find(|key| !KNOWN.contains(&key.as_str()))
    {
        return Err(NotVerified::Unsupported(format!("'{unknown}'")));
    }
    if protected.scheme != SCHEME {
        return Err(NotVerified::Unsupported(format!(
            "the scheme {}",
            protected.scheme
        )));
    }
    let chain = envelope.header.x5c.iter();
    let chain = chain
        .map(|text| decode("a certificate", text))
        .collect::<Result<Vec<_>, _>>()?;
    let (leaf, further) = chain
        .split_first()
        .ok_or_else(|| NotVerified::Malformed("it has no certificate".to_owned()))?;
    let certificate = Certificate::from_der(leaf)?;
    let signature = part("the signature", &envelope.signature)?;
    let stamped = stamped(&envelope.header, &signature, believed)?;
    let at = stamped.unwrap_or(now);
    let mut last = NotVerified::NotVouchedFor("no authority is set up".to_owned());
    let authority = believed.authorities.iter().find(|(_, pem)| {
        let roots = certificate::of_pem(pem);
        match certificate.is_vouched_for(further, &roots, at, false) {
            Ok(()) => true,
            Err(error) => {
                last = error;
                false
            }
        }
    });
    let Some((authority, _)) = authority else {
        return Err(last);
    };
    let signed = format!("{}.{}", envelope.protected, envelope.payload);
    match certificate
        .key
        .has_signed_as(&protected.alg, signed.as_bytes(), &signature)
    {
        Some(true) => {}
        Some(false) => return Err(NotVerified::Wrong),
        None => {
            return Err(NotVerified::Unsupported(format!(
                "the algorithm {}",
                protected.alg
            )));
        }
    }
    if let Some(end) = protected.expiry.filter(|end| *end < now) {
        return Err(NotVerified::Ended(end));
    }
    let payload: Payload = serde_json::from_slice(&part("the payload", &envelope.payload)?)
        .map_err(|error| malformed("the payload", &error))?;
    if payload.target_artifact.digest != image.to_string() {
        return Err(NotVerified::OtherImage);
    }
    Ok(Verified {
        signer: Signer::Certificate {
            subject: certificate.subject(),
            authority: authority.clone(),
            fingerprint: certificate.fingerprint,
        },
        claim: Claim::Signature,
        logged: stamped,
        until: match (stamped, protected.expiry) {
            (Some(_), expiry) => expiry,
            (None, None) => Some(certificate.not_after),
            (None, Some(expiry)) => Some(expiry.min(certificate.not_after)),
        },
        annotations: payload.target_artifact.annotations.unwrap_or_default(),
    })
}

/// When a timestamp authority that counts saw the signature. One nobody
/// asked about says nothing.
fn stamped(
    header: &Header,
    signature: &[u8],
    believed: &Believed,
) -> Result<Option<Timestamp>, NotVerified> {
    let Some(stamp) = header
        .stamp
        .as_ref()
        .filter(|_| !believed.stampers.is_empty())
    else {
        return Ok(None);
    };
    let stamp = decode("the timestamp", stamp)?;
    let root = TrustRoot::of_stampers(believed.stampers.iter().map(|(_, pem)| pem.as_str()));
    Ok(timestamp::time_of(&stamp, signature, &root))
}

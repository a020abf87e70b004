//! cosign's older form: a small document that names the image is signed,
//! and certificate and log entry are annotations beside it.
//!
//! References: cosign's `specs/SIGNATURE_SPEC.md`; Red Hat's "simple
//! signing".

use jiff::Timestamp;
use model::Digest;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Believed, Claim, NotVerified, Signer, Verified, bundle,
    bundle::{Envelope, Signed},
    by_key,
    certificate::{self, Certificate},
    decode,
    log::Entry,
};
use crate::ArtifactBlob;

pub(super) const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// What its attestations are in.
pub(super) const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const LOG: &str = "dev.sigstore.cosign/bundle";
const KIND: &str = "cosign container image signature";

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
    #[serde(default)]
    optional: Option<serde_json::Map<String, Value>>,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Logged {
    signed_entry_timestamp: String,
    payload: LoggedPayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoggedPayload {
    body: String,
    integrated_time: i64,
    log_index: u64,
    #[serde(rename = "logID")]
    log_id: String,
}

pub(super) fn verify(
    image: &Digest,
    blob: &ArtifactBlob,
    believed: &Believed,
) -> Result<Verified, NotVerified> {
    if blob.media_type == ENVELOPE {
        return attestation(image, blob, believed);
    }
    let malformed = |reason: String| NotVerified::Malformed(reason);
    let payload: Payload =
        serde_json::from_slice(&blob.bytes).map_err(|error| malformed(error.to_string()))?;
    if payload.critical.kind != KIND {
        return Err(malformed(format!("it is a '{}'", payload.critical.kind)));
    }
    let encoded = blob
        .annotations
        .get(SIGNATURE)
        .ok_or_else(|| malformed("it has no signature".to_owned()))?;
    let signature = decode("the signature", encoded)?;
    let (signer, logged) = signed_by(blob, believed, &blob.bytes, &signature, |entry, pem| {
        names(entry, &blob.bytes, encoded, pem)
    })?;
    // Last, so that what is said of the image is what was signed.
    if payload.critical.image.docker_manifest_digest != image.to_string() {
        return Err(NotVerified::OtherImage);
    }
    let optional = payload.optional.unwrap_or_default();
    Ok(Verified {
        signer,
        claim: Claim::Signature,
        logged,
        until: None,
        annotations: optional
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())))
            .take(64)
            .collect(),
    })
}

/// A statement in an envelope, its certificate and entry beside it.
fn attestation(
    image: &Digest,
    blob: &ArtifactBlob,
    believed: &Believed,
) -> Result<Verified, NotVerified> {
    let envelope: Envelope = serde_json::from_slice(&blob.bytes)
        .map_err(|error| NotVerified::Malformed(error.to_string()))?;
    let (payload, signature) = envelope.open()?;
    let message = bundle::signed_bytes(&envelope.payload_type, &payload);
    let (signer, logged) = signed_by(blob, believed, &message, &signature, |entry, pem| {
        let ders = pem.map(certificate::of_pem).unwrap_or_default();
        let signed = Signed::new(&payload, &message, &signature, ders.first());
        bundle::names(entry, &signed)
    })?;
    let (claim, annotations) = envelope.says(&payload, image)?;
    Ok(Verified {
        signer,
        claim,
        logged,
        until: None,
        annotations,
    })
}

/// Who signed a message, by the keys that count or the certificate beside
/// it, and since when the log has it. `names` says whether an entry is of
/// this signature.
fn signed_by(
    blob: &ArtifactBlob,
    believed: &Believed,
    message: &[u8],
    signature: &[u8],
    names: impl Fn(&Entry, Option<&str>) -> Result<(), NotVerified>,
) -> Result<(Signer, Option<Timestamp>), NotVerified> {
    let text = |key: &str| blob.annotations.get(key).map(String::as_str);
    let entry = text(LOG).map(entry).transpose()?;
    let Some(pem) = text(CERTIFICATE) else {
        let by = by_key(believed, message, signature)?;
        let logged = match (&entry, &believed.root) {
            (Some(entry), Some(root)) => {
                names(entry, None)?;
                entry.proved(root)?
            }
            _ => None,
        };
        return Ok((by, logged));
    };
    let root = believed.root.as_ref().ok_or_else(|| {
        NotVerified::NotVouchedFor("no trusted root of sigstore is set up".to_owned())
    })?;
    let ders = certificate::of_pem(pem);
    let der = ders
        .first()
        .ok_or_else(|| NotVerified::Malformed("its certificate is no PEM".to_owned()))?;
    let certificate = Certificate::from_der(der)?;
    let entry = entry.ok_or_else(|| NotVerified::NotLogged("no entry".to_owned()))?;
    names(&entry, Some(pem))?;
    let logged = entry
        .proved(root)?
        .ok_or_else(|| NotVerified::NotLogged("the log says no time".to_owned()))?;
    let further = text(CHAIN).map(certificate::of_pem).unwrap_or_default();
    bundle::vouched(&certificate, &further, root, logged)?;
    if !certificate.key.has_signed(message, signature) {
        return Err(NotVerified::Wrong);
    }
    Ok((certificate.identity()?, Some(logged)))
}

fn entry(text: &str) -> Result<Entry, NotVerified> {
    let logged: Logged = serde_json::from_str(text)
        .map_err(|error| NotVerified::Malformed(format!("its log entry: {error}")))?;
    let id = format!("sha256:{}", logged.payload.log_id);
    let id: Digest = id
        .parse()
        .map_err(|_text| NotVerified::Malformed("its log has no id".to_owned()))?;
    Ok(Entry {
        log: id.as_bytes().to_vec(),
        index: logged.payload.log_index,
        time: logged.payload.integrated_time,
        body: decode("its log entry", &logged.payload.body)?,
        promise: Some(decode("the log's promise", &logged.signed_entry_timestamp)?),
        proof: None,
    })
}

/// Whether the entry is of this signature over this document, by this
/// certificate.
fn names(
    entry: &Entry,
    document: &[u8],
    signature: &str,
    certificate: Option<&str>,
) -> Result<(), NotVerified> {
    let no = |what: &str| {
        Err(NotVerified::NotLogged(format!(
            "its entry has another {what}"
        )))
    };
    let content = entry.content()?;
    let text = |path: &str| content.pointer(path).and_then(Value::as_str);
    if text("/kind") != Some("hashedrekord") {
        return no("kind");
    }
    let hash = Digest::of(document).hex();
    if text("/spec/data/hash/value") != Some(hash.as_str()) {
        return no("document");
    }
    if text("/spec/signature/content").map(str::trim) != Some(signature.trim()) {
        return no("signature");
    }
    if let Some(pem) = certificate {
        let own = certificate::of_pem(pem);
        let key = text("/spec/signature/publicKey/content").unwrap_or_default();
        let logged = String::from_utf8(decode("the entry's key", key)?).unwrap_or_default();
        if certificate::of_pem(&logged).first() != own.first() {
            return no("certificate");
        }
    }
    Ok(())
}

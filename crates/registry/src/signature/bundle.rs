//! Sigstore's bundle: a signed statement, who signed it, and the log's
//! entry, in one document.
//!
//! References: the protobuf `dev.sigstore.bundle.v1.Bundle` (media types
//! 0.1 to 0.3); the DSSE protocol; in-toto's statement v1.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::Digest;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Believed, Claim, NotVerified, TrustRoot, Verified, by_key,
    certificate::{self, Certificate},
    decode,
    log::{Entry, Proof},
    timestamp,
};

/// How its media types begin.
pub(super) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
const STATEMENT: &str = "application/vnd.in-toto+json";
/// What `cosign sign` states: nothing but that it was signed.
const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";
const MOST_ENTRIES: usize = 8;
const MOST_SUBJECTS: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    #[serde(default)]
    media_type: String,
    verification_material: Material,
    #[serde(default)]
    dsse_envelope: Option<Envelope>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    #[serde(default)]
    certificate: Option<Raw>,
    #[serde(default)]
    x509_certificate_chain: Option<Chain>,
    #[serde(default)]
    tlog_entries: Vec<LogEntry>,
    #[serde(default)]
    timestamp_verification_data: Option<Timestamps>,
    /// The first version had the log's promise alone.
    #[serde(skip)]
    must_be_proved: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Timestamps {
    #[serde(default)]
    rfc3161_timestamps: Vec<Stamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stamp {
    signed_timestamp: String,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    raw_bytes: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogEntry {
    /// Numbers are texts: 64 bits are too many for JSON's.
    #[serde(default)]
    log_index: Number,
    #[serde(default)]
    log_id: Option<LogId>,
    #[serde(default)]
    integrated_time: Number,
    #[serde(default)]
    inclusion_promise: Option<Promise>,
    #[serde(default)]
    inclusion_proof: Option<InclusionProof>,
    canonicalized_body: String,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Number {
    #[default]
    None,
    Whole(u64),
    Text(String),
}

impl Number {
    fn value(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Whole(number) => *number,
            Self::Text(text) => text.parse().unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Promise {
    signed_entry_timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionProof {
    #[serde(default)]
    log_index: Number,
    #[serde(default)]
    tree_size: Number,
    root_hash: String,
    #[serde(default)]
    hashes: Vec<String>,
    #[serde(default)]
    checkpoint: Option<Checkpoint>,
}

#[derive(Deserialize)]
struct Checkpoint {
    envelope: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    payload: String,
    pub(super) payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(default)]
    subject: Vec<Subject>,
    #[serde(default)]
    predicate_type: String,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    digest: BTreeMap<String, String>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, Value>>,
}

pub(super) fn verify(
    image: &Digest,
    bytes: &[u8],
    believed: &Believed,
) -> Result<Verified, NotVerified> {
    let malformed = |reason: String| NotVerified::Malformed(reason);
    let mut bundle: Bundle =
        serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    bundle.verification_material.must_be_proved = !bundle.media_type.ends_with("version=0.1");
    let envelope = bundle.dsse_envelope.ok_or_else(|| {
        NotVerified::Unsupported("a signature over bytes instead of a statement".to_owned())
    })?;
    let (payload, signature) = envelope.open()?;
    let message = signed_bytes(&envelope.payload_type, &payload);
    let material = &bundle.verification_material;
    let chain = material.x509_certificate_chain.as_ref();
    let raw: Vec<&Raw> = match (&material.certificate, chain) {
        (Some(certificate), _) => vec![certificate],
        (None, Some(chain)) => chain.certificates.iter().collect(),
        (None, None) => Vec::new(),
    };
    let ders = raw
        .iter()
        .map(|raw| decode("a certificate", &raw.raw_bytes))
        .collect::<Result<Vec<_>, _>>()?;
    let (signer, logged) = match ders.split_first() {
        None => {
            let signer = by_key(believed, &message, &signature)?;
            let logged = match &believed.root {
                Some(root) if !material.tlog_entries.is_empty() => {
                    let wanted = Signed::new(&payload, &message, &signature, None);
                    logged(material, &wanted, root)?
                }
                _ => None,
            };
            (signer, logged)
        }
        Some((leaf, further)) => {
            let root = believed.root.as_ref().ok_or_else(|| {
                NotVerified::NotVouchedFor("no trusted root of sigstore is set up".to_owned())
            })?;
            let certificate = Certificate::from_der(leaf)?;
            let wanted = Signed::new(&payload, &message, &signature, Some(leaf));
            let logged = logged(material, &wanted, root)?;
            // Every time that is proved must be one the certificate was
            // good at; one at least has to be.
            let times = times(material, &signature, root).chain(logged);
            let times: Vec<_> = times.collect();
            let first = times.iter().min().copied().ok_or_else(|| {
                NotVerified::NotLogged("nobody who is believed says when".to_owned())
            })?;
            for time in times {
                vouched(&certificate, further, root, time)?;
            }
            let logged = logged.unwrap_or(first);
            if !certificate.key.has_signed(&message, &signature) {
                return Err(NotVerified::Wrong);
            }
            (certificate.identity()?, Some(logged))
        }
    };
    let (claim, annotations) = envelope.says(&payload, image)?;
    Ok(Verified {
        signer,
        claim,
        logged,
        until: None,
        annotations,
    })
}

impl Envelope {
    /// What is signed, and the signature.
    pub(super) fn open(&self) -> Result<(Vec<u8>, Vec<u8>), NotVerified> {
        // Exactly one: which of several counts would be somebody's guess.
        let [signature] = self.signatures.as_slice() else {
            return Err(NotVerified::Malformed(
                "it has not one signature".to_owned(),
            ));
        };
        Ok((
            decode("the statement", &self.payload)?,
            decode("the signature", &signature.sig)?,
        ))
    }

    /// What the statement says of the image, if it is about it.
    pub(super) fn says(
        &self,
        payload: &[u8],
        image: &Digest,
    ) -> Result<(Claim, BTreeMap<String, String>), NotVerified> {
        if self.payload_type != STATEMENT {
            return Err(NotVerified::Unsupported(format!(
                "a statement of type {}",
                self.payload_type.chars().take(100).collect::<String>()
            )));
        }
        let statement: Statement = serde_json::from_slice(payload)
            .map_err(|error| NotVerified::Malformed(format!("the statement: {error}")))?;
        let hex = image.hex();
        let mut subjects = statement.subject.iter().take(MOST_SUBJECTS);
        let subject = subjects.find(|subject| subject.digest.get("sha256") == Some(&hex));
        let subject = subject.ok_or(NotVerified::OtherImage)?;
        let claim = if statement.predicate_type == SIGNED {
            Claim::Signature
        } else {
            Claim::Attestation(statement.predicate_type.chars().take(512).collect())
        };
        let annotations = subject.annotations.iter().flatten();
        let annotations = annotations
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .take(64)
            .collect();
        Ok((claim, annotations))
    }
}

/// DSSE's encoding of what is signed: lengths and all, so that nothing
/// can be moved from one part to the other.
pub(super) fn signed_bytes(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

/// Whether one of the root's authorities gave the certificate at a time.
pub(super) fn vouched(
    certificate: &Certificate,
    further: &[Vec<u8>],
    root: &TrustRoot,
    at: Timestamp,
) -> Result<(), NotVerified> {
    let mut last = NotVerified::NotVouchedFor("by no authority of that time".to_owned());
    for authority in root.at(at) {
        let intermediates = [authority.intermediates.as_slice(), further].concat();
        let roots = std::slice::from_ref(&authority.root);
        match certificate.is_vouched_for(&intermediates, roots, at, true) {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What the log's entry must be of.
pub(super) struct Signed<'a> {
    payload: &'a [u8],
    message: &'a [u8],
    signature: &'a [u8],
    certificate: Option<&'a [u8]>,
}

impl<'a> Signed<'a> {
    pub(super) fn new(
        payload: &'a [u8],
        message: &'a [u8],
        signature: &'a [u8],
        certificate: Option<&'a Vec<u8>>,
    ) -> Self {
        Self {
            payload,
            message,
            signature,
            certificate: certificate.map(Vec::as_slice),
        }
    }
}

/// The times authorities give the signature.
fn times<'a>(
    material: &'a Material,
    signature: &'a [u8],
    root: &'a TrustRoot,
) -> impl Iterator<Item = Timestamp> + 'a {
    let stamps = material.timestamp_verification_data.iter();
    stamps
        .flat_map(|stamps| stamps.rfc3161_timestamps.iter().take(MOST_ENTRIES))
        .filter_map(move |stamp| {
            let stamp = decode("a timestamp", &stamp.signed_timestamp).ok()?;
            timestamp::time_of(&stamp, signature, root)
        })
}

/// Whether the log has this signature, and since when where it says so.
fn logged(
    material: &Material,
    signed: &Signed<'_>,
    root: &TrustRoot,
) -> Result<Option<Timestamp>, NotVerified> {
    let mut last = NotVerified::NotLogged("no entry".to_owned());
    for entry in material.tlog_entries.iter().take(MOST_ENTRIES) {
        let attempt = entry.read().and_then(|entry| {
            names(&entry, signed)?;
            if material.must_be_proved && entry.proof.is_none() {
                return Err(NotVerified::NotLogged("its place is not proved".to_owned()));
            }
            entry.proved(root)
        });
        match attempt {
            Ok(time) => return Ok(time),
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl LogEntry {
    fn read(&self) -> Result<Entry, NotVerified> {
        let proof = self.inclusion_proof.as_ref().map(|proof| {
            let hashes = proof.hashes.iter();
            Ok(Proof {
                index: proof.log_index.value(),
                size: proof.tree_size.value(),
                root: decode("the log's root", &proof.root_hash)?,
                hashes: hashes
                    .map(|hash| decode("the log's proof", hash))
                    .collect::<Result<_, _>>()?,
                checkpoint: proof
                    .checkpoint
                    .as_ref()
                    .map(|checkpoint| checkpoint.envelope.clone())
                    .unwrap_or_default(),
            })
        });
        let id = self
            .log_id
            .as_ref()
            .map(|id| decode("the log's id", &id.key_id));
        let promise = self.inclusion_promise.as_ref();
        let promise = promise.map(|it| decode("the log's promise", &it.signed_entry_timestamp));
        Ok(Entry {
            log: id.transpose()?.unwrap_or_default(),
            index: self.log_index.value(),
            time: i64::try_from(self.integrated_time.value()).unwrap_or_default(),
            body: decode("the log's entry", &self.canonicalized_body)?,
            promise: promise.transpose()?,
            proof: proof.transpose()?,
        })
    }
}

/// Whether the entry is of this signature over this statement, by this
/// certificate. Two kinds of entries hold statements; the log's second
/// version holds what is signed, whatever it is.
pub(super) fn names(entry: &Entry, signed: &Signed<'_>) -> Result<(), NotVerified> {
    let content = entry.content()?;
    let kind = text(&content, "/kind").unwrap_or_default();
    if let Some(record) = content.pointer("/spec/hashedRekordV002") {
        return record_names(record, signed.message, "/data/digest", signed);
    }
    let (hash, listed, sig, key) = match kind.as_str() {
        "dsse" => (
            text(&content, "/spec/payloadHash/value"),
            content.pointer("/spec/signatures"),
            "/signature",
            "/verifier",
        ),
        "intoto" => (
            text(&content, "/spec/content/payloadHash/value"),
            content.pointer("/spec/content/envelope/signatures"),
            "/sig",
            "/publicKey",
        ),
        _ => return Err(another("kind")),
    };
    if hash != Some(Digest::of(signed.payload).hex()) {
        return Err(another("statement"));
    }
    let mut listed = listed.and_then(Value::as_array).into_iter().flatten();
    let own = listed.find(|one| {
        let once = text(one, sig).and_then(|text| decode("", &text).ok());
        // One of the two kinds encodes what is encoded already.
        let twice = once.clone().and_then(|once| String::from_utf8(once).ok());
        let twice = twice.and_then(|text| decode("", &text).ok());
        [once, twice]
            .iter()
            .flatten()
            .any(|it| it == signed.signature)
    });
    let own = own.ok_or_else(|| another("signature"))?;
    if let Some(der) = signed.certificate {
        let pem = decode("the entry's key", &text(own, key).unwrap_or_default())?;
        let pem = String::from_utf8(pem).unwrap_or_default();
        if certificate::of_pem(&pem).first().map(Vec::as_slice) != Some(der) {
            return Err(another("certificate"));
        }
    }
    Ok(())
}

/// The same for an entry of the log's second version.
fn record_names(
    record: &Value,
    hashed: &[u8],
    digest: &str,
    signed: &Signed<'_>,
) -> Result<(), NotVerified> {
    let bytes = |path: &str| text(record, path).and_then(|text| decode("", &text).ok());
    if bytes(digest).as_deref() != Some(Digest::of(hashed).as_bytes().as_slice()) {
        return Err(another("statement"));
    }
    if bytes("/signature/content").as_deref() != Some(signed.signature) {
        return Err(another("signature"));
    }
    let own = bytes("/signature/verifier/x509Certificate/rawBytes");
    if signed.certificate.is_some() && own.as_deref() != signed.certificate {
        return Err(another("certificate"));
    }
    Ok(())
}

fn text(value: &Value, path: &str) -> Option<String> {
    let found = value.pointer(path).and_then(Value::as_str);
    found.map(str::to_owned)
}

fn another(what: &str) -> NotVerified {
    NotVerified::NotLogged(format!("its entry has another {what}"))
}

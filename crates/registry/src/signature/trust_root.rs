//! Sigstore's trusted root: which authorities give certificates to
//! identities, and which logs keep what they sign. The file that `cosign
//! trusted-root` and TUF give; nothing is fetched.
//!
//! References: the protobuf `dev.sigstore.trustroot.v1.TrustedRoot`.

use jiff::Timestamp;
use model::Digest;
use serde::Deserialize;

use super::{PublicKey, certificate, decode};

/// Authorities and logs, as they were handed in.
#[derive(Clone, Debug)]
pub struct TrustRoot {
    pub(super) authorities: Vec<Authority>,
    pub(super) logs: Vec<Log>,
    /// Of timestamps; the first of their chains is who signs them.
    timestamps: Vec<Authority>,
}

/// The text is no trusted root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read the trusted root: {0}")]
pub struct TrustRootError(String);

#[derive(Clone, Debug)]
pub(super) struct Authority {
    /// The last of its chain.
    pub(super) root: Vec<u8>,
    pub(super) intermediates: Vec<Vec<u8>>,
    valid: Period,
}

#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) id: Vec<u8>,
    pub(super) key: PublicKey,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Period {
    #[serde(default)]
    start: Option<Timestamp>,
    #[serde(default)]
    end: Option<Timestamp>,
}

impl Period {
    fn holds(&self, at: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= at) && self.end.is_none_or(|end| at <= end)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    tlogs: Vec<LogFile>,
    #[serde(default)]
    certificate_authorities: Vec<AuthorityFile>,
    #[serde(default)]
    timestamp_authorities: Vec<AuthorityFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogFile {
    public_key: Bytes,
    #[serde(default)]
    log_id: Option<LogId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bytes {
    raw_bytes: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorityFile {
    cert_chain: Chain,
    #[serde(default)]
    valid_for: Period,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<Bytes>,
}

impl TrustRoot {
    /// Reads `trusted_root.json`.
    pub fn from_json(text: &str) -> Result<Self, TrustRootError> {
        let bad = |reason: String| TrustRootError(reason);
        let file: File = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        let bytes = |what: &str, bytes: &Bytes| {
            decode(what, &bytes.raw_bytes).map_err(|error| bad(error.to_string()))
        };
        let mut logs = Vec::new();
        for log in &file.tlogs {
            let der = bytes("a log's key", &log.public_key)?;
            let id = match &log.log_id {
                Some(id) => {
                    decode("a log's id", &id.key_id).map_err(|error| bad(error.to_string()))?
                }
                None => Digest::of(&der).as_bytes().to_vec(),
            };
            // Newer logs sign with keys, and in ways, we do not know.
            if let Ok(key) = PublicKey::from_der(&der) {
                logs.push(Log { id, key });
            }
        }
        let chains = |files: &[AuthorityFile]| -> Result<Vec<Authority>, TrustRootError> {
            let mut authorities = Vec::new();
            for authority in files {
                let mut chain = authority
                    .cert_chain
                    .certificates
                    .iter()
                    .map(|certificate| bytes("an authority's certificate", certificate))
                    .collect::<Result<Vec<_>, _>>()?;
                let root = chain
                    .pop()
                    .ok_or_else(|| bad("an authority has no certificate".to_owned()))?;
                authorities.push(Authority {
                    root,
                    intermediates: chain,
                    valid: authority.valid_for.clone(),
                });
            }
            Ok(authorities)
        };
        let authorities = chains(&file.certificate_authorities)?;
        let timestamps = chains(&file.timestamp_authorities)?;
        if authorities.is_empty() || logs.is_empty() {
            return Err(bad("it names no authority, or no log".to_owned()));
        }
        Ok(Self {
            authorities,
            logs,
            timestamps,
        })
    }

    /// One that knows authorities of timestamps only, from their roots.
    pub(super) fn of_stampers<'a>(pems: impl Iterator<Item = &'a str>) -> Self {
        let roots = pems.flat_map(certificate::of_pem);
        Self {
            authorities: Vec::new(),
            logs: Vec::new(),
            timestamps: roots
                .map(|root| Authority {
                    root,
                    intermediates: Vec::new(),
                    valid: Period::default(),
                })
                .collect(),
        }
    }

    /// The authorities of timestamps at a time.
    pub(super) fn timestamps_at(&self, time: Timestamp) -> impl Iterator<Item = &Authority> {
        let all = self.timestamps.iter();
        all.filter(move |authority| authority.valid.holds(time))
    }

    /// The authorities that were ones at a time.
    pub(super) fn at(&self, time: Timestamp) -> impl Iterator<Item = &Authority> {
        let all = self.authorities.iter();
        all.filter(move |authority| authority.valid.holds(time))
    }
}

//! Identifiers: the world's own names where it has them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// A SHA-256 content address, `sha256:` and 64 lower-case hex digits
/// (OCI image specification, descriptor.md).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest of `content`.
    pub fn of(content: &[u8]) -> Self {
        Self(sha2::Sha256::digest(content).into())
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hex digits, without the algorithm.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// The first 12 hex digits, as people quote a digest.
    pub fn short(&self) -> String {
        hex(&self.0[..6])
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no `sha256:` digest.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: '{0}' (expected 'sha256:' and 64 hexadecimal digits)")]
pub struct ParseDigestError(String);

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseDigestError(text.chars().take(100).collect());
        let digits = text.strip_prefix("sha256:").ok_or_else(refuse)?.as_bytes();
        if digits.len() != 64 {
            return Err(refuse());
        }
        let nibble = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(refuse()),
        };
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What makes two sightings the same finding: 32 lower-case hex digits.
///
/// Specified so that other tools can compute it: the first 16 bytes of
/// the SHA-256 of the parts in order, each part preceded by its length
/// in bytes as a 64-bit little-endian number. For a vulnerability the
/// parts are `vulnerability`, the vulnerability's id (see
/// [`crate::vulnerability`]), the subject's identity (for an image its
/// repository and digest, for a machine its name), the package's
/// versionless purl and the path of the file that names the package. For
/// an alert they are `alert`, the rule's id, the program that did it (its
/// path, else its name, else the user), and for each asset from below the
/// environment down to the one it is about, its kind and its identity.
/// Of every other kind they are the kind (`misconfiguration`, `secret`,
/// `malware`), the rule's id, what tells several in one asset apart (a
/// file's path; empty where there can be but one), and the assets as for
/// an alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    pub fn of(parts: &[&str]) -> Self {
        let mut hasher = sha2::Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Self(hex(&hasher.finalize()[..16]))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name a vulnerability goes by: its CVE id where it has one, else
/// the id of the advisory that told us (`GHSA-…`, `RUSTSEC-…`, …).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VulnerabilityId(String);

impl VulnerabilityId {
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_cve(&self) -> bool {
        self.0.starts_with("CVE-")
    }
}

impl fmt::Display for VulnerabilityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_what_it_prints() {
        let digest = Digest::of(b"seawall");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(digest.short().len(), 12);
    }

    #[test]
    fn other_algorithms_short_and_upper_case_digests_are_refused() {
        for text in [
            "",
            "sha256:",
            "sha512:00",
            "sha256:zz",
            &format!("sha256:{}", "A".repeat(64)),
            &format!("sha256:{}", "é".repeat(32)),
        ] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn fingerprints_keep_their_published_vectors() {
        assert_eq!(
            Fingerprint::of(&[]).as_str(),
            "e3b0c44298fc1c149afbf4c8996fb924"
        );
        assert_ne!(Fingerprint::of(&["ab", "c"]), Fingerprint::of(&["a", "bc"]));
        let parts = [
            "vulnerability",
            "CVE-2021-44228",
            "registry.example/shop@sha256:0000000000000000000000000000000000000000000000000000000000000000",
            "pkg:maven/org.apache.logging.log4j/log4j-core",
            "srv/app.jar",
        ];
        assert_eq!(
            Fingerprint::of(&parts).as_str(),
            "c467600b3d2e32343f1c3b6c0eb90ddb"
        );
        for (parts, expected) in [
            (
                &[
                    "misconfiguration",
                    "container-privileged",
                    "",
                    "host",
                    "node-1",
                    "namespace",
                    "shop",
                    "container",
                    "web",
                ][..],
                "7d44a87d5e1fede1f144543c048285cf",
            ),
            (
                &[
                    "secret",
                    "private-key",
                    "root/.ssh/id_ed25519",
                    "image",
                    "sha256:00",
                ][..],
                "7a81385eb8b827060bb85122aabdbcf6",
            ),
            (
                &[
                    "malware",
                    "eicar",
                    "tmp/x",
                    "host",
                    "node-1",
                    "container",
                    "9f1c2ab34d5e",
                ][..],
                "63ddab463c001e5fd1b2bf1c4cf0a28c",
            ),
        ] {
            assert_eq!(Fingerprint::of(parts).as_str(), expected);
        }
        assert_eq!(
            Fingerprint::of(&parts[..2]).as_str(),
            "6b68cf0f488f2efaebb59d3517f6b6d0"
        );
    }
}

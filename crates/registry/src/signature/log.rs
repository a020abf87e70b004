//! Entries of the transparency log (Rekor), proved without asking it: by
//! its promise, which is a signature over the entry and its time, and by
//! the entry's place in the tree whose head it signed.
//!
//! References: RFC 6962, section 2.1; RFC 9162, section 2.1.3.2; the
//! signed-note format of checkpoints; Rekor's API ("signed entry
//! timestamp").

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use model::Digest;
use serde_json::Value;

use super::{NotVerified, TrustRoot, trust_root::Log};

/// Deeper trees would have more leaves than there are atoms.
const DEEPEST: usize = 64;

/// An entry as it is kept beside a signature.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub(super) log: Vec<u8>,
    pub(super) index: u64,
    pub(super) time: i64,
    /// What the log hashed, as JSON.
    pub(super) body: Vec<u8>,
    pub(super) promise: Option<Vec<u8>>,
    pub(super) proof: Option<Proof>,
}

/// Where it is in the tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Proof {
    pub(super) index: u64,
    pub(super) size: u64,
    pub(super) root: Vec<u8>,
    pub(super) hashes: Vec<Vec<u8>>,
    pub(super) checkpoint: String,
}

fn no(reason: &str) -> NotVerified {
    NotVerified::NotLogged(reason.to_owned())
}

impl Entry {
    /// Whether the log has it, and since when: the promise says so, with
    /// the log's signature. A log without promises proves the entry's
    /// place, and no time.
    pub(super) fn proved(&self, root: &TrustRoot) -> Result<Option<Timestamp>, NotVerified> {
        let mut logs = root.logs.iter();
        let log = logs
            .find(|log| log.id == self.log)
            .ok_or_else(|| no("it is of another log"))?;
        if let Some(proof) = &self.proof {
            proof.holds(&self.body, log)?;
        }
        let Some(promise) = &self.promise else {
            return match self.proof {
                Some(_) => Ok(None),
                None => Err(no("neither promise nor proof is there")),
            };
        };
        if !log.key.has_signed(self.promised().as_bytes(), promise) {
            return Err(no("its promise is not signed by the log"));
        }
        Timestamp::from_second(self.time)
            .map(Some)
            .map_err(|error| no(&error.to_string()))
    }

    /// What a promise is over: canonical JSON, its keys in order.
    fn promised(&self) -> String {
        let mut log = String::new();
        for byte in &self.log {
            for half in [byte >> 4, byte & 0xf] {
                log.extend(char::from_digit(u32::from(half), 16));
            }
        }
        format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{log}","logIndex":{}}}"#,
            BASE64_STANDARD.encode(&self.body),
            self.time,
            self.index
        )
    }

    /// What the entry says was signed.
    pub(super) fn content(&self) -> Result<Value, NotVerified> {
        serde_json::from_slice(&self.body)
            .map_err(|error| NotVerified::Malformed(format!("the log's entry: {error}")))
    }
}

impl Proof {
    fn holds(&self, body: &[u8], log: &Log) -> Result<(), NotVerified> {
        if self.root != climbed(self, body).ok_or_else(|| no("its place in the log is wrong"))? {
            return Err(no("its place in the log is another's"));
        }
        // Text, a blank line, and signatures: "— name base64".
        let (text, signatures) = self
            .checkpoint
            .split_once("\n\n")
            .ok_or_else(|| no("the log's head is not signed"))?;
        let mut lines = text.lines().skip(1);
        let size = lines.next().and_then(|line| line.parse().ok());
        let root = lines
            .next()
            .and_then(|line| BASE64_STANDARD.decode(line).ok());
        if size != Some(self.size) || root.as_ref() != Some(&self.root) {
            return Err(no("the log's head is another's"));
        }
        let signed = format!("{text}\n");
        let is_signed = signatures.lines().any(|line| {
            let encoded = line
                .strip_prefix("\u{2014} ")
                .and_then(|line| line.split_once(' '));
            let bytes = encoded.and_then(|(_, text)| BASE64_STANDARD.decode(text).ok());
            // Four bytes say which key it is.
            let (hint, signature) = match bytes.as_deref().and_then(|it| it.split_at_checked(4)) {
                Some((hint, signature)) => (hint, Some(signature)),
                None => return false,
            };
            let signature = signature.filter(|_| log.id.starts_with(hint));
            signature.is_some_and(|signature| log.key.has_signed(signed.as_bytes(), signature))
        });
        if is_signed {
            Ok(())
        } else {
            Err(no("the log's head is not signed by the log"))
        }
    }
}

fn hash(prefix: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![prefix];
    for part in parts {
        bytes.extend_from_slice(part);
    }
    Digest::of(&bytes).as_bytes().to_vec()
}

/// The root of the tree that has the entry where the proof says.
fn climbed(proof: &Proof, body: &[u8]) -> Option<Vec<u8>> {
    if proof.index >= proof.size || proof.hashes.len() > DEEPEST {
        return None;
    }
    let (mut own, mut last) = (proof.index, proof.size - 1);
    let mut root = hash(0, &[body]);
    for other in &proof.hashes {
        if last == 0 {
            return None;
        }
        if own & 1 == 1 || own == last {
            root = hash(1, &[other, &root]);
            while own & 1 == 0 && own != 0 {
                own >>= 1;
                last >>= 1;
            }
        } else {
            root = hash(1, &[&root, other]);
        }
        own >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The root of a whole tree, as RFC 6962 defines it.
    fn tree(leaves: &[Vec<u8>]) -> Vec<u8> {
        if let [only] = leaves {
            return hash(0, &[only]);
        }
        let split = leaves.len().next_power_of_two() / 2;
        hash(1, &[&tree(&leaves[..split]), &tree(&leaves[split..])])
    }

    /// The path to one leaf, as RFC 6962 defines it.
    fn path(index: usize, leaves: &[Vec<u8>]) -> Vec<Vec<u8>> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let split = leaves.len().next_power_of_two() / 2;
        let (mut way, other) = if index < split {
            (path(index, &leaves[..split]), tree(&leaves[split..]))
        } else {
            (
                path(index - split, &leaves[split..]),
                tree(&leaves[..split]),
            )
        };
        way.push(other);
        way
    }

    #[test]
    fn every_leaf_of_every_tree_is_found_and_no_other() {
        for size in 1..40_usize {
            let leaves: Vec<Vec<u8>> = (0..size)
                .map(|leaf| vec![u8::try_from(leaf).unwrap()])
                .collect();
            let root = tree(&leaves);
            for (index, leaf) in leaves.iter().enumerate() {
                let mut proof = Proof {
                    index: index as u64,
                    size: size as u64,
                    hashes: path(index, &leaves),
                    ..Proof::default()
                };
                assert_eq!(
                    climbed(&proof, leaf).as_ref(),
                    Some(&root),
                    "{index}/{size}"
                );
                assert_ne!(climbed(&proof, b"another").as_ref(), Some(&root));
                proof.hashes.push(vec![0; 32]);
                assert_ne!(climbed(&proof, leaf).as_ref(), Some(&root));
            }
        }
    }
}

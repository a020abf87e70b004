//! The vault: secrets of sinks, container hosts and registries, sealed
//! before they reach the record.
//!
//! A key file holds one key a line, 32 bytes in base64. The first seals,
//! all of them open; so a key is replaced by putting another line before
//! it, and what the old one sealed is sealed anew at the next start.
//! Whoever steals the database without this file has no secret.

use std::{
    fmt::Write as _,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use sha2::Digest as _;

const KEY: usize = 32;
const NONCE: usize = 24;
/// Keys in a file; more is not a key file.
const MOST_KEYS: usize = 16;
/// What sealed texts are for: one of another use does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Sink,
    Host,
    Registry,
}

impl Purpose {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Sink => b"seawall sink settings",
            Self::Host => b"seawall host credentials",
            Self::Registry => b"seawall registry credentials",
        }
    }
}

/// Why the vault cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("read the key file {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("make the key file {}", path.display())]
    Make {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "use the key file {}: line {line} is not 32 bytes in base64 ('openssl rand -base64 32' \
         makes such a line)", path.display()
    )]
    Malformed { path: PathBuf, line: usize },
    #[error("use the key file {}: it holds no key", path.display())]
    Empty { path: PathBuf },
    #[error("make a random key")]
    Random(#[source] getrandom::Error),
    #[error("seal a secret")]
    Seal,
    #[error("open a secret: it was sealed with a key that is not in {}", path.display())]
    UnknownKey { path: PathBuf },
    #[error("open a secret: it was changed since it was sealed")]
    Changed,
}

struct Key {
    name: String,
    cipher: XChaCha20Poly1305,
}

/// Seals and opens.
pub(crate) struct Vault {
    path: PathBuf,
    keys: Vec<Key>,
}

impl Vault {
    /// Reads the key file; `make` makes one that is not there.
    pub(crate) fn open(path: &Path, make: bool) -> Result<Self, VaultError> {
        if make && !path.exists() {
            make_key_file(path)?;
        }
        let text = std::fs::read_to_string(path).map_err(|source| VaultError::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut keys = Vec::new();
        let lines = text.lines().enumerate().take(MOST_KEYS);
        for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let bytes = BASE64_STANDARD
                .decode(line.trim())
                .ok()
                .filter(|bytes| bytes.len() == KEY)
                .ok_or_else(|| VaultError::Malformed {
                    path: path.to_owned(),
                    line: index + 1,
                })?;
            let cipher =
                XChaCha20Poly1305::new_from_slice(&bytes).map_err(|_length| VaultError::Seal)?;
            keys.push(Key {
                name: name_of(&bytes),
                cipher,
            });
        }
        if keys.is_empty() {
            return Err(VaultError::Empty {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            keys,
        })
    }

    /// `v1.KEY.BASE64`.
    pub(crate) fn seal(&self, purpose: Purpose, text: &str) -> Result<String, VaultError> {
        let key = &self.keys[0];
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(VaultError::Random)?;
        let payload = Payload {
            msg: text.as_bytes(),
            aad: purpose.bytes(),
        };
        let sealed = key
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_opaque| VaultError::Seal)?;
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed);
        Ok(format!(
            "v1.{}.{}",
            key.name,
            BASE64_STANDARD.encode(&bytes)
        ))
    }

    pub(crate) fn open_sealed(&self, purpose: Purpose, sealed: &str) -> Result<String, VaultError> {
        let (name, rest) = sealed
            .strip_prefix("v1.")
            .and_then(|rest| rest.split_once('.'))
            .ok_or(VaultError::Changed)?;
        let key = self
            .keys
            .iter()
            .find(|key| key.name == name)
            .ok_or_else(|| VaultError::UnknownKey {
                path: self.path.clone(),
            })?;
        let bytes = BASE64_STANDARD
            .decode(rest)
            .map_err(|_bytes| VaultError::Changed)?;
        let (nonce, sealed) = bytes
            .split_first_chunk::<NONCE>()
            .ok_or(VaultError::Changed)?;
        let payload = Payload {
            msg: sealed,
            aad: purpose.bytes(),
        };
        let opened = key
            .cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_opaque| VaultError::Changed)?;
        String::from_utf8(opened).map_err(|_bytes| VaultError::Changed)
    }

    /// Whether the first key sealed it.
    pub(crate) fn is_current(&self, sealed: &str) -> bool {
        sealed.starts_with(&format!("v1.{}.", self.keys[0].name))
    }
}

/// What a key is called: the beginning of its hash, which tells nothing.
fn name_of(key: &[u8]) -> String {
    let hash = sha2::Sha256::digest(key);
    hash.iter().take(6).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("invariant: writing to a string cannot fail");
        text
    })
}

fn make_key_file(path: &Path) -> Result<(), VaultError> {
    let mut key = [0; KEY];
    getrandom::fill(&mut key).map_err(VaultError::Random)?;
    let failed = |source| VaultError::Make {
        path: path.to_owned(),
        source,
    };
    let mut file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    writeln!(file, "{}", BASE64_STANDARD.encode(key)).map_err(failed)?;
    file.sync_all().map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_sealed_opens_and_what_was_changed_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.key");
        let vault = Vault::open(&path, true).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let sealed = vault.seal(Purpose::Sink, "hunter2").unwrap();
        assert!(!sealed.contains("hunter2"));
        assert_ne!(sealed, vault.seal(Purpose::Sink, "hunter2").unwrap());
        let again = Vault::open(&path, true).unwrap();
        assert_eq!(
            again.open_sealed(Purpose::Sink, &sealed).unwrap(),
            "hunter2"
        );
        assert!(again.open_sealed(Purpose::Host, &sealed).is_err());
        let mut changed = sealed.clone();
        let last = if changed.pop() == Some('A') { 'B' } else { 'A' };
        changed.push(last);
        assert!(again.open_sealed(Purpose::Sink, &changed).is_err());
    }

    #[test]
    fn a_new_key_before_the_old_one_opens_both() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.key");
        let old = Vault::open(&path, true).unwrap();
        let sealed = old.seal(Purpose::Sink, "kept").unwrap();
        let lines = std::fs::read_to_string(&path).unwrap();
        let new = BASE64_STANDARD.encode([7; KEY]);
        std::fs::write(&path, format!("{new}\n{lines}")).unwrap();
        let both = Vault::open(&path, false).unwrap();
        assert!(!both.is_current(&sealed));
        assert_eq!(both.open_sealed(Purpose::Sink, &sealed).unwrap(), "kept");
        let resealed = both.seal(Purpose::Sink, "kept").unwrap();
        std::fs::write(&path, format!("{new}\n")).unwrap();
        let only_new = Vault::open(&path, false).unwrap();
        assert_eq!(
            only_new.open_sealed(Purpose::Sink, &resealed).unwrap(),
            "kept"
        );
        assert!(matches!(
            only_new.open_sealed(Purpose::Sink, &sealed),
            Err(VaultError::UnknownKey { .. })
        ));
    }

    #[test]
    fn a_file_that_holds_no_keys_is_refused_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.key");
        std::fs::write(&path, "\nnonsense\n").unwrap();
        let refusal = Vault::open(&path, true).map(|_| ()).unwrap_err();
        assert!(refusal.to_string().contains("line 2"), "{refusal}");
    }
}

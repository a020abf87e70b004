//! Tokens: made at random, shown once, kept as hashes.

use std::fmt::Write as _;

use sha2::Digest as _;

/// 256 random bits in hexadecimal. Printed only where it is handed over.
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hex(&bytes)))
    }

    /// The secret itself, for the one who gets it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// How it is kept.
    pub(crate) fn hash(&self) -> String {
        hash(&self.0)
    }
}

/// It is printed nowhere.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// How a token is kept. Tokens are random, so no salt is needed.
pub(crate) fn hash(token: &str) -> String {
    hex(&sha2::Sha256::digest(token.as_bytes()))
}

/// Compares in a time that does not tell where they differ.
pub(crate) fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len()
        && a.bytes()
            .zip(b.bytes())
            .fold(0, |differences, (a, b)| differences | (a ^ b))
            == 0
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("invariant: writing to a string cannot fail");
        text
    })
}

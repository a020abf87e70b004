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

    pub(crate) fn hash(&self) -> String {
        hash(&self.0)
    }
}

/// How a token is kept. Tokens are random, so no salt is needed.
pub(crate) fn hash(token: &str) -> String {
    hex(&sha2::Sha256::digest(token.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("invariant: writing to a string cannot fail");
        text
    })
}

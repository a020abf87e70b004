//! A secret: something no log, error or answer may hold.

use serde::{Deserialize, Deserializer};

/// A password, token or key. It can be neither printed nor serialised;
/// [`Secret::reveal`] is where it leaves.
#[derive(Clone, PartialEq, Eq)]
#[expect(missing_debug_implementations, reason = "it must not be printed")]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the receiver it belongs to.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Serde quotes an offending number or boolean in its message, so
        // what is no text is refused without being shown.
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            _ => Err(serde::de::Error::custom("a secret must be a text")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_does_not_quote_the_secret() {
        let error = serde_json::from_str::<Secret>("12345678")
            .map(|_| ())
            .unwrap_err();
        assert_eq!(error.to_string(), "a secret must be a text");
    }
}

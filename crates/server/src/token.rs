//! The text of an API token: `sw_<id>_<secret>`.

use crate::secret::Token;

const PREFIX: &str = "sw_";
/// Hexadecimal digits of the id.
const ID: usize = 16;

/// A token's public and secret part.
#[derive(Debug)]
pub(crate) struct NewToken {
    pub(crate) id: String,
    pub(crate) secret: Token,
}

impl NewToken {
    pub(crate) fn mint() -> Result<Self, getrandom::Error> {
        let id = Token::new()?.reveal().chars().take(ID).collect();
        Ok(Self {
            id,
            secret: Token::new()?,
        })
    }

    /// The whole token, for the one who gets it.
    pub(crate) fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, self.secret.reveal())
    }
}

/// Its id and its secret.
pub(crate) fn parse(text: &str) -> Option<(&str, &str)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    (is_hex(id, ID) && is_hex(secret, 64)).then_some((id, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_nothing_else_does() {
        let token = NewToken::mint().unwrap();
        let text = token.reveal();
        assert_eq!(
            parse(&text),
            Some((token.id.as_str(), token.secret.reveal()))
        );
        for other in [
            "",
            "sw_",
            "sw_a_b",
            &text[..text.len() - 1],
            &text[1..],
            &format!("{text}0"),
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}

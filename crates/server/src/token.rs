//! The text of an API token: `sw_<id>_<secret>`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

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

/// The token an `Authorization` header carries: after `Bearer`, or as
/// the password after `Basic`, for programs that take an address but no
/// header (`https://any:sw_…@…`), as Falco does.
pub(crate) fn presented(header: &str) -> Option<String> {
    let (scheme, rest) = header.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
    let (_user, password) = pair.split_once(':')?;
    Some(password.to_owned())
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
    fn a_token_is_a_bearer_or_a_password() {
        let token = |header: &str| presented(header);
        assert_eq!(token("bearer  sw_a_b ").as_deref(), Some("sw_a_b"));
        // falco:sw_a_b
        assert_eq!(token("Basic ZmFsY286c3dfYV9i").as_deref(), Some("sw_a_b"));
        for other in [
            "",
            "Bearer",
            "Basic",
            "Basic !",
            "Basic ZmFsY28=",
            "Digest x",
        ] {
            assert_eq!(token(other), None, "{other}");
        }
    }

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
            text.get(..text.len() - 1).unwrap(),
            text.get(1..).unwrap(),
            &format!("{text}0"),
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}

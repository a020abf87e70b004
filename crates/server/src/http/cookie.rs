//! Cookies: read from a request, written to an answer.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};

use crate::config::Config;

/// A cookie of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cookie {
    /// Who is signed in.
    Session,
    /// Which browser left for the identity provider.
    Oidc,
}

impl Cookie {
    /// Under HTTPS browsers hold a `__Host-` cookie to this one host and
    /// to a secure connection.
    fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Session, true) => "__Host-seawall_session",
            (Self::Session, false) => "seawall_session",
            (Self::Oidc, true) => "__Host-seawall_oidc",
            (Self::Oidc, false) => "seawall_oidc",
        }
    }

    pub(crate) fn read(self, config: &Config, headers: &HeaderMap) -> Option<String> {
        let wanted = self.name(config.is_secure());
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(name, value)| (name == wanted).then(|| value.to_owned()))
            .filter(|value| !value.is_empty() && value.len() <= 256)
    }

    /// Gives the browser a value for so many seconds; 0 takes it away.
    pub(crate) fn write(self, config: &Config, response: &mut Response, value: &str, age: u64) {
        let secure = config.is_secure();
        let text = format!(
            "{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{}",
            self.name(secure),
            if secure { "; Secure" } else { "" }
        );
        let value = HeaderValue::from_str(&text).expect("invariant: hexadecimal digits and words");
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let config = Config::default();
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            "theme=dark; seawall_session=abc".parse().unwrap(),
        );
        let read = |config: &Config, headers: &HeaderMap| Cookie::Session.read(config, headers);
        assert_eq!(read(&config, &headers).as_deref(), Some("abc"));
        let secure = Config {
            public_url: "https://seawall.example".to_owned(),
            ..Config::default()
        };
        // Anybody on plain HTTP could have planted this one.
        assert_eq!(read(&secure, &headers), None);
        headers.clear();
        headers.append(header::COOKIE, "xseawall_session=abc".parse().unwrap());
        assert_eq!(read(&config, &headers), None);
    }
}

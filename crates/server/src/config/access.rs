//! The sections on who gets in: TLS, sessions, tokens, limits and the
//! identity provider.

use std::path::PathBuf;

use api::Role;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Config, ConfigError, Interval};
use crate::address::Network;

/// `tls`: the certificate shown to browsers and programs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// A certificate and what it is signed by, in PEM. Read again when it
    /// changes. Empty: beyond loopback, one signed by itself is made.
    pub certificate: PathBuf,
    /// The certificate's private key, in PEM.
    pub key: PathBuf,
    /// Names and addresses for the certificate that is made.
    pub names: Vec<String>,
}

/// `session`: how long signing in lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionConfig {
    /// After this, signing in again is needed.
    pub lifetime: Interval,
    /// Without a request for this long, too.
    pub idle: Interval,
    /// How long one-time links may be used.
    pub link_lifetime: Interval,
}

/// `tokens`: how programs sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenConfig {
    /// The longest an API token may work.
    pub max_lifetime: Interval,
}

/// `limits`: how much one of them may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitConfig {
    /// Requests a minute of one session or one token.
    pub requests_per_minute: u32,
}

/// `oidc`: signing in through an identity provider (`OpenID` Connect).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OidcConfig {
    /// Its issuer URL, as its discovery document says it. Empty: none.
    pub issuer: String,
    /// What the button on the sign-in page says.
    pub title: String,
    pub client_id: String,
    /// A file that holds the client's secret and nothing else.
    pub client_secret_file: PathBuf,
    /// What to ask for beside `openid`, with spaces between.
    pub scopes: String,
    /// The claim that lists somebody's groups.
    pub groups_claim: String,
    /// Which groups get which roles.
    pub roles: Vec<GroupRole>,
    /// Only people whose verified e-mail address is in one of these
    /// domains; empty: all.
    pub allowed_domains: Vec<String>,
}

/// One line of `oidc.roles`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRole {
    /// `*`: everybody the provider vouches for.
    pub group: String,
    pub role: Role,
    #[serde(default = "everywhere")]
    pub environments: Vec<String>,
}

fn everywhere() -> Vec<String> {
    vec![model::permission::Reach::EVERYWHERE.to_owned()]
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            lifetime: Interval::hours(24 * 7),
            idle: Interval::hours(24),
            link_lifetime: Interval::hours(24),
        }
    }
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self {
            max_lifetime: Interval::hours(24 * 365),
        }
    }
}

impl Default for LimitConfig {
    fn default() -> Self {
        Self {
            requests_per_minute: 3000,
        }
    }
}

impl Default for OidcConfig {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            title: "Single sign-on".to_owned(),
            client_id: String::new(),
            client_secret_file: PathBuf::new(),
            scopes: "profile email".to_owned(),
            groups_claim: "groups".to_owned(),
            roles: Vec::new(),
            allowed_domains: Vec::new(),
        }
    }
}

impl Config {
    /// What the types of these sections cannot hold.
    pub(super) fn check_access(&self) -> Result<(), ConfigError> {
        let refuse = |key: &'static str, why: String| Err(ConfigError::Refused { key, why });
        let tls = &self.tls;
        if tls.certificate.as_os_str().is_empty() != tls.key.as_os_str().is_empty() {
            return refuse(
                "tls",
                "certificate and key belong together: give both or neither".to_owned(),
            );
        }
        if !self.public_url.is_empty() && self.public_origin().is_none() {
            return refuse(
                "public_url",
                format!(
                    "'{}' is no origin (expected https://name, without a path)",
                    self.public_url
                ),
            );
        }
        for text in &self.trusted_proxies {
            if let Err(why) = text.parse::<Network>() {
                return refuse("trusted_proxies", why);
            }
        }
        if self.session.idle.0 > self.session.lifetime.0 {
            return refuse(
                "session.idle",
                format!(
                    "{} is longer than session.lifetime ({})",
                    self.session.idle, self.session.lifetime
                ),
            );
        }
        if !(10..=1_000_000).contains(&self.limits.requests_per_minute) {
            return refuse(
                "limits.requests_per_minute",
                format!(
                    "{} (expected 10 to 1000000)",
                    self.limits.requests_per_minute
                ),
            );
        }
        self.oidc.check().or_else(|why| refuse("oidc", why))
    }

    /// `public_url`, if it is a usable origin.
    pub(crate) fn public_origin(&self) -> Option<Url> {
        let url = Url::parse(&self.public_url).ok()?;
        let is_origin = matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty();
        is_origin.then_some(url)
    }

    /// Whether this server speaks TLS itself.
    pub(crate) fn speaks_tls(&self) -> bool {
        !self.listen.ip().is_loopback() || !self.tls.certificate.as_os_str().is_empty()
    }

    /// Whether browsers may be told never to come by HTTP again: not
    /// with a certificate they have to be talked into.
    pub(crate) fn has_own_certificate(&self) -> bool {
        !self.tls.certificate.as_os_str().is_empty()
    }

    /// Whether browsers reach it by HTTPS, here or at a proxy.
    pub(crate) fn is_secure(&self) -> bool {
        match self.public_origin() {
            Some(origin) => origin.scheme() == "https",
            None => self.speaks_tls(),
        }
    }
}

impl OidcConfig {
    pub(crate) fn is_on(&self) -> bool {
        !self.issuer.is_empty()
    }

    fn check(&self) -> Result<(), String> {
        if !self.is_on() {
            return Ok(());
        }
        let issuer = Url::parse(&self.issuer)
            .map_err(|error| format!("issuer '{}' is no URL: {error}", self.issuer))?;
        let is_local = matches!(issuer.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if issuer.scheme() != "https" && !(issuer.scheme() == "http" && is_local) {
            return Err(format!("issuer '{}' must be https", self.issuer));
        }
        if self.client_id.is_empty() {
            return Err("client_id is missing".to_owned());
        }
        if self.roles.is_empty() {
            return Err(
                "roles is empty: nobody who signs in could see anything (say which group gets \
                 which role; group '*' is everybody)"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

//! Azure Container Registry: a token of Entra ID is exchanged at the
//! registry for a refresh token, and that for access tokens, one for each
//! repository.
//!
//! References: learn.microsoft.com, "Azure Container Registry
//! authentication" and its AAD-OAuth page; "OAuth 2.0 client credentials
//! flow"; "managed identities: how to use a token".

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use fetch::Url;
use jiff::Timestamp;
use scan::Token;
use serde::Deserialize;

use crate::{AskError, Credential, Registry, session::Login};

/// The name that goes with a token used as a password.
pub(crate) const NOBODY: &str = "00000000-0000-0000-0000-000000000000";
/// What Entra's token is asked for.
const RESOURCE: &str = "https://containerregistry.azure.net";
const ENTRA: &str = "https://login.microsoftonline.com/";
const MACHINE: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

#[derive(Deserialize)]
struct Claims {
    exp: i64,
}

impl Registry {
    pub(crate) fn log_in_to_azure(&self) -> Result<Login, AskError> {
        let (tenant, access) = match &self.account.credential {
            Credential::RefreshToken { token } => return Ok(by_refresh_token(token.reveal())),
            Credential::ServicePrincipal {
                tenant,
                client_id,
                client_secret,
            } => {
                let base = self.account.endpoint.as_deref().unwrap_or(ENTRA);
                let mut url =
                    Url::parse(base).map_err(|error| self.no_login(&error.to_string()))?;
                url.path_segments_mut()
                    .map_err(|()| self.no_login("the endpoint is no address"))?
                    .pop_if_empty()
                    .extend([tenant.as_str(), "oauth2", "v2.0", "token"]);
                let scope = format!("{RESOURCE}/.default");
                let granted = self.grant(
                    &url,
                    &[
                        ("grant_type", "client_credentials"),
                        ("client_id", client_id),
                        ("client_secret", client_secret.reveal()),
                        ("scope", &scope),
                    ],
                )?;
                (Some(tenant.as_str()), granted)
            }
            Credential::ManagedIdentity { client_id } => {
                let base = self.account.endpoint.as_deref().unwrap_or(MACHINE);
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                query
                    .append_pair("api-version", "2018-02-01")
                    .append_pair("resource", RESOURCE);
                if let Some(client_id) = client_id {
                    query.append_pair("client_id", client_id);
                }
                let url = format!("{base}?{}", query.finish());
                (None, self.machine_token(&url, "Metadata", "true")?)
            }
            _ => return Err(self.no_login("the credential is not one of Azure's")),
        };
        if access.access_token.is_empty() {
            return Err(self.no_login("Entra ID gave no access token"));
        }
        let mut url = self.base()?;
        url.set_path("/oauth2/exchange");
        let mut form = vec![
            ("grant_type", "access_token"),
            ("service", self.account.address.as_str()),
            ("access_token", access.access_token.as_str()),
        ];
        if let Some(tenant) = tenant {
            form.push(("tenant", tenant));
        }
        let granted = self.grant(&url, &form)?;
        if granted.refresh_token.is_empty() {
            return Err(self.no_login("the registry gave no refresh token"));
        }
        let mut login = by_refresh_token(&granted.refresh_token);
        login.until = login.until.or_else(|| Some(granted.until(self.now())));
        Ok(login)
    }
}

fn by_refresh_token(token: &str) -> Login {
    Login {
        token: Some(Token::Identity(token.to_owned())),
        until: ends(token),
        ..Login::default()
    }
}

/// When a token says it ends. Nothing is believed but that.
fn ends(token: &str) -> Option<Timestamp> {
    let payload = token.split('.').nth(1)?;
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(payload.trim_end_matches('='))
        .ok()?;
    let claims: Claims = serde_json::from_slice(&bytes).ok()?;
    Timestamp::from_second(claims.exp).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_when_it_ends() {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(r#"{"exp":1790000000}"#);
        let token = format!("e30.{payload}.c2ln");
        assert_eq!(ends(&token), Timestamp::from_second(1_790_000_000).ok());
        assert_eq!(ends("opaque"), None);
    }
}

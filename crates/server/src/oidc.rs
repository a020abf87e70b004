//! The identity provider: found by discovery, asked, and its word
//! checked.
//!
//! Authorization code with PKCE, nonce and state (`OpenID` Connect Core
//! 1.0, RFC 7636, RFC 9207). What it says is believed only under a
//! signature of its published keys, for this client, this attempt and
//! now. Everything here blocks, and belongs off the async threads; which
//! browser and which attempt are meant is `http::oidc`'s question.

mod claims;

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use fetch::{Client as Fetch, Settings};
use jiff::{SignedDuration, Timestamp};
use model::permission::Binding;
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthorizationCode, Client, ClientId, ClientSecret,
    CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, IdTokenFields, IdTokenVerifier, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, ProviderMetadataWithLogout, RedirectUrl, Scope,
    StandardErrorResponse, StandardTokenResponse, TokenResponse as _, UserInfoClaims,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType,
        CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm, CoreRevocableToken, CoreRevocationErrorResponse,
        CoreTokenIntrospectionResponse, CoreTokenType,
    },
    http,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use self::claims::{add, groups, plain_name, roles};
use crate::config::OidcConfig;

/// How long discovery and keys are believed without asking again.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// The largest answer that is read.
const MAX_ANSWER: u64 = 1 << 20;
/// The longest code that is looked at.
const MAX_CODE: usize = 4096;
/// How far the provider's clock may be ahead.
const SKEW: i64 = 60;
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Claims the standard types do not name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct OtherClaims {
    #[serde(flatten)]
    all: BTreeMap<String, Value>,
}

impl AdditionalClaims for OtherClaims {}

type Fields = IdTokenFields<
    OtherClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Tokens = StandardTokenResponse<Fields, CoreTokenType>;
type IdToken = openidconnect::IdToken<
    OtherClaims,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type RelyingParty = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why nobody was signed in. Holds nothing secret: codes and tokens are
/// in none of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    #[error("read the client's secret from {path}")]
    Secret {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("make a client to ask the identity provider with")]
    Client(#[source] fetch::FetchError),
    #[error("ask the identity provider what it offers: {0}")]
    Discovery(String),
    #[error("use the identity provider's answer: {0}")]
    Unusable(String),
    #[error("exchange the code: {0}")]
    Exchange(String),
    #[error("believe the identity provider's word: {0}")]
    Claims(String),
    #[error("let {0} in: the e-mail address is not in oidc.allowed_domains, or not verified")]
    Domain(String),
    #[error("let {0} in: none of their groups is given a role by oidc.roles")]
    NoRole(String),
}

/// What the provider says of somebody.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) subject: String,
    pub(crate) name: String,
    pub(crate) display_name: String,
    pub(crate) email: Option<String>,
    pub(crate) roles: Vec<Binding>,
    /// Its name for the browser's session.
    pub(crate) session: Option<String>,
    pub(crate) id_token: String,
}

/// A session, or all of one person's, that it says has ended.
#[derive(Clone, Debug)]
pub(crate) struct LoggedOut {
    pub(crate) subject: String,
    pub(crate) session: Option<String>,
}

/// The secrets of one attempt.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
}

struct Known {
    metadata: Arc<ProviderMetadataWithLogout>,
    until: Timestamp,
}

/// One identity provider.
pub(crate) struct Provider {
    config: OidcConfig,
    /// Where it sends browsers back to.
    redirect: String,
    /// Where it sends them after signing out.
    farewell: String,
    fetch: Fetch,
    known: Mutex<Option<Known>>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider")
            .field("issuer", &self.config.issuer)
            .finish_non_exhaustive()
    }
}

impl Provider {
    pub(crate) fn new(config: &OidcConfig, origin: &str) -> Result<Self, OidcError> {
        let settings = Settings {
            // Somebody is waiting before a blank page.
            retries: 1,
            idle_timeout: std::time::Duration::from_secs(10),
            longest_wait: std::time::Duration::from_secs(1),
            ..Settings::default()
        };
        let provider = Self {
            config: config.clone(),
            redirect: format!("{origin}/api/v1/session/oidc/callback"),
            farewell: format!("{origin}/sign-in"),
            fetch: Fetch::new(&settings).map_err(OidcError::Client)?,
            known: Mutex::default(),
        };
        // Told at start rather than to the first who signs in.
        provider.secret()?;
        Ok(provider)
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.config.issuer
    }

    fn secret(&self) -> Result<Option<ClientSecret>, OidcError> {
        let path: &Path = &self.config.client_secret_file;
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(path).map_err(|source| OidcError::Secret {
            path: path.display().to_string(),
            source,
        })?;
        Ok(Some(ClientSecret::new(text.trim().to_owned())))
    }

    /// What it offers, asked for at most every few minutes; `anew`: now.
    fn metadata(
        &self,
        now: Timestamp,
        anew: bool,
    ) -> Result<Arc<ProviderMetadataWithLogout>, OidcError> {
        if let Some(known) = &*self.lock()
            && !anew
            && now < known.until
        {
            return Ok(Arc::clone(&known.metadata));
        }
        let issuer = IssuerUrl::new(self.config.issuer.clone())
            .map_err(|error| OidcError::Unusable(error.to_string()))?;
        let http = |request| self.ask(request);
        let metadata = ProviderMetadataWithLogout::discover(&issuer, &http)
            .map_err(|error| OidcError::Discovery(model::error::chain(&error)))?;
        let metadata = Arc::new(metadata);
        *self.lock() = Some(Known {
            metadata: Arc::clone(&metadata),
            until: now + FRESH,
        });
        Ok(metadata)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        self.known
            .lock()
            .expect("invariant: no panic under the lock")
    }

    fn relying_party(
        &self,
        metadata: &ProviderMetadataWithLogout,
    ) -> Result<RelyingParty, OidcError> {
        let redirect = RedirectUrl::new(self.redirect.clone())
            .map_err(|error| OidcError::Unusable(error.to_string()))?;
        let client = RelyingParty::from_provider_metadata(
            metadata.clone(),
            ClientId::new(self.config.client_id.clone()),
            self.secret()?,
        );
        Ok(client.set_redirect_uri(redirect))
    }

    /// Where to send a browser that wants to sign in.
    pub(crate) fn sign_in_url(
        &self,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<String, OidcError> {
        let client = self.relying_party(&*self.metadata(now, false)?)?;
        let verifier = PkceCodeVerifier::new(attempt.verifier.clone());
        let (state, nonce) = (attempt.state.clone(), attempt.nonce.clone());
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        for scope in self.config.scopes.split_whitespace() {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        let (url, ..) = request.url();
        Ok(url.to_string())
    }

    /// Where to send a browser that signed out here, if it has such a
    /// place.
    pub(crate) fn sign_out_url(&self, id_token: &str) -> Option<String> {
        let known = self.lock();
        let endpoint = known
            .as_ref()?
            .metadata
            .additional_metadata()
            .end_session_endpoint
            .as_ref()?;
        let mut url = endpoint.url().clone();
        url.query_pairs_mut()
            .append_pair("id_token_hint", id_token)
            .append_pair("client_id", &self.config.client_id)
            .append_pair("post_logout_redirect_uri", &self.farewell);
        Some(url.to_string())
    }

    /// Who came back with this code, if the provider's word for it holds.
    pub(crate) fn redeem(
        &self,
        code: &str,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<Person, OidcError> {
        if code.is_empty() || code.len() > MAX_CODE {
            return Err(OidcError::Exchange("that is no code".to_owned()));
        }
        let mut metadata = self.metadata(now, false)?;
        let mut client = self.relying_party(&metadata)?;
        let http = |request| self.ask(request);
        let tokens: Tokens = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| OidcError::Unusable(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.clone()))
            .request(&http)
            .map_err(|error| OidcError::Exchange(without_body(&error)))?;
        let token = tokens
            .id_token()
            .ok_or_else(|| OidcError::Claims("it sent no ID token".to_owned()))?;
        let nonce = Nonce::new(attempt.nonce.clone());
        let is_believed = token
            .claims(&Self::verifier(&client, &metadata, now), &nonce)
            .is_ok();
        if !is_believed {
            // Perhaps its keys are new; believed only if those fit.
            metadata = self.metadata(now, true)?;
            client = self.relying_party(&metadata)?;
        }
        let verifier = Self::verifier(&client, &metadata, now);
        let claims = token
            .claims(&verifier, &nonce)
            .map_err(|error| OidcError::Claims(model::error::chain(&error)))?;
        if let Some(expected) = claims.access_token_hash() {
            let refuse = |error: &dyn std::fmt::Display| OidcError::Claims(error.to_string());
            let actual = AccessTokenHash::from_token(
                tokens.access_token(),
                token.signing_alg().map_err(|error| refuse(&error))?,
                token
                    .signing_key(&verifier)
                    .map_err(|error| refuse(&error))?,
            )
            .map_err(|error| refuse(&error))?;
            if actual != *expected {
                return Err(OidcError::Claims(
                    "the access token is another's".to_owned(),
                ));
            }
        }
        let mut said = serde_json::to_value(claims).unwrap_or_default();
        // Many providers tell groups and names only here.
        if client.user_info_url().is_some() {
            let subject = Some(claims.subject().clone());
            let more: UserInfoClaims<OtherClaims, CoreGenderClaim> = client
                .user_info(tokens.access_token().clone(), subject)
                .map_err(|error| OidcError::Unusable(error.to_string()))?
                .request(&http)
                .map_err(|error| OidcError::Claims(model::error::chain(&error)))?;
            add(&mut said, serde_json::to_value(&more).unwrap_or_default());
        }
        self.person(&said, token.to_string())
    }

    fn verifier<'c>(
        client: &'c RelyingParty,
        metadata: &ProviderMetadataWithLogout,
        now: Timestamp,
    ) -> IdTokenVerifier<'c, CoreJsonWebKey> {
        let offered = metadata.id_token_signing_alg_values_supported();
        // The library's own form of a time, without its library.
        let time = serde_json::from_value(Value::String(now.to_string()))
            .expect("invariant: both write RFC 3339");
        client
            .id_token_verifier()
            .set_allowed_algs(
                offered
                    .iter()
                    .filter(|algorithm| is_sound(algorithm))
                    .cloned(),
            )
            .set_time_fn(move || time)
            .set_issue_time_verifier_fn(move |issued| {
                if issued.timestamp() > now.as_second() + SKEW {
                    Err("it was issued in the future".to_owned())
                } else {
                    Ok(())
                }
            })
    }

    /// A claims document's person, with the roles of its groups.
    fn person(&self, said: &Value, id_token: String) -> Result<Person, OidcError> {
        let text = |claim: &str| -> Option<String> {
            let text = said[claim].as_str()?.trim();
            let is_fit = !text.is_empty() && !text.chars().any(char::is_control);
            is_fit.then(|| text.chars().take(100).collect())
        };
        let subject = said["sub"].as_str().unwrap_or_default().to_owned();
        if subject.is_empty() || subject.len() > 255 {
            return Err(OidcError::Claims("it names nobody ('sub')".to_owned()));
        }
        let email = text("email");
        let wanted = text("preferred_username")
            .or_else(|| email.clone())
            .unwrap_or_else(|| subject.clone());
        let name = plain_name(&wanted);
        let domains = &self.config.allowed_domains;
        if !domains.is_empty() {
            let domain = email.as_deref().and_then(|email| email.rsplit_once('@'));
            let is_verified = matches!(&said["email_verified"], Value::Bool(true));
            let is_allowed = domain.is_some_and(|(_, domain)| {
                domains
                    .iter()
                    .any(|allowed| allowed.eq_ignore_ascii_case(domain))
            });
            if !(is_verified && is_allowed) {
                return Err(OidcError::Domain(name));
            }
        }
        let roles = roles(&self.config, &groups(&said[&self.config.groups_claim]));
        if roles.is_empty() {
            return Err(OidcError::NoRole(name));
        }
        Ok(Person {
            subject,
            display_name: text("name").unwrap_or_else(|| name.clone()),
            name,
            email,
            roles,
            session: text("sid"),
            id_token,
        })
    }

    /// Whom a back-channel logout token is about (`OpenID` Connect
    /// Back-Channel Logout 1.0).
    pub(crate) fn logged_out(&self, token: &str, now: Timestamp) -> Result<LoggedOut, OidcError> {
        let refuse = |why: &str| OidcError::Claims(why.to_owned());
        let token: IdToken = token
            .parse()
            .map_err(|_not| refuse("that is no logout token"))?;
        let without_nonce = |nonce: Option<&Nonce>| match nonce {
            None => Ok(()),
            Some(_) => Err("a logout token has no nonce".to_owned()),
        };
        let mut metadata = self.metadata(now, false)?;
        let mut client = self.relying_party(&metadata)?;
        let kinds = ["logout+jwt", "jwt", "JWT"];
        let verifier = |client: &'_ RelyingParty, metadata: &ProviderMetadataWithLogout| {
            Self::verifier(client, metadata, now)
                .set_allowed_jose_types(kinds.map(|kind| {
                    openidconnect::JsonWebTokenType::new(kind.to_owned())
                        .normalize()
                        .expect("invariant: a media type")
                }))
                .claims_of(&token, without_nonce)
                .map_err(OidcError::Claims)
        };
        let claims = if let Ok(claims) = verifier(&client, &metadata) {
            claims
        } else {
            metadata = self.metadata(now, true)?;
            client = self.relying_party(&metadata)?;
            verifier(&client, &metadata)?
        };
        if claims["events"][LOGOUT_EVENT].as_object().is_none() {
            return Err(refuse("it says nothing of signing out"));
        }
        Ok(LoggedOut {
            subject: claims["sub"].as_str().unwrap_or_default().to_owned(),
            session: claims["sid"].as_str().map(str::to_owned),
        })
    }

    /// One request of the protocol's, never redirected elsewhere.
    fn ask(&self, request: HttpRequest) -> Result<HttpResponse, fetch::FetchError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string())
            .unwrap_or_else(|_not| Url::parse("http://invalid.invalid").expect("invariant: a URL"));
        let mut asked = if parts.method == http::Method::POST {
            self.fetch.post(&url).body(body)
        } else {
            self.fetch.get(&url)
        };
        for name in ["accept", "authorization", "content-type"] {
            if let Some(value) = parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
            {
                asked = asked.header(name, value);
            }
        }
        let answer = asked.send()?;
        let mut response = http::Response::builder().status(answer.status);
        if let Some(kind) = answer.header("content-type") {
            response = response.header("content-type", kind);
        }
        let bytes = answer.bytes(MAX_ANSWER)?;
        Ok(response
            .body(bytes)
            .expect("invariant: a status and a header that were received"))
    }
}

/// A verifier's verdict as plain JSON.
trait ClaimsOf {
    fn claims_of(
        &self,
        token: &IdToken,
        nonce: impl Fn(Option<&Nonce>) -> Result<(), String>,
    ) -> Result<Value, String>;
}

impl ClaimsOf for IdTokenVerifier<'_, CoreJsonWebKey> {
    fn claims_of(
        &self,
        token: &IdToken,
        nonce: impl Fn(Option<&Nonce>) -> Result<(), String>,
    ) -> Result<Value, String> {
        token
            .claims(self, |given: Option<&Nonce>| nonce(given))
            .map(|claims| serde_json::to_value(claims).unwrap_or_default())
            .map_err(|error| model::error::chain(&error))
    }
}

/// Asymmetric signatures only: with the others whoever can check one can
/// make one, and 'none' is no signature at all.
fn is_sound(algorithm: &CoreJwsSigningAlgorithm) -> bool {
    use CoreJwsSigningAlgorithm as Known;
    !matches!(
        algorithm,
        Known::None | Known::HmacSha256 | Known::HmacSha384 | Known::HmacSha512
    )
}

/// The error without the answer's body, which may hold tokens.
fn without_body<E, R>(error: &openidconnect::RequestTokenError<E, R>) -> String
where
    E: std::error::Error + 'static,
    R: openidconnect::ErrorResponse + std::fmt::Display,
{
    use openidconnect::RequestTokenError as Failed;
    match error {
        Failed::ServerResponse(response) => format!("the provider says: {response}"),
        Failed::Request(error) => model::error::chain(error),
        Failed::Parse(..) => "its answer is not understood".to_owned(),
        Failed::Other(why) => why.clone(),
    }
}

#[cfg(test)]
mod tests;

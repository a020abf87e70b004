//! Signing in, and the browsers that are.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The signed-in session and what the server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// When it ends, if it is used until then.
    pub expires: Timestamp,
    pub server: ServerFacts,
}

/// What the dashboard needs to know of the server it talks to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerFacts {
    pub version: String,
    /// The machine's name.
    pub host: String,
    pub started: Timestamp,
    /// Whether paths on the server's machine may be scanned.
    pub local_paths: bool,
    /// Whether the demonstration environment is present.
    pub demo: bool,
}

/// Sign in: either with the token of a one-time link, or with a name and
/// a password.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The part of the sign-in link after `token=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// Use an invitation or a reset link: choose a password and sign in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptInvitation {
    /// The part of the link after `invitation=`.
    pub invitation: String,
    /// At least 12 characters, and not a common one.
    pub password: String,
}

/// The ways to sign in here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignInProviders {
    /// Accounts with a password exist.
    pub password: bool,
    /// No account exists yet: only the link the server printed signs in.
    pub first_run: bool,
    /// Identity providers, each with where to send the browser.
    pub oidc: Vec<OidcProvider>,
}

/// An identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OidcProvider {
    pub title: String,
    /// Go here to sign in; `?next=/path` says where to come back to.
    pub start: String,
}

/// Where to go once signed in through the identity provider.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OidcStartQuery {
    /// A path of this server's; `/` if nothing is said.
    pub next: Option<String>,
}

/// What the identity provider sends the browser back with.
#[derive(Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OidcCallbackQuery {
    pub code: Option<String>,
    pub state: Option<String>,
    /// Who sends it back (RFC 9207).
    pub iss: Option<String>,
    pub error: Option<String>,
}

/// Signed out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedOut {
    /// Go here to sign out of the identity provider too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_sign_out: Option<String>,
}

/// How a session came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignInMethod {
    /// The link the server printed.
    Link,
    Password,
    Oidc,
}

/// One signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionEntry {
    pub id: String,
    /// The one that is asking.
    pub current: bool,
    pub method: SignInMethod,
    pub created: Timestamp,
    /// To the minute.
    pub last_seen: Timestamp,
    /// When it ends, if it is not used; and at the latest.
    pub expires: Timestamp,
    /// Where it was opened from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What the browser calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
}

/// These hold secrets, which are printed nowhere.
impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for OidcCallbackQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcCallbackQuery").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for AcceptInvitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AcceptInvitation").finish_non_exhaustive()
    }
}

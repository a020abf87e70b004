//! Who is asking.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The signed-in session and what the server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
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

/// Exchange the token of a one-time sign-in link for a session cookie.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The part of the sign-in link after `token=`.
    pub token: String,
}

/// The token is a secret: it is printed nowhere.
impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").finish_non_exhaustive()
    }
}

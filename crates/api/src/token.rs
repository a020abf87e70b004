//! API tokens: how programs sign in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Permission;

/// Whether a token works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    Active,
    Expired,
    Revoked,
    /// Its maker's account is disabled.
    Suspended,
}

/// An API token, without its secret. It never allows more than its
/// maker may do at the moment of use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiToken {
    /// The part between the first and the second `_` of the token.
    pub id: String,
    pub name: String,
    pub state: TokenState,
    pub permissions: Vec<Permission>,
    /// Environment ids; `*` stands for all its maker reaches.
    pub environments: Vec<String>,
    /// Addresses and networks it may be used from; empty: any.
    pub addresses: Vec<String>,
    /// Its maker's sign-in name; `owner` for one made by the link's owner.
    pub maker: String,
    /// Its maker's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker_id: Option<String>,
    pub created: Timestamp,
    pub expires: Timestamp,
    /// To the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

/// A token to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiToken {
    /// What it is for, 1 to 100 characters.
    pub name: String,
    /// What it may do: no more than its maker.
    pub permissions: Vec<Permission>,
    /// Environment ids; `*`, or nothing said, is all its maker reaches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// When it stops working; no later than the server's longest
    /// lifetime (`tokens.max_lifetime`) from now.
    pub expires: Timestamp,
    /// Addresses (`192.0.2.7`) and networks (`192.0.2.0/24`) it may be
    /// used from; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
}

/// A token just made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenMade {
    pub token: ApiToken,
    /// `sw_<id>_<secret>`, shown this once: send it as
    /// `Authorization: Bearer …`.
    pub secret: String,
}

/// The secret is printed nowhere.
impl std::fmt::Debug for ApiTokenMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiTokenMade")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// Which tokens.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApiTokenQuery {
    /// Everybody's instead of one's own; needs `administer`.
    pub all: Option<bool>,
    /// Also those that no longer work.
    pub ended: Option<bool>,
}

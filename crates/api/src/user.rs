//! People with an account.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::RoleBinding;

/// Where an account's identity comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserSource {
    /// Made here, with a password.
    Local,
    /// Made at the first sign-in through the identity provider, whose
    /// groups give its roles.
    Oidc,
}

/// Whether and how an account can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    Active,
    /// Made or reset; its one-time link was not used yet.
    Invited,
    Disabled,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    pub id: String,
    /// What is typed to sign in. For display only where the identity
    /// provider made the account.
    pub name: String,
    pub display_name: String,
    /// For display; it identifies nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub source: UserSource,
    pub state: UserState,
    pub roles: Vec<RoleBinding>,
    pub created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sign_in: Option<Timestamp>,
    /// Browsers signed in at the moment.
    pub sessions: u64,
    /// API tokens that work at the moment.
    pub tokens: u64,
}

/// An account to make.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// 2 to 64 of `a-z 0-9 . _ - @`.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Absent: the answer holds a one-time link to choose one with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    pub roles: Vec<RoleBinding>,
}

/// The first account: it gets both admin roles, everywhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstAccount {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    pub password: String,
}

/// What to change of an account; absent parts stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// All of them: these replace what there was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<RoleBinding>>,
    /// Disabling ends every session; tokens stop working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// An account just made or reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserMade {
    pub user: User,
    /// Present unless a password was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Invitation>,
}

/// A link with which somebody chooses a password and signs in, once.
/// Shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    pub link: String,
    pub expires: Timestamp,
}

/// Change one's own password. Ends every other session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    pub old: String,
    /// At least 12 characters, and not a common one.
    pub new: String,
}

/// Which accounts.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UserQuery {
    /// Part of the name, the display name or the e-mail address.
    pub q: Option<String>,
}

macro_rules! keeps_its_secret {
    ($($type:ident),*) => {$(
        /// Holds a secret: it is printed nowhere.
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        }
    )*};
}

keeps_its_secret!(NewUser, FirstAccount, Invitation, PasswordChange);

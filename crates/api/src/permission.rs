//! Permissions, roles and who is asking.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One thing somebody may be allowed to do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// See findings, images, recommendations and what else is recorded.
    View,
    /// Assign, comment, set the status of and dismiss findings.
    Triage,
    /// Accept a finding by an exemption.
    Exempt,
    /// Start and stop scans; forget an image.
    Scan,
    /// Notifications, advisories, policies and settings.
    Configure,
    /// Users, other people's tokens, environments and connectors.
    Administer,
    /// Hand in what sensors, connectors and pipelines saw.
    Ingest,
    /// Hand in events of API servers' audit logs, and nothing else.
    IngestAudit,
    /// Read the server's own numbers.
    Metrics,
}

impl From<model::Permission> for Permission {
    fn from(permission: model::Permission) -> Self {
        match permission {
            model::Permission::View => Self::View,
            model::Permission::Triage => Self::Triage,
            model::Permission::Exempt => Self::Exempt,
            model::Permission::Scan => Self::Scan,
            model::Permission::Configure => Self::Configure,
            model::Permission::Administer => Self::Administer,
            model::Permission::Ingest => Self::Ingest,
            model::Permission::IngestAudit => Self::IngestAudit,
            model::Permission::Metrics => Self::Metrics,
        }
    }
}

impl From<Permission> for model::Permission {
    fn from(permission: Permission) -> Self {
        match permission {
            Permission::View => Self::View,
            Permission::Triage => Self::Triage,
            Permission::Exempt => Self::Exempt,
            Permission::Scan => Self::Scan,
            Permission::Configure => Self::Configure,
            Permission::Administer => Self::Administer,
            Permission::Ingest => Self::Ingest,
            Permission::IngestAudit => Self::IngestAudit,
            Permission::Metrics => Self::Metrics,
        }
    }
}

/// A bundle of permissions people are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Works on findings: triages, exempts, scans, configures.
    SecurityAdmin,
    /// Sees everything security admins see and changes nothing.
    SecurityReader,
    /// Runs the installation: users, connectors, environments; sees no
    /// finding.
    PlatformAdmin,
}

impl From<model::Role> for Role {
    fn from(role: model::Role) -> Self {
        match role {
            model::Role::SecurityAdmin => Self::SecurityAdmin,
            model::Role::SecurityReader => Self::SecurityReader,
            model::Role::PlatformAdmin => Self::PlatformAdmin,
        }
    }
}

impl From<Role> for model::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::SecurityAdmin => Self::SecurityAdmin,
            Role::SecurityReader => Self::SecurityReader,
            Role::PlatformAdmin => Self::PlatformAdmin,
        }
    }
}

/// A role and where it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleBinding {
    pub role: Role,
    /// Environment ids; `*` stands for all there are and will be.
    pub environments: Vec<String>,
}

impl From<model::permission::Binding> for RoleBinding {
    fn from(binding: model::permission::Binding) -> Self {
        Self {
            role: binding.role.into(),
            environments: binding.reach.names(),
        }
    }
}

impl From<RoleBinding> for model::permission::Binding {
    fn from(binding: RoleBinding) -> Self {
        Self {
            role: binding.role.into(),
            reach: model::permission::Reach::from_names(binding.environments),
        }
    }
}

/// How somebody is known to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// Signed in by the link the server printed: no account, every right.
    Owner,
    /// Somebody with an account.
    User,
    /// A program with an API token.
    Token,
    /// The server itself.
    System,
}

impl From<model::permission::ActorKind> for ActorKind {
    fn from(kind: model::permission::ActorKind) -> Self {
        use model::permission::ActorKind as Known;
        match kind {
            Known::Owner => Self::Owner,
            Known::User => Self::User,
            Known::Token => Self::Token,
            Known::System => Self::System,
        }
    }
}

/// Who is asking, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    pub kind: ActorKind,
    /// The account's or the token's id; absent for the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The account's sign-in name, the token's name, or `owner`.
    pub name: String,
    /// For people to read.
    pub display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The account's roles; empty for the owner.
    pub roles: Vec<RoleBinding>,
    /// What is allowed in every environment, and in what belongs to none.
    pub everywhere: Vec<Permission>,
    /// What is allowed in each environment that can be reached.
    pub environments: Vec<EnvironmentPermissions>,
    /// Whether there is a password here to change.
    pub has_password: bool,
    /// No account exists yet: make the first with `POST /first-account`.
    pub first_account_needed: bool,
}

/// What is allowed in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnvironmentPermissions {
    pub environment: String,
    pub permissions: Vec<Permission>,
}

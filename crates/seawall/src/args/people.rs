//! `seawall tokens` and `seawall users`

use clap::{Args, Subcommand, ValueEnum};

use super::remote::{ListFormat, Remote};

/// Make and revoke API tokens
#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    Create(CreateToken),
    List(ListTokens),
    Revoke(RevokeToken),
}

/// Make a token and print it, this once
///
/// Only the token goes to standard output.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall tokens create pipeline --permission view --expires 90d
  seawall tokens create falco --permission ingest --expires 365d --from 10.0.0.0/8 > token")]
pub(crate) struct CreateToken {
    /// What it is for
    pub name: String,
    /// What it may do: view, triage, exempt, scan, configure, administer, ingest, metrics
    #[arg(
        short,
        long = "permission",
        value_name = "PERMISSION",
        value_enum,
        required = true,
        value_delimiter = ','
    )]
    pub permissions: Vec<Permission>,
    /// When it stops working: 90d, 12w or a date
    #[arg(long, value_name = "WHEN")]
    pub expires: String,
    /// Only in these environments
    #[arg(
        short,
        long = "environment",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub environments: Vec<String>,
    /// Only from these addresses or networks
    #[arg(long = "from", value_name = "ADDRESS", value_delimiter = ',')]
    pub addresses: Vec<String>,
    #[command(flatten)]
    pub remote: Remote,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Permission {
    /// See findings, images and recommendations
    View,
    /// Assign, comment and dismiss
    Triage,
    /// Make exemptions
    Exempt,
    /// Start and stop scans
    Scan,
    /// Notifications, advisories, settings
    Configure,
    /// Users, tokens, environments
    Administer,
    /// Hand in what sensors saw
    Ingest,
    /// Hand in events of API servers' audit logs
    IngestAudit,
    /// Read the server's own numbers
    Metrics,
}

impl From<Permission> for api::Permission {
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

/// List tokens
#[derive(Args, Debug)]
pub(crate) struct ListTokens {
    /// Everybody's, not only yours
    #[arg(long)]
    pub all: bool,
    /// Also those that no longer work
    #[arg(long)]
    pub ended: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
    #[command(flatten)]
    pub remote: Remote,
}

/// End a token at once
#[derive(Args, Debug)]
pub(crate) struct RevokeToken {
    /// Its id: the part between the first and the second `_`
    pub id: String,
    #[command(flatten)]
    pub remote: Remote,
}

/// Manage who has an account
#[derive(Debug, Subcommand)]
pub(crate) enum Users {
    List(ListUsers),
    Create(CreateUser),
    /// Keep somebody from signing in; their tokens stop working
    Disable(OneUser),
    /// Let somebody sign in again
    Enable(OneUser),
    /// Print a new link with which somebody chooses a password
    Reset(OneUser),
    /// Remove an account
    Remove(OneUser),
    Recover(super::users::Recover),
}

/// List accounts
#[derive(Args, Debug)]
pub(crate) struct ListUsers {
    /// Part of the name or the e-mail address
    #[arg(value_name = "TEXT")]
    pub text: Option<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
    #[command(flatten)]
    pub remote: Remote,
}

/// Make an account and print the link with which its owner chooses a password
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall users create ada --role security_admin
  seawall users create bob --role security_reader:production,staging")]
pub(crate) struct CreateUser {
    /// What is typed to sign in
    pub name: String,
    /// The name people read
    #[arg(long, value_name = "NAME")]
    pub display_name: Option<String>,
    /// An e-mail address
    #[arg(long, value_name = "ADDRESS")]
    pub email: Option<String>,
    /// A role, and where: ROLE or ROLE:ENVIRONMENT,…; roles are `security_admin`,
    /// `security_reader` and `platform_admin`
    #[arg(short, long = "role", value_name = "ROLE", required = true, value_parser = role)]
    pub roles: Vec<api::RoleBinding>,
    #[command(flatten)]
    pub remote: Remote,
}

/// Which account.
#[derive(Args, Debug)]
pub(crate) struct OneUser {
    /// The sign-in name
    pub name: String,
    #[command(flatten)]
    pub remote: Remote,
}

fn role(text: &str) -> Result<api::RoleBinding, String> {
    let (role, environments) = text.split_once(':').unwrap_or((text, "*"));
    let role = match role.replace('-', "_").as_str() {
        "security_admin" => api::Role::SecurityAdmin,
        "security_reader" => api::Role::SecurityReader,
        "platform_admin" => api::Role::PlatformAdmin,
        _ => {
            return Err(
                "expected security_admin, security_reader or platform_admin, perhaps with \
                 ':environment'"
                    .to_owned(),
            );
        }
    };
    Ok(api::RoleBinding {
        role,
        environments: environments.split(',').map(str::to_owned).collect(),
    })
}

//! `seawall exempt`

use clap::{Args, Subcommand};

use super::{
    finding::Reason,
    remote::{Amount, Consent, Remote, ShowFormat},
};

/// Decide that findings of a scope need no work, until a day
///
/// A scope is a query that says what findings are, not what happened to them:
/// docs/reference/query.md marks the fields that may stand in one.
#[derive(Debug, Subcommand)]
pub(crate) enum Exempt {
    Create(Create),
    Preview(Preview),
    List(List),
    Show(Show),
    Extend(Extend),
    End(End),
}

/// What an exemption covers, and why.
#[derive(Args, Clone, Debug)]
pub(crate) struct Scope {
    /// What it covers: a query
    #[arg(value_name = "SCOPE", required = true)]
    pub scope: Vec<String>,
    /// Only in this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
}

/// Make an exemption
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall exempt create 'cve:CVE-2023-4911 repo:registry.example/shop/*' \\
      --reason mitigated --note 'no setuid programs inside' --expires 90d
  seawall exempt create 'rule:image-root-user ns:legacy' --reason accepted_risk \\
      --note 'gone by spring' --expires 2027-03-31 --owner ada")]
pub(crate) struct Create {
    #[command(flatten)]
    pub scope: Scope,
    /// Why
    #[arg(long, value_enum)]
    pub reason: Reason,
    /// Why, in words
    #[arg(long, value_name = "TEXT")]
    pub note: String,
    /// When it ends: 90d, 12w or a date
    #[arg(long, value_name = "WHEN", required_unless_present = "never_expires")]
    pub expires: Option<String>,
    /// It never ends by itself
    #[arg(long, conflicts_with = "expires")]
    pub never_expires: bool,
    /// Who answers for it; default: you
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    #[command(flatten)]
    pub consent: Consent,
    #[command(flatten)]
    pub remote: Remote,
}

/// Show what an exemption would cover, and make none
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall exempt preview 'cve:CVE-2023-4911 repo:registry.example/shop/*'")]
pub(crate) struct Preview {
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub remote: Remote,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
}

/// List exemptions, newest first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall exempt list
  seawall exempt list log4j --state active,expired --format csv")]
pub(crate) struct List {
    /// Text in the scope, the note or the owner
    #[arg(value_name = "TEXT")]
    pub text: Option<String>,
    /// active, expired, revoked; several separated by commas
    #[arg(long, value_name = "STATE,…", default_value = "active")]
    pub state: String,
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub amount: Amount,
    #[command(flatten)]
    pub remote: Remote,
}

/// Show one exemption
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// Its id
    pub id: String,
    #[command(flatten)]
    pub remote: Remote,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
}

/// Let an exemption end later, or sooner
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall exempt extend 0190b4a5 --expires 30d")]
pub(crate) struct Extend {
    /// Its id
    pub id: String,
    /// When it ends: 90d, 12w or a date
    #[arg(long, value_name = "WHEN")]
    pub expires: String,
    #[command(flatten)]
    pub remote: Remote,
}

/// End an exemption: what it held is open again
#[derive(Args, Debug)]
pub(crate) struct End {
    /// Its id
    pub id: String,
    #[command(flatten)]
    pub remote: Remote,
}

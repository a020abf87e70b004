//! `seawall policy set` and `seawall policy impact`

use clap::{Args, ValueEnum};

use super::remote::{Remote, ShowFormat};

/// Where a policy is meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct Place {
    /// Only this cluster; without it, every cluster that has no setting of its own
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// The environment; default: your own
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub remote: Remote,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Action {
    /// Nothing is judged by it
    Off,
    /// It is noted, and nobody is told
    Audit,
    /// Whoever asks is told, and gets what they asked for
    Warn,
    /// It is refused
    Deny,
    /// As it is by itself, or as the environment says for a cluster
    Default,
}

/// Say what a server does about a policy: off, audit, warn or deny
///
/// Admission has it within seconds. Parameters and namespaces that were set in the same place
/// stay; `default` takes all of it back. `seawall policy impact` says beforehand what denying
/// would refuse. Takes the permission `configure`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall policy set pods-not-privileged deny --reason 'agreed on in the review'
  seawall policy set pods-images-signed warn --cluster production
  seawall policy set pods-probes off --cluster lab
  seawall policy set pods-probes default --cluster lab")]
pub(crate) struct Set {
    /// Its id: `seawall policy list` names the product's own
    #[arg(value_name = "POLICY")]
    pub policy: String,
    /// What is done
    #[arg(value_enum)]
    pub action: Action,
    /// Why: whoever comes after you will ask
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub reason: String,
    #[command(flatten)]
    pub place: Place,
}

/// Say what denying by a policy would refuse: of the last days' requests, and of what runs
///
/// Where a policy is off no request was judged by it, and nothing is known of those; what runs
/// is judged for the answer then. Takes the permission `configure`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall policy impact pods-not-privileged
  seawall policy impact pods-not-privileged --cluster production --days 30
  seawall policy impact pods-not-root --format json | jq '.examples[].workload'")]
pub(crate) struct Impact {
    /// Its id: `seawall policy list` names the product's own
    #[arg(value_name = "POLICY")]
    pub policy: String,
    /// Days of requests
    #[arg(long, value_name = "DAYS", default_value_t = 7,
        value_parser = clap::value_parser!(u32).range(1..=30))]
    pub days: u32,
    #[command(flatten)]
    pub place: Place,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
}

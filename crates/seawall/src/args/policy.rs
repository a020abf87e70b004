//! `seawall policy`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{
    db::TextOrJson,
    policy_setting::{Impact, Set},
    remote::{ListFormat, ShowFormat},
};

/// Judge manifests by policies; test, list and show policies, and say what a server does about them
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    Check(Check),
    Test(Test),
    List(List),
    Show(Show),
    Set(Set),
    Impact(Impact),
}

/// Which policies are meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct PolicyFiles {
    /// Files or folders of policies that come behind our own and may change them:
    /// Gatekeeper's templates and constraints, Kubernetes' own policies and bindings
    #[arg(long = "policies", value_name = "FILE|DIR", value_hint = clap::ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
    /// Leave our own policies out
    #[arg(long)]
    pub only: bool,
}

/// Judge manifests by policies, before a cluster has them
///
/// Reads YAML and JSON, many documents a file, lists and what Helm prints. Each
/// violation is shown with its reason and, where the policy knows one, the change that
/// mends this very object. Objects know of each other, as those in one cluster do.
/// Exit code 1: --fail-on was reached; 2: a policy could not be understood; 4: a
/// document could not be read.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall policy check manifests/
  helm template shop ./chart | seawall policy check -
  seawall policy check --fail-on high manifests/               ends with 1 from high on
  seawall policy check --policies team/ --fail-on deny app.yaml
  kubectl get pods -A -o json | seawall policy check --format json - | jq '.violations[].policy'
  seawall policy check --format sarif manifests/ > policies.sarif")]
pub(crate) struct Check {
    /// Manifests, or folders of them; `-` is standard input
    #[arg(value_name = "FILE|DIR", required = true, value_hint = clap::ValueHint::AnyPath)]
    pub manifests: Vec<PathBuf>,
    #[command(flatten)]
    pub policies: PolicyFiles,
    /// Let policies ask the providers of external data they name
    ///
    /// A `Provider` among --policies says where, over HTTPS, and whose certificate it shows;
    /// what the policies look up in the manifests is sent there. Without this nobody is
    /// asked, and a policy that asks is told so.
    #[arg(long)]
    pub external_data: bool,
    /// The namespace of objects that name none
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// End with 1 if there is such a violation: a severity and worse, or what its
    /// constraint does. A policy that says no severity counts as medium
    #[arg(long, value_name = "SEVERITY|ACTION", value_parser = parse_limit)]
    pub fail_on: Option<Limit>,
    /// Documents that could not be read do not change the exit code
    #[arg(long)]
    pub allow_partial: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: CheckFormat,
}

/// What `--fail-on` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Severity(model::Severity),
    Action(policy::review::Action),
}

fn parse_limit(text: &str) -> Result<Limit, String> {
    use policy::review::Action;
    match text {
        "deny" => Ok(Limit::Action(Action::Deny)),
        "warn" => Ok(Limit::Action(Action::Warn)),
        "dryrun" => Ok(Limit::Action(Action::DryRun)),
        severity => severity.parse().map(Limit::Severity).map_err(|_error| {
            "expected a severity (low, medium, high, critical) or an action (dryrun, warn, deny)"
                .to_owned()
        }),
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people, with reasons and changes
    #[default]
    Table,
    Json,
    /// For code-scanning views
    Sarif,
}

/// Run tests of policies: Gatekeeper's suites, and tests in Rego
///
/// A suite is what `gator verify` runs: templates, constraints, objects, and what has to
/// be said of each. Tests in Rego are the rules named test_… of files named …_test.rego,
/// which are read together with the other Rego beside them. Exit code 1: a test failed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall policy test policies/                    every suite and test below
  seawall policy test policies/labels/suite.yaml
  seawall policy test --format json policies/ | jq '.failures'")]
pub(crate) struct Test {
    /// Suites, files named …_test.rego, or folders of them
    #[arg(value_name = "FILE|DIR", required = true, value_hint = clap::ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Name the tests that passed, too
    #[arg(long)]
    pub all: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: TextOrJson,
}

/// List policies: what they are about, and what becomes of a violation
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall policy list
  seawall policy list --only --policies team/
  seawall policy list --format json")]
pub(crate) struct List {
    #[command(flatten)]
    pub policies: PolicyFiles,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
}

/// Show one policy: its reason, how to comply, or its files to begin from
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall policy show pods-not-privileged
  seawall policy show pods-not-privileged --yaml > mine.yaml     template and constraint")]
pub(crate) struct Show {
    /// Its id, or the kind of its constraints
    #[arg(value_name = "POLICY")]
    pub policy: String,
    /// Print its template and its constraint, as they may be changed and named with
    /// --policies
    #[arg(long)]
    pub yaml: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t, conflicts_with = "yaml")]
    pub format: ShowFormat,
}

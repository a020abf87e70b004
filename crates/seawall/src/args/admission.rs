//! `seawall admission`

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::remote::{Amount, ListFormat, Remote};

/// Judge what is asked of a cluster, before it is stored
///
/// An HTTPS webhook. It decides from memory by the policies the server gives it (or a
/// folder's), makes and renews its certificates, and tells the API server of itself. What it
/// refuses comes with the fix; what it decided is on the page Admission. Every policy begins
/// in audit: nothing is refused until somebody says so.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  seawall admission --in-cluster --cluster production --server https://seawall.example:8470 \\
      --token-file /etc/seawall/token        in a pod (deploy/admission)
  seawall admission --kubeconfig admin.conf --cluster test --bundle policies/ \\
      --listen 127.0.0.1:9443                beside a test cluster, without a server
  seawall admission --bundle policies/ --cluster none --ca-out ca.crt
                                             alone: register the webhook yourself
  seawall admission --kubeconfig admin.conf --uninstall
  seawall admission status                   how the replicas are that a server hears of
  seawall admission decisions --verdict denied --since 24h

Namespaces kube-system, kube-public, kube-node-lease and its own, and any with the label
admission.seawall.dev/exempt, are left alone. Without a server, what a policy is against is
told by --bundle's files: `seawall policy list` names the product's own.

Exit codes: 0 told to stop, 2 the command line makes no sense, 3 it could not be done."
)]
pub(crate) struct Admission {
    #[command(subcommand)]
    pub command: Option<AdmissionCommand>,
    #[command(flatten)]
    pub judge: Judge,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdmissionCommand {
    Status(Status),
    Decisions(Box<Decisions>),
}

/// Show how admission is: each replica, what it decides by, and what is wrong
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall admission status
  seawall admission status --cluster production
  seawall admission status --format json | jq '.[] | select(.is_silent)'

A replica is silent where the server has not heard of it for some minutes, and behind where
it does not decide by what policies are now.")]
pub(crate) struct Status {
    /// Only this cluster
    #[arg(short, long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
    #[command(flatten)]
    pub remote: Remote,
}

/// List what admission decided, newest first: what was refused, warned of, noted or changed
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall admission decisions
  seawall admission decisions --verdict denied,warned --since 24h
  seawall admission decisions --policy pods-not-privileged --namespace shop
  seawall admission decisions --since 2026-11-01 --all --format csv > decisions.csv
  seawall admission decisions --format json | jq '.[].decision.violations'

Requests that no policy is against are not kept.")]
pub(crate) struct Decisions {
    /// Text in the object's name, the workload, whoever asked, or the message
    #[arg(value_name = "TEXT")]
    pub text: Option<String>,
    /// Only these: denied, warned, audited, exempted, mutated, failed
    #[arg(long, value_name = "VERDICT", value_enum, value_delimiter = ',')]
    pub verdict: Vec<Verdict>,
    /// Only of this policy, by its id
    #[arg(short, long, value_name = "POLICY")]
    pub policy: Option<String>,
    /// Only in this namespace
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Only in this cluster
    #[arg(short, long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Only what this one asked for, by the exact name
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Only since: 30m, 24h, 7d ago, a day or a moment
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Only until: as --since
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub amount: Amount,
    #[command(flatten)]
    pub remote: Remote,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verdict {
    Denied,
    Warned,
    Audited,
    Exempted,
    Mutated,
    Failed,
}

impl Verdict {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Warned => "warned",
            Self::Audited => "audited",
            Self::Exempted => "exempted",
            Self::Mutated => "mutated",
            Self::Failed => "failed",
        }
    }
}

/// A judge that runs here.
#[derive(Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Judge {
    /// What the cluster is called at the server
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "uninstall",
        default_value = "",
        hide_default_value = true
    )]
    pub cluster: String,
    /// A kubeconfig: which API server to tell, and as whom
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context; its current one when absent
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub context: Option<String>,
    /// Use the service account of the pod this runs in
    #[arg(long, conflicts_with = "kubeconfig")]
    pub in_cluster: bool,
    /// The server policies come from and decisions go to
    #[arg(long, value_name = "URL", requires = "token_file")]
    pub server: Option<String>,
    /// A file with an API token that has the permission `ingest`
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,
    /// Certificates to trust beside the machine's own, for the server
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub ca_file: Option<PathBuf>,
    /// The cluster's environment, where the token is for several
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// A folder of policies, in place of a server
    ///
    /// YAML: templates and constraints, `ValidatingAdmissionPolicies` and bindings, mutators.
    /// It is read again when it changes; a version that does not compile leaves the one
    /// before in force.
    #[arg(long, value_name = "DIR", conflicts_with = "server", value_hint = clap::ValueHint::DirPath)]
    pub bundle: Option<PathBuf>,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:9443")]
    pub listen: SocketAddr,
    /// What happens to requests that cannot be judged in time
    ///
    /// Also what the API server does when it does not reach the webhook.
    #[arg(long, value_enum, default_value_t)]
    pub fail: Fail,
    /// Refuse, warn of and change nothing; note what would have been
    #[arg(long)]
    pub audit_only: bool,
    /// Let policies ask the providers of external data they name
    ///
    /// A `Provider` among the policies says where, over HTTPS, and whose certificate it
    /// shows. Without this nobody is asked, and a policy that asks is told so. Answers are
    /// kept for three minutes; a provider may take as long as its `timeout` says (1 second
    /// where it says nothing), and whoever creates an object waits for it.
    #[arg(long)]
    pub external_data: bool,
    /// Whole seconds the API server waits, 1 to 30
    #[arg(long, value_name = "SECONDS", default_value_t = 5,
        value_parser = clap::value_parser!(u32).range(1..=30))]
    pub timeout: u32,
    /// The namespace it runs in
    ///
    /// Its objects are left alone, and its Secret holds the certificate authority.
    #[arg(long, value_name = "NAME", default_value = "seawall")]
    pub namespace: String,
    /// Another namespace to leave alone
    #[arg(long = "exempt-namespace", value_name = "NAME")]
    pub exempt_namespaces: Vec<String>,
    /// The Service the API server reaches it by
    #[arg(long, value_name = "NAME", default_value = "seawall-admission")]
    pub service: String,
    /// How the API server reaches it, where that is by no Service
    ///
    /// Where it runs outside the cluster; with --kubeconfig and no --url, its own address.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Where the last bundle is kept
    ///
    /// A replica that starts while the server is away decides by it.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub state_dir: Option<PathBuf>,
    /// Write the certificate authority here, for whoever else is to trust it
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub ca_out: Option<PathBuf>,
    /// Tell the API server to ask no more, and end
    #[arg(long)]
    pub uninstall: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fail {
    /// They go through
    #[default]
    Open,
    /// They are refused
    Closed,
}

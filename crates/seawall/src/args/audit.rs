//! `seawall audit`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use model::Severity;

use super::{
    db::TextOrJson,
    remote::{Remote, ShowFormat},
    store::StorePlace,
};

/// Audit logs of Kubernetes clusters, and Seawall's own trail
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    Replay(Replay),
    Policy(Policy),
    Verify(Verify),
}

/// Judge recorded audit events by the rules
///
/// Of an API server's log, of exports from Azure, `CloudWatch` or Cloud Logging, plain or
/// gzipped; what each file holds is told by what is in it. Nothing is kept and no server
/// is needed, unless --send hands them in to one. Windows and sequences of rules see the
/// events in the order of the files.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall audit replay /var/log/kubernetes/audit.log
  seawall audit replay 'audit-*.log' --fail-on high --format json
  gcloud logging read 'protoPayload.serviceName=\"k8s.io\"' --format json | seawall audit replay -
  seawall audit replay audit.log --send --cluster production")]
pub(crate) struct Replay {
    /// Files of events; `-` is standard input
    #[arg(value_name = "FILE", required = true, value_hint = clap::ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Folders of rule files to load behind the embedded rules
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub rules: Vec<PathBuf>,
    /// Exit with 1 if an alert is this severe or worse
    #[arg(long, value_name = "SEVERITY")]
    pub fail_on: Option<Severity>,
    /// Hand the events in to a server instead of judging them here
    #[arg(long, conflicts_with_all = ["rules", "fail_on"])]
    pub send: bool,
    /// What the cluster is called
    #[arg(long, value_name = "NAME", default_value = "replay")]
    pub cluster: String,
    /// The environment of the cluster, with --send
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub remote: Remote,
    /// How to print the summary
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
}

/// Print an audit policy for API servers, and how to set them up
///
/// The policy is made from the rules: it records what they read, and no secret. Beside it,
/// as comments: the API server's flags, the webhook's configuration, and which alerts the
/// policy is too weak for.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall audit policy > /etc/kubernetes/audit/policy.yaml
  seawall audit policy --level minimal       names and verbs only
  seawall audit policy --webhook https://seawall.example:8470 --cluster production")]
pub(crate) struct Policy {
    /// How much to record
    #[arg(long, value_enum, default_value_t)]
    pub level: PolicyLevel,
    /// Where API servers reach Seawall
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://seawall.example:8470"
    )]
    pub webhook: String,
    /// What the cluster is called
    #[arg(long, value_name = "NAME", default_value = "production")]
    pub cluster: String,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    pub part: PolicyPart,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyLevel {
    /// Who did what, without what was asked for
    Minimal,
    /// And what was asked for, where a rule reads it
    #[default]
    Recommended,
    /// And what was answered, everywhere but for secrets
    Full,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyPart {
    /// The policy, with all else as comments
    #[default]
    Policy,
    /// The webhook's configuration
    Kubeconfig,
    /// What each level misses
    Coverage,
}

/// Check that no entry of Seawall's own audit trail was changed, removed or added
///
/// Of an exported file (`GET /api/v1/audit/export`), or without one of the server's own
/// record, whether the server runs or not. Exit code 3: it is not as it was written, and
/// the first wrong entry is named. Keep the printed head elsewhere: a later trail must
/// still pass through it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall audit verify trail.ndjson
  seawall audit verify --config /etc/seawall/seawall.yaml
  seawall audit verify --head 5f0c… trail.ndjson     the trail must pass through this hash")]
pub(crate) struct Verify {
    /// An exported trail; `-` is standard input. Default: the server's record
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// A hash the trail must pass through: the head of an earlier check
    #[arg(long, value_name = "HASH")]
    pub head: Option<String>,
    #[command(flatten)]
    pub place: StorePlace,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: TextOrJson,
}

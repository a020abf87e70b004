//! `seawall connector`

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use model::Severity;

/// Watch a Kubernetes cluster: what is in it, and what policies say of it
///
/// Tells a server, and keeps on; with --once it assesses the cluster now, prints what it
/// found and needs no server. It only reads; of secrets it asks for the metadata alone, and
/// of configuration maps it keeps no more. Without --kubeconfig it uses the pod's service
/// account, where it runs in one.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall connector --once --kubeconfig ~/.kube/config
  seawall connector --once --fail-on high --format json | jq '.items[].object'
  seawall connector --cluster production --server https://seawall.example \\
      --token-file /var/run/seawall/token")]
pub(crate) struct Connector {
    /// How to reach the API server; default: the pod's account, else $KUBECONFIG or
    /// ~/.kube/config
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub kubeconfig: Option<PathBuf>,
    /// Which context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Assess the cluster once, print what was found, and end
    #[arg(long)]
    pub once: bool,
    /// What the cluster is called on the server
    #[arg(long, value_name = "NAME", required_unless_present = "once")]
    pub cluster: Option<String>,
    /// The server's address
    #[arg(long, value_name = "URL", required_unless_present = "once")]
    pub server: Option<String>,
    /// File with a token that may `ingest`; read again for each request
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "once",
        value_hint = clap::ValueHint::FilePath
    )]
    pub token_file: Option<PathBuf>,
    /// Certificates to trust beside the system's, PEM
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub ca: Option<PathBuf>,
    /// The environment of the cluster; default: the token's, else local
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// File that says every few seconds how the connector is, for probes
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub status_file: Option<PathBuf>,
    /// Files or folders of policies, instead of the built-in ones; with a server, until it
    /// says which hold
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    pub policies: Vec<PathBuf>,
    /// Let policies ask the providers of external data they name
    ///
    /// As for `seawall admission`: over HTTPS, whom a `Provider` among the policies says, and
    /// nobody without this. What rests on an answer is judged again after five minutes.
    #[arg(long)]
    pub external_data: bool,
    /// With --once: exit with 1 if something this severe or worse is found
    #[arg(long, value_name = "SEVERITY", requires = "once")]
    pub fail_on: Option<Severity>,
    /// With --once: exit with 0 though a part of the cluster could not be seen
    #[arg(long, requires = "once")]
    pub allow_partial: bool,
    /// With --once: how long the cluster may take to show itself, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "120",
        value_parser = super::finding::seconds
    )]
    pub patience: Duration,
    /// With --once: how to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ConnectorFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConnectorFormat {
    #[default]
    Table,
    /// One object: what was judged, by policy and by object
    Json,
}

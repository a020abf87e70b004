//! `seawall host`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::remote::{ListFormat, Remote, ShowFormat};

/// Assess container hosts, and let a server look after them
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  seawall host assess                                  this machine's Docker, by the CIS benchmark
  seawall host add build-1 tcp://build-1:2376 --ca ca.pem --cert cert.pem --key key.pem
  seawall host list
  seawall host check build-1                           what is wrong with the connection?")]
pub(crate) enum Host {
    Assess(Box<AssessHost>),
    Add(AddHost),
    List(ListHosts),
    Show(ShowHost),
    Check(ShowHost),
    Remove(OneHost),
}

/// How much a failed control matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Low,
    Medium,
    High,
    Critical,
}

impl From<FailOn> for model::Severity {
    fn from(least: FailOn) -> Self {
        match least {
            FailOn::Low => Self::Low,
            FailOn::Medium => Self::Medium,
            FailOn::High => Self::High,
            FailOn::Critical => Self::Critical,
        }
    }
}

/// Certificates for an engine that is reached over TLS.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Certificates {
    /// Certificate of the authority that the engine's own is from, PEM
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub ca: Option<PathBuf>,
    /// Your certificate, PEM
    #[arg(long, value_name = "FILE", requires_all = ["ca", "key"], value_hint = clap::ValueHint::FilePath)]
    pub cert: Option<PathBuf>,
    /// Its key, PEM, without a passphrase
    #[arg(long, value_name = "FILE", requires = "cert", value_hint = clap::ValueHint::FilePath)]
    pub key: Option<PathBuf>,
}

/// Judge a Docker host by the CIS Docker Benchmark, without a server
///
/// Over the socket of this machine its files are looked at, too; a host
/// that is reached over the network is judged by what its engine says.
/// Without an address, `$DOCKER_HOST` or this machine's socket is meant,
/// and certificates are taken from `$DOCKER_CERT_PATH`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall host assess
  seawall host assess --all                            what is right, too
  seawall host assess tcp://build-1:2376 --ca ca.pem --cert cert.pem --key key.pem
  seawall host assess --format json --fail-on high     in a pipeline")]
pub(crate) struct AssessHost {
    /// <unix:///var/run/docker.sock> or <tcp://host:2376>
    pub address: Option<String>,
    #[command(flatten)]
    pub certificates: Certificates,
    /// Also print controls that are met, that somebody has to look at, and that do not apply
    #[arg(long)]
    pub all: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
    /// End with code 1 if a control that matters as much is failed
    #[arg(long, value_name = "SEVERITY", value_enum)]
    pub fail_on: Option<FailOn>,
    /// End with code 0 although something could not be asked
    #[arg(long)]
    pub allow_partial: bool,
    /// How many seconds each answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,
}

/// Let the server look after a host
///
/// Certificates and key are sealed by the server and never shown again.
/// Who may add hosts is who runs the installation (permission administer).
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall host add build-1 tcp://build-1:2376 --ca ca.pem --cert cert.pem --key key.pem
  seawall host add old tcp://10.0.0.5:2375             without TLS: raised as critical")]
pub(crate) struct AddHost {
    /// What to call it
    pub name: String,
    /// <tcp://host:2376>
    pub address: String,
    #[command(flatten)]
    pub certificates: Certificates,
    /// The environment it belongs to
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub remote: Remote,
}

/// List hosts
#[derive(Args, Debug)]
pub(crate) struct ListHosts {
    /// Only of this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
    #[command(flatten)]
    pub remote: Remote,
}

/// Show a host, or try to reach it
#[derive(Args, Debug)]
pub(crate) struct ShowHost {
    /// Its name or id
    pub name: String,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
    #[command(flatten)]
    pub remote: Remote,
}

/// Let the server forget a host
#[derive(Args, Debug)]
pub(crate) struct OneHost {
    /// Its name or id
    pub name: String,
    #[command(flatten)]
    pub remote: Remote,
}

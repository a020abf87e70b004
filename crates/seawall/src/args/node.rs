//! `seawall node`

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum};

use super::remote::{ListFormat, Remote};

/// Look at machines of Kubernetes clusters
#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    Assess(Assess),
}

/// Judge how this machine's part of a cluster is set up
///
/// Reads the command lines of Kubernetes' components and the owners and
/// modes of their files, and nothing else; starts no program. What is not
/// there is not applicable. With --cluster, the server is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall node assess
  seawall node assess --profile eks --fail
  seawall node assess --root /host --cluster production --server https://seawall.example \\
      --token-file /run/secrets/seawall/token")]
pub(crate) struct Assess {
    /// Where the machine's root is mounted
    #[arg(long, value_name = "DIR", default_value = "/", value_hint = clap::ValueHint::DirPath)]
    pub root: PathBuf,
    /// Who runs the control plane
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
    /// What the machine is called; default: `$NODE_NAME`, else its host name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Only what is affected
    #[arg(long)]
    pub affected: bool,
    /// End with exit code 1 where anything is affected
    #[arg(long)]
    pub fail: bool,
    /// Look again so often, until told to end
    #[arg(long, value_name = "TIME", requires = "cluster", value_parser = period)]
    pub every: Option<Duration>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
    /// Tell the server, as a machine of this cluster
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// The environment; default: the one the token is for
    #[arg(short, long, value_name = "NAME", requires = "cluster")]
    pub environment: Option<String>,
    /// A file with the token; default: `$SEAWALL_TOKEN`, else who you signed in as
    #[arg(long, value_name = "FILE", requires = "cluster", value_hint = clap::ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,
    #[command(flatten)]
    pub remote: Remote,
}

/// `24h`; a minute at least.
fn period(text: &str) -> Result<Duration, String> {
    let told = "expected a time of a minute or more, as in 24h";
    let time: jiff::SignedDuration = text.parse().map_err(|_not| told.to_owned())?;
    match Duration::try_from(time) {
        Ok(time) if time >= Duration::from_mins(1) => Ok(time),
        _ => Err(told.to_owned()),
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// You run it, or kubeadm does for you
    #[default]
    SelfManaged,
    Eks,
    Aks,
    Gke,
}

impl Profile {
    /// As the server writes it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::SelfManaged => "self-managed",
            Self::Eks => "eks",
            Self::Aks => "aks",
            Self::Gke => "gke",
        }
    }

    /// How the id of its benchmark begins.
    pub(crate) fn benchmark(self) -> &'static str {
        match self {
            Self::SelfManaged => "CIS-KUBERNETES-",
            Self::Eks => "CIS-EKS-",
            Self::Aks => "CIS-AKS-",
            Self::Gke => "CIS-GKE-",
        }
    }
}

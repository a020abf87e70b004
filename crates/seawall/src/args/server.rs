//! `seawall server`

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};

/// Serve the dashboard and keep scanning in the background
///
/// Until an account exists, prints a one-time link that signs a browser in. Beyond
/// loopback it speaks TLS, with a certificate of its own making unless it is given one;
/// the fingerprint is printed. In the background the advisory
/// database is kept fresh, and this machine's root file system and the images in its
/// Docker Engine and containerd are scanned.
///
/// Settings come from the configuration file, over it the environment
/// (`SEAWALL__SECTION__KEY`), over that these flags.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  seawall server
  seawall server --listen 127.0.0.1:9000 --data-dir ./data
  seawall server --demo                      with a removable demonstration environment
  sudo seawall server --sensor auto          and watch this machine and its containers
  SEAWALL__SCAN__MACHINE=false seawall server --offline"
)]
pub(crate) struct Server {
    /// Configuration file; default: seawall.yaml if it is there
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Address and port to listen on; all but loopback speak TLS [default: 127.0.0.1:8470]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Folder for all state; default: `$SEAWALL_DATA_DIR`, else /var/lib/seawall or
    /// ~/.local/share/seawall
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,
    /// Folder for what was learned of layers; default: `$SEAWALL_CACHE_DIR`,
    /// else /var/cache/seawall or ~/.cache/seawall
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub cache_dir: Option<PathBuf>,
    /// Add the demonstration environment
    #[arg(long)]
    pub demo: bool,
    /// Watch this machine with the sensor next to this program: `auto` starts it where
    /// this program is root, or may be without a password, and else says how
    #[arg(long, value_name = "WHEN", value_enum)]
    pub sensor: Option<Sensor>,
    /// Fetch no advisories
    #[arg(long)]
    pub offline: bool,
}

/// Whether a sensor is started beside the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sensor {
    Auto,
    Off,
}

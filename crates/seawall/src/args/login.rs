//! `seawall login`, `logout` and `whoami`

use std::path::PathBuf;

use clap::Args;

use super::remote::{Remote, ShowFormat};

/// Sign in to a server with an API token
///
/// Make a token in the dashboard (Settings, API tokens) or with `seawall tokens create`.
/// It is read without being shown, or from standard input, and kept in
/// ~/.config/seawall/credentials, which only you may read.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall login https://seawall.example
  seawall login https://10.0.0.7:8470 --fingerprint 3A:F1:…    a certificate it signed itself
  seawall login https://seawall.example --token-file /run/secrets/seawall
  SEAWALL_SERVER=https://seawall.example SEAWALL_TOKEN=sw_… seawall findings list")]
pub(crate) struct Login {
    /// The server's address; default: `$SEAWALL_SERVER`, else <http://127.0.0.1:8470>
    #[arg(value_name = "URL", value_hint = clap::ValueHint::Url)]
    pub server: Option<String>,
    /// Read the token from this file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,
    /// SHA-256 of the server's certificate, as it prints it when it starts
    #[arg(long, value_name = "SHA256", conflicts_with = "ca_file")]
    pub fingerprint: Option<String>,
    /// Trust the certificates in this file too (PEM)
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub ca_file: Option<PathBuf>,
}

/// Forget a server's token
///
/// The token goes on working; `seawall tokens revoke` ends it.
#[derive(Args, Debug)]
pub(crate) struct Logout {
    #[command(flatten)]
    pub remote: Remote,
}

/// Say who you are to the server, and what you may do
#[derive(Args, Debug)]
pub(crate) struct Whoami {
    #[command(flatten)]
    pub remote: Remote,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
}

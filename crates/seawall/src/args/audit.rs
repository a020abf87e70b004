//! `seawall audit`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{db::TextOrJson, store::StorePlace};

/// Check the trail of who changed what
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    Verify(Verify),
}

/// Check that no entry of an audit trail was changed, removed or added
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

//! `seawall store`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::db::TextOrJson;

/// Move, back up and look after the server's record
#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    Migrate(Migrate),
    Copy(Copy),
    Backup(Backup),
    Check(Check),
    Vacuum(Vacuum),
}

/// Which record.
#[derive(Args, Clone, Debug)]
pub(crate) struct StorePlace {
    /// A file, or a PostgreSQL database: <postgres://user@host/database?password_file=FILE>;
    /// default: what the server uses
    #[arg(long, value_name = "FILE|URL")]
    pub store: Option<String>,
    /// The server's configuration file; default: seawall.yaml if it is there
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// The server's folder; default: `$SEAWALL_DATA_DIR`, else /var/lib/seawall or
    /// ~/.local/share/seawall
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,
}

/// Make the database's schema, or upgrade it to this program's
///
/// The server does so by itself when it starts; this is for doing it beforehand, or
/// with rights that the server has not. No server may be using an embedded file.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall store migrate
  seawall store migrate --store postgres://owner@db.example/seawall?sslmode=verify-full")]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub place: StorePlace,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: TextOrJson,
}

/// Copy the whole record into an empty database, and prove that it arrived
///
/// From the embedded file to PostgreSQL or back, or to restore a backup. Every table is
/// counted and hashed on both sides; unless all are the same, nothing is kept. Stop the
/// server first, so that nothing is written behind the copy's back.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall store copy --to 'postgres://seawall@db.example/seawall?password_file=/etc/seawall/db'
  seawall store copy --from postgres://seawall@db.example/seawall --to ./seawall.db
  seawall store copy --from seawall-2026-11-25.db --to /var/lib/seawall/seawall.db")]
pub(crate) struct Copy {
    /// Where from: a file or a PostgreSQL URL; default: what the server uses
    #[arg(long, value_name = "FILE|URL")]
    pub from: Option<String>,
    /// Where to: a file or a PostgreSQL URL, with nothing in it yet
    #[arg(long, value_name = "FILE|URL")]
    pub to: String,
    /// The server's configuration file; default: seawall.yaml if it is there
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// The server's folder; default: `$SEAWALL_DATA_DIR`, else /var/lib/seawall or
    /// ~/.local/share/seawall
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: TextOrJson,
}

/// Write the record as of one moment into a new file, while the server goes on
///
/// The file is an embedded database whatever the record is kept in; `seawall store copy`
/// restores it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall store backup seawall-$(date +%F).db
  seawall store backup /backup/seawall.db --store postgres://reader@db.example/seawall")]
pub(crate) struct Backup {
    /// The file to write; it must not be there yet
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: PathBuf,
    #[command(flatten)]
    pub place: StorePlace,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: TextOrJson,
}

/// Read everything once and say what is wrong with it
///
/// The server may go on. Ends with 3 when something is wrong.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall store check
  seawall store check --store seawall-2026-11-25.db --format json")]
pub(crate) struct Check {
    #[command(flatten)]
    pub place: StorePlace,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: TextOrJson,
}

/// Give unused space back
///
/// No server may be using an embedded file; a PostgreSQL database may be in use.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall store vacuum")]
pub(crate) struct Vacuum {
    #[command(flatten)]
    pub place: StorePlace,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: TextOrJson,
}

//! `seawall db`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::DatabaseDir;

/// Fetch, carry and look into the advisory database
#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    Update(Update),
    Import(Import),
    Export(Export),
    Status(Status),
    Search(Search),
}

/// Fetch new advisories, EPSS scores and the KEV catalogue
///
/// Only what changed is fetched. Interrupted, it goes on where it was; until it is
/// done, and if it fails, the database in use stays as it is.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall db update
  seawall db update --ecosystem Debian --ecosystem npm
  seawall db update --mirror https://mirror.example/osv
  seawall db update --mirror file:///mnt/osv --no-epss --no-kev")]
pub(crate) struct Update {
    #[command(flatten)]
    pub database: DatabaseDir,
    /// Where the OSV folders lie, at https, http or file; default: `$SEAWALL_FEED_URL`,
    /// else the public OSV bucket
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    /// Only this ecosystem, as OSV names it; may be given several times
    #[arg(long, value_name = "NAME")]
    pub ecosystem: Vec<String>,
    /// Where the EPSS scores lie
    #[arg(long, value_name = "URL", conflicts_with = "no_epss")]
    pub epss_url: Option<String>,
    /// Leave EPSS scores as they are
    #[arg(long)]
    pub no_epss: bool,
    /// Where the catalogue of known exploited vulnerabilities lies
    #[arg(long, value_name = "URL", conflicts_with = "no_kev")]
    pub kev_url: Option<String>,
    /// Leave the catalogue of known exploited vulnerabilities as it is
    #[arg(long)]
    pub no_kev: bool,
    /// Further certificate authorities to trust, PEM
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub ca_file: Option<PathBuf>,
}

/// Take in advisories from files: OSV folders, archives, records, or a bundle
///
/// Takes any tree of OSV archives (all.zip) and JSON records, with EPSS tables and the
/// KEV catalogue beside them, or one bundle made by `seawall db export`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall db import ./osv
  seawall db import Debian/all.zip our-own-advisory.json
  seawall db import seawall-2026-11-21.bundle --trusted-key feed.pub")]
pub(crate) struct Import {
    /// Files and folders to take in
    #[arg(required = true, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Take a bundle only if this key signed it (ed25519, PEM); may be given several times
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub trusted_key: Vec<PathBuf>,
    #[command(flatten)]
    pub database: DatabaseDir,
}

/// Write the database as one file to carry to a machine without network
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall db export --output seawall.bundle
  openssl genpkey -algorithm ed25519 -out feed.key
  openssl pkey -in feed.key -pubout -out feed.pub
  seawall db export --output seawall.bundle --signing-key feed.key")]
pub(crate) struct Export {
    /// The file to write
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: PathBuf,
    /// Sign it with this key (ed25519, PEM)
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub signing_key: Option<PathBuf>,
    #[command(flatten)]
    pub database: DatabaseDir,
}

/// Say what the database knows and how old it is
#[derive(Args, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    pub database: DatabaseDir,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: TextOrJson,
}

/// Look a vulnerability up by its id or an alias, or list ids that contain a text
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall db search CVE-2021-44228
  seawall db search GHSA-jfh8-c2jp-5v3q --format json
  seawall db search CVE-2024-21 --limit 50")]
pub(crate) struct Search {
    /// A vulnerability's or advisory's id, or a part of one
    pub id: String,
    /// List at most this many
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub limit: usize,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: TextOrJson,
    #[command(flatten)]
    pub database: DatabaseDir,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextOrJson {
    #[default]
    Text,
    Json,
}

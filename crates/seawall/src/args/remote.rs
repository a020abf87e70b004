//! What commands that talk to a server share.

use clap::{Args, ValueEnum};

/// Which server.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Remote {
    /// The server's address; default: `$SEAWALL_SERVER`, else where you last signed in
    #[arg(long, value_name = "URL", value_hint = clap::ValueHint::Url)]
    pub server: Option<String>,
}

/// How to print lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    #[default]
    Table,
    /// One array
    Json,
    /// One object a line
    Jsonl,
    Csv,
}

/// How to print one thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowFormat {
    #[default]
    Text,
    Json,
}

/// How much of a list.
#[derive(Args, Clone, Debug)]
pub(crate) struct Amount {
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
    /// At most so many rows
    #[arg(short = 'n', long, value_name = "ROWS", default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Every row
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}

impl Amount {
    pub(crate) fn most(&self) -> usize {
        if self.all {
            usize::MAX
        } else {
            usize::try_from(self.limit).unwrap_or(usize::MAX)
        }
    }
}

/// Before much is changed at once.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Consent {
    /// Do not ask before changing what a query means
    #[arg(short, long)]
    pub yes: bool,
}

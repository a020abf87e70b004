//! `seawall top`

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::remote::Remote;

/// Watch sensors, containers and the latest alerts live
///
/// Asks the server every few seconds. Without a terminal it prints once what it sees.
#[derive(Args, Debug)]
#[command(after_help = "\
Keys: arrows or j k move, Tab changes the list, s and r order it, / narrows it, Enter shows
details, p pauses, Space looks at once, ? explains, q leaves.

Examples:
  seawall top
  seawall top --environment prod --every 5
  seawall top --once --sort cpu
  seawall top --once --format json | jq '.containers[:5]'")]
pub(crate) struct Top {
    #[command(flatten)]
    pub remote: Remote,
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = super::finding::seconds)]
    pub every: Duration,
    /// By what containers are ordered
    #[arg(long, value_enum, default_value_t)]
    pub sort: Sort,
    /// Only what has this text in its name, image, pod or node
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub filter: String,
    /// Print what is seen once, and end
    #[arg(long)]
    pub once: bool,
    /// How to print it; anything but a table is printed once
    #[arg(short, long, value_enum, default_value_t)]
    pub format: TopFormat,
}

/// By what containers are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// The most events a second first
    #[default]
    Events,
    /// The most processor time first
    Cpu,
    /// The most alerts first
    Alerts,
    /// The most processes first
    Processes,
    /// By name
    Name,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TopFormat {
    #[default]
    Table,
    /// One object: sensors, containers, alerts
    Json,
}

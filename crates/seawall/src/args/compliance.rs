//! `seawall compliance`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::remote::Remote;

/// Show how the controls of standards stand
///
/// Without a standard, a line for each; with one, its controls, or a
/// report on it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall compliance
  seawall compliance CIS-KUBERNETES-1.12 --cluster production
  seawall compliance PCI-DSS-4.0 --format html -o pci.html
  seawall compliance NIST-800-190 --format oscal")]
pub(crate) struct Compliance {
    /// A standard's id
    #[arg(value_name = "STANDARD")]
    pub standard: Option<String>,
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Only this cluster
    #[arg(short, long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// How to print it; html, csv and oscal need a standard
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ComplianceFormat,
    /// Write it into this file
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub remote: Remote,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ComplianceFormat {
    #[default]
    Table,
    Json,
    /// One line for each control and check
    Csv,
    /// A page that prints well
    Html,
    /// OSCAL assessment results
    Oscal,
}

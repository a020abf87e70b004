//! `seawall findings` and `seawall export`

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;

use super::remote::{Amount, Consent, Remote, ShowFormat};

/// List findings of a server and decide about them
///
/// Queries are those of the dashboard's search box: docs/reference/query.md.
#[derive(Debug, Subcommand)]
pub(crate) enum Findings {
    List(List),
    Show(Show),
    Dismiss(Dismiss),
    Reopen(Reopen),
    Assign(Assign),
    Comment(Comment),
    Due(Due),
    Undo(Undo),
    Watch(Watch),
}

/// List findings, worst first
///
/// Without a word about state, open ones are meant.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall findings list 'severity:>=high kind:alert -ns:kube-system'
  seawall findings list cve:CVE-2021-44228 is:running
  seawall findings list 'is:new \"reverse shell\"' --sort last_seen
  seawall findings list 'is:overdue assignee:me' --format csv --all > overdue.csv")]
pub(crate) struct List {
    /// Which: a query; its terms may be arguments of their own
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    #[command(flatten)]
    pub remote: Remote,
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// In which order
    #[arg(long, value_enum, default_value_t)]
    pub sort: Sort,
    #[command(flatten)]
    pub amount: Amount,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// Worst first
    #[default]
    Severity,
    /// Newest first
    #[value(name = "first_seen")]
    FirstSeen,
    /// Latest first
    #[value(name = "last_seen")]
    LastSeen,
    /// Likeliest to be exploited first
    Epss,
    /// By the package's name
    Package,
}

/// Show all that is known of one finding
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall findings show 1234
  seawall findings show 1234 --format json | jq .evidence")]
pub(crate) struct Show {
    /// Its id
    pub id: String,
    #[command(flatten)]
    pub remote: Remote,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
}

/// Which findings to act on.
#[derive(Args, Clone, Debug)]
pub(crate) struct Chosen {
    /// Which: ids, or a query
    #[arg(value_name = "ID|QUERY", required = true)]
    pub which: Vec<String>,
    /// Only in this environment, where a query is given
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub consent: Consent,
    #[command(flatten)]
    pub remote: Remote,
}

/// Why a finding needs no work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Reason {
    FalsePositive,
    /// Known and lived with
    AcceptedRisk,
    /// Something else prevents the harm
    Mitigated,
    /// Expected behaviour
    Benign,
    /// A test or an exercise
    Test,
    Other,
}

impl From<Reason> for api::finding::Reason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::FalsePositive => Self::FalsePositive,
            Reason::AcceptedRisk => Self::AcceptedRisk,
            Reason::Mitigated => Self::Mitigated,
            Reason::Benign => Self::Benign,
            Reason::Test => Self::Test,
            Reason::Other => Self::Other,
        }
    }
}

/// Dismiss findings, with a reason
///
/// For what comes back or concerns many, `seawall exempt create` is better: it ends.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall findings dismiss 1234 1235 --reason false_positive --note 'not reachable'
  seawall findings dismiss 'rule:terminal-shell-in-container ns:debug' --reason benign --yes")]
pub(crate) struct Dismiss {
    #[command(flatten)]
    pub chosen: Chosen,
    /// Why
    #[arg(long, value_enum)]
    pub reason: Reason,
    /// Why, in words
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// Take a dismissal back
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall findings reopen 1234
  seawall findings reopen 'is:dismissed ns:debug' --note 'looked again'")]
pub(crate) struct Reopen {
    #[command(flatten)]
    pub chosen: Chosen,
    /// Why, in words
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// Say who takes care of findings
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall findings assign 1234 --to ada
  seawall findings assign 'assignee:ada' --nobody --yes")]
pub(crate) struct Assign {
    #[command(flatten)]
    pub chosen: Chosen,
    /// To whom: a sign-in name
    #[arg(long, value_name = "NAME", required_unless_present = "nobody")]
    pub to: Option<String>,
    /// To nobody
    #[arg(long, conflicts_with = "to")]
    pub nobody: bool,
}

/// Write a comment on findings
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall findings comment 1234 --text 'update is in review'")]
pub(crate) struct Comment {
    #[command(flatten)]
    pub chosen: Chosen,
    /// What to say
    #[arg(long, value_name = "TEXT")]
    pub text: String,
}

/// Say until when findings should be mended
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall findings due 1234 --by 2027-01-31
  seawall findings due 'severity:critical is:fixable' --by 2027-01-31 --yes
  seawall findings due 1234 --never")]
pub(crate) struct Due {
    #[command(flatten)]
    pub chosen: Chosen,
    /// The day
    #[arg(long, value_name = "DATE", required_unless_present = "never")]
    pub by: Option<Date>,
    /// No day any more
    #[arg(long, conflicts_with = "by")]
    pub never: bool,
}

/// Take an action on findings back
#[derive(Args, Debug)]
pub(crate) struct Undo {
    /// The action's id, as it was printed
    pub id: String,
    #[command(flatten)]
    pub remote: Remote,
}

/// Print findings as they come, until interrupted
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall findings watch 'kind:alert severity:>=high'
  seawall findings watch kind:alert --format jsonl | while read -r alert; do …; done")]
pub(crate) struct Watch {
    /// Which: a query
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    #[command(flatten)]
    pub remote: Remote,
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub every: Duration,
    /// How to print them
    #[arg(short, long, value_enum, default_value_t)]
    pub format: WatchFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WatchFormat {
    /// One line each
    #[default]
    Text,
    /// One object a line
    Jsonl,
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds)),
        _ => Err("expected 1 to 3600".to_owned()),
    }
}

/// Write what a server knows to a file
#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    Findings(ExportFindings),
}

/// Write findings to a file, however many
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall export findings --format csv -o findings.csv
  seawall export findings 'is:kev state:*' --format ndjson | zstd > kev.ndjson.zst
  seawall export findings kind:alert --format ocsf")]
pub(crate) struct ExportFindings {
    /// Which: a query; open ones where it says nothing of state
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// As what
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ExportFormat,
    /// Write here instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub remote: Remote,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    #[default]
    Csv,
    /// One JSON object a line
    Ndjson,
    /// Open Cybersecurity Schema Framework, one object a line
    Ocsf,
}

//! `seawall rules`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{
    db::TextOrJson,
    remote::{ListFormat, ShowFormat},
};

/// Check, list and explain detection rules
#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    Check(Check),
    List(List),
    Explain(Explain),
    Docs(Docs),
}

/// Which rules are meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct RuleFiles {
    /// Rule files, or folders of them, that come behind our own and may change them
    #[arg(long = "rules", value_name = "FILE|DIR", value_hint = clap::ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
    /// Leave our own rules out
    #[arg(long, requires = "files")]
    pub only: bool,
}

/// Read rule files and say what is wrong with them
///
/// Files are read in the order given, those of a folder by name; later ones may change
/// what earlier ones define. Exit code 2: something could not be understood. Warnings
/// do not change the exit code unless asked.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall rules check rules.yaml
  seawall rules check /etc/seawall/rules.d
  seawall rules check --with-own local.yaml          local.yaml changes our rules
  seawall rules check --format json rules.yaml | jq '.diagnostics[].message'")]
pub(crate) struct Check {
    /// Rule files, or folders of them; `-` is standard input
    #[arg(value_name = "FILE|DIR", required = true, value_hint = clap::ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
    /// Read our own rules first, as the server does
    #[arg(long)]
    pub with_own: bool,
    /// Warnings count as errors
    #[arg(long)]
    pub strict: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: TextOrJson,
}

/// List rules
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall rules list
  seawall rules list --source k8s_audit --severity high
  seawall rules list --tag mitre_execution --format json
  seawall rules list --only --rules falco_rules.yaml")]
pub(crate) struct List {
    #[command(flatten)]
    pub rules: RuleFiles,
    /// Only of this source: syscall, k8s_audit
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Only with this tag or technique
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
    /// Only this severity and worse
    #[arg(long, value_name = "SEVERITY")]
    pub severity: Option<model::Severity>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
}

/// Say what a rule means: its condition with every macro and list in place
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall rules explain K8S_ExecIntoPod
  seawall rules explain --only --rules falco_rules.yaml 'Terminal shell in container'")]
pub(crate) struct Explain {
    /// Its id or name
    #[arg(value_name = "RULE")]
    pub rule: String,
    #[command(flatten)]
    pub rules: RuleFiles,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
}

/// Print the fields rules may ask of events, or the rules, as Markdown
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall rules docs fields > fields.md
  seawall rules docs rules > rules.md")]
pub(crate) struct Docs {
    #[arg(value_enum)]
    pub what: Pages,
    #[command(flatten)]
    pub rules: RuleFiles,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pages {
    /// Every field of every source
    Fields,
    /// Every rule with its reasons
    Rules,
}

//! `seawall rules`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{
    db::TextOrJson,
    remote::{ListFormat, ShowFormat},
};

/// Check, list, explain, test and measure detection rules
#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    Check(Check),
    List(List),
    Explain(Explain),
    Docs(Docs),
    Test(Test),
    Bench(Bench),
}

/// Which rules are meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct RuleFiles {
    /// Rule files, or folders of them, that come behind our own and may change them
    #[arg(long = "rules", value_name = "FILE|DIR", value_hint = clap::ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
    /// Leave our own rules out
    #[arg(long)]
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
    #[arg(value_name = "FILE|DIR", required_unless_present = "rules", value_hint = clap::ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
    /// The same, as the other commands take them
    #[arg(long = "rules", value_name = "FILE|DIR", value_hint = clap::ValueHint::AnyPath)]
    pub rules: Vec<PathBuf>,
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
    /// Only of this source: `syscall`, `k8s_audit`
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

/// Run the cases of rules and say which failed, and why
///
/// A case that fails is shown with its events and with what every comparison said to
/// them. Exit code 1: a case failed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall rules test                                 our own rules
  seawall rules test mine.yaml                       ours, and behind them those of a file
  seawall rules test --rules mine.yaml --only        those of one file alone
  seawall rules test --rule K8S_MassDeletion
  seawall rules test --format json | jq '.outcomes[] | select(.passed | not)'")]
pub(crate) struct Test {
    /// The same as --rules
    #[arg(value_name = "FILE|DIR", value_hint = clap::ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub rules: RuleFiles,
    /// Test this rule alone; may be given again
    #[arg(long = "rule", value_name = "ID")]
    pub only_rule: Vec<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: TextOrJson,
}

/// Measure what rules cost
///
/// Every rule is run alone over the same events, then all together. Without --events,
/// rules for audit logs are run over the events of their own cases, and rules for system
/// calls over events made up in the mix of a busy node. A rule that holds for more than
/// a tenth of all events, or costs many times what most do, is warned about.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall rules bench
  seawall rules bench --rules falco_rules.yaml --only
  seawall rules bench --events audit.log --most 20")]
pub(crate) struct Bench {
    #[command(flatten)]
    pub rules: RuleFiles,
    /// Events, one JSON object a line: of an audit log, or fields of system calls
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub events: Option<PathBuf>,
    /// Rules to list, the dearest first
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub most: usize,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: TextOrJson,
}

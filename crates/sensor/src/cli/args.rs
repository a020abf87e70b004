//! The command line: every flag, its words of help and its examples.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

/// Watches what happens in the containers and on the host of one node,
/// and tells a Seawall server.
#[derive(Debug, Parser)]
#[command(
    name = "seawall-sensor",
    version,
    propagate_version = false,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = EXAMPLES,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  seawall-sensor doctor                      what this kernel allows, and what is lost
  seawall-sensor run --print                 watch this machine, alerts on standard output
  seawall-sensor run --server https://seawall.example --token-file /etc/seawall/token
                                             watch this machine and tell a server
  seawall-sensor record evening.rec --for 60s    keep what the kernel tells
  seawall-sensor replay evening.rec          what today's rules say of it

It needs root, or the capabilities that `doctor` names.

Exit codes: 0 done, 2 the command line or a file on it makes no sense, 3 the job could not
be done, 4 only partly done.";

/// What every command understands.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// Say more on standard error; twice for more still
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
    /// Print results and errors only
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Global options"
    )]
    pub(crate) quiet: bool,
    /// How log lines are written
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        help_heading = "Global options"
    )]
    pub(crate) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch this node until told to stop
    Run(Box<Run>),
    /// Say what this kernel allows, and what is not seen without
    Doctor(Doctor),
    /// Keep what the kernel tells in a file
    Record(Record),
    /// Run the rules over a recording
    Replay(Replay),
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sudo seawall-sensor run --print
  sudo seawall-sensor run --server http://127.0.0.1:8470 --token-file token

Alerts are kept in the state directory until the server has them: a server that is away
for a while loses none.")]
pub(crate) struct Run {
    /// Tell this server
    #[arg(long, value_name = "URL", required_unless_present = "print")]
    pub(crate) server: Option<String>,
    /// File that holds the token of this sensor (permission `ingest`)
    #[arg(long, value_name = "FILE", requires = "server")]
    pub(crate) token_file: Option<PathBuf>,
    /// Further certificates to trust, PEM
    #[arg(long, value_name = "FILE", requires = "server")]
    pub(crate) ca_file: Option<PathBuf>,
    /// SHA-256 of the certificate of a server that signed its own
    #[arg(long, value_name = "SHA256", requires = "server")]
    pub(crate) fingerprint: Option<String>,
    /// Write each alert to standard output, a line of JSON each
    #[arg(long)]
    pub(crate) print: bool,
    /// What is not sent yet, the last policy, half-filled windows
    #[arg(long, value_name = "DIR", default_value = "/var/lib/seawall-sensor")]
    pub(crate) state_dir: PathBuf,
    /// Name of this node [default: its host name]
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// Name of the Kubernetes cluster it belongs to
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    #[command(flatten)]
    pub(crate) watch: Watch,
    /// Processor time it may take, in percent of one core; above it, the least
    /// telling classes of events are left out, and that is said
    #[arg(long, value_name = "PERCENT", default_value_t = 25, value_parser = clap::value_parser!(u16).range(1..=1_600))]
    pub(crate) cpu: u16,
    /// Memory it means to stay within; more is said in its status
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size)]
    pub(crate) memory: u64,
    /// Disk space for what is not sent yet
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size)]
    pub(crate) spool: u64,
}

/// What is watched, and by which rules.
#[derive(Args, Clone, Debug)]
pub(crate) struct Watch {
    /// Further rule files or folders of them, in Falco's language; may be given again
    #[arg(long, value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,
    /// YARA rules, files or folders: malware is looked for in what is executed and was
    /// not in the image, and in files that become executable
    #[arg(long, value_name = "PATH")]
    pub(crate) malware_rules: Vec<PathBuf>,
    /// Lists of SHA-256 hashes of malware, files or folders
    #[arg(long, value_name = "PATH")]
    pub(crate) malware_hashes: Vec<PathBuf>,
    /// Lists of domains that are told when they are looked up, a name on each line
    #[arg(long, value_name = "FILE")]
    pub(crate) suspect_domains: Vec<PathBuf>,
    /// Where the host's file system is mounted
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) host_root: PathBuf,
    /// Room for events between the kernel and this program
    #[arg(long, value_name = "SIZE", default_value = "4MiB", value_parser = size)]
    pub(crate) ring: u64,
    /// Use nothing but what needs no eBPF
    #[arg(long)]
    pub(crate) no_bpf: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// How the answer is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) watch: Watch,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Table,
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct Record {
    /// Where to; `-` is standard output
    pub(crate) file: PathBuf,
    /// How long; without it, until told to stop
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(crate) duration: Option<std::time::Duration>,
    /// Stop at this size
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size)]
    pub(crate) most: u64,
    #[command(flatten)]
    pub(crate) watch: Watch,
}

#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// A recording; `-` is standard input
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) watch: Watch,
    /// How alerts are written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: Format,
}

/// `64MiB`, `1GiB`, `4096`.
fn size(text: &str) -> Result<u64, String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(format!("'{unit}' is no unit: expected KiB, MiB or GiB")),
    };
    let number: u64 = number
        .parse()
        .map_err(|_error| "expected a number, as in 64MiB".to_owned())?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "that is more than can be counted".to_owned())
}

/// `30s`, `5m`, `1h`.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    let span: jiff::SignedDuration = text
        .parse()
        .map_err(|_error| format!("'{text}' is no duration: expected one as in 30s, 5m or 1h"))?;
    span.try_into()
        .map_err(|_error| "expected a duration that is not negative".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_and_durations_are_read_as_people_write_them() {
        assert_eq!(size("8MiB"), Ok(8 << 20));
        assert_eq!(size("4096"), Ok(4096));
        assert!(size("8MB").is_err());
        assert!(size("MiB").is_err());
        assert!(size("99999999999999GiB").is_err());
        assert_eq!(duration("90s"), Ok(std::time::Duration::from_secs(90)));
        assert!(duration("soon").is_err());
    }
}

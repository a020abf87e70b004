//! The command line: every flag, its words of help and its examples.

pub(crate) mod admission;
pub(crate) mod audit;
pub(crate) mod compliance;
pub(crate) mod connector;
pub(crate) mod db;
pub(crate) mod exempt;
pub(crate) mod finding;
pub(crate) mod host;
pub(crate) mod image;
pub(crate) mod login;
pub(crate) mod node;
pub(crate) mod people;
pub(crate) mod policy;
pub(crate) mod policy_setting;
pub(crate) mod registry;
pub(crate) mod remote;
pub(crate) mod rules;
pub(crate) mod running;
pub(crate) mod sbom;
pub(crate) mod scan;
pub(crate) mod server;
pub(crate) mod store;
pub(crate) mod top;
pub(crate) mod trust;
pub(crate) mod users;

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

/// Container security in one program: what is vulnerable, set wrong or
/// under attack in your images, clusters and machines, and what to do
/// first.
#[derive(Debug, Parser)]
#[command(
    name = "seawall",
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
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  seawall scan debian:12                     an image from its registry
  seawall scan /                             the system in front of you
  seawall scan shop.tar --fail-on high       an archive, failing a pipeline on high or worse
  seawall db update                          fetch the advisory database
  seawall server                             the dashboard, on loopback
  seawall login https://seawall.example      work with a server from here
  seawall findings list 'severity:high'      what it has found

Exit codes: 0 clean, 1 --fail-on was reached, 2 the command line or a file on it makes no
sense, 3 the job could not be done, 4 only partly done (unless --allow-partial).";

/// What every command understands.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// Say more on standard error; twice for more still
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
    /// Print results and errors only
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Global options"
    )]
    pub quiet: bool,
    /// When to use colour; `NO_COLOR` and `CLICOLOR_FORCE` are heeded
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        help_heading = "Global options"
    )]
    pub color: ColorChoice,
    /// Show no progress bars
    #[arg(long, global = true, help_heading = "Global options")]
    pub no_progress: bool,
    /// How log lines are written
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        help_heading = "Global options"
    )]
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Where things are kept.
#[derive(Args, Clone, Debug)]
pub(crate) struct DatabaseDir {
    /// Folder of the advisory database
    ///
    /// Default: `advisories` in `$SEAWALL_DATA_DIR`, else in
    /// /var/lib/seawall for root and ~/.local/share/seawall for others.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub db_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Scan(Box<scan::Scan>),
    #[command(subcommand)]
    Db(db::Db),
    Server(server::Server),
    #[command(subcommand)]
    Store(store::Store),
    Login(login::Login),
    Logout(login::Logout),
    Whoami(login::Whoami),
    #[command(subcommand)]
    Findings(finding::Findings),
    #[command(subcommand)]
    Images(image::Images),
    #[command(name = "whatruns")]
    WhatRuns(running::WhatRuns),
    FixFirst(running::FixFirst),
    #[command(subcommand)]
    Sbom(sbom::Sbom),
    #[command(subcommand)]
    Vex(sbom::Vex),
    Verify(Box<trust::Verify>),
    #[command(subcommand)]
    Trust(trust::Trust),
    #[command(subcommand)]
    Recommendations(image::Recommendations),
    Compliance(compliance::Compliance),
    #[command(subcommand)]
    Exempt(exempt::Exempt),
    #[command(subcommand)]
    Export(finding::Export),
    #[command(subcommand)]
    Tokens(people::Tokens),
    #[command(subcommand)]
    Users(people::Users),
    #[command(subcommand)]
    Host(host::Host),
    #[command(subcommand)]
    Registry(registry::Registry),
    Queue(Box<registry::Queue>),
    #[command(subcommand)]
    Audit(audit::Audit),
    #[command(subcommand)]
    Rules(rules::Rules),
    #[command(subcommand)]
    Policy(policy::Policy),
    #[command(subcommand)]
    Node(node::Node),
    Admission(Box<admission::Admission>),
    Connector(Box<connector::Connector>),
    Top(top::Top),
    Completion(Completion),
    Man(Man),
    Version(Version),
}

/// Print a completion script for your shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall completion bash > /etc/bash_completion.d/seawall
  seawall completion zsh > \"${fpath[1]}/_seawall\"
  seawall completion fish > ~/.config/fish/completions/seawall.fish")]
pub(crate) struct Completion {
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Print the manual page, or write one for each command
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall man | man -l -
  seawall man --out /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// Write seawall.1, seawall-scan.1, … into this folder
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub out: Option<PathBuf>,
}

/// Print the version, and what else a bug report should say
#[derive(Args, Debug)]
pub(crate) struct Version {
    #[command(flatten)]
    pub database: DatabaseDir,
}

/// Arguments as clap can read them: a query's `-ns:shop` would be taken
/// for flags, so it is said as `!ns:shop`, which means the same.
pub(crate) fn readable(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let is_negated = |text: &str| {
        let Some(rest) = text.strip_prefix('-') else {
            return false;
        };
        rest.starts_with(['(', '"'])
            || rest
                .split_once(':')
                .is_some_and(|(name, _)| name.parse::<model::query::Field>().is_ok())
    };
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let speaks_queries = arguments.iter().skip(1).any(|argument| {
        ["findings", "export", "exempt"]
            .iter()
            .any(|name| argument == name)
    });
    if speaks_queries {
        for argument in &mut arguments {
            if let Some(text) = argument.to_str()
                && is_negated(text)
            {
                *argument = text.replacen('-', "!", 1).into();
            }
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_negated_term_is_no_flag() {
        let read = |line: &[&str]| {
            readable(line.iter().map(OsString::from))
                .into_iter()
                .map(|argument| argument.into_string().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            read(&[
                "seawall",
                "findings",
                "list",
                "-ns:shop -is:kev",
                "-n",
                "5",
                "-(a)"
            ]),
            [
                "seawall",
                "findings",
                "list",
                "!ns:shop -is:kev",
                "-n",
                "5",
                "!(a)"
            ]
        );
        let scan = ["seawall", "scan", "-ns:shop"];
        assert_eq!(read(&scan), scan);
    }

    /// The commands of an example: what begins a line or comes after a
    /// pipe, without what a shell would take for itself.
    fn commands(example: &str) -> Vec<Vec<String>> {
        let mut all = vec![Vec::new()];
        let (mut word, mut is_word) = (String::new(), false);
        let mut quote = None;
        let mut characters = example.trim().chars().peekable();
        while let Some(character) = characters.next() {
            match (quote, character) {
                (Some(end), character) if end == character => quote = None,
                // What a shell puts in is one word of this line.
                (None, '(') if word.ends_with('$') => quote = Some(')'),
                (None, '\'' | '"') => (quote, is_word) = (Some(character), true),
                (None, ' ') => {
                    if std::mem::take(&mut is_word) {
                        all.last_mut().unwrap().push(std::mem::take(&mut word));
                    }
                    if characters.peek() == Some(&' ') {
                        // What follows a gap says what the line is for.
                        break;
                    }
                }
                (None, '|') => all.push(Vec::new()),
                (None, '<' | '>' | '#') => break,
                (_, character) => {
                    word.push(character);
                    is_word = true;
                }
            }
        }
        if is_word {
            all.last_mut().unwrap().push(word);
        }
        all.retain(|words| words.first().is_some_and(|first| first == "seawall"));
        all
    }

    #[test]
    fn every_example_is_a_command_that_is_there() {
        fn check(command: &clap::Command, wrong: &mut Vec<String>, seen: &mut usize) {
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            // A line that ends so goes on in the next.
            let mut lines: Vec<String> = Vec::new();
            for line in help.lines() {
                match lines
                    .last_mut()
                    .and_then(|last| Some((last.strip_suffix('\\')?.trim_end().to_owned(), last)))
                {
                    Some((begun, last)) => *last = format!("{begun} {}", line.trim()),
                    None => lines.push(line.to_owned()),
                }
            }
            let examples = lines.iter().filter(|line| line.starts_with("  "));
            for words in examples.flat_map(|line| commands(line)) {
                *seen += 1;
                let line = words.join(" ");
                let words = readable(words.into_iter().map(OsString::from));
                if let Err(error) = Cli::try_parse_from(words)
                    && error.use_stderr()
                {
                    wrong.push(format!("{line}: {}", error.kind()));
                }
            }
            command
                .get_subcommands()
                .for_each(|each| check(each, wrong, seen));
        }
        let (mut wrong, mut seen) = (Vec::new(), 0);
        check(&Cli::command(), &mut wrong, &mut seen);
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(seen > 100, "only {seen} examples were found");
    }

    #[test]
    fn every_command_says_what_it_is_for() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                let is_named = argument.get_help().is_some() || argument.is_positional();
                assert!(is_named, "{} {}", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}

//! Commands of the sensor: one file each, the only place that writes to
//! standard output.

mod args;
mod doctor;
mod record;
mod replay;
mod run;
mod signal;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use self::args::{Cli, Command, Global, LogFormat};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    /// Done, but part of it could not be done.
    Partly,
}

/// Why a command did not do its job.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line, or a file on it, makes no sense.
    Usage(anyhow::Error),
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

const USAGE: u8 = 2;
const FAILED: u8 = 3;
const PARTLY: u8 = 4;

pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => {
            // Help and version are no errors.
            let is_error = refusal.use_stderr();
            return match refusal.print() {
                Ok(()) if is_error => USAGE.into(),
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => FAILED.into(),
            };
        }
    };
    start_log(&cli.global, matches!(cli.command, Command::Run(_)));
    let ended = match cli.command {
        Command::Run(args) => run::run(*args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Replay(args) => replay::run(&args),
    };
    match ended {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::Partly) => PARTLY.into(),
        Err(Failure::Usage(error)) => tell(&error, USAGE),
        Err(Failure::Failed(error)) => tell(&error, FAILED),
    }
}

#[expect(clippy::print_stderr, reason = "the last word of a command")]
fn tell(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("error: {}", model::error::chain(error.as_ref()));
    code.into()
}

/// `-q` errors, else warnings, `-v` what happens, `-vv` each item; a
/// sensor that runs says what happens unasked.
fn start_log(global: &Global, is_running: bool) {
    let asked = global.verbose + u8::from(is_running);
    let level = match (global.quiet, asked) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .parse_lossy("");
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(global.verbose > 1);
    let started = match global.log_format {
        LogFormat::Text => log.compact().try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(error = %error, "logging was started before");
    }
}

//! The `seawall` command: the command line and the wiring, nothing else.
//!
//! Each command is one file in [`cmd`], the only place that writes to
//! standard output; progress, logs and errors go to standard error. What
//! commands do is done by the other rooms. Exit codes are one type,
//! [`exit::Exit`].

mod args;
mod audit_source;
mod cancel;
mod cmd;
mod env;
mod exit;
mod gate;
mod logging;
mod memory;
#[cfg(debug_assertions)]
mod moved_clock;
mod progress;
#[cfg(test)]
mod reference;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // Not a command for people, and started often: it is told apart
    // before a command line is understood.
    if scan::Isolation::is_asked(std::env::args_os().nth(1).as_ref()) {
        return scan::serve(std::env::args_os().skip(2));
    }
    memory::keep_few_arenas();
    let exit = match args::Cli::try_parse_from(args::readable(std::env::args_os())) {
        Ok(cli) => cmd::run(cli, env::Env::of_process()),
        Err(refusal) => {
            // Help and version are no errors, and go to standard output.
            let exit = if refusal.use_stderr() {
                exit::Exit::Usage
            } else {
                exit::Exit::Clean
            };
            match refusal.print() {
                Ok(()) => exit,
                Err(_) => exit::Exit::Failed,
            }
        }
    };
    exit.into()
}

//! The commands, one file each, and what they share: where to write and
//! how to fail.

mod admission;
mod audit;
mod completion;
mod compliance;
mod config;
mod connector;
mod db;
mod exempt;
mod export;
mod files;
mod finding;
mod host;
mod image;
mod login;
mod man;
mod node;
mod people;
mod policy;
mod queue;
mod recommendation;
mod registry;
mod remote;
mod rules;
mod running;
mod sbom;
mod scan;
mod server;
mod store;
mod top;
mod trust;
mod users;
mod verify;
mod version;
mod vex;

use std::{
    fmt::Display,
    io::{self, Write as _},
    path::PathBuf,
};

use anstyle::{AnsiColor, Style};
use model::SystemClock;

use crate::{
    args::{Cli, Command, DatabaseDir, Global},
    env::Env,
    exit::{Exit, Failure},
    logging,
    terminal::Terminal,
};

/// What every command is handed.
#[derive(Debug)]
pub(crate) struct Context {
    pub env: Env,
    pub global: Global,
    pub terminal: Terminal,
    pub clock: SystemClock,
}

pub(crate) fn run(cli: Cli, env: Env) -> Exit {
    let terminal = Terminal::detect(cli.global.color, &env);
    logging::start(&cli, &terminal, &env);
    let context = Context {
        env,
        global: cli.global,
        terminal,
        clock: SystemClock,
    };
    let ending = match cli.command {
        Command::Scan(scan) => scan::run(&context, &scan),
        Command::Db(db) => db::run(&context, &db),
        Command::Server(server) => server::run(&context, &server),
        Command::Store(store) => store::run(&context, &store),
        Command::Login(login) => login::login(&context, &login),
        Command::Logout(logout) => login::logout(&context, &logout),
        Command::Whoami(whoami) => login::whoami(&context, &whoami),
        Command::Findings(findings) => finding::run(&context, &findings),
        Command::Images(images) => image::run(&context, &images),
        Command::WhatRuns(whatruns) => running::run(&context, &whatruns),
        Command::FixFirst(fix_first) => running::fix_first(&context, &fix_first),
        Command::Sbom(sbom) => sbom::run(&context, &sbom),
        Command::Vex(vex) => vex::run(&context, &vex),
        Command::Verify(verify) => verify::run(&context, &verify),
        Command::Trust(trust) => trust::run(&context, &trust),
        Command::Recommendations(list) => recommendation::run(&context, &list),
        Command::Compliance(compliance) => compliance::run(&context, &compliance),
        Command::Exempt(exempt) => exempt::run(&context, &exempt),
        Command::Export(export) => export::run(&context, &export),
        Command::Tokens(tokens) => people::tokens(&context, &tokens),
        Command::Users(users) => people::users(&context, &users),
        Command::Host(host) => host::run(&context, &host),
        Command::Registry(registry) => registry::run(&context, &registry),
        Command::Queue(queue) => queue::run(&context, &queue),
        Command::Audit(audit) => audit::run(&context, &audit),
        Command::Rules(rules) => rules::run(&context, &rules),
        Command::Policy(policy) => policy::run(&context, &policy),
        Command::Node(node) => node::run(&context, &node),
        Command::Admission(admission) => admission::run(&context, &admission),
        Command::Connector(connector) => connector::run(&context, &connector),
        Command::Top(top) => top::run(&context, &top),
        Command::Completion(completion) => completion::run(&completion),
        Command::Man(man) => man::run(&man),
        Command::Version(version) => version::run(&context, &version),
    };
    ending.unwrap_or_else(|failure| {
        context.complain(&failure);
        failure.exit
    })
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HELP: Style = AnsiColor::Cyan.on_default().bold();

impl Context {
    pub(crate) fn complain(&self, failure: &Failure) {
        self.say(ERROR, "error", &failure.line());
        if let Some(help) = &failure.help {
            self.say(HELP, "help", help);
        }
    }

    pub(crate) fn warn(&self, text: &dyn Display) {
        if !self.global.quiet {
            self.say(WARNING, "warning", &text.to_string());
        }
    }

    /// A remark beside the result.
    pub(crate) fn note(&self, text: &dyn Display) {
        if !self.global.quiet {
            write_stderr(&format!("{text}\n"));
        }
    }

    fn say(&self, style: Style, word: &str, text: &str) {
        let line = if self.terminal.color_stderr {
            format!("{style}{word}:{style:#} {text}\n")
        } else {
            format!("{word}: {text}\n")
        };
        write_stderr(&line);
    }

    /// Whether bars may be drawn.
    pub(crate) fn has_progress_bars(&self) -> bool {
        self.terminal.is_watched
            && !self.global.no_progress
            && !self.global.quiet
            && self.global.verbose == 0
    }

    pub(crate) fn database_dir(&self, choice: &DatabaseDir) -> PathBuf {
        choice
            .db_dir
            .clone()
            .unwrap_or_else(|| self.env.data_dir().join("advisories"))
    }
}

/// Results go here, and only here. A reader that has seen enough
/// (`| head`) is no failure.
fn write_stdout(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(error).context("write to standard output"))
        }
        _ => Ok(()),
    }
}

fn write_stderr(text: &str) {
    // With standard error gone there is nobody left to tell.
    io::stderr().lock().write_all(text.as_bytes()).ok();
}

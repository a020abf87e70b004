//! Log lines on standard error.

use tracing_subscriber::{
    EnvFilter, filter::LevelFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    args::{Cli, Command, LogFormat},
    env::Env,
    terminal::Terminal,
};

/// `-q` errors, else warnings, `-v` what happens, `-vv` each item; a
/// server says what happens unasked. `SEAWALL_LOG` (as in
/// `scan=debug,info`) beats the flags.
pub(crate) fn start(cli: &Cli, terminal: &Terminal, env: &Env) {
    let global = &cli.global;
    let keeps_on = match &cli.command {
        Command::Server(_) => true,
        Command::Connector(connector) => !connector.once,
        _ => false,
    };
    let asked = global.verbose + u8::from(keeps_on);
    let level = match (global.quiet, asked) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .parse_lossy(env.text("SEAWALL_LOG").unwrap_or_default());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(terminal.color_stderr)
        .with_target(global.verbose > 1);
    let traces = server::TraceLayer;
    // A second subscriber can only be ours, in tests; the first one stays.
    let started = match global.log_format {
        LogFormat::Text => subscriber.compact().finish().with(traces).try_init(),
        LogFormat::Json => subscriber
            .json()
            .flatten_event(true)
            .finish()
            .with(traces)
            .try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(error = %error, "logging was started before");
    }
}

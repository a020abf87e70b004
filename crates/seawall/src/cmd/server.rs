//! `seawall server`

use std::{fs, path::Path, sync::Arc};

use server::{Config, ServeError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Context, write_stdout};
use crate::{
    args::server::Server,
    cancel,
    exit::{Exit, Failure},
};

/// Read where it lies in the working folder, without being asked for.
const CONFIG_FILE: &str = "seawall.yaml";

pub(super) fn run(context: &Context, arguments: &Server) -> Result<Exit, Failure> {
    let config = config(context, arguments)?;
    let listen = config.listen;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    let outcome = runtime.block_on(serve(context, config));
    outcome.map_err(|error| match error {
        ServeError::Config(_) => Failure::bad_file(error),
        ServeError::Listen { .. } => Failure::failed(error).help(format!(
            "is another server running? --listen {}:0 takes a free port",
            listen.ip()
        )),
        _ => Failure::failed(error),
    })?;
    Ok(Exit::Clean)
}

async fn serve(context: &Context, config: Config) -> Result<(), ServeError> {
    let shutdown = CancellationToken::new();
    let asked = shutdown.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        match cancel::Signals::listen() {
            Ok(mut signals) => {
                signals.next().await;
                asked.cancel();
                signals.next().await;
                cancel::leave_at_once();
            }
            Err(error) => tracing::warn!(%error, "Ctrl-C cannot be heard"),
        }
    });
    server::run(config, Arc::new(context.clock), shutdown, |link| {
        let text = format!(
            "Seawall is running. Open this link to sign in; it works once:\n\n  {link}\n\n\
             Ctrl-C stops it.\n"
        );
        // A closed standard output is no reason not to serve.
        if let Err(failure) = write_stdout(text.as_bytes()) {
            context.complain(&failure);
        }
    })
    .await
}

/// Defaults, the file, the environment, the flags: later ones win.
fn config(context: &Context, arguments: &Server) -> Result<Config, Failure> {
    let defaults = Config {
        data_dir: context.env.data_dir(),
        cache_dir: context.env.cache_dir(),
        ..Config::default()
    };
    let named = arguments.config.as_deref();
    let found = named.or_else(|| Some(Path::new(CONFIG_FILE)).filter(|path| path.is_file()));
    let yaml = match found {
        Some(path) => fs::read_to_string(path).map_err(|error| {
            Failure::bad_file(error).context(format!("read {}", path.display()))
        })?,
        None => String::new(),
    };
    let mut config = defaults
        .overlaid(&yaml, context.env.texts())
        .map_err(|error| {
            let failure = Failure::bad_file(error);
            match found {
                Some(path) => failure.context(format!("use {}", path.display())),
                None => failure,
            }
        })?;
    config.listen = arguments.listen.unwrap_or(config.listen);
    if let Some(folder) = &arguments.data_dir {
        config.data_dir.clone_from(folder);
    }
    if let Some(folder) = &arguments.cache_dir {
        config.cache_dir.clone_from(folder);
    }
    config.demo |= arguments.demo;
    config.advisories.update &= !arguments.offline;
    Ok(config)
}

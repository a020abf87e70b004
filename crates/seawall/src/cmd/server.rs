//! `seawall server`

use std::sync::Arc;

use model::Clock;
use server::{Config, ServeError, config::Beside};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Context, config, write_stdout};
use crate::{
    args::server::{Sensor, Server},
    audit_source, cancel,
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, arguments: &Server) -> Result<Exit, Failure> {
    let config = configured(context, arguments)?;
    let listen = config.listen;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    let outcome = runtime.block_on(serve(context, config));
    outcome.map_err(|error| match error {
        ServeError::Config(_) | ServeError::Malware(_) => Failure::bad_file(error),
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
    let sources = config.audit.sources.clone();
    let folder = config.audit_dir().join("sources");
    let server = server::Server::start(config, clock(context), shutdown.clone()).await?;
    server.inbox().unwrap_with(audit_source::unwrap);
    let text = greeting(&server.ready().await?);
    // A closed standard output is no reason not to serve.
    if let Err(failure) = write_stdout(text.as_bytes()) {
        context.complain(&failure);
    }
    for source in sources {
        let follow = audit_source::follow(server.inbox(), source, folder.clone());
        tasks.spawn(until(shutdown.clone(), follow));
    }
    server.run().await
}

async fn until(shutdown: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = work => {}
    }
}

/// The machine's clock. In debug builds a file may move it, for stories
/// about things that expire.
pub(super) fn clock(context: &Context) -> Arc<dyn Clock> {
    #[cfg(debug_assertions)]
    if let Some(file) = context.env.path("SEAWALL_CLOCK_FILE") {
        return Arc::new(crate::moved_clock::MovedClock(file));
    }
    Arc::new(context.clock)
}

/// What is said once the server listens.
fn greeting(ready: &server::Ready) -> String {
    let mut text = match &ready.link {
        Some(link) => format!(
            "Seawall is running. Open this link to sign in and make the first account; it works \
             once:\n\n  {link}\n\n"
        ),
        None => format!(
            "Seawall is running. Sign in with your account:\n\n  {}\n\n",
            ready.url
        ),
    };
    if let Some(fingerprint) = &ready.fingerprint {
        text.extend([format!(
            "Its certificate is signed by itself; the browser will ask. SHA-256 fingerprint:\n\n  \
             {fingerprint}\n\n"
        )]);
    }
    text.push_str("Ctrl-C stops it.\n");
    text
}

/// The configuration, and over it the flags.
fn configured(context: &Context, arguments: &Server) -> Result<Config, Failure> {
    let mut config = config::read(
        context,
        arguments.config.as_deref(),
        arguments.data_dir.as_deref(),
    )?;
    config.listen = arguments.listen.unwrap_or(config.listen);
    if let Some(folder) = &arguments.cache_dir {
        config.cache_dir.clone_from(folder);
    }
    config.demo |= arguments.demo;
    if let Some(sensor) = arguments.sensor {
        config.sensor.beside = match sensor {
            Sensor::Auto => Beside::Auto,
            Sensor::Off => Beside::Off,
        };
    }
    config.advisories.update &= !arguments.offline;
    config.scan.worker = worker(&config);
    Ok(config)
}

/// The program that reads images for the server in processes of their
/// own: this one, if it can be shut in here.
fn worker(config: &Config) -> Option<std::path::PathBuf> {
    if !config.scan.isolation {
        tracing::warn!(
            "scan.isolation is off: images are parsed in the server itself, and a flaw in a \
             parser is not contained"
        );
        return None;
    }
    let isolation = match scan::Isolation::own() {
        Ok(isolation) => isolation,
        Err(error) => {
            tracing::error!(%error, "images are parsed in the server itself: it cannot find itself");
            return None;
        }
    };
    match isolation.check() {
        Ok(sealed) if sealed.landlock == scan::Landlock::Absent => {
            tracing::warn!(%sealed, "images are parsed in processes of their own");
        }
        Ok(sealed) => tracing::info!(%sealed, "images are parsed in processes of their own"),
        // Nothing is parsed rather than without a sandbox.
        Err(reason) => tracing::error!(
            reason,
            "no image can be read: the process that would {reason}; scan.isolation: false reads \
             them in the server itself"
        ),
    }
    Some(isolation.program)
}

//! What is on this machine: its own root file system, and the images and
//! running containers in its Docker Engine and containerd.

use std::{sync::Arc, time::Duration};

use model::{RunningContainers, Warning};
use store::{ContainerChanges, NewScan, ScanOrigin, StoreError};

use super::{engine, queue};
use crate::app::{App, LOCAL};

/// This machine's own root file system.
const MACHINE: &str = "dir:/";

/// Looks around at start and whenever it is due again.
pub(crate) async fn run(app: Arc<App>) {
    let mut origin = ScanOrigin::Start;
    loop {
        if let Err(error) = look_around(&app, origin).await {
            tracing::error!(error = %model::error::chain(&error), "cannot queue local scans");
        }
        origin = ScanOrigin::Schedule;
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(app.config.scan.interval.0) => {}
        }
    }
}

/// How often containers are asked for: they come and go by the minute,
/// and asking costs an engine next to nothing.
const CONTAINERS_EVERY: Duration = Duration::from_mins(1);

/// How soon they are asked for again once an image became known, which
/// some of them may run.
const AFTER_IMAGE: Duration = Duration::from_secs(2);

/// Keeps the record of what runs on this machine, until told to stop.
pub(crate) async fn watch_containers(app: Arc<App>) {
    if !app.config.scan.images {
        return;
    }
    loop {
        if let Err(error) = note_containers(&app).await {
            tracing::error!(error = %model::error::chain(&error), "cannot note running containers");
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(CONTAINERS_EVERY) => {}
            () = app.posture.image_read() => tokio::select! {
                () = app.shutdown.cancelled() => return,
                // Others that are read meanwhile need no look of their own.
                () = tokio::time::sleep(AFTER_IMAGE) => {}
            }
        }
    }
}

async fn note_containers(app: &App) -> Result<(), StoreError> {
    let (running, warnings) = engine::blocking(engine::running_containers).await;
    for warning in &warnings {
        tracing::debug!(warning = %warning, "container engine not readable");
    }
    put_containers(app, LOCAL, &app.host, running).await?;
    Ok(())
}

/// Takes in what runs on a host of an environment, all of it.
pub(crate) async fn put_containers(
    app: &App,
    environment: &str,
    host: &str,
    running: RunningContainers,
) -> Result<ContainerChanges, StoreError> {
    let containers = running.containers.len();
    let changes = app
        .store
        .put_containers(environment, host, running, app.clock.now())
        .await?;
    // Also where none came or went: an image may be known by now.
    app.posture.ring();
    app.running.ring();
    if changes != ContainerChanges::default() {
        tracing::info!(
            containers,
            started = changes.started,
            ended = changes.ended,
            "running containers changed"
        );
    }
    Ok(changes)
}

async fn look_around(app: &Arc<App>, origin: ScanOrigin) -> Result<(), StoreError> {
    let is_wanted = app.config.scan.machine && is_due(app, MACHINE).await?;
    let machine = is_wanted.then(|| found(MACHINE, &app.host));
    let mut images = Vec::new();
    if app.config.scan.images {
        let (local, warnings) = engine::blocking(engine::local_images).await;
        for warning in &warnings {
            tracing::info!(warning = %warning, "container engine not readable");
        }
        *app.unreachable
            .lock()
            .expect("invariant: no panic under the lock") = warnings;
        images = local;
    }
    // Images are quick and cached by layer; the machine, which takes
    // longest, must not keep the first result waiting behind it, nor
    // wait behind them all: the first image goes first, then it.
    let mut scans: Vec<Found> = images;
    let second = scans.len().min(1);
    if let Some(machine) = machine {
        scans.insert(second, machine);
    }
    for scan in scans {
        queue::ask(
            app,
            NewScan {
                environment: LOCAL.to_owned(),
                target: scan.target,
                name: scan.name,
                origin,
                created: app.clock.now(),
                ..NewScan::default()
            },
        )
        .await?;
    }
    Ok(())
}

/// A restart alone is no reason to read the whole machine again. Images
/// need no such care: their layers are known.
async fn is_due(app: &App, target: &str) -> Result<bool, StoreError> {
    let last = app.store.last_scanned(LOCAL, target).await?;
    let interval = app.config.scan.interval.0;
    Ok(last.is_none_or(|last| last + interval <= app.clock.now()))
}

/// Something on this machine worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) target: String,
    pub(crate) name: String,
}

fn found(target: &str, name: &str) -> Found {
    Found {
        target: target.to_owned(),
        name: name.to_owned(),
    }
}

/// Container engines that are here but did not answer.
pub(crate) fn unreachable(app: &App) -> Vec<Warning> {
    app.unreachable
        .lock()
        .expect("invariant: no panic under the lock")
        .clone()
}

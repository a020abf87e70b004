//! The scan queue: a few workers take scans off the store's table, so
//! that a restart goes on where it stopped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use api::{Event, scan::ScanPhase};
use jiff::SignedDuration;
use model::Cancel;
use store::{Assessment, Lease, NewScan, Outcome, Queued, Scan, ScanEnd, ScanOrigin, ScanOutcome};
use tokio::sync::Notify;

use super::{
    admission, database,
    engine::{self, LookError, Target},
    fix,
    malware::Reading,
    meter::Meter,
    referrers,
    retry::{self, Failure},
};
use crate::{
    app::{App, DEMO},
    demo, hosts,
    http::scan::wire,
    metrics, registries,
};

/// How often a running scan's progress is told.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// How often workers look for what nobody rang for.
const LOOK: Duration = Duration::from_secs(5);
/// How long a scan is one server's without a word of it, and how often
/// it says so.
const LEASE: SignedDuration = SignedDuration::from_mins(2);
const RENEW: Duration = Duration::from_secs(30);

/// What is running, and the bell that wakes workers.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    bell: Notify,
    running: Mutex<HashMap<String, Running>>,
}

#[derive(Clone, Debug)]
struct Running {
    meter: Arc<Meter>,
    cancel: Cancel,
    /// Somebody asked for the end, rather than the server stopping.
    cancelled: Arc<std::sync::atomic::AtomicBool>,
}

impl Queue {
    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<String, Running>> {
        self.running
            .lock()
            .expect("invariant: no panic under the lock")
    }

    /// How far a running scan is.
    pub(crate) fn progress(&self, id: &str) -> Option<api::scan::ScanProgress> {
        self.running()
            .get(id)
            .map(|running| running.meter.progress())
    }

    /// Asks a running scan to stop. `false`: it is not running.
    pub(crate) fn cancel(&self, id: &str) -> bool {
        let running = self.running();
        let Some(running) = running.get(id) else {
            return false;
        };
        running
            .cancelled
            .store(true, std::sync::atomic::Ordering::Relaxed);
        running.cancel.cancel();
        true
    }

    fn stop_all(&self) {
        for running in self.running().values() {
            running.cancel.cancel();
        }
    }
}

/// Queues a scan, wakes a worker and tells listeners.
pub(crate) async fn ask(app: &App, scan: NewScan) -> Result<Scan, store::StoreError> {
    let (scan, new) = app.store.queue_scan(scan).await?;
    if new {
        app.queue.bell.notify_waiters();
        tell(app, &scan);
    }
    Ok(scan)
}

pub(crate) fn tell(app: &App, scan: &Scan) {
    app.bus.publish(&Event::Scan {
        scan: Box::new(wire(app, scan.clone())),
    });
}

/// Queues a scan unless what is known will do.
pub(crate) async fn wish(app: &App, scan: NewScan) -> Result<Queued, store::StoreError> {
    let queued = app.store.queue_image(scan).await?;
    announce(app, &queued);
    Ok(queued)
}

/// The same of several, in one go.
pub(crate) async fn wish_all(app: &App, scans: Vec<NewScan>) -> Result<(), store::StoreError> {
    if scans.is_empty() {
        return Ok(());
    }
    for queued in app.store.queue_images(scans).await? {
        announce(app, &queued);
    }
    Ok(())
}

fn announce(app: &App, queued: &Queued) {
    if let Queued::New(scan) = queued {
        app.queue.bell.notify_waiters();
        tell(app, scan);
    }
}

/// Says that there may be something to read.
pub(crate) fn ring(app: &App) {
    app.queue.bell.notify_waiters();
}

/// Keeps what this server reads its own, and takes over from servers
/// that are gone.
async fn keep_leases(app: Arc<App>) {
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(RENEW) => {}
        }
        let now = app.clock.now();
        let lease = Lease {
            holder: &app.holder,
            until: now + LEASE,
        };
        let kept = async {
            app.store.renew_scans(lease).await?;
            app.store.requeue_scans(now, false).await
        };
        match kept.await {
            Ok(0) => {}
            Ok(_) => ring(&app),
            Err(error) => {
                tracing::error!(error = %model::error::chain(&error), "cannot keep scans");
            }
        }
    }
}

/// Starts the workers: so many for everything, and one more for what
/// somebody waits for, so that a long scan of this machine never keeps a
/// person waiting.
pub(crate) fn start(app: &Arc<App>) {
    app.tasks.spawn(keep_leases(Arc::clone(app)));
    let lanes = std::iter::repeat_n(false, app.config.scan.concurrency).chain([true]);
    for awaited in lanes {
        let app = Arc::clone(app);
        app.clone()
            .tasks
            .spawn(async move { work(&app, awaited).await });
    }
}

async fn work(app: &Arc<App>, awaited: bool) {
    loop {
        // Listening before looking: a bell rung in between is heard.
        let rung = app.queue.bell.notified();
        let lease = Lease {
            holder: &app.holder,
            until: app.clock.now() + LEASE,
        };
        let taken = match app.store.take_scan(app.clock.now(), awaited, lease).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!(error = %model::error::chain(&error), "cannot take a scan");
                None
            }
        };
        let Some(scan) = taken else {
            tokio::select! {
                () = app.shutdown.cancelled() => return,
                () = rung => {}
                // For what another server put there, and what waited for
                // its registry or for another try.
                () = tokio::time::sleep(LOOK) => {}
            }
            continue;
        };
        run(app, scan).await;
        if app.shutdown.is_cancelled() {
            return;
        }
    }
}

#[tracing::instrument(skip_all, fields(scan.id = %scan.id, scan.target = %scan.target))]
async fn run(app: &Arc<App>, scan: Scan) {
    let started = app.clock.now();
    let running = Running {
        meter: Arc::default(),
        cancel: Cancel::default(),
        cancelled: Arc::default(),
    };
    app.queue.running().insert(scan.id.clone(), running.clone());
    tell(app, &scan);
    let reading = app.malware.fresh().await;
    let outcome = tokio::select! {
        outcome = look(app, &scan, &running, &reading) => outcome,
        never = tell_progress(app, &scan, &running.meter) => match never {},
    };
    app.queue.running().remove(&scan.id);
    let end = match outcome {
        Ok(outcome) => {
            metrics::count(&app.metrics.scans_done);
            let elapsed = app.clock.now().duration_since(started);
            let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(0);
            app.metrics
                .scan_milliseconds
                .fetch_add(elapsed_ms, std::sync::atomic::Ordering::Relaxed);
            tracing::info!(
                elapsed_ms,
                packages = outcome.packages,
                findings = outcome.counts.total(),
                "scanned"
            );
            if scan.environment == DEMO
                && let Err(error) = demo::place(app).await
            {
                tracing::warn!(error = %model::error::chain(&error), "cannot place containers");
            }
            if let Some((host, _)) = engine::on_host(&scan.target) {
                // Containers there that run it can be told now.
                app.hosts.ask(host);
            }
            done(app, &outcome, &reading)
        }
        Err(Failure::Look(LookError::Cancelled))
            if !running.cancelled.load(std::sync::atomic::Ordering::Relaxed)
                && app.shutdown.is_cancelled() =>
        {
            // The next start takes it up again.
            return;
        }
        Err(Failure::Look(LookError::Cancelled)) => ScanEnd::Cancelled,
        Err(failure) if let Some(again) = retry::again(app, &scan, &failure) => {
            metrics::count(&app.metrics.scans_retried);
            let (error, _) = failure.explain();
            tracing::info!(error = %error, next_try = %again.at, "scan is tried again");
            put_back(app, &scan, error, again).await;
            return;
        }
        Err(failure) => {
            metrics::count(&app.metrics.scans_failed);
            let (error, advice) = failure.explain();
            tracing::warn!(error = %error, "scan failed");
            ScanEnd::Failed { error, advice }
        }
    };
    end_scan(app, &scan.id, end).await;
}

fn done(app: &App, outcome: &Outcome, reading: &Reading) -> ScanEnd {
    app.posture.ring_read();
    app.running.ring();
    app.bus.publish(&Event::Image {
        image: crate::http::image::reference(&outcome.image),
    });
    ScanEnd::Done {
        image: outcome.image.id.clone(),
        outcome: ScanOutcome {
            packages: outcome.packages,
            counts: outcome.counts,
            new: outcome.new.total(),
            resolved: outcome.resolved,
            warnings: outcome.warnings,
        },
        extractors: reading.extractors.clone(),
    }
}

/// Writes down and tells how a scan ended.
pub(crate) async fn end_scan(app: &App, id: &str, end: ScanEnd) {
    let ended = async {
        if !app.store.end_scan(id, end, app.clock.now()).await? {
            return Ok(());
        }
        let scope = app.store.scope(None).await?;
        if let Some(scan) = app.store.scan(&scope, id).await? {
            tell(app, &scan);
        }
        Ok::<_, store::StoreError>(())
    };
    if let Err(error) = ended.await {
        tracing::error!(error = %model::error::chain(&error), "cannot end a scan");
    }
}

async fn tell_progress(app: &App, scan: &Scan, meter: &Meter) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(TELL_EVERY).await;
        if meter.take_change() {
            tell(app, scan);
        }
    }
}

async fn look(
    app: &Arc<App>,
    scan: &Scan,
    running: &Running,
    reading: &Reading,
) -> Result<Outcome, Failure> {
    let mut target = Target::parse(&scan.target, &app.host).map_err(Failure::Look)?;
    if scan.digest.is_some() {
        // It is read by its digest, and known by a name.
        target.name.clone_from(&scan.name);
    }
    let mut options = engine::options(&app.config, &target, scan.platform.as_deref());
    options.malware.clone_from(&reading.malware);
    if let Some(id) = &target.host {
        options.engines.remote = Some(exporter(app, scan, id).await?);
    }
    if let Some(registry) = registry_options(app, scan, &target, &running.cancel).await? {
        options.registry = registry;
    } else if let Some(host) = target.registry() {
        keep_out(app, scan, host, &mut options.registry.fetch);
    }
    let quick = engine::first_look(&target, &options).filter(|_| scan.image.is_none());
    let first = match quick {
        Some(options) => {
            let first = look_once(app, scan, running, &target, options).await?;
            app.bus.publish(&Event::Image {
                image: crate::http::image::reference(&first.image),
            });
            Some(first)
        }
        None => None,
    };
    let mut outcome = look_once(app, scan, running, &target, options).await?;
    if let Some(first) = first {
        outcome.added = first.added;
        outcome.new = outcome.counts;
    }
    Ok(outcome)
}

/// An image that was read by its digest goes by the tag it was found
/// under.
fn named(mut sbom: model::Sbom, scan: &Scan) -> model::Sbom {
    if scan.digest.is_some()
        && let Some(image) = &mut sbom.image
    {
        image.tags = vec![scan.name.clone()];
    }
    sbom
}

/// The engine of a container host of the scan's own environment.
async fn exporter(app: &App, scan: &Scan, id: &str) -> Result<scan::RemoteEngine, Failure> {
    let scope = app.store.scope(Some(&scan.environment)).await;
    let host = match scope {
        Ok(scope) => app.store.container_host(&scope, id).await,
        Err(error) => Err(error),
    };
    let host = host
        .map_err(Failure::Store)?
        .ok_or(Failure::Look(LookError::NoSuchHost))?;
    let opened = hosts::open(app, &host).and_then(|access| hosts::exporter(&access));
    opened.map_err(|error| Failure::Look(LookError::Host(model::error::chain(&error))))
}

async fn look_once(
    app: &Arc<App>,
    scan: &Scan,
    running: &Running,
    target: &Target,
    options: scan::Options,
) -> Result<Outcome, Failure> {
    let sbom = {
        let (target, meter, cancel) = (
            target.clone(),
            running.meter.clone(),
            running.cancel.clone(),
        );
        let reading = engine::blocking(move || engine::read(&target, &options, &meter, &cancel));
        let timeout = app.config.scan.timeout;
        tokio::select! {
            sbom = reading => sbom.map_err(Failure::Look)?,
            () = tokio::time::sleep(timeout.0) => {
                running.cancel.cancel();
                return Err(Failure::TimedOut(timeout));
            }
            () = app.shutdown.cancelled() => {
                app.queue.stop_all();
                return Err(Failure::Look(LookError::Cancelled));
            }
        }
    };
    let sbom = named(sbom, scan);
    let digest = sbom.image.as_ref().and_then(|image| image.manifest);
    running.meter.enter(ScanPhase::Matching);
    let matching = assess(
        app,
        &scan.environment,
        target.describe(),
        scan.target.clone(),
        sbom,
        true,
    );
    // Whoever hears that it was scanned is told what is attached to it,
    // and nobody is asked for it later.
    let asking = referrers::ask(app, &scan.environment, target, digest);
    let (assessment, asked) = tokio::join!(matching, asking);
    asked.map_err(Failure::Store)?;
    if running.cancel.is_cancelled() {
        return Err(Failure::Look(LookError::Cancelled));
    }
    running.meter.enter(ScanPhase::Storing);
    let generation = assessment.report.database.generation.clone();
    let outcome = app
        .store
        .put_report(&scan.environment, assessment)
        .await
        .map_err(Failure::Store)?;
    admission::was_read(app, scan, digest);
    // Advisories that came while this was matched and stored have passed
    // it by.
    if app.database.advisories().status().generation != generation {
        database::reassess_one(app, &outcome.image.id)
            .await
            .map_err(Failure::Store)?;
    }
    Ok(outcome)
}

async fn put_back(app: &App, scan: &Scan, error: String, again: retry::Again) {
    let put = async {
        app.store
            .retry_scan_at(&scan.id, error, again.at, again.hold)
            .await?;
        let scope = app.store.scope(None).await?;
        if let Some(scan) = app.store.scan(&scope, &scan.id).await? {
            tell(app, &scan);
        }
        Ok::<_, store::StoreError>(())
    };
    if let Err(error) = put.await {
        tracing::error!(error = %model::error::chain(&error), "cannot put a scan back");
    }
}

/// Where the registry of an image may be, and lead to, that nobody
/// watches: whoever names an image must not choose what this machine
/// reaches within its networks.
fn keep_out(app: &App, scan: &Scan, host: &str, settings: &mut fetch::Settings) {
    let url = fetch::Url::parse(&format!("http://{host}/")).ok();
    let is_here = url.as_ref().is_some_and(fetch::is_loopback);
    // A pod's "localhost" is its node.
    let is_ours = !matches!(scan.origin, ScanOrigin::Running | ScanOrigin::Admission);
    let allow_private = app.config.scan.allow_private;
    settings.guard = Some(fetch::Guard {
        allow_private,
        allow_loopback: is_here && (is_ours || allow_private),
    });
    settings.home = url.and_then(|url| url.host_str().map(fetch::Home::of));
}

/// What an image in a watched registry is read with. An image that
/// somebody names is looked for there, too.
async fn registry_options(
    app: &Arc<App>,
    scan: &Scan,
    target: &Target,
    cancel: &Cancel,
) -> Result<Option<scan::RegistryOptions>, Failure> {
    let Some(host) = target.registry() else {
        return Ok(None);
    };
    let known = match &scan.registry {
        Some((id, _)) => {
            let scope = app.store.scope(Some(&scan.environment)).await;
            let scope = scope.map_err(Failure::Store)?;
            app.store.registry(&scope, id).await
        }
        None => registries::of_host(app, &scan.environment, host).await,
    };
    let Some(known) = known.map_err(Failure::Store)? else {
        return Ok(None);
    };
    let opened = registries::open(app, &known, cancel).map_err(Failure::Registry)?;
    let asked = engine::blocking(move || opened.scan_options()).await;
    asked
        .map(Some)
        .map_err(|error| Failure::Registry(error.into()))
}

/// Matches a bill of materials against the advisories in use.
pub(crate) async fn assess(
    app: &App,
    environment: &str,
    target: model::scan::Target,
    ask_again: String,
    sbom: model::Sbom,
    fresh: bool,
) -> Assessment {
    let advisories = app.database.advisories();
    let now = app.clock.now();
    let judgements = app.spoken.judgements(&app.store, environment).await;
    let judgements = judgements.unwrap_or_else(|error| {
        // What was found is worth more than what others say of it.
        tracing::error!(error = %model::error::chain(&error), "cannot read VEX documents");
        Arc::default()
    });
    let licenses = app.config.licenses.clone();
    engine::blocking(move || {
        let mut report = advisories.assess(sbom, target, &judgements, now);
        engine::tell_beside(&mut report, &licenses);
        Assessment {
            fixes: fix::fixes(
                report.sbom.packages.iter(),
                report.findings.iter(),
                engine::COMPARE,
            ),
            report: Arc::new(report),
            target: ask_again,
            fresh,
        }
    })
    .await
}

//! Watching registries: what they tell by themselves, what is found by
//! looking, and what is due to be read again.
//!
//! Each registry is one server's at a time, by a lease. What is told is
//! worked on at once and in order; a walk of what a registry holds is
//! bounded, and goes on where it stopped. A registry that is not reached
//! keeps what was seen before, and says why.

pub(crate) mod attached;
mod due;
mod poll;
mod told;

pub(crate) use due::{FRESH, TRIED};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use api::Event;
use jiff::{SignedDuration, Timestamp};
use model::{Cancel, error::chain};
use registry::AskError;
use scan::Reference;
use store::{NewScan, Registry, RegistryLook, ScanOrigin, StoreError, Unless};
use tokio::{sync::Notify, task::JoinSet};

use super::{engine, queue};
use crate::{
    app::App,
    metrics,
    registries::{self, OpenError},
    trust,
};

/// How often it is looked for registries that have something to do.
const STEP: Duration = Duration::from_secs(5);
/// How often it is looked for images that are due.
const DUE: SignedDuration = SignedDuration::from_secs(20);
/// Registries walked together.
const TOGETHER: usize = 4;
/// How long a lease lasts without being renewed.
const LEASE: SignedDuration = SignedDuration::from_mins(3);
/// How soon a registry that failed is walked again, at least.
const AGAIN: SignedDuration = SignedDuration::from_mins(2);
/// How long what was told is remembered, so that it is not told twice.
/// No webhook that old is believed.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Walks of a registry, of which each goes on where the one before
/// stopped.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// What was looked at since is left out.
    before: Timestamp,
    /// Nothing of the registry was known before.
    is_first: bool,
}

/// Who is to be walked at once.
#[derive(Debug, Default)]
pub(crate) struct Registries {
    bell: Notify,
    /// Those that go on with a round; none: one begins.
    asked: Mutex<BTreeMap<String, Option<Round>>>,
    told: Notify,
}

impl Registries {
    /// Asks for a walk of a registry.
    pub(crate) fn ask(&self, id: &str) {
        self.asked().insert(id.to_owned(), None);
        self.bell.notify_one();
    }

    /// Asks for a walk that goes on with a round.
    fn go_on(&self, id: &str, round: Round) {
        self.asked().entry(id.to_owned()).or_insert(Some(round));
        self.bell.notify_one();
    }

    /// Says that a registry told something.
    pub(crate) fn ring(&self) {
        self.told.notify_one();
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Option<Round>>> {
        self.asked
            .lock()
            .expect("invariant: no panic under the lock")
    }
}

pub(crate) fn tell(app: &App, registry: &Registry) {
    app.bus.publish(&Event::Registry {
        environment: registry.environment.clone(),
        id: registry.id.clone(),
    });
}

fn failed(error: &StoreError) {
    tracing::error!(error = %chain(error), "cannot keep what registries hold");
}

/// Registries that are looked at.
async fn watched(app: &App) -> Result<Vec<Registry>, StoreError> {
    let scope = app.store.scope(None).await?;
    let registries = app.store.registries(&scope).await?;
    Ok(registries
        .into_iter()
        .filter(|registry| !registry.paused)
        .collect())
}

async fn lease(app: &App, registry: &Registry) -> Result<bool, StoreError> {
    let now = app.clock.now();
    app.store
        .lease_registry(registry, &app.holder, now, now + LEASE)
        .await
}

/// Looks after registries until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    if let Err(error) = registries::reseal(&app).await {
        failed(&error);
    }
    if let Err(error) = app.store.free_registry_leases().await {
        failed(&error);
    }
    tokio::join!(
        listen(Arc::clone(&app)),
        hear(Arc::clone(&app)),
        walk(Arc::clone(&app)),
        remind(Arc::clone(&app))
    );
}

/// Works on what registries tell.
async fn listen(app: Arc<App>) {
    loop {
        if let Err(error) = listen_once(&app).await {
            failed(&error);
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = app.registries.told.notified() => {}
            () = tokio::time::sleep(STEP) => {}
        }
    }
}

pub(crate) async fn listen_once(app: &Arc<App>) -> Result<(), StoreError> {
    for registry in watched(app).await? {
        if app.shutdown.is_cancelled() {
            return Ok(());
        }
        told::work(app, &registry).await?;
    }
    Ok(())
}

/// Hears registries whose events are queued for whoever asks.
async fn hear(app: Arc<App>) {
    loop {
        if let Err(error) = hear_once(&app).await {
            failed(&error);
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(STEP) => {}
        }
    }
}

pub(crate) async fn hear_once(app: &Arc<App>) -> Result<(), StoreError> {
    let registries = watched(app).await?.into_iter();
    for registry in registries.filter(|registry| registry.settings.queue.is_some()) {
        if let Err(error) = told::hear(app, &registry).await {
            failed(&error);
        }
    }
    Ok(())
}

/// Walks what registries hold, those that are due or asked for.
async fn walk(app: Arc<App>) {
    let mut walks = JoinSet::new();
    let mut walked = BTreeSet::new();
    loop {
        match due_for_walk(&app, &walked).await {
            Ok(due) => {
                for (registry, round) in due {
                    app.registries.asked().remove(&registry.id);
                    walked.insert(registry.id.clone());
                    let app = Arc::clone(&app);
                    walks.spawn(async move {
                        let id = registry.id.clone();
                        if let Err(error) = poll::walk(&app, &registry, round).await {
                            failed(&error);
                        }
                        id
                    });
                }
            }
            Err(error) => failed(&error),
        }
        tokio::select! {
            () = app.shutdown.cancelled() => break,
            () = app.registries.bell.notified() => {}
            () = tokio::time::sleep(STEP) => {}
            Some(ended) = walks.join_next(), if !walks.is_empty() => {
                if let Ok(id) = ended {
                    walked.remove(&id);
                }
            }
        }
    }
    while walks.join_next().await.is_some() {}
}

/// As many as may be walked beside those that are, those longest ago
/// first.
async fn due_for_walk(
    app: &App,
    walked: &BTreeSet<String>,
) -> Result<Vec<(Registry, Round)>, StoreError> {
    let now = app.clock.now();
    let asked = app.registries.asked().clone();
    let mut registries = watched(app).await?;
    registries.sort_by_key(|registry| registry.polled);
    let mut due = Vec::new();
    for registry in registries {
        if walked.len() + due.len() >= TOGETHER {
            break;
        }
        if walked.contains(&registry.id) {
            continue;
        }
        let begun = |before| Round {
            before,
            is_first: registry.polled.is_none(),
        };
        let round = match asked.get(&registry.id) {
            Some(None) => Some(begun(now)),
            // What goes on by itself waits where nobody who asks would.
            Some(Some(round)) if !is_held(&registry, now) => Some(*round),
            _ if is_due(&registry, now) => Some(begun(looked_before(&registry, now))),
            _ => None,
        };
        if let Some(round) = round
            && lease(app, &registry).await?
        {
            due.push((registry, round));
        }
    }
    Ok(due)
}

fn interval(registry: &Registry) -> SignedDuration {
    SignedDuration::from_mins(i64::from(registry.settings.poll_minutes))
}

fn is_held(registry: &Registry, now: Timestamp) -> bool {
    registry.hold_until.is_some_and(|until| until > now)
}

fn was_changed(registry: &Registry) -> bool {
    registry
        .polled
        .is_none_or(|polled| polled < registry.updated)
}

/// What a walk that is due leaves out: what was looked at since.
fn looked_before(registry: &Registry, now: Timestamp) -> Timestamp {
    if was_changed(registry) {
        now
    } else {
        now - interval(registry)
    }
}

fn is_due(registry: &Registry, now: Timestamp) -> bool {
    let interval = interval(registry);
    let until_next = if registry.error.is_some() {
        interval.min(AGAIN)
    } else {
        interval
    };
    let is_over = registry
        .polled
        .is_none_or(|polled| polled + until_next <= now);
    interval.is_positive() && !is_held(registry, now) && (is_over || was_changed(registry))
}

/// Queues what is due to be read again, and forgets what is old.
async fn remind(app: Arc<App>) {
    let mut last: Option<Timestamp> = None;
    loop {
        let now = app.clock.now();
        if last.is_none_or(|last| now.duration_since(last).abs() >= DUE) {
            last = Some(now);
            if let Err(error) = remind_once(&app).await {
                failed(&error);
            }
            if let Err(error) = app.store.forget_told(now - REMEMBERED).await {
                failed(&error);
            }
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(STEP) => {}
        }
    }
}

pub(crate) async fn remind_once(app: &Arc<App>) -> Result<(), StoreError> {
    for registry in watched(app).await? {
        due::of_registry(app, &registry).await?;
    }
    due::running(app).await
}

/// One walk of a registry, now; it goes on where the one before could not.
pub(crate) async fn walk_once(app: &Arc<App>, registry: &Registry) -> Result<(), StoreError> {
    let asked = app.registries.asked().remove(&registry.id).flatten();
    let round = asked.unwrap_or_else(|| Round {
        before: app.clock.now(),
        is_first: registry.polled.is_none(),
    });
    poll::walk(app, registry, round).await
}

/// A registry and its account, ready.
struct Opened {
    known: Registry,
    registry: Arc<registry::Registry>,
    cancel: Cancel,
}

impl Opened {
    fn new(app: &App, known: &Registry) -> Result<Self, OpenError> {
        let cancel = Cancel::default();
        let registry = registries::open(app, known, &cancel)?;
        Ok(Self {
            known: known.clone(),
            registry: Arc::new(registry),
            cancel,
        })
    }

    /// Asks it something, off the async threads.
    async fn ask<T, F>(&self, app: &App, question: F) -> Result<T, AskError>
    where
        T: Send + 'static,
        F: FnOnce(&registry::Registry) -> Result<T, AskError> + Send + 'static,
    {
        let registry = Arc::clone(&self.registry);
        let asking = engine::blocking(move || question(&registry));
        tokio::pin!(asking);
        tokio::select! {
            answer = &mut asking => return answer,
            () = app.shutdown.cancelled() => self.cancel.cancel(),
        }
        asking.await
    }
}

/// The images a tag or digest leads to, with their platforms.
fn images(resolved: &registry::Resolved) -> Vec<(String, Option<String>)> {
    match &resolved.content {
        registry::Content::Image { .. } => vec![(resolved.digest.to_string(), None)],
        registry::Content::Index { images } => images
            .iter()
            .filter(|image| image.describes.is_none())
            .map(|image| {
                let platform = image.platform.as_ref().map(ToString::to_string);
                (image.digest.to_string(), platform)
            })
            .collect(),
        registry::Content::Artifact { .. } => Vec::new(),
    }
}

/// Something was pushed: where trust policies hold, whether it is signed
/// is looked at, as is every image in it.
fn to_verify(
    app: &App,
    known: &Registry,
    repository: &str,
    digest: &str,
    images: &[(String, Option<String>)],
) {
    if images.is_empty() {
        return;
    }
    let name = format!("{}/{repository}", known.address);
    let Some((repository, _)) = trust::place(&name) else {
        return;
    };
    let inner = images.iter().map(|(digest, _)| digest.as_str());
    for digest in std::iter::once(digest).chain(inner) {
        app.trust
            .look_at(&known.environment, repository.clone(), digest.to_owned());
    }
}

/// Why an image is to be read.
struct Cause {
    origin: ScanOrigin,
    reason: String,
    source: Option<String>,
    unless: Unless,
}

/// That an image was copied, from where, and what it is built on, as far
/// as that is known.
async fn copied(
    app: &App,
    known: &Registry,
    place: &str,
    source: Option<&str>,
    digest: &str,
) -> Result<String, StoreError> {
    let mut reason = format!("copied to {place}");
    if let Some(source) = source {
        reason.extend([" from ", source]);
    }
    let base = app.store.base_of_digest(&known.environment, digest).await?;
    if let Some(base) = base {
        reason.extend([", base ", &base]);
    }
    Ok(reason)
}

/// An image of a registry.
struct Image<'a> {
    repository: &'a str,
    tag: Option<&'a str>,
    digest: &'a str,
    platform: Option<&'a str>,
    /// Its tag leads to images of other platforms, too.
    is_one_of_many: bool,
}

/// A wish to read an image of a registry: by its digest, under the name
/// people know it by.
fn wish(known: &Registry, image: &Image<'_>, cause: Cause, now: Timestamp) -> Option<NewScan> {
    let text = format!("{}/{}@{}", known.address, image.repository, image.digest);
    let target: Reference = text.parse().ok()?;
    let mut name = match image.tag {
        Some(tag) => format!("{}/{}:{tag}", target.registry, target.repository),
        None => target.to_string(),
    };
    if image.is_one_of_many
        && let Some(platform) = image.platform
    {
        name.extend([" (", platform, ")"]);
    }
    Some(NewScan {
        environment: known.environment.clone(),
        target: format!("registry:{target}"),
        name,
        platform: None,
        origin: cause.origin,
        created: now,
        reason: cause.reason,
        source: cause.source,
        digest: Some(image.digest.to_owned()),
        registry: Some(known.id.clone()),
        exposed: false,
        unless: cause.unless,
    })
}

/// What was read so lately needs no reading, by the same extractors.
pub(crate) fn read_since(app: &App, time: Timestamp) -> (Timestamp, String) {
    (time, app.malware.now().extractors.clone())
}

/// Notes that a registry could not be asked.
async fn note_fault(
    app: &App,
    registry: &Registry,
    error: serde_json::Value,
    hold_until: Option<Timestamp>,
) -> Result<(), StoreError> {
    metrics::count(&app.metrics.registry_failures);
    let look = RegistryLook {
        error: Some(error.to_string()),
        hold_until,
    };
    let now = app.clock.now();
    app.store.note_registry_look(registry, look, now).await?;
    tell(app, registry);
    Ok(())
}

/// Queues a wish.
async fn queue_wish(app: &App, scan: Option<NewScan>) -> Result<(), StoreError> {
    if let Some(scan) = scan {
        queue::wish(app, scan).await?;
    }
    Ok(())
}

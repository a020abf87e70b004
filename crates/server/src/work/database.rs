//! Keeping the advisory database: updates, imports, and matching what is
//! known again when it changes.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, RwLock},
    time::Duration,
};

use api::{
    Event,
    database::{
        Database, DatabaseActivity, DatabaseActivityKind, DatabaseProblem, DatabaseState,
        ProgressUnit,
    },
};
use jiff::{SignedDuration, Timestamp};
use model::{Cancel, db::DatabaseStatus};
use store::{ChangeKind, Counts, ImageKey, NewChange, NewImageEvent, ScanOrigin};

use super::{
    advisories::{Advisories, FeedProblem},
    engine, queue, rematch,
};
use crate::{app::App, http, metrics};

/// Older than this, a database is called stale.
const STALE_AFTER: SignedDuration = SignedDuration::from_hours(24 * 7);
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(250);
const UPDATED: &str = "database.updated";
const FAILING: &str = "database.failing";

/// The advisories in use and what is being done to them.
#[derive(Debug)]
pub(crate) struct Keeper {
    current: RwLock<Advisories>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    activity: Option<DatabaseActivity>,
    changed: bool,
    problem: Option<DatabaseProblem>,
    updated: Option<Timestamp>,
    next_update: Option<Timestamp>,
}

/// Somebody else is at it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// What to bring in.
#[derive(Debug)]
pub(crate) enum Errand {
    Update,
    Import(Upload),
}

/// A file, in a folder that goes when this does.
#[derive(Debug)]
pub(crate) struct Upload {
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Upload {
    pub(crate) fn new(folder: tempfile::TempDir, name: &str) -> Self {
        Self {
            file: folder.path().join(name),
            _folder: folder,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.file
    }
}

impl Keeper {
    pub(crate) fn new(advisories: Advisories, problem: Option<DatabaseProblem>) -> Self {
        Self {
            current: RwLock::new(advisories),
            state: Mutex::new(State {
                problem,
                ..State::default()
            }),
        }
    }

    pub(crate) fn advisories(&self) -> Advisories {
        self.current
            .read()
            .expect("invariant: no panic under the lock")
            .clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("invariant: no panic under the lock")
    }

    fn begin(
        &self,
        kind: DatabaseActivityKind,
        unit: ProgressUnit,
        now: Timestamp,
    ) -> Result<(), Busy> {
        let mut state = self.state();
        if state.activity.is_some() {
            return Err(Busy);
        }
        state.activity = Some(DatabaseActivity {
            kind,
            started: now,
            step: "starting".to_owned(),
            done: 0,
            total: None,
            unit,
        });
        state.changed = true;
        Ok(())
    }

    /// Moves the activity on; called often.
    pub(crate) fn progress(&self, step: &str, done: u64, total: Option<u64>, unit: ProgressUnit) {
        let mut state = self.state();
        state.changed = true;
        if let Some(activity) = &mut state.activity {
            if activity.step != step {
                step.clone_into(&mut activity.step);
            }
            activity.done = done;
            activity.total = total;
            activity.unit = unit;
        }
    }

    /// Whether only the embedded set is here, and when the advisories in
    /// use were last known to be current.
    pub(crate) fn currency(&self) -> (bool, Timestamp) {
        let advisories = self.advisories();
        let status = advisories.status();
        (status.starter_only, as_of(status, self.state().updated))
    }

    /// As the wire shows it.
    pub(crate) fn describe(&self, app: &App) -> Database {
        let advisories = self.advisories();
        let status = advisories.status();
        let state = self.state();
        let newest = newest(status);
        let as_of = as_of(status, state.updated);
        Database {
            state: if status.starter_only {
                DatabaseState::Starter
            } else if app.clock.now().duration_since(as_of) > STALE_AFTER {
                DatabaseState::Stale
            } else {
                DatabaseState::Ready
            },
            generation: status.generation.clone(),
            // The embedded set is compiled at start, by no clock.
            compiled: if status.starter_only {
                newest.unwrap_or(status.compiled)
            } else {
                status.compiled
            },
            advisories: status.advisories,
            sources: status.sources.iter().cloned().map(Into::into).collect(),
            epss: status.epss,
            kev: status.kev,
            update_from: app.update_from(),
            activity: state.activity.clone(),
            problem: state.problem.clone(),
            updated: state.updated,
            next_update: state.next_update.filter(|_| app.config.advisories.update),
        }
    }
}

/// When the newest advisory changed.
fn newest(status: &DatabaseStatus) -> Option<Timestamp> {
    let sources = status.sources.iter();
    sources.filter_map(|source| source.newest).max()
}

fn as_of(status: &DatabaseStatus, updated: Option<Timestamp>) -> Timestamp {
    updated.max(newest(status)).unwrap_or(status.compiled)
}

pub(crate) fn tell(app: &App) {
    app.bus.publish(&Event::Database {
        database: Box::new(app.database.describe(app)),
    });
}

/// Keeps the database fresh until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    // Whoever searches first does not wait for all that images hold. Where
    // it cannot be read, that search tries again.
    let (store, holdings) = (app.store.clone(), app.holdings.clone());
    app.tasks.spawn(async move {
        if let Err(error) = holdings.refresh(&store).await {
            tracing::warn!(error = %model::error::chain(&error), "cannot read what images hold");
        }
    });
    if let Ok(Some(text)) = app.store.setting(UPDATED).await {
        app.database.state().updated = text.parse().ok();
    }
    reassess(&app).await;
    if !app.config.advisories.update {
        return;
    }
    loop {
        let interval = app.config.advisories.interval.0;
        let due = match app.database.state().updated {
            Some(updated) => updated + interval,
            None => app.clock.now(),
        };
        let wait = due.duration_since(app.clock.now());
        let wait = wait.try_into().unwrap_or(Duration::ZERO);
        app.database.state().next_update = Some(due);
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        if begin(&app, &Errand::Update).is_ok() {
            perform(&app, Errand::Update).await;
        }
        if app
            .database
            .state()
            .updated
            .is_none_or(|updated| updated < due)
        {
            // It failed, or somebody is importing: try again, not at once.
            let retry = interval.min(Duration::from_hours(1));
            app.database.state().next_update = Some(app.clock.now() + retry);
            tokio::select! {
                () = app.shutdown.cancelled() => return,
                () = tokio::time::sleep(retry) => {}
            }
        }
    }
}

/// Starts an errand in the background.
pub(crate) fn start(app: &Arc<App>, errand: Errand) -> Result<(), Busy> {
    begin(app, &errand)?;
    let app = Arc::clone(app);
    app.clone()
        .tasks
        .spawn(async move { perform(&app, errand).await });
    Ok(())
}

fn begin(app: &App, errand: &Errand) -> Result<(), Busy> {
    let kind = match errand {
        Errand::Update => DatabaseActivityKind::Update,
        Errand::Import(_) => DatabaseActivityKind::Import,
    };
    app.database
        .begin(kind, ProgressUnit::Bytes, app.clock.now())?;
    tell(app);
    Ok(())
}

async fn perform(app: &Arc<App>, errand: Errand) {
    let cancel = Cancel::default();
    let work = {
        let (app, cancel) = (Arc::clone(app), cancel.clone());
        engine::blocking(move || fetch(&app, &errand, &cancel))
    };
    let outcome = tokio::select! {
        outcome = work => outcome,
        never = tell_progress(app) => match never {},
        () = app.shutdown.cancelled() => {
            cancel.cancel();
            return;
        }
    };
    let now = app.clock.now();
    let change = match &outcome {
        Ok(advisories) => {
            metrics::count(&app.metrics.database_updates);
            let status = advisories.status().clone();
            let changed = {
                let mut current = app
                    .database
                    .current
                    .write()
                    .expect("invariant: no panic under the lock");
                let changed = current.status().generation != status.generation;
                *current = advisories.clone();
                changed
            };
            let mut state = app.database.state();
            state.problem = None;
            state.updated = Some(now);
            drop(state);
            tracing::info!(
                advisories = status.advisories,
                database.generation = %status.generation,
                "advisory database brought up to date"
            );
            changed.then(|| {
                let summary = format!("advisory database: {} advisories", status.advisories);
                (ChangeKind::DatabaseUpdated, summary)
            })
        }
        Err(problem) => {
            metrics::count(&app.metrics.database_failures);
            tracing::warn!(error = %problem.message, "advisory database not brought up to date");
            app.database.state().problem = Some(DatabaseProblem {
                message: problem.message.clone(),
                advice: problem.advice.clone(),
                at: now,
            });
            let summary = "advisory database: could not be brought up to date".to_owned();
            Some((ChangeKind::DatabaseFailed, summary))
        }
    };
    app.database.state().activity = None;
    tell(app);
    let written = async {
        // A machine without network fails every hour: that is one entry.
        let failing = app.store.setting(FAILING).await?.as_deref() == Some("true");
        let told = failing && outcome.is_err();
        app.store
            .put_setting(FAILING, &outcome.is_err().to_string())
            .await?;
        if let Some((kind, summary)) = change.filter(|_| !told) {
            let entry = NewChange {
                time: now,
                kind,
                summary,
                new: Counts::default(),
                resolved: 0,
            };
            app.store.put_change(None, entry).await?;
        }
        if outcome.is_ok() {
            app.store.put_setting(UPDATED, &now.to_string()).await?;
        }
        Ok::<_, store::StoreError>(())
    };
    if let Err(error) = written.await {
        tracing::error!(error = %model::error::chain(&error), "cannot note the update");
    }
    if outcome.is_ok() {
        reassess(app).await;
    }
}

fn fetch(app: &App, errand: &Errand, cancel: &Cancel) -> Result<Advisories, FeedProblem> {
    let dir = app.config.advisories_dir();
    let clock = app.clock.as_ref();
    match errand {
        Errand::Update => {
            let url = app.config.advisories.url.as_str();
            Advisories::update(&dir, url, clock, &app.database, cancel)
        }
        Errand::Import(upload) => {
            Advisories::import(&dir, upload.path(), clock, &app.database, cancel)
        }
    }
}

async fn tell_progress(app: &App) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(TELL_EVERY).await;
        if std::mem::take(&mut app.database.state().changed) {
            tell(app);
        }
    }
}

/// Carries what changed since the generations images were matched with
/// to those it touches. What cannot be told this way is left: a file that
/// is no longer there or was written by an older program, an ecosystem
/// more or less, an image stored before what it holds was noted.
async fn carry(app: &Arc<App>) {
    let advisories = app.database.advisories();
    let to = advisories.status().generation.clone();
    let generations = match app.store.generations(&to).await {
        Ok(generations) => generations,
        Err(error) => {
            tracing::error!(error = %model::error::chain(&error), "cannot list generations");
            return;
        }
    };
    if generations.is_empty() {
        return;
    }
    let database = advisories.database();
    let spoken = match app.spoken.vulnerabilities(&app.store, &database).await {
        Ok(spoken) => spoken,
        Err(error) => {
            tracing::error!(error = %model::error::chain(&error), "cannot read VEX documents");
            return;
        }
    };
    for (from, images) in generations {
        if app.shutdown.is_cancelled() {
            return;
        }
        let old = {
            let (dir, from) = (app.config.advisories_dir(), from.clone());
            engine::blocking(move || Advisories::earlier(&dir, &from)).await
        };
        let old = match old {
            Ok(old) => old,
            Err(error) => {
                tracing::debug!(
                    database.generation = %from,
                    error = %model::error::chain(&error),
                    "an earlier generation is not there to compare with"
                );
                continue;
            }
        };
        let change = rematch::Change {
            old: old.database(),
            new: advisories.database(),
            from: from.clone(),
            to: to.clone(),
            spoken: spoken.clone(),
        };
        let now = app.clock.now();
        let started = app
            .database
            .begin(DatabaseActivityKind::Reassess, ProgressUnit::Images, now);
        if started.is_ok() {
            app.database
                .progress("matching", 0, Some(images), ProgressUnit::Images);
            tell(app);
        }
        let outcome = rematch::apply(&app.store, &app.holdings, change, engine::COMPARE, now).await;
        if started.is_ok() {
            app.database.state().activity = None;
            tell(app);
        }
        match outcome {
            Ok(done) => {
                let elapsed = app.clock.now().duration_since(now);
                tracing::info!(
                    database.generation = %to,
                    names = done.names,
                    vulnerabilities = done.vulnerabilities,
                    images = done.touched,
                    findings = done.findings,
                    left = done.left,
                    computed_ms = u64::try_from(done.computed.as_millis()).unwrap_or(0),
                    new_on_disk_ms = u64::try_from(done.new_on_disk.as_millis()).unwrap_or(0),
                    elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(0),
                    "what advisories changed was carried to images"
                );
                let events = done.changed.iter().map(|(image, because)| NewImageEvent {
                    image: image.id.clone(),
                    time: now,
                    cause: ScanOrigin::Advisory,
                    reason: because.clone(),
                    source: None,
                });
                if let Err(error) = app.store.note_image_events(events.collect()).await {
                    tracing::error!(
                        error = %model::error::chain(&error),
                        "cannot note why images were judged again"
                    );
                }
                app.running.ring();
                for image in done.changed.keys() {
                    app.bus.publish(&Event::Image {
                        image: http::image::reference(image),
                    });
                }
            }
            Err(error) => {
                tracing::info!(
                    database.generation = %from,
                    error = %model::error::chain(&error),
                    "images are matched whole"
                );
            }
        }
    }
}

/// Matches every known bill of materials that was matched against
/// another generation. Nothing is read or pulled again.
async fn reassess(app: &Arc<App>) {
    carry(app).await;
    let generation = app.database.advisories().status().generation.clone();
    let images = match app.store.outdated(&generation).await {
        Ok(images) => images,
        Err(error) => {
            tracing::error!(error = %model::error::chain(&error), "cannot list outdated images");
            return;
        }
    };
    if images.is_empty() {
        return;
    }
    let total = images.len() as u64;
    let started = app.database.begin(
        DatabaseActivityKind::Reassess,
        ProgressUnit::Images,
        app.clock.now(),
    );
    for (done, image) in (0..).zip(images) {
        if app.shutdown.is_cancelled() {
            break;
        }
        if started.is_ok() {
            app.database
                .progress("matching", done, Some(total), ProgressUnit::Images);
            tell(app);
        }
        if let Err(error) = reassess_one(app, &image).await {
            tracing::error!(
                error = %model::error::chain(&error),
                image.id = %image,
                "cannot match an image again"
            );
        }
    }
    if started.is_ok() {
        app.database.state().activity = None;
        tell(app);
    }
}

/// Matches one image's stored bill of materials again; `None`: there is
/// no such image.
pub(crate) async fn reassess_one(
    app: &Arc<App>,
    image: &str,
) -> Result<Option<ImageKey>, store::StoreError> {
    let Some(stored) = app.store.sbom(image).await? else {
        return Ok(None);
    };
    let target = model::scan::Target {
        kind: stored.image.kind,
        name: stored.image.name.clone(),
    };
    let environment = stored.image.environment.clone();
    let assessment =
        queue::assess(app, &environment, target, stored.target, stored.sbom, false).await;
    let outcome = app
        .store
        .put_report(&stored.image.environment, assessment)
        .await?;
    if outcome.new.total() > 0 || outcome.resolved > 0 {
        app.running.ring();
        app.bus.publish(&Event::Image {
            image: http::image::reference(&outcome.image),
        });
    }
    Ok(Some(outcome.image))
}

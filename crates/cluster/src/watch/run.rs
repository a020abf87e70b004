//! Streams, the core and whoever ships, run together.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use api::posture::{ConnectorProblem, ConnectorStatus, ObjectKey, WatchState};
use jiff::Timestamp;
use kube::Client;
use model::Clock;
use policy::{Document, ImageState, review::Kind};
use tokio::{
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::MissedTickBehavior,
};

use crate::{
    connect::{ConnectError, Target, connect},
    external::Asker,
};

use super::{
    core::Core,
    kinds::{Watched, discover},
    providers,
    ship::{self, ShipError, ShipSettings},
    stream::{News, Saw, follow},
};

/// News on their way from streams to the core; full, streams wait.
pub(super) const QUEUE: usize = 512;
/// How long the core judges before it looks at news again.
const SLICE: Duration = Duration::from_millis(150);
/// How often kinds are looked for that are new.
const DISCOVER: Duration = Duration::from_mins(5);
/// How long after a new definition of a kind.
const DEFINED: Duration = Duration::from_secs(2);
/// How long until objects are listed again that have to be judged again by
/// what they hold.
const AGAIN: Duration = Duration::from_secs(30);
/// How long a kind may fail until the others are judged without it.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long an attempt takes to fail.
const SURE: Duration = Duration::from_secs(10);
/// How long the server's policies are waited for at first.
const FIRST: Duration = Duration::from_secs(5);
/// Kinds watched, at most.
const MAX_KINDS: usize = 400;

/// How a connector is run.
#[derive(Clone, Debug)]
pub struct Settings {
    pub target: Target,
    /// Policies until a server says which.
    pub bundle: Arc<Vec<Document>>,
    pub ship: ShipSettings,
    /// Where how it is is written, for probes.
    pub status_file: Option<PathBuf>,
    /// Asks providers of external data; absent: nobody does.
    pub external: Option<Arc<Asker>>,
}

/// A connector cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Ship(#[from] ShipError),
    #[error("start a thread")]
    Thread(#[source] std::io::Error),
}

/// What is handed to the core from the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub bundle: Option<Arc<Vec<Document>>>,
    pub images: Arc<BTreeMap<String, ImageState>>,
    pub trust: Arc<policy::Trust>,
}

/// One kind, as its stream is.
#[derive(Debug, Default)]
struct Watch {
    objects: BTreeSet<ObjectKey>,
    is_whole: bool,
    /// It may be listed again, but what was there is known.
    was_whole: bool,
    restarts: u64,
    failing_since: Option<Instant>,
    is_forbidden: bool,
    problem: Option<String>,
    /// By then it has failed again, or does so no more: what is quiet
    /// says nothing.
    until: Option<Instant>,
}

/// The core, and how its streams are.
#[derive(Debug)]
pub(crate) struct State {
    pub core: Core,
    watches: BTreeMap<String, Watch>,
    kinds: HashMap<String, Watched>,
    /// Everything that can be seen was seen once.
    pub is_ready: bool,
    is_defined: bool,
    kubernetes: String,
    started: Timestamp,
}

impl State {
    pub(super) fn new(bundle: Arc<Vec<Document>>, kubernetes: String, started: Timestamp) -> Self {
        Self {
            core: Core::new(bundle),
            watches: BTreeMap::new(),
            kinds: HashMap::new(),
            is_ready: false,
            is_defined: false,
            kubernetes,
            started,
        }
    }

    pub(super) fn asking(mut self, external: Option<Arc<Asker>>) -> Self {
        if let Some(asker) = external {
            self.core.ask(asker, providers::AGAIN);
        }
        self
    }

    fn take(&mut self, (name, saw): News, now: Instant) {
        // Of a kind that is no longer there.
        let Some(watch) = self.watches.get_mut(&name) else {
            return;
        };
        match saw {
            Saw::Object(arrived) => {
                watch.objects.insert(arrived.key.clone());
                watch.is_well();
                self.is_defined |= name == DEFINITIONS;
                self.core.put(arrived, now);
            }
            Saw::Gone(key) => {
                watch.objects.remove(&key);
                watch.is_well();
                self.is_defined |= name == DEFINITIONS;
                self.core.remove(&key, now);
            }
            Saw::Refused(key, why) => {
                watch.objects.insert(key.clone());
                self.core.refuse(key, why, now);
            }
            Saw::Whole(listed) => {
                watch.restarts += u64::from(watch.is_whole);
                watch.is_whole = true;
                watch.was_whole = true;
                watch.is_well();
                let before = std::mem::take(&mut watch.objects);
                let gone: Vec<ObjectKey> = before
                    .into_iter()
                    .filter(|key| !listed.contains(key))
                    .collect();
                watch.objects = listed.into_iter().collect();
                for key in gone {
                    self.core.remove(&key, now);
                }
            }
            Saw::Failed {
                is_forbidden,
                message,
                again,
            } => {
                watch.failing_since.get_or_insert(now);
                watch.until = Some(now + again + SURE);
                watch.is_forbidden = is_forbidden;
                watch.problem = Some(message);
            }
        }
    }

    /// Whether every kind was seen whole, or cannot be for now.
    fn look_whether_ready(&mut self, now: Instant) {
        let is_given_up = |watch: &Watch| {
            let long = watch
                .failing_since
                .is_some_and(|since| now.saturating_duration_since(since) > PATIENCE);
            watch.is_forbidden || long
        };
        self.is_ready |= !self.watches.is_empty()
            && self
                .watches
                .values()
                .all(|watch| watch.is_whole || is_given_up(watch))
            && self.watches.values().any(|watch| watch.is_whole);
    }

    /// Whether there is nothing of which to wait for more.
    pub(super) fn is_whole_or_failing(&self) -> bool {
        let mut watches = self.watches.values();
        watches.all(|watch| watch.is_whole || watch.problem.is_some())
    }

    /// Kinds that are not seen whole: `Pod`, `Deployment.apps`.
    pub(crate) fn unseen(&self) -> Vec<String> {
        let unseen = self.kinds_where(|watch| !watch.is_whole);
        let named = unseen.map(|kind| match kind.group.as_str() {
            "" => kind.kind,
            group => format!("{}.{group}", kind.kind),
        });
        named.collect()
    }

    fn kinds_where(&self, is_such: fn(&Watch) -> bool) -> impl Iterator<Item = Kind> {
        let such = self.watches.iter().filter(move |(_, watch)| is_such(watch));
        such.filter_map(|(name, _)| Some(self.kinds.get(name)?.kind()))
    }

    /// Kinds that policies look up, as they ask for them, and that were
    /// never seen whole.
    fn looked_up_unseen(&self) -> BTreeSet<Kind> {
        let unseen: Vec<Kind> = self.kinds_where(|watch| !watch.was_whole).collect();
        if unseen.is_empty() {
            return BTreeSet::new();
        }
        let same = |asked: &Kind, kind: &Kind| asked.group == kind.group && asked.kind == kind.kind;
        let asked = self.core.policies().inventory_kinds().into_iter();
        asked
            .filter(|asked| unseen.iter().any(|kind| same(asked, kind)))
            .collect()
    }

    /// How it is.
    pub(crate) fn status(&self) -> ConnectorStatus {
        let watches = self.watches.iter().map(|(name, watch)| WatchState {
            resource: name.clone(),
            objects: watch.objects.len() as u64,
            synced: watch.is_whole,
            restarts: watch.restarts,
        });
        let mut problems = self.problems();
        problems.extend(self.core.problems());
        ConnectorStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kubernetes: self.kubernetes.clone(),
            started: Some(self.started),
            synced: self.is_ready,
            objects: self.core.objects() as u64,
            to_judge: self.core.to_judge() as u64,
            to_send: (self.core.changed.len() + self.core.gone.len()) as u64,
            lag_ms: u64::try_from(self.core.lag().as_millis()).unwrap_or(u64::MAX),
            policies: self.core.policies().constraints().count() as u64,
            watches: watches.collect(),
            problems,
        }
    }

    fn problems(&self) -> Vec<ConnectorProblem> {
        let failing = self.watches.iter();
        failing
            .filter_map(|(name, watch)| {
                watch.until.filter(|until| *until > Instant::now())?;
                let message = watch.problem.clone()?;
                let kind = self.kinds.get(name)?;
                let mend = if watch.is_forbidden {
                    rule(&kind.resource.group, &kind.resource.plural)
                } else {
                    String::new()
                };
                Some(ConnectorProblem {
                    about: name.clone(),
                    message,
                    mend,
                })
            })
            .collect()
    }
}

/// Judged by what they hold, which is not kept.
const CONFIG_MAPS: &str = "configmaps";
/// Whose objects say which kinds there are.
const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// The rule a role lacks.
pub(crate) fn rule(group: &str, plural: &str) -> String {
    format!(
        "add to the ClusterRole: {{apiGroups: [\"{group}\"], resources: [\"{plural}\"], \
         verbs: [list, watch]}}"
    )
}

impl Watch {
    fn is_well(&mut self) {
        self.failing_since = None;
        self.is_forbidden = false;
        self.problem = None;
    }
}

pub(crate) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // What a panic left half done is judged again with the next change.
    state
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The streams that run.
pub(super) struct Streams {
    client: Client,
    seed: String,
    pub(super) tasks: JoinSet<()>,
    running: HashMap<String, AbortHandle>,
    news: mpsc::Sender<News>,
}

impl Streams {
    pub(super) fn new(client: Client, seed: &str, news: mpsc::Sender<News>) -> Self {
        Self {
            client,
            seed: seed.to_owned(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            news,
        }
    }

    /// Follows what there is now, and nothing else.
    pub(super) async fn renew(&mut self, state: &Mutex<State>) -> Result<(), kube::Error> {
        let (policies, asks) = {
            let core = &lock(state).core;
            (Arc::clone(core.policies()), core.asks_providers())
        };
        let found = discover(&self.client, &policies, asks).await?;
        let mut state = lock(state);
        let now = Instant::now();
        let vanished: Vec<String> = self
            .running
            .keys()
            .filter(|name| found.get(*name) != state.kinds.get(*name))
            .cloned()
            .collect();
        for name in vanished {
            if let Some(task) = self.running.remove(&name) {
                task.abort();
            }
            state.kinds.remove(&name);
            if let Some(watch) = state.watches.remove(&name) {
                for key in watch.objects {
                    state.core.remove(&key, now);
                }
            }
        }
        if state.core.wants_contents()
            && let Some(task) = self.running.remove(CONFIG_MAPS)
        {
            task.abort();
            if let Some(watch) = state.watches.get_mut(CONFIG_MAPS) {
                watch.is_whole = false;
            }
        }
        for (name, watched) in found.into_iter().take(MAX_KINDS) {
            if self.running.contains_key(&name) {
                continue;
            }
            let follow = follow(
                self.client.clone(),
                watched.clone(),
                self.seed.clone(),
                self.news.clone(),
            );
            let task = self.tasks.spawn(follow);
            self.running.insert(name.clone(), task);
            state.watches.entry(name.clone()).or_default();
            state.kinds.insert(name, watched);
        }
        Ok(())
    }
}

/// Watches a cluster and tells a server.
#[derive(Debug)]
pub struct Connector;

impl Connector {
    /// Runs until `stop`.
    pub async fn run(
        settings: Settings,
        clock: Arc<dyn Clock>,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), RunError> {
        let mut stop = pin!(stop);
        let mut backoff = super::stream::Backoff::new(&settings.ship.cluster);
        let (client, version) = loop {
            // The API server may be away as this starts; what is wrong
            // with files is told at once.
            match connect(&settings.target).await {
                Ok(found) => break found,
                Err(ConnectError::Version(error)) => {
                    tracing::warn!(
                        error = model::error::chain(&error),
                        "the API server does not answer"
                    );
                    tokio::select! {
                        () = &mut stop => return Ok(()),
                        () = tokio::time::sleep(backoff.failed()) => {}
                    }
                }
                Err(error) => return Err(error.into()),
            }
        };
        tracing::info!(kubernetes = version, "connected to the API server");
        let started = clock.now();
        let (first, mark) = first(&settings.ship).await?.unzip();
        let first = first.unwrap_or_default();
        let bundle = first.bundle.as_ref().unwrap_or(&settings.bundle);
        let state = State::new(Arc::clone(bundle), version, started).asking(settings.external);
        let state = Arc::new(Mutex::new(state));
        let (tell, mut told) = watch::channel(first);
        let shipper = ship::start(
            &settings.ship,
            mark,
            settings.status_file.clone(),
            Arc::clone(&state),
            tell,
        )?;
        let (news, mut arriving) = mpsc::channel(QUEUE);
        let mut streams = Streams::new(client, &settings.ship.cluster, news);
        let mut renewal = tokio::time::interval(DISCOVER);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renew_at: Option<Instant> = None;
        let mut batch: Vec<News> = Vec::with_capacity(QUEUE);
        let mut has_more = false;
        loop {
            let due = {
                let state = lock(&state);
                // Until everything was seen, nothing is judged.
                let judging = state.core.due().filter(|_| state.is_ready);
                judging.into_iter().chain(renew_at).min()
            };
            let wait = if has_more {
                Duration::ZERO
            } else {
                let until = due.map(|due| due.saturating_duration_since(Instant::now()));
                // Looks whether what fails is to be given up.
                until
                    .unwrap_or(Duration::from_secs(5))
                    .min(Duration::from_secs(5))
            };
            let mut renews = false;
            tokio::select! {
                biased;
                () = &mut stop => break,
                _ = renewal.tick() => renews = true,
                changed = told.changed() => if changed.is_err() { break },
                _ = arriving.recv_many(&mut batch, QUEUE) => {}
                () = tokio::time::sleep(wait) => {}
            }
            if renew_at.is_some_and(|at| at <= Instant::now()) {
                renew_at = None;
                renews = true;
            }
            if renews && let Err(error) = streams.renew(&state).await {
                tracing::warn!(
                    error = model::error::chain(&error),
                    "the API server does not say which kinds it has"
                );
                renew_at = Some(Instant::now() + backoff.failed());
            } else if renews {
                backoff.succeeded();
            }
            let now_ns = now_ns(&*clock);
            let told = told.borrow_and_update().clone();
            let work = {
                let state = Arc::clone(&state);
                let news = std::mem::take(&mut batch);
                move || step(&state, news, told, now_ns)
            };
            let Ok(stepped) = tokio::task::spawn_blocking(work).await else {
                tracing::error!("judging panicked");
                continue;
            };
            has_more = stepped.has_more;
            if let Some(due) = stepped.renews.map(|due| Instant::now() + due) {
                renew_at = Some(renew_at.map_or(due, |at| at.min(due)));
            }
            if stepped.is_ready {
                shipper.ring();
            }
        }
        streams.tasks.shutdown().await;
        shipper.stop();
        Ok(())
    }
}

/// The server's policies, where it says them soon.
async fn first(settings: &ShipSettings) -> Result<Option<(Told, String)>, ShipError> {
    let settings = settings.clone();
    let asking = tokio::task::spawn_blocking(move || ship::first(&settings));
    match tokio::time::timeout(FIRST, asking).await {
        Ok(Ok(said)) => said,
        // Those the program has with it hold until it answers.
        Ok(Err(_)) | Err(_) => Ok(None),
    }
}

pub(super) struct Stepped {
    pub(super) has_more: bool,
    /// What is watched may have to be another, or to come again; by then.
    pub(super) renews: Option<Duration>,
    pub(super) is_ready: bool,
}

/// Takes news in, and judges for a while.
pub(super) fn step(state: &Mutex<State>, news: Vec<News>, told: Told, now_ns: i64) -> Stepped {
    let mut state = lock(state);
    let now = Instant::now();
    for one in news {
        state.take(one, now);
    }
    if let Some(bundle) = told.bundle {
        state.core.take_bundle(bundle, now);
    }
    state.core.take_images(told.images, now);
    state.core.take_trust(told.trust, now);
    state.look_whether_ready(now);
    let mut renews = std::mem::take(&mut state.is_defined) && state.is_ready;
    if state.is_ready {
        let unseen = state.looked_up_unseen();
        state.core.take_unseen(unseen, now);
        renews |= state.core.judge(SLICE, now_ns);
    }
    Stepped {
        has_more: state.is_ready && state.core.to_judge() > 0,
        renews: match (renews, state.core.lacks_contents()) {
            (true, _) => Some(DEFINED),
            (false, true) => Some(AGAIN),
            (false, false) => None,
        },
        is_ready: state.is_ready,
    }
}

pub(super) fn now_ns(clock: &dyn Clock) -> i64 {
    i64::try_from(clock.now().as_nanosecond()).unwrap_or(i64::MAX)
}

//! The listener: bounded bodies, bounded work, and an answer before the
//! API server stops waiting.
//!
//! What comes in is held to a budget of bytes: who finds no room in time
//! is turned away unread with 429, and the API server does as the
//! webhook's `failurePolicy` says. What was read and cannot be judged in
//! time is answered as [`Fail`] says, in words.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{
        Arc, Mutex, MutexGuard, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{self, Body, Bytes},
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use model::Clock;
use policy::{World, review::Kind};
use tokio::{
    net::TcpListener,
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    bundle::Rules,
    decide::{Answer, Fail, Judge, Place},
    keys::Keys,
    line::Line,
    listen,
    metrics::Metrics,
    review::{Request, ReviewError},
    sight::Sight,
    unread::Unread,
};
use crate::external::Asker;

/// The largest body. An object of 3 MB is there twice when it changes.
const MAX_BODY: usize = 8 << 20;
/// Bodies held at once, in KiB.
const ROOM: u32 = 48 << 10;
/// A smaller body is read into an object where it arrived.
const SMALL: usize = 256 << 10;
/// Of the API server's patience, this is left for the way back.
const WAY_BACK: u32 = 5;

/// Requests judged at once beside the others, where providers of external
/// data are waited for.
const WAITING: usize = 16;

/// How the door is kept.
#[derive(Clone, Debug)]
pub struct DoorSettings {
    pub place: Place,
    pub fail: Fail,
    pub audit_only: bool,
    /// How long the API server waits, unless it says otherwise.
    pub timeout: Duration,
    /// Requests judged at once.
    pub judges: usize,
    /// Asks providers of external data; absent: nobody does.
    pub external: Option<Arc<Asker>>,
}

/// Where requests are answered, and all that is needed for it.
pub struct Door {
    settings: DoorSettings,
    audit_only: AtomicBool,
    has_rules: AtomicBool,
    /// Until the cluster was seen, where somebody looks.
    is_blind: AtomicBool,
    is_leaving: AtomicBool,
    rules: RwLock<Arc<Rules>>,
    world: RwLock<Arc<World>>,
    /// Absent: nobody looks at a cluster, and what is known around objects
    /// is all there is. Whoever holds this may take the two above, never
    /// the other way round.
    sight: Mutex<Option<Sight>>,
    has_new_rules: Notify,
    clock: Arc<dyn Clock>,
    room: Arc<Semaphore>,
    judges: Arc<Semaphore>,
    pub line: Line,
    pub unread: Unread,
    pub metrics: Metrics,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Validate,
    Mutate,
}

impl Door {
    pub fn new(settings: DoorSettings, clock: Arc<dyn Clock>) -> Self {
        // Who waits for a provider needs no processor, but a place.
        let waiting = settings.external.as_ref().map_or(0, |_| WAITING);
        let judges = settings.judges.max(1) + waiting;
        Self {
            audit_only: AtomicBool::new(settings.audit_only),
            has_rules: AtomicBool::new(false),
            is_blind: AtomicBool::new(false),
            is_leaving: AtomicBool::new(false),
            rules: RwLock::default(),
            world: RwLock::default(),
            sight: Mutex::default(),
            has_new_rules: Notify::new(),
            room: Arc::new(Semaphore::new(ROOM as usize)),
            judges: Arc::new(Semaphore::new(judges)),
            line: Line::default(),
            unread: Unread::default(),
            metrics: Metrics::default(),
            settings,
            clock,
        }
    }

    pub fn settings(&self) -> &DoorSettings {
        &self.settings
    }

    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().expect("invariant: no panic under it"))
    }

    /// Decides by these rules from now on.
    pub fn put_rules(&self, rules: Rules) {
        let (images, trust) = (Arc::clone(&rules.images), Arc::clone(&rules.trust));
        let asker = self.settings.external.as_ref();
        let external = asker.map(|asker| asker.of(&rules.policies));
        let providers = rules.policies.providers().len();
        if external.is_none() && providers > 0 {
            tracing::warn!(
                providers,
                "policies name providers of external data, and none is asked: \
                 --external-data is not set"
            );
        }
        let sight = self.sight();
        let unseen = sight.as_ref().map(|sight| sight.unseen(&rules.policies));
        let namespaces = sight.as_ref().is_some_and(|sight| sight.namespaces);
        let sees_all = namespaces && unseen.as_ref().is_some_and(BTreeSet::is_empty);
        // First what was not seen, and the providers: rules that come to
        // it find nothing missing.
        self.around(|world| {
            world.images = images;
            world.trust = trust;
            world.unseen = Arc::new(unseen.unwrap_or_default());
            world.external = external;
        });
        *self.rules.write().expect("invariant: no panic under it") = Arc::new(rules);
        self.has_rules.store(true, Ordering::Release);
        if sees_all {
            self.is_blind.store(false, Ordering::Release);
        }
        drop(sight);
        self.has_new_rules.notify_one();
    }

    /// Whether there are rules, whatever they are worth without a sight
    /// of the cluster.
    pub(super) fn has_rules(&self) -> bool {
        self.has_rules.load(Ordering::Acquire)
    }

    /// Returns when there are other rules than there were.
    pub(super) async fn new_rules(&self) {
        self.has_new_rules.notified().await;
    }

    fn sight(&self) -> MutexGuard<'_, Option<Sight>> {
        self.sight.lock().expect("invariant: no panic under it")
    }

    /// Somebody looks at the cluster from now on: it is not judged before
    /// it was seen.
    pub(super) fn expect_cluster(&self) {
        self.is_blind.store(true, Ordering::Release);
        *self.sight() = Some(Sight::default());
    }

    fn look(&self, change: impl FnOnce(&mut Sight)) {
        let mut sight = self.sight();
        let Some(sight) = sight.as_mut() else { return };
        change(sight);
        let unseen = sight.unseen(&self.rules().policies);
        if sight.namespaces && unseen.is_empty() && self.has_rules() {
            self.is_blind.store(false, Ordering::Release);
        }
        self.around(|world| world.unseen = Arc::new(unseen));
    }

    /// Every namespace is known.
    pub(super) fn saw_namespaces(&self) {
        self.look(|sight| sight.namespaces = true);
    }

    /// All objects of a kind are known that policies look up, or what
    /// they are called.
    pub(super) fn saw(&self, kind: &Kind, by_name: bool) {
        self.look(|sight| sight.saw(kind, by_name));
    }

    /// Objects of a kind begin to be looked at that were not there.
    pub(super) fn looks_at(&self, kind: &Kind) {
        self.look(|sight| sight.forget(kind));
    }

    /// Kinds that were not seen whole.
    pub(super) fn unseen(&self) -> Vec<String> {
        let sight = self.sight();
        let Some(sight) = sight.as_ref() else {
            return Vec::new();
        };
        let namespaces = (!sight.namespaces).then(|| "Namespace".to_owned());
        let kinds = sight.unseen(&self.rules().policies);
        let kinds = kinds.into_iter().map(|kind| kind.kind);
        namespaces.into_iter().chain(kinds).collect()
    }

    /// Judges by what is known: the rest is taking too long. Who looks up
    /// what was not seen still does not judge.
    pub(super) fn wait_no_more(&self) {
        self.is_blind.store(false, Ordering::Release);
    }

    /// Changes what is known around objects.
    pub fn around(&self, change: impl FnOnce(&mut World)) {
        let mut world = self.world.write().expect("invariant: no panic under it");
        change(Arc::make_mut(&mut world));
    }

    fn world(&self) -> Arc<World> {
        Arc::clone(&self.world.read().expect("invariant: no panic under it"))
    }

    /// Providers of external data that gave no answer when last asked, and
    /// why.
    pub fn troubles(&self) -> Vec<String> {
        let world = self.world();
        let troubles = world.external.iter().flat_map(|it| it.troubles());
        troubles
            .map(|(name, error)| format!("Provider/{name} does not answer: {error}"))
            .collect()
    }

    /// Whether nothing is refused.
    pub fn audit_only(&self) -> bool {
        self.audit_only.load(Ordering::Relaxed)
    }

    /// Refuses nothing from now on.
    pub fn stop_refusing(&self) {
        self.audit_only.store(true, Ordering::Relaxed);
    }

    /// Whether it has rules, has seen the cluster they are about, and is
    /// not about to leave.
    pub fn is_ready(&self) -> bool {
        self.lacks().is_none() && !self.is_leaving.load(Ordering::Acquire)
    }

    /// What it cannot judge without.
    fn lacks(&self) -> Option<&'static str> {
        if !self.has_rules() {
            Some("it has no policies yet")
        } else if self.is_blind.load(Ordering::Acquire) {
            Some("it has not seen the cluster yet")
        } else {
            None
        }
    }

    /// Says that it is about to leave. Who asks all the same is answered.
    pub fn leave(&self) {
        self.is_leaving.store(true, Ordering::Release);
    }

    /// What it answers to.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/validate", post(validate))
            .route("/mutate", post(mutate))
            .route("/healthz", get(|| async { "ok" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .layer(middleware::map_response_with_state(Arc::clone(self), part))
            .with_state(Arc::clone(self))
    }

    /// Answers on a listener, through TLS, until told to stop; then what
    /// was begun is ended.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        keys: Arc<Keys>,
        shutdown: CancellationToken,
    ) -> io::Result<()> {
        let acceptor = keys.acceptor().map_err(io::Error::other)?;
        listen::serve(listener, acceptor, self.router(), shutdown).await
    }

    fn judge(&self, asked: Asked, request: &Request) -> Answer {
        let (rules, world) = (self.rules(), self.world());
        let judge = Judge {
            rules: &rules,
            world: &world,
            place: &self.settings.place,
            audit_only: self.audit_only(),
            fail: self.settings.fail,
            now: self.clock.now(),
        };
        match asked {
            Asked::Validate => judge.validate(request),
            Asked::Mutate => judge.mutate(request),
        }
    }

    fn unjudged(&self, request: &Request, why: &str) -> Answer {
        self.metrics.failed.fetch_add(1, Ordering::Relaxed);
        let world = World::default();
        let rules = self.rules();
        let judge = Judge {
            rules: &rules,
            world: &world,
            place: &self.settings.place,
            audit_only: self.audit_only(),
            fail: self.settings.fail,
            now: self.clock.now(),
        };
        judge.unjudged(request, why)
    }

    async fn answer(
        self: Arc<Self>,
        asked: Asked,
        patience: Duration,
        headers: HeaderMap,
        body: Body,
    ) -> Response {
        let deadline = Instant::now() + patience - patience / WAY_BACK;
        let (bytes, room) = match self.body(&headers, body, deadline).await {
            Ok(read) => read,
            Err((status, told)) => {
                self.metrics.refused.fetch_add(1, Ordering::Relaxed);
                return (status, told).into_response();
            }
        };
        let started = Instant::now();
        let request = match read(bytes).await {
            Ok(request) => Arc::new(request),
            Err(error) => {
                self.metrics.malformed.fetch_add(1, Ordering::Relaxed);
                return (StatusCode::BAD_REQUEST, error.to_string()).into_response();
            }
        };
        let mut answer = self.clone().decide(asked, &request, deadline).await;
        drop(room);
        let took = started.elapsed();
        self.count(asked, &mut answer, took);
        let json = answer.review.to_string();
        ([(header::CONTENT_TYPE, "application/json")], json).into_response()
    }

    /// Reads a body once there is room for it.
    async fn body(
        &self,
        headers: &HeaderMap,
        body: Body,
        deadline: Instant,
    ) -> Result<(Bytes, OwnedSemaphorePermit), (StatusCode, String)> {
        let too_long = || {
            let told = format!("the body is longer than {MAX_BODY} bytes");
            (StatusCode::PAYLOAD_TOO_LARGE, told)
        };
        let length = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok())
            .unwrap_or(MAX_BODY);
        if length > MAX_BODY {
            return Err(too_long());
        }
        let needed = u32::try_from(length >> 10).unwrap_or(ROOM) + 1;
        let room = Arc::clone(&self.room).acquire_many_owned(needed);
        // Without `Retry-After`: an API server that is told to come again
        // does, while whoever asked it waits.
        let Ok(Ok(room)) = timeout_at(deadline, room).await else {
            let told = "too many requests at once: this one was not judged".to_owned();
            return Err((StatusCode::TOO_MANY_REQUESTS, told));
        };
        match timeout_at(deadline, body::to_bytes(body, length)).await {
            Ok(Ok(bytes)) => Ok((bytes, room)),
            Ok(Err(_)) => Err(too_long()),
            Err(_) => {
                let told = "the body did not arrive in time".to_owned();
                Err((StatusCode::REQUEST_TIMEOUT, told))
            }
        }
    }

    async fn decide(
        self: Arc<Self>,
        asked: Asked,
        request: &Arc<Request>,
        deadline: Instant,
    ) -> Answer {
        if let Some(lacks) = self.lacks() {
            return self.unjudged(request, lacks);
        }
        let judges = Arc::clone(&self.judges).acquire_owned();
        let Ok(Ok(place)) = timeout_at(deadline, judges).await else {
            return self.unjudged(request, "too many requests came before it");
        };
        let (door, own) = (Arc::clone(&self), Arc::clone(request));
        let judging = tokio::task::spawn_blocking(move || {
            let answer = door.judge(asked, &own);
            drop(place);
            answer
        });
        match timeout_at(deadline, judging).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::error!(%error, "judging a request failed");
                self.unjudged(request, "a policy failed in an unforeseen way")
            }
            Err(_) => self.unjudged(request, "its policies took too long"),
        }
    }

    fn count(&self, asked: Asked, answer: &mut Answer, took: Duration) {
        let metrics = &self.metrics;
        metrics.requests.fetch_add(1, Ordering::Relaxed);
        metrics.took(took);
        if !answer.is_allowed {
            metrics.denied.fetch_add(1, Ordering::Relaxed);
        }
        for image in answer.unread.drain(..) {
            self.unread.note(image, self.clock.now());
        }
        if let Some(mut decision) = answer.decision.take() {
            if asked == Asked::Mutate {
                metrics.mutated.fetch_add(1, Ordering::Relaxed);
            }
            decision.took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            self.line.push(decision);
        }
    }
}

/// A large body is read beside the threads that everybody shares.
async fn read(bytes: Bytes) -> Result<Request, ReviewError> {
    if bytes.len() <= SMALL {
        return Request::read(&bytes);
    }
    tokio::task::spawn_blocking(move || Request::read(&bytes))
        .await
        .unwrap_or_else(|error| Err(ReviewError::Json(error.to_string())))
}

/// `timeout=5s`, as the API server writes it.
fn patience(query: &BTreeMap<String, String>, most: Duration) -> Duration {
    let asked = query.get("timeout").and_then(|text| {
        let (number, unit) = text.split_at(text.find(|c: char| c.is_alphabetic())?);
        let number: u64 = number.parse().ok()?;
        match unit {
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            "m" => Some(Duration::from_mins(number.min(10))),
            _ => None,
        }
    });
    asked.map_or(most, |asked| asked.min(most))
}

async fn validate(
    State(door): State<Arc<Door>>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let patience = patience(&query, door.settings.timeout);
    door.answer(Asked::Validate, patience, headers, body).await
}

async fn mutate(
    State(door): State<Arc<Door>>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let patience = patience(&query, door.settings.timeout);
    door.answer(Asked::Mutate, patience, headers, body).await
}

async fn ready(State(door): State<Arc<Door>>) -> Response {
    if door.is_ready() {
        "ok".into_response()
    } else {
        let told = door.lacks().unwrap_or("it is about to stop");
        (StatusCode::SERVICE_UNAVAILABLE, told).into_response()
    }
}

/// Who is about to leave lets go of connections with its last answer on
/// each: what is asked next comes by another, and finds one that stays.
async fn part(State(door): State<Arc<Door>>, mut response: Response) -> Response {
    if door.is_leaving.load(Ordering::Acquire) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

async fn metrics(State(door): State<Arc<Door>>) -> Response {
    let text = door.metrics.text(door.line.len(), door.line.dropped());
    let kind = "text/plain; version=0.0.4";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

#[cfg(test)]
pub(super) mod sight_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_server_says_how_long_it_waits() {
        let asked = |text: &str| {
            let query = BTreeMap::from([("timeout".to_owned(), text.to_owned())]);
            patience(&query, Duration::from_secs(5))
        };
        assert_eq!(asked("3s"), Duration::from_secs(3));
        assert_eq!(asked("500ms"), Duration::from_millis(500));
        assert_eq!(asked("1m"), Duration::from_secs(5));
        assert_eq!(asked("soon"), Duration::from_secs(5));
        assert_eq!(asked("10s"), Duration::from_secs(5));
    }
}

//! To the server: what changed, how it is; from it: which policies hold.
//!
//! A thread of its own, since requests block. A batch is sent until it is
//! answered, under one number; what changes meanwhile waits in the core,
//! the newest state of each object alone. Where the server lacks what
//! came before, everything is told again.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use api::{
    policy::Bundle,
    posture::{ObjectBatch, ObjectReceipt},
};
use fetch::{Client, FetchError, Url, is_loopback};
use policy::Document;
use serde::Serialize;
use tokio::sync::watch;

use crate::admit;

use super::{
    run::{RunError, State, Told, lock},
    stream::Backoff,
};

/// How often the server hears how the connector is.
const STATUS: Duration = Duration::from_secs(10);
/// And so soon where the server did not hear it.
const STATUS_AGAIN: Duration = Duration::from_secs(2);
/// How often it is asked which policies hold.
const BUNDLE: Duration = Duration::from_secs(15);
/// After what only a person can mend.
const SLOW: Duration = Duration::from_secs(30);
const MAX_TOKEN: u64 = 4 << 10;
const MAX_ANSWER: u64 = 64 << 20;

/// The way to the server.
#[derive(Clone, Debug)]
pub struct ShipSettings {
    /// `https://seawall.example`.
    pub server: String,
    /// What the cluster is called there.
    pub cluster: String,
    pub environment: Option<String>,
    pub token_file: PathBuf,
    pub ca_file: Option<PathBuf>,
}

/// The server's address or token is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    #[error("use '{server}' as the server: {why}")]
    Server { server: String, why: String },
    #[error("prepare requests")]
    Client(#[source] FetchError),
    #[error("read the token file {}", path.display())]
    Token {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// What stands between a request and its answer.
#[derive(Debug)]
enum Fault {
    /// It may pass by itself.
    Passing(String),
    /// Somebody must mend it.
    Lasting(String),
    /// The server takes no such body.
    Refused(String),
    /// There is no such thing.
    Absent,
}

struct Link {
    client: Client,
    base: Url,
    environment: Option<String>,
    token_file: PathBuf,
}

impl Link {
    fn new(settings: &ShipSettings) -> Result<Self, ShipError> {
        let refuse = |why: String| ShipError::Server {
            server: settings.server.clone(),
            why,
        };
        let server = Url::parse(&settings.server).map_err(|error| refuse(error.to_string()))?;
        match server.scheme() {
            "https" => {}
            "http" if is_loopback(&server) => {}
            "http" => {
                return Err(refuse(
                    "plain HTTP is for this machine's own addresses only; use https".to_owned(),
                ));
            }
            other => return Err(refuse(format!("expected https, not {other}"))),
        }
        let mut base = server;
        base.path_segments_mut()
            .map_err(|()| refuse("expected https://host:port".to_owned()))?
            .pop_if_empty()
            .extend(["api", "v1", "clusters", settings.cluster.as_str()]);
        let fetching = fetch::Settings {
            user_agent: concat!("seawall-connector/", env!("CARGO_PKG_VERSION")).to_owned(),
            retries: 0,
            ca_file: settings.ca_file.clone(),
            ..fetch::Settings::default()
        };
        let link = Self {
            client: Client::new(&fetching).map_err(ShipError::Client)?,
            base,
            environment: settings.environment.clone(),
            token_file: settings.token_file.clone(),
        };
        link.token().map_err(|source| ShipError::Token {
            path: settings.token_file.clone(),
            source,
        })?;
        Ok(link)
    }

    /// Read each time: tokens are replaced while this runs.
    fn token(&self) -> std::io::Result<String> {
        use std::io::Read as _;
        let mut text = String::new();
        fs::File::open(&self.token_file)?
            .take(MAX_TOKEN)
            .read_to_string(&mut text)?;
        Ok(text.trim().to_owned())
    }

    fn url(&self, part: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(part);
        }
        if let Some(environment) = &self.environment {
            url.query_pairs_mut()
                .append_pair("environment", environment);
        }
        url
    }

    fn ask(&self, request: fetch::Request<'_>) -> Result<fetch::Response, Fault> {
        let token = self.token().map_err(|error| {
            Fault::Lasting(format!("read {}: {error}", self.token_file.display()))
        })?;
        let response = request
            .header("authorization", format!("Bearer {token}"))
            .send()
            .map_err(|error| Fault::Passing(model::error::chain(&error)))?;
        let status = response.status;
        if (200..300).contains(&status) || status == 304 {
            return Ok(response);
        }
        let text = response.text(64 << 10).unwrap_or_default();
        let told = serde_json::from_str::<serde_json::Value>(&text).ok();
        let told = told
            .as_ref()
            .and_then(|problem| problem.get("detail").or(problem.get("message"))?.as_str())
            .unwrap_or(&text);
        let told = format!("{status}: {}", told.chars().take(300).collect::<String>());
        Err(match status {
            404 => Fault::Absent,
            400 | 413 | 422 => Fault::Refused(told),
            401 | 403 => Fault::Lasting(told),
            _ => Fault::Passing(told),
        })
    }

    fn post(&self, part: &str, body: &impl Serialize) -> Result<String, Fault> {
        let body = serde_json::to_vec(body).map_err(|error| Fault::Refused(error.to_string()))?;
        let url = self.url(part);
        let request = self
            .client
            .post(&url)
            .header("content-type", "application/json")
            .body(body);
        let response = self.ask(request)?;
        response
            .text(MAX_ANSWER)
            .map_err(|error| Fault::Passing(model::error::chain(&error)))
    }
}

impl Link {
    /// Which policies hold; nothing where those of `mark` do, or where
    /// the server does not say.
    fn bundle(&self, mark: Option<&str>) -> Result<Option<Bundle>, String> {
        let url = self.url("bundle");
        let mut request = self.client.get(&url);
        let tag = mark.map(|mark| format!("\"{mark}\""));
        if let Some(tag) = &tag {
            request = request.header("if-none-match", tag.as_str());
        }
        let response = match self.ask(request) {
            Ok(response) if response.status == 304 => return Ok(None),
            Ok(response) => response,
            Err(fault) => {
                tracing::debug!(?fault, "the server did not say which policies hold");
                return Ok(None);
            }
        };
        let text = response
            .text(MAX_ANSWER)
            .map_err(|error| model::error::chain(&error))?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }
}

/// Whoever ships, from outside.
#[derive(Debug)]
pub(crate) struct Shipper {
    bell: SyncSender<()>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Shipper {
    /// There may be something to tell.
    pub(crate) fn ring(&self) {
        // One that waits already rings for this, too.
        let _rung = self.bell.try_send(());
    }

    /// Waits until the last request is answered, or given up.
    pub(crate) fn stop(mut self) {
        let (gone, _) = sync_channel(0);
        self.bell = gone;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Ships until the other end of the bell is gone. `mark` names the
/// server's policies that hold already.
pub(crate) fn start(
    settings: &ShipSettings,
    mark: Option<String>,
    status_file: Option<PathBuf>,
    state: Arc<Mutex<State>>,
    tell: watch::Sender<Told>,
) -> Result<Shipper, RunError> {
    let link = Link::new(settings)?;
    let (bell, heard) = sync_channel(1);
    let mut courier = Courier {
        backoff: Backoff::new(&settings.cluster),
        link,
        state,
        tell,
        status_file,
        session: session(),
        number: 0,
        is_complete: false,
        waiting: None,
        mark,
        failing: false,
    };
    let thread = thread::Builder::new()
        .name("ship".to_owned())
        .spawn(move || courier.run(&heard))
        .map_err(RunError::Thread)?;
    Ok(Shipper {
        bell,
        thread: Some(thread),
    })
}

fn session() -> String {
    uuid::Uuid::now_v7().to_string()
}

struct Courier {
    backoff: Backoff,
    link: Link,
    state: Arc<Mutex<State>>,
    tell: watch::Sender<Told>,
    status_file: Option<PathBuf>,
    session: String,
    number: u64,
    /// The whole picture of this session was told.
    is_complete: bool,
    /// Sent, and not answered yet.
    waiting: Option<ObjectBatch>,
    /// The bundle that holds.
    mark: Option<String>,
    failing: bool,
}

impl Courier {
    fn run(&mut self, bell: &Receiver<()>) {
        let mut next_status = Instant::now();
        let mut next_bundle = Instant::now();
        let mut not_before = Instant::now();
        let mut was_ready = false;
        loop {
            let now = Instant::now();
            if now >= next_bundle {
                next_bundle = now + BUNDLE;
                self.fetch_bundle();
            }
            // That all is known is told as soon as it is.
            let is_ready = lock(&self.state).is_ready;
            if now >= next_status || is_ready != was_ready {
                was_ready = is_ready;
                let pause = if self.report() { STATUS } else { STATUS_AGAIN };
                next_status = now + pause;
            }
            let mut has_more = false;
            if now >= not_before {
                match self.ship() {
                    Ok(more) => has_more = more,
                    Err(wait) => not_before = Instant::now() + wait,
                }
            }
            if has_more {
                continue;
            }
            let due = next_status.min(next_bundle);
            let due = if self.waiting.is_some() {
                due.min(not_before)
            } else {
                due
            };
            match bell.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Sends the next batch; whether there is more.
    fn ship(&mut self) -> Result<bool, Duration> {
        let mut has_more = false;
        if self.waiting.is_none() {
            let mut state = lock(&self.state);
            if !state.is_ready {
                return Ok(false);
            }
            let (mut batch, more) = state.core.parcel();
            has_more = more;
            let is_judged = state.core.to_judge() == 0;
            if !self.is_complete && !more && is_judged {
                batch.completes = true;
                batch.except = state.unseen();
            }
            drop(state);
            if batch.objects.is_empty() && batch.gone.is_empty() && !batch.completes {
                return Ok(false);
            }
            batch.session.clone_from(&self.session);
            batch.number = self.number + 1;
            self.waiting = Some(batch);
        }
        let Some(batch) = &self.waiting else {
            return Ok(false);
        };
        match self.link.post("objects", batch) {
            Ok(answer) => {
                let receipt: ObjectReceipt = serde_json::from_str(&answer).unwrap_or_default();
                self.backoff.succeeded();
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the server takes what it is sent again");
                }
                if receipt.resync {
                    tracing::info!("the server asks for everything anew");
                    self.begin_anew();
                    return Ok(true);
                }
                self.is_complete |= batch.completes;
                self.number += 1;
                self.waiting = None;
                Ok(has_more)
            }
            Err(fault) => Err(self.failed(fault)),
        }
    }

    fn begin_anew(&mut self) {
        self.waiting = None;
        self.session = session();
        self.number = 0;
        self.is_complete = false;
        lock(&self.state).core.tell_all();
    }

    fn failed(&mut self, fault: Fault) -> Duration {
        let (wait, told) = match fault {
            Fault::Passing(told) => (self.backoff.failed(), told),
            Fault::Lasting(told) => (self.backoff.jittered(SLOW), told),
            Fault::Absent => (
                self.backoff.jittered(SLOW),
                "404: the server knows no such environment, or is too old".to_owned(),
            ),
            Fault::Refused(told) => {
                // It would be refused for ever: its number is used up by
                // an empty one, and the rest goes on.
                tracing::error!(error = told, "the server refuses a batch; it is left out");
                if let Some(batch) = &mut self.waiting {
                    batch.objects.clear();
                    batch.gone.clear();
                    batch.policies.clear();
                }
                return Duration::from_secs(1);
            }
        };
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(error = told, "the server does not take what it is sent");
        }
        wait
    }

    /// Says how the connector is; whether the server heard it.
    fn report(&mut self) -> bool {
        let status = lock(&self.state).status();
        if let Some(path) = &self.status_file
            && let Err(error) = write(path, &status)
        {
            tracing::warn!(path = %path.display(), %error, "cannot write the status file");
        }
        match self.link.post("connector", &status) {
            Ok(_) => true,
            Err(fault) => {
                tracing::debug!(?fault, "the server did not hear how the connector is");
                false
            }
        }
    }

    /// Asks which policies hold.
    fn fetch_bundle(&mut self) {
        match self.link.bundle(self.mark.as_deref()) {
            Ok(Some(bundle)) => {
                tracing::info!(policies = bundle.policies.len(), "policies from the server");
                self.mark = Some(bundle.mark.clone());
                drop(self.tell.send(told(bundle)));
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(error, "cannot read the server's policies"),
        }
    }
}

/// The server's policies, and what names them, before there is anything
/// to tell it; nothing where it does not answer. What they are compiled
/// into is large: two of them are best never there.
pub(crate) fn first(settings: &ShipSettings) -> Result<Option<(Told, String)>, ShipError> {
    let bundle = Link::new(settings)?.bundle(None);
    Ok(bundle.ok().flatten().map(|bundle| {
        let mark = bundle.mark.clone();
        (told(bundle), mark)
    }))
}

fn told(bundle: Bundle) -> Told {
    let (images, trust) = (admit::images(&bundle.images), admit::trust(&bundle));
    let documents = bundle.policies.into_iter().flat_map(|policy| {
        let documents = policy.documents.into_iter();
        documents.map(|document| Document {
            source: document.source,
            value: document.value,
        })
    });
    Told {
        bundle: Some(Arc::new(documents.collect())),
        images: Arc::new(images),
        trust: Arc::new(trust),
    }
}

/// Replaced by rename: what is there is whole.
fn write(path: &Path, status: &impl Serialize) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = fs::File::create(&beside)?;
    file.write_all(&serde_json::to_vec_pretty(status)?)?;
    fs::rename(&beside, path)
}

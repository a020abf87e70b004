//! The way to the server: bundles come, decisions go.
//!
//! A bundle is asked for by its entity tag and kept on disk, so that a
//! replica that starts while the server is away decides by the last one.
//! Decisions are sent until the server has them; it knows them by uid.

use std::{
    fs, io,
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use api::{
    decision::{AdmissionStatus, DecisionBatch, DecisionReceipt},
    policy::Bundle,
};
use fetch::{Client, FetchError, Response, Url, is_loopback};
use jiff::Timestamp;

use super::{bundle::Rules, door::Door};

/// How often a bundle is asked for, and how a replica is, is told.
const POLL: Duration = Duration::from_secs(5);
const TELL: Duration = Duration::from_secs(10);
/// How often decisions are looked for.
const LOOK: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Decisions of one batch, and names of images.
const BATCH: usize = 400;
const NAMES: usize = 200;
const MAX_TOKEN: u64 = 4 << 10;
const MAX_BUNDLE: u64 = 128 << 20;
const MAX_ANSWER: u64 = 4 << 20;
const CONNECT: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(20);

/// Which server, and as whom.
#[derive(Clone, Debug)]
pub struct KeeperSettings {
    pub server: String,
    pub cluster: String,
    pub environment: Option<String>,
    pub token_file: PathBuf,
    pub ca_file: Option<PathBuf>,
    /// Where the last bundle is kept.
    pub state_dir: Option<PathBuf>,
    /// Names this replica.
    pub replica: String,
}

/// Why the server was of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    #[error("use the server '{server}': {why}")]
    Server { server: String, why: String },
    #[error("read the token {}", path.display())]
    Token {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("ask the server")]
    Fetch(#[from] FetchError),
    #[error("the server answers {status}: {told}")]
    Refused { status: u16, told: String },
    #[error("keep the bundle in {}", path.display())]
    Keep {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Asks the server in the name of a cluster.
#[derive(Clone, Debug)]
pub struct Keeper {
    client: Client,
    base: Url,
    settings: KeeperSettings,
}

impl Keeper {
    pub fn new(settings: KeeperSettings) -> Result<Self, KeeperError> {
        let refuse = |why: &str| KeeperError::Server {
            server: settings.server.clone(),
            why: why.to_owned(),
        };
        let mut base = Url::parse(&settings.server).map_err(|error| refuse(&error.to_string()))?;
        match base.scheme() {
            "https" => {}
            "http" if is_loopback(&base) => {}
            "http" => return Err(refuse("plain HTTP is for loopback only; use https")),
            _ => return Err(refuse("expected https://host:port")),
        }
        base.path_segments_mut()
            .map_err(|()| refuse("expected https://host:port"))?
            .pop_if_empty()
            .extend(["api", "v1", "clusters", settings.cluster.as_str()]);
        let client = Client::new(&fetch::Settings {
            user_agent: concat!("seawall-admission/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: CONNECT,
            idle_timeout: IDLE,
            retries: 0,
            ca_file: settings.ca_file.clone(),
            ..fetch::Settings::default()
        })?;
        Ok(Self {
            client,
            base,
            settings,
        })
    }

    fn url(&self, part: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(part);
        }
        if let Some(environment) = &self.settings.environment {
            url.query_pairs_mut()
                .append_pair("environment", environment);
        }
        url
    }

    /// Reads the token; it may have been replaced.
    fn token(&self) -> Result<String, KeeperError> {
        let path = &self.settings.token_file;
        let read = || {
            let mut text = String::new();
            fs::File::open(path)?
                .take(MAX_TOKEN)
                .read_to_string(&mut text)?;
            let token = text.trim();
            if token.is_empty() || token.contains(|c: char| c.is_control() || c == ' ') {
                let told = "it holds no token: expected one line";
                return Err(io::Error::new(io::ErrorKind::InvalidData, told));
            }
            Ok(format!("Bearer {token}"))
        };
        read().map_err(|source| KeeperError::Token {
            path: path.clone(),
            source,
        })
    }

    /// The bundle there is; `None`: it is the one of this mark.
    pub fn bundle(&self, mark: &str) -> Result<Option<Bundle>, KeeperError> {
        let mut request = self
            .client
            .get(&self.url("bundle"))
            .header("authorization", self.token()?);
        if !mark.is_empty() {
            request = request.header("if-none-match", format!("\"{mark}\""));
        }
        let response = request.send()?;
        if response.status == 304 {
            return Ok(None);
        }
        Ok(Some(succeeded(response)?.json(MAX_BUNDLE)?))
    }

    /// Hands decisions in.
    pub fn send(&self, batch: &DecisionBatch) -> Result<DecisionReceipt, KeeperError> {
        let body = serde_json::to_vec(batch).expect("invariant: plain data");
        let response = self
            .client
            .post(&self.url("decisions"))
            .header("authorization", self.token()?)
            .header("content-type", "application/json")
            .body(body)
            .send()?;
        Ok(succeeded(response)?.json(MAX_ANSWER)?)
    }

    fn file(&self) -> Option<PathBuf> {
        let folder = self.settings.state_dir.as_ref()?;
        Some(folder.join("bundle.json"))
    }

    /// The bundle that was last kept, for this cluster.
    pub fn kept(&self) -> Option<Bundle> {
        let mut text = Vec::new();
        let file = fs::File::open(self.file()?).ok()?;
        file.take(MAX_BUNDLE).read_to_end(&mut text).ok()?;
        let bundle: Bundle = serde_json::from_slice(&text).ok()?;
        (bundle.cluster == self.settings.cluster).then_some(bundle)
    }

    fn keep(&self, bundle: &Bundle) -> Result<(), KeeperError> {
        let Some(path) = self.file() else {
            return Ok(());
        };
        let text = serde_json::to_vec(bundle).expect("invariant: plain data");
        write_whole(&path, &text).map_err(|source| KeeperError::Keep { path, source })
    }

    /// Takes a bundle that differs from what the door decides by.
    fn take(door: &Door, bundle: &Bundle) {
        let rules = Rules::load(bundle, Some(&door.rules()));
        tell(&rules);
        door.put_rules(rules);
    }

    /// Begins with the server's bundle, or the one that was kept.
    pub async fn begin(&self, door: &Arc<Door>) {
        let (keeper, own) = (self.clone(), Arc::clone(door));
        let begun = tokio::task::spawn_blocking(move || match keeper.bundle("") {
            Ok(Some(bundle)) => keeper.arrived(&own, &bundle),
            Ok(None) => {}
            Err(error) => {
                let error = model::error::chain(&error);
                if let Some(bundle) = keeper.kept() {
                    tracing::warn!(error, "no bundle from the server; the last one is used");
                    Self::take(&own, &bundle);
                } else {
                    tracing::warn!(error, "no bundle from the server, and none is kept");
                }
            }
        });
        if let Err(error) = begun.await {
            tracing::error!(%error, "asking for the first bundle failed");
        }
    }

    fn arrived(&self, door: &Door, bundle: &Bundle) {
        Self::take(door, bundle);
        if let Err(error) = self.keep(bundle) {
            tracing::warn!(error = %model::error::chain(&error), "the bundle is not kept");
        }
    }

    /// Keeps the door's bundle current until told to stop.
    pub async fn follow(self, door: Arc<Door>) {
        let mut faults = 0;
        loop {
            tokio::time::sleep(wait(POLL, faults)).await;
            let (keeper, own) = (self.clone(), Arc::clone(&door));
            let asked = tokio::task::spawn_blocking(move || {
                let bundle = keeper.bundle(&own.rules().mark)?;
                if let Some(bundle) = bundle {
                    keeper.arrived(&own, &bundle);
                }
                Ok::<(), KeeperError>(())
            });
            faults = outcome(asked.await, faults, "the bundle could not be asked for");
        }
    }

    /// Hands decisions in, and tells how the door is, until told to stop.
    pub async fn ship(self, door: Arc<Door>, how: impl Fn() -> AdmissionStatus + Send + Sync) {
        let (mut faults, mut unnamed) = (0, 0);
        let mut told = None;
        let mut names_due = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(wait(LOOK, faults)).await;
            let is_due = told.is_none_or(|at: tokio::time::Instant| at.elapsed() >= TELL);
            let items = door.line.first(BATCH);
            if is_due || !items.is_empty() {
                let count = items.len();
                let batch = DecisionBatch {
                    items,
                    status: is_due.then(&how),
                    images: Vec::new(),
                };
                let sent = self.hand_in(batch).await;
                if is_settled(&sent) {
                    door.line.sent(count);
                }
                if let Ok(Ok(receipt)) = &sent {
                    for refused in &receipt.refused {
                        tracing::warn!(
                            decision = refused.uid,
                            reason = refused.reason,
                            "the server does not keep a decision"
                        );
                    }
                    if is_due {
                        told = Some(tokio::time::Instant::now());
                    }
                }
                let sent = sent.map(|sent| sent.map(drop));
                faults = outcome(sent, faults, "decisions could not be handed in");
            }
            let images = door.unread.first(NAMES);
            let is_time = tokio::time::Instant::now() >= names_due;
            // Decisions wait for no names, and names for a server that
            // takes decisions.
            if faults == 0 && is_time && !images.is_empty() {
                unnamed = self.name(&door, images, unnamed).await;
                names_due = tokio::time::Instant::now() + wait(LOOK, unnamed);
            }
        }
    }

    /// Tells of images that nobody read, by themselves: a server of before
    /// refuses what holds them whole.
    async fn name(&self, door: &Door, images: Vec<String>, faults: u32) -> u32 {
        let count = images.len();
        let batch = DecisionBatch {
            images,
            ..DecisionBatch::default()
        };
        let sent = self.hand_in(batch).await;
        if is_settled(&sent) {
            door.unread.sent(count);
        }
        let sent = sent.map(|sent| sent.map(drop));
        outcome(sent, faults, "names of images could not be told")
    }

    async fn hand_in(&self, batch: DecisionBatch) -> Sent {
        let keeper = self.clone();
        tokio::task::spawn_blocking(move || keeper.send(&batch)).await
    }

    /// Hands in what waits, once more, before an end.
    pub async fn flush(self, door: Arc<Door>) {
        while !door.line.is_empty() {
            let items = door.line.first(BATCH);
            let count = items.len();
            let batch = DecisionBatch {
                items,
                ..DecisionBatch::default()
            };
            let sent = self.hand_in(batch).await;
            if !matches!(sent, Ok(Ok(_))) {
                return;
            }
            door.line.sent(count);
        }
    }

    /// How the door is, as the server wants to know it.
    pub fn status(
        &self,
        door: &Door,
        certificate_ends: Option<Timestamp>,
        problems: Vec<String>,
    ) -> AdmissionStatus {
        let rules = door.rules();
        let (p50_us, p99_us) = door.metrics.percentiles();
        let of = |counted: &std::sync::atomic::AtomicU64| counted.load(Ordering::Relaxed);
        AdmissionStatus {
            replica: self.settings.replica.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            bundle: rules.mark.clone(),
            audit_only: door.audit_only(),
            fail: door.settings().fail.as_str().to_owned(),
            requests: of(&door.metrics.requests),
            denied: of(&door.metrics.denied),
            failed: of(&door.metrics.failed) + of(&door.metrics.refused),
            dropped: door.line.dropped(),
            p50_us,
            p99_us,
            certificate_ends,
            problems: rules.problems.iter().cloned().chain(problems).collect(),
        }
    }
}

/// Says in the log what rules are in force, and what is wrong.
pub(super) fn tell(rules: &Rules) {
    let loaded = rules.loaded();
    for problem in &rules.problems {
        tracing::warn!(problem, "a policy is not as it was written");
    }
    tracing::info!(
        bundle = rules.mark,
        policies = loaded.policies,
        problems = loaded.problems,
        images = rules.images.len(),
        "policies are in force"
    );
}

fn wait(due: Duration, faults: u32) -> Duration {
    due.saturating_mul(1 << faults.min(8))
        .min(LONGEST_WAIT)
        .max(due)
}

/// What came of handing in.
type Sent = Result<Result<DecisionReceipt, KeeperError>, tokio::task::JoinError>;

/// Whether the server has it, or will never take it: such a batch would
/// block the line.
fn is_settled(sent: &Sent) -> bool {
    match sent {
        Ok(Ok(_)) => true,
        Ok(Err(KeeperError::Refused { status, .. })) => matches!(status, 400 | 413 | 422),
        _ => false,
    }
}

/// Counts faults in a row; the first and each tenth are told.
fn outcome(
    done: Result<Result<(), KeeperError>, tokio::task::JoinError>,
    faults: u32,
    what: &'static str,
) -> u32 {
    let error = match done {
        Ok(Ok(())) => return 0,
        Ok(Err(error)) => model::error::chain(&error),
        Err(error) => error.to_string(),
    };
    if faults.is_multiple_of(10) {
        tracing::warn!(error, "{what}; it is tried again");
    }
    faults + 1
}

fn succeeded(response: Response) -> Result<Response, KeeperError> {
    if response.is_success() {
        return Ok(response);
    }
    let status = response.status;
    let told: Option<api::Problem> = response.json(MAX_ANSWER).ok();
    Err(KeeperError::Refused {
        status,
        told: told.map_or_else(String::new, |problem| problem.detail),
    })
}

/// Written beside and renamed, so that no moment shows half of it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(server: &str) -> KeeperSettings {
        KeeperSettings {
            server: server.to_owned(),
            cluster: "prod/eu".to_owned(),
            environment: Some("shop".to_owned()),
            token_file: "/nowhere/token".into(),
            ca_file: None,
            state_dir: None,
            replica: "a".to_owned(),
        }
    }

    #[test]
    fn a_server_is_asked_through_tls_or_on_loopback() {
        let keeper = Keeper::new(settings("http://127.0.0.1:1")).unwrap();
        assert_eq!(
            keeper.url("bundle").as_str(),
            "http://127.0.0.1:1/api/v1/clusters/prod%2Feu/bundle?environment=shop"
        );
        let error = Keeper::new(settings("http://seawall.example")).unwrap_err();
        assert!(error.to_string().contains("use https"), "{error}");
        let error = keeper.bundle("").unwrap_err();
        assert!(error.to_string().contains("/nowhere/token"), "{error}");
    }

    #[test]
    fn the_last_bundle_is_kept_for_its_cluster() {
        let folder = tempfile::tempdir().unwrap();
        let with = |cluster: &str| {
            Keeper::new(KeeperSettings {
                state_dir: Some(folder.path().join("state")),
                cluster: cluster.to_owned(),
                ..settings("http://127.0.0.1:1")
            })
            .unwrap()
        };
        assert!(with("a").kept().is_none());
        let bundle = Bundle {
            mark: "m".to_owned(),
            cluster: "a".to_owned(),
            ..Bundle::default()
        };
        with("a").keep(&bundle).unwrap();
        assert_eq!(with("a").kept().unwrap(), bundle);
        assert!(with("b").kept().is_none());
    }

    #[test]
    fn waits_grow_and_are_bounded() {
        assert_eq!(wait(POLL, 0), POLL);
        assert_eq!(wait(POLL, 2), POLL * 4);
        assert_eq!(wait(POLL, 30), LONGEST_WAIT);
    }
}

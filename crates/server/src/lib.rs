//! The server: HTTP, sign-in, background jobs and the embedded
//! dashboard, over the engines and the store.
//!
//! Nothing here parses an image, matches an advisory or writes SQL; it
//! decides when those things happen, keeps what they say and shows it.

mod address;
mod app;
mod bus;
mod catalogue;
mod compliance;
pub mod config;
pub mod demo;
pub mod detect;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod hosts;
mod http;
pub mod inbox;
mod intake;
mod listener;
mod metrics;
mod oidc;
mod password;
mod policies;
pub mod recovery;
mod registries;
mod secret;
mod sensors;
mod sinks;
mod switches;
mod telemetry;
mod throttle;
mod tls;
mod token;
mod trust;
pub mod vault;
mod work;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use api::database::DatabaseProblem;
use axum::Router;
use model::Clock;
use store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use config::{Config, ConfigError};
pub use http::openapi;
pub use inbox::Inbox;
pub use telemetry::TraceLayer;
pub use tls::TlsError;

use crate::{
    app::{App, LOCAL},
    listener::{Incoming, Peer},
    tls::Certificate,
    work::{advisories::Advisories, database::Keeper, discovery, queue},
};

/// Webhooks of one registry in a minute. Registries send one for each
/// image, and try again those that were refused.
const HOOKS_PER_MINUTE: u32 = 3_000;
/// How long work under way may take to end once the server stops.
const DRAIN: Duration = Duration::from_secs(10);

/// Why the server could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("make the folder {}", path.display())]
    MakeFolder {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("open the embedded advisories")]
    Advisories(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Inbox(#[from] inbox::InboxOpenError),
    #[error("open the detection rules")]
    Rules(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Malware(#[from] scan::RulesError),
    #[error("add the demonstration")]
    Demo(#[from] demo::DemoError),
    #[error(transparent)]
    Vault(#[from] vault::VaultError),
    #[error("have a certificate to show")]
    Tls(#[from] TlsError),
    #[error("set single sign-on up")]
    Oidc(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("make a sign-in link")]
    Random(#[source] getrandom::Error),
    #[error("answer requests")]
    Serve(#[source] std::io::Error),
}

/// A server that is ready to answer, and listening already.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    certificate: Option<Arc<Certificate>>,
}

/// What whoever started a server should be told once it listens.
#[derive(Debug)]
pub struct Ready {
    /// How browsers reach it.
    pub url: String,
    /// Signs one browser in as the owner, once. None where there are
    /// accounts to sign in with.
    pub link: Option<String>,
    /// Of the certificate the server made for itself, which no browser
    /// trusts unasked.
    pub fingerprint: Option<String>,
}

/// Starts a server and runs it until `shutdown` is cancelled.
pub async fn run(
    config: Config,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
    ready: impl FnOnce(&Ready),
) -> Result<(), ServeError> {
    let server = Server::start(config, clock, shutdown).await?;
    ready(&server.ready().await?);
    server.run().await
}

/// Tells every listener of live events.
#[derive(Clone, Debug)]
pub struct Announcer(Arc<App>);

impl Announcer {
    pub fn announce(&self, event: &api::Event) {
        self.0.bus.publish(event);
    }
}

impl Server {
    /// Opens the store and the advisories and binds the address. Nothing
    /// is answered and no job runs before [`Self::run`].
    pub async fn start(
        config: Config,
        clock: Arc<dyn Clock>,
        shutdown: CancellationToken,
    ) -> Result<Self, ServeError> {
        config.check()?;
        for path in [&config.data_dir, &config.cache_dir] {
            make_private_folder(path)?;
        }
        let listener =
            TcpListener::bind(config.listen)
                .await
                .map_err(|source| ServeError::Listen {
                    address: config.listen,
                    source,
                })?;
        let address = listener.local_addr().map_err(ServeError::Serve)?;
        let store = Store::at(&config.store()?).await?;
        let host = host_name();
        store.ensure_environment(LOCAL, &host, false).await?;
        let requeued = store.requeue_scans(clock.now(), true).await?;
        if requeued > 0 {
            tracing::info!(scans = requeued, "taking up scans a stop interrupted");
        }
        let (advisories, problem) = open_advisories(&config, clock.as_ref()).await?;
        let vault = vault::Vault::open(
            &config.vault_key(),
            config.export.key_file.as_os_str().is_empty(),
        )?;
        let started = clock.now();
        let certificate = if config.speaks_tls() {
            Some(Arc::new(Certificate::open(&config, &host, started)?))
        } else {
            None
        };
        let proxies = config
            .trusted_proxies
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect();
        let oidc = if config.oidc.is_on() {
            let origin = app::public_url(&config, address);
            Some(Arc::new(
                oidc::Provider::new(&config.oidc, &origin)
                    .map_err(|error| ServeError::Oidc(Box::new(error)))?,
            ))
        } else {
            None
        };
        let metrics = Arc::new(metrics::Metrics::default());
        let folder = config.audit_dir();
        make_private_folder(&folder)?;
        let inbox = Inbox::open(
            &folder,
            &config.audit,
            Arc::clone(&clock),
            Arc::clone(&metrics),
        )?;
        let catalogue = open_catalogue(&config.rules.folder)?;
        let requests = throttle::RequestThrottle::new(config.limits.requests_per_minute);
        let malware = work::malware::Malware::new(&config.scan.malware)?;
        Ok(Self {
            app: Arc::new(App {
                config,
                clock,
                started,
                host,
                store,
                bus: bus::Bus::new(started),
                catalogue,
                switches: switches::Switches::default(),
                queue: queue::Queue::default(),
                holder: uuid::Uuid::now_v7().to_string(),
                database: Keeper::new(advisories, problem),
                malware,
                holdings: work::holdings::Holdings::default(),
                spoken: work::spoken::Spoken::default(),
                posture: work::posture::Bell::default(),
                running: work::running::RunningBell::default(),
                requested: work::admission::Requested::default(),
                hosts: work::host::Hosts::default(),
                registries: work::registry::Registries::default(),
                left_alone: work::referrers::LeftAlone::default(),
                trust: work::trust::Trust::default(),
                vex_bell: tokio::sync::Notify::new(),
                hooks: throttle::SignInThrottle::default(),
                hook_requests: throttle::RequestThrottle::new(HOOKS_PER_MINUTE),
                metrics,
                sensors: sensors::Sensors::default(),
                bundles: policies::Bundles::default(),
                inbox,
                deliverer: work::delivery::Deliverer::new(),
                vault,
                address,
                proxies,
                sign_ins: throttle::SignInThrottle::default(),
                requests,
                passwords: password::Passwords::default(),
                exemptions: tokio::sync::Notify::new(),
                oidc,
                unreachable: Mutex::default(),
                tasks: TaskTracker::new(),
                shutdown,
            }),
            listener,
            certificate,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.app.address
    }

    /// What to tell whoever started it.
    pub async fn ready(&self) -> Result<Ready, ServeError> {
        let link = if self.app.store.has_accounts().await? {
            None
        } else {
            Some(self.sign_in_link().await?)
        };
        let certificate = self.certificate.as_ref();
        let is_ours = !self.app.config.has_own_certificate();
        Ok(Ready {
            url: self.app.public_url(),
            link,
            fingerprint: certificate
                .filter(|_| is_ours)
                .map(|certificate| certificate.fingerprint()),
        })
    }

    /// A new link that signs one browser in, once.
    pub async fn sign_in_link(&self) -> Result<String, ServeError> {
        let token = secret::Token::new().map_err(ServeError::Random)?;
        let now = self.app.clock.now();
        let expires = now + self.app.config.session.link_lifetime.0;
        self.app
            .store
            .put_sign_in_link(token.hash(), now, expires)
            .await?;
        // After '#', the token stays out of every log on the way.
        Ok(format!(
            "{}/sign-in#token={}",
            self.app.public_url(),
            token.reveal()
        ))
    }

    /// The routes alone, for callers that bring their own transport.
    pub fn router(&self) -> Router {
        http::router(Arc::clone(&self.app))
    }

    /// What tells every listener of live events, for whoever measures how
    /// late they hear.
    pub fn announcer(&self) -> Announcer {
        Announcer(Arc::clone(&self.app))
    }

    /// Where audit events come in, for whoever reads them by itself.
    pub fn inbox(&self) -> Inbox {
        self.app.inbox.clone()
    }

    /// Takes in what runs on a host of an environment, all of it, from
    /// whoever looked there.
    pub async fn put_containers(
        &self,
        environment: &str,
        host: &str,
        running: model::RunningContainers,
    ) -> Result<store::ContainerChanges, StoreError> {
        discovery::put_containers(&self.app, environment, host, running).await
    }

    /// Looks for sensors that fell silent, as is done every few seconds.
    pub async fn look_at_sensors(&self) -> Result<(), StoreError> {
        work::sensor::look(&self.app, true).await
    }

    /// Notes what runs and who reaches it, as is done when it changes.
    pub async fn look_at_running(&self) -> Result<(), StoreError> {
        work::running::look(&self.app).await
    }

    /// Looks after registries once, as is done all the time: walks them
    /// if `walk`, works on what they told, and queues what is due.
    pub async fn look_at_registries(&self, walk: bool) -> Result<(), StoreError> {
        if walk {
            let scope = self.app.store.scope(None).await?;
            for registry in self.app.store.registries(&scope).await? {
                work::registry::walk_once(&self.app, &registry).await?;
            }
        }
        work::registry::hear_once(&self.app).await?;
        work::registry::listen_once(&self.app).await?;
        work::registry::remind_once(&self.app).await
    }

    /// Queues images that requests to clusters named, as is done all the
    /// time.
    pub async fn look_at_requested(&self) -> Result<(), StoreError> {
        work::admission::look(&self.app).await
    }

    /// Verifies every image trust policies hold for, as is done all the
    /// time.
    pub async fn look_at_signatures(&self) -> Result<(), StoreError> {
        work::trust::once(&self.app).await
    }

    /// Fetches the VEX sources that are due, as is done all the time.
    pub async fn look_at_vex_sources(&self) -> Result<(), StoreError> {
        work::vex::once(&self.app).await
    }

    /// Starts the background jobs.
    pub async fn start_jobs(&self) -> Result<(), ServeError> {
        let app = &self.app;
        if app.config.demo {
            demo::add(app).await?;
        }
        queue::start(app);
        app.tasks.spawn(work::database::run(Arc::clone(app)));
        app.tasks.spawn(discovery::run(Arc::clone(app)));
        app.tasks.spawn(work::posture::run(Arc::clone(app)));
        app.tasks.spawn(work::running::run(Arc::clone(app)));
        app.tasks.spawn(work::admission::run(Arc::clone(app)));
        app.tasks.spawn(work::exemption::run(Arc::clone(app)));
        app.tasks.spawn(work::retention::run(Arc::clone(app)));
        switches::refresh(app).await?;
        app.tasks.spawn(switches::run(Arc::clone(app)));
        app.tasks.spawn(work::sensor::run(Arc::clone(app)));
        app.tasks
            .spawn(discovery::watch_containers(Arc::clone(app)));
        app.tasks.spawn(work::delivery::run(Arc::clone(app)));
        app.tasks.spawn(work::host::run(Arc::clone(app)));
        app.tasks.spawn(work::registry::run(Arc::clone(app)));
        app.tasks.spawn(work::trust::run(Arc::clone(app)));
        app.tasks.spawn(work::vex::run(Arc::clone(app)));
        app.tasks.spawn(work::detection::run(Arc::clone(app)));
        app.tasks.spawn(telemetry::run(Arc::clone(app)));
        if app.config.sensor.beside == config::Beside::Auto {
            app.tasks.spawn(work::beside::run(Arc::clone(app)));
        }
        Ok(())
    }

    /// Answers requests and runs jobs until told to stop, then lets work
    /// under way end.
    pub async fn run(self) -> Result<(), ServeError> {
        self.start_jobs().await?;
        let router = self.router();
        let app = self.app;
        tracing::info!(address = %app.address, tls = self.certificate.is_some(), "listening");
        let stopping = app.shutdown.clone();
        let acceptor = match &self.certificate {
            Some(certificate) => {
                let following = tls::follow(Arc::clone(certificate), stopping.clone());
                app.tasks.spawn(following);
                Some(certificate.acceptor()?)
            }
            None => None,
        };
        let incoming = Incoming::start(
            self.listener,
            app.address,
            acceptor,
            &app.tasks,
            stopping.clone(),
        );
        let service = router.into_make_service_with_connect_info::<Peer>();
        let served =
            axum::serve(incoming, service).with_graceful_shutdown(stopping.cancelled_owned());
        let deadline = async {
            app.shutdown.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        };
        let outcome = tokio::select! {
            outcome = served.into_future() => outcome,
            () = deadline => Ok(()),
        };
        // Whatever ended the listener ends the jobs too.
        app.shutdown.cancel();
        app.tasks.close();
        if tokio::time::timeout(DRAIN, app.tasks.wait()).await.is_err() {
            tracing::warn!("some jobs did not end in time");
        }
        if let Err(error) = app.store.release_scans(&app.holder).await {
            tracing::warn!(error = %model::error::chain(&error), "cannot put scans back");
        }
        app.store.close().await;
        tracing::info!("stopped");
        outcome.map_err(ServeError::Serve)
    }
}

/// What a request is given to know its other end by, for callers that
/// bring their own transport.
pub fn peer(address: std::net::IpAddr) -> impl Clone + Send + Sync + 'static {
    axum::extract::ConnectInfo(Peer(SocketAddr::new(address, 0)))
}

/// Advisories that cannot be opened must not keep the server down: the
/// embedded ones stand in, and the dashboard says so.
async fn open_advisories(
    config: &Config,
    clock: &dyn Clock,
) -> Result<(Advisories, Option<DatabaseProblem>), ServeError> {
    let dir = config.advisories_dir();
    let opened = work::engine::blocking(move || Advisories::open(&dir)).await;
    match opened {
        Ok(advisories) => Ok((advisories, None)),
        Err(error) => {
            tracing::warn!(error = %model::error::chain(&error), "advisory database not usable");
            let problem = DatabaseProblem {
                message: model::error::chain(&error),
                advice: "update or import again to replace it".to_owned(),
                at: clock.now(),
            };
            let starter = work::engine::blocking(Advisories::starter)
                .await
                .map_err(|error| ServeError::Advisories(Box::new(error)))?;
            Ok((starter, Some(problem)))
        }
    }
}

/// A rule that is not understood is left out and told; a folder that
/// cannot be read is not what the operator meant.
fn open_catalogue(folder: &std::path::Path) -> Result<catalogue::Catalogue, ServeError> {
    let (catalogue, faults) =
        catalogue::Catalogue::open(folder).map_err(|error| ServeError::Rules(Box::new(error)))?;
    for fault in faults {
        tracing::warn!(
            file = fault.file,
            line = fault.line,
            fault = fault.message,
            "a detection rule has a fault"
        );
    }
    for failed in catalogue.failed_cases() {
        tracing::warn!(
            rule.id = failed.rule,
            case = failed.case,
            file = failed.origin,
            "a detection rule fails a case of its own; `seawall rules test` shows why"
        );
    }
    Ok(catalogue)
}

/// Only the server's own user may read what is found.
fn make_private_folder(path: &std::path::Path) -> Result<(), ServeError> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| ServeError::MakeFolder {
            path: path.to_owned(),
            source,
        })
}

fn host_name() -> String {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .into_iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .map(|name| name.trim().to_owned())
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "this machine".to_owned())
}

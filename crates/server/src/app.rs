//! What the running server holds, handed to every handler and job.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use model::{Clock, Warning};
use rules::engine::Engine;
use store::Store;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    address::Network,
    bus::Bus,
    catalogue::Catalogue,
    config::Config,
    detect::Detector,
    inbox::Inbox,
    metrics::Metrics,
    oidc::Provider,
    password::Passwords,
    policies::Bundles,
    sensors::Sensors,
    switches::Switches,
    throttle::{RequestThrottle, SignInThrottle},
    vault::Vault,
    work::{
        admission::Requested, database::Keeper, delivery::Deliverer, holdings::Holdings,
        host::Hosts, malware::Malware, posture::Bell, queue::Queue, referrers::LeftAlone,
        registry::Registries, running::RunningBell, spoken::Spoken, trust::Trust,
    },
};

/// The environment of what this server looks at itself.
pub(crate) const LOCAL: &str = "local";
/// The demonstration's.
pub(crate) const DEMO: &str = "demo";

/// The running server.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started: Timestamp,
    /// This machine's name.
    pub(crate) host: String,
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    pub(crate) catalogue: Catalogue,
    pub(crate) switches: Switches,
    pub(crate) queue: Queue,
    /// Who this server is among those that share a record.
    pub(crate) holder: String,
    pub(crate) database: Keeper,
    /// What malware is looked for in images.
    pub(crate) malware: Malware,
    /// Which images hold which packages.
    pub(crate) holdings: Holdings,
    /// VEX documents that hold here.
    pub(crate) spoken: Spoken,
    pub(crate) posture: Bell,
    /// Told when what runs, or who reaches it, may have changed.
    pub(crate) running: RunningBell,
    pub(crate) requested: Requested,
    /// Container hosts that are to be looked at.
    pub(crate) hosts: Hosts,
    /// Registries that are to be walked, or told something.
    pub(crate) registries: Registries,
    /// Rung when there is a VEX source to be fetched.
    pub(crate) vex_bell: tokio::sync::Notify,
    /// Registries that are not asked what is attached to images.
    pub(crate) left_alone: LeftAlone,
    /// Images whose signatures are to be looked at.
    pub(crate) trust: Trust,
    /// Webhooks that prove nothing, by where they come from; and how many
    /// a registry may send.
    pub(crate) hooks: SignInThrottle,
    pub(crate) hook_requests: RequestThrottle,
    pub(crate) metrics: Arc<Metrics>,
    /// Sensors on nodes.
    pub(crate) sensors: Sensors,
    /// What whoever judges clusters' objects is given.
    pub(crate) bundles: Bundles,
    /// Where audit events come in.
    pub(crate) inbox: Inbox,
    pub(crate) deliverer: Deliverer,
    pub(crate) vault: Vault,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Whose `X-Forwarded-For` is believed.
    pub(crate) proxies: Vec<Network>,
    pub(crate) sign_ins: SignInThrottle,
    pub(crate) requests: RequestThrottle,
    pub(crate) passwords: Passwords,
    /// Wakes whoever waits for the next exemption to end.
    pub(crate) exemptions: tokio::sync::Notify,
    /// The identity provider, where there is one.
    pub(crate) oidc: Option<Arc<Provider>>,
    /// Container engines that are here but did not answer.
    pub(crate) unreachable: Mutex<Vec<Warning>>,
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: CancellationToken,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

impl App {
    /// Where people find the dashboard, without a slash at the end; links
    /// in notices and invitations begin with it.
    pub(crate) fn public_url(&self) -> String {
        public_url(&self.config, self.address)
    }

    /// The rules audit events are judged by.
    pub(crate) fn detector(&self) -> Detector {
        Detector::new(self.engine())
    }

    /// The engine of every rule that is on somewhere: which alerts are
    /// kept where is decided when they are.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        let mut ruleset = self.catalogue.ruleset.clone();
        let switched = self.switches.now();
        for rule in &mut ruleset.rules {
            rule.is_enabled |= switched.is_on_somewhere(&rule.id);
        }
        let (engine, warnings) = Engine::compile(&ruleset);
        for warning in warnings {
            tracing::debug!(warning = %model::error::chain(&warning), "a rule is odd");
        }
        Arc::new(engine)
    }

    /// Where advisory updates come from, for people to read.
    pub(crate) fn update_from(&self) -> String {
        let url = self.config.advisories.url.as_str();
        if url.is_empty() {
            crate::work::advisories::public_url()
        } else {
            url.to_owned()
        }
    }
}

pub(crate) fn public_url(config: &Config, address: SocketAddr) -> String {
    match config.public_origin() {
        Some(origin) => origin.as_str().trim_end_matches('/').to_owned(),
        None if config.speaks_tls() => format!("https://{address}"),
        None => format!("http://{address}"),
    }
}

//! Admission, whole: what starts first, what follows what, and how it
//! ends.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use kube::Client;
use model::Clock;
use tokio::{net::TcpListener, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    bundle::{Rules, read_folder},
    door::{Door, DoorSettings},
    keeper::{Keeper, KeeperError, KeeperSettings, tell},
    keys::{Keys, KeysError},
    namespaces::{self, Lookups},
    register::{self, Registration, RegistrationError, Served},
    troubles::{Troubles, note},
};
use crate::connect::{ConnectError, Target, connect};

/// How often keys, folder and registration are looked after.
const LOOK: Duration = Duration::from_secs(5);
/// How often the API server is asked what it knows.
const DISCOVER: u32 = 24;
/// How long the cluster is waited for, before it is judged without what
/// was not seen.
const PATIENCE: Duration = Duration::from_secs(30);
/// After the end was announced, requests are still answered so long: the
/// API server has to hear of it first.
const LEAVING: Duration = Duration::from_secs(5);
/// What is under way may take so long to end.
const DRAIN: Duration = Duration::from_secs(10);

/// What admission is to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API server; absent: certificates are nobody's but ours, and
    /// nothing is registered.
    pub target: Option<Target>,
    pub cluster: String,
    pub door: DoorSettings,
    pub keeper: Option<KeeperSettings>,
    /// Policies from a folder, where there is no server.
    pub folder: Option<PathBuf>,
    pub listen: SocketAddr,
    /// What is told of us; absent: somebody else registers the webhook.
    pub registration: Option<Registration>,
    /// Where replicas share their authority.
    pub namespace: String,
    /// Names and addresses the certificate is for.
    pub names: Vec<String>,
    /// Where the authority's certificate is written, for whoever else is
    /// to trust it.
    pub ca_out: Option<PathBuf>,
}

/// Why there is no admission.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    #[error("reach the API server")]
    Connect(#[from] ConnectError),
    #[error(
        "Gatekeeper is at work in this cluster ({}): two that refuse are one too many",
        webhooks.join(", ")
    )]
    Gatekeeper { webhooks: Vec<String> },
    #[error("tell the API server of the webhook")]
    Register(#[from] RegistrationError),
    #[error("prepare certificates")]
    Keys(#[from] KeysError),
    #[error("prepare the way to the server")]
    Keeper(#[from] KeeperError),
    #[error("read policies from {}", folder.display())]
    Folder {
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Everything that looks after the door.
struct Care {
    settings: Settings,
    door: Arc<Door>,
    keys: Arc<Keys>,
    client: Option<Client>,
    clock: Arc<dyn Clock>,
    troubles: Troubles,
}

/// Answers requests until told to stop. `ready` is told where, once it
/// does.
pub async fn run(
    settings: Settings,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
    ready: impl FnOnce(SocketAddr) + Send,
) -> Result<(), AdmissionError> {
    let client = match &settings.target {
        Some(target) => Some(connect(target).await?.0),
        None => None,
    };
    if let (Some(client), false) = (&client, settings.door.audit_only) {
        let webhooks = register::gatekeepers(client).await?;
        if !webhooks.is_empty() {
            return Err(AdmissionError::Gatekeeper { webhooks });
        }
    }
    let keeper = settings.keeper.clone().map(Keeper::new).transpose()?;
    let door = Arc::new(Door::new(settings.door.clone(), Arc::clone(&clock)));
    let care = Arc::new(Care {
        keys: Arc::new(Keys::new(settings.names.clone())),
        door: Arc::clone(&door),
        client,
        clock,
        troubles: Troubles::default(),
        settings,
    });
    if care.client.is_some() {
        door.expect_cluster();
    }
    care.renew_keys().await?;
    care.write_authority()?;
    match (&keeper, &care.settings.folder) {
        (Some(keeper), _) => keeper.begin(&door).await,
        (None, Some(_)) => care.read_folder()?,
        (None, None) => {}
    }

    let address = care.settings.listen;
    let failed = |source| AdmissionError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let closing = CancellationToken::new();
    let mut serving = JoinSet::new();
    let keys = Arc::clone(&care.keys);
    serving.spawn(Arc::clone(&door).serve(listener, keys, closing.clone()));

    let mut tasks = JoinSet::new();
    if let Some(client) = &care.client {
        let troubles = Arc::clone(&care.troubles);
        let following = namespaces::namespaces(client.clone(), Arc::clone(&door), troubles);
        tasks.spawn(following);
    }
    if let Some(keeper) = &keeper {
        tasks.spawn(keeper.clone().follow(Arc::clone(&door)));
        let (teller, own) = (keeper.clone(), Arc::clone(&care));
        let how = move || {
            let ends = own.keys.shown().map(|(_, ends)| ends);
            teller.status(&own.door, ends, own.problems())
        };
        tasks.spawn(keeper.clone().ship(Arc::clone(&door), how));
    }
    tasks.spawn(tick(Arc::clone(&door), Arc::clone(&care.clock)));
    tasks.spawn(Arc::clone(&care).look_after());
    ready(address);

    shutdown.cancelled().await;
    door.leave();
    if care.client.is_some() {
        tokio::time::sleep(LEAVING).await;
    }
    closing.cancel();
    if tokio::time::timeout(DRAIN, serving.join_next())
        .await
        .is_err()
    {
        tracing::warn!("requests under way did not end in time");
    }
    tasks.shutdown().await;
    if let Some(keeper) = keeper {
        drop(tokio::time::timeout(DRAIN, keeper.flush(door)).await);
    }
    Ok(())
}

/// Tells the API server to ask no more.
pub async fn uninstall(target: &Target) -> Result<(), AdmissionError> {
    let (client, _) = connect(target).await?;
    register::withdraw(&client).await?;
    Ok(())
}

/// Policies may ask for the time.
async fn tick(door: Arc<Door>, clock: Arc<dyn Clock>) {
    loop {
        let now = i64::try_from(clock.now().as_nanosecond()).unwrap_or(i64::MAX);
        door.around(|world| world.now_ns = now);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

impl Care {
    fn problems(&self) -> Vec<String> {
        let all = self.troubles.lock().expect("invariant: no panic under it");
        let mut problems: Vec<String> = all.values().cloned().collect();
        problems.extend(self.door.troubles());
        problems
    }

    async fn renew_keys(&self) -> Result<bool, KeysError> {
        let now = self.clock.now();
        match &self.client {
            Some(client) => {
                let namespace = &self.settings.namespace;
                self.keys.renew_shared(client, namespace, now).await
            }
            None => self.keys.renew_alone(now),
        }
    }

    fn write_authority(&self) -> Result<(), AdmissionError> {
        let Some(path) = &self.settings.ca_out else {
            return Ok(());
        };
        std::fs::write(path, self.keys.trusted()).map_err(|source| AdmissionError::Write {
            path: path.clone(),
            source,
        })
    }

    fn read_folder(&self) -> Result<(), AdmissionError> {
        let Some(folder) = &self.settings.folder else {
            return Ok(());
        };
        let (bundle, problems) = read_folder(folder, &self.settings.cluster).map_err(|source| {
            AdmissionError::Folder {
                folder: folder.clone(),
                source,
            }
        })?;
        let before = self.door.rules();
        if before.mark == bundle.mark && self.door.has_rules() {
            return Ok(());
        }
        let mut rules = Rules::load(&bundle, Some(&before));
        rules.problems.splice(0..0, problems);
        tell(&rules);
        self.door.put_rules(rules);
        Ok(())
    }

    /// Keys, folder, inventory and registration, until told to stop.
    async fn look_after(self: Arc<Self>) {
        let mut served: Vec<Served> = Vec::new();
        let mut round: u32 = 0;
        let mut told: Option<(String, String)> = None;
        let mut lookups = Lookups::default();
        let mut unseen_since = None;
        loop {
            let renewed = self.renew_keys().await;
            note(
                &self.troubles,
                "certificates",
                renewed
                    .as_ref()
                    .map(drop)
                    .map_err(|error| model::error::chain(error)),
            );
            if matches!(renewed, Ok(true))
                && let Err(error) = self.write_authority()
            {
                note(
                    &self.troubles,
                    "authority",
                    Err(model::error::chain(&error)),
                );
            }
            if let Err(error) = self.read_folder() {
                note(&self.troubles, "policies", Err(model::error::chain(&error)));
            }
            if let Some(client) = &self.client {
                if round.is_multiple_of(DISCOVER) || served.is_empty() {
                    match register::served(client).await {
                        Ok(all) => served = all,
                        Err(error) => {
                            note(&self.troubles, "kinds", Err(model::error::chain(&error)));
                        }
                    }
                    self.mind_gatekeeper(client).await;
                    told = None;
                }
                let rules = self.door.rules();
                lookups.renew(client, &rules.policies, &served, &self.door, &self.troubles);
                let wanted = (rules.mark.clone(), self.keys.trusted());
                if self.door.is_ready() && told.as_ref() != Some(&wanted) {
                    let outcome = self.register(client, &served, &rules).await;
                    if outcome.is_ok() {
                        told = Some(wanted);
                    }
                    let outcome = outcome.map_err(|error| model::error::chain(&error));
                    note(&self.troubles, "registration", outcome);
                }
            }
            let unseen = self.door.unseen();
            if unseen.is_empty() {
                unseen_since = None;
            }
            let since = *unseen_since.get_or_insert_with(Instant::now);
            let is_long = !unseen.is_empty() && since.elapsed() >= PATIENCE;
            if is_long {
                self.door.wait_no_more();
            }
            let outcome = is_long.then(|| {
                let kinds = unseen.join(", ");
                format!("{kinds} could not be listed yet: policies that look there do not judge")
            });
            note(&self.troubles, "the cluster", outcome.map_or(Ok(()), Err));
            round = round.wrapping_add(1);
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                // They may look up something else.
                () = self.door.new_rules() => {}
            }
        }
    }

    async fn register(
        &self,
        client: &Client,
        served: &[Served],
        rules: &Rules,
    ) -> Result<(), RegistrationError> {
        let Some(registration) = &self.settings.registration else {
            return Ok(());
        };
        let mutates = rules.mutates && !self.door.audit_only();
        let trusted = self.keys.trusted();
        registration
            .apply(client, served, rules, mutates, &trusted)
            .await
    }

    /// A Gatekeeper that came later is not fought: one of the two stops
    /// refusing, and it is we.
    async fn mind_gatekeeper(&self, client: &Client) {
        if self.door.audit_only() {
            return;
        }
        match register::gatekeepers(client).await {
            Ok(webhooks) if webhooks.is_empty() => note(&self.troubles, "gatekeeper", Ok(())),
            Ok(webhooks) => {
                self.door.stop_refusing();
                let told = format!(
                    "it is at work beside us ({}): nothing is refused any more; remove one of \
                     the two and restart",
                    webhooks.join(", ")
                );
                note(&self.troubles, "gatekeeper", Err(told));
            }
            Err(error) => {
                let told = model::error::chain(&error);
                note(&self.troubles, "gatekeeper", Err(told));
            }
        }
    }
}

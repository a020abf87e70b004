//! Looks at container hosts: this machine's engine, and those that
//! somebody named.
//!
//! Each is looked at regularly, and soon after its engine says that
//! something changed. What was seen of the host, and what runs on it,
//! goes into the record; images that are new are queued to be scanned. A
//! host that is not reached keeps what was seen before, and says why.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use host::{Access, Events, Look, Machine};
use jiff::{SignedDuration, Timestamp};
use model::error::chain;
use policy::HostFacts;
use store::{ContainerHost, HostLook, NewScan, ScanOrigin, StoreError};
use tokio::{sync::Notify, task::JoinSet};

use super::{discovery, engine, queue};
use crate::{
    app::{App, LOCAL},
    hosts,
};

/// How often it is looked for hosts that are due.
const STEP: Duration = Duration::from_secs(20);
/// How often a host is looked at when nothing is heard of it.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// How long further news is waited for.
const SETTLE: Duration = Duration::from_secs(1);
/// How often this machine's files are looked at.
const MACHINE_AGAIN: SignedDuration = SignedDuration::from_mins(10);
/// Hosts looked at together.
const TOGETHER: usize = 4;
/// How long one look may take, whatever its steps allow themselves.
const LONGEST: Duration = Duration::from_mins(3);
/// Images of one host that are queued.
const IMAGES: usize = 2_000;
const SOCKET: &str = "/var/run/docker.sock";

/// Who is to be looked at at once, and who is listened to.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    bell: Notify,
    asked: Mutex<BTreeSet<String>>,
    /// By the host's id: since which change, and how to stop.
    listeners: Mutex<BTreeMap<String, (Timestamp, Arc<AtomicBool>)>>,
    /// By the host's id: images that were queued, and since when.
    images: Mutex<BTreeMap<String, (Timestamp, BTreeSet<String>)>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("invariant: no panic under the lock")
}

impl Hosts {
    /// Asks for a look at a host.
    pub(crate) fn ask(&self, id: &str) {
        locked(&self.asked).insert(id.to_owned());
        self.bell.notify_one();
    }
}

/// Looks at hosts until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    if let Err(error) = hosts::reseal(&app).await {
        tracing::error!(error = %chain(&error), "cannot seal hosts' credentials anew");
    }
    let mut machine = None;
    loop {
        let now = app.clock.now();
        if app.config.scan.images && machine.is_none_or(|last| last + MACHINE_AGAIN <= now) {
            machine = Some(now);
            if let Err(error) = look_at_machine(&app).await {
                tracing::error!(error = %chain(&error), "cannot note this machine's engine");
            }
        }
        if let Err(error) = look_at_due(&app).await {
            tracing::error!(error = %chain(&error), "cannot look at container hosts");
        }
        tokio::select! {
            () = app.shutdown.cancelled() => {
                stop_listening(&app, &BTreeSet::new());
                return;
            }
            () = tokio::time::sleep(STEP) => {}
            () = app.hosts.bell.notified() => tokio::select! {
                () = app.shutdown.cancelled() => return,
                // Engines say several things at once.
                () = tokio::time::sleep(SETTLE) => {}
            }
        }
    }
}

/// This machine's own engine and files.
async fn look_at_machine(app: &App) -> Result<(), StoreError> {
    let address: host::Address = format!("unix://{SOCKET}")
        .parse()
        .expect("invariant: a constant address is valid");
    if !Path::new(SOCKET).exists() {
        return Ok(());
    }
    let (name, now) = (app.host.clone(), app.clock.now());
    let look = engine::blocking(move || {
        let access = Access::new(address, None);
        host::look(&name, &access, Some(&Machine::default()), now)
    })
    .await;
    if let Some(error) = &look.error {
        // Discovery shows engines that do not answer.
        tracing::debug!(error = %chain(error), "this machine's engine does not answer");
        return Ok(());
    }
    app.store
        .put_host_facts(LOCAL, &app.host, written(&look.facts), now)
        .await?;
    app.posture.ring();
    app.running.ring();
    Ok(())
}

fn written(facts: &HostFacts) -> String {
    serde_json::to_string(facts).expect("invariant: facts are plain data")
}

async fn look_at_due(app: &Arc<App>) -> Result<(), StoreError> {
    let scope = app.store.scope(None).await?;
    let hosts = app.store.container_hosts(&scope).await?;
    let present = hosts.iter().filter(|host| !host.paused);
    stop_listening(app, &present.map(|host| host.id.clone()).collect());
    let asked = std::mem::take(&mut *locked(&app.hosts.asked));
    let now = app.clock.now();
    let mut due = hosts
        .into_iter()
        .filter(|host| !host.paused)
        .filter(|host| {
            asked.contains(&host.id)
                || host.looked.is_none_or(|last| last + AGAIN <= now)
                || host.looked.is_some_and(|last| last < host.updated)
        })
        .collect::<Vec<_>>()
        .into_iter();
    let mut looks = JoinSet::new();
    for host in due.by_ref().take(TOGETHER) {
        looks.spawn(look_at(Arc::clone(app), host));
    }
    while let Some(outcome) = looks.join_next().await {
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error),
            Err(error) => tracing::error!(%error, "a look at a host did not end"),
        }
        if app.shutdown.is_cancelled() {
            return Ok(());
        }
        if let Some(host) = due.next() {
            looks.spawn(look_at(Arc::clone(app), host));
        }
    }
    Ok(())
}

/// One look at one host, written down.
async fn look_at(app: Arc<App>, host: ContainerHost) -> Result<(), StoreError> {
    let now = app.clock.now();
    let access = match hosts::open(&app, &host) {
        Ok(access) => access,
        Err(error) => {
            let look = HostLook {
                error: Some(
                    serde_json::json!({
                        "code": "credentials",
                        "message": format!("failed to {}", chain(&error)),
                        "advice": "give the host's certificates and key anew",
                    })
                    .to_string(),
                ),
                ..HostLook::default()
            };
            return app.store.note_host_look(&host.id, look, now).await;
        }
    };
    let looking = {
        let (name, access) = (host.name.clone(), access.clone());
        engine::blocking(move || host::look(&name, &access, None, now))
    };
    let look = tokio::select! {
        look = looking => look,
        () = app.shutdown.cancelled() => return Ok(()),
        () = tokio::time::sleep(LONGEST) => Look {
            error: Some(host::ConnectError::Timeout {
                address: access.name(),
                seconds: LONGEST.as_secs(),
            }),
            ..Look::default()
        },
    };
    let reached = look.error.is_none();
    if let Some(error) = &look.error {
        tracing::warn!(
            host.name = %host.name,
            host.address = %host.address,
            error = %error.explain(),
            "cannot reach a container host"
        );
    }
    let before = app.store.seen_of_host(&host).await?;
    let note = HostLook {
        facts: together(before.as_deref(), &look),
        error: look.error.as_ref().map(|error| {
            serde_json::json!({
                "code": error.code(),
                "message": error.explain(),
                "advice": error.advice(),
            })
            .to_string()
        }),
        gaps: look.gaps,
    };
    app.store.note_host_look(&host.id, note, now).await?;
    app.posture.ring();
    app.running.ring();
    if reached {
        note_contents(&app, &host, &access).await?;
        listen(&app, &host, access);
    }
    Ok(())
}

/// What is known of a host after a look. One that was not reached is as
/// it was before, but for what the connection itself showed.
fn together(before: Option<&str>, look: &Look) -> Option<String> {
    if look.error.is_none() {
        return Some(written(&look.facts));
    }
    let seen = &look.facts;
    if seen.tls.is_none() && seen.plain.is_none() && seen.unverified.is_none() {
        return None;
    }
    let mut facts: HostFacts = before
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    facts.name.clone_from(&seen.name);
    if seen.tls.is_some() {
        facts.tls.clone_from(&seen.tls);
    }
    for (known, seen) in [
        (&mut facts.plain, &seen.plain),
        (&mut facts.unverified, &seen.unverified),
    ] {
        if seen.is_some() {
            known.clone_from(seen);
        }
    }
    Some(written(&facts))
}

/// Takes in what runs on a host, and queues images nobody scanned yet.
async fn note_contents(app: &App, host: &ContainerHost, access: &Access) -> Result<(), StoreError> {
    let remote = match hosts::engine(access) {
        Ok(remote) => remote,
        Err(error) => {
            tracing::warn!(host.name = %host.name, error = %chain(&error), "cannot ask a host");
            return Ok(());
        }
    };
    let (running, images) = engine::blocking(move || {
        let engines = scan::Engines {
            remote: Some(remote),
            ..scan::Engines::default()
        };
        (
            scan::running_containers(&engines),
            scan::local_images(&engines),
        )
    })
    .await;
    let ((running, mut warnings), (images, more)) = (running, images);
    warnings.extend(more);
    for warning in &warnings {
        tracing::warn!(host.name = %host.name, warning = %warning, "a host did not say all");
    }
    discovery::put_containers(app, &host.environment, &host.name, running).await?;
    if !warnings.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    let new: Vec<String> = {
        let mut known = locked(&app.hosts.images);
        let (since, ids) = known
            .entry(host.id.clone())
            .or_insert_with(|| (now, BTreeSet::new()));
        // Advisories change and layers are cached: all are asked for again
        // as often as this machine's are.
        if *since + app.config.scan.interval.0 <= now {
            *since = now;
            ids.clear();
        }
        let images = images.into_iter().take(IMAGES);
        images
            .filter(|image| {
                let id = image
                    .id
                    .map_or_else(|| image.name.clone(), |id| id.to_string());
                ids.insert(format!("{id} {}", image.name))
            })
            .map(|image| image.name)
            .collect()
    };
    for name in new {
        let scan = NewScan {
            environment: host.environment.clone(),
            target: format!("{}{}/{name}", engine::HOST, host.id),
            name,
            origin: ScanOrigin::Schedule,
            created: now,
            reason: format!("the host {} has it", host.name),
            ..NewScan::default()
        };
        queue::ask(app, scan).await?;
    }
    Ok(())
}

/// Listens to a host's engine, unless somebody does already.
fn listen(app: &Arc<App>, host: &ContainerHost, access: Access) {
    let mut listeners = locked(&app.hosts.listeners);
    if let Some((since, stop)) = listeners.get(&host.id) {
        if *since == host.updated && !stop.load(Ordering::Relaxed) {
            return;
        }
        stop.store(true, Ordering::Relaxed);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (told, id, name) = (Arc::clone(&stop), host.id.clone(), host.name.clone());
    let app_then = Arc::downgrade(app);
    // Reading blocks for minutes: a thread of its own, which the server
    // need not wait for when it stops.
    let started = std::thread::Builder::new()
        .name("seawall-host".to_owned())
        .spawn(move || {
            match Events::of(&access) {
                Ok(mut events) => {
                    while events.wait() && !told.load(Ordering::Relaxed) {
                        let Some(app) = app_then.upgrade() else { break };
                        app.hosts.ask(&id);
                    }
                }
                Err(error) => {
                    tracing::debug!(host.name = %name, error = %error.explain(), "no news of a host");
                }
            }
            // The next look that gets through listens anew.
            told.store(true, Ordering::Relaxed);
        });
    match started {
        Ok(_) => {
            listeners.insert(host.id.clone(), (host.updated, stop));
        }
        Err(error) => tracing::warn!(%error, "cannot listen to a host"),
    }
}

/// Listens no longer to hosts that are not among these.
fn stop_listening(app: &App, but: &BTreeSet<String>) {
    locked(&app.hosts.listeners).retain(|id, (_, stop)| {
        let stays = but.contains(id);
        if !stays {
            stop.store(true, Ordering::Relaxed);
        }
        stays
    });
    locked(&app.hosts.images).retain(|id, _| but.contains(id));
}

#[cfg(test)]
mod tests {
    use policy::facts::{DaemonFacts, TlsFacts};

    use super::*;

    #[test]
    fn a_host_that_is_not_reached_is_as_it_was_but_for_its_connection() {
        let before = HostFacts {
            daemon: Some(DaemonFacts {
                version: "27.1".to_owned(),
                ..DaemonFacts::default()
            }),
            plain: Some(Vec::new()),
            ..HostFacts::default()
        };
        let mut look = Look {
            error: Some(host::ConnectError::Timeout {
                address: "tcp://a:2376".to_owned(),
                seconds: 10,
            }),
            ..Look::default()
        };
        let text = written(&before);
        assert_eq!(together(Some(&text), &look), None, "nothing new was seen");
        look.facts.tls = Some(TlsFacts::default());
        let after: HostFacts =
            serde_json::from_str(&together(Some(&text), &look).unwrap()).unwrap();
        assert_eq!(after.daemon, before.daemon);
        assert_eq!(
            (after.tls, after.plain),
            (Some(TlsFacts::default()), before.plain)
        );
    }
}

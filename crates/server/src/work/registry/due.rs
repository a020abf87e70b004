//! What is due to be read without being asked for: images in use, images
//! nobody read or read long ago, and images that run and are not known.

use std::collections::{BTreeMap, HashSet};

use jiff::SignedDuration;
use scan::Reference;
use store::{
    DueImage, NewScan, Registry, RunningImage, ScanOrigin, StoreError, UnknownImage, Unless,
};

use super::{Cause, Image, queue_wish, read_since, wish};
use crate::{
    app::{App, LOCAL},
    registries,
    work::engine,
};

/// What was read within this need not be read because it is pushed or
/// seen again: it is matched with every advisory that comes.
pub(crate) const FRESH: SignedDuration = SignedDuration::from_hours(24 * 30);
/// What was tried within this is not tried by itself.
pub(crate) const TRIED: SignedDuration = SignedDuration::from_hours(24);
/// Images queued in one go; the others wait for the next.
const AT_ONCE: u32 = 200;
/// Containers looked at in one go.
const CONTAINERS: u32 = 2_000;

fn days(count: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(count.clamp(1, 3_650)))
}

fn ago(from: jiff::Timestamp, now: jiff::Timestamp) -> String {
    match now.duration_since(from).as_hours() / 24 {
        ..1 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        days => format!("{days} days ago"),
    }
}

/// Queues the images of a registry that are due.
pub(super) async fn of_registry(app: &App, registry: &Registry) -> Result<(), StoreError> {
    let (now, settings) = (app.clock.now(), &registry.settings);
    let used = app
        .store
        .recently_used(
            registry,
            now - days(settings.recent_days),
            now - days(settings.again_days),
            AT_ONCE,
        )
        .await?;
    for due in used {
        let seen = match (due.running, due.pulled) {
            (0, Some(pulled)) => format!("pulled {}", ago(pulled, now)),
            (running, _) => format!("running in {running} containers"),
        };
        let reason = format!(
            "{seen}; images in use are read again every {} days",
            settings.again_days
        );
        queue(app, registry, &due, ScanOrigin::RecentPull, reason).await?;
    }
    let reading = app.malware.fresh().await;
    let unread = app
        .store
        .unread(registry, now - FRESH, &reading.extractors, AT_ONCE)
        .await?;
    for due in unread {
        let reason = match due.read {
            None => "in the registry, and not read so far".to_owned(),
            Some(read) if read < now - FRESH => format!("last read {}", ago(read, now)),
            Some(_) => "read by an older version of Seawall, or for other malware".to_owned(),
        };
        queue(app, registry, &due, ScanOrigin::Schedule, reason).await?;
    }
    Ok(())
}

async fn queue(
    app: &App,
    registry: &Registry,
    due: &DueImage,
    origin: ScanOrigin,
    reason: String,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let cause = Cause {
        origin,
        reason,
        source: None,
        unless: Unless {
            read: None,
            tried: Some(now - TRIED),
        },
    };
    let image = Image {
        repository: &due.repository,
        tag: Some(&due.tag),
        digest: &due.digest,
        platform: due.platform.as_deref(),
        is_one_of_many: due.is_one_of_many,
    };
    queue_wish(app, wish(registry, &image, cause, now)).await
}

/// Queues images that run: those not known, and those of no watched
/// registry that were read long ago.
pub(super) async fn running(app: &App) -> Result<(), StoreError> {
    if !app.config.scan.running {
        return Ok(());
    }
    let now = app.clock.now();
    let again = app.config.scan.again.0;
    let again = SignedDuration::try_from(again).unwrap_or(days(7));
    for image in app.store.running_unread(now - again, AT_ONCE).await? {
        queue_running(app, image).await?;
    }
    let scope = app.store.scope(None).await?;
    let hosts: BTreeMap<(String, String), String> = app
        .store
        .container_hosts(&scope)
        .await?
        .into_iter()
        .map(|host| ((host.environment, host.name), host.id))
        .collect();
    let unknown = app.store.unknown_images(CONTAINERS).await?;
    let exposed = if unknown.iter().any(|image| image.is_cluster) {
        crate::work::running::exposed_unknown(app).await?
    } else {
        HashSet::new()
    };
    for image in unknown {
        if let Some(scan) = of_container(app, &hosts, &exposed, &image).await? {
            queue_wish(app, Some(scan)).await?;
        }
    }
    Ok(())
}

async fn queue_running(app: &App, image: RunningImage) -> Result<(), StoreError> {
    let now = app.clock.now();
    let scan = NewScan {
        reason: format!(
            "running in {} containers, last read {}",
            image.running,
            ago(image.read, now)
        ),
        environment: image.environment,
        target: image.target,
        name: image.name,
        platform: None,
        origin: ScanOrigin::RecentPull,
        created: now,
        digest: image.digest,
        unless: Unless {
            read: None,
            tried: Some(now - TRIED),
        },
        ..NewScan::default()
    };
    queue_wish(app, Some(scan)).await
}

/// Whether a port of a container is open to more than its own machine.
fn is_exposed(ports: Option<&str>) -> bool {
    ports.unwrap_or_default().split(", ").any(|port| {
        let is_published = port.contains(" -> ");
        is_published && !port.starts_with("127.") && !port.starts_with("[::1]")
    })
}

/// How an image that a container runs is reached from here.
async fn of_container(
    app: &App,
    hosts: &BTreeMap<(String, String), String>,
    exposed: &HashSet<String>,
    image: &UnknownImage,
) -> Result<Option<NewScan>, StoreError> {
    let now = app.clock.now();
    let mut scan = NewScan {
        environment: image.environment.clone(),
        name: image.image.clone(),
        origin: ScanOrigin::Running,
        created: now,
        reason: format!("container {} on {} runs it", image.container, image.place),
        exposed: exposed.contains(&image.asset) || is_exposed(image.ports.as_deref()),
        unless: Unless {
            read: None,
            tried: Some(now - TRIED),
        },
        ..NewScan::default()
    };
    if image.is_cluster {
        return in_registry(app, image, scan).await;
    }
    let host = (image.environment.clone(), image.place.clone());
    if image.environment == LOCAL && image.place == app.host {
        scan.target = match (image.engine.as_deref(), &image.namespace) {
            (Some("containerd"), Some(namespace)) => {
                format!("containerd:{namespace}/{}", image.image)
            }
            _ => format!("docker:{}", image.image),
        };
    } else if let Some(id) = hosts.get(&host) {
        scan.target = format!("{}{id}/{}", engine::HOST, image.image);
    } else {
        // Whoever told of it did not say how its host is reached.
        return Ok(None);
    }
    Ok(Some(scan))
}

/// An image of a cluster is where its nodes pulled it from.
async fn in_registry(
    app: &App,
    image: &UnknownImage,
    mut scan: NewScan,
) -> Result<Option<NewScan>, StoreError> {
    let told = image.image_id.as_deref().unwrap_or_default();
    let told = told.rsplit("://").next().unwrap_or_default();
    let by_digest: Option<Reference> = Some(told)
        .filter(|told| told.contains('@'))
        .and_then(|told| told.parse().ok());
    let by_name: Option<Reference> = image.image.parse().ok();
    let Some(target) = by_digest.or(by_name) else {
        return Ok(None);
    };
    scan.digest = target.digest.map(|digest| digest.to_string());
    // What is known by its digest needs no reading, only to be told.
    scan.unless.read = Some(read_since(app, scan.created - FRESH));
    scan.target = format!("registry:{target}");
    scan.registry = registries::of_host(app, &scan.environment, &target.registry)
        .await?
        .map(|registry| registry.id);
    Ok(Some(scan))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_on_loopback_exposes_nothing() {
        assert!(is_exposed(Some("0.0.0.0:80 -> 80/tcp")));
        assert!(is_exposed(Some(
            "127.0.0.1:81 -> 81/tcp, [::]:80 -> 80/tcp"
        )));
        assert!(!is_exposed(Some("127.0.0.1:80 -> 80/tcp")));
        assert!(!is_exposed(Some("80/tcp")));
        assert!(!is_exposed(None));
    }
}

//! Images that requests to clusters name and nobody read: they are read,
//! and whether they are signed is looked at.
//!
//! Whoever may ask a cluster for pods chooses those names. So all of it
//! is bounded: names that wait, those remembered, and scans of this sort
//! that wait at once. What there is no room for is named again when it is
//! asked for again.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use api::decision::NewDecision;
use jiff::{SignedDuration, Timestamp};
use model::{Digest, error::chain};
use scan::Reference;
use store::{KnownImage, NewScan, Scan, ScanOrigin, StoreError, Unless};
use tokio::sync::Notify;

use super::{
    queue,
    registry::{FRESH, TRIED, read_since},
};
use crate::{
    app::{App, DEMO},
    registries, trust,
};

/// Names that wait for the next look, and those remembered after it.
const WAITING: usize = 1_000;
const REMEMBERED: usize = 5_000;
/// How long a name that was looked at is not looked at again.
const QUIET: SignedDuration = SignedDuration::from_mins(10);
/// How long further requests are waited for.
const SETTLE: Duration = Duration::from_secs(2);
/// Scans of one environment that wait or run for this reason.
const QUEUED: usize = 200;
/// A longer name is nobody's.
const LONGEST_NAME: usize = 500;

/// An image of an environment, as a request names it.
type Name = (String, String);

/// Names requests told.
#[derive(Debug, Default)]
pub(crate) struct Requested {
    names: Mutex<Names>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Names {
    /// With who named them.
    waiting: BTreeMap<Name, String>,
    looked: HashMap<Name, Timestamp>,
}

impl Requested {
    /// Notes what a request to a cluster names that something is to run.
    pub(crate) fn note(
        &self,
        environment: &str,
        cluster: &str,
        decision: &NewDecision,
        now: Timestamp,
    ) {
        if environment == DEMO || decision.operation == "DELETE" {
            return;
        }
        for image in &decision.images {
            self.put(environment, image, now, || named_by(cluster, decision));
        }
    }

    /// Notes what a request to a cluster names that no policy says
    /// anything about.
    pub(crate) fn name(&self, environment: &str, cluster: &str, image: &str, now: Timestamp) {
        let by = || format!("a request to {cluster} named it");
        if environment != DEMO {
            self.put(environment, image, now, by);
        }
    }

    fn put(&self, environment: &str, image: &str, now: Timestamp, by: impl FnOnce() -> String) {
        let mut names = self.names();
        let name = (environment.to_owned(), image.to_owned());
        let is_known = names.waiting.contains_key(&name)
            || (names.looked.get(&name)).is_some_and(|last| now.duration_since(*last) < QUIET);
        if !is_known && image.len() <= LONGEST_NAME && names.waiting.len() < WAITING {
            names.waiting.insert(name, by());
            self.bell.notify_one();
        }
    }

    /// What waits; it is remembered as looked at.
    fn take(&self, now: Timestamp) -> BTreeMap<Name, String> {
        let mut names = self.names();
        let taken = std::mem::take(&mut names.waiting);
        if names.looked.len() + taken.len() > REMEMBERED {
            names.looked.clear();
        }
        let looked = taken.keys().map(|name| (name.clone(), now));
        names.looked.extend(looked);
        taken
    }

    fn forget(&self, name: &Name) {
        self.names().looked.remove(name);
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names
            .lock()
            .expect("invariant: no panic under the lock")
    }
}

/// Who named an image, and what became of that.
fn named_by(cluster: &str, decision: &NewDecision) -> String {
    let object = decision.about();
    let place = match decision.namespace.as_str() {
        "" => cluster.to_owned(),
        namespace => format!("{namespace} in {cluster}"),
    };
    let verdict = crate::http::admission::word(decision.verdict);
    format!("a request for {object} of {place} named it, and was {verdict}")
}

/// Looks until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        if let Err(error) = look(&app).await {
            tracing::error!(error = %chain(&error), "cannot queue what admission named");
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = app.requested.bell.notified() => tokio::select! {
                () = app.shutdown.cancelled() => return,
                () = tokio::time::sleep(SETTLE) => {}
            }
        }
    }
}

/// One look.
pub(crate) async fn look(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    let mut by_environment: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for ((environment, image), by) in app.requested.take(now) {
        by_environment
            .entry(environment)
            .or_default()
            .insert(image, by);
    }
    for (environment, named) in by_environment {
        let images = app.store.known_images(&environment).await?;
        let found = found(&images, &named.keys().map(String::as_str).collect());
        let mut room = QUEUED.saturating_sub(queued(app, &environment).await?);
        for (image, by) in named {
            let known = found.get(image.as_str()).copied();
            let Ok(reference) = image.parse::<Reference>() else {
                continue;
            };
            let digest = reference.digest.map(|digest| digest.to_string());
            let digest = digest.or_else(|| known.and_then(|known| known.digest.clone()));
            verify(app, &environment, &reference, digest.as_deref()).await?;
            if !app.config.scan.running || known.is_some_and(|known| known.scanned) {
                continue;
            }
            if room == 0 {
                app.requested.forget(&(environment.clone(), image));
                continue;
            }
            let scan = wish(app, &environment, &reference, digest, by).await?;
            if queue::wish(app, scan).await?.scan().is_some() {
                room -= 1;
            }
        }
        if room == 0 {
            tracing::warn!(
                environment,
                "requests name more images than are read at once"
            );
        }
    }
    Ok(())
}

/// Scans that wait or run because requests named their images.
async fn queued(app: &App, environment: &str) -> Result<usize, StoreError> {
    let scope = app.store.scope(Some(environment)).await?;
    let counts = app.store.queue_counts(&scope).await?.counts;
    let own = counts
        .iter()
        .filter(|count| count.origin == ScanOrigin::Admission);
    let count = own.map(|count| count.queued + count.running).sum::<u64>();
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// What is known of the images that `names` lead to. A name may lead to
/// several, and one that was read says more than one that was not.
fn found<'i>(images: &'i [KnownImage], names: &BTreeSet<&str>) -> BTreeMap<String, &'i KnownImage> {
    let mut found: BTreeMap<String, &'i KnownImage> = BTreeMap::new();
    for image in images {
        for reference in &image.references {
            for spelling in policy::spellings(reference, image.digest.as_deref()) {
                if !names.contains(spelling.as_str()) {
                    continue;
                }
                let known = found.entry(spelling).or_insert(image);
                if !known.scanned {
                    *known = image;
                }
            }
        }
    }
    found
}

/// Has it looked at whether an image is signed, where a registry is
/// watched. One that nobody watches is asked once the image was read: it
/// is then known to be no place this server must not reach.
async fn verify(
    app: &App,
    environment: &str,
    reference: &Reference,
    digest: Option<&str>,
) -> Result<(), StoreError> {
    let Some(digest) = digest else {
        return Ok(());
    };
    let watched = registries::of_host(app, environment, &reference.registry).await?;
    if watched.is_some() {
        let repository = format!("{}/{}", reference.registry, reference.repository);
        app.trust
            .look_at(environment, repository, digest.to_owned());
    }
    Ok(())
}

/// Has it looked at whether an image that was read for this is signed:
/// whoever was refused for it asks again soon.
pub(crate) fn was_read(app: &App, scan: &Scan, digest: Option<Digest>) {
    if let (ScanOrigin::Admission, Some(digest)) = (scan.origin, digest)
        && let Some((repository, _)) = trust::place(&scan.name)
    {
        app.trust
            .look_at(&scan.environment, repository, digest.to_string());
    }
}

async fn wish(
    app: &App,
    environment: &str,
    reference: &Reference,
    digest: Option<String>,
    reason: String,
) -> Result<NewScan, StoreError> {
    let now = app.clock.now();
    let registry = registries::of_host(app, environment, &reference.registry).await?;
    Ok(NewScan {
        environment: environment.to_owned(),
        target: format!("registry:{reference}"),
        name: reference.to_string(),
        origin: ScanOrigin::Admission,
        created: now,
        reason,
        digest: reference.digest.and(digest),
        registry: registry.map(|registry| registry.id),
        unless: Unless {
            read: Some(read_since(app, now - FRESH)),
            tried: Some(now - TRIED),
        },
        ..NewScan::default()
    })
}

#[cfg(test)]
mod tests {
    use api::decision::Verdict;

    use super::*;

    fn decision(images: &[&str]) -> NewDecision {
        NewDecision {
            uid: "1".to_owned(),
            time: Timestamp::UNIX_EPOCH,
            verdict: Verdict::Denied,
            operation: "CREATE".to_owned(),
            group: String::new(),
            kind: "Pod".to_owned(),
            namespace: "shop".to_owned(),
            name: "web-1".to_owned(),
            workload: String::new(),
            user: "dana".to_owned(),
            images: images.iter().map(|&image| image.to_owned()).collect(),
            took_us: 0,
            violations: Vec::new(),
            note: String::new(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn note(requested: &Requested, second: i64, image: &str) {
        requested.note("local", "prod", &decision(&[image]), at(second));
    }

    #[test]
    fn a_flood_of_names_is_bounded_and_none_waits_twice() {
        let requested = Requested::default();
        for round in 0..3 {
            for number in 0..WAITING + 50 {
                let image = format!("registry.example/x:{number}");
                note(&requested, round, &image);
            }
        }
        let long = "x".repeat(LONGEST_NAME + 1);
        note(&requested, 1, &long);
        requested.note(DEMO, "prod", &decision(&["nginx"]), at(1));
        let mut deleted = decision(&["nginx"]);
        deleted.operation = "DELETE".to_owned();
        requested.note("local", "prod", &deleted, at(1));
        let taken = requested.take(at(10));
        assert_eq!(taken.len(), WAITING);
        assert_eq!(
            taken.values().next().unwrap(),
            "a request for Pod/web-1 of shop in prod named it, and was denied"
        );
        for round in 0..6 {
            let names = (0..WAITING).map(|number| format!("registry.example/{round}:{number}"));
            for image in names {
                note(&requested, 20, &image);
            }
            requested.take(at(20));
            assert!(requested.names().looked.len() <= REMEMBERED);
        }
    }

    #[test]
    fn a_name_that_was_looked_at_is_left_alone_for_a_while() {
        let requested = Requested::default();
        let waits = |second: i64| {
            note(&requested, second, "nginx:1");
            requested.take(at(second)).len()
        };
        assert_eq!((waits(0), waits(1), waits(599)), (1, 0, 0));
        assert_eq!(waits(601), 1);
        requested.forget(&("local".to_owned(), "nginx:1".to_owned()));
        note(&requested, 602, "nginx:1");
        assert_eq!(requested.take(at(602)).len(), 1);
    }

    #[test]
    fn what_was_read_says_more_than_what_was_not() {
        let image = |scanned: bool, digest: &str| KnownImage {
            references: vec!["docker.io/library/nginx:1".to_owned()],
            digest: Some(format!("sha256:{}", digest.repeat(64))),
            scanned,
            ..KnownImage::default()
        };
        let names = BTreeSet::from(["nginx:1", "other"]);
        for images in [
            [image(false, "1"), image(true, "2")],
            [image(true, "2"), image(false, "1")],
        ] {
            let found = found(&images, &names);
            assert_eq!(found.len(), 1);
            assert!(found["nginx:1"].scanned);
        }
    }
}

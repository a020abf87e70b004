//! What is attached to an image that is read from a registry: asked with
//! each reading, where no trust policy has it asked anyway.
//!
//! A scan is never the worse for it: a registry that does not answer in
//! time, or wants to be left alone, is not asked for a while, and what is
//! attached to its images stays as it was seen last.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use model::{Cancel, Digest, error::chain};
use registry::AskError;
use store::{FoundReferrer, StoreError, TrustSubject};

use super::{
    engine::{self, Target},
    registry::attached,
    trust as verifying,
};
use crate::{app::App, trust};

/// How long a scan waits for the answers.
const LONGEST: Duration = Duration::from_secs(10);
/// How long a registry that gave none is not asked.
const AWHILE: SignedDuration = SignedDuration::from_mins(10);
/// Registries that are remembered for it.
const MOST_ALONE: usize = 1_000;
/// Indexes of an image that are asked for, too; they are mostly one.
const MOST_INDEXES: usize = 3;

/// Registries that are left alone, by environment and host, until when.
#[derive(Debug, Default)]
pub(crate) struct LeftAlone(Mutex<HashMap<(String, String), Timestamp>>);

impl LeftAlone {
    fn holds(&self, environment: &str, host: &str, now: Timestamp) -> bool {
        let key = (environment.to_owned(), host.to_owned());
        self.hosts().get(&key).is_some_and(|until| *until > now)
    }

    fn put(&self, environment: &str, host: &str, until: Timestamp, now: Timestamp) {
        let mut hosts = self.hosts();
        hosts.retain(|_, until| *until > now);
        if hosts.len() < MOST_ALONE {
            hosts.insert((environment.to_owned(), host.to_owned()), until);
        }
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<(String, String), Timestamp>> {
        self.0.lock().expect("invariant: no panic under the lock")
    }
}

/// Asks for what is attached to an image that was read from its registry,
/// and keeps it.
pub(super) async fn ask(
    app: &App,
    environment: &str,
    target: &Target,
    image: Option<Digest>,
) -> Result<(), StoreError> {
    let (Some((host, path)), Some(image)) = (target.repository(), image) else {
        return Ok(());
    };
    let now = app.clock.now();
    if app.left_alone.holds(environment, host, now) {
        return Ok(());
    }
    let subject = TrustSubject {
        repository: format!("{host}/{path}"),
        digest: image.to_string(),
    };
    if is_verified(app, environment, &subject).await? {
        return Ok(());
    }
    let cancel = Cancel::default();
    let registry = match verifying::open(app, environment, &subject, &cancel).await? {
        Ok(registry) => registry,
        Err(told) => {
            untold(&subject, &told);
            return Ok(());
        }
    };
    let mut images = app.store.indexes_of(environment, &subject.digest).await?;
    images.truncate(MOST_INDEXES);
    images.insert(0, subject.digest.clone());
    let path = path.to_owned();
    let asking = engine::blocking(move || list(&registry, &path, images));
    let (listed, error) = tokio::select! {
        answer = asking => answer,
        () = tokio::time::sleep(LONGEST) => {
            cancel.cancel();
            app.left_alone.put(environment, host, now + AWHILE, now);
            untold(&subject, "the registry takes too long");
            return Ok(());
        }
        () = app.shutdown.cancelled() => {
            cancel.cancel();
            return Ok(());
        }
    };
    if let Some(error) = error {
        untold(&subject, &chain(&error));
        if error.is_of_all() {
            let until = error.later().unwrap_or(now + AWHILE);
            app.left_alone.put(environment, host, until, now);
        }
    }
    app.store
        .put_referrers(
            environment,
            &subject.repository,
            listed.found,
            &listed.whole,
            now,
        )
        .await?;
    Ok(())
}

fn untold(subject: &TrustSubject, error: &str) {
    let repository = &subject.repository;
    tracing::debug!(%repository, error, "nobody says what is attached to an image");
}

/// Whether a trust policy has the registry asked for all there is.
async fn is_verified(
    app: &App,
    environment: &str,
    subject: &TrustSubject,
) -> Result<bool, StoreError> {
    let scope = app.store.scope(Some(environment)).await?;
    let policies = app.store.trust_policies(&scope).await?;
    Ok(policies
        .iter()
        .any(|policy| policy.record.enabled && trust::covers(policy, &subject.repository)))
}

#[derive(Default)]
struct Listed {
    found: Vec<FoundReferrer>,
    /// Those of which all that is attached was listed.
    whole: Vec<String>,
}

/// Lists what is attached to images, until one is not answered.
fn list(
    registry: &Arc<registry::Registry>,
    path: &str,
    images: Vec<String>,
) -> (Listed, Option<AskError>) {
    let mut listed = Listed::default();
    for image in images {
        let Ok(digest) = image.parse::<Digest>() else {
            continue;
        };
        match registry.referrers(path, &digest) {
            Ok(referrers) => {
                listed.found.extend(attached::listed(&digest, &referrers));
                listed.whole.push(image);
            }
            Err(error) => return (listed, Some(error)),
        }
    }
    (listed, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gave_no_answer_is_left_alone_for_a_while() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let alone = LeftAlone::default();
        alone.put("local", "registry.example", at(60), at(0));
        assert!(alone.holds("local", "registry.example", at(59)));
        assert!(!alone.holds("local", "registry.example", at(60)));
        assert!(!alone.holds("local", "other.example", at(0)));
        assert!(!alone.holds("other", "registry.example", at(0)));
        for number in 0..2 * MOST_ALONE {
            alone.put("local", &number.to_string(), at(90), at(61));
        }
        assert_eq!(alone.hosts().len(), MOST_ALONE);
        alone.put("local", "registry.example", at(120), at(90));
        assert_eq!(alone.hosts().len(), 1);
    }
}

//! Verifying images by trust policies: those that are pushed at once, the
//! rest as they become known, and everything again when a policy changes.
//!
//! An image is looked at in its registry, as the registry's account: what
//! is attached to its digest, and to the indexes it is in. One that is
//! not signed is looked at again soon and then less and less often, for
//! who signs does so after pushing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use model::{Cancel, Digest, error::chain};
use registry::{
    Account, AskError, Kind,
    signature::{Accepted, Asked, Refused, judge},
};
use store::{
    FoundReferrer, StoreError, TrustDue, TrustFinding, TrustPolicy, TrustSubject, TrustVerdict,
};
use tokio::{sync::Notify, task::JoinSet};

use super::{engine, registry::attached};
use crate::{app::App, registries, trust};

/// How often it is looked for what is due.
const STEP: Duration = Duration::from_secs(5);
/// How often all images are gone through for those nobody told of.
const GATHER: SignedDuration = SignedDuration::from_mins(2);
/// Images taken in one round, and looked at together.
const ROUND: u32 = 200;
const TOGETHER: usize = 4;
/// How long nobody else takes what one server took.
const LEASE: SignedDuration = SignedDuration::from_mins(5);
/// A signature that holds is looked at again after so long.
const SIGNED: SignedDuration = SignedDuration::from_hours(24 * 7);
/// Seconds until the next look at what is not signed, by the looks before.
const AGAIN: [i64; 9] = [20, 30, 60, 120, 300, 900, 3_600, 21_600, 86_400];

/// What is to be verified at once.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    bell: Notify,
    told: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Everything.
    whole: bool,
    /// By environment.
    images: BTreeSet<(String, TrustSubject)>,
}

impl Trust {
    /// An image was pushed or found.
    pub(crate) fn look_at(&self, environment: &str, repository: String, digest: String) {
        let subject = TrustSubject { repository, digest };
        self.waiting()
            .images
            .insert((environment.to_owned(), subject));
        self.bell.notify_one();
    }

    /// A policy changed.
    pub(crate) fn look_again(&self) {
        self.waiting().whole = true;
        self.bell.notify_one();
    }

    /// Something that is due was put off no longer.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.told
            .lock()
            .expect("invariant: no panic under the lock")
    }
}

/// Verifies until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    let mut gathered: Option<Timestamp> = None;
    loop {
        let now = app.clock.now();
        let is_due = gathered.is_none_or(|last| now.duration_since(last).abs() >= GATHER);
        let round = async {
            if gather(&app, is_due).await? {
                gathered = Some(now);
            }
            while !app.shutdown.is_cancelled() && verify(&app).await? {}
            Ok::<_, StoreError>(())
        };
        if let Err(error) = round.await {
            tracing::error!(error = %chain(&error), "cannot keep what signatures are worth");
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = app.trust.bell.notified() => {}
            () = tokio::time::sleep(STEP) => {}
        }
    }
}

/// One round over everything, now.
pub(crate) async fn once(app: &Arc<App>) -> Result<(), StoreError> {
    gather(app, true).await?;
    while verify(app).await? {}
    Ok(())
}

/// Finds images policies hold for: those that were told of, or all.
async fn gather(app: &App, whole: bool) -> Result<bool, StoreError> {
    let waiting = std::mem::take(&mut *app.trust.waiting());
    let whole = whole || waiting.whole;
    if !whole && waiting.images.is_empty() {
        return Ok(false);
    }
    let scope = app.store.scope(None).await?;
    let mut by_environment: BTreeMap<String, Vec<TrustPolicy>> = BTreeMap::new();
    for policy in app.store.trust_policies(&scope).await? {
        if policy.record.enabled {
            let environment = policy.environment.clone();
            by_environment.entry(environment).or_default().push(policy);
        }
    }
    let now = app.clock.now();
    for (environment, policies) in by_environment {
        let (subjects, hurry) = if whole {
            (all(app, &environment).await?, false)
        } else {
            let own = waiting.images.iter();
            let own = own.filter(|(of, _)| *of == environment);
            (own.map(|(_, subject)| subject.clone()).collect(), true)
        };
        for policy in &policies {
            let wanted: BTreeSet<TrustSubject> = subjects
                .iter()
                .filter(|subject| trust::covers(policy, &subject.repository))
                .cloned()
                .collect();
            if whole {
                let known: BTreeSet<TrustSubject> = app
                    .store
                    .trust_subjects(policy)
                    .await?
                    .into_iter()
                    .collect();
                let gone: Vec<_> = known
                    .iter()
                    .filter(|subject| !trust::covers(policy, &subject.repository))
                    .cloned()
                    .collect();
                app.store.drop_trust_subjects(policy, gone).await?;
                let new: Vec<_> = wanted.difference(&known).cloned().collect();
                app.store
                    .put_trust_subjects(policy, new, false, now)
                    .await?;
            } else {
                let wanted = wanted.into_iter().collect();
                app.store
                    .put_trust_subjects(policy, wanted, hurry, now)
                    .await?;
            }
        }
    }
    Ok(whole)
}

/// Every image of an environment that is in a registry.
async fn all(app: &App, environment: &str) -> Result<BTreeSet<TrustSubject>, StoreError> {
    let mut subjects: BTreeSet<TrustSubject> = app
        .store
        .trust_platforms(environment)
        .await?
        .into_iter()
        .filter_map(|subject| {
            let (repository, _) = trust::place(&subject.repository)?;
            Some(TrustSubject {
                repository,
                digest: subject.digest,
            })
        })
        .collect();
    for tag in app.store.trust_tags(environment).await? {
        if let Some((repository, _)) = trust::place(&tag.name) {
            subjects.insert(TrustSubject {
                repository,
                digest: tag.digest,
            });
        }
    }
    Ok(subjects)
}

/// One image, and by which policies it is judged.
struct Look {
    environment: String,
    subject: TrustSubject,
    by: Vec<(TrustDue, Arc<TrustPolicy>, Wanted)>,
}

/// What a policy asks for, or why that cannot be read.
type Wanted = Result<Arc<Asked>, String>;
type ByPolicy = HashMap<String, (Arc<TrustPolicy>, Wanted)>;

/// Verifies what is due. `false`: nothing was.
async fn verify(app: &Arc<App>) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let due = app.store.take_trust_due(now, now + LEASE, ROUND).await?;
    if due.is_empty() {
        return Ok(false);
    }
    let scope = app.store.scope(None).await?;
    let policies: ByPolicy = app
        .store
        .trust_policies(&scope)
        .await?
        .into_iter()
        .map(|policy| {
            let asked = trust::asked_of(&policy.record).map(Arc::new);
            (policy.id.clone(), (Arc::new(policy), asked))
        })
        .collect();
    let mut looks: BTreeMap<(String, TrustSubject), Look> = BTreeMap::new();
    for due in due {
        let Some((policy, asked)) = policies.get(&due.policy).cloned() else {
            continue;
        };
        let key = (due.environment.clone(), due.subject.clone());
        let look = looks.entry(key.clone()).or_insert_with(|| Look {
            environment: key.0,
            subject: key.1,
            by: Vec::new(),
        });
        look.by.push((due, policy, asked));
    }
    let mut opened: HashMap<(String, String), Result<Arc<registry::Registry>, String>> =
        HashMap::new();
    let cancel = Cancel::default();
    let mut tasks = JoinSet::new();
    let mut changed: BTreeSet<String> = BTreeSet::new();
    let mut failed = None;
    let end = |ended: Result<Result<Option<String>, StoreError>, tokio::task::JoinError>,
               changed: &mut BTreeSet<String>,
               failed: &mut Option<StoreError>| match ended {
        Ok(Ok(environment)) => changed.extend(environment),
        Ok(Err(error)) => *failed = Some(error),
        Err(error) => tracing::error!(error = %chain(&error), "a look at signatures ended early"),
    };
    for look in looks.into_values() {
        if app.shutdown.is_cancelled() {
            cancel.cancel();
            break;
        }
        let host = look
            .subject
            .repository
            .split('/')
            .next()
            .unwrap_or_default();
        let key = (look.environment.clone(), host.to_owned());
        let registry = if let Some(registry) = opened.get(&key) {
            registry.clone()
        } else {
            let registry = open(app, &look.environment, &look.subject, &cancel).await?;
            opened.insert(key, registry.clone());
            registry
        };
        if tasks.len() >= TOGETHER
            && let Some(ended) = tasks.join_next().await
        {
            end(ended, &mut changed, &mut failed);
        }
        tasks.spawn(one(Arc::clone(app), look, registry));
    }
    while let Some(ended) = tasks.join_next().await {
        end(ended, &mut changed, &mut failed);
    }
    for environment in changed {
        app.bundles.trust_changed(&environment);
        app.bus.publish(&api::Event::Admission { environment });
    }
    failed.map_or(Ok(true), Err)
}

/// The registry an image is in: the one that is watched, else as it is
/// where such an image is read.
pub(super) async fn open(
    app: &App,
    environment: &str,
    subject: &TrustSubject,
    cancel: &Cancel,
) -> Result<Result<Arc<registry::Registry>, String>, StoreError> {
    let (host, path) = subject
        .repository
        .split_once('/')
        .unwrap_or((subject.repository.as_str(), ""));
    let opened = if let Some(known) = registries::of_host(app, environment, host).await? {
        registries::open(app, &known, cancel).map_err(|error| chain(&error))
    } else {
        let mut account = Account::anonymous(Kind::Distribution, host);
        account.repositories = vec![path.to_owned()];
        account.docker_config = engine::docker_config();
        let scan = &app.config.scan;
        account.trust.allow_private = scan.allow_private;
        account.trust.plain_http = scan.insecure_registries.iter().any(|known| known == host);
        registry::Registry::open(account, Arc::clone(&app.clock), cancel)
            .map_err(|error| chain(&error))
    };
    Ok(opened.map(Arc::new))
}

/// Looks at one image. `Some`: the environment where something changed.
async fn one(
    app: Arc<App>,
    look: Look,
    registry: Result<Arc<registry::Registry>, String>,
) -> Result<Option<String>, StoreError> {
    let (environment, subject) = (look.environment, look.subject);
    let parents = app.store.indexes_of(&environment, &subject.digest).await?;
    let now = app.clock.now();
    let asked: Vec<Arc<Asked>> = look
        .by
        .iter()
        .filter_map(|(_, _, asked)| asked.as_ref().ok().cloned())
        .collect();
    let answer = match registry {
        Ok(registry) => {
            let subject = subject.clone();
            engine::blocking(move || look_at(&registry, &subject, &parents, &asked, now)).await
        }
        Err(told) => Err((format!("failed to {told}"), None)),
    };
    let mut answers = match answer {
        Ok(looked) => {
            let (attached, whole) = (looked.attached, looked.whole);
            app.store
                .put_referrers(&environment, &subject.repository, attached, &whole, now)
                .await?;
            Ok(looked.findings.into_iter())
        }
        Err(told) => Err(told),
    };
    let mut is_changed = false;
    for (due, policy, asked) in look.by {
        let (found, hold) = match (&asked, &mut answers) {
            (Err(told), _) => (not_asked(told), None),
            (Ok(_), Err((told, hold))) => (not_asked(told), *hold),
            (Ok(_), Ok(answers)) => match answers.next() {
                Some(found) => (found, None),
                None => continue,
            },
        };
        let next = next(&found, due.attempts, now).max(hold.unwrap_or(now));
        is_changed |= app
            .store
            .put_trust_finding(&due, policy.revision, found, now, next)
            .await?;
    }
    if is_changed {
        for outcome in app
            .store
            .trust_of_digest(&environment, &subject.digest)
            .await?
        {
            if let Some(image) = &outcome.image {
                app.bus.publish(&api::Event::Image {
                    image: crate::http::image::reference(image),
                });
                break;
            }
        }
    }
    Ok(is_changed.then_some(environment))
}

/// When it is looked at again.
fn next(found: &TrustFinding, attempts: u64, now: Timestamp) -> Timestamp {
    if found.verdict == TrustVerdict::Signed {
        let at = now + SIGNED;
        let soonest = now + SignedDuration::from_secs(AGAIN[0]);
        return found.ends.map_or(at, |ends| ends.min(at).max(soonest));
    }
    let step = usize::try_from(attempts).unwrap_or(usize::MAX);
    let seconds = AGAIN.get(step).or(AGAIN.last()).copied().unwrap_or(60);
    now + SignedDuration::from_secs(seconds)
}

fn not_asked(told: &str) -> TrustFinding {
    TrustFinding {
        verdict: TrustVerdict::Unknown,
        why: Some("not_asked".to_owned()),
        reason: Some(told.chars().take(1_000).collect()),
        mend: Some(
            "connect the registry, with an account that may pull, and see that it is reached"
                .to_owned(),
        ),
        ..TrustFinding::default()
    }
}

/// What came of a look.
#[derive(Default)]
struct Looked {
    /// By each policy.
    findings: Vec<TrustFinding>,
    attached: Vec<FoundReferrer>,
    /// Those of which all that is attached was listed.
    whole: Vec<String>,
}

impl Looked {
    /// Lists what is attached to an image, and reads what may be
    /// signatures.
    fn list(
        &mut self,
        registry: &registry::Registry,
        path: &str,
        image: &Digest,
    ) -> Result<Vec<registry::Artifact>, AskError> {
        let referrers = registry.referrers(path, image)?;
        self.attached.extend(attached::listed(image, &referrers));
        self.whole.push(image.to_string());
        registry.signed_by(path, &referrers)
    }
}

/// What is found of an image by each of `asked`; or why its registry gave
/// no answer, and until when it wants to be left alone.
fn look_at(
    registry: &registry::Registry,
    subject: &TrustSubject,
    parents: &[String],
    asked: &[Arc<Asked>],
    now: Timestamp,
) -> Result<Looked, (String, Option<Timestamp>)> {
    let told = |error: AskError| (format!("failed to {}", chain(&error)), error.later());
    let path = subject
        .repository
        .split_once('/')
        .map_or("", |(_, path)| path);
    let digest: Digest = subject.digest.parse().map_err(|_other| {
        (
            "failed to read its digest: it is no SHA-256".to_owned(),
            None,
        )
    })?;
    let mut looked = Looked::default();
    let artifacts = looked.list(registry, path, &digest).map_err(told)?;
    let mut found: Vec<Result<(Accepted, Option<String>), Refused>> = asked
        .iter()
        .map(|asked| judge(&digest, &artifacts, asked, now).map(|accepted| (accepted, None)))
        .collect();
    for parent in parents {
        if found.iter().all(Result::is_ok) {
            break;
        }
        let Ok(index) = parent.parse::<Digest>() else {
            continue;
        };
        let artifacts = looked.list(registry, path, &index).map_err(told)?;
        for (found, asked) in found.iter_mut().zip(asked) {
            let Err(refused) = found else { continue };
            match judge(&index, &artifacts, asked, now) {
                Ok(accepted) => *found = Ok((accepted, Some(parent.clone()))),
                // The nearer miss is told.
                Err(other) if other.why > refused.why => *refused = other,
                Err(_) => {}
            }
        }
    }
    looked.findings = found.into_iter().map(finding).collect();
    Ok(looked)
}

fn finding(found: Result<(Accepted, Option<String>), Refused>) -> TrustFinding {
    match found {
        Ok((accepted, through)) => TrustFinding {
            verdict: TrustVerdict::Signed,
            signer: Some(accepted.verified.signer.to_string()),
            scheme: Some(accepted.scheme.as_str().to_owned()),
            through,
            logged: accepted.verified.logged,
            ends: accepted.verified.until,
            ..TrustFinding::default()
        },
        Err(refused) => TrustFinding {
            verdict: TrustVerdict::Refused,
            why: Some(refused.why.as_str().to_owned()),
            reason: Some(refused.reason),
            mend: Some(refused.mend),
            signer: refused.signer.map(|signer| signer.to_string()),
            ..TrustFinding::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_signed_is_looked_at_less_and_less_often() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let refused = TrustFinding {
            verdict: TrustVerdict::Refused,
            ..TrustFinding::default()
        };
        let after = |attempts| next(&refused, attempts, now).duration_since(now).as_secs();
        assert_eq!(after(0), 20);
        assert!((1..9).all(|step| after(step) > after(step - 1) || step == 0));
        assert_eq!((after(8), after(1_000)), (86_400, 86_400));
        let signed = TrustFinding {
            verdict: TrustVerdict::Signed,
            ends: Some(now + SignedDuration::from_hours(1)),
            ..TrustFinding::default()
        };
        assert_eq!(Some(next(&signed, 0, now)), signed.ends);
    }
}

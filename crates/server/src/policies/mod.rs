//! Policies over clusters' objects: the product's and somebody's own,
//! what is done about each where, and the bundle whoever judges is given.

mod bundle;
mod custom;
mod trial;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use api::policy::{Bundle, BundleImage, PolicyAction};
use policy::Document;
use store::{CustomPolicy, PolicySetting, Scope};

pub(crate) use self::{
    bundle::{action_of, documents_for, exemptions},
    custom::{MAX_TEXT, Parsed, parse, told},
    trial::{Object, PATIENCE, Tried, standing, states, trial},
};
use crate::{app::App, http::error::ApiError, trust::Told};

/// A bundle is made anew after so long at the latest: another server may
/// have changed what it is made of.
const FRESH: Duration = Duration::from_secs(3);
/// What scans say of images changes slowly, and takes long to ask.
const FRESH_IMAGES: Duration = Duration::from_secs(20);
/// Bundles kept at once.
const MOST: usize = 500;

type Images = Arc<Vec<BundleImage>>;
type Trusted = Arc<Told>;
/// By environment and cluster, each with when it was made.
type Made = HashMap<(String, String), (Instant, Arc<Bundle>)>;

/// Bundles and facts of images that were asked for lately.
#[derive(Debug, Default)]
pub(crate) struct Bundles {
    all: Mutex<Made>,
    images: Mutex<HashMap<String, (Instant, Images)>>,
    trusted: Mutex<HashMap<String, (Instant, Trusted)>>,
}

impl Bundles {
    /// The bundle of a cluster.
    pub(crate) async fn of(
        &self,
        app: &App,
        environment: &str,
        cluster: &str,
    ) -> Result<Arc<Bundle>, ApiError> {
        let key = (environment.to_owned(), cluster.to_owned());
        if let Some((made, bundle)) = self.all().get(&key)
            && made.elapsed() < FRESH
        {
            return Ok(Arc::clone(bundle));
        }
        let images = self.images_of(app, environment).await?;
        let trusted = self.trusted_of(app, environment).await?;
        let bundle = bundle::make(app, environment, cluster, &images, &trusted).await?;
        let bundle = Arc::new(bundle);
        let mut all = self.all();
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(key, (Instant::now(), Arc::clone(&bundle)));
        Ok(bundle)
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Made> {
        self.all.lock().expect("invariant: no panic under the lock")
    }

    pub(crate) async fn images_of(&self, app: &App, environment: &str) -> Result<Images, ApiError> {
        {
            let images = self
                .images
                .lock()
                .expect("invariant: no panic under the lock");
            if let Some((made, images)) = images.get(environment)
                && made.elapsed() < FRESH_IMAGES
            {
                return Ok(Arc::clone(images));
            }
        }
        let known = app.store.known_images(environment).await?;
        let known = known.into_iter().map(|image| BundleImage {
            references: image.references,
            digest: image.digest,
            unscanned: !image.scanned,
            critical: image.critical,
            high: image.high,
            fixable: image.fixable,
            exploited: image.exploited,
        });
        let known: Images = Arc::new(known.collect());
        let mut images = self
            .images
            .lock()
            .expect("invariant: no panic under the lock");
        images.insert(environment.to_owned(), (Instant::now(), Arc::clone(&known)));
        Ok(known)
    }

    /// What is asked for and known of signatures in an environment.
    pub(crate) async fn trusted_of(
        &self,
        app: &App,
        environment: &str,
    ) -> Result<Trusted, ApiError> {
        if let Some((made, told)) = self.trusted().get(environment)
            && made.elapsed() < FRESH_IMAGES
        {
            return Ok(Arc::clone(told));
        }
        let scope = app.store.scope(Some(environment)).await?;
        let policies = app.store.trust_policies(&scope).await?;
        let told = if policies.iter().any(|policy| policy.record.enabled) {
            let outcomes = app.store.trust_facts(environment).await?;
            let tags = app.store.trust_tags(environment).await?;
            crate::trust::told(&policies, outcomes, tags)
        } else {
            Told::default()
        };
        let told = Arc::new(told);
        self.trusted()
            .insert(environment.to_owned(), (Instant::now(), Arc::clone(&told)));
        Ok(told)
    }

    fn trusted(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, Trusted)>> {
        self.trusted
            .lock()
            .expect("invariant: no panic under the lock")
    }

    /// Who signed what changed, or whom to believe.
    pub(crate) fn trust_changed(&self, environment: &str) {
        self.trusted().remove(environment);
        self.all().retain(|(of, _), _| of != environment);
    }

    /// Something a bundle is made of changed.
    pub(crate) fn changed(&self) {
        self.all().clear();
    }
}

/// Settings by policy.
pub(crate) fn by_policy(settings: Vec<PolicySetting>) -> BTreeMap<String, Vec<PolicySetting>> {
    let mut all: BTreeMap<String, Vec<PolicySetting>> = BTreeMap::new();
    for setting in settings {
        all.entry(setting.policy.clone()).or_default().push(setting);
    }
    all
}

/// What holds in a cluster: its own setting, else its environment's.
pub(crate) fn holding<'s>(
    settings: &'s [PolicySetting],
    environment: &str,
    cluster: &str,
) -> Option<&'s PolicySetting> {
    let of = |cluster: &str| {
        settings
            .iter()
            .find(|one| one.environment == environment && one.cluster == cluster)
    };
    of(cluster).or_else(|| of(""))
}

/// As the record writes it.
pub(crate) fn action_word(action: PolicyAction) -> &'static str {
    match action {
        PolicyAction::Off => "off",
        PolicyAction::Audit => "audit",
        PolicyAction::Warn => "warn",
        PolicyAction::Deny => "deny",
    }
}

/// As the record has it; what is not understood is noted only.
pub(crate) fn action(word: &str) -> PolicyAction {
    match word {
        "off" => PolicyAction::Off,
        "warn" => PolicyAction::Warn,
        "deny" => PolicyAction::Deny,
        _ => PolicyAction::Audit,
    }
}

/// What asks whether images are signed: it is on where a trust policy
/// says whose signatures count, and without one there is nothing to ask.
const SIGNED: &str = "pods-images-signed";

/// What is done about one of the product's own where nobody says;
/// `trusts`: there is a trust policy that is on.
pub(crate) fn by_default(policy: &policy::Policy, trusts: bool) -> PolicyAction {
    if policy.bundle || (trusts && policy.id == SIGNED) {
        PolicyAction::Audit
    } else {
        PolicyAction::Off
    }
}

/// Somebody's own policies in scope, read.
pub(crate) async fn customs(
    app: &App,
    scope: &Scope,
) -> Result<Vec<(CustomPolicy, Parsed)>, ApiError> {
    let all = app.store.custom_policies(scope).await?;
    Ok(all
        .into_iter()
        .map(|custom| {
            let parsed = custom::read(&custom.name, &custom.documents);
            (custom, parsed)
        })
        .collect())
}

/// One of the product's own, with its documents.
pub(crate) fn built_in_documents(policy: &policy::Policy) -> Vec<Document> {
    policy.documents().to_vec()
}

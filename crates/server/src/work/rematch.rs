//! A change of advisories, carried to the images it touches and to no
//! other. Nothing is read or pulled; what is stored is enough.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use model::{Ecosystem, Package, PackageKind, VulnerabilityId};
use store::{HeldPackage, ImageKey, PackageFix, Rematch, Store, StoreError, TouchedImage, Verdict};
use tokio::task::JoinSet;
use vulns::{
    Cause, Database, Delta, Untold,
    rematch::{self, Differences, Installed, Step},
};

use super::{
    fix::{self, Compare},
    holdings::{Holdings, Kept},
};

/// Images of one transaction: what is written meanwhile waits for it.
const IMAGES: usize = 500;
/// How many such are under way: while one is written, the next is read
/// and judged.
const AT_ONCE: usize = 2;
/// Vulnerabilities brought up to date in one.
const VULNERABILITIES: usize = 2000;
/// Advisories named as the reason; the rest are counted.
const NAMED: usize = 3;

/// What was done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    /// Package names something else is said of.
    pub(crate) names: usize,
    pub(crate) vulnerabilities: usize,
    /// Images that hold one of those.
    pub(crate) touched: usize,
    /// Findings that came, went or changed, before what people said.
    pub(crate) findings: u64,
    /// Images left to be matched whole.
    pub(crate) left: usize,
    /// Those with findings that came or went, and why.
    pub(crate) changed: BTreeMap<ImageKey, String>,
    /// How long it took to say what changes.
    pub(crate) computed: Duration,
    /// How long after that findings that come were on disk.
    pub(crate) new_on_disk: Duration,
}

/// Why images must be matched whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RematchError {
    #[error("tell the generations apart")]
    Untold(#[from] Untold),
    #[error("read or write the record")]
    Store(#[from] StoreError),
}

/// A change from one generation to another.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) old: Arc<Database>,
    pub(crate) new: Arc<Database>,
    /// What the old one is called.
    pub(crate) from: String,
    pub(crate) to: String,
    /// Vulnerabilities people have said something about.
    pub(crate) spoken: HashSet<VulnerabilityId>,
}

/// What the change comes to, before anything is written.
#[derive(Debug)]
pub(crate) struct Computed {
    pub(crate) delta: Delta,
    pub(crate) rematch: rematch::Rematch,
    mark: i64,
    took: Duration,
}

/// Says what changes, from the index alone.
pub(crate) fn compare(change: &Change, kept: &Kept) -> Result<(Delta, Differences), Untold> {
    let delta = Delta::between(&change.old, &change.new)?;
    let differences = rematch::compare(&change.old, &change.new, &delta, &kept.index);
    Ok((delta, differences))
}

/// The same, and what it takes to write it down.
pub(crate) fn compute(change: &Change, holdings: &Holdings) -> Result<Computed, Untold> {
    let kept = holdings.read();
    let began = Instant::now();
    let (delta, differences) = compare(change, &kept)?;
    let took = began.elapsed();
    let generations = (&*change.old, &*change.new);
    Ok(Computed {
        delta,
        rematch: differences.carry(generations, &kept.index, &change.spoken),
        mark: kept.mark,
        took,
    })
}

/// Carries a change to everything that was matched with the old
/// generation. What is left still says so of itself.
pub(crate) async fn apply(
    store: &Store,
    holdings: &Holdings,
    change: Change,
    compare: Compare,
    now: Timestamp,
) -> Result<Done, RematchError> {
    holdings.sweep(store).await?;
    let computed = {
        let (change, holdings) = (change.clone(), holdings.clone());
        off_thread(move || compute(&change, &holdings)).await?
    };
    write(store, change, computed, compare, now).await
}

/// Writes down what was computed.
pub(crate) async fn write(
    store: &Store,
    change: Change,
    computed: Computed,
    compare: Compare,
    now: Timestamp,
) -> Result<Done, RematchError> {
    let began = Instant::now();
    let Computed {
        delta,
        rematch,
        mark,
        took,
    } = computed;
    let mut done = Done {
        names: delta.keys.len(),
        vulnerabilities: delta.vulnerabilities.len(),
        touched: rematch.images.len(),
        findings: rematch.findings,
        left: rematch.whole.len(),
        changed: BTreeMap::new(),
        computed: took,
        new_on_disk: Duration::ZERO,
    };
    put_vulnerabilities(store, &change, &delta, now).await?;
    let whole = rematch.whole.clone();
    let numbers: Vec<i64> = rematch.packages().collect();
    let packages: HashMap<i64, Package> = store
        .packages_numbered(&numbers)
        .await?
        .into_iter()
        .map(|known| (known.number, known.package))
        .collect();
    let known = {
        let (new, ids) = (Arc::clone(&change.new), rematch.vulnerabilities());
        off_thread(move || new.vulnerabilities(&ids)).await
    };
    let judge = Arc::new(Judge {
        new: Arc::clone(&change.new),
        rematch,
        packages,
        compare,
        upgrades: Mutex::default(),
    });
    let known = Arc::new(known);
    for part in [Part::Coming, Part::Rest] {
        let mut images = judge.images(part).chunks(IMAGES);
        let mut under_way = JoinSet::new();
        loop {
            while under_way.len() < AT_ONCE
                && let Some(images) = images.next()
            {
                let (store, judge) = (store.clone(), Arc::clone(&judge));
                let rematch = Rematch {
                    from: change.from.clone(),
                    to: change.to.clone(),
                    now,
                    mark,
                    images: images.to_vec(),
                    is_last: part == Part::Rest,
                    vulnerabilities: Arc::clone(&known),
                    judge: Arc::new(move |image| judge.judge(image, part)),
                };
                under_way.spawn(async move { store.rematch(rematch).await });
            }
            match under_way.join_next().await {
                None => break,
                Some(Ok(outcome)) => done.changed.extend(outcome?.changed),
                // It panicked; so does whoever waits for it.
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        if part == Part::Coming {
            done.new_on_disk = began.elapsed();
        }
    }
    store
        .rematched((&change.from, &change.to), mark, &whole, now)
        .await?;
    Ok(done)
}

/// Brings up to date what the record says of vulnerabilities.
async fn put_vulnerabilities(
    store: &Store,
    change: &Change,
    delta: &Delta,
    now: Timestamp,
) -> Result<(), StoreError> {
    if delta.vulnerabilities.is_empty() {
        return Ok(());
    }
    let recorded: HashSet<String> = store.vulnerability_names().await?.into_iter().collect();
    let stale: Vec<VulnerabilityId> = delta
        .vulnerabilities
        .iter()
        .filter(|id| recorded.contains(id.as_str()))
        .cloned()
        .collect();
    for chunk in stale.chunks(VULNERABILITIES) {
        let (new, chunk) = (Arc::clone(&change.new), chunk.to_vec());
        let known = off_thread(move || new.vulnerabilities(&chunk)).await;
        store
            .put_vulnerabilities(known.into_values().collect(), now)
            .await?;
    }
    Ok(())
}

/// What there is to say of an image, in two parts: what is new is told
/// before what was known all along. A vulnerability is of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Vulnerabilities that come in a package of the image.
    Coming,
    /// Those that only change or go, and the upgrades.
    Rest,
}

/// What goes by an upgrade's name in an image, and its upgrades.
type Upgraded = (Vec<(PackageKind, String)>, Vec<PackageFix>);

/// Upgrades of what images have in common, worked out once.
type Upgrades = HashMap<u64, Arc<Upgraded>>;

/// Says what is to be said of one image.
struct Judge {
    new: Arc<Database>,
    rematch: rematch::Rematch,
    packages: HashMap<i64, Package>,
    compare: Compare,
    upgrades: Mutex<Upgrades>,
}

impl Judge {
    /// The images of which there is something to say.
    fn images(&self, part: Part) -> &[(i64, Vec<i64>)] {
        match part {
            Part::Coming => &self.rematch.images[..self.rematch.with_new],
            Part::Rest => &self.rematch.images,
        }
    }

    fn judge(&self, image: &TouchedImage, part: Part) -> Verdict {
        let mut coming = BTreeSet::new();
        let mut rest = BTreeSet::new();
        let mut causes: BTreeSet<&Cause> = BTreeSet::new();
        for held in &image.packages {
            for (id, step, why) in self.rematch.changed(held.number) {
                let ids = match step {
                    Step::Came => &mut coming,
                    Step::Changed | Step::Went => &mut rest,
                };
                let is_new = !ids.contains(id);
                if is_new {
                    ids.insert(id.clone());
                }
                if is_new || causes.len() < NAMED {
                    causes.extend(why);
                }
            }
        }
        let vulnerabilities = match part {
            Part::Coming => coming,
            Part::Rest => &rest - &coming,
        };
        let distribution = image.distribution.as_deref();
        let distribution: Option<Ecosystem> = distribution.and_then(|text| text.parse().ok());
        let installed: Vec<Installed> = image
            .packages
            .iter()
            .filter(|held| self.rematch.may_be_hit(held.number, &vulnerabilities))
            .filter_map(|held| self.installed(held))
            .collect();
        // The record names a finding's package by its place; of several
        // there the last counts.
        let numbers: HashMap<_, i64> = image
            .packages
            .iter()
            .filter_map(|held| {
                let purl = &self.packages.get(&held.number)?.purl;
                Some(((purl, held.path.as_str()), held.number))
            })
            .collect();
        let findings = self
            .rematch
            .findings(
                &self.new,
                &image.subject,
                distribution.as_ref(),
                &installed,
                Some(&vulnerabilities),
            )
            .into_iter()
            .filter_map(|finding| {
                let at = (&finding.package.purl, finding.package.path.as_str());
                Some((*numbers.get(&at)?, finding))
            })
            .collect();
        let (upgrades, fixes) = match part {
            Part::Coming => Upgraded::default(),
            Part::Rest => self.upgrades(image, distribution.as_ref()),
        };
        Verdict {
            vulnerabilities,
            findings,
            upgrades,
            fixes,
            because: because(&causes),
        }
    }

    /// A package in its place.
    fn installed(&self, held: &HeldPackage) -> Option<Installed> {
        let package = self.packages.get(&held.number)?;
        Some(Installed {
            number: held.number,
            package: Package {
                path: held.path.clone(),
                layer: held.layer,
                owned_by: held.owned_by.clone(),
                ..package.clone()
            },
        })
    }

    fn upgrades(&self, image: &TouchedImage, distribution: Option<&Ecosystem>) -> Upgraded {
        let mut families: BTreeMap<u32, Vec<&HeldPackage>> = BTreeMap::new();
        for held in &image.packages {
            let family = self.rematch.family(held.number);
            families.entry(family).or_default().push(held);
        }
        let mut upgrades = (Vec::new(), Vec::new());
        for members in families.into_values() {
            let known = self.of_family(image, &members, distribution);
            upgrades.0.extend(known.0.iter().cloned());
            upgrades.1.extend(known.1.iter().cloned());
        }
        upgrades
    }

    /// Images of one base have most families in common.
    fn of_family(
        &self,
        image: &TouchedImage,
        members: &[&HeldPackage],
        distribution: Option<&Ecosystem>,
    ) -> Arc<Upgraded> {
        let mut hasher = DefaultHasher::new();
        image.distribution.hash(&mut hasher);
        for held in members {
            held.number.hash(&mut hasher);
            held.path.hash(&mut hasher);
            held.layer.hash(&mut hasher);
            held.owned_by.is_some().hash(&mut hasher);
        }
        let key = hasher.finish();
        let known = || {
            self.upgrades
                .lock()
                .expect("invariant: no panic under the lock")
        };
        if let Some(upgrades) = known().get(&key) {
            return Arc::clone(upgrades);
        }
        let installed: Vec<Installed> = members
            .iter()
            .filter_map(|held| self.installed(held))
            .collect();
        let findings =
            self.rematch
                .findings(&self.new, &image.subject, distribution, &installed, None);
        let packages = || installed.iter().map(|one| &one.package);
        let open = findings.iter().filter(|one| one.suppression.is_none());
        let fixes = fix::fixes(packages(), open, self.compare);
        let names: BTreeSet<(PackageKind, String)> = packages()
            .map(|package| (package.kind, fix::upgraded_as(package).to_owned()))
            .collect();
        let upgrades = Arc::new((names.into_iter().collect(), fixes));
        known().insert(key, Arc::clone(&upgrades));
        upgrades
    }
}

/// `DSA-5532-1 changed and CVE-2026-1 came`.
fn because(causes: &BTreeSet<&Cause>) -> String {
    let mut by_advisory: BTreeMap<&str, &Cause> = BTreeMap::new();
    for cause in causes {
        by_advisory.entry(&cause.advisory).or_insert(cause);
    }
    let named: Vec<String> = by_advisory
        .values()
        .take(NAMED)
        .map(|cause| format!("advisory {cause}"))
        .collect();
    match (named.as_slice(), by_advisory.len() - named.len()) {
        ([], _) => "advisories changed".to_owned(),
        (named, 0) => named.join(" and "),
        (named, more) => format!("{} and {more} more changed", named.join(", ")),
    }
}

/// Runs blocking work off the async threads.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        // It panicked; so does whoever waits for it.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

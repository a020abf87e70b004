//! Matching again what a change of advisories touches, and nothing else.
//!
//! What advisories say of a package does not depend on the image it is
//! in, so every touched package is asked about once, however many images
//! hold it; only what differs from before is carried to the images.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use model::{Ecosystem, Finding, Package, VulnerabilityId};

use crate::{
    Cause, Database, Delta, Index,
    assess::{self, PackageHit},
    generation::Generation,
    matcher::{self, Hit},
    names::{self, Named},
};

/// What a change of advisories comes to.
#[derive(Clone, Debug, Default)]
pub struct Rematch {
    /// Of every package that must be looked at with a touched one: what
    /// is said of it now.
    hits: HashMap<i64, Arc<[PackageHit]>>,
    /// Of every touched package: the vulnerabilities of which something
    /// else is said, and why.
    changed: HashMap<i64, BTreeMap<VulnerabilityId, Why>>,
    /// Images that hold a touched package, each with the packages to look
    /// at in it.
    pub images: Vec<(i64, Vec<i64>)>,
    /// Images to match whole: what people said, or a version nobody can
    /// read, has to do with it.
    pub whole: Vec<i64>,
    /// Findings that came, went or changed, over all images.
    pub findings: u64,
}

/// Why something else is said.
type Why = Arc<[Cause]>;

/// Computes what changed for everything in `index`. `spoken` are the
/// vulnerabilities people have said something about.
#[expect(clippy::implicit_hasher, reason = "whoever asks keeps a plain set")]
pub fn compute(
    old: &Database,
    new: &Database,
    delta: &Delta,
    index: &Index,
    spoken: &HashSet<VulnerabilityId>,
) -> Rematch {
    let mut rematch = Rematch::default();
    let mut whole: BTreeSet<u32> = BTreeSet::new();
    let mut touched: Vec<u32> = Vec::new();
    // Only of names that something here goes by.
    let mut causes_of: HashMap<usize, Vec<Cause>> = HashMap::new();
    for (component, keys) in index.touched(delta) {
        let named = index.named(component);
        let (before, unread_before) = matcher::find_one(&old.generation, named);
        let (after, unread) = matcher::find_one(&new.generation, named);
        if unread_before != unread {
            whole.insert(component);
        }
        let differ = differences((&old.generation, &before), (&new.generation, &after));
        if differ.is_empty() {
            continue;
        }
        rematch.findings += (differ.len() * index.held_by(component)) as u64;
        let mut causes: Vec<Cause> = Vec::new();
        for key in keys {
            let known = causes_of
                .entry(key)
                .or_insert_with(|| delta.keys[key].causes(old, new));
            causes.extend(known.iter().cloned());
        }
        causes.sort_unstable();
        causes.dedup();
        let named_by = |id: &VulnerabilityId, hits: &[Hit<'_>], db: &Database| {
            let hit = hits
                .iter()
                .find(|hit| db.id_of(hit.vulnerability).as_ref() == Some(id));
            hit.map(|hit| hit.advisories.iter().map(|&id| id.to_owned()).collect())
        };
        let changed = differ.into_iter().map(|id| {
            let mut advisories: Vec<String> = named_by(&id, &before, old).unwrap_or_default();
            advisories.extend(named_by(&id, &after, new).unwrap_or_default());
            let mut why: Vec<Cause> = causes
                .iter()
                .filter(|cause| advisories.contains(&cause.advisory))
                .cloned()
                .collect();
            // The advisory itself is as it was, but not what it covers.
            if why.is_empty() {
                why.clone_from(&causes);
            }
            (id, why.into())
        });
        rematch
            .changed
            .insert(index.package(component), changed.collect());
        touched.push(component);
    }
    let related = index.related(touched.iter().copied());
    for &component in &related {
        let named = index.named(component);
        let hits = hits(new, named);
        if hits.iter().any(|hit| spoken.contains(&hit.vulnerability)) {
            whole.insert(component);
        }
        rematch.hits.insert(index.package(component), hits);
    }
    rematch.whole = index.holders(whole);
    let whole: HashSet<i64> = rematch.whole.iter().copied().collect();
    rematch.images = index.held(touched, related);
    rematch.images.retain(|(image, _)| !whole.contains(image));
    rematch
}

fn hits(db: &Database, package: Named<'_>) -> Arc<[PackageHit]> {
    let is_noise = names::is_kernel_build_files(package.kind, package.name);
    let (hits, _) = matcher::find_one(&db.generation, package);
    hits.iter()
        .filter_map(|hit| {
            Some(PackageHit::named(
                hit,
                db.id_of(hit.vulnerability)?,
                is_noise,
            ))
        })
        .collect()
}

/// The vulnerabilities of which two generations say something else. Both
/// lists are in the order of ids.
fn differences(
    (old, before): (&Generation, &[Hit<'_>]),
    (new, after): (&Generation, &[Hit<'_>]),
) -> Vec<VulnerabilityId> {
    let id = |generation: &'_ Generation, hit: &Hit<'_>| {
        let row = generation.vulnerability(hit.vulnerability);
        row.map(|row| generation.string(row.id).to_owned())
    };
    let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
    let mut differ = Vec::new();
    loop {
        let (a, b) = match (before.peek(), after.peek()) {
            (None, None) => return differ,
            (a, b) => (
                a.and_then(|hit| id(old, hit)),
                b.and_then(|hit| id(new, hit)),
            ),
        };
        match (a, b) {
            (Some(a), Some(b)) if a == b => {
                let (x, y) = (before.next(), after.next());
                if let (Some(x), Some(y)) = (x, y)
                    && !is_same(x, y)
                {
                    differ.push(VulnerabilityId::new(a));
                }
            }
            (Some(a), b) if b.as_ref().is_none_or(|b| a < *b) => {
                before.next();
                differ.push(VulnerabilityId::new(a));
            }
            (_, Some(b)) => {
                after.next();
                differ.push(VulnerabilityId::new(b));
            }
            // A row that is not there: a damaged file.
            _ => {
                before.next();
                after.next();
            }
        }
    }
}

fn is_same(a: &Hit<'_>, b: &Hit<'_>) -> bool {
    a.severity == b.severity
        && a.state == b.state
        && a.fixes == b.fixes
        && a.advisories == b.advisories
}

/// One package in one place of one image.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The store's number of it.
    pub number: i64,
    pub package: Package,
}

impl Rematch {
    /// The packages to look at in an image: touched ones, and those that
    /// must be looked at with them.
    pub fn packages(&self) -> impl Iterator<Item = i64> + '_ {
        self.hits.keys().copied()
    }

    /// Whether nothing changed anywhere.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.whole.is_empty()
    }

    /// The vulnerabilities that hit any of these packages now, or of
    /// which something else is said.
    pub fn vulnerabilities(&self) -> BTreeSet<VulnerabilityId> {
        let changed = self.changed.values().flat_map(BTreeMap::keys);
        changed.cloned().collect()
    }

    /// Those of which something else is said of a package, and why.
    pub fn changed(&self, package: i64) -> impl Iterator<Item = (&VulnerabilityId, &[Cause])> {
        let changed = self.changed.get(&package).into_iter().flatten();
        changed.map(|(id, why)| (id, &**why))
    }

    /// The findings of these packages of one image, of `only` some
    /// vulnerabilities where that is said. `distribution` is the one the
    /// whole image is of.
    pub fn findings(
        &self,
        db: &Database,
        subject: &str,
        distribution: Option<&Ecosystem>,
        installed: &[Installed],
        only: Option<&BTreeSet<VulnerabilityId>>,
    ) -> Vec<Finding> {
        let mut speaks = None;
        let mut found = Vec::new();
        for (index, Installed { number, package }) in installed.iter().enumerate() {
            let Some(hits) = self.hits.get(number) else {
                continue;
            };
            if package.owned_by.is_some()
                && *speaks.get_or_insert_with(|| matcher::speaks_for(&db.generation, distribution))
            {
                continue;
            }
            let mut purl = None;
            for hit in hits.iter() {
                if only.is_some_and(|only| !only.contains(&hit.vulnerability)) {
                    continue;
                }
                let purl = purl.get_or_insert_with(|| package.purl.without_version());
                found.push((hit.clone().finding(package, purl, subject), index));
            }
        }
        let found = assess::one_per_fingerprint(found);
        found.into_iter().map(|(finding, _)| finding).collect()
    }
}

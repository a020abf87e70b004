//! Matching again what a change of advisories touches, and nothing else.
//!
//! What advisories say of a package does not depend on the image it is
//! in, so every touched package is asked about once, however many images
//! hold it, and only where an advisory that says something else holds for
//! its version. [`compare`] says what differs, package by package; who
//! holds a package the index knows, so that this is all there is to know.
//! [`Differences::carry`] gathers what it takes to write it down.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use model::{Ecosystem, Finding, Package, VulnerabilityId};

use crate::{
    Cause, Database, Delta, Index,
    assess::{self, PackageHit},
    delta::Differing,
    generation::Generation,
    matcher::{self, Hit, Sieve, Sifted},
    names::{self, Named},
};

/// Items a thread takes at a time; fewer are not worth a second one.
const PORTION: usize = 64;
/// Threads of one question at most.
const THREADS: usize = 8;

/// What became of a vulnerability in a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Came,
    Changed,
    Went,
}

/// One vulnerability of which something else is said of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    pub vulnerability: VulnerabilityId,
    pub step: Step,
}

/// One package of which something else is said.
#[derive(Debug)]
struct Touched {
    component: u32,
    /// Places in the delta's list.
    keys: Vec<usize>,
    differ: Vec<Difference>,
}

impl Touched {
    fn comes(&self) -> bool {
        self.differ.iter().any(|it| it.step == Step::Came)
    }
}

/// What differs between two generations for everything an index holds.
#[derive(Debug, Default)]
pub struct Differences {
    touched: Vec<Touched>,
    /// Packages whose version can be read now and could not before, or
    /// the other way.
    unread: Vec<u32>,
    causes: HashMap<usize, Vec<Cause>>,
    /// Images that hold a touched package.
    pub images: usize,
    /// Findings that come, change and go, over all images.
    pub came: u64,
    pub changed: u64,
    pub went: u64,
}

/// Says what differs for everything in `index`.
pub fn compare(old: &Database, new: &Database, delta: &Delta, index: &Index) -> Differences {
    let generations = (&*old.generation, &*new.generation);
    let pairs = index.touched(delta);
    // Only of names that something here goes by.
    let keys: BTreeSet<usize> = pairs.iter().map(|(_, key)| *key).collect();
    let keys: Vec<usize> = keys.into_iter().collect();
    let differing: HashMap<&str, Differing> = spread(&keys, |keys, into| {
        into.extend(keys.iter().map(|&key| {
            let change = &delta.keys[key];
            let differing = change.differing(generations.0, generations.1);
            (change.key.as_str(), differing)
        }));
    })
    .into_iter()
    .collect();
    let components: Vec<&[(u32, usize)]> = pairs.chunk_by(|a, b| a.0 == b.0).collect();
    let asked = spread(&components, |components, into| {
        let mut sieve = Sieve::default();
        for pairs in components {
            let component = pairs[0].0;
            let named = index.named(component);
            let (before, after, is_unread) =
                match sieve.sift(generations, named, |key| differing.get(key)) {
                    Sifted::Nothing => continue,
                    Sifted::Some(home, old, new) => (
                        matcher::find_some(generations.0, named, home, &old),
                        matcher::find_some(generations.1, named, home, &new),
                        false,
                    ),
                    Sifted::Anything => {
                        let (before, unread_before) = matcher::find_one(generations.0, named);
                        let (after, unread) = matcher::find_one(generations.1, named);
                        (before, after, unread_before != unread)
                    }
                };
            let touched = Touched {
                component,
                keys: pairs.iter().map(|(_, key)| *key).collect(),
                differ: differences((generations.0, &before), (generations.1, &after)),
            };
            into.push((touched, is_unread));
        }
    });
    let mut differences = Differences::default();
    for (touched, is_unread) in asked {
        if is_unread {
            differences.unread.push(touched.component);
        }
        if !touched.differ.is_empty() {
            let held = index.holders_of(touched.component).count() as u64;
            for difference in &touched.differ {
                *differences.of(difference.step) += held;
            }
            differences.touched.push(touched);
        }
    }
    differences.images = index.count_holders(differences.components());
    let differed: BTreeSet<usize> = differences
        .touched
        .iter()
        .flat_map(|touched| touched.keys.iter().copied())
        .collect();
    for key in differed {
        if let Some(differing) = differing.get(delta.keys[key].key.as_str()) {
            differences.causes.insert(key, differing.causes.clone());
        }
    }
    differences
}

/// Has portions of a list worked through by all processors, and puts
/// together what comes of it, in the list's order.
fn spread<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T], &mut Vec<R>) + Sync) -> Vec<R> {
    let portions: Vec<&[T]> = items.chunks(PORTION).collect();
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(THREADS).min(portions.len());
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done: Vec<(usize, Vec<R>)> = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(portion) = portions.get(number) else {
                return done;
            };
            let mut into = Vec::new();
            work(portion, &mut into);
            done.push((number, into));
        }
    };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut done = run();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().flat_map(|(_, results)| results).collect()
}

/// Why something else is said.
type Why = Arc<[Cause]>;

impl Differences {
    fn of(&mut self, step: Step) -> &mut u64 {
        match step {
            Step::Came => &mut self.came,
            Step::Changed => &mut self.changed,
            Step::Went => &mut self.went,
        }
    }

    fn components(&self) -> impl Iterator<Item = u32> + '_ {
        self.touched.iter().map(|touched| touched.component)
    }

    /// Findings that come, change or go, over all images.
    pub fn findings(&self) -> u64 {
        self.came + self.changed + self.went
    }

    /// Every package of which something else is said, by the store's
    /// number, what that is, and the images that hold it.
    pub fn each<'d>(
        &'d self,
        index: &'d Index,
    ) -> impl Iterator<Item = (i64, &'d [Difference], Vec<i64>)> + 'd {
        self.touched.iter().map(|touched| {
            (
                index.package(touched.component),
                touched.differ.as_slice(),
                index.holders_of(touched.component).collect(),
            )
        })
    }

    /// What it takes to write the differences down. `spoken` are the
    /// vulnerabilities people have said something about.
    pub fn carry(
        &self,
        (old, new): (&Database, &Database),
        index: &Index,
        spoken: &HashSet<VulnerabilityId>,
    ) -> Rematch {
        let mut rematch = Rematch {
            findings: self.findings(),
            ..Rematch::default()
        };
        let components: Vec<u32> = self.components().collect();
        let changed = spread(&self.touched, |touched, into| {
            into.extend(touched.iter().map(|touched| {
                let named = index.named(touched.component);
                let why = self.why((old, new), touched, named);
                (index.package(touched.component), why)
            }));
        });
        rematch.changed = changed.into_iter().collect();
        let families = index.families(&components);
        rematch.images = index.held(&families);
        let packages = rematch.images.iter().flat_map(|(_, packages)| packages);
        let packages: HashSet<i64> = packages.copied().collect();
        for (number, family) in (0..).zip(&families) {
            let members = family.members.iter().map(|member| index.package(*member));
            let held = members.filter(|member| packages.contains(member));
            rematch.families.extend(held.map(|member| (member, number)));
        }
        let packages: Vec<i64> = packages.into_iter().collect();
        let differ = self.touched.iter().flat_map(|touched| &touched.differ);
        let moved: HashSet<&VulnerabilityId> = differ.map(|differ| &differ.vulnerability).collect();
        let hits = spread(&packages, |packages, into| {
            into.extend(packages.iter().filter_map(|&package| {
                let named = index.named(index.component(package)?);
                let all = hits(new, named);
                let places = (0..all.len()).filter(|&at| moved.contains(&all[at].vulnerability));
                let moved = places.collect();
                Some((package, Hits { all, moved }))
            }));
        });
        rematch.hits = hits.into_iter().collect();
        let mut whole: BTreeSet<i64> = index
            .holders(self.unread.iter().copied())
            .into_iter()
            .collect();
        if !spoken.is_empty() {
            let is_spoken = |hits: &Hits| {
                let mut hits = hits.all.iter();
                hits.any(|hit| spoken.contains(&hit.vulnerability))
            };
            let spoken = rematch.hits.iter().filter(|(_, hits)| is_spoken(hits));
            let spoken: HashSet<i64> = spoken.map(|(package, _)| *package).collect();
            let images = rematch.images.iter();
            let images = images.filter(|(_, held)| held.iter().any(|one| spoken.contains(one)));
            whole.extend(images.map(|(image, _)| *image));
        }
        rematch.images.retain(|(image, _)| !whole.contains(image));
        let coming = self.touched.iter().filter(|touched| touched.comes());
        let coming: HashSet<i64> = coming.map(|it| index.package(it.component)).collect();
        let comes = |(_, held): &(i64, Vec<i64>)| held.iter().any(|one| coming.contains(one));
        rematch.images.sort_by_key(|image| !comes(image));
        rematch.with_new = rematch.images.partition_point(comes);
        rematch.whole = whole.into_iter().collect();
        rematch
    }

    /// Of each vulnerability of which something else is said of a
    /// package: because of which advisories.
    fn why(
        &self,
        (old, new): (&Database, &Database),
        touched: &Touched,
        named: Named<'_>,
    ) -> BTreeMap<VulnerabilityId, (Step, Why)> {
        let keys = touched.keys.iter().filter_map(|key| self.causes.get(key));
        let causes: BTreeSet<&Cause> = keys.flatten().collect();
        let all: Why = causes.iter().map(|cause| (*cause).clone()).collect();
        let (before, _) = matcher::find_one(&old.generation, named);
        let (after, _) = matcher::find_one(&new.generation, named);
        let named_by = |id: &VulnerabilityId, hits: &[Hit<'_>], db: &Database| {
            let hit = hits.iter().find(|hit| db.is_id_of(id, hit.vulnerability))?;
            Some(hit.advisories.iter().map(|&id| id.to_owned()).collect())
        };
        let differ = touched.differ.iter();
        differ
            .map(
                |Difference {
                     vulnerability,
                     step,
                 }| {
                    let mut advisories: Vec<String> =
                        named_by(vulnerability, &before, old).unwrap_or_default();
                    advisories.extend(named_by(vulnerability, &after, new).unwrap_or_default());
                    let why: Why = causes
                        .iter()
                        .filter(|cause| advisories.contains(&cause.advisory))
                        .map(|cause| (*cause).clone())
                        .collect();
                    // The advisory itself is as it was, but not what it covers.
                    let why = if why.is_empty() {
                        Arc::clone(&all)
                    } else {
                        why
                    };
                    (vulnerability.clone(), (*step, why))
                },
            )
            .collect()
    }
}

/// What is said of a package.
#[derive(Clone, Debug)]
struct Hits {
    all: Arc<[PackageHit]>,
    /// Places of those of which something else is said of any package.
    moved: Vec<usize>,
}

/// What a change of advisories comes to.
#[derive(Clone, Debug, Default)]
pub struct Rematch {
    /// Of every package that must be looked at with a touched one: what
    /// is said of it now.
    hits: HashMap<i64, Hits>,
    /// Of every touched package: the vulnerabilities of which something
    /// else is said, and why.
    changed: HashMap<i64, BTreeMap<VulnerabilityId, (Step, Why)>>,
    /// Packages that have to do with each other have one number.
    families: HashMap<i64, u32>,
    /// Images that hold a touched package, each with the packages to look
    /// at in it. Those with findings that come are the first: what is new
    /// is told before what changed or went.
    pub images: Vec<(i64, Vec<i64>)>,
    /// How many those are.
    pub with_new: usize,
    /// Images to match whole: what people said, or a version nobody can
    /// read, has to do with it.
    pub whole: Vec<i64>,
    /// Findings that came, went or changed, over all images.
    pub findings: u64,
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
) -> Vec<Difference> {
    let mut differ = Vec::new();
    let mut tell = |id: &str, step| {
        differ.push(Difference {
            vulnerability: VulnerabilityId::new(id),
            step,
        });
    };
    let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
    loop {
        let a = before.peek().map(|hit| old.id_of(hit.vulnerability));
        let b = after.peek().map(|hit| new.id_of(hit.vulnerability));
        match (a, b) {
            (None, None) => return differ,
            (Some(a), Some(b)) if a == b => {
                if let (Some(x), Some(y)) = (before.next(), after.next())
                    && !is_same(x, y)
                {
                    tell(a, Step::Changed);
                }
            }
            (Some(a), b) if b.is_none_or(|b| a < b) => {
                before.next();
                tell(a, Step::Went);
            }
            (_, Some(b)) => {
                after.next();
                tell(b, Step::Came);
            }
            (Some(_), None) => {
                before.next();
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

    /// Packages that are upgraded together, or share a name, are of one
    /// family.
    pub fn family(&self, package: i64) -> u32 {
        self.families.get(&package).copied().unwrap_or(u32::MAX)
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

    /// Those of which something else is said of a package, what, and why.
    pub fn changed(
        &self,
        package: i64,
    ) -> impl Iterator<Item = (&VulnerabilityId, Step, &[Cause])> {
        let changed = self.changed.get(&package).into_iter().flatten();
        changed.map(|(id, (step, why))| (id, *step, &**why))
    }

    /// Whether a package may be hit by any of these, which are among
    /// those of which something else is said.
    pub fn may_be_hit(&self, package: i64, only: &BTreeSet<VulnerabilityId>) -> bool {
        self.hits.get(&package).is_some_and(|hits| {
            let mut moved = hits.moved.iter();
            moved.any(|&place| only.contains(&hits.all[place].vulnerability))
        })
    }

    /// The findings of these packages of one image, of `only` some
    /// vulnerabilities, of which something else is said, where that is
    /// said. `distribution` is the one the
    /// whole image is of.
    pub fn findings<'i>(
        &self,
        db: &Database,
        subject: &str,
        distribution: Option<&Ecosystem>,
        installed: impl IntoIterator<Item = &'i Installed>,
        only: Option<&BTreeSet<VulnerabilityId>>,
    ) -> Vec<Finding> {
        let mut speaks = None;
        let mut found = Vec::new();
        for (index, Installed { number, package }) in installed.into_iter().enumerate() {
            let Some(hits) = self.hits.get(number) else {
                continue;
            };
            if package.owned_by.is_some()
                && *speaks.get_or_insert_with(|| matcher::speaks_for(&db.generation, distribution))
            {
                continue;
            }
            let mut purl = None;
            let of_only = hits.moved.iter().map(|&place| &hits.all[place]);
            let of_only =
                of_only.filter(|hit| only.is_some_and(|only| only.contains(&hit.vulnerability)));
            let of_all = hits.all.iter().filter(|_| only.is_none());
            for hit in of_only.chain(of_all) {
                let purl = purl.get_or_insert_with(|| package.purl.without_version());
                found.push((hit.clone().finding(package, purl, subject), index));
            }
        }
        let found = assess::one_per_fingerprint(found);
        found.into_iter().map(|(finding, _)| finding).collect()
    }
}

//! What to do first: findings gathered into the few steps that close
//! them.
//!
//! Most of an image comes with its base, and whoever builds on it mends
//! that by building again; what an image brings itself is mended by
//! raising a package. Each finding that something closes is in exactly
//! one step, and steps are ordered by how much they close of what
//! presses.
//!
//! A base is recognised by its layers: an image that is known and whose
//! layers are the lowest of another's is what that was built on. Else by
//! the label the builder wrote (`org.opencontainers.image.base.name`);
//! else images with the same lowest layers are held to share one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use crate::{PackageKind, Severity};

/// An image that work may be done in, or that others are built on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkImage {
    pub id: i64,
    pub name: String,
    pub digest: Option<String>,
    /// `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    pub created: Option<Timestamp>,
    /// Identities of its layers, lowest first.
    pub layers: Vec<String>,
    /// What its builder says it was built on: name, digest.
    pub label: Option<(String, Option<String>)>,
    pub running: u64,
    /// Its own findings are to be closed; others only explain.
    pub is_asked: bool,
}

/// One open vulnerability of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkFinding {
    pub image: i64,
    pub vulnerability: String,
    pub kind: PackageKind,
    pub package: String,
    pub installed: String,
    /// The version that closes all of this package in this image.
    pub version: Option<String>,
    pub layer: Option<u32>,
    pub severity: Severity,
    pub kev: bool,
    pub priority: u16,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub what: What,
    /// Where, with how many findings it closes there; most pressing first.
    pub images: Vec<(i64, u64)>,
    pub closes: BTreeMap<Severity, u64>,
    pub kev: u64,
    /// The sum of the priorities it closes.
    pub weight: u64,
    pub priority: u16,
    /// The most pressing first.
    pub vulnerabilities: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Rebuild(Base),
    Upgrade {
        kind: PackageKind,
        package: String,
        version: String,
        installed: Vec<String>,
    },
}

/// What images are built on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Base {
    pub name: String,
    pub digest: Option<String>,
    pub image: Option<i64>,
    pub known_by: KnownBy,
    /// A newer build of it that is known.
    pub newer: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KnownBy {
    Layers,
    Label,
    Both,
}

impl KnownBy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Layers => "layers",
            Self::Label => "label",
            Self::Both => "both",
        }
    }
}

/// All steps, and what they come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkList {
    pub steps: Vec<Step>,
    pub findings: u64,
    pub closes: u64,
    pub unfixable: u64,
}

/// Vulnerabilities named of one step.
const NAMED: usize = 10;

/// Gathers findings into steps, those first that close most of what
/// presses.
pub fn work(images: &[WorkImage], findings: &[WorkFinding]) -> WorkList {
    let bases = bases(images);
    let left = left(&bases, findings);
    let mut steps: BTreeMap<What, Building> = BTreeMap::new();
    let mut list = WorkList::default();
    let asked: HashSet<i64> = images
        .iter()
        .filter(|one| one.is_asked)
        .map(|one| one.id)
        .collect();
    let mut installed: BTreeMap<(PackageKind, &str, &str), BTreeSet<&str>> = BTreeMap::new();
    for finding in findings.iter().filter(|one| asked.contains(&one.image)) {
        list.findings += 1;
        let stands = bases.get(&finding.image).filter(|stands| {
            finding
                .layer
                .is_some_and(|layer| (layer as usize) < stands.layers)
        });
        let what = match (stands, &finding.version) {
            (Some(stands), version) => {
                let lacks = match stands.base.newer {
                    Some(newer) => !left.contains(&(newer, key(finding))),
                    None => version.is_some(),
                };
                // A newer base that has it still does not close it; what
                // can be raised within the image is raised there.
                match (lacks, version) {
                    (true, _) => Some(What::Rebuild(stands.base.clone())),
                    (false, Some(version)) => Some(upgrade(finding, version)),
                    (false, None) => None,
                }
            }
            (None, Some(version)) => Some(upgrade(finding, version)),
            (None, None) => None,
        };
        let Some(what) = what else {
            list.unfixable += 1;
            continue;
        };
        if let (What::Upgrade { .. }, Some(version)) = (&what, &finding.version) {
            let key = (finding.kind, finding.package.as_str(), version.as_str());
            installed.entry(key).or_default().insert(&finding.installed);
        }
        list.closes += 1;
        steps.entry(what).or_default().add(finding);
    }
    list.steps = steps
        .into_iter()
        .map(|(what, building)| building.finish(what, &installed))
        .collect();
    list.steps.sort_by(|one, other| {
        (other.weight, other.priority)
            .cmp(&(one.weight, one.priority))
            .then_with(|| one.what.cmp(&other.what))
    });
    list
}

fn upgrade(finding: &WorkFinding, version: &str) -> What {
    What::Upgrade {
        kind: finding.kind,
        package: finding.package.clone(),
        version: version.to_owned(),
        installed: Vec::new(),
    }
}

type Key<'f> = (&'f str, PackageKind, &'f str);

fn key(finding: &WorkFinding) -> Key<'_> {
    (&finding.vulnerability, finding.kind, &finding.package)
}

/// What newer bases still have.
fn left<'f>(bases: &HashMap<i64, Based>, findings: &'f [WorkFinding]) -> HashSet<(i64, Key<'f>)> {
    let newer: HashSet<i64> = bases
        .values()
        .filter_map(|stands| stands.base.newer)
        .collect();
    findings
        .iter()
        .filter(|finding| newer.contains(&finding.image))
        .map(|finding| (finding.image, key(finding)))
        .collect()
}

#[derive(Default)]
struct Building {
    images: BTreeMap<i64, (u64, u64)>,
    closes: BTreeMap<Severity, u64>,
    kev: u64,
    weight: u64,
    vulnerabilities: BTreeMap<String, u16>,
}

impl Building {
    fn add(&mut self, finding: &WorkFinding) {
        let (weight, closes) = self.images.entry(finding.image).or_default();
        *weight += u64::from(finding.priority);
        *closes += 1;
        *self.closes.entry(finding.severity).or_default() += 1;
        self.kev += u64::from(finding.kev);
        self.weight += u64::from(finding.priority);
        let known = self
            .vulnerabilities
            .entry(finding.vulnerability.clone())
            .or_default();
        *known = (*known).max(finding.priority);
    }

    fn finish(
        self,
        mut what: What,
        versions: &BTreeMap<(PackageKind, &str, &str), BTreeSet<&str>>,
    ) -> Step {
        if let What::Upgrade {
            kind,
            package,
            version,
            installed,
        } = &mut what
        {
            let known = versions.get(&(*kind, package.as_str(), version.as_str()));
            *installed = known
                .into_iter()
                .flatten()
                .map(|version| (*version).to_owned())
                .collect();
        }
        let mut images: Vec<(i64, (u64, u64))> = self.images.into_iter().collect();
        images.sort_by_key(|(id, (weight, _))| (std::cmp::Reverse(*weight), *id));
        let mut vulnerabilities: Vec<(String, u16)> = self.vulnerabilities.into_iter().collect();
        vulnerabilities.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        Step {
            what,
            images: images
                .into_iter()
                .map(|(id, (_, closes))| (id, closes))
                .collect(),
            closes: self.closes,
            kev: self.kev,
            weight: self.weight,
            priority: vulnerabilities.first().map_or(0, |(_, priority)| *priority),
            vulnerabilities: vulnerabilities
                .into_iter()
                .take(NAMED)
                .map(|(name, _)| name)
                .collect(),
        }
    }
}

/// What an image is built on, and how many of its layers are that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Based {
    pub base: Base,
    pub layers: usize,
}

/// What the images that are asked for are built on.
pub fn bases(images: &[WorkImage]) -> HashMap<i64, Based> {
    // Chains of layers, each by the hash-like text of all its layers.
    let mut by_layers: HashMap<&[String], Vec<&WorkImage>> = HashMap::new();
    for image in images.iter().filter(|image| !image.layers.is_empty()) {
        by_layers
            .entry(image.layers.as_slice())
            .or_default()
            .push(image);
    }
    for same in by_layers.values_mut() {
        same.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
    }
    let mut bases = HashMap::new();
    let mut unknown: BTreeMap<Group<'_>, Vec<&WorkImage>> = BTreeMap::new();
    for image in images
        .iter()
        .filter(|image| image.is_asked && !image.layers.is_empty())
    {
        let label = image.label.as_ref();
        let below = (1..image.layers.len())
            .rev()
            .find_map(|count| Some((count, by_layers.get(image.layers.get(..count)?)?)));
        if let Some((layers, same)) = below {
            let is_named = |one: &&&WorkImage| {
                label.is_some_and(|(name, digest)| {
                    same_image(&one.name, name) || (digest.is_some() && one.digest == *digest)
                })
            };
            let named = same.iter().find(is_named);
            let Some(base) = named.or(same.first()) else {
                continue;
            };
            let base = Base {
                name: base.name.clone(),
                digest: base.digest.clone(),
                image: Some(base.id),
                known_by: match named {
                    Some(_) => KnownBy::Both,
                    None => KnownBy::Layers,
                },
                newer: newer(base, images),
            };
            bases.insert(image.id, Based { base, layers });
        } else {
            let group = match label {
                Some((name, _)) => Group::Label(name),
                None => Group::Layer(&image.layers[0]),
            };
            unknown.entry(group).or_default().push(image);
        }
    }
    for (group, members) in unknown {
        let layers = common(&members);
        let (name, digest, known_by) = match group {
            Group::Label(name) => {
                let first = members.first().and_then(|image| image.label.as_ref());
                let digest = first.and_then(|(_, digest)| digest.clone());
                (name.to_owned(), digest, KnownBy::Label)
            }
            Group::Layer(_) => {
                let os = members
                    .iter()
                    .map(|image| image.os.as_str())
                    .find(|os| !os.is_empty());
                // Where there is no system, there is no base to speak of.
                let Some(os) = os else { continue };
                (os.to_owned(), None, KnownBy::Layers)
            }
        };
        let base = Base {
            name,
            digest,
            image: None,
            known_by,
            newer: None,
        };
        for member in members {
            let stands = Based {
                base: base.clone(),
                layers,
            };
            bases.insert(member.id, stands);
        }
    }
    bases
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Group<'i> {
    Label(&'i str),
    Layer(&'i str),
}

/// The lowest layers all of them have, never all of one of them.
fn common(members: &[&WorkImage]) -> usize {
    let Some((first, rest)) = members.split_first() else {
        return 0;
    };
    if rest.is_empty() {
        return 1;
    }
    let shared = rest.iter().fold(first.layers.len(), |shared, other| {
        let pairs = first.layers.iter().zip(&other.layers).take(shared);
        pairs.take_while(|(one, other)| one == other).count()
    });
    let least = members.iter().map(|image| image.layers.len()).min();
    shared.min(least.unwrap_or(1).saturating_sub(1)).max(1)
}

/// `docker.io/library/debian:12` and `debian:12` are the same.
fn same_image(one: &str, other: &str) -> bool {
    let plain = |name: &str| -> String {
        let name = name.split('@').next().unwrap_or(name);
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        name.strip_prefix("library/").unwrap_or(name).to_owned()
    };
    plain(one) == plain(other)
}

/// `localhost:5000/app:1` is in the repository `localhost:5000/app`.
pub fn repository(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or(name);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

/// The newest other build of the same repository and system.
fn newer(base: &WorkImage, images: &[WorkImage]) -> Option<i64> {
    let created = base.created?;
    images
        .iter()
        .filter(|other| {
            other.id != base.id
                && other.layers != base.layers
                && other.os == base.os
                && repository(&other.name) == repository(&base.name)
                && other.created.is_some_and(|time| time > created)
        })
        .max_by_key(|other| (other.created, other.id))
        .map(|other| other.id)
}

#[cfg(test)]
mod tests;

//! Which images hold which components: the way from a package's name to
//! everything that has it.
//!
//! It is kept in memory and made of what the store holds; it knows
//! images and packages by number only. Every image is given a place, and
//! one whose content changed is given another, so that lists are only
//! ever appended to; when too many places are left behind, it is made
//! anew.

use std::collections::{BTreeSet, HashMap, HashSet};

use model::{Ecosystem, PackageKind};
use xxhash_rust::xxh3::Xxh3;

use crate::{
    delta::Delta,
    matcher,
    names::{self, Named},
    postings::{Places, Postings},
    version,
};

/// One different package, as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The store's number of it.
    pub package: i64,
    pub kind: PackageKind,
    pub name: String,
    pub version: String,
    pub ecosystem: Option<Ecosystem>,
    /// Name and version.
    pub source: Option<(String, String)>,
}

/// One image and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub image: i64,
    pub environment: i64,
    /// Numbers of components that are known.
    pub packages: Vec<i64>,
}

/// Which components somebody looks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A package's or source package's name; of a Maven package also its
    /// artifact's alone. Letter case does not matter.
    pub name: String,
    /// `Debian`, `Debian:12`, `npm`; letter case does not matter.
    pub ecosystem: Option<String>,
    /// All of these must hold.
    pub versions: Vec<(version::Relation, String)>,
}

/// The index.
#[derive(Debug, Default)]
pub struct Index {
    components: Vec<Kept>,
    by_package: HashMap<i64, u32>,
    /// By tagged hash of a text: [`KEY`], [`GROUP`], [`NAME`], [`WORD`].
    by_text: HashMap<u64, Vec<u32>>,
    /// By place: image and environment; no image where it was left.
    places: Vec<(i64, i64)>,
    place_of: HashMap<i64, u32>,
    ecosystems: Vec<Option<Ecosystem>>,
    edges: usize,
}

/// A component in little space.
#[derive(Debug)]
struct Kept {
    package: i64,
    kind: PackageKind,
    ecosystem: u16,
    /// Name, version, and those of its source, each ended by NUL.
    text: Box<str>,
    holders: Postings,
}

/// The key advisories for it are kept under.
const KEY: u8 = 0;
/// What is upgraded together: the source, of distribution packages.
const GROUP: u8 = 1;
/// Its kind and name.
const NAME: u8 = 2;
/// What people call it.
const WORD: u8 = 3;

const GONE: i64 = 0;

fn tagged(tag: u8, kind: &str, text: &str) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(&[tag]);
    hasher.update(kind.as_bytes());
    hasher.update(&[0]);
    hasher.update(text.as_bytes());
    hasher.digest()
}

/// Components that have to do with each other.
#[derive(Debug, Default)]
pub(crate) struct Family {
    /// Those it was asked for by.
    pub(crate) touched: Vec<u32>,
    /// All of them, ascending.
    pub(crate) members: Vec<u32>,
}

/// What is upgraded together goes by this name.
pub(crate) fn group(package: Named<'_>) -> &str {
    match package.source {
        Some((source, _)) if package.kind.is_distribution() => source,
        _ => package.name,
    }
}

impl Index {
    /// How many images it has.
    pub fn images(&self) -> usize {
        self.place_of.len()
    }

    /// How many different components.
    pub fn components(&self) -> usize {
        self.components.len()
    }

    /// Whether so many places were left that it should be made anew.
    pub fn is_worn(&self) -> bool {
        self.places.len() > 1000 && self.places.len() > 2 * self.place_of.len()
    }

    /// About what it takes in memory.
    pub fn bytes(&self) -> usize {
        let components: usize = self
            .components
            .iter()
            .map(|kept| size_of::<Kept>() + kept.text.len() + kept.holders.heap())
            .sum();
        let texts: usize = self.by_text.values().map(|list| 4 * list.capacity()).sum();
        components
            + texts
            + self.by_text.capacity() * (8 + size_of::<Vec<u32>>() + 1)
            + self.by_package.capacity() * 17
            + self.place_of.capacity() * 17
            + self.places.capacity() * 16
    }

    /// Those of `packages` it does not know yet.
    pub fn unknown(&self, packages: impl IntoIterator<Item = i64>) -> BTreeSet<i64> {
        let packages = packages.into_iter();
        packages
            .filter(|package| !self.by_package.contains_key(package))
            .collect()
    }

    /// The images it has, by number.
    pub fn image_numbers(&self) -> impl Iterator<Item = i64> + '_ {
        self.place_of.keys().copied()
    }

    /// Makes a component known.
    pub fn learn(&mut self, component: &Component) {
        if self.by_package.contains_key(&component.package) {
            return;
        }
        let Ok(number) = u32::try_from(self.components.len()) else {
            return;
        };
        let (source, source_version) = component
            .source
            .as_ref()
            .map_or(("", ""), |(name, version)| {
                (name.as_str(), version.as_str())
            });
        let text = [&component.name, &component.version, source, source_version].join("\0");
        self.by_package.insert(component.package, number);
        let ecosystem = self.ecosystem(component.ecosystem.as_ref());
        let kept = Kept {
            package: component.package,
            kind: component.kind,
            ecosystem,
            text: text.into(),
            holders: Postings::default(),
        };
        let mut hashes = Vec::with_capacity(8);
        let named = named(&kept, &self.ecosystems);
        matcher::keys(named, |key| hashes.push(tagged(KEY, "", key)));
        let kind = kept.kind.as_str();
        hashes.push(tagged(GROUP, kind, group(named)));
        hashes.push(tagged(NAME, kind, named.name));
        let artifact = named.name.rsplit(':').next();
        let words = [
            Some(named.name),
            artifact,
            named.source.map(|(name, _)| name),
        ];
        for word in words.into_iter().flatten() {
            hashes.push(tagged(WORD, "", &word.to_lowercase()));
        }
        hashes.sort_unstable();
        hashes.dedup();
        for hash in hashes {
            self.by_text.entry(hash).or_default().push(number);
        }
        self.components.push(kept);
    }

    fn ecosystem(&mut self, ecosystem: Option<&Ecosystem>) -> u16 {
        let known = self
            .ecosystems
            .iter()
            .position(|known| known.as_ref() == ecosystem);
        let place = known.unwrap_or_else(|| {
            self.ecosystems.push(ecosystem.cloned());
            self.ecosystems.len() - 1
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    /// Takes an image in, in place of what it held before. Components
    /// that are not known are left out.
    pub fn put(&mut self, held: &Held) {
        self.remove(held.image);
        let Ok(place) = u32::try_from(self.places.len()) else {
            return;
        };
        self.places.push((held.image, held.environment));
        self.place_of.insert(held.image, place);
        for package in &held.packages {
            let Some(&component) = self.by_package.get(package) else {
                continue;
            };
            let holders = &mut self.components[component as usize].holders;
            let before = holders.len();
            holders.push(place);
            self.edges += holders.len() - before;
        }
    }

    /// Forgets an image.
    pub fn remove(&mut self, image: i64) {
        if let Some(place) = self.place_of.remove(&image) {
            self.places[place as usize].0 = GONE;
        }
    }

    /// Images and components that were put together, over all time.
    pub fn edges(&self) -> usize {
        self.edges
    }

    /// The components about which a delta may say something else, each
    /// with the key that does; ascending.
    pub(crate) fn touched(&self, delta: &Delta) -> Vec<(u32, usize)> {
        let mut touched: Vec<(u32, usize)> = Vec::new();
        for (index, change) in delta.keys.iter().enumerate() {
            let components = self.listed(tagged(KEY, "", &change.key)).iter();
            touched.extend(components.map(|&component| (component, index)));
        }
        touched.sort_unstable();
        touched
    }

    fn listed(&self, hash: u64) -> &[u32] {
        self.by_text.get(&hash).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn named(&self, component: u32) -> Named<'_> {
        named(&self.components[component as usize], &self.ecosystems)
    }

    /// The component of the store's number.
    pub(crate) fn component(&self, package: i64) -> Option<u32> {
        self.by_package.get(&package).copied()
    }

    /// The store's number of a component.
    pub(crate) fn package(&self, component: u32) -> i64 {
        self.components[component as usize].package
    }

    /// The components that are upgraded together with these or share
    /// their names, themselves among them: one family for all that have
    /// to do with each other.
    pub(crate) fn families(&self, components: &[u32]) -> Vec<Family> {
        let mut families: Vec<Family> = Vec::new();
        let mut family_of: HashMap<u32, usize> = HashMap::new();
        for &first in components {
            if let Some(&family) = family_of.get(&first) {
                families[family].touched.push(first);
                continue;
            }
            let number = families.len();
            family_of.insert(first, number);
            let mut family = Family {
                touched: vec![first],
                members: vec![first],
            };
            let mut asked: HashSet<u64> = HashSet::new();
            let mut waiting = vec![first];
            while let Some(component) = waiting.pop() {
                let named = self.named(component);
                let kind = named.kind.as_str();
                for hash in [
                    tagged(GROUP, kind, group(named)),
                    tagged(NAME, kind, named.name),
                ] {
                    if !asked.insert(hash) {
                        continue;
                    }
                    for &other in self.listed(hash) {
                        if family_of.insert(other, number).is_none() {
                            family.members.push(other);
                            waiting.push(other);
                        }
                    }
                }
            }
            family.members.sort_unstable();
            families.push(family);
        }
        families
    }

    /// The images that hold any of these components, in the order in
    /// which they came.
    pub(crate) fn holders(&self, components: impl IntoIterator<Item = u32>) -> Vec<i64> {
        let places = self.places_of(components);
        let images = places.iter().map(|place| self.places[place as usize].0);
        images.filter(|image| *image != GONE).collect()
    }

    /// How many images hold any of these components.
    pub(crate) fn count_holders(&self, components: impl IntoIterator<Item = u32>) -> usize {
        let places = self.places_of(components);
        let images = places.iter().map(|place| self.places[place as usize].0);
        images.filter(|image| *image != GONE).count()
    }

    /// The images that hold a component, in the order in which they came.
    pub(crate) fn holders_of(&self, component: u32) -> impl Iterator<Item = i64> + '_ {
        let places = self.components[component as usize].holders.iter();
        let images = places.map(|place| self.places[place as usize].0);
        images.filter(|image| *image != GONE)
    }

    /// The images that hold a touched member of any family, each with all
    /// members it holds of such families.
    pub(crate) fn held(&self, families: &[Family]) -> Vec<(i64, Vec<i64>)> {
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        let mut holds_touched = Places::of(self.places.len());
        for family in families {
            holds_touched.clear();
            for &component in &family.touched {
                for place in self.components[component as usize].holders.iter() {
                    holds_touched.insert(place);
                }
            }
            for &component in &family.members {
                let holders = self.components[component as usize].holders.iter();
                let holders = holders.filter(|place| holds_touched.contains(*place));
                pairs.extend(holders.map(|place| (place, component)));
            }
        }
        pairs.sort_unstable();
        let images = pairs.chunk_by(|a, b| a.0 == b.0);
        images
            .filter_map(|held| {
                let (image, _) = self.places[held[0].0 as usize];
                let packages = held.iter().map(|(_, component)| self.package(*component));
                (image != GONE).then(|| (image, packages.collect()))
            })
            .collect()
    }

    fn places_of(&self, components: impl IntoIterator<Item = u32>) -> Places {
        let mut places = Places::of(self.places.len());
        for component in components {
            for place in self.components[component as usize].holders.iter() {
                places.insert(place);
            }
        }
        places
    }

    /// The packages somebody looks for, by the store's numbers.
    pub fn find(&self, wanted: &Wanted) -> Vec<i64> {
        self.matching(wanted)
            .map(|component| self.package(component))
            .collect()
    }

    fn matching(&self, wanted: &Wanted) -> impl Iterator<Item = u32> {
        let word = wanted.name.to_lowercase();
        let ecosystem = wanted.ecosystem.as_deref().map(str::to_lowercase);
        let listed = self.listed(tagged(WORD, "", &word)).iter().copied();
        listed.filter(move |&component| {
            let named = self.named(component);
            is_of(named, ecosystem.as_deref()) && is_version(named, &word, &wanted.versions)
        })
    }

    /// The images of these environments that hold what somebody looks
    /// for, in the order in which they came.
    pub fn images_with(&self, wanted: &Wanted, environments: &[i64]) -> Vec<i64> {
        let places = self.places_of(self.matching(wanted));
        let places = places.iter().map(|place| self.places[place as usize]);
        places
            .filter(|(image, environment)| *image != GONE && environments.contains(environment))
            .map(|(image, _)| image)
            .collect()
    }
}

fn named<'i>(kept: &'i Kept, ecosystems: &'i [Option<Ecosystem>]) -> Named<'i> {
    let mut parts = kept.text.split('\0');
    let mut next = || parts.next().unwrap_or_default();
    let (name, version, source, source_version) = (next(), next(), next(), next());
    Named {
        kind: kept.kind,
        ecosystem: ecosystems
            .get(usize::from(kept.ecosystem))
            .and_then(Option::as_ref),
        name,
        version,
        source: (!source.is_empty()).then_some((source, source_version)),
    }
}

/// Whether it is of an ecosystem by any name that has: `deb`, `Debian`,
/// `Debian:12`.
fn is_of(package: Named<'_>, ecosystem: Option<&str>) -> bool {
    let Some(wanted) = ecosystem else { return true };
    let own = package
        .ecosystem
        .cloned()
        .or_else(|| package.kind.registry());
    let Some(own) = own else {
        return package.kind.as_str() == wanted;
    };
    let text = own.to_string();
    wanted == package.kind.as_str()
        || wanted == own.name.to_lowercase()
        || wanted == text.to_lowercase()
        || wanted == names::ecosystem(&text).to_lowercase()
}

/// Whether a package's version is as wanted, by its ecosystem's order.
/// Asked for by its source's name, its source's version counts.
fn is_version(package: Named<'_>, word: &str, wanted: &[(version::Relation, String)]) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let version = match package.source {
        Some((name, version)) if package.name.to_lowercase() != word && name == word => version,
        _ => package.version,
    };
    let own = package
        .ecosystem
        .cloned()
        .or_else(|| package.kind.registry());
    let scheme = own.and_then(|own| own.version_scheme());
    wanted.iter().all(|(relation, bound)| {
        let order = match scheme {
            Some(scheme) => version::compare(scheme, version, bound),
            // Nobody says how these are ordered; the same is the same.
            None => (version == bound).then_some(std::cmp::Ordering::Equal),
        };
        order.is_some_and(|order| relation.holds(order))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Relation;

    fn component(package: i64, kind: PackageKind, name: &str, version: &str) -> Component {
        let ecosystem = match kind {
            PackageKind::Deb => Some(Ecosystem::with_release("Debian", "12")),
            _ => None,
        };
        Component {
            package,
            kind,
            name: name.to_owned(),
            version: version.to_owned(),
            ecosystem,
            source: None,
        }
    }

    fn held(image: i64, packages: &[i64]) -> Held {
        Held {
            image,
            environment: image % 2,
            packages: packages.to_vec(),
        }
    }

    fn index() -> Index {
        let mut index = Index::default();
        let maven = PackageKind::Maven;
        let log4j = "org.apache.logging.log4j:log4j-core";
        index.learn(&component(1, maven, log4j, "2.14.1"));
        index.learn(&component(2, maven, log4j, "2.17.0"));
        index.learn(&component(3, PackageKind::Deb, "openssl", "3.0.9-1"));
        index.learn(&component(
            4,
            PackageKind::Deb,
            "openssl",
            "3.0.15-1~deb12u1",
        ));
        index.put(&held(10, &[1, 3]));
        index.put(&held(11, &[2, 4]));
        index.put(&held(12, &[1, 2, 4]));
        index
    }

    fn wanted(name: &str, relation: Relation, version: &str) -> Wanted {
        Wanted {
            name: name.to_owned(),
            ecosystem: None,
            versions: vec![(relation, version.to_owned())],
        }
    }

    #[test]
    fn who_has_it_is_told_by_the_ecosystems_own_order() {
        let index = index();
        let old = wanted("log4j-core", Relation::Below, "2.17");
        assert_eq!(index.images_with(&old, &[0, 1]), [10, 12]);
        assert_eq!(index.images_with(&old, &[1]), [0; 0]);
        let old = wanted("OpenSSL", Relation::AtMost, "3.0.15-1~deb12u1");
        assert_eq!(index.images_with(&old, &[0, 1]), [10, 11, 12]);
        let old = wanted("openssl", Relation::Below, "3.0.15-1~deb12u1");
        assert_eq!(index.images_with(&old, &[0, 1]), [10]);
        let mut old = old;
        for (ecosystem, found) in [
            ("debian", 1),
            ("Debian:12", 1),
            ("Debian:11", 0),
            ("deb", 1),
            ("npm", 0),
        ] {
            old.ecosystem = Some(ecosystem.to_owned());
            assert_eq!(index.images_with(&old, &[0, 1]).len(), found, "{ecosystem}");
        }
    }

    #[test]
    fn an_image_is_where_it_was_put_last() {
        let mut index = index();
        index.put(&held(10, &[2]));
        index.remove(12);
        let old = wanted("log4j-core", Relation::Below, "2.17");
        assert_eq!(index.images_with(&old, &[0, 1]), [0; 0]);
        let all = Wanted {
            name: "log4j-core".to_owned(),
            ..Wanted::default()
        };
        assert_eq!(index.images_with(&all, &[0, 1]), [11, 10]);
        assert_eq!(index.images(), 2);
    }
}

//! Laying layers over one another: what is left visible, since when,
//! and who owns it.

mod beside;
mod debian;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use model::{Layer, OperatingSystem, Package, PackageFiles, Sbom, Warning};

use crate::{
    extract::{Extraction, Found, os_release, path_key},
    layer::{LayerFacts, Remark},
    limits::Limits,
    lock_files, naming,
};

/// A layer's identity and what is in it; `None` for a folder's facts.
pub(crate) struct Floor<'a> {
    pub layer: Option<Layer>,
    pub facts: &'a LayerFacts,
}

#[cfg(test)]
impl<'a> Floor<'a> {
    /// Layers that are told apart by their place alone, lowest first.
    pub(crate) fn all(layers: &'a [LayerFacts]) -> Vec<Self> {
        let floor = |facts| Floor {
            layer: Some(Layer {
                diff_id: model::Digest::of(b"any"),
                digest: None,
                size: None,
                created_by: None,
                created: None,
            }),
            facts,
        };
        layers.iter().map(floor).collect()
    }
}

/// One extractor's word on one visible file.
#[derive(Debug, Clone, PartialEq)]
struct Visible<'a> {
    extraction: &'a Extraction,
    /// For each package in it, the lowest layer since which this package
    /// in this version has been in this file without a break.
    origins: Vec<u32>,
    layer: u32,
}

/// What remains visible, by path and extractor.
#[derive(Default)]
struct View<'a> {
    files: BTreeMap<(&'a str, &'a str), Visible<'a>>,
    /// Files with secrets that a layer above hid.
    removed: Vec<beside::Removed<'a>>,
}

impl<'a> View<'a> {
    /// Lays one more layer on top.
    fn lay(&mut self, layer: u32, facts: &'a LayerFacts) {
        let mut replaced: HashMap<(&str, &str), Visible<'_>> = HashMap::new();
        let hidden: BTreeSet<&str> = self
            .files
            .keys()
            .map(|(path, _)| *path)
            .filter(|path| facts.hides(path))
            .collect();
        let removed = &mut self.removed;
        self.files.retain(|(path, extractor), visible| {
            let is_hidden = hidden.contains(path);
            if is_hidden {
                removed.extend(beside::Removed::of(path, visible, layer));
                replaced.insert((*path, *extractor), visible.clone());
            }
            !is_hidden
        });
        for (extractor, own) in &facts.extractors {
            for file in &own.files {
                let key = (file.path.as_str(), extractor.as_str());
                // Replaced in this very layer, not removed and added by
                // two different ones: what it lists has been there on.
                let origins = origins(&file.extraction, replaced.get(&key), layer);
                let visible = Visible {
                    extraction: &file.extraction,
                    origins,
                    layer,
                };
                self.files.insert(key, visible);
            }
        }
    }
}

fn origins(extraction: &Extraction, before: Option<&Visible<'_>>, layer: u32) -> Vec<u32> {
    type Identity<'a> = (&'a str, &'a str, Option<&'a str>, Option<&'a str>);
    fn identity(found: &Found) -> Identity<'_> {
        (
            &found.name,
            &found.version,
            found.architecture.as_deref(),
            found.inner_path.as_deref(),
        )
    }
    let known: HashMap<Identity<'_>, u32> = before
        .into_iter()
        .flat_map(|before| before.extraction.packages.iter().zip(&before.origins))
        .map(|(found, origin)| (identity(found), *origin))
        .collect();
    extraction
        .packages
        .iter()
        .map(|found| known.get(&identity(found)).copied().unwrap_or(layer))
        .collect()
}

/// Squashes layers, lowest first, into one bill of materials.
/// `is_skipped` says which paths the user does not want to hear about.
pub(crate) fn squash(
    floors: &[Floor<'_>],
    limits: &Limits,
    is_skipped: &dyn Fn(&str) -> bool,
) -> Sbom {
    let mut view = View::default();
    for (index, floor) in floors.iter().enumerate() {
        view.lay(u32::try_from(index).unwrap_or(u32::MAX), floor.facts);
    }
    view.files.retain(|(path, _), _| !is_skipped(path));

    let os = operating_system(&view);
    let mut sbom = Sbom {
        layers: floors
            .iter()
            .filter_map(|floor| floor.layer.clone())
            .collect(),
        ..Sbom::default()
    };
    for ((path, _), visible) in &view.files {
        for (found, origin) in visible.extraction.packages.iter().zip(&visible.origins) {
            let layer = floors
                .get(*origin as usize)
                .and_then(|floor| floor.layer.as_ref())
                .map(|_| *origin);
            match package(found, path, layer, os.as_ref()) {
                Ok(package) => sbom.packages.push(package),
                Err(message) => sbom.warnings.push(Warning::new(message).at(*path)),
            }
        }
    }
    debian::license(&mut sbom.packages, &view);
    sbom.packages.sort();
    sbom.packages.dedup();
    lock_files::silence(&mut sbom.packages, os.is_some());
    if sbom.packages.len() > limits.packages {
        let message = format!(
            "{} packages found, only the first {} are listed",
            sbom.packages.len(),
            limits.packages
        );
        sbom.packages.truncate(limits.packages);
        sbom.warnings.push(Warning::new(message));
    }
    sbom.files = Some(programs(&sbom.packages, &view));
    // Where nobody publishes advisories for the distribution, language
    // packages are looked up by themselves, whoever brought them.
    if os.as_ref().is_some_and(|os| os.ecosystem().is_some()) {
        find_owners(&mut sbom.packages, &view);
    }
    sbom.os = os;
    beside::tell(&mut sbom, &view, floors, is_skipped);
    warnings(&mut sbom, &view, floors, is_skipped);
    sbom
}

fn package(
    found: &Found,
    path: &str,
    layer: Option<u32>,
    os: Option<&OperatingSystem>,
) -> Result<Package, String> {
    let purl = naming::purl(found, os).ok_or_else(|| {
        format!(
            "a {} package's name or version makes no sense: '{}'",
            found.kind,
            found.name.chars().take(100).collect::<String>()
        )
    })?;
    Ok(Package {
        kind: found.kind,
        name: found.name.clone(),
        version: found.version.clone(),
        ecosystem: naming::ecosystem(found.kind, os),
        source: found.source.clone(),
        architecture: found.architecture.clone(),
        licenses: found.licenses.clone(),
        purl,
        path: match &found.inner_path {
            Some(inner) => format!("{path}!/{inner}"),
            None => path.to_owned(),
        },
        layer,
        owned_by: None,
    })
}

/// Where several files name the system, the most trusted one speaks.
fn operating_system(view: &View<'_>) -> Option<OperatingSystem> {
    view.files
        .iter()
        .filter_map(|((path, _), visible)| Some((*path, visible.extraction.os.as_ref()?)))
        .min_by_key(|(path, _)| (os_release::rank(path), *path))
        .map(|(_, os)| os.clone())
}

/// Language packages lying in files of a distribution's package are that
/// package's: the distribution patches them without changing versions.
fn find_owners(packages: &mut [Package], view: &View<'_>) {
    let mut wanted: HashMap<u64, Vec<usize>> = HashMap::new();
    for (index, package) in packages.iter().enumerate() {
        if !package.kind.is_distribution() {
            let file = package.path.split("!/").next().unwrap_or(&package.path);
            wanted.entry(path_key(file)).or_default().push(index);
        }
    }
    if wanted.is_empty() {
        return;
    }
    let found = view
        .files
        .values()
        .flat_map(|file| &file.extraction.packages);
    let foreign: HashSet<&str> = found
        .filter(|found| found.is_foreign)
        .map(|found| found.name.as_str())
        .collect();
    for visible in view.files.values() {
        let owners = visible.extraction.owned.iter();
        for owner in owners.filter(|owner| !foreign.contains(owner.package.as_str())) {
            for file in &owner.files {
                for index in wanted.get(file).into_iter().flatten() {
                    packages[*index]
                        .owned_by
                        .get_or_insert_with(|| owner.package.clone());
                }
            }
        }
    }
}

/// Whose programs and libraries are whose, of the distribution's packages.
fn programs(packages: &[Package], view: &View<'_>) -> PackageFiles {
    let mut places: HashMap<&str, u32> = HashMap::new();
    for (place, package) in (0..).zip(packages) {
        if package.kind.is_distribution() {
            places.entry(&package.name).or_insert(place);
        }
    }
    let owners = view.files.values().flat_map(|file| &file.extraction.owned);
    PackageFiles::new(owners.flat_map(|owner| {
        let place = places.get(owner.package.as_str()).copied();
        let programs = place.map(|place| {
            let files = owner.programs.iter();
            let keys = files.filter_map(|file| owner.files.get(*file as usize));
            keys.map(move |key| (*key, place))
        });
        programs.into_iter().flatten()
    }))
}

fn warnings(
    sbom: &mut Sbom,
    view: &View<'_>,
    floors: &[Floor<'_>],
    is_skipped: &dyn Fn(&str) -> bool,
) {
    let layer_of = |index: u32| {
        let floor = floors.get(index as usize)?;
        floor.layer.as_ref().map(|layer| layer.diff_id)
    };
    for ((path, _), visible) in &view.files {
        for message in &visible.extraction.warnings {
            let mut warning = Warning::new(message.clone()).at(*path);
            warning.layer = layer_of(visible.layer);
            sbom.warnings.push(warning);
        }
    }
    for (index, floor) in floors.iter().enumerate() {
        let of_files = floor.facts.extractors.values().flat_map(|own| &own.remarks);
        // What a later layer replaced or removed is no gap.
        let visible = of_files.filter(|remark| {
            let path = remark.path.as_deref().unwrap_or_default();
            !is_skipped(path)
                && !floors[index + 1..]
                    .iter()
                    .any(|floor| floor.facts.hides(path))
        });
        for remark in visible.chain(&floor.facts.remarks) {
            let Remark { path, message } = remark.clone();
            let layer = floor.layer.as_ref().map(|layer| layer.diff_id);
            sbom.warnings.push(Warning {
                message,
                path,
                layer,
            });
        }
    }
    sbom.warnings.sort();
    sbom.warnings.dedup();
}

#[cfg(test)]
mod tests {
    use model::PackageKind;
    use proptest::prelude::*;

    use super::*;
    use crate::layer::{ExtractorFacts, FileFacts, hash};

    const EXTRACTOR: &str = "node-module";

    /// What one layer does, in terms of a file system.
    #[derive(Clone, Debug)]
    enum Act {
        /// Writes a file that names this version.
        Write(&'static str, u8),
        /// Writes a file nobody wants.
        Cover(&'static str),
        Remove(&'static str),
        Empty(&'static str),
    }

    const PATHS: [&str; 6] = ["a/b/c", "a/b/d", "a/b", "a/e", "a", "f"];

    fn act() -> impl Strategy<Value = Act> {
        let path = || proptest::sample::select(&PATHS[..]);
        prop_oneof![
            3 => (path(), 1_u8..4).prop_map(|(path, version)| Act::Write(path, version)),
            1 => path().prop_map(Act::Cover),
            1 => path().prop_map(Act::Remove),
            1 => path().prop_map(Act::Empty),
        ]
    }

    /// Layers whose acts do not contradict each other: in one layer no
    /// path is both a file and a folder.
    fn layers() -> impl Strategy<Value = Vec<Vec<Act>>> {
        let is_consistent = |acts: &Vec<Act>| {
            let written = |act: &Act| match act {
                Act::Write(path, _) | Act::Cover(path) => Some(*path),
                Act::Remove(_) | Act::Empty(_) => None,
            };
            let files: Vec<&str> = acts.iter().filter_map(written).collect();
            files.iter().enumerate().all(|(at, one)| {
                files[at + 1..].iter().all(|other| {
                    let is_under = |path: &str, folder: &str| {
                        path.strip_prefix(folder)
                            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                    };
                    !is_under(one, other) && !is_under(other, one)
                })
            })
        };
        let layer =
            proptest::collection::vec(act(), 0..4).prop_filter("contradicts", is_consistent);
        proptest::collection::vec(layer, 1..6)
    }

    fn is_in(path: &str, folder: &str) -> bool {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
    }

    fn facts(acts: &[Act]) -> LayerFacts {
        let mut facts = LayerFacts::default();
        let mut files = Vec::new();
        for act in acts {
            match act {
                Act::Write(path, version) => {
                    let version = format!("{version}.0.0");
                    let extraction = Extraction {
                        packages: vec![Found::new(PackageKind::Npm, "x", version)],
                        ..Extraction::default()
                    };
                    files.push(FileFacts {
                        path: (*path).to_owned(),
                        extraction,
                    });
                    facts.files.push(hash(path));
                }
                Act::Cover(path) => facts.files.push(hash(path)),
                Act::Remove(path) => facts.whiteouts.push(hash(path)),
                Act::Empty(path) => facts.opaques.push(hash(path)),
            }
        }
        let own = ExtractorFacts {
            files,
            ..ExtractorFacts::default()
        };
        facts.extractors.insert(EXTRACTOR.to_owned(), own);
        facts.seal();
        facts
    }

    /// The same, done to a file system layer by layer: path to version
    /// and the layer it has been there since.
    fn apply(layers: &[Vec<Act>]) -> BTreeMap<&'static str, (u8, u32)> {
        let mut tree: BTreeMap<&str, (u8, u32)> = BTreeMap::new();
        for (index, acts) in (0..).zip(layers) {
            let before = tree.clone();
            for act in acts {
                tree.retain(|path, _| match act {
                    Act::Empty(gone) => !is_in(path, gone),
                    Act::Write(gone, _) | Act::Cover(gone) | Act::Remove(gone) => {
                        path != gone && !is_in(path, gone)
                    }
                });
            }
            for act in acts {
                if let Act::Write(path, version) = act {
                    let since = match before.get(path) {
                        Some((old, since)) if old == version => *since,
                        _ => index,
                    };
                    tree.insert(path, (*version, since));
                }
            }
        }
        tree
    }

    fn squashed(layers: &[LayerFacts]) -> BTreeMap<String, (String, u32)> {
        let floors = Floor::all(layers);
        let sbom = squash(&floors, &Limits::default(), &|_| false);
        let entry = |package: Package| (package.path, (package.version, package.layer.unwrap()));
        sbom.packages.into_iter().map(entry).collect()
    }

    proptest! {
        #[test]
        fn squashing_is_what_a_file_system_would_show(layers in layers()) {
            let expected: BTreeMap<String, (String, u32)> = apply(&layers)
                .into_iter()
                .map(|(path, (version, since))| (path.to_owned(), (format!("{version}.0.0"), since)))
                .collect();
            let layers: Vec<LayerFacts> = layers.iter().map(|acts| facts(acts)).collect();
            prop_assert_eq!(squashed(&layers), expected);
        }

        #[test]
        fn whiteouts_commute_with_squashing(layers in layers()) {
            // Squashing all but the top layer first, into one layer with
            // what is then visible, changes no visible path or version.
            let visible = |found: BTreeMap<String, (String, u32)>| -> Vec<(String, String)> {
                found.into_iter().map(|(path, (version, _))| (path, version)).collect()
            };
            let all: Vec<LayerFacts> = layers.iter().map(|acts| facts(acts)).collect();
            let (top, below) = layers.split_last().unwrap();
            let merged: Vec<Act> = apply(below)
                .into_iter()
                .map(|(path, (version, _))| Act::Write(path, version))
                .collect();
            let two = [facts(&merged), facts(top)];
            prop_assert_eq!(visible(squashed(&all)), visible(squashed(&two)));
        }
    }
}

//! What is told of files beside packages: secrets, also those that a
//! later layer removed, and files that matter for how they are.

use std::collections::{BTreeMap, HashMap, HashSet};

use model::{FoundSecret, NotableFile, NotableSort, Sbom};

use super::{Floor, View, Visible};
use crate::extract::{SECRETS, notable, path_key};

/// Secrets told of one target, and notable files of each sort.
const MOST_SECRETS: usize = 2000;
const MOST_NOTABLE: usize = 500;

/// A file that held secrets, and the layer that hid it.
pub(super) struct Removed<'a> {
    path: &'a str,
    secrets: &'a [FoundSecret],
    layer: u32,
    hidden_in: u32,
}

impl<'a> Removed<'a> {
    pub(super) fn of(path: &'a str, visible: &Visible<'a>, hidden_in: u32) -> Option<Self> {
        let secrets = &visible.extraction.secrets;
        (!secrets.is_empty()).then_some(Self {
            path,
            secrets,
            layer: visible.layer,
            hidden_in,
        })
    }
}

/// Fills in what was found; `has_layers` tells an image from a folder.
pub(super) fn tell(
    sbom: &mut Sbom,
    view: &View<'_>,
    floors: &[Floor<'_>],
    is_skipped: &dyn Fn(&str) -> bool,
) {
    let was_asked = |name: &str| {
        let mut floors = floors.iter();
        floors.any(|floor| floor.facts.extractors.contains_key(name))
    };
    let layer = |index: u32| {
        let floor = floors.get(index as usize)?;
        floor.layer.as_ref().map(|_| index)
    };
    let owners = owners(view);
    if was_asked(SECRETS) {
        sbom.secrets = Some(secrets(view, &owners, &layer, is_skipped));
    }
    if was_asked("notable") {
        sbom.notable = Some(notable_files(view, &owners, &layer));
    }
}

/// Which distribution package put a file there, for the files asked
/// about; packages of other people's making do not count.
fn owners<'a>(view: &View<'a>) -> HashMap<u64, &'a str> {
    let of_interest = |visible: &Visible<'_>| {
        !visible.extraction.secrets.is_empty() || visible.extraction.noted.is_some()
    };
    let visible = view.files.iter().filter(|(_, file)| of_interest(file));
    let removed = view.removed.iter().map(|removed| path_key(removed.path));
    let wanted: HashSet<u64> = visible
        .map(|((path, _), _)| path_key(path))
        .chain(removed)
        .collect();
    let mut owners = HashMap::new();
    if wanted.is_empty() {
        return owners;
    }
    for owned in view.files.values().flat_map(|file| &file.extraction.owned) {
        for file in owned.files.iter().filter(|file| wanted.contains(file)) {
            owners.entry(*file).or_insert(owned.package.as_str());
        }
    }
    owners
}

fn secrets(
    view: &View<'_>,
    owners: &HashMap<u64, &str>,
    layer: &dyn Fn(u32) -> Option<u32>,
    is_skipped: &dyn Fn(&str) -> bool,
) -> Vec<FoundSecret> {
    // What a distribution ships to everybody is no secret; what is in its
    // settings may have been written there by others.
    let is_packaged =
        |path: &str| !path.starts_with("etc/") && owners.contains_key(&path_key(path));
    let mut told = Vec::new();
    let mut visible = HashSet::new();
    for ((path, _), file) in view
        .files
        .iter()
        .filter(|((path, _), _)| !is_packaged(path))
    {
        for secret in &file.extraction.secrets {
            visible.insert((&secret.rule, &secret.mark, *path));
            told.push(FoundSecret {
                path: (*path).to_owned(),
                layer: layer(file.layer),
                ..secret.clone()
            });
        }
    }
    for removed in &view.removed {
        if is_skipped(removed.path) || is_packaged(removed.path) {
            continue;
        }
        let gone = removed
            .secrets
            .iter()
            .filter(|secret| !visible.contains(&(&secret.rule, &secret.mark, removed.path)));
        told.extend(gone.map(|secret| FoundSecret {
            path: removed.path.to_owned(),
            layer: layer(removed.layer),
            removed_in: layer(removed.hidden_in),
            ..secret.clone()
        }));
    }
    // The worst are kept, should there be too many.
    told.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
    told.truncate(MOST_SECRETS);
    told.sort();
    told.dedup();
    told
}

fn notable_files(
    view: &View<'_>,
    owners: &HashMap<u64, &str>,
    layer: &dyn Fn(u32) -> Option<u32>,
) -> Vec<NotableFile> {
    let mut files = Vec::new();
    let mut caches: BTreeMap<&str, (u64, u32)> = BTreeMap::new();
    for ((path, _), file) in &view.files {
        let Some(noted) = file.extraction.noted else {
            continue;
        };
        if noted.sort == NotableSort::PackageCache {
            let folder = notable::cache_of(path).unwrap_or(path);
            let (bytes, last) = caches.entry(folder).or_default();
            *bytes = bytes.saturating_add(noted.size);
            *last = (*last).max(file.layer);
            continue;
        }
        files.push(NotableFile {
            sort: noted.sort,
            path: (*path).to_owned(),
            mode: noted.mode,
            bytes: 0,
            owned_by: owners.get(&path_key(path)).map(|&owner| owner.to_owned()),
            layer: layer(file.layer),
        });
    }
    files.sort_by_key(|file| (file.owned_by.is_some(), file.sort, file.path.clone()));
    files.truncate(MOST_NOTABLE);
    files.extend(caches.into_iter().map(|(path, (bytes, last))| NotableFile {
        sort: NotableSort::PackageCache,
        path: path.to_owned(),
        mode: 0,
        bytes,
        owned_by: None,
        layer: layer(last),
    }));
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use model::{SecretPlace, Severity};

    use super::*;
    use crate::{
        extract::{Extraction, Noted, Owned},
        layer::{ExtractorFacts, FileFacts, LayerFacts, hash},
        limits::Limits,
        squash::squash,
    };

    fn secret(mark: &str) -> FoundSecret {
        FoundSecret {
            rule: "private-key".to_owned(),
            severity: Severity::High,
            place: SecretPlace::File,
            path: String::new(),
            line: Some(1),
            redacted: "•••".to_owned(),
            mark: mark.to_owned(),
            proof: None,
            layer: None,
            removed_in: None,
        }
    }

    fn holding(path: &str, mark: &str) -> FileFacts {
        FileFacts {
            path: path.to_owned(),
            extraction: Extraction {
                secrets: vec![secret(mark)],
                ..Extraction::default()
            },
        }
    }

    fn layer(files: Vec<FileFacts>, removed: &[&str]) -> LayerFacts {
        let mut facts = LayerFacts {
            files: files.iter().map(|file| hash(&file.path)).collect(),
            whiteouts: removed.iter().map(|path| hash(path)).collect(),
            ..LayerFacts::default()
        };
        let own = ExtractorFacts {
            files,
            ..ExtractorFacts::default()
        };
        facts.extractors.insert("secrets".to_owned(), own);
        facts.seal();
        facts
    }

    fn told(layers: &[LayerFacts]) -> Vec<(String, String, Option<u32>, Option<u32>)> {
        let floors = Floor::all(layers);
        let sbom = squash(&floors, &Limits::default(), &|_| false);
        let secrets = sbom.secrets.unwrap_or_default();
        let line =
            |secret: FoundSecret| (secret.path, secret.mark, secret.layer, secret.removed_in);
        secrets.into_iter().map(line).collect()
    }

    #[test]
    fn what_was_deleted_later_is_still_in_its_layer() {
        let layers = [
            layer(vec![holding("root/key", "a")], &[]),
            layer(vec![], &["root/key"]),
            layer(vec![holding("app/key", "b")], &[]),
        ];
        assert_eq!(
            told(&layers),
            [
                ("app/key".to_owned(), "b".to_owned(), Some(2), None),
                ("root/key".to_owned(), "a".to_owned(), Some(0), Some(1)),
            ]
        );
    }

    #[test]
    fn a_file_written_again_with_the_same_secret_holds_one() {
        let layers = [
            layer(vec![holding("app/.env", "a")], &[]),
            layer(vec![holding("app/.env", "a")], &[]),
        ];
        assert_eq!(told(&layers).len(), 1);
        let changed = [
            layer(vec![holding("app/.env", "a")], &[]),
            layer(vec![holding("app/.env", "b")], &[]),
        ];
        assert_eq!(told(&changed).len(), 2, "the old value can still be pulled");
    }

    #[test]
    fn what_a_distribution_ships_is_no_secret_but_settings_may_hold_one() {
        let mut base = layer(
            vec![
                holding("usr/lib/x/test.key", "a"),
                holding("etc/x.conf", "b"),
            ],
            &[],
        );
        let owned = Owned {
            package: "x".to_owned(),
            files: vec![path_key("usr/lib/x/test.key"), path_key("etc/x.conf")],
            programs: Vec::new(),
        };
        let extraction = Extraction {
            owned: vec![owned],
            ..Extraction::default()
        };
        let own = ExtractorFacts {
            files: vec![FileFacts {
                path: "var/lib/dpkg/status".to_owned(),
                extraction,
            }],
            ..ExtractorFacts::default()
        };
        base.extractors.insert("dpkg".to_owned(), own);
        let paths: Vec<String> = told(&[base]).into_iter().map(|(path, ..)| path).collect();
        assert_eq!(paths, ["etc/x.conf"]);
    }

    #[test]
    fn leftovers_are_summed_up_by_folder() {
        let noted = |path: &str, sort, mode, size| FileFacts {
            path: path.to_owned(),
            extraction: Extraction {
                noted: Some(Noted { sort, mode, size }),
                ..Extraction::default()
            },
        };
        let mut facts = LayerFacts::default();
        let own = ExtractorFacts {
            files: vec![
                noted("usr/bin/su", NotableSort::SetId, 0o4755, 9),
                noted("var/lib/apt/lists/a", NotableSort::PackageCache, 0o644, 100),
                noted("var/lib/apt/lists/b", NotableSort::PackageCache, 0o644, 20),
            ],
            ..ExtractorFacts::default()
        };
        facts.extractors.insert("notable".to_owned(), own);
        let floors = [Floor {
            layer: None,
            facts: &facts,
        }];
        let sbom = squash(&floors, &Limits::default(), &|_| false);
        let lines: Vec<(String, u64)> = sbom
            .notable
            .unwrap()
            .into_iter()
            .map(|file| (file.path, file.bytes))
            .collect();
        assert_eq!(
            lines,
            [
                ("usr/bin/su".to_owned(), 0),
                ("var/lib/apt/lists".to_owned(), 120)
            ]
        );
        assert_eq!(sbom.secrets, None, "nobody looked");
    }
}

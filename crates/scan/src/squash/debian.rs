//! Licences of Debian's packages: their database names none, a file
//! beside their documentation may.

use std::collections::HashMap;

use model::{Package, PackageKind};

use super::View;
use crate::extract::{self, debian_copyright};

/// Gives packages the licence their own file tells. Where a package has
/// none, its folder is a link to that of another package of the same
/// source, which may be no other's: that one's is its licence, too.
pub(super) fn license(packages: &mut [Package], view: &View<'_>) {
    let told: HashMap<&str, &[String]> = view
        .files
        .iter()
        .filter(|((_, extractor), _)| *extractor == extract::DEBIAN_COPYRIGHT)
        .filter_map(|((path, _), visible)| {
            let package = debian_copyright::package_of(path)?;
            Some((package, visible.extraction.licenses.as_slice()))
        })
        .collect();
    if told.is_empty() {
        return;
    }
    let mut of_source: HashMap<(String, String), &[String]> = HashMap::new();
    for package in packages.iter().filter(|package| is_bare(package)) {
        if let Some(licenses) = told.get(package.name.as_str())
            && let Some(source) = source(package)
        {
            of_source.entry(source).or_insert(licenses);
        }
    }
    for package in packages.iter_mut().filter(|package| is_bare(package)) {
        let own = told.get(package.name.as_str());
        let known = own.or_else(|| of_source.get(&source(package)?));
        if let Some(licenses) = known {
            package.licenses = licenses.to_vec();
        }
    }
}

fn is_bare(package: &Package) -> bool {
    package.kind == PackageKind::Deb && package.licenses.is_empty()
}

fn source(package: &Package) -> Option<(String, String)> {
    let source = package.source.as_ref()?;
    Some((source.name.clone(), source.version.clone()))
}

#[cfg(test)]
mod tests {
    use model::{Sbom, SourcePackage};

    use crate::{
        extract::{DEBIAN_COPYRIGHT, Extraction, Found},
        layer::{ExtractorFacts, FileFacts, LayerFacts, hash},
        limits::Limits,
        squash::{Floor, squash},
    };

    use super::*;

    fn found(name: &str, version: &str, source: &str) -> Found {
        Found {
            source: Some(SourcePackage {
                name: source.to_owned(),
                version: version.to_owned(),
            }),
            ..Found::new(PackageKind::Deb, name, version)
        }
    }

    fn database(packages: Vec<Found>) -> (&'static str, FileFacts) {
        let extraction = Extraction {
            packages,
            ..Extraction::default()
        };
        let path = "var/lib/dpkg/status".to_owned();
        ("dpkg", FileFacts { path, extraction })
    }

    fn copyright(package: &str, license: &str) -> (&'static str, FileFacts) {
        let extraction = Extraction {
            licenses: vec![license.to_owned()],
            ..Extraction::default()
        };
        let path = format!("usr/share/doc/{package}/copyright");
        (DEBIAN_COPYRIGHT, FileFacts { path, extraction })
    }

    fn layer(files: Vec<(&'static str, FileFacts)>, removed: &[&str]) -> LayerFacts {
        let mut facts = LayerFacts {
            files: files.iter().map(|(_, file)| hash(&file.path)).collect(),
            whiteouts: removed.iter().map(|path| hash(path)).collect(),
            ..LayerFacts::default()
        };
        for (extractor, file) in files {
            let own: &mut ExtractorFacts =
                facts.extractors.entry(extractor.to_owned()).or_default();
            own.files.push(file);
        }
        facts.seal();
        facts
    }

    fn told(layers: &[LayerFacts], is_skipped: &dyn Fn(&str) -> bool) -> Vec<String> {
        let sbom: Sbom = squash(&Floor::all(layers), &Limits::default(), is_skipped);
        let line = |package: Package| format!("{} {}", package.name, package.licenses.join(" | "));
        sbom.packages.into_iter().map(line).collect()
    }

    #[test]
    fn a_package_has_the_licence_its_file_tells_and_else_its_sources() {
        let bash = || found("bash", "5.2", "bash");
        let gcc = |name| found(name, "12.2", "gcc-12");
        let layers = [
            layer(
                vec![
                    database(vec![bash(), gcc("gcc-12-base")]),
                    copyright("bash", "GPL-3+"),
                    copyright("gcc-12-base", "GPL-3+ with exceptions"),
                    copyright("nobody", "MIT"),
                ],
                &[],
            ),
            // The database is written anew by a layer that says nothing
            // of licences.
            layer(
                vec![database(vec![
                    bash(),
                    gcc("gcc-12-base"),
                    gcc("libgcc-s1"),
                    found("libgcc-s2", "13.1", "gcc-12"),
                    found("shop", "1", "shop"),
                ])],
                &[],
            ),
        ];
        let whole = [
            "bash GPL-3+",
            "gcc-12-base GPL-3+ with exceptions",
            "libgcc-s1 GPL-3+ with exceptions",
            "libgcc-s2 ",
            "shop ",
        ];
        assert_eq!(told(&layers, &|_| false), whole);
        // What is not there, or not to be heard of, tells nothing.
        let [lower, upper] = layers;
        let removed = layer(Vec::new(), &["usr/share/doc"]);
        let bare = told(&[lower.clone(), upper.clone(), removed], &|_| false);
        assert!(bare.iter().all(|line| line.ends_with(' ')), "{bare:?}");
        let skipped = told(&[lower, upper], &|path| {
            path.starts_with("usr/share/doc/bash/")
        });
        assert_eq!(skipped[0], "bash ");
        assert_eq!(skipped[1], whole[1]);
    }
}

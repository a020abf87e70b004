//! Which upgrades close findings.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
};

use model::{Finding, Package, PackageKind, VersionScheme};
use store::{Counts, PackageFix};

/// Orders two versions by an ecosystem's rules.
pub(crate) type Compare = fn(VersionScheme, &str, &str) -> Option<Ordering>;

/// One upgrade for each package that has any: to the lowest version that
/// closes all its fixable findings. Distribution packages are named by
/// their source, which is what gets upgraded together.
pub(crate) fn fixes<'r>(
    packages: impl Iterator<Item = &'r Package>,
    findings: impl Iterator<Item = &'r Finding>,
    compare: Compare,
) -> Vec<PackageFix> {
    let installed: HashMap<_, _> = packages
        .map(|package| ((&package.purl, package.path.as_str()), package))
        .collect();
    let mut fixes: BTreeMap<(PackageKind, String), (PackageFix, Option<VersionScheme>)> =
        BTreeMap::new();
    for finding in findings {
        let Some(version) = finding.fix.version() else {
            continue;
        };
        if finding.fix.state != model::AffectedState::Fixed {
            continue;
        }
        let at = &finding.package;
        let package = installed.get(&(&at.purl, at.path.as_str()));
        let name = package.map_or(at.name.as_str(), |package| upgraded_as(package));
        let scheme = package
            .and_then(|package| package.ecosystem.as_ref())
            .and_then(model::Ecosystem::version_scheme);
        let (fix, scheme) = fixes.entry((at.kind, name.to_owned())).or_insert_with(|| {
            let fix = PackageFix {
                kind: at.kind,
                package: name.to_owned(),
                installed: Vec::new(),
                version: version.to_owned(),
                layer: at.layer,
                closes: Counts::default(),
            };
            (fix, scheme)
        });
        let is_higher = scheme
            .and_then(|scheme| compare(scheme, version, &fix.version))
            .map_or(version > fix.version.as_str(), Ordering::is_gt);
        if is_higher {
            version.clone_into(&mut fix.version);
        }
        if fix.layer != at.layer {
            fix.layer = None;
        }
        if !fix.installed.contains(&at.version) {
            fix.installed.push(at.version.clone());
            fix.installed.sort();
        }
        *fix.closes.of(finding.severity) += 1;
    }
    fixes.into_values().map(|(fix, _)| fix).collect()
}

/// What an upgrade of a package goes by.
pub(crate) fn upgraded_as(package: &Package) -> &str {
    match &package.source {
        Some(source) if package.kind.is_distribution() => &source.name,
        _ => &package.name,
    }
}

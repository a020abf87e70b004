//! A Debian 12 system without its security updates has every hole they
//! close, and none of them once they are in.

use std::collections::BTreeSet;

use model::Report;
use testkit::{changelog, debian};

use crate::program::{Seawall, kept};

/// (source package, vulnerability) pairs of the findings that count.
fn found(report: &Report) -> BTreeSet<(String, String)> {
    report
        .findings
        .iter()
        .flat_map(|finding| {
            let package = report.sbom.packages.iter().find(|package| {
                package.purl == finding.package.purl && package.path == finding.package.path
            });
            let source = package
                .and_then(|package| package.source.as_ref())
                .map_or(&finding.package.name, |source| &source.name)
                .clone();
            let details = &report.vulnerabilities[&finding.vulnerability];
            std::iter::once(details.id.to_string())
                .chain(details.aliases.iter().cloned())
                .map(move |id| (source.clone(), id))
        })
        .collect()
}

#[test]
fn security_updates_close_exactly_what_their_changelogs_say() {
    let Some(advisories) = testkit::data("osv-derived/Debian-12-changelogs") else {
        return;
    };
    let Some(roots) = debian::roots(&kept()).expect("the systems install") else {
        return;
    };
    let truth = changelog::fixed_between(&roots.old, &roots.updated).expect("changelogs are read");
    let pairs: BTreeSet<(String, String)> = truth
        .into_iter()
        .flat_map(|(source, cves)| cves.into_iter().map(move |cve| (source.clone(), cve)))
        .collect();
    // The archive moves on; what it fixed since the advisories were
    // gathered is in no advisory.
    let advised = changelog::advised(&advisories.join("all.zip")).expect("advisories are read");
    let (pairs, since): (BTreeSet<_>, BTreeSet<_>) =
        pairs.into_iter().partition(|pair| advised.contains(pair));
    assert!(!pairs.is_empty(), "the security suite fixes something");

    let seawall = Seawall::new();
    seawall.import(&[advisories]);
    let old = found(&seawall.scan(&[], &format!("dir:{}", roots.old.display())));
    let updated = found(&seawall.scan(&[], &format!("dir:{}", roots.updated.display())));

    let missed: Vec<_> = pairs.difference(&old).collect();
    let left: Vec<_> = pairs.intersection(&updated).collect();
    println!(
        "{} fixed pairs ({} newer than the advisories left out), {} reported before, {} after",
        pairs.len(),
        since.len(),
        pairs.len() - missed.len(),
        left.len()
    );
    assert!(
        missed.is_empty(),
        "not reported before the update: {missed:?}"
    );
    assert!(left.is_empty(), "still reported after the update: {left:?}");
}

//! A Debian 12 system against what its own changelogs say was mended.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs::File,
    path::Path,
};

use model::{Cancel, Report};
use serde_json::Value;
use vulns::{Database, Judgements, assess, feed, version};

use crate::shared::{Fixed, NOW, data, deb, machine, sbom};

/// Source package to its security updates: CVE and version.
type Updates = BTreeMap<String, Vec<(String, String)>>;

#[test]
fn security_updates_are_wanted_before_and_silent_after() {
    let Some(feed) = data("osv-derived/Debian-12-changelogs") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let archive = feed.join("all.zip");
    let cancel = Cancel::default();
    feed::import(dir.path(), &[feed], &[], &Fixed, &feed::Silent, &cancel).unwrap();
    let db = Database::open(dir.path()).unwrap();
    let updates = security_updates(&archive).unwrap();
    assert!(updates.len() > 20, "{} sources", updates.len());

    let dpkg = model::VersionScheme::Dpkg;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut expected = BTreeSet::new();
    for (source, fixes) in &updates {
        let order = |a: &&String, b: &&String| version::compare(dpkg, a, b).unwrap();
        let first = fixes.iter().map(|(_, fixed)| fixed).min_by(order).unwrap();
        let last = fixes.iter().map(|(_, fixed)| fixed).max_by(order).unwrap();
        // A tilde sorts before the end: the release just below the first.
        before.push(deb(source, source, &format!("{first}~")));
        after.push(deb(source, source, last));
        expected.extend(fixes.iter().map(|(cve, _)| (source.clone(), cve.clone())));
    }
    let report = |packages| {
        let judgements = Judgements::default();
        let now = NOW.parse().unwrap();
        assess(&db, sbom(packages), machine(), &judgements, "test", now)
    };
    let missing: Vec<_> = expected
        .difference(&found(&report(before)))
        .cloned()
        .collect();
    assert!(missing.is_empty(), "not reported: {missing:?}");
    let left: Vec<_> = found(&report(after))
        .intersection(&expected)
        .cloned()
        .collect();
    assert!(left.is_empty(), "reported after the upgrade: {left:?}");
}

fn found(report: &Report) -> BTreeSet<(String, String)> {
    let findings = report.findings.iter().chain(&report.suppressed);
    findings
        .map(|finding| {
            let cve = finding.vulnerability.as_str().to_owned();
            (finding.package.name.clone(), cve)
        })
        .collect()
}

/// What the security suite mended, from the records themselves.
fn security_updates(archive: &Path) -> Result<Updates, Box<dyn Error>> {
    let mut updates = Updates::new();
    let mut zip = zip::ZipArchive::new(File::open(archive)?)?;
    for index in 0..zip.len() {
        let record: Value = serde_json::from_reader(zip.by_index(index)?)?;
        let cve = record["upstream"][0].as_str().ok_or("no upstream")?;
        for affected in record["affected"].as_array().into_iter().flatten() {
            if affected["ecosystem_specific"]["distribution"] != "bookworm-security" {
                continue;
            }
            let fixed = affected["ranges"][0]["events"][1]["fixed"].as_str();
            let name = affected["package"]["name"].as_str().ok_or("no name")?;
            let mended = (cve.to_owned(), fixed.ok_or("no fix")?.to_owned());
            updates.entry(name.to_owned()).or_default().push(mended);
        }
    }
    Ok(updates)
}

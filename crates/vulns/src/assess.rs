//! From a bill of materials to a report: match, join what people have
//! said, sort. Pure: the same inputs give the same report.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use model::{
    AffectedState, Finding, FindingKind, Fingerprint, Fix, Package, Report, Sbom, Severity,
    Suppression, VulnerabilityId,
    finding::{AffectedPackage, SuppressedBy},
    scan::Target,
};

use crate::{
    Database, ignore,
    matcher::{self, Hit},
    names, vex,
};

/// What people have said about findings.
#[derive(Clone, Debug, Default)]
pub struct Judgements {
    pub vex: Vec<vex::Document>,
    pub ignore: Option<ignore::File>,
}

/// Matches a bill of materials and reports what was found.
pub fn assess(
    db: &Database,
    mut sbom: Sbom,
    target: Target,
    judgements: &Judgements,
    tool: &str,
    now: Timestamp,
) -> Report {
    let (hits, warnings) = matcher::find(&db.generation, &sbom.packages);
    for warning in warnings {
        // A stored bill of materials has them from the last time.
        if !sbom.warnings.contains(&warning) {
            sbom.warnings.push(warning);
        }
    }
    let subject = sbom.subject(&target);
    let mut vulnerabilities = BTreeSet::new();
    let mut found: Vec<(Finding, usize)> = Vec::with_capacity(hits.len());
    // A package's hits come one after the other.
    for hits in hits.chunk_by(|a, b| a.package == b.package) {
        let Some(package) = sbom.packages.get(hits[0].package) else {
            continue;
        };
        let purl = package.purl.without_version();
        for hit in hits {
            let Some(id) = db.id_of(hit.vulnerability) else {
                continue;
            };
            vulnerabilities.insert(hit.vulnerability);
            let said = PackageHit::of(hit, id, package);
            found.push((said.finding(package, &purl, &subject), hit.package));
        }
    }
    let mut found = one_per_fingerprint(found);
    let ignore = judgements.ignore.as_ref();
    let ignore = ignore.map(|file| file.in_force(now));
    let has_documents = !judgements.vex.is_empty();
    let scene = has_documents.then(|| vex::Scene::of(&target, &sbom));
    let spoken = vex::Spoken::of(&judgements.vex, |name| canonical(db, name));
    for (finding, package) in &mut found {
        let Some(package) = sbom.packages.get(*package) else {
            continue;
        };
        judge(
            finding,
            package,
            scene.as_ref(),
            &spoken,
            ignore.as_ref(),
            db,
        );
    }
    let vulnerabilities = db.details(vulnerabilities);
    let mut findings: Vec<Finding> = found.into_iter().map(|(finding, _)| finding).collect();
    findings.sort_by(order);
    let (suppressed, findings) = findings
        .into_iter()
        .partition(|finding| finding.suppression.is_some());
    Report {
        schema: Report::SCHEMA,
        tool: tool.to_owned(),
        target,
        scanned: now,
        database: db.status().clone(),
        sbom,
        findings,
        suppressed,
        vulnerabilities,
        issues: Vec::new(),
        suppressed_issues: Vec::new(),
        rules: std::collections::BTreeMap::new(),
        lists_licenses: false,
        leaves_out_vulnerabilities: false,
    }
}

/// Matches packages without assembling a report: what it takes to ask
/// again after the advisories changed. Pairs a package's index with the
/// severity of each vulnerability that hits it.
pub fn rematch(db: &Database, packages: &[Package]) -> Vec<(usize, VulnerabilityId, Severity)> {
    let (hits, _) = matcher::find(&db.generation, packages);
    hits.iter()
        .filter_map(|hit| Some((hit.package, db.id_of(hit.vulnerability)?, hit.severity)))
        .collect()
}

pub(crate) fn canonical(db: &Database, name: &str) -> VulnerabilityId {
    db.canonical_id(name)
        .unwrap_or_else(|| VulnerabilityId::new(matcher::normalise_id(name)))
}

/// Worst first, then by vulnerability and package.
fn order(a: &Finding, b: &Finding) -> std::cmp::Ordering {
    b.severity
        .cmp(&a.severity)
        .then_with(|| a.vulnerability.cmp(&b.vulnerability))
        .then_with(|| a.package.cmp(&b.package))
}

/// What one vulnerability means for one package, wherever that is
/// installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageHit {
    pub vulnerability: VulnerabilityId,
    pub severity: Severity,
    pub fix: Fix,
    pub advisories: Vec<String>,
    /// Our own doubt.
    pub suppression: Option<Suppression>,
}

impl PackageHit {
    pub(crate) fn of(hit: &Hit<'_>, vulnerability: VulnerabilityId, package: &Package) -> Self {
        Self::named(
            hit,
            vulnerability,
            names::is_kernel_build_files(package.kind, &package.name),
        )
    }

    pub(crate) fn named(hit: &Hit<'_>, vulnerability: VulnerabilityId, is_noise: bool) -> Self {
        Self {
            vulnerability,
            severity: hit.severity,
            fix: Fix {
                state: hit.state,
                versions: hit.fixes.iter().map(|&fix| fix.to_owned()).collect(),
            },
            advisories: hit.advisories.iter().map(|&id| id.to_owned()).collect(),
            suppression: is_noise.then(kernel_build_files),
        }
    }

    /// The finding it is in one place; `purl` is the package's, without
    /// its version.
    pub(crate) fn finding(self, package: &Package, purl: &str, subject: &str) -> Finding {
        let kind = FindingKind::Vulnerability;
        let id = self.vulnerability.as_str();
        let fingerprint = Fingerprint::of(&[kind.as_str(), id, subject, purl, &package.path]);
        Finding {
            fingerprint,
            kind,
            vulnerability: self.vulnerability,
            severity: self.severity,
            package: AffectedPackage {
                kind: package.kind,
                name: package.name.clone(),
                version: package.version.clone(),
                purl: package.purl.clone(),
                path: package.path.clone(),
                layer: package.layer,
            },
            fix: self.fix,
            advisories: self.advisories,
            suppression: self.suppression,
        }
    }
}

fn kernel_build_files() -> Suppression {
    Suppression {
        by: SuppressedBy::Advisory,
        status: "not_affected".to_owned(),
        justification: Some("vulnerable_code_not_present".to_owned()),
        statement: Some(
            "the package holds the kernel's headers or build files, and none of its code runs \
             from here; a container uses the kernel of its host"
                .to_owned(),
        ),
        source: "seawall".to_owned(),
        expires: None,
    }
}

/// Two versions of a package in one file share a fingerprint; the one
/// furthest behind speaks for both, and names every version that helps.
pub(crate) fn one_per_fingerprint(found: Vec<(Finding, usize)>) -> Vec<(Finding, usize)> {
    let mut kept: Vec<(Finding, usize)> = Vec::with_capacity(found.len());
    let mut seen: HashMap<Fingerprint, usize> = HashMap::with_capacity(found.len());
    for (finding, package) in found {
        if let Some(&index) = seen.get(&finding.fingerprint) {
            let (first, _) = &mut kept[index];
            first.severity = first.severity.max(finding.severity);
            for version in finding.fix.versions {
                if !first.fix.versions.contains(&version) {
                    first.fix.versions.push(version);
                }
            }
            for advisory in finding.advisories {
                if let Err(at) = first.advisories.binary_search(&advisory) {
                    first.advisories.insert(at, advisory);
                }
            }
        } else {
            seen.insert(finding.fingerprint.clone(), kept.len());
            kept.push((finding, package));
        }
    }
    kept
}

/// The document's word goes before the ignore file's, and both before
/// our own.
fn judge(
    finding: &mut Finding,
    package: &Package,
    scene: Option<&vex::Scene<'_>>,
    spoken: &vex::Spoken<'_>,
    ignore: Option<&ignore::InForce<'_>>,
    db: &Database,
) {
    let spoken = scene.and_then(|scene| spoken.about(&finding.vulnerability, package, scene));
    if let Some((document, statement)) = spoken {
        match statement.status {
            vex::Status::NotAffected | vex::Status::Fixed => {
                finding.suppression = Some(Suppression {
                    by: SuppressedBy::Vex,
                    status: statement.status.as_str().to_owned(),
                    justification: statement.justification.clone(),
                    statement: statement.note.clone(),
                    source: document.source.clone(),
                    expires: None,
                });
                return;
            }
            vex::Status::UnderInvestigation => {
                if finding.fix.versions.is_empty() {
                    finding.fix.state = AffectedState::UnderInvestigation;
                }
            }
            // Said of this very package: our own doubt yields.
            vex::Status::Affected => finding.suppression = None,
        }
    }
    if let Some(ignore) = ignore
        && let Some(suppression) = ignore.about(finding, |name| canonical(db, name))
    {
        finding.suppression = Some(suppression);
    }
}

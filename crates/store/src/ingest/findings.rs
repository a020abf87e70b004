//! The findings of a report, as sightings of an image.

use std::collections::HashMap;

use model::{Finding, Report, Vulnerability, VulnerabilityId, Warning};

use super::{dictionary, is_fixable, target::Known as Image};
use crate::{
    StoreError,
    counts::severity_number,
    db::Connection,
    finding::kind_number,
    priority,
    rematch::rank_of,
    row::json,
    sighting::{self, Changes, Known, Look, Said, Sighting, Whole, Within},
};

pub(super) async fn put(
    connection: &mut Connection,
    environment: i64,
    image: &Image,
    report: &Report,
    packages: &dictionary::Packages,
    vulnerabilities: &HashMap<VulnerabilityId, i64>,
) -> Result<Changes, StoreError> {
    let mut contexts = priority::contexts(connection, &[image.id]).await?;
    let context = contexts.remove(&image.id).unwrap_or_default();
    let mut sightings = Vec::with_capacity(report.findings.len() + report.suppressed.len());
    for finding in report.findings.iter().chain(&report.suppressed) {
        let Some(&rule) = vulnerabilities.get(&finding.vulnerability) else {
            // A report names every vulnerability it speaks of; one that
            // does not was not made by us, and this finding has no text.
            continue;
        };
        let package = match packages.at(&finding.package.purl.to_string(), &finding.package.path) {
            Some(id) => id,
            None => dictionary::stray_package(connection, &finding.package).await?,
        };
        let known = report.vulnerabilities.get(&finding.vulnerability);
        sightings.push(Sighting {
            said: said(
                finding,
                Weighed::new(finding, known, &context, package),
                (image.asset_id, image.id),
                rule,
                package,
            ),
            seen: None,
            evidence: None,
            package: Some((
                finding.package.kind.as_str().to_owned(),
                finding.package.name.clone(),
            )),
        });
    }
    let layers: Vec<String> = report
        .sbom
        .layers
        .iter()
        .map(|layer| layer.diff_id.to_string())
        .collect();
    let hides = |known: &Known| {
        report
            .sbom
            .warnings
            .iter()
            .any(|warning| hides(warning, known, &layers))
    };
    let look = Look {
        environment,
        now: report.scanned,
        whole: Some(Whole {
            assets: HashMap::from([(image.asset_id, image.assessed)]),
            kind: kind_number(model::FindingKind::Vulnerability),
            within: Within::Kind,
            may_be_hidden: &hides,
        }),
        because: None,
    };
    sighting::put(connection, &look, sightings).await
}

/// Whether a finding may be missing only because its file or layer
/// could not be read this time.
pub(crate) fn hides(warning: &Warning, known: &Known, layers: &[String]) -> bool {
    match (&warning.path, warning.layer) {
        (Some(path), _) => {
            let at = known.said.path.as_deref().unwrap_or_default();
            at.strip_prefix(path.as_str()).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('/') || rest.starts_with("!/")
            })
        }
        (None, Some(layer)) => known
            .said
            .layer
            .and_then(|index| layers.get(usize::try_from(index).ok()?))
            .is_some_and(|known| *known == layer.to_string()),
        (None, None) => false,
    }
}

/// Where a finding stands in the lists of the worst and of the most
/// pressing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weighed {
    rank: i64,
    priority: i64,
}

impl Weighed {
    pub(crate) fn new(
        finding: &Finding,
        known: Option<&Vulnerability>,
        context: &priority::Context,
        package: i64,
    ) -> Self {
        let kev = known.is_some_and(|known| known.kev.is_some());
        let epss = known.and_then(|known| known.epss.map(|epss| epss.score));
        Self {
            rank: rank_of(finding.severity, known),
            priority: context.priority(
                finding.severity,
                (kev, epss),
                is_fixable(finding),
                Some(package),
            ),
        }
    }
}

/// What is said of one finding; `of` is its asset and its image.
pub(crate) fn said(
    finding: &Finding,
    weighed: Weighed,
    (asset, image): (i64, i64),
    rule: i64,
    package: i64,
) -> Said {
    Said {
        fingerprint: finding.fingerprint.to_string(),
        asset,
        image: Some(image),
        kind: kind_number(finding.kind),
        rule,
        package: Some(package),
        severity: severity_number(finding.severity),
        rank: weighed.rank,
        priority: weighed.priority,
        suppression: finding.suppression.as_ref().map(json),
        fix_state: Some(finding.fix.state.as_str().to_owned()),
        fix_versions: Some(json(&finding.fix.versions)),
        fixable: i64::from(is_fixable(finding)),
        advisories: Some(json(&finding.advisories)),
        path: Some(finding.package.path.clone()),
        layer: finding.package.layer.map(i64::from),
        summary: None,
        container: None,
    }
}

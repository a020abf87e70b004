//! Packages and vulnerabilities: each different one stored once.

use std::collections::{BTreeSet, HashMap, HashSet};

use model::{Fingerprint, Package, PackageKind, Report, Vulnerability, VulnerabilityId};

use super::CHUNK;
use crate::{
    StoreError,
    counts::severity_number,
    db::{Connection, insert, sql},
    rollup,
    row::json,
};

/// The ids of a report's packages.
pub(super) struct Packages {
    /// In the report's order.
    ids: Vec<i64>,
    /// A finding names its package by purl and path only.
    places: HashMap<(String, String), i64>,
}

impl Packages {
    /// Of every package of the report, in its order.
    pub(super) fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// The package a finding is about; `None` when the report names one
    /// that its own bill of materials lacks.
    pub(super) fn at(&self, purl: &str, path: &str) -> Option<i64> {
        self.places
            .get(&(purl.to_owned(), path.to_owned()))
            .copied()
    }
}

fn fingerprint(package: &Package) -> Fingerprint {
    let ecosystem = package.ecosystem.as_ref().map(ToString::to_string);
    let source = source(package);
    Fingerprint::of(&[
        package.kind.as_str(),
        &package.name,
        &package.version,
        &package.purl.to_string(),
        ecosystem.as_deref().unwrap_or_default(),
        source.as_deref().unwrap_or_default(),
        package.architecture.as_deref().unwrap_or_default(),
        &package.licenses.join("\n"),
    ])
}

fn source(package: &Package) -> Option<String> {
    package
        .source
        .as_ref()
        .map(|source| format!("{} {}", source.name, source.version))
}

pub(super) async fn packages(
    connection: &mut Connection,
    packages: &[Package],
) -> Result<Packages, StoreError> {
    let fingerprints: Vec<Fingerprint> = packages.iter().map(fingerprint).collect();
    let wanted: BTreeSet<&Fingerprint> = fingerprints.iter().collect();
    let mut known: HashMap<String, i64> = HashMap::new();
    let all: Vec<&Fingerprint> = wanted.into_iter().collect();
    for chunk in all.chunks(CHUNK) {
        let mut select = sql("SELECT id, fingerprint FROM package WHERE fingerprint IN ");
        select.push_list(chunk.iter().map(|fingerprint| fingerprint.as_str()));
        for row in select.fetch_all(&mut *connection).await? {
            known.insert(row.text("fingerprint")?, row.int("id")?);
        }
    }
    // In the report's order, so that equal reports give equal databases.
    let mut told = HashSet::new();
    let missing = fingerprints
        .iter()
        .zip(packages)
        .filter(|(fingerprint, _)| !known.contains_key(fingerprint.as_str()))
        .filter(|(fingerprint, _)| told.insert(*fingerprint))
        .collect::<Vec<_>>();
    let made = insert(
        "INSERT INTO package (fingerprint, kind, name, version, purl, ecosystem, source,
             architecture, licenses) ",
    )
    .ending(" RETURNING id, fingerprint")
    .returning(connection, missing, |row, (fingerprint, package)| {
        row.push_bind(fingerprint.as_str())
            .push_bind(package.kind.as_str())
            .push_bind(&package.name)
            .push_bind(&package.version)
            .push_bind(package.purl.to_string())
            .push_bind(package.ecosystem.as_ref().map(ToString::to_string))
            .push_bind(source(package))
            .push_bind(&package.architecture)
            .push_bind(json(&package.licenses));
    })
    .await?;
    for row in made {
        known.insert(row.text("fingerprint")?, row.int("id")?);
    }
    let mut ids = Vec::with_capacity(packages.len());
    let mut places = HashMap::with_capacity(packages.len());
    for (fingerprint, package) in fingerprints.iter().zip(packages) {
        let id = known[fingerprint.as_str()];
        ids.push(id);
        places.insert((package.purl.to_string(), package.path.clone()), id);
    }
    Ok(Packages { ids, places })
}

/// Gives a package that only a finding names an id of its own.
pub(super) async fn stray_package(
    connection: &mut Connection,
    package: &model::finding::AffectedPackage,
) -> Result<i64, StoreError> {
    let kind: PackageKind = package.kind;
    let fingerprint = Fingerprint::of(&[kind.as_str(), &package.name, &package.version]);
    let id = sql(
        "INSERT INTO package (fingerprint, kind, name, version, purl, licenses)
         VALUES (?, ?, ?, ?, ?, '[]')
         ON CONFLICT (fingerprint) DO UPDATE SET purl = excluded.purl
         RETURNING id",
    )
    .bind(fingerprint.as_str())
    .bind(kind.as_str())
    .bind(&package.name)
    .bind(&package.version)
    .bind(package.purl.to_string())
    .scalar()
    .fetch_one(connection)
    .await?;
    Ok(id)
}

/// The ids of a report's vulnerabilities; what is known of each is
/// brought up to date.
pub(super) async fn vulnerabilities(
    connection: &mut Connection,
    report: &Report,
) -> Result<HashMap<VulnerabilityId, i64>, StoreError> {
    put_vulnerabilities(connection, &mut report.vulnerabilities.values()).await
}

/// The ids of vulnerabilities; what is known of each is brought up to
/// date.
pub(crate) async fn put_vulnerabilities(
    connection: &mut Connection,
    vulnerabilities: &mut (dyn Iterator<Item = &Vulnerability> + Send),
) -> Result<HashMap<VulnerabilityId, i64>, StoreError> {
    let all: Vec<_> = vulnerabilities.collect();
    let mut known: HashMap<String, (i64, String)> = HashMap::new();
    for chunk in all.chunks(CHUNK) {
        let mut select = sql("SELECT id, name, details FROM rule WHERE kind = 0 AND name IN ");
        select.push_list(chunk.iter().map(|vulnerability| vulnerability.id.as_str()));
        for row in select.fetch_all(&mut *connection).await? {
            known.insert(row.text("name")?, (row.int("id")?, row.text("details")?));
        }
    }
    let mut ids = HashMap::with_capacity(all.len());
    let mut stale = Vec::new();
    for vulnerability in all {
        let details = json(vulnerability);
        match known.get(vulnerability.id.as_str()) {
            Some((id, known)) if *known == details => {
                ids.insert(vulnerability.id.clone(), *id);
            }
            _ => stale.push((vulnerability, details)),
        }
    }
    let written = insert(
        "INSERT INTO rule (kind, name, severity, title, cvss, epss, kev, tactics, techniques,
             published, details) ",
    )
    .ending(
        " ON CONFLICT (name, kind) DO UPDATE SET severity = excluded.severity,
             title = excluded.title, cvss = excluded.cvss, epss = excluded.epss,
             kev = excluded.kev, published = excluded.published, details = excluded.details
         RETURNING id, name",
    )
    .returning(connection, stale, |row, (vulnerability, details)| {
        let cvss = vulnerability
            .cvss
            .iter()
            .map(|cvss| cvss.score)
            .fold(None, |best: Option<f64>, score| {
                Some(best.map_or(score, |best| best.max(score)))
            });
        row.push_bind(0_i64)
            .push_bind(vulnerability.id.as_str())
            .push_bind(severity_number(vulnerability.severity))
            .push_bind(&vulnerability.title)
            .push_bind(cvss)
            .push_bind(vulnerability.epss.map(|epss| epss.score))
            .push_bind(vulnerability.kev.is_some())
            .push_bind(0_i64)
            .push_bind("[]")
            .push_bind(vulnerability.published)
            .push_bind(details);
    })
    .await?;
    let mut changed = Vec::with_capacity(written.len());
    for row in written {
        let id = row.int("id")?;
        changed.push(id);
        ids.insert(VulnerabilityId::new(row.text("name")?), id);
    }
    rollup::rerank(connection, &changed).await?;
    Ok(ids)
}

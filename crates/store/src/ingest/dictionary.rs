//! Packages and vulnerabilities: each different one stored once.

use std::collections::{HashMap, HashSet};

use model::{Fingerprint, Package, PackageKind, Report, VulnerabilityId};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use super::CHUNK;
use crate::{StoreError, counts::severity_number, row::json};

/// The ids of a report's packages.
pub(super) struct Packages {
    ids: HashMap<Fingerprint, i64>,
    /// A finding names its package by purl and path only.
    places: HashMap<(String, String), i64>,
}

impl Packages {
    pub(super) fn id_of(&self, package: &Package) -> i64 {
        self.ids
            .get(&fingerprint(package))
            .copied()
            .expect("invariant: every package of the report was given an id")
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
    connection: &mut SqliteConnection,
    packages: &[Package],
) -> Result<Packages, StoreError> {
    let wanted: HashSet<Fingerprint> = packages.iter().map(fingerprint).collect();
    let mut known: HashMap<String, i64> = HashMap::new();
    let all: Vec<&Fingerprint> = wanted.iter().collect();
    for chunk in all.chunks(CHUNK) {
        let mut select = QueryBuilder::<Sqlite>::new(
            "SELECT id, fingerprint FROM package WHERE fingerprint IN (",
        );
        let mut list = select.separated(", ");
        for fingerprint in chunk {
            list.push_bind(fingerprint.as_str().to_owned());
        }
        select.push(")");
        for row in select.build().fetch_all(&mut *connection).await? {
            let text: String = row.try_get("fingerprint")?;
            known.insert(text, row.try_get("id")?);
        }
    }
    let mut ids: HashMap<Fingerprint, i64> = wanted
        .into_iter()
        .filter_map(|fingerprint| {
            let id = known.get(fingerprint.as_str())?;
            Some((fingerprint, *id))
        })
        .collect();
    let mut next: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM package")
        .fetch_one(&mut *connection)
        .await?;
    // In the report's order, so that equal reports give equal databases.
    let mut missing = Vec::new();
    for package in packages {
        let fingerprint = fingerprint(package);
        if !ids.contains_key(&fingerprint) {
            next += 1;
            ids.insert(fingerprint.clone(), next);
            missing.push((next, fingerprint, package));
        }
    }
    for chunk in missing.chunks(CHUNK) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO package (id, fingerprint, kind, name, version, purl, ecosystem, source,
                 architecture, licenses) ",
        );
        insert.push_values(chunk, |mut row, (id, fingerprint, package)| {
            row.push_bind(*id)
                .push_bind(fingerprint.as_str().to_owned())
                .push_bind(package.kind.as_str())
                .push_bind(package.name.clone())
                .push_bind(package.version.clone())
                .push_bind(package.purl.to_string())
                .push_bind(package.ecosystem.as_ref().map(ToString::to_string))
                .push_bind(source(package))
                .push_bind(package.architecture.clone())
                .push_bind(json(&package.licenses));
        });
        insert.build().execute(&mut *connection).await?;
    }
    let places = packages
        .iter()
        .map(|package| {
            let place = (package.purl.to_string(), package.path.clone());
            (place, ids[&fingerprint(package)])
        })
        .collect();
    Ok(Packages { ids, places })
}

/// Gives a package that only a finding names an id of its own.
pub(super) async fn stray_package(
    connection: &mut SqliteConnection,
    package: &model::finding::AffectedPackage,
) -> Result<i64, StoreError> {
    let kind: PackageKind = package.kind;
    let fingerprint = Fingerprint::of(&[kind.as_str(), &package.name, &package.version]);
    let id = sqlx::query_scalar(
        "INSERT INTO package (id, fingerprint, kind, name, version, purl, licenses)
         VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM package), ?, ?, ?, ?, ?, '[]')
         ON CONFLICT (fingerprint) DO UPDATE SET purl = excluded.purl
         RETURNING id",
    )
    .bind(fingerprint.as_str())
    .bind(kind.as_str())
    .bind(&package.name)
    .bind(&package.version)
    .bind(package.purl.to_string())
    .fetch_one(connection)
    .await?;
    Ok(id)
}

/// The ids of a report's vulnerabilities; what is known of each is
/// brought up to date.
pub(super) async fn vulnerabilities(
    connection: &mut SqliteConnection,
    report: &Report,
) -> Result<HashMap<VulnerabilityId, i64>, StoreError> {
    let all: Vec<_> = report.vulnerabilities.values().collect();
    let mut known: HashMap<String, (i64, String)> = HashMap::new();
    for chunk in all.chunks(CHUNK) {
        let mut select = QueryBuilder::<Sqlite>::new(
            "SELECT id, name, details FROM vulnerability WHERE name IN (",
        );
        let mut list = select.separated(", ");
        for vulnerability in chunk {
            list.push_bind(vulnerability.id.as_str().to_owned());
        }
        select.push(")");
        for row in select.build().fetch_all(&mut *connection).await? {
            known.insert(
                row.try_get("name")?,
                (row.try_get("id")?, row.try_get("details")?),
            );
        }
    }
    let mut next: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM vulnerability")
        .fetch_one(&mut *connection)
        .await?;
    let mut ids = HashMap::with_capacity(all.len());
    let mut stale = Vec::new();
    for vulnerability in all {
        let details = json(vulnerability);
        let id = match known.get(vulnerability.id.as_str()) {
            Some((id, known)) if *known == details => {
                ids.insert(vulnerability.id.clone(), *id);
                continue;
            }
            Some((id, _)) => *id,
            None => {
                next += 1;
                next
            }
        };
        ids.insert(vulnerability.id.clone(), id);
        stale.push((id, vulnerability, details));
    }
    for chunk in stale.chunks(CHUNK) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO vulnerability
                 (id, name, severity, title, cvss, epss, kev, published, details) ",
        );
        insert.push_values(chunk, |mut row, (id, vulnerability, details)| {
            let cvss = vulnerability
                .cvss
                .iter()
                .map(|cvss| cvss.score)
                .fold(None, |best: Option<f64>, score| {
                    Some(best.map_or(score, |best| best.max(score)))
                });
            row.push_bind(*id)
                .push_bind(vulnerability.id.as_str().to_owned())
                .push_bind(severity_number(vulnerability.severity))
                .push_bind(vulnerability.title.clone())
                .push_bind(cvss)
                .push_bind(vulnerability.epss.map(|epss| epss.score))
                .push_bind(i64::from(vulnerability.kev.is_some()))
                .push_bind(vulnerability.published.map(jiff::Timestamp::as_microsecond))
                .push_bind(details.clone());
        });
        insert.push(
            " ON CONFLICT (name) DO UPDATE SET severity = excluded.severity,
                 title = excluded.title, cvss = excluded.cvss, epss = excluded.epss,
                 kev = excluded.kev, published = excluded.published, details = excluded.details",
        );
        insert.build().execute(&mut *connection).await?;
    }
    Ok(ids)
}

//! One running image with its containers; and who runs a vulnerability.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use model::{AffectedState, Fix, InUse, PackageKind, Severity, priority::Reach};

use super::{RUNS, RunningFilter, RunningPlace, RunningRow};
use crate::{
    ImageKey, Scope, Store, StoreError, asset::IMAGE_FACT, counts::severity_of, db::sql,
    finding::fix_state, in_use,
};

/// Containers, and rows of workloads, of one answer.
const MOST: u32 = 1_000;
/// Findings of one vulnerability looked at.
const FINDINGS: u32 = 20_000;

/// A running image and the containers that run it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningDetail {
    pub row: RunningRow,
    pub containers: Vec<RunningInstance>,
}

/// A container that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningInstance {
    pub id: String,
    pub name: String,
    pub image: String,
    pub cluster: Option<String>,
    pub namespace: Option<String>,
    pub workload: Option<String>,
    /// The pod or the host it is directly on.
    pub on: String,
    pub node: Option<String>,
    pub started: Timestamp,
    pub watched: bool,
}

/// Who runs a vulnerability.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AffectedWorkloads {
    pub images: u64,
    pub containers: u64,
    /// Highest priority first.
    pub workloads: Vec<AffectedWorkload>,
    pub total: u64,
}

/// A workload that runs an image with it.
#[derive(Clone, Debug, PartialEq)]
pub struct AffectedWorkload {
    pub place: RunningPlace,
    pub image: ImageKey,
    pub reach: Reach,
    pub reached_by: String,
    pub packages: Vec<PackageAffected>,
    pub priority: u16,
}

/// A package that has it.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageAffected {
    pub finding: i64,
    pub kind: PackageKind,
    pub name: String,
    pub version: String,
    pub severity: Severity,
    pub fix: Fix,
    pub in_use: InUse,
    pub priority: u16,
}

impl Store {
    /// One running image: by its id, its digest, or the name its engines
    /// call it by where it was never scanned.
    pub async fn running_image(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<RunningDetail>, StoreError> {
        let mut query = sql("SELECT image.id FROM image WHERE ");
        scope.constrain(&mut query, "image.environment_id");
        query.push(" AND (image.uid = ").push_bind(id);
        if id.starts_with("sha256:") {
            query
                .push(" OR image.digest = ")
                .push_bind(id)
                .push(" OR image.config_digest = ")
                .push_bind(id);
        }
        query.push(") ORDER BY image.id LIMIT 20");
        let numbers: Vec<i64> = query.scalar().fetch_all(&self.readers).await?;
        let all = RunningFilter::default();
        let mut rows = match numbers.as_slice() {
            [] => Vec::new(),
            numbers => self.scanned(scope, &all, Some(numbers)).await?,
        };
        if rows.is_empty() {
            let filter = RunningFilter {
                image: Some(id.to_owned()),
                ..all
            };
            rows = self.unscanned(scope, &filter).await?;
            rows.retain(|row| row.id == id);
        }
        rows.truncate(1);
        self.dress(&mut rows).await?;
        let Some(row) = rows.pop() else {
            return Ok(None);
        };
        let containers = self.instances(scope, &row).await?;
        Ok(Some(RunningDetail { row, containers }))
    }

    async fn instances(
        &self,
        scope: &Scope,
        image: &RunningRow,
    ) -> Result<Vec<RunningInstance>, StoreError> {
        let mut query = sql(
            "SELECT asset.uid, asset.name, asset.facts, asset.cluster, asset.namespace,
                 asset.workload, asset.started, parent.name AS on_name,
                 watched_container.told AS watched
             FROM asset JOIN asset AS parent ON parent.id = asset.parent_id
             LEFT JOIN watched_container
                 ON watched_container.environment_id = asset.environment_id
                 AND watched_container.identity = asset.identity
             WHERE ",
        );
        query.push(RUNS).push(" AND ");
        scope.constrain(&mut query, "asset.environment_id");
        match image.number {
            Some(number) => query.push(" AND asset.image_id = ").push_bind(number),
            None => query
                .push(" AND asset.image_id IS NULL AND asset.facts LIKE ")
                .push_bind(format!(
                    "%{}%",
                    image
                        .id
                        .replace('\\', "\\\\")
                        .replace('%', "\\%")
                        .replace('_', "\\_")
                ))
                .push(" ESCAPE '\\'"),
        };
        query
            .push(" ORDER BY asset.cluster, asset.namespace, asset.name, asset.id LIMIT ")
            .push_bind(MOST);
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let mut facts: BTreeMap<String, String> = row.json("facts")?;
                Ok(RunningInstance {
                    id: row.text("uid")?,
                    name: row.text("name")?,
                    image: facts.remove(IMAGE_FACT).unwrap_or_default(),
                    cluster: row.maybe_text("cluster")?,
                    namespace: row.maybe_text("namespace")?,
                    workload: row.maybe_text("workload")?,
                    on: row.text("on_name")?,
                    node: facts.remove("node"),
                    started: row.time("started")?,
                    watched: row.maybe_int("watched")?.is_some(),
                })
            })
            .collect()
    }

    /// The workloads that run an image with an open finding of this.
    pub async fn vulnerability_workloads(
        &self,
        scope: &Scope,
        vulnerability: &str,
        now: Timestamp,
    ) -> Result<AffectedWorkloads, StoreError> {
        let mut query = sql(
            "SELECT finding.id, finding.image_id, finding.severity, finding.priority,
                 finding.fix_state, finding.fix_versions, package.kind, package.name,
                 package.version, image_use.running, image_use.watched, package_in_use.image_id
                 AS noted, package_in_use.unseeable, package_in_use.seen, package_in_use.path
             FROM rule JOIN finding ON finding.rule_id = rule.id
             JOIN package ON package.id = finding.package_id
             LEFT JOIN image_use ON image_use.image_id = finding.image_id
             LEFT JOIN package_in_use ON package_in_use.image_id = finding.image_id
                 AND package_in_use.package_id = finding.package_id
             WHERE rule.kind = 0 AND finding.state = 0 AND finding.suppressed = 0
               AND finding.image_id IN (SELECT image_id FROM asset WHERE kind = 'container'
                   AND gone IS NULL AND image_id IS NOT NULL)
               AND rule.name = ",
        );
        query.push_bind(vulnerability).push(" AND ");
        scope.constrain(&mut query, "+finding.environment_id");
        query
            .push(" ORDER BY finding.priority DESC, finding.id LIMIT ")
            .push_bind(FINDINGS);
        let mut packages: HashMap<i64, Vec<PackageAffected>> = HashMap::new();
        for row in &query.fetch_all(&self.readers).await? {
            let state = row.maybe_text("fix_state")?;
            let state = state.map_or(AffectedState::Unfixed, |state| fix_state(&state));
            let affected = PackageAffected {
                finding: row.int("id")?,
                kind: crate::package::kind(&row.text("kind")?),
                name: row.text("name")?,
                version: row.text("version")?,
                severity: severity_of(row.int("severity")?),
                fix: Fix {
                    state,
                    versions: row.maybe_json("fix_versions")?.unwrap_or_default(),
                },
                in_use: in_use::known(row, "path")?.judge(now),
                priority: row.int("priority")?.try_into().unwrap_or(0),
            };
            let image = row.maybe_int("image_id")?.unwrap_or(0);
            packages.entry(image).or_default().push(affected);
        }
        let images: Vec<i64> = packages.keys().copied().collect();
        let mut all = AffectedWorkloads::default();
        for chunk in images.chunks(5_000) {
            let rows = self
                .scanned(scope, &RunningFilter::default(), Some(chunk))
                .await?;
            for row in rows {
                let (Some(number), Some(image)) = (row.number, row.image) else {
                    continue;
                };
                all.images += 1;
                all.containers += row.containers;
                let packages = packages.remove(&number).unwrap_or_default();
                let priority = packages.iter().map(|one| one.priority).max().unwrap_or(0);
                for place in row.workloads {
                    all.workloads.push(AffectedWorkload {
                        place,
                        image: image.clone(),
                        reach: row.reach,
                        reached_by: row.reached_by.clone(),
                        packages: packages.clone(),
                        priority,
                    });
                }
            }
        }
        all.workloads.sort_by(|one, other| {
            let name =
                |row: &AffectedWorkload| (row.place.asset.name.clone(), row.image.name.clone());
            other
                .priority
                .cmp(&one.priority)
                .then(other.place.containers.cmp(&one.place.containers))
                .then_with(|| name(one).cmp(&name(other)))
        });
        all.total = all.workloads.len() as u64;
        all.workloads.truncate(MOST as usize);
        Ok(all)
    }
}

//! What really runs: images and the containers of clusters and hosts
//! that run them.
//!
//! Containers are grouped by the database; images are few enough to be
//! ordered here, and what is costly is asked for the page's images only.

mod detail;
mod link;
mod unscanned;
mod ways;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use jiff::Timestamp;
use model::{
    AssetKind, Severity,
    priority::{Facts, Reach, Use},
};
use serde::{Deserialize, Serialize};

pub use self::detail::{
    AffectedWorkload, AffectedWorkloads, PackageAffected, RunningDetail, RunningInstance,
};
pub(crate) use self::link::of_indexes;
pub use self::ways::{ClusterWays, HostWays, PodWays};
use crate::{
    AssetKey, Counts, ImageKey, Page, PageRequest, Scope, Store, StoreError,
    db::{Row, Sql, sql},
    image::key_of,
    page::{CursorError, Key, Order, Total},
    row::like,
};

/// An image that containers run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningRow {
    /// Asked for by this: the image's id, else what engines call it.
    pub id: String,
    pub environment: String,
    pub name: String,
    /// Absent: it was never scanned.
    pub image: Option<ImageKey>,
    pub digest: Option<String>,
    /// Why it was never scanned; empty where it was.
    pub not_scanned: String,
    pub last_scanned: Option<Timestamp>,
    pub containers: u64,
    /// Where, most containers first.
    pub workloads: Vec<RunningPlace>,
    pub counts: Counts,
    pub fixable: u64,
    pub kev: u64,
    pub priority: u16,
    pub reach: Reach,
    pub reached_by: String,
    pub packages: PackageUses,
    number: Option<i64>,
    /// Its priority, or what stands for one.
    rank: u16,
    risk: i64,
}

/// How many packages of an image are in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackageUses {
    pub total: u64,
    pub seen: u64,
    /// Could have been seen, and were not.
    pub unseen: u64,
    pub watched: Option<Timestamp>,
    /// Watched for long enough to say so.
    pub settled: bool,
}

/// Something that runs containers: a workload; else a pod or a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningPlace {
    pub asset: AssetKey,
    pub labels: BTreeMap<String, String>,
    pub containers: u64,
    pub since: Timestamp,
}

/// Where an image stands: the least is the worst. What a page ends with
/// is told by it, so that nothing needs to be there still.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Standing(Reverse<u16>, Reverse<i64>, Reverse<u64>, String, String);

/// Of a name, as much as orders by it; cursors are bounded.
const NAME: usize = 100;

impl Standing {
    fn key(&self) -> Key {
        Key::Text(crate::row::json(self))
    }

    fn read(key: Key) -> Result<Self, CursorError> {
        match key {
            Key::Text(text) => serde_json::from_str(&text).map_err(|_cause| CursorError),
            Key::Int(_) => Err(CursorError),
        }
    }
}

impl RunningRow {
    fn standing(&self) -> Standing {
        Standing(
            Reverse(self.rank),
            Reverse(self.risk),
            Reverse(self.containers),
            self.name.chars().take(NAME).collect(),
            self.id.clone(),
        )
    }
}

/// How one is ranked of which nobody knows what is in it, because it was
/// never scanned or is not looked at yet: as if it had something grave
/// that cannot be mended. Those with worse are before it.
fn unknown_rank() -> u16 {
    Facts {
        severity: Severity::High,
        epss: None,
        kev: false,
        used: Use::NotKnown,
        reach: Reach::NotKnown,
        fixable: false,
    }
    .priority()
}

/// Which running images.
#[derive(Clone, Debug, Default)]
pub struct RunningFilter {
    pub cluster: Option<String>,
    pub namespace: Option<String>,
    pub image: Option<String>,
    pub vulnerability: Option<String>,
    pub scanned: Option<bool>,
    pub fixable: Option<bool>,
}

/// Containers that run now.
const RUNS: &str = "asset.kind = 'container' AND asset.gone IS NULL AND asset.started IS NOT NULL";

/// What presses most first; never-scanned ones among them, for nobody
/// knows.
const WORST: Order = Order {
    name: "worst",
    expression: "",
    id: "",
    descending: true,
};

impl RunningFilter {
    /// Narrows containers to those meant, but for what their images are.
    fn narrow(&self, scope: &Scope, query: &mut Sql) {
        query.push(RUNS).push(" AND ");
        scope.constrain(query, "asset.environment_id");
        if let Some(cluster) = &self.cluster {
            query
                .push(" AND asset.cluster = ")
                .push_bind(cluster.as_str());
        }
        if let Some(namespace) = &self.namespace {
            query
                .push(" AND asset.namespace = ")
                .push_bind(namespace.as_str());
        }
    }
}

/// One image and one place that runs it.
struct Grouped {
    image: i64,
    holder: i64,
    containers: u64,
    since: Timestamp,
    labels: BTreeMap<String, String>,
}

impl Store {
    /// Images that run, the worst first.
    pub async fn running(
        &self,
        scope: &Scope,
        filter: &RunningFilter,
        request: &PageRequest,
    ) -> Result<Page<RunningRow>, StoreError> {
        let mut rows = Vec::new();
        if filter.scanned != Some(false) {
            rows = self.scanned(scope, filter, None).await?;
        }
        let wants_unscanned = filter.scanned != Some(true)
            && filter.vulnerability.is_none()
            && filter.fixable != Some(true);
        if wants_unscanned {
            rows.extend(self.unscanned(scope, filter).await?);
        }
        rows.sort_by_cached_key(RunningRow::standing);
        let total = Total(rows.len() as u64);
        if let Some(cursor) = &request.cursor {
            // One that was the last seen may stand elsewhere now, or run
            // no longer: what stands after where it stood follows.
            let last = Standing::read(WORST.after(cursor)?)?;
            let seen = rows.partition_point(|row| row.standing() <= last);
            rows.drain(..seen);
        }
        rows.truncate(request.limit as usize + 1);
        self.dress(&mut rows).await?;
        Ok(WORST.cut(rows, request, total, |row| (row.standing().key(), 0)))
    }

    /// Images that were scanned and run; of these alone, where some are
    /// named.
    async fn scanned(
        &self,
        scope: &Scope,
        filter: &RunningFilter,
        only: Option<&[i64]>,
    ) -> Result<Vec<RunningRow>, StoreError> {
        let grouped = self.grouped(scope, filter, only).await?;
        let mut by_image: HashMap<i64, Vec<Grouped>> = HashMap::new();
        for group in grouped {
            by_image.entry(group.image).or_default().push(group);
        }
        let numbers: Vec<i64> = by_image.keys().copied().collect();
        let holders = by_image.values().flatten().map(|group| group.holder);
        let holders = self.holders_of(holders.collect()).await?;
        let mut rows = Vec::with_capacity(numbers.len());
        for chunk in numbers.chunks(5_000) {
            let mut query = sql(
                "SELECT image.id, image.uid, image.kind, image.name, image.digest,
                     image.config_digest, image.last_scanned, image.packages, image.critical,
                     image.high, image.medium, image.low, image.info, image.unknown, image.fixable,
                     image.kev, image.risk, environment.name AS environment, image_use.reach,
                     image_use.reached_by, image_use.watched, image_use.settled,
                     image_use.priority
                 FROM image JOIN environment ON environment.id = image.environment_id
                 LEFT JOIN image_use ON image_use.image_id = image.id WHERE image.id",
            );
            query.push_in(chunk, self.dialect());
            if filter.fixable == Some(true) {
                query.push(" AND image.fixable > 0");
            }
            if filter.fixable == Some(false) {
                query.push(" AND image.fixable = 0");
            }
            if let Some(text) = &filter.image {
                query.push(" AND (");
                for (step, column) in ["name", "tags", "digest", "config_digest"]
                    .into_iter()
                    .enumerate()
                {
                    query
                        .push(if step == 0 { "" } else { " OR " })
                        .push(format_args!("LOWER(COALESCE(image.{column}, '')) LIKE "))
                        .push_bind(like(text))
                        .push(" ESCAPE '\\'");
                }
                query.push(")");
            }
            for row in &query.fetch_all(&self.readers).await? {
                let groups = by_image.remove(&row.int("id")?).unwrap_or_default();
                rows.push(read(row, groups, &holders)?);
            }
        }
        Ok(rows)
    }

    async fn grouped(
        &self,
        scope: &Scope,
        filter: &RunningFilter,
        only: Option<&[i64]>,
    ) -> Result<Vec<Grouped>, StoreError> {
        let mut query = sql(
            "SELECT asset.image_id, COALESCE(up.id, parent.id) AS holder,
                 COUNT(*) AS containers, MIN(asset.started) AS since, MAX(asset.labels) AS labels
             FROM asset JOIN asset AS parent ON parent.id = asset.parent_id
             LEFT JOIN asset AS up ON up.id = parent.parent_id AND up.kind = 'workload'
             WHERE asset.image_id IS NOT NULL AND ",
        );
        filter.narrow(scope, &mut query);
        if let Some(only) = only {
            query.push(" AND asset.image_id");
            query.push_in(only, self.dialect());
        }
        if let Some(vulnerability) = &filter.vulnerability {
            query
                .push(
                    " AND asset.image_id IN (SELECT finding.image_id FROM rule
                     JOIN finding ON finding.rule_id = rule.id
                     WHERE finding.state = 0 AND finding.suppressed = 0
                       AND finding.image_id IS NOT NULL AND rule.name = ",
                )
                .push_bind(vulnerability.as_str())
                .push(")");
        }
        query.push(" GROUP BY asset.image_id, COALESCE(up.id, parent.id)");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                Ok(Grouped {
                    image: row.int("image_id")?,
                    holder: row.int("holder")?,
                    containers: row.count("containers")?,
                    since: row.time("since")?,
                    labels: row.json("labels")?,
                })
            })
            .collect()
    }

    /// The assets that hold containers, by number.
    async fn holders_of(
        &self,
        mut holders: Vec<i64>,
    ) -> Result<HashMap<i64, AssetKey>, StoreError> {
        holders.sort_unstable();
        holders.dedup();
        let mut places = HashMap::with_capacity(holders.len());
        for chunk in holders.chunks(5_000) {
            let mut query = sql(
                "SELECT asset.id, asset.uid, asset.kind, asset.name, asset.cluster,
                     asset.namespace, asset.workload, environment.name AS environment
                 FROM asset JOIN environment ON environment.id = asset.environment_id
                 WHERE asset.id",
            );
            query.push_in(chunk, self.dialect());
            for row in &query.fetch_all(&self.readers).await? {
                places.insert(row.int("id")?, place(row)?);
            }
        }
        Ok(places)
    }

    /// What is asked for the images of one page only.
    async fn dress(&self, rows: &mut [RunningRow]) -> Result<(), StoreError> {
        let numbers: Vec<i64> = rows.iter().filter_map(|row| row.number).collect();
        if numbers.is_empty() {
            return Ok(());
        }
        let mut query = sql("SELECT image_id,
                 SUM(CASE WHEN seen IS NULL THEN 0 ELSE 1 END) AS seen,
                 SUM(CASE WHEN seen IS NULL AND unseeable IS NULL THEN 1 ELSE 0 END) AS unseen
             FROM package_in_use WHERE image_id");
        query.push_in(&numbers, self.dialect());
        query.push(" GROUP BY image_id");
        let mut uses = HashMap::new();
        for row in &query.fetch_all(&self.readers).await? {
            let counts = (row.count("seen")?, row.count("unseen")?);
            uses.insert(row.int("image_id")?, counts);
        }
        for row in rows {
            let Some(number) = row.number else { continue };
            if let Some((seen, unseen)) = uses.get(&number) {
                row.packages.seen = *seen;
                row.packages.unseen = *unseen;
            }
        }
        Ok(())
    }
}

/// From columns of an asset, and `environment`.
fn place(row: &Row) -> Result<AssetKey, StoreError> {
    Ok(AssetKey {
        id: row.text("uid")?,
        kind: AssetKind::named(&row.text("kind")?).unwrap_or(AssetKind::Host),
        name: row.text("name")?,
        environment: row.text("environment")?,
        cluster: row.maybe_text("cluster")?,
        namespace: row.maybe_text("namespace")?,
        workload: row.maybe_text("workload")?,
    })
}

fn read(
    row: &Row,
    groups: Vec<Grouped>,
    holders: &HashMap<i64, AssetKey>,
) -> Result<RunningRow, StoreError> {
    let key = key_of(row)?;
    let containers = groups.iter().map(|group| group.containers).sum();
    let workloads = groups.into_iter().filter_map(|group| {
        Some(RunningPlace {
            asset: holders.get(&group.holder)?.clone(),
            labels: group.labels,
            containers: group.containers,
            since: group.since,
        })
    });
    let digest = row.maybe_text("digest")?;
    let digest = digest.or(row.maybe_text("config_digest")?);
    let priority = row.maybe_int("priority")?;
    let priority = priority.and_then(|priority| u16::try_from(priority).ok());
    Ok(RunningRow {
        id: key.id.clone(),
        environment: key.environment.clone(),
        name: key.name.clone(),
        image: Some(key),
        digest,
        not_scanned: String::new(),
        last_scanned: Some(row.time("last_scanned")?),
        containers,
        workloads: sorted(workloads.collect()),
        counts: Counts::read(row)?,
        fixable: row.count("fixable")?,
        kev: row.count("kev")?,
        priority: priority.unwrap_or(0),
        reach: match row.maybe_int("reach")? {
            Some(number) => crate::in_use::reach_of(number),
            None => Reach::NotKnown,
        },
        reached_by: row.maybe_text("reached_by")?.unwrap_or_default(),
        packages: PackageUses {
            total: row.count("packages")?,
            watched: row.maybe_time("watched")?,
            settled: row.maybe_int("settled")? == Some(1),
            ..PackageUses::default()
        },
        number: Some(row.int("id")?),
        rank: priority.unwrap_or_else(unknown_rank),
        risk: row.int("risk")?,
    })
}

/// Most containers first.
fn sorted(mut places: Vec<RunningPlace>) -> Vec<RunningPlace> {
    places.sort_by(|one, other| {
        let name = |place: &RunningPlace| {
            let asset = &place.asset;
            (
                asset.cluster.clone(),
                asset.namespace.clone(),
                asset.name.clone(),
            )
        };
        other
            .containers
            .cmp(&one.containers)
            .then_with(|| name(one).cmp(&name(other)))
    });
    places
}

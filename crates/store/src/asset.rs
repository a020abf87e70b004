//! Assets: everything findings are about, as one tree.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use model::AssetKind;

use crate::{
    AssetStep, StoreError,
    db::{Connection, sql},
    rollup::{Deltas, WEIGHT, Weight},
    row::json,
};

/// The parent of an environment's own asset.
pub(crate) const NO_PARENT: i64 = 0;

/// One asset as whoever found it describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    pub environment_id: i64,
    pub parent_id: i64,
    pub kind: AssetKind,
    /// What tells it from its siblings of this kind.
    pub identity: String,
    pub name: String,
    pub place: Placed,
    pub labels: BTreeMap<String, String>,
    pub facts: BTreeMap<String, String>,
    pub image_id: Option<i64>,
    pub started: Option<Timestamp>,
}

/// The names of what an asset is in, repeated on it so that lists are
/// narrowed without climbing the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Placed {
    pub cluster: Option<String>,
    pub namespace: Option<String>,
    pub workload: Option<String>,
}

impl Placed {
    /// The place of an asset of this kind and name directly below.
    pub(crate) fn with(mut self, kind: AssetKind, name: &str) -> Self {
        let name = Some(name.to_owned());
        match kind {
            AssetKind::Cluster => self.cluster = name,
            // A node is in its cluster; any other host is a place itself.
            AssetKind::Host => self.cluster = self.cluster.or(name),
            AssetKind::Namespace => self.namespace = name,
            AssetKind::Workload => self.workload = name,
            AssetKind::Environment | AssetKind::Pod | AssetKind::Container | AssetKind::Image => {}
        }
        self
    }
}

impl Described {
    pub(crate) fn new(
        environment_id: i64,
        parent_id: i64,
        kind: AssetKind,
        identity: &str,
        name: &str,
    ) -> Self {
        Self {
            environment_id,
            parent_id,
            kind,
            identity: identity.to_owned(),
            name: name.to_owned(),
            place: Placed::default(),
            labels: BTreeMap::new(),
            facts: BTreeMap::new(),
            image_id: None,
            started: None,
        }
    }
}

/// Makes or brings up to date one asset, seen at `now`; its id. `uid` is
/// what a new one is called outside.
pub(crate) async fn put(
    connection: &mut Connection,
    asset: &Described,
    uid: &str,
    now: Timestamp,
) -> Result<i64, StoreError> {
    sql(
        "INSERT INTO asset (uid, environment_id, parent_id, kind, identity, name, cluster,
             namespace, workload, labels, facts, image_id, started, first_seen, last_seen)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (environment_id, kind, parent_id, identity) DO UPDATE SET
             name = excluded.name, cluster = excluded.cluster, namespace = excluded.namespace,
             workload = excluded.workload, labels = excluded.labels, facts = excluded.facts,
             image_id = excluded.image_id, started = excluded.started,
             first_seen = CASE asset.first_seen WHEN 0 THEN excluded.first_seen
                 ELSE asset.first_seen END,
             last_seen = CASE WHEN asset.last_seen > excluded.last_seen THEN asset.last_seen
                 ELSE excluded.last_seen END,
             gone = NULL
         RETURNING id",
    )
    .bind(uid)
    .bind(asset.environment_id)
    .bind(asset.parent_id)
    .bind(asset.kind.as_str())
    .bind(&asset.identity)
    .bind(&asset.name)
    .bind(&asset.place.cluster)
    .bind(&asset.place.namespace)
    .bind(&asset.place.workload)
    .bind(json(&asset.labels))
    .bind(json(&asset.facts))
    .bind(asset.image_id)
    .bind(asset.started)
    .bind(now)
    .bind(now)
    .scalar()
    .fetch_one(connection)
    .await
}

/// The top of an environment's tree.
pub(crate) async fn of_environment(
    connection: &mut Connection,
    environment_id: i64,
    name: &str,
) -> Result<i64, StoreError> {
    let known = sql("SELECT id FROM asset
         WHERE environment_id = ? AND kind = 'environment' AND parent_id = 0")
    .bind(environment_id)
    .scalar()
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(id) = known {
        return Ok(id);
    }
    let asset = Described::new(
        environment_id,
        NO_PARENT,
        AssetKind::Environment,
        name,
        name,
    );
    put(
        connection,
        &asset,
        &uid_of_environment(name),
        Timestamp::UNIX_EPOCH,
    )
    .await
}

/// What an environment's asset is called outside.
pub fn uid_of_environment(name: &str) -> String {
    format!("environment-{name}")
}

/// An asset found by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub id: i64,
    /// The image it is or runs.
    pub image: Option<i64>,
    /// When it was last seen before this.
    pub seen_before: i64,
}

/// How much later an asset must be seen again to be written again.
const STALE: SignedDuration = SignedDuration::from_mins(1);

/// Finds the assets of all paths below an environment, and makes those
/// not known yet. What is known of one that is there stays. `is_whole`:
/// they were looked at altogether, and that counts as having been seen.
pub(crate) async fn find_paths(
    connection: &mut Connection,
    (environment_id, environment): (i64, &str),
    paths: &mut BTreeMap<&[AssetStep], Option<Found>>,
    now: Timestamp,
    is_whole: bool,
) -> Result<(), StoreError> {
    let top = of_environment(connection, environment_id, environment).await?;
    let mut found: HashMap<Vec<AssetStep>, (Found, Placed)> = HashMap::new();
    let root = Found {
        id: top,
        image: None,
        seen_before: 0,
    };
    for (path, answer) in paths.iter_mut() {
        let (mut at, mut place) = (root, Placed::default());
        for (depth, step) in path.iter().enumerate() {
            let prefix = path[..=depth].to_vec();
            place = place.with(step.kind, &step.name);
            if let Some((known, known_place)) = found.get(&prefix) {
                (at, place) = (*known, known_place.clone());
                continue;
            }
            let row = sql("SELECT id, image_id, last_seen, gone FROM asset
                 WHERE environment_id = ? AND kind = ? AND parent_id = ? AND identity = ?")
            .bind(environment_id)
            .bind(step.kind.as_str())
            .bind(at.id)
            .bind(&step.identity)
            .fetch_optional(&mut *connection)
            .await?;
            at = if let Some(row) = row {
                let seen = row.int("last_seen")?;
                let is_stale = now.as_microsecond() - seen >= micros(STALE);
                let is_last = depth + 1 == path.len();
                if (is_whole && is_last) || is_stale || row.maybe_int("gone")?.is_some() {
                    touch(connection, row.int("id")?, now).await?;
                }
                Found {
                    id: row.int("id")?,
                    image: row.maybe_int("image_id")?,
                    seen_before: seen,
                }
            } else {
                let described = Described {
                    place: place.clone(),
                    ..Described::new(environment_id, at.id, step.kind, &step.identity, &step.name)
                };
                let uid = crate::scan::mint();
                Found {
                    id: put(connection, &described, &uid, now).await?,
                    image: None,
                    seen_before: now.as_microsecond(),
                }
            };
            found.insert(prefix, (at, place.clone()));
        }
        *answer = Some(at);
    }
    Ok(())
}

fn micros(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

async fn touch(connection: &mut Connection, id: i64, now: Timestamp) -> Result<(), StoreError> {
    sql(
        "UPDATE asset SET gone = NULL, last_seen = CASE WHEN last_seen > ? THEN last_seen
             ELSE ? END WHERE id = ?",
    )
    .bind(now)
    .bind(now)
    .bind(id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets an image's asset with all its findings; what runs it stays,
/// without saying what it runs.
pub(crate) async fn forget_image(
    connection: &mut Connection,
    image: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let assets: Vec<i64> = sql("SELECT id FROM asset WHERE image_id = ? AND kind = 'image'")
        .bind(image)
        .scalar()
        .fetch_all(&mut *connection)
        .await?;
    forget(connection, &assets, now).await?;
    for text in [
        "UPDATE finding SET image_id = NULL
         WHERE asset_id IN (SELECT id FROM asset WHERE image_id = ?)",
        "UPDATE asset SET image_id = NULL WHERE image_id = ?",
    ] {
        sql(text).bind(image).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Forgets assets with all their findings.
async fn forget(
    connection: &mut Connection,
    assets: &[i64],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut deltas = Deltas::default();
    for chunk in assets.chunks(500) {
        let mut query = sql("SELECT ");
        query
            .push(WEIGHT)
            .push(" FROM finding WHERE finding.asset_id IN ")
            .push_list(chunk);
        for row in &query.fetch_all(&mut *connection).await? {
            deltas.change(Some(&Weight::read(row)?), None);
        }
        // The findings first: the roll-ups are counted from what is left,
        // and the asset must still be there to be climbed from.
        let mut query = sql("DELETE FROM finding WHERE asset_id IN ");
        query.push_list(chunk);
        query.execute(&mut *connection).await?;
    }
    deltas.apply(connection, now).await?;
    for chunk in assets.chunks(500) {
        let mut query = sql("DELETE FROM asset WHERE id IN ");
        query.push_list(chunk);
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

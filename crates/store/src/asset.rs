//! Assets: everything findings are about, as one tree.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use model::AssetKind;

use crate::{
    AssetStep, StoreError,
    db::{Connection, ROWS, Row, Value, insert, sql},
    rollup::{self, Deltas, WEIGHT, Weight},
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

/// What its runtime calls the image a container runs.
pub(crate) const IMAGE_FACT: &str = "image";

/// Makes or brings up to date one asset, seen at `now`; its id. `uid` is
/// what a new one is called outside.
pub(crate) async fn put(
    connection: &mut Connection,
    asset: &Described,
    uid: &str,
    now: Timestamp,
) -> Result<i64, StoreError> {
    rollup::moved(connection, asset).await?;
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
    let root = Found {
        id: top,
        image: None,
        seen_before: 0,
    };
    let all: Vec<&[AssetStep]> = paths.keys().copied().collect();
    let mut at: Vec<(Found, Placed)> = vec![(root, Placed::default()); all.len()];
    let mut touched = BTreeSet::new();
    // Level by level: one statement asks for all assets of one.
    for depth in 0..all.iter().map(|path| path.len()).max().unwrap_or(0) {
        let mut wanted: BTreeMap<Sibling, (&str, Placed)> = BTreeMap::new();
        for (path, (parent, place)) in all.iter().zip(&mut at) {
            if let Some(step) = path.get(depth) {
                *place = place.clone().with(step.kind, &step.name);
                wanted
                    .entry((parent.id, step.kind.as_str(), &step.identity))
                    .or_insert((&step.name, place.clone()));
            }
        }
        let known = siblings(connection, environment_id, &wanted, now).await?;
        for (path, (found, _)) in all.iter().zip(&mut at) {
            let Some(step) = path.get(depth) else {
                continue;
            };
            let sibling = &known[&(found.id, step.kind.as_str(), step.identity.clone())];
            let is_stale = now.as_microsecond() - sibling.found.seen_before >= micros(STALE);
            let is_last = depth + 1 == path.len();
            if (is_whole && is_last) || is_stale || sibling.is_gone {
                touched.insert(sibling.found.id);
            }
            *found = sibling.found;
        }
    }
    for (path, (found, _)) in all.into_iter().zip(at) {
        paths.insert(path, Some(found));
    }
    touch(connection, &touched.into_iter().collect::<Vec<_>>(), now).await
}

/// What tells an asset from all others of its environment: its parent,
/// kind and identity.
type Sibling<'p> = (i64, &'static str, &'p str);

/// One of [`siblings`].
#[derive(Clone, Copy, Debug)]
struct Known {
    found: Found,
    is_gone: bool,
}

/// Finds assets, and makes those that are not known.
async fn siblings<'p>(
    connection: &mut Connection,
    environment_id: i64,
    wanted: &BTreeMap<Sibling<'p>, (&'p str, Placed)>,
    now: Timestamp,
) -> Result<HashMap<(i64, &'static str, String), Known>, StoreError> {
    let mut known = HashMap::with_capacity(wanted.len());
    let kinds: HashMap<&str, &'static str> =
        wanted.keys().map(|(_, kind, _)| (*kind, *kind)).collect();
    let key_of = |row: &Row| {
        let kind = row.text("kind")?;
        let kind = kinds.get(kind.as_str()).copied().unwrap_or_default();
        Ok::<_, StoreError>((row.int("parent_id")?, kind, row.text("identity")?))
    };
    let keys: Vec<Vec<Value>> = wanted
        .keys()
        .map(|(parent, kind, identity)| vec![(*parent).into(), (*kind).into(), (*identity).into()])
        .collect();
    for chunk in keys.chunks(ROWS) {
        let mut query = sql(
            "SELECT asset.id, asset.parent_id, asset.kind, asset.identity,
                 asset.image_id, asset.last_seen, asset.gone FROM ",
        );
        query.push_rows(chunk.to_vec(), connection.dialect());
        query
            .push(
                " JOIN asset ON asset.kind = delta.column2 AND asset.parent_id = delta.column1
                      AND asset.identity = delta.column3 AND asset.environment_id = ",
            )
            .push_bind(environment_id);
        for row in query.fetch_all(&mut *connection).await? {
            let found = Found {
                id: row.int("id")?,
                image: row.maybe_int("image_id")?,
                seen_before: row.int("last_seen")?,
            };
            let is_gone = row.maybe_int("gone")?.is_some();
            known.insert(key_of(&row)?, Known { found, is_gone });
        }
    }
    let missing = wanted.iter().filter(|((parent, kind, identity), _)| {
        !known.contains_key(&(*parent, *kind, (*identity).to_owned()))
    });
    let made = insert(
        "INSERT INTO asset (uid, environment_id, parent_id, kind, identity, name, cluster,
             namespace, workload, labels, facts, first_seen, last_seen) ",
    )
    .ending(" RETURNING id, parent_id, kind, identity")
    .returning(connection, missing, |row, (sibling, (name, place))| {
        let (parent, kind, identity) = sibling;
        row.push_bind(crate::scan::mint())
            .push_bind(environment_id)
            .push_bind(*parent)
            .push_bind(*kind)
            .push_bind(*identity)
            .push_bind(*name)
            .push_bind(&place.cluster)
            .push_bind(&place.namespace)
            .push_bind(&place.workload)
            .push_bind("{}")
            .push_bind("{}")
            .push_bind(now)
            .push_bind(now);
    })
    .await?;
    for row in &made {
        let found = Found {
            id: row.int("id")?,
            image: None,
            seen_before: now.as_microsecond(),
        };
        let is_gone = false;
        known.insert(key_of(row)?, Known { found, is_gone });
    }
    Ok(known)
}

fn micros(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

async fn touch(connection: &mut Connection, ids: &[i64], now: Timestamp) -> Result<(), StoreError> {
    for chunk in ids.chunks(ROWS) {
        let mut query = sql(
            "UPDATE asset SET gone = NULL, last_seen = CASE WHEN last_seen > ? THEN last_seen
                 ELSE ? END WHERE id",
        )
        .bind(now)
        .bind(now);
        query.push_in(chunk, connection.dialect());
        query.execute(&mut *connection).await?;
    }
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

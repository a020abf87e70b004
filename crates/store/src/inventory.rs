//! The inventory: assets as one tree, worst first.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::AssetKind;

use crate::{
    AssetKey, Counts, ImageKey, Page, PageRequest, Scope, Store, StoreError,
    db::{Row, Sql, sql},
    image::maybe_key_of,
    page::{Key, Order, Total},
    row::like,
};

/// One asset, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    pub key: AssetKey,
    pub parent: Option<String>,
    pub labels: BTreeMap<String, String>,
    /// Open findings of it and of everything below it.
    pub counts: Counts,
    /// Assets directly below it that are there.
    pub children: u64,
    /// Containers of it, or below it, that run now.
    pub running: u64,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub gone: bool,
    pub image: Option<ImageKey>,
    number: i64,
    risk: i64,
}

/// Everything about one asset but its findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetDetail {
    pub asset: Asset,
    /// From the environment down to it.
    pub chain: Vec<AssetKey>,
    pub facts: BTreeMap<String, String>,
    /// How many of each kind are directly below it.
    pub below: BTreeMap<AssetKind, u64>,
    /// Containers that run it, where it is an image.
    pub running_in: Vec<AssetKey>,
}

/// Which assets.
#[derive(Clone, Debug, Default)]
pub struct AssetFilter {
    /// Directly below this one.
    pub parent: Option<String>,
    pub kinds: Vec<AssetKind>,
    pub text: Option<String>,
    /// Also those no longer there.
    pub gone: bool,
}

/// Containers named that run an image.
const RUNNING_IN: u32 = 100;
/// Levels of the tree; a damaged one must not loop.
const LEVELS: usize = 16;

/// Orders by critical, then high, then medium, then low count; as
/// [`Counts`] orders images.
const RISK: &str = "(CASE WHEN asset.critical > 8191 THEN 8191 ELSE asset.critical END
     * 549755813888
     + CASE WHEN asset.high > 8191 THEN 8191 ELSE asset.high END * 67108864
     + CASE WHEN asset.medium > 8191 THEN 8191 ELSE asset.medium END * 8192
     + CASE WHEN asset.low > 8191 THEN 8191 ELSE asset.low END)";

const WORST: Order = Order {
    name: "worst",
    expression: RISK,
    id: "asset.id",
    descending: true,
};

/// Each level counts what runs below it by the narrowest way there is.
const SELECT: &str = "SELECT asset.id, asset.uid, asset.kind, asset.name, asset.cluster,
     asset.namespace, asset.workload, asset.labels, asset.first_seen, asset.last_seen, asset.gone,
     asset.critical, asset.high, asset.medium, asset.low, asset.info, asset.unknown, asset.facts,
     asset.parent_id, parent.uid AS parent, environment.name AS environment,
     image.uid AS image_uid, image.kind AS image_kind, image.name AS image_name,
     (SELECT COUNT(*) FROM asset AS child
      WHERE child.parent_id = asset.id AND child.gone IS NULL) AS children,
     CASE asset.kind
     WHEN 'container' THEN CASE WHEN asset.gone IS NULL AND asset.started IS NOT NULL THEN 1 ELSE 0 END
     WHEN 'image' THEN (SELECT COUNT(*) FROM asset AS inside
         WHERE inside.image_id = asset.image_id AND inside.kind = 'container'
           AND inside.gone IS NULL AND inside.started IS NOT NULL)
     WHEN 'environment' THEN (SELECT COUNT(*) FROM asset AS inside
         WHERE inside.environment_id = asset.environment_id AND inside.kind = 'container'
           AND inside.gone IS NULL AND inside.started IS NOT NULL)
     WHEN 'namespace' THEN (SELECT COUNT(*) FROM asset AS inside
         WHERE inside.environment_id = asset.environment_id AND inside.kind = 'container'
           AND inside.gone IS NULL AND inside.started IS NOT NULL AND inside.namespace = asset.name
           AND COALESCE(inside.cluster, '') = COALESCE(asset.cluster, ''))
     WHEN 'workload' THEN (SELECT COUNT(*) FROM asset AS inside
         WHERE inside.environment_id = asset.environment_id AND inside.kind = 'container'
           AND inside.gone IS NULL AND inside.started IS NOT NULL AND inside.workload = asset.name
           AND COALESCE(inside.namespace, '') = COALESCE(asset.namespace, ''))
     WHEN 'cluster' THEN (SELECT COUNT(*) FROM asset AS inside
         WHERE inside.environment_id = asset.environment_id AND inside.kind = 'container'
           AND inside.gone IS NULL AND inside.started IS NOT NULL AND inside.cluster = asset.name)
     ELSE (SELECT COUNT(*) FROM asset AS inside
         WHERE inside.parent_id = asset.id AND inside.kind = 'container'
           AND inside.gone IS NULL AND inside.started IS NOT NULL)
     END AS running, ";

const FROM: &str = " FROM asset
     JOIN environment ON environment.id = asset.environment_id
     LEFT JOIN asset AS parent ON parent.id = asset.parent_id
     LEFT JOIN image ON image.id = asset.image_id
     WHERE ";

fn select() -> Sql {
    let mut query = sql(SELECT);
    query.push(RISK).push(" AS badness").push(FROM);
    query
}

impl AssetFilter {
    fn narrow(&self, scope: &Scope, query: &mut Sql) {
        scope.constrain(query, "asset.environment_id");
        if !self.gone {
            query.push(" AND asset.gone IS NULL");
        }
        if let Some(parent) = &self.parent {
            query
                .push(" AND asset.parent_id = (SELECT id FROM asset WHERE uid = ")
                .push_bind(parent.as_str())
                .push(")");
        }
        if !self.kinds.is_empty() {
            query
                .push(" AND asset.kind IN ")
                .push_list(self.kinds.iter().map(|kind| kind.as_str()));
        }
        if let Some(text) = &self.text {
            query
                .push(" AND LOWER(asset.name) LIKE ")
                .push_bind(like(text))
                .push(" ESCAPE '\\'");
        }
    }
}

impl Store {
    /// Assets, worst first.
    pub async fn assets(
        &self,
        scope: &Scope,
        filter: &AssetFilter,
        request: &PageRequest,
    ) -> Result<Page<Asset>, StoreError> {
        let mut query = select();
        filter.narrow(scope, &mut query);
        WORST.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT 1 FROM asset WHERE ");
        filter.narrow(scope, &mut count);
        count.push(" LIMIT 10001) AS counted");
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        Ok(WORST.cut(
            items,
            request,
            Total(total.try_into().unwrap_or(0)),
            |asset| (Key::Int(asset.risk), asset.number),
        ))
    }

    /// One asset by its id.
    pub async fn asset(&self, scope: &Scope, id: &str) -> Result<Option<AssetDetail>, StoreError> {
        let mut query = select();
        scope.constrain(&mut query, "asset.environment_id");
        query.push(" AND asset.uid = ").push_bind(id);
        let Some(row) = query.fetch_optional(&self.readers).await? else {
            return Ok(None);
        };
        let asset = read(&row)?;
        let mut chain = vec![asset.key.clone()];
        let mut parent = row.int("parent_id")?;
        while parent != crate::asset::NO_PARENT && chain.len() < LEVELS {
            let mut query = keys();
            query.push("asset.id = ").push_bind(parent);
            let Some(row) = query.fetch_optional(&self.readers).await? else {
                break;
            };
            chain.push(read_key(&row)?);
            parent = row.int("parent_id")?;
        }
        chain.reverse();
        let mut below = BTreeMap::new();
        let rows = sql("SELECT kind, COUNT(*) AS assets FROM asset
             WHERE parent_id = ? AND gone IS NULL GROUP BY kind")
        .bind(asset.number)
        .fetch_all(&self.readers)
        .await?;
        for row in &rows {
            if let Some(kind) = AssetKind::named(&row.text("kind")?) {
                below.insert(kind, row.count("assets")?);
            }
        }
        let mut running_in = Vec::new();
        if asset.key.kind == AssetKind::Image {
            let mut query = keys();
            query
                .push("asset.kind = 'container' AND asset.gone IS NULL AND asset.started IS NOT NULL AND asset.image_id = ")
                .push("(SELECT image_id FROM asset WHERE id = ")
                .push_bind(asset.number)
                .push(") ORDER BY asset.name, asset.id LIMIT ")
                .push_bind(RUNNING_IN);
            let rows = query.fetch_all(&self.readers).await?;
            running_in = rows.iter().map(read_key).collect::<Result<_, _>>()?;
        }
        Ok(Some(AssetDetail {
            facts: row.json("facts")?,
            asset,
            chain,
            below,
            running_in,
        }))
    }
}

fn keys() -> Sql {
    sql(
        "SELECT asset.uid, asset.kind, asset.name, asset.cluster, asset.namespace,
             asset.workload, asset.parent_id, environment.name AS environment
         FROM asset JOIN environment ON environment.id = asset.environment_id WHERE ",
    )
}

fn read_key(row: &Row) -> Result<AssetKey, StoreError> {
    Ok(AssetKey {
        id: row.text("uid")?,
        kind: AssetKind::named(&row.text("kind")?).unwrap_or(AssetKind::Image),
        name: row.text("name")?,
        environment: row.text("environment")?,
        cluster: row.maybe_text("cluster")?,
        namespace: row.maybe_text("namespace")?,
        workload: row.maybe_text("workload")?,
    })
}

fn read(row: &Row) -> Result<Asset, StoreError> {
    Ok(Asset {
        key: read_key(row)?,
        parent: row.maybe_text("parent")?,
        labels: row.json("labels")?,
        counts: Counts::read(row)?,
        children: row.count("children")?,
        running: row.count("running")?,
        first_seen: row.time("first_seen")?,
        last_seen: row.time("last_seen")?,
        gone: row.maybe_int("gone")?.is_some(),
        image: maybe_key_of(row, "image_uid")?,
        number: row.int("id")?,
        risk: row.int("badness")?,
    })
}

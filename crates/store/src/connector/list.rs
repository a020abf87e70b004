//! Clusters and their objects, as lists show them.

use jiff::Timestamp;

use super::ObjectName;
use crate::{
    AssetKey, Counts, Page, PageRequest, Scope, Store, StoreError,
    db::{Row, Sql, sql},
    page::{Key, Order, Total},
    row::like,
};

/// A connector as it last told, and what its cluster holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorRecord {
    pub environment: String,
    pub cluster: String,
    /// JSON, as it was sent.
    pub status: String,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub totals: ClusterTotals,
    /// Open findings of the cluster and everything in it.
    pub counts: Counts,
}

/// What a cluster holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterTotals {
    pub nodes: u64,
    pub namespaces: u64,
    /// What makes pods, and pods that nothing known made.
    pub workloads: u64,
    pub pods: u64,
    pub judged: u64,
    pub affected: u64,
}

/// Which objects.
#[derive(Clone, Debug, Default)]
pub struct ObjectFilter {
    pub cluster: String,
    pub namespace: Option<String>,
    pub kinds: Vec<String>,
    pub text: Option<String>,
    /// Only what runs: workloads, and pods nothing known made.
    pub workloads: bool,
    /// Only those a policy says something against.
    pub affected: bool,
}

/// One object, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRow {
    pub id: String,
    pub environment: String,
    pub cluster: String,
    pub name: ObjectName,
    pub version: String,
    pub has_body: bool,
    pub changed: Timestamp,
    /// How many policies judged it, and have something to say.
    pub policies: Vec<String>,
    pub violated: u64,
    pub pods: u64,
    pub asset: Option<AssetKey>,
    pub counts: Counts,
    pub(super) number: i64,
    pub(super) connector: i64,
    pub(super) asset_number: Option<i64>,
    risk: i64,
}

const RISK: &str = "(COALESCE(asset.critical, 0) * 1000000000 + COALESCE(asset.high, 0) * 1000000
     + COALESCE(asset.medium, 0) * 1000 + cluster_object.violated)";

const WORST: Order = Order {
    name: "worst",
    expression: RISK,
    id: "cluster_object.id",
    descending: true,
};

/// The kinds that make pods.
const WORKLOADS: &str = "(cluster_object.kind IN ('Deployment', 'DaemonSet', 'StatefulSet',
         'ReplicaSet', 'ReplicationController', 'Job', 'CronJob', 'Pod')
     AND cluster_object.api_group IN ('', 'apps', 'batch')
     AND cluster_object.owner_kind IS NULL)";

pub(super) fn select() -> Sql {
    let mut query = sql(
        "SELECT cluster_object.id, cluster_object.uid, cluster_object.kind,
             cluster_object.api_group, cluster_object.namespace, cluster_object.name,
             cluster_object.version, cluster_object.changed, cluster_object.violated,
             cluster_object.connector_id, cluster_object.asset_id,
             CASE WHEN cluster_object.body IS NULL THEN 0 ELSE 1 END AS has_body,
             connector.cluster AS its_cluster, environment.name AS environment,
             policy_set.policies, asset.uid AS asset_uid, asset.kind AS asset_kind,
             asset.name AS asset_name, asset.cluster, asset.namespace AS asset_namespace,
             asset.workload, COALESCE(asset.critical, 0) AS critical,
             COALESCE(asset.high, 0) AS high, COALESCE(asset.medium, 0) AS medium,
             COALESCE(asset.low, 0) AS low, COALESCE(asset.info, 0) AS info,
             COALESCE(asset.unknown, 0) AS unknown,
             (SELECT COUNT(*) FROM cluster_object AS made
              WHERE made.connector_id = cluster_object.connector_id
                AND made.namespace = cluster_object.namespace
                AND made.owner_kind = cluster_object.kind
                AND made.owner_name = cluster_object.name AND made.kind = 'Pod') AS pods, ",
    );
    query.push(RISK).push(
        " AS badness FROM cluster_object
         JOIN connector ON connector.id = cluster_object.connector_id
         JOIN environment ON environment.id = connector.environment_id
         LEFT JOIN policy_set ON policy_set.id = cluster_object.set_id
         LEFT JOIN asset ON asset.id = cluster_object.asset_id
         WHERE ",
    );
    query
}

impl ObjectFilter {
    fn narrow(&self, scope: &Scope, query: &mut Sql) {
        scope.constrain(query, "connector.environment_id");
        query
            .push(" AND connector.cluster = ")
            .push_bind(self.cluster.as_str());
        if let Some(namespace) = &self.namespace {
            query
                .push(" AND cluster_object.namespace = ")
                .push_bind(namespace.as_str());
        }
        if !self.kinds.is_empty() {
            query
                .push(" AND cluster_object.kind IN ")
                .push_list(self.kinds.iter().map(String::as_str));
        }
        if let Some(text) = &self.text {
            query
                .push(" AND LOWER(cluster_object.name) LIKE ")
                .push_bind(like(text))
                .push(" ESCAPE '\\'");
        }
        if self.workloads {
            query.push(" AND ").push(WORKLOADS);
        }
        if self.affected {
            query.push(" AND cluster_object.violated > 0");
        }
    }
}

impl Store {
    /// Every connector in scope, by environment and cluster.
    pub async fn connectors(&self, scope: &Scope) -> Result<Vec<ConnectorRecord>, StoreError> {
        let mut query = sql("SELECT environment.name AS environment, connector.cluster,
                 connector.status, connector.first_seen, connector.last_seen,
                 COALESCE(asset.critical, 0) AS critical, COALESCE(asset.high, 0) AS high,
                 COALESCE(asset.medium, 0) AS medium, COALESCE(asset.low, 0) AS low,
                 COALESCE(asset.info, 0) AS info, COALESCE(asset.unknown, 0) AS unknown,
                 totals.nodes, totals.namespaces, totals.workloads, totals.pods, totals.judged,
                 totals.affected
             FROM connector JOIN environment ON environment.id = connector.environment_id
             LEFT JOIN asset ON asset.environment_id = connector.environment_id
                 AND asset.kind = 'cluster' AND asset.identity = connector.cluster
             LEFT JOIN (SELECT connector_id,
                     SUM(CASE WHEN kind = 'Node' AND api_group = '' THEN 1 ELSE 0 END) AS nodes,
                     SUM(CASE WHEN kind = 'Namespace' AND api_group = '' THEN 1 ELSE 0 END)
                         AS namespaces,
                     SUM(CASE WHEN ");
        query.push(WORKLOADS).push(
            " THEN 1 ELSE 0 END) AS workloads,
                     SUM(CASE WHEN kind = 'Pod' AND api_group = '' THEN 1 ELSE 0 END) AS pods,
                     SUM(CASE WHEN set_id IS NULL THEN 0 ELSE 1 END) AS judged,
                     SUM(CASE WHEN violated > 0 THEN 1 ELSE 0 END) AS affected
                 FROM cluster_object GROUP BY connector_id) AS totals
                 ON totals.connector_id = connector.id
             WHERE ",
        );
        scope.constrain(&mut query, "connector.environment_id");
        query.push(" ORDER BY environment.name, connector.cluster");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let count = |column| {
                    let count = row.maybe_int(column)?.unwrap_or(0);
                    Ok::<_, StoreError>(u64::try_from(count).unwrap_or(0))
                };
                Ok(ConnectorRecord {
                    environment: row.text("environment")?,
                    cluster: row.text("cluster")?,
                    status: row.text("status")?,
                    first_seen: row.time("first_seen")?,
                    last_seen: row.time("last_seen")?,
                    totals: ClusterTotals {
                        nodes: count("nodes")?,
                        namespaces: count("namespaces")?,
                        workloads: count("workloads")?,
                        pods: count("pods")?,
                        judged: count("judged")?,
                        affected: count("affected")?,
                    },
                    counts: Counts::read(row)?,
                })
            })
            .collect()
    }

    /// Objects of a cluster, worst first.
    pub async fn cluster_objects(
        &self,
        scope: &Scope,
        filter: &ObjectFilter,
        request: &PageRequest,
    ) -> Result<Page<ObjectRow>, StoreError> {
        let mut query = select();
        filter.narrow(scope, &mut query);
        WORST.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT 1 FROM cluster_object
             JOIN connector ON connector.id = cluster_object.connector_id WHERE ");
        filter.narrow(scope, &mut count);
        count.push(" LIMIT 10001) AS counted");
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        Ok(WORST.cut(
            items,
            request,
            Total(total.try_into().unwrap_or(0)),
            |object| (Key::Int(object.risk), object.number),
        ))
    }
}

pub(super) fn read(row: &Row) -> Result<ObjectRow, StoreError> {
    let environment = row.text("environment")?;
    let asset = match row.maybe_text("asset_uid")? {
        Some(id) => Some(AssetKey {
            id,
            kind: model::AssetKind::named(&row.text("asset_kind")?)
                .unwrap_or(model::AssetKind::Workload),
            name: row.text("asset_name")?,
            environment: environment.clone(),
            cluster: row.maybe_text("cluster")?,
            namespace: row.maybe_text("asset_namespace")?,
            workload: row.maybe_text("workload")?,
        }),
        None => None,
    };
    Ok(ObjectRow {
        id: row.text("uid")?,
        environment,
        cluster: row.text("its_cluster")?,
        name: ObjectName {
            group: row.text("api_group")?,
            kind: row.text("kind")?,
            namespace: row.text("namespace")?,
            name: row.text("name")?,
        },
        version: row.text("version")?,
        has_body: row.flag("has_body")?,
        changed: row.time("changed")?,
        policies: row.maybe_json("policies")?.unwrap_or_default(),
        violated: row.count("violated")?,
        pods: row.count("pods")?,
        asset,
        counts: Counts::read(row)?,
        number: row.int("id")?,
        connector: row.int("connector_id")?,
        asset_number: row.maybe_int("asset_id")?,
        risk: row.int("badness")?,
    })
}

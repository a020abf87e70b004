//! Taking in what a connector sends: objects with their verdicts, once
//! each, in one transaction with how far it was heard.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use model::{Digest, FindingKind};

use super::{
    Known, ObjectName, describe, known, placed,
    pod::{Told, put_pods},
    put_cluster,
};
use crate::{
    AssetStep, BatchOutcome, NewFinding, NewRule, Store, StoreError,
    asset::{self, Described, Found},
    db::{Connection, ROWS, insert, sql},
    environment,
    finding::kind_number,
    packed,
    row::{json, number},
    scan::mint,
    sighting::{self, Look, Whole},
};

/// Rows asked for in one question.
const CHUNK: usize = 200;

/// Objects of a cluster that are new, changed or gone.
#[derive(Clone, Debug, Default)]
pub struct ClusterBatch {
    pub session: String,
    /// Counts from 1 within a session.
    pub number: u64,
    /// Ends the whole picture the session began with.
    pub completes: bool,
    /// Group and kind of what the picture could not show.
    pub except: Vec<(String, String)>,
    /// Sets of policies, by the rules' names.
    pub sets: Vec<Vec<String>>,
    /// Every rule its findings name.
    pub rules: Vec<NewRule>,
    pub objects: Vec<NewObject>,
    pub gone: Vec<ObjectName>,
}

/// One object as it is.
#[derive(Clone, Debug, Default)]
pub struct NewObject {
    pub name: ObjectName,
    pub version: String,
    pub owner: Option<ObjectName>,
    /// From below the environment down to what findings of it are about.
    pub asset: Vec<AssetStep>,
    /// Of a workload or a pod: its own labels, for the asset it is.
    pub labels: Option<BTreeMap<String, String>>,
    /// JSON; absent where it is not kept.
    pub body: Option<String>,
    /// The place in the batch's sets; absent where it is not judged.
    pub set: Option<usize>,
    /// All there are. Their assets are not looked at: it is the object's.
    pub findings: Vec<NewFinding>,
    pub pod: Option<NewPod>,
    pub node: Option<NewNode>,
}

/// A pod, which is the last step of its object's asset.
#[derive(Clone, Debug, Default)]
pub struct NewPod {
    /// JSON, as it was sent.
    pub told: String,
    /// Those that run.
    pub containers: Vec<PodContainer>,
}

/// One container that runs in a pod.
#[derive(Clone, Debug, Default)]
pub struct PodContainer {
    /// As its engine names it.
    pub id: String,
    pub name: String,
    pub digests: Vec<Digest>,
    pub facts: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    pub started: Option<Timestamp>,
}

/// A node, which is the last step of its object's asset.
#[derive(Clone, Debug, Default)]
pub struct NewNode {
    pub facts: BTreeMap<String, String>,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenBatch {
    pub objects: u64,
    /// It was taken before.
    pub repeated: bool,
    /// What came before it is not here.
    pub resync: bool,
    pub findings: BatchOutcome,
    /// What runs may have changed.
    pub running: bool,
}

/// An object's row as it was.
struct Row {
    id: i64,
    name: ObjectName,
    asset: Option<i64>,
    was_judged: bool,
    is_pod: bool,
}

impl Store {
    /// Takes in what a connector sent. Answered once it is durable; a
    /// batch that was taken is not taken again.
    pub async fn put_cluster_batch(
        &self,
        environment: &str,
        cluster: &str,
        batch: ClusterBatch,
        now: Timestamp,
    ) -> Result<TakenBatch, StoreError> {
        let (environment, cluster) = (environment.to_owned(), cluster.to_owned());
        let taken = self
            .writer
            .write(move |connection| {
                Box::pin(async move { put(connection, &environment, &cluster, batch, now).await })
            })
            .await?;
        self.grew(taken.findings.new.total()).await;
        Ok(taken)
    }
}

async fn put(
    connection: &mut Connection,
    environment: &str,
    cluster: &str,
    batch: ClusterBatch,
    now: Timestamp,
) -> Result<TakenBatch, StoreError> {
    let environment_id = environment::id(connection, environment).await?;
    let mut connector = known(connection, environment_id, cluster, now).await?;
    let number_sent = i64::try_from(batch.number).unwrap_or(i64::MAX);
    let is_same = connector.session == batch.session;
    if is_same && number_sent <= connector.number {
        return Ok(TakenBatch {
            repeated: true,
            ..TakenBatch::default()
        });
    }
    let follows = is_same && number_sent == connector.number + 1;
    if !follows && number_sent != 1 {
        return Ok(TakenBatch {
            resync: true,
            ..TakenBatch::default()
        });
    }
    if !follows {
        connector.picture += 1;
    }
    sql(
        "UPDATE connector SET session = ?, number = ?, picture = ?, last_seen = ?
         WHERE id = ?",
    )
    .bind(&batch.session)
    .bind(number_sent)
    .bind(connector.picture)
    .bind(now)
    .bind(connector.id)
    .execute(&mut *connection)
    .await?;
    put_cluster(connection, environment_id, environment, cluster, now).await?;

    let mut taking = Taking {
        environment: (environment_id, environment),
        connector,
        now,
        look: HashMap::new(),
        places: HashSet::new(),
        sightings: Vec::new(),
        running: false,
    };
    taking.take(connection, &batch).await?;
    let mut gone = taking.rows(connection, batch.gone.iter()).await?;
    if batch.completes {
        gone.extend(taking.unshown(connection, &batch.except).await?);
    }
    taking.forget(connection, gone).await?;
    let findings = taking.finish(connection).await?;
    Ok(TakenBatch {
        objects: batch.objects.len() as u64,
        repeated: false,
        resync: false,
        findings,
        running: taking.running,
    })
}

/// One batch being taken in.
struct Taking<'a> {
    environment: (i64, &'a str),
    connector: Known,
    now: Timestamp,
    /// Assets that are looked at, and when each was seen before.
    look: HashMap<i64, i64>,
    /// What was looked at in them: the asset, and the finding's path.
    places: HashSet<(i64, String)>,
    sightings: Vec<sighting::Sighting>,
    running: bool,
}

impl Taking<'_> {
    async fn take(
        &mut self,
        connection: &mut Connection,
        batch: &ClusterBatch,
    ) -> Result<(), StoreError> {
        if batch.objects.is_empty() {
            return Ok(());
        }
        let rules = sighting::put_rules(connection, &batch.rules).await?;
        let sets = self.put_sets(connection, &batch.sets).await?;
        let mut paths: BTreeMap<&[AssetStep], Option<Found>> = BTreeMap::new();
        for object in &batch.objects {
            paths.insert(&object.asset, None);
        }
        asset::find_paths(connection, self.environment, &mut paths, self.now, false).await?;
        let before = self
            .rows(connection, batch.objects.iter().map(|object| &object.name))
            .await?;
        let before: HashMap<&ObjectName, &Row> =
            before.iter().map(|row| (&row.name, row)).collect();
        let mut rows = Vec::with_capacity(batch.objects.len());
        let mut labels: BTreeMap<i64, String> = BTreeMap::new();
        let mut pods = Vec::new();
        for object in &batch.objects {
            let found =
                paths[object.asset.as_slice()].expect("invariant: every path was found or made");
            let set = object.set.and_then(|set| sets.get(set)).copied();
            let known = before.get(&object.name);
            if let Some(known) = known
                && known.was_judged
                && known.asset != Some(found.id)
                && let Some(asset) = known.asset
            {
                // It is elsewhere: there, nothing is left of it.
                self.look.entry(asset).or_insert(self.now.as_microsecond());
                self.places.insert((asset, object.name.path()));
            }
            if set.is_some() || known.is_some_and(|known| known.was_judged) {
                self.look.insert(found.id, found.seen_before);
                self.places.insert((found.id, object.name.path()));
            }
            if let Some(own) = &object.labels {
                labels.insert(found.id, json(own));
            }
            let mut violated = BTreeSet::new();
            for finding in &object.findings {
                let kind = FindingKind::Misconfiguration;
                let rule = rules
                    .get(&(kind, finding.rule.clone()))
                    .ok_or_else(|| StoreError::NoRule(finding.rule.clone()))?;
                violated.insert(*rule);
                let mut seen = sighting::sighting(finding, kind, *rule, &found);
                seen.said.path = Some(object.name.path());
                self.sightings.push(seen);
            }
            if let Some(pod) = &object.pod {
                pods.push(Told {
                    object,
                    pod,
                    asset: found.id,
                });
            }
            if let Some(node) = &object.node {
                self.put_node(connection, object, node).await?;
            }
            rows.push((object, found.id, set, violated.len()));
        }
        put_labels(connection, labels).await?;
        self.running |= put_pods(connection, self.environment.0, &pods, self.now).await?;
        insert(
            "INSERT INTO cluster_object (uid, connector_id, kind, api_group, namespace, name,
                 version, owner_kind, owner_name, set_id, violated, asset_id, pod, body, picture,
                 changed) ",
        )
        .ending(
            " ON CONFLICT (connector_id, kind, api_group, namespace, name) DO UPDATE SET
                 version = excluded.version, owner_kind = excluded.owner_kind,
                 owner_name = excluded.owner_name, set_id = excluded.set_id,
                 violated = excluded.violated, asset_id = excluded.asset_id,
                 pod = excluded.pod, body = excluded.body, picture = excluded.picture,
                 changed = excluded.changed",
        )
        .rows(connection, &rows, |row, (object, asset, set, violated)| {
            let owner = object.owner.as_ref();
            row.push_bind(mint())
                .push_bind(self.connector.id)
                .push_bind(&object.name.kind)
                .push_bind(&object.name.group)
                .push_bind(&object.name.namespace)
                .push_bind(&object.name.name)
                .push_bind(&object.version)
                .push_bind(owner.map(|owner| owner.kind.clone()))
                .push_bind(owner.map(|owner| owner.name.clone()))
                .push_bind(*set)
                .push_bind(number(*violated))
                .push_bind(*asset)
                .push_bind(object.pod.as_ref().map(|pod| pod.told.clone()))
                .push_bind(object.body.as_deref().and_then(packed))
                .push_bind(self.connector.picture)
                .push_bind(self.now);
        })
        .await?;
        Ok(())
    }

    async fn put_sets(
        &self,
        connection: &mut Connection,
        sets: &[Vec<String>],
    ) -> Result<Vec<i64>, StoreError> {
        let mut ids = Vec::with_capacity(sets.len());
        for set in sets {
            let text = json(set);
            let id: i64 = sql(
                "INSERT INTO policy_set (connector_id, policies) VALUES (?, ?)
                 ON CONFLICT (connector_id, policies) DO UPDATE SET policies = excluded.policies
                 RETURNING id",
            )
            .bind(self.connector.id)
            .bind(text)
            .scalar()
            .fetch_one(&mut *connection)
            .await?;
            ids.push(id);
        }
        Ok(ids)
    }

    async fn put_node(
        &self,
        connection: &mut Connection,
        object: &NewObject,
        node: &NewNode,
    ) -> Result<(), StoreError> {
        let (Some(step), above) = (object.asset.last(), object.asset.split_last()) else {
            return Ok(());
        };
        let above = above.map_or(&[][..], |(_, above)| above);
        let mut paths = BTreeMap::from([(above, None)]);
        asset::find_paths(connection, self.environment, &mut paths, self.now, false).await?;
        let Some(Some(parent)) = paths.get(above) else {
            return Ok(());
        };
        let described = Described {
            place: placed(&object.asset),
            facts: node.facts.clone(),
            ..Described::new(
                self.environment.0,
                parent.id,
                step.kind,
                &step.identity,
                &step.name,
            )
        };
        describe(connection, &described, self.now).await?;
        Ok(())
    }

    /// The rows of these objects, as far as there are any.
    async fn rows<'n>(
        &self,
        connection: &mut Connection,
        names: impl Iterator<Item = &'n ObjectName>,
    ) -> Result<Vec<Row>, StoreError> {
        let wanted: HashSet<&ObjectName> = names.collect();
        let mut by_kind: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
        for name in &wanted {
            by_kind
                .entry((&name.kind, &name.group, &name.namespace))
                .or_default()
                .push(&name.name);
        }
        let mut rows = Vec::new();
        for ((kind, group, namespace), names) in by_kind {
            for names in names.chunks(CHUNK) {
                let mut query = sql(SELECT);
                query
                    .push(" WHERE connector_id = ")
                    .push_bind(self.connector.id)
                    .push(" AND kind = ")
                    .push_bind(kind)
                    .push(" AND api_group = ")
                    .push_bind(group)
                    .push(" AND namespace = ")
                    .push_bind(namespace)
                    .push(" AND name IN ")
                    .push_list(names.iter().copied());
                for row in query.once().fetch_all(&mut *connection).await? {
                    rows.push(read(&row)?);
                }
            }
        }
        Ok(rows)
    }

    /// What the picture that is complete now did not show.
    async fn unshown(
        &self,
        connection: &mut Connection,
        except: &[(String, String)],
    ) -> Result<Vec<Row>, StoreError> {
        let mut query = sql(SELECT);
        query
            .push(" WHERE connector_id = ")
            .push_bind(self.connector.id)
            .push(" AND picture < ")
            .push_bind(self.connector.picture);
        let rows = query.fetch_all(&mut *connection).await?;
        let mut unshown = Vec::new();
        for row in &rows {
            let row = read(row)?;
            let is_excepted = except
                .iter()
                .any(|(group, kind)| *group == row.name.group && *kind == row.name.kind);
            if !is_excepted {
                unshown.push(row);
            }
        }
        Ok(unshown)
    }

    /// Objects that are gone go with their findings' end.
    async fn forget(
        &mut self,
        connection: &mut Connection,
        gone: Vec<Row>,
    ) -> Result<(), StoreError> {
        let mut pods = Vec::new();
        let mut assets = BTreeSet::new();
        for row in &gone {
            let Some(asset) = row.asset else { continue };
            if row.was_judged {
                self.look.entry(asset).or_insert(self.now.as_microsecond());
                self.places.insert((asset, row.name.path()));
            }
            if row.is_pod {
                pods.push(asset);
            }
            assets.insert(asset);
        }
        let ids: Vec<i64> = gone.iter().map(|row| row.id).collect();
        for ids in ids.chunks(CHUNK) {
            let mut query = sql("DELETE FROM cluster_object WHERE id IN ");
            query.push_list(ids.iter().copied());
            query.once().execute(&mut *connection).await?;
        }
        self.running |= !pods.is_empty();
        for pods in pods.chunks(CHUNK) {
            let mut query = sql("UPDATE asset SET gone = ");
            query
                .push_bind(self.now)
                .push(" WHERE gone IS NULL AND kind = 'container' AND parent_id IN ")
                .push_list(pods.iter().copied());
            query.once().execute(&mut *connection).await?;
        }
        // An asset goes with the last object that is it; a namespace's
        // with the namespace, and the cluster's never.
        let assets: Vec<i64> = assets.into_iter().collect();
        for assets in assets.chunks(CHUNK) {
            let mut query = sql("UPDATE asset SET gone = ");
            query
                .push_bind(self.now)
                .push(
                    " WHERE gone IS NULL AND kind IN ('workload', 'pod', 'host', 'namespace')
                     AND NOT EXISTS (SELECT 1 FROM cluster_object AS other
                         WHERE other.asset_id = asset.id)
                     AND id IN ",
                )
                .push_list(assets.iter().copied());
            query.once().execute(&mut *connection).await?;
        }
        Ok(())
    }

    async fn finish(&mut self, connection: &mut Connection) -> Result<BatchOutcome, StoreError> {
        let places = std::mem::take(&mut self.places);
        let is_elsewhere = move |known: &sighting::Known| {
            let path = known.said.path.clone().unwrap_or_default();
            !places.contains(&(known.said.asset, path))
        };
        let look = Look {
            environment: self.environment.0,
            now: self.now,
            whole: Some(Whole {
                assets: std::mem::take(&mut self.look),
                kind: kind_number(FindingKind::Misconfiguration),
                within: sighting::Within::Kind,
                may_be_hidden: &is_elsewhere,
            }),
            because: None,
        };
        let sightings = std::mem::take(&mut self.sightings);
        let changes = sighting::put(connection, &look, sightings).await?;
        changes
            .finish(connection, self.environment.0, self.now)
            .await
    }
}

/// Labels of assets, where they are others than before.
async fn put_labels(
    connection: &mut Connection,
    labels: BTreeMap<i64, String>,
) -> Result<(), StoreError> {
    let rows: Vec<(i64, String)> = labels.into_iter().collect();
    for chunk in rows.chunks(ROWS) {
        let mut query = sql("UPDATE asset SET labels = delta.column2 FROM ");
        let rows = chunk
            .iter()
            .map(|(asset, labels)| vec![(*asset).into(), labels.into()]);
        query.push_rows(rows.collect(), connection.dialect());
        query.push(" WHERE asset.id = delta.column1 AND asset.labels <> delta.column2");
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

const SELECT: &str =
    "SELECT id, kind, api_group, namespace, name, set_id, asset_id FROM cluster_object";

fn read(row: &crate::db::Row) -> Result<Row, StoreError> {
    let name = ObjectName {
        group: row.text("api_group")?,
        kind: row.text("kind")?,
        namespace: row.text("namespace")?,
        name: row.text("name")?,
    };
    Ok(Row {
        id: row.int("id")?,
        asset: row.maybe_int("asset_id")?,
        was_judged: row.maybe_int("set_id")?.is_some(),
        is_pod: name.group.is_empty() && name.kind == "Pod",
        name,
    })
}

pub(super) fn packed(text: &str) -> Option<Vec<u8>> {
    packed::pack(text.as_bytes()).ok()
}

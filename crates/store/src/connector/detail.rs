//! One object: its text, its pods, what is around it.

use super::{
    ObjectName,
    list::{ObjectRow, read, select},
};
use crate::{Counts, Scope, Store, StoreError, db::sql, packed};

/// The longest text that is unpacked.
const MOST: usize = 1 << 20;
/// Objects looked at around one.
const AROUND: u32 = 5_000;
/// Pods shown of one workload.
const PODS: u32 = 500;

/// An object with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectText {
    pub name: ObjectName,
    /// JSON.
    pub body: String,
}

/// A pod of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodRow {
    pub name: String,
    /// JSON, as it was sent.
    pub told: String,
}

/// A workload, and what runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadRow {
    pub object: ObjectRow,
    pub body: Option<String>,
    pub pods: Vec<PodRow>,
    /// Images its containers run: the image's id, its name, its open
    /// vulnerabilities, and by which digests it is known.
    pub images: Vec<RunImage>,
}

/// An image that containers of a workload run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunImage {
    pub id: String,
    pub name: String,
    pub digests: Vec<String>,
    pub counts: Counts,
}

impl Store {
    /// One object by its id, with its text where that is kept.
    pub async fn cluster_object(
        &self,
        scope: &Scope,
        cluster: &str,
        id: &str,
    ) -> Result<Option<(ObjectRow, Option<String>)>, StoreError> {
        let mut query = select();
        scope.constrain(&mut query, "connector.environment_id");
        query
            .push(" AND connector.cluster = ")
            .push_bind(cluster)
            .push(" AND cluster_object.uid = ")
            .push_bind(id);
        let Some(row) = query.fetch_optional(&self.readers).await? else {
            return Ok(None);
        };
        let object = read(&row)?;
        let body = sql("SELECT body FROM cluster_object WHERE id = ?")
            .bind(object.number)
            .fetch_optional(&self.readers)
            .await?;
        let body = match body {
            Some(row) => row.maybe_blob("body")?.as_deref().and_then(unpacked),
            None => None,
        };
        Ok(Some((object, body)))
    }

    /// The pods of a workload, or the pod itself; and the images they
    /// run.
    pub async fn workload(
        &self,
        scope: &Scope,
        cluster: &str,
        id: &str,
    ) -> Result<Option<WorkloadRow>, StoreError> {
        let Some((object, body)) = self.cluster_object(scope, cluster, id).await? else {
            return Ok(None);
        };
        let mut query = sql("SELECT name, pod, asset_id FROM cluster_object WHERE connector_id = ");
        query
            .push_bind(object.connector)
            .push(" AND namespace = ")
            .push_bind(&object.name.namespace)
            .push(" AND kind = 'Pod' AND api_group = '' AND ");
        if object.name.kind == "Pod" {
            query.push("name = ").push_bind(&object.name.name);
        } else {
            query
                .push("owner_kind = ")
                .push_bind(&object.name.kind)
                .push(" AND owner_name = ")
                .push_bind(&object.name.name);
        }
        query.push(" ORDER BY name LIMIT ").push_bind(PODS);
        let rows = query.fetch_all(&self.readers).await?;
        let mut pods = Vec::new();
        let mut assets = Vec::new();
        for row in &rows {
            pods.push(PodRow {
                name: row.text("name")?,
                told: row.maybe_text("pod")?.unwrap_or_default(),
            });
            assets.extend(row.maybe_int("asset_id")?);
        }
        let mut images = Vec::new();
        if !assets.is_empty() {
            let mut query = sql(
                "SELECT DISTINCT image.id, image.uid, image.name, image.digest,
                     image.config_digest, own.critical, own.high, own.medium, own.low, own.info,
                     own.unknown
                 FROM asset JOIN image ON image.id = asset.image_id
                 JOIN asset AS own ON own.image_id = image.id AND own.kind = 'image'
                 WHERE asset.kind = 'container' AND asset.gone IS NULL AND asset.parent_id IN ",
            );
            query.push_list(assets.iter().copied());
            for row in &query.once().fetch_all(&self.readers).await? {
                let digests = [row.maybe_text("digest")?, row.maybe_text("config_digest")?];
                images.push(RunImage {
                    id: row.text("uid")?,
                    name: row.text("name")?,
                    digests: digests.into_iter().flatten().collect(),
                    counts: Counts::read(row)?,
                });
            }
        }
        Ok(Some(WorkloadRow {
            object,
            body,
            pods,
            images,
        }))
    }

    /// Texts of objects of some kinds around one: in its namespace, and
    /// in none.
    pub async fn objects_around(
        &self,
        object: &ObjectRow,
        kinds: &[&str],
    ) -> Result<Vec<ObjectText>, StoreError> {
        let mut query = sql(
            "SELECT kind, api_group, namespace, name, body FROM cluster_object
             WHERE body IS NOT NULL AND connector_id = ",
        );
        query
            .push_bind(object.connector)
            .push(" AND namespace IN ")
            .push_list([object.name.namespace.as_str(), ""])
            .push(" AND kind IN ")
            .push_list(kinds.iter().copied())
            .push(" ORDER BY kind, name LIMIT ")
            .push_bind(AROUND);
        let rows = query.fetch_all(&self.readers).await?;
        let mut texts = Vec::with_capacity(rows.len());
        for row in &rows {
            let Some(body) = unpacked(&row.blob("body")?) else {
                continue;
            };
            texts.push(ObjectText {
                name: ObjectName {
                    group: row.text("api_group")?,
                    kind: row.text("kind")?,
                    namespace: row.text("namespace")?,
                    name: row.text("name")?,
                },
                body,
            });
        }
        Ok(texts)
    }
}

pub(crate) fn unpacked(packed: &[u8]) -> Option<String> {
    String::from_utf8(packed::unpack(packed, MOST).ok()?).ok()
}

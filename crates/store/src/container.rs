//! Containers that run on a machine: assets below its host, each tied to
//! the image it runs.
//!
//! Every look replaces what ran before in one write. A container that is
//! no longer there is marked gone and kept a while, for what was found
//! in it; one whose engine did not answer stays as it was.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use model::{AssetKind, Digest, RunningContainer, RunningContainers};

use crate::{
    Scope, Store, StoreError,
    asset::{self, Described, IMAGE_FACT, Placed},
    db::{Connection, sql},
    environment, host,
    row::json,
    running,
    scan::mint,
};

/// An unchanged container is written again after this long only.
const STALE: SignedDuration = SignedDuration::from_mins(10);
/// How long a container that ended is kept, unless findings name it.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Digests in one question: a database takes only so many values.
const LOOKED_UP: usize = 1_000;

/// What a look at a machine's containers changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerChanges {
    /// Containers not known before, or back again.
    pub started: u64,
    /// Containers that no longer run.
    pub ended: u64,
}

/// A container's identity below its host. Ids that are hashes are known
/// by their first twelve digits, as people and run-time sensors quote
/// them; others are unique within their namespace only.
pub fn container_identity(id: &str, namespace: Option<&str>) -> String {
    let is_hash = id.len() >= 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    match namespace {
        _ if is_hash => id.get(..12).unwrap_or(id).to_owned(),
        Some(namespace) => format!("{namespace}/{id}"),
        None => id.to_owned(),
    }
}

/// A container's row as it was.
struct Known {
    id: i64,
    row: Written,
    last_seen: Timestamp,
    is_gone: bool,
}

/// The part of a row that a look may change.
#[derive(PartialEq, Eq)]
struct Written {
    name: String,
    labels: String,
    facts: String,
    image_id: Option<i64>,
    /// How it was started; empty where that is not told.
    options: String,
}

impl Written {
    fn of(asset: &Described, options: &str) -> Self {
        Self {
            name: asset.name.clone(),
            labels: json(&asset.labels),
            facts: json(&asset.facts),
            image_id: asset.image_id,
            options: options.to_owned(),
        }
    }
}

impl Store {
    /// Replaces what is known to run on `host`.
    pub async fn put_containers(
        &self,
        environment: &str,
        host: &str,
        running: RunningContainers,
        now: Timestamp,
    ) -> Result<ContainerChanges, StoreError> {
        let (environment, host) = (environment.to_owned(), host.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move { put(connection, &environment, &host, &running, now).await })
            })
            .await
    }

    /// How many containers run each image, by the image's id; images
    /// that run nowhere are left out. A container an alert told of is
    /// not known to run still: nobody has said when it started.
    pub async fn running_images(&self, scope: &Scope) -> Result<HashMap<String, u64>, StoreError> {
        let mut query = sql("SELECT image.uid AS uid, COUNT(*) AS containers
             FROM asset JOIN image ON image.id = asset.image_id
             WHERE asset.kind = 'container' AND asset.gone IS NULL
                 AND asset.started IS NOT NULL AND ");
        scope.constrain(&mut query, "asset.environment_id");
        query.push(" GROUP BY image.uid");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| Ok((row.text("uid")?, row.count("containers")?)))
            .collect()
    }
}

async fn put(
    connection: &mut Connection,
    environment: &str,
    host: &str,
    running: &RunningContainers,
    now: Timestamp,
) -> Result<ContainerChanges, StoreError> {
    let environment_id = environment::id(connection, environment).await?;
    let top = asset::of_environment(connection, environment_id, environment).await?;
    let place = Placed::default().with(AssetKind::Host, host);
    let described = Described {
        place: place.clone(),
        ..Described::new(environment_id, top, AssetKind::Host, host, host)
    };
    let host_id = asset::put(connection, &described, &mint(), now).await?;
    let mut known = known(connection, host_id).await?;
    let images = images(connection, environment_id, &running.containers).await?;
    let mut changes = ContainerChanges::default();
    for container in &running.containers {
        let described = Described {
            place: Placed {
                namespace: container.labels.get(POD_NAMESPACE).cloned(),
                ..place.clone()
            },
            labels: container.labels.clone(),
            facts: facts(container),
            image_id: container
                .image_digests
                .iter()
                .find_map(|digest| images.get(&digest.to_string()).copied()),
            started: container.started.or(Some(now)),
            ..Described::new(
                environment_id,
                host_id,
                AssetKind::Container,
                &container_identity(&container.id, container.namespace.as_deref()),
                &container.name,
            )
        };
        let options = container.options.as_ref().map(json).unwrap_or_default();
        let before = known.remove(&described.identity);
        match before {
            Some(before)
                if !before.is_gone
                    && before.last_seen + STALE > now
                    && before.row == Written::of(&described, &options) =>
            {
                continue;
            }
            Some(before) if !before.is_gone => {}
            _ => changes.started += 1,
        }
        let id = asset::put(connection, &described, &mint(), now).await?;
        host::put_posture(connection, id, &options, now).await?;
    }
    let unknown: HashSet<&str> = running
        .unknown
        .iter()
        .map(|engine| engine.as_str())
        .collect();
    for gone in known.into_values().filter(|container| !container.is_gone) {
        let facts: BTreeMap<String, String> =
            serde_json::from_str(&gone.row.facts).unwrap_or_default();
        if facts
            .get(ENGINE)
            .is_some_and(|engine| unknown.contains(engine.as_str()))
        {
            continue;
        }
        sql("UPDATE asset SET gone = ? WHERE id = ?")
            .bind(now)
            .bind(gone.id)
            .execute(&mut *connection)
            .await?;
        changes.ended += 1;
    }
    sql(
        "DELETE FROM asset WHERE parent_id = ? AND kind = 'container' AND gone < ?
         AND NOT EXISTS (SELECT 1 FROM finding WHERE finding.asset_id = asset.id)",
    )
    .bind(host_id)
    .bind(now - KEPT)
    .execute(connection)
    .await?;
    Ok(changes)
}

async fn known(
    connection: &mut Connection,
    host_id: i64,
) -> Result<HashMap<String, Known>, StoreError> {
    let rows = sql(
        "SELECT asset.id, asset.identity, asset.name, asset.labels, asset.facts, asset.image_id,
             asset.last_seen, asset.gone, asset_posture.facts AS options
         FROM asset LEFT JOIN asset_posture ON asset_posture.asset_id = asset.id
         WHERE asset.parent_id = ? AND asset.kind = 'container'",
    )
    .bind(host_id)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let known = Known {
                id: row.int("id")?,
                row: Written {
                    name: row.text("name")?,
                    labels: row.text("labels")?,
                    facts: row.text("facts")?,
                    image_id: row.maybe_int("image_id")?,
                    options: row.maybe_text("options")?.unwrap_or_default(),
                },
                last_seen: row.time("last_seen")?,
                is_gone: row.maybe_int("gone")?.is_some(),
            };
            Ok((row.text("identity")?, known))
        })
        .collect()
}

/// The images of the environment by each of the digests asked for.
pub(crate) async fn images(
    connection: &mut Connection,
    environment_id: i64,
    containers: &[RunningContainer],
) -> Result<HashMap<String, i64>, StoreError> {
    let digests = containers.iter().flat_map(|one| &one.image_digests);
    images_by_digest(connection, environment_id, digests).await
}

/// The images of the environment by each of these digests.
pub(crate) async fn images_by_digest<'a>(
    connection: &mut Connection,
    environment_id: i64,
    digests: impl Iterator<Item = &'a Digest>,
) -> Result<HashMap<String, i64>, StoreError> {
    let digests: HashSet<String> = digests.map(ToString::to_string).collect();
    let digests: Vec<String> = digests.into_iter().collect();
    let mut images = HashMap::new();
    for digests in digests.chunks(LOOKED_UP) {
        let mut query = sql("SELECT id, digest, config_digest FROM image
             WHERE kind = 'image' AND environment_id = ");
        query.push_bind(environment_id);
        for column in [" AND (config_digest IN ", " OR digest IN "] {
            query
                .push(column)
                .push_list(digests.iter().map(String::as_str));
        }
        query.push(") ORDER BY id");
        for row in &query.once().fetch_all(&mut *connection).await? {
            let id = row.int("id")?;
            for column in ["digest", "config_digest"] {
                if let Some(digest) = row.maybe_text(column)? {
                    images.insert(digest, id);
                }
            }
        }
    }
    running::of_indexes(connection, environment_id, &digests, &mut images).await?;
    Ok(images)
}

const ENGINE: &str = "engine";
/// Where Kubernetes writes which namespace a container's pod is in.
const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";

/// Several words as one, or that there are none.
fn listed(words: &[String]) -> String {
    match words {
        [] => "none".to_owned(),
        words => words.join(", "),
    }
}

/// What is known of a container, for people.
pub(crate) fn facts(container: &RunningContainer) -> BTreeMap<String, String> {
    let ports: Vec<String> = container.ports.iter().map(ToString::to_string).collect();
    let told = [
        (ENGINE, Some(container.engine.to_string())),
        ("id", Some(container.id.clone())),
        ("engine namespace", container.namespace.clone()),
        (IMAGE_FACT, Some(container.image.clone())),
        ("process", container.pid.map(|pid| pid.to_string())),
        (
            "privileged",
            container
                .privileged
                .map(|is_so| if is_so { "yes" } else { "no" }.to_owned()),
        ),
        (
            "host namespaces",
            container.host_namespaces.as_deref().map(listed),
        ),
        ("host paths", container.host_paths.as_deref().map(listed)),
        (
            "ports",
            Some(ports.join(", ")).filter(|ports| !ports.is_empty()),
        ),
    ];
    let told = told.into_iter();
    told.filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_known_by_its_beginning_and_a_name_by_its_namespace() {
        let hash = "c0ffee".repeat(10);
        assert_eq!(container_identity(&hash, Some("k8s.io")), "c0ffeec0ffee");
        assert_eq!(container_identity("c0ffeec0ffee", None), "c0ffeec0ffee");
        assert_eq!(container_identity("web", Some("default")), "default/web");
        assert_eq!(container_identity("web", None), "web");
    }
}

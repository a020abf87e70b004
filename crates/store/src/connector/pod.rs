//! Containers of pods, as connectors tell of them. What is told again
//! is not written again: a pod is told anew whenever anything of it
//! changes, and most of the time its containers are what they were.

use std::collections::HashMap;

use jiff::Timestamp;
use model::AssetKind;

use super::{
    describe,
    intake::{NewObject, NewPod, PodContainer},
    placed,
};
use crate::{
    StoreError,
    asset::Described,
    container::{container_identity, images_by_digest},
    db::{Connection, sql},
    row::json,
};

/// Rows asked for in one question.
const CHUNK: usize = 200;

/// A pod, and the asset it is.
pub(super) struct Told<'a> {
    pub object: &'a NewObject,
    pub pod: &'a NewPod,
    pub asset: i64,
}

/// A container that runs, as far as is known.
struct Known {
    id: i64,
    name: String,
    labels: String,
    facts: String,
    image: Option<i64>,
    started: i64,
}

impl Known {
    /// Whether it is as it is told now.
    fn is(&self, told: &PodContainer, now: &Described) -> bool {
        let started = told.started.map(Timestamp::as_microsecond);
        self.name == now.name
            && self.image == now.image_id
            && started.is_none_or(|started| started == self.started)
            && self.labels == json(&now.labels)
            && self.facts == json(&now.facts)
    }
}

/// Containers of pods that run; those that ran before and are not among
/// them are gone. Whether anything changed.
pub(super) async fn put_pods(
    connection: &mut Connection,
    environment: i64,
    pods: &[Told<'_>],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let containers = pods.iter().flat_map(|told| &told.pod.containers);
    let digests = containers.flat_map(|container| &container.digests);
    let images = images_by_digest(connection, environment, digests).await?;
    let mut known = known(connection, pods).await?;
    let mut changed = false;
    for told in pods {
        for container in &told.pod.containers {
            let identity = container_identity(&container.id, None);
            let described = Described {
                place: placed(&told.object.asset),
                labels: container.labels.clone(),
                facts: container.facts.clone(),
                image_id: container
                    .digests
                    .iter()
                    .find_map(|digest| images.get(&digest.to_string()).copied()),
                started: container.started.or(Some(now)),
                ..Described::new(
                    environment,
                    told.asset,
                    AssetKind::Container,
                    &identity,
                    &container.name,
                )
            };
            let before = known.remove(&(told.asset, identity));
            if before.is_some_and(|before| before.is(container, &described)) {
                continue;
            }
            changed = true;
            describe(connection, &described, now).await?;
        }
    }
    let gone: Vec<i64> = known.into_values().map(|known| known.id).collect();
    for gone in gone.chunks(CHUNK) {
        changed = true;
        let mut query = sql("UPDATE asset SET gone = ");
        query
            .push_bind(now)
            .push(" WHERE gone IS NULL AND id IN ")
            .push_list(gone.iter().copied());
        query.once().execute(&mut *connection).await?;
    }
    Ok(changed)
}

/// What runs in these pods, by pod and identity.
async fn known(
    connection: &mut Connection,
    pods: &[Told<'_>],
) -> Result<HashMap<(i64, String), Known>, StoreError> {
    let mut all = HashMap::new();
    for pods in pods.chunks(CHUNK) {
        let mut query = sql(
            "SELECT id, parent_id, identity, name, labels, facts, image_id, started FROM asset
             WHERE kind = 'container' AND gone IS NULL AND started IS NOT NULL AND parent_id IN ",
        );
        query.push_list(pods.iter().map(|told| told.asset));
        for row in &query.once().fetch_all(&mut *connection).await? {
            let known = Known {
                id: row.int("id")?,
                name: row.text("name")?,
                labels: row.text("labels")?,
                facts: row.text("facts")?,
                image: row.maybe_int("image_id")?,
                started: row.int("started")?,
            };
            all.insert((row.int("parent_id")?, row.text("identity")?), known);
        }
    }
    Ok(all)
}

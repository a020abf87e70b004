//! Taking in what a sensor saw. The same told twice changes nothing.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use model::Digest;

use super::map;
use crate::{
    Store, StoreError,
    container::{container_identity, images_by_digest},
    db::{Connection, insert, sql},
    environment, priority,
};

/// Files kept of one image.
const MOST_FILES: u64 = 20_000;
/// How long a container that nobody watches is remembered: as long as
/// the container itself.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long files of an image nobody told of are kept.
const FILES_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What one sensor saw of one image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsedImage {
    /// As the sensor's engine knows it; the first names it.
    pub digests: Vec<Digest>,
    /// Its containers that are watched, by their engine's ids, and since
    /// when each is.
    pub containers: Vec<(String, Timestamp)>,
    pub files: Vec<UsedFile>,
}

/// A file that was executed or loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedFile {
    /// From the container's root, with a slash.
    pub path: String,
    pub seen: Timestamp,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenUse {
    /// Images that are known here.
    pub images: u64,
    /// Files that were not known to be used.
    pub files: u64,
    /// Packages of which something else is said.
    pub packages: u64,
}

impl Store {
    /// Keeps which files of images a sensor saw in use, and what that
    /// says of packages and of the priority of their findings.
    pub async fn put_used(
        &self,
        environment: &str,
        node: &str,
        images: Vec<UsedImage>,
        now: Timestamp,
    ) -> Result<TakenUse, StoreError> {
        let (environment, node) = (environment.to_owned(), node.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move { put(connection, &environment, &node, &images, now).await })
            })
            .await
    }
}

async fn put(
    connection: &mut Connection,
    environment: &str,
    node: &str,
    images: &[UsedImage],
    now: Timestamp,
) -> Result<TakenUse, StoreError> {
    let environment = environment::id(connection, environment).await?;
    put_watched(connection, (environment, node), images, now).await?;
    let digests = images.iter().flat_map(|image| &image.digests);
    let by_digest = images_by_digest(connection, environment, digests).await?;
    let by_container = by_container(connection, environment, images).await?;
    let mut taken = TakenUse::default();
    let mut touched = HashSet::new();
    for image_told in images {
        let Some(named) = image_told.digests.first() else {
            continue;
        };
        let mut digests = image_told.digests.iter();
        let mut containers = image_told.containers.iter();
        let found = digests
            .find_map(|digest| by_digest.get(&digest.to_string()))
            .or_else(|| {
                containers.find_map(|(id, _)| by_container.get(&container_identity(id, None)))
            })
            .copied();
        let used = put_image(connection, environment, &named.to_string(), found, now).await?;
        let fresh = put_files(connection, used.id, &image_told.files, now).await?;
        taken.files += fresh;
        if let Some(image) = used.image {
            taken.images += 1;
            if !image_told.files.is_empty() || used.is_new {
                touched.insert(image);
            }
        }
    }
    for image in touched {
        let changed = map::refresh(connection, image, None).await?;
        taken.packages += changed;
        if changed > 0 {
            priority::refresh(connection, &[image]).await?;
        }
    }
    Ok(taken)
}

struct Used {
    id: i64,
    image: Option<i64>,
    /// It was not tied to this image before.
    is_new: bool,
}

async fn put_image(
    connection: &mut Connection,
    environment: i64,
    digest: &str,
    found: Option<i64>,
    now: Timestamp,
) -> Result<Used, StoreError> {
    let identity: Option<String> = match found {
        Some(image) => {
            sql("SELECT identity FROM image WHERE id = ?")
                .bind(image)
                .scalar()
                .fetch_optional(&mut *connection)
                .await?
        }
        None => None,
    };
    let known = sql("SELECT id, image_id, identity FROM used_image
         WHERE environment_id = ? AND digest = ?")
    .bind(environment)
    .bind(digest)
    .fetch_optional(&mut *connection)
    .await?;
    let before = match &known {
        Some(row) => (row.maybe_int("image_id")?, row.maybe_text("identity")?),
        None => (None, None),
    };
    // A digest names one build for ever: what it was tied to it stays
    // tied to, unless that is gone or was nothing.
    let tied = match (&before, found) {
        ((Some(image), Some(_)), None) => (Some(*image), before.1.clone()),
        _ => (found, identity),
    };
    let id: i64 = sql(
        "INSERT INTO used_image (environment_id, digest, image_id, identity, told)
         VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (environment_id, digest) DO UPDATE SET image_id = excluded.image_id,
             identity = excluded.identity, told = excluded.told
         RETURNING id",
    )
    .bind(environment)
    .bind(digest)
    .bind(tied.0)
    .bind(&tied.1)
    .bind(now)
    .scalar()
    .fetch_one(&mut *connection)
    .await?;
    Ok(Used {
        id,
        image: tied.0,
        is_new: tied != before,
    })
}

/// Notes files; how many were not known.
async fn put_files(
    connection: &mut Connection,
    used: i64,
    files: &[UsedFile],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut latest: HashMap<&str, Timestamp> = HashMap::new();
    for file in files {
        let seen = latest.entry(&file.path).or_insert(file.seen);
        *seen = (*seen).max(file.seen).min(now);
    }
    if latest.is_empty() {
        return Ok(0);
    }
    let count = |connection| async move {
        sql("SELECT COUNT(*) FROM used_file WHERE used_image_id = ?")
            .bind(used)
            .scalar::<i64>()
            .fetch_one(connection)
            .await
            .map(|count| u64::try_from(count).unwrap_or(0))
    };
    let before = count(&mut *connection).await?;
    let room = usize::try_from(MOST_FILES.saturating_sub(before)).unwrap_or(0);
    let known: HashSet<String> = sql("SELECT path FROM used_file WHERE used_image_id = ?")
        .bind(used)
        .scalar()
        .fetch_all(&mut *connection)
        .await?
        .into_iter()
        .collect();
    let (old, mut new): (Vec<_>, Vec<_>) = latest
        .into_iter()
        .partition(|(path, _)| known.contains(*path));
    new.sort_unstable();
    new.truncate(room);
    let fresh = new.len() as u64;
    let rows: Vec<(&str, Timestamp)> = old.into_iter().chain(new).collect();
    insert("INSERT INTO used_file (used_image_id, path, first_seen, last_seen) ")
        .ending(
            " ON CONFLICT (used_image_id, path) DO UPDATE SET
                 last_seen = CASE WHEN used_file.last_seen > excluded.last_seen
                     THEN used_file.last_seen ELSE excluded.last_seen END",
        )
        .rows(connection, &rows, |row, (path, seen)| {
            row.push_bind(used)
                .push_bind(*path)
                .push_bind(*seen)
                .push_bind(*seen);
        })
        .await?;
    Ok(fresh)
}

/// Notes which containers this sensor watches. One that came back after
/// [`SILENCE`] begins anew; what was loaded in a shorter absence mostly
/// still is, and is seen then.
///
/// [`SILENCE`]: model::in_use::SILENCE
async fn put_watched(
    connection: &mut Connection,
    (environment, node): (i64, &str),
    images: &[UsedImage],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut watched: HashMap<String, Timestamp> = HashMap::new();
    for (id, since) in images.iter().flat_map(|image| &image.containers) {
        watched.insert(container_identity(id, None), (*since).min(now));
    }
    let rows: Vec<(String, Timestamp)> = watched.into_iter().collect();
    insert("INSERT INTO watched_container (environment_id, identity, node, began, told) ")
        .ending(
            " ON CONFLICT (environment_id, identity) DO UPDATE SET node = excluded.node,
                 told = excluded.told,
                 began = CASE WHEN excluded.began > watched_container.told + 10800000000
                     THEN excluded.began ELSE watched_container.began END",
        )
        .rows(&mut *connection, &rows, |row, (identity, since)| {
            row.push_bind(environment)
                .push_bind(identity)
                .push_bind(node)
                .push_bind(*since)
                .push_bind(now);
        })
        .await?;
    sql("DELETE FROM watched_container WHERE told < ?")
        .bind(now - KEPT)
        .execute(&mut *connection)
        .await?;
    sql("DELETE FROM used_image WHERE told < ?")
        .bind(now - FILES_KEPT)
        .execute(connection)
        .await?;
    Ok(())
}

/// Images by the containers that are known to run them.
async fn by_container(
    connection: &mut Connection,
    environment: i64,
    images: &[UsedImage],
) -> Result<HashMap<String, i64>, StoreError> {
    let ids = images.iter().flat_map(|image| &image.containers);
    let identities: HashSet<String> = ids.map(|(id, _)| container_identity(id, None)).collect();
    let identities: Vec<String> = identities.into_iter().collect();
    let mut found = HashMap::new();
    for chunk in identities.chunks(500) {
        let mut query = sql("SELECT identity, image_id FROM asset
             WHERE kind = 'container' AND image_id IS NOT NULL AND environment_id = ");
        query
            .push_bind(environment)
            .push(" AND identity IN ")
            .push_list(chunk.iter().map(String::as_str));
        for row in &query.once().fetch_all(&mut *connection).await? {
            found.insert(row.text("identity")?, row.int("image_id")?);
        }
    }
    Ok(found)
}

//! What registries hold, as it was last seen: repositories and tags.

use jiff::Timestamp;

use super::Registry;
use crate::{
    ImageKey, Page, PageRequest, Scope, Store, StoreError,
    db::{Connection, Row, Sql, insert, sql},
    image::maybe_key_of,
    page::{Key, Order, Total},
    row::like,
    scan::mint,
};

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub(crate) row: i64,
    pub id: String,
    pub registry: String,
    pub name: String,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub gone: Option<Timestamp>,
    pub tags: u64,
    /// Tags whose images were scanned.
    pub scanned: u64,
    /// When it was last walked.
    pub walked: Option<Timestamp>,
    /// Why it could not be read then: JSON, as whoever tried wrote it.
    pub error: Option<String>,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    row: i64,
    pub name: String,
    /// What it points to: an image, or an index of images.
    pub digest: Option<String>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// When it last pointed elsewhere.
    pub changed: Option<Timestamp>,
    pub pushed: Option<Timestamp>,
    pub pulled: Option<Timestamp>,
    pub gone: Option<Timestamp>,
    /// An image it leads to that was scanned.
    pub image: Option<ImageKey>,
}

/// What a tag was found to point to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenTag {
    pub name: String,
    pub digest: String,
    /// The images it leads to: digest and platform.
    pub images: Vec<(String, Option<String>)>,
    pub pushed: Option<Timestamp>,
}

/// What asking for a tag told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagAnswer {
    Leads(SeenTag),
    /// It is no longer there.
    Gone(String),
}

const REPOSITORY: &str = "SELECT repository.*, registry.uid AS registry,
         (SELECT COUNT(*) FROM tag WHERE tag.repository_id = repository.id
            AND tag.gone IS NULL) AS tags,
         (SELECT COUNT(*) FROM tag WHERE tag.repository_id = repository.id
            AND tag.gone IS NULL AND EXISTS (SELECT 1 FROM tag_image
                JOIN image ON image.digest = tag_image.digest
                  AND image.environment_id = registry.environment_id
                WHERE tag_image.tag_id = tag.id)) AS scanned
     FROM repository JOIN registry ON registry.id = repository.registry_id WHERE ";

const TAG: &str = "SELECT tag.*, environment.name AS environment, image.uid AS image_uid,
         image.kind AS image_kind, image.name AS image_name
     FROM tag JOIN repository ON repository.id = tag.repository_id
     JOIN registry ON registry.id = repository.registry_id
     JOIN environment ON environment.id = registry.environment_id
     LEFT JOIN image ON image.id = (SELECT MIN(known.id) FROM tag_image
         JOIN image AS known ON known.digest = tag_image.digest
           AND known.environment_id = registry.environment_id
         WHERE tag_image.tag_id = tag.id) WHERE ";

const BY_NAME: Order = Order {
    name: "name",
    expression: "repository.name",
    id: "repository.id",
    descending: false,
};
const NEWEST: Order = Order {
    name: "newest",
    expression: "tag.first_seen",
    id: "tag.id",
    descending: true,
};

fn read(row: &Row) -> Result<Repository, StoreError> {
    Ok(Repository {
        row: row.int("id")?,
        id: row.text("uid")?,
        registry: row.text("registry")?,
        name: row.text("name")?,
        first_seen: row.time("first_seen")?,
        last_seen: row.time("last_seen")?,
        gone: row.maybe_time("gone")?,
        tags: row.count("tags")?,
        scanned: row.count("scanned")?,
        walked: row.maybe_time("walked")?,
        error: row.maybe_text("error")?,
    })
}

fn read_tag(row: &Row) -> Result<Tag, StoreError> {
    Ok(Tag {
        row: row.int("id")?,
        name: row.text("name")?,
        digest: row.maybe_text("digest")?,
        first_seen: row.time("first_seen")?,
        last_seen: row.time("last_seen")?,
        changed: row.maybe_time("changed")?,
        pushed: row.maybe_time("pushed")?,
        pulled: row.maybe_time("pulled")?,
        gone: row.maybe_time("gone")?,
        image: maybe_key_of(row, "image_uid")?,
    })
}

/// The repository's row, made where there is none.
pub(super) async fn repository_row(
    connection: &mut Connection,
    registry: i64,
    name: &str,
    now: Timestamp,
) -> Result<i64, StoreError> {
    sql(
        "INSERT INTO repository (uid, registry_id, name, first_seen, last_seen)
         VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (registry_id, name) DO UPDATE SET last_seen = excluded.last_seen,
             gone = NULL
         RETURNING id",
    )
    .bind(mint())
    .bind(registry)
    .bind(name)
    .bind(now)
    .bind(now)
    .scalar()
    .fetch_one(connection)
    .await
}

/// Writes down what a tag pointed to at `now`. `true`: something else
/// than before. What was told of it since is not undone.
async fn put_tag(
    connection: &mut Connection,
    repository: i64,
    seen: &SeenTag,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let before = sql("SELECT digest, checked, gone FROM tag WHERE repository_id = ? AND name = ?")
        .bind(repository)
        .bind(&seen.name)
        .fetch_optional(&mut *connection)
        .await?;
    let mut known = None;
    if let Some(row) = &before {
        if row
            .time("checked")?
            .max(row.maybe_time("gone")?.unwrap_or(now))
            > now
        {
            return Ok(false);
        }
        known = row.maybe_text("digest")?;
    }
    let changed = known.as_deref() != Some(&seen.digest);
    let id: i64 = sql(
        "INSERT INTO tag (repository_id, name, digest, first_seen, last_seen, checked, changed,
             pushed)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (repository_id, name) DO UPDATE SET digest = excluded.digest,
             last_seen = excluded.last_seen, checked = excluded.checked, gone = NULL,
             changed = COALESCE(excluded.changed, tag.changed),
             pushed = COALESCE(excluded.pushed, tag.pushed)
         RETURNING id",
    )
    .bind(repository)
    .bind(&seen.name)
    .bind(&seen.digest)
    .bind(now)
    .bind(now)
    .bind(now)
    .bind(changed.then_some(now))
    .bind(seen.pushed)
    .scalar()
    .fetch_one(&mut *connection)
    .await?;
    if changed || !seen.images.is_empty() {
        sql("DELETE FROM tag_image WHERE tag_id = ?")
            .bind(id)
            .execute(&mut *connection)
            .await?;
        insert("INSERT INTO tag_image (tag_id, digest, platform) ")
            .ending(" ON CONFLICT (tag_id, digest) DO NOTHING")
            .rows(connection, &seen.images, |row, (digest, platform)| {
                row.push_bind(id).push_bind(digest).push_bind(platform);
            })
            .await?;
    }
    Ok(changed)
}

/// Notes that a tag was gone at `now`, unless it was there since.
async fn put_gone(
    connection: &mut Connection,
    registry: i64,
    repository: &str,
    tag: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql(
        "UPDATE tag SET gone = ? WHERE name = ? AND gone IS NULL AND checked <= ?
           AND repository_id IN (SELECT id FROM repository
               WHERE registry_id = ? AND name = ?)",
    )
    .bind(now)
    .bind(tag)
    .bind(now)
    .bind(registry)
    .bind(repository)
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Notes that repositories are there. Where the list is `whole`,
    /// others of the registry are gone.
    pub async fn put_repositories(
        &self,
        registry: &Registry,
        names: Vec<String>,
        whole: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = registry.row;
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    insert(
                        "INSERT INTO repository (uid, registry_id, name, first_seen, last_seen) ",
                    )
                    .ending(
                        " ON CONFLICT (registry_id, name) DO UPDATE SET
                             last_seen = excluded.last_seen, gone = NULL",
                    )
                    .rows(&mut *connection, &names, |values, name| {
                        values
                            .push_bind(mint())
                            .push_bind(row)
                            .push_bind(name)
                            .push_bind(now)
                            .push_bind(now);
                    })
                    .await?;
                    if whole {
                        sql("UPDATE repository SET gone = ?
                             WHERE registry_id = ? AND gone IS NULL AND last_seen < ?")
                        .bind(now)
                        .bind(row)
                        .bind(now)
                        .execute(connection)
                        .await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Writes down what a tag points to. `true`: something else than
    /// before.
    pub async fn put_seen_tag(
        &self,
        registry: &Registry,
        repository: &str,
        seen: SeenTag,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (row, repository) = (registry.row, repository.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let id = repository_row(connection, row, &repository, now).await?;
                    put_tag(connection, id, &seen, now).await
                })
            })
            .await
    }

    /// Writes down what asking for tags of a repository told, and when:
    /// all of it, or nothing.
    pub async fn put_tag_answers(
        &self,
        registry: &Registry,
        repository: &str,
        answers: Vec<(Timestamp, TagAnswer)>,
    ) -> Result<(), StoreError> {
        let Some(last) = answers.iter().map(|(time, _)| *time).max() else {
            return Ok(());
        };
        let (row, repository) = (registry.row, repository.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let id = repository_row(connection, row, &repository, last).await?;
                    for (time, answer) in &answers {
                        match answer {
                            TagAnswer::Leads(seen) => {
                                put_tag(connection, id, seen, *time).await?;
                            }
                            TagAnswer::Gone(tag) => {
                                put_gone(connection, row, &repository, tag, *time).await?;
                            }
                        }
                    }
                    Ok(())
                })
            })
            .await
    }

    /// A tag is no longer there.
    pub async fn put_gone_tag(
        &self,
        registry: &Registry,
        repository: &str,
        tag: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (row, repository, tag) = (registry.row, repository.to_owned(), tag.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move { put_gone(connection, row, &repository, &tag, now).await })
            })
            .await
    }

    /// Notes that an image was pulled, by tag or digest.
    pub async fn put_pulled(
        &self,
        registry: &Registry,
        repository: &str,
        tag: Option<&str>,
        digest: Option<&str>,
        time: Timestamp,
    ) -> Result<u64, StoreError> {
        let (row, repository) = (registry.row, repository.to_owned());
        let tag = tag.unwrap_or_default().to_owned();
        let digest = digest.unwrap_or_default().to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql("UPDATE tag SET pulled = ?
                         WHERE (pulled IS NULL OR pulled < ?)
                           AND repository_id IN (SELECT id FROM repository
                               WHERE registry_id = ? AND name = ?)
                           AND (name = ? OR digest = ? OR id IN
                               (SELECT tag_id FROM tag_image WHERE digest = ?))")
                    .bind(time)
                    .bind(time)
                    .bind(row)
                    .bind(repository)
                    .bind(tag)
                    .bind(&digest)
                    .bind(&digest)
                    .execute(connection)
                    .await
                })
            })
            .await
    }

    /// Where else in the environment an image of this digest is that is
    /// new to this repository: the registry's address, the repository and
    /// the tag.
    pub async fn elsewhere(
        &self,
        registry: &Registry,
        repository: &str,
        digest: &str,
    ) -> Result<Option<String>, StoreError> {
        let row = sql("SELECT registry.address, repository.name, tag.name AS tag
             FROM tag JOIN repository ON repository.id = tag.repository_id
             JOIN registry ON registry.id = repository.registry_id
             WHERE registry.environment_id =
                     (SELECT environment_id FROM registry AS own WHERE own.id = ?)
               AND NOT (registry.id = ? AND repository.name = ?)
               AND (tag.digest = ? OR tag.id IN
                   (SELECT tag_id FROM tag_image WHERE digest = ?))
               AND NOT EXISTS (SELECT 1 FROM tag AS own
                   JOIN repository AS home ON home.id = own.repository_id
                   WHERE home.registry_id = ? AND home.name = ? AND own.digest = ?)
             ORDER BY tag.first_seen, tag.id LIMIT 1")
        .bind(registry.row)
        .bind(registry.row)
        .bind(repository)
        .bind(digest)
        .bind(digest)
        .bind(registry.row)
        .bind(repository)
        .bind(digest)
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| {
            Ok(format!(
                "{}/{}:{}",
                row.text("address")?,
                row.text("name")?,
                row.text("tag")?
            ))
        })
        .transpose()
    }

    /// Repositories of a registry, by name.
    pub async fn repositories(
        &self,
        scope: &Scope,
        registry: &str,
        text: Option<&str>,
        request: &PageRequest,
    ) -> Result<Page<Repository>, StoreError> {
        let narrow = |query: &mut Sql| {
            scope.constrain(query, "registry.environment_id");
            query.push(" AND registry.uid = ").push_bind(registry);
            if let Some(text) = text {
                query
                    .push(" AND LOWER(repository.name) LIKE ")
                    .push_bind(like(text))
                    .push(" ESCAPE '\\'");
            }
        };
        let mut query = sql(REPOSITORY);
        narrow(&mut query);
        BY_NAME.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT 1 FROM repository
             JOIN registry ON registry.id = repository.registry_id WHERE ");
        narrow(&mut count);
        count.push(" LIMIT 10001) AS counted");
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        let total = Total(total.try_into().unwrap_or(0));
        Ok(BY_NAME.cut(items, request, total, |repository| {
            (Key::Text(repository.name.clone()), repository.row)
        }))
    }

    /// One repository by its id.
    pub async fn repository(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<Repository>, StoreError> {
        let mut query = sql(REPOSITORY);
        scope.constrain(&mut query, "registry.environment_id");
        query.push(" AND repository.uid = ").push_bind(id);
        let row = query.fetch_optional(&self.readers).await?;
        row.as_ref().map(read).transpose()
    }

    /// Tags of a repository, newest first.
    pub async fn tags(
        &self,
        scope: &Scope,
        repository: &str,
        text: Option<&str>,
        request: &PageRequest,
    ) -> Result<Page<Tag>, StoreError> {
        let narrow = |query: &mut Sql| {
            scope.constrain(query, "registry.environment_id");
            query.push(" AND repository.uid = ").push_bind(repository);
            if let Some(text) = text {
                query
                    .push(" AND LOWER(tag.name) LIKE ")
                    .push_bind(like(text))
                    .push(" ESCAPE '\\'");
            }
        };
        let mut query = sql(TAG);
        narrow(&mut query);
        NEWEST.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows.iter().map(read_tag).collect::<Result<Vec<_>, _>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT 1 FROM tag
             JOIN repository ON repository.id = tag.repository_id
             JOIN registry ON registry.id = repository.registry_id WHERE ");
        narrow(&mut count);
        count.push(" LIMIT 10001) AS counted");
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        let total = Total(total.try_into().unwrap_or(0));
        Ok(NEWEST.cut(items, request, total, |tag| {
            (Key::Int(tag.first_seen.as_microsecond()), tag.row)
        }))
    }
}

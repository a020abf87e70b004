//! Which repositories of a registry are walked when, how far the lists
//! of their tags were read, and which tags are asked for.

use jiff::Timestamp;

use super::{Registry, content::repository_row};
use crate::{
    Store, StoreError,
    db::{Connection, insert, sql},
};

/// A repository whose turn it is to be walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueRepository {
    pub name: String,
    /// How far its list of tags was read.
    pub list: TagList,
    /// When that was last read to its end.
    pub listed: Option<Timestamp>,
}

/// How far a repository's list of tags was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagList {
    pub began: Timestamp,
    /// Names it had so far.
    pub read: u64,
    pub rest: Rest,
}

/// What is left of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It is read on from this page, or from its first.
    From(Option<String>),
    /// Nothing: tags that were not told since it began are gone.
    Nothing,
    /// Nobody knows, for it is not read to its end.
    Unread,
}

/// How the walk of a repository went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryWalk {
    /// It stopped before its end.
    pub unfinished: bool,
    /// JSON; none: it could be read.
    pub error: Option<String>,
}

/// A tag somebody should ask for: its name and what it pointed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTag {
    pub name: String,
    pub digest: Option<String>,
}

/// How far its list was read; a list that is over begins anew.
async fn put_list(
    connection: &mut Connection,
    repository: i64,
    list: &TagList,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (after, began, read) = match &list.rest {
        Rest::From(Some(after)) => (Some(after.clone()), Some(list.began), list.read),
        Rest::From(None) | Rest::Nothing | Rest::Unread => (None, None, 0),
    };
    let is_over = matches!(list.rest, Rest::Nothing | Rest::Unread);
    sql(
        "UPDATE repository SET list_after = ?, list_began = ?, list_read = ?,
             listed = COALESCE(?, listed) WHERE id = ?",
    )
    .bind(after)
    .bind(began)
    .bind(i64::try_from(read).unwrap_or(i64::MAX))
    .bind(is_over.then_some(now))
    .bind(repository)
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Repositories whose turn it is: those that were not walked since
    /// `before`, and those whose walk stopped before its end. First
    /// those never walked, then those walked longest ago.
    pub async fn repositories_to_walk(
        &self,
        registry: &Registry,
        before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueRepository>, StoreError> {
        let rows = sql(
            "SELECT name, list_after, list_began, list_read, listed FROM repository
             WHERE registry_id = ? AND gone IS NULL
               AND (walked IS NULL OR walked < ? OR unfinished = 1)
             ORDER BY COALESCE(walked, 0), id LIMIT ?",
        )
        .bind(registry.row)
        .bind(before)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(DueRepository {
                    name: row.text("name")?,
                    list: TagList {
                        began: row.maybe_time("list_began")?.unwrap_or(now),
                        read: row.count("list_read")?,
                        rest: Rest::From(row.maybe_text("list_after")?),
                    },
                    listed: row.maybe_time("listed")?,
                })
            })
            .collect()
    }

    /// Writes down how the walk of a repository went.
    pub async fn note_repository_walk(
        &self,
        registry: &Registry,
        repository: &str,
        walk: RepositoryWalk,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (row, repository) = (registry.row, repository.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql("UPDATE repository SET walked = ?, unfinished = ?, error = ?
                         WHERE registry_id = ? AND name = ?")
                    .bind(now)
                    .bind(walk.unfinished)
                    .bind(walk.error)
                    .bind(row)
                    .bind(repository)
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Notes names of tags, in the order the registry told them, oldest
    /// first, and how far its list was read with them, if that is known.
    pub async fn put_tag_names(
        &self,
        registry: &Registry,
        repository: &str,
        names: Vec<String>,
        list: Option<TagList>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (row, repository) = (registry.row, repository.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let id = repository_row(connection, row, &repository, now).await?;
                    insert(
                        "INSERT INTO tag (repository_id, name, first_seen, last_seen, checked) ",
                    )
                    .ending(
                        " ON CONFLICT (repository_id, name) DO UPDATE SET
                             last_seen = excluded.last_seen, gone = NULL",
                    )
                    .rows(&mut *connection, &names, |values, name| {
                        values
                            .push_bind(id)
                            .push_bind(name)
                            .push_bind(now)
                            .push_bind(now)
                            .push_bind(0_i64);
                    })
                    .await?;
                    let Some(list) = list else {
                        return Ok(());
                    };
                    put_list(connection, id, &list, now).await?;
                    if list.rest == Rest::Nothing {
                        sql("UPDATE tag SET gone = ?
                             WHERE repository_id = ? AND gone IS NULL AND last_seen < ?")
                        .bind(now)
                        .bind(id)
                        .bind(list.began)
                        .execute(connection)
                        .await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Has a repository's list of tags read from its beginning next time.
    pub async fn forget_tag_list(
        &self,
        registry: &Registry,
        repository: &str,
    ) -> Result<(), StoreError> {
        let (row, repository) = (registry.row, repository.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql(
                        "UPDATE repository SET list_after = NULL, list_began = NULL, list_read = 0
                         WHERE registry_id = ? AND name = ?",
                    )
                    .bind(row)
                    .bind(repository)
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Tags of a repository to ask for: the newest that nobody asked for
    /// yet, then those asked for longest ago, before `before`. Only the
    /// `newest` tags of the repository count.
    pub async fn tags_to_check(
        &self,
        registry: &Registry,
        repository: &str,
        newest: u32,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<KnownTag>, StoreError> {
        let rows = sql("SELECT name, digest FROM tag
             WHERE id IN (SELECT tag.id FROM tag
                     JOIN repository ON repository.id = tag.repository_id
                     WHERE repository.registry_id = ? AND repository.name = ?
                       AND tag.gone IS NULL
                     ORDER BY tag.id DESC LIMIT ?)
               AND checked < ?
             ORDER BY checked, id DESC LIMIT ?")
        .bind(registry.row)
        .bind(repository)
        .bind(newest)
        .bind(before)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(KnownTag {
                    name: row.text("name")?,
                    digest: row.maybe_text("digest")?,
                })
            })
            .collect()
    }
}

//! Addresses VEX documents are fetched from, and how that went.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Author, Scope, Store, StoreError,
    audit::{self, Note},
    db::{Connection, Row, Sql, sql},
    environment,
    scan::mint,
    vex::{MAX_VEX_DOCUMENTS, VexText, pack, text, touch},
};

/// Addresses there may be.
pub const MAX_VEX_SOURCES: usize = 100;

/// An address, and how the last fetch went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VexSource {
    pub(crate) row: i64,
    pub id: String,
    pub environment: Option<String>,
    pub record: VexSourceRecord,
    pub created: Timestamp,
    pub created_by: String,
    /// What it is asked with the next time.
    pub mark: Option<String>,
    pub asked: Option<Timestamp>,
    pub reached: Option<Timestamp>,
    /// When something there last changed.
    pub changed: Option<Timestamp>,
    /// Files there that are no VEX documents.
    pub left_out: u64,
    pub error: Option<String>,
    pub next_try: Timestamp,
    pub documents: u64,
    pub statements: u64,
}

/// What is written of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VexSourceRecord {
    pub name: String,
    pub address: String,
    pub allow_private: bool,
    pub every_hours: u32,
}

/// A document that was fetched.
#[derive(Clone, Debug)]
pub struct FetchedVex {
    pub name: String,
    pub statements: u64,
    pub document: Vec<u8>,
}

/// How a fetch went.
#[derive(Clone, Debug)]
pub enum VexFetch {
    Unchanged,
    Documents {
        documents: Vec<FetchedVex>,
        left_out: u64,
        mark: Option<String>,
    },
    Failed(String),
}

/// Why one was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VexSourceRefusal {
    #[error("another VEX source has this name")]
    NameTaken,
    #[error("there are {MAX_VEX_SOURCES} VEX sources already")]
    TooMany,
}

fn select() -> Sql {
    sql("SELECT vex_source.*, environment.name AS environment,
             (SELECT COUNT(*) FROM vex_document
              WHERE vex_document.source_id = vex_source.id) AS documents,
             (SELECT CAST(COALESCE(SUM(vex_document.statements), 0) AS BIGINT) FROM vex_document
              WHERE vex_document.source_id = vex_source.id) AS statements
         FROM vex_source LEFT JOIN environment ON environment.id = vex_source.environment_id
         WHERE ")
}

fn read(row: &Row) -> Result<VexSource, StoreError> {
    Ok(VexSource {
        row: row.int("id")?,
        id: row.text("uid")?,
        environment: row.maybe_text("environment")?,
        record: VexSourceRecord {
            name: row.text("name")?,
            address: row.text("address")?,
            allow_private: row.flag("allow_private")?,
            every_hours: u32::try_from(row.count("every_hours")?).unwrap_or(u32::MAX),
        },
        created: row.time("created")?,
        created_by: row.text("created_by")?,
        mark: row.maybe_text("mark")?,
        asked: row.maybe_time("asked")?,
        reached: row.maybe_time("reached")?,
        changed: row.maybe_time("changed")?,
        left_out: row.count("left_out")?,
        error: row.maybe_text("error")?,
        next_try: row.time("next_try")?,
        documents: row.count("documents")?,
        statements: row.count("statements")?,
    })
}

async fn find(connection: &mut Connection, id: &str) -> Result<Option<VexSource>, StoreError> {
    let mut query = select();
    query.push("vex_source.uid = ").push_bind(id);
    let row = query.fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

/// What documents of a source say, by their names.
async fn said(connection: &mut Connection, source: i64) -> Result<Vec<VexText>, StoreError> {
    let mut query = crate::vex::select_text();
    query
        .push(" WHERE vex_document.source_id = ")
        .push_bind(source);
    let rows = query.fetch_all(connection).await?;
    rows.iter().map(text).collect()
}

impl Store {
    /// Every source that holds in scope or everywhere, by name.
    pub async fn vex_sources(&self, scope: &Scope) -> Result<Vec<VexSource>, StoreError> {
        let mut query = select();
        query.push("(vex_source.environment_id IS NULL OR ");
        scope.constrain(&mut query, "vex_source.environment_id");
        query.push(") ORDER BY vex_source.name");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }

    /// Adds a source; it is fetched at once.
    pub async fn add_vex_source(
        &self,
        author: Author,
        environment: Option<&str>,
        record: VexSourceRecord,
    ) -> Result<Result<VexSource, VexSourceRefusal>, StoreError> {
        let (environment, now) = (environment.map(str::to_owned), author.time);
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let environment_id = match &environment {
                        Some(name) => Some(environment::id(connection, name).await?),
                        None => None,
                    };
                    let taken: Option<i64> = sql("SELECT id FROM vex_source WHERE name = ?")
                        .bind(&record.name)
                        .scalar()
                        .fetch_optional(&mut *connection)
                        .await?;
                    if taken.is_some() {
                        return Ok(Err(VexSourceRefusal::NameTaken));
                    }
                    let count: i64 = sql("SELECT COUNT(*) FROM vex_source")
                        .scalar()
                        .fetch_one(&mut *connection)
                        .await?;
                    if usize::try_from(count).is_ok_and(|count| count >= MAX_VEX_SOURCES) {
                        return Ok(Err(VexSourceRefusal::TooMany));
                    }
                    let id = mint();
                    sql("INSERT INTO vex_source (uid, environment_id, name, address,
                             allow_private, every_hours, created, created_by, left_out,
                             next_try, lease_holder, lease_until)
                         VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '', 0)")
                    .bind(&id)
                    .bind(environment_id)
                    .bind(&record.name)
                    .bind(&record.address)
                    .bind(record.allow_private)
                    .bind(i64::from(record.every_hours))
                    .bind(now)
                    .bind(&author.name)
                    .execute(&mut *connection)
                    .await?;
                    let note = Note::of("vex_source.create", "vex", &id).made(&record);
                    audit::note(connection, &author, note).await?;
                    Ok(Ok(VexSource {
                        row: 0,
                        id,
                        environment,
                        record,
                        created: now,
                        created_by: author.name,
                        mark: None,
                        asked: None,
                        reached: None,
                        changed: None,
                        left_out: 0,
                        error: None,
                        next_try: Timestamp::UNIX_EPOCH,
                        documents: 0,
                        statements: 0,
                    }))
                })
            })
            .await
    }

    /// Forgets a source and its documents; what they said. `None`: there
    /// is none.
    pub async fn remove_vex_source(
        &self,
        author: Author,
        id: &str,
    ) -> Result<Option<Vec<VexText>>, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let Some(source) = find(connection, &id).await? else {
                        return Ok(None);
                    };
                    let said = said(connection, source.row).await?;
                    for statement in [
                        "DELETE FROM vex_document WHERE source_id = ?",
                        "DELETE FROM vex_source WHERE id = ?",
                    ] {
                        sql(statement)
                            .bind(source.row)
                            .execute(&mut *connection)
                            .await?;
                    }
                    touch(connection).await?;
                    let note = Note::of("vex_source.remove", "vex", &id).removed(&source.record);
                    audit::note(connection, &author, note).await?;
                    Ok(Some(said))
                })
            })
            .await
    }

    /// Has a source fetched at once, whatever it was asked with before.
    pub async fn hurry_vex_source(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql("UPDATE vex_source SET next_try = 0, mark = NULL WHERE uid = ?")
                        .bind(id)
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Takes, or keeps, the right to fetch from a source until `until`.
    pub async fn lease_vex_source(
        &self,
        source: &VexSource,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.claim("vex_source", source.row, holder, now, until)
            .await
    }

    /// Takes every such right away where that is nobody else's.
    pub async fn free_vex_source_leases(&self) -> Result<(), StoreError> {
        self.free_claims("vex_source").await
    }

    /// Writes down how a fetch went, and the documents it brought in the
    /// place of those before. What changed of what is said comes back: the
    /// new documents, and those that were there and are not so any more.
    pub async fn put_vex_fetch(
        &self,
        source: &VexSource,
        fetch: VexFetch,
        now: Timestamp,
        next_try: Timestamp,
    ) -> Result<Vec<VexText>, StoreError> {
        let (id, name) = (source.id.clone(), source.record.name.clone());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let Some(source) = find(connection, &id).await? else {
                        return Ok(Vec::new());
                    };
                    let (error, reached) = match &fetch {
                        VexFetch::Failed(error) => (Some(error.clone()), None),
                        _ => (None, Some(now)),
                    };
                    sql(
                        "UPDATE vex_source SET asked = ?, reached = COALESCE(?, reached),
                             error = ?, next_try = ? WHERE id = ?",
                    )
                    .bind(now)
                    .bind(reached)
                    .bind(error)
                    .bind(next_try)
                    .bind(source.row)
                    .execute(&mut *connection)
                    .await?;
                    let VexFetch::Documents {
                        documents,
                        left_out,
                        mark,
                    } = fetch
                    else {
                        return Ok(Vec::new());
                    };
                    let changed = replace(connection, &source, &name, documents, now).await?;
                    sql("UPDATE vex_source SET mark = ?, left_out = ? WHERE id = ?")
                        .bind(mark)
                        .bind(i64::try_from(left_out).unwrap_or(i64::MAX))
                        .bind(source.row)
                        .execute(&mut *connection)
                        .await?;
                    if !changed.is_empty() {
                        sql("UPDATE vex_source SET changed = ? WHERE id = ?")
                            .bind(now)
                            .bind(source.row)
                            .execute(&mut *connection)
                            .await?;
                        touch(connection).await?;
                    }
                    Ok(changed)
                })
            })
            .await
    }
}

/// Puts documents in the place of those before, where they differ.
async fn replace(
    connection: &mut Connection,
    source: &VexSource,
    name: &str,
    documents: Vec<FetchedVex>,
    now: Timestamp,
) -> Result<Vec<VexText>, StoreError> {
    let mut before: std::collections::BTreeMap<String, VexText> = said(connection, source.row)
        .await?
        .into_iter()
        .map(|text| (text.record.name.clone(), text))
        .collect();
    let environment_id = match &source.environment {
        Some(name) => Some(environment::id(connection, name).await?),
        None => None,
    };
    let others: i64 =
        sql("SELECT COUNT(*) FROM vex_document WHERE source_id IS NULL OR source_id <> ?")
            .bind(source.row)
            .scalar()
            .fetch_one(&mut *connection)
            .await?;
    let others = usize::try_from(others).unwrap_or(usize::MAX);
    let room = MAX_VEX_DOCUMENTS.saturating_sub(others);
    let mut changed = Vec::new();
    for document in documents.into_iter().take(room) {
        let full = if document.name.is_empty() {
            name.to_owned()
        } else {
            format!("{name}/{}", document.name)
        };
        if let Some(known) = before.remove(&full) {
            if known.document == document.document {
                continue;
            }
            sql("DELETE FROM vex_document WHERE uid = ?")
                .bind(&known.record.id)
                .execute(&mut *connection)
                .await?;
            changed.push(known);
        }
        let uid = mint();
        sql(
            "INSERT INTO vex_document (uid, environment_id, name, statements, added, added_by,
                 document, source_id)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&uid)
        .bind(environment_id)
        .bind(&full)
        .bind(i64::try_from(document.statements).unwrap_or(i64::MAX))
        .bind(now)
        .bind(&source.record.address)
        .bind(pack(&document.document)?)
        .bind(source.row)
        .execute(&mut *connection)
        .await?;
        changed.push(VexText {
            record: crate::VexRecord {
                id: uid,
                environment: source.environment.clone(),
                name: full,
                statements: document.statements,
                added: now,
                added_by: source.record.address.clone(),
            },
            document: document.document,
        });
    }
    for known in before.into_values() {
        sql("DELETE FROM vex_document WHERE uid = ?")
            .bind(&known.record.id)
            .execute(&mut *connection)
            .await?;
        changed.push(known);
    }
    Ok(changed)
}

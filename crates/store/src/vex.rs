//! VEX documents: kept as they came, and read again by whoever matches.

use jiff::Timestamp;

use crate::{
    Author, Scope, Store, StoreError,
    audit::{self, Note},
    db::{Connection, Row, Sql, sql},
    environment,
};

/// A document that is to be kept.
#[derive(Clone, Debug)]
pub struct NewVexDocument {
    /// `None`: everywhere.
    pub environment: Option<String>,
    pub name: String,
    pub statements: u64,
    pub document: Vec<u8>,
}

/// A document, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VexRecord {
    pub id: String,
    pub environment: Option<String>,
    pub name: String,
    pub statements: u64,
    pub added: Timestamp,
    pub added_by: String,
}

/// A document as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VexText {
    pub record: VexRecord,
    pub document: Vec<u8>,
}

/// The most a stored document may inflate to.
const LIMIT: usize = 256 << 20;
/// Documents kept; a hub has hundreds.
pub const MAX_VEX_DOCUMENTS: usize = 5000;

const SELECT: &str = "SELECT vex_document.uid, vex_document.name, vex_document.statements,
    vex_document.added, vex_document.added_by, environment.name AS environment";
const FROM: &str = " FROM vex_document
    LEFT JOIN environment ON environment.id = vex_document.environment_id";

fn read(row: &Row) -> Result<VexRecord, StoreError> {
    Ok(VexRecord {
        id: row.text("uid")?,
        environment: row.maybe_text("environment")?,
        name: row.text("name")?,
        statements: row.count("statements")?,
        added: row.time("added")?,
        added_by: row.text("added_by")?,
    })
}

/// The start of a question for documents with their texts.
pub(crate) fn select_text() -> Sql {
    let mut query = sql(SELECT);
    query.push(", vex_document.document").push(FROM);
    query
}

/// A document as it is kept.
pub(crate) fn pack(document: &[u8]) -> Result<Vec<u8>, StoreError> {
    zstd::bulk::compress(document, 3).map_err(StoreError::Sbom)
}

pub(crate) async fn touch(connection: &mut Connection) -> Result<(), StoreError> {
    sql("INSERT INTO mark (name, value) VALUES ('vex', 1)
         ON CONFLICT (name) DO UPDATE SET value = mark.value + 1")
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// The documents that hold in scope or everywhere, by name.
    pub async fn vex_documents(&self, scope: &Scope) -> Result<Vec<VexRecord>, StoreError> {
        let mut query = sql(SELECT);
        query
            .push(FROM)
            .push(" WHERE vex_document.environment_id IS NULL OR ");
        scope.constrain(&mut query, "vex_document.environment_id");
        query.push(" ORDER BY vex_document.name, vex_document.id");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }

    /// A number that grows with every change of documents.
    pub async fn vex_mark(&self) -> Result<i64, StoreError> {
        let mark = sql("SELECT value FROM mark WHERE name = 'vex'")
            .scalar()
            .fetch_optional(&self.readers)
            .await?;
        Ok(mark.unwrap_or(0))
    }

    /// Every document with its text, for whoever matches.
    pub async fn vex_texts(&self) -> Result<Vec<VexText>, StoreError> {
        let mut query = select_text();
        query.push(" ORDER BY vex_document.id");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(text).collect()
    }

    /// Keeps a document, in place of one of the same name there; what
    /// that one said comes back too. `None`: there are too many.
    pub async fn put_vex_document(
        &self,
        author: Author,
        new: NewVexDocument,
    ) -> Result<Option<(VexRecord, Option<VexText>)>, StoreError> {
        let document = pack(&new.document)?;
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let environment_id = match &new.environment {
                        Some(name) => Some(environment::id(connection, name).await?),
                        None => None,
                    };
                    let mut query = select_text();
                    query
                        .push(" WHERE COALESCE(vex_document.environment_id, 0) = ")
                        .push_bind(environment_id.unwrap_or(0))
                        .push(" AND vex_document.source_id IS NULL AND vex_document.name = ")
                        .push_bind(&new.name);
                    let row = query.fetch_optional(&mut *connection).await?;
                    let before = row.as_ref().map(text).transpose()?;
                    if let Some(before) = &before {
                        remove(connection, &before.record.id).await?;
                    }
                    let count: i64 = sql("SELECT COUNT(*) FROM vex_document")
                        .scalar()
                        .fetch_one(&mut *connection)
                        .await?;
                    if usize::try_from(count).is_ok_and(|count| count >= MAX_VEX_DOCUMENTS) {
                        return Ok(None);
                    }
                    let uid = crate::scan::mint();
                    sql(
                        "INSERT INTO vex_document (uid, environment_id, name, statements, added,
                             added_by, document) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    )
                    .bind(&uid)
                    .bind(environment_id)
                    .bind(&new.name)
                    .bind(i64::try_from(new.statements).unwrap_or(i64::MAX))
                    .bind(author.time)
                    .bind(&author.name)
                    .bind(document)
                    .execute(&mut *connection)
                    .await?;
                    touch(connection).await?;
                    let note = Note::of("vex.add", "vex", &uid)
                        .made(&serde_json::json!({ "name": new.name }));
                    audit::note(connection, &author, note).await?;
                    let record = VexRecord {
                        id: uid,
                        environment: new.environment,
                        name: new.name,
                        statements: new.statements,
                        added: author.time,
                        added_by: author.name,
                    };
                    Ok(Some((record, before)))
                })
            })
            .await
    }

    /// A document as it came, if it holds in scope or everywhere.
    pub async fn vex_text(&self, scope: &Scope, id: &str) -> Result<Option<VexText>, StoreError> {
        let mut query = select_text();
        query.push(" WHERE (vex_document.environment_id IS NULL OR ");
        scope.constrain(&mut query, "vex_document.environment_id");
        query
            .push(") AND vex_document.uid = ")
            .push_bind(id.to_owned());
        let row = query.fetch_optional(&self.readers).await?;
        row.as_ref().map(text).transpose()
    }

    /// Forgets a document; what it said. `None`: there is none in scope.
    pub async fn remove_vex_document(
        &self,
        author: Author,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<VexText>, StoreError> {
        let Some(known) = self.vex_text(scope, id).await? else {
            return Ok(None);
        };
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    remove(connection, &known.record.id).await?;
                    touch(connection).await?;
                    let note = Note::of("vex.remove", "vex", &known.record.id)
                        .removed(&serde_json::json!({ "name": known.record.name }));
                    audit::note(connection, &author, note).await?;
                    Ok(Some(known))
                })
            })
            .await
    }

    /// The images that have findings of any of these vulnerabilities,
    /// whatever became of those.
    pub async fn images_with_vulnerabilities(
        &self,
        names: &[String],
        environment: Option<&str>,
    ) -> Result<Vec<String>, StoreError> {
        let mut images = std::collections::BTreeSet::new();
        for chunk in names.chunks(500) {
            let mut query = sql("SELECT DISTINCT image.uid FROM rule
                 JOIN finding ON finding.rule_id = rule.id
                 JOIN image ON image.id = finding.image_id
                 JOIN environment ON environment.id = image.environment_id
                 WHERE rule.kind = 0 AND finding.state <> 1 AND rule.name IN ");
            query.push_list(chunk.iter().map(String::as_str));
            if let Some(environment) = environment {
                query
                    .push(" AND environment.name = ")
                    .push_bind(environment.to_owned());
            }
            images.extend(query.scalar::<String>().fetch_all(&self.readers).await?);
        }
        Ok(images.into_iter().collect())
    }
}

pub(crate) fn text(row: &Row) -> Result<VexText, StoreError> {
    let packed = row.blob("document")?;
    Ok(VexText {
        record: read(row)?,
        document: zstd::bulk::decompress(&packed, size_of_packed(&packed))
            .map_err(StoreError::Sbom)?,
    })
}

fn size_of_packed(packed: &[u8]) -> usize {
    let says = zstd::zstd_safe::get_frame_content_size(packed);
    let says = says
        .ok()
        .flatten()
        .and_then(|size| usize::try_from(size).ok());
    says.unwrap_or(LIMIT).min(LIMIT)
}

async fn remove(connection: &mut Connection, id: &str) -> Result<(), StoreError> {
    sql("DELETE FROM vex_document WHERE uid = ?")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

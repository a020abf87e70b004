//! The index of text inside findings' own lines, by every three letters.
//!
//! SQLite's is a virtual table that a migration makes; lines that change
//! or go it follows by itself, those that come are [`put`]. PostgreSQL's
//! follows all, and needs the extension `pg_trgm`, which not every database may have: it is made
//! when a store is opened, and without it lines are read one by one.

use super::{Connection, Database, Dialect, insert, sql};
use crate::StoreError;

/// Letters a text must have for the index to know it.
pub(crate) const LETTERS: usize = 3;

/// Makes the index where there is none; whether there is one now.
pub(crate) async fn ensure(database: &Database) -> Result<bool, StoreError> {
    if database.dialect() == Dialect::Sqlite {
        return Ok(true);
    }
    let mut connection = database.connect().await?;
    let made = make(&mut connection).await;
    let is_there = match made {
        Ok(()) => true,
        Err(error) if error.is_disconnect() => return Err(error),
        // Another server may have made it in this moment.
        Err(error) => {
            let is_there = exists(&mut connection).await?;
            if !is_there {
                tracing::warn!(
                    database = %database.name(),
                    error = %model::error::chain(&error),
                    "searching reads findings' lines one by one: let an administrator of the \
                     database run CREATE EXTENSION pg_trgm (of PostgreSQL's contributed \
                     extensions) and start again"
                );
            }
            is_there
        }
    };
    connection.close().await;
    Ok(is_there)
}

/// Puts the lines of new findings, by their ids, where the index does not
/// follow by itself.
pub(crate) async fn put<'l>(
    connection: &mut Connection,
    lines: impl Iterator<Item = (i64, &'l str)>,
) -> Result<(), StoreError> {
    if connection.dialect() == Dialect::Sqlite {
        insert("INSERT INTO finding_line (rowid, summary) ")
            .together()
            .rows(connection, lines, |row, (finding, line)| {
                row.push_bind(finding).push_bind(line);
            })
            .await?;
    }
    Ok(())
}

/// Reads all lines anew, after findings were written another way.
pub(crate) async fn read_anew(connection: &mut Connection) -> Result<(), StoreError> {
    if connection.dialect() == Dialect::Sqlite {
        sql("INSERT INTO finding_line (finding_line) VALUES ('rebuild')")
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn exists(connection: &mut Connection) -> Result<bool, StoreError> {
    let valid: Option<i64> = sql(
        "SELECT CAST(1 AS BIGINT) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
         WHERE c.relname = 'finding_line' AND i.indisvalid
           AND c.relnamespace = CAST(current_schema() AS regnamespace)",
    )
    .scalar()
    .fetch_optional(connection)
    .await?;
    Ok(valid.is_some())
}

async fn make(connection: &mut Connection) -> Result<(), StoreError> {
    if exists(connection).await? {
        return Ok(());
    }
    if extension(connection).await?.is_none() {
        connection
            .run("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            .await?;
    }
    let schema = extension(connection).await?.unwrap_or_default();
    sql(format!(
        "CREATE INDEX IF NOT EXISTS finding_line ON finding
         USING gin (LOWER(summary) {schema}.gin_trgm_ops) WHERE summary IS NOT NULL"
    ))
    .execute(connection)
    .await?;
    Ok(())
}

/// The schema the extension is in, quoted.
async fn extension(connection: &mut Connection) -> Result<Option<String>, StoreError> {
    sql("SELECT quote_ident(n.nspname) FROM pg_extension AS e
         JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm'")
    .scalar()
    .fetch_optional(connection)
    .await
}

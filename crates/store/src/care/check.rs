//! Whether the record is whole, and making it small.

use super::{copy::begin_reading, table};
use crate::{
    Dialect, Place, StoreError,
    db::{Connection, migrate, sql},
};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub dialect: Dialect,
    pub schema: i64,
    /// The schema this program writes.
    pub known: i64,
    /// Rows by table.
    pub tables: Vec<(String, u64)>,
    /// What is wrong, in words; empty where nothing is.
    pub problems: Vec<String>,
}

/// Problems told one by one; there are no more after so many.
const TOLD: i64 = 20;

/// Reads everything at `place` once and says what is wrong. A server may
/// go on using it.
pub async fn check(place: &Place) -> Result<Check, StoreError> {
    let mut connection = place.database.connect_existing().await?;
    let database = place.to_string();
    let schema = match migrate::version(&mut connection).await? {
        Some(0) => return Err(StoreError::NoStore { database }),
        Some(schema) => schema,
        None => return Err(StoreError::ForeignSchema { database }),
    };
    begin_reading(&mut connection).await?;
    let mut check = Check {
        dialect: place.dialect(),
        schema,
        known: migrate::known(),
        tables: Vec::new(),
        problems: Vec::new(),
    };
    if check.schema != check.known {
        check.problems.push(format!(
            "the schema is number {}, and this program's is {}",
            check.schema, check.known
        ));
    }
    match place.dialect() {
        Dialect::Sqlite => sqlite(&mut connection, &mut check.problems).await?,
        Dialect::Postgres => postgres(&mut connection, &mut check.problems).await?,
    }
    for table in table::tables(&mut connection).await? {
        let mut rows = 0;
        let mut last = None;
        loop {
            let batch = table.read(&mut connection, last.as_deref()).await?;
            rows += batch.len() as u64;
            let Some(end) = batch.into_iter().next_back() else {
                break;
            };
            last = Some(end);
        }
        let counted = table.count(&mut connection).await?;
        if counted != rows {
            check.problems.push(format!(
                "table {}: its key finds {rows} of {counted} rows",
                table.name
            ));
        }
        check.tables.push((table.name, rows));
    }
    if check.schema == check.known {
        let drifts = crate::rollup::recount(&mut connection).await?;
        let told = drifts.iter().take(usize::try_from(TOLD).unwrap_or(0));
        check.problems.extend(told.map(ToString::to_string));
    }
    connection.run("COMMIT").await?;
    connection.close().await;
    Ok(check)
}

async fn sqlite(connection: &mut Connection, problems: &mut Vec<String>) -> Result<(), StoreError> {
    let said: Vec<String> = sql("SELECT integrity_check FROM pragma_integrity_check LIMIT ?")
        .bind(TOLD)
        .scalar()
        .fetch_all(&mut *connection)
        .await?;
    problems.extend(said.into_iter().filter(|line| line != "ok"));
    let dangling = sql("SELECT \"table\" AS name, parent FROM pragma_foreign_key_check LIMIT ?")
        .bind(TOLD)
        .fetch_all(connection)
        .await?;
    for row in &dangling {
        problems.push(format!(
            "table {}: a row refers to one of {} that is gone",
            row.text("name")?,
            row.text("parent")?
        ));
    }
    Ok(())
}

async fn postgres(
    connection: &mut Connection,
    problems: &mut Vec<String>,
) -> Result<(), StoreError> {
    let broken: Vec<String> = sql("SELECT CAST(c.relname AS TEXT) FROM pg_index AS i
         JOIN pg_class AS c ON c.oid = i.indexrelid
         WHERE NOT i.indisvalid AND c.relnamespace = CAST(current_schema() AS regnamespace)
         LIMIT ?")
    .bind(TOLD)
    .scalar()
    .fetch_all(connection)
    .await?;
    problems.extend(
        broken
            .into_iter()
            .map(|name| format!("index {name} is not valid: REINDEX it")),
    );
    Ok(())
}

/// Gives unused space back and lets the planner look again; bytes before
/// and after. A file must have no server on it.
pub async fn vacuum(place: &Place) -> Result<(u64, u64), StoreError> {
    let _lease = place.lease()?;
    let mut connection = place.database.connect_existing().await?;
    let before = size(&mut connection).await?;
    match place.dialect() {
        Dialect::Sqlite => {
            connection.run("VACUUM; ANALYZE").await?;
            sql("PRAGMA wal_checkpoint(TRUNCATE)")
                .fetch_all(&mut connection)
                .await?;
        }
        Dialect::Postgres => {
            for table in table::tables(&mut connection).await? {
                sql(format!("VACUUM (ANALYZE) \"{}\"", table.name))
                    .once()
                    .execute(&mut connection)
                    .await?;
            }
        }
    }
    let after = size(&mut connection).await?;
    connection.close().await;
    Ok((before, after))
}

async fn size(connection: &mut Connection) -> Result<u64, StoreError> {
    let text = connection.dialect().pick(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        "SELECT pg_database_size(current_database())",
    );
    let bytes: i64 = sql(text).scalar().fetch_one(connection).await?;
    Ok(bytes.try_into().unwrap_or(0))
}

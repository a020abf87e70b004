//! The whole record, from one database into another.
//!
//! One transaction reads, one writes: the copy is of one moment, and is
//! there as a whole or not at all. Every table is read again from the
//! target, counted and hashed, before that is believed.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::table::{self, Table};
use crate::{
    Dialect, Place, StoreError,
    db::{Connection, Value, insert, lines, migrate, sql},
};

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    pub schema: i64,
    pub tables: Vec<CopiedTable>,
}

/// One table that is the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedTable {
    pub name: String,
    pub rows: u64,
    /// SHA-256 over all rows in the order of their key, hexadecimal.
    pub hash: String,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug)]
pub struct CopyProgress<'a> {
    pub table: &'a str,
    pub rows: u64,
    pub of: u64,
    /// The rows are being compared, not copied.
    pub verifying: bool,
}

impl Copied {
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

/// How often, and how long apart, a database's users are looked for.
const LOOKS: u32 = 20;
const LOOK: Duration = Duration::from_millis(100);

/// Copies everything at `from` into the empty database at `to`. No
/// server may be using either.
pub async fn copy(
    from: &Place,
    to: &Place,
    progress: &mut (dyn FnMut(CopyProgress<'_>) + Send),
) -> Result<Copied, StoreError> {
    let _leases = (from.lease()?, to.lease()?);
    refuse_company(from).await?;
    copy_unleased(from, to, progress).await
}

pub(super) async fn copy_unleased(
    from: &Place,
    to: &Place,
    progress: &mut (dyn FnMut(CopyProgress<'_>) + Send),
) -> Result<Copied, StoreError> {
    let mut source = from.database.connect_existing().await?;
    let schema = same_schema(from, &mut source).await?;
    let mut target = to.database.connect_to_migrate().await?;
    // Before anything is made there: a refusal leaves it as it was.
    refuse_rows(to, &mut target).await?;
    migrate::run(&to.database).await?;

    begin_reading(&mut source).await?;
    target
        .run(to.dialect().pick("BEGIN IMMEDIATE", "BEGIN"))
        .await?;
    let copied = rows(to, &mut source, &mut target, progress).await;
    let tables = match copied {
        Ok(tables) => tables,
        Err(error) => {
            // The error that led here says more than one of this.
            drop(target.run("ROLLBACK").await);
            return Err(error);
        }
    };
    target.run("COMMIT").await?;
    source.run("COMMIT").await?;
    lines::ensure(&to.database).await?;
    target.run("ANALYZE").await?;
    if to.dialect() == Dialect::Sqlite {
        // One file, without a journal beside it.
        sql("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_all(&mut target)
            .await?;
    }
    source.close().await;
    target.close().await;
    Ok(Copied { schema, tables })
}

/// What a server writes behind a copy's back would be left behind. A
/// file has its lease; of a database we ask who else is there.
async fn refuse_company(from: &Place) -> Result<(), StoreError> {
    if from.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let mut connection = from.database.connect_existing().await?;
    for _ in 0..LOOKS {
        let others = sql("SELECT COUNT(*) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'seawall'
               AND pid <> pg_backend_pid()")
        .scalar::<i64>()
        .fetch_one(&mut connection)
        .await?;
        if others == 0 {
            connection.close().await;
            return Ok(());
        }
        // One that just left takes a moment to be gone.
        tokio::time::sleep(LOOK).await;
    }
    Err(StoreError::Company {
        database: from.to_string(),
    })
}

/// A copy of another schema's rows would be none of either.
async fn same_schema(place: &Place, source: &mut Connection) -> Result<i64, StoreError> {
    let database = place.to_string();
    let known = migrate::known();
    match migrate::version(source).await? {
        Some(found) if found == known => Ok(found),
        Some(0) => Err(StoreError::NoStore { database }),
        Some(found) if found < known => Err(StoreError::OlderSchema {
            database,
            found,
            known,
        }),
        Some(found) => Err(StoreError::NewerSchema {
            database,
            found,
            known,
        }),
        None => Err(StoreError::ForeignSchema { database }),
    }
}

async fn refuse_rows(place: &Place, target: &mut Connection) -> Result<(), StoreError> {
    let database = place.to_string();
    match migrate::version(target).await? {
        Some(0) => return Ok(()),
        Some(_) => {}
        None => return Err(StoreError::ForeignSchema { database }),
    }
    for table in table::tables(target).await? {
        if table.has_rows(target).await? {
            return Err(StoreError::NotEmpty {
                database,
                table: table.name,
            });
        }
    }
    Ok(())
}

/// From here on the connection sees one moment.
pub(super) async fn begin_reading(source: &mut Connection) -> Result<(), StoreError> {
    source
        .run(source.dialect().pick(
            // A deferred transaction's moment is its first read.
            "BEGIN; SELECT COUNT(*) FROM sqlite_schema",
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        ))
        .await
}

async fn rows(
    to: &Place,
    source: &mut Connection,
    target: &mut Connection,
    progress: &mut (dyn FnMut(CopyProgress<'_>) + Send),
) -> Result<Vec<CopiedTable>, StoreError> {
    let tables = table::tables(source).await?;
    let known = table::tables(target).await?;
    for table in &tables {
        let same = known.iter().find(|known| known.name == table.name);
        if same.is_none_or(|known| known.columns != table.columns || known.key != table.key) {
            return Err(StoreError::Table {
                table: table.name.clone(),
                why: format!("{to} has no such table"),
            });
        }
    }
    // What migrations put there comes from the source.
    for table in known.iter().rev() {
        sql(format!("DELETE FROM \"{}\"", table.name))
            .execute(&mut *target)
            .await?;
    }
    let mut copied = Vec::with_capacity(tables.len());
    for table in &tables {
        let of = table.count(source).await?;
        let wrote = walk(table, source, Some(target), of, progress).await?;
        table.resume_numbers(target).await?;
        let found = walk(table, target, None, of, progress).await?;
        if wrote != found {
            return Err(StoreError::Differs {
                database: to.to_string(),
                table: table.name.clone(),
            });
        }
        copied.push(wrote);
    }
    lines::read_anew(target).await?;
    Ok(copied)
}

/// Reads a whole table, batch by batch, and writes it to `into`.
async fn walk(
    table: &Table,
    from: &mut Connection,
    mut into: Option<&mut Connection>,
    of: u64,
    progress: &mut (dyn FnMut(CopyProgress<'_>) + Send),
) -> Result<CopiedTable, StoreError> {
    let mut hash = Sha256::new();
    let mut rows = 0;
    let mut last: Option<Vec<Value>> = None;
    let verifying = into.is_none();
    loop {
        progress(CopyProgress {
            table: &table.name,
            rows,
            of,
            verifying,
        });
        let batch = table.read(from, last.as_deref()).await?;
        let Some(end) = batch.last() else { break };
        last = Some(end.clone());
        rows += batch.len() as u64;
        for row in &batch {
            digest(&mut hash, row);
        }
        if let Some(into) = into.as_deref_mut() {
            let head = format!("INSERT INTO \"{}\" ({}) ", table.name, table.column_list());
            insert(head)
                .rows(into, batch, |values, row| {
                    for value in row {
                        values.push_bind(value);
                    }
                })
                .await?;
        }
    }
    Ok(CopiedTable {
        name: table.name.clone(),
        rows,
        hash: hash
            .finalize()
            .iter()
            .fold(String::new(), |mut text, byte| {
                use std::fmt::Write as _;
                write!(text, "{byte:02x}").expect("invariant: writing to a string cannot fail");
                text
            }),
    })
}

/// Each value with its type and length, so that no two rows look alike.
fn digest(hash: &mut Sha256, row: &[Value]) {
    for value in row {
        match value {
            Value::Int(Some(value)) => {
                hash.update([1]);
                hash.update(value.to_be_bytes());
            }
            Value::Real(Some(value)) => {
                hash.update([2]);
                hash.update(value.to_bits().to_be_bytes());
            }
            Value::Text(Some(value)) => {
                hash.update([3]);
                hash.update((value.len() as u64).to_be_bytes());
                hash.update(value);
            }
            Value::Blob(Some(value)) => {
                hash.update([4]);
                hash.update((value.len() as u64).to_be_bytes());
                hash.update(value);
            }
            Value::Int(None) | Value::Real(None) | Value::Text(None) | Value::Blob(None) => {
                hash.update([0]);
            }
        }
    }
}

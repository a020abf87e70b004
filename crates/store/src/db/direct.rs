//! The connection that writes a file.
//!
//! Its statements run where they are called, on the writer's own thread:
//! handed to another thread, each of the many thousand rows a change of
//! advisories touches would cross between two of them.

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::{
    OpenFlags, Statement, ToSql,
    types::{ToSqlOutput, ValueRef},
};

use super::Value;
use crate::StoreError;

/// Statements kept prepared.
const KEPT: usize = 128;

/// A connection of the thread that calls.
#[derive(Debug)]
pub(crate) struct Direct(rusqlite::Connection);

/// A row, read.
pub(crate) struct DirectRow {
    columns: Arc<[String]>,
    values: Vec<Held>,
}

/// What a column of a row holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Held {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// What a statement answers.
#[derive(Default)]
pub(super) struct Answer {
    pub rows: Vec<DirectRow>,
    /// How many rows it touched.
    pub touched: u64,
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Self::Int(Some(value)) => ValueRef::Integer(*value),
            Self::Real(Some(value)) => ValueRef::Real(*value),
            Self::Text(Some(value)) => ValueRef::Text(value.as_bytes()),
            Self::Blob(Some(value)) => ValueRef::Blob(value),
            Self::Int(None) | Self::Real(None) | Self::Text(None) | Self::Blob(None) => {
                ValueRef::Null
            }
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

impl Direct {
    pub(super) fn open(path: &Path, patience: Duration) -> Result<Self, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            // Nobody else has this connection.
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(patience)?;
        connection.set_prepared_statement_cache_capacity(KEPT);
        Ok(Self(connection))
    }

    pub(super) fn run(&self, text: &str) -> Result<(), StoreError> {
        Ok(self.0.execute_batch(text)?)
    }

    /// Runs one statement to its end.
    pub(super) fn answer<'v>(
        &self,
        text: &str,
        values: impl Iterator<Item = &'v Value>,
        is_kept: bool,
    ) -> Result<Answer, StoreError> {
        let before = self.0.total_changes();
        let mut rows = Vec::new();
        let run = |statement: &mut Statement<'_>| {
            let columns = columns_of(statement);
            read(statement, &columns, values, &mut rows)
        };
        if is_kept {
            let mut statement = self.0.prepare_cached(text)?;
            run(&mut statement)?;
        } else {
            run(&mut self.0.prepare(text)?)?;
        }
        Ok(Answer {
            rows,
            touched: if self.0.total_changes() == before {
                0
            } else {
                self.0.changes()
            },
        })
    }

    /// Runs one statement once for each of these rows of values.
    pub(super) fn each(&self, text: &str, rows: &[Vec<Value>]) -> Result<Answer, StoreError> {
        let mut before = self.0.total_changes();
        let mut statement = self.0.prepare_cached(text)?;
        let columns = columns_of(&statement);
        let mut answer = Answer::default();
        for row in rows {
            read(&mut statement, &columns, row.iter(), &mut answer.rows)?;
            let after = self.0.total_changes();
            if std::mem::replace(&mut before, after) != after {
                answer.touched += self.0.changes();
            }
        }
        Ok(answer)
    }

    /// Runs one insert once for each of these rows of values; the ids they
    /// were given.
    pub(super) fn numbered(&self, text: &str, rows: &[Vec<Value>]) -> Result<Vec<i64>, StoreError> {
        let mut statement = self.0.prepare_cached(text)?;
        let mut ids = Vec::with_capacity(rows.len());
        for row in rows {
            read(&mut statement, &Arc::default(), row.iter(), &mut Vec::new())?;
            ids.push(self.0.last_insert_rowid());
        }
        Ok(ids)
    }

    pub(super) fn close(self) -> Result<(), rusqlite::Error> {
        self.0.close().map_err(|(_connection, error)| error)
    }
}

fn columns_of(statement: &Statement<'_>) -> Arc<[String]> {
    let names = statement.column_names();
    names.into_iter().map(str::to_owned).collect()
}

/// Runs a statement to its end.
fn read<'v>(
    statement: &mut Statement<'_>,
    columns: &Arc<[String]>,
    values: impl Iterator<Item = &'v Value>,
    into: &mut Vec<DirectRow>,
) -> Result<(), StoreError> {
    for (place, value) in values.enumerate() {
        statement.raw_bind_parameter(place + 1, value)?;
    }
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let mut values = Vec::with_capacity(columns.len());
        for place in 0..columns.len() {
            values.push(match row.get_ref(place)? {
                ValueRef::Null => Held::Null,
                ValueRef::Integer(value) => Held::Int(value),
                ValueRef::Real(value) => Held::Real(value),
                ValueRef::Text(_) => Held::Text(row.get(place)?),
                ValueRef::Blob(value) => Held::Blob(value.to_vec()),
            });
        }
        into.push(DirectRow {
            columns: Arc::clone(columns),
            values,
        });
    }
    Ok(())
}

impl DirectRow {
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn named(&self, name: &str) -> Option<&Held> {
        let place = self.columns.iter().position(|column| column == name)?;
        self.values.get(place)
    }

    /// What a column holds, which is let go of.
    pub(super) fn take(&mut self, place: usize) -> Option<Held> {
        let held = self.values.get_mut(place)?;
        Some(std::mem::replace(held, Held::Null))
    }

    pub(super) fn at(&self, place: usize) -> Option<&Held> {
        self.values.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_statement_leaves_as_it_is_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file.db");
        let connection = Direct::open(&file, Duration::ZERO).unwrap();
        connection
            .run("CREATE TABLE host (name TEXT PRIMARY KEY, seen BIGINT)")
            .unwrap();
        let insert = "INSERT INTO host VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        let rows = ["a", "a", "b", "a"].map(|name| vec![name.into(), 7_i64.into()]);
        assert_eq!(connection.each(insert, &rows).unwrap().touched, 2);

        let find = "SELECT name, seen FROM host WHERE name = ?1";
        let names = ["b", "c", "a"].map(|name| vec![Value::from(name)]);
        let found = connection.each(find, &names).unwrap();
        assert_eq!(found.touched, 0);
        let found: Vec<_> = found.rows.iter().map(|row| row.named("name")).collect();
        let text = |name: &str| Held::Text(name.to_owned());
        assert_eq!(found, [Some(&text("b")), Some(&text("a"))]);
        let one = [Value::from("b")];
        let gone = "DELETE FROM host WHERE name = ?1";
        let touched = |is_kept| {
            let answer = connection.answer(gone, one.iter(), is_kept).unwrap();
            answer.touched
        };
        assert_eq!([touched(true), touched(false)], [1, 0]);
    }
}

//! Many rows changed, each otherwise.

use std::borrow::Cow;

use super::{Connection, Dialect, ROWS, Row, Value, sql};
use crate::StoreError;

/// An `UPDATE` of rows by their ids; see [`update`].
#[derive(Clone, Debug)]
pub(crate) struct Update {
    table: &'static str,
    columns: Cow<'static, str>,
    ending: &'static str,
}

/// Begins a change of rows by their ids: `update("host", "seen =
/// delta.column2")`, where `delta.column1` is the id.
pub(crate) fn update(table: &'static str, columns: impl Into<Cow<'static, str>>) -> Update {
    Update {
        table,
        columns: columns.into(),
        ending: "",
    }
}

impl Update {
    /// What follows: ` RETURNING …`.
    pub(crate) fn ending(self, ending: &'static str) -> Self {
        Self { ending, ..self }
    }

    /// Changes all of `rows`, each an id and what `delta.column2` and on
    /// stand for; what the statements return, in no order.
    pub(crate) async fn rows(
        self,
        connection: &mut Connection,
        rows: Vec<Vec<Value>>,
    ) -> Result<Vec<Row>, StoreError> {
        let Self {
            table,
            columns,
            ending,
        } = self;
        if connection.dialect() == Dialect::Sqlite {
            let columns = columns.replace("delta.column", "?");
            let text = format!("UPDATE {table} SET {columns} WHERE {table}.id = ?1{ending}");
            return connection.each(sql(text), rows).await;
        }
        let mut found = Vec::new();
        for chunk in rows.chunks(ROWS) {
            let mut query = sql(format!("UPDATE {table} SET {columns} FROM "));
            query.push_rows(chunk.to_vec(), connection.dialect());
            query.push(format_args!(" WHERE {table}.id = delta.column1{ending}"));
            found.extend(query.fetch_all(&mut *connection).await?);
        }
        Ok(found)
    }
}

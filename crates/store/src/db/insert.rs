//! Many rows in few statements.

use std::borrow::Cow;

use super::{
    Connection, Dialect, ROWS, Row, Sql, Value,
    direct::{Answer, Direct},
    sql,
};
use crate::StoreError;

/// Values of one statement: SQLite takes 32,766, PostgreSQL 65,535.
const VALUES: usize = 32_000;
/// Statements of up to this many rows are worth keeping prepared.
const FEW: usize = 4;

/// An `INSERT` of any number of rows; see the module.
#[derive(Clone, Debug)]
pub(crate) struct Insert {
    head: Cow<'static, str>,
    ending: &'static str,
}

/// Begins an insert: `INSERT INTO host (name, seen) `.
pub(crate) fn insert(head: impl Into<Cow<'static, str>>) -> Insert {
    Insert {
        head: head.into(),
        ending: "",
    }
}

/// One row being filled.
#[derive(Debug)]
pub(crate) struct Values(Vec<Value>);

impl Values {
    /// The value of the next column.
    pub(crate) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.0.push(value.into());
        self
    }
}

impl Insert {
    /// What follows the rows: ` ON CONFLICT …`, ` RETURNING …`.
    pub(crate) fn ending(self, ending: &'static str) -> Self {
        Self { ending, ..self }
    }

    /// Inserts all of `items`; the number of rows touched.
    pub(crate) async fn rows<T>(
        self,
        connection: &mut Connection,
        items: impl IntoIterator<Item = T>,
        fill: impl FnMut(&mut Values, T),
    ) -> Result<u64, StoreError> {
        if let Connection::Direct(connection) = connection {
            return Ok(self.directly(connection, items, fill)?.touched);
        }
        let mut touched = 0;
        for statement in self.statements(connection.dialect(), items, fill) {
            touched += statement.execute(&mut *connection).await?;
        }
        Ok(touched)
    }

    /// Inserts all of `items`; what the statements return, in no order.
    pub(crate) async fn returning<T>(
        self,
        connection: &mut Connection,
        items: impl IntoIterator<Item = T>,
        fill: impl FnMut(&mut Values, T),
    ) -> Result<Vec<Row>, StoreError> {
        if let Connection::Direct(connection) = connection {
            let answer = self.directly(connection, items, fill)?;
            return Ok(answer.rows.into_iter().map(Row::Direct).collect());
        }
        let mut rows = Vec::new();
        for statement in self.statements(connection.dialect(), items, fill) {
            rows.extend(statement.fetch_all(&mut *connection).await?);
        }
        Ok(rows)
    }

    /// One prepared statement, run for each: a long one would be prepared
    /// for every number of rows.
    fn directly<T>(
        &self,
        connection: &Direct,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(&mut Values, T),
    ) -> Result<Answer, StoreError> {
        let rows = items.into_iter().map(|item| {
            let mut values = Values(Vec::new());
            fill(&mut values, item);
            values.0
        });
        let rows: Vec<Vec<Value>> = rows.collect();
        let Some(first) = rows.first() else {
            return Ok(Answer::default());
        };
        let marks = vec!["?"; first.len()].join(", ");
        let text = format!("{}VALUES ({marks}){}", self.head, self.ending);
        connection.each(&text, &rows)
    }

    fn statements<T>(
        &self,
        dialect: Dialect,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(&mut Values, T),
    ) -> Vec<Sql> {
        let mut statements = Vec::new();
        let mut rows: Vec<Vec<Value>> = Vec::new();
        let mut most = ROWS;
        for item in items {
            let width = rows.last().map_or(0, Vec::len);
            let mut values = Values(Vec::with_capacity(width));
            fill(&mut values, item);
            if dialect == Dialect::Sqlite {
                most = ROWS.min(VALUES / values.0.len().max(1));
            }
            rows.push(values.0);
            if rows.len() == most {
                statements.push(self.statement(dialect, std::mem::take(&mut rows), most));
            }
        }
        if !rows.is_empty() {
            statements.push(self.statement(dialect, rows, most));
        }
        statements
    }

    fn statement(&self, dialect: Dialect, rows: Vec<Vec<Value>>, most: usize) -> Sql {
        let count = rows.len();
        let mut statement = sql(self.head.clone());
        if dialect == Dialect::Postgres && count > FEW {
            statement.push("SELECT * FROM ").push_columns(rows);
        } else {
            statement.push_values(rows);
        }
        statement.push(self.ending);
        if dialect == Dialect::Sqlite && count > FEW && count < most {
            return statement.once();
        }
        statement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_to_what_both_databases_take() {
        let insert = insert("INSERT INTO t (a, b) ").ending(" RETURNING a");
        let statements = insert.statements(Dialect::Sqlite, 0..2500_i64, |row, item| {
            row.push_bind(item).push_bind("x");
        });
        let lengths: Vec<usize> = statements
            .iter()
            .map(|statement| statement.as_str().matches("(?, ?)").count())
            .collect();
        assert_eq!(lengths, [1000, 1000, 500]);
        assert!(
            statements[2]
                .as_str()
                .starts_with("INSERT INTO t (a, b) VALUES (?, ?), (?, ?)")
        );
        assert!(statements[2].as_str().ends_with("(?, ?) RETURNING a"));
        let wide = insert.statements(Dialect::Sqlite, 0..10, |row, _| {
            for column in 0..16_000_i64 {
                row.push_bind(column);
            }
        });
        assert_eq!(wide.len(), 5);
        assert!(
            insert
                .statements(Dialect::Sqlite, 0..0, |_, _| {})
                .is_empty()
        );
    }

    #[test]
    fn postgresql_is_given_columns() {
        let insert = insert("INSERT INTO t (a, b) ").ending(" RETURNING a");
        let texts = |rows: i64| -> Vec<String> {
            insert
                .statements(Dialect::Postgres, 0..rows, |row, item| {
                    row.push_bind(item).push_bind("x");
                })
                .iter()
                .map(|statement| statement.as_str().to_owned())
                .collect()
        };
        assert_eq!(texts(1), ["INSERT INTO t (a, b) VALUES (?, ?) RETURNING a"]);
        let many = "INSERT INTO t (a, b) SELECT * FROM UNNEST(?, ?) RETURNING a";
        assert_eq!(texts(1500), [many; 2]);
    }
}

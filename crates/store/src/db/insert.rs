//! Many rows in few statements.

use std::borrow::Cow;

use super::{Connection, Row, Sql, Value, sql};
use crate::StoreError;

/// Rows of one statement.
const ROWS: usize = 1000;
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
        let mut touched = 0;
        for statement in self.statements(items, fill) {
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
        let mut rows = Vec::new();
        for statement in self.statements(items, fill) {
            rows.extend(statement.fetch_all(&mut *connection).await?);
        }
        Ok(rows)
    }

    fn statements<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(&mut Values, T),
    ) -> Vec<Sql> {
        let mut statements = Vec::new();
        let mut open: Option<(Sql, usize)> = None;
        for item in items {
            let mut values = Values(Vec::new());
            fill(&mut values, item);
            let width = values.0.len().max(1);
            let (statement, rows) = open.get_or_insert_with(|| (sql(self.head.clone()), 0));
            statement.push(if *rows == 0 { "VALUES " } else { ", " });
            statement.push_list(values.0);
            *rows += 1;
            if *rows == ROWS.min(VALUES / width) {
                statements.extend(open.take().map(|(statement, _)| self.end(statement)));
            }
        }
        statements.extend(open.map(|(statement, rows)| {
            let statement = self.end(statement);
            if rows > FEW {
                statement.once()
            } else {
                statement
            }
        }));
        statements
    }

    fn end(&self, mut statement: Sql) -> Sql {
        statement.push(self.ending);
        statement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_to_what_both_databases_take() {
        let insert = insert("INSERT INTO t (a, b) ").ending(" RETURNING a");
        let statements = insert.statements(0..2500_i64, |row, item| {
            row.push_bind(item).push_bind("x");
        });
        let lengths: Vec<usize> = statements
            .iter()
            .map(|statement| statement.text().matches("(?, ?)").count())
            .collect();
        assert_eq!(lengths, [1000, 1000, 500]);
        assert!(
            statements[2]
                .text()
                .starts_with("INSERT INTO t (a, b) VALUES (?, ?), (?, ?)")
        );
        assert!(statements[2].text().ends_with("(?, ?) RETURNING a"));
        let wide = insert.statements(0..10, |row, _| {
            for column in 0..16_000_i64 {
                row.push_bind(column);
            }
        });
        assert_eq!(wide.len(), 5);
        assert!(insert.statements(0..0, |_, _| {}).is_empty());
    }
}

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
/// Rows of one statement where each statement has a cost of its own.
const TOGETHER: usize = 50;

/// An `INSERT` of any number of rows; see the module.
#[derive(Clone, Debug)]
pub(crate) struct Insert {
    head: Cow<'static, str>,
    ending: &'static str,
    is_together: bool,
}

/// Begins an insert: `INSERT INTO host (name, seen) `.
pub(crate) fn insert(head: impl Into<Cow<'static, str>>) -> Insert {
    Insert {
        head: head.into(),
        ending: "",
        is_together: false,
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

    /// Rows of a table whose text is indexed: SQLite writes what the index
    /// gathered to its tables at each statement.
    pub(crate) fn together(self) -> Self {
        Self {
            is_together: true,
            ..self
        }
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

    /// Inserts all of `items` on SQLite's writer, into a table whose ids
    /// the database gives; the ids, in the order given. With `RETURNING`
    /// each statement would make a table of what it answers.
    pub(crate) fn numbered<T>(
        &self,
        connection: &Direct,
        items: impl IntoIterator<Item = T>,
        fill: impl FnMut(&mut Values, T),
    ) -> Result<Vec<i64>, StoreError> {
        let rows = filled(items, fill);
        match rows.first() {
            Some(row) => connection.numbered(&self.text(row.len(), 1), &rows),
            None => Ok(Vec::new()),
        }
    }

    /// One prepared statement, run for each: a long one would be prepared
    /// for every number of rows.
    fn directly<T>(
        &self,
        connection: &Direct,
        items: impl IntoIterator<Item = T>,
        fill: impl FnMut(&mut Values, T),
    ) -> Result<Answer, StoreError> {
        let mut rows = filled(items, fill);
        let Some(width) = rows.first().map(Vec::len) else {
            return Ok(Answer::default());
        };
        let mut answer = Answer::default();
        if self.is_together {
            let rest = rows.split_off(rows.len() - rows.len() % TOGETHER);
            let joined: Vec<Vec<Value>> = rows.chunks(TOGETHER).map(<[_]>::concat).collect();
            rows = rest;
            if !joined.is_empty() {
                answer = connection.each(&self.text(width, TOGETHER), &joined)?;
            }
        }
        if !rows.is_empty() {
            let rest = connection.each(&self.text(width, 1), &rows)?;
            answer.touched += rest.touched;
            answer.rows.extend(rest.rows);
        }
        Ok(answer)
    }

    fn text(&self, width: usize, rows: usize) -> String {
        let row = format!("({})", vec!["?"; width].join(", "));
        let rows = vec![row; rows].join(", ");
        format!("{}VALUES {rows}{}", self.head, self.ending)
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

/// The values of each item's row.
fn filled<T>(
    items: impl IntoIterator<Item = T>,
    mut fill: impl FnMut(&mut Values, T),
) -> Vec<Vec<Value>> {
    let mut width = 0;
    let rows = items.into_iter().map(|item| {
        let mut values = Values(Vec::with_capacity(width));
        fill(&mut values, item);
        width = values.0.len();
        values.0
    });
    rows.collect()
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

    #[tokio::test]
    async fn rows_that_go_together_are_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file.db");
        let direct = Direct::open(&file, std::time::Duration::ZERO).unwrap();
        direct.run("CREATE TABLE t (a BIGINT, b TEXT)").unwrap();
        let mut connection = Connection::Direct(direct);
        for (from, to) in [(0, 0), (0, 1), (1, 50), (50, 100), (100, 217)] {
            let returned = insert("INSERT INTO t (a, b) ")
                .ending(" RETURNING a")
                .together()
                .returning(&mut connection, from..to, |row, item: i64| {
                    row.push_bind(item).push_bind(format!("text {item}"));
                })
                .await
                .unwrap();
            assert_eq!(returned.len(), usize::try_from(to - from).unwrap());
        }
        let right = sql("SELECT COUNT(*) FROM t WHERE b = 'text ' || a");
        let right: i64 = right.scalar().fetch_one(&mut connection).await.unwrap();
        assert_eq!(right, 217);
    }

    #[test]
    fn the_ids_of_rows_come_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file.db");
        let direct = Direct::open(&file, std::time::Duration::ZERO).unwrap();
        direct
            .run(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT); INSERT INTO t VALUES (41, 'old')",
            )
            .unwrap();
        let put = |items: &[&str]| {
            insert("INSERT INTO t (b) ").numbered(&direct, items, |row, item| {
                row.push_bind(*item);
            })
        };
        assert_eq!(put(&[]).unwrap(), [0_i64; 0]);
        assert_eq!(put(&["z", "a", "z"]).unwrap(), [42, 43, 44]);
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

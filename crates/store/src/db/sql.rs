//! A statement: text with `?`, and what the marks stand for.

use std::{borrow::Cow, fmt::Display, marker::PhantomData};

use sqlx::{
    AssertSqlSafe, Postgres, Sqlite, postgres::PgArguments, query::Query, sqlite::SqliteArguments,
};

use super::{
    Cell, Connection, Dialect, Pool, Row, Value,
    column::{Column, columns},
    direct::{self, Direct, DirectRow},
    placeholder,
};
use crate::StoreError;

/// A statement; see the module for how to write one.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    text: Cow<'static, str>,
    values: Vec<Bound>,
    /// Whether the database should keep it prepared.
    kept: bool,
}

/// What a `?` stands for.
#[derive(Clone, Debug)]
enum Bound {
    One(Value),
    /// On PostgreSQL alone.
    Many(Column),
}

/// Where a statement runs.
#[derive(Debug)]
pub(crate) enum On<'e> {
    Pool(&'e Pool),
    Connection(&'e mut Connection),
}

impl<'e> From<&'e Pool> for On<'e> {
    fn from(pool: &'e Pool) -> Self {
        Self::Pool(pool)
    }
}

impl<'e> From<&'e mut Connection> for On<'e> {
    fn from(connection: &'e mut Connection) -> Self {
        Self::Connection(connection)
    }
}

/// Rows, or ids, of one statement.
pub(crate) const ROWS: usize = 1000;
/// Statements of up to this many rows are worth keeping prepared.
const FEW: usize = 4;

/// Whether SQLite meets a statement of so many rows often.
fn worth_keeping(rows: usize) -> bool {
    rows <= FEW || rows == ROWS
}

/// Begins a statement.
pub(crate) fn sql(text: impl Into<Cow<'static, str>>) -> Sql {
    Sql {
        text: text.into(),
        values: Vec::new(),
        kept: true,
    }
}

macro_rules! run {
    ($statement:expr, $on:expr, $method:ident, $done:expr) => {{
        let statement: Sql = $statement;
        match $on.into() {
            On::Pool(Pool::Sqlite(pool)) => {
                let answer = statement.for_sqlite()?.$method(pool).await?;
                Ok($done(answer.into()))
            }
            On::Pool(Pool::Postgres(pool)) => {
                let answer = statement.for_postgres()?.$method(pool).await?;
                Ok($done(answer.into()))
            }
            On::Connection(Connection::Sqlite(connection)) => {
                let answer = statement.for_sqlite()?.$method(connection).await?;
                Ok($done(answer.into()))
            }
            On::Connection(Connection::Direct(connection)) => {
                Ok($done(statement.directly(connection)?.into()))
            }
            On::Connection(Connection::Postgres(connection)) => {
                let answer = statement.for_postgres()?.$method(connection).await?;
                Ok($done(answer.into()))
            }
        }
    }};
}

/// What either driver answers, before it is a [`Row`].
enum Rows {
    Sqlite(Vec<sqlx::sqlite::SqliteRow>),
    Direct(Vec<DirectRow>),
    Postgres(Vec<sqlx::postgres::PgRow>),
}

impl From<Vec<sqlx::sqlite::SqliteRow>> for Rows {
    fn from(rows: Vec<sqlx::sqlite::SqliteRow>) -> Self {
        Self::Sqlite(rows)
    }
}

impl From<Vec<sqlx::postgres::PgRow>> for Rows {
    fn from(rows: Vec<sqlx::postgres::PgRow>) -> Self {
        Self::Postgres(rows)
    }
}

impl From<Option<sqlx::sqlite::SqliteRow>> for Rows {
    fn from(row: Option<sqlx::sqlite::SqliteRow>) -> Self {
        Self::Sqlite(row.into_iter().collect())
    }
}

impl From<Option<sqlx::postgres::PgRow>> for Rows {
    fn from(row: Option<sqlx::postgres::PgRow>) -> Self {
        Self::Postgres(row.into_iter().collect())
    }
}

impl Rows {
    fn into_vec(self) -> Vec<Row> {
        match self {
            Self::Sqlite(rows) => rows.into_iter().map(Row::Sqlite).collect(),
            Self::Direct(rows) => rows.into_iter().map(Row::Direct).collect(),
            Self::Postgres(rows) => rows.into_iter().map(Row::Postgres).collect(),
        }
    }
}

impl From<direct::Answer> for Rows {
    fn from(answer: direct::Answer) -> Self {
        Self::Direct(answer.rows)
    }
}

/// How many rows a statement touched.
struct Touched(u64);

impl From<direct::Answer> for Touched {
    fn from(answer: direct::Answer) -> Self {
        Self(answer.touched)
    }
}

impl From<sqlx::sqlite::SqliteQueryResult> for Touched {
    fn from(result: sqlx::sqlite::SqliteQueryResult) -> Self {
        Self(result.rows_affected())
    }
}

impl From<sqlx::postgres::PgQueryResult> for Touched {
    fn from(result: sqlx::postgres::PgQueryResult) -> Self {
        Self(result.rows_affected())
    }
}

impl Sql {
    /// The value of the next `?` of the text.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(Bound::One(value.into()));
        self
    }

    /// Appends text of ours: never anything that came from outside.
    pub(crate) fn push(&mut self, text: impl Display) -> &mut Self {
        use std::fmt::Write as _;
        write!(self.text.to_mut(), "{text}").expect("invariant: writing to a string cannot fail");
        self
    }

    /// Appends a `?` and its value.
    pub(crate) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.text.to_mut().push('?');
        self.values.push(Bound::One(value.into()));
        self
    }

    /// Appends `(?, ?, …)`; an empty list matches nothing.
    pub(crate) fn push_list<V: Into<Value>>(
        &mut self,
        values: impl IntoIterator<Item = V>,
    ) -> &mut Self {
        self.push("(");
        let before = self.values.len();
        for value in values {
            if self.values.len() > before {
                self.push(", ");
            }
            self.push_bind(value);
        }
        if self.values.len() == before {
            self.push("NULL");
        }
        self.push(")")
    }

    /// Appends rows for a `FROM`, as `delta` with `column1`, `column2`, …:
    /// `(VALUES (…), (…)) AS delta`. There must be one.
    pub(crate) fn push_rows(&mut self, rows: Vec<Vec<Value>>, dialect: Dialect) -> &mut Self {
        match dialect {
            Dialect::Sqlite => {
                self.kept &= worth_keeping(rows.len());
                self.push("(").push_values(rows).push(") AS delta");
            }
            Dialect::Postgres => {
                let width = rows.first().map_or(0, Vec::len);
                self.push_columns(rows).push(" AS delta (");
                for place in 1..=width {
                    let comma = if place > 1 { ", " } else { "" };
                    self.push(format_args!("{comma}column{place}"));
                }
                self.push(")");
            }
        }
        self
    }

    /// Appends `VALUES (?, …), (?, …)`.
    pub(super) fn push_values(&mut self, rows: Vec<Vec<Value>>) -> &mut Self {
        for (step, row) in rows.into_iter().enumerate() {
            self.push(if step == 0 { "VALUES " } else { ", " })
                .push_list(row);
        }
        self
    }

    /// Appends `UNNEST(?, …)`, with a value for each column.
    pub(super) fn push_columns(&mut self, rows: Vec<Vec<Value>>) -> &mut Self {
        self.push("UNNEST(");
        for (step, column) in columns(rows).into_iter().enumerate() {
            self.push(if step == 0 { "?" } else { ", ?" });
            self.values.push(Bound::Many(column));
        }
        self.push(")")
    }

    /// Appends ` IN (…)`, for any number of ids.
    pub(crate) fn push_in(&mut self, ids: &[i64], dialect: Dialect) -> &mut Self {
        match dialect {
            Dialect::Sqlite => {
                self.kept &= worth_keeping(ids.len());
                self.push(" IN ").push_list(ids)
            }
            Dialect::Postgres => {
                self.push(" = ANY(?)");
                let ids = ids.iter().copied().map(Some).collect();
                self.values.push(Bound::Many(Column::Int(ids)));
                self
            }
        }
    }

    /// Not worth keeping prepared: its text hardly comes again.
    pub(crate) fn once(mut self) -> Self {
        self.kept = false;
        self
    }

    /// The text, `?` as written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// How the planner would run it, one step a line.
    #[cfg(test)]
    pub(crate) async fn plan(mut self, on: &Pool) -> String {
        let explain = on.dialect().pick("EXPLAIN QUERY PLAN", "EXPLAIN");
        self.text = format!("{explain} {}", self.text).into();
        let rows: Vec<Row> = match on {
            Pool::Sqlite(_) => self.once().fetch_all(on).await.unwrap(),
            Pool::Postgres(pool) => {
                let mut connection = pool.acquire().await.unwrap();
                // A test's tables are so small that reading them whole is
                // cheapest, which says nothing of large ones.
                sqlx::raw_sql("SET enable_seqscan = off")
                    .execute(&mut *connection)
                    .await
                    .unwrap();
                let query = self.for_postgres().unwrap();
                let rows = query.fetch_all(&mut *connection).await.unwrap();
                rows.into_iter().map(Row::Postgres).collect()
            }
        };
        let column = on.dialect().pick("detail", "QUERY PLAN");
        let steps: Vec<String> = rows.iter().map(|row| row.text(column).unwrap()).collect();
        steps.join("\n")
    }

    /// Reads the first column only.
    pub(crate) fn scalar<T: Cell>(self) -> Scalar<T> {
        Scalar {
            sql: self,
            cell: PhantomData,
        }
    }

    /// Runs it; the number of rows it touched.
    pub(crate) async fn execute<'e>(self, on: impl Into<On<'e>>) -> Result<u64, StoreError> {
        run!(self, on, execute, |touched: Touched| touched.0)
    }

    pub(crate) async fn fetch_all<'e>(self, on: impl Into<On<'e>>) -> Result<Vec<Row>, StoreError> {
        run!(self, on, fetch_all, Rows::into_vec)
    }

    pub(crate) async fn fetch_optional<'e>(
        self,
        on: impl Into<On<'e>>,
    ) -> Result<Option<Row>, StoreError> {
        run!(self, on, fetch_optional, |rows: Rows| rows.into_vec().pop())
    }

    pub(crate) async fn fetch_one<'e>(self, on: impl Into<On<'e>>) -> Result<Row, StoreError> {
        self.fetch_optional(on)
            .await?
            .ok_or(StoreError::Query(sqlx::Error::RowNotFound))
    }

    fn directly(self, connection: &Direct) -> Result<direct::Answer, StoreError> {
        let values = self.values.iter().map(|value| match value {
            Bound::One(value) => Ok(value),
            Bound::Many(_) => Err(StoreError::Query(no_arrays())),
        });
        let values: Vec<&Value> = values.collect::<Result<_, _>>()?;
        connection.answer(&self.text, values.into_iter(), self.kept)
    }

    fn for_sqlite(self) -> Result<Query<'static, Sqlite, SqliteArguments>, StoreError> {
        use sqlx::Arguments as _;
        let mut arguments = SqliteArguments::default();
        for value in self.values {
            match value {
                Bound::One(Value::Int(value)) => arguments.add(value),
                Bound::One(Value::Real(value)) => arguments.add(value),
                Bound::One(Value::Text(value)) => arguments.add(value),
                Bound::One(Value::Blob(value)) => arguments.add(value),
                Bound::Many(_) => return Err(no_arrays().into()),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        let text = AssertSqlSafe(self.text);
        Ok(sqlx::query_with(text, arguments).persistent(self.kept))
    }

    fn for_postgres(self) -> Result<Query<'static, Postgres, PgArguments>, StoreError> {
        use sqlx::Arguments as _;
        let mut arguments = PgArguments::default();
        for value in self.values {
            match value {
                Bound::One(Value::Int(value)) => arguments.add(value),
                Bound::One(Value::Real(value)) => arguments.add(value),
                Bound::One(Value::Text(value)) => arguments.add(value),
                Bound::One(Value::Blob(value)) => arguments.add(value),
                Bound::Many(Column::Int(values)) => arguments.add(values),
                Bound::Many(Column::Real(values)) => arguments.add(values),
                Bound::Many(Column::Text(values)) => arguments.add(values),
                Bound::Many(Column::Blob(values)) => arguments.add(values),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        let text = if self.text.contains('?') {
            Cow::Owned(placeholder::number(&self.text))
        } else {
            self.text
        };
        Ok(sqlx::query_with(AssertSqlSafe(text), arguments).persistent(self.kept))
    }
}

fn no_arrays() -> sqlx::Error {
    sqlx::Error::Encode("SQLite has no arrays".into())
}

/// A statement of which one column is read.
#[derive(Debug)]
pub(crate) struct Scalar<T> {
    sql: Sql,
    cell: PhantomData<fn() -> T>,
}

impl<T: Cell> Scalar<T> {
    pub(crate) async fn fetch_all<'e>(self, on: impl Into<On<'e>>) -> Result<Vec<T>, StoreError> {
        let rows = self.sql.fetch_all(on).await?;
        rows.iter().map(|row| T::read(row, 0)).collect()
    }

    pub(crate) async fn fetch_optional<'e>(
        self,
        on: impl Into<On<'e>>,
    ) -> Result<Option<T>, StoreError> {
        let row = self.sql.fetch_optional(on).await?;
        row.map(|row| T::read(&row, 0)).transpose()
    }

    pub(crate) async fn fetch_one<'e>(self, on: impl Into<On<'e>>) -> Result<T, StoreError> {
        T::read(&self.sql.fetch_one(on).await?, 0)
    }
}

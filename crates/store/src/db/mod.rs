//! The one way to the database: SQLite and PostgreSQL, one SQL text.
//!
//! # Writing a query
//!
//! ```ignore
//! use crate::db::{sql, insert, Connection, Row};
//!
//! // `?` in the text, values in order. Reads run on `&self.readers`,
//! // writes on the `&mut Connection` the writer hands out.
//! let row = sql("SELECT name, seen FROM host WHERE id = ?")
//!     .bind(id)
//!     .fetch_optional(&self.readers)
//!     .await?;
//! let name = row.text("name")?;
//!
//! // One column: `scalar`.
//! let id: i64 = sql("INSERT INTO host (name) VALUES (?) RETURNING id")
//!     .bind(name)
//!     .scalar()
//!     .fetch_one(&mut *connection)
//!     .await?;
//!
//! // Text made piece by piece. `push` is for our own words only;
//! // whatever comes from outside goes through `push_bind`.
//! let mut query = sql("SELECT * FROM host WHERE ");
//! scope.constrain(&mut query, "environment_id");
//! query.push(" AND kind IN ").push_list(kinds.iter().map(|kind| kind.as_str()));
//! let rows = query.fetch_all(&self.readers).await?;
//!
//! // Many rows: cut into statements of a size both databases take; on
//! // PostgreSQL each column of them is one value, an array.
//! insert("INSERT INTO host (name, seen) ")
//!     .ending(" ON CONFLICT (name) DO UPDATE SET seen = excluded.seen")
//!     .rows(&mut *connection, &hosts, |row, host| {
//!         row.push_bind(&host.name).push_bind(host.seen);
//!     })
//!     .await?;
//! ```
//!
//! # What both databases understand
//!
//! * Types: `BIGINT` (numbers, flags as 0 and 1, times as microseconds),
//!   `DOUBLE PRECISION`, `TEXT` (JSON too), `BLOB`. A `bool` or a
//!   [`jiff::Timestamp`] binds as such a number. Text compares byte by
//!   byte on both, `LOWER` folds ASCII only.
//! * Ids: `id INTEGER PRIMARY KEY`, never given by us: `RETURNING id`.
//!   Never `MAX(id) + 1`. Rows of one `RETURNING` come in no order:
//!   return a column to tell them apart.
//! * Upserts: `ON CONFLICT (…) DO UPDATE SET x = excluded.x`. One
//!   statement must not hit one row twice: remove doubles first.
//! * `GROUP BY` names every selected column that is not an aggregate;
//!   `HAVING` and `WHERE` take no aliases.
//! * A subquery in `FROM` needs a name. A condition is a comparison:
//!   `WHERE flag = 1`, not `WHERE flag`. No `IFNULL`, `datetime`, `||`
//!   with numbers, `GLOB`, `INSERT OR …`, `LIMIT -1`, `MAX(a, b)`.
//! * Never name an expression like a column of the `ORDER BY`: that
//!   hides the index. A partial index serves only a query that repeats
//!   its condition with literals.
//! * `SUM` of a BIGINT reads as [`Row::int`] on both, but is NUMERIC
//!   inside PostgreSQL: `CAST(SUM(x) AS BIGINT)` before it is compared
//!   or divided.
//! * `bind` gives a type to its `?`, except that a bare `? IS NULL` has
//!   none to compare with: decide in Rust instead.
//!
//! A migration is one file for both (`migrate` renders it for
//! PostgreSQL); the few texts that differ are told by [`Dialect`].

mod column;
mod connection;
mod direct;
mod insert;
pub(crate) mod lines;
pub(crate) mod migrate;
mod placeholder;
mod row;
mod sql;
mod update;
mod value;

pub(crate) use connection::{Connection, Database, Pool};
pub(crate) use insert::{Values, insert};
pub(crate) use row::{Cell, Row};
pub(crate) use sql::{ROWS, Sql, sql};
pub(crate) use update::update;
pub(crate) use value::Value;

/// Which database is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// The text for this database, where one text cannot serve both.
    pub(crate) fn pick<T>(self, sqlite: T, postgres: T) -> T {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }

    pub fn as_str(self) -> &'static str {
        self.pick("SQLite", "PostgreSQL")
    }
}

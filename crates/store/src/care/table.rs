//! Tables as the database itself describes them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    StoreError,
    db::{Cell, Connection, Dialect, Row, Sql, Value, sql},
};

/// Tables that belong to one database alone.
const OWN: [&str; 2] = ["_sqlx_migrations", "writer"];

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Real,
    Text,
    Blob,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// A table of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    /// In the order of their names, which both databases agree on.
    pub(super) columns: Vec<Column>,
    /// The primary key's columns, as places in `columns`.
    pub(super) key: Vec<usize>,
    /// Whether the database gives out its ids.
    pub(super) numbered: bool,
}

/// Every table of the record, each after those it refers to.
pub(super) async fn tables(connection: &mut Connection) -> Result<Vec<Table>, StoreError> {
    let mut names = names(connection).await?;
    names.retain(|name| !OWN.contains(&name.as_str()));
    let mut references: BTreeMap<String, BTreeSet<String>> = names
        .iter()
        .map(|name| (name.clone(), BTreeSet::new()))
        .collect();
    for row in &references_between(connection).await? {
        let (from, to) = (row.text("from_table")?, row.text("to_table")?);
        if from != to
            && let Some(known) = references.get_mut(&from)
        {
            known.insert(to);
        }
    }
    let mut tables = Vec::with_capacity(names.len());
    for name in in_order(references) {
        tables.push(describe(connection, name).await?);
    }
    Ok(tables)
}

/// Those without references first; a circle is broken at its first name.
fn in_order(mut references: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut order = Vec::with_capacity(references.len());
    while !references.is_empty() {
        let next = references
            .iter()
            .find(|(_, to)| to.iter().all(|name| order.contains(name)))
            .or_else(|| references.iter().next())
            .map(|(name, _)| name.clone());
        if let Some(name) = next {
            references.remove(&name);
            order.push(name);
        }
    }
    order
}

async fn names(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    let text = connection.dialect().pick(
        // Virtual tables and their shadows are indexes, made anew.
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
        "SELECT CAST(tablename AS TEXT) FROM pg_tables
         WHERE schemaname = current_schema() ORDER BY 1",
    );
    sql(text).scalar().fetch_all(connection).await
}

async fn references_between(connection: &mut Connection) -> Result<Vec<Row>, StoreError> {
    let text = connection.dialect().pick(
        "SELECT list.name AS from_table, keys.\"table\" AS to_table
         FROM pragma_table_list AS list, pragma_foreign_key_list(list.name) AS keys
         WHERE list.type = 'table'",
        "SELECT CAST(source.relname AS TEXT) AS from_table,
                CAST(target.relname AS TEXT) AS to_table
         FROM pg_constraint AS keys
         JOIN pg_class AS source ON source.oid = keys.conrelid
         JOIN pg_class AS target ON target.oid = keys.confrelid
         WHERE keys.contype = 'f'
           AND source.relnamespace = CAST(current_schema() AS regnamespace)",
    );
    sql(text).fetch_all(connection).await
}

async fn describe(connection: &mut Connection, name: String) -> Result<Table, StoreError> {
    let text = connection.dialect().pick(
        "SELECT name, type, pk FROM pragma_table_info(?) ORDER BY name",
        "SELECT CAST(a.attname AS TEXT) AS name,
                CAST(format_type(a.atttypid, NULL) AS TEXT)
                    || CASE WHEN a.attidentity = '' THEN '' ELSE ' numbered' END AS type,
                COALESCE(array_position(CAST(k.conkey AS INTEGER[]), CAST(a.attnum AS INTEGER)), 0)
                    AS pk
         FROM pg_attribute AS a
         JOIN pg_class AS c ON c.oid = a.attrelid
         LEFT JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p'
         WHERE c.relname = ? AND c.relnamespace = CAST(current_schema() AS regnamespace)
           AND a.attnum > 0 AND NOT a.attisdropped
         ORDER BY CAST(a.attname AS TEXT) COLLATE \"C\"",
    );
    let rows = sql(text).bind(&name).fetch_all(&mut *connection).await?;
    let mut table = Table {
        name,
        columns: Vec::with_capacity(rows.len()),
        key: Vec::new(),
        numbered: false,
    };
    let mut key = Vec::new();
    for row in &rows {
        let kind = row.text("type")?;
        let place = row.int("pk")?;
        if place > 0 {
            key.push((place, table.columns.len()));
        }
        // SQLite gives out the ids of exactly such columns.
        table.numbered |= (place > 0 && kind == "INTEGER") || kind.ends_with(" numbered");
        table.columns.push(Column {
            name: row.text("name")?,
            kind: match kind.to_ascii_lowercase().as_str() {
                "integer" | "bigint" | "bigint numbered" => Kind::Int,
                "double precision" => Kind::Real,
                "text" => Kind::Text,
                "blob" | "bytea" => Kind::Blob,
                _ => {
                    return Err(StoreError::Table {
                        table: table.name,
                        why: format!("column {} is of type {kind}", row.text("name")?),
                    });
                }
            },
        });
    }
    key.sort_unstable();
    table.key = key.into_iter().map(|(_, place)| place).collect();
    if table.key.is_empty() {
        return Err(StoreError::Table {
            table: table.name,
            why: "it has no primary key".to_owned(),
        });
    }
    Ok(table)
}

impl Table {
    /// `"a", "b"`: all columns, quoted.
    pub(super) fn column_list(&self) -> String {
        list(self.columns.iter())
    }

    /// Rows at once: what has blobs may be large.
    fn batch(&self) -> i64 {
        let heavy = self.columns.iter().any(|column| column.kind == Kind::Blob);
        if heavy { 50 } else { 1000 }
    }

    /// The rows after a key, in the key's order.
    fn after(&self, last: Option<&[Value]>) -> Sql {
        let key = list(self.key.iter().map(|place| &self.columns[*place]));
        let mut query = sql(format!(
            "SELECT {} FROM \"{}\"",
            self.column_list(),
            self.name
        ));
        if let Some(row) = last {
            query.push(format_args!(" WHERE ({key}) > "));
            query.push_list(self.key.iter().map(|place| row[*place].clone()));
        }
        query
            .push(format_args!(" ORDER BY {key} LIMIT "))
            .push_bind(self.batch());
        query
    }

    /// The next rows; none at the end.
    pub(super) async fn read(
        &self,
        connection: &mut Connection,
        last: Option<&[Value]>,
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let rows = self.after(last).fetch_all(connection).await?;
        rows.iter().map(|row| self.values(row)).collect()
    }

    fn values(&self, row: &Row) -> Result<Vec<Value>, StoreError> {
        self.columns
            .iter()
            .enumerate()
            .map(|(place, column)| {
                Ok(match column.kind {
                    Kind::Int => Option::<i64>::read(row, place)?.into(),
                    Kind::Real => Option::<f64>::read(row, place)?.into(),
                    Kind::Text => Option::<String>::read(row, place)?.into(),
                    Kind::Blob => Option::<Vec<u8>>::read(row, place)?.into(),
                })
            })
            .collect()
    }

    pub(super) async fn count(&self, connection: &mut Connection) -> Result<u64, StoreError> {
        let count = sql(format!("SELECT COUNT(*) FROM \"{}\"", self.name))
            .scalar::<i64>()
            .fetch_one(connection)
            .await?;
        Ok(count.try_into().unwrap_or(0))
    }

    pub(super) async fn has_rows(&self, connection: &mut Connection) -> Result<bool, StoreError> {
        let row = sql(format!("SELECT 1 FROM \"{}\" LIMIT 1", self.name))
            .fetch_optional(connection)
            .await?;
        Ok(row.is_some())
    }

    /// Lets the database go on counting where the copied ids end.
    pub(super) async fn resume_numbers(
        &self,
        connection: &mut Connection,
    ) -> Result<(), StoreError> {
        if !self.numbered || connection.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        for place in &self.key {
            let column = &self.columns[*place].name;
            let table = &self.name;
            sql(format!(
                "SELECT setval(pg_get_serial_sequence('\"{table}\"', '{column}'),
                     COALESCE((SELECT MAX(\"{column}\") FROM \"{table}\"), 0) + 1, false)"
            ))
            .fetch_one(&mut *connection)
            .await?;
        }
        Ok(())
    }
}

fn list<'c>(columns: impl Iterator<Item = &'c Column>) -> String {
    columns
        .map(|column| format!("\"{}\"", column.name))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_follows_those_it_refers_to() {
        let references = [
            ("comment", &["finding"][..]),
            ("environment", &[]),
            ("finding", &["image", "environment"]),
            ("image", &["environment"]),
        ];
        let references = references
            .iter()
            .map(|(from, to)| {
                let to = to.iter().map(|name| (*name).to_owned()).collect();
                ((*from).to_owned(), to)
            })
            .collect();
        assert_eq!(
            in_order(references),
            ["environment", "image", "finding", "comment"]
        );
    }
}

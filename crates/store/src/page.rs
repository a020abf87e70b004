//! Pages walked by key: a row added meanwhile never shifts the others.

use serde::{Deserialize, Serialize};

use crate::db::Sql;

/// How far totals are counted.
pub(crate) const TOTAL_CAP: u64 = 10_000;

/// Which page.
#[derive(Clone, Debug)]
pub struct PageRequest {
    pub limit: u32,
    pub cursor: Option<String>,
}

impl PageRequest {
    pub fn first(limit: u32) -> Self {
        Self {
            limit,
            cursor: None,
        }
    }
}

/// One page.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
    /// Counted up to ten thousand.
    pub total: u64,
    pub total_capped: bool,
}

/// The cursor is not one this list gave out.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list and order")]
pub struct CursorError;

/// The sort key of the last row seen: `(order, key, id)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Cursor(String, Key, i64);

/// A value rows are ordered by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Key {
    Int(i64),
    Text(String),
}

/// An order: one expression, its direction, and the id that breaks ties
/// in the same direction, so that one index can serve it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// Names the order inside the cursor.
    pub name: &'static str,
    pub expression: &'static str,
    pub id: &'static str,
    pub descending: bool,
}

impl Order {
    /// Adds `AND (key, id) after cursor ORDER BY key, id LIMIT limit+1`.
    pub(crate) fn page(&self, query: &mut Sql, request: &PageRequest) -> Result<(), CursorError> {
        self.grouped_page(query, request, "")
    }

    /// Adds `AND (key, id) after cursor`.
    fn seek(&self, query: &mut Sql, request: &PageRequest) -> Result<(), CursorError> {
        let after = if self.descending { "<" } else { ">" };
        if let Some(cursor) = &request.cursor {
            let Cursor(order, key, id) = decode(cursor).ok_or(CursorError)?;
            if order != self.name {
                return Err(CursorError);
            }
            query.push(format_args!(
                " AND ({}, {}) {after} (",
                self.expression, self.id
            ));
            match key {
                Key::Int(key) => query.push_bind(key),
                Key::Text(key) => query.push_bind(key),
            };
            query.push(", ").push_bind(id).push(")");
        }
        Ok(())
    }

    /// As [`Order::page`], of rows that are grouped, by the key and the id
    /// among others.
    pub(crate) fn grouped_page(
        &self,
        query: &mut Sql,
        request: &PageRequest,
        grouped: &str,
    ) -> Result<(), CursorError> {
        self.seek(query, request)?;
        query.push(grouped);
        self.sort(query);
        query
            .push(" LIMIT ")
            .push_bind(i64::from(request.limit) + 1);
        Ok(())
    }

    /// Adds `ORDER BY key, id`.
    pub(crate) fn sort(&self, query: &mut Sql) {
        let direction = if self.descending { "DESC" } else { "ASC" };
        query.push(format_args!(
            " ORDER BY {} {direction}, {} {direction}",
            self.expression, self.id
        ));
    }

    /// The key of the last row seen, for a list that is ordered here.
    pub(crate) fn after(&self, cursor: &str) -> Result<Key, CursorError> {
        match decode(cursor) {
            Some(Cursor(order, key, _)) if order == self.name => Ok(key),
            _ => Err(CursorError),
        }
    }

    /// Cuts the one row too many and makes the cursor from the last kept.
    pub(crate) fn cut<T>(
        &self,
        mut items: Vec<T>,
        request: &PageRequest,
        total: Total,
        key: impl Fn(&T) -> (Key, i64),
    ) -> Page<T> {
        let limit = request.limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = match items.last() {
            Some(last) if more => {
                let (key, id) = key(last);
                Some(encode(&Cursor(self.name.to_owned(), key, id)))
            }
            _ => None,
        };
        Page {
            items,
            next_cursor,
            total: total.0.min(TOTAL_CAP),
            total_capped: total.0 > TOTAL_CAP,
        }
    }
}

/// Rows counted, one past the cap at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Total(pub u64);

fn encode(cursor: &Cursor) -> String {
    use std::fmt::Write as _;
    crate::row::json(cursor)
        .bytes()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("invariant: writing to a string cannot fail");
            text
        })
}

fn decode(text: &str) -> Option<Cursor> {
    if text.len() > 4096 {
        return None;
    }
    let bytes: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect();
    serde_json::from_slice(&bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_what_it_says() {
        let cursor = Cursor("name".to_owned(), Key::Text("é%".to_owned()), 7);
        assert_eq!(decode(&encode(&cursor)), Some(cursor));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "zz", "5b", "é", "00ff"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}

//! What the store's commands say, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};
use store::{Backup, Check, Copied, Migrated, Place};

pub(super) fn migrated(place: &Place, migrated: Migrated) -> String {
    let Migrated { from, to } = migrated;
    match from {
        0 => format!("{place}: made, schema {to}\n"),
        from if from == to => format!("{place}: up to date, schema {to}\n"),
        from => format!("{place}: upgraded from schema {from} to {to}\n"),
    }
}

pub(super) fn migrated_json(place: &Place, migrated: Migrated) -> Value {
    json!({"store": place.to_string(), "from": migrated.from, "to": migrated.to})
}

pub(super) fn copied(from: &Place, to: &Place, copied: &Copied, seconds: f64) -> String {
    let mut text = format!("From {from}\nTo   {to}\n\n");
    let width = copied
        .tables
        .iter()
        .map(|table| table.name.len())
        .max()
        .unwrap_or_default()
        .max("TABLE".len());
    writeln!(text, "{:width$}  {:>12}  SHA-256", "TABLE", "ROWS")
        .expect("invariant: writing to a string cannot fail");
    for table in &copied.tables {
        let start: String = table.hash.chars().take(16).collect();
        writeln!(text, "{:width$}  {:>12}  {start}…", table.name, table.rows)
            .expect("invariant: writing to a string cannot fail");
    }
    let (rows, tables) = (copied.rows(), copied.tables.len());
    write!(
        text,
        "\n{rows} rows in {tables} tables, the same on both sides, in {seconds:.1} s\n"
    )
    .expect("invariant: writing to a string cannot fail");
    text
}

pub(super) fn copied_json(from: &Place, to: &Place, copied: &Copied, seconds: f64) -> Value {
    let tables: Vec<Value> = copied
        .tables
        .iter()
        .map(|table| json!({"name": table.name, "rows": table.rows, "sha256": table.hash}))
        .collect();
    json!({
        "from": from.to_string(),
        "to": to.to_string(),
        "schema": copied.schema,
        "rows": copied.rows(),
        "seconds": seconds,
        "tables": tables,
    })
}

pub(super) fn backup(place: &Place, backup: &Backup) -> String {
    format!(
        "{}: {} of {place}, schema {}\n",
        backup.path.display(),
        size(backup.bytes),
        backup.schema
    )
}

pub(super) fn backup_json(place: &Place, backup: &Backup) -> Value {
    json!({
        "store": place.to_string(),
        "file": backup.path.display().to_string(),
        "bytes": backup.bytes,
        "schema": backup.schema,
    })
}

pub(super) fn check(place: &Place, check: &Check) -> String {
    let mut text = format!(
        "{place}: {}, schema {}\n",
        check.dialect.as_str(),
        check.schema
    );
    for problem in &check.problems {
        writeln!(text, "problem: {problem}").expect("invariant: writing to a string cannot fail");
    }
    let rows: u64 = check.tables.iter().map(|(_, rows)| rows).sum();
    let tables = check.tables.len();
    let end = match check.problems.len() {
        0 => "nothing is wrong".to_owned(),
        1 => "1 problem".to_owned(),
        count => format!("{count} problems"),
    };
    writeln!(text, "{rows} rows in {tables} tables read: {end}")
        .expect("invariant: writing to a string cannot fail");
    text
}

pub(super) fn check_json(place: &Place, check: &Check) -> Value {
    let tables: Vec<Value> = check
        .tables
        .iter()
        .map(|(name, rows)| json!({"name": name, "rows": rows}))
        .collect();
    json!({
        "store": place.to_string(),
        "database": check.dialect.as_str(),
        "schema": check.schema,
        "known": check.known,
        "problems": check.problems,
        "tables": tables,
    })
}

pub(super) fn vacuumed(place: &Place, before: u64, after: u64) -> String {
    format!("{place}: {} before, {} after\n", size(before), size(after))
}

pub(super) fn vacuumed_json(place: &Place, before: u64, after: u64) -> Value {
    json!({"store": place.to_string(), "before_bytes": before, "after_bytes": after})
}

fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let mut amount = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if amount < 1024.0 || unit == "GiB" {
            return if unit == "B" {
                format!("{bytes} B")
            } else {
                format!("{amount:.1} {unit}")
            };
        }
        amount /= 1024.0;
    }
    unreachable!("invariant: the last unit ends the loop")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        assert_eq!(size(900), "900 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 << 40), "5120.0 GiB");
    }
}

//! TOML lock files: a long list of `[[package]]` tables.
//!
//! Each table is read by itself, so that a damaged one costs itself
//! alone and the document never stands in memory as a tree.

use serde::de::DeserializeOwned;

use super::Extraction;

/// A table with the checksums of several hundred files stays below a
/// fifth of this. Reading one takes many times its size in memory.
const TABLE_LIMIT: usize = 512 << 10;

/// Hands each `[[package]]` table of the lock file to `each`. What
/// cannot be read is counted in one warning that calls the file `what`.
pub(super) fn read<T: DeserializeOwned>(
    bytes: &[u8],
    what: &str,
    out: &mut Extraction,
    mut each: impl FnMut(T),
) {
    let text = String::from_utf8_lossy(bytes);
    let mut damaged = 0_usize;
    let mut first_error = None;
    for table in tables(&text) {
        if table.len() > TABLE_LIMIT {
            damaged += 1;
            first_error.get_or_insert_with(|| format!("larger than {TABLE_LIMIT} bytes"));
            continue;
        }
        match toml::from_str::<Packages<T>>(table) {
            Ok(packages) => packages.package.into_iter().for_each(&mut each),
            Err(error) => {
                damaged += 1;
                first_error.get_or_insert_with(|| error.message().to_owned());
            }
        }
    }
    if let Some(error) = first_error {
        let entries = if damaged == 1 { "entry" } else { "entries" };
        out.warn(format!("{damaged} damaged {entries} in {what}: {error}"));
    }
}

#[derive(serde::Deserialize)]
struct Packages<T> {
    package: Vec<T>,
}

/// The text of each `[[package]]` table with its sub-tables.
fn tables(text: &str) -> impl Iterator<Item = &str> {
    let mut starts = Vec::new();
    let mut offset = 0;
    let mut is_open = false;
    for line in text.split_inclusive('\n') {
        let is_package = line.starts_with("[[package]]");
        let is_other = line.starts_with('[')
            && !is_package
            && !line.starts_with("[package.")
            && !line.starts_with("[[package.");
        // A table without packages only ends the one before it.
        if is_package || is_other && is_open {
            starts.push((offset, is_package));
        }
        is_open = is_package || is_open && !is_other;
        offset += line.len();
    }
    let ends: Vec<usize> = starts
        .iter()
        .skip(1)
        .map(|(start, _)| *start)
        .chain([text.len()])
        .collect();
    starts
        .into_iter()
        .zip(ends)
        .filter(|((_, is_package), _)| *is_package)
        .filter_map(|((start, _), end)| text.get(start..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Named {
        name: String,
    }

    fn names(text: &str) -> (Vec<String>, Extraction) {
        let mut out = Extraction::default();
        let mut names = Vec::new();
        read(
            text.as_bytes(),
            "the lock file",
            &mut out,
            |named: Named| {
                names.push(named.name);
            },
        );
        (names, out)
    }

    #[test]
    fn tables_end_where_another_begins() {
        let (names, out) = names(
            "version = 1\n[[package]]\nname = \"a\"\n[package.extras]\nx = []\n\
             [[package]]\nname = \"b\"\n\n[metadata]\nname = 1\n[metadata.files]\na = 1\n",
        );
        assert_eq!(names, ["a", "b"]);
        assert!(out.warnings.is_empty(), "{:?}", out.warnings);
    }

    #[test]
    fn an_endless_table_costs_itself_alone() {
        let text = format!(
            "[[package]]\nname = \"a\"\nfiles = [{}]\n[[package]]\nname = \"b\"\n",
            "1,".repeat(TABLE_LIMIT)
        );
        let (names, out) = names(&text);
        assert_eq!(names, ["b"]);
        assert_eq!(out.warnings.len(), 1);
    }

    #[test]
    fn a_damaged_table_costs_itself_alone() {
        let (names, out) = names(
            "[[package]]\nname = \"a\"\n[[package]]\nname = 1\n[[package]]\nname = \"c\"\n\
             [[package]]\nna",
        );
        assert_eq!(names, ["a", "c"]);
        assert_eq!(out.warnings.len(), 1);
        assert!(
            out.warnings[0].starts_with("2 damaged entries in the lock file: "),
            "{:?}",
            out.warnings
        );
    }
}

//! Files that a command line names: folders searched, text read, within
//! bounds.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use policy::Document;

use crate::exit::Failure;

/// How deep folders are searched.
const MAX_DEPTH: usize = 16;

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 20;

pub(super) const YAML: &[&str] = &[".yaml", ".yml", ".json"];

/// Files whose names end in one of `endings`, those of folders by name;
/// what is named itself is taken whatever its name.
pub(super) fn find(paths: &[PathBuf], endings: &[&str]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        search(path, endings, 0, &mut files)?;
        if files.len() == before {
            return Err(Failure::usage(anyhow::anyhow!(
                "nothing to read in '{}' (names end in {})",
                path.display(),
                endings.join(" or ")
            )));
        }
    }
    Ok(files)
}

fn search(
    path: &Path,
    endings: &[&str],
    depth: usize,
    files: &mut Vec<PathBuf>,
) -> Result<(), Failure> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    if depth > MAX_DEPTH {
        return Ok(());
    }
    let mut entries = fs::read_dir(path)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.path()))
                .collect::<io::Result<Vec<_>>>()
        })
        .with_context(|| format!("read '{}'", path.display()))
        .map_err(Failure::bad_file)?;
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let is_folder = entry.is_dir();
        if is_folder || endings.iter().any(|ending| name.ends_with(ending)) {
            search(&entry, endings, depth + 1, files)?;
        }
    }
    Ok(())
}

/// The text of a file; of standard input, where it is called `-`.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    read(path, MAX_BYTES)
}

fn read(path: &Path, most: u64) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(most + 1).read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
    };
    let read = read
        .with_context(|| format!("read '{}'", path.display()))
        .map_err(Failure::bad_file)?;
    // Half a file would be judged as if it were the whole.
    if u64::try_from(read).unwrap_or(u64::MAX) > most {
        return Err(Failure::bad_file(anyhow::anyhow!(
            "'{}' is larger than {most} bytes, the most that is read",
            path.display()
        )));
    }
    String::from_utf8(bytes)
        .with_context(|| format!("'{}' is not UTF-8 text", path.display()))
        .map_err(Failure::usage)
}

/// The documents of policy files.
pub(super) fn policies(paths: &[PathBuf]) -> Result<Vec<Document>, Failure> {
    let mut documents = Vec::new();
    for path in find(paths, YAML)? {
        let source = path.display().to_string();
        let values = policy::suite::documents(&text(&path)?)
            .map_err(|error| Failure::usage(anyhow::anyhow!("'{source}' is not YAML: {error}")))?;
        documents.extend(values.into_iter().map(|value| Document {
            source: source.clone(),
            value,
        }));
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        fs::write(&path, "12345678").unwrap();
        assert_eq!(read(&path, 8).unwrap(), "12345678");
        let refused = read(&path, 7).unwrap_err().line();
        assert!(refused.contains("larger than 7 bytes"), "{refused}");
    }

    #[test]
    fn folders_are_searched_by_name_and_what_is_hidden_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("b/c")).unwrap();
        for name in ["b/c/z.yml", "a.yaml", ".hidden.yaml", "notes.txt"] {
            fs::write(at(name), "").unwrap();
        }
        let found = find(&[folder.path().to_owned()], YAML).unwrap();
        assert_eq!(found, [at("a.yaml"), at("b/c/z.yml")]);
        assert_eq!(find(&[at("notes.txt")], YAML).unwrap(), [at("notes.txt")]);
        let empty = find(&[at("b/c")], &["_test.rego"]).unwrap_err().line();
        assert!(empty.contains("names end in _test.rego"), "{empty}");
    }
}

//! The rules a sensor runs: ours, and files of the user's behind them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use rules::{Diagnostic, rule::Ruleset};

use super::Failure;

/// A rule file is text by a person.
const MAX_FILE: u64 = 16 << 20;
const MAX_FILES: usize = 10_000;

/// Ours, and those at `paths`: files, or folders of them by name.
pub(crate) fn load(paths: &[PathBuf]) -> Result<(Ruleset, Vec<Diagnostic>), Failure> {
    let mut loader = rules::content::loader();
    for path in paths {
        for file in files(path).map_err(Failure::Usage)? {
            let text = read(&file).map_err(Failure::Usage)?;
            loader = loader.file(&file.to_string_lossy(), &text);
        }
    }
    Ok(loader.finish())
}

fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let about = || format!("read the rules at {}", path.display());
    if !fs::metadata(path).with_context(about)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(about)? {
            let entry = entry.with_context(about)?;
            let kind = entry.file_type().with_context(about)?;
            let path = entry.path();
            if kind.is_dir() {
                folders.push(path);
            } else if matches!(path.extension().and_then(|it| it.to_str()), Some("yaml" | "yml")) {
                found.push(path);
            }
            anyhow::ensure!(
                found.len() + folders.len() <= MAX_FILES,
                "{} holds more than {MAX_FILES} files",
                path_of(&folder)
            );
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn path_of(path: &Path) -> String {
    path.display().to_string()
}

fn read(file: &Path) -> anyhow::Result<String> {
    let about = || format!("read the rule file {}", file.display());
    let size = fs::metadata(file).with_context(about)?.len();
    anyhow::ensure!(
        size <= MAX_FILE,
        "rule file {} is larger than {} MiB",
        file.display(),
        MAX_FILE >> 20
    );
    fs::read_to_string(file).with_context(about)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_whole_and_by_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        for name in ["b/two.yaml", "one.yml", "read-me.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<_> = files(folder.path())
            .unwrap()
            .iter()
            .map(|file| file.strip_prefix(folder.path()).unwrap().to_owned())
            .collect();
        assert_eq!(names, [Path::new("b/two.yaml"), Path::new("one.yml")]);
        assert!(files(&folder.path().join("nothing")).is_err());
    }
}

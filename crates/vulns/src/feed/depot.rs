//! The database's folder: what lies where, and who may write.
//!
//! ```text
//! current                   names the generation in use
//! generations/<id>          compiled files; the last two are kept
//! sources/<name>/all.zip    records as they came
//! sources/<name>/changes.zip   records newer than those
//! sources/<name>/state.json    what the server said of them
//! intel/epss.csv.gz, intel/kev.json
//! lock                      held while writing
//! ```

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::FeedError;
use crate::database::{CURRENT, GENERATIONS};

const KEPT_GENERATIONS: usize = 2;

/// The folder, locked for writing.
#[derive(Debug)]
pub(crate) struct Depot {
    dir: PathBuf,
    /// Unlocked when dropped, or when the process dies.
    _lock: File,
}

impl Depot {
    /// Makes the folder if need be and takes its lock.
    pub(crate) fn lock(dir: &Path) -> Result<Self, FeedError> {
        for folder in [
            dir.to_owned(),
            dir.join(GENERATIONS),
            dir.join("sources"),
            dir.join("intel"),
        ] {
            fs::create_dir_all(&folder).map_err(FeedError::write(&folder))?;
        }
        let path = dir.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(FeedError::write(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(FeedError::Busy(dir.to_owned())),
            Err(fs::TryLockError::Error(source)) => {
                return Err(FeedError::Write { path, source });
            }
        }
        Ok(Self {
            dir: dir.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn intel(&self, name: &str) -> PathBuf {
        self.dir.join("intel").join(name)
    }

    /// The folder of one source.
    pub(crate) fn source(&self, name: &str) -> PathBuf {
        self.dir.join("sources").join(file_name(name))
    }

    /// The sources that are here, sorted by name.
    pub(crate) fn sources(&self) -> Result<Vec<String>, FeedError> {
        let path = self.dir.join("sources");
        let mut names = Vec::new();
        for entry in fs::read_dir(&path).map_err(FeedError::read(&path))? {
            let entry = entry.map_err(FeedError::read(&path))?;
            if let Ok(name) = entry.file_name().into_string()
                && entry.path().is_dir()
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// A file in this folder that replaces `path` when it is whole.
    pub(crate) fn draft(&self, path: &Path) -> Result<NamedTempFile, FeedError> {
        let folder = path.parent().unwrap_or(&self.dir);
        fs::create_dir_all(folder).map_err(FeedError::write(folder))?;
        tempfile::Builder::new()
            .prefix(".draft-")
            .tempfile_in(folder)
            .map_err(FeedError::write(path))
    }

    /// Puts a finished draft in place, durably.
    pub(crate) fn publish(draft: NamedTempFile, path: &Path) -> Result<(), FeedError> {
        let publish = || -> io::Result<()> {
            draft.as_file().sync_all()?;
            draft.persist(path)?;
            if let Some(folder) = path.parent() {
                File::open(folder)?.sync_all()?;
            }
            Ok(())
        };
        publish().map_err(FeedError::write(path))
    }

    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), FeedError> {
        let mut draft = self.draft(path)?;
        draft.write_all(bytes).map_err(FeedError::write(path))?;
        Self::publish(draft, path)
    }

    /// Makes a finished generation the current one.
    pub(crate) fn switch(&self, draft: NamedTempFile, generation: &str) -> Result<(), FeedError> {
        let path = self.dir.join(GENERATIONS).join(generation);
        Self::publish(draft, &path)?;
        self.write(&self.dir.join(CURRENT), generation.as_bytes())?;
        self.prune(generation);
        Ok(())
    }

    /// Removes all but the newest generations, and drafts that an
    /// interrupted run left. What cannot be removed costs only space.
    fn prune(&self, current: &str) {
        let folder = self.dir.join(GENERATIONS);
        let mut others: Vec<_> = fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .filter(|entry| entry.file_name() != current)
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        others.sort_unstable();
        others.reverse();
        let is_draft = |path: &Path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'))
        };
        let (drafts, old): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|(_, path)| is_draft(path));
        let stale = old.into_iter().skip(KEPT_GENERATIONS - 1).chain(drafts);
        for (_, path) in stale {
            if let Err(error) = fs::remove_file(&path) {
                tracing::debug!(path = %path.display(), %error, "old generation stays");
            }
        }
    }
}

/// A source's name as a folder's: ecosystems are named with spaces and
/// colons, never with slashes; nothing climbs out or hides.
fn file_name(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_control() || "/\\\0".contains(c) {
                '-'
            } else {
                c
            }
        })
        .take(100)
        .collect();
    match name.trim_start_matches('.').trim() {
        "" => "unnamed".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_name_cannot_leave_its_folder() {
        assert_eq!(file_name("../../etc"), "-..-etc");
        assert_eq!(file_name(".."), "unnamed");
        assert_eq!(file_name("Rocky Linux"), "Rocky Linux");
    }

    #[test]
    fn a_second_writer_is_turned_away() {
        let dir = tempfile::tempdir().unwrap();
        let first = Depot::lock(dir.path()).unwrap();
        assert!(matches!(Depot::lock(dir.path()), Err(FeedError::Busy(_))));
        drop(first);
        Depot::lock(dir.path()).unwrap();
    }
}

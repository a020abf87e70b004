//! Zip archives of records, read within bounds.
//!
//! A feed's archive is trusted to be honest, a file someone hands to
//! `import` is not: entries, their sizes, the sum and the ratio are all
//! bounded, so that no archive costs more than its own size suggests.

use std::{
    io::{Cursor, Read},
    path::{Path, PathBuf},
};

use super::FeedError;
use crate::{
    mapped::Bytes,
    osv::{MAX_RECORD_BYTES, Record},
};

/// The largest ecosystem has near 300,000 records.
const MAX_ENTRIES: usize = 4_000_000;
/// JSON packs at most some 30 to 1 over a whole ecosystem.
const MAX_RATIO: u64 = 200;
/// Looked at to tell what an archive is.
const PROBED_ENTRIES: usize = 64;
const FREE_BYTES: u64 = 64 << 20;

/// An open archive.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    zip: zip::ZipArchive<Cursor<Bytes>>,
    budget: u64,
}

/// A record's file, or why it was passed over.
pub(crate) enum Entry<'a> {
    Record { name: &'a str, bytes: &'a [u8] },
    Bad { name: &'a str, reason: String },
}

impl Archive {
    pub(crate) fn open(path: &Path) -> Result<Self, FeedError> {
        let bytes = Bytes::map(path).map_err(FeedError::read(path))?;
        let budget = FREE_BYTES.saturating_add((bytes.len() as u64).saturating_mul(MAX_RATIO));
        let zip =
            zip::ZipArchive::new(Cursor::new(bytes)).map_err(|source| FeedError::OpenArchive {
                path: path.to_owned(),
                source,
            })?;
        if zip.len() > MAX_ENTRIES {
            return Err(FeedError::Hostile {
                path: path.to_owned(),
                reason: format!("holds {} entries, more than {MAX_ENTRIES}", zip.len()),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            zip,
            budget,
        })
    }

    /// How many entries there are, records or not.
    pub(crate) fn len(&self) -> usize {
        self.zip.len()
    }

    /// Whether there is a record among the first entries: an archive of
    /// something else is refused whole, not entry by entry.
    pub(crate) fn holds_records(&mut self) -> bool {
        (0..self.zip.len().min(PROBED_ENTRIES)).any(|index| {
            let mut bytes = Vec::new();
            self.zip.by_index(index).is_ok_and(|file| {
                let mut file = file.take(MAX_RECORD_BYTES);
                file.read_to_end(&mut bytes).is_ok() && Record::parse(&bytes).is_ok()
            })
        })
    }

    pub(crate) fn by_name(&mut self, name: &str) -> Option<impl Read + '_> {
        self.zip.by_name(name).ok()
    }

    /// Hands every JSON file to `visit`, in the archive's order, until it
    /// fails.
    pub(crate) fn for_each(
        &mut self,
        mut visit: impl FnMut(Entry<'_>) -> Result<(), FeedError>,
    ) -> Result<(), FeedError> {
        let mut buffer = Vec::new();
        let mut name = String::new();
        for index in 0..self.zip.len() {
            name.clear();
            buffer.clear();
            let read = match self.zip.by_index(index) {
                Ok(file) => {
                    name.push_str(&file.name().unwrap_or_default());
                    if !has_extension(&name, "json") {
                        continue;
                    }
                    file.take(MAX_RECORD_BYTES + 1)
                        .read_to_end(&mut buffer)
                        .map_err(|error| error.to_string())
                }
                Err(error) => {
                    name = format!("entry {index}");
                    Err(error.to_string())
                }
            };
            let used = buffer.len() as u64;
            self.budget = self
                .budget
                .checked_sub(used)
                .ok_or_else(|| FeedError::Hostile {
                    path: self.path.clone(),
                    reason: format!("unpacks to more than {MAX_RATIO} times its size"),
                })?;
            visit(match read {
                Ok(_) if used > MAX_RECORD_BYTES => Entry::Bad {
                    name: &name,
                    reason: format!("it is larger than {MAX_RECORD_BYTES} bytes"),
                },
                Ok(_) => Entry::Record {
                    name: &name,
                    bytes: &buffer,
                },
                Err(reason) => Entry::Bad {
                    name: &name,
                    reason,
                },
            })?;
        }
        Ok(())
    }
}

pub(crate) fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

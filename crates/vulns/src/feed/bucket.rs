//! One ecosystem of a bucket: whole, or what changed of it.

use std::{collections::BTreeMap, fs, io::Read};

use fetch::Url;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Event, FeedError, Progress,
    archive::{Archive, Entry},
    compile::forget_deltas,
    depot::Depot,
    import::RecordWriter,
    origin::{Answer, Draft, Origin},
};
use crate::osv::{self, MAX_RECORD_BYTES, Record};

/// More changes than this come as the whole archive.
const MAX_DELTA: usize = 500;
/// An archive may be older than the table beside it: records this much
/// older than the newest we know are looked at again.
const OVERLAP: SignedDuration = SignedDuration::from_hours(48);
const MAX_ARCHIVE_BYTES: u64 = 8 << 30;
const MAX_TABLE_BYTES: u64 = 512 << 20;
const MAX_TABLE_ROWS: usize = 10_000_000;

/// What the server said of the files we hold.
#[derive(Debug, Default, Deserialize, Serialize)]
struct State {
    #[serde(default)]
    archive_tag: Option<String>,
    #[serde(default)]
    table_tag: Option<String>,
    /// The newest moment of the table when last applied.
    #[serde(default)]
    newest: Option<Timestamp>,
}

/// An ecosystem and the places it goes from and to.
pub(crate) struct Bucket<'a> {
    pub(crate) origin: &'a Origin<'a>,
    pub(crate) depot: &'a Depot,
    pub(crate) name: &'a str,
}

/// What the table says has changed.
#[derive(Debug, Default)]
struct Table {
    tag: Option<String>,
    newest: Option<Timestamp>,
    /// Record to the moment it was last modified.
    candidates: BTreeMap<String, Timestamp>,
}

impl Bucket<'_> {
    /// Brings this ecosystem up to date; whether anything changed, or
    /// `None` where the bucket has no such ecosystem.
    pub(crate) fn update(&self, progress: &dyn Progress) -> Result<Option<bool>, FeedError> {
        let folder = self.depot.source(self.name);
        let mut state = self.read_state();
        let has_archive = folder.join("all.zip").is_file();
        if !has_archive {
            state = State::default();
        }
        let table = match self.table(&state)? {
            Answer::NotModified if has_archive => {
                self.done(false, progress);
                return Ok(Some(false));
            }
            Answer::New(table, _) => Some(table),
            Answer::NotModified | Answer::Missing => None,
        };
        if let Some(table) = &table
            && has_archive
        {
            let wanted = self.unheld(&table.candidates)?;
            if wanted.len() <= MAX_DELTA {
                let changed = !wanted.is_empty();
                if changed {
                    self.fetch_changes(&wanted, progress)?;
                }
                state.remember(table);
                self.write_state(&state)?;
                self.done(changed, progress);
                return Ok(Some(changed));
            }
        }
        let changed = match self.fetch_archive(&mut state, progress)? {
            Answer::Missing => return Ok(None),
            Answer::NotModified => false,
            Answer::New((), _) => true,
        };
        if let Some(table) = &table {
            state.remember(table);
        }
        self.write_state(&state)?;
        self.done(changed, progress);
        Ok(Some(changed))
    }

    fn done(&self, changed: bool, progress: &dyn Progress) {
        progress.report(Event::Done {
            source: self.name,
            changed,
        });
    }

    fn fetch_archive(
        &self,
        state: &mut State,
        progress: &dyn Progress,
    ) -> Result<Answer<()>, FeedError> {
        let path = self.depot.source(self.name).join("all.zip");
        let url = self.origin.url(&[self.name, "all.zip"])?;
        let draft = Draft::beside(&path);
        let tag = state.archive_tag.as_deref();
        let answer =
            self.origin
                .download(&url, &draft, tag, MAX_ARCHIVE_BYTES, self.name, progress)?;
        if let Answer::New((), tag) = &answer {
            // What is no archive must not displace one.
            if let Err(error) = Archive::open(&draft.path) {
                draft.forget();
                return Err(error);
            }
            draft.publish(&path)?;
            forget_deltas(&self.depot.source(self.name))?;
            state.archive_tag.clone_from(tag);
        }
        Ok(answer)
    }

    fn table(&self, state: &State) -> Result<Answer<Table>, FeedError> {
        let url = self.origin.url(&[self.name, "modified_id.csv"])?;
        let tag = state.table_tag.as_deref();
        Ok(match self.origin.get(&url, tag, MAX_TABLE_BYTES)? {
            Answer::NotModified => Answer::NotModified,
            Answer::Missing => Answer::Missing,
            Answer::New(bytes, tag) => {
                let mut table = read_table(&bytes, state.newest);
                table.tag = tag;
                Answer::New(table, None)
            }
        })
    }

    /// Those of the candidates that we do not hold as new as that.
    fn unheld(&self, candidates: &BTreeMap<String, Timestamp>) -> Result<Vec<String>, FeedError> {
        let mut wanted = candidates.clone();
        for file in ["changes.zip", "all.zip"] {
            let path = self.depot.source(self.name).join(file);
            if wanted.is_empty() || !path.is_file() {
                continue;
            }
            let mut archive = Archive::open(&path)?;
            wanted.retain(|id, modified| {
                let bytes = archive.read(&format!("{id}.json"));
                let held = bytes.as_deref().and_then(modified_of);
                held.is_none_or(|held| held < *modified)
            });
        }
        Ok(wanted.into_keys().collect())
    }

    fn fetch_changes(&self, ids: &[String], progress: &dyn Progress) -> Result<(), FeedError> {
        progress.report(Event::Started {
            source: self.name,
            bytes: None,
        });
        let path = self.depot.source(self.name).join("changes.zip");
        let draft = self.depot.draft(&path)?;
        let file = draft.reopen().map_err(FeedError::write(&path))?;
        let mut writer = RecordWriter::new(file);
        let mut bytes_here = 0;
        for id in ids {
            let name = format!("{id}.json");
            let url: Url = self.origin.url(&[self.name, &name])?;
            match self.origin.get(&url, None, MAX_RECORD_BYTES)? {
                Answer::New(bytes, _) => {
                    bytes_here += bytes.len() as u64;
                    writer.add(&name, &bytes).map_err(FeedError::write(&path))?;
                }
                // Listed and gone: the next table will not list it.
                Answer::Missing | Answer::NotModified => {
                    tracing::debug!(%url, "a listed record is not there");
                }
            }
            progress.report(Event::Advanced {
                source: self.name,
                bytes: bytes_here,
            });
        }
        if path.is_file() {
            Archive::open(&path)?.for_each(|entry| match entry {
                Entry::Record { name, bytes }
                    if !ids.iter().any(|id| name.strip_suffix(".json") == Some(id)) =>
                {
                    writer.add(name, bytes).map_err(FeedError::write(&path))
                }
                _ => Ok(()),
            })?;
        }
        writer.finish().map_err(FeedError::write(&path))?;
        Depot::publish(draft, &path)
    }

    /// A state that cannot be read is as good as none.
    fn read_state(&self) -> State {
        let path = self.depot.source(self.name).join("state.json");
        let bytes = fs::read(path).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    fn write_state(&self, state: &State) -> Result<(), FeedError> {
        let path = self.depot.source(self.name).join("state.json");
        let bytes =
            serde_json::to_vec(state).map_err(|error| FeedError::write(&path)(error.into()))?;
        self.depot.write(&path, &bytes)
    }
}

impl State {
    fn remember(&mut self, table: &Table) {
        self.table_tag.clone_from(&table.tag);
        self.newest = self.newest.max(table.newest);
    }
}

/// Reads `moment,id` rows. Rows that name no moment are passed over;
/// the whole archive, when it next comes, has those records too.
fn read_table(bytes: &[u8], known: Option<Timestamp>) -> Table {
    let mut table = Table::default();
    let since = known.and_then(|known| known.checked_sub(OVERLAP).ok());
    for row in bytes.split(|byte| *byte == b'\n').take(MAX_TABLE_ROWS) {
        let Ok(row) = std::str::from_utf8(row) else {
            continue;
        };
        let Some((moment, id)) = row.trim().split_once(',') else {
            continue;
        };
        let Ok(moment) = moment.parse::<Timestamp>() else {
            continue;
        };
        table.newest = table.newest.max(Some(moment));
        // The bucket's root table names `<Ecosystem>/<id>`.
        let id = id.rsplit('/').next().unwrap_or(id);
        if since.is_none_or(|since| moment >= since) && !id.is_empty() {
            table.candidates.insert(id.to_owned(), moment);
        }
    }
    table
}

fn modified_of(bytes: &[u8]) -> Option<Timestamp> {
    let record = Record::parse(bytes).ok()?;
    osv::timestamp(record.modified.as_ref())
}

impl Archive {
    /// One file of the archive, where it is there and of sane size.
    pub(crate) fn read(&mut self, name: &str) -> Option<Vec<u8>> {
        let file = self.by_name(name)?;
        let mut bytes = Vec::new();
        file.take(MAX_RECORD_BYTES).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_older_than_the_overlap_and_rows_without_a_moment_are_passed_over() {
        let known = "2026-08-20T00:00:00Z".parse().ok();
        let table = read_table(
            b"2026-08-21T00:00:00Z,A-3\n2026-08-18T12:00:00Z,npm/A-2\n\
              2026-08-01T00:00:00Z,A-1\nsometime,A-0\n\xff\n",
            known,
        );
        assert_eq!(table.newest, "2026-08-21T00:00:00Z".parse().ok());
        let ids: Vec<_> = table.candidates.keys().map(String::as_str).collect();
        assert_eq!(ids, ["A-2", "A-3"]);
    }
}

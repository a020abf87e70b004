//! The compiler's first half: one record at a time, into drafts.
//!
//! Records arrive in any number and are let go at once; what stays of
//! each is its rules, its names and the place of its prose, which goes
//! straight to the file. [`super::link`] makes a database of the drafts.

use std::{
    collections::HashMap,
    io::{self, Seek, SeekFrom, Write},
};

use model::{AffectedState, Ecosystem, Severity};

use super::{
    layout::{self, Bound, Rule, RuleFlags},
    prose::{Place, Prose, ProseWriter},
    rating::{self, Rating},
    span::{bound_of, spans},
    standing::{Standing, names_of},
    strings::{MAX_STRING_BYTES, Strings},
};
use crate::{
    names,
    osv::{self, Affected, Record},
};

/// Why a record was left out.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("not an OSV record")]
    Parse(#[source] serde_json::Error),
    #[error("the record has no id")]
    NoId,
    #[error("the record's {0} is longer than {MAX_STRING_BYTES} bytes")]
    TooLong(&'static str),
    #[error("could not write its text")]
    Write(#[source] io::Error),
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    Advisory,
    /// Read, and rightly not used: withdrawn, or not about security.
    Ignored,
    /// A newer copy of the same record is there already.
    Superseded,
}

/// Where a record came from; an index into the compiler's sources.
pub(crate) type SourceIndex = u16;

#[derive(Debug)]
pub(crate) struct DraftRecord {
    pub(crate) id: u32,
    pub(crate) source: SourceIndex,
    /// Microseconds since 1970.
    pub(crate) modified: i64,
    pub(crate) is_alive: bool,
    /// Runs of `Drafts::names`: what it is also called …
    pub(crate) aliases: (u32, u32),
    /// … and what it covers, when that is not simply itself.
    pub(crate) covers: (u32, u32),
    pub(crate) rating: Rating,
    pub(crate) place: Place,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct DraftRule {
    pub(crate) key: u32,
    pub(crate) rule: Rule,
}

/// Everything known before linking.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    pub(crate) strings: Strings,
    pub(crate) records: Vec<DraftRecord>,
    pub(crate) rules: Vec<DraftRule>,
    pub(crate) names: Vec<u32>,
    /// Version lists of rules, as strings.
    pub(crate) lists: Vec<u32>,
}

/// Compiles records into a generation.
#[derive(Debug)]
pub(crate) struct Compiler<W> {
    drafts: Drafts,
    by_id: HashMap<u32, u32>,
    prose: ProseWriter<W>,
    key: String,
}

impl<W: Write + Seek> Compiler<W> {
    pub(crate) fn new(mut out: W) -> io::Result<Self> {
        out.seek(SeekFrom::Start(layout::HEADER_BYTES as u64))?;
        Ok(Self {
            drafts: Drafts::default(),
            by_id: HashMap::new(),
            prose: ProseWriter::new(out)?,
            key: String::new(),
        })
    }

    pub(crate) fn into_parts(self) -> (Drafts, ProseWriter<W>) {
        (self.drafts, self.prose)
    }

    /// Takes in one record. Of two with the same id the newer stays, and
    /// of two equally new the first.
    pub(crate) fn add(&mut self, source: SourceIndex, bytes: &[u8]) -> Result<Added, RecordError> {
        self.take_in(source, bytes, true)
    }

    /// Takes in a record that neither displaces one of the same id nor
    /// is displaced: the linker decides between the two, rule by rule.
    pub(crate) fn add_starter(
        &mut self,
        source: SourceIndex,
        bytes: &[u8],
    ) -> Result<Added, RecordError> {
        self.take_in(source, bytes, false)
    }

    fn take_in(
        &mut self,
        source: SourceIndex,
        bytes: &[u8],
        is_unique: bool,
    ) -> Result<Added, RecordError> {
        let record = Record::parse(bytes).map_err(RecordError::Parse)?;
        check(&record)?;
        let modified =
            osv::timestamp(record.modified.as_ref()).map_or(0, jiff::Timestamp::as_microsecond);
        let id = self.drafts.strings.intern(&record.id);
        let index = u32::try_from(self.drafts.records.len()).unwrap_or(layout::NONE);
        if is_unique {
            if let Some(&earlier) = self.by_id.get(&id) {
                let earlier = &mut self.drafts.records[earlier as usize];
                if modified <= earlier.modified {
                    return Ok(Added::Superseded);
                }
                earlier.is_alive = false;
            }
            self.by_id.insert(id, index);
        }

        let standing = Standing::of(&record);
        let is_alive = record.withdrawn.is_none() && standing != Standing::Unrelated;
        let mut draft = DraftRecord {
            id,
            source,
            modified,
            is_alive,
            aliases: (0, 0),
            covers: (0, 0),
            rating: Rating::default(),
            place: Place::default(),
        };
        if is_alive {
            draft.rating = rating::rate(&record, standing == Standing::Same);
            let (aliases, covers) = names_of(&record, standing);
            draft.aliases = self.push_names(&aliases);
            draft.covers = self.push_names(&covers);
            for affected in &record.affected {
                self.add_affected(index, affected, covers.len() > 1);
            }
            draft.place = self
                .prose
                .push(&prose(&record))
                .map_err(RecordError::Write)?;
        }
        self.drafts.records.push(draft);
        Ok(if is_alive {
            Added::Advisory
        } else {
            Added::Ignored
        })
    }

    fn push_names(&mut self, names: &[&str]) -> (u32, u32) {
        let start = self.drafts.names.len();
        for name in names {
            let name = self.drafts.strings.intern(name);
            self.drafts.names.push(name);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a name takes bytes of its own in a file of at most 4 GiB of strings"
        )]
        let run = (start as u32, names.len() as u32);
        run
    }

    fn add_affected(&mut self, record: u32, affected: &Affected<'_>, covers_many: bool) {
        let Some(package) = &affected.package else {
            return;
        };
        let state = rating::state(affected);
        if state == AffectedState::NotAffected || package.name.is_empty() {
            return;
        }
        let ecosystem = names::ecosystem(&package.ecosystem);
        let base = ecosystem.split(':').next().unwrap_or_default();
        let scheme = Ecosystem::new(base).version_scheme();
        names::key(
            &ecosystem,
            &names::package(base, &package.name),
            &mut self.key,
        );
        let key = self.drafts.strings.intern(&self.key);
        // One word for many vulnerabilities is not a word on any of them.
        let severity = if covers_many {
            Severity::Unknown
        } else {
            rating::vendor_severity(affected)
        };
        let mut flags = RuleFlags {
            bound: Bound::Open,
            state,
            severity,
        };
        let spans = spans(affected, scheme);
        for span in &spans {
            flags.bound = span.bound;
            let rule = Rule {
                record,
                introduced: self.drafts.strings.intern(span.introduced),
                upper: self.drafts.strings.intern(span.upper),
                count: 0,
                flags,
            };
            self.drafts.rules.push(DraftRule { key, rule });
        }
        let listed: Vec<&str> = affected
            .versions
            .iter()
            .map(|version| &**version)
            .filter(|version| !spans.iter().any(|span| span.holds(scheme, version)))
            .collect();
        if !listed.is_empty() {
            flags.bound = Bound::Versions;
            let upper = u32::try_from(self.drafts.lists.len()).unwrap_or(layout::NONE);
            for version in &listed {
                let version = self.drafts.strings.intern(version);
                self.drafts.lists.push(version);
            }
            let rule = Rule {
                record,
                introduced: 0,
                upper,
                count: u32::try_from(listed.len()).unwrap_or(0),
                flags,
            };
            self.drafts.rules.push(DraftRule { key, rule });
        }
    }
}

fn check(record: &Record<'_>) -> Result<(), RecordError> {
    let is_long = |text: &str| text.len() > MAX_STRING_BYTES;
    if record.id.trim().is_empty() {
        return Err(RecordError::NoId);
    }
    if is_long(&record.id) {
        return Err(RecordError::TooLong("id"));
    }
    let names = record.aliases.iter().chain(&record.upstream);
    if names.chain(&record.related).any(|name| is_long(name)) {
        return Err(RecordError::TooLong("alias"));
    }
    for affected in &record.affected {
        if let Some(package) = &affected.package
            && package.name.len() + package.ecosystem.len() + 8 > MAX_STRING_BYTES
        {
            return Err(RecordError::TooLong("package name"));
        }
        let bounds = affected.ranges.iter().flat_map(|range| &range.events);
        if affected.versions.iter().any(|version| is_long(version))
            || bounds.filter_map(bound_of).any(|(_, text)| is_long(text))
        {
            return Err(RecordError::TooLong("version"));
        }
    }
    Ok(())
}

fn prose<'r>(record: &'r Record<'_>) -> Prose<'r> {
    let borrow = |text: &'r osv::Text<'_>| std::borrow::Cow::Borrowed(&**text);
    let mut vectors: Vec<_> = record
        .severity
        .iter()
        .chain(
            record
                .affected
                .iter()
                .flat_map(|affected| &affected.severity),
        )
        .filter(|score| score.kind.starts_with("CVSS"))
        .map(|score| borrow(&score.score))
        .collect();
    vectors.sort_unstable();
    vectors.dedup();
    let mut cwes: Vec<_> = record
        .database_specific
        .cwes
        .iter()
        .map(|cwe| (&**cwe).into())
        .collect();
    cwes.sort_unstable();
    let seconds = |text| osv::timestamp(text).map(jiff::Timestamp::as_second);
    Prose {
        title: record.summary.as_ref().map(borrow).unwrap_or_default(),
        details: record.details.as_ref().map(borrow).unwrap_or_default(),
        references: record.references.iter().map(|r| borrow(&r.url)).collect(),
        vectors,
        cwes,
        published: seconds(record.published.as_ref()),
        modified: seconds(record.modified.as_ref()),
    }
}

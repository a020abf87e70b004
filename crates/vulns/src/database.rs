//! The advisory database as its users see it: open, look up, enumerate.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use model::{
    Severity, Vulnerability, VulnerabilityId,
    db::DatabaseStatus,
    vulnerability::{Cvss, Epss},
};

use crate::{
    cvss, feed,
    generation::{
        Generation, is_distribution_bulletin,
        layout::VulnerabilityRow,
        read::{self, GenerationError},
    },
    mapped::Bytes,
    matcher,
};

/// The file that names the generation in use.
pub(crate) const CURRENT: &str = "current";
pub(crate) const GENERATIONS: &str = "generations";

/// Why there is no database to work with.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("find an advisory database in {}", .0.display())]
    NoDatabase(PathBuf),
    #[error("read {}", .path.display())]
    ReadCurrent { path: PathBuf, source: io::Error },
    #[error("find the generation that {} names", .0.display())]
    Current(PathBuf),
    #[error("open the advisory database {}", .path.display())]
    Generation {
        path: PathBuf,
        source: GenerationError,
    },
    #[error("compile the embedded starter set")]
    Starter(#[source] io::Error),
    #[error("compile the records")]
    Records(#[source] io::Error),
}

/// One generation of advisories. Immutable; cloning shares it.
#[derive(Clone, Debug)]
pub struct Database {
    pub(crate) generation: Arc<Generation>,
    shelf: Arc<Mutex<Shelf>>,
}

/// What was gathered of vulnerabilities lately: the images of one fleet
/// have most of theirs in common, and unpacking prose takes longer than
/// matching.
#[derive(Debug, Default)]
struct Shelf {
    kept: HashMap<u32, Vulnerability>,
    bytes: usize,
}

impl Shelf {
    const MAX_BYTES: usize = 16 << 20;

    fn put(&mut self, index: u32, vulnerability: &Vulnerability) {
        let references = vulnerability.references.iter();
        let bytes = 512
            + vulnerability.title.len()
            + vulnerability.description.len()
            + references.map(|link| link.len() + 32).sum::<usize>();
        if self.bytes + bytes > Self::MAX_BYTES {
            *self = Self::default();
        }
        if bytes <= Self::MAX_BYTES && self.kept.insert(index, vulnerability.clone()).is_none() {
            self.bytes += bytes;
        }
    }
}

/// One line of a list of vulnerabilities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry<'d> {
    pub id: &'d str,
    pub severity: Severity,
    pub epss: Option<Epss>,
    pub is_known_exploited: bool,
}

impl Database {
    /// Opens the generation that `dir` names as current.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let current = dir.join(CURRENT);
        let name = match fs::read_to_string(&current) {
            Ok(name) => name,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(OpenError::NoDatabase(dir.to_owned()));
            }
            Err(source) => {
                return Err(OpenError::ReadCurrent {
                    path: current,
                    source,
                });
            }
        };
        let name = name.trim();
        if name.is_empty() || !name.bytes().all(|c| c.is_ascii_alphanumeric()) {
            return Err(OpenError::Current(current));
        }
        let path = dir.join(GENERATIONS).join(name);
        let generation =
            Generation::open(&path).map_err(|source| OpenError::Generation { path, source })?;
        Ok(Self::of(generation))
    }

    /// Opens an earlier generation of `dir` by name, where it is still
    /// there.
    pub fn open_generation(dir: &Path, name: &str) -> Result<Self, OpenError> {
        if name.is_empty() || !name.bytes().all(|c| c.is_ascii_alphanumeric()) {
            return Err(OpenError::NoDatabase(dir.to_owned()));
        }
        let path = dir.join(GENERATIONS).join(name);
        let generation =
            Generation::open(&path).map_err(|source| OpenError::Generation { path, source })?;
        Ok(Self::of(generation))
    }

    /// Opens the database of `dir`, or the embedded starter set where
    /// there is none; its status says which.
    pub fn open_or_starter(dir: &Path) -> Result<Self, OpenError> {
        match Self::open(dir) {
            Err(OpenError::NoDatabase(_)) => Self::starter(),
            outcome => outcome,
        }
    }

    /// The embedded starter set alone.
    pub fn starter() -> Result<Self, OpenError> {
        let bytes = feed::compile_starter().map_err(OpenError::Starter)?;
        let path = PathBuf::from("starter set");
        let generation = Generation::from_bytes(Bytes::Owned(bytes))
            .map_err(|source| OpenError::Generation { path, source })?;
        Ok(Self::of(generation))
    }

    /// Compiles records in memory: sources by name, each with its OSV
    /// records as JSON. For tests and demonstrations; a bad record is an
    /// error here.
    pub fn from_records(sources: &[(&str, &[&str])], now: Timestamp) -> Result<Self, OpenError> {
        let bytes = feed::compile_records(sources, now).map_err(OpenError::Records)?;
        let path = PathBuf::from("records in memory");
        let generation = Generation::from_bytes(Bytes::Owned(bytes))
            .map_err(|source| OpenError::Generation { path, source })?;
        Ok(Self::of(generation))
    }

    pub(crate) fn of(generation: Generation) -> Self {
        Self {
            generation: Arc::new(generation),
            shelf: Arc::default(),
        }
    }

    pub fn status(&self) -> &DatabaseStatus {
        self.generation.status()
    }

    /// Everything known of the vulnerability an id or alias names.
    pub fn vulnerability(&self, id: &VulnerabilityId) -> Option<Vulnerability> {
        let index = self.index_of(id.as_str())?;
        self.details([index]).into_values().next()
    }

    /// Everything known of several vulnerabilities; of those it does not
    /// know, nothing.
    pub fn vulnerabilities<'i>(
        &self,
        ids: impl IntoIterator<Item = &'i VulnerabilityId>,
    ) -> BTreeMap<VulnerabilityId, Vulnerability> {
        let ids = ids.into_iter();
        self.details(ids.filter_map(|id| self.generation.by_name(id.as_str())))
    }

    /// The id a name stands for: `GHSA-jfh8-c2jp-5v3q` is
    /// `CVE-2021-44228`. Letter case does not matter.
    pub fn canonical_id(&self, name: &str) -> Option<VulnerabilityId> {
        self.id_of(self.index_of(name)?)
    }

    pub(crate) fn id_of(&self, index: u32) -> Option<VulnerabilityId> {
        let row = self.generation.vulnerability(index)?;
        Some(VulnerabilityId::new(self.generation.string(row.id)))
    }

    pub(crate) fn is_id_of(&self, id: &VulnerabilityId, index: u32) -> bool {
        self.generation.id_of(index) == id.as_str()
    }

    fn index_of(&self, name: &str) -> Option<u32> {
        self.generation
            .by_name(name)
            .or_else(|| self.generation.by_name(&matcher::normalise_id(name)))
    }

    /// Every vulnerability, sorted by id.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> + '_ {
        let rows = 0..self.generation.vulnerability_count();
        rows.filter_map(|index| self.generation.vulnerability(index))
            .map(|row| Entry {
                id: self.generation.string(row.id),
                severity: row.severity,
                epss: epss(&row),
                is_known_exploited: row.kev_added.is_some(),
            })
    }

    /// The details of several vulnerabilities; each block of prose is
    /// opened once.
    pub(crate) fn details(
        &self,
        vulnerabilities: impl IntoIterator<Item = u32>,
    ) -> BTreeMap<VulnerabilityId, Vulnerability> {
        let lock = || {
            self.shelf
                .lock()
                .expect("invariant: no panic under the lock")
        };
        let mut details = BTreeMap::new();
        let mut missing = Vec::new();
        {
            let kept = lock();
            for index in vulnerabilities {
                match kept.kept.get(&index) {
                    Some(known) => drop(details.insert(known.id.clone(), known.clone())),
                    None => missing.push(index),
                }
            }
        }
        let mut blocks = Blocks::default();
        let gathered: Vec<(u32, Vulnerability)> = missing
            .into_iter()
            .filter_map(|index| Some((index, self.gather(index, &mut blocks)?)))
            .collect();
        let mut kept = lock();
        for (index, vulnerability) in gathered {
            kept.put(index, &vulnerability);
            details.insert(vulnerability.id.clone(), vulnerability);
        }
        details
    }

    /// Joins what all records say of one vulnerability. A record that
    /// speaks of it alone is heard before one that bundles many.
    fn gather(&self, index: u32, blocks: &mut Blocks) -> Option<Vulnerability> {
        let generation = &*self.generation;
        let row = generation.vulnerability(index)?;
        let mut vulnerability = Vulnerability {
            id: VulnerabilityId::new(generation.string(row.id)),
            aliases: generation
                .list(row.names.0, row.names.1)
                .map(|name| generation.string(name).to_owned())
                .collect(),
            title: String::new(),
            description: String::new(),
            severity: row.severity,
            cvss: Vec::new(),
            epss: epss(&row),
            kev: Generation::kev(&row),
            cwes: Vec::new(),
            references: Vec::new(),
            published: None,
            modified: None,
        };
        let mut records: Vec<_> = generation
            .list(row.records.0, row.records.1)
            .filter_map(|record| generation.record(record))
            .collect();
        records.sort_by_key(|record| {
            let id = generation.string(record.id);
            // A bulletin names the package that was updated, not the
            // vulnerability, even where it mends only one.
            (
                is_distribution_bulletin(id),
                record.count,
                !id.starts_with("GHSA-"),
            )
        });
        // Hundreds of bundles may cover one vulnerability; a few tell all.
        for record in records.into_iter().take(MAX_RECORDS_SHOWN) {
            let Some(block) = blocks.open(generation, record.block) else {
                continue;
            };
            let Some(prose) = read::prose(block, &record) else {
                continue;
            };
            let is_alone = record.count == 1;
            if vulnerability.title.is_empty() {
                vulnerability.title = prose.title.into_owned();
            }
            if vulnerability.description.is_empty() {
                vulnerability.description = prose.details.into_owned();
            }
            let published = prose
                .published
                .and_then(|at| Timestamp::from_second(at).ok());
            let modified = prose
                .modified
                .and_then(|at| Timestamp::from_second(at).ok());
            vulnerability.published = earliest(vulnerability.published, published);
            vulnerability.modified = vulnerability.modified.max(modified);
            if !is_alone {
                continue;
            }
            let source = generation.string(record.id);
            for vector in prose.vectors {
                if let Some(score) = cvss::score(&vector)
                    && !vulnerability
                        .cvss
                        .iter()
                        .any(|known| known.vector == vector)
                {
                    vulnerability.cvss.push(Cvss {
                        vector: vector.into_owned(),
                        score,
                        source: source.to_owned(),
                    });
                }
            }
            vulnerability
                .cwes
                .extend(prose.cwes.into_iter().map(Into::into));
            for reference in prose.references {
                if !vulnerability
                    .references
                    .iter()
                    .any(|known| *known == reference)
                {
                    vulnerability.references.push(reference.into_owned());
                }
            }
        }
        vulnerability.cwes.sort_unstable();
        vulnerability.cwes.dedup();
        Some(vulnerability)
    }
}

const MAX_RECORDS_SHOWN: usize = 32;

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn epss(row: &VulnerabilityRow) -> Option<Epss> {
    let (score, percentile) = row.epss;
    // The table has five decimals; more would be the float's own.
    let round = |number: f32| (f64::from(number) * 1e5).round() / 1e5;
    (0.0..=1.0).contains(&score).then(|| Epss {
        score: round(score),
        percentile: round(percentile),
    })
}

/// Blocks opened so far, up to a bound: a report names hundreds of
/// vulnerabilities, most of them in a few blocks.
#[derive(Default)]
struct Blocks {
    open: HashMap<u32, Option<Vec<u8>>>,
    bytes: usize,
}

impl Blocks {
    const MAX_BYTES: usize = 32 << 20;

    fn open(&mut self, generation: &Generation, block: u32) -> Option<&[u8]> {
        if self.bytes > Self::MAX_BYTES {
            self.open.clear();
            self.bytes = 0;
        }
        let bytes = self.open.entry(block).or_insert_with(|| {
            let bytes = generation.block(block);
            self.bytes += bytes.as_ref().map_or(0, Vec::len);
            bytes
        });
        bytes.as_deref()
    }
}

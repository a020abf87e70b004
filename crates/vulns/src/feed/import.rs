//! Advisories from files: a tree in the OSV bucket's layout, an archive,
//! a single record, or our own bundle.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufReader, Read, Write},
    path::{Path, PathBuf},
};

use model::{Cancel, Clock, Warning, error::chain};

use super::{
    Event, FeedError, Outcome, Progress, Warnings,
    archive::{Archive, Entry, has_extension},
    bundle::{Bundle, is_bundle, unpack},
    compile::{adopt, compile, forget_deltas},
    depot::Depot,
    key::TrustedKey,
};
use crate::osv::{MAX_RECORD_BYTES, Record};

const MAX_DEPTH: usize = 16;
const MAX_FILES: usize = 2_000_000;
const MAX_INTEL_BYTES: u64 = 256 << 20;
/// Where single records go.
const LOOSE: &str = "imported";

/// What a file in a tree is, by its name and first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Archive,
    Bundle,
    Record,
    Epss,
    Kev,
    Other,
}

/// What there is to take in.
#[derive(Debug, Default)]
struct Found {
    archives: Vec<(String, PathBuf)>,
    bundles: Vec<PathBuf>,
    /// Single records, by the folder they are in.
    records: BTreeMap<String, Vec<PathBuf>>,
    epss: Option<PathBuf>,
    kev: Option<PathBuf>,
    files: usize,
}

/// Takes in every archive, record, EPSS table and KEV catalogue under
/// `paths` and compiles. A source of a name that is here already is
/// replaced; single records are added to those imported before. Given
/// trusted keys, only bundles signed by one of them are taken.
pub fn import(
    dir: &Path,
    paths: &[PathBuf],
    trusted: &[TrustedKey],
    clock: &dyn Clock,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Outcome, FeedError> {
    let depot = Depot::lock(dir)?;
    let mut warnings = Warnings::default();
    let mut found = Found::default();
    for path in paths {
        let before = found.count();
        found.look_at(path, 0)?;
        if found.count() == before {
            return Err(FeedError::NothingFound(path.clone()));
        }
    }
    if let Some(unsigned) = found.unsigned()
        && !trusted.is_empty()
    {
        return Err(FeedError::Unsigned(unsigned.to_owned()));
    }
    for path in &found.bundles {
        let file = fs::File::open(path).map_err(FeedError::read(path))?;
        let bundle = Bundle::open(path, BufReader::new(file), trusted)?;
        bundle.warn(&mut warnings, progress);
        unpack(&depot, bundle, progress, cancel)?;
    }
    let mut taken = found.bundles.len();
    let mut first_error = None;
    for (name, path) in &found.archives {
        if cancel.is_cancelled() {
            return Err(FeedError::Cancelled);
        }
        match adopt(&depot, name, path, progress) {
            Ok(()) => taken += 1,
            Err(error) => {
                let warning = Warning::new(format!("left out: failed to {}", chain(&error)));
                warnings.push(warning.at(path.to_string_lossy()), progress);
                first_error.get_or_insert(error);
            }
        }
    }
    for (name, files) in &found.records {
        taken += pack(&depot, name, files, &mut warnings, progress)?;
    }
    for (path, name) in [(&found.epss, "epss"), (&found.kev, "kev")] {
        if let Some(path) = path {
            let bytes = read_bounded(path, MAX_INTEL_BYTES)?;
            depot.write(&depot.intel(name), &bytes)?;
            taken += 1;
        }
    }
    if taken == 0 {
        let nothing = || FeedError::NothingFound(paths.first().cloned().unwrap_or_default());
        return Err(first_error.unwrap_or_else(nothing));
    }
    let status = compile(&depot, clock.now(), &mut warnings, progress, cancel)?;
    Ok(Outcome {
        status,
        warnings: warnings.finish(),
        changed: true,
    })
}

impl Found {
    fn count(&self) -> usize {
        self.archives.len()
            + self.bundles.len()
            + self.records.values().map(Vec::len).sum::<usize>()
            + usize::from(self.epss.is_some())
            + usize::from(self.kev.is_some())
    }

    /// Anything but a bundle: nothing vouches for it.
    fn unsigned(&self) -> Option<&Path> {
        let archives = self.archives.iter().map(|(_, path)| path);
        let records = self.records.values().flatten();
        let intel = self.epss.iter().chain(&self.kev);
        let mut paths = archives.chain(records).chain(intel);
        paths.next().map(PathBuf::as_path)
    }

    fn look_at(&mut self, path: &Path, depth: usize) -> Result<(), FeedError> {
        // A link that was named is followed; one that lies about may lead
        // in circles.
        let metadata = if depth == 0 {
            fs::metadata(path)
        } else {
            fs::symlink_metadata(path)
        };
        let metadata = metadata.map_err(FeedError::read(path))?;
        if metadata.is_dir() {
            return self.look_into(path, depth);
        }
        self.files += 1;
        if self.files > MAX_FILES || !metadata.is_file() {
            return Ok(());
        }
        let parent = path.parent().and_then(Path::file_name);
        let parent = parent.map_or_else(|| LOOSE.into(), |name| name.to_string_lossy());
        match kind_of(path)? {
            Kind::Archive => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                let name = if stem == "all" { parent } else { stem };
                self.archives.push((self.unused(&name), path.to_owned()));
            }
            Kind::Bundle => self.bundles.push(path.to_owned()),
            Kind::Record => {
                let name = if depth == 0 { LOOSE.into() } else { parent };
                let files = self.records.entry(name.into_owned()).or_default();
                files.push(path.to_owned());
            }
            // The newest table of several is the last by name.
            Kind::Epss => self.epss = self.epss.take().max(Some(path.to_owned())),
            Kind::Kev => self.kev = Some(path.to_owned()),
            Kind::Other => {}
        }
        Ok(())
    }

    fn look_into(&mut self, folder: &Path, depth: usize) -> Result<(), FeedError> {
        if depth > MAX_DEPTH {
            return Ok(());
        }
        let entries = fs::read_dir(folder).map_err(FeedError::read(folder))?;
        let mut children: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        children.sort_unstable();
        for child in children {
            self.look_at(&child, depth + 1)?;
        }
        Ok(())
    }

    /// Two archives of one name are two sources.
    fn unused(&self, name: &str) -> String {
        let is_used = |name: &str| self.archives.iter().any(|(used, _)| used == name);
        if !is_used(name) {
            return name.to_owned();
        }
        (2..=self.archives.len() + 2)
            .map(|number| format!("{name}-{number}"))
            .find(|name| !is_used(name))
            .unwrap_or_default()
    }
}

fn kind_of(path: &Path) -> Result<Kind, FeedError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    if plain.starts_with("epss") && has_extension(plain, "csv") {
        return Ok(Kind::Epss);
    }
    if plain == "kev.json" || plain == "known_exploited_vulnerabilities.json" {
        return Ok(Kind::Kev);
    }
    if has_extension(&name, "zip") {
        return Ok(Kind::Archive);
    }
    if has_extension(&name, "json") {
        return Ok(Kind::Record);
    }
    let mut magic = [0; 8];
    let mut file = fs::File::open(path).map_err(FeedError::read(path))?;
    let length = file.read(&mut magic).map_err(FeedError::read(path))?;
    let magic = magic.get(..length).unwrap_or_default();
    Ok(if magic.starts_with(b"PK\x03\x04") {
        Kind::Archive
    } else if is_bundle(magic) {
        Kind::Bundle
    } else {
        Kind::Other
    })
}

/// Packs single records into a source's archive, beside those that are
/// there; a record of the same file name is replaced. How many there
/// were.
fn pack(
    depot: &Depot,
    name: &str,
    files: &[PathBuf],
    warnings: &mut Warnings,
    progress: &dyn Progress,
) -> Result<usize, FeedError> {
    let path = depot.source(name).join("all.zip");
    progress.report(Event::Started {
        source: name,
        bytes: None,
    });
    let draft = depot.draft(&path)?;
    let mut writer = RecordWriter::new(draft.reopen().map_err(FeedError::write(&path))?);
    let mut taken = std::collections::HashSet::new();
    for file in files {
        let entry = file.file_name().unwrap_or_default().to_string_lossy();
        if taken.contains(&*entry) {
            continue;
        }
        let bytes = match read_record(file) {
            Ok(bytes) => bytes,
            Err(reason) => {
                let warning = Warning::new(format!("left out: {reason}"));
                warnings.push(warning.at(file.to_string_lossy()), progress);
                continue;
            }
        };
        taken.insert(entry.to_string());
        writer
            .add(&entry, &bytes)
            .map_err(FeedError::write(&path))?;
    }
    if taken.is_empty() {
        return Ok(0);
    }
    if path.is_file()
        && let Ok(mut earlier) = Archive::open(&path)
    {
        earlier.for_each(|entry| match entry {
            Entry::Record { name, bytes } if !taken.contains(name) => {
                writer.add(name, bytes).map_err(FeedError::write(&path))
            }
            _ => Ok(()),
        })?;
    }
    writer.finish().map_err(FeedError::write(&path))?;
    Depot::publish(draft, &path)?;
    forget_deltas(&depot.source(name))?;
    progress.report(Event::Done {
        source: name,
        changed: true,
    });
    Ok(taken.len())
}

/// A file that is an OSV record, or why it is none.
fn read_record(file: &Path) -> Result<Vec<u8>, String> {
    let bytes = read_bounded(file, MAX_RECORD_BYTES).map_err(|error| chain(&error))?;
    match Record::parse(&bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("it is no OSV record ({error})")),
    }
}

/// Writes an archive of records; the same records give the same bytes.
pub(crate) struct RecordWriter<W: Write + std::io::Seek>(zip::ZipWriter<W>);

impl<W: Write + std::io::Seek> RecordWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        Self(zip::ZipWriter::new(out))
    }

    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default());
        self.0
            .start_file(name, options)
            .map_err(std::io::Error::other)?;
        self.0.write_all(bytes)
    }

    pub(crate) fn finish(self) -> std::io::Result<W> {
        self.0.finish().map_err(std::io::Error::other)
    }
}

pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, FeedError> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(FeedError::read(path))?;
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(FeedError::read(path))?;
    if bytes.len() as u64 > limit {
        return Err(FeedError::Hostile {
            path: path.to_owned(),
            reason: format!("is larger than {limit} bytes"),
        });
    }
    Ok(bytes)
}

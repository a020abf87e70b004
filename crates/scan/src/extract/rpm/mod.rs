//! The package database of Red Hat's, SUSE's and their relatives'
//! systems, in each of the three formats rpm has kept it in, and the
//! list that stands in for it in distroless images.
//!
//! All three are read by readers of our own: each needs only the one
//! table that maps a number to a package header, and a hostile file
//! never reaches a database engine. Reading is bounded by the file: no
//! page and no byte of it is taken twice.

mod berkeley;
mod header;
mod manifest;
mod ndb;
mod sqlite;

use std::collections::HashMap;

use model::{PackageKind, SourcePackage};

use self::header::{Header, Tag};
use super::{
    Extraction, Extractor, FileMeta, Found, Input, Want,
    ownership::{LONGEST_PATH, MOST_FILES, OwnedFiles},
    random_access::RandomAccess,
};

/// Fat development images have databases of some hundred megabytes.
const LIMIT: u64 = 1024 * 1024 * 1024;
const MANIFEST_LIMIT: u64 = 64 * 1024 * 1024;

/// Where rpm keeps its database: the old place, where it moved, and
/// where image-based systems have it.
const FOLDERS: [&str; 3] = ["var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/"];

const MANIFEST: &str = "var/lib/rpmmanifest/container-manifest-2";

/// A header is a few kilobytes to a few megabytes (kernels).
const LARGEST_HEADER: u64 = 64 * 1024 * 1024;

const LONGEST_WORD: usize = 512;

/// Who signs packages that the distribution's advisories speak for.
/// The files of other vendors' packages are not claimed for it.
const DISTRIBUTORS: &[&str] = &[
    "almalinux",
    "amazon",
    "centos",
    "cloudlinux",
    "fedora",
    "mageia",
    "microsoft",
    "openeuler",
    "opensuse",
    "oracle",
    "red hat",
    "rocky",
    "suse",
    "vmware",
];

pub(crate) struct Rpm;

impl Extractor for Rpm {
    fn name(&self) -> &'static str {
        "rpm"
    }

    fn version(&self) -> u32 {
        2
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        if file.path == MANIFEST {
            return Some(Want::Whole {
                limit: MANIFEST_LIMIT,
            });
        }
        // An empty journal is left behind by every reader.
        let journal_in_use = file.size > 0 || !file.path.ends_with("-wal");
        (format(file.path).is_some() && journal_in_use).then_some(Want::Seekable { limit: LIMIT })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let path = file.path;
        if path == MANIFEST {
            manifest::read(file.bytes(), out);
            return;
        }
        let Some(format) = format(path) else { return };
        if format == Format::Journal {
            out.warn(
                "the package database has changes in its journal, which is not read: \
                 the newest packages may be missing",
            );
            return;
        }
        let mut files_left = MOST_FILES;
        let mut file = RandomAccess::new(file);
        let mut records = Records {
            budget: file.size(),
            damaged: 0,
            visit: &mut |blob| package(blob, &mut files_left, out),
        };
        let result = match format {
            Format::Sqlite => sqlite::read(&mut file, &mut records),
            Format::Ndb => ndb::read(&mut file, &mut records),
            Format::Berkeley => berkeley::read(&mut file, &mut records),
            Format::Journal => Ok(()),
        };
        let damaged = records.damaged;
        if damaged > 0 {
            out.warn(format!("{damaged} damaged package records were skipped"));
        }
        if let Err(error) = result {
            out.warn(model::error::chain(&error));
        }
        if files_left == 0 {
            out.warn("too many files: not every file's owner is known");
        }
        complete_source_epochs(&mut out.packages);
        out.packages.sort();
    }
}

/// A package with a version of its own cannot tell its source's epoch;
/// another one from the same source that shares its version can.
fn complete_source_epochs(packages: &mut [Found]) {
    let epochs: HashMap<SourcePackage, String> = packages
        .iter()
        .filter_map(|found| {
            let source = found.source.as_ref()?;
            let (_, version) = source.version.split_once(':')?;
            let key = SourcePackage {
                name: source.name.clone(),
                version: version.to_owned(),
            };
            Some((key, source.version.clone()))
        })
        .collect();
    for source in packages
        .iter_mut()
        .filter_map(|found| found.source.as_mut())
    {
        if let Some(version) = epochs.get(source) {
            source.version.clone_from(version);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Sqlite,
    /// The write-ahead journal of a sqlite database.
    Journal,
    Ndb,
    Berkeley,
}

fn format(path: &str) -> Option<Format> {
    let name = FOLDERS
        .iter()
        .find_map(|folder| path.strip_prefix(folder))?;
    match name {
        "rpmdb.sqlite" => Some(Format::Sqlite),
        "rpmdb.sqlite-wal" => Some(Format::Journal),
        "Packages.db" => Some(Format::Ndb),
        "Packages" => Some(Format::Berkeley),
        _ => None,
    }
}

/// Why a database could not be read to its end.
#[derive(Debug, thiserror::Error)]
enum ReadDatabaseError {
    #[error("not a {0} database")]
    Unrecognised(&'static str),
    #[error("the database is encrypted")]
    Encrypted,
    #[error("the database has no table of packages")]
    NoPackages,
    #[error("the database is damaged: {0}")]
    Damaged(&'static str),
    #[error("the database cannot be read")]
    Read(#[source] std::io::Error),
}

impl From<std::io::Error> for ReadDatabaseError {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error)
    }
}

/// Where a reader hands over the package headers it finds.
struct Records<'a> {
    /// Bytes of the file not yet handed over. Records that share bytes
    /// would let a small file cost without end.
    budget: u64,
    damaged: usize,
    visit: &'a mut dyn FnMut(&[u8]) -> Result<(), header::MalformedError>,
}

impl Records<'_> {
    /// Whether a record of this size may still be read.
    fn afford(&mut self, size: u64) -> Result<(), ReadDatabaseError> {
        self.budget = self
            .budget
            .checked_sub(size)
            .ok_or(ReadDatabaseError::Damaged("records overlap"))?;
        Ok(())
    }

    fn hand_over(&mut self, blob: &[u8]) {
        if (self.visit)(blob).is_err() {
            self.damaged += 1;
        }
    }

    fn skip_damaged(&mut self) {
        self.damaged += 1;
    }
}

impl std::fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records")
            .field("budget", &self.budget)
            .field("damaged", &self.damaged)
            .finish_non_exhaustive()
    }
}

/// Remembers the pages that were read, so that a chain cannot loop.
#[derive(Debug)]
struct Pages {
    seen: Vec<u64>,
    count: u64,
}

impl Pages {
    fn new(count: u64) -> Self {
        let words = usize::try_from(count / 64 + 1).unwrap_or(usize::MAX);
        Self {
            seen: vec![0; words],
            count,
        }
    }

    /// Claims a page: fails beyond the file's end and the second time.
    fn take(&mut self, page: u64) -> Result<(), ReadDatabaseError> {
        if page >= self.count {
            return Err(ReadDatabaseError::Damaged("a page is beyond the end"));
        }
        let word = usize::try_from(page / 64)
            .ok()
            .and_then(|index| self.seen.get_mut(index))
            .ok_or(ReadDatabaseError::Damaged("a page is beyond the end"))?;
        let bit = 1 << (page % 64);
        if *word & bit != 0 {
            return Err(ReadDatabaseError::Damaged("a page is used twice"));
        }
        *word |= bit;
        Ok(())
    }
}

/// One package header becomes a package and the files it owns.
fn package(
    blob: &[u8],
    files_left: &mut usize,
    out: &mut Extraction,
) -> Result<(), header::MalformedError> {
    let header = Header::parse(blob)?;
    let name = word(header.string(Tag::Name)).ok_or(header::MalformedError)?;
    // Signing keys are kept among the packages.
    if name == "gpg-pubkey" {
        return Ok(());
    }
    let version = word(header.string(Tag::Version)).ok_or(header::MalformedError)?;
    let release = word(header.string(Tag::Release)).ok_or(header::MalformedError)?;
    let epoch = header.number(Tag::Epoch).unwrap_or_default();
    let mut found = assemble(
        name,
        version,
        release,
        epoch,
        word(header.string(Tag::SourceRpm)),
    );
    found.architecture = word(header.string(Tag::Arch)).map(str::to_owned);
    if let Some(license) = header.string(Tag::License)
        && !license.is_empty()
        && license.len() <= 4096
    {
        found.licenses = vec![license.to_owned()];
    }
    if let Some(label) = word(header.string(Tag::ModularityLabel)) {
        found
            .qualifiers
            .push(("modularitylabel".to_owned(), label.to_owned()));
    }
    if by_distributor(header.string(Tag::Vendor)) {
        out.owned.extend(owned(&header, files_left).finish(name));
    }
    out.packages.push(found);
    Ok(())
}

/// `[epoch:]version-release`; the source rpm's file name tells the
/// source package.
fn assemble(
    name: &str,
    version: &str,
    release: &str,
    epoch: u32,
    source_rpm: Option<&str>,
) -> Found {
    let epoch = match epoch {
        0 => String::new(),
        epoch => format!("{epoch}:"),
    };
    let own = format!("{version}-{release}");
    let mut found = Found::new(PackageKind::Rpm, name, format!("{epoch}{own}"));
    found.source = source_rpm.and_then(|file| {
        let stem = file
            .strip_suffix(".src.rpm")
            .or_else(|| file.strip_suffix(".nosrc.rpm"))?;
        let (rest, release) = stem.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        let version = format!("{version}-{release}");
        // The file name lacks the epoch. A package that shares its
        // source's version shares its epoch too.
        let epoch = if version == own { epoch.as_str() } else { "" };
        Some(SourcePackage {
            name: name.to_owned(),
            version: format!("{epoch}{version}"),
        })
    });
    found
}

/// Packages that name no vendor are taken for the distribution's.
fn by_distributor(vendor: Option<&str>) -> bool {
    let vendor = vendor.unwrap_or_default().trim();
    if vendor.is_empty() || vendor == "(none)" {
        return true;
    }
    let vendor = vendor.to_ascii_lowercase();
    DISTRIBUTORS.iter().any(|known| vendor.contains(known))
}

/// File names are kept apart from their folders: the nth base name lies
/// in the folder that the nth index picks.
fn owned(header: &Header<'_>, files_left: &mut usize) -> OwnedFiles {
    let folders: Vec<&str> = header.strings(Tag::DirNames).collect();
    let indexes = header.numbers(Tag::DirIndexes);
    let mut files = OwnedFiles::default();
    let mut path = String::new();
    for (name, index) in header.strings(Tag::BaseNames).zip(indexes) {
        if *files_left == 0 {
            break;
        }
        *files_left -= 1;
        let folder = usize::try_from(index)
            .ok()
            .and_then(|index| folders.get(index));
        if let Some(folder) = folder
            && folder.len() + name.len() <= LONGEST_PATH
        {
            path.clear();
            path.push_str(folder);
            path.push_str(name);
            files.add(&path);
        }
    }
    files
}

/// Names, versions and file names are short words of printable ASCII;
/// anything else is damage.
fn word(text: Option<&str>) -> Option<&str> {
    text.filter(|text| {
        !text.is_empty()
            && text.len() <= LONGEST_WORD
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

#[cfg(test)]
mod tests;

//! Extractors: one small file for each package database, lock file or
//! binary format.
//!
//! The walk opens, bounds and buffers files; an extractor only says
//! which files it wants and parses the bytes it is handed. It never
//! opens a file itself and never panics on what it reads: damage becomes
//! a warning, and whatever was understood before the damage is kept.

mod apk;
mod cargo_lock;
#[cfg(test)]
mod check;
mod composer_installed;
mod composer_lock;
pub(crate) mod debian_copyright;
mod dotnet_deps;
mod dpkg;
mod executable;
mod gemfile_lock;
mod gemspec;
mod go_binary;
mod go_mod;
mod java_archive;
mod java_names;
pub(crate) mod json;
mod lines;
mod listing;
mod node_module;
pub(crate) mod notable;
mod npm_lock;
mod nuget_lock;
pub(crate) mod os_release;
mod ownership;
mod package_tables;
mod packages_config;
mod pipfile_lock;
mod pnpm_lock;
mod poetry_lock;
mod programs;
mod python_dist;
mod random_access;
mod requirements;
mod rpm;
mod rust_binary;
mod secrets;
mod uv_lock;
mod yarn_lock;
mod zip_directory;

use std::io::{Read, Seek};

pub(crate) use model::package_files::path_key;
use model::{Digest, FoundSecret, NotableSort, OperatingSystem, PackageKind, SourcePackage};
use serde::{Deserialize, Serialize};

/// One parser. Stateless; called from several threads at once.
pub(crate) trait Extractor: Sync {
    /// Stable, unique, kebab-case: part of the cache key.
    fn name(&self) -> &'static str;

    /// Raised whenever the same bytes give another result, so that
    /// cached results are made anew.
    fn version(&self) -> u32;

    /// Asked of every regular file (and resolved hard link) in a layer:
    /// must be cheap and allocation-free.
    fn wants(&self, file: &FileMeta<'_>) -> Option<Want>;

    /// Whether a hard link is to be read under its own name, too, where
    /// its target was not.
    fn follows_links(&self) -> bool {
        true
    }

    /// How many files of one layer or folder it is handed: of those after
    /// it hears nothing, and that is remarked.
    fn most_files(&self) -> usize {
        usize::MAX
    }

    /// Parses one wanted file into `out`.
    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction);
}

/// What is known of a file before it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileMeta<'a> {
    /// Relative to the root, no leading slash, no `.` or `..`.
    pub path: &'a str,
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
}

impl<'a> FileMeta<'a> {
    /// The path's last component.
    pub(crate) fn name(&self) -> &'a str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }
}

/// How an extractor wants a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Whole, in memory, if not larger than this many bytes; a larger
    /// file becomes a warning.
    Whole { limit: u64 },
    /// Seekable: in memory when small, else in an unlinked temporary
    /// file. Larger than this many bytes becomes a warning.
    Seekable { limit: u64 },
    /// As `Seekable`, but only if the file begins with `magic`; any other
    /// file is passed over in silence.
    SeekableIf { magic: &'static [u8], limit: u64 },
    /// As `Whole`, but passed over in silence where it is larger.
    Text { limit: u64 },
    /// Nothing of it: how it is called and what it is like is enough.
    Name,
}

pub(crate) trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// One file, opened.
pub(crate) struct Input<'a> {
    pub path: &'a str,
    pub size: u64,
    /// Permission bits, where the file was met by name.
    pub mode: u32,
    content: Content<'a>,
}

enum Content<'a> {
    Memory(std::io::Cursor<&'a [u8]>),
    Spooled(&'a mut dyn ReadSeek),
}

impl std::fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input")
            .field("path", &self.path)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl<'a> Input<'a> {
    pub(crate) fn memory(path: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            path,
            size: bytes.len() as u64,
            mode: 0,
            content: Content::Memory(std::io::Cursor::new(bytes)),
        }
    }

    pub(crate) fn spooled(path: &'a str, size: u64, content: &'a mut dyn ReadSeek) -> Self {
        Self {
            path,
            size,
            mode: 0,
            content: Content::Spooled(content),
        }
    }

    /// A file that is not opened.
    pub(crate) fn unopened(meta: &FileMeta<'a>) -> Self {
        Self {
            path: meta.path,
            size: meta.size,
            mode: meta.mode,
            content: Content::Memory(std::io::Cursor::new(&[])),
        }
    }

    /// The whole file. Empty for a spooled one: ask [`Self::seekable`]
    /// where the extractor wanted it seekable.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        match &self.content {
            Content::Memory(cursor) => cursor.get_ref(),
            Content::Spooled(_) => &[],
        }
    }

    /// The file as a seekable stream, wherever it is kept.
    pub(crate) fn seekable(&mut self) -> &mut dyn ReadSeek {
        match &mut self.content {
            Content::Memory(cursor) => cursor,
            Content::Spooled(file) => *file,
        }
    }
}

/// What one extractor learned from one file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Extraction {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Found>,
    /// Of the package whose path tells which it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<OperatingSystem>,
    /// Files a distribution package put there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owned: Vec<Owned>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<FoundSecret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noted: Option<Noted>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Program>,
    /// What could not be understood, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What a file is like, where that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Noted {
    pub sort: NotableSort,
    pub mode: u32,
    pub size: u64,
}

/// A program, by what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Program {
    pub digest: Digest,
    pub bytes: u64,
}

impl Extraction {
    pub(crate) fn warn(&mut self, message: impl Into<String>) {
        self.warnings.push(message.into());
    }
}

/// A package as its own database or lock file states it. The ecosystem,
/// the package URL and the layer are added when layers are squashed,
/// once the operating system is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Found {
    pub kind: PackageKind,
    /// See [`model::Package::name`] for the spelling of each kind.
    pub name: String,
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourcePackage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
    /// Path inside the file, for archives: `BOOT-INF/lib/a.jar`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner_path: Option<String>,
    /// Further package-URL qualifiers (`epoch`, `modularitylabel`,
    /// `type`), beyond what the squash adds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub qualifiers: Vec<(String, String)>,
    /// A package of the distribution's format that somebody else built:
    /// the distribution's advisories do not speak for what is in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_foreign: bool,
}

impl Found {
    pub(crate) fn new(
        kind: PackageKind,
        name: impl Into<String>,
        version: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            name: name.into(),
            version: version.into(),
            source: None,
            architecture: None,
            licenses: Vec::new(),
            inner_path: None,
            qualifiers: Vec::new(),
            is_foreign: false,
        }
    }
}

/// Which files one distribution package owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owned {
    pub package: String,
    /// [`path_key`] of each file, sorted.
    pub files: Vec<u64>,
    /// Places in `files` of what can be executed or mapped, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<u32>,
}

/// No lock file in use comes near this size.
const LOCK_FILE_LIMIT: u64 = 16 << 20;

/// Whether `path` lies inside a folder called `folder`.
fn inside(path: &str, folder: &str) -> bool {
    path.split('/').rev().skip(1).any(|part| part == folder)
}

/// Folders for code that came from elsewhere. A lock file in one of them
/// served its own developers and says nothing about this target.
const FOREIGN_FOLDERS: [&str; 9] = [
    "__fixtures__",
    "dist-packages",
    "fixtures",
    "node_modules",
    "site-packages",
    "testdata",
    "third_party",
    "vendor",
    "vendored",
];

/// Whether the lock file at `path` belongs to somebody else's code.
fn is_foreign(path: &str) -> bool {
    FOREIGN_FOLDERS.iter().any(|folder| inside(path, folder))
}

/// The name of the one that reads licences of Debian's packages.
pub(crate) const DEBIAN_COPYRIGHT: &str = "debian-copyright";
/// The name of the one that looks for secrets.
pub(crate) const SECRETS: &str = "secrets";
/// The name of the one that hashes programs.
pub(crate) const PROGRAMS: &str = "programs";

/// Every extractor, in the order their results are listed.
pub(crate) fn all() -> &'static [&'static dyn Extractor] {
    &[
        &os_release::OsRelease,
        &dpkg::Dpkg,
        &debian_copyright::DebianCopyright,
        &apk::Apk,
        &cargo_lock::CargoLock,
        &composer_installed::ComposerInstalled,
        &composer_lock::ComposerLock,
        &dotnet_deps::DotnetDeps,
        &gemfile_lock::GemfileLock,
        &gemspec::Gemspec,
        &go_mod::GoMod,
        &rpm::Rpm,
        &java_archive::JavaArchive,
        &node_module::NodeModule,
        &npm_lock::NpmLock,
        &nuget_lock::NugetLock,
        &packages_config::PackagesConfig,
        &pipfile_lock::PipfileLock,
        &pnpm_lock::PnpmLock,
        &poetry_lock::PoetryLock,
        &python_dist::PythonDist,
        &requirements::Requirements,
        &uv_lock::UvLock,
        &yarn_lock::YarnLock,
        &go_binary::GoBinary,
        &rust_binary::RustBinary,
        &notable::Notable,
        &secrets::Secrets,
        &programs::Programs,
    ]
}

//! Which package a program or a library of an image belongs to.
//!
//! Distributions list their packages' files by the ten thousand; all that
//! is kept of them is a short hash of each path that could be executed or
//! mapped, and the package it is of. Other packages are told from where
//! they lie: a program is its own, a jar holds what is in it, native
//! parts of modules lie in the module's folder.

use std::{collections::HashMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Package, PackageKind, Sbom, in_use::NotKnown};

/// Files kept of one image, at most.
pub const MOST_FILES: usize = 200_000;

/// Bits of a hash that are kept: of ten thousand files one in a hundred
/// million is taken for another.
const BITS: u32 = 40;

/// A path as a number, for ownership look-ups over tens of thousands of
/// files. `bin`, `sbin`, `lib` and `lib64` at the root are read as links
/// into `usr`, because databases and archives disagree about them.
pub fn path_key(path: &str) -> u64 {
    let path = path.trim_start_matches("./").trim_start_matches('/');
    let merged = ["bin/", "sbin/", "lib/", "lib32/", "lib64/", "libx32/"]
        .iter()
        .any(|root| path.starts_with(root));
    if merged {
        xxhash_rust::xxh3::xxh3_64(format!("usr/{path}").as_bytes())
    } else {
        xxhash_rust::xxh3::xxh3_64(path.as_bytes())
    }
}

/// Programs and libraries, each with the place of its package among the
/// packages of the SBOM. On the wire and on disk one text: ascending
/// hashes as distances, seven bits a byte, each followed by the package.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PackageFiles {
    /// Ascending by hash.
    files: Vec<(u64, u32)>,
}

impl fmt::Debug for PackageFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} files", self.files.len())
    }
}

fn short(key: u64) -> u64 {
    key >> (64 - BITS)
}

impl PackageFiles {
    /// From the keys of paths; the first package that claims a path has
    /// it.
    pub fn new(files: impl IntoIterator<Item = (u64, u32)>) -> Self {
        let mut files: Vec<(u64, u32)> = files
            .into_iter()
            .map(|(key, package)| (short(key), package))
            .collect();
        files.sort_unstable();
        files.dedup_by_key(|(key, _)| *key);
        files.truncate(MOST_FILES);
        Self { files }
    }

    /// Whose file this is: the place of its package.
    pub fn owner(&self, path: &str) -> Option<u32> {
        let key = short(path_key(path));
        let at = self
            .files
            .binary_search_by_key(&key, |(key, _)| *key)
            .ok()?;
        self.files.get(at).map(|(_, package)| *package)
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The places of packages that have any.
    fn packages(&self) -> impl Iterator<Item = u32> + '_ {
        self.files.iter().map(|(_, package)| *package)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.files.len() * 6);
        let mut before = 0;
        for (key, package) in &self.files {
            put(key - before, &mut bytes);
            put(u64::from(*package), &mut bytes);
            before = *key;
        }
        bytes
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let mut files = Vec::new();
        let mut rest = bytes;
        let mut key: u64 = 0;
        while !rest.is_empty() {
            key = key.checked_add(take(&mut rest)?)?;
            let package = u32::try_from(take(&mut rest)?).ok()?;
            if files.len() == MOST_FILES || key >> BITS != 0 {
                return None;
            }
            files.push((key, package));
        }
        files
            .is_sorted_by_key(|(key, _)| *key)
            .then_some(Self { files })
    }
}

fn put(mut number: u64, bytes: &mut Vec<u8>) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number: u64 = 0;
    for shift in (0..63).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Base 64 without padding (RFC 4648, section 5).
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn to_letters(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + 3);
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let number = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..=chunk.len() {
            let letter = number >> (18 - 6 * place) & 63;
            text.push(char::from(LETTERS[letter as usize]));
        }
    }
    text
}

fn of_letters(text: &str) -> Option<Vec<u8>> {
    let value = |letter: u8| {
        Some(match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        })
    };
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.as_bytes().chunks(4) {
        if chunk.len() == 1 {
            return None;
        }
        let mut number: u32 = 0;
        for place in 0..4 {
            let letter = match chunk.get(place) {
                Some(letter) => value(*letter)?,
                None => 0,
            };
            number = number << 6 | u32::from(letter);
        }
        let whole = number.to_be_bytes();
        bytes.extend_from_slice(whole.get(1..chunk.len())?);
    }
    Some(bytes)
}

impl Serialize for PackageFiles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_letters(&self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for PackageFiles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        of_letters(&text)
            .and_then(|bytes| Self::of_bytes(&bytes))
            .ok_or_else(|| D::Error::custom("not a list of packages' files"))
    }
}

/// Looks up whose files those of a container are.
#[derive(Debug)]
pub struct Holders<'s> {
    sbom: &'s Sbom,
    /// Packages of files that hold or are them, by the file's path.
    by_file: HashMap<&'s str, Vec<usize>>,
    /// Packages whose native parts lie in a folder, by that folder's
    /// path and name.
    by_folder: HashMap<String, Vec<usize>>,
}

/// Folders looked at above a file.
const DEPTH: usize = 32;

impl<'s> Holders<'s> {
    pub fn new(sbom: &'s Sbom) -> Self {
        let mut by_file: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut by_folder: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, package) in sbom.packages.iter().enumerate() {
            if package.kind.is_distribution() {
                continue;
            }
            let file = package.path.split("!/").next().unwrap_or(&package.path);
            if unseeable(package).is_none() {
                by_file.entry(file).or_default().push(place);
            }
            for folder in folders(package) {
                by_folder.entry(folder).or_default().push(place);
            }
        }
        Self {
            sbom,
            by_file,
            by_folder,
        }
    }

    /// The places of the packages a file belongs to. What lies in a file
    /// that was opened is in use as far as can be seen.
    pub fn of(&self, path: &str) -> Vec<usize> {
        let path = path.trim_start_matches('/');
        let mut found = Vec::new();
        let files = self.sbom.files.as_ref();
        if let Some(owner) = files.and_then(|files| files.owner(path)) {
            found.push(owner as usize);
        }
        found.extend(self.by_file.get(path).into_iter().flatten());
        let mut folder = path;
        for _ in 0..DEPTH {
            found.extend(self.by_folder.get(folder).into_iter().flatten());
            match folder.rsplit_once('/') {
                Some((above, _)) => folder = above,
                None => break,
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Of each package, why its use could not be seen; `None`: it could.
    pub fn unseeable(&self) -> Vec<Option<NotKnown>> {
        let mut has_files = vec![false; self.sbom.packages.len()];
        let files = self.sbom.files.as_ref();
        for package in files.into_iter().flat_map(PackageFiles::packages) {
            if let Some(has_files) = has_files.get_mut(package as usize) {
                *has_files = true;
            }
        }
        let packages = self.sbom.packages.iter().zip(has_files);
        packages
            .map(
                |(package, has_files)| match package.kind.is_distribution() {
                    true if files.is_none() => Some(NotKnown::OldSbom),
                    true if has_files => None,
                    true => Some(NotKnown::NoPrograms),
                    false => unseeable(package),
                },
            )
            .collect()
    }
}

/// Why the use of a language's package could not be seen.
fn unseeable(package: &Package) -> Option<NotKnown> {
    let file = package.path.split("!/").next().unwrap_or(&package.path);
    let name = file.rsplit('/').next().unwrap_or(file);
    let ends = |endings: &[&str]| {
        name.rsplit_once('.')
            .is_some_and(|(_, ending)| endings.contains(&ending.to_ascii_lowercase().as_str()))
    };
    match package.kind {
        PackageKind::Maven if ends(&["jar", "war", "ear", "jmod"]) => None,
        // What was linked into a program is there whenever that runs.
        PackageKind::Golang if !matches!(name, "go.mod" | "go.sum") => None,
        PackageKind::Cargo if name != "Cargo.lock" => None,
        PackageKind::Npm if name == "package.json" => Some(NotKnown::Modules),
        PackageKind::Pypi if file.contains("-info/") || ends(&["egg-info"]) => {
            Some(NotKnown::Modules)
        }
        PackageKind::Gem if ends(&["gemspec"]) => Some(NotKnown::Modules),
        PackageKind::Composer if name == "installed.json" => Some(NotKnown::Modules),
        PackageKind::Nuget if name.ends_with(".deps.json") => Some(NotKnown::Modules),
        _ => Some(NotKnown::Listed),
    }
}

/// Folders, or files, that hold the native parts of a module.
fn folders(package: &Package) -> Vec<String> {
    let path = package.path.as_str();
    let above = |path: &str| {
        path.rsplit_once('/')
            .map_or("", |(above, _)| above)
            .to_owned()
    };
    match package.kind {
        // `node_modules/bcrypt/package.json`.
        PackageKind::Npm if path.contains("node_modules/") && path.ends_with("/package.json") => {
            vec![above(path)]
        }
        // `site-packages/numpy-2.1.dist-info/METADATA`, and its folders
        // `numpy` and `numpy.libs` beside.
        PackageKind::Pypi => {
            let Some((base, _)) = path.split_once("-info/") else {
                return Vec::new();
            };
            let beside = above(base);
            let name = package.name.replace('-', "_");
            [name.clone(), format!("{name}.libs")]
                .into_iter()
                .map(|name| match beside.as_str() {
                    "" => name,
                    beside => format!("{beside}/{name}"),
                })
                .collect()
        }
        // `…/specifications/ffi-1.17.gemspec`, and `…/gems/ffi-1.17`.
        PackageKind::Gem => {
            let Some((base, file)) = path.rsplit_once("/specifications/") else {
                return Vec::new();
            };
            let Some(full) = file
                .rsplit('/')
                .next()
                .and_then(|f| f.strip_suffix(".gemspec"))
            else {
                return Vec::new();
            };
            vec![format!("{base}/gems/{full}")]
        }
        // Libraries lie beside the file that lists them.
        PackageKind::Nuget if path.ends_with(".deps.json") => {
            let beside = above(path);
            let file = format!("{}.dll", package.name);
            vec![match beside.as_str() {
                "" => file,
                beside => format!("{beside}/{file}"),
            }]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Purl;

    fn package(kind: PackageKind, name: &str, path: &str) -> Package {
        Package {
            kind,
            name: name.to_owned(),
            version: "1".to_owned(),
            ecosystem: None,
            source: None,
            architecture: None,
            licenses: Vec::new(),
            purl: format!("pkg:generic/{name}@1").parse::<Purl>().unwrap(),
            path: path.to_owned(),
            layer: None,
            owned_by: None,
        }
    }

    fn sbom() -> Sbom {
        let packages = vec![
            package(PackageKind::Deb, "curl", "var/lib/dpkg/status"),
            package(PackageKind::Deb, "tzdata", "var/lib/dpkg/status"),
            package(PackageKind::Golang, "example.com/x", "usr/bin/server"),
            package(PackageKind::Golang, "example.com/y", "src/go.mod"),
            package(
                PackageKind::Maven,
                "log4j-core",
                "app/shop.jar!/BOOT-INF/lib/log4j-core-2.14.1.jar",
            ),
            package(
                PackageKind::Pypi,
                "pydantic-core",
                "usr/lib/python3/site-packages/pydantic_core-1.dist-info/METADATA",
            ),
            package(
                PackageKind::Npm,
                "bcrypt",
                "app/node_modules/bcrypt/package.json",
            ),
        ];
        let files = [
            ("usr/bin/curl", 0),
            ("lib/x86_64-linux-gnu/libcurl.so.4", 0),
        ];
        Sbom {
            packages,
            files: Some(PackageFiles::new(
                files.map(|(path, package)| (path_key(path), package)),
            )),
            ..Sbom::default()
        }
    }

    #[test]
    fn files_are_found_wherever_the_root_says_they_are() {
        let sbom = sbom();
        let holders = Holders::new(&sbom);
        assert_eq!(holders.of("/usr/bin/curl"), [0]);
        assert_eq!(holders.of("/usr/lib/x86_64-linux-gnu/libcurl.so.4"), [0]);
        assert_eq!(holders.of("/usr/bin/server"), [2]);
        assert_eq!(holders.of("/app/shop.jar"), [4]);
        let native = "/usr/lib/python3/site-packages/pydantic_core/_core.cpython-312.so";
        assert_eq!(holders.of(native), [5]);
        assert_eq!(holders.of("/app/node_modules/bcrypt/lib/bcrypt.node"), [6]);
        for other in [
            "/usr/bin/wget",
            "/app/node_modules/bcrypt2/x.node",
            "/src/go.mod",
            "",
            "/",
        ] {
            assert!(holders.of(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn what_could_not_be_seen_says_why() {
        let mut sbom = sbom();
        let why = Holders::new(&sbom).unseeable();
        assert_eq!(
            why,
            [
                None,
                Some(NotKnown::NoPrograms),
                None,
                Some(NotKnown::Listed),
                None,
                Some(NotKnown::Modules),
                Some(NotKnown::Modules),
            ]
        );
        sbom.files = None;
        assert_eq!(Holders::new(&sbom).unseeable()[0], Some(NotKnown::OldSbom));
    }

    #[test]
    fn nonsense_is_no_list() {
        for text in ["\"*\"", "\"A\"", "\"gA\"", "3"] {
            assert!(
                serde_json::from_str::<PackageFiles>(text).is_err(),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_list_reads_back_as_it_was_written(
            files in proptest::collection::vec((any::<u64>(), any::<u32>()), 0..200),
        ) {
            let files = PackageFiles::new(files);
            let text = serde_json::to_string(&files).unwrap();
            prop_assert_eq!(serde_json::from_str::<PackageFiles>(&text).unwrap(), files);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[A-Za-z0-9_-]{0,40}") {
            drop(serde_json::from_value::<PackageFiles>(text.into()));
        }
    }
}

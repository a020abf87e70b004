//! Files below a root that links cannot lead out of.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Component, Path, PathBuf},
};

use policy::facts::{FileRole, NodeFile};

/// Links followed on the way to one file.
const MAX_LINKS: usize = 40;
/// The largest list of users or groups that is read.
const MAX_NAMES: u64 = 4 << 20;

pub(super) struct Root {
    folder: PathBuf,
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Root {
    pub(super) fn new(root: &Path) -> Self {
        let mut this = Self {
            folder: root.to_owned(),
            users: HashMap::new(),
            groups: HashMap::new(),
        };
        this.users = this.names_of("/etc/passwd");
        this.groups = this.names_of("/etc/group");
        this
    }

    /// `root:x:0:…` by number.
    fn names_of(&self, path: &str) -> HashMap<u32, String> {
        let bytes = self.read(path, MAX_NAMES).unwrap_or_default();
        let mut names = HashMap::new();
        for line in String::from_utf8_lossy(&bytes).lines() {
            let mut fields = line.split(':');
            let (name, number) = (fields.next(), fields.nth(1));
            if let (Some(name), Some(number)) = (name, number.and_then(|text| text.parse().ok())) {
                names.entry(number).or_insert_with(|| name.to_owned());
            }
        }
        names.entry(0).or_insert_with(|| "root".to_owned());
        names
    }

    /// Where a path of the node is from here, its links followed as the
    /// node would follow them.
    fn resolve(&self, path: &str) -> io::Result<PathBuf> {
        let mut left: Vec<std::ffi::OsString> = words(Path::new(path));
        let mut at: Vec<std::ffi::OsString> = Vec::new();
        let mut links = 0;
        while let Some(word) = left.pop() {
            if word == ".." {
                at.pop();
                continue;
            }
            at.push(word);
            let here = self.below(&at);
            let meta = fs::symlink_metadata(&here)?;
            if meta.file_type().is_symlink() {
                links += 1;
                if links > MAX_LINKS {
                    return Err(io::Error::other("too many links"));
                }
                let target = fs::read_link(&here)?;
                at.pop();
                if target.is_absolute() {
                    at.clear();
                }
                left.extend(words(&target));
            }
        }
        Ok(self.below(&at))
    }

    fn below(&self, words: &[std::ffi::OsString]) -> PathBuf {
        let mut path = self.folder.clone();
        path.extend(words);
        path
    }

    /// The bytes of a file, if they are no more than `most`.
    pub(super) fn read(&self, path: &str, most: u64) -> io::Result<Vec<u8>> {
        let place = self.resolve(path)?;
        if !fs::symlink_metadata(&place)?.is_file() {
            return Err(io::Error::other("no ordinary file"));
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(place)?;
        file.take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            return Err(io::Error::other(format!("larger than {most} bytes")));
        }
        Ok(bytes)
    }

    /// Names in a folder, sorted, at most so many.
    pub(super) fn names(&self, folder: &str, most: usize) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.resolve(folder)?)?.take(most) {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    pub(super) fn is_folder(&self, path: &str) -> bool {
        self.resolve(path).is_ok_and(|place| place.is_dir())
    }

    /// Who may do what with a file; `None` where it is not there.
    pub(super) fn file(&self, role: FileRole, path: &str) -> io::Result<Option<NodeFile>> {
        let meta = match self.resolve(path).and_then(fs::symlink_metadata) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(None),
            Err(error) => return Err(error),
        };
        let name = |names: &HashMap<u32, String>, number: u32| {
            names
                .get(&number)
                .cloned()
                .unwrap_or_else(|| number.to_string())
        };
        Ok(Some(NodeFile {
            role,
            path: path.to_owned(),
            mode: meta.mode() & 0o7777,
            owner: name(&self.users, meta.uid()),
            group: name(&self.groups, meta.gid()),
        }))
    }
}

/// The steps of a path, last first; what climbs out of the root stays in it.
fn words(path: &Path) -> Vec<std::ffi::OsString> {
    let mut words: Vec<_> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(word) => Some(word.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect();
    words.reverse();
    words
}

//! Reading files of which others chose the names, the links and the
//! contents.
//!
//! A path is resolved as if its root were `/`: links cannot lead out of it.
//! Only plain files are read, up to a limit, and never on a file system
//! that some process answers for.

use std::{
    fs::File,
    io::Read as _,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};

/// `FUSE_SUPER_MAGIC`: a process answers, or does not.
const FUSE: i64 = 0x6573_5546;

/// A folder that is `/` for all that is read below.
#[derive(Debug)]
pub(crate) struct Rooted {
    folder: OwnedFd,
    resolve: ResolveFlags,
}

impl Rooted {
    /// The host's root, which may have anything mounted below.
    pub(crate) fn host(root: &Path) -> Option<Self> {
        Some(Self {
            folder: open(root)?,
            resolve: ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        })
    }

    /// The root of a container: nothing that is mounted below is entered.
    pub(crate) fn container(root: &Path) -> Option<Self> {
        let folder = open(root)?;
        let kind = rustix::fs::fstatfs(&folder).ok()?.f_type;
        (i128::from(kind) != i128::from(FUSE)).then_some(Self {
            folder,
            resolve: ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV,
        })
    }

    /// At most `most` bytes of a file; nothing of what is longer, unless it
    /// may be cut.
    pub(crate) fn read(&self, path: &Path, most: u64, may_cut: bool) -> Option<Vec<u8>> {
        let file = rustix::fs::openat2(
            &self.folder,
            below(path),
            OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC,
            Mode::empty(),
            self.resolve,
        )
        .ok()?;
        let facts = rustix::fs::fstat(&file).ok()?;
        if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
            return None;
        }
        let mut text = Vec::new();
        File::from(file)
            .take(most + 1)
            .read_to_end(&mut text)
            .ok()?;
        if text.len() as u64 > most {
            if !may_cut {
                return None;
            }
            text.truncate(usize::try_from(most).ok()?);
        }
        Some(text)
    }

    /// Whether there is a folder of this name.
    pub(crate) fn is_folder(&self, path: &Path) -> bool {
        self.folder(path).is_some()
    }

    /// Names in a folder.
    pub(crate) fn names(&self, path: &Path, most: usize) -> Vec<PathBuf> {
        use std::os::unix::ffi::OsStrExt as _;
        let Some(folder) = self.folder(path) else {
            return Vec::new();
        };
        let Ok(entries) = rustix::fs::Dir::read_from(&folder) else {
            return Vec::new();
        };
        entries
            .flatten()
            .map(|entry| PathBuf::from(std::ffi::OsStr::from_bytes(entry.file_name().to_bytes())))
            .filter(|name| !matches!(name.to_str(), Some("." | "..")))
            .take(most)
            .collect()
    }

    fn folder(&self, path: &Path) -> Option<OwnedFd> {
        rustix::fs::openat2(
            &self.folder,
            below(path),
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
            self.resolve,
        )
        .ok()
    }
}

/// Within the root every path is absolute, and none need say so.
fn below(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

fn open(root: &Path) -> Option<OwnedFd> {
    rustix::fs::openat(
        CWD,
        root,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_do_not_lead_out() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/passwd"), "inside").unwrap();
        symlink("/etc/passwd", root.path().join("absolute")).unwrap();
        symlink("../../../../etc/passwd", root.path().join("relative")).unwrap();
        symlink(outside.path().join("secret"), root.path().join("escape")).unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        for rooted in [Rooted::host(root.path()), Rooted::container(root.path())] {
            let rooted = rooted.unwrap();
            let read = |path: &str| rooted.read(Path::new(path), 100, false);
            assert_eq!(read("/etc/passwd").as_deref(), Some(&b"inside"[..]));
            assert_eq!(read("absolute").as_deref(), Some(&b"inside"[..]));
            assert_eq!(read("relative").as_deref(), Some(&b"inside"[..]));
            assert_eq!(read("escape"), None);
            assert_eq!(read("loop"), None);
            assert_eq!(read("etc"), None);
            assert!(rooted.is_folder(Path::new("etc")));
            assert_eq!(rooted.names(Path::new("/etc"), 9), [Path::new("passwd")]);
        }
    }

    #[test]
    fn pipes_devices_and_long_files_are_not_read() {
        let root = tempfile::tempdir().unwrap();
        rustix::fs::mknodat(CWD, root.path().join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        std::fs::write(root.path().join("long"), vec![b'x'; 101]).unwrap();
        let rooted = Rooted::host(root.path()).unwrap();
        assert_eq!(rooted.read(Path::new("pipe"), 100, true), None);
        assert_eq!(rooted.read(Path::new("long"), 100, false), None);
        assert_eq!(
            rooted.read(Path::new("long"), 100, true).unwrap().len(),
            100
        );
        let device = Rooted::host(Path::new("/dev")).unwrap();
        assert_eq!(device.read(Path::new("zero"), 100, true), None);
    }
}

//! Files, and which layer of a container they lie in: the kernel says it
//! to programs inside of it, here it is looked up.

use std::{
    ffi::OsStr,
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
};

use super::proc::{ROOM, lines, read};
use crate::record;

/// The magic number of overlays.
const OVERLAY: u64 = 0x794c_7630;

/// The file a process runs; `folder` is its own in `/proc`.
pub(super) fn program_of(folder: &Path, path: &[u8]) -> record::File {
    use rustix::fs::{Mode, OFlags, open};
    let Ok(program) = open(
        folder.join("exe"),
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    ) else {
        return record::File::default();
    };
    let mut file = file_of_descriptor(program.as_fd());
    file.is_upper = file.is_overlay && Upper::of(folder).is_some_and(|upper| upper.has(path));
    file.is_memfd = path.starts_with(b"/memfd:");
    file
}

/// What an open file is, but for what its path says.
pub(super) fn file_of_descriptor(descriptor: BorrowedFd<'_>) -> record::File {
    let Ok(found) = rustix::fs::fstat(descriptor) else {
        return record::File::default();
    };
    let magic = rustix::fs::fstatfs(descriptor)
        .map(|system| u64::try_from(system.f_type).unwrap_or_default())
        .unwrap_or_default();
    let time = |seconds: i64, rest: u64| {
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(i64::try_from(rest).unwrap_or_default())
    };
    record::File {
        inode: found.st_ino,
        device: (
            rustix::fs::major(found.st_dev),
            rustix::fs::minor(found.st_dev),
        ),
        is_overlay: magic == OVERLAY,
        is_upper: false,
        is_unlinked: found.st_nlink == 0,
        is_memfd: false,
        mode: found.st_mode,
        size: u64::try_from(found.st_size).unwrap_or_default(),
        modified: time(found.st_mtime, found.st_mtime_nsec),
        changed: time(found.st_ctime, found.st_ctime_nsec),
        magic,
    }
}

/// The writable layer of a container's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Upper {
    folder: PathBuf,
}

impl Upper {
    /// As the mounts of a process say; `folder` is its own in `/proc`.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        Self::in_mounts(&read(&folder.join("mounts"), ROOM))
    }

    fn in_mounts(text: &[u8]) -> Option<Self> {
        // The last one mounted there hides those before.
        let root = lines(text)
            .filter(|line| {
                let mut words = line.split(|byte| *byte == b' ');
                words.nth(1) == Some(b"/")
            })
            .last()?;
        let mut words = root.split(|byte| *byte == b' ');
        if words.nth(2) != Some(b"overlay") {
            return None;
        }
        let folder = words
            .next()?
            .split(|byte| *byte == b',')
            .find_map(|option| option.strip_prefix(b"upperdir="))?;
        Some(Self {
            folder: PathBuf::from(OsStr::from_bytes(&unescape(folder))),
        })
    }

    /// Whether a file lies in it. What is in there is the container's to
    /// arrange, so no link is followed.
    pub(super) fn has(&self, path: &[u8]) -> bool {
        use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};
        let Ok(folder) = open(
            &self.folder,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        ) else {
            return false;
        };
        let inside = path.strip_prefix(b"/").unwrap_or(path);
        openat2(
            folder,
            Path::new(OsStr::from_bytes(inside)),
            OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
        )
        .is_ok()
    }
}

/// The kernel writes blanks and the like as `\040`.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let number = text
            .get(at + 1..at + 4)
            .filter(|_| *byte == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        plain.push(number.unwrap_or(*byte));
        at += if number.is_some() { 4 } else { 1 };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_layer_is_that_of_the_last_root() {
        let upper = Upper::in_mounts(
            b"rootfs / rootfs rw 0 0\n\
              overlay / overlay rw,lowerdir=/a:/b,upperdir=/with\\040blank/diff,workdir=/w 0 0\n\
              proc /proc proc rw 0 0\n",
        );
        assert_eq!(upper.unwrap().folder, Path::new("/with blank/diff"));
        assert_eq!(Upper::in_mounts(b"/dev/sda / ext4 rw 0 0\n"), None);
        assert_eq!(Upper::in_mounts(b"overlay / overlay rw 0 0\n"), None);
        assert_eq!(Upper::in_mounts(b""), None);
    }

    #[test]
    fn links_in_the_upper_layer_lead_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("etc")).unwrap();
        let upper = Upper {
            folder: folder.path().to_owned(),
        };
        assert!(upper.has(b"/file"));
        assert!(!upper.has(b"/etc/passwd"));
        assert!(!upper.has(b"/../file"));
        assert!(!upper.has(b"/other"));
    }
}

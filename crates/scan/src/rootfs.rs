//! A root file system in a folder: an unpacked image, a mounted disk, or
//! this very machine.
//!
//! Folders are opened relative to their parent and links are never
//! followed, so that nothing outside the root can be read whatever is
//! changed meanwhile. Only local disks are entered: not the kernel's own
//! file systems, not the network's, not a container engine's storage.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use model::Sbom;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir};

use crate::{
    ProgressEvent, ScanError,
    extract::FileMeta,
    image::Reader,
    layer::{LayerFacts, Nobody, Watch},
    malware::Judge,
    offer::Offer,
    skip::Skip,
    squash::{Floor, squash},
    worker::{Files, Handed},
};

/// Storage of container engines: images and containers in it are
/// scanned as such.
const ENGINES: [&str; 9] = [
    "var/lib/docker",
    "var/lib/containerd",
    "var/lib/containers/storage",
    "var/lib/rancher/k3s/agent/containerd",
    "var/lib/rancher/rke2/agent/containerd",
    "var/lib/kubelet/pods",
    "var/lib/buildkit",
    "var/snap/docker/common/var-lib-docker",
    "var/lib/machines",
];
/// The same in a user's own folder.
const USER_ENGINES: [&str; 2] = [".local/share/docker", ".local/share/containers/storage"];
/// At the root of the running system: nothing installed lives there.
const TRANSIENT: [&str; 6] = ["proc", "sys", "dev", "run", "tmp", "var/tmp"];
/// Snapshots of what is scanned already.
const SNAPSHOTS: &str = ".snapshots";
const REPORT_EVERY: u64 = 2000;

/// Local disk file systems, by the number statfs(2) gives.
const DISKS: [u64; 10] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683e, // btrfs
    0x2fc1_2fc1, // zfs
    0xf2f5_2010, // f2fs
    0xca45_1a4e, // bcachefs
    0x3153_464a, // jfs
    0x5265_4973, // reiserfs
    0x4d44,      // vfat
    0xe0f5_e1e2, // erofs
];

struct Walk<'a> {
    reader: &'a Reader<'a>,
    offer: Offer<'a>,
    facts: LayerFacts,
    /// Reads files elsewhere, where they are not read here.
    files_elsewhere: Option<Files<'a>>,
    skip: Skip,
    is_live: bool,
    files: u64,
    unreadable: u64,
    is_over: bool,
}

/// Scans a folder.
pub(crate) fn scan(root: &Path, reader: &Reader<'_>) -> Result<Sbom, ScanError> {
    let open = |source: io::Error| ScanError::Open {
        path: root.to_owned(),
        source,
    };
    let folder = rustix::fs::open(
        root,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(|error| open(error.into()))?;
    let device = rustix::fs::fstat(&folder)
        .map_err(|error| open(error.into()))?
        .st_dev;
    let judge = reader.rules().map(|rules| Judge::new(rules, reader.cancel));
    let watch = judge.as_ref().map(|judge| judge as &dyn Watch);
    let mut walk = Walk {
        reader,
        offer: Offer::new(
            reader.extractors,
            &reader.options.limits,
            watch.unwrap_or(&Nobody),
        ),
        facts: LayerFacts::for_extractors(reader.extractors),
        files_elsewhere: reader.options.isolation.as_ref().map(|isolation| {
            Files::new(
                isolation,
                reader.extractors,
                &reader.options.limits,
                reader.cancel,
                judge.as_ref(),
            )
        }),
        skip: reader.options.skip(),
        is_live: root == Path::new("/"),
        files: 0,
        unreadable: 0,
        is_over: false,
    };
    walk.folder(&folder, "", device, 0);
    if reader.cancel.is_cancelled() {
        return Err(ScanError::Cancelled);
    }
    walk.summarise();
    if let Some(files) = walk.files_elsewhere.take() {
        let remarks = std::mem::take(&mut walk.facts.remarks);
        walk.facts = files.finish();
        walk.facts.remarks.extend(remarks);
    }
    let (mut facts, skip) = (walk.facts, walk.skip);
    let judged = judge.as_ref().map(Judge::finish);
    for trouble in judged.iter().flat_map(|judged| &judged.troubles) {
        facts.remark(None, trouble.clone());
    }
    facts.judged = judged;
    facts.seal();
    let floors = [Floor {
        layer: None,
        facts: &facts,
    }];
    let is_skipped = |path: &str| skip.covers(path);
    let mut sbom = squash(&floors, &reader.options.limits, &is_skipped);
    let malware = reader.options.malware.as_ref();
    sbom.malware = malware.map(|known| known.find(&floors, &is_skipped));
    Ok(sbom)
}

/// One name in a folder.
struct Name {
    name: std::ffi::CString,
    kind: FileType,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &OwnedFd, path: &str, device: u64, depth: usize) {
        if depth > self.reader.options.limits.path_depth {
            self.facts
                .remark(Some(path), "not entered: too many folders in one another");
            return;
        }
        let names = match names(folder) {
            Ok(names) => names,
            Err(error) => return self.unreadable(path, &error),
        };
        for entry in names {
            if self.is_over || self.reader.cancel.is_cancelled() {
                return;
            }
            let text = String::from_utf8_lossy(entry.name.to_bytes());
            let inner = if path.is_empty() {
                text.into_owned()
            } else {
                format!("{path}/{text}")
            };
            let kind = match entry.kind {
                FileType::Unknown => {
                    match rustix::fs::statat(folder, &entry.name, AtFlags::SYMLINK_NOFOLLOW) {
                        Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                        Err(_) => continue,
                    }
                }
                kind => kind,
            };
            match kind {
                FileType::Directory => self.enter(folder, &entry.name, &inner, device, depth),
                FileType::RegularFile => self.file(folder, &entry.name, &inner),
                _ => {}
            }
        }
    }

    fn enter(
        &mut self,
        parent: &OwnedFd,
        name: &std::ffi::CStr,
        path: &str,
        device: u64,
        depth: usize,
    ) {
        if self.is_left_out(path) {
            return;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = match rustix::fs::openat(parent, name, flags, Mode::empty()) {
            Ok(folder) => folder,
            Err(error) => return self.unreadable(path, &error.into()),
        };
        let Ok(stat) = rustix::fs::fstat(&folder) else {
            return;
        };
        if stat.st_dev != device && !is_local_disk(&folder) {
            tracing::debug!(path, "not entered: no local disk");
            return;
        }
        self.folder(&folder, path, stat.st_dev, depth + 1);
    }

    fn is_left_out(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_user_engine = || {
            let is_home = path.starts_with("home/") || path.starts_with("root/");
            is_home && USER_ENGINES.iter().any(|engine| path.ends_with(engine))
        };
        ENGINES.contains(&path)
            || is_user_engine()
            || name == SNAPSHOTS
            || self.is_live && TRANSIENT.contains(&path)
            || self.skip.covers(path)
    }

    fn file(&mut self, folder: &OwnedFd, name: &std::ffi::CStr, path: &str) {
        self.files += 1;
        let most = self.reader.options.limits.entries;
        if self.files > most {
            self.facts
                .remark(None, format!("only partly read: more than {most} files"));
            self.is_over = true;
            return;
        }
        if self.files.is_multiple_of(REPORT_EVERY) {
            let files = self.files;
            self.reader
                .progress
                .report(ProgressEvent::FilesWalked { files });
        }
        let Ok(stat) = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
            // Gone since the folder was listed.
            return;
        };
        let meta = FileMeta {
            path,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mode: stat.st_mode & 0o7777,
        };
        if !self.offer.is_wanted(&meta) {
            return;
        }
        let result = open_file(folder, name).and_then(|file| match file {
            Some(mut file) => self.read(&meta, &mut file),
            None => Ok(()),
        });
        if let Err(error) = result {
            if let Some(stop) = crate::limits::Stop::inside(&error) {
                self.facts.remark(None, format!("only partly read: {stop}"));
                self.is_over = true;
            } else {
                self.unreadable(path, &error);
            }
        }
    }

    fn read(&mut self, meta: &FileMeta<'_>, file: &mut File) -> io::Result<()> {
        let Some(elsewhere) = &mut self.files_elsewhere else {
            return self.offer.take_file(meta, file, &mut self.facts);
        };
        match elsewhere.take(meta, file)? {
            Handed::Read => {}
            Handed::Lost(reason) => self.facts.remark(
                Some(meta.path),
                format!("could not be read: the process that read it {reason}"),
            ),
            Handed::Nobody(reason) => {
                self.facts.remark(
                    None,
                    format!("only partly read: the process that reads files {reason}"),
                );
                self.is_over = true;
            }
        }
        Ok(())
    }

    fn unreadable(&mut self, path: &str, error: &io::Error) {
        const LISTED: u64 = 20;
        if error.kind() == io::ErrorKind::NotFound {
            return;
        }
        self.unreadable += 1;
        if self.unreadable <= LISTED {
            self.facts
                .remark(Some(path), format!("could not be read: {error}"));
        }
    }

    fn summarise(&mut self) {
        let unlisted = self.unreadable.saturating_sub(20);
        if unlisted > 0 {
            self.facts.remark(
                None,
                format!("{unlisted} further files or folders could not be read"),
            );
        }
        self.reader
            .progress
            .report(ProgressEvent::FilesWalked { files: self.files });
    }
}

/// What a folder lists, sorted, so that every run reports alike.
fn names(folder: &OwnedFd) -> io::Result<Vec<Name>> {
    let mut buffer = Vec::with_capacity(32 * 1024);
    let mut names = Vec::new();
    let mut listing = RawDir::new(folder.as_fd(), buffer.spare_capacity_mut());
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(Name {
                name: name.to_owned(),
                kind: entry.file_type(),
            });
        }
    }
    names.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(names)
}

/// Opens a file that is still a regular one: not a link, and not a pipe
/// that would make us wait.
fn open_file(folder: &OwnedFd, name: &std::ffi::CStr) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(folder, name, flags, Mode::empty())?);
    Ok(file.metadata()?.is_file().then_some(file))
}

fn is_local_disk(folder: &OwnedFd) -> bool {
    rustix::fs::fstatfs(folder).is_ok_and(|stat| {
        let kind = u64::try_from(stat.f_type).unwrap_or(0) & 0xffff_ffff;
        DISKS.contains(&kind)
    })
}

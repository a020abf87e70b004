//! Which folders of the host a container's root is laid together from, and
//! what the image had where a file was written since.
//!
//! A file whose mode, owner or time was changed is copied up whole: it
//! counts as written, and is still what the image brought. Only comparing
//! tells.

use std::{
    fs::{self, File},
    io::Read,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use sha2::{Digest as _, Sha256};

/// The longest list of mounts that is read.
const MAX_MOUNTS: u64 = 4 << 20;
/// Layers of one image that are looked into.
const MAX_LAYERS: usize = 512;
/// Files that are longer are not compared.
const MAX_COMPARED: u64 = 16 << 20;

/// Where a root comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layers {
    pub(crate) upper: PathBuf,
    /// The topmost first.
    pub(crate) lower: Vec<PathBuf>,
}

/// How a written file compares with what the image has in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    /// There is none.
    New,
    /// Byte for byte.
    Same,
    Changed,
    /// It could not be told.
    Unknown,
}

impl Layers {
    /// Of the root of a process, by its list of mounts; `own` is the
    /// host's list, which tells where relative folders begin. The root has
    /// to be on `device`: a process may not have come in yet.
    pub(crate) fn read(mounts: &str, own: &str, device: (u32, u32)) -> Option<Self> {
        let root = mounts
            .lines()
            .filter_map(Mounted::read)
            .rfind(|mount| mount.point == "/" && mount.kind == "overlay")
            .filter(|mount| mount.device == format!("{}:{}", device.0, device.1))?;
        let base = || -> Option<PathBuf> {
            let seen = own
                .lines()
                .filter_map(Mounted::read)
                .find(|mount| mount.device == root.device)?;
            // `…/overlay2/<id>/merged`: options begin two folders up.
            Path::new(&seen.point).ancestors().nth(2).map(Into::into)
        };
        let absolute = |folder: String| -> Option<PathBuf> {
            if folder.starts_with('/') {
                return Some(folder.into());
            }
            Some(base()?.join(folder))
        };
        let mut layers = Self::default();
        for option in root.options.split(',') {
            let Some((name, value)) = option.split_once('=') else {
                continue;
            };
            match name {
                "upperdir" => layers.upper = absolute(unescaped(value))?,
                "lowerdir" => {
                    for folder in parts(value).take(MAX_LAYERS) {
                        layers.lower.push(absolute(folder)?);
                    }
                }
                "lowerdir+" if layers.lower.len() < MAX_LAYERS => {
                    layers.lower.push(absolute(unescaped(value))?);
                }
                _ => {}
            }
        }
        (!layers.lower.is_empty()).then_some(layers)
    }

    /// The same, of a process that runs.
    pub(crate) fn of_process(pid: i64, device: (u32, u32)) -> Option<Self> {
        let read = |path: String| -> Option<String> {
            let mut text = String::new();
            File::open(path)
                .ok()?
                .take(MAX_MOUNTS)
                .read_to_string(&mut text)
                .ok()?;
            Some(text)
        };
        let mut layers = Self::read(
            &read(format!("/proc/{pid}/mountinfo"))?,
            &read("/proc/1/mountinfo".to_owned())?,
            device,
        )?;
        // The folders are the host's; the sensor may be in a container.
        let host = Path::new("/proc/1/root");
        if host.join("proc").exists() {
            for folder in layers.lower.iter_mut().chain([&mut layers.upper]) {
                if let Ok(inner) = folder.strip_prefix("/") {
                    *folder = host.join(inner);
                }
            }
        }
        Some(layers)
    }

    /// Whether a path, resolved, was written since the container began.
    pub(crate) fn is_upper(&self, path: &Path) -> bool {
        open_in(&self.upper, path).is_some()
    }

    pub(crate) fn open_written(&self, path: &Path) -> Option<File> {
        open_in(&self.upper, path).map(File::from)
    }

    /// Compares what was written at a path with what the image has there.
    pub(crate) fn compare(&self, path: &Path) -> Compared {
        let Some(written) = open_in(&self.upper, path) else {
            return Compared::Unknown;
        };
        let Some(before) = self.lower.iter().find_map(|layer| open_in(layer, path)) else {
            return Compared::New;
        };
        compare(File::from(written), File::from(before)).unwrap_or(Compared::Unknown)
    }
}

fn compare(written: File, before: File) -> std::io::Result<Compared> {
    let (now, then) = (written.metadata()?, before.metadata()?);
    // A whiteout is a device; a folder was in its place.
    if !then.is_file() {
        return Ok(Compared::New);
    }
    if now.len() != then.len() {
        return Ok(Compared::Changed);
    }
    if now.len() > MAX_COMPARED {
        return Ok(Compared::Unknown);
    }
    Ok(if digest(written)? == digest(before)? {
        Compared::Same
    } else {
        Compared::Changed
    })
}

fn digest(file: File) -> std::io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut file = file.take(MAX_COMPARED);
    let mut room = vec![0; 64 << 10];
    loop {
        match file.read(&mut room)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(room.get(..read).unwrap_or_default()),
        }
    }
}

/// A file of a layer, by a path from its root, without following links.
fn open_in(layer: &Path, path: &Path) -> Option<OwnedFd> {
    let folder = rustix::fs::open(
        layer,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .ok()?;
    rustix::fs::openat2(
        folder,
        path.strip_prefix("/").ok()?,
        OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
    )
    .ok()
}

/// A file as a process sees it, by a path of its own root; links are
/// followed within that.
pub(crate) fn open_for(pid: i64, path: &Path) -> Option<File> {
    let root = rustix::fs::open(
        format!("/proc/{pid}/root"),
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .ok()?;
    let file = rustix::fs::openat2(
        root,
        path.strip_prefix("/").ok()?,
        OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY,
        Mode::empty(),
        ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
    )
    .ok()?;
    let file = File::from(file);
    file.metadata().ok()?.is_file().then_some(file)
}

/// Where links lead to, as a process sees it.
pub(crate) fn resolve_for(pid: i64, path: &Path) -> Option<PathBuf> {
    use std::os::fd::AsRawFd as _;
    let file = open_for(pid, path)?;
    let seen = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
    Some(seen)
}

/// One line of a list of mounts.
struct Mounted {
    device: String,
    point: String,
    kind: String,
    options: String,
}

impl Mounted {
    fn read(line: &str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ');
        let device = before.nth(2)?.to_owned();
        let point = unescaped(before.nth(1)?);
        let mut after = after.splitn(3, ' ');
        let kind = after.next()?.to_owned();
        let options = after.nth(1)?.to_owned();
        Some(Self {
            device,
            point,
            kind,
            options,
        })
    }
}

/// Folders parted by colons, of which one in a name has a backslash.
fn parts(text: &str) -> impl Iterator<Item = String> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                if let (Some(part), Some(next)) = (parts.last_mut(), letters.next()) {
                    if next != ':' {
                        part.push('\\');
                    }
                    part.push(next);
                }
            }
            ':' => parts.push(String::new()),
            _ => {
                if let Some(part) = parts.last_mut() {
                    part.push(letter);
                }
            }
        }
    }
    // `::` begins layers that hold data only.
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(|part| unescaped(&part))
}

/// Blanks and their like are written as three octal digits.
fn unescaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let code = (*byte == b'\\')
            .then(|| after.get(..3))
            .flatten()
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(|code| u8::from_str_radix(code, 8).ok());
        out.push(code.unwrap_or(*byte));
        rest = match code {
            Some(_) => after.get(3..).unwrap_or_default(),
            None => after,
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn layers_are_read_from_mounts() {
        let mounts = "\
600 500 0:80 / / rw,relatime - overlay overlay rw,lowerdir=/l/B:/l/A\\040x,upperdir=/u/diff,workdir=/u/work
601 600 0:81 / /proc rw - proc proc rw
";
        let layers = Layers::read(mounts, "", (0, 80)).unwrap();
        assert_eq!(layers.upper, Path::new("/u/diff"));
        assert_eq!(
            layers.lower,
            [PathBuf::from("/l/B"), PathBuf::from("/l/A x")]
        );
        // Docker names layers from its own folder when there are many.
        let mounts = "6 5 0:80 / / rw - overlay overlay rw,lowerdir=l/B:l/A,upperdir=id/diff";
        let own = "9 1 0:80 / /data/overlay2/id/merged rw - overlay overlay rw";
        let layers = Layers::read(mounts, own, (0, 80)).unwrap();
        assert_eq!(layers.upper, Path::new("/data/overlay2/id/diff"));
        assert_eq!(layers.lower[1], Path::new("/data/overlay2/l/A"));
        for bad in [
            "",
            "x",
            "6 5 0:80 / / rw - ext4 /dev/x rw",
            "1 2 3 - overlay",
        ] {
            assert_eq!(Layers::read(bad, "", (0, 80)), None, "{bad}");
        }
        assert_eq!(Layers::read(mounts, "", (0, 80)), None);
        assert_eq!(Layers::read(mounts, own, (0, 81)), None);
    }

    #[test]
    fn a_copy_is_told_from_a_change_and_from_what_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = |layer: &str, name: &str| {
            let file = folder.path().join(layer).join("usr/bin").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            file
        };
        for (layer, name, text) in [
            ("lower", "touched", "same"),
            ("upper", "touched", "same"),
            ("lower", "changed", "1234"),
            ("upper", "changed", "4321"),
            ("lower", "longer", "1234"),
            ("upper", "longer", "12345"),
            ("upper", "new", "x"),
            ("top", "covered", "same"),
            ("lower", "covered", "old"),
            ("upper", "covered", "same"),
        ] {
            fs::write(path(layer, name), text).unwrap();
        }
        symlink("/etc/passwd", path("upper", "link")).unwrap();
        let layers = Layers {
            upper: folder.path().join("upper"),
            lower: ["top", "lower"].map(|it| folder.path().join(it)).to_vec(),
        };
        let compared = |name: &str| layers.compare(&Path::new("/usr/bin").join(name));
        assert_eq!(compared("touched"), Compared::Same);
        assert_eq!(compared("changed"), Compared::Changed);
        assert_eq!(compared("longer"), Compared::Changed);
        assert_eq!(compared("covered"), Compared::Same);
        assert_eq!(compared("new"), Compared::New);
        // What is not there, and what leads elsewhere.
        assert_eq!(compared("missing"), Compared::Unknown);
        assert_eq!(compared("link"), Compared::Unknown);
        assert_eq!(
            layers.compare(Path::new("/usr/bin/../../../etc/passwd")),
            Compared::Unknown
        );
        assert!(layers.is_upper(Path::new("/usr/bin/new")));
        assert!(!layers.is_upper(Path::new("/usr/bin/none")));
    }

    proptest::proptest! {
        #[test]
        fn any_list_of_mounts_is_read_or_not(text in ".{0,300}") {
            Layers::read(&text, &text, (0, 80));
            parts(&text).count();
        }
    }
}

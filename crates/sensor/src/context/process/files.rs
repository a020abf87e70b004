//! A process as `/proc` describes it: for those that were there before,
//! and those whose beginning was lost.
//!
//! Whatever a process can write there (its name, arguments, environment,
//! the targets of its links) is hostile; each file is read up to a limit,
//! and what does not parse is left empty.

use std::{
    ffi::OsString,
    fs::File,
    io::Read as _,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use rules::syscall::{Bytes, DescriptorKind};

use crate::record::Credentials;

/// Arguments and environment are each read so far.
const MAX_TEXT: u64 = 4096;
const MAX_PARTS: usize = 128;
const MAX_STATUS: u64 = 16 * 1024;
const MAX_CGROUP: u64 = 16 * 1024;

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub pid: u32,
    pub parent: u32,
    pub virtual_pid: u32,
    pub session: u32,
    pub group: u32,
    pub terminal: u32,
    /// Nanoseconds since boot, rounded to hundredths of a second.
    pub started: u64,
    pub name: Bytes,
    pub exe_path: Bytes,
    pub arguments: Vec<Bytes>,
    pub environment: Vec<Bytes>,
    pub working_folder: Bytes,
    pub credentials: Credentials,
    pub login_uid: u32,
    pub cgroups: Vec<Membership>,
    pub stdio: [Option<(DescriptorKind, Bytes)>; 3],
}

/// A line of `/proc/PID/cgroup`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// 0 is the unified one.
    pub hierarchy: u32,
    pub controllers: Bytes,
    pub path: Bytes,
}

/// A mounted `proc`.
#[derive(Clone, Debug)]
pub(crate) struct ProcessFiles {
    root: PathBuf,
}

impl ProcessFiles {
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// All there are, parents before their children as far as start times
    /// tell.
    pub(crate) fn all(&self, most: usize) -> Vec<Seen> {
        let Ok(entries) = std::fs::read_dir(&self.root) else {
            return Vec::new();
        };
        let mut all: Vec<Seen> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .take(most)
            .filter_map(|pid| self.read(pid))
            .collect();
        all.sort_by_key(|seen| (seen.started, seen.pid));
        all
    }

    /// One of them; nothing where it is gone.
    pub(crate) fn read(&self, pid: u32) -> Option<Seen> {
        let folder = self.root.join(pid.to_string());
        let mut seen = Seen {
            pid,
            login_uid: u32::MAX,
            ..Seen::default()
        };
        stat(&limited(&folder.join("stat"), MAX_STATUS)?, &mut seen)?;
        status(
            &limited(&folder.join("status"), MAX_STATUS).unwrap_or_default(),
            &mut seen,
        );
        seen.arguments = parts(&limited(&folder.join("cmdline"), MAX_TEXT).unwrap_or_default());
        seen.environment = parts(&limited(&folder.join("environ"), MAX_TEXT).unwrap_or_default());
        seen.exe_path = link(&folder.join("exe"));
        if let Some(rest) = seen.exe_path.strip_suffix(b" (deleted)") {
            seen.exe_path = rest.into();
        }
        seen.working_folder = link(&folder.join("cwd"));
        seen.cgroups =
            memberships(&limited(&folder.join("cgroup"), MAX_CGROUP).unwrap_or_default());
        if let Some(login) = limited(&folder.join("loginuid"), 32)
            && let Some(login) = number(&login)
        {
            seen.login_uid = login;
        }
        for (place, number) in seen.stdio.iter_mut().zip(["0", "1", "2"]) {
            let target = link(&folder.join("fd").join(number));
            if !target.is_empty() {
                *place = Some((kind(&target), target));
            }
        }
        Some(seen)
    }

    /// Where a process works now.
    pub(crate) fn working_folder(&self, pid: u32) -> Option<Bytes> {
        let folder = link(&self.root.join(pid.to_string()).join("cwd"));
        (!folder.is_empty()).then_some(folder)
    }

    /// The control groups a process is in now.
    pub(crate) fn memberships(&self, pid: u32) -> Option<Vec<Membership>> {
        let text = limited(&self.root.join(pid.to_string()).join("cgroup"), MAX_CGROUP)?;
        Some(memberships(&text))
    }

    /// The number of the hierarchy of a controller of version 1; nothing
    /// where it is in the unified one.
    pub(crate) fn hierarchy_of(&self, controller: &str) -> Option<u32> {
        let text = limited(&self.root.join("cgroups"), MAX_CGROUP)?;
        String::from_utf8_lossy(&text).lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next()? == controller)
                .then(|| words.next()?.parse().ok())
                .flatten()
                .filter(|hierarchy| *hierarchy != 0)
        })
    }
}

/// At most so much of a file.
fn limited(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)
        .ok()?
        .take(most)
        .read_to_end(&mut text)
        .ok()?;
    Some(text)
}

fn link(path: &Path) -> Bytes {
    std::fs::read_link(path)
        .map(|target| OsString::into_vec(target.into_os_string()).into())
        .unwrap_or_default()
}

/// What a descriptor's link says it is.
fn kind(target: &[u8]) -> DescriptorKind {
    match target {
        _ if target.starts_with(b"/memfd:") => DescriptorKind::Memfd,
        _ if target.starts_with(b"/") => DescriptorKind::File,
        _ if target.starts_with(b"pipe:") => DescriptorKind::Pipe,
        // Which family it is of does not stand there.
        _ if target.starts_with(b"socket:") => DescriptorKind::Unix,
        _ if target.starts_with(b"anon_inode:[eventfd") => DescriptorKind::Event,
        _ if target.starts_with(b"anon_inode:[eventpoll") => DescriptorKind::Eventpoll,
        _ if target.starts_with(b"anon_inode:inotify") => DescriptorKind::Inotify,
        _ if target.starts_with(b"anon_inode:[timerfd") => DescriptorKind::Timer,
        _ if target.starts_with(b"anon_inode:[signalfd") => DescriptorKind::Signal,
        _ if target.starts_with(b"anon_inode:bpf") => DescriptorKind::Bpf,
        _ => DescriptorKind::Unknown,
    }
}

/// Texts that each end with a zero byte.
pub(crate) fn parts(text: &[u8]) -> Vec<Bytes> {
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    if text.is_empty() {
        return Vec::new();
    }
    text.split(|byte| *byte == 0)
        .take(MAX_PARTS)
        .map(Into::into)
        .collect()
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// `PID (NAME) S PPID PGRP SESSION TTY …`, where the name may hold
/// anything, brackets too.
fn stat(text: &[u8], seen: &mut Seen) -> Option<()> {
    let from = text.iter().position(|byte| *byte == b'(')?;
    let to = text.iter().rposition(|byte| *byte == b')')?;
    seen.name = text
        .get(from + 1..to)?
        .get(..)
        .map(|it| it.get(..15).unwrap_or(it))?
        .into();
    let rest = std::str::from_utf8(text.get(to + 1..)?).ok()?;
    let words: Vec<&str> = rest.split_ascii_whitespace().take(24).collect();
    let at = |index: usize| words.get(index).copied().unwrap_or_default();
    seen.parent = at(1).parse().ok()?;
    seen.group = at(2).parse().unwrap_or_default();
    seen.session = at(3).parse().unwrap_or_default();
    seen.terminal = at(4)
        .parse::<i64>()
        .map_or(0, |it| u32::try_from(it).unwrap_or_default());
    seen.started = at(19).parse::<u64>().ok()?.saturating_mul(10_000_000);
    Some(())
}

fn status(text: &[u8], seen: &mut Seen) {
    let who = &mut seen.credentials;
    for line in text.split(|byte| *byte == b'\n') {
        let Some((key, value)) = std::str::from_utf8(line)
            .ok()
            .and_then(|line| line.split_once(':'))
        else {
            continue;
        };
        let mut words = value.split_ascii_whitespace();
        let set = |text: Option<&str>| {
            text.and_then(|it| u64::from_str_radix(it, 16).ok())
                .unwrap_or_default()
        };
        let mut one = || {
            words
                .next()
                .and_then(|it| it.parse().ok())
                .unwrap_or_default()
        };
        match key {
            "Uid" => (who.uid, who.effective_uid) = (one(), one()),
            "Gid" => (who.gid, who.effective_gid) = (one(), one()),
            "CapInh" => who.inheritable = set(words.next()),
            "CapPrm" => who.permitted = set(words.next()),
            "CapEff" => who.effective = set(words.next()),
            // From the outermost namespace to its own.
            "NSpid" => {
                seen.virtual_pid = words
                    .last()
                    .and_then(|it| it.parse().ok())
                    .unwrap_or_default();
            }
            _ => {}
        }
    }
    if seen.virtual_pid == 0 {
        seen.virtual_pid = seen.pid;
    }
}

/// `NUMBER:CONTROLLERS:PATH` a line.
pub(crate) fn memberships(text: &[u8]) -> Vec<Membership> {
    text.split(|byte| *byte == b'\n')
        .take(64)
        .filter_map(|line| {
            let mut fields = line.splitn(3, |byte| *byte == b':');
            Some(Membership {
                hierarchy: number(fields.next()?)?,
                controllers: fields.next()?.into(),
                path: fields.next()?.into(),
            })
        })
        .collect()
}

/// A path of bytes.
pub(crate) fn path_of(bytes: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_is_read() {
        let files = ProcessFiles::new("/proc");
        let me = files.read(std::process::id()).unwrap();
        assert_eq!(me.pid, std::process::id());
        assert!(me.started > 0 && me.parent > 0 && me.virtual_pid > 0);
        assert!(me.exe_path.starts_with(b"/"));
        assert!(!me.arguments.is_empty() && !me.cgroups.is_empty());
        let all = files.all(100_000);
        assert!(all.iter().any(|seen| seen.pid == me.pid));
        assert!(files.read(u32::MAX).is_none());
    }

    #[test]
    fn names_may_hold_anything() {
        let mut seen = Seen::default();
        let line = b"7 (a) R 1 (\xff) S 3 4 5 34816 0 0 0 0 0 0 0 0 0 0 20 0 1 0 4200 0";
        stat(line, &mut seen).unwrap();
        assert_eq!(&*seen.name, b"a) R 1 (\xff");
        assert_eq!((seen.parent, seen.group, seen.session), (3, 4, 5));
        assert_eq!(seen.started, 42_000_000_000);
    }

    #[test]
    fn memberships_keep_colons_in_paths() {
        let text = b"8:pids:/a:b\n0::/c\nnonsense\nx:y:z\n";
        let lines = memberships(text);
        assert_eq!(lines.len(), 2);
        assert_eq!(&*lines[0].path, b"/a:b");
        assert_eq!((lines[1].hierarchy, &*lines[1].path), (0, &b"/c"[..]));
    }

    #[test]
    fn texts_are_split_and_bounded() {
        assert_eq!(parts(b"a\0\0b\0").len(), 3);
        assert!(parts(b"").is_empty());
        assert_eq!(parts(&[b'x', 0].repeat(10_000)).len(), MAX_PARTS);
    }

    proptest::proptest! {
        #[test]
        fn hostile_files_are_read_without_harm(text in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
            let mut seen = Seen::default();
            _ = stat(&text, &mut seen);
            status(&text, &mut seen);
            memberships(&text);
            parts(&text);
            proptest::prop_assert!(seen.name.len() <= 15);
        }
    }
}

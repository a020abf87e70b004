//! A process as `/proc` shows it: everything a record of an exec has, as
//! far as it can be read after the fact.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::File,
    io::Read as _,
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::MetadataExt as _,
    },
    path::{Path, PathBuf},
};

use rules::syscall::DescriptorKind;

use super::layer::program_of;
use crate::record::{self, Cgroup, Credentials, Task};

const ARGUMENTS: usize = 4096;
const ENVIRONMENT: usize = 2048;
/// No file read here is longer in good faith.
pub(super) const ROOM: usize = 64 << 10;
/// Remembered control groups.
const GROUPS: usize = 8192;

/// What was read of one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) task: Task,
    pub(super) path: Vec<u8>,
    pub(super) arguments: Vec<u8>,
    pub(super) are_arguments_cut: bool,
    pub(super) environment: Vec<u8>,
    pub(super) file: record::File,
    pub(super) credentials: Credentials,
    pub(super) virtual_pid: u32,
    pub(super) session: u32,
    pub(super) group: u32,
    pub(super) terminal: u32,
    pub(super) login_uid: u32,
    pub(super) stdio: [Option<DescriptorKind>; 3],
    /// Control groups it is in that were not met before.
    pub(super) new_groups: Vec<NewGroup>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewGroup {
    pub(super) id: u64,
    pub(super) hierarchy: u32,
    pub(super) path: Vec<u8>,
}

/// Reads processes.
#[derive(Debug)]
pub(super) struct Processes {
    root: PathBuf,
    ticks: u64,
    /// Where the unified hierarchy and the one of `pids` are mounted.
    unified: Option<PathBuf>,
    legacy: Option<PathBuf>,
    groups: HashMap<(u32, Vec<u8>), u64>,
}

impl Processes {
    pub(super) fn new(root: &Path) -> Self {
        let mounts = read(&root.join("self/mounts"), ROOM);
        let (mut unified, mut legacy) = (None, None);
        for line in lines(&mounts) {
            let mut words = line.split(|byte| *byte == b' ');
            let (_, place, kind, options) =
                (words.next(), words.next(), words.next(), words.next());
            let place = place.map(|place| PathBuf::from(OsStr::from_bytes(place)));
            match kind {
                Some(b"cgroup2") => unified = unified.or(place),
                Some(b"cgroup") if has_word(options.unwrap_or_default(), b"pids") => {
                    legacy = legacy.or(place);
                }
                _ => {}
            }
        }
        Self {
            root: root.to_owned(),
            ticks: rustix::param::clock_ticks_per_second().max(1),
            unified,
            legacy,
            groups: HashMap::new(),
        }
    }

    /// The numbers of all processes.
    pub(super) fn all(&self) -> Vec<u32> {
        let Ok(entries) = std::fs::read_dir(&self.root) else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect()
    }

    /// When it began and what it is called: cheap, to notice changes by.
    pub(super) fn glance(&self, pid: u32) -> Option<(u64, [u8; 16])> {
        let stat = Stat::parse(&read(&self.folder(pid).join("stat"), ROOM))?;
        Some((self.nanoseconds(stat.started), name_of(&stat.name)))
    }

    /// All of it, or `None` where it is gone.
    pub(super) fn see(&mut self, pid: u32) -> Option<Seen> {
        let folder = self.folder(pid);
        let stat = Stat::parse(&read(&folder.join("stat"), ROOM))?;
        let status = read(&folder.join("status"), ROOM);
        let users = numbers(field(&status, b"Uid:"), 10);
        let groups = numbers(field(&status, b"Gid:"), 10);
        let at = |list: &[u64], place: usize| {
            list.get(place)
                .and_then(|number| u32::try_from(*number).ok())
                .unwrap_or_default()
        };
        let set = |name: &[u8]| {
            numbers(field(&status, name), 16)
                .first()
                .copied()
                .unwrap_or_default()
        };
        let mut arguments = read(&folder.join("cmdline"), ARGUMENTS + 1);
        let are_arguments_cut = arguments.len() > ARGUMENTS;
        arguments.truncate(ARGUMENTS);
        let (cgroup, new_groups) = self.groups_of(&read(&folder.join("cgroup"), ROOM));
        let path = std::fs::read_link(folder.join("exe"))
            .map(|path| path.into_os_string().into_vec())
            .unwrap_or_default();
        let seen = Seen {
            task: Task {
                time: now(),
                cpu: 0,
                pid,
                tid: pid,
                parent: stat.parent,
                started: self.nanoseconds(stat.started),
                uid: at(&users, 0),
                gid: at(&groups, 0),
                cgroup,
                mount_namespace: namespace(&folder.join("ns/mnt")),
                pid_namespace: namespace(&folder.join("ns/pid")),
                name: name_of(&stat.name),
            },
            file: program_of(&folder, &path),
            path: without_deleted(path),
            arguments,
            are_arguments_cut,
            environment: read(&folder.join("environ"), ENVIRONMENT),
            credentials: Credentials {
                uid: at(&users, 0),
                gid: at(&groups, 0),
                effective_uid: at(&users, 1),
                effective_gid: at(&groups, 1),
                permitted: set(b"CapPrm:"),
                inheritable: set(b"CapInh:"),
                effective: set(b"CapEff:"),
            },
            virtual_pid: numbers(field(&status, b"NSpid:"), 10)
                .last()
                .and_then(|number| u32::try_from(*number).ok())
                .unwrap_or(pid),
            session: stat.session,
            group: stat.group,
            terminal: stat.terminal,
            login_uid: numbers(&read(&folder.join("loginuid"), 32), 10)
                .first()
                .and_then(|number| u32::try_from(*number).ok())
                .unwrap_or(u32::MAX),
            stdio: std::array::from_fn(|number| descriptor_of(&folder, number)),
            new_groups,
        };
        Some(seen)
    }

    /// The control groups it is in, without more than their numbers.
    pub(super) fn cgroup(&mut self, pid: u32) -> Cgroup {
        let text = read(&self.folder(pid).join("cgroup"), ROOM);
        self.groups_of(&text).0
    }

    /// Whether a group is another, or inside it.
    pub(super) fn is_within(&self, inner: Cgroup, outer: Cgroup) -> bool {
        let is_in = |inner: u64, outer: u64, is_unified: bool| {
            outer > 1
                && (inner == outer
                    || self.path_of(inner, is_unified).is_some_and(|inner| {
                        self.path_of(outer, is_unified).is_some_and(|outer| {
                            inner
                                .strip_prefix(outer)
                                .is_some_and(|rest| rest.starts_with(b"/"))
                        })
                    }))
        };
        is_in(inner.unified, outer.unified, true) || is_in(inner.legacy, outer.legacy, false)
    }

    fn path_of(&self, id: u64, is_unified: bool) -> Option<&[u8]> {
        self.groups
            .iter()
            .find(|((hierarchy, _), known)| **known == id && (*hierarchy == 0) == is_unified)
            .map(|((_, path), _)| path.as_slice())
    }

    /// Its number within its own process namespace.
    pub(super) fn virtual_pid(&self, pid: u32) -> Option<u32> {
        let status = read(&self.folder(pid).join("status"), ROOM);
        numbers(field(&status, b"NSpid:"), 10)
            .last()
            .and_then(|number| u32::try_from(*number).ok())
    }

    /// Control groups that were met and are there no more.
    pub(super) fn gone_groups(&mut self) -> Vec<NewGroup> {
        let Self {
            unified,
            legacy,
            groups,
            ..
        } = self;
        groups
            .extract_if(|(hierarchy, path), id| {
                let place = if *hierarchy == 0 { &unified } else { &legacy };
                place.as_ref().is_some_and(|place| {
                    let inside = path.strip_prefix(b"/").unwrap_or(path);
                    let found = place.join(OsStr::from_bytes(inside)).metadata();
                    found.map_or(true, |found| found.ino() != *id)
                })
            })
            .map(|((hierarchy, path), id)| NewGroup {
                id,
                hierarchy,
                path,
            })
            .collect()
    }

    pub(super) fn folder(&self, pid: u32) -> PathBuf {
        self.root.join(pid.to_string())
    }

    fn nanoseconds(&self, ticks: u64) -> u64 {
        ticks.saturating_mul(1_000_000_000 / self.ticks)
    }

    fn groups_of(&mut self, text: &[u8]) -> (Cgroup, Vec<NewGroup>) {
        let mut cgroup = Cgroup::default();
        let mut new = Vec::new();
        for line in lines(text) {
            let mut parts = line.splitn(3, |byte| *byte == b':');
            let (Some(number), Some(controllers), Some(path)) =
                (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let hierarchy = numbers(number, 10)
                .first()
                .and_then(|number| u32::try_from(*number).ok())
                .unwrap_or_default();
            let is_unified = controllers.is_empty();
            if !is_unified && !has_word(controllers, b"pids") {
                continue;
            }
            let place = if is_unified {
                &self.unified
            } else {
                &self.legacy
            };
            let Some(place) = place else { continue };
            let key = (hierarchy, path.to_vec());
            let id = if let Some(id) = self.groups.get(&key) {
                *id
            } else {
                let inside = path.strip_prefix(b"/").unwrap_or(path);
                let Ok(found) = place.join(OsStr::from_bytes(inside)).metadata() else {
                    continue;
                };
                if self.groups.len() >= GROUPS {
                    self.groups.clear();
                }
                self.groups.insert(key, found.ino());
                new.push(NewGroup {
                    id: found.ino(),
                    hierarchy,
                    path: path.to_vec(),
                });
                found.ino()
            };
            if is_unified {
                cgroup.unified = id;
            } else {
                cgroup.legacy = id;
            }
        }
        (cgroup, new)
    }
}

/// What is used of `/proc/<pid>/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    name: Vec<u8>,
    parent: u32,
    group: u32,
    session: u32,
    terminal: u32,
    started: u64,
}

impl Stat {
    /// The name may hold anything, brackets and blanks too: it ends with
    /// the last bracket.
    fn parse(text: &[u8]) -> Option<Self> {
        let begin = text.iter().position(|byte| *byte == b'(')?;
        let end = text.iter().rposition(|byte| *byte == b')')?;
        let name = text.get(begin + 1..end)?.to_vec();
        let rest: Vec<&[u8]> = text.get(end + 2..)?.split(|byte| *byte == b' ').collect();
        let at = |place: usize| -> Option<u64> {
            let word = std::str::from_utf8(rest.get(place)?).ok()?;
            word.trim().parse().ok()
        };
        let small = |place: usize| {
            at(place)
                .and_then(|number| u32::try_from(number).ok())
                .unwrap_or_default()
        };
        Some(Self {
            name,
            parent: small(1),
            group: small(2),
            session: small(3),
            terminal: kernel_device(small(4)),
            started: at(19)?,
        })
    }
}

/// `/proc` says a terminal's number as `stat` does; records have it as
/// the kernel keeps it.
fn kernel_device(number: u32) -> u32 {
    let minor = (number & 0xff) | (number >> 12 & 0xfff00);
    (number >> 8 & 0xfff) << 20 | minor
}

fn descriptor_of(folder: &Path, number: usize) -> Option<DescriptorKind> {
    let target = std::fs::read_link(folder.join("fd").join(number.to_string())).ok()?;
    let target = target.as_os_str().as_bytes();
    Some(if target.starts_with(b"pipe:") {
        DescriptorKind::Pipe
    } else if let Some(inode) = target.strip_prefix(b"socket:[") {
        socket_kind(folder, inode.strip_suffix(b"]").unwrap_or(inode))
    } else if target.starts_with(b"/memfd:") {
        DescriptorKind::Memfd
    } else if target.starts_with(b"/") {
        DescriptorKind::File
    } else {
        DescriptorKind::Unknown
    })
}

/// Which of the network's tables lists this socket.
fn socket_kind(folder: &Path, inode: &[u8]) -> DescriptorKind {
    const TABLES: [(&str, DescriptorKind); 5] = [
        ("tcp", DescriptorKind::Ipv4),
        ("tcp6", DescriptorKind::Ipv6),
        ("unix", DescriptorKind::Unix),
        ("udp", DescriptorKind::Ipv4),
        ("udp6", DescriptorKind::Ipv6),
    ];
    for (table, kind) in TABLES {
        let text = read(&folder.join("net").join(table), 1 << 20);
        let is_listed =
            lines(&text).any(|line| line.split(|byte| *byte == b' ').any(|word| word == inode));
        if is_listed {
            return kind;
        }
    }
    DescriptorKind::Unknown
}

fn namespace(link: &Path) -> u32 {
    std::fs::read_link(link)
        .ok()
        .and_then(|target| {
            let text = target.to_str()?;
            text.split_once('[')?.1.trim_end_matches(']').parse().ok()
        })
        .unwrap_or_default()
}

fn without_deleted(mut path: Vec<u8>) -> Vec<u8> {
    if let Some(rest) = path.strip_suffix(b" (deleted)") {
        path.truncate(rest.len());
    }
    path
}

fn name_of(name: &[u8]) -> [u8; 16] {
    let mut fixed = [0; 16];
    for (to, from) in fixed.iter_mut().zip(name.iter().take(15)) {
        *to = *from;
    }
    fixed
}

/// Nanoseconds since boot.
pub(super) fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(time.tv_sec)
        .unwrap_or_default()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::try_from(time.tv_nsec).unwrap_or_default())
}

/// A file's beginning; nothing where it cannot be read.
pub(super) fn read(path: &Path, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // A process that ends meanwhile leaves what was read until then.
        drop(file.take(most as u64).read_to_end(&mut bytes));
    }
    bytes
}

pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

fn field<'a>(text: &'a [u8], name: &[u8]) -> &'a [u8] {
    lines(text)
        .find_map(|line| line.strip_prefix(name))
        .unwrap_or_default()
}

fn numbers(text: &[u8], base: u32) -> Vec<u64> {
    text.split(u8::is_ascii_whitespace)
        .filter_map(|word| u64::from_str_radix(std::str::from_utf8(word).ok()?, base).ok())
        .collect()
}

fn has_word(list: &[u8], word: &[u8]) -> bool {
    list.split(|byte| *byte == b',').any(|each| each == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_is_no_trouble() {
        let stat = Stat::parse(
            b"42 (a) (b) S 7 40 41 34816 42 4194304 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0\n",
        );
        assert_eq!(
            stat,
            Some(Stat {
                name: b"a) (b".to_vec(),
                parent: 7,
                group: 40,
                session: 41,
                terminal: 136 << 20,
                started: 12345,
            })
        );
        assert_eq!(Stat::parse(b"42 (a"), None);
        assert_eq!(Stat::parse(b""), None);
        assert_eq!(Stat::parse(b"1 )("), None);
    }

    #[test]
    fn this_process_is_seen_as_it_is() {
        let mut processes = Processes::new(Path::new("/proc"));
        let pid = std::process::id();
        assert!(processes.all().contains(&pid));
        let seen = processes.see(pid).unwrap();
        assert_eq!(seen.task.pid, pid);
        assert!(seen.task.started > 0 && seen.task.started < now());
        assert_eq!(
            Path::new(OsStr::from_bytes(&seen.path)),
            std::env::current_exe().unwrap()
        );
        assert!(seen.arguments.contains(&0));
        assert!(seen.file.inode > 0 && !seen.file.is_unlinked);
        assert_eq!(
            processes.glance(pid),
            Some((seen.task.started, seen.task.name))
        );
        // Its groups are known from now on.
        assert!(processes.see(pid).unwrap().new_groups.is_empty());
    }

    #[test]
    fn nothing_is_seen_of_a_process_that_is_gone() {
        let mut processes = Processes::new(Path::new("/proc"));
        assert!(processes.see(u32::MAX).is_none());
        assert!(Processes::new(Path::new("/nowhere")).all().is_empty());
    }
}

//! One look at a process: what it has mapped, and which archives it holds
//! open.
//!
//! Paths in `maps` are from the root of the process's mount namespace,
//! which is the container's root. Everything read is bounded: a process
//! can map tens of thousands of files under names of its choosing.

use std::{
    fs::{self, File},
    io::Read as _,
    path::Path,
};

/// Bytes of `maps` and `cgroup` read.
const MOST_MAPS: u64 = 512 << 10;
const MOST_CGROUP: u64 = 16 << 10;
/// Files told of one process, and descriptors looked at.
const MOST_FILES: usize = 1_000;
const MOST_OPEN: usize = 512;

/// What a look saw.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It is gone, or another has its number.
    Gone,
    Files(Vec<String>),
}

/// Looks at a process, if it is one of this container.
pub(super) fn at(proc: &Path, pid: u32, container: &[u8]) -> Look {
    let folder = proc.join(pid.to_string());
    let Some(cgroup) = read(&folder.join("cgroup"), MOST_CGROUP) else {
        return Look::Gone;
    };
    // A number is used again: the group says whose it is now.
    let is_its = !container.is_empty()
        && cgroup
            .windows(container.len())
            .any(|window| window == container);
    if !is_its {
        return Look::Gone;
    }
    let Some(maps) = read(&folder.join("maps"), MOST_MAPS) else {
        return Look::Gone;
    };
    let mut files = mapped(&String::from_utf8_lossy(&maps));
    if files.is_empty() {
        // It ended between one file and the next.
        return Look::Gone;
    }
    // A virtual machine reads its archives through descriptors.
    if files.iter().any(|path| path.ends_with("/libjvm.so")) {
        files.extend(archives(&folder.join("fd")));
    }
    files.sort_unstable();
    files.dedup();
    files.truncate(MOST_FILES);
    Look::Files(files)
}

fn read(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .ok()?;
    Some(bytes)
}

/// Programs, libraries and what virtual machines map.
fn mapped(maps: &str) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    for line in maps.lines() {
        // address permissions offset device inode path
        let mut fields = line.splitn(6, ' ');
        let (Some(_), Some(permissions), Some(_), Some(_), Some(inode), Some(path)) = (
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
        ) else {
            continue;
        };
        let path = path.trim_start();
        let is_file = inode != "0" && path.starts_with('/') && !path.ends_with(" (deleted)");
        let is_other = ["/dev/", "/memfd:", "/proc/", "/sys/", "/SYSV"]
            .iter()
            .any(|start| path.starts_with(start));
        if !is_file || is_other || !(permissions.contains('x') || is_loaded(path)) {
            continue;
        }
        if files.last().is_none_or(|last| last != path) && files.len() < MOST_FILES {
            files.push(path.to_owned());
        }
    }
    files
}

/// Whether a file mapped without the right to execute is code all the
/// same.
fn is_loaded(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((_, ending)) => matches!(ending, "so" | "jar" | "dll" | "node" | "jsa" | "war"),
        None => name == "modules",
    }
}

fn archives(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let links = entries
        .flatten()
        .take(MOST_OPEN)
        .filter_map(|entry| fs::read_link(entry.path()).ok());
    links
        .filter_map(|path| path.into_os_string().into_string().ok())
        .filter(|path| {
            let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
            path.starts_with('/') && matches!(ending, "jar" | "war" | "ear" | "jmod")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
55d0c0a00000-55d0c0a02000 r--p 00000000 00:41 11 /usr/bin/curl
55d0c0a02000-55d0c0a30000 r-xp 00002000 00:41 11 /usr/bin/curl
7f0000000000-7f0000200000 r--p 00000000 00:41 12 /usr/lib/locale/locale-archive
7f0000400000-7f0000500000 r-xp 00000000 00:41 13 /usr/lib/x86_64-linux-gnu/libssl.so.3
7f0000600000-7f0000700000 r--s 00000000 00:41 14 /app/with space/shop.jar
7f0000700000-7f0000800000 r-xp 00000000 00:41 15 /tmp/x.so (deleted)
7f0000800000-7f0000900000 rwxp 00000000 00:00 0 
7f0000900000-7f0000a00000 r-xp 00000000 00:01 16 /memfd:jit
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]
";

    #[test]
    fn code_is_told_and_data_is_not() {
        assert_eq!(
            mapped(MAPS),
            [
                "/usr/bin/curl",
                "/usr/lib/x86_64-linux-gnu/libssl.so.3",
                "/app/with space/shop.jar",
            ]
        );
    }

    #[test]
    fn nonsense_and_endless_maps_are_borne() {
        assert!(mapped("\n x \nabc r-xp\n").is_empty());
        let lines = (0..5_000).map(|n| format!("0-1 r-xp 0 0:1 {} /lib/{n}.so\n", n + 1));
        let many = lines.collect::<Vec<_>>().concat();
        assert_eq!(mapped(&many).len(), MOST_FILES);
    }

    #[test]
    fn a_number_that_is_anothers_now_is_not_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let process = folder.path().join("7");
        fs::create_dir(&process).unwrap();
        fs::write(process.join("maps"), MAPS).unwrap();
        fs::write(process.join("cgroup"), "0::/docker/c0ffee\n").unwrap();
        assert_eq!(at(folder.path(), 7, b"decade"), Look::Gone);
        assert_eq!(at(folder.path(), 8, b"c0ffee"), Look::Gone);
        let Look::Files(files) = at(folder.path(), 7, b"c0ffee") else {
            panic!("it is there");
        };
        assert_eq!(files.len(), 3);
    }

    #[test]
    fn an_own_look_sees_this_program() {
        let own = std::process::id();
        let cgroup = fs::read_to_string("/proc/self/cgroup").unwrap();
        let line = cgroup.lines().next().unwrap();
        let Look::Files(files) = at(Path::new("/proc"), own, line.as_bytes()) else {
            panic!("it runs");
        };
        let exe = std::env::current_exe().unwrap();
        assert!(files.iter().any(|path| Path::new(path) == exe), "{files:?}");
    }
}

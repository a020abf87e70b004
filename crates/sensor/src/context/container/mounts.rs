//! The control groups that are there already, read from where their
//! hierarchies are mounted: a group's number is its folder's inode.

use std::{
    collections::VecDeque,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

/// Groups looked at of one hierarchy.
const MAX_GROUPS: usize = 32_768;
const MAX_DEPTH: usize = 24;

/// A group that was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// 0 is the unified one.
    pub hierarchy: u32,
    pub id: u64,
    pub path: Vec<u8>,
}

/// Where the unified hierarchy and that of a controller of version 1 are
/// mounted, as `mountinfo` tells.
pub(crate) fn mounted(mountinfo: &str, controller: &str) -> (Option<PathBuf>, Option<PathBuf>) {
    let mut unified = None;
    let mut legacy = None;
    for line in mountinfo.lines() {
        let Some((before, after)) = line.split_once(" - ") else {
            continue;
        };
        let mut words = before.split_ascii_whitespace().skip(3);
        let (Some(root), Some(place)) = (words.next(), words.next()) else {
            continue;
        };
        let mut words = after.split_ascii_whitespace();
        let (kind, options) = (words.next(), words.nth(1));
        // A mount of a part would give paths from there.
        if root != "/" {
            continue;
        }
        match kind {
            Some("cgroup2") => unified = unified.or(Some(place.into())),
            Some("cgroup")
                if options.is_some_and(|it| it.split(',').any(|word| word == controller)) =>
            {
                legacy = legacy.or(Some(place.into()));
            }
            _ => {}
        }
    }
    (unified, legacy)
}

/// All groups of a hierarchy, those above before those below.
pub(crate) fn walk(place: &Path, hierarchy: u32) -> Vec<Group> {
    let mut found = Vec::new();
    let mut waiting = VecDeque::from([(place.to_owned(), 0)]);
    while let Some((folder, depth)) = waiting.pop_front() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            if found.len() >= MAX_GROUPS {
                return found;
            }
            // A hierarchy has no links.
            let Ok(facts) = entry.metadata() else {
                continue;
            };
            if !facts.is_dir() {
                continue;
            }
            let path = entry.path();
            if let Ok(below) = path.strip_prefix(place) {
                found.push(Group {
                    hierarchy,
                    id: facts.ino(),
                    path: [b"/", below.as_os_str().as_bytes()].concat(),
                });
            }
            if depth < MAX_DEPTH {
                waiting.push_back((path, depth + 1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_told_apart() {
        let text = "\
29 26 0:25 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
30 26 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
38 26 0:34 / /sys/fs/cgroup/pids rw shared:9 - cgroup cgroup rw,pids
39 26 0:34 /docker/x /mnt rw - cgroup cgroup rw,pids
nonsense - cgroup
";
        let (unified, legacy) = mounted(text, "pids");
        assert_eq!(
            unified.as_deref(),
            Some(Path::new("/sys/fs/cgroup/unified"))
        );
        assert_eq!(legacy.as_deref(), Some(Path::new("/sys/fs/cgroup/pids")));
        assert_eq!(mounted("", "pids"), (None, None));
    }

    #[test]
    fn folders_are_groups_by_their_inodes() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("docker/abc")).unwrap();
        std::fs::write(root.path().join("docker/pids.max"), "max").unwrap();
        let groups = walk(root.path(), 8);
        let paths: Vec<_> = groups.iter().map(|group| &*group.path).collect();
        assert_eq!(paths, [b"/docker".as_slice(), b"/docker/abc"]);
        let inode = std::fs::metadata(root.path().join("docker")).unwrap().ino();
        assert_eq!((groups[0].id, groups[0].hierarchy), (inode, 8));
        assert!(walk(Path::new("/nowhere"), 0).is_empty());
    }
}

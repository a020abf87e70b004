//! Files that matter for how they are: programs that run as somebody
//! else, programs that everybody may write to, and what package managers
//! downloaded and left. Nothing of them is read.

use model::NotableSort;

use super::{Extraction, Extractor, FileMeta, Input, Noted, Want};

/// The bits that make a program run as its owner or group.
const SET_ID: u32 = 0o6000;
const ANYBODY_WRITES: u32 = 0o002;

/// Where programs are looked for, by everybody's `PATH`.
const PROGRAMS: [&str; 8] = [
    "bin/",
    "sbin/",
    "usr/bin/",
    "usr/sbin/",
    "usr/local/bin/",
    "usr/local/sbin/",
    "usr/games/",
    "opt/bin/",
];

/// What package managers leave: a folder, and how files in it end.
const CACHES: [(&str, &str); 10] = [
    ("var/cache/apt/archives", ".deb"),
    ("var/lib/apt/lists", ""),
    ("var/cache/apk", ""),
    ("etc/apk/cache", ""),
    ("var/cache/yum", ""),
    ("var/cache/dnf", ""),
    ("var/cache/zypp", ""),
    ("root/.cache/pip", ""),
    ("root/.npm/_cacache", ""),
    ("var/cache/pacman/pkg", ""),
];

pub(crate) struct Notable;

impl Extractor for Notable {
    fn name(&self) -> &'static str {
        "notable"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        sort(file.path, file.size, file.mode).map(|_| Want::Name)
    }

    fn follows_links(&self) -> bool {
        false
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        if let Some(sort) = sort(file.path, file.size, file.mode) {
            out.noted = Some(Noted {
                sort,
                mode: file.mode,
                size: file.size,
            });
        }
    }
}

fn sort(path: &str, size: u64, mode: u32) -> Option<NotableSort> {
    if mode & SET_ID != 0 && mode & 0o111 != 0 {
        return Some(NotableSort::SetId);
    }
    if mode & ANYBODY_WRITES != 0 && PROGRAMS.iter().any(|folder| path.starts_with(folder)) {
        return Some(NotableSort::WorldWritable);
    }
    (size > 0 && cache_of(path).is_some()).then_some(NotableSort::PackageCache)
}

/// The folder of leftovers a file is in.
pub(crate) fn cache_of(path: &str) -> Option<&'static str> {
    CACHES
        .iter()
        .find(|(folder, end)| {
            path.strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
                && path.ends_with(end)
                // Its own lock, which is empty or nearly so.
                && !path.ends_with("/lock")
        })
        .map(|(folder, _)| *folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_file_is_makes_it_notable() {
        assert_eq!(sort("opt/x/su", 9, 0o4755), Some(NotableSort::SetId));
        assert_eq!(sort("opt/x/data", 9, 0o2644), None, "nobody can run it");
        assert_eq!(
            sort("usr/bin/x", 9, 0o777),
            Some(NotableSort::WorldWritable)
        );
        assert_eq!(sort("app/x", 9, 0o777), None);
        assert_eq!(
            sort("var/lib/apt/lists/x_Packages.lz4", 9, 0o644),
            Some(NotableSort::PackageCache)
        );
        assert_eq!(sort("var/lib/apt/lists/lock", 0, 0o640), None);
        assert_eq!(sort("var/cache/apt/archives/x.txt", 9, 0o644), None);
    }
}

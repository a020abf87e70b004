//! Which files of a distribution's packages are worth remembering.
//!
//! Ownership answers one question: did the distribution put this
//! language package or program here? Manual pages, headers and pictures
//! can never be the subject of it, and they are most of the files.

use super::{Owned, path_key};

/// Folders that hold neither programs nor language packages.
const UNINTERESTING_FOLDERS: &[&str] = &[
    "boot/",
    "dev/",
    "usr/include/",
    "usr/lib/debug/",
    "usr/lib/locale/",
    "usr/lib/modules/",
    "lib/modules/",
    "usr/lib/systemd/",
    "usr/share/aclocal/",
    "usr/share/bash-completion/",
    "usr/share/bug/",
    "usr/share/doc/",
    "usr/share/doc-base/",
    "usr/share/fonts/",
    "usr/share/help/",
    "usr/share/i18n/",
    "usr/share/icons/",
    "usr/share/info/",
    "usr/share/licenses/",
    "usr/share/lintian/",
    "usr/share/locale/",
    "usr/share/man/",
    "usr/share/mime/",
    "usr/share/zoneinfo/",
    "usr/src/",
];

/// File name endings of sources, texts and media.
const UNINTERESTING_ENDINGS: &[&str] = &[
    "a", "c", "cmake", "conf", "cpp", "css", "el", "elc", "gif", "gmo", "gz", "h", "hpp", "htm",
    "html", "ico", "js", "la", "map", "md", "mjs", "mo", "o", "pc", "pl", "pm", "png", "po", "pod",
    "py", "pyc", "pyi", "pyo", "rst", "sh", "svg", "tcl", "tmpl", "ts", "ttf", "txt", "vim",
    "woff2", "xml", "xsl", "zst",
];

/// A path longer than this is no file any package ships.
pub(crate) const LONGEST_PATH: usize = 1024;

/// More files than any one database knows. Databases that keep folder
/// and name apart could else make long paths out of few bytes for ever.
pub(crate) const MOST_FILES: usize = 4_000_000;

/// Collects the keys of one package's files.
#[derive(Debug, Default)]
pub(crate) struct OwnedFiles {
    /// Each with whether it can be executed or mapped.
    keys: Vec<(u64, bool)>,
}

impl OwnedFiles {
    /// Adds a file by its path from the root, with or without a leading
    /// slash.
    pub(crate) fn add(&mut self, path: &str) {
        let path = path.trim_start_matches("./").trim_start_matches('/');
        if could_be_a_package_or_program(path) {
            self.keys.push((path_key(path), is_program(path)));
        }
    }

    /// `None` where nothing was worth remembering.
    pub(crate) fn finish(mut self, package: &str) -> Option<Owned> {
        self.keys.sort_unstable();
        self.keys.dedup_by_key(|(key, _)| *key);
        let programs = (0..).zip(&self.keys);
        let programs = programs.filter_map(|(place, (_, is_program))| is_program.then_some(place));
        (!self.keys.is_empty()).then(|| Owned {
            package: package.to_owned(),
            programs: programs.collect(),
            files: self.keys.iter().map(|(key, _)| *key).collect(),
        })
    }
}

/// Whether a file may be executed, mapped or kept open while it is used:
/// programs, libraries and what virtual machines load.
fn is_program(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_in = |part: &str| folder.split('/').any(|folder| folder == part);
    if is_in("bin") || is_in("sbin") || is_in("libexec") {
        return true;
    }
    match name.rsplit_once('.') {
        // `git-core/git-remote-http`, `postgresql/15/bin` lie below `lib`.
        None => is_in("lib") || is_in("lib64"),
        Some((_, "so" | "jar" | "node" | "dll" | "jsa" | "war")) => true,
        Some(_) => name.contains(".so."),
    }
}

fn could_be_a_package_or_program(path: &str) -> bool {
    if path.is_empty() || path.len() > LONGEST_PATH {
        return false;
    }
    if UNINTERESTING_FOLDERS
        .iter()
        .any(|folder| path.starts_with(folder))
    {
        return false;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        // `requirements.txt`, `pom.xml` and the like name packages.
        Some((_, "txt" | "xml")) => matches!(name, "requirements.txt" | "pom.xml"),
        Some((_, ending)) => !UNINTERESTING_ENDINGS.contains(&ending),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_language_packages_are_remembered() {
        for path in [
            "usr/bin/docker",
            "bin/sh",
            "usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO",
            "usr/lib/python3/dist-packages/requests-2.28.1.dist-info/METADATA",
            "usr/lib/python3/dist-packages/old.egg-info",
            "usr/share/nodejs/semver/package.json",
            "usr/share/java/commons-io.jar",
            "usr/share/rubygems-integration/all/specifications/rack.gemspec",
            "usr/share/php/Composer/installed.json",
            "usr/lib/x86_64-linux-gnu/libx.so.1",
        ] {
            assert!(could_be_a_package_or_program(path), "{path}");
        }
    }

    #[test]
    fn texts_headers_and_media_are_not() {
        for path in [
            "",
            "usr/share/man/man1/ls.1.gz",
            "usr/share/doc/curl/copyright",
            "usr/include/stdio.h",
            "usr/lib/python3/dist-packages/six.py",
            "usr/share/nodejs/semver/index.js",
            "usr/share/perl/5.36/strict.pm",
        ] {
            assert!(!could_be_a_package_or_program(path), "{path}");
        }
        assert!(!could_be_a_package_or_program(&"a".repeat(5000)));
    }

    #[test]
    fn what_can_run_is_told_from_what_cannot() {
        for path in [
            "usr/bin/curl",
            "sbin/init",
            "usr/lib/x86_64-linux-gnu/libssl.so.3",
            "usr/lib/git-core/git-remote-http",
            "usr/lib/python3.11/lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so",
            "usr/share/java/commons-io.jar",
        ] {
            assert!(is_program(path), "{path}");
        }
        for path in [
            "etc/debian_version",
            "etc/ssl/certs/ca.crt",
            "usr/share/ca-certificates/mozilla/x.crt",
            "usr/share/nodejs/semver/package.json",
            "var/lib/dpkg/info/curl.list",
        ] {
            assert!(!is_program(path), "{path}");
        }
    }

    #[test]
    fn keys_are_sorted_and_agree_about_the_merged_root() {
        let mut files = OwnedFiles::default();
        files.add("/bin/sh");
        files.add("./usr/bin/sh");
        files.add("/usr/bin/env");
        files.add("/usr/share/man/man1/sh.1.gz");
        let owned = files.finish("dash").unwrap();
        assert_eq!(owned.package, "dash");
        assert_eq!(owned.files.len(), 2);
        assert!(owned.files.is_sorted());
        assert_eq!(owned.programs, [0, 1]);
        assert!(owned.files.contains(&path_key("usr/bin/sh")));
        assert_eq!(OwnedFiles::default().finish("empty"), None);
    }
}

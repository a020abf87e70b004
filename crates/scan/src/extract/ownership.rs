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
    keys: Vec<u64>,
}

impl OwnedFiles {
    /// Adds a file by its path from the root, with or without a leading
    /// slash.
    pub(crate) fn add(&mut self, path: &str) {
        let path = path.trim_start_matches("./").trim_start_matches('/');
        if could_be_a_package_or_program(path) {
            self.keys.push(path_key(path));
        }
    }

    /// `None` where nothing was worth remembering.
    pub(crate) fn finish(mut self, package: &str) -> Option<Owned> {
        self.keys.sort_unstable();
        self.keys.dedup();
        (!self.keys.is_empty()).then(|| Owned {
            package: package.to_owned(),
            files: self.keys,
        })
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
        assert!(owned.files.contains(&path_key("usr/bin/sh")));
        assert_eq!(OwnedFiles::default().finish("empty"), None);
    }
}

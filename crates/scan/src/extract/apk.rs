//! Alpine's package database, `lib/apk/db/installed`, which Wolfi and
//! Chainguard images share. One letter, a colon and a value on each
//! line, one blank line between packages (apk-tools, "Installed
//! database").

use model::{PackageKind, SourcePackage};

use super::{
    Extraction, Extractor, FileMeta, Found, Input, Want,
    ownership::{LONGEST_PATH, MOST_FILES, OwnedFiles},
};

/// Package files list every file with its checksum; large images reach
/// some tens of megabytes.
const LIMIT: u64 = 256 * 1024 * 1024;

const LONGEST_WORD: usize = 512;

pub(crate) struct Apk;

impl Extractor for Apk {
    fn name(&self) -> &'static str {
        "apk"
    }

    fn version(&self) -> u32 {
        2
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        matches!(
            file.path,
            "lib/apk/db/installed" | "usr/lib/apk/db/installed"
        )
        .then_some(Want::Whole { limit: LIMIT })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let mut skipped = 0_usize;
        let mut files_left = MOST_FILES;
        let mut entry = Entry::default();
        for line in file.bytes().split(|byte| *byte == b'\n') {
            if line.trim_ascii().is_empty() {
                std::mem::take(&mut entry).finish(out, &mut skipped);
            } else {
                entry.read(line, &mut files_left);
            }
        }
        entry.finish(out, &mut skipped);
        if files_left == 0 {
            out.warn("too many files: not every file's owner is known");
        }
        if skipped > 0 {
            out.warn(format!(
                "{skipped} entries have no readable name and version and were skipped"
            ));
        }
    }
}

#[derive(Debug, Default)]
struct Entry<'a> {
    started: bool,
    name: &'a [u8],
    version: &'a [u8],
    architecture: &'a [u8],
    origin: &'a [u8],
    license: &'a [u8],
    folder: &'a str,
    files: OwnedFiles,
}

impl<'a> Entry<'a> {
    fn read(&mut self, line: &'a [u8], files_left: &mut usize) {
        self.started = true;
        let [field, b':', value @ ..] = line else {
            return;
        };
        match field {
            b'P' => self.name = value,
            b'V' => self.version = value,
            b'A' => self.architecture = value,
            b'o' => self.origin = value,
            b'L' => self.license = value,
            b'F' => self.folder = str::from_utf8(value).unwrap_or_default(),
            b'R' => {
                if let Ok(name) = str::from_utf8(value)
                    && *files_left > 0
                {
                    *files_left -= 1;
                    self.own(name);
                }
            }
            _ => {}
        }
    }

    fn own(&mut self, name: &str) {
        if self.folder.len() + name.len() > LONGEST_PATH {
            return;
        }
        if self.folder.is_empty() {
            self.files.add(name);
        } else {
            self.files.add(&format!("{}/{name}", self.folder));
        }
    }

    fn finish(self, out: &mut Extraction, skipped: &mut usize) {
        if !self.started {
            return;
        }
        let (Some(name), Some(version)) = (word(self.name), word(self.version)) else {
            *skipped += 1;
            return;
        };
        out.packages.push(Found {
            // Advisories name the APKBUILD; every package split from it
            // carries its version.
            source: Some(SourcePackage {
                name: word(self.origin).unwrap_or(name).to_owned(),
                version: version.to_owned(),
            }),
            architecture: word(self.architecture).map(str::to_owned),
            licenses: license(self.license),
            ..Found::new(PackageKind::Apk, name, version)
        });
        out.owned.extend(self.files.finish(name));
    }
}

fn license(value: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(value);
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST_WORD {
        return Vec::new();
    }
    vec![text.to_owned()]
}

/// Names, versions and architectures are short words of printable
/// ASCII; anything else is damage.
fn word(bytes: &[u8]) -> Option<&str> {
    let bytes = bytes.trim_ascii();
    let valid =
        !bytes.is_empty() && bytes.len() <= LONGEST_WORD && bytes.iter().all(u8::is_ascii_graphic);
    valid.then(|| str::from_utf8(bytes).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::extract::path_key;

    const INSTALLED: &[u8] = include_bytes!("testdata/apk-installed");

    fn read(bytes: &[u8]) -> Extraction {
        let mut out = Extraction::default();
        Apk.extract(&mut Input::memory("lib/apk/db/installed", bytes), &mut out);
        out
    }

    #[test]
    fn packages_carry_origin_licence_and_files() {
        let out = read(INSTALLED);
        assert!(out.warnings.is_empty(), "{:?}", out.warnings);
        let names: Vec<_> = out
            .packages
            .iter()
            .map(|found| {
                let source = found.source.as_ref().unwrap();
                (&*found.name, &*found.version, &*source.name)
            })
            .collect();
        assert_eq!(
            names,
            [
                ("musl", "1.2.4-r2", "musl"),
                ("busybox-binsh", "1.36.1-r5", "busybox"),
                ("py3-six", "1.16.0-r6", "py3-six"),
            ]
        );
        assert_eq!(out.packages[0].architecture.as_deref(), Some("x86_64"));
        assert_eq!(out.packages[0].licenses, ["MIT"]);
        let six = out.owned.iter().find(|owned| owned.package == "py3-six");
        assert!(six.unwrap().files.contains(&path_key(
            "usr/lib/python3.11/site-packages/six-1.16.0-py3.11.egg-info/PKG-INFO"
        )));
        assert!(out.owned[0].files.contains(&path_key("lib/libc.so")));
    }

    #[test]
    fn damage_loses_one_entry_and_is_told() {
        let out = read(b"P:good\nV:1-r0\n\nP:nameless version\n\nno colon\n\nP:ok\nV:2-r0");
        assert_eq!(out.packages.len(), 2);
        assert_eq!(
            out.warnings,
            ["2 entries have no readable name and version and were skipped"]
        );
    }

    #[test]
    fn both_homes_of_the_database_are_known() {
        let wants = |path| {
            Apk.wants(&FileMeta {
                path,
                size: 1,
                mode: 0o644,
            })
            .is_some()
        };
        assert!(wants("lib/apk/db/installed"));
        assert!(wants("usr/lib/apk/db/installed"));
        assert!(!wants("srv/lib/apk/db/installed"));
    }

    proptest! {
        #[test]
        fn any_bytes_at_all_are_survived(bytes: Vec<u8>) {
            read(&bytes);
        }

        #[test]
        fn any_cut_keeps_what_came_before(at in 0..INSTALLED.len()) {
            let whole = read(INSTALLED);
            let cut = read(&INSTALLED[..at]);
            for found in cut.packages.iter().rev().skip(1) {
                prop_assert!(whole.packages.contains(found));
            }
        }
    }
}

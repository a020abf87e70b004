//! Debian's package database: `var/lib/dpkg/status`, the `status.d`
//! fragments of distroless images, and the lists of files each package
//! owns. Format: deb-control(5), dpkg-query(1) for the states.

use model::{PackageKind, SourcePackage};

use super::{Extraction, Extractor, FileMeta, Found, Input, Want, ownership::OwnedFiles};

const STATUS: &str = "var/lib/dpkg/status";
const FRAGMENTS: &str = "var/lib/dpkg/status.d/";
const LISTS: &str = "var/lib/dpkg/info/";

/// A full desktop's status file is under 8 MiB.
const STATUS_LIMIT: u64 = 128 * 1024 * 1024;
const LIST_LIMIT: u64 = 32 * 1024 * 1024;

/// Longer names and versions are damage, not packages.
const LONGEST_WORD: usize = 512;

pub(crate) struct Dpkg;

impl Extractor for Dpkg {
    fn name(&self) -> &'static str {
        "dpkg"
    }

    fn version(&self) -> u32 {
        3
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        let rest = file.path.strip_prefix("var/lib/dpkg/")?;
        let limit = match rest.split_once('/') {
            None if rest == "status" => STATUS_LIMIT,
            Some(("status.d", name)) if !name.contains('/') => STATUS_LIMIT,
            Some(("info", name)) if name.strip_suffix(".list").is_some() => LIST_LIMIT,
            _ => return None,
        };
        Some(Want::Whole { limit })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let path = file.path;
        if let Some(name) = path.strip_prefix(LISTS) {
            let package = name.strip_suffix(".list").unwrap_or(name);
            // Multi-arch packages are listed as `libc6:amd64.list`.
            let package = package.split(':').next().unwrap_or(package);
            read_list(package, file.bytes(), out);
        } else if let Some(name) = path.strip_prefix(FRAGMENTS) {
            match name.strip_suffix(".md5sums") {
                Some(package) => read_sums(package, file.bytes(), out),
                None => read_status(file.bytes(), out),
            }
        } else if path == STATUS {
            read_status(file.bytes(), out);
        }
    }
}

/// One stanza's fields, as far as they are of use.
#[derive(Debug, Default)]
struct Stanza<'a> {
    line: usize,
    package: &'a [u8],
    status: Option<&'a [u8]>,
    version: &'a [u8],
    source: &'a [u8],
    architecture: &'a [u8],
    maintainer: &'a [u8],
}

fn read_status(bytes: &[u8], out: &mut Extraction) {
    let mut damage = Damage::default();
    let mut stanza = Stanza::default();
    let mut started = false;
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) {
            if started {
                finish(&stanza, out, &mut damage);
            }
            started = false;
            continue;
        }
        if !started {
            stanza = Stanza {
                line: index + 1,
                ..Stanza::default()
            };
            started = true;
        }
        // A continuation belongs to a field of no interest.
        if matches!(line.first(), Some(b' ' | b'\t')) {
            continue;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (field, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        // Field names are case-insensitive (deb-control(5)).
        match field.to_ascii_lowercase().as_slice() {
            b"package" => stanza.package = value,
            b"status" => stanza.status = Some(value),
            b"version" => stanza.version = value,
            b"source" => stanza.source = value,
            b"architecture" => stanza.architecture = value,
            b"maintainer" => stanza.maintainer = value,
            _ => {}
        }
    }
    if started {
        finish(&stanza, out, &mut damage);
    }
    damage.report(out);
}

fn finish(stanza: &Stanza<'_>, out: &mut Extraction, damage: &mut Damage) {
    if !stanza.status.is_none_or(has_files) {
        return;
    }
    let (Some(name), Some(version)) = (word(stanza.package), word(stanza.version)) else {
        damage.add(stanza.line);
        return;
    };
    out.packages.push(Found {
        source: Some(source(stanza.source, name, version)),
        architecture: word(stanza.architecture).map(str::to_owned),
        is_foreign: is_foreign(stanza.maintainer),
        ..Found::new(PackageKind::Deb, name, version)
    });
}

/// Whether somebody else than Debian or Ubuntu built the package:
/// vendors ship kubectl, Docker or Node.js as packages too, full of
/// modules no distribution watches over. Only the maintainer tells, and
/// language packages are maintained by the distributions' teams.
fn is_foreign(maintainer: &[u8]) -> bool {
    let maintainer = maintainer.to_ascii_lowercase();
    let names = |word: &[u8]| maintainer.windows(word.len()).any(|window| window == word);
    !maintainer.is_empty() && !names(b"debian") && !names(b"ubuntu") && !names(b"canonical")
}

/// Whether a package in this state has files on disk. The third word is
/// what is; the first is only what is wanted, so that a package marked
/// for removal still counts while it is there.
fn has_files(status: &[u8]) -> bool {
    let state = status
        .split(u8::is_ascii_whitespace)
        .rfind(|word| !word.is_empty());
    !matches!(state, Some(b"not-installed" | b"config-files"))
}

/// `Source: openssl (3.0.11-1)`; without it, the binary package's own
/// name and version are the source's.
fn source(field: &[u8], name: &str, version: &str) -> SourcePackage {
    let text = str::from_utf8(field).unwrap_or_default();
    let (source, rest) = text.split_once('(').unwrap_or((text, ""));
    let or = |given: &str, otherwise: &str| match word(given.trim().as_bytes()) {
        Some(word) => word.to_owned(),
        None => otherwise.to_owned(),
    };
    SourcePackage {
        name: or(source, name),
        version: or(rest.trim_end().trim_end_matches(')'), version),
    }
}

/// Names, versions and architectures are short words of printable
/// ASCII; anything else is damage.
fn word(bytes: &[u8]) -> Option<&str> {
    let valid =
        !bytes.is_empty() && bytes.len() <= LONGEST_WORD && bytes.iter().all(u8::is_ascii_graphic);
    valid.then(|| str::from_utf8(bytes).ok()).flatten()
}

/// Counts damaged entries, so that a ruined file is one warning.
#[derive(Debug, Default)]
struct Damage {
    count: usize,
    first_line: usize,
}

impl Damage {
    fn add(&mut self, line: usize) {
        if self.count == 0 {
            self.first_line = line;
        }
        self.count += 1;
    }

    fn report(&self, out: &mut Extraction) {
        match self.count {
            0 => {}
            1 => out.warn(format!(
                "the entry at line {} has no readable name and version and was skipped",
                self.first_line
            )),
            count => out.warn(format!(
                "{count} entries, the first at line {}, have no readable name and version \
                 and were skipped",
                self.first_line
            )),
        }
    }
}

fn read_list(package: &str, bytes: &[u8], out: &mut Extraction) {
    let mut files = OwnedFiles::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(path) = str::from_utf8(line) {
            files.add(path);
        }
    }
    out.owned.extend(files.finish(package));
}

/// Lines of `<md5>  <path>`.
fn read_sums(package: &str, bytes: &[u8], out: &mut Extraction) {
    let mut files = OwnedFiles::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        let path = str::from_utf8(line)
            .ok()
            .and_then(|line| line.split_once(' '));
        if let Some((_, path)) = path {
            files.add(path.trim_start());
        }
    }
    out.owned.extend(files.finish(package));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::extract::path_key;

    const STATUS_FILE: &str = include_str!("testdata/dpkg-status");

    fn read(path: &str, bytes: &[u8]) -> Extraction {
        let mut out = Extraction::default();
        Dpkg.extract(&mut Input::memory(path, bytes), &mut out);
        out
    }

    fn lines(out: &Extraction) -> Vec<String> {
        out.packages
            .iter()
            .map(|found| {
                let source = found.source.as_ref().unwrap();
                format!(
                    "{} {} {} from {} {}",
                    found.name,
                    found.version,
                    found.architecture.as_deref().unwrap_or("-"),
                    source.name,
                    source.version
                )
            })
            .collect()
    }

    #[test]
    fn sources_epochs_and_rebuilds_are_told_apart() {
        let out = read(STATUS, STATUS_FILE.as_bytes());
        assert_eq!(
            lines(&out),
            [
                "bash 5.2.15-2+b2 amd64 from bash 5.2.15-2",
                "libssl3 3.0.11-1~deb12u2 amd64 from openssl 3.0.11-1~deb12u2",
                "login 1:4.13+dfsg1-1+b1 amd64 from shadow 1:4.13+dfsg1-1",
                "half 1.0 all from half 1.0",
                "leaving 2.0-1 amd64 from leaving 2.0-1",
                "tzdata 2024a-0+deb12u1 all from tzdata 2024a-0+deb12u1",
            ]
        );
        assert!(out.warnings.is_empty(), "{:?}", out.warnings);
    }

    #[test]
    fn packages_of_other_vendors_are_told_apart() {
        for (maintainer, foreign) in [
            ("Debian Python Team <team+python@tracker.debian.org>", false),
            ("Go Team <pkg-go@lists.alioth-lists.debian.net>", false),
            ("Ubuntu Developers <devel@lists.ubuntu.com>", false),
            ("A. Person <debian@person.example>", false),
            ("Kubernetes Authors <dev@kubernetes.example>", true),
            ("Docker <support@docker.example>", true),
            ("", false),
        ] {
            let text = format!("Package: a\nVersion: 1\nMaintainer: {maintainer}\n");
            let found = &read(STATUS, text.as_bytes()).packages[0];
            assert_eq!(found.is_foreign, foreign, "{maintainer}");
        }
    }

    #[test]
    fn a_package_counts_while_its_files_are_there() {
        for (status, counts) in [
            ("install ok installed", true),
            ("hold ok installed", true),
            ("deinstall ok installed", true),
            ("install ok half-configured", true),
            ("install ok unpacked", true),
            ("install ok triggers-pending", true),
            ("install reinstreq half-installed", true),
            ("deinstall ok config-files", false),
            ("purge ok not-installed", false),
        ] {
            let text = format!("Package: a\nStatus: {status}\nVersion: 1\n");
            assert_eq!(
                read(STATUS, text.as_bytes()).packages.len(),
                usize::from(counts),
                "{status}"
            );
        }
    }

    #[test]
    fn a_distroless_fragment_needs_no_status() {
        let out = read(
            "var/lib/dpkg/status.d/base",
            b"Package: base-files\nVersion: 12.4+deb12u5\nArchitecture: amd64\n",
        );
        assert_eq!(
            lines(&out),
            ["base-files 12.4+deb12u5 amd64 from base-files 12.4+deb12u5"]
        );
    }

    #[test]
    fn file_lists_say_who_owns_what() {
        let out = read(
            "var/lib/dpkg/info/libc6:amd64.list",
            b"/.\n/lib\n/lib/x86_64-linux-gnu/libc.so.6\n/usr/share/doc/libc6/copyright\n",
        );
        assert_eq!(out.owned.len(), 1);
        assert_eq!(out.owned[0].package, "libc6");
        let key = path_key("usr/lib/x86_64-linux-gnu/libc.so.6");
        assert!(out.owned[0].files.contains(&key));

        let out = read(
            "var/lib/dpkg/status.d/tzdata.md5sums",
            b"d41d8cd98f00b204e9800998ecf8427e  usr/sbin/tzconfig\n",
        );
        assert!(out.packages.is_empty());
        assert_eq!(out.owned[0].package, "tzdata");
        assert_eq!(out.owned[0].files, [path_key("usr/sbin/tzconfig")]);
    }

    #[test]
    fn damage_loses_one_entry_and_is_told() {
        let out = read(
            STATUS,
            b"Package: good\nStatus: install ok installed\nVersion: 1\n\n\
              Package: b\xffd\nStatus: install ok installed\nVersion: 1\n\n\
              garbage\n\n\n\
              Package: cut\nStatus: install ok installed\nVers",
        );
        assert_eq!(out.packages.len(), 1);
        assert_eq!(
            out.warnings,
            [
                "3 entries, the first at line 5, have no readable name and version \
                 and were skipped"
            ]
        );
    }

    #[test]
    fn only_the_database_is_wanted() {
        let wants = |path| {
            Dpkg.wants(&FileMeta {
                path,
                size: 1,
                mode: 0o644,
            })
            .is_some()
        };
        assert!(wants("var/lib/dpkg/status"));
        assert!(wants("var/lib/dpkg/status.d/base"));
        assert!(wants("var/lib/dpkg/status.d/base.md5sums"));
        assert!(wants("var/lib/dpkg/info/bash.list"));
        assert!(!wants("var/lib/dpkg/info/bash.postinst"));
        assert!(!wants("var/lib/dpkg/status-old"));
        assert!(!wants("srv/chroot/var/lib/dpkg/status"));
    }

    #[test]
    fn this_machines_packages_are_those_dpkg_lists() {
        let Ok(bytes) = std::fs::read("/var/lib/dpkg/status") else {
            return testkit::skipped("no dpkg database here");
        };
        let listing = std::process::Command::new("dpkg-query")
            .args([
                "--show",
                "--showformat=${db:Status-Status} ${Package} ${Version} ${Architecture} \
                 from ${source:Package} ${source:Version}\n",
            ])
            .output();
        let Ok(listing) = listing else {
            return testkit::skipped("no dpkg-query here");
        };
        let listing = String::from_utf8(listing.stdout).unwrap();
        let mut expected: Vec<_> = listing
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(state, _)| !matches!(*state, "config-files" | "not-installed"))
            .map(|(_, line)| line)
            .collect();
        expected.sort_unstable();
        let mut found = lines(&read(STATUS, &bytes));
        found.sort_unstable();
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn any_bytes_at_all_are_survived(bytes: Vec<u8>) {
            read(STATUS, &bytes);
            read("var/lib/dpkg/info/a.list", &bytes);
            read("var/lib/dpkg/status.d/a.md5sums", &bytes);
        }

        #[test]
        fn one_flipped_byte_costs_at_most_two_entries(at in 0..STATUS_FILE.len(), byte: u8) {
            let mut bytes = STATUS_FILE.as_bytes().to_vec();
            bytes[at] = byte;
            let before = read(STATUS, STATUS_FILE.as_bytes()).packages.len();
            let after = read(STATUS, &bytes).packages.len();
            prop_assert!(after + 2 >= before && after <= before + 2);
        }
    }
}

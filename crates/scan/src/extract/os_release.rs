//! Which operating system the root file system is: `os-release(5)`, and
//! the older single-line files of releases that predate it.

use model::OperatingSystem;

use super::{Extraction, Extractor, FileMeta, Input, Want};

/// The files are a few hundred bytes; a larger one is something else.
const LIMIT: u64 = 64 * 1024;

/// Best witness first: where several of these exist, the first one
/// speaks for the image. `etc/os-release` is the administrator's
/// override of `usr/lib/os-release` (os-release(5), "Description"); the
/// others are kept by some derivatives with their parent's content.
const WITNESSES: &[(&str, Format)] = &[
    ("etc/os-release", Format::OsRelease),
    ("usr/lib/os-release", Format::OsRelease),
    ("etc/lsb-release", Format::LsbRelease),
    ("etc/oracle-release", Format::Sentence),
    ("etc/almalinux-release", Format::Sentence),
    ("etc/rocky-release", Format::Sentence),
    ("etc/centos-release", Format::Sentence),
    ("etc/fedora-release", Format::Sentence),
    ("etc/system-release", Format::Sentence),
    ("etc/redhat-release", Format::Sentence),
    ("etc/alpine-release", Format::Alpine),
    ("etc/debian_version", Format::Debian),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    OsRelease,
    LsbRelease,
    /// `CentOS Linux release 7.9.2009 (Core)`.
    Sentence,
    /// `3.10.2`.
    Alpine,
    /// `12.4`, or `bookworm/sid` before a release.
    Debian,
}

/// How much the file at `path` is to be believed: the lowest rank among
/// an image's files names its operating system.
pub(crate) fn rank(path: &str) -> usize {
    WITNESSES
        .iter()
        .position(|(witness, _)| *witness == path)
        .unwrap_or(WITNESSES.len())
}

pub(crate) struct OsRelease;

impl Extractor for OsRelease {
    fn name(&self) -> &'static str {
        "os-release"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        (rank(file.path) < WITNESSES.len()).then_some(Want::Whole { limit: LIMIT })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let Some((_, format)) = WITNESSES.get(rank(file.path)) else {
            return;
        };
        let text = String::from_utf8_lossy(file.bytes());
        out.os = match format {
            Format::OsRelease => os_release(&text),
            Format::LsbRelease => lsb_release(&text),
            Format::Sentence => sentence(&text),
            Format::Alpine => bare_version("alpine", &text),
            Format::Debian => debian_version(&text),
        };
        if out.os.is_none() && *format == Format::OsRelease {
            out.warn("names no operating system: it has no ID");
        }
    }
}

fn os_release(text: &str) -> Option<OperatingSystem> {
    let mut os = OperatingSystem::default();
    for (key, value) in assignments(text) {
        match key {
            // Mixed case is invalid, yet openEuler writes it so.
            "ID" => os.id = value.to_ascii_lowercase(),
            "VERSION_ID" => os.version = value,
            "PRETTY_NAME" => os.name = value,
            "VERSION_CODENAME" => os.codename = Some(value).filter(|name| !name.is_empty()),
            "ID_LIKE" => {
                os.like = value
                    .split_whitespace()
                    .take(16)
                    .map(str::to_ascii_lowercase)
                    .collect();
            }
            _ => {}
        }
    }
    if os.codename.is_none() && os.version.is_empty() && os.id == "debian" {
        os.codename = debian_codename(&os.name);
    }
    (!os.id.is_empty()).then_some(os)
}

fn lsb_release(text: &str) -> Option<OperatingSystem> {
    let mut os = OperatingSystem::default();
    for (key, value) in assignments(text) {
        match key {
            "DISTRIB_ID" => os.id = value.to_ascii_lowercase(),
            "DISTRIB_RELEASE" => os.version = value,
            "DISTRIB_DESCRIPTION" => os.name = value,
            "DISTRIB_CODENAME" => os.codename = Some(value).filter(|name| !name.is_empty()),
            _ => {}
        }
    }
    (!os.id.is_empty()).then_some(os)
}

/// Reads `<name> release <version> (<codename>)`, the way Red Hat's
/// family has named itself since before os-release.
fn sentence(text: &str) -> Option<OperatingSystem> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let (name, rest) = line.split_once(" release ")?;
    let name = name.to_ascii_lowercase();
    let id = [
        ("red hat enterprise linux", "rhel"),
        ("centos", "centos"),
        ("almalinux", "almalinux"),
        ("rocky linux", "rocky"),
        ("oracle linux", "ol"),
        ("fedora", "fedora"),
        ("amazon linux", "amzn"),
    ]
    .into_iter()
    .find_map(|(prefix, id)| name.starts_with(prefix).then_some(id))?;
    let version = rest.split_whitespace().next()?;
    starts_with_digit(version).then(|| OperatingSystem {
        id: id.to_owned(),
        version: version.to_owned(),
        name: line.to_owned(),
        ..OperatingSystem::default()
    })
}

fn bare_version(id: &str, text: &str) -> Option<OperatingSystem> {
    let version = text.split_whitespace().next()?;
    starts_with_digit(version).then(|| OperatingSystem {
        id: id.to_owned(),
        version: version.to_owned(),
        ..OperatingSystem::default()
    })
}

fn debian_version(text: &str) -> Option<OperatingSystem> {
    bare_version("debian", text).or_else(|| {
        let codename = debian_codename(text)?;
        Some(OperatingSystem {
            id: "debian".to_owned(),
            codename: Some(codename),
            ..OperatingSystem::default()
        })
    })
}

/// The release being prepared, from `Debian GNU/Linux trixie/sid`.
fn debian_codename(text: &str) -> Option<String> {
    let word = text
        .split_whitespace()
        .find_map(|word| word.strip_suffix("/sid"))?;
    (!word.is_empty()).then(|| word.to_owned())
}

fn starts_with_digit(text: &str) -> bool {
    text.bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit())
}

/// The `KEY=value` lines, values unquoted; comments and anything else
/// are passed over.
fn assignments(text: &str) -> impl Iterator<Item = (&str, String)> {
    text.trim_start_matches('\u{feff}')
        .lines()
        .filter_map(|line| {
            let line = line.trim();
            if line.starts_with('#') {
                return None;
            }
            let (key, value) = line.split_once('=')?;
            Some((key.trim_end(), unquote(value.trim())))
        })
}

/// Shell quoting as os-release(5) allows it: single quotes keep
/// everything, double quotes and bare words know the backslash, and
/// there is no expansion.
fn unquote(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    let mut quote = None;
    while let Some(char) = chars.next() {
        match (char, quote) {
            ('\\', None | Some('"')) => out.extend(chars.next()),
            ('\'' | '"', None) => quote = Some(char),
            (char, Some(open)) if char == open => quote = None,
            (char, None) if char.is_whitespace() => break,
            (char, _) => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, text: &str) -> Extraction {
        let mut out = Extraction::default();
        OsRelease.extract(&mut Input::memory(path, text.as_bytes()), &mut out);
        out
    }

    fn os(path: &str, text: &str) -> Option<Named> {
        let os = read(path, text).os?;
        Some((os.id, os.version, os.codename))
    }

    type Named = (String, String, Option<String>);

    fn named(id: &str, version: &str) -> Named {
        (id.to_owned(), version.to_owned(), None)
    }

    #[test]
    fn every_field_of_a_debian_release_is_read() {
        let out = read(
            "usr/lib/os-release",
            concat!(
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
                "NAME=\"Debian GNU/Linux\"\n",
                "VERSION_ID=\"12\"\n",
                "VERSION_CODENAME=bookworm\n",
                "ID=debian\n",
                "# ID=commented\n",
                "\n",
                "not an assignment\n",
            ),
        );
        assert_eq!(
            out.os,
            Some(OperatingSystem {
                id: "debian".to_owned(),
                version: "12".to_owned(),
                name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
                codename: Some("bookworm".to_owned()),
                like: Vec::new(),
            })
        );
        assert!(out.warnings.is_empty());
    }

    #[test]
    fn likenesses_keep_their_order() {
        let out = read(
            "etc/os-release",
            "ID=\"rocky\"\nVERSION_ID='9.3'\nID_LIKE=\"rhel centos fedora\"",
        );
        assert_eq!(out.os.unwrap().like, ["rhel", "centos", "fedora"]);
    }

    #[test]
    fn quoting_follows_the_shell() {
        let cases = [
            ("plain", "plain"),
            ("'single \\ \"quoted\"'", "single \\ \"quoted\""),
            (r#""say \"hi\" for \$5""#, "say \"hi\" for $5"),
            ("\"open", "open"),
            ("a\\ b", "a b"),
            ("one # comment", "one"),
            ("'a'\"b\"c", "abc"),
            ("\"trailing\\", "trailing"),
            ("", ""),
        ];
        for (written, meant) in cases {
            assert_eq!(unquote(written), meant, "{written}");
        }
    }

    #[test]
    fn a_release_still_in_preparation_is_known_by_its_code_name() {
        let expected = Some((
            "debian".to_owned(),
            String::new(),
            Some("trixie".to_owned()),
        ));
        assert_eq!(
            os(
                "usr/lib/os-release",
                "PRETTY_NAME=\"Debian GNU/Linux trixie/sid\"\nID=debian\n"
            ),
            expected
        );
        assert_eq!(os("etc/debian_version", "trixie/sid\n"), expected);
    }

    #[test]
    fn older_systems_are_named_by_one_line() {
        let cases = [
            (
                "etc/centos-release",
                "CentOS release 6.10 (Final)\n",
                Some(named("centos", "6.10")),
            ),
            (
                "etc/redhat-release",
                "Red Hat Enterprise Linux Server release 7.9 (Maipo)",
                Some(named("rhel", "7.9")),
            ),
            (
                "etc/oracle-release",
                "Oracle Linux Server release 8.7",
                Some(named("ol", "8.7")),
            ),
            (
                "etc/system-release",
                "Amazon Linux AMI release 2018.03",
                Some(named("amzn", "2018.03")),
            ),
            (
                "etc/fedora-release",
                "Fedora release 39 (Thirty Nine)",
                Some(named("fedora", "39")),
            ),
            (
                "etc/alpine-release",
                "3.10.2\n",
                Some(named("alpine", "3.10.2")),
            ),
            (
                "etc/debian_version",
                "12.4\n",
                Some(named("debian", "12.4")),
            ),
            ("etc/redhat-release", "Fedora release Rawhide", None),
            ("etc/redhat-release", "release", None),
            ("etc/alpine-release", "", None),
        ];
        for (path, text, expected) in cases {
            assert_eq!(os(path, text), expected, "{path}: {text}");
        }
        assert_eq!(
            os(
                "etc/lsb-release",
                "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=14.04\nDISTRIB_CODENAME=trusty\n"
            ),
            Some((
                "ubuntu".to_owned(),
                "14.04".to_owned(),
                Some("trusty".to_owned())
            ))
        );
    }

    #[test]
    fn the_administrators_file_outranks_the_vendors() {
        assert!(rank("etc/os-release") < rank("usr/lib/os-release"));
        assert!(rank("usr/lib/os-release") < rank("etc/debian_version"));
        assert!(rank("etc/passwd") > rank("etc/debian_version"));
    }

    #[test]
    fn only_the_files_themselves_are_wanted() {
        let wants = |path| {
            OsRelease
                .wants(&FileMeta {
                    path,
                    size: 1,
                    mode: 0o644,
                })
                .is_some()
        };
        assert!(wants("etc/os-release"));
        assert!(!wants("opt/etc/os-release"));
        assert!(!wants("etc/os-release.d"));
    }

    #[test]
    fn a_file_without_an_id_is_a_gap_not_a_system() {
        let out = read("etc/os-release", "\u{0}\u{fffd}=\nNAME=x\n");
        assert_eq!(out.os, None);
        assert_eq!(out.warnings.len(), 1);
    }
}

//! The licence of a Debian package: the machine-readable form of
//! `usr/share/doc/<package>/copyright`, where its maintainers chose it
//! (machine-readable debian/copyright file, version 1.0).
//!
//! One file is the word on one package: the licence of its `Files: *`
//! paragraph, which stands for all that no other paragraph speaks of.
//! Prose is not guessed at.

use super::{Extraction, Extractor, FileMeta, Input, Want};

/// The longest of Debian's own are browsers' with a few MiB, which are
/// passed over; nearly all others are under a hundred KiB.
const LIMIT: u64 = 1 << 20;

/// A longer name of a licence is its text.
const LONGEST_NAME: usize = 512;

/// Where it is: the package's folder, and nothing deeper.
const FOLDER: &str = "usr/share/doc/";
const NAME: &str = "/copyright";

pub(crate) struct DebianCopyright;

/// The package whose licence a file tells.
pub(crate) fn package_of(path: &str) -> Option<&str> {
    let package = path.strip_prefix(FOLDER)?.strip_suffix(NAME)?;
    (!package.is_empty() && !package.contains('/')).then_some(package)
}

impl Extractor for DebianCopyright {
    fn name(&self) -> &'static str {
        super::DEBIAN_COPYRIGHT
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        package_of(file.path).map(|_| Want::Text { limit: LIMIT })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        out.licenses.extend(license(file.bytes()));
    }
}

/// One paragraph's fields, as far as they are of use.
#[derive(Clone, Copy, Debug, Default)]
struct Paragraph<'a> {
    format: &'a [u8],
    covers_all: bool,
    license: Option<&'a [u8]>,
}

/// A field whose value goes on in the lines below.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Files,
    Other,
}

/// The licence of everything no other paragraph speaks of; the header's,
/// which is of the work as a whole, where there is none.
fn license(bytes: &[u8]) -> Option<String> {
    let mut whole = None;
    for (place, paragraph) in Paragraphs(bytes).enumerate() {
        if place == 0 {
            if !is_machine_readable(paragraph.format) {
                return None;
            }
            whole = paragraph.license;
        } else if paragraph.covers_all {
            return name(paragraph.license?);
        }
    }
    name(whole?)
}

/// `https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/`,
/// and what it was called while it was a draft.
fn is_machine_readable(format: &[u8]) -> bool {
    let format = str::from_utf8(format).unwrap_or_default();
    ["copyright-format", "dep5", "dep-5", "dep/web/deps"]
        .iter()
        .any(|known| format.contains(known))
}

fn name(license: &[u8]) -> Option<String> {
    let text = str::from_utf8(license).ok()?;
    let is_name =
        !text.is_empty() && text.len() <= LONGEST_NAME && !text.chars().any(char::is_control);
    is_name.then(|| text.to_owned())
}

/// The paragraphs of a file, its header first.
struct Paragraphs<'a>(&'a [u8]);

impl<'a> Iterator for Paragraphs<'a> {
    type Item = Paragraph<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut paragraph: Option<Paragraph<'a>> = None;
        let mut field = Field::Other;
        while !self.0.is_empty() {
            let end = self.0.iter().position(|byte| *byte == b'\n');
            let (line, rest) = match end {
                Some(end) => (&self.0[..end], &self.0[end + 1..]),
                None => (self.0, &self.0[self.0.len()..]),
            };
            self.0 = rest;
            if line.trim_ascii().is_empty() {
                if paragraph.is_some() {
                    break;
                }
                continue;
            }
            if line.starts_with(b"#") {
                continue;
            }
            let paragraph = paragraph.get_or_insert_default();
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                if field == Field::Files {
                    paragraph.covers_all |= names_all(line);
                }
                continue;
            }
            field = paragraph.read(line);
        }
        paragraph
    }
}

impl<'a> Paragraph<'a> {
    fn read(&mut self, line: &'a [u8]) -> Field {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return Field::Other;
        };
        let (field, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        // Field names are case-insensitive (deb-control(5)).
        if field.eq_ignore_ascii_case(b"files") {
            self.covers_all |= names_all(value);
            return Field::Files;
        }
        if field.eq_ignore_ascii_case(b"license") {
            self.license.get_or_insert(value);
        } else if field.eq_ignore_ascii_case(b"format")
            || field.eq_ignore_ascii_case(b"format-specification")
        {
            self.format = value;
        }
        Field::Other
    }
}

/// Whether one of the patterns is `*`.
fn names_all(patterns: &[u8]) -> bool {
    let mut patterns = patterns.split(u8::is_ascii_whitespace);
    patterns.any(|pattern| pattern == b"*")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: shop\n";

    fn read(text: &str) -> Option<String> {
        license(text.as_bytes())
    }

    #[test]
    fn the_licence_is_that_of_all_files() {
        let text = format!(
            "# written by hand\n{HEADER}Source: https://shop.example/\n\n\
             Files: debian/*\nCopyright: 2020 A. Person\nLicense: GPL-3+\n\n\
             Files: *\nCopyright: 2019 Somebody\n 2020 Somebody Else\n\
             License: GPL-2+ or Artistic\n\n\
             License: GPL-2+\n The text of it.\n .\n Files: * is mentioned here.\n"
        );
        assert_eq!(read(&text).as_deref(), Some("GPL-2+ or Artistic"));
    }

    #[test]
    fn patterns_may_be_several_and_go_on_below() {
        for files in ["Files: lib/*\n *\n", "files:\n\t*\n", "Files: a.c * b.c\n"] {
            let text = format!("{HEADER}\n{files}License: Expat\n Permission is hereby\n");
            assert_eq!(read(&text).as_deref(), Some("Expat"), "{files}");
        }
        let none = format!("{HEADER}\nFiles: lib/*\n src/*\nLicense: Expat\n");
        assert_eq!(read(&none), None);
        // A later paragraph speaks of some of them only.
        let first = format!("{HEADER}\nFiles: *\nLicense: Expat\n\nFiles: *\nLicense: GPL-3\n");
        assert_eq!(read(&first).as_deref(), Some("Expat"));
    }

    #[test]
    fn the_whole_work_may_have_one_in_the_header() {
        let text = format!("{HEADER}License: Zlib\n\nFiles: a/*\nLicense: Expat\n");
        assert_eq!(read(&text).as_deref(), Some("Zlib"));
        let own = format!("{HEADER}License: Zlib\n\nFiles: *\nLicense: Expat\n");
        assert_eq!(read(&own).as_deref(), Some("Expat"));
        let draft = "Format-Specification: http://dep.debian.net/deps/dep5\n\
             \nFiles: *\r\nLicense: BSD-3-clause\r\n";
        assert_eq!(read(draft).as_deref(), Some("BSD-3-clause"));
    }

    #[test]
    fn prose_and_what_names_none_are_left_alone() {
        let long = "x".repeat(LONGEST_NAME + 1);
        for text in [
            "This package was made by somebody.\n\nLicense: GPL-2\n".to_owned(),
            "Files: *\nLicense: GPL-2\n".to_owned(),
            "Format: 1.0\n\nFiles: *\nLicense: GPL-2\n".to_owned(),
            format!("{HEADER}\nFiles: *\nCopyright: somebody\n"),
            format!("{HEADER}\nFiles: *\nLicense:\n The text alone.\n"),
            format!("{HEADER}\nFiles: *\nLicense: {long}\n"),
            format!("{HEADER}\nFiles: *\nLicense: a\u{1b}[1m\n"),
            String::new(),
        ] {
            assert_eq!(read(&text), None, "{text}");
        }
    }

    #[test]
    fn only_a_packages_own_file_is_wanted() {
        let wants = |path| {
            let meta = FileMeta {
                path,
                size: 1,
                mode: 0o644,
            };
            DebianCopyright.wants(&meta)
        };
        assert_eq!(
            wants("usr/share/doc/bash/copyright"),
            Some(Want::Text { limit: LIMIT })
        );
        for other in [
            "usr/share/doc/copyright",
            "usr/share/doc/bash/examples/copyright",
            "usr/share/doc/bash/copyright.gz",
            "srv/usr/share/doc/bash/copyright",
        ] {
            assert_eq!(wants(other), None, "{other}");
        }
    }

    #[test]
    fn this_machines_packages_tell_theirs() {
        let Ok(folders) = std::fs::read_dir("/usr/share/doc") else {
            return testkit::skipped("no documentation here");
        };
        let files = folders.flatten().map(|each| each.path().join("copyright"));
        for path in files.filter(|path| path.is_file()) {
            let Ok(bytes) = std::fs::read(&path) else {
                continue;
            };
            // By another way: what is behind the first `License:` after
            // the first line that is `Files: *`.
            let text = String::from_utf8_lossy(&bytes);
            let is_form = text.lines().next().is_some_and(|line| {
                line.starts_with("Format: https://www.debian.org/doc/packaging-manuals/copyright")
            });
            let all = is_form.then(|| text.split_once("\nFiles: *\n")).flatten();
            let expected = all.and_then(|(_, rest)| {
                let of_it = rest.split("\n\n").next()?;
                of_it.lines().find_map(|line| line.strip_prefix("License:"))
            });
            if let Some(expected) = expected.map(str::trim).filter(|name| !name.is_empty()) {
                assert_eq!(
                    license(&bytes).as_deref(),
                    Some(expected),
                    "{}",
                    path.display()
                );
            }
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            license(&bytes);
            license(&[HEADER.as_bytes(), &bytes].concat());
        }

        #[test]
        fn what_is_written_is_read(
            name in "[A-Za-z0-9.+-]{1,20}( (or|and) [A-Za-z0-9.+-]{1,20}){0,3}",
            others in proptest::collection::vec("[a-z]{1,8}/\\*", 0..5),
            after in 0_usize..5,
        ) {
            let mut text = HEADER.to_owned();
            let all = format!("\nFiles: *\nCopyright: x\nLicense: {name}\n  {name}\n");
            let place = after.min(others.len());
            for (index, pattern) in others.iter().enumerate() {
                if index == place {
                    text.push_str(&all);
                }
                text.extend(["\nFiles: ", pattern, "\nLicense: Other\n"]);
            }
            if place == others.len() {
                text.push_str(&all);
            }
            prop_assert_eq!(read(&text), Some(name));
        }
    }
}

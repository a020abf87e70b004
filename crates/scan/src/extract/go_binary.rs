//! Modules linked into a Go program, from the build information the
//! linker leaves in it (Go's `debug/buildinfo`): the main module, its
//! dependencies after replacement, and the toolchain, whose standard
//! library is linked in and gets advisories of its own as `stdlib`.

use model::PackageKind;

use super::{
    Extraction, Extractor, FileMeta, Found, Input, Want,
    executable::{self, Executable, Extent},
    random_access::{Endian, RandomAccess},
};

const MAGIC: &[u8; 14] = b"\xff Go buildinf:";
const HEADER: usize = 32;

/// Where sections are gone the header is near the start of the data.
const SEARCH: usize = 1024 * 1024;

const LONGEST_VERSION: usize = 4 * 1024;
/// Some two hundred bytes for each of the thousands of modules of the
/// largest known programs.
const LONGEST_MODULES: usize = 4 * 1024 * 1024;
const LONGEST_WORD: usize = 1024;

pub(crate) struct GoBinary;

impl Extractor for GoBinary {
    fn name(&self) -> &'static str {
        "go-binary"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        executable::wants(file)
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let mut file = RandomAccess::new(file);
        let Some(program) = Executable::read(&mut file) else {
            return;
        };
        let Some(address) = find(&program, &mut file) else {
            return;
        };
        match read(&program, &mut file, address) {
            Some((version, modules)) => {
                out.packages.extend(stdlib(&version));
                packages(&modules, out);
                out.packages.sort();
                out.packages.dedup();
            }
            None => out.warn("the Go build information is damaged"),
        }
    }
}

/// The address of the build information's header.
fn find(program: &Executable, file: &mut RandomAccess<'_>) -> Option<u64> {
    let named = [&b".go.buildinfo"[..], b"__go_buildinfo"]
        .into_iter()
        .find_map(|name| program.section(name));
    // Looking through the data of every C program in an image would be
    // costly: an ELF file that kept its section table has the section.
    let is_elf = file.up_to(0, 4).is_ok_and(|magic| magic == b"\x7fELF");
    let Extent { address, size, .. } = match named {
        Some(section) => section,
        None if is_elf && program.has_sections() => return None,
        None => program.data()?,
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(SEARCH);
    // The header is aligned to 16 bytes of memory.
    let start = address.checked_next_multiple_of(16)?;
    let bytes = program.memory(file, start, size)?;
    let index = bytes
        .chunks(16)
        .position(|chunk| chunk.starts_with(MAGIC))?;
    start.checked_add(index as u64 * 16)
}

/// The toolchain's version and the module text.
fn read(program: &Executable, file: &mut RandomAccess<'_>, at: u64) -> Option<(String, String)> {
    const BIG_ENDIAN: u8 = 1;
    const INLINE: u8 = 2;

    let header = program.memory(file, at, HEADER)?;
    let flags = *header.get(15)?;
    let (version, modules) = if flags & INLINE != 0 {
        // Since Go 1.18: two strings, each after its length.
        let (version, next) = inline(program, file, at.checked_add(32)?, LONGEST_VERSION)?;
        let (modules, _) = inline(program, file, next, LONGEST_MODULES)?;
        (version, modules)
    } else {
        // Before: two pointers to string headers.
        let wide = match header.get(14)? {
            4 => false,
            8 => true,
            _ => return None,
        };
        let endian = if flags & BIG_ENDIAN != 0 {
            Endian::Big
        } else {
            Endian::Little
        };
        let pointer = |bytes: &[u8], index: usize| {
            if wide {
                endian.u64(bytes, index * 8)
            } else {
                endian.u32(bytes, index * 4).map(u64::from)
            }
        };
        let mut string = |index, most| {
            let at = pointer(header.get(16..)?, index)?;
            let string = program.memory(file, at, 16)?;
            let length = usize::try_from(pointer(&string, 1)?).ok()?;
            let bytes = program.memory(file, pointer(&string, 0)?, length.min(most + 1))?;
            (bytes.len() == length && length <= most).then_some(bytes)
        };
        let version = string(0, LONGEST_VERSION)?;
        // A program built without modules has none to point at.
        (version, string(1, LONGEST_MODULES).unwrap_or_default())
    };
    let version = String::from_utf8(version).ok()?;
    // Sixteen bytes of sentinel frame the text on either side.
    let framed = modules.len() >= 33 && modules.get(modules.len() - 17) == Some(&b'\n');
    let modules = match modules.get(16..modules.len().saturating_sub(16)) {
        Some(text) if framed => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    };
    Some((version, modules))
}

/// A length as a variable-width integer, then that many bytes; and the
/// address after them.
fn inline(
    program: &Executable,
    file: &mut RandomAccess<'_>,
    at: u64,
    most: usize,
) -> Option<(Vec<u8>, u64)> {
    let bytes = program.memory(file, at, 10)?;
    let mut length = 0_u64;
    let mut width = 0_u64;
    for (index, byte) in bytes.iter().enumerate() {
        length |= u64::from(byte & 0x7f).checked_shl(u32::try_from(index).ok()? * 7)?;
        width += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let at = at.checked_add(width)?;
    let wanted = usize::try_from(length)
        .ok()
        .filter(|wanted| *wanted <= most)?;
    if wanted == 0 {
        return Some((Vec::new(), at));
    }
    let bytes = program.memory(file, at, wanted)?;
    (bytes.len() == wanted).then_some((bytes, at.checked_add(length)?))
}

/// `go1.21.3 X:boringcrypto` is `stdlib` at `1.21.3`, as the Go
/// vulnerability database names it. Development builds are no release.
fn stdlib(version: &str) -> Option<Found> {
    let release = version.split_whitespace().next()?.strip_prefix("go")?;
    // Distributors append their own revision: `1.20.12-1.el9`.
    let release = release.split(['-', '+']).next().unwrap_or(release);
    let is_release = release.len() <= 32
        && release.starts_with(|char: char| char.is_ascii_digit())
        && release
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    is_release.then(|| Found::new(PackageKind::Golang, "stdlib", release))
}

/// One module to a line: `dep <path> <version> <sum>`, where a line
/// `=> <path> <version> <sum>` after it says what was linked instead.
fn packages(modules: &str, out: &mut Extraction) {
    let mut pending: Option<(&str, &str)> = None;
    for line in modules.lines() {
        let mut fields = line.split('\t');
        let kind = fields.next().unwrap_or_default();
        let path = fields.next().unwrap_or_default();
        let version = fields.next().unwrap_or_default();
        match kind {
            "mod" | "dep" => {
                push(pending.replace((path, version)), out);
            }
            "=>" => pending = Some((path, version)),
            _ => {}
        }
    }
    push(pending, out);
}

fn push(module: Option<(&str, &str)>, out: &mut Extraction) {
    let Some((path, version)) = module else {
        return;
    };
    // `(devel)` is a build from a working copy and a folder put in a
    // module's place has no version: neither can be looked up.
    let usable = |text: &str| {
        !text.is_empty()
            && text.len() <= LONGEST_WORD
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if usable(path) && usable(version) && version.starts_with('v') {
        out.packages
            .push(Found::new(PackageKind::Golang, path, version));
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write as _, process::Command};

    use proptest::prelude::*;

    use super::*;
    use crate::extract::executable::fixture;

    const MODULES: &str = concat!(
        "path\texample.com/server/cmd\n",
        "mod\texample.com/server\tv1.4.0\th1:aaaa=\n",
        "dep\tgithub.com/gorilla/mux\tv1.8.0\th1:bbbb=\n",
        "dep\tgolang.org/x/net\tv0.1.0\n",
        "=>\tgithub.com/fork/net\tv0.2.0\th1:cccc=\n",
        "dep\texample.com/local\tv0.0.0\n",
        "=>\t../local\t\n",
        "build\t-ldflags=\"-X main.version=9.9.9\"\n",
        "build\tvcs.revision=0123456789abcdef\n",
    );

    fn framed(modules: &str) -> Vec<u8> {
        [&[b'<'; 16], modules.as_bytes(), &[b'>'; 16]].concat()
    }

    fn varint(mut value: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while value >= 0x80 {
            out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        out.push(u8::try_from(value).unwrap());
        out
    }

    fn inline_form(version: &str, modules: &str) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend([8, 2]);
        out.resize(32, 0);
        out.extend(varint(version.len()));
        out.extend(version.as_bytes());
        let modules = framed(modules);
        out.extend(varint(modules.len()));
        out.extend(modules);
        out
    }

    /// Header, the two string headers, then their bytes.
    fn pointer_form(version: &str, modules: &str) -> Vec<u8> {
        let modules = framed(modules);
        let version_at = fixture::ADDRESS + 64;
        let modules_at = version_at + version.len() as u64;
        let mut out = MAGIC.to_vec();
        out.extend([8, 0]);
        for wide in [
            fixture::ADDRESS + 32,
            fixture::ADDRESS + 48,
            version_at,
            version.len() as u64,
            modules_at,
            modules.len() as u64,
        ] {
            out.extend(wide.to_le_bytes());
        }
        out.extend(version.as_bytes());
        out.extend(modules);
        out
    }

    fn extract(bytes: &[u8]) -> Extraction {
        let mut out = Extraction::default();
        GoBinary.extract(&mut Input::memory("usr/bin/server", bytes), &mut out);
        out
    }

    fn names(out: &Extraction) -> String {
        out.packages.iter().fold(String::new(), |mut text, found| {
            writeln!(text, "{} {}", found.name, found.version).unwrap();
            text
        })
    }

    const EXPECTED: &str = "\
example.com/server v1.4.0
github.com/fork/net v0.2.0
github.com/gorilla/mux v1.8.0
stdlib 1.21.3
";

    #[test]
    fn both_forms_in_every_container_tell_the_same() {
        type Build = fn(&str, &[u8]) -> Vec<u8>;
        let containers: [(Build, &str); 4] = [
            (fixture::elf, ".go.buildinfo"),
            (fixture::pe, ".data"),
            (fixture::mach_o, "__go_buildinfo"),
            (fixture::mach_o, "__data"),
        ];
        for (build, section) in containers {
            for content in [
                inline_form("go1.21.3", MODULES),
                pointer_form("go1.21.3", MODULES),
            ] {
                let out = extract(&build(section, &content));
                assert_eq!(names(&out), EXPECTED, "{section}");
                assert!(out.warnings.is_empty());
            }
        }
    }

    #[test]
    fn a_program_of_another_language_says_nothing() {
        let c = fixture::elf(".data", &inline_form("go1.21.3", MODULES));
        assert_eq!(extract(&c), Extraction::default());
        assert_eq!(extract(b"\x7fELF"), Extraction::default());
        assert_eq!(extract(b"#!/bin/sh"), Extraction::default());
    }

    #[test]
    fn an_elf_file_without_sections_is_searched() {
        let mut bytes = fixture::elf("x", &inline_form("go1.21.3", MODULES));
        bytes[40..48].fill(0);
        bytes[58..64].fill(0);
        assert_eq!(names(&extract(&bytes)), EXPECTED);
    }

    #[test]
    fn development_toolchains_and_working_copies_have_no_version() {
        let modules = "mod\texample.com/a\t(devel)\t\n";
        let bytes = fixture::elf(
            ".go.buildinfo",
            &inline_form("devel go1.23-fd4e4b0 Tue", modules),
        );
        assert_eq!(names(&extract(&bytes)), "");
    }

    #[test]
    fn the_toolchains_release_is_cut_from_its_decorations() {
        let version = |text| stdlib(text).map(|found| found.version);
        assert_eq!(
            version("go1.20.5 X:boringcrypto").as_deref(),
            Some("1.20.5")
        );
        assert_eq!(version("go1.22rc1").as_deref(), Some("1.22rc1"));
        assert_eq!(version("go1.20.12-1.el9").as_deref(), Some("1.20.12"));
        assert_eq!(version("go"), None);
        assert_eq!(version("gopher"), None);
        assert_eq!(version(""), None);
    }

    #[test]
    fn damage_is_told_once() {
        let mut content = inline_form("go1.21.3", MODULES);
        content[32] = 0xff;
        content[33] = 0xff;
        content[34] = 0xff;
        let out = extract(&fixture::elf(".go.buildinfo", &content));
        assert_eq!(out.warnings, ["the Go build information is damaged"]);
    }

    #[test]
    fn the_installed_go_command_is_understood() {
        let Some(go) = Command::new("go")
            .args(["env", "GOROOT", "GOVERSION"])
            .output()
            .ok()
        else {
            return testkit::skipped("no Go toolchain here");
        };
        let text = String::from_utf8(go.stdout).unwrap();
        let mut lines = text.lines();
        let (Some(root), Some(version)) = (lines.next(), lines.next()) else {
            return testkit::skipped("no Go toolchain here");
        };
        let Ok(bytes) = std::fs::read(format!("{root}/bin/go")) else {
            return testkit::skipped("no Go toolchain here");
        };
        let out = extract(&bytes);
        let release = version.trim_start_matches("go");
        assert!(
            names(&out).contains(&format!("stdlib {release}\n")),
            "{out:?}"
        );
    }

    proptest! {
        #[test]
        fn damaged_build_information_is_survived(
            at in 0_usize..600,
            value: u8,
            cut in 0_usize..900,
            pointers: bool,
        ) {
            let content = if pointers {
                pointer_form("go1.21.3", MODULES)
            } else {
                inline_form("go1.21.3", MODULES)
            };
            let mut bytes = fixture::elf(".go.buildinfo", &content);
            bytes[at] = value;
            extract(&bytes);
            bytes.truncate(cut);
            extract(&bytes);
        }
    }
}

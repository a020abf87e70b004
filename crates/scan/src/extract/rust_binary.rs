//! Crates linked into a Rust program built with `cargo auditable`, from
//! its `.dep-v0` section: zlib-compressed JSON naming every crate of
//! the build.

use std::io::Read;

use flate2::read::ZlibDecoder;
use model::PackageKind;
use serde::Deserialize;

use super::{
    Extraction, Extractor, FileMeta, Found, Input, Want,
    executable::{self, Executable},
    random_access::RandomAccess,
};

/// The list of a program with a thousand crates takes some 30 KiB.
const LONGEST_COMPRESSED: u64 = 8 * 1024 * 1024;
const LONGEST_LIST: u64 = 16 * 1024 * 1024;
const LONGEST_WORD: usize = 512;

pub(crate) struct RustBinary;

impl Extractor for RustBinary {
    fn name(&self) -> &'static str {
        "rust-binary"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        executable::wants(file)
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let mut file = RandomAccess::new(file);
        let section = Executable::read(&mut file)
            .and_then(|program| program.section(b".dep-v0"))
            .filter(|section| section.size > 0);
        let Some(section) = section else {
            return;
        };
        let length = section.size.min(LONGEST_COMPRESSED);
        let bytes = usize::try_from(length)
            .ok()
            .and_then(|length| file.up_to(section.offset, length).ok())
            .unwrap_or_default();
        let mut text = Vec::new();
        let inflated = ZlibDecoder::new(bytes.as_slice())
            .take(LONGEST_LIST)
            .read_to_end(&mut text);
        if let Err(error) = inflated {
            out.warn(format!(
                "the list of Rust crates cannot be inflated: {error}"
            ));
            return;
        }
        match serde_json::from_slice::<Crates>(&text) {
            Ok(crates) => packages(crates, out),
            Err(error) => out.warn(format!("the list of Rust crates is damaged: {error}")),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Crates {
    packages: Vec<Crate>,
}

#[derive(Debug, Deserialize)]
struct Crate {
    name: String,
    version: String,
    #[serde(default)]
    source: String,
    /// Absent for crates that are linked in.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    root: bool,
}

fn packages(crates: Crates, out: &mut Extraction) {
    let usable = |text: &str| {
        !text.is_empty()
            && text.len() <= LONGEST_WORD
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    out.packages.extend(
        crates
            .packages
            .into_iter()
            .filter(|each| matches!(&*each.kind, "" | "runtime"))
            // A crate from a folder shares at most its name with one of
            // the registry; the program itself is worth listing still.
            .filter(|each| each.source != "local" || each.root)
            .filter(|each| usable(&each.name) && usable(&each.version))
            .map(|each| Found::new(PackageKind::Cargo, each.name, each.version)),
    );
    out.packages.sort();
    out.packages.dedup();
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::ZlibEncoder};
    use proptest::prelude::*;

    use super::*;
    use crate::extract::executable::fixture;

    const LIST: &str = r#"{
        "packages": [
            {"name": "adler", "version": "1.0.2", "source": "crates.io"},
            {"name": "cc", "version": "1.0.83", "source": "crates.io", "kind": "build"},
            {"name": "forked", "version": "0.3.1", "source": "git"},
            {"name": "server", "version": "0.9.0", "source": "local",
             "dependencies": [0, 2], "root": true},
            {"name": "server-core", "version": "0.9.0", "source": "local"}
        ],
        "format": 1
    }"#;

    fn compressed(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn extract(bytes: &[u8]) -> Extraction {
        let mut out = Extraction::default();
        RustBinary.extract(&mut Input::memory("usr/bin/server", bytes), &mut out);
        out
    }

    #[test]
    fn linked_crates_are_listed_and_build_tools_are_not() {
        for build in [fixture::elf, fixture::pe, fixture::mach_o] {
            let out = extract(&build(".dep-v0", &compressed(LIST.as_bytes())));
            let names: Vec<_> = out
                .packages
                .iter()
                .map(|found| format!("{} {}", found.name, found.version))
                .collect();
            assert_eq!(names, ["adler 1.0.2", "forked 0.3.1", "server 0.9.0"]);
            assert!(out.warnings.is_empty(), "{:?}", out.warnings);
        }
    }

    #[test]
    fn a_program_without_the_section_says_nothing() {
        assert_eq!(extract(&fixture::elf(".text", b"x")), Extraction::default());
    }

    #[test]
    fn damage_is_told() {
        let whole = compressed(LIST.as_bytes());
        for content in [&whole[..whole.len() / 2], b"plain", &compressed(b"{}")] {
            let out = extract(&fixture::elf(".dep-v0", content));
            assert_eq!(out.warnings.len(), 1);
            assert!(out.packages.is_empty());
        }
    }

    #[test]
    fn a_bomb_is_cut_at_the_limit() {
        let bomb = compressed(&vec![b' '; 40 * 1024 * 1024]);
        let out = extract(&fixture::elf(".dep-v0", &bomb));
        assert_eq!(out.warnings.len(), 1);
    }

    proptest! {
        #[test]
        fn damaged_lists_are_survived(at in 0_usize..512, value: u8) {
            let mut bytes = fixture::elf(".dep-v0", &compressed(LIST.as_bytes()));
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            extract(&bytes);
        }
    }
}

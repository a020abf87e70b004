//! What programs are: the hash of each, to be looked up in lists of those
//! known to be bad.
//!
//! A program is what may be executed, whatever is in it, and what begins
//! as one: libraries and kernel modules need no such bit. Of a layer only
//! so many are hashed, and none that is larger than any worker looks at.

use std::io::{self, Read as _, SeekFrom};

use model::{Digest, malware::MAX_SCAN};
use sha2::Digest as _;

use super::{Extraction, Extractor, FileMeta, Input, Program, Want};

/// Programs hashed in one layer; the largest images have a few thousand.
const MOST: usize = 50_000;
const CHUNK: usize = 64 << 10;

pub(crate) struct Programs;

impl Extractor for Programs {
    fn name(&self) -> &'static str {
        super::PROGRAMS
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        let magic: &'static [u8] = if file.mode & 0o111 == 0 {
            b"\x7fELF"
        } else {
            b""
        };
        (1..=MAX_SCAN)
            .contains(&file.size)
            .then_some(Want::SeekableIf {
                magic,
                limit: MAX_SCAN,
            })
    }

    /// It is the same program under any name.
    fn follows_links(&self) -> bool {
        false
    }

    fn most_files(&self) -> usize {
        MOST
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        match digest(file) {
            Ok((digest, bytes)) => out.program = Some(Program { digest, bytes }),
            Err(error) => out.warn(format!("could not be hashed: {error}")),
        }
    }
}

fn digest(file: &mut Input<'_>) -> io::Result<(Digest, u64)> {
    let content = file.seekable();
    content.seek(SeekFrom::Start(0))?;
    let mut content = content.take(MAX_SCAN);
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return Ok((Digest::from_bytes(hasher.finalize().into()), bytes)),
            Ok(read) => {
                hasher.update(buffer.get(..read).unwrap_or_default());
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        layer::{LayerFacts, Nobody},
        limits::Limits,
        offer::Offer,
    };

    fn is_wanted(path: &str, size: u64, mode: u32) -> bool {
        let meta = FileMeta { path, size, mode };
        Programs.wants(&meta).is_some()
    }

    #[test]
    fn what_is_empty_or_larger_than_anybody_looks_at_is_passed_over() {
        assert!(is_wanted("bin/x", 1, 0o755));
        assert!(is_wanted("lib/x.so", MAX_SCAN, 0o644));
        assert!(!is_wanted("bin/x", 0, 0o755));
        assert!(!is_wanted("bin/x", MAX_SCAN + 1, 0o755));
    }

    fn offered(files: &[(&str, u32, &[u8])]) -> LayerFacts {
        let limits = Limits::default();
        let extractors: [&dyn Extractor; 1] = [&Programs];
        let mut facts = LayerFacts::for_extractors(&extractors);
        let mut offer = Offer::new(&extractors, &limits, &Nobody);
        for (path, mode, content) in files {
            let meta = FileMeta {
                path,
                size: content.len() as u64,
                mode: *mode,
            };
            if offer.is_wanted(&meta) {
                let mut content = *content;
                offer.take(&meta, &mut content, &mut facts).unwrap();
            }
        }
        facts
    }

    #[test]
    fn a_program_is_what_may_be_executed_or_begins_as_one() {
        let facts = offered(&[
            ("bin/script", 0o755, b"#!/bin/sh\n"),
            ("bin/text", 0o711, b"any"),
            ("lib/x.so", 0o644, b"\x7fELF\x02"),
            ("etc/passwd", 0o644, b"root:x:0"),
        ]);
        let told: Vec<_> = facts.extractors[super::super::PROGRAMS]
            .files
            .iter()
            .map(|file| (file.path.as_str(), file.extraction.program))
            .collect();
        let program = |content: &[u8]| {
            Some(Program {
                digest: Digest::of(content),
                bytes: content.len() as u64,
            })
        };
        assert_eq!(
            told,
            [
                ("bin/script", program(b"#!/bin/sh\n")),
                ("bin/text", program(b"any")),
                ("lib/x.so", program(b"\x7fELF\x02")),
            ]
        );
    }

    #[test]
    fn of_a_layer_only_so_many_are_hashed_and_that_is_said_once() {
        let names: Vec<String> = (0..MOST + 3)
            .map(|number| format!("bin/{number}"))
            .collect();
        let files: Vec<(&str, u32, &[u8])> = names
            .iter()
            .map(|name| (name.as_str(), 0o755, &b"x"[..]))
            .collect();
        let facts = offered(&files);
        let own = &facts.extractors[super::super::PROGRAMS];
        assert_eq!(own.files.len(), MOST);
        let said: Vec<&str> = own.remarks.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(
            said,
            ["more than 50000 files: programs passed over the rest"]
        );
    }
}

//! Many files get a new ending in a short time, as ransomware leaves them.
//!
//! # What
//! Counts, for each container and session of the host, files that were
//! renamed to themselves with something appended, or deleted right after
//! such a file was written beside them. Many with one new ending, over
//! several folders, within a minute is told.
//!
//! # Why
//! Whoever holds data to ransom has to rewrite all of it, fast, and marks
//! what is done. What the bytes are cannot be seen from here; what happens
//! to the names can.
//!
//! # Limits
//! [`MAX_ENDINGS`] endings at a time. Endings of archives, backups and
//! rotated logs are known and left out; whoever rewrites in place without
//! renaming is not seen.
//!
//! # References
//! ATT&CK T1486; Defender's `K8S.NODE_LinuxRansomwareArtifacts` names the
//! programs, this what they do.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use api::Severity;
use rules::syscall::{Event, Kind};

use super::{
    bounded::Bounded,
    entry,
    history::Whose,
    suspicion::{Suspicion, Text},
    text,
};

const MAX_ENDINGS: usize = 512;
const MAX_WRITTEN: usize = 512;
/// Nanoseconds.
const WINDOW: i64 = 60_000_000_000;
const QUIET: i64 = 600_000_000_000;
const FILES: u32 = 30;
const FOLDERS: u32 = 3;
/// Longer ones are names.
const MAX_ENDING: usize = 40;

pub(super) static TEXT: Text = Text {
    id: "K8S.NODE_MassRewrite",
    on_host: "VM_MassRewrite",
    title: "Many files were rewritten and given a new ending",
    description: "Within a minute many files of several folders were renamed, or replaced by a \
                  copy, with one new ending appended.",
    severity: Severity::High,
    tactics: &["impact"],
    techniques: &["T1486"],
    matrix: &["MS-TA9038"],
    why: "It is what files look like while they are being encrypted to be sold back.",
    fix: "1. Stop the container, or the process, now; every second is files.\n   ```sh\n   \
          docker pause CONTAINER\n   ```\n\
          2. Keep its memory and files: keys are sometimes still there.\n\
          3. Take the volumes away from everything else, then restore from a backup that \
          cannot be written from here.",
    false_positives: "Tools that migrate or compress many files by an ending of their own.",
    references: &["https://attack.mitre.org/techniques/T1486/"],
};

/// What backups, archives, downloads and builds append.
const KNOWN: [&[u8]; 30] = [
    b".gz",
    b".bz2",
    b".xz",
    b".zst",
    b".zip",
    b".lz4",
    b".br",
    b".bak",
    b".old",
    b".orig",
    b".save",
    b".tmp",
    b".temp",
    b".new",
    b".swp",
    b".part",
    b".partial",
    b".crdownload",
    b"~",
    b".dpkg-new",
    b".dpkg-old",
    b".dpkg-tmp",
    b".dpkg-dist",
    b".rpmnew",
    b".rpmsave",
    b".lock",
    b".map",
    b".gz.tmp",
    b".log",
    b".apk-new",
];

#[derive(Debug, Default)]
struct Ending {
    since: i64,
    files: u32,
    folders: u64,
    quiet_until: i64,
}

#[derive(Debug)]
pub(super) struct Rewrite {
    endings: Bounded<(Whose, Box<[u8]>), Ending>,
    /// Files that were made lately, by a hash of whose they are and of
    /// their name without its ending: that.
    written: Bounded<u64, Appended>,
}

#[derive(Clone, Copy, Debug)]
struct Appended {
    length: usize,
    bytes: [u8; MAX_ENDING],
}

impl Default for Rewrite {
    fn default() -> Self {
        Self {
            endings: Bounded::new(MAX_ENDINGS),
            written: Bounded::new(MAX_WRITTEN),
        }
    }
}

impl Rewrite {
    pub(super) fn see(&mut self, event: &Event<'_>) -> Option<Suspicion> {
        if event.result < 0 {
            return None;
        }
        let whose = || Whose::of(event.process);
        match event.kind {
            Kind::Rename | Kind::Renameat | Kind::Renameat2 => {
                let from = entry::argument(event, &["oldpath"])?;
                let to = entry::argument(event, &["newpath"])?;
                let ending = ending(from, to)?;
                self.count(event, whose(), from, ending)
            }
            Kind::Unlink | Kind::Unlinkat => {
                let gone = entry::path(event, &["path", "name"]);
                let made = self.written.get(&key(whose(), gone)).copied()?;
                let ending = made.bytes.get(..made.length)?;
                self.count(event, whose(), gone, ending)
            }
            _ if event.open.creates => {
                let path = entry::path(event, &["path", "name"]);
                if let Some(stem) = stem(path)
                    && let Some(appended) = ending(stem, path)
                {
                    let mut bytes = [0; MAX_ENDING];
                    for (to, from) in bytes.iter_mut().zip(appended) {
                        *to = *from;
                    }
                    let length = appended.len();
                    self.written
                        .insert(key(whose(), stem), Appended { length, bytes });
                }
                None
            }
            _ => None,
        }
    }

    fn count(
        &mut self,
        event: &Event<'_>,
        whose: Whose,
        file: &[u8],
        ending: &[u8],
    ) -> Option<Suspicion> {
        let known = self
            .endings
            .entry(&(whose, ending.into()), Ending::default)?;
        if !(0..WINDOW).contains(&(event.time - known.since)) {
            known.since = event.time;
            known.files = 0;
            known.folders = 0;
        }
        known.files += 1;
        known.folders |= 1 << (folder_hash(file) & 63);
        if known.files < FILES
            || known.folders.count_ones() < FOLDERS
            || event.time < known.quiet_until
        {
            return None;
        }
        known.quiet_until = event.time + QUIET;
        let name = text::bytes(&event.process.name, 64);
        let ending = text::bytes(ending, MAX_ENDING);
        Some(
            Suspicion::new(
                &TEXT,
                format!(
                    "{name} gave {} files in {} folders the ending {ending} within a minute",
                    known.files,
                    known.folders.count_ones()
                ),
            )
            .field("rewrite.ending", ending)
            .field("rewrite.last", text::bytes(file, 300)),
        )
    }
}

/// What a new name has more than the old one, where that is an ending which
/// is not one everybody uses.
fn ending<'n>(from: &[u8], to: &'n [u8]) -> Option<&'n [u8]> {
    let appended = to.strip_prefix(from)?;
    let is_one = (2..=MAX_ENDING).contains(&appended.len()) && !appended.contains(&b'/');
    let is_number = appended
        .strip_prefix(b".")
        .or_else(|| appended.strip_prefix(b"-"))
        .is_some_and(|rest| {
            rest.iter()
                .all(|it| it.is_ascii_digit() || b".-".contains(it))
        });
    (is_one && !is_number && !KNOWN.contains(&appended)).then_some(appended)
}

/// A name without its last ending, where it has one.
fn stem(path: &[u8]) -> Option<&[u8]> {
    let dot = memchr::memrchr(b'.', path)?;
    let slash = memchr::memrchr(b'/', path).unwrap_or(0);
    (dot > slash + 1).then(|| path.get(..dot)).flatten()
}

fn key(whose: Whose, path: &[u8]) -> u64 {
    let mut hash = DefaultHasher::new();
    whose.hash(&mut hash);
    path.hash(&mut hash);
    hash.finish()
}

fn folder_hash(path: &[u8]) -> u64 {
    let end = memchr::memrchr(b'/', path).unwrap_or(0);
    let folder = path.get(..end).unwrap_or_default();
    let hash = folder.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use rules::syscall::{Argument, Arguments};

    use super::*;
    use crate::detect::made;

    fn renames(to: impl Fn(u32) -> (String, String), count: u32) -> Vec<Suspicion> {
        let process = made::process(151, "/tmp/enc", &[]);
        let mut analytic = Rewrite::default();
        (0..count)
            .filter_map(|number| {
                let (from, to) = to(number);
                let arguments =
                    [("oldpath", &from), ("newpath", &to)].map(|(name, text)| Argument {
                        name,
                        text: text.as_bytes(),
                        raw: None,
                    });
                analytic.see(&Event {
                    arguments: Arguments::new(&arguments),
                    ..made::event(&process, Kind::Renameat2)
                })
            })
            .collect()
    }

    fn with(ending: &str) -> impl Fn(u32) -> (String, String) {
        move |number| {
            let from = format!("/data/{}/{number}.doc", number % 7);
            let to = format!("{from}{ending}");
            (from, to)
        }
    }

    #[test]
    fn many_files_with_one_new_ending_are_told_once() {
        let found = renames(with(".locked"), 500);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].summary,
            "enc gave 30 files in 7 folders the ending .locked within a minute"
        );
    }

    #[test]
    fn what_rotates_and_compresses_is_not() {
        for known in [".gz", ".bak", ".1", ".20261125", "~", ".tmp"] {
            assert!(renames(with(known), 500).is_empty(), "{known}");
        }
        let one_folder = |number| (format!("/a/{number}"), format!("/a/{number}.locked"));
        assert!(renames(one_folder, 500).is_empty());
        let other_names = |number| (format!("/{number}/a.tmp"), format!("/{number}/a.doc"));
        assert!(renames(other_names, 500).is_empty());
    }

    #[test]
    fn a_copy_beside_what_is_deleted_counts_as_well() {
        let process = made::process(151, "/tmp/enc", &[]);
        let mut analytic = Rewrite::default();
        let mut found = 0;
        for number in 0..60 {
            let old = format!("/data/{}/{number}.doc", number % 7);
            let new = format!("{old}.enc");
            assert!(analytic.see(&made::open(&process, &new, true)).is_none());
            let gone = [Argument {
                name: "path",
                text: old.as_bytes(),
                raw: None,
            }];
            let event = Event {
                arguments: Arguments::new(&gone),
                ..made::event(&process, Kind::Unlinkat)
            };
            found += usize::from(analytic.see(&event).is_some());
        }
        assert_eq!(found, 1);
    }
}

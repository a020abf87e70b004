//! How a worker ended that should not have, in words for a person.

use std::{
    fs::File,
    io::{self, Seek as _, SeekFrom},
    os::unix::{fs::FileExt as _, process::ExitStatusExt as _},
    process::ExitStatus,
};

use rustix::process::Signal;

/// Where, in a worker's last words, its standard error begins. Before it
/// stands what it is reading.
const TEXT: u64 = 4096;
/// Of either, so much is looked at.
const MOST: usize = 2048;

/// A file in memory that outlives the worker: its standard error, and a
/// note of what it reads, which costs it a call and wakes nobody.
pub(super) fn last_words() -> io::Result<File> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::memfd_create("seawall-scan-worker", flags)?);
    file.seek(SeekFrom::Start(TEXT))?;
    Ok(file)
}

/// The note: which extractor reads which file. Empty: none does.
pub(super) fn note(extractor: &str, path: &str) -> Vec<u8> {
    let text = if extractor.is_empty() {
        String::new()
    } else {
        format!("{extractor} read {path}")
    };
    let text = text.as_bytes();
    let text = text.get(..MOST - 2).unwrap_or(text);
    let length = u16::try_from(text.len()).unwrap_or(0);
    [&length.to_le_bytes(), text].concat()
}

/// What the worker was at, by its note.
fn at_work_on(words: &File) -> Option<String> {
    let mut length = [0; 2];
    words.read_exact_at(&mut length, 0).ok()?;
    let length = usize::from(u16::from_le_bytes(length)).min(MOST);
    let mut text = vec![0; length];
    words.read_exact_at(&mut text, 2).ok()?;
    (length > 0).then(|| clean(&String::from_utf8_lossy(&text), 300))
}

fn standard_error(words: &File) -> String {
    let mut text = vec![0; MOST];
    let read = words.read_at(&mut text, TEXT).unwrap_or(0);
    text.truncate(read);
    String::from_utf8_lossy(&text).into_owned()
}

/// A worker's text is no more to be trusted than what it read.
pub(crate) fn clean(text: &str, most: usize) -> String {
    text.chars()
        .take(most)
        .map(|letter| match letter {
            letter if letter.is_control() => char::REPLACEMENT_CHARACTER,
            letter => letter,
        })
        .collect()
}

/// Why it ended, and over what.
pub(super) fn explain(status: ExitStatus, words: &File, memory: u64, seconds: u64) -> String {
    let said = standard_error(words);
    tracing::debug!(%status, said = %clean(&said, MOST), "a scan worker died");
    let is = |signal: Signal| status.signal() == Some(signal.as_raw());
    let why = if is(Signal::SYS) {
        "was ended by the kernel for trying what no reading needs: \
         the layer may be made to attack whoever scans it"
            .to_owned()
    } else if is(Signal::XCPU) {
        format!("used more than {seconds} s of processor time")
    } else if is(Signal::ABORT) && said.contains("memory allocation of") {
        format!("wanted more than {} MiB of memory", memory >> 20)
    } else if is(Signal::ABORT) && said.contains("has overflowed its stack") {
        "ran out of stack".to_owned()
    } else if is(Signal::KILL) {
        "was killed from outside, for want of memory perhaps".to_owned()
    } else if let Some(signal) = status.signal() {
        format!("crashed with signal {signal}")
    } else if status.code() == Some(101) {
        "gave up".to_owned()
    } else {
        format!("ended with code {}", status.code().unwrap_or_default())
    };
    match at_work_on(words) {
        Some(work) => format!("{why}, while {work}"),
        None => why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(raw: i32, note_: &[u8], text: &str) -> String {
        let words = last_words().unwrap();
        words.write_all_at(note_, 0).unwrap();
        words.write_all_at(text.as_bytes(), TEXT).unwrap();
        explain(ExitStatus::from_raw(raw), &words, 64 << 20, 5)
    }

    #[test]
    fn every_end_has_its_reason() {
        let at = note("java-archive", "app/a.jar");
        assert_eq!(
            ended(6, &at, "memory allocation of 9 bytes failed"),
            "wanted more than 64 MiB of memory, while java-archive read app/a.jar"
        );
        let none = note("", "");
        for (raw, reason) in [
            (31, "made to attack"),
            (24, "more than 5 s of processor time"),
            (9, "killed from outside"),
            (11, "crashed with signal 11"),
            (101 << 8, "gave up"),
            (3 << 8, "ended with code 3"),
        ] {
            let text = ended(raw, &none, "");
            assert!(text.contains(reason), "{text}");
            assert!(!text.contains("while"), "{text}");
        }
    }

    #[test]
    fn a_lying_note_is_cut_and_cleaned() {
        let said = ended(9, b"\xff\xff\x1b[31mred", "");
        assert!(!said.contains('\x1b'), "{said}");
        let said = ended(9, &note("x", "\u{1b}[2J\n"), "");
        assert!(said.ends_with("x read \u{fffd}[2J\u{fffd}"), "{said}");
        assert!(note("x", &"y".repeat(10_000)).len() <= MOST);
    }
}

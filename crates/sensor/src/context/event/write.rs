//! Texts written for events: into buffers that are kept, so that no event
//! allocates.

use std::{
    io::Write as _,
    net::{IpAddr, Ipv4Addr},
};

use super::words::{Flags, OPEN_AFTER, OPEN_BEFORE};

/// Both ways of access.
const ACCESS: u64 = 3;
/// A path is never longer for the kernel.
const MAX_PATH: usize = 4096;

pub(super) fn number(into: &mut Vec<u8>, number: i64) {
    if number < 0 {
        into.push(b'-');
    }
    digits(into, number.unsigned_abs());
}

pub(super) fn digits(into: &mut Vec<u8>, mut number: u64) {
    let mut text = [0u8; 20];
    let mut at = text.len();
    loop {
        at -= 1;
        if let Some(place) = text.get_mut(at) {
            *place = b'0' + u8::try_from(number % 10).unwrap_or_default();
        }
        number /= 10;
        if number == 0 {
            break;
        }
    }
    into.extend_from_slice(text.get(at..).unwrap_or_default());
}

/// `0644`.
pub(super) fn octal(into: &mut Vec<u8>, number: u64) {
    if number == 0 {
        return into.push(b'0');
    }
    // A Vec takes all that is written.
    _ = write!(into, "0{number:o}");
}

/// Words with bars between; what has no word is left out.
pub(super) fn flags(into: &mut Vec<u8>, table: Flags, value: u64, none: &str) {
    let from = into.len();
    some_flags(into, from, table, value);
    if into.len() == from {
        into.extend_from_slice(none.as_bytes());
    }
}

fn some_flags(into: &mut Vec<u8>, from: usize, table: Flags, value: u64) {
    for (word, bits) in table {
        if value & bits == *bits {
            word_after_bar(into, from, word);
        }
    }
}

fn word_after_bar(into: &mut Vec<u8>, from: usize, word: &str) {
    if into.len() > from {
        into.push(b'|');
    }
    into.extend_from_slice(word.as_bytes());
}

/// `O_TRUNC|O_CREAT|O_WRONLY|O_CLOEXEC`.
pub(super) fn open_flags(into: &mut Vec<u8>, value: u64) {
    let from = into.len();
    // Most files are opened to be read and closed on exec, and no more.
    if value & !(ACCESS | 0o2_000_000) != 0 {
        some_flags(into, from, OPEN_BEFORE, value);
    }
    let access = match value & ACCESS {
        0 => "O_RDONLY",
        1 => "O_WRONLY",
        _ => "O_RDWR",
    };
    word_after_bar(into, from, access);
    some_flags(into, from, OPEN_AFTER, value);
}

/// `10.0.0.1:443`.
pub(super) fn end(into: &mut Vec<u8>, (address, port): (IpAddr, u16)) {
    match address {
        IpAddr::V4(address) => v4(into, address),
        IpAddr::V6(address) => _ = write!(into, "{address}"),
    }
    into.push(b':');
    digits(into, u64::from(port));
}

fn v4(into: &mut Vec<u8>, address: Ipv4Addr) {
    for (place, part) in address.octets().into_iter().enumerate() {
        if place > 0 {
            into.push(b'.');
        }
        digits(into, u64::from(part));
    }
}

/// A path from where it begins, without `.`, `..` and doubled slashes.
/// Links are not followed: that the kernel alone can do.
pub(super) fn join(into: &mut Vec<u8>, folder: &[u8], path: &[u8]) {
    into.clear();
    let begins = if path.starts_with(b"/") { b"" } else { folder };
    for part in begins
        .split(|byte| *byte == b'/')
        .chain(path.split(|byte| *byte == b'/'))
    {
        match part {
            b"" | b"." => {}
            b".." => {
                let end = into.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                into.truncate(end);
            }
            _ => {
                if into.len() + part.len() >= MAX_PATH {
                    return;
                }
                into.push(b'/');
                into.extend_from_slice(part);
            }
        }
    }
    if into.is_empty() {
        into.push(b'/');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut into = Vec::new();
        write(&mut into);
        String::from_utf8(into).unwrap()
    }

    #[test]
    fn flags_of_open_are_in_falcos_order() {
        for (value, words) in [
            (0, "O_RDONLY"),
            (0o2_000_000, "O_RDONLY|O_CLOEXEC"),
            (0o1_101, "O_TRUNC|O_CREAT|O_WRONLY"),
            (0o102, "O_CREAT|O_RDWR"),
            (0o20_200_002, "O_DIRECTORY|O_RDWR|O_TMPFILE"),
            (0o12_001, "O_DSYNC|O_APPEND|O_WRONLY"),
        ] {
            assert_eq!(text(|it| open_flags(it, value)), words);
        }
    }

    #[test]
    fn numbers_and_addresses() {
        assert_eq!(text(|it| number(it, i64::MIN)), i64::MIN.to_string());
        assert_eq!(text(|it| number(it, 0)), "0");
        assert_eq!(text(|it| octal(it, 0o600)), "0600");
        assert_eq!(text(|it| octal(it, 0)), "0");
        let v4 = ([10, 0, 0, 255].into(), 65535);
        assert_eq!(text(|it| end(it, v4)), "10.0.0.255:65535");
        assert_eq!(text(|it| end(it, ("::1".parse().unwrap(), 1))), "::1:1");
    }

    #[test]
    fn paths_are_joined_and_tidied() {
        for (folder, path, whole) in [
            ("/a/b", "c", "/a/b/c"),
            ("/a/b", "../c", "/a/c"),
            ("/a", "/x//y/./z", "/x/y/z"),
            ("/a", "../../../..", "/"),
            ("", "", "/"),
            ("/a/", ".", "/a"),
        ] {
            let mut into = vec![b'?'];
            join(&mut into, folder.as_bytes(), path.as_bytes());
            assert_eq!(into, whole.as_bytes(), "{folder} {path}");
        }
        let mut into = Vec::new();
        join(&mut into, b"/", &b"a/".repeat(100_000));
        assert!(into.len() <= MAX_PATH);
    }
}

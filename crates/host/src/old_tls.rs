//! Whether a server still agrees on TLS 1.0 or 1.1 (RFC 2246, 4346).
//!
//! Our own TLS does not speak them, so the first message is written by
//! hand and only the first of the answer is looked at. Nothing is agreed
//! on and nothing is sent afterwards.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

const VERSIONS: [(&str, u8); 2] = [("1.1", 2), ("1.0", 1)];
/// What servers of that time could do: elliptic and RSA, AES and 3DES.
const SUITES: [[u8; 2]; 8] = [
    [0xc0, 0x14],
    [0xc0, 0x0a],
    [0xc0, 0x13],
    [0xc0, 0x09],
    [0x00, 0x35],
    [0x00, 0x2f],
    [0x00, 0x0a],
    [0xc0, 0x12],
];

/// Old versions that the server agrees on, newest first; `None` where it
/// was not reached.
pub(crate) fn versions(address: SocketAddr, host: &str, patience: Duration) -> Option<Vec<String>> {
    let mut agreed = Vec::new();
    for (name, minor) in VERSIONS {
        let mut stream = TcpStream::connect_timeout(&address, patience).ok()?;
        stream.set_read_timeout(Some(patience)).ok()?;
        stream.set_write_timeout(Some(patience)).ok()?;
        stream.write_all(&hello(minor, host)).ok()?;
        let mut start = [0; 11];
        // Refused without a word is refused.
        if stream.read_exact(&mut start).is_ok() && agrees(&start, minor) {
            agreed.push(name.to_owned());
        }
    }
    Some(agreed)
}

/// A record of the handshake, with the server's greeting in that version.
fn agrees(start: &[u8; 11], minor: u8) -> bool {
    let [
        sort,
        major,
        _,
        _,
        _,
        message,
        _,
        _,
        _,
        agreed_major,
        agreed_minor,
    ] = *start;
    (sort, major, message) == (22, 3, 2) && (agreed_major, agreed_minor) == (3, minor)
}

fn hello(minor: u8, host: &str) -> Vec<u8> {
    let mut body = vec![3, minor];
    // Nothing is encrypted with it.
    body.extend([0x5e; 32]);
    body.push(0);
    put(&mut body, &SUITES.concat());
    body.extend([1, 0]);
    let mut extensions = Vec::new();
    if host.parse::<std::net::IpAddr>().is_err() {
        let mut name = vec![0];
        put(&mut name, host.as_bytes());
        let mut list = Vec::new();
        put(&mut list, &name);
        extensions.extend([0, 0]);
        put(&mut extensions, &list);
    }
    // Curves and how points are written.
    extensions.extend([0, 10, 0, 6, 0, 4, 0, 23, 0, 24]);
    extensions.extend([0, 11, 0, 2, 1, 0]);
    put(&mut body, &extensions);
    let mut message = vec![1, 0];
    put(&mut message, &body);
    let mut record = vec![22, 3, 1];
    put(&mut record, &message);
    record
}

/// Bytes with their length before them.
fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    to.extend(length.to_be_bytes());
    to.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_has_the_lengths_it_says() {
        let hello = hello(2, "build-1.example.org");
        let length = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
        assert_eq!(hello.len(), 5 + length);
        let inner = usize::from(u16::from_be_bytes([hello[7], hello[8]]));
        assert_eq!(length, 4 + inner);
        assert_eq!(hello[9..11], [3, 2]);
    }

    #[test]
    fn only_the_version_that_was_offered_counts() {
        let answer = |minor: u8| [22, 3, 1, 0, 80, 2, 0, 0, 76, 3, minor];
        assert!(agrees(&answer(2), 2));
        assert!(!agrees(&answer(1), 2));
        assert!(!agrees(&[21, 3, 1, 0, 2, 2, 70, 0, 0, 3, 2], 2), "an alert");
    }
}

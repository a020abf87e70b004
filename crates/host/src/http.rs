//! The one question that needs no client: whether Docker answers.
//!
//! Written by hand, so that whatever is wrong with the connection below
//! is still there to be looked at.

use std::{
    io::{ErrorKind, Read, Write},
    time::Instant,
};

/// Bytes of an answer that are looked at.
const LOOKED_AT: usize = 4 * 1024;

pub(crate) const PING: &[u8] =
    b"GET /_ping HTTP/1.1\r\nHost: docker\r\nUser-Agent: seawall\r\nConnection: close\r\n\r\n";

/// What came back for a ping.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Docker,
    /// A server of HTTP that is told to speak TLS.
    WantsTls,
    /// Something else, in a few words.
    Other(String),
}

/// Reads what came back, until it is enough to tell, the other hangs up,
/// or it is too late.
pub(crate) fn answer(stream: &mut impl Read, until: Instant) -> std::io::Result<Answer> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 1024];
    while bytes.len() < LOOKED_AT {
        if Instant::now() >= until {
            return Err(ErrorKind::TimedOut.into());
        }
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(chunk.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Said goodbye to without the word for it.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && !bytes.is_empty() => break,
            Err(error) => return Err(error),
        }
        if is_whole(&bytes) {
            break;
        }
    }
    Ok(judge(&bytes))
}

pub(crate) fn ask(stream: &mut (impl Read + Write), until: Instant) -> std::io::Result<Answer> {
    stream.write_all(PING)?;
    stream.flush()?;
    answer(stream, until)
}

/// Whether the head is there, and what follows is no longer than "OK".
fn is_whole(bytes: &[u8]) -> bool {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    end.is_some_and(|end| bytes.len() >= end + 4 + 2)
}

fn judge(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    let has = |name: &str| {
        head.lines().any(|line| {
            line.split_once(':')
                .is_some_and(|(header, _)| header.trim().eq_ignore_ascii_case(name))
        })
    };
    if status.starts_with("HTTP/1.") {
        let code = status.split(' ').nth(1).unwrap_or_default();
        if code == "200" && (has("Api-Version") || has("Docker-Experimental")) {
            return Answer::Docker;
        }
        if text.contains("HTTP request to an HTTPS server") {
            return Answer::WantsTls;
        }
        // A plug-in that refuses is asked by Docker only.
        if code == "403" && (has("Docker-Experimental") || body.contains("authorization denied")) {
            return Answer::Docker;
        }
        return Answer::Other(format!(
            "a server of HTTP answers there that is not Docker ({})",
            cut(status)
        ));
    }
    if bytes.is_empty() {
        return Answer::Other("it hung up without a word".to_owned());
    }
    // The record that says "I do not understand" in TLS.
    if matches!(bytes, [0x15, 0x03, ..]) {
        return Answer::WantsTls;
    }
    Answer::Other(format!("it does not speak HTTP ({})", cut(&text)))
}

fn cut(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(60)
        .collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn docker_is_told_from_other_programs() {
        let ok = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK";
        assert_eq!(judge(ok.as_bytes()), Answer::Docker);
        let tls =
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
        assert_eq!(judge(tls.as_bytes()), Answer::WantsTls);
        assert_eq!(judge(&[0x15, 3, 1, 0, 2, 2, 70]), Answer::WantsTls);
        for other in [
            "HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n<html>",
            "SSH-2.0-x\r\n",
            "",
        ] {
            assert!(
                matches!(judge(other.as_bytes()), Answer::Other(_)),
                "{other}"
            );
        }
    }

    #[test]
    fn an_answer_without_end_is_cut() {
        let mut endless = std::io::repeat(b'x');
        let until = Instant::now() + Duration::from_secs(5);
        let Answer::Other(said) = answer(&mut endless, until).unwrap() else {
            panic!()
        };
        assert!(said.len() < 120);
    }

    #[test]
    fn too_late_is_too_late() {
        let error = answer(&mut std::io::repeat(b'x'), Instant::now()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}

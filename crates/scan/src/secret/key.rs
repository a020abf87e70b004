//! Private keys in PEM (RFC 7468), OpenSSH's and `PuTTY`'s form: whether
//! one is really there, of which sort, and whether a passphrase guards it.

use super::check::base64;

const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";
/// The longest private key: RSA of 16,384 bits takes 13 KiB.
const LONGEST: usize = 32 << 10;
/// Beginnings that are looked at: each may cost the longest key.
const MOST_TRIES: usize = 200;
/// Headers of old PEM and of PGP come before the key.
const MOST_LINES: usize = 700;

/// One key, and what is known of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key<'a> {
    /// From its first letter to its last, bounds left out.
    pub body: &'a [u8],
    pub at: usize,
    /// Where to look on.
    pub end: usize,
    pub sort: &'static str,
    pub is_encrypted: bool,
    pub is_pgp: bool,
}

/// The next private key at or behind `from`.
pub(super) fn next(bytes: &[u8], from: usize) -> Option<Key<'_>> {
    let mut at = from;
    for _ in 0..MOST_TRIES {
        let rest = bytes.get(at..)?;
        let begin = at + find(rest, BEGIN)?;
        let label_at = begin + BEGIN.len();
        at = label_at;
        let line = bytes.get(label_at..(label_at + 64).min(bytes.len()))?;
        let Some(end) = find(line, DASHES) else {
            continue;
        };
        let Ok(label) = std::str::from_utf8(line.get(..end)?) else {
            continue;
        };
        let is_pgp = label == "PGP PRIVATE KEY BLOCK";
        if !label.ends_with("PRIVATE KEY") && !is_pgp {
            continue;
        }
        let body_at = label_at + end + DASHES.len();
        let most = (body_at + LONGEST).min(bytes.len());
        let Some(length) = find(bytes.get(body_at..most)?, b"-----END ") else {
            continue;
        };
        let body = bytes.get(body_at..body_at + length)?;
        at = body_at + length;
        if let Some((sort, is_encrypted)) = judge(label, body, is_pgp) {
            return Some(Key {
                body,
                at: body_at,
                end: at,
                sort,
                is_encrypted,
                is_pgp,
            });
        }
    }
    None
}

fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, word)
}

/// What the key is, if it is one. A body that decodes to nothing of the
/// sort is a word in a program that handles keys.
fn judge(label: &str, body: &[u8], is_pgp: bool) -> Option<(&'static str, bool)> {
    let text = std::str::from_utf8(body).ok()?;
    // In JSON and in variables lines end in the letters `\n`.
    let text = text.replace("\\r", "").replace("\\n", "\n");
    let mut encoded = String::new();
    let mut is_encrypted = false;
    for line in text.lines().take(MOST_LINES) {
        if line.contains(':') {
            is_encrypted |= line.contains("ENCRYPTED");
            continue;
        }
        // Programs put a key together from texts: `"MII…" +`. In base 64 a
        // plus is a letter, so only one that stands alone joins.
        let pieces = line
            .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '\\'))
            .filter(|piece| !piece.is_empty() && *piece != "+");
        // What begins with `=` is PGP's checksum.
        for piece in pieces.take_while(|piece| !piece.starts_with('=')) {
            encoded.push_str(piece);
        }
    }
    let bytes = base64(encoded.trim_end_matches('='))?;
    if is_pgp {
        // The first packet is a secret key (tag 5), old form or new.
        let first = *bytes.first()?;
        let is_secret = first & 0xc0 == 0xc0 && first & 0x3f == 5
            || first & 0xc0 == 0x80 && first >> 2 & 0x0f == 5;
        return (is_secret && bytes.len() > 60).then_some(("PGP", false));
    }
    if label == "OPENSSH PRIVATE KEY" {
        let rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let cipher = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        return Some(("OpenSSH", cipher != b"none"));
    }
    // DER: a sequence that is as long as it says.
    if !is_encrypted && !is_sequence(&bytes) {
        return None;
    }
    Some(match label {
        "RSA PRIVATE KEY" => ("RSA", is_encrypted),
        "EC PRIVATE KEY" => ("elliptic curve", is_encrypted),
        "DSA PRIVATE KEY" => ("DSA", is_encrypted),
        "ENCRYPTED PRIVATE KEY" => ("PKCS #8", true),
        "PRIVATE KEY" => ("PKCS #8", false),
        _ => ("PEM", is_encrypted),
    })
}

fn is_sequence(bytes: &[u8]) -> bool {
    let [0x30, length, rest @ ..] = bytes else {
        return false;
    };
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81 => match rest {
            [length, rest @ ..] => (usize::from(*length), rest),
            [] => return false,
        },
        0x82 => match rest {
            [high, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
            _ => return false,
        },
        _ => return false,
    };
    length >= 16 && rest.len() == length
}

#[cfg(test)]
mod tests {
    use ::base64::Engine as _;

    use super::*;
    use crate::secret::trial;

    fn sort(text: &str) -> Option<(&'static str, bool)> {
        let text = trial::filled(text);
        next(text.as_bytes(), 0).map(|key| (key.sort, key.is_encrypted))
    }

    #[test]
    fn keys_are_told_by_what_is_in_them() {
        assert_eq!(sort("<pem:RSA PRIVATE KEY>"), Some(("RSA", false)));
        assert_eq!(sort("<pem:PRIVATE KEY>"), Some(("PKCS #8", false)));
        assert_eq!(sort("<pem:ENCRYPTED PRIVATE KEY>"), Some(("PKCS #8", true)));
        assert_eq!(sort("<openssh:none>"), Some(("OpenSSH", false)));
        assert_eq!(sort("<openssh:aes256-ctr>"), Some(("OpenSSH", true)));
        assert_eq!(sort("<pem:PUBLIC KEY>"), None);
        assert_eq!(sort("x = '-----BEGIN RSA PRIVATE KEY-----' + body"), None);
        assert_eq!(
            sort("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----"),
            None
        );
    }

    #[test]
    fn a_key_in_one_line_of_json_is_one() {
        let text = trial::filled("<pem:PRIVATE KEY>").replace('\n', "\\n");
        let text = format!("{{\"private_key\": \"{text}\"}}");
        assert!(next(text.as_bytes(), 0).is_some());
    }

    #[test]
    fn a_plus_is_a_letter_at_the_ends_of_lines_and_a_sign_by_itself() {
        // DER of 48 bytes whose base 64 is in lines of four letters, most
        // of which begin and end with a plus.
        let mut der = vec![0x30, 46, 0];
        for _ in 0..15 {
            der.extend([0xf8, 0, 0x3e]);
        }
        let encoded = ::base64::engine::general_purpose::STANDARD.encode(&der);
        let lines: Vec<&str> = (0..encoded.len() / 4)
            .filter_map(|at| encoded.get(4 * at..4 * at + 4))
            .collect();
        assert!(lines.iter().any(|line| line.starts_with('+')));
        assert!(lines.iter().any(|line| line.ends_with('+')));
        let dashes = "-".repeat(5);
        for (before, behind) in [
            ("", "\n"),
            ("", "\r\n"),
            ("", "\\n"),
            ("  \"", "\\n\" +\n"),
            ("  + '", "'\n"),
        ] {
            let body = lines
                .iter()
                .flat_map(|line| [before, *line, behind])
                .collect::<String>();
            let text = format!(
                "{dashes}BEGIN EC PRIVATE KEY{dashes}\n{body}{before}{dashes}END EC PRIVATE KEY{dashes}"
            );
            let key = next(text.as_bytes(), 0).map(|key| (key.sort, key.is_encrypted));
            assert_eq!(key, Some(("elliptic curve", false)), "{text}");
        }
    }
}

//! Values for cases, made when a test runs: no file of ours may look as
//! if it held a secret, and whoever looks through it for secrets must
//! find none.
//!
//! `<base62:36>` is filled in with 36 letters, always the same; the rest
//! is as [`fill`] says.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

use super::check::{base62, bech32_sum, crc32};

/// Letters that look like chance, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn letters(&mut self, alphabet: &str, count: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..count)
            .map(|_| letters[usize::try_from(self.roll() >> 33).unwrap() % letters.len()])
            .collect()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.roll().to_le_bytes()[3]).collect()
    }
}

const DIGITS: &str = "0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Fills in what is between `<` and `>`, where it is known.
pub(super) fn filled(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut seed = 0x5eed_0001_u64;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let filled = after.split_once('>').and_then(|(hole, after)| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Some((fill(hole, &mut Dice(seed | 1))?, after))
        });
        if let Some((value, after)) = filled {
            out.push_str(&value);
            rest = after;
        } else {
            out.push('<');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// The values a filled-in text holds: what in it has no space.
pub(super) fn values(text: &str) -> Vec<String> {
    let parts =
        text.split(|c: char| c.is_whitespace() || matches!(c, '=' | '"' | '\'' | ':' | '@' | ','));
    parts
        .filter(|part| part.len() > 12)
        .flat_map(|part| {
            let bytes = part.as_bytes();
            (0..bytes.len().saturating_sub(13))
                .step_by(7)
                .map(|at| String::from_utf8_lossy(&bytes[at..at + 13]).into_owned())
        })
        .collect()
}

fn fill(hole: &str, dice: &mut Dice) -> Option<String> {
    let (what, rest) = hole.split_once(':')?;
    let count = || rest.parse::<usize>().ok();
    Some(match what {
        "base62" => dice.letters(&format!("{DIGITS}{UPPER}{LOWER}"), count()?),
        "base36" => dice.letters(&format!("{DIGITS}{LOWER}"), count()?),
        "upper" => dice.letters(&format!("{DIGITS}{UPPER}"), count()?),
        "hex" => dice.letters("0123456789abcdef", count()?),
        "base32" => dice.letters(&format!("{UPPER}234567"), count()?),
        "letters" => dice.letters(&format!("{LOWER}{UPPER}"), count()?),
        "digits9" => dice.letters("123456789", count()?),
        // As JSON writes it: in one line.
        "pem1" => pem(rest, &der(dice)).replace('\n', "\\n"),
        "digits" => dice.letters(DIGITS, count()?),
        "word" => dice.letters(&format!("{DIGITS}{UPPER}{LOWER}_-"), count()?),
        // Base 64 of so many bytes.
        "base64" => STANDARD.encode(dice.bytes(count()?)),
        "base64url" => URL_SAFE_NO_PAD.encode(dice.bytes(count()?)),
        "b64of" => STANDARD.encode(rest),
        // A prefix, and 36 letters of which the last six are a checksum;
        // `!` before the prefix makes it wrong.
        "crc62" => {
            let (prefix, is_wrong) = match rest.strip_prefix('!') {
                Some(prefix) => (prefix, true),
                None => (rest, false),
            };
            let body = dice.letters(&format!("{DIGITS}{UPPER}{LOWER}"), 30);
            let sum = crc32(body.as_bytes()) ^ u32::from(is_wrong);
            format!("{prefix}{body}{}", String::from_utf8_lossy(&base62(sum)))
        }
        // A key's id of such an account.
        "awskey" => {
            let account = rest.parse::<u128>().ok()?;
            let bits = 1_u128 << 79 | account << 39 | u128::from(dice.roll()) & 0x7f_ffff_ffff;
            let letters = (0..16).rev().map(|at| {
                let digit = u8::try_from(bits >> (5 * at) & 31).unwrap();
                char::from(if digit < 26 {
                    b'A' + digit
                } else {
                    b'2' + digit - 26
                })
            });
            format!("AKIA{}", letters.collect::<String>())
        }
        // A token with these claims.
        "jwt" => {
            let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
            let claims = URL_SAFE_NO_PAD.encode(rest);
            let signature = URL_SAFE_NO_PAD.encode(dice.bytes(32));
            format!("{header}.{claims}.{signature}")
        }
        "macaroon" => {
            let mut bytes = vec![2, 1, u8::try_from(rest.len()).ok()?];
            bytes.extend_from_slice(rest.as_bytes());
            bytes.extend_from_slice(&[2, 36]);
            bytes.extend(dice.bytes(90));
            format!("pypi-{}", URL_SAFE_NO_PAD.encode(bytes))
        }
        "bech32" => bech32(rest, dice),
        "pem" => pem(rest, &der(dice)),
        "pgp" => {
            let mut bytes = vec![0x95, 0x03, 0x98];
            bytes.extend(dice.bytes(200));
            pem("PGP PRIVATE KEY BLOCK", &bytes)
        }
        "pem64" => STANDARD.encode(pem(rest, &der(dice))),
        "openssh" => {
            let mut bytes = b"openssh-key-v1\0".to_vec();
            bytes.extend(u32::try_from(rest.len()).ok()?.to_be_bytes());
            bytes.extend(rest.as_bytes());
            bytes.extend(dice.bytes(200));
            pem("OPENSSH PRIVATE KEY", &bytes)
        }
        // Some letters with a digit and a sign, as people make them up.
        "password" => format!(
            "{}7!{}",
            dice.letters(LOWER, count()? / 2),
            dice.letters(UPPER, count()? / 2)
        ),
        "discord" => {
            let id = STANDARD_NO_PAD.encode(dice.letters("123456789", 18));
            format!(
                "{id}.{}.{}",
                dice.letters(LOWER, 6),
                dice.letters(&format!("{LOWER}{UPPER}"), 38)
            )
        }
        _ => return None,
    })
}

fn der(dice: &mut Dice) -> Vec<u8> {
    let mut der = vec![0x30, 0x82, 1, 44];
    der.extend(dice.bytes(300));
    der
}

fn pem(label: &str, bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    let lines: Vec<String> = encoded
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    // Said in two parts, for those who look for the whole.
    let dashes = "-".repeat(5);
    format!(
        "{dashes}BEGIN {label}{dashes}\n{}\n{dashes}END {label}{dashes}",
        lines.join("\n")
    )
}

fn bech32(name: &str, dice: &mut Dice) -> String {
    const LETTERS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let lower = name.to_ascii_lowercase();
    let data: Vec<u32> = (0..52)
        .map(|_| u32::try_from(dice.roll() >> 59).unwrap())
        .collect();
    let high = lower.bytes().map(|byte| u32::from(byte) >> 5);
    let low = lower.bytes().map(|byte| u32::from(byte) & 31);
    let values: Vec<u32> = high
        .chain([0])
        .chain(low)
        .chain(data.iter().copied())
        .chain([0; 6])
        .collect();
    let sum = bech32_sum(&values) ^ 1;
    let sums = (0..6).map(|at| sum >> (5 * (5 - at)) & 31);
    let letters: String = data
        .into_iter()
        .chain(sums)
        .map(|value| char::from(LETTERS.as_bytes()[value as usize]))
        .collect();
    format!("{lower}1{letters}").to_ascii_uppercase()
}

#[test]
fn every_case_is_what_it_says() {
    let mut faults = Vec::new();
    for kind in super::secret_kinds() {
        for case in &kind.cases {
            let text = filled(&case.text);
            let found = super::in_file(&case.path, text.as_bytes());
            let is_found = found.iter().any(|found| found.rule == kind.id);
            if is_found != case.found {
                let rules: Vec<&str> = found.iter().map(|found| found.rule.as_str()).collect();
                faults.push(format!("{}: found {rules:?} in {}", kind.id, case.text));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

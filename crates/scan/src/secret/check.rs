//! Proving a value without asking anybody: checksums, forms, dates.
//!
//! The schemes are public: GitHub's and npm's checksum (the last six
//! letters are the CRC-32 of those before, in base 62), AWS's account
//! number inside a key's id (base 32), JSON Web Tokens (RFC 7519),
//! macaroons (libmacaroons, format 2), Bech32 (BIP 173).

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use model::Severity;
use serde::Deserialize;

/// Decodes either alphabet, padded or not, whatever bits are left over.
const LAX: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LAX);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LAX);

/// No token's part is longer.
const LONGEST: usize = 16 << 10;

/// How a kind's values are proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Six letters of checksum at the end, of what follows the last `_`.
    Base62Crc32,
    AwsKeyId,
    /// Forty letters of base 64 that are no hash in hexadecimal.
    AwsSecretKey,
    JsonWebToken,
    Macaroon,
    /// Base 64 of exactly 64 bytes.
    Base64Of64,
    /// Base 64 of exactly 32 bytes.
    Base64Of32,
    Bech32,
    /// Base 64 of a name, a colon and a password.
    BasicCredentials,
    /// A password in an address, of a host that is somebody's.
    AddressPassword,
    /// Base 64 of a number: a bot's id.
    DiscordBot,
    /// A password as people make them up, assigned to a name that says so.
    Assigned,
    /// A crypt(3) hash of any scheme.
    Crypt,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is none.
    No,
    /// What was proved, in words; and how severe, where that differs.
    Yes(String, Option<Severity>),
    /// Nothing speaks against it.
    Unknown,
}

/// Judges `value`, found in `whole`.
pub(super) fn judge(check: Check, value: &[u8], whole: &[u8]) -> Judgement {
    let Ok(text) = std::str::from_utf8(value) else {
        return Judgement::No;
    };
    let judged = match check {
        Check::Base62Crc32 => base62_crc32(text),
        Check::AwsKeyId => aws_key_id(text),
        Check::AwsSecretKey => aws_secret_key(text),
        Check::JsonWebToken => return json_web_token(text),
        Check::Macaroon => macaroon(text),
        Check::Base64Of64 => of_length(text, 64),
        Check::Base64Of32 => of_length(text, 32),
        Check::Bech32 => bech32(text),
        Check::BasicCredentials => basic_credentials(text),
        Check::AddressPassword => return address_password(text, whole),
        Check::DiscordBot => discord_bot(text),
        Check::Assigned => return assigned(text, whole),
        Check::Crypt => crypt(text),
    };
    judged.unwrap_or(Judgement::No)
}

fn yes(proof: impl Into<String>) -> Judgement {
    Judgement::Yes(proof.into(), None)
}

/// Bytes of base 64, either alphabet.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    if text.len() > LONGEST {
        return None;
    }
    let engine = if text.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    };
    engine.decode(text).ok()
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A number in base 62, six digits.
pub(super) fn base62(mut number: u32) -> [u8; 6] {
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[number as usize % 62];
        number /= 62;
    }
    digits
}

/// CRC-32 as in ISO 3309: short values only, so no table is worth it.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            let mask = (sum & 1).wrapping_neg();
            sum = (sum >> 1) ^ (0xedb8_8320 & mask);
        }
    }
    !sum
}

fn base62_crc32(text: &str) -> Option<Judgement> {
    let body = text.rsplit('_').next()?;
    let (random, sum) = body.split_at_checked(body.len().checked_sub(6)?)?;
    (base62(crc32(random.as_bytes())) == sum.as_bytes()).then_some(())?;
    Some(yes("its checksum is right"))
}

/// The account is in the bits that follow the first of the 16 letters
/// behind the prefix. Keys from before 2019 hold another number there.
fn aws_key_id(text: &str) -> Option<Judgement> {
    if text.ends_with("EXAMPLE") {
        return None;
    }
    let mut bits = 0_u128;
    for letter in text.bytes().skip(4) {
        let digit = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u128::from(digit);
    }
    let first_48 = bits >> 32;
    let account = (first_48 & 0x7fff_ffff_ff80) >> 7;
    if account < 1_000_000_000_000 && *text.as_bytes().get(4)? >= b'Q' {
        return Some(yes(format!("of the AWS account {account:012}")));
    }
    Some(Judgement::Unknown)
}

fn aws_secret_key(text: &str) -> Option<Judgement> {
    // Hashes are hexadecimal, and so long too; paths have many slashes.
    let is_hash = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let slashes = text.bytes().filter(|byte| *byte == b'/').count();
    let has = |test: fn(&u8) -> bool| text.as_bytes().iter().any(test);
    let is_mixed =
        has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    (!is_hash && slashes <= 5 && is_mixed).then_some(Judgement::Unknown)
}

/// When a token ends, in its proof: whether that is past is for whoever
/// knows what time it is.
pub(super) const EXPIRES: &str = "valid until ";

fn json_web_token(text: &str) -> Judgement {
    let mut parts = text.split('.');
    let (Some(header), Some(claims), Some(signature)) = (parts.next(), parts.next(), parts.next())
    else {
        return Judgement::No;
    };
    let object = |part: &str| -> Option<serde_json::Map<String, serde_json::Value>> {
        serde_json::from_slice(&base64(part)?).ok()
    };
    let (Some(header), Some(claims)) = (object(header), object(claims)) else {
        return Judgement::No;
    };
    let Some(algorithm) = header.get("alg").and_then(|alg| alg.as_str()) else {
        return Judgement::No;
    };
    // The one every page about them shows.
    let is_shown = claims.get("sub").and_then(|sub| sub.as_str()) == Some("1234567890");
    if algorithm == "none" || signature.is_empty() || is_shown {
        return Judgement::No;
    }
    let is_account = claims
        .get("iss")
        .and_then(|issuer| issuer.as_str())
        .is_some_and(|issuer| issuer.starts_with("kubernetes") || issuer.contains("kube"));
    let whose = if is_account {
        "of a Kubernetes service account, "
    } else {
        ""
    };
    let expires = claims.get("exp").and_then(serde_json::Value::as_i64);
    match expires.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()) {
        Some(time) => Judgement::Yes(format!("{whose}{EXPIRES}{time}"), None),
        None => Judgement::Yes(
            format!("{whose}never expires"),
            is_account.then_some(Severity::High),
        ),
    }
}

/// A macaroon of format 2 by `pypi.org`: the location, then an identifier.
fn macaroon(text: &str) -> Option<Judgement> {
    let bytes = base64(text.strip_prefix("pypi-")?)?;
    let rest = bytes.strip_prefix(&[2, 1])?;
    let (length, rest) = rest.split_first()?;
    let (location, rest) = rest.split_at_checked(usize::from(*length))?;
    let location = std::str::from_utf8(location).ok()?;
    (rest.first() == Some(&2)).then_some(())?;
    location
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
        .then_some(())?;
    Some(yes(format!("a macaroon of {location}")))
}

fn of_length(text: &str, length: usize) -> Option<Judgement> {
    let bytes = base64(text)?;
    let first = bytes.first()?;
    (bytes.len() == length && !bytes.iter().all(|byte| byte == first)).then_some(Judgement::Unknown)
}

fn bech32(text: &str) -> Option<Judgement> {
    const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let lower = text.to_ascii_lowercase();
    let (name, data) = lower.rsplit_once('1')?;
    let high = name.bytes().map(|byte| u32::from(byte) >> 5);
    let low = name.bytes().map(|byte| u32::from(byte) & 31);
    let mut values: Vec<u32> = high.chain([0]).chain(low).collect();
    for letter in data.bytes() {
        let at = LETTERS.iter().position(|known| *known == letter)?;
        values.push(u32::try_from(at).ok()?);
    }
    (bech32_sum(&values) == 1).then_some(())?;
    Some(yes("its checksum is right"))
}

pub(super) fn bech32_sum(values: &[u32]) -> u32 {
    const STEPS: [u32; 5] = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    let mut sum = 1_u32;
    for value in values {
        let top = sum >> 25;
        sum = (sum & 0x1ff_ffff) << 5 ^ value;
        for (bit, step) in STEPS.iter().enumerate() {
            if top >> bit & 1 == 1 {
                sum ^= step;
            }
        }
    }
    sum
}

fn basic_credentials(text: &str) -> Option<Judgement> {
    let bytes = base64(text)?;
    let plain = std::str::from_utf8(&bytes).ok()?;
    let (name, password) = plain.split_once(':')?;
    if name.is_empty()
        || password.len() < 3
        || plain.bytes().any(|byte| byte.is_ascii_control())
        || super::mark::is_placeholder(password.as_bytes())
    {
        return None;
    }
    Some(Judgement::Unknown)
}

/// Hosts in addresses that nobody has, or only this machine.
const NOBODYS: [&str; 9] = [
    "example.",
    "localhost",
    "127.0.0.1",
    "0.0.0.0",
    "host",
    "hostname",
    "server",
    "proxy.tld",
    "foo",
];
/// Passwords of addresses in manuals.
const MANUALS: [&str; 12] = [
    "password", "pass", "passwd", "pwd", "secret", "user", "pw", "root", "postgres", "guest",
    "token", "test",
];

fn address_password(text: &str, whole: &[u8]) -> Judgement {
    let whole = String::from_utf8_lossy(whole);
    let host = whole.rsplit('@').next().unwrap_or_default();
    let is_manual = |text: &str| MANUALS.iter().any(|word| text.eq_ignore_ascii_case(word));
    let name = whole
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once(':'))
        .map_or("", |(name, _)| name);
    if text.contains(['$', '{', '<', '%', '*', '(', '[', '|', '\\', '"', '\'', ' '])
        && !text.contains("%2")
        || is_manual(text)
        || text.eq_ignore_ascii_case(name)
        || host.is_empty()
    {
        return Judgement::No;
    }
    let host = host.to_ascii_lowercase();
    if NOBODYS.iter().any(|nobody| match nobody.strip_suffix('.') {
        Some(part) => host.starts_with(part) || host.contains(&format!(".{part}")),
        None => {
            host == *nobody
                || host
                    .strip_prefix(nobody)
                    .is_some_and(|rest| rest.starts_with([':', '/']))
        }
    }) {
        return Judgement::Yes(
            "of this machine or of nobody's".to_owned(),
            Some(Severity::Low),
        );
    }
    Judgement::Unknown
}

fn discord_bot(text: &str) -> Option<Judgement> {
    let id = base64(text.split('.').next()?)?;
    let digits = id.iter().all(u8::is_ascii_digit);
    (digits && (17..=20).contains(&id.len())).then_some(())?;
    Some(yes("it names a bot's id"))
}

/// A value like `hunter2!x` given to a name like `db_password`. What is
/// code (a call, a member, a type) or prose is none.
fn assigned(text: &str, whole: &[u8]) -> Judgement {
    let has = |test: fn(&u8) -> bool| text.as_bytes().iter().any(test);
    let is_code = text.contains([
        '(', ')', '[', ']', '{', '}', '<', '>', '\\', ',', ';', '*', '`', '|',
    ]) || text.contains("::")
        || text.contains("->")
        || text.contains("//")
        || text.starts_with(['.', '/', '-', '@', '_', '#', '~', '%', '&', ':', '+']);
    let is_word = text
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-' | b'.'))
        || text
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.' | b':'));
    let is_number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b':'));
    // A member of something: `self.token2`, `process.env.X1`.
    let is_member = text.split('.').count() > 1
        && text.split('.').all(|part| {
            part.bytes()
                .next()
                .is_some_and(|byte| byte.is_ascii_alphabetic())
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
    if is_code
        || is_word
        || is_number
        || is_member
        || !has(u8::is_ascii_digit)
        || !has(u8::is_ascii_alphabetic)
    {
        return Judgement::No;
    }
    // A name of something else: `token_url`, `password_hash_rounds`.
    let whole = String::from_utf8_lossy(whole);
    let name = whole.split(['=', ':']).next().unwrap_or_default();
    let name = name
        .trim_matches([' ', '"', '\'', '\t'])
        .to_ascii_lowercase();
    let is_other = [
        "_file", "_path", "_url", "_uri", "_version", "_length", "_expiry", "_id", "_name",
        "_type", "_count", "_hash", "_ttl", "_timeout", "_class", "_key_id", "_regex", "_prefix",
        "_header", "_field",
    ]
    .iter()
    .any(|end| name.ends_with(end));
    if is_other || name.contains("public") || name.contains("token_type") {
        Judgement::No
    } else {
        Judgement::Unknown
    }
}

fn crypt(text: &str) -> Option<Judgement> {
    let scheme = match text.split('$').nth(1) {
        Some("1" | "apr1") => "MD5, which is guessed in no time",
        Some("2a" | "2b" | "2y") => "bcrypt",
        Some("5") => "SHA-256",
        Some("6") => "SHA-512",
        Some("y") => "yescrypt",
        Some("7") => "scrypt",
        Some("argon2id" | "argon2i" | "argon2d") => "Argon2",
        Some(_) => return None,
        None if text.starts_with("{SHA}") => "SHA-1 without salt, which is guessed in no time",
        None => "DES, which is guessed in no time",
    };
    Some(yes(format!("hashed with {scheme}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standards() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(&base62(0), b"000000");
        assert_eq!(&base62(61), b"00000z");
        // BIP 173's own: the shortest valid text.
        let sum = |text| bech32(text).is_some();
        assert!(sum("A12UEL5L"));
        assert!(!sum("A12UEL5M"));
    }

    #[test]
    fn passwords_of_manuals_are_none() {
        let judged = |password: &str, whole: &str| address_password(password, whole.as_bytes());
        assert_eq!(
            judged("password", "postgres://a:password@db.corp"),
            Judgement::No
        );
        assert_eq!(judged("${PW}", "postgres://a:${PW}@db.corp"), Judgement::No);
        assert_eq!(
            judged("tr0ub4dor", "postgres://a:tr0ub4dor@db.corp"),
            Judgement::Unknown
        );
        assert!(matches!(
            judged("tr0ub4dor", "postgres://a:tr0ub4dor@localhost"),
            Judgement::Yes(_, Some(Severity::Low))
        ));
    }

    #[test]
    fn code_is_no_password() {
        for text in [
            "self.token1",
            "get_token(1)",
            "tokenizer",
            "12345678",
            "os.environ2.x",
            "/run/secrets/a1",
        ] {
            assert_eq!(
                assigned(text, format!("token = {text}").as_bytes()),
                Judgement::No,
                "{text}"
            );
        }
        assert_eq!(
            assigned("Tr0ub4dor&3", b"password=Tr0ub4dor&3"),
            Judgement::Unknown
        );
        assert_eq!(
            assigned("Tr0ub4dor&3", b"token_url=Tr0ub4dor&3"),
            Judgement::No
        );
    }
}

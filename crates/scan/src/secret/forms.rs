//! Files whose form tells where a secret is: private keys, and files
//! known by their names, such as `.pgpass` or `etc/shadow`.

use model::Severity;

use super::{
    Hit,
    check::{Judgement, judge},
    key,
    kind::{SecretKind, named, secret_kinds},
    mark,
};

/// Lines of a known file that are looked at, and letters of each.
const MOST_LINES: usize = 5000;
const LONGEST_LINE: usize = 4096;
/// Keys in one file; bundles of more are told as so many.
const MOST_KEYS: usize = 20;

/// Some of each sort, for tests.
#[cfg(test)]
pub(super) const PATHS: [&str; 8] = [
    "app/.env",
    "etc/shadow",
    "root/.pgpass",
    "root/.docker/config.json",
    "root/.netrc",
    "etc/nginx/.htpasswd",
    "app/key.pem",
    "config/master.key",
];

pub(super) fn find<'a>(path: &str, bytes: &'a [u8]) -> Vec<Hit<'a>> {
    let mut hits = Vec::new();
    keys(bytes, &mut hits);
    for kind in secret_kinds() {
        if kind.keywords.is_empty() && !kind.files.is_empty() && kind.is_for(path) {
            lines(kind, bytes, &mut hits);
        }
    }
    hits
}

fn keys<'a>(bytes: &'a [u8], hits: &mut Vec<Hit<'a>>) {
    if memchr::memmem::find(bytes, b"PRIVATE KEY").is_none() {
        return;
    }
    let account = account(bytes);
    let mut from = 0;
    for _ in 0..MOST_KEYS {
        let Some(key) = key::next(bytes, from) else {
            break;
        };
        from = key.end;
        let id = match &account {
            Some(_) if key.sort == "PKCS #8" => "gcp-service-account",
            _ if key.is_pgp => "pgp-private-key",
            _ => "private-key",
        };
        let Some(kind) = named(id) else { continue };
        let proof = match (&account, key.is_encrypted) {
            (Some(account), _) if id == "gcp-service-account" => format!("of {account}"),
            (_, true) => format!("{}, guarded by a passphrase", key.sort),
            (_, false) if key.is_pgp => "PGP".to_owned(),
            (_, false) => format!("{}, without a passphrase", key.sort),
        };
        hits.push(Hit {
            kind,
            value: key.body,
            at: key.at,
            proof: Some(proof),
            severity: key.is_encrypted.then_some(Severity::Low),
        });
    }
}

/// Whose key a file of Google's is: its account's address.
fn account(bytes: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Account {
        r#type: String,
        client_email: String,
    }
    memchr::memmem::find(bytes, b"service_account")?;
    let account: Account = serde_json::from_slice(bytes).ok()?;
    let is_address = account.client_email.len() < 200
        && account
            .client_email
            .bytes()
            .all(|byte| byte.is_ascii_graphic());
    (account.r#type == "service_account" && is_address).then_some(account.client_email)
}

fn lines<'a>(kind: &'static SecretKind, bytes: &'a [u8], hits: &mut Vec<Hit<'a>>) {
    let Some(regex) = kind.regex() else { return };
    let mut at = 0;
    for line in bytes.split(|byte| *byte == b'\n').take(MOST_LINES) {
        let start = at;
        at += line.len() + 1;
        if line.len() > LONGEST_LINE {
            continue;
        }
        let Some(found) = regex.captures(line) else {
            continue;
        };
        let (Some(whole), Some(value)) = (found.get(0), found.name("secret")) else {
            continue;
        };
        let text = value.as_bytes();
        if mark::is_placeholder(text) || mark::entropy(text) < kind.entropy {
            continue;
        }
        let judgement = kind.check.map(|check| judge(check, text, whole.as_bytes()));
        let (proof, severity) = match judgement {
            Some(Judgement::No) => continue,
            Some(Judgement::Yes(proof, severity)) => (Some(proof), severity),
            Some(Judgement::Unknown) | None => (None, None),
        };
        hits.push(Hit {
            kind,
            value: text,
            at: start + value.start(),
            proof,
            severity,
        });
    }
}

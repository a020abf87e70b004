//! Secrets in command lines and outputs: found by their names and by
//! their shapes, and left out.
//!
//! What programs are told on their command line, every process of the
//! machine may read, and so may everybody who sees an alert. Names stay,
//! values go. What has neither a telling name nor a known shape is not
//! found.

use std::borrow::Cow;

/// What stands where a secret was.
const REDACTED: &str = "(redacted)";

/// Parts of names whose value is a secret; letters only.
const NAMES: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "token",
    "secret",
    "apikey",
    "privatekey",
    "accesskey",
    "authkey",
    "credential",
    "authorization",
    "userpwd",
];

/// How secrets of well-known services begin, and how long they are at
/// least.
const SHAPES: [(&str, usize); 14] = [
    ("AKIA", 20),
    ("ASIA", 20),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghs_", 30),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("sk_live_", 20),
    ("sk-", 40),
    ("AIza", 35),
    ("npm_", 30),
    ("hvs.", 20),
];

/// Programs that take a password behind `-p`.
const BY_P: [&str; 5] = ["mysql", "mysqldump", "mariadb", "mysqladmin", "sshpass"];

/// `text` without the secrets in it.
pub(super) fn hide(text: &str) -> Cow<'_, str> {
    if let Some(at) = text.find("-----BEGIN ")
        && text
            .get(at..)
            .is_some_and(|key| key.contains("PRIVATE KEY"))
    {
        let before = text.get(..at).unwrap_or_default();
        return Cow::Owned(format!("{}{REDACTED}", hide(before)));
    }
    let mut out = String::new();
    let mut is_changed = false;
    let mut next = Next::Anything;
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let gap = piece.get(word.len()..).unwrap_or_default();
        if word.is_empty() {
            out.push_str(gap);
            continue;
        }
        let (hidden, after) = judge(word, next);
        next = after;
        match hidden {
            Some(hidden) => {
                out.push_str(&hidden);
                is_changed = true;
            }
            None => out.push_str(word),
        }
        out.push_str(gap);
    }
    if is_changed {
        Cow::Owned(out)
    } else {
        Cow::Borrowed(text)
    }
}

/// What the word to come is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Anything,
    Secret,
    /// `Bearer`, `Basic` or the secret itself.
    Scheme,
    /// `name:password`.
    Account,
    /// Arguments of a program that takes a password behind `-p`.
    Arguments,
}

fn judge(word: &str, is: Next) -> (Option<String>, Next) {
    let bare = word.trim_matches(|c| matches!(c, '"' | '\'' | ';' | ',' | '(' | ')'));
    let goes_on = if is == Next::Arguments {
        Next::Arguments
    } else {
        Next::Anything
    };
    match is {
        Next::Scheme if is_scheme(bare) => return (None, Next::Secret),
        Next::Secret | Next::Scheme => return (Some(REDACTED.to_owned()), Next::Anything),
        Next::Account => {
            let hidden = bare
                .split_once(':')
                .map(|(name, _)| format!("{name}:{REDACTED}"));
            return (hidden, Next::Anything);
        }
        Next::Arguments => {
            if bare == "-p" {
                return (None, Next::Secret);
            }
            if bare.len() > 2 && bare.starts_with("-p") && !bare.starts_with("-pr") {
                return (Some(format!("-p{REDACTED}")), Next::Arguments);
            }
        }
        Next::Anything => {}
    }
    if is_shape(bare) {
        return (Some(REDACTED.to_owned()), goes_on);
    }
    if let Some(hidden) = in_address(word) {
        return (Some(hidden), goes_on);
    }
    if let Some((name, value)) = word.split_once('=') {
        let is_hidden = is_name(name) && !value.is_empty() && value != "\"" && value != "'";
        return (is_hidden.then(|| format!("{name}={REDACTED}")), goes_on);
    }
    if let Some((name, value)) = bare.split_once(':')
        && is_name(name)
    {
        if value.is_empty() {
            return (None, Next::Scheme);
        }
        return (Some(format!("{name}:{REDACTED}")), goes_on);
    }
    if is_scheme(bare) {
        return (None, Next::Secret);
    }
    if matches!(bare, "-u" | "--user" | "--proxy-user") {
        return (None, Next::Account);
    }
    if bare.starts_with('-') && is_name(bare) {
        return (None, Next::Secret);
    }
    let program = bare.rsplit('/').next().unwrap_or(bare);
    if BY_P.contains(&program) {
        return (None, Next::Arguments);
    }
    (None, goes_on)
}

fn is_scheme(word: &str) -> bool {
    word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic")
}

/// Whether what it names is a secret, and not where one is.
fn is_name(name: &str) -> bool {
    if name.len() > 128 {
        return false;
    }
    let letters: String = name
        .chars()
        .filter(char::is_ascii_alphabetic)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    let is_place = ["file", "path", "dir", "name", "folder", "url", "ttl"]
        .iter()
        .any(|end| letters.ends_with(end));
    let is_named = NAMES.iter().any(|part| letters.contains(part));
    let is_short = letters.ends_with("pwd") && !matches!(letters.as_str(), "pwd" | "oldpwd");
    !is_place && (is_named || is_short)
}

fn is_shape(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_known = SHAPES
        .iter()
        .any(|(begin, least)| word.len() >= *least && word.starts_with(begin));
    // A signed token: three parts of base64, the first an object.
    let is_signed = word.len() > 40 && word.starts_with("eyJ") && word.matches('.').count() >= 2;
    (is_known || is_signed) && word.chars().all(is_plain)
}

/// `scheme://name:password@host`.
fn in_address(word: &str) -> Option<String> {
    let (scheme, rest) = word.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at_checked(end)?;
    let (account, host) = authority.rsplit_once('@')?;
    let (name, _) = account.split_once(':')?;
    Some(format!("{scheme}://{name}:{REDACTED}@{host}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_and_names_stay() {
        for (line, hidden) in [
            (
                "psql --password=hunter2 -h db",
                "psql --password=(redacted) -h db",
            ),
            ("tool --token abc --fast", "tool --token (redacted) --fast"),
            (
                "env PGPASSWORD=x DB_PWD=y PWD=/app run",
                "env PGPASSWORD=(redacted) DB_PWD=(redacted) PWD=/app run",
            ),
            (
                "curl -H \"Authorization: Bearer abc\" https://x/y",
                "curl -H \"Authorization: Bearer (redacted) https://x/y",
            ),
            (
                "curl -H 'X-Api-Key: abc' https://x",
                "curl -H 'X-Api-Key: (redacted) https://x",
            ),
            (
                "curl -u ada:love https://x",
                "curl -u ada:(redacted) https://x",
            ),
            (
                "git clone https://ada:love@host/x.git",
                "git clone https://ada:(redacted)@host/x.git",
            ),
            (
                "mysql -uroot -phunter2 shop",
                "mysql -uroot -p(redacted) shop",
            ),
            ("sshpass -p hunter2 ssh a", "sshpass -p (redacted) ssh a"),
            (
                "aws configure set k AKIAIOSFODNN7EXAMPLE",
                "aws configure set k (redacted)",
            ),
            (
                "echo -----BEGIN RSA PRIVATE KEY----- MII",
                "echo (redacted)",
            ),
        ] {
            assert_eq!(hide(line), hidden, "{line}");
        }
    }

    #[test]
    fn what_is_no_secret_stays_as_it_was() {
        for line in [
            "sh -c ls -la /tmp",
            "cat /var/run/secrets/kubernetes.io/serviceaccount/token",
            "kubelet --token-file=/etc/kubelet/token --port=10250",
            "ssh -p 22 host",
            "python3 -u app.py",
            "curl http://host:8080/a@b",
            "",
            "  ",
            "a=b c",
        ] {
            assert_eq!(hide(line), line);
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_fail(text in ".{0,200}") {
            hide(&text);
        }
    }
}

//! Who is asking: Docker's `config.json` and its credential helpers
//! (docker-login(1); docker-credential-helpers' protocol).

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;

use crate::Credentials;

/// A helper that asks a person or a cloud gets this long.
const HELPER_TIME: Duration = Duration::from_secs(20);
const HELPER_STEP: Duration = Duration::from_millis(10);
const LARGEST_ANSWER: u64 = 1 << 20;
const LARGEST_CONFIG: u64 = 16 << 20;
/// Docker Hub's entry, in `config.json` and for helpers.
const HUB_KEY: &str = "https://index.docker.io/v1/";
/// A helper's user name that says its secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// What is known of the user.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) enum Login {
    #[default]
    Anonymous,
    Password(Credentials),
    /// A bearer token, sent as it is.
    Token(String),
    /// To be exchanged for access tokens.
    Identity(String),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default)]
    creds_store: Option<String>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
struct Auth {
    #[serde(default, rename = "auth")]
    encoded: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    identitytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    secret: String,
}

/// Looks the registry up. What goes wrong is told beside an anonymous
/// login, because most images need none.
pub(super) fn find(config: &Path, registry: &str, repository: &str) -> (Login, Option<String>) {
    let file = match fs::File::open(config) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Default::default(),
        Err(error) => return failed(format!("cannot read {}: {error}", config.display())),
    };
    let mut bytes = Vec::new();
    if let Err(error) = file.take(LARGEST_CONFIG).read_to_end(&mut bytes) {
        return failed(format!("cannot read {}: {error}", config.display()));
    }
    let config: Config = match serde_json::from_slice(&bytes) {
        Ok(config) => config,
        // The message may quote the file, and with it a secret.
        Err(_) => return failed(format!("{} is no valid JSON", config.display())),
    };
    config.find(registry, repository)
}

fn failed(reason: String) -> (Login, Option<String>) {
    (Login::Anonymous, Some(reason))
}

impl Config {
    fn find(&self, registry: &str, repository: &str) -> (Login, Option<String>) {
        let helper = self
            .cred_helpers
            .iter()
            .find(|(key, _)| host_and_path(key).0 == registry)
            .map(|(_, helper)| helper);
        let mut trouble = None;
        if let Some(helper) = helper.or(self.creds_store.as_ref()) {
            match ask(helper, registry) {
                Ok(Some(login)) => return (login, None),
                Ok(None) => {}
                Err(reason) => trouble = Some(reason),
            }
        }
        // The most specific entry wins: podman's may name repositories.
        let own = self
            .auths
            .iter()
            .filter(|(key, _)| {
                let (host, path) = host_and_path(key);
                let is_above = path.is_empty()
                    || repository == path
                    || repository
                        .strip_prefix(path)
                        .is_some_and(|rest| rest.starts_with('/'));
                host == registry && is_above
            })
            .max_by_key(|(key, _)| host_and_path(key).1.len());
        let login = own.and_then(|(_, auth)| auth.login());
        (login.unwrap_or_default(), trouble)
    }
}

/// The registry and repository an entry is for. Docker writes bare
/// hosts and, for old times' sake, whole addresses.
fn host_and_path(key: &str) -> (&str, &str) {
    let bare = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    };
    let path = match path.trim_end_matches('/') {
        "v1" | "v2" => "",
        path => path,
    };
    (host, path)
}

impl Auth {
    fn login(&self) -> Option<Login> {
        let present = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = present(&self.identitytoken) {
            return Some(Login::Identity(token));
        }
        let (username, password) = match present(&self.encoded) {
            Some(encoded) => {
                let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
                let text = String::from_utf8(decoded).ok()?;
                let (username, password) = text.split_once(':')?;
                let password = password.trim_end_matches('\0');
                (username.to_owned(), password.to_owned())
            }
            None => (present(&self.username)?, present(&self.password)?),
        };
        Some(Login::Password(Credentials { username, password }))
    }
}

/// Runs `docker-credential-<name> get`.
fn ask(name: &str, registry: &str) -> Result<Option<Login>, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err("a credential helper's name has characters it should not".to_owned());
    }
    run(Path::new(&format!("docker-credential-{name}")), registry)
}

fn run(program: &Path, registry: &str) -> Result<Option<Login>, String> {
    let name = program.display();
    let in_words = |error: std::io::Error| format!("cannot run {name}: {error}");
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(in_words)?;
    let server = if registry == "docker.io" {
        HUB_KEY
    } else {
        registry
    };
    if let Some(mut input) = child.stdin.take() {
        // One that does not read its input will not answer either.
        drop(input.write_all(server.as_bytes()));
    }
    let output = child.stdout.take();
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.map(|output| output.take(LARGEST_ANSWER).read_to_end(&mut bytes));
        (bytes, matches!(read, Some(Ok(_))))
    });
    let deadline = Instant::now() + HELPER_TIME;
    let status = loop {
        match child.try_wait().map_err(in_words)? {
            Some(status) => break status,
            None if Instant::now() > deadline => {
                drop(child.kill());
                drop(child.wait());
                let seconds = HELPER_TIME.as_secs();
                return Err(format!("{name} gave no answer within {seconds} s"));
            }
            None => std::thread::sleep(HELPER_STEP),
        }
    };
    let Ok((answer, true)) = reading.join() else {
        return Err(format!("{name}'s answer cannot be read"));
    };
    if !status.success() {
        let text = String::from_utf8_lossy(&answer);
        if text.contains("credentials not found") {
            return Ok(None);
        }
        return Err(format!("{name} ended with {status}"));
    }
    let answer: Answer = serde_json::from_slice(&answer)
        .map_err(|_secret| format!("{name}'s answer makes no sense"))?;
    Ok(Some(if answer.username == TOKEN_USER {
        Login::Identity(answer.secret)
    } else {
        Login::Password(Credentials {
            username: answer.username,
            password: answer.secret,
        })
    }))
}

/// The value of an `Authorization` header.
pub(super) fn basic(credentials: &Credentials) -> String {
    let Credentials { username, password } = credentials;
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{username}:{password}"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(config: &str, registry: &str, repository: &str) -> String {
        let config: Config = serde_json::from_str(config).unwrap();
        match config.find(registry, repository).0 {
            Login::Anonymous => "nobody".to_owned(),
            Login::Password(Credentials { username, password }) => format!("{username}/{password}"),
            Login::Identity(token) | Login::Token(token) => format!("token {token}"),
        }
    }

    #[test]
    fn entries_are_found_by_registry_however_they_are_spelled() {
        // "bWU6cHc=" is me:pw.
        let config = r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "bWU6cHc="},
            "quay.io": {"username": "q", "password": "r"},
            "quay.io/team": {"username": "team", "password": "t"},
            "https://old.example.org/v2/": {"identitytoken": "abc", "auth": "bWU6cHc="},
            "empty.example.org": {},
            "broken.example.org": {"auth": "%%%"}
        }}"#;
        for (registry, repository, expected) in [
            ("docker.io", "library/debian", "me/pw"),
            ("quay.io", "other/app", "q/r"),
            ("quay.io", "team/app", "team/t"),
            ("quay.io", "teammate/app", "q/r"),
            ("old.example.org", "app", "token abc"),
            ("empty.example.org", "app", "nobody"),
            ("broken.example.org", "app", "nobody"),
            ("elsewhere.example.org", "app", "nobody"),
        ] {
            assert_eq!(
                login(config, registry, repository),
                expected,
                "{registry}/{repository}"
            );
        }
    }

    #[test]
    fn a_helper_that_cannot_run_is_told_and_named() {
        let config: Config = serde_json::from_str(
            r#"{"credsStore": "no-such-helper", "auths": {"quay.io": {"auth": "bWU6cHc="}}}"#,
        )
        .unwrap();
        let (login, trouble) = config.find("quay.io", "app");
        assert!(matches!(login, Login::Password(_)));
        assert!(
            trouble
                .unwrap()
                .contains("docker-credential-no-such-helper")
        );
        assert!(ask("../evil", "quay.io").is_err());
    }

    #[test]
    fn a_helper_is_asked_as_docker_asks_it() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("helper");
        let answer = |script: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            run(&program, "docker.io")
        };
        let echo = r#"read -r server; printf '{"Username":"%s","Secret":"s"}' "$1 $server""#;
        let Ok(Some(Login::Password(found))) = answer(echo) else {
            panic!()
        };
        assert_eq!(found.username, "get https://index.docker.io/v1/");
        let token = r#"cat > /dev/null; echo '{"Username":"<token>","Secret":"abc"}'"#;
        assert!(answer(token) == Ok(Some(Login::Identity("abc".to_owned()))));
        let none = "echo 'credentials not found in native keychain'; exit 1";
        assert!(answer(none) == Ok(None));
        assert!(answer("echo 's3cret'").is_err_and(|reason| !reason.contains("s3cret")));
        assert!(answer("exit 3").is_err_and(|reason| reason.contains('3')));
    }

    #[test]
    fn a_config_that_cannot_be_read_never_shows_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, r#"{"auths": "s3cret"}"#).unwrap();
        let (login, trouble) = find(&path, "quay.io", "app");
        assert!(login == Login::Anonymous);
        assert!(!trouble.unwrap().contains("s3cret"));
        assert!(
            find(&folder.path().join("none"), "quay.io", "app")
                .1
                .is_none()
        );
    }
}

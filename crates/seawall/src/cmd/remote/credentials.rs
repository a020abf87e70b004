//! Who one is to which server: a file only its owner may read.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use fetch::Url;
use serde::{Deserialize, Serialize};

use crate::{env::Env, exit::Failure};

const MAX_FILE: u64 = 1 << 20;

/// All that is remembered.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cmd) struct Credentials {
    /// The server last signed in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cmd) current: Option<String>,
    #[serde(default)]
    servers: BTreeMap<String, Known>,
}

/// One server.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cmd) struct Known {
    pub(in crate::cmd) token: String,
    /// Certificates trusted beside the machine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cmd) ca_file: Option<PathBuf>,
}

impl Credentials {
    pub(in crate::cmd) fn read(env: &Env) -> Result<Self, Failure> {
        let Some(path) = path(env) else {
            return Ok(Self::default());
        };
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unread(&path, error)),
        };
        let mode = file
            .metadata()
            .map_err(|error| unread(&path, error))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(
                Failure::usage(anyhow::anyhow!("others may read {}", path.display()))
                    .help(format!("chmod 600 {}", path.display())),
            );
        }
        let mut text = String::new();
        file.take(MAX_FILE)
            .read_to_string(&mut text)
            .map_err(|error| unread(&path, error))?;
        serde_json::from_str(&text).map_err(|error| {
            // The error may quote the file, tokens and all.
            let place = format!("line {}, column {}", error.line(), error.column());
            Failure::usage(anyhow::anyhow!("{} is damaged: {place}", path.display()))
                .help("remove it and sign in again")
        })
    }

    pub(in crate::cmd) fn of(&self, server: &Url) -> Option<&Known> {
        self.servers.get(server.as_str())
    }

    pub(in crate::cmd) fn add(&mut self, server: &Url, known: Known) {
        self.current = Some(server.to_string());
        self.servers.insert(server.to_string(), known);
    }

    /// False where nothing was known.
    pub(in crate::cmd) fn forget(&mut self, server: &Url) -> bool {
        if self.current.as_deref() == Some(server.as_str()) {
            self.current = None;
        }
        self.servers.remove(server.as_str()).is_some()
    }

    pub(in crate::cmd) fn write(&self, env: &Env) -> Result<PathBuf, Failure> {
        let path = path(env).ok_or_else(homeless)?;
        let text = serde_json::to_vec_pretty(self).map_err(Failure::failed)?;
        write_private(&path, &text)?;
        Ok(path)
    }
}

fn path(env: &Env) -> Option<PathBuf> {
    env.config_dir().map(|folder| folder.join("credentials"))
}

fn homeless() -> Failure {
    Failure::usage(anyhow::anyhow!("there is no home to keep the token in"))
        .help("set HOME or XDG_CONFIG_HOME, or hand the token over in SEAWALL_TOKEN")
}

fn unread(path: &Path, error: io::Error) -> Failure {
    Failure::bad_file(error).context(format!("read {}", path.display()))
}

/// Keeps a server's certificate beside the credentials.
pub(in crate::cmd) fn keep_certificate(
    env: &Env,
    server: &Url,
    pem: &str,
) -> Result<PathBuf, Failure> {
    let folder = env.config_dir().ok_or_else(homeless)?;
    let name: String = server
        .authority()
        .chars()
        .map(|letter| match letter {
            letter if letter.is_ascii_alphanumeric() || ".-".contains(letter) => letter,
            _ => '_',
        })
        .collect();
    let path = folder.join(format!("{name}.pem"));
    write_private(&path, pem.as_bytes())?;
    Ok(path)
}

/// Written beside and renamed, so that no moment shows half of it, and
/// nobody else ever reads it.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::failed(error).context(format!("write {}", path.display()));
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
    }
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path))
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_read_back_and_only_by_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let env = Env::of(&[("HOME", folder.path().to_str().unwrap())]);
        let server: Url = "https://seawall.example/".parse().unwrap();
        let mut credentials = Credentials::read(&env).unwrap();
        let known = Known {
            token: "sw_a_b".to_owned(),
            ca_file: None,
        };
        credentials.add(&server, known);
        let path = credentials.write(&env).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut read = Credentials::read(&env).unwrap();
        assert_eq!(read.of(&server).unwrap().token, "sw_a_b");
        assert!(read.forget(&server) && !read.forget(&server));
        assert_eq!(read.current, None);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let failure = Credentials::read(&env).map(drop).unwrap_err();
        assert!(failure.line().contains("others may read"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(
            &path,
            "{\"servers\": {\"x\": {\"token\": \"sw_secret\", \"y\": 1}}}",
        )
        .unwrap();
        let failure = Credentials::read(&env).map(drop).unwrap_err();
        assert!(!failure.line().contains("sw_secret"), "{}", failure.line());
    }
}

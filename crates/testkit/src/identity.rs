//! A real identity provider (npm `oidc-provider`) on loopback, and a
//! browser that signs in there.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::{
    service::{Service, program, spare_port},
    skip::skipped,
};

/// A running provider. Whoever signs in as `name` is in the groups that
/// follow a `+` in it: `ada+sec+dev`.
#[derive(Debug)]
pub struct IdentityProvider {
    pub service: Service,
    pub port: u16,
    redirect: String,
}

impl IdentityProvider {
    pub const CLIENT: &str = "seawall";
    pub const SECRET: &str = "a-secret-of-the-tests";

    /// Starts one that sends browsers back to `redirect`; `None` (after
    /// saying so) where it is not installed.
    pub fn start(redirect: &str) -> anyhow::Result<Option<Self>> {
        Self::start_at(spare_port(), redirect)
    }

    fn start_at(port: u16, redirect: &str) -> anyhow::Result<Option<Self>> {
        let (Some(node), Some(modules)) = (program("node"), modules()) else {
            return Ok(None);
        };
        let folder = TempDir::new()?;
        let script = folder.path().join("provider.mjs");
        std::fs::write(&script, include_str!("identity/provider.mjs"))?;
        std::os::unix::fs::symlink(modules, folder.path().join("node_modules"))?;
        let mut command = Command::new(node);
        command
            .arg("--no-warnings")
            .arg(&script)
            .env("PORT", port.to_string())
            .env("REDIRECT", redirect)
            .env("CLIENT", Self::CLIENT)
            .env("SECRET", Self::SECRET);
        let mut service = Service::start("oidc-provider", folder, &mut command)?;
        service.wait_until(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())?;
        Ok(Some(Self {
            service,
            port,
            redirect: redirect.to_owned(),
        }))
    }

    /// The same provider, started anew: with new keys and without memory.
    pub fn restart(self) -> anyhow::Result<Self> {
        let Self {
            service,
            port,
            redirect,
        } = self;
        drop(service);
        Self::start_at(port, &redirect)?.ok_or_else(|| anyhow::anyhow!("it was there a moment ago"))
    }

    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn modules() -> Option<PathBuf> {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/oidc/node_modules");
    if modules.join("oidc-provider").exists() {
        modules.canonicalize().ok()
    } else {
        skipped("no identity provider at .tools/oidc (scripts/setup test)");
        None
    }
}

/// A browser as far as the provider's pages need one.
#[derive(Debug, Default)]
pub struct Browser {
    cookies: BTreeMap<String, String>,
}

/// Redirects and forms until the provider sends the browser back.
const STEPS: usize = 20;

impl Browser {
    /// Signs in as `name` at `url`, where Seawall sent the browser; the
    /// URL it is sent back to.
    pub fn sign_in(&mut self, url: &str, name: &str, back: &str) -> anyhow::Result<String> {
        let mut at = url.to_owned();
        let mut is_named = false;
        for _ in 0..STEPS {
            if at.starts_with(back) {
                return Ok(at);
            }
            let is_form = at.contains("/interaction/");
            let form = if !is_form {
                String::new()
            } else if is_named {
                "prompt=consent".to_owned()
            } else {
                is_named = true;
                format!(
                    "prompt=login&login={}&password=any",
                    name.replace('+', "%2B")
                )
            };
            at = self.step(&at, &form)?;
        }
        bail!("the provider never sends the browser back; it is at {at}")
    }

    /// One request; where it leads.
    fn step(&mut self, url: &str, form: &str) -> anyhow::Result<String> {
        let (host, path) = url
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('/'))
            .with_context(|| format!("'{url}' is no address of the provider"))?;
        let method = if form.is_empty() { "GET" } else { "POST" };
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut stream = TcpStream::connect(host)?;
        write!(
            stream,
            "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncookie: {}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            cookies.join("; "),
            form.len()
        )?;
        let mut answer = Vec::new();
        stream.take(1 << 20).read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        let mut location = None;
        for line in answer.lines().take_while(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once(": ") else {
                continue;
            };
            if name.eq_ignore_ascii_case("location") {
                location = Some(value.trim().to_owned());
            } else if name.eq_ignore_ascii_case("set-cookie")
                && let Some((name, value)) = value.split(';').next().and_then(|c| c.split_once('='))
            {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        match location {
            Some(location) if location.starts_with('/') => Ok(format!("http://{host}{location}")),
            Some(location) => Ok(location),
            None => bail!("{url} leads nowhere: {answer}"),
        }
    }
}

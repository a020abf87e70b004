//! From flags and environment to what a scan may do.

use std::io::Read as _;

use scan::{Credentials, ScanError};

use super::super::Context;
use crate::{args::scan::Scan, exit::Failure};

/// No registry's token is longer than this.
const MAX_PASSWORD_BYTES: u64 = 64 << 10;

pub(super) fn of(context: &Context, scan: &Scan) -> Result<scan::Options, Failure> {
    let mut options = scan::Options {
        platform: scan.platform.clone(),
        cache: (!scan.no_cache).then(|| {
            scan.cache_dir
                .clone()
                .unwrap_or_else(|| context.env.cache_dir())
        }),
        skip: scan.skip.clone(),
        select: scan.select.clone(),
        ..scan::Options::default()
    };
    for limit in &scan.limit {
        limit.apply(&mut options.limits);
    }
    options
        .registry
        .insecure
        .clone_from(&scan.insecure_registry);
    options.registry.fetch.ca_file.clone_from(&scan.ca_file);
    options.registry.docker_config = context
        .env
        .path("DOCKER_CONFIG")
        .or_else(|| context.env.path("HOME").map(|home| home.join(".docker")))
        .map(|folder| folder.join("config.json"));
    if let Some(host) = context.env.text("DOCKER_HOST") {
        match host.strip_prefix("unix://") {
            Some(socket) => options.engines.docker = socket.into(),
            None => context.warn(&format!(
                "DOCKER_HOST is {host}, but only unix:// sockets can be spoken to"
            )),
        }
    }
    if let Some(socket) = context.env.path("CONTAINERD_ADDRESS") {
        options.engines.containerd = socket;
    }
    if let Some(username) = &scan.username {
        options.registry.credentials = Some(Credentials {
            username: username.clone(),
            password: password()?,
        });
    }
    Ok(options)
}

fn password() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(MAX_PASSWORD_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| {
            Failure::bad_file(error).context("read the password from standard input")
        })?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::usage(anyhow::anyhow!(
            "standard input holds no password"
        )));
    }
    Ok(password.to_owned())
}

/// What the user may do, where the error does not say so itself.
pub(super) fn help(error: &ScanError) -> Option<&'static str> {
    match error {
        ScanError::NoImage { .. } => Some(
            "an archive of `docker save` or an OCI layout is expected; dir: and sbom: name other targets",
        ),
        _ => None,
    }
}

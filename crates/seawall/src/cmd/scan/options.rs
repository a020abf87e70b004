//! From flags and environment to what a scan may do.

use std::{io::Read as _, path::PathBuf};

use scan::{Credentials, Isolation, Landlock, ScanError};

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
        isolation: isolation(context, scan)?,
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
    options.registry.docker_config = docker_config(context);
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

/// Who reads layers: this program again, in processes that may do
/// nothing else.
fn isolation(context: &Context, scan: &Scan) -> Result<Option<Isolation>, Failure> {
    if scan.no_isolation {
        context.warn(
            &"--no-isolation: layers are parsed in this process, and a flaw in a parser is not contained",
        );
        return Ok(None);
    }
    let isolation = Isolation::own().map_err(|error| {
        Failure::failed(error)
            .context("find this program, to read layers in a process of its own")
            .help("--no-isolation reads them in this one")
    })?;
    Ok(Some(isolation))
}

/// What keeps the processes in, once some have run: said in the log,
/// and to whoever sits there if it is not all there could be.
pub(super) fn remark(context: &Context, options: &scan::Options) {
    let sealed = options.isolation.as_ref().and_then(Isolation::sealed);
    let Some(sealed) = sealed else { return };
    tracing::info!(%sealed, "layers were read in processes of their own");
    if sealed.landlock == Landlock::Absent && context.terminal.is_watched {
        context.note(&format!("layers were read in a sandbox: {sealed}"));
    }
}

/// What is on standard input, as a password.
pub(in crate::cmd) fn password() -> Result<String, Failure> {
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

/// Where Docker keeps whom somebody logged in as.
pub(in crate::cmd) fn docker_config(context: &Context) -> Option<PathBuf> {
    context
        .env
        .path("DOCKER_CONFIG")
        .or_else(|| context.env.path("HOME").map(|home| home.join(".docker")))
        .map(|folder| folder.join("config.json"))
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

//! What may be chosen about a scan.

use std::{path::PathBuf, sync::Arc, time::Duration};

use model::Platform;

use crate::{Engines, Isolation, KnownMalware, Limits, skip::Skip};

/// How a target is scanned. The defaults are right for most.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which image of a multi-platform one; without it, this machine's
    /// processor on Linux.
    pub platform: Option<Platform>,
    /// Where results of layers are kept; without it, nowhere.
    pub cache: Option<PathBuf>,
    pub cache_bytes: u64,
    pub limits: Limits,
    /// Who reads layers: processes of their own that may do nothing
    /// else. Without it, they are read in this process.
    pub isolation: Option<Isolation>,
    /// Layers read at once.
    pub workers: usize,
    pub registry: RegistryOptions,
    pub engines: Engines,
    /// Whether secrets are looked for.
    pub secrets: bool,
    /// What malware is looked for, if any is.
    pub malware: Option<Arc<KnownMalware>>,
    /// Paths not to report from: `*` within a name, `**` across names.
    pub skip: Vec<String>,
    /// Which image of an archive or layout that holds several: its name
    /// or digest.
    pub select: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            platform: None,
            cache: None,
            cache_bytes: 1 << 30,
            limits: Limits::default(),
            isolation: None,
            workers: cores.min(4),
            registry: RegistryOptions::default(),
            engines: Engines::default(),
            secrets: true,
            malware: None,
            skip: Vec::new(),
            select: None,
        }
    }
}

/// How registries are reached.
#[derive(Clone, Default)]
pub struct RegistryOptions {
    /// Hosts (`host` or `host:port`) that may be spoken to over plain
    /// HTTP. Loopback always may.
    pub insecure: Vec<String>,
    /// Docker's `config.json`; without it, nobody's credentials are used.
    pub docker_config: Option<PathBuf>,
    /// Used for the target's registry instead of Docker's configuration.
    pub credentials: Option<Credentials>,
    /// Used instead of both, where there are no credentials.
    pub token: Option<Token>,
    pub fetch: fetch::Settings,
}

impl std::fmt::Debug for RegistryOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryOptions")
            .field("insecure", &self.insecure)
            .field("docker_config", &self.docker_config)
            .field("fetch", &self.fetch)
            .finish_non_exhaustive()
    }
}

/// A secret without a name. Not printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Token {
    /// Sent as it is, as a bearer token.
    Bearer(String),
    /// A refresh token, exchanged for access tokens.
    Identity(String),
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}

/// A name and a secret. Not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Options {
    pub(crate) fn skip(&self) -> Skip {
        Skip::new(&self.skip)
    }

    /// With more time for each layer.
    pub(crate) fn with_time(&self, more: Duration) -> Self {
        let mut options = self.clone();
        options.limits.layer_time = options.limits.layer_time.saturating_add(more);
        options
    }

    /// The platform asked for, or this machine's.
    pub(crate) fn platform_or_own(&self) -> Platform {
        self.platform.clone().unwrap_or_else(own_platform)
    }
}

/// This machine's processor, as images spell it.
fn own_platform() -> Platform {
    let (architecture, variant) = match std::env::consts::ARCH {
        "x86_64" => ("amd64", None),
        "aarch64" => ("arm64", None),
        "x86" => ("386", None),
        "arm" => ("arm", Some("v7")),
        "powerpc64" => ("ppc64le", None),
        other => (other, None),
    };
    Platform {
        os: "linux".to_owned(),
        architecture: architecture.to_owned(),
        variant: variant.map(str::to_owned),
    }
}

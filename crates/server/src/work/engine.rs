//! The one place where the server calls the scanning and matching
//! engines.

use std::{
    cmp::Ordering,
    path::{Path, PathBuf},
    str::FromStr as _,
};

use model::{
    Cancel, LicensePolicy, Report, RunningContainers, Sbom, TargetKind, VersionScheme, Warning,
};
use scan::{ProgressEvent, ScanError, Source};

use super::{discovery::Found, meter::Meter};
use crate::config::Config;

pub(crate) const COMPARE: fn(VersionScheme, &str, &str) -> Option<Ordering> =
    vulns::version::compare;

/// How this server signs its reports.
pub(crate) const TOOL: &str = concat!("seawall ", env!("CARGO_PKG_VERSION"));

/// Runs blocking work off the async threads.
pub(crate) async fn blocking<T, F>(work: F) -> T
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        // The work panicked; so does whoever waits for it. It cannot
        // have been cancelled: blocking work is never aborted.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// A target that was understood.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    source: Source,
    pub(crate) kind: TargetKind,
    /// What it is called on the screen.
    pub(crate) name: String,
    /// The container host whose engine has it, by id.
    pub(crate) host: Option<String>,
}

/// How the target begins that is an image of a container host's engine:
/// its id and the image follow.
pub(crate) const HOST: &str = "host:";

/// The container host that a target is on, and the image there.
pub(crate) fn on_host(target: &str) -> Option<(&str, &str)> {
    target.strip_prefix(HOST)?.split_once('/')
}

/// Why a target gave no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    #[error("cancelled")]
    Cancelled,
    #[error("the container host it was found on is no longer known")]
    NoSuchHost,
    #[error("open the container host it was found on: {0}")]
    Host(String),
    #[error(transparent)]
    Target(#[from] scan::DetectError),
    #[error(transparent)]
    Scan(ScanError),
}

impl LookError {
    /// The whole story in one line.
    pub(crate) fn explain(&self) -> String {
        let chain = model::error::chain(self);
        match self {
            Self::Scan(_) | Self::Host(_) => format!("failed to {chain}"),
            Self::Cancelled | Self::NoSuchHost | Self::Target(_) => chain,
        }
    }

    /// What to do about it, in one sentence, where that is known.
    pub(crate) fn advice(&self) -> Option<String> {
        match self {
            Self::Scan(ScanError::Registry(_)) => Some(
                "check the name, and that this machine reaches the registry and is signed in \
                 (docker login)"
                    .to_owned(),
            ),
            Self::Scan(ScanError::Engine(_)) => Some(
                "check that the engine runs and that the server may open its socket".to_owned(),
            ),
            Self::Scan(ScanError::Open { .. }) => {
                Some("check that the path exists and that the server may read it".to_owned())
            }
            _ => None,
        }
    }
}

impl Target {
    /// Reads what was asked for. The machine's own root goes by the
    /// machine's name.
    pub(crate) fn parse(text: &str, host: &str) -> Result<Self, LookError> {
        if let Some((id, image)) = on_host(text) {
            let source = Source::Engine(image.to_owned());
            return Ok(Self {
                source,
                kind: TargetKind::Image,
                name: image.to_owned(),
                host: Some(id.to_owned()),
            });
        }
        let source = Source::detect(text)?;
        let kind = match &source {
            Source::Rootfs(_) => TargetKind::Rootfs,
            Source::Sbom(_) => TargetKind::Sbom,
            _ => TargetKind::Image,
        };
        let name = match &source {
            Source::Rootfs(path) if path == Path::new("/") => host.to_owned(),
            Source::Rootfs(path)
            | Source::Sbom(path)
            | Source::Archive(path)
            | Source::Layout(path) => path.display().to_string(),
            _ => text
                .strip_prefix("registry:")
                .or_else(|| text.strip_prefix("docker:"))
                .or_else(|| text.strip_prefix("containerd:"))
                .unwrap_or(text)
                .to_owned(),
        };
        Ok(Self {
            source,
            kind,
            name,
            host: None,
        })
    }

    /// Text that is read back as the same target, however it was asked
    /// for.
    pub(crate) fn canonical(&self) -> String {
        match (&self.host, &self.source) {
            (Some(id), Source::Engine(image)) => format!("{HOST}{id}/{image}"),
            _ => self.source.to_string(),
        }
    }

    /// The host of the registry it is in, where it is in one.
    pub(crate) fn registry(&self) -> Option<&str> {
        self.repository().map(|(host, _)| host)
    }

    /// That host, and the repository there.
    pub(crate) fn repository(&self) -> Option<(&str, &str)> {
        match &self.source {
            Source::Registry(reference) => Some((&reference.registry, &reference.repository)),
            _ => None,
        }
    }

    /// Whether it is a file or folder of this machine.
    pub(crate) fn is_local_path(&self) -> bool {
        matches!(
            self.source,
            Source::Archive(_) | Source::Layout(_) | Source::Rootfs(_) | Source::Sbom(_)
        )
    }

    /// Whether it is this machine's own root file system.
    fn is_machine(&self) -> bool {
        matches!(&self.source, Source::Rootfs(path) if path == Path::new("/"))
    }

    pub(crate) fn describe(&self) -> model::scan::Target {
        model::scan::Target {
            kind: self.kind,
            name: self.name.clone(),
        }
    }
}

pub(crate) fn options(config: &Config, target: &Target, platform: Option<&str>) -> scan::Options {
    let mut options = scan::Options {
        platform: platform.and_then(|text| model::Platform::from_str(text).ok()),
        cache: Some(config.cache_dir.clone()),
        isolation: isolation(config),
        ..scan::Options::default()
    };
    options
        .registry
        .insecure
        .clone_from(&config.scan.insecure_registries);
    options.registry.docker_config = docker_config();
    options.skip.extend(config.scan.skip.iter().cloned());
    if target.is_machine() {
        // A machine is where secrets are: keys it proves itself by,
        // passwords of those who sign in to it.
        options.secrets = false;
        // Our own files, and other engines' layers, are no part of the
        // machine that holds them.
        let own = [&config.data_dir, &config.cache_dir];
        let own = own.into_iter().filter_map(|path| path.canonicalize().ok());
        let engines = [
            "/var/lib/docker",
            "/var/lib/containerd",
            "/var/lib/containers",
        ];
        options.skip.extend(
            own.chain(engines.map(PathBuf::from))
                .map(|path| path.to_string_lossy().into_owned()),
        );
    }
    options
}

/// Who parses images, where that is not this process.
pub(crate) fn isolation(config: &Config) -> Option<scan::Isolation> {
    let program = config.scan.worker.as_ref()?;
    config
        .scan
        .isolation
        .then(|| scan::Isolation::of(program.clone()))
}

/// Options for a first, quick look at a machine nobody has looked at
/// yet: only where its package manager installs things. Most of a
/// machine's files are elsewhere, and somebody is waiting for the first
/// result. `None`: the target is no machine.
pub(crate) fn first_look(target: &Target, options: &scan::Options) -> Option<scan::Options> {
    const SYSTEM: [&str; 8] = ["bin", "etc", "lib", "lib32", "lib64", "sbin", "usr", "var"];
    const BULKY: [&str; 5] = ["usr/local", "usr/share", "usr/src", "var/tmp", "var/cache"];
    if !target.is_machine() {
        return None;
    }
    let mut options = options.clone();
    let others = std::fs::read_dir("/").ok()?.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        (!SYSTEM.contains(&name.as_str())).then_some(name)
    });
    options.skip.extend(others);
    options.skip.extend(BULKY.map(str::to_owned));
    Some(options)
}

/// Docker's own configuration, where registry credentials are.
pub(crate) fn docker_config() -> Option<PathBuf> {
    let home = std::env::home_dir()?;
    let path = home.join(".docker/config.json");
    path.is_file().then_some(path)
}

/// Reads a target whole.
pub(crate) fn read(
    target: &Target,
    options: &scan::Options,
    meter: &Meter,
    cancel: &Cancel,
) -> Result<Sbom, LookError> {
    scan::scan(&target.source, options, &Ear(meter), cancel).map_err(|error| match error {
        ScanError::Cancelled => LookError::Cancelled,
        error => LookError::Scan(error),
    })
}

/// Adds what there is to say beside vulnerabilities: secrets, malware,
/// settings, licences.
pub(crate) fn tell_beside(report: &mut Report, licenses: &LicensePolicy) {
    let (sbom, target, now) = (&report.sbom, &report.target, report.scanned);
    let secrets = scan::secret_issues(sbom, target, now).unwrap_or_default();
    let malware = scan::malware_issues(sbom, target).unwrap_or_default();
    let settings = policy::image_issues(sbom, target, Some(licenses), now);
    report.tell(
        secrets.into_iter().chain(malware).chain(settings),
        [
            scan::secret_rules(),
            scan::malware_rules(),
            policy::image_rules(),
        ],
    );
}

/// Hands the engine's progress to the meter.
struct Ear<'a>(&'a Meter);

impl scan::Progress for Ear<'_> {
    fn report(&self, event: ProgressEvent<'_>) {
        match event {
            ProgressEvent::Resolved { layers, bytes } => self.0.resolved(layers, bytes),
            ProgressEvent::LayerAdvanced { bytes, .. } => self.0.read(bytes),
            ProgressEvent::LayerDone { cached, .. } => self.0.layer_done(cached),
            ProgressEvent::FilesWalked { files } => self.0.walked(files),
            ProgressEvent::LayerStarted { .. } | ProgressEvent::Note(_) => {}
        }
    }
}

/// Every image in this machine's container engines, and which engines
/// would not say.
pub(crate) fn local_images() -> (Vec<Found>, Vec<Warning>) {
    let (images, warnings) = scan::local_images(&scan::Engines::default());
    let found = images
        .into_iter()
        .map(|image| Found {
            target: image.source.to_string(),
            name: image.name,
        })
        .collect();
    (found, warnings)
}

/// Every container that runs in this machine's container engines, and
/// which engines would not say.
pub(crate) fn running_containers() -> (RunningContainers, Vec<Warning>) {
    scan::running_containers(&scan::Engines::default())
}

//! Images and running containers in container engines on this machine.

mod bound;
mod containerd;
mod docker;
mod grpc;

use std::{io, path::PathBuf};

use fetch::{Client, FetchError, Url};
use model::{ContainerEngine, Digest, RunningContainers, Warning, error::chain};

use crate::Source;

pub(crate) use containerd::scan as scan_containerd;
pub(crate) use docker::scan as scan_docker;

/// Where the engines of this machine listen.
#[derive(Clone, Debug)]
pub struct Engines {
    pub docker: PathBuf,
    pub containerd: PathBuf,
    /// Another machine's Docker Engine, asked instead of this machine's
    /// engines.
    pub remote: Option<RemoteEngine>,
}

/// A Docker Engine on another machine, and how it is reached.
#[derive(Clone, Debug)]
pub struct RemoteEngine {
    pub client: Client,
    /// `https://host:2376/`.
    pub base: Url,
}

impl Default for Engines {
    fn default() -> Self {
        Self {
            docker: PathBuf::from("/var/run/docker.sock"),
            containerd: PathBuf::from("/run/containerd/containerd.sock"),
            remote: None,
        }
    }
}

impl Engines {
    fn has_docker(&self) -> bool {
        self.remote.is_some() || self.docker.exists()
    }

    fn has_containerd(&self) -> bool {
        self.remote.is_none() && self.containerd.exists()
    }
}

/// An image some engine on this machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalImage {
    pub source: Source,
    /// As its engine lists it: a tag where it has one, else its id.
    pub name: String,
    /// Docker's image id: the configuration's digest, or, where Docker
    /// keeps its images in containerd, the manifest's.
    pub id: Option<Digest>,
}

/// Why an engine gave no image.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("reach {engine} at {}; is it running, and may this user talk to it?", socket.display())]
    Connect {
        engine: &'static str,
        socket: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("talk with {engine}")]
    Fetch {
        engine: &'static str,
        #[source]
        source: FetchError,
    },
    #[error("find {image} in {engine}")]
    NoSuchImage { engine: &'static str, image: String },
    #[error("ask {engine} for {what}: it answered {answer}")]
    Refused {
        engine: &'static str,
        what: String,
        answer: String,
    },
}

/// Every image of every engine on this machine. An engine that is not
/// there is passed over; one that does not answer is a warning.
pub fn local_images(engines: &Engines) -> (Vec<LocalImage>, Vec<Warning>) {
    let mut images = Vec::new();
    let mut warnings = Vec::new();
    if engines.has_docker() {
        match docker::list(engines) {
            Ok(found) => images.extend(found),
            Err(error) => warnings.push(warning(&error)),
        }
    }
    if engines.has_containerd() {
        match containerd::list(&engines.containerd) {
            Ok(found) => images.extend(found),
            Err(error) => warnings.push(warning(&error)),
        }
    }
    (images, warnings)
}

/// Every container that runs in an engine on this machine. An engine
/// that is not there runs none; one that does not answer is a warning,
/// and named as unknown.
pub fn running_containers(engines: &Engines) -> (RunningContainers, Vec<Warning>) {
    let mut running = RunningContainers::default();
    let mut warnings = Vec::new();
    for engine in ContainerEngine::ALL {
        let listed = match engine {
            ContainerEngine::Docker if engines.has_docker() => docker::running(engines),
            ContainerEngine::Containerd if engines.has_containerd() => {
                containerd::running(&engines.containerd)
            }
            _ => continue,
        };
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                warnings.push(warning(&error));
                running.unknown.push(engine);
                continue;
            }
        };
        if listed.is_cut {
            let most = bound::CONTAINERS;
            warnings.push(Warning::new(format!(
                "more than {most} containers run in {engine}; the others were left out"
            )));
            running.unknown.push(engine);
        }
        running.containers.extend(listed.containers);
    }
    (running, warnings)
}

fn warning(error: &EngineError) -> Warning {
    Warning::new(format!("failed to {}", chain(error)))
}

//! What runtimes keep of their containers: names, images, labels, mounts,
//! pods.
//!
//! Files come first, because they are there before the first process is,
//! need nobody to answer, and no socket that would make the sensor as
//! mighty as the runtime. Reading happens on a thread of its own; the loop
//! that serves the kernel asks and goes on.

use std::path::PathBuf;

use rules::syscall::{Bytes, Container};

use super::process::users::Users;

mod containerd;
mod docker;
mod finder;
mod image;
pub(crate) mod kubernetes;
mod oci;
mod rooted;
mod storage;
mod worker;

pub use worker::Worker;

/// Where to look. Paths are below `root`, with or without a slash before.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Root of the host's file system: `/`, or where it is mounted in the
    /// sensor's container.
    pub root: PathBuf,
    /// Folders with a folder for each namespace and in it one for each
    /// container, as containerd and Docker make them.
    pub tasks: Vec<PathBuf>,
    /// Docker's data.
    pub docker: Vec<PathBuf>,
    /// Docker's sockets, asked last.
    pub docker_sockets: Vec<PathBuf>,
    /// containerd's sockets, asked for what no file tells: images of
    /// containers that are not pods', and labels of pods.
    pub containerd_sockets: Vec<PathBuf>,
    /// Folders with `overlay-containers` of `CRI-O` and Podman: run-time
    /// state, and data.
    pub storage: Vec<PathBuf>,
    /// Folders with a folder of state for each container.
    pub states: Vec<PathBuf>,
}

impl Default for Sources {
    fn default() -> Self {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
        Self {
            root: "/".into(),
            tasks: paths(&[
                "run/containerd/io.containerd.runtime.v2.task",
                "run/docker/containerd/daemon/io.containerd.runtime.v2.task",
                "run/k3s/containerd/io.containerd.runtime.v2.task",
            ]),
            docker: paths(&["var/lib/docker"]),
            docker_sockets: paths(&["run/docker.sock"]),
            containerd_sockets: paths(&[
                "run/containerd/containerd.sock",
                "run/k3s/containerd/containerd.sock",
            ]),
            storage: paths(&["run/containers/storage", "var/lib/containers/storage"]),
            states: paths(&["run/runc", "run/crun"]),
        }
    }
}

/// What a runtime's own command line says when it makes a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    pub id: Bytes,
    pub runtime: &'static str,
    /// The runtime's folder of states.
    pub state: Option<PathBuf>,
    pub bundle: Option<PathBuf>,
}

/// Asks what is known of a container.
#[derive(Clone, Debug, Default)]
pub struct Question {
    pub id: Bytes,
    pub runtime: Bytes,
    /// Path of its control group.
    pub cgroup: Bytes,
    pub hint: Option<Hint>,
    /// A process in it, once there is one.
    pub pid: Option<u32>,
    /// Engines may be asked at once.
    pub may_ask: bool,
}

/// What was found; may come several times, each time with more.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub container: Container,
    pub users: Option<Users>,
    pub healthcheck: Vec<Bytes>,
    /// All that is kept in files was found.
    pub is_complete: bool,
    /// An engine that was not asked yet may know more.
    pub wants_engine: bool,
}

/// What comes back.
#[derive(Debug)]
pub enum Answer {
    Found(Box<Found>),
    /// Users of the host, as they are now.
    Users(Users),
}

/// Whoever can be asked about containers; never waits.
pub trait Metadata: Send {
    /// False where the question had no room.
    fn ask(&mut self, question: Question) -> bool;

    /// The next answer that is there.
    fn answer(&mut self) -> Option<Answer>;

    /// Whether a runtime keeps a container of this name. Asked for names
    /// that could be anything's, so it has to be quick.
    fn is_kept(&self, id: &[u8]) -> bool;
}

/// Nobody to ask: replays and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Metadata for Nothing {
    fn ask(&mut self, _: Question) -> bool {
        true
    }

    fn answer(&mut self) -> Option<Answer> {
        None
    }

    fn is_kept(&self, _: &[u8]) -> bool {
        false
    }
}

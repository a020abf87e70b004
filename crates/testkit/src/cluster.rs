//! A real Kubernetes control plane on loopback: etcd, API server,
//! controllers, scheduler and stand-ins for nodes, one Go program built
//! from `testkit/cluster` and kept outside the target folder. What it
//! can and cannot show is in that folder's README.

pub mod build;
mod options;
pub mod script;

use std::{
    fs::File,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

pub use options::{Audit, Batch, Options, POLICY, Webhook};

/// How long a cluster may take until it is ready.
const PATIENCE: Duration = Duration::from_mins(6);
const STEP: Duration = Duration::from_millis(100);

/// Where a cluster keeps everything, running or not.
#[derive(Debug, Clone)]
pub struct Place {
    folder: PathBuf,
}

impl Place {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Credentials of `who` (`admin`, `developer`, …).
    pub fn kubeconfig(&self, who: &str) -> PathBuf {
        self.folder.join("kubeconfig").join(who)
    }

    /// Where the API server writes audit events, if it was asked to.
    pub fn audit_log(&self) -> PathBuf {
        self.folder.join("audit.log")
    }

    /// kubectl as `who`.
    pub fn kubectl(&self, binary: &Path, who: &str) -> Command {
        let mut command = self.part(binary, "kubectl");
        command
            .arg("--kubeconfig")
            .arg(self.kubeconfig(who))
            .arg("--cache-dir")
            .arg(self.folder.join("kubectl").join(who));
        command
    }

    /// One request as kubectl cannot make it (`request --help`).
    pub fn request(&self, binary: &Path, who: &str) -> Command {
        let mut command = self.part(binary, "request");
        command.arg("--kubeconfig").arg(self.kubeconfig(who));
        command
    }

    fn part(&self, binary: &Path, part: &str) -> Command {
        let mut command = Command::new(binary);
        command
            .arg0(part)
            .env("HOME", &self.folder)
            .env_remove("KUBECONFIG")
            .stdin(Stdio::null());
        command
    }

    /// The process that keeps the cluster, if it runs.
    pub fn keeper(&self) -> Option<u32> {
        let pid: u32 = self.read("pid")?.trim().parse().ok()?;
        // Somebody else may have been given the number since.
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let arguments = String::from_utf8_lossy(&arguments);
        arguments.contains(self.folder.to_str()?).then_some(pid)
    }

    pub fn is_ready(&self) -> bool {
        self.folder.join("ready").exists() && self.keeper().is_some()
    }

    fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.join(name)).ok()
    }

    /// Starts a cluster here, which ends with this process's hold on its
    /// standard input, or (`stays`) when told to.
    fn launch(&self, binary: &Path, options: &Options, stays: bool) -> anyhow::Result<Child> {
        if self.keeper().is_some() {
            bail!("a cluster runs in {} already", self.folder.display());
        }
        std::fs::create_dir_all(&self.folder)?;
        let log = File::create(self.folder.join("up.log"))?;
        let mut command = Command::new(binary);
        command
            .arg0("up")
            .arg("--folder")
            .arg(&self.folder)
            .args(options.arguments(self)?)
            .stdout(log.try_clone()?)
            .stderr(log);
        if stays {
            // Not of the terminal's group: its Ctrl-C is not meant.
            command.stdin(Stdio::null()).process_group(0);
        } else {
            command.stdin(Stdio::piped()).arg("--ends-with-stdin");
        }
        for stale in ["ready", "failed"] {
            drop(std::fs::remove_file(self.folder.join(stale)));
        }
        let mut child = command.spawn().context("failed to start the cluster")?;
        self.wait(&mut child)?;
        Ok(child)
    }

    fn wait(&self, child: &mut Child) -> anyhow::Result<()> {
        let mut waited = Duration::ZERO;
        while !self.folder.join("ready").exists() {
            if let Some(status) = child.try_wait()? {
                let why = self.read("failed").or_else(|| self.read("up.log"));
                bail!(
                    "the cluster ended with {status}: {}",
                    why.unwrap_or_default()
                );
            }
            if waited > PATIENCE {
                drop(child.kill());
                bail!(
                    "the cluster is not ready after {PATIENCE:?}; see {}",
                    self.folder.join("log").display()
                );
            }
            thread::sleep(STEP);
            waited += STEP;
        }
        Ok(())
    }

    /// Starts a cluster that stays when this process ends.
    pub fn up(&self, binary: &Path, options: &Options) -> anyhow::Result<()> {
        self.launch(binary, options, true).map(drop)
    }

    /// Ends the cluster here; false where none runs.
    pub fn down(&self) -> anyhow::Result<bool> {
        let Some(keeper) = self.keeper() else {
            return Ok(false);
        };
        let asked = Command::new("kill").arg(keeper.to_string()).status()?;
        let mut waited = Duration::ZERO;
        while self.keeper().is_some() {
            if !asked.success() || waited > Duration::from_secs(20) {
                bail!("process {keeper}, which keeps the cluster, does not end");
            }
            thread::sleep(STEP);
            waited += STEP;
        }
        Ok(true)
    }
}

/// A cluster of a test's own; ended and removed on drop.
#[derive(Debug)]
pub struct Cluster {
    pub place: Place,
    pub binary: PathBuf,
    options: Options,
    child: Child,
    /// Whatever ends this process closes it, and that ends the cluster.
    input: Option<ChildStdin>,
    /// Removed last.
    _folder: TempDir,
}

impl Cluster {
    /// Starts a cluster, or `None` (after saying so) where its program
    /// is not built.
    pub fn start(options: &Options) -> anyhow::Result<Option<Self>> {
        let Some(binary) = build::built()? else {
            return Ok(None);
        };
        let folder = tempfile::Builder::new()
            .prefix("seawall-cluster-")
            .tempdir()?;
        let place = Place::new(folder.path());
        let mut child = place.launch(&binary, options, false)?;
        let input = child.stdin.take();
        Ok(Some(Self {
            place,
            binary,
            options: options.clone(),
            child,
            input,
            _folder: folder,
        }))
    }

    /// Ends every part and starts it again where it was: same address,
    /// same keys, and what was stored is there.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.end();
        self.child = self.place.launch(&self.binary, &self.options, false)?;
        self.input = self.child.stdin.take();
        Ok(())
    }

    pub fn kubectl(&self, who: &str) -> Command {
        self.place.kubectl(&self.binary, who)
    }

    fn end(&mut self) {
        drop(self.input.take());
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(STEP);
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end();
    }
}

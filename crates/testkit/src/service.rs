//! Real servers for tests, started on loopback from the system's
//! packages, stopped and removed on drop.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::skip::skipped;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_mins(1);
const STEP: Duration = Duration::from_millis(50);

/// A program of the system, in `PATH` or where administrators' programs
/// lie; `None` (after saying so) where it is not installed.
pub fn program(name: &str) -> Option<PathBuf> {
    let found = ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists());
    if found.is_none() {
        skipped(&format!("{name} is not installed"));
    }
    found
}

/// Whether this process may start container engines and change roots.
pub fn is_root(what: &str) -> bool {
    let root = std::fs::metadata("/proc/self")
        .is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
    if !root {
        skipped(&format!("{what} needs root"));
    }
    root
}

/// A port nobody listens on at this moment.
pub fn spare_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("invariant: loopback has a free port")
        .port()
}

/// A running server process and its folder.
#[derive(Debug)]
pub struct Service {
    child: Child,
    folder: TempDir,
    log: PathBuf,
}

impl Service {
    pub(crate) fn start(
        name: &str,
        folder: TempDir,
        command: &mut Command,
    ) -> anyhow::Result<Self> {
        let log = folder.path().join(format!("{name}.log"));
        let output = std::fs::File::create(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("failed to start {name}"))?;
        Ok(Self { child, folder, log })
    }

    pub(crate) fn wait_until(&mut self, ready: impl Fn() -> bool) -> anyhow::Result<()> {
        let mut waited = Duration::ZERO;
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("ended with {status}: {}", self.log());
            }
            if waited > PATIENCE {
                bail!("not ready after {PATIENCE:?}: {}", self.log());
            }
            thread::sleep(STEP);
            waited += STEP;
        }
        Ok(())
    }

    /// What the server has printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Service {
    /// Starts a command in this one's place, in its folder.
    fn replace(&mut self, name: &str, command: &mut Command) -> anyhow::Result<()> {
        self.stop();
        let output = std::fs::File::create(&self.log)?;
        self.child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("failed to start {name}"))?;
        Ok(())
    }

    fn stop(&mut self) {
        // A polite end first: engines unmount what they mounted.
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        for _ in 0..100 {
            if asked.is_err() || matches!(self.child.try_wait(), Ok(Some(_))) {
                break;
            }
            thread::sleep(STEP);
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whom a registry tells.
fn notifications(address: &str, authorization: &str) -> String {
    format!(
        "notifications:\n  endpoints:\n    - name: seawall\n      url: {address}\n      \
         headers: {{Authorization: ['{authorization}']}}\n      timeout: 5s\n      \
         threshold: 5\n      backoff: 1s\n"
    )
}

/// A real OCI registry (Docker distribution), without authentication.
#[derive(Debug)]
pub struct Registry {
    pub service: Service,
    /// `127.0.0.1:port`.
    pub host: String,
}

impl Registry {
    pub fn start() -> anyhow::Result<Option<Self>> {
        Self::launch(spare_port(), "")
    }

    /// As [`Self::telling`], on a port that was chosen before.
    pub fn telling_at(
        port: u16,
        address: &str,
        authorization: &str,
    ) -> anyhow::Result<Option<Self>> {
        Self::launch(port, &notifications(address, authorization))
    }

    /// One that tells `address` what happens in it, with `authorization`
    /// in the header of that name.
    pub fn telling(address: &str, authorization: &str) -> anyhow::Result<Option<Self>> {
        Self::launch(spare_port(), &notifications(address, authorization))
    }

    fn launch(port: u16, further: &str) -> anyhow::Result<Option<Self>> {
        let Some(binary) = program("docker-registry") else {
            return Ok(None);
        };
        let folder = TempDir::new()?;
        let config = folder.path().join("config.yml");
        let storage = folder.path().join("blobs");
        std::fs::write(
            &config,
            format!(
                "version: 0.1\n\
                 log: {{level: info}}\n\
                 storage: {{filesystem: {{rootdirectory: '{}'}}, delete: {{enabled: true}}}}\n\
                 http: {{addr: '127.0.0.1:{port}'}}\n\
                 {further}",
                storage.display()
            ),
        )?;
        let mut service = Service::start(
            "docker-registry",
            folder,
            Command::new(binary).arg("serve").arg(&config),
        )?;
        service.wait_until(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())?;
        Ok(Some(Self {
            service,
            host: format!("127.0.0.1:{port}"),
        }))
    }

    /// Digests of the blobs the registry has served, one for each
    /// request.
    pub fn blobs_served(&self) -> Vec<String> {
        self.service
            .log()
            .lines()
            .filter(|line| line.contains("http.response.status=200"))
            .filter(|line| line.contains("http.request.method=GET"))
            .filter_map(|line| {
                let (_, rest) = line.split_once("/blobs/")?;
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == ':'))?;
                Some(rest.get(..end)?.to_owned())
            })
            .collect()
    }

    /// Blob downloads the registry has served.
    pub fn blob_requests(&self) -> usize {
        self.service
            .log()
            .lines()
            .filter(|line| line.contains("GET") && line.contains("/blobs/"))
            .filter(|line| line.contains("http.response.status"))
            .count()
    }
}

/// A real Docker Engine with a folder and socket of its own.
#[derive(Debug)]
pub struct Engine {
    pub service: Service,
    pub socket: PathBuf,
}

impl Engine {
    pub fn start() -> anyhow::Result<Option<Self>> {
        let (Some(binary), Some(_)) = (program("dockerd"), program("containerd")) else {
            return Ok(None);
        };
        if !is_root("Docker Engine") {
            return Ok(None);
        }
        let folder = TempDir::new()?;
        Self::launch(&binary, folder, "vfs", ["docker.sock", "data", "exec"])
    }

    /// The same engine with what it holds, started anew with further
    /// options. `false`, after saying why: it does not start like that.
    pub fn restart(&mut self, options: &[String]) -> anyhow::Result<bool> {
        let Some(binary) = program("dockerd") else {
            return Ok(false);
        };
        let folder = self.service.folder().to_owned();
        let [socket, data, exec] = ["docker.sock", "data", "exec"].map(|name| folder.join(name));
        let mut command = Command::new(binary);
        command
            .args(["--iptables=false", "--ip6tables=false", "--bridge=none"])
            .arg("--storage-driver=vfs")
            .arg("--host")
            .arg(format!("unix://{}", socket.display()))
            .arg("--data-root")
            .arg(data)
            .arg("--exec-root")
            .arg(exec)
            .arg("--pidfile")
            .arg(folder.join("docker.pid"))
            .args(options);
        self.service.replace("dockerd", &mut command)?;
        if let Err(error) = self.service.wait_until(|| answers_ping(&socket)) {
            skipped(&format!(
                "Docker Engine does not start like that: {error:#}"
            ));
            return Ok(false);
        }
        Ok(true)
    }

    /// One whose folder is laid out as a host's file system, with layers
    /// that overlay each other: for whoever looks at what it keeps.
    pub fn start_like_a_host() -> anyhow::Result<Option<Self>> {
        let (Some(binary), Some(_)) = (program("dockerd"), program("containerd")) else {
            return Ok(None);
        };
        if !is_root("Docker Engine") {
            return Ok(None);
        }
        let folder = TempDir::new()?;
        std::fs::create_dir_all(folder.path().join("run"))?;
        let places = ["run/docker.sock", "var/lib/docker", "run/docker"];
        Self::launch(&binary, folder, "overlay2", places)
    }

    /// Socket, data and run-time state are where `places` says.
    fn launch(
        binary: &Path,
        folder: TempDir,
        driver: &str,
        places: [&str; 3],
    ) -> anyhow::Result<Option<Self>> {
        let [socket, data, exec] = places.map(|name| folder.path().join(name));
        let mut command = Command::new(binary);
        command
            .args(["--iptables=false", "--ip6tables=false", "--bridge=none"])
            .arg(format!("--storage-driver={driver}"))
            .arg("--host")
            .arg(format!("unix://{}", socket.display()))
            .arg("--data-root")
            .arg(data)
            .arg("--exec-root")
            .arg(exec)
            .arg("--pidfile")
            .arg(folder.path().join("docker.pid"));
        let mut service = Service::start("dockerd", folder, &mut command)?;
        // The socket is there before the daemon knows whether it can run.
        if let Err(error) = service.wait_until(|| answers_ping(&socket)) {
            skipped(&format!("Docker Engine does not start here: {error:#}"));
            return Ok(None);
        }
        Ok(Some(Self { service, socket }))
    }
}

fn answers_ping(socket: &Path) -> bool {
    let ping = || -> std::io::Result<bool> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\nhost: docker\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.0 200") || answer.starts_with(b"HTTP/1.1 200"))
    };
    ping().unwrap_or(false)
}

/// A real containerd with a folder and socket of its own.
#[derive(Debug)]
pub struct Containerd {
    pub service: Service,
    pub socket: PathBuf,
}

impl Containerd {
    pub fn start() -> anyhow::Result<Option<Self>> {
        let Some(binary) = program("containerd") else {
            return Ok(None);
        };
        if !is_root("containerd") {
            return Ok(None);
        }
        let folder = TempDir::new()?;
        let at = |name: &str| folder.path().join(name);
        let socket = at("containerd.sock");
        let config = at("config.toml");
        std::fs::write(&config, "version = 2\n")?;
        let mut command = Command::new(binary);
        command
            .arg("--config")
            .arg(&config)
            .arg("--root")
            .arg(at("root"))
            .arg("--state")
            .arg(at("state"))
            .arg("--address")
            .arg(&socket);
        let mut service = Service::start("containerd", folder, &mut command)?;
        if let Err(error) = service.wait_until(|| UnixStream::connect(&socket).is_ok()) {
            skipped(&format!("containerd does not start here: {error:#}"));
            return Ok(None);
        }
        Ok(Some(Self { service, socket }))
    }
}

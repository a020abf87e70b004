//! A node that is attacked: a real Docker Engine laid out as a host has
//! it, containers of one image, and the steps of
//! `testkit/sensor/attack.yaml`, each done as an intruder would.

pub mod image;
pub mod script;
mod shell;

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::service::{Engine, program};

use shell::Shell;

pub use script::{Script, Step, Way};

/// What the engine calls the image.
pub const IMAGE: &str = "example.org/shop/web:1.4";
/// Where the web server of the container `web` listens, within it.
const WEB_PORT: u16 = 8080;
/// Nearly privileged: all capabilities together are refused where the
/// machine itself lacks one.
const ADMIN: [&str; 12] = [
    "--cap-add",
    "SYS_ADMIN",
    "--cap-add",
    "SYS_PTRACE",
    "--cap-add",
    "DAC_READ_SEARCH",
    "--security-opt",
    "seccomp=unconfined",
    "--security-opt",
    "systempaths=unconfined",
    "--volume",
    "/:/host:ro",
];
/// The engine with its containers, gone on drop.
#[derive(Debug)]
pub struct Node {
    engine: Engine,
    host: TempDir,
    shell: Shell,
    containers: Vec<(String, String)>,
}

impl Node {
    /// Starts the engine and all containers, or `None` after saying what
    /// is missing.
    pub fn start() -> anyhow::Result<Option<Self>> {
        let (Some(_), Some(busybox)) = (program("docker"), program("busybox")) else {
            return Ok(None);
        };
        let Some(engine) = Engine::start_like_a_host()? else {
            return Ok(None);
        };
        let host = image::host(&busybox)?;
        let mut node = Self {
            engine,
            shell: Shell::start(host.path())?,
            host,
            containers: Vec::new(),
        };
        let archive = node.host.path().join("image.tar");
        std::fs::write(&archive, image::archive(&busybox, IMAGE)?)?;
        node.docker(&["load", "--quiet", "--input", text(&archive)])?;
        std::fs::remove_file(&archive)?;
        let web = format!("httpd -f -p 127.0.0.1:{WEB_PORT} -h /www");
        for (name, options, command) in [
            ("shop", &[][..], "sleep 1000000"),
            ("web", &[][..], web.as_str()),
            ("admin", &ADMIN[..], "sleep 1000000"),
        ] {
            node.run(name, options, command)?;
        }
        Ok(Some(node))
    }

    /// Starts a container that runs `command`.
    pub fn run(&mut self, name: &str, options: &[&str], command: &str) -> anyhow::Result<()> {
        let words: Vec<&str> = command.split(' ').collect();
        let mut arguments = vec!["run", "--detach", "--network", "none", "--user", "0"];
        arguments.extend(["--name", name, "--hostname", name, "--init=false"]);
        arguments.extend(options);
        arguments.extend(["--entrypoint", words[0], IMAGE]);
        arguments.extend(&words[1..]);
        let id = self.docker(&arguments)?;
        self.containers
            .push((name.to_owned(), id.trim().to_owned()));
        Ok(())
    }

    /// 64 hexadecimal digits.
    pub fn container(&self, name: &str) -> Option<&str> {
        let found = self.containers.iter().find(|(own, _)| own == name);
        found.map(|(_, id)| id.as_str())
    }

    /// What the sensor takes for the root of the host's file system, where
    /// it looks for what the engine keeps.
    pub fn root(&self) -> &Path {
        self.engine.service.folder()
    }

    /// Does a step, with `mark` in the command line of its shell. The
    /// script is its input, so that it stands in nobody's command line.
    pub fn play(&self, step: &Step, mark: &str) -> anyhow::Result<()> {
        let (mut command, input) = match (&*step.place, step.by) {
            ("host", _) => return self.shell.run(&step.run, mark),
            (container, Way::Exec) => {
                let command = self.command(&["exec", "--interactive", container, "sh", "-s", mark]);
                (command, step.run.as_str())
            }
            // A terminal of its own, as a person at a prompt has one.
            (container, Way::Tty) => {
                let script = format!(": {mark}; {}", step.run);
                let docker = self.command(&["exec", "--tty", container, "sh", "-c", &script]);
                let words: Vec<String> = std::iter::once(docker.get_program())
                    .chain(docker.get_args())
                    .map(|word| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''")))
                    .collect();
                let mut command = Command::new("script");
                command.args(["--quiet", "--return", "--command", &words.join(" ")]);
                command.arg("/dev/null");
                (command, "")
            }
            // Asked for by somebody in the same network.
            (container, Way::Web) => {
                let script = format!(": {mark}; {}", step.run);
                let page = format!(
                    "http://127.0.0.1:{WEB_PORT}/cgi-bin/page?{}",
                    script.replace(' ', "+")
                );
                (
                    self.command(&["exec", container, "wget", "-q", "-O-", &page]),
                    "",
                )
            }
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to do step '{}'", step.id))?;
        if let Some(mut pipe) = child.stdin.take() {
            // Who ended without reading wanted no input.
            drop(pipe.write_all(input.as_bytes()));
        }
        child.wait_with_output()?;
        Ok(())
    }

    /// Runs docker and says what it said, or why it failed.
    pub fn docker(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command(arguments).output()?;
        if !output.status.success() {
            bail!(
                "docker {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        let host = format!("unix://{}", self.engine.socket.display());
        command.args(["--host", &host]).args(arguments);
        command.stdin(Stdio::null());
        command
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        for (_, id) in &self.containers {
            drop(self.docker(&["rm", "--force", id]));
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// A sensor that runs beside, ended on drop.
#[derive(Debug)]
pub struct Sensor {
    child: std::process::Child,
    log: PathBuf,
}

impl Sensor {
    /// Starts `command` with its words in a file.
    pub fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let file = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .context("failed to start the sensor")?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Why it ended, if it did.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(format!("the sensor ended with {status}: {}", self.log()))
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        drop(
            Command::new("kill")
                .arg(self.child.id().to_string())
                .status(),
        );
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One connection to a server over plain HTTP that is kept open: what is
/// asked again and again must not cost a process each time.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    cookie: String,
    held: Vec<u8>,
}

impl Line {
    pub fn open(address: &str, cookie: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            stream,
            cookie: cookie.to_owned(),
            held: Vec::new(),
        })
    }

    /// The body of the answer, which is JSON.
    pub fn get(&mut self, path: &str) -> anyhow::Result<serde_json::Value> {
        write!(
            self.stream,
            "GET {path} HTTP/1.1\r\nhost: localhost\r\ncookie: {}\r\n\
             sec-fetch-site: none\r\naccept-encoding: identity\r\n\r\n",
            self.cookie
        )?;
        let head = loop {
            if let Some(at) = find(&self.held, b"\r\n\r\n") {
                break String::from_utf8_lossy(&self.held.drain(..at + 4).collect::<Vec<u8>>())
                    .to_ascii_lowercase();
            }
            self.read()?;
        };
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .and_then(|length| length.trim().parse().ok())
            .with_context(|| format!("no length in the head of an answer: {head}"))?;
        while self.held.len() < length {
            self.read()?;
        }
        let body: Vec<u8> = self.held.drain(..length).collect();
        if !head.starts_with("http/1.1 200") {
            bail!("{path}: {head}{}", String::from_utf8_lossy(&body));
        }
        serde_json::from_slice(&body).context("an answer is no JSON")
    }

    fn read(&mut self) -> anyhow::Result<()> {
        let mut piece = [0; 16 << 10];
        let length = self.stream.read(&mut piece)?;
        if length == 0 {
            bail!("the server hung up");
        }
        self.held.extend(piece.iter().take(length));
        Ok(())
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

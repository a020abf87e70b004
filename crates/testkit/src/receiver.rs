//! Real receivers for what the product tells other systems: mail, object
//! storage, a broker, a log server, Alertmanager. Each is a process of
//! its own on loopback that can be killed and started again in place.

use std::{
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::{
    service::{program, spare_port},
    skip::skipped,
};

/// How long one may take until it listens.
const PATIENCE: Duration = Duration::from_mins(1);
const STEP: Duration = Duration::from_millis(100);

/// The names and keys object stores are given.
pub const S3_ACCOUNT: &str = "seawall";
pub const S3_KEY: &str = "seawall-test-key";
pub const BUCKET: &str = "findings";
/// Azurite's published account.
pub const AZURE_ACCOUNT: &str = "devstoreaccount1";
pub const AZURE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// The broker's one topic.
pub const TOPIC: &str = "findings";

const HTTP: &str = r#"
import http.server, os, sys
class Taker(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        with open(sys.argv[2], "a") as lines:
            lines.write(self.headers["webhook-id"] + "\n")
            lines.flush()
            os.fsync(lines.fileno())
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer.allow_reuse_address = True
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Taker).serve_forever()
"#;

/// A receiver's process, gone on drop.
#[derive(Debug)]
pub struct Receiver {
    name: &'static str,
    child: Option<Child>,
    command: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    folder: TempDir,
    pub port: u16,
}

/// Where `scripts/setup test` puts what Debian has not.
pub fn tool(path: &str) -> Option<PathBuf> {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../.tools")
        .join(path);
    if tool.exists() {
        return Some(tool);
    }
    skipped(&format!("no .tools/{path} (scripts/setup test)"));
    None
}

impl Receiver {
    fn new(name: &'static str, command: PathBuf, port: u16) -> anyhow::Result<Self> {
        Ok(Self {
            name,
            child: None,
            command,
            arguments: Vec::new(),
            variables: Vec::new(),
            folder: TempDir::new()?,
            port,
        })
    }

    fn arguments<T: ToString>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        let arguments = arguments.into_iter();
        self.arguments
            .extend(arguments.map(|argument| argument.to_string()));
        self
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    /// Starts it, again where it was.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder().join("log"))?;
        let child = Command::new(&self.command)
            .args(&self.arguments)
            .envs(self.variables.iter().cloned())
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", self.name))?;
        self.child = Some(child);
        let mut waited = Duration::ZERO;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            let ended = match &mut self.child {
                Some(child) => child.try_wait()?,
                None => None,
            };
            if ended.is_some() || waited > PATIENCE {
                bail!("{} does not listen: {}", self.name, self.log());
            }
            thread::sleep(STEP);
            waited += STEP;
        }
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    fn started(mut self) -> Option<Self> {
        match self.start() {
            Ok(()) => Some(self),
            Err(error) => {
                skipped(&format!("{} does not start here: {error:#}", self.name));
                None
            }
        }
    }

    /// A web server that takes everything and writes each request's
    /// `webhook-id` to the file `lines` before it says so.
    pub fn http() -> Option<Self> {
        let python = program("python3")?;
        let port = spare_port();
        let receiver = Self::new("web server", python, port).ok()?;
        let lines = receiver.folder().join("lines").display().to_string();
        receiver
            .arguments(["-c", HTTP])
            .arguments([port.to_string(), lines])
            .started()
    }

    /// A mail server that keeps each message as a file in `mail/new`.
    pub fn smtp() -> Option<Self> {
        let python = tool("python/bin/python")?;
        let has = Command::new(&python)
            .args(["-c", "import aiosmtpd"])
            .output();
        if !has.is_ok_and(|output| output.status.success()) {
            skipped("the Python module aiosmtpd is not in .tools/python");
            return None;
        }
        let port = spare_port();
        let receiver = Self::new("aiosmtpd", python, port).ok()?;
        let mail = receiver.folder().join("mail");
        receiver
            .arguments(["-m", "aiosmtpd", "-n", "-l"])
            .arguments([format!("127.0.0.1:{port}")])
            .arguments(["-c", "aiosmtpd.handlers.Mailbox"])
            .arguments([mail.display()])
            .started()
    }

    /// The messages a mail server has kept.
    pub fn mail(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder().join("mail/new"));
        let files = files.into_iter().flatten().flatten();
        files
            .filter_map(|file| std::fs::read_to_string(file.path()).ok())
            .collect()
    }

    /// An S3 server with an empty bucket.
    pub fn s3() -> Option<Self> {
        let weed = tool("python/bin/weed")?;
        let port = spare_port();
        let receiver = Self::new("seaweedfs", weed, port).ok()?;
        let folder = receiver.folder().to_owned();
        let config = folder.join("s3.json");
        let identity = serde_json::json!({"identities": [{
            "name": "seawall",
            "credentials": [{"accessKey": S3_ACCOUNT, "secretKey": S3_KEY}],
            "actions": ["Admin", "Read", "Write", "List"],
        }]});
        std::fs::write(&config, identity.to_string()).ok()?;
        std::fs::create_dir_all(folder.join("data")).ok()?;
        let mut arguments = vec![
            "server".to_owned(),
            format!("-dir={}", folder.join("data").display()),
            "-ip=127.0.0.1".to_owned(),
            "-ip.bind=127.0.0.1".to_owned(),
            "-s3".to_owned(),
            format!("-s3.config={}", config.display()),
            format!("-s3.port={port}"),
            "-master.volumeSizeLimitMB=64".to_owned(),
            "-volume.max=8".to_owned(),
        ];
        for flag in [
            "s3.port.grpc",
            "master.port",
            "master.port.grpc",
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
        ] {
            arguments.push(format!("-{flag}={}", spare_port()));
        }
        receiver.arguments(arguments).started()
    }

    /// Azure Blob Storage, emulated.
    pub fn azure() -> Option<Self> {
        let azurite = tool("azurite/node_modules/.bin/azurite-blob")?;
        let port = spare_port();
        let receiver = Self::new("azurite", azurite, port).ok()?;
        let folder = receiver.folder().display().to_string();
        receiver
            .arguments(["--skipApiVersionCheck", "--blobPort"])
            .arguments([port.to_string()])
            .arguments(["--location".to_owned(), folder])
            .started()
    }

    /// moto, which answers as AWS does; CloudWatch Logs among it.
    pub fn cloudwatch() -> Option<Self> {
        Self::aws()
    }

    /// moto, which answers as AWS does.
    pub fn aws() -> Option<Self> {
        let moto = tool("python/bin/moto_server")?;
        let port = spare_port();
        Self::new("moto", moto, port)
            .ok()?
            .arguments(["-H", "127.0.0.1", "-p"])
            .arguments([port])
            .started()
    }

    /// An Apache Kafka broker with one topic of three partitions.
    pub fn kafka() -> Option<Self> {
        let jars = tool("kafka")?;
        let java = program("java")?;
        let (port, controller) = (spare_port(), spare_port());
        let mut receiver = Self::new("kafka", java, port).ok()?;
        let folder = receiver.folder().to_owned();
        let properties = folder.join("server.properties");
        let text = format!(
            "process.roles=broker,controller\nnode.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             controller.listener.names=CONTROLLER\nlog.dirs={}\nnum.partitions=3\n\
             offsets.topic.replication.factor=1\ngroup.initial.rebalance.delay.ms=0\n\
             auto.create.topics.enable=false\n",
            folder.join("log.d").display()
        );
        std::fs::write(&properties, text).ok()?;
        let class_path = format!("{}/*", jars.display());
        let formatted = Command::new(&receiver.command)
            .args(["-cp", &class_path, "kafka.tools.StorageTool", "format"])
            .args(["-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c"])
            .arg(&properties)
            .output();
        match formatted {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr).into_owned();
                skipped(&format!("kafka's storage cannot be made: {why}"));
                return None;
            }
            Err(error) => {
                skipped(&format!("kafka's storage cannot be made: {error}"));
                return None;
            }
        }
        receiver.arguments = [
            "-Xmx256m",
            "-Xshare:auto",
            "-cp",
            &class_path,
            "kafka.Kafka",
        ]
        .map(str::to_owned)
        .to_vec();
        receiver.arguments.push(properties.display().to_string());
        let receiver = receiver.started()?;
        let mut why = String::new();
        for _ in 0..3 {
            let made = Command::new(&receiver.command)
                .args(["-cp", &class_path, "org.apache.kafka.tools.TopicCommand"])
                .args(["--create", "--topic", TOPIC, "--partitions", "3"])
                .args(["--if-not-exists", "--bootstrap-server"])
                .arg(format!("127.0.0.1:{port}"))
                .output()
                .ok()?;
            if made.status.success() {
                return Some(receiver);
            }
            why = String::from_utf8_lossy(&made.stdout).into_owned();
            why.push_str(&String::from_utf8_lossy(&made.stderr));
        }
        skipped(&format!("kafka makes no topic: {why}"));
        None
    }

    /// A log server that writes what it understood to the file `lines`:
    /// program, message id, severity and message, a line each.
    pub fn rsyslog() -> Option<Self> {
        let rsyslog = program("rsyslogd")?;
        let port = spare_port();
        let receiver = Self::new("rsyslogd", rsyslog, port).ok()?;
        let folder = receiver.folder().display().to_string();
        let config = format!(
            "global(workDirectory=\"{folder}\" maxMessageSize=\"64k\")\n\
             module(load=\"imtcp\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             template(name=\"line\" type=\"string\" \
             string=\"%app-name%|%msgid%|%syslogseverity-text%|%structured-data%|%msg%\\n\")\n\
             action(type=\"omfile\" file=\"{folder}/lines\" template=\"line\")\n"
        );
        std::fs::write(receiver.folder().join("rsyslog.conf"), config).ok()?;
        receiver
            .arguments(["-n", "-i"])
            .arguments([format!("{folder}/pid"), "-f".to_owned()])
            .arguments([format!("{folder}/rsyslog.conf")])
            .started()
    }

    /// The lines a log server has written.
    pub fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder().join("lines")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub fn alertmanager() -> Option<Self> {
        let alertmanager = program("prometheus-alertmanager")?;
        let port = spare_port();
        let receiver = Self::new("alertmanager", alertmanager, port).ok()?;
        let folder = receiver.folder().display().to_string();
        let config = "route: {receiver: none}\nreceivers: [{name: none}]\n";
        std::fs::write(receiver.folder().join("config.yml"), config).ok()?;
        receiver
            .arguments([
                format!("--config.file={folder}/config.yml"),
                format!("--storage.path={folder}/data"),
                format!("--web.listen-address=127.0.0.1:{port}"),
                "--cluster.listen-address=".to_owned(),
            ])
            .started()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.kill();
    }
}

//! A server of the test's own, which may be killed and started again.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use model::Clock as _;
use serde_json::{Value, json};

use crate::program::Seawall;

pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    /// The folder of its certificate, where it speaks TLS.
    keys: Option<PathBuf>,
    cookie: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    /// Starts a server on a port it keeps, and signs in.
    pub(crate) fn start(seawall: &Seawall) -> Self {
        Self::begin(seawall, None)
    }

    /// The same, speaking TLS: API servers give their token to nobody
    /// else.
    pub(crate) fn start_with_tls(seawall: &Seawall) -> Self {
        certify(seawall.folder());
        Self::begin(seawall, Some(seawall.folder().to_owned()))
    }

    fn begin(seawall: &Seawall, keys: Option<PathBuf>) -> Self {
        let address = format!("127.0.0.1:{}", testkit::service::spare_port());
        let mut child = spawn(seawall, &address, keys.as_deref());
        let out = child.stdout.take().expect("the output is a pipe");
        let link = BufReader::new(out)
            .lines()
            .map_while(Result::ok)
            .find(|line| line.contains("token="))
            .expect("a new server says how to sign in");
        let (_, link_token) = link.split_once("token=").expect("a link has a token");
        let mut server = Self {
            child,
            address,
            keys,
            cookie: String::new(),
        };
        let body = json!({"token": link_token.trim()}).to_string();
        let (head, _) = server.ask("POST", "/api/v1/session", "x: y", body.as_bytes());
        let cookie = head
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "))
            .and_then(|cookie| cookie.split(';').next());
        server.cookie = format!("cookie: {}", cookie.expect("signing in gives a cookie"));
        server
    }

    /// The process it is.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// As if the machine had lost power, but for its disk.
    pub(crate) fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Starts it again where it was.
    pub(crate) fn restart(&mut self, seawall: &Seawall) {
        self.kill();
        self.child = spawn(seawall, &self.address, self.keys.as_deref());
        for _ in 0..600 {
            if TcpStream::connect(&self.address).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the server does not come back");
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.keys.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// What the server's certificate is checked against.
    pub(crate) fn authority(&self) -> Option<PathBuf> {
        Some(self.keys.as_ref()?.join("tls.crt"))
    }

    /// What signs in whoever started it.
    pub(crate) fn cookie(&self) -> &str {
        self.cookie.trim_start_matches("cookie: ")
    }

    /// A token that may do one thing.
    pub(crate) fn token(&self, permission: &str) -> String {
        let now = model::SystemClock.now();
        let expires = now + Duration::from_hours(48);
        let body = json!({"name": permission, "expires": expires.to_string(),
            "permissions": [permission]});
        let made = self.post("/api/v1/tokens", &body);
        let secret = made["secret"].as_str();
        secret.unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (head, body) = self.ask("GET", path, &self.cookie, b"");
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}\n{body}");
        serde_json::from_str(&body).expect("answers are JSON")
    }

    /// The same, or nothing where there is no such thing.
    pub(crate) fn find(&self, path: &str) -> Option<Value> {
        let (head, body) = self.ask("GET", path, &self.cookie, b"");
        head.starts_with("HTTP/1.1 200")
            .then(|| serde_json::from_str(&body).expect("answers are JSON"))
    }

    /// One request as somebody else than who started it.
    pub(crate) fn ask_as(
        &self,
        method: &str,
        path: &str,
        header: &str,
        body: &[u8],
    ) -> (String, String) {
        self.ask(method, path, header, body)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let (head, body) = self.ask("PUT", path, &self.cookie, body.as_bytes());
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}\n{body}");
        serde_json::from_str(&body).expect("answers are JSON")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let (_, body) = self.ask("POST", path, &self.cookie, body.as_bytes());
        serde_json::from_str(&body).expect("answers are JSON")
    }

    /// One request, by curl; head and body of the answer.
    fn ask(&self, method: &str, path: &str, header: &str, body: &[u8]) -> (String, String) {
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--show-error", "--http1.1", "--include"])
            .args(["--max-time", "60", "--request", method])
            .args(["--header", "content-type: application/json"])
            .args(["--header", "sec-fetch-site: none", "--header", header]);
        if let Some(folder) = &self.keys {
            command.arg("--cacert").arg(folder.join("tls.crt"));
        }
        if !body.is_empty() {
            command.args(["--data-binary", "@-"]);
        }
        let mut child = command
            .arg(format!("{}{path}", self.url()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("curl is installed");
        let mut input = child.stdin.take().expect("the input is a pipe");
        input.write_all(body).expect("curl reads the body");
        drop(input);
        let output = child.wait_with_output().expect("curl ends");
        let text = String::from_utf8_lossy(&output.stdout);
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
        (head.to_owned(), body.to_owned())
    }
}

/// A certificate for loopback, signed by itself.
fn certify(folder: &Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=seawall"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-keyout", "tls.key", "-out", "tls.crt"])
        .current_dir(folder)
        .output()
        .expect("openssl is installed");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

fn spawn(seawall: &Seawall, address: &str, keys: Option<&Path>) -> Child {
    let mut command = seawall.command();
    if let Some(folder) = keys {
        command
            .env("SEAWALL__TLS__CERTIFICATE", folder.join("tls.crt"))
            .env("SEAWALL__TLS__KEY", folder.join("tls.key"));
    }
    command
        .args(["server", "--offline", "--listen", address])
        .env("SEAWALL__LIMITS__REQUESTS_PER_MINUTE", "1000000")
        .env("SEAWALL__SCAN__MACHINE", "false")
        .env("SEAWALL__SCAN__IMAGES", "false")
        // Stories that want them say so by a file, and move the clock by
        // another.
        .env(
            "SEAWALL__SCAN__RUNNING",
            seawall.folder().join("running").exists().to_string(),
        )
        .env("SEAWALL_CLOCK_FILE", seawall.folder().join("clock"))
        .env("SEAWALL__SESSION__IDLE", "365d")
        .env("SEAWALL__SESSION__LIFETIME", "365d")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server starts")
}

//! The way to the server: its address, whom to trust, the token.

use std::{
    fs, io, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf, time::Duration,
};

use fetch::{Client, FetchError, Response, Url, is_loopback};

use super::{Settings, ShipError};

/// The longest a token can be.
const MAX_TOKEN: u64 = 4 << 10;
/// The longest silence of the server while it answers.
const IDLE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(5);
/// The longest answer that is read.
pub(super) const MAX_ANSWER: u64 = 4 << 20;

/// Asks the server in the name of the node.
#[derive(Clone, Debug)]
pub(super) struct Link {
    client: Client,
    base: Url,
    environment: Option<String>,
    token_file: PathBuf,
}

impl Link {
    pub(super) fn new(settings: &Settings) -> Result<Self, ShipError> {
        let refuse = |why: String| ShipError::Server {
            server: settings.server.clone(),
            why,
        };
        let server = Url::parse(&settings.server).map_err(|error| refuse(error.to_string()))?;
        match server.scheme() {
            "https" => {}
            "http" if is_loopback(&server) => {}
            "http" => {
                return Err(refuse(
                    "plain HTTP is for this machine's own addresses only; use https".to_owned(),
                ));
            }
            other => return Err(refuse(format!("expected https, not {other}"))),
        }
        let mut base = server.clone();
        base.path_segments_mut()
            .map_err(|()| refuse("expected https://host:port".to_owned()))?
            .pop_if_empty()
            .extend(["api", "v1", "sensors", settings.node.as_str()]);
        let mut fetching = fetch::Settings {
            user_agent: concat!("seawall-sensor/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: CONNECT,
            idle_timeout: IDLE,
            retries: 0,
            ca_file: settings.ca_file.clone(),
            ..fetch::Settings::default()
        };
        if let Some(text) = &settings.fingerprint {
            let fingerprint = fetch::parse_fingerprint(text).ok_or_else(|| {
                refuse(format!(
                    "'{text}' is no SHA-256 fingerprint of a certificate"
                ))
            })?;
            // Known from before, it needs no server to be there.
            let name = format!("server-{}.pem", fingerprint.hex());
            let path = settings.state_dir.join(name);
            if !path.exists() {
                let pem = fetch::pinned_certificate(&server, fingerprint, CONNECT)?;
                write_private(&path, pem.as_bytes())
                    .map_err(|error| refuse(format!("cannot write {}: {error}", path.display())))?;
            }
            fetching.ca_file = Some(path);
        }
        Ok(Self {
            client: Client::new(&fetching)?,
            base,
            environment: settings.environment.clone(),
            token_file: settings.token_file.clone(),
        })
    }

    fn url(&self, part: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(part);
        }
        if let Some(environment) = &self.environment {
            url.query_pairs_mut()
                .append_pair("environment", environment);
        }
        url
    }

    /// Reads the token; it may have been replaced.
    pub(super) fn token(&self) -> io::Result<String> {
        use io::Read as _;
        let mut text = String::new();
        fs::File::open(&self.token_file)?
            .take(MAX_TOKEN)
            .read_to_string(&mut text)?;
        let token = text.trim();
        if token.is_empty() || token.contains(|c: char| c.is_control() || c == ' ') {
            let told = "it holds no token: expected one line";
            return Err(io::Error::new(io::ErrorKind::InvalidData, told));
        }
        Ok(token.to_owned())
    }

    pub(super) fn post(
        &self,
        part: &str,
        token: &str,
        body: Vec<u8>,
    ) -> Result<Response, FetchError> {
        self.client
            .post(&self.url(part))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body)
            .send()
    }

    pub(super) fn get(
        &self,
        part: &str,
        token: &str,
        known: Option<&str>,
    ) -> Result<Response, FetchError> {
        let url = self.url(part);
        let mut request = self
            .client
            .get(&url)
            .header("authorization", format!("Bearer {token}"));
        if let Some(mark) = known.filter(|mark| !mark.is_empty()) {
            request = request.header("if-none-match", format!("\"{mark}\""));
        }
        request.send()
    }
}

/// Writes a file whole or not at all, for nobody else to read.
pub(super) fn write_private(path: &std::path::Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = fs::File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

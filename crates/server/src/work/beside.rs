//! A sensor beside the server: the machine that runs the one is the first
//! the other should watch.
//!
//! It is a program of its own, since it alone needs privileges. Where this
//! server has them, or may have them without being asked for a password,
//! it is started, started again when it ends, and stopped with the server;
//! else the log says how to start it.

use std::{
    fs, io,
    io::Write as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use jiff::SignedDuration;
use model::{Permission, permission::Reach};
use store::{Author, StoreError};
use tokio::process::{Child, Command};

use crate::{
    app::{App, LOCAL},
    token::{self, NewToken},
};

const PROGRAM: &str = "seawall-sensor";
/// How long a token of the sensor works; every start makes another.
const TOKEN_DAYS: i64 = 366;
/// How long it may take to end.
const GRACE: Duration = Duration::from_secs(5);
/// Between two starts, at first and at most.
const PAUSE: [Duration; 2] = [Duration::from_secs(1), Duration::from_mins(1)];
/// One that ran for so long is started again at once.
const LASTED: Duration = Duration::from_mins(2);

/// Why there is no sensor.
#[derive(Debug, thiserror::Error)]
enum BesideError {
    #[error("make a token")]
    Random(#[source] getrandom::Error),
    #[error("make a token")]
    Store(#[from] StoreError),
    #[error("write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("start {}", path.display())]
    Start {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// How a program comes to be root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rights {
    /// The server is.
    Own,
    /// `sudo` asks for no password.
    Sudo,
}

/// Runs a sensor until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    let plan = match Plan::make(&app).await {
        Ok(plan) => plan,
        Err(error) => {
            let error = model::error::chain(&error);
            tracing::warn!(error, "no sensor runs beside this server");
            return;
        }
    };
    let Some(program) = beside_this_program() else {
        tracing::info!(
            "no sensor runs beside this server: there is no {PROGRAM} next to it; build it with \
             `make build`"
        );
        return;
    };
    let Some(rights) = rights().await else {
        tracing::info!(
            "no sensor runs beside this server, which is not root; start one with: sudo {} {}",
            program.display(),
            plan.arguments().join(" ")
        );
        return;
    };
    let mut pause = PAUSE[0];
    loop {
        let began = std::time::Instant::now();
        match plan.start(&program, rights) {
            Ok(child) => {
                if watch(&app, child).await {
                    return;
                }
            }
            Err(error) => {
                let error = model::error::chain(&error);
                tracing::warn!(error, "the sensor beside this server does not start");
            }
        }
        if began.elapsed() >= LASTED {
            pause = PAUSE[0];
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(PAUSE[1]);
    }
}

/// Waits for its end. `true`: the server stops, and so did it.
async fn watch(app: &App, mut child: Child) -> bool {
    tracing::info!(pid = child.id(), "a sensor runs beside this server");
    tokio::select! {
        ended = child.wait() => {
            let how = match ended {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            };
            tracing::warn!(how, "the sensor beside this server ended");
            false
        }
        () = app.shutdown.cancelled() => {
            let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
            if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw)
                && let Err(error) =
                    rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            {
                tracing::debug!(%error, "the sensor is gone already");
            }
            if tokio::time::timeout(GRACE, child.wait()).await.is_err()
                && let Err(error) = child.kill().await
            {
                tracing::warn!(%error, "the sensor does not end");
            }
            true
        }
    }
}

/// How it is started.
#[derive(Debug)]
struct Plan {
    server: String,
    authority: Option<PathBuf>,
    token_file: PathBuf,
    state_dir: PathBuf,
    node: String,
}

impl Plan {
    async fn make(app: &App) -> Result<Self, BesideError> {
        let folder = app.config.data_dir.join("sensor");
        let failed = |source| BesideError::Write {
            path: folder.clone(),
            source,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(failed)?;
        let folder = fs::canonicalize(&folder).map_err(failed)?;
        let token_file = folder.join("token");
        new_token(app, &token_file).await?;
        let is_ours = app.config.speaks_tls() && !app.config.has_own_certificate();
        let certificate = app.config.data_dir.join("tls").join("certificate.pem");
        Ok(Self {
            // A name of the operator's may not be this machine's.
            server: if app.config.has_own_certificate() {
                app.public_url()
            } else {
                own_url(app.address, app.config.speaks_tls())
            },
            authority: is_ours.then(|| fs::canonicalize(&certificate).unwrap_or(certificate)),
            token_file,
            state_dir: folder.join("state"),
            node: app.host.clone(),
        })
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            "run".to_owned(),
            "--server".to_owned(),
            self.server.clone(),
            "--token-file".to_owned(),
            self.token_file.display().to_string(),
            "--state-dir".to_owned(),
            self.state_dir.display().to_string(),
            "--node".to_owned(),
            self.node.clone(),
        ];
        if let Some(authority) = &self.authority {
            arguments.push("--ca-file".to_owned());
            arguments.push(authority.display().to_string());
        }
        arguments
    }

    fn start(&self, program: &Path, rights: Rights) -> Result<Child, BesideError> {
        let mut words: Vec<String> = Vec::new();
        if rights == Rights::Sudo {
            words.extend(["sudo".to_owned(), "-n".to_owned()]);
        }
        // Whatever ends the server, its sensor ends too.
        if Path::new("/usr/bin/setpriv").exists() {
            words.extend(["/usr/bin/setpriv", "--pdeathsig", "TERM", "--"].map(str::to_owned));
        }
        words.push(program.display().to_string());
        words.extend(self.arguments());
        let (first, rest) = words.split_first().expect("invariant: the program itself");
        Command::new(first)
            .args(rest)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| BesideError::Start {
                path: program.to_owned(),
                source,
            })
    }
}

/// How this machine reaches the server.
fn own_url(address: SocketAddr, speaks_tls: bool) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let scheme = if speaks_tls { "https" } else { "http" };
    format!("{scheme}://{}", SocketAddr::new(ip, address.port()))
}

/// The sensor next to this very program.
fn beside_this_program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.parent()?.join(PROGRAM);
    program.is_file().then_some(program)
}

async fn rights() -> Option<Rights> {
    if rustix::process::geteuid().is_root() {
        return Some(Rights::Own);
    }
    let asked = Command::new("sudo")
        .args(["-n", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status();
    let asked = tokio::time::timeout(GRACE, asked).await.ok()?.ok()?;
    asked.success().then_some(Rights::Sudo)
}

/// Makes the sensor's token anew, and the one before worthless.
async fn new_token(app: &App, path: &Path) -> Result<(), BesideError> {
    let now = app.clock.now();
    let before = fs::read_to_string(path).unwrap_or_default();
    if let Some((id, _)) = token::parse(before.trim()) {
        app.store.revoke_token(Author::system(now), id).await?;
    }
    let minted = NewToken::mint().map_err(BesideError::Random)?;
    let new = store::NewToken {
        id: minted.id.clone(),
        hash: minted.secret.hash(),
        name: format!("sensor on {}", app.host),
        account: None,
        parent: None,
        permissions: [Permission::Ingest].into_iter().collect(),
        reach: Reach::from_names([LOCAL.to_owned()]),
        addresses: Vec::new(),
        expires: now + SignedDuration::from_hours(24 * TOKEN_DAYS),
    };
    app.store.create_token(Author::system(now), new).await?;
    let write = || {
        let new = path.with_extension("new");
        let mut file = fs::File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(minted.reveal().as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|source| BesideError::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_reached_on_loopback() {
        for (address, tls, url) in [
            ("127.0.0.1:8470", false, "http://127.0.0.1:8470"),
            ("0.0.0.0:8470", true, "https://127.0.0.1:8470"),
            ("[::]:8470", true, "https://[::1]:8470"),
            ("10.0.0.7:1", true, "https://10.0.0.7:1"),
        ] {
            assert_eq!(own_url(address.parse().unwrap(), tls), url);
        }
    }
}

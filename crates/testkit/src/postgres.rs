//! A real PostgreSQL of the tests' own: one cluster for each test
//! process, a fresh database for each test. It ends, and its folder is
//! removed, when the test process does, however that ends.

use std::{
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::skip::skipped;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_mins(1);
const STEP: Duration = Duration::from_millis(50);

/// Runs the server until nobody holds the other end of standard input,
/// which no way of dying forgets to let go of. A shared cluster is never
/// dropped, so its keeper sweeps up.
const KEEPER: &str = r#"
    "$1/postgres" -D "$2/data" </dev/null >>"$2/log" 2>&1 &
    server=$!
    cat >/dev/null
    kill -QUIT $server 2>/dev/null
    wait $server
    [ "$3" = keep ] || rm -rf "$2"
"#;

/// A cluster of PostgreSQL, listening on a socket in its folder.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    /// Who runs it: PostgreSQL refuses to be root.
    user: Option<(u32, u32)>,
    folder: TempDir,
    /// Never dropped: swept up when the process ends.
    is_shared: bool,
    port: u16,
    running: Option<(Child, ChildStdin)>,
    databases: AtomicU32,
}

/// The cluster this test process shares, or `None` (after saying so)
/// where PostgreSQL is not installed.
pub fn shared() -> Option<&'static Postgres> {
    static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| match Postgres::begin(false, true) {
        Ok(started) => started,
        Err(error) => {
            skipped(&format!("PostgreSQL does not start here: {error:#}"));
            None
        }
    });
    if shared.is_none() {
        skipped("PostgreSQL is not installed");
    }
    shared.as_ref()
}

impl Postgres {
    /// Starts a cluster; `durable`: one that writes to disk as it should.
    pub fn start(durable: bool) -> anyhow::Result<Option<Self>> {
        Self::begin(durable, false)
    }

    fn begin(durable: bool, is_shared: bool) -> anyhow::Result<Option<Self>> {
        let Some(programs) = programs() else {
            return Ok(None);
        };
        let memory = Path::new("/dev/shm");
        let folder = tempfile::Builder::new()
            .prefix("seawall-postgres-")
            .tempdir_in(if memory.is_dir() && !durable {
                memory.to_owned()
            } else {
                std::env::temp_dir()
            })?;
        let user = unprivileged()?;
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid))?;
        }
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let mut cluster = Self {
            programs,
            user,
            folder,
            is_shared,
            port: 5432,
            running: None,
            databases: AtomicU32::new(0),
        };
        let data = cluster.folder.path().join("data");
        let mut initdb = cluster.command(&cluster.programs.join("initdb"));
        // A language's order rather than C's: what relies on the order of
        // bytes must say so itself.
        initdb
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8"])
            .args([
                "--locale=C.UTF-8",
                "--locale-provider=icu",
                "--icu-locale=en-US",
            ])
            .args(["--no-sync", "-D"])
            .arg(data);
        let made = initdb.output().context("failed to run initdb")?;
        if !made.status.success() {
            bail!("initdb: {}", String::from_utf8_lossy(&made.stderr));
        }
        cluster.configure(&format!(
            "unix_socket_directories = '{}'\nlisten_addresses = ''\nmax_connections = 300\n\
             shared_buffers = 64MB\ndynamic_shared_memory_type = mmap\n",
            cluster.folder.path().display()
        ))?;
        if !durable {
            cluster.configure("fsync = off\nfull_page_writes = off\n")?;
        }
        cluster.run()?;
        Ok(Some(cluster))
    }

    /// Lets it be reached over TCP too, with TLS and a password; its
    /// port, and the certificate authority to trust for `localhost`.
    pub fn listen(&mut self, password: &str) -> anyhow::Result<(u16, PathBuf)> {
        let folder = self.folder.path().to_owned();
        let openssl = |arguments: &str| {
            let mut command = self.command(Path::new("openssl"));
            command.current_dir(&folder).args(arguments.split(' '));
            let made = command.output().context("failed to run openssl")?;
            if !made.status.success() {
                bail!("openssl: {}", String::from_utf8_lossy(&made.stderr));
            }
            Ok(())
        };
        let names = folder.join("names");
        std::fs::write(&names, "subjectAltName = DNS:localhost\n")?;
        std::fs::set_permissions(&names, std::fs::Permissions::from_mode(0o644))?;
        openssl(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout ca.key -out ca.crt",
        )?;
        openssl("req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out csr")?;
        openssl(
            "x509 -req -in csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names \
             -out server.crt",
        )?;
        let changed = Command::new(self.programs.join("psql"))
            .arg("--host")
            .arg(&folder)
            .args(["--username=postgres", "--quiet", "-c"])
            .arg(format!("ALTER USER postgres PASSWORD '{password}'"))
            .status()?;
        if !changed.success() {
            bail!("psql could not set the password");
        }
        let port = crate::service::spare_port();
        self.configure(&format!(
            "listen_addresses = 'localhost'\nport = {port}\nssl = on\n\
             ssl_cert_file = '{0}/server.crt'\nssl_key_file = '{0}/server.key'\n",
            folder.display()
        ))?;
        let local = "local all all trust\nhostssl all all all scram-sha-256\n";
        std::fs::write(folder.join("data/pg_hba.conf"), local)?;
        self.port = port;
        self.run()?;
        Ok((port, folder.join("ca.crt")))
    }

    /// Later words win.
    fn configure(&self, words: &str) -> anyhow::Result<()> {
        use std::io::Write as _;
        let file = self.folder.path().join("data/postgresql.conf");
        let mut file = std::fs::File::options().append(true).open(file)?;
        file.write_all(words.as_bytes())?;
        Ok(())
    }

    /// Starts the server; again, after [`Self::kill`].
    pub fn run(&mut self) -> anyhow::Result<()> {
        let mut waited = Duration::ZERO;
        // A server killed a moment ago may still hold what the next one
        // needs; that one then ends at once.
        while waited < PATIENCE {
            self.stop();
            self.spawn()?;
            for _ in 0..100 {
                if self.answers() {
                    return Ok(());
                }
                thread::sleep(STEP);
                waited += STEP;
            }
        }
        bail!("not ready after {PATIENCE:?}: {}", self.log());
    }

    fn spawn(&mut self) -> anyhow::Result<()> {
        let mut keeper = self.command(Path::new("/bin/sh"));
        let mut child = keeper
            .args(["-c", KEEPER, "sh"])
            .arg(&self.programs)
            .arg(self.folder.path())
            .arg(if self.is_shared { "sweep" } else { "keep" })
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("failed to start PostgreSQL")?;
        let input = child.stdin.take().context("a pipe has two ends")?;
        self.running = Some((child, input));
        Ok(())
    }

    /// SIGKILL to the server and all its processes: as if power failed,
    /// but for the disk's cache.
    pub fn kill(&mut self) {
        if let Some(server) = self.pid() {
            let children = format!("/proc/{server}/task/{server}/children");
            let children = std::fs::read_to_string(children).unwrap_or_default();
            let mut kill = Command::new("kill");
            kill.arg("-9")
                .arg(&server)
                .args(children.split_whitespace());
            drop(kill.stderr(Stdio::null()).status());
        }
        self.stop();
    }

    /// What the server has printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Makes a database and says how to connect to it.
    pub fn create_database(&self) -> anyhow::Result<String> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("seawall_{number}");
        let made = Command::new(self.programs.join("createdb"))
            .arg("--host")
            .arg(self.folder.path())
            .args(["--username=postgres", "--template=template0"])
            .arg(format!("--port={}", self.port))
            .arg(&name)
            .output()
            .context("failed to run createdb")?;
        if !made.status.success() {
            bail!("createdb: {}", String::from_utf8_lossy(&made.stderr));
        }
        Ok(format!(
            "postgres://postgres@localhost/{name}?host={}",
            self.folder.path().display()
        ))
    }

    fn answers(&self) -> bool {
        Command::new(self.programs.join("pg_isready"))
            .args(["--quiet", "--host"])
            .arg(self.folder.path())
            .arg(format!("--port={}", self.port))
            .status()
            .is_ok_and(|status| status.success())
    }

    fn pid(&self) -> Option<String> {
        let file = self.folder.path().join("data/postmaster.pid");
        let text = std::fs::read_to_string(file).ok()?;
        text.lines().next().map(str::to_owned)
    }

    fn stop(&mut self) {
        if let Some((mut child, input)) = self.running.take() {
            drop(input);
            drop(child.wait());
        }
    }

    fn command(&self, program: &Path) -> Command {
        let Some((uid, gid)) = self.user else {
            return Command::new(program);
        };
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={uid}"))
            .arg(format!("--regid={gid}"))
            .arg("--clear-groups")
            .arg(program)
            .current_dir("/");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where the newest installed version's programs lie.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version: u32 = path.file_name()?.to_str()?.parse().ok()?;
            let programs = path.join("bin");
            let whole = ["initdb", "postgres", "createdb", "pg_isready"]
                .iter()
                .all(|name| programs.join(name).exists());
            (whole && version >= 15).then_some((version, programs))
        })
        .max()
        .map(|(_, programs)| programs)
}

/// Somebody to be where we are root.
fn unprivileged() -> anyhow::Result<Option<(u32, u32)>> {
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let accounts = std::fs::read_to_string("/etc/passwd")?;
    let find = |wanted: &str| {
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == wanted).then_some(())?;
            Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
        })
    };
    let found = find("postgres").or_else(|| find("nobody"));
    Ok(Some(found.context("no user 'postgres' or 'nobody'")?))
}

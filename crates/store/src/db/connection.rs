//! Databases, and connections to them.

use std::{
    path::{Path, PathBuf},
    str::FromStr as _,
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, PgPool, SqliteConnection, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use url::Url;

use super::{Dialect, Row, Sql, Value, direct::Direct, sql};
use crate::StoreError;

/// Connections that read at once: of a file, and of a server, whose
/// answers take a way.
const READERS: [u32; 2] = [4, 10];
/// What the one who writes a file may keep of it in memory, in KiB: a
/// change of advisories touches pages all over, and with little memory
/// each is written and read again several times before the commit.
const WRITER_CACHE: i64 = 64 << 10;
/// How long another program may keep a file for itself.
const BUSY: Duration = Duration::from_secs(10);
/// How long a server may take to answer a new connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a reader waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(15);
/// What a connection URL may say beside the address.
const PARAMETERS: [&str; 6] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "password_file",
];
const SSL_MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];
/// What every connection to a server is told. All joins look up a few
/// rows by key, in the order they are written in: compiling a plan, or
/// weighing every order of eight tables, takes longer than running it.
/// Files are on disks that seek as fast as they read.
const PLANNER: &str = "SET join_collapse_limit = 4; SET jit = off; SET random_page_cost = 1.1";
/// A reader's plan depends on how rare is what is asked for.
const READER: &str = "SET plan_cache_mode = force_custom_plan; SET statement_timeout = '60s';
    SET default_transaction_read_only = on";
/// A writer looks up by key, also where the table was small when the
/// plan was made: so plans may be kept. Without that, the check that an
/// asset is there would be planned again for every finding.
const WRITER: &str = "SET enable_seqscan = off";
/// The largest file taken for a password.
const MAX_PASSWORD: u64 = 4096;

/// A database that can be connected to.
#[derive(Clone)]
pub(crate) enum Database {
    File(PathBuf),
    Server(Box<PgConnectOptions>),
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name())
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(SqliteConnection),
    /// Of a file, for the thread of the one who writes it.
    Direct(Direct),
    Postgres(PgConnection),
}

/// Connections that read.
#[derive(Clone, Debug)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Database {
    pub(crate) fn file(path: &Path) -> Self {
        Self::File(path.to_owned())
    }

    /// A PostgreSQL server's database, by URL:
    /// `postgres://user@host:port/database?sslmode=…&password_file=…`.
    pub(crate) fn server(url: &str) -> Result<Self, StoreError> {
        // The text of a parse error may repeat the URL, password and all.
        let refuse = |why: &str| StoreError::Url(why.to_owned());
        let mut parsed = Url::parse(url).map_err(|error| refuse(&error.to_string()))?;
        if !matches!(parsed.scheme(), "postgres" | "postgresql") {
            return Err(refuse(&format!(
                "'{}:' is not spoken here, expected postgres://user@host/database",
                parsed.scheme()
            )));
        }
        let mut password_file = None;
        let mut kept = Vec::new();
        for (key, value) in parsed.query_pairs().into_owned() {
            if !PARAMETERS.contains(&key.as_str()) {
                return Err(refuse(&format!(
                    "parameter '{key}' is not known, expected {}",
                    PARAMETERS.join(", ")
                )));
            }
            if key == "sslmode" && !SSL_MODES.contains(&value.as_str()) {
                return Err(refuse(&format!(
                    "sslmode '{value}' is not known, expected {}",
                    SSL_MODES.join(", ")
                )));
            }
            if key == "password_file" {
                password_file = Some(PathBuf::from(value));
            } else {
                kept.push((key, value));
            }
        }
        parsed.set_query(None);
        if !kept.is_empty() {
            parsed.query_pairs_mut().extend_pairs(kept);
        }
        if parsed.path().trim_start_matches('/').is_empty() {
            return Err(refuse(
                "it names no database, expected postgres://user@host/database",
            ));
        }
        let mut options = PgConnectOptions::from_str(parsed.as_str())
            .map_err(|error| refuse(&model::error::chain(&error)))?
            .application_name("seawall");
        if let Some(path) = password_file {
            options = options.password(&read_password(&path)?);
        }
        Ok(Self::Server(Box::new(options)))
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::File(_) => Dialect::Sqlite,
            Self::Server(_) => Dialect::Postgres,
        }
    }

    /// What people call it: never with a password.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Server(options) => {
                let host = options.get_socket().map_or_else(
                    || options.get_host().to_owned(),
                    |socket| socket.display().to_string(),
                );
                format!(
                    "postgres://{}@{host}:{}/{}",
                    options.get_username(),
                    options.get_port(),
                    options.get_database().unwrap_or_default()
                )
            }
        }
    }

    fn options(path: &Path) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // Costs nothing at the writer's batch size and keeps every
            // acknowledged row through a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
    }

    /// A connection that may write.
    pub(crate) async fn connect(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => Self::options(path)
                .connect()
                .await
                .map(Connection::Sqlite)
                .map_err(|source| self.unopened(source)),
            Self::Server(options) => self.connect_to_server(options).await,
        }
    }

    /// The connection of the one who writes. A file's must be used where
    /// waiting for a disk keeps nobody else waiting.
    pub(crate) async fn connect_to_write(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => open_to_write(path).map(Connection::Direct),
            Self::Server(options) => self.connect_to_server(options).await,
        }
    }

    /// A connection that reads a file as it lies there: none is made.
    pub(crate) async fn connect_existing(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => Self::options(path)
                .create_if_missing(false)
                .connect()
                .await
                .map(Connection::Sqlite)
                .map_err(|source| self.unopened(source)),
            Self::Server(options) => self.connect_to_server(options).await,
        }
    }

    /// A connection on which tables may be rebuilt and filled in any
    /// order: dropping one must not cascade.
    pub(crate) async fn connect_to_migrate(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => Self::options(path)
                .foreign_keys(false)
                .connect()
                .await
                .map(Connection::Sqlite)
                .map_err(|source| self.unopened(source)),
            Self::Server(options) => self.connect_to_server(options).await,
        }
    }

    async fn connect_to_server(
        &self,
        options: &PgConnectOptions,
    ) -> Result<Connection, StoreError> {
        let connection = tokio::time::timeout(CONNECT, options.connect())
            .await
            .map_err(|_elapsed| {
                let why = format!("no answer within {} s", CONNECT.as_secs());
                let error = std::io::Error::new(std::io::ErrorKind::TimedOut, why);
                self.unopened(sqlx::Error::Io(error))
            })?
            .map_err(|source| self.unopened(source))?;
        let mut connection = Connection::Postgres(connection);
        connection.run(PLANNER).await?;
        connection.run(WRITER).await?;
        // A writer that hangs must not keep the others out for ever, and
        // what it was told is written must be on disk.
        sql(
            "SELECT set_config('idle_in_transaction_session_timeout', '60s', false),
                 set_config('client_min_messages', 'warning', false),
                 CASE WHEN current_setting('synchronous_commit') = 'off'
                     THEN set_config('synchronous_commit', 'on', false) END",
        )
        .fetch_one(&mut connection)
        .await?;
        Ok(connection)
    }

    /// Connections that only read.
    pub(crate) async fn readers(&self) -> Result<Pool, StoreError> {
        match self {
            Self::File(path) => SqlitePoolOptions::new()
                .max_connections(READERS[0])
                .connect_with(Self::options(path).read_only(true))
                .await
                .map(Pool::Sqlite)
                .map_err(|source| self.unopened(source)),
            Self::Server(options) => PgPoolOptions::new()
                .max_connections(READERS[1])
                .acquire_timeout(ACQUIRE)
                .after_connect(|connection, _| {
                    Box::pin(async move {
                        sqlx::raw_sql(PLANNER).execute(&mut *connection).await?;
                        sqlx::raw_sql(READER).execute(connection).await.map(drop)
                    })
                })
                .connect_with((**options).clone())
                .await
                .map(Pool::Postgres)
                .map_err(|source| self.unopened(source)),
        }
    }

    fn unopened(&self, source: sqlx::Error) -> StoreError {
        StoreError::Open {
            database: self.name(),
            source,
        }
    }
}

fn open_to_write(path: &Path) -> Result<Direct, StoreError> {
    let connection = Direct::open(path, BUSY).map_err(|source| StoreError::OpenFile {
        path: path.to_owned(),
        source,
    })?;
    connection.run(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -{WRITER_CACHE};
         -- What a statement may have to undo: as much as it changes.
         PRAGMA temp_store = MEMORY;
         -- The writer does so when nobody waits for it; the log is cut to
         -- this length when it begins anew: what is written again is not
         -- asked of the file system again.
         PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864"
    ))?;
    Ok(connection)
}

fn read_password(path: &Path) -> Result<String, StoreError> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_PASSWORD).read_to_string(&mut text))
        .map_err(|source| StoreError::PasswordFile {
            path: path.to_owned(),
            source,
        })?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

impl Connection {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) | Self::Direct(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs statements without values; for `BEGIN` and its like.
    pub(crate) async fn run(&mut self, text: &'static str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => {
                sqlx::raw_sql(text).execute(connection).await?;
            }
            Self::Direct(connection) => connection.run(text)?,
            Self::Postgres(connection) => {
                sqlx::raw_sql(text).execute(connection).await?;
            }
        }
        Ok(())
    }

    /// Runs a statement once for each of these rows of values; `?1` is
    /// the first of a row. SQLite's alone: PostgreSQL takes many rows in
    /// one statement, as every answer has a way to go.
    pub(crate) async fn each(
        &mut self,
        text: Sql,
        rows: Vec<Vec<Value>>,
    ) -> Result<Vec<Row>, StoreError> {
        if let Self::Direct(connection) = self {
            let answer = connection.each(text.as_str(), &rows)?;
            return Ok(answer.rows.into_iter().map(Row::Direct).collect());
        }
        let mut found = Vec::new();
        for row in rows {
            let statement = row.into_iter().fold(text.clone(), Sql::bind);
            found.extend(statement.fetch_all(&mut *self).await?);
        }
        Ok(found)
    }

    pub(crate) async fn close(self) {
        let closed = match self {
            Self::Sqlite(connection) => connection.close().await.map_err(StoreError::from),
            Self::Direct(connection) => connection.close().map_err(StoreError::from),
            Self::Postgres(connection) => connection.close().await.map_err(StoreError::from),
        };
        if let Err(error) = closed {
            tracing::debug!(error = %model::error::chain(&error), "closing a connection");
        }
    }
}

impl Pool {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_shows_the_password() {
        let database =
            Database::server("postgres://sea:wall-secret@db.example:5433/record").unwrap();
        assert_eq!(database.name(), "postgres://sea@db.example:5433/record");
        assert!(!format!("{database:?}").contains("wall-secret"));
    }

    #[test]
    fn a_url_that_cannot_serve_says_why_without_its_password() {
        for (url, why) in [
            ("mysql://a:secret@h/d", "'mysql:' is not spoken here"),
            (
                "postgres://a:secret@h/d?sslmod=require",
                "parameter 'sslmod' is not known",
            ),
            ("postgres://a:secret@h", "names no database"),
            (
                "postgres://a:secret@h/d?sslmode=perhaps",
                "sslmode 'perhaps' is not known",
            ),
            ("postgres://a:secret@h:port/d", "port"),
            ("seawall.db", "relative URL"),
        ] {
            let error = Database::server(url).unwrap_err().to_string();
            assert!(error.contains(why), "{url}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_password_is_read_from_its_file_without_the_newline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "pass word\n").unwrap();
        assert_eq!(read_password(&path).unwrap(), "pass word");
        let missing = folder.path().join("missing");
        let url = format!("postgres://a@h/d?password_file={}", missing.display());
        let error = Database::server(&url).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}

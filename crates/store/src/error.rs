//! What can go wrong with the record.

use std::path::PathBuf;

/// The record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("open the database {database}")]
    Open {
        database: String,
        #[source]
        source: sqlx::Error,
    },
    #[error("open the database {}", path.display())]
    OpenFile {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("understand the database's URL: {0}")]
    Url(String),
    #[error("read the database's password from {}", path.display())]
    PasswordFile {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("upgrade the database {database}")]
    Migrate {
        database: String,
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    #[error(
        "open the database {database}: its schema is number {found}, and this program knows up \
         to {known}; start the newer program that wrote it, or restore a backup from before"
    )]
    NewerSchema {
        database: String,
        found: i64,
        known: i64,
    },
    #[error(
        "open the database {database}: its tables are another program's; name an empty database"
    )]
    ForeignSchema { database: String },
    #[error(
        "read the database {database}: its schema is number {found}, and this program's is \
         {known}; `seawall store migrate` upgrades it"
    )]
    OlderSchema {
        database: String,
        found: i64,
        known: i64,
    },
    #[error("read the database {database}: there is no store in it")]
    NoStore { database: String },
    #[error(
        "copy into the database {database}: its table {table} has rows; name an empty database"
    )]
    NotEmpty { database: String, table: String },
    #[error("copy the database {database}: a server is using it")]
    Company { database: String },
    #[error("use the database {database}: {why}")]
    Unsuited { database: String, why: String },
    #[error("copy the table {table}: {why}")]
    Table { table: String, why: String },
    #[error(
        "copy into the database {database}: table {table} does not read back as it was written; \
         nothing was kept"
    )]
    Differs { database: String, table: String },
    #[error("write the backup {}", path.display())]
    Backup {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("lock {}", path.display())]
    Lock {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("open the database {}: another server is using it", path.display())]
    InUse { path: PathBuf },
    #[error("query the database")]
    Query(#[from] sqlx::Error),
    #[error("write the database")]
    Write(#[from] rusqlite::Error),
    #[error("start the thread that writes the database")]
    Writer(#[source] std::io::Error),
    #[error("write the database: the writer has stopped")]
    Closed,
    #[error("write the database: the connection was lost")]
    Lost,
    #[error("commit to the database: {0}")]
    Commit(String),
    #[error("read column {column} of the database")]
    Column {
        column: &'static str,
        #[source]
        source: serde_json::Error,
    },
    #[error("read a stored bill of materials")]
    Sbom(#[source] std::io::Error),
    #[error("pack or read a stored event")]
    Event(#[source] std::io::Error),
    #[error(transparent)]
    Cursor(#[from] crate::CursorError),
    #[error("a finding names rule '{0}', which its batch does not have")]
    NoRule(String),
    #[error("more than {0} findings are selected; narrow the selection")]
    TooMany(usize),
    #[error("no environment named '{0}'")]
    NoEnvironment(String),
}

impl StoreError {
    /// Whether the database went away, rather than refused.
    pub(crate) fn is_disconnect(&self) -> bool {
        let (Self::Query(source) | Self::Open { source, .. }) = self else {
            return false;
        };
        match source {
            sqlx::Error::Io(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::WorkerCrashed => true,
            // Connection exceptions, and a server that stops, crashed,
            // starts, or ended an idle session.
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                code.starts_with("08")
                    || matches!(&*code, "57P01" | "57P02" | "57P03" | "25P03" | "57P05")
            }),
            _ => false,
        }
    }
}

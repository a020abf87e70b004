//! What can go wrong with the record.

use std::path::PathBuf;

/// The record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("open the database {path}")]
    Open {
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
    #[error("upgrade the database {path}")]
    Migrate {
        path: PathBuf,
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    #[error("lock {path}")]
    Lock {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("open the database {path}: another server is using it")]
    InUse { path: PathBuf },
    #[error("query the database")]
    Query(#[from] sqlx::Error),
    #[error("write the database: the writer has stopped")]
    Closed,
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
    #[error(transparent)]
    Cursor(#[from] crate::CursorError),
    #[error("no environment named '{0}'")]
    NoEnvironment(String),
}

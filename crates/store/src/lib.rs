//! The record: everything the server remembers, in SQL.
//!
//! One writer task owns the only writing connection and commits in
//! groups; readers never wait for it. What a caller was told is written
//! survives a crash at any later moment. Every query carries the scope
//! of environments it may see. This room speaks no HTTP and runs no
//! engine; SQL appears nowhere else.

mod assessment;
mod change;
mod counts;
mod environment;
mod error;
mod finding;
mod fix;
mod image;
mod ingest;
mod layer;
mod lease;
mod package;
mod page;
mod row;
mod scan;
mod scope;
mod session;
mod setting;
mod vulnerability;
mod writer;

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

pub use assessment::{Assessment, Outcome, StoredSbom};
pub use change::{Change, ChangeKind, NewChange};
pub use counts::Counts;
pub use environment::Environment;
pub use error::StoreError;
pub use finding::{Finding, FindingColumn, FindingFilter, FindingSort};
pub use fix::{PackageFix, TopFix};
pub use image::{Image, ImageColumn, ImageDocument, ImageFilter, ImageKey, ImageSort, Totals};
pub use layer::{Layer, LayerTotals};
pub use package::{InstalledPackage, PackageFilter, PackageUse};
pub use page::{CursorError, Page, PageRequest};
pub use scan::{NewScan, Scan, ScanEnd, ScanFilter, ScanOrigin, ScanOutcome, ScanState};
pub use scope::Scope;
pub use vulnerability::{
    Vulnerability, VulnerabilityFilter, VulnerabilityFix, VulnerabilityRecord, VulnerabilitySort,
    VulnerabilityUse,
};

use crate::writer::Writer;

/// The record. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    readers: SqlitePool,
    writer: Arc<Writer>,
    /// Held while the store is open: two servers must not share a file.
    _lease: Arc<lease::Lease>,
}

/// A value and how often it occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    pub value: String,
    pub count: u64,
}

const READERS: u32 = 4;

impl Store {
    /// Opens the database at `path`, making or upgrading it as needed.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Open {
            path: path.to_owned(),
            source,
        };
        let lease = lease::Lease::take(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // Costs nothing at the writer's batch size and keeps every
            // acknowledged row through a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let writing = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        sqlx::migrate!()
            .run(&writing)
            .await
            .map_err(|source| StoreError::Migrate {
                path: path.to_owned(),
                source,
            })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true))
            .await
            .map_err(failed)?;
        Ok(Self {
            readers,
            writer: Arc::new(Writer::start(writing)),
            _lease: Arc::new(lease),
        })
    }

    /// The schema, as SQL text.
    pub async fn schema(&self) -> Result<String, StoreError> {
        let statements: Vec<String> = sqlx::query_scalar(
            "SELECT sql FROM sqlite_schema
             WHERE sql IS NOT NULL AND name NOT LIKE '\\_sqlx%' ESCAPE '\\' ORDER BY name",
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(statements
            .iter()
            .flat_map(|statement| [statement.as_str(), ";\n"])
            .collect())
    }

    /// Commits what is under way and closes the files.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

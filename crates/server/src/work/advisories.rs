//! The advisories in use: one immutable generation, shared by all.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use api::database::ProgressUnit;
use fetch::{Client, Settings, Url};
use jiff::Timestamp;
use model::{
    Cancel, Clock, Report, Sbom, Vulnerability, VulnerabilityId, db::DatabaseStatus, scan::Target,
};
use vulns::{
    Database, Judgements, OpenError,
    feed::{self, Event, FeedError, UpdateOptions},
};

use super::{database::Keeper, engine::TOOL};

/// One generation. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Advisories {
    database: Arc<Database>,
}

impl std::fmt::Debug for Advisories {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Advisories")
            .field(&self.status().generation)
            .finish()
    }
}

/// Why advisories could not be brought in, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FeedProblem {
    pub(crate) message: String,
    pub(crate) advice: String,
}

/// The public source of advisories.
pub(crate) fn public_url() -> String {
    UpdateOptions::default().base_url.to_string()
}

impl Advisories {
    /// The newest generation in `dir`, or the embedded starter set.
    pub(crate) fn open(dir: &Path) -> Result<Self, OpenError> {
        Database::open_or_starter(dir).map(Self::of)
    }

    /// The embedded starter set.
    pub(crate) fn starter() -> Result<Self, OpenError> {
        Database::starter().map(Self::of)
    }

    fn of(database: Database) -> Self {
        Self {
            database: Arc::new(database),
        }
    }

    /// Brings a newer generation in over the network. `url` is empty for
    /// the public source.
    pub(crate) fn update(
        dir: &Path,
        url: &str,
        clock: &dyn Clock,
        keeper: &Keeper,
        cancel: &Cancel,
    ) -> Result<Self, FeedProblem> {
        let mut options = UpdateOptions::default();
        if !url.is_empty() {
            options.base_url = Url::parse(url).map_err(|error| FeedProblem {
                message: format!("understand advisories.url '{url}': {error}"),
                advice: "correct advisories.url in the configuration".to_owned(),
            })?;
        }
        let client = Client::new(&Settings::default()).map_err(|error| FeedProblem {
            message: model::error::chain(&error),
            advice: "check the machine's certificates and proxy settings".to_owned(),
        })?;
        feed::update(dir, &options, &client, clock, &Ear::new(keeper), cancel)
            .map_err(|error| explain(&error))?;
        Self::reopen(dir)
    }

    /// Brings a newer generation in from a file.
    pub(crate) fn import(
        dir: &Path,
        path: &Path,
        clock: &dyn Clock,
        keeper: &Keeper,
        cancel: &Cancel,
    ) -> Result<Self, FeedProblem> {
        let paths = [PathBuf::from(path)];
        feed::import(dir, &paths, &[], clock, &Ear::new(keeper), cancel)
            .map_err(|error| explain(&error))?;
        Self::reopen(dir)
    }

    fn reopen(dir: &Path) -> Result<Self, FeedProblem> {
        Self::open(dir).map_err(|error| FeedProblem {
            message: model::error::chain(&error),
            advice: "update or import again".to_owned(),
        })
    }

    pub(crate) fn status(&self) -> &DatabaseStatus {
        self.database.status()
    }

    /// An earlier generation, where its file is still there.
    pub(crate) fn earlier(dir: &Path, name: &str) -> Result<Self, OpenError> {
        Database::open_generation(dir, name).map(Self::of)
    }

    pub(crate) fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }

    /// What is known under this id, or under an alias.
    pub(crate) fn vulnerability(&self, id: &VulnerabilityId) -> Option<Vulnerability> {
        let id = self.database.canonical_id(id.as_str())?;
        self.database.vulnerability(&id)
    }

    /// Matches a bill of materials.
    pub(crate) fn assess(
        &self,
        sbom: Sbom,
        target: Target,
        judgements: &Judgements,
        now: Timestamp,
    ) -> Report {
        vulns::assess(&self.database, sbom, target, judgements, TOOL, now)
    }
}

fn explain(error: &FeedError) -> FeedProblem {
    let advice = match error {
        FeedError::Fetch { .. }
        | FeedError::Status { .. }
        | FeedError::AllFailed { .. }
        | FeedError::Address { .. } => {
            "without a way to the network, import a file made by `seawall db export` on a machine \
             that has one"
        }
        FeedError::Busy(_) => "wait until the other update has ended",
        FeedError::NothingFound(_) | FeedError::OpenArchive { .. } | FeedError::Bundle { .. } => {
            "import a zip of OSV records, or a bundle made by `seawall db export`"
        }
        _ => "see the server's log, then try again",
    };
    FeedProblem {
        message: format!("failed to {}", model::error::chain(error)),
        advice: advice.to_owned(),
    }
}

/// Hands the feed's progress to the keeper.
struct Ear<'a> {
    keeper: &'a Keeper,
    bytes: AtomicU64,
    expected: AtomicU64,
}

impl<'a> Ear<'a> {
    fn new(keeper: &'a Keeper) -> Self {
        Self {
            keeper,
            bytes: AtomicU64::new(0),
            expected: AtomicU64::new(0),
        }
    }

    fn source(&self, source: &str) {
        let expected = self.expected.load(Ordering::Relaxed);
        self.keeper.progress(
            source,
            self.bytes.load(Ordering::Relaxed),
            (expected > 0).then_some(expected),
            ProgressUnit::Bytes,
        );
    }
}

impl feed::Progress for Ear<'_> {
    fn report(&self, event: Event<'_>) {
        match event {
            Event::Started { source, bytes } => {
                self.bytes.store(0, Ordering::Relaxed);
                self.expected.store(bytes.unwrap_or(0), Ordering::Relaxed);
                self.source(source);
            }
            Event::Advanced { source, bytes } => {
                self.bytes.store(bytes, Ordering::Relaxed);
                self.source(source);
            }
            Event::Compiling { done, total } => {
                self.keeper
                    .progress("compiling", done, Some(total), ProgressUnit::Records);
            }
            Event::Warning(warning) => {
                tracing::warn!(warning = %warning, "advisories left out");
            }
            _ => {}
        }
    }
}

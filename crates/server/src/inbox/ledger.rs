//! How far was judged, and what was counted until there: one small file,
//! replaced by rename.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::health::{Clusters, Remembered};

pub(super) const FILE: &str = "ledger.json";
/// What rules remember, as of some position before the ledger's.
pub(super) const WINDOWS: &str = "windows.json";

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{what} {}", path.display())]
pub struct LedgerError {
    what: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Ledger {
    /// The first record that was not judged.
    unread: u64,
    clusters: Vec<Remembered>,
}

pub(super) fn read(path: &Path) -> Result<(u64, Clusters), LedgerError> {
    let failed = |what: &'static str| {
        move |source: io::Error| LedgerError {
            what,
            path: path.to_owned(),
            source,
        }
    };
    let ledger: Ledger = match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(io::Error::from)
            .map_err(failed(
                "understand (remove it to judge again all that is kept)",
            ))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ledger::default(),
        Err(error) => return Err(failed("read")(error)),
    };
    Ok((ledger.unread, Clusters::recall(ledger.clusters)))
}

pub(super) fn text(unread: u64, clusters: &Clusters) -> String {
    let ledger = Ledger {
        unread,
        clusters: clusters.remembered(),
    };
    serde_json::to_string(&ledger).expect("invariant: plain data")
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), LedgerError> {
    let beside = path.with_extension("new");
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        // A rename may reach the disk before what it names.
        file.sync_data()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| LedgerError {
        what: "write",
        path: path.to_owned(),
        source,
    })
}

//! Items the server will never take, kept for whoever wants to know why.

use std::{
    fs::File,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::spool::Item;

/// The longest the file may grow; what comes later is only counted.
const MOST: u64 = 1 << 20;

/// The file they are put into, one a line.
pub(super) fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("refused.jsonl")
}

/// Puts an item aside. `false`: the file is full.
pub(super) fn put(state_dir: &Path, item: &Item, reason: &str) -> io::Result<bool> {
    let path = path(state_dir);
    let mut file = File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)?;
    let reason = serde_json::to_string(reason)?;
    let payload = String::from_utf8_lossy(&item.payload);
    let line = format!("{{\"reason\":{reason},\"item\":{payload}}}\n");
    if file.metadata()?.len() + line.len() as u64 > MOST {
        return Ok(false);
    }
    file.write_all(line.as_bytes())?;
    Ok(true)
}

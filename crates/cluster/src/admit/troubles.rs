//! What goes wrong while admission runs, by what was tried: told in the
//! log as it changes, and to the server for as long as it lasts.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

pub(super) type Troubles = Arc<Mutex<BTreeMap<String, String>>>;

/// Notes how something went.
pub(super) fn note(troubles: &Troubles, what: &str, outcome: Result<(), String>) {
    let mut all = troubles.lock().expect("invariant: no panic under the lock");
    match outcome {
        Ok(()) => {
            all.remove(what);
        }
        Err(error) => {
            let told = format!("{what}: {error}");
            if all.get(what) != Some(&told) {
                tracing::warn!(error = told, "admission is not as it should be");
            }
            all.insert(what.to_owned(), told);
        }
    }
}

//! Events through an engine, and where recorded ones lie.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rules::{
    audit::{self, Tape},
    engine::{Engine, State},
    rule::Rule,
};

/// Rules that match and have not kept quiet, by id, in order.
pub(crate) fn run(
    engine: &Engine,
    state: &mut State,
    event: &[u8],
) -> Result<Vec<std::sync::Arc<Rule>>, audit::Error> {
    let mut tape = Tape::default();
    let event = audit::Event::read(event, &mut tape)?;
    let mut found = Vec::new();
    engine.audit(state, &event, Timestamp::MAX, &mut |hit| {
        if !hit.is_repeat {
            found.push(std::sync::Arc::clone(hit.rule));
        }
    });
    Ok(found)
}

/// A file of the shared test data, or `None` after saying so.
#[expect(
    clippy::print_stdout,
    reason = "where the files are is the test's own argument"
)]
pub(crate) fn data(file: &str) -> Option<PathBuf> {
    let base = std::env::var_os("SEAWALL_TESTDATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = base.join(file);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: test data '{file}' is not here (set SEAWALL_TESTDATA)");
    None
}

//! Tests that cannot run here say so, in words a summary can collect.

/// Prints `skipped: <why>`; the caller returns.
#[expect(clippy::print_stdout, reason = "collected by scripts/test")]
pub fn skipped(why: &str) {
    println!("skipped: {why}");
}

/// Where the shared test data lies, or `None` (after saying so).
pub fn data(folder: &str) -> Option<std::path::PathBuf> {
    let base = std::env::var_os("SEAWALL_TESTDATA").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        std::path::PathBuf::from,
    );
    let path = base.join(folder);
    if path.exists() {
        Some(path)
    } else {
        skipped(&format!(
            "test data '{folder}' is not here (set SEAWALL_TESTDATA)"
        ));
        None
    }
}

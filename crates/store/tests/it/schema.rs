//! The schema is a committed file.

use std::path::Path;

#[tokio::test]
async fn the_committed_schema_is_what_the_migrations_make() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seawall.db");
    let store = store::Store::open(&path).await.unwrap();
    let generated = store.schema().await.unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.sql");
    if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, generated).unwrap();
        return;
    }
    assert!(
        std::fs::read_to_string(&golden).unwrap_or_default() == generated,
        "crates/store/schema.sql is stale: run with SEAWALL_UPDATE_GOLDEN=1"
    );
}

//! The schema is a committed file for each database.

use std::path::Path;

use crate::sample::{TestStore, on_each_database};

async fn the_committed_schema_is_what_the_migrations_make(test: &TestStore) {
    let generated = test.store.schema().await.unwrap();
    let name = match test.store.dialect() {
        store::Dialect::Sqlite => "schema.sql",
        store::Dialect::Postgres => "schema.postgres.sql",
    };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, generated).unwrap();
        return;
    }
    assert!(
        std::fs::read_to_string(&golden).unwrap_or_default() == generated,
        "crates/store/{name} is stale: run with SEAWALL_UPDATE_GOLDEN=1"
    );
}

on_each_database! {
    the_committed_schema_is_what_the_migrations_make,
}

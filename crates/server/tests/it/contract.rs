//! The wire contract is a committed file.

use std::path::Path;

#[test]
fn the_committed_contract_is_what_the_routes_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/openapi.json");
    let generated = server::openapi();
    if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, generated).unwrap();
        return;
    }
    assert!(
        generated == api::OPENAPI_JSON,
        "crates/api/openapi.json is stale: run with SEAWALL_UPDATE_GOLDEN=1"
    );
}

//! Reaching a PostgreSQL server: over TLS, with a password from a file.

use store::{Place, Store};
use testkit::postgres::Postgres;

#[tokio::test]
async fn a_server_is_trusted_by_its_certificate_and_trusts_us_by_a_password() {
    let Some(mut cluster) = Postgres::start(false).unwrap() else {
        testkit::skipped("PostgreSQL is not installed");
        return;
    };
    cluster.create_database().unwrap();
    let (port, authority) = cluster.listen("hunter2").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [right, wrong] = ["right", "wrong"].map(|name| folder.path().join(name));
    std::fs::write(&right, "hunter2\n").unwrap();
    std::fs::write(&wrong, "swordfish\n").unwrap();
    let url = |host: &str, mode: &str, rest: &str| {
        format!("postgres://postgres@{host}:{port}/seawall_0?sslmode={mode}{rest}")
    };
    let trusted = format!("&sslrootcert={}", authority.display());
    let with = |path: &std::path::Path| format!("{trusted}&password_file={}", path.display());

    let store = Store::connect(&url("localhost", "verify-full", &with(&right)))
        .await
        .unwrap();
    store.put_setting("there", "yes").await.unwrap();
    assert_eq!(
        store.setting("there").await.unwrap().as_deref(),
        Some("yes")
    );
    store.close().await;

    // Who does not know the authority, or asked for another name, goes.
    let unknown = format!("&password_file={}", right.display());
    for url in [
        url("localhost", "verify-full", &unknown),
        url("127.0.0.1", "verify-full", &with(&right)),
        url("localhost", "disable", &with(&right)),
        url("localhost", "verify-full", &with(&wrong)),
    ] {
        let place = Place::server(&url).unwrap();
        let error = model::error::chain(&Store::at(&place).await.unwrap_err());
        assert!(
            error.starts_with("open the database postgres://postgres@"),
            "{error}"
        );
        for secret in ["hunter2", "swordfish"] {
            assert!(!error.contains(secret), "{error}");
        }
    }
}

#[tokio::test]
async fn a_server_that_died_and_came_back_is_found_again() {
    let Some(mut cluster) = Postgres::start(true).unwrap() else {
        testkit::skipped("PostgreSQL is not installed");
        return;
    };
    let url = cluster.create_database().unwrap();
    let store = Store::connect(&url).await.unwrap();
    store.put_setting("before", "yes").await.unwrap();
    assert!(store.setting("before").await.unwrap().is_some());
    cluster.kill();
    // Asked for while nobody answers, done once somebody does.
    let again = tokio::task::spawn_blocking(move || {
        let ran = cluster.run();
        (cluster, ran)
    });
    let (waited, again) = tokio::join!(store.put_setting("meanwhile", "yes"), again);
    let (cluster, ran) = again.unwrap();
    ran.unwrap();
    // The first attempt may have met the dying server.
    if waited.is_err() {
        store.put_setting("meanwhile", "yes").await.unwrap();
    }
    for name in ["before", "meanwhile"] {
        let value = store.setting(name).await.unwrap();
        assert_eq!(value.as_deref(), Some("yes"), "{name}");
    }
    store.close().await;
    drop(cluster);
}

//! Moving, backing up, checking and pruning the record.

use model::Severity;
use store::{Copied, FindingFilter, FindingSort, PageRequest, Place, Retention, Store, StoreError};

use crate::sample::{TestStore, image, on_each_database, time};

const FINDINGS: [(&str, &str, Severity); 2] = [
    ("CVE-2014-0160", "openssl", Severity::High),
    ("CVE-2014-6271", "bash", Severity::Critical),
];

async fn fill(store: &Store) {
    for number in 0..3 {
        let name = format!("web:{number}");
        store
            .put_report("local", image(&name, &name, number, &FINDINGS))
            .await
            .unwrap();
    }
    // Text that means something to SQL, and what no encoding spares.
    store
        .put_setting("odd", "it's ? a \"test\" -- \\ é \u{1F300}")
        .await
        .unwrap();
}

async fn copy(from: &Place, to: &Place) -> Result<Copied, StoreError> {
    store::copy(from, to, &mut |_| {}).await
}

/// A place like `test`'s with nothing in it.
fn elsewhere(test: &TestStore, folder: &tempfile::TempDir) -> Place {
    match test.store.dialect() {
        store::Dialect::Sqlite => Place::file(&folder.path().join("elsewhere.db")),
        store::Dialect::Postgres => {
            let cluster = testkit::postgres::shared().unwrap();
            Place::server(&cluster.create_database().unwrap()).unwrap()
        }
    }
}

async fn a_copy_there_and_back_is_the_same_to_the_last_bit(test: &TestStore) {
    let folder = tempfile::tempdir().unwrap();
    fill(&test.store).await;
    // A file has one master.
    test.store.close().await;
    let here = test.place();
    let Some(cluster) = testkit::postgres::shared() else {
        return;
    };
    let server = Place::server(&cluster.create_database().unwrap()).unwrap();
    let file = Place::file(&folder.path().join("back.db"));
    let mut heard = 0;
    let there = store::copy(&here, &server, &mut |progress| {
        assert!(progress.rows <= progress.of);
        heard += 1;
    })
    .await
    .unwrap();
    assert!(heard > there.tables.len());
    let back = copy(&server, &file).await.unwrap();
    assert_eq!(there, back);
    let findings = there.tables.iter().find(|table| table.name == "finding");
    assert_eq!(findings.unwrap().rows, 6);
    assert!(store::check(&server).await.unwrap().problems.is_empty());
    assert!(store::check(&file).await.unwrap().problems.is_empty());

    // And it goes on from there: ids do not start again.
    for place in [&server, &file] {
        let store = Store::at(place).await.unwrap();
        let odd = store.setting("odd").await.unwrap().unwrap();
        assert_eq!(odd, "it's ? a \"test\" -- \\ é \u{1F300}");
        store
            .put_report("local", image("api:1", "api", 9, &FINDINGS))
            .await
            .unwrap();
        let scope = store.scope(None).await.unwrap();
        let filter = FindingFilter::default();
        let page = store
            .findings(
                &scope,
                &filter,
                FindingSort::Severity,
                &PageRequest::first(100),
            )
            .await
            .unwrap();
        assert_eq!(page.items.len(), 8);
        store.close().await;
    }
}

async fn a_copy_never_goes_where_something_is(test: &TestStore) {
    let folder = tempfile::tempdir().unwrap();
    fill(&test.store).await;
    test.store.close().await;
    let here = test.place();
    let there = elsewhere(test, &folder);
    let other = Store::at(&there).await.unwrap();
    other.put_setting("mine", "keep").await.unwrap();
    other.close().await;
    drop(other);
    let error = copy(&here, &there).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::NotEmpty { table, .. } if table == "setting"),
        "{error}"
    );
    let other = Store::at(&there).await.unwrap();
    assert_eq!(
        other.setting("mine").await.unwrap().as_deref(),
        Some("keep")
    );
    assert!(other.environments().await.unwrap().is_empty());
}

async fn a_copy_is_not_made_behind_a_servers_back(test: &TestStore) {
    let folder = tempfile::tempdir().unwrap();
    fill(&test.store).await;
    let there = elsewhere(test, &folder);
    let error = copy(&test.place(), &there).await.unwrap_err().to_string();
    assert!(error.contains("server is using it"), "{error}");
}

async fn a_backup_is_taken_while_others_write_and_can_be_restored(test: &TestStore) {
    let folder = tempfile::tempdir().unwrap();
    fill(&test.store).await;
    let path = folder.path().join("backup.db");
    let place = test.place();
    let writing = test.store.clone();
    let mut quiet = |_: store::CopyProgress<'_>| {};
    let (backup, ()) = tokio::join!(store::backup(&place, &path, &mut quiet), async move {
        for number in 0..50 {
            writing
                .put_setting(&format!("meanwhile-{number}"), "written")
                .await
                .unwrap();
        }
    });
    let backup = backup.unwrap();
    assert!(backup.bytes > 0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let error = store::backup(&place, &path, &mut |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("backup.db"), "{error}");

    let restored = elsewhere(test, &folder);
    let copied = copy(&Place::file(&path), &restored).await.unwrap();
    assert!(copied.rows() > 0);
    let store = Store::at(&restored).await.unwrap();
    let scope = store.scope(None).await.unwrap();
    assert_eq!(store.totals(&scope).await.unwrap().findings.total(), 6);
}

async fn a_sound_store_has_no_problems_and_shrinks(test: &TestStore) {
    fill(&test.store).await;
    let place = test.place();
    let check = store::check(&place).await.unwrap();
    assert_eq!(check.problems, [""; 0]);
    assert_eq!(check.schema, check.known);
    let findings = check.tables.iter().find(|(name, _)| name == "finding");
    assert_eq!(findings.unwrap().1, 6);
    let large = "x".repeat(2_000_000);
    test.store.put_setting("large", &large).await.unwrap();
    test.store.put_setting("large", "").await.unwrap();
    test.store.close().await;
    let (before, after) = store::vacuum(&test.place()).await.unwrap();
    // How much of a server's files comes back is the server's choice.
    if test.store.dialect() == store::Dialect::Sqlite {
        assert!(after + 1_000_000 < before, "{before} {after}");
    }
}

async fn what_is_over_is_let_go_of_and_what_is_not_stays(test: &TestStore) {
    let store = &test.store;
    fill(store).await;
    // Resolved at minute 20, in one image.
    store
        .put_report("local", image("web:0", "web:0", 20, &FINDINGS[..1]))
        .await
        .unwrap();
    let scope = store.scope(None).await.unwrap();
    let keep = |minute| Retention {
        resolved: time(minute),
        history: time(minute),
        changes: time(minute),
        scans: time(minute),
        decisions: time(minute),
    };
    let none = store.prune(keep(0)).await.unwrap();
    assert_eq!(none.total(), 0);
    let young = store.prune(keep(20)).await.unwrap();
    assert_eq!((young.resolved, young.changes), (0, 3));
    let old = store.prune(keep(21)).await.unwrap();
    assert_eq!((old.resolved, old.changes), (1, 1));
    assert_eq!(store.prune(keep(21)).await.unwrap().total(), 0);
    assert_eq!(store.check_roll_ups().await.unwrap(), []);
    let filter = FindingFilter::default();
    let page = store
        .findings(
            &scope,
            &filter,
            FindingSort::Severity,
            &PageRequest::first(100),
        )
        .await
        .unwrap();
    assert_eq!(page.items.len(), 5);
}

async fn a_newer_schema_is_left_alone(test: &TestStore) {
    let place = test.place();
    test.run("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1")
        .await;
    test.store.close().await;
    let error = Store::at(&place).await.unwrap_err().to_string();
    assert!(error.contains("its schema is number 9999"), "{error}");
    assert!(error.contains("start the newer program"), "{error}");
}

async fn another_programs_database_is_left_alone(test: &TestStore) {
    let place = test.place();
    test.run("DROP TABLE _sqlx_migrations").await;
    test.store.close().await;
    let error = Store::at(&place).await.unwrap_err();
    assert!(matches!(error, StoreError::ForeignSchema { .. }), "{error}");
    let error = store::check(&place).await.unwrap_err();
    assert!(matches!(error, StoreError::ForeignSchema { .. }), "{error}");
}

on_each_database! {
    a_copy_there_and_back_is_the_same_to_the_last_bit,
    a_copy_never_goes_where_something_is,
    a_copy_is_not_made_behind_a_servers_back,
    a_backup_is_taken_while_others_write_and_can_be_restored,
    a_sound_store_has_no_problems_and_shrinks,
    what_is_over_is_let_go_of_and_what_is_not_stays,
    a_newer_schema_is_left_alone,
    another_programs_database_is_left_alone,
}

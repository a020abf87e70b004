//! How the planners of both databases run what is asked most: a look-up
//! must not become a walk when the tables grow.

use jiff::Timestamp;
use model::{FindingKind, FindingState};

use crate::{
    FindingFilter, FindingSort, Lease, PageRequest, Store,
    care::retention,
    db::{Dialect, Sql},
    finding, scan,
};

/// A store on each database there is.
async fn stores() -> (Vec<Store>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seawall.db");
    let mut stores = vec![Store::open(&path).await.unwrap()];
    if let Some(cluster) = testkit::postgres::shared() {
        let url = cluster.create_database().unwrap();
        stores.push(Store::connect(&url).await.unwrap());
    }
    for store in &stores {
        store.ensure_environment("local", "", false).await.unwrap();
    }
    (stores, folder)
}

async fn assert_uses(stores: &[Store], index: &str, query: impl Fn() -> Sql) {
    for store in stores {
        let plan = query().plan(&store.readers).await;
        assert!(
            plan.contains(index),
            "{}:\n{plan}",
            store.dialect().as_str()
        );
    }
}

async fn findings(stores: &[Store], filter: &FindingFilter, sort: FindingSort, index: &str) {
    let scope = stores[0].scope(None).await.unwrap();
    let runs: Vec<finding::Run> = FindingKind::ALL
        .into_iter()
        .map(|kind| finding::Run {
            environment: 1,
            kind: finding::kind_number(kind),
            findings: 1,
        })
        .collect();
    let page = PageRequest::first(50);
    assert_uses(stores, index, || {
        finding::list_query(&scope, filter, sort, &runs, &page, Dialect::Sqlite).unwrap()
    })
    .await;
}

#[tokio::test]
async fn the_queue_is_read_off_its_index() {
    let (stores, _folder) = stores().await;
    let filter = FindingFilter {
        states: vec![FindingState::Open],
        ..FindingFilter::default()
    };
    findings(&stores, &filter, FindingSort::Severity, "finding_queue").await;
}

#[tokio::test]
async fn where_a_vulnerability_is_is_looked_up() {
    let (stores, _folder) = stores().await;
    let filter = FindingFilter {
        states: vec![FindingState::Open],
        rule: Some("x".to_owned()),
        ..FindingFilter::default()
    };
    // What PostgreSQL prefers depends on what is in the tables: nothing.
    let sqlite = &stores[..1];
    findings(sqlite, &filter, FindingSort::Newest, "finding_by_rule").await;
}

#[tokio::test]
async fn what_is_over_is_found_without_reading_what_is_not() {
    let (stores, _folder) = stores().await;
    let query = || retention::resolved_before(Timestamp::UNIX_EPOCH);
    assert_uses(&stores, "finding_resolved", query).await;
}

#[tokio::test]
async fn the_next_scan_is_the_first_of_its_index() {
    let (stores, _folder) = stores().await;
    let lease = Lease {
        holder: "",
        until: Timestamp::UNIX_EPOCH,
    };
    let query = || scan::next(Timestamp::UNIX_EPOCH, 8, &[], lease);
    assert_uses(&stores, "scan_active", query).await;
}

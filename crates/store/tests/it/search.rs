//! Looking for text in what findings say, with an index and without.

use model::{AssetKind, FindingKind, Fingerprint, Severity};
use sqlx::{Connection as _, PgConnection};
use store::{FindingFilter, FindingSort, NewFinding, PageRequest, Sight, Store};

use crate::{
    life::{list, put, seen},
    sample::{TestStore, on_each_database, time},
};

/// More than are read one by one.
const MANY: usize = 3200;

fn saying(number: usize, summary: &str) -> NewFinding {
    NewFinding {
        fingerprint: Fingerprint::of(&["search", &number.to_string()]),
        summary: Some(summary.to_owned()),
        ..seen("shell", "web", Severity::Low)
    }
}

async fn found(test: &TestStore, query: &str) -> Vec<String> {
    let mut lines: Vec<String> = list(&test.store, query)
        .await
        .into_iter()
        .filter_map(|finding| finding.summary)
        .collect();
    lines.sort();
    lines
}

async fn text_in_lines_is_found_as_it_is_written(test: &TestStore) {
    let store = &test.store;
    let mut findings: Vec<NewFinding> = (0..MANY)
        .map(|number| saying(number, &format!("process {number} began")))
        .collect();
    for (number, summary) in [
        "it said \"never\" twice",
        "100% of café_x was read",
        "CAFÉ was closed",
        "abcde and fghij",
    ]
    .into_iter()
    .enumerate()
    {
        findings.push(saying(MANY + number, summary));
    }
    put(store, 1, Sight::Partial, findings).await;

    for (text, expected) in [
        ("\"process 3199\"", &["process 3199 began"][..]),
        ("\"PROCESS 77 b\"", &["process 77 began"]),
        ("\"said \\\"never\\\"\"", &["it said \"never\" twice"]),
        ("\"100% of\"", &["100% of café_x was read"]),
        ("\"café_x\"", &["100% of café_x was read"]),
        // Only the letters a to z are the same in either case.
        ("\"CAFÉ was\"", &["CAFÉ was closed"]),
        ("\"café was\"", &[]),
        ("abc*fgh", &["abcde and fghij"]),
        ("fgh*abc", &[]),
        ("\"nothing like it\"", &[]),
        ("\"process 3199\" severity:high", &[]),
    ] {
        assert_eq!(found(test, text).await, expected, "{text}");
    }
}

async fn a_line_that_changed_or_went_is_found_no_more(test: &TestStore) {
    let store = &test.store;
    let findings = (0..MANY)
        .map(|number| saying(number, &format!("process {number} began")))
        .collect();
    put(store, 1, Sight::Partial, findings).await;
    put(store, 2, Sight::Partial, vec![saying(5, "something new")]).await;
    assert!(found(test, "\"process 5 began\"").await.is_empty());
    assert_eq!(found(test, "\"thing new\"").await, ["something new"]);

    // All there is of the container: the others are resolved.
    let asset = seen("shell", "web", Severity::Low).asset;
    let whole = Sight::Whole {
        kind: FindingKind::Alert,
        rules: Vec::new(),
        assets: vec![asset],
    };
    let left = (0..MANY - 1)
        .map(|number| saying(number, &format!("process {number} began")))
        .collect();
    put(store, 3, whole, left).await;
    assert_eq!(
        found(test, "\"process 5 began\"").await,
        ["process 5 began"]
    );
    assert!(found(test, "\"process 3199\"").await.is_empty());

    // What the database removes by itself it removes there too.
    test.run("DELETE FROM asset WHERE name = 'web'").await;
    test.run(
        "UPDATE asset SET own_low = 0, low = 0; DELETE FROM rule_use; DELETE FROM finding_count;
         DELETE FROM place_count",
    )
    .await;
    assert!(found(test, "\"process 6 began\"").await.is_empty());
    if store.dialect() == store::Dialect::Sqlite {
        test.run("INSERT INTO finding_line (finding_line, rank) VALUES ('integrity-check', 1)")
            .await;
    }
}

async fn places_follow_assets_that_move(test: &TestStore) {
    let store = &test.store;
    put(
        store,
        1,
        Sight::Partial,
        vec![seen("shell", "web", Severity::High)],
    )
    .await;
    let mut on_host = seen("miner", "web", Severity::Low);
    on_host.asset.retain(|step| step.kind == AssetKind::Host);
    put(store, 2, Sight::Partial, vec![on_host]).await;
    let scope = store.scope(None).await.unwrap();
    let filter = FindingFilter {
        states: vec![model::FindingState::Open],
        ..FindingFilter::default()
    };
    let facets = store.finding_facets(&scope, &filter).await.unwrap();
    let named = |tallies: Vec<store::Tally>| -> Vec<(String, u64)> {
        tallies
            .into_iter()
            .map(|tally| (tally.value, tally.count))
            .collect()
    };
    assert_eq!(named(facets.clusters), [("node-1".to_owned(), 2)]);
    assert_eq!(named(facets.namespaces), [("shop".to_owned(), 1)]);
}

async fn has_index_of_lines(url: &str) -> bool {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM pg_indexes WHERE indexname = 'finding_line'")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    connection.close().await.unwrap();
    count > 0
}

#[tokio::test]
async fn where_the_extension_is_refused_lines_are_read_until_it_is_there() {
    let Some(cluster) = testkit::postgres::shared() else {
        return;
    };
    let url = cluster.create_database().unwrap();
    let mut administrator = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("CREATE ROLE plain LOGIN; GRANT ALL ON SCHEMA public TO plain")
        .execute(&mut administrator)
        .await
        .unwrap();
    let plain = url.replace("postgres://postgres@", "postgres://plain@");
    let found = async |store: &Store| {
        let scope = store.scope(None).await.unwrap();
        let query = model::Query::parse("\"process 3199\"").unwrap();
        let filter = FindingFilter::of_query(query, time(9), None);
        let request = PageRequest::first(10);
        let sort = FindingSort::Severity;
        let page = store
            .findings(&scope, &filter, sort, &request)
            .await
            .unwrap();
        page.items.len()
    };

    let store = Store::connect(&plain).await.unwrap();
    store.ensure_environment("local", "", false).await.unwrap();
    let findings = (0..MANY)
        .map(|number| saying(number, &format!("process {number} began")))
        .collect();
    put(&store, 1, Sight::Partial, findings).await;
    assert_eq!(found(&store).await, 1);
    store.close().await;
    assert!(!has_index_of_lines(&url).await);

    // In a schema of its own, as some administrators keep them.
    sqlx::raw_sql(
        "CREATE SCHEMA \"their extensions\"; GRANT USAGE ON SCHEMA \"their extensions\" TO plain;
         CREATE EXTENSION pg_trgm SCHEMA \"their extensions\"",
    )
    .execute(&mut administrator)
    .await
    .unwrap();
    administrator.close().await.unwrap();
    let store = Store::connect(&plain).await.unwrap();
    assert!(has_index_of_lines(&url).await);
    assert_eq!(found(&store).await, 1);
    store.close().await;
}

on_each_database! {
    text_in_lines_is_found_as_it_is_written,
    a_line_that_changed_or_went_is_found_no_more,
    places_follow_assets_that_move,
}

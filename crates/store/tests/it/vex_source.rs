//! Addresses VEX documents are fetched from.

use store::{
    Author, FetchedVex, NewVexDocument, Store, VexFetch, VexSource, VexSourceRecord,
    VexSourceRefusal,
};

use crate::sample::{TestStore, on_each_database, time};

fn record(name: &str) -> VexSourceRecord {
    VexSourceRecord {
        name: name.to_owned(),
        address: format!("https://vendor.example/{name}.json"),
        allow_private: false,
        every_hours: 24,
    }
}

async fn add(store: &Store, name: &str) -> VexSource {
    store
        .add_vex_source(Author::system(time(0)), None, record(name))
        .await
        .unwrap()
        .unwrap();
    one(store, name).await
}

async fn one(store: &Store, name: &str) -> VexSource {
    let scope = store.scope(None).await.unwrap();
    let sources = store.vex_sources(&scope).await.unwrap();
    sources
        .into_iter()
        .find(|source| source.record.name == name)
        .unwrap()
}

fn documents(texts: &[(&str, &str)]) -> VexFetch {
    VexFetch::Documents {
        documents: texts
            .iter()
            .map(|(name, text)| FetchedVex {
                name: (*name).to_owned(),
                statements: 1,
                document: text.as_bytes().to_vec(),
            })
            .collect(),
        left_out: 3,
        mark: Some("etag x".to_owned()),
    }
}

async fn put(store: &Store, source: &VexSource, fetch: VexFetch) -> Vec<String> {
    let changed = store
        .put_vex_fetch(source, fetch, time(1), time(60))
        .await
        .unwrap();
    let mut names: Vec<_> = changed
        .into_iter()
        .map(|text| {
            let said = String::from_utf8(text.document).unwrap();
            format!("{} {said}", text.record.name)
        })
        .collect();
    names.sort();
    names
}

async fn only_what_changed_at_an_address_is_told(test: &TestStore) {
    let store = &test.store;
    let source = add(store, "hub").await;
    let taken = store
        .add_vex_source(Author::system(time(0)), None, record("hub"))
        .await
        .unwrap();
    assert_eq!(taken.unwrap_err(), VexSourceRefusal::NameTaken);
    // One that somebody brought has its name to itself.
    let brought = NewVexDocument {
        environment: None,
        name: "hub/a".to_owned(),
        statements: 1,
        document: b"brought".to_vec(),
    };
    store
        .put_vex_document(Author::system(time(0)), brought)
        .await
        .unwrap();
    let mark = store.vex_mark().await.unwrap();
    let first = put(store, &source, documents(&[("a", "one"), ("b", "two")])).await;
    assert_eq!(first, ["hub/a one", "hub/b two"]);
    assert!(store.vex_mark().await.unwrap() > mark);
    let known = one(store, "hub").await;
    assert_eq!(
        (known.documents, known.statements, known.left_out),
        (2, 2, 3)
    );
    assert_eq!(known.mark.as_deref(), Some("etag x"));
    assert_eq!(
        (known.reached, known.changed),
        (Some(time(1)), Some(time(1)))
    );
    let mark = store.vex_mark().await.unwrap();
    let same = put(store, &known, documents(&[("a", "one"), ("b", "two")])).await;
    assert!(same.is_empty());
    assert_eq!(
        store.vex_mark().await.unwrap(),
        mark,
        "nothing is read again"
    );
    // What it said before, what it says now, and what is gone.
    let next = put(store, &known, documents(&[("a", "other"), ("c", "three")])).await;
    assert_eq!(
        next,
        ["hub/a one", "hub/a other", "hub/b two", "hub/c three"]
    );
    // A failure takes nothing away.
    let failed = put(store, &known, VexFetch::Failed("no way".to_owned())).await;
    assert!(failed.is_empty());
    let known = one(store, "hub").await;
    assert_eq!(
        (known.documents, known.error.as_deref()),
        (2, Some("no way"))
    );
    put(store, &known, VexFetch::Unchanged).await;
    assert_eq!(one(store, "hub").await.error, None);
    let said = store
        .remove_vex_source(Author::system(time(2)), &source.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(said.len(), 2);
    let scope = store.scope(None).await.unwrap();
    let left = store.vex_documents(&scope).await.unwrap();
    let names: Vec<_> = left.into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["hub/a"]);
    let none = store
        .remove_vex_source(Author::system(time(2)), &source.id)
        .await
        .unwrap();
    assert!(none.is_none());
}

async fn a_source_is_fetched_by_one_server_at_a_time(test: &TestStore) {
    let store = &test.store;
    let source = add(store, "hub").await;
    let lease = async |holder: &str, minute| {
        store
            .lease_vex_source(&source, holder, time(minute), time(minute + 5))
            .await
            .unwrap()
    };
    assert!(lease("one", 0).await);
    assert!(!lease("two", 1).await);
    assert!(lease("two", 10).await);
    store.hurry_vex_source(&source.id).await.unwrap();
    let known = one(store, "hub").await;
    assert_eq!(
        (known.mark, known.next_try),
        (None, jiff::Timestamp::UNIX_EPOCH)
    );
}

on_each_database! {
    only_what_changed_at_an_address_is_told,
    a_source_is_fetched_by_one_server_at_a_time,
}

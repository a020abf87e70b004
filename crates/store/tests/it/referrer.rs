//! What is attached to images.

use std::collections::BTreeMap;

use store::FoundReferrer;

use crate::sample::{TestStore, on_each_database, time};

const PLACE: &str = "registry.example/team/shop";

fn found(subject: &str, digest: &str, by: &str) -> FoundReferrer {
    FoundReferrer {
        subject: subject.to_owned(),
        digest: digest.to_owned(),
        artifact_type: "application/spdx+json".to_owned(),
        size: 700,
        annotations: BTreeMap::from([("made".to_owned(), "today".to_owned())]),
        found_by: by.to_owned(),
    }
}

async fn what_is_attached_is_kept_once_and_gone_where_all_was_listed(test: &TestStore) {
    let store = &test.store;
    let put = async |place: &str, found: Vec<FoundReferrer>, whole: &[&str], minute: i64| {
        let whole: Vec<String> = whole.iter().map(|&subject| subject.to_owned()).collect();
        let put = store.put_referrers("local", place, found, &whole, time(minute));
        put.await.unwrap()
    };
    let names = async |subjects: &[&str]| {
        let all = store.referrers("local", subjects.iter().copied()).await;
        all.unwrap()
            .into_iter()
            .map(|one| (one.found.digest, one.gone))
            .collect::<Vec<_>>()
    };
    assert!(!put(PLACE, Vec::new(), &["a"], 1).await, "nothing to write");
    let both = vec![
        found("a", "sbom", "api"),
        found("a", "sbom", "cosign_tag"),
        found("a", "statement", "index"),
        found("b", "other", "push"),
    ];
    assert!(put(PLACE, both.clone(), &[], 1).await);
    assert!(!put(PLACE, both, &[], 2).await, "known");
    let kept = store.referrers("local", ["a"]).await.unwrap();
    assert_eq!(kept.len(), 2);
    let sbom = kept.iter().find(|one| one.found.digest == "sbom").unwrap();
    assert_eq!(
        (sbom.found.size, sbom.first_seen, sbom.repository.as_str()),
        (700, time(1), PLACE)
    );
    assert_eq!(sbom.found.annotations["made"], "today");

    // All of "a" was listed: what is in its index never is in such a list,
    // and what is attached elsewhere, or to another, is not meant.
    put(
        "other.example/shop",
        vec![found("a", "copy", "api")],
        &[],
        2,
    )
    .await;
    let signature = vec![found("a", "signature", "api")];
    assert!(put(PLACE, signature, &["a"], 3).await);
    assert_eq!(
        names(&["a", "b"]).await,
        [
            ("statement".to_owned(), None),
            ("other".to_owned(), None),
            ("copy".to_owned(), None),
            ("signature".to_owned(), None),
            ("sbom".to_owned(), Some(time(3))),
        ]
    );
    // It is back.
    assert!(put(PLACE, vec![found("a", "sbom", "api")], &[], 4).await);
    assert!(names(&["a"]).await.contains(&("sbom".to_owned(), None)));
    store.ensure_environment("else", "", false).await.unwrap();
    assert!(store.referrers("else", ["a"]).await.unwrap().is_empty());
}

on_each_database! {
    what_is_attached_is_kept_once_and_gone_where_all_was_listed,
}

//! What asking for tags told.

use std::collections::BTreeMap;

use jiff::Timestamp;
use store::{PageRequest, RegistrySettings, SeenTag, TagAnswer};

use crate::{
    registry::add,
    sample::{TestStore, on_each_database, time},
};

async fn what_many_tags_told_is_kept_at_once_and_undoes_nothing_newer(test: &TestStore) {
    let store = &test.store;
    let registry = add(store, "team", RegistrySettings::default()).await;
    let seen = |name: &str, digest: &str| SeenTag {
        name: name.to_owned(),
        digest: digest.to_owned(),
        images: vec![(digest.to_owned(), None)],
        pushed: None,
    };
    let leads = |name: &str, digest: &str| TagAnswer::Leads(seen(name, digest));
    let put = async |answers: Vec<(Timestamp, TagAnswer)>| {
        let put = store.put_tag_answers(&registry, "web", answers);
        put.await.unwrap();
    };
    put(Vec::new()).await;
    let all = (0..300).map(|tag| (time(1), leads(&format!("v{tag:03}"), "sha256:old")));
    put(all.collect()).await;
    // Pushed and taken away, while older answers waited to be written.
    for (name, minute) in [("v000", 5), ("v001", 2)] {
        let pushed = seen(name, "sha256:new");
        let put = store.put_seen_tag(&registry, "web", pushed, time(minute));
        assert!(put.await.unwrap());
    }
    let gone = store.put_gone_tag(&registry, "web", "v002", time(5));
    gone.await.unwrap();
    put(vec![
        (time(3), leads("v000", "sha256:middle")),
        (time(3), leads("v001", "sha256:middle")),
        (time(4), leads("v002", "sha256:middle")),
        (time(4), TagAnswer::Gone("v003".to_owned())),
        (time(4), TagAnswer::Gone("v000".to_owned())),
    ])
    .await;
    let scope = store.scope(None).await.unwrap();
    let page = store
        .repositories(&scope, &registry.id, None, &PageRequest::first(5))
        .await
        .unwrap();
    assert_eq!(page.items[0].tags, 298);
    let tags = store
        .tags(
            &scope,
            &page.items[0].id,
            Some("v00"),
            &PageRequest::first(20),
        )
        .await
        .unwrap();
    let told: BTreeMap<&str, (&str, bool)> = tags
        .items
        .iter()
        .map(|tag| {
            let digest = tag.digest.as_deref().unwrap();
            (tag.name.as_str(), (digest, tag.gone.is_some()))
        })
        .collect();
    assert_eq!(told["v000"], ("sha256:new", false));
    assert_eq!(told["v001"], ("sha256:middle", false));
    assert_eq!(told["v002"], ("sha256:old", true));
    assert_eq!(told["v003"], ("sha256:old", true));
    assert_eq!(told["v004"], ("sha256:old", false));
}

on_each_database! {
    what_many_tags_told_is_kept_at_once_and_undoes_nothing_newer,
}

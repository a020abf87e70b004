//! Container hosts: named, looked at, and left.

use model::{ContainerEngine, RunOptions};
use store::{Author, HostLook, HostRecord};

use crate::{
    container::{container, running},
    sample::{TestStore, on_each_database, time},
};

fn record(name: &str) -> HostRecord {
    HostRecord {
        name: name.to_owned(),
        address: "tcp://build-1:2376".to_owned(),
        secrets: vec!["ca".to_owned()],
        sealed: Some("v1.x.y".to_owned()),
        paused: false,
    }
}

fn seen(facts: &str) -> HostLook {
    HostLook {
        facts: Some(facts.to_owned()),
        gaps: vec!["its swarm".to_owned()],
        error: None,
    }
}

async fn a_host_has_a_name_of_its_own_and_keeps_what_was_seen(test: &TestStore) {
    let store = &test.store;
    let author = || Author::system(time(1));
    let host = store
        .add_container_host(author(), "local", record("build-1"))
        .await
        .unwrap()
        .unwrap();
    let again = store.add_container_host(author(), "local", record("build-1"));
    assert_eq!(again.await.unwrap(), None, "the name is taken");
    assert_eq!((host.looked, host.asset.as_ref()), (None, None));

    store
        .note_host_look(&host.id, seen(r#"{"name":"build-1"}"#), time(2))
        .await
        .unwrap();
    let failed = HostLook {
        error: Some(r#"{"code":"timeout"}"#.to_owned()),
        ..HostLook::default()
    };
    store
        .note_host_look(&host.id, failed, time(3))
        .await
        .unwrap();
    let scope = store.scope(None).await.unwrap();
    let host = store
        .container_host(&scope, &host.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((host.looked, host.reached), (Some(time(3)), Some(time(2))));
    assert_eq!(host.error.as_deref(), Some(r#"{"code":"timeout"}"#));
    let facts = store.seen_of_host(&host).await.unwrap();
    assert_eq!(facts.as_deref(), Some(r#"{"name":"build-1"}"#), "it stays");
    assert_eq!(store.host_facts("local").await.unwrap().len(), 1);

    let changed = store
        .change_container_host(author(), &host.id, record("build-2"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((changed.name.as_str(), changed.asset), ("build-2", None));
    assert!(store.host_facts("local").await.unwrap().is_empty());
    assert!(
        store
            .remove_container_host(author(), &host.id)
            .await
            .unwrap()
    );
    assert!(
        !store
            .remove_container_host(author(), &host.id)
            .await
            .unwrap()
    );
}

async fn what_runs_on_a_host_goes_with_it_and_keeps_how_it_was_started(test: &TestStore) {
    let store = &test.store;
    let author = || Author::system(time(1));
    let mut hosts = Vec::new();
    for name in ["build-1", "build-2"] {
        let host = store.add_container_host(author(), "local", record(name));
        let host = host.await.unwrap().unwrap();
        store
            .note_host_look(&host.id, seen("{}"), time(2))
            .await
            .unwrap();
        let mut one = container(ContainerEngine::Docker, "aaaaaaaaaaaa", "build");
        one.options = Some(RunOptions {
            memory: Some(0),
            ..RunOptions::default()
        });
        store
            .put_containers("local", name, running(vec![one]), time(2))
            .await
            .unwrap();
        hosts.push(host.id);
    }
    let facts = store.container_facts("local").await.unwrap();
    assert_eq!(facts.len(), 2, "each host has its own of this name");
    assert_eq!(facts[0].options.as_ref().unwrap().memory, Some(0));
    // Started otherwise, though nothing else changed.
    let mut one = container(ContainerEngine::Docker, "aaaaaaaaaaaa", "build");
    one.options = Some(RunOptions {
        memory: Some(7),
        ..RunOptions::default()
    });
    store
        .put_containers("local", "build-1", running(vec![one]), time(3))
        .await
        .unwrap();
    let facts = store.container_facts("local").await.unwrap();
    let memory: Vec<_> = facts
        .iter()
        .map(|one| one.options.as_ref().unwrap().memory)
        .collect();
    assert_eq!(memory, [Some(7), Some(0)]);

    let scope = store.scope(None).await.unwrap();
    let host = store
        .container_host(&scope, &hosts[1])
        .await
        .unwrap()
        .unwrap();
    let asset = host.asset.unwrap();
    assert_eq!(store.containers_on_host(&asset, 10).await.unwrap().len(), 1);
    assert_eq!(store.open_on_host(&asset).await.unwrap().total(), 0);
    assert!(
        store
            .remove_container_host(author(), &hosts[1])
            .await
            .unwrap()
    );
    assert_eq!(store.container_facts("local").await.unwrap().len(), 1);
    assert!(
        store
            .containers_on_host(&asset, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

on_each_database!(
    a_host_has_a_name_of_its_own_and_keeps_what_was_seen,
    what_runs_on_a_host_goes_with_it_and_keeps_how_it_was_started,
);

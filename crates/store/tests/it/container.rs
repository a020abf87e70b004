//! Running containers: replaced as a whole, tied to their images.

use std::collections::HashMap;

use model::{ContainerEngine, Digest, RunningContainer, RunningContainers, Severity};
use store::ContainerChanges;

use crate::sample::{TestStore, image, on_each_database, time};

pub(crate) fn container(engine: ContainerEngine, id: &str, build: &str) -> RunningContainer {
    RunningContainer {
        engine,
        namespace: None,
        id: id.to_owned(),
        name: format!("web-{id}"),
        image: "web:1".to_owned(),
        image_digests: vec![Digest::of(build.as_bytes())],
        started: Some(time(0)),
        pid: Some(7),
        privileged: Some(false),
        host_namespaces: None,
        host_paths: None,
        ports: Vec::new(),
        labels: [("team".to_owned(), "shop".to_owned())].into(),
        options: None,
    }
}

pub(crate) fn running(containers: Vec<RunningContainer>) -> RunningContainers {
    RunningContainers {
        containers,
        unknown: Vec::new(),
    }
}

pub(crate) async fn look(
    test: &TestStore,
    minute: i64,
    seen: RunningContainers,
) -> ContainerChanges {
    let store = &test.store;
    store
        .put_containers("local", "this-machine", seen, time(minute))
        .await
        .unwrap()
}

async fn counts(test: &TestStore) -> HashMap<String, u64> {
    let scope = test.store.scope(None).await.unwrap();
    test.store.running_images(&scope).await.unwrap()
}

fn changes(started: u64, ended: u64) -> ContainerChanges {
    ContainerChanges { started, ended }
}

async fn an_image_runs_in_as_many_containers_as_there_are(test: &TestStore) {
    use ContainerEngine::{Containerd, Docker};
    let findings = [("CVE-2024-1", "openssl", Severity::High)];
    let assessed = test
        .store
        .put_report("local", image("web:1", "build", 0, &findings))
        .await
        .unwrap();
    let id = assessed.image.id;
    let three = || {
        running(vec![
            container(Docker, "aaaaaaaaaaaa", "build"),
            container(Docker, "bbbbbbbbbbbb", "build"),
            container(Containerd, "cccccccccccc", "another build"),
        ])
    };
    assert_eq!(look(test, 1, three()).await, changes(3, 0));
    assert_eq!(counts(test).await, [(id.clone(), 2)].into());
    // The same again, now and when the rows are due to be written again.
    assert_eq!(look(test, 2, three()).await, changes(0, 0));
    assert_eq!(look(test, 60, three()).await, changes(0, 0));

    // The image it runs becomes known later.
    let later = test
        .store
        .put_report("local", image("other:1", "another build", 61, &findings))
        .await
        .unwrap();
    look(test, 62, three()).await;
    assert_eq!(
        counts(test).await,
        [(id.clone(), 2), (later.image.id, 1)].into()
    );

    // Another environment sees none of it.
    test.store
        .ensure_environment("else", "Elsewhere", false)
        .await
        .unwrap();
    let scope = test.store.scope(Some("else")).await.unwrap();
    assert!(test.store.running_images(&scope).await.unwrap().is_empty());

    let one = || running(vec![container(Docker, "aaaaaaaaaaaa", "build")]);
    assert_eq!(look(test, 63, one()).await, changes(0, 2));
    assert_eq!(counts(test).await, [(id.clone(), 1)].into());
    // What ended may start again, as the same.
    assert_eq!(look(test, 64, three()).await, changes(2, 0));
    assert_eq!(look(test, 65, running(Vec::new())).await, changes(0, 3));
    assert!(counts(test).await.is_empty());
}

async fn an_engine_that_does_not_answer_ends_no_container(test: &TestStore) {
    use ContainerEngine::{Containerd, Docker};
    let both = running(vec![
        container(Docker, "aaaaaaaaaaaa", "build"),
        container(Containerd, "bbbbbbbbbbbb", "build"),
    ]);
    assert_eq!(look(test, 1, both).await, changes(2, 0));
    let silent = RunningContainers {
        containers: Vec::new(),
        unknown: vec![Docker],
    };
    assert_eq!(look(test, 2, silent).await, changes(0, 1));
    assert_eq!(look(test, 3, running(Vec::new())).await, changes(0, 1));
}

on_each_database!(
    an_image_runs_in_as_many_containers_as_there_are,
    an_engine_that_does_not_answer_ends_no_container,
);

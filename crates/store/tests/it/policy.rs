//! What is done about policies where, those somebody wrote, and what is
//! known of images.

use model::{ContainerEngine, Digest, RunningContainers, Severity};
use serde_json::json;
use store::{
    Author, CustomPolicyRefusal, KnownImage, NewCustomPolicy, NewPolicySetting, RegistryRecord,
    RegistrySettings, SeenTag,
};

use crate::{
    container::container,
    context::{author, scope},
    sample::{TestStore, image, on_each_database, time},
};

fn setting(cluster: &str, action: Option<&str>) -> NewPolicySetting {
    NewPolicySetting {
        environment: "local".to_owned(),
        cluster: cluster.to_owned(),
        policy: "pods-not-privileged".to_owned(),
        action: action.map(str::to_owned),
        parameters: action.map(|_| json!({"allowed": ["a"]})),
        scope: None,
        reason: "agreed".to_owned(),
    }
}

async fn a_setting_is_of_a_place_and_somebody_made_it(test: &TestStore) {
    let store = &test.store;
    let set = |minute, cluster, action| store.set_policy(author(minute), setting(cluster, action));
    assert!(set(1, "", Some("warn")).await.unwrap());
    assert!(!set(2, "", Some("warn")).await.unwrap());
    assert!(set(3, "prod", Some("deny")).await.unwrap());
    let scope = scope(test).await;
    let all = store.policy_settings(&scope).await.unwrap();
    let told: Vec<_> = all
        .iter()
        .map(|one| (one.cluster.as_str(), one.action.as_str(), one.changed))
        .collect();
    assert_eq!(told, [("", "warn", time(1)), ("prod", "deny", time(3))]);
    assert_eq!(all[0].parameters, Some(json!({"allowed": ["a"]})));
    assert!(set(4, "prod", None).await.unwrap());
    assert!(!set(5, "prod", None).await.unwrap());
    assert_eq!(store.policy_settings(&scope).await.unwrap().len(), 1);
    let mut elsewhere = setting("", Some("deny"));
    "nowhere".clone_into(&mut elsewhere.environment);
    assert!(store.set_policy(author(6), elsewhere).await.is_err());
}

fn custom(revision: u64, documents: &str) -> NewCustomPolicy {
    NewCustomPolicy {
        environment: "local".to_owned(),
        name: "k8smine".to_owned(),
        revision,
        title: "Mine".to_owned(),
        severity: Severity::High,
        description: String::new(),
        documents: documents.to_owned(),
        reason: "because".to_owned(),
    }
}

async fn a_policy_of_ones_own_is_changed_by_one_at_a_time(test: &TestStore) {
    let store = &test.store;
    let put = |revision, documents| store.put_custom_policy(author(1), custom(revision, documents));
    assert_eq!(put(0, "a: 1").await.unwrap(), Ok(1));
    assert_eq!(put(1, "a: 2").await.unwrap(), Ok(2));
    let stale = put(1, "a: 3").await.unwrap();
    assert_eq!(stale, Err(CustomPolicyRefusal::Stale(2)));
    let scope = scope(test).await;
    let known = store.custom_policies(&scope).await.unwrap();
    assert_eq!(known[0].documents, "a: 2");
    let of_it = NewPolicySetting {
        policy: "k8smine".to_owned(),
        ..setting("", Some("deny"))
    };
    store.set_policy(author(2), of_it).await.unwrap();
    let delete = || store.delete_custom_policy(author(3), "local", "k8smine");
    assert!(delete().await.unwrap());
    assert!(!delete().await.unwrap());
    assert!(store.policy_settings(&scope).await.unwrap().is_empty());
}

async fn what_is_known_of_images_is_told_by_name(test: &TestStore) {
    let store = &test.store;
    let findings = [
        ("CVE-1", "openssl", Severity::Critical),
        ("CVE-2", "zlib", Severity::High),
        ("CVE-3", "bash", Severity::Low),
    ];
    store
        .put_report("local", image("web:1", "web", 0, &findings))
        .await
        .unwrap();
    store
        .put_report("local", image("clean:1", "clean", 0, &[]))
        .await
        .unwrap();
    let images = store.known_images("local").await.unwrap();
    let [clean, web] = images.as_slice() else {
        panic!("{images:?}");
    };
    assert_eq!(clean.references, ["clean:1"]);
    assert_eq!(
        (clean.critical, clean.high, clean.fixable, clean.exploited),
        (0, 0, 0, 0)
    );
    assert_eq!((web.critical, web.high), (1, 1));
    assert!(web.fixable <= 2, "{web:?}");
    assert_eq!(
        store.known_images("elsewhere").await.unwrap(),
        Vec::<KnownImage>::new()
    );
}

async fn images_nobody_scanned_are_told_apart(test: &TestStore) {
    let store = &test.store;
    store
        .put_report("local", image("web:1", "web", 0, &[]))
        .await
        .unwrap();
    let mut tool = container(ContainerEngine::Docker, "a", "tool");
    "tool:1".clone_into(&mut tool.image);
    let running = RunningContainers {
        containers: vec![tool],
        unknown: Vec::new(),
    };
    store
        .put_containers("local", "host-1", running, time(1))
        .await
        .unwrap();
    let record = RegistryRecord {
        name: "team".to_owned(),
        kind: "distribution".to_owned(),
        address: "registry.example:5000".to_owned(),
        settings: RegistrySettings::default(),
        secrets: Vec::new(),
        sealed: None,
        paused: false,
    };
    let added = store.add_registry(Author::system(time(0)), "local", record);
    let registry = added.await.unwrap().unwrap();
    let read = store.known_images("local").await.unwrap()[0].digest.clone();
    let fresh = Digest::of(b"fresh").to_string();
    for (tag, digest) in [("new", Some(fresh.clone())), ("1", read)] {
        let Some(digest) = digest else { continue };
        let seen = SeenTag {
            name: tag.to_owned(),
            images: vec![(digest.clone(), None)],
            digest,
            pushed: Some(time(0)),
        };
        let put = store.put_seen_tag(&registry, "shop", seen, time(0));
        put.await.unwrap();
    }
    let images = store.known_images("local").await.unwrap();
    let scanned: Vec<_> = images.iter().filter(|image| image.scanned).collect();
    assert_eq!(scanned.len(), 1, "{images:?}");
    let mut unscanned: Vec<_> = images
        .iter()
        .filter(|image| !image.scanned)
        .flat_map(|image| image.references.iter().map(String::as_str))
        .collect();
    unscanned.sort_unstable();
    assert_eq!(unscanned, ["registry.example:5000/shop:new", "tool:1"]);
    let newest = images
        .iter()
        .find(|image| image.digest == Some(fresh.clone()));
    assert!(newest.is_some(), "{images:?}");
}

on_each_database!(
    images_nobody_scanned_are_told_apart,
    a_setting_is_of_a_place_and_somebody_made_it,
    a_policy_of_ones_own_is_changed_by_one_at_a_time,
    what_is_known_of_images_is_told_by_name,
);

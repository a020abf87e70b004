//! What is done about policies where, those somebody wrote, and what is
//! known of images.

use model::Severity;
use serde_json::json;
use store::{CustomPolicyRefusal, KnownImage, NewCustomPolicy, NewPolicySetting};

use crate::{
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

on_each_database!(
    a_setting_is_of_a_place_and_somebody_made_it,
    a_policy_of_ones_own_is_changed_by_one_at_a_time,
    what_is_known_of_images_is_told_by_name,
);

//! Trust policies, and what verifying images by them found.

use model::Digest;
use serde_json::json;
use store::{
    Author, ImageEntry, PageRequest, RegistryRecord, RegistrySettings, SeenTag, Store, TrustDue,
    TrustFinding, TrustPolicy, TrustRecord, TrustRefusal, TrustSubject, TrustVerdict,
};

use crate::sample::{TestStore, image, on_each_database, time};

fn record(name: &str) -> TrustRecord {
    TrustRecord {
        name: name.to_owned(),
        description: String::new(),
        repositories: vec!["registry.example/*".to_owned()],
        signers: json!([{"type": "key", "name": "release", "pem": "x"}]),
        stampers: json!([]),
        root: None,
        enabled: true,
    }
}

async fn add(store: &Store, name: &str) -> TrustPolicy {
    store
        .add_trust_policy(Author::system(time(0)), "local", record(name))
        .await
        .unwrap()
        .unwrap()
}

fn subject(number: u32) -> TrustSubject {
    TrustSubject {
        repository: "registry.example/team/shop".to_owned(),
        digest: Digest::of(number.to_string().as_bytes()).to_string(),
    }
}

async fn due(store: &Store, minute: i64) -> Vec<TrustDue> {
    store
        .take_trust_due(time(minute), time(minute + 5), 10)
        .await
        .unwrap()
}

fn signed() -> TrustFinding {
    TrustFinding {
        verdict: TrustVerdict::Signed,
        signer: Some("the key release".to_owned()),
        scheme: Some("bundle".to_owned()),
        ..TrustFinding::default()
    }
}

fn refused() -> TrustFinding {
    TrustFinding {
        verdict: TrustVerdict::Refused,
        why: Some("unsigned".to_owned()),
        reason: Some("no signature".to_owned()),
        mend: Some("sign it".to_owned()),
        ..TrustFinding::default()
    }
}

async fn put(store: &Store, due: &TrustDue, revision: u64, found: TrustFinding) -> bool {
    store
        .put_trust_finding(due, revision, found, time(3), time(60))
        .await
        .unwrap()
}

async fn a_policy_is_named_once_and_every_change_is_noted(test: &TestStore) {
    let store = &test.store;
    let scope = store.scope(None).await.unwrap();
    let policy = add(store, "shop").await;
    assert_eq!((policy.revision, policy.environment.as_str()), (1, "local"));
    let author = || Author::system(time(1));
    let again = store
        .add_trust_policy(author(), "local", record("shop"))
        .await
        .unwrap();
    assert_eq!(again, Err(TrustRefusal::NameTaken));
    let other = add(store, "other").await;
    let taken = store
        .change_trust_policy(author(), &other.id, record("shop"))
        .await
        .unwrap();
    assert_eq!(taken, Err(TrustRefusal::NameTaken));
    let changed = store
        .change_trust_policy(author(), &other.id, record("third"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (changed.revision, changed.record.name.as_str()),
        (2, "third")
    );
    let names: Vec<_> = store
        .trust_policies(&scope)
        .await
        .unwrap()
        .into_iter()
        .map(|policy| policy.record.name)
        .collect();
    assert_eq!(names, ["shop", "third"]);
    assert!(
        store
            .remove_trust_policy(author(), &other.id)
            .await
            .unwrap()
    );
    assert!(
        !store
            .remove_trust_policy(author(), &other.id)
            .await
            .unwrap()
    );
    let none = store.trust_policy(&scope, &other.id).await.unwrap();
    assert_eq!(none, None);
}

async fn an_image_is_due_once_and_again_when_the_policy_changes(test: &TestStore) {
    let store = &test.store;
    let scope = store.scope(None).await.unwrap();
    let policy = add(store, "shop").await;
    let subjects = vec![subject(1), subject(2)];
    for _ in 0..2 {
        store
            .put_trust_subjects(&policy, subjects.clone(), false, time(1))
            .await
            .unwrap();
    }
    let taken = due(store, 2).await;
    assert_eq!(taken.len(), 2);
    assert_eq!(due(store, 3).await, [], "somebody is at it");
    let of = |number: u32| {
        let wanted = subject(number);
        taken.iter().find(|due| due.subject == wanted).unwrap()
    };
    assert!(put(store, of(1), 1, signed()).await);
    assert!(put(store, of(2), 1, refused()).await);
    assert!(!put(store, of(2), 1, refused()).await, "nothing changed");
    let known = store
        .trust_policy(&scope, &policy.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((known.tally.signed, known.tally.refused), (1, 1));
    assert_eq!((known.tally.pending, known.tally.unknown), (0, 0));
    // That the registry cannot be asked takes nothing away.
    let unknown = TrustFinding {
        verdict: TrustVerdict::Unknown,
        ..TrustFinding::default()
    };
    assert!(!put(store, of(1), 1, unknown).await);
    let facts = store.trust_facts("local").await.unwrap();
    let first = facts
        .iter()
        .find(|it| it.digest == subject(1).digest)
        .unwrap();
    assert_eq!(first.found, signed());
    assert_eq!(first.checked, Some(time(3)));
    let changed = store
        .change_trust_policy(Author::system(time(4)), &policy.id, record("shop"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((changed.tally.pending, changed.tally.signed), (2, 0));
    let facts = store.trust_facts("local").await.unwrap();
    assert!(
        facts
            .iter()
            .all(|it| it.found.verdict == TrustVerdict::Pending)
    );
    // Who was at it by the old policy says nothing by the new one.
    assert!(!put(store, of(2), 1, signed()).await);
    assert_eq!(due(store, 5).await.len(), 2);
}

async fn what_is_attached_later_is_looked_at_at_once(test: &TestStore) {
    let store = &test.store;
    let registry = RegistryRecord {
        name: "team".to_owned(),
        kind: "distribution".to_owned(),
        address: "registry.example".to_owned(),
        settings: RegistrySettings::default(),
        secrets: Vec::new(),
        sealed: None,
        paused: false,
    };
    let registry = store
        .add_registry(Author::system(time(0)), "local", registry)
        .await
        .unwrap()
        .unwrap();
    let (index, platform) = (subject(1).digest, subject(2).digest);
    let seen = SeenTag {
        name: "1.0".to_owned(),
        digest: index.clone(),
        images: vec![(platform.clone(), Some("linux/amd64".to_owned()))],
        pushed: None,
    };
    store
        .put_seen_tag(&registry, "team/shop", seen, time(0))
        .await
        .unwrap();
    let parents = store.indexes_of("local", &platform).await.unwrap();
    assert_eq!(parents, std::slice::from_ref(&index));
    let platforms = store.trust_platforms("local").await.unwrap();
    assert_eq!(platforms, [subject(2)]);
    let tags = store.trust_tags("local").await.unwrap();
    assert_eq!(tags[0].name, "registry.example/team/shop:1.0");
    assert_eq!(tags[0].digest, index);

    let policy = add(store, "shop").await;
    store
        .put_trust_subjects(&policy, vec![subject(1), subject(2)], false, time(1))
        .await
        .unwrap();
    for taken in due(store, 2).await {
        put(store, &taken, 1, refused()).await;
    }
    assert_eq!(due(store, 10).await, []);
    // Signing the index is signing what is in it.
    assert_eq!(store.hurry_trust("local", &index).await.unwrap(), 2);
    assert_eq!(due(store, 10).await.len(), 2);
}

async fn a_timeline_says_when_an_image_became_trusted(test: &TestStore) {
    let store = &test.store;
    let scope = store.scope(None).await.unwrap();
    let digest = subject(1).digest;
    let name = "registry.example/team/shop:1.0";
    let mut assessment = image(name, name, 0, &[]);
    let report = std::sync::Arc::make_mut(&mut assessment.report);
    report.sbom.image.as_mut().unwrap().manifest = Some(digest.parse().unwrap());
    let outcome = store.put_report("local", assessment).await.unwrap();
    let policy = add(store, "shop").await;
    store
        .put_trust_subjects(&policy, vec![subject(1)], false, time(1))
        .await
        .unwrap();
    for (minute, found) in [(2, refused()), (70, signed())] {
        for taken in due(store, minute).await {
            put(store, &taken, 1, found.clone()).await;
        }
    }
    let of_image = store.trust_of_digest("local", &digest).await.unwrap();
    assert_eq!(of_image.len(), 1);
    assert_eq!(of_image[0].policy_name, "shop");
    assert_eq!(of_image[0].image.as_ref().unwrap().id, outcome.image.id);
    let timeline = store
        .image_timeline(&scope, &outcome.image.id, None, 100)
        .await
        .unwrap()
        .unwrap();
    let verdicts: Vec<_> = timeline
        .into_iter()
        .filter_map(|event| match event.entry {
            ImageEntry::Trust {
                verdict, signer, ..
            } => Some((verdict, signer)),
            _ => None,
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            (TrustVerdict::Signed, Some("the key release".to_owned())),
            (TrustVerdict::Refused, None),
        ]
    );
    let request = PageRequest::first(1);
    for (verdict, total) in [
        (None, 1),
        (Some(TrustVerdict::Signed), 1),
        (Some(TrustVerdict::Refused), 0),
        (Some(TrustVerdict::Pending), 0),
    ] {
        let page = store
            .trust_outcomes(&policy, verdict, Some("SHOP"), &request)
            .await
            .unwrap();
        assert_eq!(page.total, total, "{verdict:?}");
        assert_eq!(page.items.len() as u64, total);
    }
    store
        .drop_trust_subjects(&policy, vec![subject(1)])
        .await
        .unwrap();
    assert_eq!(store.trust_subjects(&policy).await.unwrap(), []);
}

on_each_database! {
    a_policy_is_named_once_and_every_change_is_noted,
    an_image_is_due_once_and_again_when_the_policy_changes,
    what_is_attached_later_is_looked_at_at_once,
    a_timeline_says_when_an_image_became_trusted,
}

//! Registries, what they hold and tell, and the queue that reads them.

use jiff::SignedDuration;
use model::Digest;
use store::{
    Author, ImageEntry, Lease, NewImageEvent, NewRegistryEvent, NewScan, PageRequest, Queued,
    Registry, RegistryLook, RegistryRecord, RegistrySettings, RepositoryWalk, Rest, ScanEnd,
    ScanOrigin, ScanOutcome, ScanState, SeenTag, Store, TagList, Unless,
};

use crate::sample::{TestStore, image, on_each_database, time};

fn record(name: &str, settings: RegistrySettings) -> RegistryRecord {
    RegistryRecord {
        name: name.to_owned(),
        kind: "distribution".to_owned(),
        address: "registry.example:5000".to_owned(),
        settings,
        secrets: vec!["password".to_owned()],
        sealed: Some("v1.x.y".to_owned()),
        paused: false,
    }
}

pub(crate) async fn add(store: &Store, name: &str, settings: RegistrySettings) -> Registry {
    store
        .add_registry(Author::system(time(0)), "local", record(name, settings))
        .await
        .unwrap()
        .unwrap()
}

fn lease(minute: i64) -> Lease<'static> {
    Lease {
        holder: "one",
        until: time(minute),
    }
}

fn scan(registry: &Registry, number: usize, origin: ScanOrigin) -> NewScan {
    let digest = Digest::of(number.to_string().as_bytes()).to_string();
    NewScan {
        environment: "local".to_owned(),
        target: format!("registry:registry.example:5000/web@{digest}"),
        name: format!("registry.example:5000/web:{number}"),
        origin,
        created: time(0),
        digest: Some(digest),
        registry: Some(registry.id.clone()),
        ..NewScan::default()
    }
}

async fn queue(store: &Store, scan: NewScan) -> String {
    match store.queue_image(scan).await.unwrap() {
        Queued::New(scan) => scan.id,
        other => panic!("{other:?}"),
    }
}

async fn take(store: &Store, minute: i64) -> Option<store::Scan> {
    store
        .take_scan(time(minute), false, lease(minute + 2))
        .await
        .unwrap()
}

/// The image of a manifest digest, as a scan of it would store it.
async fn put_image(store: &Store, name: &str, digest: &str, minute: i64) -> String {
    let mut assessment = image(name, name, minute, &[]);
    let report = std::sync::Arc::make_mut(&mut assessment.report);
    report.sbom.image.as_mut().unwrap().manifest = Some(digest.parse().unwrap());
    let outcome = store.put_report("local", assessment).await.unwrap();
    outcome.image.id
}

fn done(image: &str) -> ScanEnd {
    ScanEnd::Done {
        image: image.to_owned(),
        outcome: ScanOutcome::default(),
        extractors: "7".to_owned(),
    }
}

async fn a_registry_keeps_its_secrets_and_its_name_to_itself(test: &TestStore) {
    let store = &test.store;
    let author = || Author::system(time(1));
    let registry = add(store, "team", RegistrySettings::default()).await;
    let again = store.add_registry(
        author(),
        "local",
        record("team", RegistrySettings::default()),
    );
    assert_eq!(again.await.unwrap(), None, "the name is taken");
    let look = RegistryLook {
        error: Some("{}".to_owned()),
        hold_until: Some(time(9)),
    };
    store
        .note_registry_look(&registry, look, time(2))
        .await
        .unwrap();
    let scope = store.scope(None).await.unwrap();
    let seen = store.registry(&scope, &registry.id).await.unwrap().unwrap();
    assert_eq!((seen.polled, seen.reached), (Some(time(2)), None));
    assert_eq!(seen.hold_until, Some(time(9)));
    let settings = RegistrySettings {
        repositories: vec!["team/*".to_owned()],
        ..RegistrySettings::default()
    };
    let changed = store
        .change_registry(author(), &registry.id, record("ours", settings.clone()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((changed.name.as_str(), changed.error), ("ours", None));
    assert_eq!(changed.settings, settings);
    assert!(
        store
            .reseal_registry(&registry, "v1.z.z".to_owned())
            .await
            .unwrap()
    );
    let waiting = queue(store, scan(&registry, 1, ScanOrigin::Push)).await;
    assert!(store.remove_registry(author(), &registry.id).await.unwrap());
    let waiting = store.scan(&scope, &waiting).await.unwrap().unwrap();
    assert_eq!(waiting.state, ScanState::Cancelled);
    assert!(!store.remove_registry(author(), &registry.id).await.unwrap());
}

async fn tags_are_found_newest_first_and_once(test: &TestStore) {
    let store = &test.store;
    let registry = add(store, "team", RegistrySettings::default()).await;
    let names: Vec<String> = (0..2_500).map(|number| format!("v{number}")).collect();
    for (step, page) in names.chunks(1_000).enumerate() {
        let list = TagList {
            began: time(1),
            read: (step as u64 + 1) * 1_000,
            rest: if step < 2 {
                Rest::From(Some(format!("page-{step}")))
            } else {
                Rest::Nothing
            },
        };
        store
            .put_tag_names(&registry, "web", page.to_vec(), Some(list), time(1))
            .await
            .unwrap();
    }
    let due = store
        .tags_to_check(&registry, "web", 100, time(2), 3)
        .await
        .unwrap();
    let due: Vec<&str> = due.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(due, ["v2499", "v2498", "v2497"], "the newest");
    let seen = SeenTag {
        name: "v2499".to_owned(),
        digest: "sha256:index".to_owned(),
        images: vec![
            ("sha256:a".to_owned(), Some("linux/amd64".to_owned())),
            ("sha256:b".to_owned(), Some("linux/arm64".to_owned())),
        ],
        pushed: None,
    };
    let put = |seen: SeenTag, minute: i64| store.put_seen_tag(&registry, "web", seen, time(minute));
    assert!(put(seen.clone(), 2).await.unwrap());
    assert!(!put(seen.clone(), 3).await.unwrap(), "nothing changed");
    let due = store
        .tags_to_check(&registry, "web", 100, time(2), 1)
        .await
        .unwrap();
    assert_eq!(due[0].name, "v2498");

    let pulled = store
        .put_pulled(&registry, "web", None, Some("sha256:b"), time(4))
        .await
        .unwrap();
    assert_eq!(pulled, 1);
    let unread = store.unread(&registry, time(5), "7", 10).await.unwrap();
    let unread: Vec<_> = unread
        .iter()
        .map(|due| (due.digest.as_str(), due.is_one_of_many))
        .collect();
    assert_eq!(unread, [("sha256:a", true), ("sha256:b", true)]);
    let copied = store.elsewhere(&registry, "copy", "sha256:index").await;
    assert_eq!(
        copied.unwrap().as_deref(),
        Some("registry.example:5000/web:v2499")
    );

    let scope = store.scope(None).await.unwrap();
    let page = store
        .repositories(&scope, &registry.id, Some("WE"), &PageRequest::first(5))
        .await
        .unwrap();
    assert_eq!((page.total, page.items[0].tags), (1, 2_500));
    let tags = store
        .tags(&scope, &page.items[0].id, None, &PageRequest::first(2))
        .await
        .unwrap();
    assert_eq!(tags.items.len(), 2);
    assert!(tags.next_cursor.is_some());
    store
        .put_gone_tag(&registry, "web", "v2499", time(6))
        .await
        .unwrap();
    assert!(
        store
            .unread(&registry, time(7), "7", 10)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn repositories_take_turns_and_a_list_goes_on_where_it_stopped(test: &TestStore) {
    let store = &test.store;
    let registry = add(store, "team", RegistrySettings::default()).await;
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    store
        .put_repositories(&registry, names, true, time(1))
        .await
        .unwrap();
    let due = async |before: i64| {
        let due = store.repositories_to_walk(&registry, time(before), time(99), 9);
        due.await.unwrap()
    };
    let names = async |before: i64| {
        let due = due(before).await;
        due.into_iter().map(|due| due.name).collect::<Vec<_>>()
    };
    let note = async |name: &str, walk: RepositoryWalk, minute: i64| {
        let noted = store.note_repository_walk(&registry, name, walk, time(minute));
        noted.await.unwrap();
    };
    assert_eq!(names(2).await, ["a", "b", "c"]);
    let stopped = RepositoryWalk {
        unfinished: true,
        error: None,
    };
    let failed = RepositoryWalk {
        unfinished: false,
        error: Some("{}".to_owned()),
    };
    note("a", stopped, 2).await;
    note("b", failed, 3).await;
    assert_eq!(names(2).await, ["c", "a"], "whoever stopped goes on, last");
    note("c", RepositoryWalk::default(), 4).await;
    assert_eq!(names(5).await, ["a", "b", "c"], "the longest ago first");

    let put = async |name: &str, rest: Rest, minute: i64| {
        let list = TagList {
            began: time(10),
            read: 1,
            rest,
        };
        let put = store.put_tag_names(
            &registry,
            "a",
            vec![name.to_owned()],
            Some(list.clone()),
            time(minute),
        );
        put.await.unwrap();
        list
    };
    put("old", Rest::Nothing, 5).await;
    let list = put("one", Rest::From(Some("page-2".to_owned())), 10).await;
    assert_eq!(due(5).await[0].list, list);
    put("two", Rest::Nothing, 30).await;
    let fresh = &due(5).await[0].list;
    assert_eq!((fresh.began, fresh.read), (time(99), 0), "it begins anew");
    let scope = store.scope(None).await.unwrap();
    let page = store
        .repositories(&scope, &registry.id, Some("a"), &PageRequest::first(5))
        .await
        .unwrap();
    assert_eq!(page.items[0].tags, 2, "the old one is gone, and no other");
    let failing = store
        .repositories(&scope, &registry.id, Some("b"), &PageRequest::first(5))
        .await
        .unwrap();
    let failing = &failing.items[0];
    assert_eq!(
        (failing.error.as_deref(), failing.walked),
        (Some("{}"), Some(time(3)))
    );
}

async fn what_a_registry_told_is_worked_on_once(test: &TestStore) {
    let store = &test.store;
    let registry = add(store, "team", RegistrySettings::default()).await;
    let event = |name: &str| NewRegistryEvent {
        event: name.to_owned(),
        kind: "push".to_owned(),
        repository: "web".to_owned(),
        tag: Some("1".to_owned()),
        time: time(1),
        ..NewRegistryEvent::default()
    };
    let both = || vec![event("a"), event("b"), event("a")];
    assert_eq!(store.put_told(&registry, both(), time(1)).await.unwrap(), 2);
    assert_eq!(
        store.put_told(&registry, both(), time(2)).await.unwrap(),
        0,
        "a replay"
    );
    let waiting = store.told_waiting(&registry, time(2), 10).await.unwrap();
    assert_eq!(waiting.len(), 2);
    store.end_told(&waiting[0], None, time(2)).await.unwrap();
    store
        .put_off_told(&waiting[1], "no answer".to_owned(), time(5))
        .await
        .unwrap();
    assert!(
        store
            .told_waiting(&registry, time(4), 10)
            .await
            .unwrap()
            .is_empty()
    );
    let waiting = store.told_waiting(&registry, time(5), 10).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].attempts), (1, 1));
    assert_eq!(store.forget_told(time(9)).await.unwrap(), 1);
}

async fn what_runs_goes_first_and_a_registry_is_asked_no_more_than_it_bears(test: &TestStore) {
    let store = &test.store;
    let settings = RegistrySettings {
        per_minute: 3,
        concurrency: 2,
        ..RegistrySettings::default()
    };
    let registry = add(store, "team", settings).await;
    queue(store, scan(&registry, 1, ScanOrigin::Schedule)).await;
    queue(store, scan(&registry, 2, ScanOrigin::Push)).await;
    queue(store, scan(&registry, 3, ScanOrigin::Running)).await;
    let exposed = NewScan {
        exposed: true,
        ..scan(&registry, 4, ScanOrigin::Running)
    };
    queue(store, exposed).await;
    let first = take(store, 1).await.unwrap();
    assert_eq!(first.name, "registry.example:5000/web:4");
    assert_eq!(first.registry.as_ref().unwrap().1, "team");
    let second = take(store, 1).await.unwrap();
    assert_eq!(second.name, "registry.example:5000/web:3");
    assert_eq!(take(store, 1).await, None, "two at once");
    let cancelled = || ScanEnd::Cancelled;
    store
        .end_scan(&first.id, cancelled(), time(1))
        .await
        .unwrap();
    store
        .end_scan(&second.id, cancelled(), time(1))
        .await
        .unwrap();
    let third = take(store, 1).await.unwrap();
    assert_eq!(third.origin, ScanOrigin::Push);
    store
        .end_scan(&third.id, cancelled(), time(1))
        .await
        .unwrap();
    assert_eq!(take(store, 1).await, None, "three a minute");
    let fourth = take(store, 2).await.unwrap();
    assert_eq!(fourth.origin, ScanOrigin::Schedule);

    // It says that it has had enough: that try does not count.
    assert!(
        store
            .retry_scan_at(&fourth.id, "429".to_owned(), time(10), true)
            .await
            .unwrap()
    );
    assert_eq!(take(store, 9).await, None);
    let again = take(store, 10).await.unwrap();
    assert_eq!((again.id.as_str(), again.attempts), (fourth.id.as_str(), 0));
    store
        .retry_scan_at(&again.id, "reset".to_owned(), time(11), false)
        .await
        .unwrap();
    let again = take(store, 12).await.unwrap();
    assert_eq!(again.attempts, 1);
    let failed = ScanEnd::Failed {
        error: "no".to_owned(),
        advice: None,
    };
    store.end_scan(&again.id, failed, time(12)).await.unwrap();
    let scope = store.scope(None).await.unwrap();
    assert_eq!(store.queue_counts(&scope).await.unwrap().dead, 1);
    let revived = store.revive_scans(&scope, None, time(13)).await.unwrap();
    assert_eq!(revived, std::slice::from_ref(&again.id));
    let counts = store.queue_counts(&scope).await.unwrap();
    assert_eq!((counts.dead, counts.counts[0].queued), (0, 1));
}

async fn one_image_is_read_once_and_its_timeline_says_why(test: &TestStore) {
    let store = &test.store;
    let registry = add(store, "team", RegistrySettings::default()).await;
    let pushed = scan(&registry, 1, ScanOrigin::Push);
    let digest = pushed.digest.clone().unwrap();
    let id = queue(store, pushed.clone()).await;
    let other_tag = NewScan {
        target: "registry:registry.example:5000/web:latest".to_owned(),
        origin: ScanOrigin::Running,
        reason: "cluster prod runs it".to_owned(),
        ..pushed.clone()
    };
    let Queued::Waiting(waiting) = store.queue_image(other_tag.clone()).await.unwrap() else {
        panic!("the same digest is read twice");
    };
    assert_eq!(waiting.id, id);
    let taken = take(store, 1).await.unwrap();
    let image = put_image(store, "web:1", &digest, 1).await;
    store
        .end_scan(&taken.id, done(&image), time(2))
        .await
        .unwrap();

    let unless = |minute: i64, extractors: &str| Unless {
        read: Some((time(minute), extractors.to_owned())),
        tried: None,
    };
    let again = NewScan {
        unless: unless(0, "7"),
        created: time(3),
        ..other_tag.clone()
    };
    let known = store.queue_image(again.clone()).await.unwrap();
    assert!(matches!(known, Queued::Known(_)), "{known:?}");
    for unless in [unless(2, "7"), unless(0, "8")] {
        let due = NewScan {
            unless,
            ..again.clone()
        };
        let id = queue(store, due).await;
        store
            .end_scan(&id, ScanEnd::Cancelled, time(4))
            .await
            .unwrap();
    }
    let tried = NewScan {
        unless: Unless {
            read: None,
            tried: Some(time(2)),
        },
        ..again
    };
    assert_eq!(store.queue_image(tried).await.unwrap(), Queued::Tried);
    store
        .note_image_events(vec![NewImageEvent {
            image: image.clone(),
            time: time(5),
            cause: ScanOrigin::Advisory,
            reason: "advisory DSA-1 changed".to_owned(),
            source: None,
        }])
        .await
        .unwrap();

    let scope = store.scope(None).await.unwrap();
    let timeline = store
        .image_timeline(&scope, &image, None, 100)
        .await
        .unwrap()
        .unwrap();
    let causes: Vec<(ScanOrigin, &str)> = timeline
        .iter()
        .filter_map(|event| match &event.entry {
            ImageEntry::Cause { cause, reason, .. } => Some((*cause, reason.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(causes[0], (ScanOrigin::Advisory, "advisory DSA-1 changed"));
    assert!(causes.contains(&(ScanOrigin::Push, "it was pushed")));
    assert!(causes.contains(&(
        ScanOrigin::Running,
        "cluster prod runs it; it was known already"
    )));
    assert!(timeline.iter().any(|event| matches!(
        &event.entry,
        ImageEntry::Scan {
            state: ScanState::Done,
            ..
        }
    )));
    assert!(
        timeline
            .iter()
            .any(|event| matches!(&event.entry, ImageEntry::Change { .. }))
    );
    assert!(timeline.windows(2).all(|pair| pair[0].time >= pair[1].time));
    let earlier = store
        .image_timeline(&scope, &image, Some(time(1)), 100)
        .await
        .unwrap()
        .unwrap();
    assert!(earlier.len() < timeline.len());
}

async fn used_images_are_read_again_and_unused_ones_are_not(test: &TestStore) {
    let store = &test.store;
    let registry = add(store, "team", RegistrySettings::default()).await;
    let digest = |text: &str| Digest::of(text.as_bytes()).to_string();
    for name in ["used", "unused"] {
        let seen = SeenTag {
            name: name.to_owned(),
            digest: digest(name),
            images: vec![(digest(name), None)],
            pushed: Some(time(0)),
        };
        store
            .put_seen_tag(&registry, "web", seen, time(0))
            .await
            .unwrap();
        put_image(store, name, &digest(name), 1).await;
    }
    store
        .put_pulled(&registry, "web", Some("used"), None, time(5))
        .await
        .unwrap();
    let due = |used: i64, before: i64| store.recently_used(&registry, time(used), time(before), 10);
    let found = due(0, 10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].tag.as_str(), found[0].pulled),
        ("used", Some(time(5)))
    );
    assert!(due(6, 10).await.unwrap().is_empty(), "pulled too long ago");
    assert!(due(0, 1).await.unwrap().is_empty(), "read lately");
    assert!(store.unknown_images(10).await.unwrap().is_empty());
    assert!(store.running_unread(time(9), 10).await.unwrap().is_empty());
}

async fn a_scan_that_ends_its_server_each_time_is_given_up(test: &TestStore) {
    let store = &test.store;
    let registry = add(store, "team", RegistrySettings::default()).await;
    let id = queue(store, scan(&registry, 1, ScanOrigin::Push)).await;
    // Another server must not take what is still leased.
    take(store, 1).await.unwrap();
    assert_eq!(store.requeue_scans(time(2), false).await.unwrap(), 0);
    assert_eq!(store.renew_scans(lease(9)).await.unwrap(), 1);
    assert_eq!(store.requeue_scans(time(8), false).await.unwrap(), 0);
    for round in 1..10 {
        let now = time(10 * round) + SignedDuration::from_mins(1);
        assert_eq!(store.requeue_scans(now, false).await.unwrap(), 1);
        take(store, 10 * round + 2).await.unwrap();
    }
    assert_eq!(store.requeue_scans(time(500), false).await.unwrap(), 0);
    let scope = store.scope(None).await.unwrap();
    let ended = store.scan(&scope, &id).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.dead), (ScanState::Failed, true));
    assert!(ended.error.unwrap().contains("ended 10 times"));
    assert_eq!(ended.finished, Some(time(500)));
}

on_each_database! {
    a_registry_keeps_its_secrets_and_its_name_to_itself,
    tags_are_found_newest_first_and_once,
    repositories_take_turns_and_a_list_goes_on_where_it_stopped,
    what_a_registry_told_is_worked_on_once,
    what_runs_goes_first_and_a_registry_is_asked_no_more_than_it_bears,
    one_image_is_read_once_and_its_timeline_says_why,
    used_images_are_read_again_and_unused_ones_are_not,
    a_scan_that_ends_its_server_each_time_is_given_up,
}

//! What really runs, what of it is used, and what presses.

use std::{collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use model::{
    ContainerEngine, Digest, FindingKind, FindingState, InUse, PackageFiles, Severity,
    in_use::NotKnown, package_files::path_key, priority::Reach, work,
};
use store::{
    Assessment, FindingFilter, FindingSort, PackageFilter, PageRequest, PlacedContainer, Reached,
    RunningFilter, Scope, UsedFile, UsedImage,
};

use crate::{
    container::{container, look, running},
    sample::{TestStore, image, on_each_database, time},
};

/// `curl` and `openssl`, and whose files theirs are.
fn shop(minute: i64) -> Assessment {
    let mut shop = image(
        "shop:1",
        "shop",
        minute,
        &[
            ("CVE-2024-1", "curl", Severity::High),
            ("CVE-2024-2", "openssl", Severity::High),
        ],
    );
    let report = Arc::make_mut(&mut shop.report);
    let place = |name: &str| {
        let mut packages = report.sbom.packages.iter();
        packages.position(|package| package.name == name).unwrap()
    };
    let files = [
        ("usr/bin/curl", place("curl")),
        ("usr/lib/libssl.so.3", place("openssl")),
    ];
    let files = files.map(|(path, place)| (path_key(path), u32::try_from(place).unwrap()));
    report.sbom.files = Some(PackageFiles::new(files));
    shop
}

fn used(minute: i64, containers: &[(&str, i64)], paths: &[&str]) -> UsedImage {
    UsedImage {
        digests: vec![Digest::of(b"shop")],
        containers: containers
            .iter()
            .map(|(id, since)| ((*id).to_owned(), time(*since)))
            .collect(),
        files: paths
            .iter()
            .map(|path| UsedFile {
                path: (*path).to_owned(),
                seen: time(minute),
            })
            .collect(),
    }
}

/// What each package is said to be, at that time.
async fn said(test: &TestStore, image: &str, now: Timestamp) -> HashMap<String, InUse> {
    let scope = test.store.scope(None).await.unwrap();
    let page = test
        .store
        .image_packages(
            &scope,
            image,
            &PackageFilter::default(),
            &PageRequest::first(50),
        )
        .await
        .unwrap();
    let packages = page.items.into_iter();
    packages
        .map(|package| (package.name, package.in_use.judge(now)))
        .collect()
}

/// What others may be told of: watched for so many hours, and not seen.
async fn unused(test: &TestStore, scope: &Scope, hours: i64, now: Timestamp) -> Vec<String> {
    let since = now - SignedDuration::from_hours(hours);
    let found = test
        .store
        .unused_vulnerabilities(scope, None, since, now, 10)
        .await
        .unwrap();
    found.into_iter().map(|one| one.vulnerability).collect()
}

/// Vulnerabilities and their priorities, the most pressing first.
async fn pressing(test: &TestStore, filter: &FindingFilter) -> Vec<(String, u16)> {
    let scope = test.store.scope(None).await.unwrap();
    let filter = FindingFilter {
        states: vec![FindingState::Open],
        ..filter.clone()
    };
    let mut found = Vec::new();
    let mut request = PageRequest::first(1);
    loop {
        let page = test
            .store
            .findings(&scope, &filter, FindingSort::Priority, &request)
            .await
            .unwrap();
        found.extend(page.items.into_iter().map(|one| (one.rule, one.priority)));
        match page.next_cursor {
            Some(cursor) => request.cursor = Some(cursor),
            None => return found,
        }
    }
}

/// Notes who uses what, reached as given.
async fn note(test: &TestStore, image: Option<i64>, reach: Reach, minute: i64) -> u64 {
    let reached = image.map(|image| {
        let by = "a test".to_owned();
        (image, Reached { reach, by })
    });
    let noted = test
        .store
        .note_image_use(reached.into_iter().collect(), time(minute))
        .await
        .unwrap();
    noted.findings
}

async fn what_runs_is_told_from_either_side(test: &TestStore) {
    use ContainerEngine::Docker;
    let store = &test.store;
    let shop = store.put_report("local", shop(0)).await.unwrap().image.id;
    let mut ours = container(Docker, "aaaaaaaaaaaa", "shop");
    ours.ports = vec!["8080 -> 80/tcp".parse().unwrap()];
    let mut theirs = container(Docker, "bbbbbbbbbbbb", "never scanned");
    "legacy:9".clone_into(&mut theirs.image);
    look(test, 1, running(vec![ours, theirs])).await;
    let placed = |pod: &str, id: &str| PlacedContainer {
        namespace: "web".to_owned(),
        workload: Some("front".to_owned()),
        pod: pod.to_owned(),
        container: container(ContainerEngine::Containerd, id, "shop"),
    };
    let pods = vec![
        placed("front-1", "cccccccccccc"),
        placed("front-2", "dddddddddddd"),
    ];
    store
        .put_workloads("local", "prod", pods, time(1))
        .await
        .unwrap();

    let scope = store.scope(None).await.unwrap();
    let all = store
        .running(&scope, &RunningFilter::default(), &PageRequest::first(50))
        .await
        .unwrap();
    assert_eq!(all.total, 2);
    let [scanned, legacy] = &all.items[..] else {
        panic!("{all:?}");
    };
    assert_eq!(
        (scanned.id.as_str(), scanned.containers),
        (shop.as_str(), 3)
    );
    let names = |row: &store::RunningRow| -> Vec<(String, u64)> {
        row.workloads
            .iter()
            .map(|place| (place.asset.name.clone(), place.containers))
            .collect()
    };
    assert_eq!(
        names(scanned),
        [("front".to_owned(), 2), ("this-machine".to_owned(), 1)]
    );
    assert_eq!(scanned.workloads[0].labels["team"], "shop");
    assert_eq!((scanned.counts.high, scanned.fixable), (2, 2));
    assert_eq!(legacy.name, "legacy:9");
    assert!(legacy.image.is_none() && legacy.not_scanned.contains("seawall scan --report"));

    // Page by page, and narrowed.
    let mut request = PageRequest::first(1);
    let first = store
        .running(&scope, &RunningFilter::default(), &request)
        .await
        .unwrap();
    request.cursor = first.next_cursor;
    let second = store
        .running(&scope, &RunningFilter::default(), &request)
        .await
        .unwrap();
    assert_eq!(second.items[0].id, legacy.id);
    assert!(second.next_cursor.is_none());
    let narrowed = async |filter: RunningFilter| {
        let request = PageRequest::first(50);
        store
            .running(&scope, &filter, &request)
            .await
            .unwrap()
            .items
    };
    let by_namespace = narrowed(RunningFilter {
        namespace: Some("web".to_owned()),
        cluster: Some("prod".to_owned()),
        ..RunningFilter::default()
    })
    .await;
    assert_eq!((by_namespace.len(), by_namespace[0].containers), (1, 2));
    let by_vulnerability = |id: &str| RunningFilter {
        vulnerability: Some(id.to_owned()),
        ..RunningFilter::default()
    };
    assert_eq!(narrowed(by_vulnerability("CVE-2024-2")).await.len(), 1);
    assert!(narrowed(by_vulnerability("CVE-2024-9")).await.is_empty());
    let never = RunningFilter {
        scanned: Some(false),
        ..RunningFilter::default()
    };
    assert_eq!(narrowed(never).await[0].id, legacy.id);

    // Either side names the other.
    let detail = store.running_image(&scope, &shop).await.unwrap().unwrap();
    assert_eq!(detail.containers.len(), 3);
    let by_digest = Digest::of(b"shop").to_string();
    let same = store
        .running_image(&scope, &by_digest)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(same.row.id, shop);
    let legacy = store
        .running_image(&scope, &legacy.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(legacy.containers[0].image, "legacy:9");
    assert!(
        store
            .running_image(&scope, "nobody")
            .await
            .unwrap()
            .is_none()
    );
    let affected = store
        .vulnerability_workloads(&scope, "CVE-2024-1", time(2))
        .await
        .unwrap();
    assert_eq!(
        (affected.images, affected.containers, affected.total),
        (1, 3, 2)
    );
    assert_eq!(affected.workloads[0].place.asset.name, "front");
    assert_eq!(affected.workloads[0].packages[0].name, "curl");

    // Another environment runs none of it.
    store.ensure_environment("else", "", false).await.unwrap();
    let elsewhere = store.scope(Some("else")).await.unwrap();
    let (all, request) = (RunningFilter::default(), PageRequest::first(50));
    let none = store.running(&elsewhere, &all, &request).await.unwrap();
    assert_eq!(none.total, 0);
    assert!(
        store
            .running_image(&elsewhere, &shop)
            .await
            .unwrap()
            .is_none()
    );
}

async fn what_a_sensor_saw_marks_the_package_it_is_of(test: &TestStore) {
    let store = &test.store;
    let shop_id = store.put_report("local", shop(0)).await.unwrap().image.id;
    let id = "aaaaaaaaaaaa";
    look(
        test,
        1,
        running(vec![container(ContainerEngine::Docker, id, "shop")]),
    )
    .await;
    note(test, None, Reach::NotKnown, 1).await;
    let before = said(test, &shop_id, time(2)).await;
    assert_eq!(before["curl"], InUse::NotKnown(NotKnown::NotWatched));

    let told = used(3, &[(id, 0)], &["/usr/bin/curl", "/opt/else"]);
    let taken = store
        .put_used("local", "this-machine", vec![told.clone()], time(3))
        .await
        .unwrap();
    assert_eq!((taken.images, taken.files), (1, 2));
    // The same told twice changes nothing.
    let again = store
        .put_used("local", "this-machine", vec![told], time(4))
        .await
        .unwrap();
    assert_eq!((again.files, again.packages), (0, 0));
    note(test, None, Reach::NotKnown, 5).await;
    let now = said(test, &shop_id, time(6)).await;
    assert_eq!(
        now["curl"],
        InUse::Seen {
            at: time(3),
            path: "/usr/bin/curl".to_owned(),
        }
    );
    assert!(matches!(
        now["openssl"],
        InUse::NotKnown(NotKnown::TooShort(_))
    ));

    // After a day of watching, the other was not seen.
    let day = 26 * 60;
    let still = used(day, &[(id, 0)], &[]);
    store
        .put_used("local", "this-machine", vec![still], time(day))
        .await
        .unwrap();
    look(
        test,
        day,
        running(vec![container(ContainerEngine::Docker, id, "shop")]),
    )
    .await;
    note(test, None, Reach::NotKnown, day).await;
    let later = said(test, &shop_id, time(day)).await;
    assert_eq!(later["openssl"], InUse::NotSeen { since: time(0) });
    let scope = store.scope(None).await.unwrap();
    assert_eq!(unused(test, &scope, 24, time(day)).await, ["CVE-2024-2"]);
    assert!(unused(test, &scope, 48, time(day)).await.is_empty());
    store.ensure_environment("else", "", false).await.unwrap();
    let elsewhere = store.scope(Some("else")).await.unwrap();
    assert!(unused(test, &elsewhere, 24, time(day)).await.is_empty());
    let filter = FindingFilter {
        in_use: Some(true),
        ..FindingFilter::default()
    };
    let seen = pressing(test, &filter).await;
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].0, "CVE-2024-1");

    // A container nobody watches spoils it for all.
    let both = running(vec![
        container(ContainerEngine::Docker, id, "shop"),
        container(ContainerEngine::Docker, "bbbbbbbbbbbb", "shop"),
    ]);
    look(test, day + 1, both).await;
    note(test, None, Reach::NotKnown, day + 1).await;
    let spoilt = said(test, &shop_id, time(day + 1)).await;
    assert_eq!(spoilt["openssl"], InUse::NotKnown(NotKnown::NotWatched));
    assert!(matches!(spoilt["curl"], InUse::Seen { .. }));
    assert!(unused(test, &scope, 24, time(day + 1)).await.is_empty());

    // A rebuilt image is another: nothing of it was seen yet.
    let mut rebuilt = shop(day + 2);
    let report = Arc::make_mut(&mut rebuilt.report);
    report.sbom.image.as_mut().unwrap().config = Some(Digest::of(b"rebuilt"));
    let same = store.put_report("local", rebuilt).await.unwrap();
    assert_eq!(same.image.id, shop_id);
    let fresh = said(test, &shop_id, time(day + 2)).await;
    assert!(matches!(fresh["curl"], InUse::NotKnown(_)), "{fresh:?}");
}

async fn what_was_seen_before_the_scan_counts_after_it(test: &TestStore) {
    let store = &test.store;
    let told = used(1, &[("aaaaaaaaaaaa", 0)], &["/usr/lib/libssl.so.3"]);
    let taken = store
        .put_used("local", "node-1", vec![told], time(1))
        .await
        .unwrap();
    assert_eq!((taken.images, taken.files), (0, 1));
    let shop_id = store.put_report("local", shop(2)).await.unwrap().image.id;
    let now = said(test, &shop_id, time(3)).await;
    assert!(matches!(now["openssl"], InUse::Seen { .. }), "{now:?}");
    // And the findings know it from the first moment.
    let filter = FindingFilter {
        in_use: Some(true),
        ..FindingFilter::default()
    };
    assert_eq!(pressing(test, &filter).await[0].0, "CVE-2024-2");
}

async fn a_priority_follows_every_part_of_it(test: &TestStore) {
    let store = &test.store;
    let all = FindingFilter::default();
    store.put_report("local", shop(0)).await.unwrap();
    let numbers = test.read("SELECT CAST(id AS TEXT) FROM image").await;
    let number: i64 = numbers[0].parse().unwrap();
    let idle = pressing(test, &all).await;
    assert_eq!(idle.len(), 2);
    assert!(idle.iter().all(|(_, priority)| *priority > 0));
    let highest = |found: &[(String, u16)]| found.iter().map(|(_, priority)| *priority).max();

    // It runs, from inside; then an ingress leads there.
    let id = "aaaaaaaaaaaa";
    let one = || running(vec![container(ContainerEngine::Docker, id, "shop")]);
    look(test, 1, one()).await;
    assert_eq!(note(test, Some(number), Reach::Inside, 1).await, 2);
    let inside = pressing(test, &all).await;
    assert!(highest(&inside) > highest(&idle));
    assert_eq!(note(test, Some(number), Reach::Inside, 2).await, 0);
    note(test, Some(number), Reach::Outside, 3).await;
    let outside = pressing(test, &all).await;
    assert!(highest(&outside) > highest(&inside));

    // One of the two packages is used.
    let told = used(4, &[(id, 0)], &["/usr/bin/curl"]);
    store
        .put_used("local", "n", vec![told], time(4))
        .await
        .unwrap();
    let with_use = pressing(test, &all).await;
    assert_eq!(with_use[0].0, "CVE-2024-1");
    assert!(with_use[0].1 > with_use[1].1);
    let at_least = FindingFilter {
        priority: Some(with_use[0].1),
        kinds: vec![FindingKind::Vulnerability],
        ..FindingFilter::default()
    };
    assert_eq!(pressing(test, &at_least).await.len(), 1);

    // The other becomes known to be exploited.
    let mut report = shop(5);
    let known = Arc::make_mut(&mut report.report);
    let mut vulnerabilities: Vec<_> = known.vulnerabilities.values().cloned().collect();
    for one in &mut vulnerabilities {
        if one.id.as_str() == "CVE-2024-2" {
            one.kev = Some(model::vulnerability::Kev {
                added: "2024-01-01".parse().unwrap(),
                due: None,
                ransomware: false,
            });
        }
    }
    store
        .put_vulnerabilities(vulnerabilities, time(5))
        .await
        .unwrap();
    let exploited = pressing(test, &all).await;
    assert_eq!(exploited[0].0, "CVE-2024-2");

    // It stops: nothing presses as before, and the same look says so again.
    look(test, 6, running(Vec::new())).await;
    note(test, None, Reach::NotKnown, 6).await;
    let stopped = pressing(test, &all).await;
    assert!(highest(&stopped) < highest(&exploited));
    let scope = store.scope(None).await.unwrap();
    let first = store
        .findings(
            &scope,
            &FindingFilter {
                states: vec![FindingState::Open],
                ..FindingFilter::default()
            },
            FindingSort::Priority,
            &PageRequest::first(10),
        )
        .await
        .unwrap();
    for finding in first.items {
        let detail = store
            .finding_detail(&scope, &finding.id.to_string())
            .await
            .unwrap()
            .unwrap();
        let (facts, _) = detail.pressing.unwrap();
        assert_eq!(facts.priority(), finding.priority, "{facts:?}");
    }
}

async fn what_presses_most_is_first(test: &TestStore) {
    use ContainerEngine::Docker;
    let store = &test.store;
    let shop_id = store.put_report("local", shop(0)).await.unwrap().image.id;
    let numbers = test.read("SELECT CAST(id AS TEXT) FROM image").await;
    let number: i64 = numbers[0].parse().unwrap();
    let grave = [("CVE-2024-3", "zlib", Severity::Critical)];
    let vault = image("vault:1", "vault", 0, &grave);
    let vault_id = store.put_report("local", vault).await.unwrap().image.id;
    let ours = || container(Docker, "aaaaaaaaaaaa", "shop");
    let mut never = container(Docker, "cccccccccccc", "never scanned");
    "legacy:9".clone_into(&mut never.image);
    let others = || vec![container(Docker, "bbbbbbbbbbbb", "vault"), never.clone()];
    let all = [vec![ours()], others()].concat();
    look(test, 1, running(all)).await;
    let scope = store.scope(None).await.unwrap();
    let order = async |request: &PageRequest| {
        let all = RunningFilter::default();
        let page = store.running(&scope, &all, request).await.unwrap();
        let ids = page.items.iter().map(|row| row.id.clone());
        (ids.collect::<Vec<_>>(), page.next_cursor)
    };
    let every = PageRequest::first(50);

    // Nobody looked yet: the graver is first, and nothing is lost.
    let (before, _) = order(&every).await;
    assert_eq!(before[..2], [vault_id.clone(), shop_id.clone()]);
    // The lesser one is open to the outside, the graver is not.
    let place = |reach| Reached {
        reach,
        by: String::new(),
    };
    let other = test
        .read("SELECT CAST(MAX(id) AS TEXT) FROM image")
        .await
        .remove(0);
    let reached = HashMap::from([
        (number, place(Reach::Outside)),
        (other.parse().unwrap(), place(Reach::Inside)),
    ]);
    let noted = store
        .note_image_use(reached.clone(), time(1))
        .await
        .unwrap();
    assert_eq!(noted.pressing, 2);
    let again = store.note_image_use(reached, time(1)).await.unwrap();
    assert_eq!((again.images, again.pressing), (0, 0));
    let (after, _) = order(&every).await;
    assert_eq!(after[..2], [shop_id.clone(), vault_id.clone()]);
    assert_eq!(after.len(), 3);

    // Whoever reads on goes on where they were, though what they saw
    // last runs no longer.
    let mut request = PageRequest::first(1);
    let (first, next) = order(&request).await;
    assert_eq!(first, [shop_id]);
    request.cursor = next;
    look(test, 2, running(others())).await;
    let (second, next) = order(&request).await;
    assert_eq!(second, [vault_id]);
    request.cursor = next;
    let (third, next) = order(&request).await;
    assert_eq!((&third[..], next), (&after[2..], None));
}

async fn work_is_gathered_from_what_runs(test: &TestStore) {
    let store = &test.store;
    store.put_report("local", shop(0)).await.unwrap();
    let mut other = image(
        "idle:1",
        "idle",
        0,
        &[("CVE-2024-3", "zlib", Severity::Critical)],
    );
    "idle:1".clone_into(&mut Arc::make_mut(&mut other.report).target.name);
    store.put_report("local", other).await.unwrap();
    let one = container(ContainerEngine::Docker, "aaaaaaaaaaaa", "shop");
    look(test, 1, running(vec![one])).await;
    note(test, None, Reach::NotKnown, 1).await;
    let scope = store.scope(None).await.unwrap();
    let runs = store.work(&scope, true, 0).await.unwrap();
    let list = work::work(&runs.images, &runs.findings);
    assert_eq!((list.findings, list.closes), (2, 2));
    assert!(list.steps.iter().all(|step| step.weight > 0));
    let everything = store.work(&scope, false, 0).await.unwrap();
    let list = work::work(&everything.images, &everything.findings);
    assert_eq!(list.findings, 3);
    let high = store.work(&scope, false, 1000).await.unwrap();
    assert!(work::work(&high.images, &high.findings).steps.is_empty());
}

on_each_database!(
    what_runs_is_told_from_either_side,
    what_a_sensor_saw_marks_the_package_it_is_of,
    what_was_seen_before_the_scan_counts_after_it,
    a_priority_follows_every_part_of_it,
    what_presses_most_is_first,
    work_is_gathered_from_what_runs,
);

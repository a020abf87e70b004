//! What a second look changes, and what it leaves alone.

use std::sync::Arc;

use model::{Severity, Warning};
use store::{Assessment, FindingFilter, FindingSort, PageRequest, Scope, Store};

use crate::sample::{TestStore, image, on_each_database, time};

const HEARTBLEED: (&str, &str, Severity) = ("CVE-2014-0160", "openssl", Severity::High);
const SHELLSHOCK: (&str, &str, Severity) = ("CVE-2014-6271", "bash", Severity::Critical);

async fn findings(store: &Store, scope: &Scope) -> Vec<String> {
    let filter = FindingFilter::default();
    let page = store
        .findings(
            scope,
            &filter,
            FindingSort::Severity,
            &PageRequest::first(100),
        )
        .await
        .unwrap();
    page.items
        .iter()
        .map(|finding| {
            let minute = (finding.first_seen.as_second() - time(0).as_second()) / 60;
            let state = finding.state;
            format!("{} {state} since {minute}", finding.rule)
        })
        .collect()
}

async fn the_same_report_twice_changes_nothing(test: &TestStore) {
    let scope_of = |store: Store| async move { store.scope(None).await.unwrap() };
    let first = test
        .store
        .put_report("local", image("web:1", "a", 0, &[HEARTBLEED, SHELLSHOCK]))
        .await
        .unwrap();
    assert!(first.added);
    assert_eq!(first.new.total(), 2);
    let second = test
        .store
        .put_report("local", image("web:1", "a", 5, &[HEARTBLEED, SHELLSHOCK]))
        .await
        .unwrap();
    assert_eq!(
        (second.added, second.new.total(), second.resolved),
        (false, 0, 0)
    );
    assert_eq!(second.image.id, first.image.id);
    let scope = scope_of(test.store.clone()).await;
    assert_eq!(
        findings(&test.store, &scope).await,
        ["CVE-2014-6271 open since 0", "CVE-2014-0160 open since 0"]
    );
    let changes = test
        .store
        .changes(&scope, &PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(changes.items.len(), 1);
    assert_eq!(
        changes.items[0].entry.summary,
        "web:1: looked at, 2 findings"
    );
}

async fn a_finding_no_longer_reported_is_resolved_and_may_come_back(test: &TestStore) {
    let store = &test.store;
    let put = async |assessment: Assessment| store.put_report("local", assessment).await.unwrap();
    put(image("web:1", "a", 0, &[HEARTBLEED, SHELLSHOCK])).await;
    let outcome = put(image("web:1", "a", 5, &[SHELLSHOCK])).await;
    assert_eq!((outcome.new.total(), outcome.resolved), (0, 1));
    let scope = store.scope(None).await.unwrap();
    assert_eq!(
        findings(store, &scope).await,
        [
            "CVE-2014-6271 open since 0",
            "CVE-2014-0160 resolved since 0"
        ]
    );
    let known = store.vulnerability(&scope, "CVE-2014-0160").await.unwrap();
    assert_eq!(known.findings, 0);

    let outcome = put(image("web:1", "a", 9, &[HEARTBLEED, SHELLSHOCK])).await;
    assert_eq!((outcome.new.high, outcome.resolved), (1, 0));
    assert_eq!(
        findings(store, &scope).await,
        ["CVE-2014-6271 open since 0", "CVE-2014-0160 open since 0"]
    );
}

async fn what_could_not_be_read_resolves_nothing(test: &TestStore) {
    let store = &test.store;
    let whole = image("web:1", "a", 0, &[HEARTBLEED]);
    store.put_report("local", whole).await.unwrap();
    let mut broken = image("web:1", "a", 5, &[]);
    let report = Arc::make_mut(&mut broken.report);
    report
        .sbom
        .warnings
        .push(Warning::new("cut short").at("var/lib/dpkg/status"));
    let outcome = store.put_report("local", broken).await.unwrap();
    assert_eq!(outcome.resolved, 0);
    let scope = store.scope(None).await.unwrap();
    assert_eq!(
        findings(store, &scope).await,
        ["CVE-2014-0160 open since 0"]
    );
}

async fn a_rebuilt_image_keeps_its_row_and_its_findings_their_age(test: &TestStore) {
    let store = &test.store;
    let first = store
        .put_report("local", image("web:1", "a", 0, &[HEARTBLEED, SHELLSHOCK]))
        .await
        .unwrap();
    let second = store
        .put_report("local", image("web:1", "b", 5, &[HEARTBLEED]))
        .await
        .unwrap();
    assert_eq!(second.image.id, first.image.id);
    assert_eq!((second.new.total(), second.resolved), (0, 1));
    let scope = store.scope(None).await.unwrap();
    assert_eq!(
        findings(store, &scope).await,
        [
            "CVE-2014-6271 resolved since 0",
            "CVE-2014-0160 open since 0"
        ]
    );
}

async fn one_image_under_two_names_is_one_image(test: &TestStore) {
    let store = &test.store;
    store
        .put_report("local", image("web:1", "a", 0, &[HEARTBLEED]))
        .await
        .unwrap();
    store
        .put_report("local", image("web:latest", "a", 1, &[HEARTBLEED]))
        .await
        .unwrap();
    let scope = store.scope(None).await.unwrap();
    let page = store
        .images(
            &scope,
            &store::ImageFilter::default(),
            store::ImageSort::Name,
            &PageRequest::first(10),
        )
        .await
        .unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.items[0].tags, ["web:1", "web:latest"]);
}

async fn an_environment_sees_only_its_own_rows_and_leaves_none_behind(test: &TestStore) {
    let store = &test.store;
    store
        .ensure_environment("demo", "Demo", true)
        .await
        .unwrap();
    store
        .put_report("local", image("web:1", "a", 0, &[HEARTBLEED]))
        .await
        .unwrap();
    store
        .put_report("demo", image("shop:1", "b", 0, &[SHELLSHOCK]))
        .await
        .unwrap();
    let local = store.scope(Some("local")).await.unwrap();
    let demo = store.scope(Some("demo")).await.unwrap();
    assert_eq!(
        findings(store, &local).await,
        ["CVE-2014-0160 open since 0"]
    );
    assert_eq!(findings(store, &demo).await, ["CVE-2014-6271 open since 0"]);
    let nowhere = store.scope(Some("nowhere")).await.unwrap();
    assert!(findings(store, &nowhere).await.is_empty());
    let packages = store.find_packages(&local, "bash", 10).await.unwrap();
    assert!(packages.is_empty(), "{packages:?}");

    assert!(store.remove_environment("demo").await.unwrap());
    let everything = store.scope(None).await.unwrap();
    assert_eq!(
        findings(store, &everything).await,
        ["CVE-2014-0160 open since 0"]
    );
    let totals = store.totals(&everything).await.unwrap();
    assert_eq!((totals.images, totals.vulnerabilities.total()), (1, 1));
}

on_each_database! {
    the_same_report_twice_changes_nothing,
    a_finding_no_longer_reported_is_resolved_and_may_come_back,
    what_could_not_be_read_resolves_nothing,
    a_rebuilt_image_keeps_its_row_and_its_findings_their_age,
    one_image_under_two_names_is_one_image,
    an_environment_sees_only_its_own_rows_and_leaves_none_behind,
}

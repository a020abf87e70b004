//! Lists: whole when walked, narrow when filtered.

use jiff::Timestamp;
use model::Severity;
use store::{
    FindingFilter, FindingSort, ImageFilter, ImageSort, Lease, NewScan, PageRequest, ScanEnd,
    ScanFilter, ScanOrigin, ScanOutcome, ScanState, VulnerabilityFilter, VulnerabilitySort,
};

use crate::sample::{TestStore, image, on_each_database, time};

async fn fill(test: &TestStore) {
    let severities = [Severity::Low, Severity::High, Severity::Critical];
    for number in 0..7_usize {
        let name = format!("web:{number}");
        let ids: Vec<String> = (0..=number).map(|id| format!("CVE-2024-{id}")).collect();
        let findings: Vec<_> = ids
            .iter()
            .enumerate()
            .map(|(step, id)| (id.as_str(), "openssl", severities[step % 3]))
            .collect();
        let minute = i64::try_from(number).unwrap();
        test.store
            .put_report("local", image(&name, &name, minute, &findings))
            .await
            .unwrap();
    }
}

/// Walks a list in pages of three.
macro_rules! walk {
    ($ask:expr, $key:expr) => {{
        let mut seen = Vec::new();
        let mut cursor = None;
        let mut total = None;
        loop {
            let request = PageRequest { limit: 3, cursor };
            let page = $ask(request).await.unwrap();
            assert!(page.items.len() <= 3);
            assert_eq!(*total.get_or_insert(page.total), page.total);
            seen.extend(page.items.iter().map($key));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let mut unique = seen.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), seen.len(), "a row came twice");
        assert_eq!(total, Some(seen.len() as u64), "a row was left out");
        seen
    }};
}

async fn walking_all_pages_gives_every_row_once_in_every_order(test: &TestStore) {
    fill(test).await;
    let store = &test.store;
    let scope = &store.scope(None).await.unwrap();
    for sort in [
        ImageSort::Severity,
        ImageSort::Name,
        ImageSort::NameDescending,
        ImageSort::Newest,
        ImageSort::Oldest,
        ImageSort::Packages,
    ] {
        let filter = ImageFilter::default();
        let rows = walk!(
            async |request| store.images(scope, &filter, sort, &request).await,
            |image: &store::Image| image.key.id.clone()
        );
        assert_eq!(rows.len(), 7);
    }
    for sort in [
        FindingSort::Severity,
        FindingSort::Newest,
        FindingSort::Epss,
        FindingSort::Package,
    ] {
        let filter = FindingFilter {
            states: vec![model::FindingState::Open],
            ..FindingFilter::default()
        };
        let rows = walk!(
            async |request| store.findings(scope, &filter, sort, &request).await,
            |finding: &store::Finding| finding.fingerprint.clone()
        );
        assert_eq!(rows.len(), 28);
    }
    for sort in [
        VulnerabilitySort::Severity,
        VulnerabilitySort::Exploited,
        VulnerabilitySort::Epss,
        VulnerabilitySort::Images,
        VulnerabilitySort::Newest,
    ] {
        let filter = VulnerabilityFilter::default();
        let rows = walk!(
            async |request| store.vulnerabilities(scope, &filter, sort, &request).await,
            |vulnerability: &store::VulnerabilityUse| vulnerability.id.clone()
        );
        assert_eq!(rows.len(), 7);
    }
}

async fn a_cursor_of_another_order_is_refused(test: &TestStore) {
    fill(test).await;
    let scope = test.store.scope(None).await.unwrap();
    let filter = ImageFilter::default();
    let page = test
        .store
        .images(&scope, &filter, ImageSort::Name, &PageRequest::first(2))
        .await
        .unwrap();
    let request = PageRequest {
        limit: 2,
        cursor: page.next_cursor,
    };
    let error = test
        .store
        .images(&scope, &filter, ImageSort::Severity, &request)
        .await
        .unwrap_err();
    assert!(matches!(error, store::StoreError::Cursor(_)), "{error}");
}

async fn images_narrow_by_what_they_hold(test: &TestStore) {
    fill(test).await;
    let store = &test.store;
    let scope = &store.scope(None).await.unwrap();
    let names = async |filter: ImageFilter| {
        let page = store
            .images(scope, &filter, ImageSort::Name, &PageRequest::first(100))
            .await
            .unwrap();
        page.items
            .into_iter()
            .map(|image| image.key.name)
            .collect::<Vec<_>>()
    };
    let filter = ImageFilter {
        severities: vec![Severity::Critical],
        ..ImageFilter::default()
    };
    assert_eq!(names(filter).await.len(), 5);
    let filter = ImageFilter {
        vulnerability: Some("CVE-2024-6".to_owned()),
        ..ImageFilter::default()
    };
    assert_eq!(names(filter).await, ["web:6"]);
    let filter = ImageFilter {
        package: Some("openssl".to_owned()),
        text: Some("EB:3".to_owned()),
        ..ImageFilter::default()
    };
    assert_eq!(names(filter).await, ["web:3"]);
    let filter = ImageFilter {
        text: Some("%".to_owned()),
        ..ImageFilter::default()
    };
    assert!(names(filter).await.is_empty());
}

async fn the_fix_that_closes_most_comes_first(test: &TestStore) {
    fill(test).await;
    let scope = test.store.scope(None).await.unwrap();
    let fixes = test.store.top_fixes(&scope, None, 5).await.unwrap();
    assert_eq!(fixes.len(), 1);
    assert_eq!(fixes[0].fix.version, "1.1");
    assert_eq!((fixes[0].images, fixes[0].fix.closes.total()), (7, 28));
}

async fn a_layer_says_what_it_brought_and_who_shares_it(test: &TestStore) {
    fill(test).await;
    let scope = test.store.scope(None).await.unwrap();
    let filter = ImageFilter {
        text: Some("web:6".to_owned()),
        ..ImageFilter::default()
    };
    let page = test
        .store
        .images(&scope, &filter, ImageSort::Name, &PageRequest::first(1))
        .await
        .unwrap();
    let id = &page.items[0].key.id;
    let (layers, unlayered) = test.store.layers(&scope, id).await.unwrap().unwrap();
    assert_eq!(layers.len(), 1);
    assert_eq!(layers[0].shared_with, 6);
    assert_eq!(layers[0].totals.counts.total(), 7);
    assert_eq!(unlayered, store::LayerTotals::default());
    assert_eq!(test.store.layers(&scope, "nobody").await.unwrap(), None);
}

fn scan(target: &str, origin: ScanOrigin) -> NewScan {
    NewScan {
        environment: "local".to_owned(),
        target: target.to_owned(),
        name: target.to_owned(),
        origin,
        created: time(0),
        ..NewScan::default()
    }
}

const LEASE: Lease<'static> = Lease {
    holder: "one",
    until: Timestamp::UNIX_EPOCH,
};

async fn who_waits_goes_first_and_nothing_is_queued_twice(test: &TestStore) {
    let store = &test.store;
    store
        .queue_scan(scan("dir:/", ScanOrigin::Start))
        .await
        .unwrap();
    let (asked, new) = store
        .queue_scan(scan("docker:web", ScanOrigin::User))
        .await
        .unwrap();
    assert!(new);
    let (again, new) = store
        .queue_scan(scan("docker:web", ScanOrigin::User))
        .await
        .unwrap();
    assert_eq!((again.id.as_str(), new), (asked.id.as_str(), false));

    let taken = store
        .take_scan(time(1), true, LEASE)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(taken.target, "docker:web");
    assert_eq!(taken.state, ScanState::Running);
    // Nobody waits for the other one.
    assert_eq!(store.take_scan(time(1), true, LEASE).await.unwrap(), None);
    // The server stops here and starts again.
    assert_eq!(store.requeue_scans(time(2), true).await.unwrap(), 1);
    let taken = store
        .take_scan(time(2), false, LEASE)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(taken.target, "docker:web");
    let failed = ScanEnd::Failed {
        error: "no such image".to_owned(),
        advice: None,
    };
    assert!(store.end_scan(&taken.id, failed, time(3)).await.unwrap());
    assert!(
        !store
            .end_scan(&taken.id, ScanEnd::Cancelled, time(4))
            .await
            .unwrap()
    );
    let scope = store.scope(None).await.unwrap();
    let changes = store.changes(&scope, &PageRequest::first(5)).await.unwrap();
    assert_eq!(changes.items[0].entry.summary, "docker:web: no such image");
}

async fn a_finished_scan_belongs_to_its_image(test: &TestStore) {
    let store = &test.store;
    let (queued, _) = store
        .queue_scan(scan("docker:web:1", ScanOrigin::User))
        .await
        .unwrap();
    let outcome = store
        .put_report("local", image("web:1", "a", 0, &[]))
        .await
        .unwrap();
    let end = ScanEnd::Done {
        image: outcome.image.id.clone(),
        outcome: ScanOutcome::default(),
        extractors: "1".to_owned(),
    };
    store.end_scan(&queued.id, end, time(1)).await.unwrap();
    let scope = store.scope(None).await.unwrap();
    let filter = ScanFilter {
        image: Some(outcome.image.id.clone()),
        ..ScanFilter::default()
    };
    let page = store
        .scans(&scope, &filter, &PageRequest::first(5))
        .await
        .unwrap();
    assert_eq!(page.items[0].image, Some(outcome.image));
}

on_each_database! {
    walking_all_pages_gives_every_row_once_in_every_order,
    a_cursor_of_another_order_is_refused,
    images_narrow_by_what_they_hold,
    the_fix_that_closes_most_comes_first,
    a_layer_says_what_it_brought_and_who_shares_it,
    who_waits_goes_first_and_nothing_is_queued_twice,
    a_finished_scan_belongs_to_its_image,
}

//! What sensors send is kept once, with what happened before; what they
//! lost, how they are and what they are to do.

use model::{
    Alert, AlertPlace, AlertRule, AssetKind, Fingerprint, Severity,
    alert::{AlertContext, Trace, TraceEvent, TraceKind},
};
use serde_json::json;
use store::{FindingFilter, FindingSort, PageRequest, SensorGap, SensorItems, SensorRecord};

use crate::{
    context::{author, scope},
    sample::{TestStore, assert_roll_ups_hold, on_each_database, time},
};

fn alert(number: u64, program: &str) -> Alert {
    let mut place = AlertPlace::default();
    place.push(AssetKind::Host, "node-1".to_owned(), "node-1".to_owned());
    let minute = i64::try_from(number).unwrap();
    let rule = AlertRule {
        id: "K8S.NODE_WebShell".to_owned(),
        title: "Web shell".to_owned(),
        severity: Severity::High,
        ..AlertRule::default()
    };
    Alert {
        event: Fingerprint::of(&["sensor", "node-1", "b", "r", &number.to_string()]),
        time: time(minute),
        fingerprint: place.fingerprint(&rule.id, program),
        place,
        summary: program.to_owned(),
        evidence: "{}".to_owned(),
        context: AlertContext::default(),
        raw: None,
        trace: Some(Trace {
            processes: Vec::new(),
            events: vec![TraceEvent {
                time: time(minute),
                pid: 7,
                kind: TraceKind::Execute,
                what: format!("{program} {number}"),
                count: 1,
            }],
            omitted: 0,
        }),
        rule,
    }
}

fn gap(count: u64) -> SensorGap {
    SensorGap {
        stage: "kernel".to_owned(),
        class: "file".to_owned(),
        reason: "ring full".to_owned(),
        count,
        from: time(0),
        to: time(1),
    }
}

fn items(run: &str, alerts: &[u64], gaps: &[u64]) -> SensorItems {
    let programs = ["sh", "nc"];
    SensorItems {
        node: "node-1".to_owned(),
        boot: "b".to_owned(),
        run: run.to_owned(),
        last_alert: alerts.last().copied().unwrap_or(0),
        last_gap: gaps.last().copied().unwrap_or(0),
        alerts: alerts
            .iter()
            .map(|&number| (number, alert(number, programs[usize::from(number > 3)])))
            .collect(),
        gaps: gaps.iter().map(|&number| (number, gap(number))).collect(),
    }
}

async fn what_is_sent_again_is_known_by_its_run(test: &TestStore) {
    let put = |items: SensorItems| test.store.put_sensor_items("local", items, time(60));
    let taken = put(items("r", &[1, 2, 5], &[4])).await.unwrap();
    assert_eq!((taken.alerts.accepted, taken.alerts.opened), (3, 2));
    assert_eq!((taken.gaps, taken.repeated), (1, 0));
    // The answer was lost, and there is more meanwhile.
    let taken = put(items("r", &[1, 2, 5, 6], &[4])).await.unwrap();
    assert_eq!(
        (taken.alerts.accepted, taken.gaps, taken.repeated),
        (1, 0, 4)
    );
    // The numbers begin anew with the run.
    let taken = put(items("s", &[1], &[])).await.unwrap();
    assert_eq!((taken.alerts.accepted, taken.repeated), (1, 0));
    let nowhere = test
        .store
        .put_sensor_items("nowhere", items("r", &[9], &[]), time(60));
    assert!(nowhere.await.is_err());

    let scope = scope(test).await;
    let (filter, first) = (FindingFilter::default(), PageRequest::first(10));
    let page = test
        .store
        .findings(&scope, &filter, FindingSort::Newest, &first)
        .await
        .unwrap();
    let mut seen: Vec<_> = page
        .items
        .iter()
        .map(|finding| (finding.summary.clone().unwrap(), finding.occurrences))
        .collect();
    seen.sort();
    assert_eq!(seen, [("nc".to_owned(), 2), ("sh".to_owned(), 3)]);
    let gaps = test.store.sensor_gaps(&scope, "local", "node-1").await;
    assert_eq!(gaps.unwrap(), [(time(60), gap(4))]);
    assert_roll_ups_hold(&test.store).await;
}

async fn the_last_trace_of_an_alert_is_kept_and_goes_with_it(test: &TestStore) {
    let put = |items: SensorItems| test.store.put_sensor_items("local", items, time(60));
    put(items("r", &[2], &[])).await.unwrap();
    put(items("s", &[1], &[])).await.unwrap();
    let scope = scope(test).await;
    let (filter, first) = (FindingFilter::default(), PageRequest::first(10));
    let page = test
        .store
        .findings(&scope, &filter, FindingSort::Newest, &first)
        .await
        .unwrap();
    let id = page.items[0].id.to_string();
    let known = test
        .store
        .finding_detail(&scope, &id)
        .await
        .unwrap()
        .unwrap();
    // The one that happened last, not the one that came last.
    assert_eq!(known.trace.unwrap().events[0].what, "sh 2");
}

async fn a_sensor_is_as_it_last_told_and_is_forgotten(test: &TestStore) {
    let record = |minute: i64, status: &str| SensorRecord {
        environment: "local".to_owned(),
        node: "node-1".to_owned(),
        status: status.to_owned(),
        first_seen: time(minute),
        last_seen: time(minute),
    };
    let gone = SensorRecord {
        environment: "gone".to_owned(),
        ..record(1, "{}")
    };
    let store = &test.store;
    store.put_sensors(vec![record(1, "1"), gone]).await.unwrap();
    store.put_sensors(vec![record(3, "3")]).await.unwrap();
    // Another server's, which is older.
    store.put_sensors(vec![record(2, "2")]).await.unwrap();
    let scope = scope(test).await;
    let sensors = store.sensors(&scope).await.unwrap();
    let expected = SensorRecord {
        first_seen: time(1),
        ..record(3, "3")
    };
    assert_eq!(sensors, [expected]);
    let forget = || store.forget_sensor(author(9), "local", "node-1");
    assert!(forget().await.unwrap());
    assert!(!forget().await.unwrap());
    assert!(store.sensors(&scope).await.unwrap().is_empty());
}

async fn gaps_are_bounded_by_sensor(test: &TestStore) {
    let numbers: Vec<u64> = (1..=250).collect();
    let put = |items: SensorItems| test.store.put_sensor_items("local", items, time(60));
    put(items("r", &[], &numbers)).await.unwrap();
    let scope = scope(test).await;
    let gaps = test
        .store
        .sensor_gaps(&scope, "local", "node-1")
        .await
        .unwrap();
    assert_eq!((gaps.len(), gaps[0].1.count), (200, 250));
    assert_eq!(gaps.last().unwrap().1.count, 51);
}

async fn a_policy_is_changed_by_one_at_a_time(test: &TestStore) {
    let store = &test.store;
    assert_eq!(store.sensor_policy("local").await.unwrap(), None);
    let put = |revision, policy| store.put_sensor_policy(author(1), "local", revision, policy);
    assert_eq!(put(0, json!({"a": 1})).await.unwrap(), Ok(1));
    // The same again is no change.
    assert_eq!(put(1, json!({"a": 1})).await.unwrap(), Ok(1));
    assert_eq!(put(1, json!({"a": 2})).await.unwrap(), Ok(2));
    let stale = put(1, json!({"a": 3})).await.unwrap().unwrap_err();
    assert_eq!(stale.revision, 2);
    let known = store.sensor_policy("local").await.unwrap().unwrap();
    assert_eq!((known.revision, known.policy), (2, json!({"a": 2})));
}

on_each_database!(
    what_is_sent_again_is_known_by_its_run,
    the_last_trace_of_an_alert_is_kept_and_goes_with_it,
    a_sensor_is_as_it_last_told_and_is_forgotten,
    gaps_are_bounded_by_sensor,
    a_policy_is_changed_by_one_at_a_time,
);

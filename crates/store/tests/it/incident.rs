//! Alerts that belong together are gathered as they come, once.

use model::{FindingState, IncidentState, NoticeEvent, Query, Reason, Severity};
use store::{
    Incident, IncidentChange, IncidentEventKind, IncidentFilter, IncidentSort, NewExemption,
    PageRequest,
};

use crate::{
    context::{Audited, author, found, scope, take},
    sample::{TestStore, assert_roll_ups_hold, on_each_database, time},
};

async fn incidents(test: &TestStore, filter: IncidentFilter) -> Vec<Incident> {
    let request = PageRequest::first(100);
    let sort = IncidentSort::Severity;
    let page = test
        .store
        .incidents(&scope(test).await, &filter, sort, &request)
        .await
        .unwrap();
    assert_eq!(page.total, page.items.len() as u64);
    page.items
}

async fn titles(test: &TestStore) -> Vec<String> {
    let known = incidents(test, IncidentFilter::default()).await;
    known.into_iter().map(|incident| incident.title).collect()
}

fn stage<'a>(rule: &'a str, tactic: &'a [&'a str], minute: i64) -> Audited<'a> {
    Audited {
        rule,
        tactics: tactic,
        minute,
        ..Audited::default()
    }
}

async fn what_one_principal_does_within_an_hour_is_one_incident(test: &TestStore) {
    let first = stage("exec-in-pod", &["execution"], 0).alert();
    assert_eq!(take(test, vec![first.clone()]).await.incidents, 1);
    assert_eq!(titles(test).await, ["exec in pod by alice in cluster prod"]);
    let more = || {
        vec![
            stage("list-secrets", &["credential-access"], 30).alert(),
            Audited {
                workload: Some("db"),
                address: "198.51.100.7",
                ..stage("bind-cluster-admin", &["privilege-escalation"], 80)
            }
            .alert(),
            first.clone(),
        ]
    };
    take(test, more()).await;
    // Delivered again, nothing changes.
    assert_eq!(take(test, more()).await.incidents, 0);
    let known = incidents(test, IncidentFilter::default()).await;
    let [incident] = known.as_slice() else {
        panic!("{known:#?}");
    };
    assert_eq!(incident.title, "3 techniques by alice in cluster prod");
    assert_eq!((incident.alerts, incident.events), (3, 3));
    // Three tactics are worse than the worst of three medium alerts.
    assert_eq!(
        (incident.worst, incident.severity),
        (Severity::Medium, Severity::High)
    );
    let tactics: Vec<_> = incident.tactics.names().collect();
    assert_eq!(
        tactics,
        ["execution", "privilege-escalation", "credential-access"]
    );
    assert_eq!(incident.workloads, ["shop/web", "shop/db"]);
    let detail = test
        .store
        .incident_detail(&scope(test).await, &incident.id, 100)
        .await
        .unwrap()
        .unwrap();
    let order: Vec<_> = detail
        .timeline
        .iter()
        .map(|alert| (alert.finding.rule.as_str(), alert.events))
        .collect();
    assert_eq!(
        order,
        [
            ("exec-in-pod", 1),
            ("list-secrets", 1),
            ("bind-cluster-admin", 1)
        ]
    );
    let history: Vec<_> = detail.history.iter().map(|event| event.what).collect();
    assert_eq!(
        history,
        [IncidentEventKind::Escalated, IncidentEventKind::Opened]
    );
    // Searched for by its id, and told beside the alert.
    let query = format!("incident:{}", incident.id);
    assert_eq!(found(test, &query).await.len(), 3);
    let of = test
        .store
        .incidents_of(detail.timeline[0].finding.id)
        .await
        .unwrap();
    assert_eq!(of[0].id, incident.id);
    // More than an hour after the last it is another.
    take(test, vec![stage("exec-in-pod", &[], 141).alert()]).await;
    assert_eq!(titles(test).await.len(), 2);
}

async fn parts_of_kubernetes_relate_nothing_and_a_workload_does(test: &TestStore) {
    let by = |user, workload, minute| {
        Audited {
            user,
            workload: Some(workload),
            address: "10.0.0.1",
            minute,
            ..Audited::default()
        }
        .alert()
    };
    let controller = "system:serviceaccount:kube-system:replicaset-controller";
    take(
        test,
        vec![by(controller, "web", 0), by(controller, "db", 1)],
    )
    .await;
    assert_eq!(
        titles(test).await,
        [
            "exec in pod on shop/db in cluster prod",
            "exec in pod on shop/web in cluster prod"
        ]
    );
    take(test, vec![by("alice", "db", 2)]).await;
    assert_eq!(
        titles(test).await,
        [
            "2 alerts by alice in cluster prod",
            "exec in pod on shop/web in cluster prod"
        ]
    );
    // She is at the other workload too: they are one.
    take(test, vec![by("alice", "web", 3)]).await;
    let known = incidents(test, IncidentFilter::default()).await;
    let [incident] = known.as_slice() else {
        panic!("{known:#?}");
    };
    assert_eq!((incident.alerts, incident.events), (4, 4));
    let merged = IncidentFilter {
        states: vec![IncidentState::Merged],
        ..IncidentFilter::default()
    };
    let merged = incidents(test, merged).await;
    assert_eq!(merged[0].merged_into.as_deref(), Some(&*incident.id));
}

async fn a_lone_alert_of_little_weight_waits_for_the_next(test: &TestStore) {
    let low = |rule, minute| {
        Audited {
            severity: Severity::Low,
            ..stage(rule, &["discovery"], minute)
        }
        .alert()
    };
    assert_eq!(take(test, vec![low("look-around", 0)]).await.incidents, 0);
    assert_eq!(titles(test).await, [""; 0]);
    assert_eq!(take(test, vec![low("look-closer", 5)]).await.incidents, 1);
    assert_eq!(titles(test).await, ["2 alerts by alice in cluster prod"]);
}

async fn what_is_muted_makes_no_incident_and_is_let_go_when_another_does_it(test: &TestStore) {
    let exemption = NewExemption {
        scope: Query::parse_scope("rule:exec-in-pod source_ip:10.0.0.7").unwrap(),
        environment: Some("local".to_owned()),
        reason: Reason::Benign,
        note: "the pipeline".to_owned(),
        owner: "ada".to_owned(),
        expires: None,
    };
    test.store.exempt(author(0), exemption).await.unwrap();
    let from = |address, minute| {
        Audited {
            address,
            minute,
            ..Audited::default()
        }
        .alert()
    };
    let taken = take(test, vec![from("10.0.0.7", 1)]).await;
    assert_eq!((taken.opened, taken.incidents), (0, 0));
    assert_eq!(take(test, vec![from("10.0.0.7", 2)]).await.opened, 0);
    let muted = found(test, "kind:alert state:exempted").await;
    assert_eq!(muted[0].occurrences, 2);
    // The same alert, but not from there.
    let taken = take(test, vec![from("203.0.113.66", 3)]).await;
    assert_eq!((taken.opened, taken.incidents), (1, 1));
    let alert = found(test, "kind:alert").await.remove(0);
    assert_eq!((alert.id, alert.state), (muted[0].id, FindingState::Open));
    let id = alert.id.to_string();
    let history = test
        .store
        .finding_history(&scope(test).await, &id, 10)
        .await
        .unwrap()
        .unwrap();
    assert!(
        history[0].text.contains("by alice from 203.0.113.66"),
        "{history:?}"
    );
    assert_roll_ups_hold(&test.store).await;
}

async fn people_acknowledge_assign_and_close(test: &TestStore) {
    take(test, vec![Audited::default().alert()]).await;
    let incident = incidents(test, IncidentFilter::default()).await.remove(0);
    let scope = scope(test).await;
    let change = |change| {
        test.store
            .change_incident(author(10), &scope, &incident.id, change)
    };
    let acknowledged = change(IncidentChange {
        state: Some(IncidentState::Acknowledged),
        assignee: Some(Some("ada".to_owned())),
        ..IncidentChange::default()
    })
    .await
    .unwrap()
    .unwrap();
    assert_eq!(acknowledged.state, IncidentState::Acknowledged);
    assert_eq!(acknowledged.assignee.as_deref(), Some("ada"));
    let closed = change(IncidentChange {
        state: Some(IncidentState::Closed),
        reason: Some(Reason::Test),
        note: Some("an exercise".to_owned()),
        ..IncidentChange::default()
    })
    .await
    .unwrap()
    .unwrap();
    assert_eq!(closed.reason, Some(Reason::Test));
    assert_eq!(titles(test).await, [""; 0]);
    let detail = test
        .store
        .incident_detail(&scope, &incident.id, 10)
        .await
        .unwrap()
        .unwrap();
    let texts: Vec<_> = detail
        .history
        .iter()
        .map(|event| event.text.as_str())
        .collect();
    assert_eq!(
        texts[..3],
        [
            "closed as a test: an exercise",
            "assigned to ada",
            "acknowledged"
        ]
    );
    let counts = test
        .store
        .incident_counts(&scope, &IncidentFilter::default())
        .await
        .unwrap();
    assert_eq!(counts.states, [(IncidentState::Closed, 1)]);
    // One that is closed takes nothing more.
    take(test, vec![stage("exec-in-pod", &[], 20).alert()]).await;
    assert_eq!(titles(test).await.len(), 1);
    let unknown = test
        .store
        .change_incident(author(1), &scope, "none", IncidentChange::default())
        .await
        .unwrap();
    assert_eq!(unknown, None);
}

async fn incidents_are_narrowed_and_paged(test: &TestStore) {
    let alerts = (0..5)
        .map(|number| {
            Audited {
                user: ["ann", "bob", "cid", "dee", "eve"][number],
                workload: None,
                address: "127.0.0.1",
                severity: if number == 3 {
                    Severity::Critical
                } else {
                    Severity::Medium
                },
                minute: i64::try_from(number).unwrap(),
                ..Audited::default()
            }
            .alert()
        })
        .collect();
    assert_eq!(take(test, alerts).await.incidents, 5);
    let scope = scope(test).await;
    let mut request = PageRequest::first(2);
    let mut seen = Vec::new();
    loop {
        let filter = IncidentFilter::default();
        let page = test
            .store
            .incidents(&scope, &filter, IncidentSort::Severity, &request)
            .await
            .unwrap();
        assert_eq!(page.total, 5);
        seen.extend(
            page.items
                .into_iter()
                .map(|incident| incident.principals[0].clone()),
        );
        request.cursor = page.next_cursor;
        if request.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["dee", "eve", "cid", "bob", "ann"]);
    let count = |filter| async { incidents(test, filter).await.len() };
    let filter = IncidentFilter::default;
    assert_eq!(
        count(IncidentFilter {
            severities: vec![Severity::Critical],
            ..filter()
        })
        .await,
        1
    );
    assert_eq!(
        count(IncidentFilter {
            principal: Some("eve".into()),
            ..filter()
        })
        .await,
        1
    );
    assert_eq!(
        count(IncidentFilter {
            cluster: Some("prod".into()),
            ..filter()
        })
        .await,
        5
    );
    assert_eq!(
        count(IncidentFilter {
            cluster: Some("test".into()),
            ..filter()
        })
        .await,
        0
    );
    assert_eq!(
        count(IncidentFilter {
            technique: Some("T1011".into()),
            ..filter()
        })
        .await,
        5
    );
    assert_eq!(
        count(IncidentFilter {
            technique: Some("T101".into()),
            ..filter()
        })
        .await,
        0
    );
    assert_eq!(
        count(IncidentFilter {
            text: Some("BY BOB".into()),
            ..filter()
        })
        .await,
        1
    );
    assert_eq!(
        count(IncidentFilter {
            assignee: Some(None),
            ..filter()
        })
        .await,
        5
    );
    assert_eq!(
        count(IncidentFilter {
            since: Some(time(3)),
            ..filter()
        })
        .await,
        2
    );
    let tactics = model::Tactics::named(["impact"]);
    assert_eq!(
        count(IncidentFilter {
            tactics,
            ..filter()
        })
        .await,
        0
    );
}

async fn other_systems_are_told_of_incidents_where_a_route_asks(test: &TestStore) {
    let events = [
        NoticeEvent::IncidentOpened,
        NoticeEvent::IncidentEscalated,
        NoticeEvent::IncidentClosed,
    ];
    let sink = crate::deliveries::sink_of(test, &events).await;
    take(test, vec![stage("exec-in-pod", &["execution"], 0).alert()]).await;
    take(
        test,
        vec![
            stage("list-secrets", &["credential-access"], 1).alert(),
            stage("make-host-pod", &["privilege-escalation"], 2).alert(),
        ],
    )
    .await;
    let incident = incidents(test, IncidentFilter::default()).await.remove(0);
    let close = IncidentChange {
        state: Some(IncidentState::Closed),
        reason: Some(Reason::Other),
        ..IncidentChange::default()
    };
    test.store
        .change_incident(author(9), &scope(test).await, &incident.id, close)
        .await
        .unwrap();
    let told = crate::deliveries::told(test, &sink).await;
    let told: Vec<_> = told
        .iter()
        .map(|notice| (notice.event, notice.headline()))
        .collect();
    assert_eq!(
        told,
        [
            (
                NoticeEvent::IncidentOpened,
                "medium incident opened: exec in pod by alice in cluster prod".to_owned()
            ),
            (
                NoticeEvent::IncidentEscalated,
                "high incident escalated: 3 techniques by alice in cluster prod".to_owned()
            ),
            (
                NoticeEvent::IncidentClosed,
                "high incident closed: 3 techniques by alice in cluster prod".to_owned()
            ),
        ]
    );
}

on_each_database!(
    what_one_principal_does_within_an_hour_is_one_incident,
    parts_of_kubernetes_relate_nothing_and_a_workload_does,
    a_lone_alert_of_little_weight_waits_for_the_next,
    what_is_muted_makes_no_incident_and_is_let_go_when_another_does_it,
    people_acknowledge_assign_and_close,
    incidents_are_narrowed_and_paged,
    other_systems_are_told_of_incidents_where_a_route_asks,
);

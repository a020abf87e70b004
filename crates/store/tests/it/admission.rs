//! Decisions of admission: taken once, listed, counted, let go of.

use store::{
    AdmissionFilter, AdmissionHit, AdmissionReplica, NewAdmissionDecision, PageRequest, Retention,
    TakenDecisions,
};

use crate::{
    context::scope,
    sample::{TestStore, on_each_database, time},
};

fn decision(uid: &str, minute: i64, object: &str, hits: &[(&str, &str)]) -> NewAdmissionDecision {
    NewAdmissionDecision {
        uid: uid.to_owned(),
        time: time(minute),
        verdict: hits
            .first()
            .map_or("mutated", |(_, verdict)| verdict)
            .to_owned(),
        namespace: "shop".to_owned(),
        object: object.to_owned(),
        user: "dana".to_owned(),
        searched: format!("{object} dana must not be privileged"),
        document: format!("{{\"uid\":\"{uid}\"}}"),
        hits: hits
            .iter()
            .map(|(policy, verdict)| AdmissionHit {
                policy: (*policy).to_owned(),
                verdict: (*verdict).to_owned(),
            })
            .collect(),
    }
}

fn some() -> Vec<NewAdmissionDecision> {
    vec![
        decision(
            "1",
            1,
            "Deployment/web",
            &[("privileged", "denied"), ("tag", "audited")],
        ),
        decision("2", 2, "Deployment/web", &[("privileged", "denied")]),
        decision("3", 3, "Job/import", &[("tag", "warned")]),
        decision("3", 3, "Job/import", &[("tag", "warned")]),
    ]
}

async fn decisions_are_taken_once_and_counted_by_policy(test: &TestStore) {
    let store = &test.store;
    let put = || store.put_decisions("local", "prod", some());
    let (first, second) = (put().await.unwrap(), put().await.unwrap());
    assert_eq!(
        first,
        TakenDecisions {
            taken: 3,
            repeated: 1
        }
    );
    assert_eq!(
        second,
        TakenDecisions {
            taken: 0,
            repeated: 4
        }
    );
    // The same uid in another cluster is another request.
    let other = store.put_decisions("local", "test", vec![decision("1", 1, "Pod/x", &[])]);
    assert_eq!(other.await.unwrap().taken, 1);
    let scope = scope(test).await;
    let all = AdmissionFilter::default();
    let counts = store.policy_decisions(&scope, &all).await.unwrap();
    let told: Vec<_> = counts
        .iter()
        .map(|one| {
            (
                one.policy.as_str(),
                one.tally.denied,
                one.tally.warned,
                one.tally.audited,
            )
        })
        .collect();
    assert_eq!(told, [("privileged", 2, 0, 0), ("tag", 0, 1, 1)]);
    let (offenders, objects) = store.admission_offenders(&scope, &all, 1).await.unwrap();
    assert_eq!((offenders.len(), objects), (1, 3));
    assert_eq!(
        (
            offenders[0].object.as_str(),
            offenders[0].tally.denied,
            offenders[0].last
        ),
        ("Deployment/web", 2, time(2))
    );
}

async fn decisions_are_narrowed_and_paged(test: &TestStore) {
    let store = &test.store;
    store.put_decisions("local", "prod", some()).await.unwrap();
    let scope = scope(test).await;
    let ask = |filter: AdmissionFilter| {
        let scope = &scope;
        async move {
            let page = store
                .admission_decisions(scope, &filter, &PageRequest::first(10))
                .await
                .unwrap();
            let uids = page
                .items
                .into_iter()
                .map(|one| one.uid)
                .collect::<Vec<_>>();
            (uids.join(","), page.total)
        }
    };
    let any = AdmissionFilter::default;
    let told = |text: &str, total| (text.to_owned(), total);
    assert_eq!(ask(any()).await, told("3,2,1", 3));
    for (filter, expected) in [
        (
            AdmissionFilter {
                policy: Some("tag".into()),
                ..any()
            },
            told("3,1", 2),
        ),
        (
            AdmissionFilter {
                verdicts: vec!["warned".into()],
                ..any()
            },
            told("3", 1),
        ),
        (
            AdmissionFilter {
                text: Some("PRIVILEGED".into()),
                ..any()
            },
            told("3,2,1", 3),
        ),
        (
            AdmissionFilter {
                text: Some("import".into()),
                ..any()
            },
            told("3", 1),
        ),
        (
            AdmissionFilter {
                cluster: Some("test".into()),
                ..any()
            },
            told("", 0),
        ),
        (
            AdmissionFilter {
                user: Some("dana".into()),
                since: Some(time(2)),
                ..any()
            },
            told("3,2", 2),
        ),
        (
            AdmissionFilter {
                namespace: Some("shop".into()),
                until: Some(time(2)),
                ..any()
            },
            told("1", 1),
        ),
    ] {
        assert_eq!(ask(filter.clone()).await, expected, "{filter:?}");
    }
    let first = store
        .admission_decisions(&scope, &any(), &PageRequest::first(2))
        .await
        .unwrap();
    let rest = PageRequest {
        limit: 2,
        cursor: first.next_cursor,
    };
    let rest = store
        .admission_decisions(&scope, &any(), &rest)
        .await
        .unwrap();
    assert_eq!(rest.items.len(), 1);
    assert_eq!(rest.items[0].uid, "1");
}

async fn what_is_old_is_let_go_of_with_its_counts(test: &TestStore) {
    let store = &test.store;
    store.put_decisions("local", "prod", some()).await.unwrap();
    let retention = Retention {
        resolved: time(0),
        history: time(0),
        changes: time(0),
        scans: time(0),
        decisions: time(3),
    };
    assert_eq!(store.prune(retention).await.unwrap().decisions, 2);
    let scope = scope(test).await;
    let all = AdmissionFilter::default();
    let counts = store.policy_decisions(&scope, &all).await.unwrap();
    assert_eq!(counts.len(), 1);
}

async fn a_replica_is_as_it_last_told(test: &TestStore) {
    let store = &test.store;
    let told = |replica: &str, minute, status: &str| AdmissionReplica {
        environment: "local".to_owned(),
        cluster: "prod".to_owned(),
        replica: replica.to_owned(),
        status: status.to_owned(),
        last_seen: time(minute),
    };
    store
        .put_admission_replica(told("gone", 0, "{}"))
        .await
        .unwrap();
    store
        .put_admission_replica(told("a", 1, "1"))
        .await
        .unwrap();
    store
        .put_admission_replica(told("a", 25 * 60, "2"))
        .await
        .unwrap();
    let all = store.admission_replicas(&scope(test).await).await.unwrap();
    assert_eq!(all, [told("a", 25 * 60, "2")]);
}

on_each_database!(
    decisions_are_taken_once_and_counted_by_policy,
    decisions_are_narrowed_and_paged,
    what_is_old_is_let_go_of_with_its_counts,
    a_replica_is_as_it_last_told,
);

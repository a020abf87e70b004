//! Rules switched off here and there, and how often they matched.

use model::Severity;

use crate::{
    context::{Audited, author, scope, take},
    sample::{TestStore, on_each_database, time},
};

async fn a_rule_is_switched_in_one_environment_and_somebody_did_it(test: &TestStore) {
    let store = &test.store;
    store
        .ensure_environment("else", "Elsewhere", false)
        .await
        .unwrap();
    let switch = |on, minute, note| {
        store.switch_rule(author(minute), "local", "exec-in-pod", (on, true), note)
    };
    assert!(!switch(true, 1, "it is").await.unwrap());
    assert!(switch(false, 2, "too loud").await.unwrap());
    assert!(!switch(false, 3, "again").await.unwrap());
    let switches = store.rule_switches(&scope(test).await).await.unwrap();
    let [only] = switches.as_slice() else {
        panic!("{switches:?}");
    };
    assert_eq!(
        (
            only.environment.as_str(),
            only.is_enabled,
            only.note.as_str()
        ),
        ("local", false, "too loud")
    );
    let elsewhere = store.scope(Some("else")).await.unwrap();
    assert!(store.rule_switches(&elsewhere).await.unwrap().is_empty());
    assert!(switch(true, 4, "").await.unwrap());
    let nowhere = store.switch_rule(author(1), "nowhere", "x", (false, true), "");
    assert!(nowhere.await.is_err());
}

async fn matches_are_counted_by_the_day_and_a_second_delivery_is_not(test: &TestStore) {
    let alerts = || {
        vec![
            Audited::default().alert(),
            Audited {
                minute: 1,
                ..Audited::default()
            }
            .alert(),
            Audited {
                minute: 24 * 60,
                ..Audited::default()
            }
            .alert(),
            Audited {
                rule: "list-secrets",
                severity: Severity::High,
                ..Audited::default()
            }
            .alert(),
        ]
    };
    take(test, alerts()).await;
    take(test, alerts()).await;
    let scope = scope(test).await;
    let uses = test.store.rule_uses(&scope, time(0)).await.unwrap();
    let told: Vec<_> = uses
        .iter()
        .map(|used| (used.name.as_str(), used.hits, used.open, used.worst))
        .collect();
    assert_eq!(
        told,
        [
            ("exec-in-pod", 3, 1, Some(Severity::Medium)),
            ("list-secrets", 1, 1, Some(Severity::High)),
        ]
    );
    assert_eq!(uses[0].last_hit, Some(time(24 * 60)));
    assert_eq!(uses[0].details.matrix, ["MS-TA9006"]);
    let uses = test.store.rule_uses(&scope, time(24 * 60)).await.unwrap();
    assert_eq!((uses[0].hits, uses[1].hits), (1, 0));
    let days = test.store.rule_hits(&scope, "exec-in-pod", time(0)).await;
    let days: Vec<_> = days.unwrap().into_iter().map(|(_, hits)| hits).collect();
    assert_eq!(days, [2, 1]);
}

on_each_database!(
    a_rule_is_switched_in_one_environment_and_somebody_did_it,
    matches_are_counted_by_the_day_and_a_second_delivery_is_not,
);

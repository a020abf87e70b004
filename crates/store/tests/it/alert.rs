//! Alerts: opened once, counted as often as they happen.

use model::{
    Alert, AlertContext, AlertImage, AlertPlace, AlertRule, AssetKind, ContainerEngine,
    Fingerprint, RuleStep, Severity,
};
use store::{ContainerChanges, FindingFilter, FindingSort, PageRequest, TakenAlerts};

use crate::{
    container::{container, look, running},
    sample::{TestStore, image, on_each_database, time},
};

fn alert(event: &str, program: &str, minute: i64) -> Alert {
    let mut place = AlertPlace {
        image: Some(AlertImage {
            name: "web:1".to_owned(),
            digest: None,
        }),
        ..AlertPlace::default()
    };
    for (kind, identity, name) in [
        (AssetKind::Host, "this-machine", "this-machine"),
        (AssetKind::Container, "aaaaaaaaaaaa", "web"),
    ] {
        place.push(kind, identity.to_owned(), name.to_owned());
    }
    Alert {
        event: Fingerprint::of(&[event]),
        time: time(minute),
        rule: AlertRule {
            id: "terminal-shell".to_owned(),
            title: "Terminal shell".to_owned(),
            severity: Severity::Low,
            tactics: vec!["execution".to_owned()],
            techniques: vec!["T1059".to_owned()],
            source: "Falco".to_owned(),
            why: "Code ran.".to_owned(),
            steps: vec![RuleStep::said("Look.")],
            ..AlertRule::default()
        },
        fingerprint: place.fingerprint("terminal-shell", program),
        place,
        summary: format!("a shell at {minute}"),
        evidence: format!(r#"{{"minute":{minute}}}"#),
        context: AlertContext::default(),
        raw: None,
        trace: None,
    }
}

async fn take(test: &TestStore, environment: &str, alerts: Vec<Alert>) -> TakenAlerts {
    let store = &test.store;
    let taken = store
        .put_alerts(environment, alerts, time(100))
        .await
        .unwrap();
    TakenAlerts {
        incidents: 0,
        ..taken
    }
}

fn taken(accepted: u64, opened: u64, repeated: u64) -> TakenAlerts {
    TakenAlerts {
        accepted,
        opened,
        repeated,
        incidents: 0,
    }
}

async fn an_event_counts_once_and_another_program_opens_its_own(test: &TestStore) {
    let first = || vec![alert("a", "bash", 1), alert("b", "bash", 2)];
    assert_eq!(take(test, "local", first()).await, taken(2, 1, 0));
    assert_eq!(take(test, "local", first()).await, taken(0, 0, 2));
    let more = vec![
        alert("b", "bash", 2),
        alert("c", "bash", 3),
        alert("d", "dash", 4),
        alert("d", "dash", 4),
    ];
    assert_eq!(take(test, "local", more).await, taken(2, 1, 2));
    // Another environment has not heard of them.
    test.store
        .ensure_environment("else", "Elsewhere", false)
        .await
        .unwrap();
    assert_eq!(take(test, "else", first()).await, taken(2, 1, 0));
    assert!(
        test.store
            .put_alerts("nowhere", first(), time(1))
            .await
            .is_err()
    );
}

async fn an_alert_does_not_describe_a_container_its_engine_knows(test: &TestStore) {
    let findings = [("CVE-2024-1", "openssl", Severity::High)];
    let assessed = test
        .store
        .put_report("local", image("web:1", "build", 0, &findings))
        .await
        .unwrap();
    let seen = || {
        running(vec![container(
            ContainerEngine::Docker,
            "aaaaaaaaaaaa",
            "build",
        )])
    };
    look(test, 1, seen()).await;
    assert_eq!(
        take(test, "local", vec![alert("a", "bash", 1)]).await,
        taken(1, 1, 0)
    );
    assert_eq!(look(test, 2, seen()).await, ContainerChanges::default());
    let scope = test.store.scope(None).await.unwrap();
    let images = test.store.running_images(&scope).await.unwrap();
    assert_eq!(images, [(assessed.image.id.clone(), 1)].into());

    // Of a container no engine has listed nobody knows whether it runs.
    let mut stray = alert("b", "bash", 3);
    "bbbbbbbbbbbb".clone_into(&mut stray.place.steps[1].identity);
    assert_eq!(take(test, "local", vec![stray]).await, taken(1, 1, 0));
    let images = test.store.running_images(&scope).await.unwrap();
    assert_eq!(images, [(assessed.image.id, 1)].into());
}

async fn what_runs_there_is_said_of_images_nobody_scanned(test: &TestStore) {
    let mut early = alert("a", "bash", 1);
    early.place.image = None;
    take(test, "local", vec![early]).await;
    let scope = test.store.scope(None).await.unwrap();
    let runs = async || {
        let page = test
            .store
            .findings(
                &scope,
                &FindingFilter::default(),
                FindingSort::Newest,
                &PageRequest::first(10),
            )
            .await
            .unwrap();
        let id = page.items[0].id.to_string();
        let detail = test.store.finding_detail(&scope, &id).await.unwrap();
        let detail = detail.unwrap();
        assert_eq!(detail.finding.image, None);
        detail.runs
    };
    assert_eq!(runs().await, None);
    // Its metadata came later than its first alert.
    take(test, "local", vec![alert("b", "bash", 2)]).await;
    assert_eq!(runs().await.as_deref(), Some("web:1"));
}

on_each_database!(
    an_event_counts_once_and_another_program_opens_its_own,
    an_alert_does_not_describe_a_container_its_engine_knows,
    what_runs_there_is_said_of_images_nobody_scanned,
);

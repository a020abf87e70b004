//! Alerts with who, from where and what: searched, muted, kept.

use jiff::SignedDuration;
use model::{
    Alert, AlertAction, AlertContext, AlertPlace, AlertRule, AssetKind, FindingState, Fingerprint,
    Principal, Query, Reason, Severity, Whence,
};
use store::{
    Author, Finding, FindingFilter, FindingSort, NewExemption, PageRequest, Scope, TakenAlerts,
};

use crate::sample::{TestStore, assert_roll_ups_hold, on_each_database, time};

/// An alert of the API's audit log; one principal's in one place are one.
pub(crate) struct Audited<'a> {
    pub(crate) rule: &'a str,
    pub(crate) severity: Severity,
    pub(crate) tactics: &'a [&'a str],
    pub(crate) user: &'a str,
    pub(crate) address: &'a str,
    pub(crate) workload: Option<&'a str>,
    pub(crate) minute: i64,
}

impl Default for Audited<'_> {
    fn default() -> Self {
        Self {
            rule: "exec-in-pod",
            severity: Severity::Medium,
            tactics: &["execution"],
            user: "alice",
            address: "203.0.113.9",
            workload: Some("web"),
            minute: 0,
        }
    }
}

impl Audited<'_> {
    pub(crate) fn alert(&self) -> Alert {
        let mut place = AlertPlace::default();
        let mut push = |kind, name: &str| place.push(kind, name.to_owned(), name.to_owned());
        push(AssetKind::Cluster, "prod");
        push(AssetKind::Namespace, "shop");
        if let Some(workload) = self.workload {
            push(AssetKind::Workload, workload);
        }
        let minute = self.minute.to_string();
        let mut principal = Principal::of_kubernetes(self.user);
        principal.groups = vec!["system:authenticated".to_owned()];
        Alert {
            event: Fingerprint::of(&[self.rule, self.user, self.address, &minute]),
            time: time(self.minute),
            fingerprint: place.fingerprint(self.rule, self.user),
            place,
            summary: format!("{} by {}", self.rule, self.user),
            evidence: "{}".to_owned(),
            context: AlertContext {
                principal: Some(principal),
                whence: Whence {
                    addresses: vec![self.address.to_owned()],
                    user_agent: Some("kubectl/v1.31".to_owned()),
                },
                action: Some(AlertAction {
                    verb: "create".to_owned(),
                    resource: "pods".to_owned(),
                    subresource: Some("exec".to_owned()),
                    ..AlertAction::default()
                }),
                change: None,
            },
            raw: Some(format!(r#"{{"minute":{minute}}}"#)),
            trace: None,
            rule: AlertRule {
                id: self.rule.to_owned(),
                title: self.rule.replace('-', " "),
                severity: self.severity,
                tactics: self
                    .tactics
                    .iter()
                    .map(|&tactic| tactic.to_owned())
                    .collect(),
                techniques: vec![format!("T1{:03}", self.rule.len())],
                matrix: vec!["MS-TA9006".to_owned()],
                source: "audit".to_owned(),
                false_positives: "Somebody debugs.".to_owned(),
                ..AlertRule::default()
            },
        }
    }
}

pub(crate) async fn take(test: &TestStore, alerts: Vec<Alert>) -> TakenAlerts {
    let store = &test.store;
    store.put_alerts("local", alerts, time(1000)).await.unwrap()
}

pub(crate) fn author(minute: i64) -> Author {
    Author {
        name: "ada".to_owned(),
        ..Author::system(time(minute))
    }
}

pub(crate) async fn scope(test: &TestStore) -> Scope {
    test.store.scope(None).await.unwrap()
}

/// The alerts a query means, by rule.
pub(crate) async fn found(test: &TestStore, query: &str) -> Vec<Finding> {
    let query = Query::parse(query).unwrap();
    let filter = FindingFilter::of_query(query, time(1000), None);
    let request = PageRequest::first(100);
    let sort = FindingSort::Newest;
    let page = test
        .store
        .findings(&scope(test).await, &filter, sort, &request)
        .await
        .unwrap();
    assert_eq!(page.total, page.items.len() as u64);
    page.items
}

async fn rules(test: &TestStore, query: &str) -> Vec<String> {
    let mut rules: Vec<_> = found(test, query)
        .await
        .into_iter()
        .map(|finding| finding.rule)
        .collect();
    rules.sort();
    rules
}

async fn alerts_are_found_by_who_from_where_and_what(test: &TestStore) {
    let alerts = vec![
        Audited::default().alert(),
        Audited {
            rule: "read-secrets",
            user: "system:serviceaccount:shop:ci",
            address: "10.0.0.7",
            ..Audited::default()
        }
        .alert(),
        // The same alert from somewhere else.
        Audited {
            address: "198.51.100.1",
            minute: 1,
            ..Audited::default()
        }
        .alert(),
    ];
    assert_eq!(take(test, alerts).await.opened, 2);
    for (query, expected) in [
        ("user:ALICE", &["exec-in-pod"][..]),
        ("sa:shop/ci", &["read-secrets"]),
        ("user:*:ci", &["read-secrets"]),
        ("source_ip:203.0.113.9", &["exec-in-pod"]),
        ("source_ip:198.51.100.*", &["exec-in-pod"]),
        (
            "groups:system:authenticated",
            &["exec-in-pod", "read-secrets"],
        ),
        (
            "resource:pods/exec verb:create",
            &["exec-in-pod", "read-secrets"],
        ),
        ("resource:exec", &[]),
        ("-user:alice kind:alert", &["read-secrets"]),
        ("sa:*", &["read-secrets"]),
    ] {
        assert_eq!(rules(test, query).await, expected, "{query}");
    }
    let alert = found(test, "user:alice").await.remove(0);
    assert_eq!(alert.occurrences, 2);
    // The last word counts.
    let context = alert.context.unwrap();
    assert_eq!(context.whence.source(), Some("198.51.100.1"));
    let values = test
        .store
        .query_values(&scope(test).await, 10)
        .await
        .unwrap();
    let users: Vec<_> = values
        .iter()
        .filter(|(field, _)| *field == model::query::Field::User)
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(users, ["alice", "system:serviceaccount:shop:ci"]);
}

async fn the_last_events_are_kept_and_no_more(test: &TestStore) {
    let alert = |minute| {
        Audited {
            minute,
            ..Audited::default()
        }
        .alert()
    };
    take(test, (0..4).map(alert).collect()).await;
    take(test, (2..9).map(alert).collect()).await;
    let mut long = alert(9);
    long.raw = Some("x".repeat(model::alert::MAX_RAW + 1));
    take(test, vec![long]).await;
    let finding = found(test, "user:alice").await.remove(0);
    assert_eq!(finding.occurrences, 10);
    let id = finding.id.to_string();
    let scope = scope(test).await;
    let events = test.store.alert_events(&scope, &id).await.unwrap().unwrap();
    let raw: Vec<_> = events.iter().map(|event| event.raw.as_str()).collect();
    assert_eq!(
        raw,
        (4..9)
            .rev()
            .map(|minute| format!(r#"{{"minute":{minute}}}"#))
            .collect::<Vec<_>>()
    );
    let detail = test
        .store
        .finding_detail(&scope, &id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(detail.events, 5);
    assert_eq!(
        test.store.alert_events(&scope, "77777").await.unwrap(),
        None
    );
}

async fn exempt(test: &TestStore, scope: &str) {
    let exemption = NewExemption {
        scope: Query::parse_scope(scope).unwrap(),
        environment: Some("local".to_owned()),
        reason: Reason::Benign,
        note: "the pipeline".to_owned(),
        owner: "ada".to_owned(),
        expires: Some(time(1000) + SignedDuration::from_hours(24)),
    };
    test.store.exempt(author(5), exemption).await.unwrap();
}

async fn states(test: &TestStore, query: &str) -> Vec<(String, FindingState)> {
    let mut states: Vec<_> = found(test, &format!("{query} state:*"))
        .await
        .into_iter()
        .map(|finding| (finding.summary.unwrap_or_default(), finding.state))
        .collect();
    states.sort_by(|one, other| one.0.cmp(&other.0));
    states
}

async fn a_muted_service_account_is_counted_and_shown_as_exempted(test: &TestStore) {
    let ci = "system:serviceaccount:shop:ci";
    let by = |user, workload, minute| {
        Audited {
            user,
            workload: Some(workload),
            minute,
            ..Audited::default()
        }
        .alert()
    };
    take(test, vec![by(ci, "web", 0), by("alice", "web", 0)]).await;
    exempt(test, &format!("rule:exec-in-pod user:\"{ci}\"")).await;
    // What comes later is held as it comes.
    let taken = take(test, vec![by(ci, "api", 1), by("alice", "api", 1)]).await;
    assert_eq!((taken.accepted, taken.opened), (2, 1));
    let of = |user: &str, state| (format!("exec-in-pod by {user}"), state);
    assert_eq!(
        states(test, "kind:alert").await,
        [
            of("alice", FindingState::Open),
            of("alice", FindingState::Open),
            of(ci, FindingState::Exempted),
            of(ci, FindingState::Exempted),
        ]
    );
    // It goes on being counted.
    take(test, vec![by(ci, "web", 2)]).await;
    let muted = found(test, "user:*:ci state:exempted ns:shop workload:web").await;
    assert_eq!(muted[0].occurrences, 2);
    assert_roll_ups_hold(&test.store).await;
}

on_each_database!(
    alerts_are_found_by_who_from_where_and_what,
    the_last_events_are_kept_and_no_more,
    a_muted_service_account_is_counted_and_shown_as_exempted,
);

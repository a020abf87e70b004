//! A finding's life: what people decide, and what evidence says after.

use jiff::{SignedDuration, Timestamp};
use model::{AssetKind, FindingKind, FindingState, Fingerprint, Query, Reason, Severity, Tactics};
use store::{
    ActionDone, AssetStep, Author, BatchOutcome, ExemptionFilter, ExemptionState, Finding,
    FindingAction, FindingBatch, FindingFilter, FindingSort, Happened, NewExemption, NewFinding,
    NewRule, PageRequest, RuleDetails, Selected, Sight, Store, UndoError,
};

use crate::sample::{TestStore, image, on_each_database, time};

pub(crate) fn author(minute: i64) -> Author {
    Author {
        name: "ana".to_owned(),
        ..Author::system(time(minute))
    }
}

pub(crate) fn rule(kind: FindingKind, name: &str) -> NewRule {
    NewRule {
        kind,
        name: name.to_owned(),
        severity: Severity::High,
        title: format!("{name} happened"),
        tactics: Tactics::named(["execution"]),
        techniques: vec!["T1059".to_owned()],
        details: RuleDetails::default(),
    }
}

fn step(kind: AssetKind, name: &str) -> AssetStep {
    AssetStep {
        kind,
        identity: name.to_owned(),
        name: name.to_owned(),
    }
}

pub(crate) fn seen(rule: &str, container: &str, severity: Severity) -> NewFinding {
    NewFinding {
        fingerprint: Fingerprint::of(&[rule, container]),
        rule: rule.to_owned(),
        severity,
        asset: vec![
            step(AssetKind::Host, "node-1"),
            step(AssetKind::Namespace, "shop"),
            step(AssetKind::Container, container),
        ],
        summary: Some(format!("sh was started in {container}")),
        path: None,
        layer: None,
        container: None,
        evidence: Some(r#"{"process":"sh"}"#.to_owned()),
        happened: None,
    }
}

pub(crate) async fn put(
    store: &Store,
    minute: i64,
    sight: Sight,
    findings: Vec<NewFinding>,
) -> BatchOutcome {
    let mut rules: Vec<NewRule> = findings
        .iter()
        .map(|finding| rule(FindingKind::Alert, &finding.rule))
        .collect();
    rules.dedup();
    store
        .put_findings(FindingBatch {
            environment: "local".to_owned(),
            now: time(minute),
            sight,
            rules,
            findings,
        })
        .await
        .unwrap()
}

pub(crate) async fn list(store: &Store, query: &str) -> Vec<Finding> {
    let scope = store.scope(None).await.unwrap();
    let filter = FindingFilter::of_query(Query::parse(query).unwrap(), time(100), Some("ana"));
    let request = PageRequest::first(100);
    let page = store
        .findings(&scope, &filter, FindingSort::Severity, &request)
        .await
        .unwrap();
    assert_eq!(page.total, page.items.len() as u64, "{query}");
    page.items
}

pub(crate) async fn act(
    store: &Store,
    minute: i64,
    query: &str,
    action: FindingAction,
) -> ActionDone {
    let scope = store.scope(None).await.unwrap();
    let selected = Selected::Ids(
        list(store, query)
            .await
            .iter()
            .map(|finding| finding.id.to_string())
            .collect(),
    );
    let undo_for = SignedDuration::from_mins(10);
    store
        .act(author(minute), &scope, selected, action, undo_for)
        .await
        .unwrap()
}

async fn history(store: &Store, finding: &Finding) -> Vec<String> {
    let scope = store.scope(None).await.unwrap();
    let id = finding.id.to_string();
    let events = store.finding_history(&scope, &id, 50).await.unwrap();
    events
        .unwrap()
        .into_iter()
        .map(|event| {
            let who = event.actor.unwrap_or_else(|| "-".to_owned());
            format!("{who} {}: {}", event.what.as_str(), event.text)
        })
        .collect()
}

pub(crate) fn dismissal() -> FindingAction {
    FindingAction::Dismiss {
        reason: Reason::FalsePositive,
        note: Some("our own probe".to_owned()),
    }
}

async fn findings_of_any_kind_are_placed_and_found(test: &TestStore) {
    let store = &test.store;
    let outcome = put(
        store,
        0,
        Sight::Partial,
        vec![
            seen("shell", "web", Severity::High),
            seen("shell", "db", Severity::Critical),
        ],
    )
    .await;
    assert_eq!((outcome.new.total(), outcome.again), (2, 0));
    let found = list(
        store,
        "kind:alert ns:shop severity:>=high \"started in db\"",
    )
    .await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].asset.name, "db");
    assert_eq!(found[0].asset.cluster.as_deref(), Some("node-1"));
    assert_eq!(found[0].tactics.names().collect::<Vec<_>>(), ["execution"]);
    assert_eq!(list(store, "host:node-1").await.len(), 2);
    assert!(list(store, "kind:vulnerability").await.is_empty());
    assert_eq!(history(store, &found[0]).await, ["- opened: first seen"]);
}

async fn what_happens_again_is_counted_not_added(test: &TestStore) {
    let store = &test.store;
    let happened = |minute, times| {
        let mut finding = seen("shell", "web", Severity::High);
        finding.happened = Some(Happened {
            first: time(minute),
            last: time(minute),
            times,
        });
        finding
    };
    put(
        store,
        0,
        Sight::Partial,
        vec![happened(0, 1), happened(1, 2)],
    )
    .await;
    let outcome = put(store, 5, Sight::Partial, vec![happened(4, 3)]).await;
    assert_eq!((outcome.new.total(), outcome.again), (0, 1));
    let found = list(store, "").await;
    assert_eq!((found.len(), found[0].occurrences), (1, 6));
    assert_eq!(
        (found[0].first_seen, found[0].last_seen),
        (time(0), time(4))
    );
}

async fn only_a_look_at_everything_resolves(test: &TestStore) {
    let store = &test.store;
    let both = vec![
        seen("shell", "web", Severity::High),
        seen("drift", "web", Severity::Low),
    ];
    put(store, 0, Sight::Partial, both.clone()).await;
    let outcome = put(store, 1, Sight::Partial, both[..1].to_vec()).await;
    assert_eq!((outcome.resolved, outcome.again), (0, 1));
    let whole = Sight::Whole {
        kind: FindingKind::Alert,
        rules: Vec::new(),
        assets: vec![both[0].asset.clone()],
    };
    let outcome = put(store, 2, whole, both[..1].to_vec()).await;
    assert_eq!((outcome.resolved, outcome.again), (1, 1));
    let resolved = list(store, "state:resolved").await;
    assert_eq!(resolved[0].rule, "drift");
    assert_eq!(resolved[0].last_seen, time(0));
    put(store, 3, Sight::Partial, both).await;
    assert_eq!(
        history(store, &resolved[0]).await,
        [
            "- reopened: seen again",
            "- resolved: no longer seen",
            "- opened: first seen"
        ]
    );
}

async fn a_dismissal_outlives_evidence_and_severity(test: &TestStore) {
    let store = &test.store;
    let finding = |severity| vec![seen("shell", "web", severity)];
    put(store, 0, Sight::Partial, finding(Severity::High)).await;
    let done = act(store, 1, "", dismissal()).await;
    assert_eq!((done.changed, done.skipped), (1, 0));
    assert_eq!(done.summary, "1 finding dismissed as a false positive");
    assert!(list(store, "").await.is_empty());

    put(store, 2, Sight::Partial, finding(Severity::Critical)).await;
    assert!(list(store, "").await.is_empty());
    let whole = Sight::Whole {
        kind: FindingKind::Alert,
        rules: Vec::new(),
        assets: vec![finding(Severity::High)[0].asset.clone()],
    };
    put(store, 3, whole, Vec::new()).await;
    assert_eq!(list(store, "state:resolved").await.len(), 1);
    let outcome = put(store, 4, Sight::Partial, finding(Severity::Critical)).await;
    assert_eq!(outcome.new.total(), 0);
    let dismissed = list(store, "state:dismissed").await;
    let decision = dismissed[0].decision.as_ref().unwrap();
    assert_eq!((decision.by.as_str(), decision.at), ("ana", time(1)));
    assert_eq!(decision.note.as_deref(), Some("our own probe"));

    act(
        store,
        5,
        "state:dismissed",
        FindingAction::Reopen { note: None },
    )
    .await;
    let open = list(store, "").await;
    assert_eq!((open.len(), open[0].decision.as_ref()), (1, None));
}

async fn an_action_is_taken_back_where_nothing_else_was_done(test: &TestStore) {
    let store = &test.store;
    let scope = store.scope(None).await.unwrap();
    let findings: Vec<NewFinding> = ["web", "db", "cache"]
        .map(|name| seen("shell", name, Severity::High))
        .into();
    put(store, 0, Sight::Partial, findings).await;
    let assign = FindingAction::Assign {
        to: Some("ana".to_owned()),
    };
    act(store, 1, "container:db", assign.clone()).await;
    let done = act(store, 2, "", dismissal()).await;
    assert_eq!(done.changed, 3);
    // Somebody looks at one of them meanwhile.
    act(store, 3, "state:dismissed container:cache", assign).await;
    let undone = store.undo(author(4), &scope, &done.id).await.unwrap();
    let undone = undone.unwrap().unwrap();
    assert_eq!((undone.changed, undone.skipped), (2, 1));
    assert_eq!(list(store, "").await.len(), 2);
    assert_eq!(list(store, "assignee:me").await.len(), 1);
    let left = list(store, "state:dismissed").await;
    assert_eq!(left[0].asset.name, "cache");
    let open = list(store, "container:web").await;
    assert_eq!(
        history(store, &open[0]).await[0],
        "ana undone: undone: 3 findings dismissed as a false positive"
    );
    let again = store.undo(author(5), &scope, &done.id).await.unwrap();
    assert_eq!(again, Some(Err(UndoError::Undone)));
    let late = act(store, 6, "", dismissal()).await;
    let refused = store.undo(author(17), &scope, &late.id).await.unwrap();
    assert_eq!(refused, Some(Err(UndoError::TooLate)));
    assert_eq!(
        store.undo(author(6), &scope, "nothing").await.unwrap(),
        None
    );
}

async fn work_is_kept_beside_the_finding(test: &TestStore) {
    let store = &test.store;
    put(
        store,
        0,
        Sight::Partial,
        vec![seen("shell", "web", Severity::High)],
    )
    .await;
    let comment = |text: &str| FindingAction::Comment(text.to_owned());
    act(store, 1, "", comment("who did that?")).await;
    let second = act(store, 2, "", comment("it was me")).await;
    act(
        store,
        3,
        "",
        FindingAction::Due(Some("2023-11-20".parse().unwrap())),
    )
    .await;
    let done = act(
        store,
        4,
        "",
        FindingAction::Progress(model::Progress::InProgress),
    )
    .await;
    let same = act(
        store,
        5,
        "",
        FindingAction::Progress(model::Progress::InProgress),
    )
    .await;
    assert_eq!((done.changed, same.changed, same.skipped), (1, 0, 1));
    let found = list(store, "has:comments progress:in_progress due:<2024-01-01").await;
    assert_eq!(found[0].comments, 2);
    // The due date was set after it: no longer the last thing done.
    let scope = store.scope(None).await.unwrap();
    let undone = store.undo(author(6), &scope, &second.id).await.unwrap();
    assert_eq!(undone.unwrap().unwrap().changed, 0);
    let last = act(store, 7, "", comment("a slip")).await;
    store.undo(author(8), &scope, &last.id).await.unwrap();
    let events = history(store, &found[0]).await;
    assert!(
        !events.iter().any(|event| event.contains("a slip")),
        "{events:?}"
    );
    assert_eq!(list(store, "").await[0].comments, 2);
}

pub(crate) fn exemption(scope: &str, expires: Option<Timestamp>) -> NewExemption {
    NewExemption {
        scope: Query::parse_scope(scope).unwrap(),
        environment: Some("local".to_owned()),
        reason: Reason::AcceptedRisk,
        note: "until the next release".to_owned(),
        owner: "ana".to_owned(),
        expires,
    }
}

async fn an_exemption_holds_what_is_there_and_what_comes(test: &TestStore) {
    let store = &test.store;
    store
        .put_report(
            "local",
            image(
                "web:1",
                "a",
                0,
                &[("CVE-2014-0160", "openssl", Severity::High)],
            ),
        )
        .await
        .unwrap();
    put(
        store,
        0,
        Sight::Partial,
        vec![seen("shell", "web", Severity::High)],
    )
    .await;
    let (first, _) = store
        .exempt(author(1), exemption("container:web,db", Some(time(60))))
        .await
        .unwrap();
    let (second, _) = store
        .exempt(author(2), exemption("cve:CVE-2014-0160", None))
        .await
        .unwrap();
    assert_eq!((first.findings, second.findings), (1, 1));
    let outcome = put(
        store,
        3,
        Sight::Partial,
        vec![seen("drift", "db", Severity::Low)],
    )
    .await;
    assert_eq!(outcome.new.total(), 0);
    assert!(list(store, "").await.is_empty());
    let held = list(store, "state:exempted kind:alert").await;
    assert_eq!(held.len(), 2);
    let decision = held[0].decision.as_ref().unwrap();
    assert_eq!(decision.exemption.as_ref(), Some(&first.id));
    assert_eq!(decision.expires, Some(time(60)));

    // Its time comes.
    assert_eq!(store.next_expiry().await.unwrap(), Some(time(60)));
    assert_eq!(store.expire_exemptions(time(59)).await.unwrap().0, 0);
    assert_eq!(store.expire_exemptions(time(60)).await.unwrap().0, 1);
    assert_eq!(store.expire_exemptions(time(61)).await.unwrap().0, 0);
    let open = list(store, "").await;
    assert_eq!(open.len(), 2);
    assert_eq!(
        history(store, &open[0]).await,
        [
            "- exemption_ended: the exemption expired",
            "ana exempted: exempted: until the next release",
            "- opened: first seen"
        ]
    );
    let scope = store.scope(None).await.unwrap();
    let filter = ExemptionFilter {
        everywhere: true,
        ..ExemptionFilter::default()
    };
    let page = store
        .exemptions(&scope, &filter, &PageRequest::first(10))
        .await
        .unwrap();
    let states: Vec<_> = page
        .items
        .iter()
        .map(|one| (one.state, one.findings))
        .collect();
    assert_eq!(
        states,
        [(ExemptionState::Active, 1), (ExemptionState::Expired, 0)]
    );
    let touched = store
        .revoke_exemption(author(62), &second.id)
        .await
        .unwrap();
    assert_eq!(
        touched,
        Some(vec![("local".to_owned(), FindingKind::Vulnerability)])
    );
    assert_eq!(
        store
            .revoke_exemption(author(63), &second.id)
            .await
            .unwrap(),
        None
    );
    assert_eq!(list(store, "").await.len(), 3);
}

async fn what_two_exemptions_mean_stays_held_when_one_ends(test: &TestStore) {
    let store = &test.store;
    put(
        store,
        0,
        Sight::Partial,
        vec![seen("shell", "web", Severity::High)],
    )
    .await;
    let (first, _) = store
        .exempt(author(1), exemption("container:web", None))
        .await
        .unwrap();
    let (second, _) = store
        .exempt(author(2), exemption("rule:shell", None))
        .await
        .unwrap();
    assert_eq!(second.findings, 0);
    store.revoke_exemption(author(3), &first.id).await.unwrap();
    let held = list(store, "state:exempted").await;
    let decision = held[0].decision.as_ref().unwrap();
    assert_eq!(decision.exemption, Some(second.id));
    assert_eq!(held[0].state, FindingState::Exempted);
}

async fn an_exemption_that_ends_frees_what_was_resolved_meanwhile(test: &TestStore) {
    let store = &test.store;
    let finding = vec![seen("shell", "web", Severity::High)];
    put(store, 0, Sight::Partial, finding.clone()).await;
    let (held, _) = store
        .exempt(author(1), exemption("container:web", None))
        .await
        .unwrap();
    let whole = Sight::Whole {
        kind: FindingKind::Alert,
        rules: Vec::new(),
        assets: vec![finding[0].asset.clone()],
    };
    put(store, 2, whole, Vec::new()).await;
    store.revoke_exemption(author(3), &held.id).await.unwrap();
    assert_eq!(list(store, "state:resolved").await.len(), 1);
    put(store, 4, Sight::Partial, finding).await;
    assert_eq!(list(store, "").await.len(), 1);
}

on_each_database!(
    findings_of_any_kind_are_placed_and_found,
    what_happens_again_is_counted_not_added,
    only_a_look_at_everything_resolves,
    a_dismissal_outlives_evidence_and_severity,
    an_action_is_taken_back_where_nothing_else_was_done,
    work_is_kept_beside_the_finding,
    an_exemption_holds_what_is_there_and_what_comes,
    what_two_exemptions_mean_stays_held_when_one_ends,
    an_exemption_that_ends_frees_what_was_resolved_meanwhile,
);

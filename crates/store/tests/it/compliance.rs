//! What somebody answers for, and what checks said of machines.

use model::{FindingKind, Fingerprint, Severity, Tactics};
use store::{
    FindingFilter, FindingSort, NewAttestation, NewFinding, NewNodeAssessment, NewRule,
    NodeVerdicts, PageRequest, RuleDetails,
};

use crate::{
    context::{author, scope},
    sample::{TestStore, on_each_database, time},
};

fn word(cluster: &str, note: &str) -> NewAttestation {
    NewAttestation {
        environment: "local".to_owned(),
        cluster: cluster.to_owned(),
        standard: "SOC-2".to_owned(),
        control: "CC6.2".to_owned(),
        note: note.to_owned(),
        expires: time(100),
    }
}

async fn a_word_is_of_a_place_is_replaced_and_is_taken_back(test: &TestStore) {
    let store = &test.store;
    store.attest(author(1), word("", "we look")).await.unwrap();
    store.attest(author(2), word("prod", "they")).await.unwrap();
    store
        .attest(author(3), word("", "every quarter"))
        .await
        .unwrap();
    let scope = scope(test).await;
    let all = store.attestations(&scope, Some("SOC-2")).await.unwrap();
    let told: Vec<_> = all
        .iter()
        .map(|one| (one.cluster.as_str(), one.note.as_str(), one.made))
        .collect();
    assert_eq!(
        told,
        [("", "every quarter", time(3)), ("prod", "they", time(2))]
    );
    assert!(
        store
            .attestations(&scope, Some("X"))
            .await
            .unwrap()
            .is_empty()
    );
    let control = ("SOC-2", "CC6.2");
    let gone = |minute| store.withdraw_attestation(author(minute), "local", "prod", control);
    assert!(gone(4).await.unwrap());
    assert!(!gone(5).await.unwrap());
    assert_eq!(store.attestations(&scope, None).await.unwrap().len(), 1);
}

fn rule(name: &str) -> NewRule {
    NewRule {
        kind: FindingKind::Misconfiguration,
        name: name.to_owned(),
        severity: Severity::High,
        title: name.to_owned(),
        tactics: Tactics::default(),
        techniques: Vec::new(),
        details: RuleDetails::default(),
    }
}

fn look(node: &str, affected: &[&str], healthy: &[&str]) -> NewNodeAssessment {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NewNodeAssessment {
        environment: "local".to_owned(),
        cluster: "prod".to_owned(),
        node: node.to_owned(),
        profile: "self-managed".to_owned(),
        verdicts: NodeVerdicts {
            affected: names(affected),
            healthy: names(healthy),
            not_applicable: vec!["node-c".to_owned()],
        },
        gaps: vec!["something".to_owned()],
        rules: ["node-a", "node-b", "node-c"].map(rule).into(),
        findings: affected
            .iter()
            .map(|name| NewFinding {
                fingerprint: Fingerprint::of(&["node", name, "prod", node]),
                rule: (*name).to_owned(),
                severity: Severity::High,
                asset: Vec::new(),
                summary: Some("wrong".to_owned()),
                path: None,
                layer: None,
                container: None,
                evidence: None,
                happened: None,
            })
            .collect(),
    }
}

async fn machines_are_counted_by_check_and_mended_ones_resolve(test: &TestStore) {
    let store = &test.store;
    let one = look("one", &["node-a", "node-b"], &[]);
    store.put_node_assessment(one, time(1)).await.unwrap();
    let two = look("two", &["node-a"], &["node-b"]);
    store.put_node_assessment(two, time(2)).await.unwrap();
    let scope = scope(test).await;
    let all = store.node_standings(&scope, None).await.unwrap();
    let (standing, _) = all["node-a"];
    assert_eq!((standing.affected, standing.healthy), (2, 0));
    let (standing, _) = all["node-b"];
    assert_eq!((standing.affected, standing.healthy), (1, 1));
    assert_eq!(all["node-c"].1, 2);
    let other = store.node_standings(&scope, Some("other")).await.unwrap();
    assert!(other.is_empty());
    let affected = store.affected_in_cluster(&scope, "prod").await.unwrap();
    assert_eq!(affected["node-a"], (2, 0));

    // The first was mended.
    let outcome = store.put_node_assessment(look("one", &[], &["node-a", "node-b"]), time(3));
    assert_eq!(outcome.await.unwrap().resolved, 2);
    let all = store.node_standings(&scope, Some("prod")).await.unwrap();
    let (standing, _) = all["node-a"];
    assert_eq!((standing.affected, standing.healthy), (1, 1));
    let filter = FindingFilter {
        states: vec![model::FindingState::Open],
        rule: Some("node-a".to_owned()),
        ..FindingFilter::default()
    };
    let first = PageRequest::first(10);
    let open = store.findings(&scope, &filter, FindingSort::Severity, &first);
    let open = open.await.unwrap();
    assert_eq!(open.items.len(), 1);
    assert_eq!(open.items[0].asset.name, "two");
    assert_eq!(open.items[0].asset.cluster.as_deref(), Some("prod"));
    let nodes = store.node_assessments(&scope, Some("prod")).await.unwrap();
    assert_eq!(nodes.len(), 2);
    assert_eq!(nodes[0].gaps, ["something"]);
}

on_each_database! {
    a_word_is_of_a_place_is_replaced_and_is_taken_back,
    machines_are_counted_by_check_and_mended_ones_resolve,
}

//! The inventory: one tree, counted from its leaves.

use std::sync::Arc;

use model::{AssetKind, ContainerEngine, Digest, RunningContainer, Severity, attack::Tactics};
use store::{AssetFilter, Fault, Judgement, PageRequest, PlacedContainer, RuleText};

use crate::sample::{TestStore, image, on_each_database, time};

fn container(id: &str, digest: Option<Digest>) -> RunningContainer {
    RunningContainer {
        engine: ContainerEngine::Containerd,
        namespace: None,
        id: id.to_owned(),
        name: "web".to_owned(),
        image: "web:1".to_owned(),
        image_digests: digest.into_iter().collect(),
        started: Some(time(0)),
        pid: None,
        privileged: Some(true),
        host_namespaces: None,
        host_paths: None,
        ports: Vec::new(),
        labels: [].into(),
        options: None,
    }
}

fn placed(namespace: &str, pod: &str, id: &str, digest: Option<Digest>) -> PlacedContainer {
    PlacedContainer {
        namespace: namespace.to_owned(),
        workload: Some("web".to_owned()),
        pod: pod.to_owned(),
        container: container(id, digest),
    }
}

/// Puts an image and says its digest and id.
async fn with_image(test: &TestStore) -> (Digest, String) {
    let report = image(
        "web:1",
        "a",
        0,
        &[("CVE-2024-1", "openssl", Severity::Critical)],
    );
    let identity = report.report.sbom.image.clone().unwrap();
    let outcome = test.store.put_report("local", report).await.unwrap();
    let digest = identity.config.or(identity.manifest).unwrap();
    (digest, outcome.image.id)
}

async fn a_cluster_is_walked_from_its_top_to_the_image(test: &TestStore) {
    let store = &test.store;
    let (digest, image) = with_image(test).await;
    let running = vec![
        placed("shop", "web-1", "aaaaaaaaaaaa", Some(digest)),
        placed("shop", "web-2", "bbbbbbbbbbbb", Some(digest)),
        placed("edge", "web-1", "cccccccccccc", None),
    ];
    let changes = store
        .put_workloads("local", "prod", running.clone(), time(1))
        .await
        .unwrap();
    assert_eq!((changes.started, changes.ended), (3, 0));
    let again = store
        .put_workloads("local", "prod", running, time(2))
        .await
        .unwrap();
    assert_eq!((again.started, again.ended), (0, 0));

    let scope = store.scope(None).await.unwrap();
    let list = async |filter: AssetFilter| {
        let page = store
            .assets(&scope, &filter, &PageRequest::first(50))
            .await
            .unwrap();
        assert_eq!(page.total, page.items.len() as u64);
        page.items
    };
    let below = |parent: &str| AssetFilter {
        parent: Some(parent.to_owned()),
        ..AssetFilter::default()
    };
    let top = list(AssetFilter {
        kinds: vec![AssetKind::Environment],
        ..AssetFilter::default()
    })
    .await;
    assert_eq!((top[0].running, top[0].counts.critical), (3, 1));
    let mut at = list(AssetFilter {
        kinds: vec![AssetKind::Cluster],
        ..AssetFilter::default()
    })
    .await
    .remove(0);
    assert_eq!(
        (at.key.name.as_str(), at.running, at.children),
        ("prod", 3, 2)
    );
    for expected in ["shop", "web", "web-1"] {
        let children = list(below(&at.key.id)).await;
        at = children
            .into_iter()
            .find(|child| child.key.name == expected)
            .unwrap();
    }
    assert_eq!(at.key.namespace.as_deref(), Some("shop"));
    assert_eq!(at.key.workload.as_deref(), Some("web"));
    assert_eq!(at.running, 1);
    let leaf = list(below(&at.key.id)).await.remove(0);
    assert_eq!(
        leaf.image.as_ref().map(|image| image.id.clone()),
        Some(image.clone())
    );
    let detail = store.asset(&scope, &leaf.key.id).await.unwrap().unwrap();
    let chain: Vec<AssetKind> = detail.chain.iter().map(|step| step.kind).collect();
    assert_eq!(
        chain,
        [
            AssetKind::Environment,
            AssetKind::Cluster,
            AssetKind::Namespace,
            AssetKind::Workload,
            AssetKind::Pod,
            AssetKind::Container,
        ]
    );
    assert_eq!(detail.facts["privileged"], "yes");

    let detail = store.asset(&scope, &image).await.unwrap().unwrap();
    assert_eq!(detail.running_in.len(), 2);
    assert_eq!(detail.asset.running, 2);
    let named = list(AssetFilter {
        text: Some("WEB:1".to_owned()),
        ..AssetFilter::default()
    })
    .await;
    assert_eq!(named.len(), 1);

    store
        .put_workloads("local", "prod", Vec::new(), time(3))
        .await
        .unwrap();
    let left = list(AssetFilter {
        kinds: vec![AssetKind::Container, AssetKind::Pod, AssetKind::Namespace],
        ..AssetFilter::default()
    })
    .await;
    assert!(left.is_empty(), "{left:#?}");
    let nobody = store.scope(Some("nowhere")).await.unwrap();
    assert_eq!(store.asset(&nobody, &image).await.unwrap(), None);
}

async fn assets_are_walked_in_pages_worst_first(test: &TestStore) {
    let store = &test.store;
    for number in 0..7_u32 {
        let name = format!("img:{number}");
        let findings: Vec<_> = (0..number)
            .map(|id| (format!("CVE-2024-{id}"), "openssl"))
            .collect();
        let findings: Vec<_> = findings
            .iter()
            .map(|(id, package)| (id.as_str(), *package, Severity::High))
            .collect();
        store
            .put_report("local", image(&name, &name, 0, &findings))
            .await
            .unwrap();
    }
    let scope = store.scope(None).await.unwrap();
    let filter = AssetFilter {
        kinds: vec![AssetKind::Image],
        ..AssetFilter::default()
    };
    let mut names = Vec::new();
    let mut request = PageRequest::first(3);
    loop {
        let page = store.assets(&scope, &filter, &request).await.unwrap();
        assert_eq!(page.total, 7);
        names.extend(page.items.into_iter().map(|asset| asset.key.name));
        let Some(cursor) = page.next_cursor else {
            break;
        };
        request.cursor = Some(cursor);
    }
    let expected: Vec<String> = (0..7).rev().map(|number| format!("img:{number}")).collect();
    assert_eq!(names, expected);
}

fn rules() -> Arc<Vec<RuleText>> {
    Arc::new(vec![RuleText {
        id: "not-so".to_owned(),
        severity: Severity::High,
        title: "It should be otherwise".to_owned(),
        tactics: Tactics::named(["execution"]),
        techniques: vec!["T1609".to_owned()],
        details: serde_json::json!({ "why": "because" }),
    }])
}

fn judged(asset: &str, summary: Option<&str>) -> Judgement {
    Judgement {
        asset: asset.to_owned(),
        faults: summary
            .map(|summary| Fault {
                rule: "not-so".to_owned(),
                summary: summary.to_owned(),
                evidence: serde_json::json!({ "seen": summary }),
            })
            .into_iter()
            .collect(),
    }
}

async fn a_fault_is_a_finding_until_it_is_no_longer_judged_one(test: &TestStore) {
    let store = &test.store;
    let (_, image) = with_image(test).await;
    let put = async |summary: Option<&str>, minute: i64| {
        let judgements = vec![judged(&image, summary), judged("gone", Some("x"))];
        store
            .put_judgements("local", rules(), judgements, time(minute))
            .await
            .unwrap()
    };
    let first = put(Some("so"), 1).await;
    assert_eq!((first.new.high, first.resolved), (1, 0));
    let same = put(Some("so"), 2).await;
    assert_eq!((same.new.total(), same.resolved), (0, 0));
    let other = put(Some("still so"), 3).await;
    assert_eq!((other.new.total(), other.resolved), (0, 0));
    let scope = store.scope(None).await.unwrap();
    let counts = store.kind_counts(&scope).await.unwrap();
    assert_eq!(counts[&model::FindingKind::Misconfiguration].open.high, 1);
    assert_eq!(counts[&model::FindingKind::Vulnerability].open.critical, 1);
    let mended = put(None, 4).await;
    assert_eq!((mended.new.total(), mended.resolved), (0, 1));
    let back = put(Some("so"), 5).await;
    assert_eq!((back.new.high, back.resolved), (1, 0));
    let activity = store.activity(&scope, time(0)).await.unwrap();
    let happened = activity[&model::FindingKind::Misconfiguration];
    assert_eq!((happened.new.high, happened.resolved), (2, 1));
}

async fn facts_count_what_runs_and_what_an_upgrade_closes(test: &TestStore) {
    let store = &test.store;
    let (digest, image) = with_image(test).await;
    let facts = store.image_facts("local", None).await.unwrap();
    assert_eq!(facts.len(), 1);
    assert_eq!((facts[0].running, facts[0].fixable.total()), (0, 0));
    let running = vec![placed("shop", "web-1", "aaaaaaaaaaaa", Some(digest))];
    store
        .put_workloads("local", "prod", running, time(1))
        .await
        .unwrap();
    let only = [image.clone(), "unknown".to_owned()];
    let facts = store.image_facts("local", Some(&only)).await.unwrap();
    assert_eq!(
        (facts[0].id.as_str(), facts[0].running),
        (image.as_str(), 1)
    );
    let containers = store.container_facts("local").await.unwrap();
    assert_eq!(containers.len(), 1);
    assert_eq!(containers[0].image.as_deref(), Some(image.as_str()));
    assert!(store.image_facts("nowhere", None).await.unwrap().is_empty());

    let container = containers[0].id.clone();
    store
        .put_judgements(
            "local",
            rules(),
            vec![judged(&container, Some("so"))],
            time(2),
        )
        .await
        .unwrap();
    assert!(store.ended_containers("local").await.unwrap().is_empty());
    store
        .put_workloads("local", "prod", Vec::new(), time(3))
        .await
        .unwrap();
    assert_eq!(store.ended_containers("local").await.unwrap(), [container]);
    assert!(store.decided_assets("local").await.unwrap().is_empty());
    let scope = store.scope(None).await.unwrap();
    assert!(store.alert_rules(&scope).await.unwrap().is_empty());
}

on_each_database! {
    a_cluster_is_walked_from_its_top_to_the_image,
    a_fault_is_a_finding_until_it_is_no_longer_judged_one,
    assets_are_walked_in_pages_worst_first,
    facts_count_what_runs_and_what_an_upgrade_closes,
}

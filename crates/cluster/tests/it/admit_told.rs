//! What a bundle says and is not done, and what is more than is kept:
//! nobody is left to guess.

use std::{sync::Arc, time::Duration};

use api::{
    decision::{AdmissionStatus, DecisionBatch, DecisionReceipt, Verdict},
    policy::{Bundle, BundleDocument, BundleImage, BundleTrust, BundleTrusted},
};
use axum::{Json, Router, http::StatusCode, response::IntoResponse as _, routing::post};
use cluster::admit::{Keeper, KeeperSettings, Rules};
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};

use crate::admit::{bundle, pod, policy, review, settings, start, template};

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_a_config_excludes_from_the_webhook_are_left_alone() {
    let running = start(settings()).await;
    let mut with_config = bundle("deny");
    with_config.policies[0].documents.push(BundleDocument {
        source: "config.yaml".to_owned(),
        value: json!({"apiVersion": "config.gatekeeper.sh/v1alpha1", "kind": "Config",
            "metadata": {"name": "config"},
            "spec": {"match": [
                {"excludedNamespaces": ["legacy-*"], "processes": ["webhook"]},
                {"excludedNamespaces": ["shop"], "processes": ["audit"]}]}}),
    });
    running.door.put_rules(Rules::load(&with_config, None));
    let answer = running.ask(&review(pod(true), "legacy-1")).await;
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    let answer = running.ask(&review(pod(true), "shop")).await;
    assert_eq!(answer["response"]["allowed"], false, "{answer}");
    running.end().await;
}

#[test]
fn what_a_bundle_says_and_nobody_does_is_told() {
    let mut scoped = bundle("scoped");
    scoped.policies[0].documents[1].value["spec"]["scopedEnforcementActions"] = json!([
        {"action": "deny", "enforcementPoints": [{"name": "vap.k8s.io"}]}]);
    let rules = Rules::load(&scoped, None);
    let told = rules.problems.join("\n");
    assert!(
        told.contains("pods-not-privileged: constraint.yaml (TestPrivileged 'no-privileged')"),
        "{told}"
    );
    assert!(
        told.contains("the enforcement point 'vap.k8s.io'"),
        "{told}"
    );
    assert_eq!(
        rules.loaded().policies,
        1,
        "it is no reason to leave it out"
    );
    assert!(Rules::load(&bundle("deny"), None).problems.is_empty());
    let cut = Bundle {
        exemptions_cut: true,
        ..bundle("deny")
    };
    let told = Rules::load(&cut, None).problems.join("\n");
    assert!(
        told.contains("more exemptions than a judge holds: 0 are"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_violations_those_that_weigh_most_are_kept_and_the_rest_counted() {
    const MANY: &str = "package t\nviolation[{\"msg\": msg}] { n := numbers.range(1, 60)[_]; \
                        msg := sprintf(\"no %v\", [n]) }";
    let running = start(settings()).await;
    let mut all = bundle("deny");
    let mut noted = policy("dryrun");
    noted.id = "a-many".to_owned();
    noted.documents[0].value = template(MANY);
    for document in &mut noted.documents {
        let text = document.value.to_string();
        let text = text
            .replace("TestPrivileged", "AMany")
            .replace("testprivileged", "amany");
        document.value = serde_json::from_str(&text).unwrap();
    }
    let mut warned = noted.clone();
    warned.id = "b-many".to_owned();
    warned.documents[1].value["spec"]["enforcementAction"] = json!("warn");
    for document in &mut warned.documents {
        let text = document.value.to_string();
        let text = text.replace("AMany", "BMany").replace("amany", "bmany");
        document.value = serde_json::from_str(&text).unwrap();
    }
    all.policies.insert(0, noted);
    all.policies.insert(1, warned);
    running.door.put_rules(Rules::load(&all, None));
    let answer = running.ask(&review(pod(true), "shop")).await;
    assert_eq!(answer["response"]["allowed"], false, "{answer}");
    let warnings = answer["response"]["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 21);
    assert_eq!(warnings[20], "and 40 more warnings of policies");
    let decision = running.door.line.first(1).remove(0);
    assert_eq!(decision.violations.len(), 50);
    assert_eq!(decision.violations[0].verdict, Verdict::Denied);
    assert_eq!(
        decision.note,
        "50 of 121 violations are kept, those that weigh most"
    );
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_nobody_read_are_named_once() {
    let running = start(settings()).await;
    let mut all = bundle("deny");
    all.images = vec![BundleImage {
        references: vec!["registry.example/known:1".to_owned()],
        ..BundleImage::default()
    }];
    running.door.put_rules(Rules::load(&all, None));
    let mut pod = pod(false);
    let container = |image: &str| json!({"name": "c", "image": image});
    pod["spec"]["initContainers"] = json!([container("registry.example/known:1"), container("")]);
    let named = || running.door.unread.first(10);

    let mut dry = review(pod.clone(), "shop");
    dry["request"]["dryRun"] = json!(true);
    running.ask(&dry).await;
    let mut leaving = review(pod.clone(), "shop");
    leaving["request"]["operation"] = json!("DELETE");
    leaving["request"]["oldObject"] = leaving["request"]["object"].take();
    running.ask(&leaving).await;
    assert!(named().is_empty());
    for _ in 0..2 {
        running.ask(&review(pod.clone(), "shop")).await;
    }
    assert_eq!(named(), ["registry.example/web:1"]);
    assert!(running.door.line.is_empty());

    // A server that is away, then one of before, then one that hears.
    let (sender, mut batches) = mpsc::channel::<DecisionBatch>(8);
    let answers = Arc::new([503, 400, 200].map(|code| StatusCode::from_u16(code).unwrap()));
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let take = move |Json(batch): Json<DecisionBatch>| async move {
        if batch.images.is_empty() {
            return Json(DecisionReceipt::default()).into_response();
        }
        let at = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        sender.send(batch).await.unwrap();
        match answers[at] {
            StatusCode::OK => Json(DecisionReceipt::default()).into_response(),
            refused => refused.into_response(),
        }
    };
    let router = Router::new().route("/api/v1/clusters/prod/decisions", post(take));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "seawall_token").unwrap();
    let keeper = Keeper::new(KeeperSettings {
        server: format!("http://{}", listener.local_addr().unwrap()),
        cluster: "prod".to_owned(),
        environment: None,
        token_file,
        ca_file: None,
        state_dir: None,
        replica: "a".to_owned(),
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let door = Arc::clone(&running.door);
    tasks.spawn(keeper.unwrap().ship(door, AdmissionStatus::default));
    let mut next = async || {
        let batch = tokio::time::timeout(Duration::from_mins(1), batches.recv());
        batch.await.unwrap().unwrap().images
    };
    assert_eq!(next().await, ["registry.example/web:1"]);
    assert_eq!(next().await, ["registry.example/web:1"], "it is told again");
    pod["spec"]["containers"][0]["image"] = json!("registry.example/other:1");
    running.ask(&review(pod, "shop")).await;
    assert_eq!(next().await, ["registry.example/other:1"], "and not again");
    tasks.shutdown().await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_a_trust_policy_asks_for_are_named_until_somebody_looked() {
    let running = start(settings()).await;
    let image = "registry.example/web:1";
    let mut all = bundle("deny");
    all.images = vec![BundleImage {
        references: vec![image.to_owned()],
        ..BundleImage::default()
    }];
    all.trust = vec![BundleTrust {
        name: "ours".to_owned(),
        repositories: vec!["registry.example/*".to_owned()],
    }];
    let looked = BundleTrusted {
        repository: "registry.example/web".to_owned(),
        digest: format!("sha256:{}", "0".repeat(64)),
        tags: vec!["1".to_owned()],
        refused: [("ours".to_owned(), "nobody signed it".to_owned())].into(),
        ..BundleTrusted::default()
    };
    // Scanned each time; what came of looking is not asked here.
    for (trusted, expected) in [(vec![looked], &[][..]), (Vec::new(), &[image])] {
        all.trusted = trusted;
        running.door.put_rules(Rules::load(&all, None));
        running.ask(&review(pod(false), "shop")).await;
        assert_eq!(running.door.unread.first(10), expected);
    }
    running.end().await;
}

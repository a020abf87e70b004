//! Providers of external data, asked by a connector about what is there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use api::posture::{ObjectBatch, ObjectReceipt};
use axum::{Json, Router, routing::post};
use cluster::{
    external::{Asker, KEPT},
    watch::{Assessment, Core},
};
use policy::Document;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use crate::{
    api_server::{Kind, assessed, router, said},
    provider::{Provider, clock, documents, pod},
    watch::{Between, PATIENCE},
};

/// As long as a judging connector has in these tests.
const LONG: Duration = Duration::from_mins(1);

fn named(mut object: Value, name: &str) -> Value {
    object["metadata"]["name"] = json!(name);
    object
}

/// What makes pods that run these.
fn deployment(name: &str, images: &[&str]) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"template": {"metadata": {}, "spec": pod(images)["spec"]}}})
}

/// Says of every object of a kind when it was judged, and asks nobody.
fn clockwork(kind: &str) -> [Value; 2] {
    let rego = "package clockwork\nviolation[{\"msg\": msg}] \
                { msg := sprintf(\"judged at %v\", [time.now_ns()]) }";
    [
        json!({"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
            "metadata": {"name": "clockwork"},
            "spec": {"crd": {"spec": {"names": {"kind": "Clockwork"}}},
                "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}]}}),
        json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "Clockwork",
            "metadata": {"name": "clockwork"},
            "spec": {"match": {"kinds": [{"apiGroups": [""], "kinds": [kind]}]}}}),
    ]
}

fn bundle(documents: Vec<Value>) -> Arc<Vec<Document>> {
    let documents = documents.into_iter().map(|value| Document {
        source: "here".to_owned(),
        value,
    });
    Arc::new(documents.collect())
}

/// Judges at that time, and tells what is said of each: `Pod web: no`.
fn judged(core: &mut Core, budget: Duration, now_ns: i64) -> Vec<String> {
    // Off the runtime's threads, as everywhere.
    tokio::task::block_in_place(|| core.judge(budget, now_ns));
    let mut told: Vec<String> = core
        .verdicts()
        .flat_map(|(key, judged)| {
            let said = judged.violations().into_iter();
            said.map(move |one| format!("{} {}: {}", key.kind, key.name, one.message))
        })
        .collect();
    told.sort();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_asks_about_what_is_there_once_it_may() {
    let provider = Provider::of_images().await;
    let documents = bundle(documents(provider.document()));
    let mut off = Core::new(Arc::clone(&documents));
    off.extend([pod(&["bad/b"])]);
    let told = judged(&mut off, LONG, 0);
    assert!(
        told.len() == 1 && told[0].contains("external data is off"),
        "{told:?}"
    );
    assert!(off.problems().is_empty(), "{:?}", off.problems());
    assert!(provider.asked().is_empty());

    let mut core = Core::new(documents);
    core.ask(Asker::new(clock()), LONG);
    core.extend([pod(&["good/a", "bad/b"])]);
    let unknown = r#"Pod web: not known: [["bad/b", "nobody knows it"]]"#;
    assert_eq!(judged(&mut core, LONG, 0), [unknown]);
    // What is kept is not asked for again, as at the door.
    core.extend([pod(&["good/a"])]);
    assert!(judged(&mut core, LONG, 0).is_empty());
    core.extend([pod(&["good/c", "bad/b"])]);
    assert_eq!(judged(&mut core, LONG, 0), [unknown]);
    assert_eq!(provider.asked(), [vec!["good/a", "bad/b"], vec!["good/c"]]);
    assert!(core.problems().is_empty(), "{:?}", core.problems());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rests_on_answers_is_judged_again_though_nothing_changed() {
    let is_known = Arc::new(AtomicBool::new(true));
    let knows = Arc::clone(&is_known);
    let provider = Provider::start(move |keys| {
        let is_known = knows.load(Ordering::Relaxed);
        let items: Vec<Value> = keys
            .iter()
            .map(|key| {
                if is_known {
                    json!({"key": key, "value": "known"})
                } else {
                    json!({"key": key, "error": "withdrawn"})
                }
            })
            .collect();
        let body = json!({"response": {"idempotent": true, "items": items}});
        (200, body.to_string())
    })
    .await;
    let clock = clock();
    let all = [documents(provider.document()), clockwork("Service").into()].concat();
    let mut core = Core::new(bundle(all));
    core.ask(Asker::new(clock.clone()), Duration::ZERO);
    core.extend([
        pod(&["good/a"]),
        deployment("shop", &["good/a"]),
        json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "shop", "namespace": "shop"}}),
    ]);
    let service = ["Service shop: judged at 1"];
    assert_eq!(judged(&mut core, LONG, 1), service);
    assert_eq!(provider.asked(), [["good/a"]]);

    // Nobody tells of it; what is kept holds until it is too old.
    is_known.store(false, Ordering::Relaxed);
    assert_eq!(judged(&mut core, LONG, 2), service);
    assert_eq!(provider.asked().len(), 1);
    let kept = i64::try_from(KEPT.as_secs()).unwrap();
    clock.0.fetch_add(kept, Ordering::Relaxed);
    let unknown = r#"not known: [["good/a", "withdrawn"]]"#;
    // The service rests on nobody's answer, and is left as it was.
    assert_eq!(
        judged(&mut core, LONG, 3),
        [
            format!("Deployment shop: {unknown}"),
            format!("Pod web: {unknown}"),
            service[0].to_owned()
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_is_told_of_and_others_judge_on() {
    let provider = Provider::of_images().await;
    provider.may.forget_permits(Semaphore::MAX_PERMITS);
    let clock = clock();
    let all = [documents(provider.document()), clockwork("Pod").into()].concat();
    let mut core = Core::new(bundle(all));
    core.ask(Asker::new(clock.clone()), Duration::ZERO);
    let pods = 40;
    core.extend((0..pods).map(|index| {
        let name = format!("web-{index}");
        named(pod(&[&format!("good/{index}")]), &name)
    }));
    let told = judged(&mut core, LONG, 7);
    let of = |what: &str| told.iter().filter(|told| told.contains(what)).count();
    assert_eq!(of("judged at 7"), pods, "{told:#?}");
    assert_eq!(of("cannot say (500)"), pods, "{told:#?}");
    let problems = core.problems();
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}");
    };
    assert_eq!(problem.about, "Provider/images");
    assert!(
        problem
            .message
            .starts_with("does not answer: failed to send external data request: ")
            && problem.message.contains("within 1 s"),
        "{problem:?}"
    );

    // It comes back, and so do the answers.
    provider.may.add_permits(1_000);
    clock.0.fetch_add(2, Ordering::Relaxed);
    let told = judged(&mut core, LONG, 8);
    assert!(
        told.len() == pods && told.iter().all(|told| told.ends_with("judged at 8")),
        "{told:#?}"
    );
    assert!(core.problems().is_empty(), "{:?}", core.problems());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_in_trouble_is_told_of_too_until_it_is_gone() {
    let provider = Provider::start(|_| {
        let body = json!({"response": {"systemError": "the registry is away", "items": []}});
        (200, body.to_string())
    })
    .await;
    let mut core = Core::new(bundle(documents(provider.document())));
    let asker = Asker::new(clock());
    core.ask(Arc::clone(&asker), LONG);
    core.extend([pod(&["good/a"])]);
    let told = judged(&mut core, LONG, 0);
    assert_eq!(told, ["Pod web: cannot say (200): the registry is away"]);
    let told: Vec<String> = core.problems().into_iter().map(|one| one.message).collect();
    assert_eq!(told, ["does not answer: the registry is away"]);
    // Policies without it: nobody asks it any more.
    core.take_bundle(bundle(clockwork("Pod").into()), Instant::now());
    assert_eq!(judged(&mut core, LONG, 5), ["Pod web: judged at 5"]);
    assert!(core.problems().is_empty(), "{:?}", core.problems());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_provider_takes_no_more_time_than_one_question() {
    let provider = Provider::of_images().await;
    provider.may.forget_permits(Semaphore::MAX_PERMITS);
    let mut core = Core::new(bundle(documents(provider.document())));
    core.ask(Asker::new(clock()), LONG);
    core.extend((0..64).map(|index| {
        let name = format!("web-{index}");
        named(pod(&[&format!("good/{index}")]), &name)
    }));
    // Each thread waits for its first answer, and has no time for more.
    let told = judged(&mut core, Duration::from_millis(500), 0);
    assert!(
        (1..=4).contains(&told.len()) && told.len() + core.to_judge() == 64,
        "{} judged, {} wait",
        told.len(),
        core.to_judge()
    );
    // They are not lost.
    assert_eq!(judged(&mut core, LONG, 0).len(), 64);
    assert_eq!(core.to_judge(), 0);
}

/// Sees a cluster with a pod and this provider once, by policies that
/// name none themselves.
async fn seen(provider: &Provider, external: Option<Arc<Asker>>) -> (Assessment, Vec<String>) {
    let kinds = vec![
        Kind::of("v1", "pods", vec![pod(&["good/a", "bad/b"])]),
        Kind::of(
            "externaldata.gatekeeper.sh/v1beta1",
            "providers",
            vec![provider.document()],
        ),
    ];
    let mut policies = documents(Value::Null);
    policies.pop();
    assessed(kinds, bundle(policies), external).await
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_of_the_cluster_are_asked_and_looked_for_only_where_that_is_on() {
    let provider = Provider::of_images().await;
    let (assessment, listed) = seen(&provider, None).await;
    let told = said(&assessment);
    assert!(
        told.len() == 1 && told[0].contains("external data is off"),
        "{told:?}"
    );
    assert_eq!(listed, ["pods"]);
    assert!(provider.asked().is_empty());

    let (assessment, listed) = seen(&provider, Some(Asker::new(clock()))).await;
    assert_eq!(
        said(&assessment),
        [r#"not known: [["bad/b", "nobody knows it"]]"#]
    );
    assert_eq!(listed, ["pods", "providers"]);
    assert_eq!(provider.asked(), [["good/a", "bad/b"]]);
    assert!(assessment.problems.is_empty(), "{:?}", assessment.problems);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_hears_what_providers_say_of_a_cluster() {
    let provider = Provider::of_images().await;
    let kinds = vec![Kind::of("v1", "pods", vec![pod(&["good/a", "bad/b"])])];
    let cluster = router(kinds, &Arc::default());
    let (sender, mut batches) = mpsc::channel::<ObjectBatch>(8);
    let take = move |Json(batch): Json<ObjectBatch>| async move {
        sender.send(batch).await.unwrap();
        Json(ObjectReceipt {
            taken: 0,
            repeated: false,
            resync: false,
        })
    };
    let ours = Router::new().route("/api/v1/clusters/test/objects", post(take));
    let policies = bundle(documents(provider.document()));
    let asker = Asker::new(Arc::new(model::SystemClock));
    let between = Between::start(cluster, ours, policies, Some(asker)).await;
    let told = async {
        loop {
            let batch = batches.recv().await.unwrap();
            let judged = batch.objects.into_iter().filter_map(|object| object.judged);
            let said: Vec<_> = judged.flat_map(|judged| judged.violations).collect();
            if let [violation] = said.as_slice() {
                return violation.message.clone();
            }
        }
    };
    let told = tokio::time::timeout(PATIENCE, told).await.unwrap();
    assert_eq!(told, r#"not known: [["bad/b", "nobody knows it"]]"#);
    assert_eq!(provider.asked(), [["good/a", "bad/b"]]);
    between.end().await;
}

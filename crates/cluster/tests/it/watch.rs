//! The connector between an API server and a server of ours that both
//! misbehave as real ones do: watches that end with 410, answers that are
//! lost, a record that was.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use api::posture::{ObjectBatch, ObjectReceipt};
use axum::{
    Json, Router,
    body::Body,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use cluster::{
    external::Asker,
    watch::{Connector, Settings, ShipSettings, Target},
};
use model::SystemClock;
use policy::Document;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    api_server::{Kind, assessed, kubeconfig, said, serve, version},
    provider::pod as pod_of,
};

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Default)]
struct Seen {
    lists: u32,
    watches: u32,
    batches: Vec<ObjectBatch>,
    refused: u32,
    resyncs: u32,
}

#[derive(Clone, Default)]
struct Both {
    seen: Arc<Mutex<Seen>>,
    news: Arc<Notify>,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    watch: bool,
}

fn pod(name: &str, version: u32) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": name,
            "resourceVersion": version.to_string(), "managedFields": [{"manager": "m"}]},
        "spec": {"containers": [{"name": "main", "image": "nginx:1"}]}})
}

async fn pods(State(both): State<Both>, Query(asked): Query<Asked>) -> Response {
    if asked.watch {
        let first = {
            let mut seen = both.seen.lock().unwrap();
            seen.watches += 1;
            seen.watches == 1
        };
        if !first {
            std::future::pending::<()>().await;
        }
        let gone = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1",
            "metadata": {}, "status": "Failure", "message": "too old resource version",
            "reason": "Expired", "code": 410}});
        let lines = format!(
            "{}\n{gone}\n",
            json!({"type": "ADDED", "object": pod("c", 11)})
        );
        return Body::from(lines).into_response();
    }
    let items = {
        let mut seen = both.seen.lock().unwrap();
        seen.lists += 1;
        match seen.lists {
            1 => vec![pod("a", 1), pod("b", 2)],
            _ => vec![pod("a", 1), pod("c", 11)],
        }
    };
    let version = if items.len() == 2 { "20" } else { "10" };
    Json(json!({"kind": "PodList", "apiVersion": "v1",
        "metadata": {"resourceVersion": version}, "items": items}))
    .into_response()
}

async fn take(State(both): State<Both>, Json(batch): Json<ObjectBatch>) -> Response {
    let mut seen = both.seen.lock().unwrap();
    // Two answers are lost on their way.
    if seen.refused < 2 {
        seen.refused += 1;
        return StatusCode::BAD_GATEWAY.into_response();
    }
    // Then the record is an older one.
    let resync = seen.resyncs == 0 && batch.number > 1;
    seen.resyncs += u32::from(resync);
    if !resync {
        seen.batches.push(batch);
    }
    drop(seen);
    both.news.notify_one();
    Json(ObjectReceipt {
        taken: 0,
        repeated: false,
        resync,
    })
    .into_response()
}

fn api_server(both: Both) -> Router {
    let resources = json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
        {"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod",
            "verbs": ["get", "list", "watch"]}]});
    Router::new()
        .route("/version", get(|| async { Json(version()) }))
        .route(
            "/api",
            get(|| async {
                Json(json!({"kind": "APIVersions", "versions": ["v1"],
                "serverAddressByClientCIDRs": []}))
            }),
        )
        .route("/api/v1", get(|| async { Json(resources) }))
        .route(
            "/apis",
            get(|| async { Json(json!({"kind": "APIGroupList", "groups": []})) }),
        )
        .route("/api/v1/pods", get(pods))
        .with_state(both)
}

/// A policy that has something to say of every pod.
fn policies() -> Vec<Document> {
    let template = json!({"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
        "metadata": {"name": "anypod"},
        "spec": {"crd": {"spec": {"names": {"kind": "AnyPod"}}}, "targets": [
            {"target": "admission.k8s.gatekeeper.sh", "rego":
                "package anypod\nviolation[{\"msg\": msg}] { msg := \"there is a pod\" }"}]}});
    let constraint = json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "AnyPod",
        "metadata": {"name": "any"},
        "spec": {"enforcementAction": "dryrun",
            "match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}}});
    [template, constraint]
        .into_iter()
        .map(|value| Document {
            source: "test".to_owned(),
            value,
        })
        .collect()
}

/// A connector at work, and those on both its sides.
pub(crate) struct Between {
    tasks: JoinSet<()>,
    stop: tokio::sync::oneshot::Sender<()>,
    _folder: tempfile::TempDir,
}

impl Between {
    /// Starts one of the cluster `test`.
    pub(crate) async fn start(
        cluster: Router,
        ours: Router,
        bundle: Arc<Vec<Document>>,
        external: Option<Arc<Asker>>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        let cluster = serve(&mut tasks, cluster).await;
        let server = serve(&mut tasks, ours).await;
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, "word").unwrap();
        let settings = Settings {
            target: Target::Kubeconfig {
                path: Some(kubeconfig(folder.path(), cluster)),
                context: None,
            },
            bundle,
            ship: ShipSettings {
                server: format!("http://127.0.0.1:{server}"),
                cluster: "test".to_owned(),
                environment: None,
                token_file: token,
                ca_file: None,
            },
            external,
            status_file: None,
        };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn(async move {
            let stop = async move { drop(stopped.await) };
            Connector::run(settings, Arc::new(SystemClock), stop)
                .await
                .unwrap();
        });
        Self {
            tasks,
            stop,
            _folder: folder,
        }
    }

    pub(crate) async fn end(mut self) {
        self.stop.send(()).unwrap();
        self.tasks.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_to_expired_watches_lost_answers_and_lost_records() {
    let both = Both::default();
    let ours = Router::new()
        .route("/api/v1/clusters/test/objects", post(take))
        .with_state(both.clone());
    let cluster = api_server(both.clone());
    let between = Between::start(cluster, ours, Arc::new(policies()), None).await;

    let whole = async {
        loop {
            both.news.notified().await;
            let seen = both.seen.lock().unwrap();
            if seen.lists >= 2 && known(&seen.batches) == BTreeSet::from(["a", "c"]) {
                break;
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, whole).await;
    {
        let seen = both.seen.lock().unwrap();
        assert!(waited.is_ok(), "{:#?}", seen.batches);
        assert!(seen.watches >= 1 && seen.refused == 2);
        let last = seen
            .batches
            .iter()
            .flat_map(|batch| &batch.objects)
            .next_back()
            .unwrap();
        let judged = last.judged.as_ref().unwrap();
        assert_eq!(judged.violations[0].message, "there is a pod");
        assert!(last.body.as_ref().unwrap()["metadata"]["managedFields"].is_null());
    }
    between.end().await;
}

/// What a record would hold after these batches.
fn known(batches: &[ObjectBatch]) -> BTreeSet<&str> {
    let mut known = BTreeSet::new();
    for batch in batches {
        for object in &batch.objects {
            known.insert(object.key.name.as_str());
        }
        for key in &batch.gone {
            known.remove(key.name.as_str());
        }
        if batch.completes {
            // Of its session, what was not shown is gone.
            let shown: BTreeSet<&str> = batches
                .iter()
                .filter(|other| other.session == batch.session)
                .flat_map(|other| &other.objects)
                .map(|object| object.key.name.as_str())
                .collect();
            known.retain(|name| shown.contains(name));
        }
    }
    known
}

/// Pods have no more containers than their cluster's `Limit` says.
fn few() -> Arc<Vec<Document>> {
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "few"},
        "spec": {"paramKind": {"apiVersion": "rules.example/v1", "kind": "Limit"},
            "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"],
                "operations": ["CREATE"], "resources": ["pods"]}]},
            "validations": [{"expression": "object.spec.containers.size() <= params.spec.most",
                "message": "too many containers"}]}});
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "few"},
        "spec": {"policyName": "few", "validationActions": ["Deny"],
            "paramRef": {"name": "few", "parameterNotFoundAction": "Deny"}}});
    let documents = [policy, binding].map(|value| Document {
        source: "test".to_owned(),
        value,
    });
    Arc::new(documents.into())
}

/// A pod of two containers, and who says how many it may have.
fn limited(most: u32) -> [Kind; 2] {
    let limit = json!({"apiVersion": "rules.example/v1", "kind": "Limit",
        "metadata": {"name": "few"}, "spec": {"most": most}});
    [
        Kind::of("v1", "pods", vec![pod_of(&["a", "b"])]),
        Kind::of("rules.example/v1", "limits", vec![limit]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_that_are_only_looked_up_are_watched_too() {
    for (most, expected) in [(1, &["too many containers"][..]), (2, &[])] {
        let other = json!({"apiVersion": "other.example/v1", "kind": "Other",
            "metadata": {"name": "few"}});
        let mut kinds = Vec::from(limited(most));
        kinds.push(Kind::of("other.example/v1", "others", vec![other]));
        let (assessment, listed) = assessed(kinds, few(), None).await;
        assert_eq!(said(&assessment), expected);
        assert_eq!(listed, ["limits", "pods"]);
        assert!(assessment.problems.is_empty(), "{:?}", assessment.problems);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_a_kind_that_may_not_be_seen_nobody_is_judged() {
    let [pods, limits] = limited(2);
    let (assessment, _) = assessed(vec![pods, limits.forbidden()], few(), None).await;
    let items = assessment.items.iter();
    let violations: Vec<_> = items.flat_map(|item| &item.violations).collect();
    let [violation] = violations.as_slice() else {
        panic!("{violations:?}");
    };
    assert!(violation.failed, "{violation:?}");
    assert!(
        violation
            .message
            .contains("it looks up objects of kind Limit"),
        "{violation:?}"
    );
    let [problem] = assessment.problems.as_slice() else {
        panic!("{:?}", assessment.problems);
    };
    assert_eq!(problem.about, "limits.rules.example");
    assert!(problem.mend.contains("rules.example"), "{problem:?}");
}

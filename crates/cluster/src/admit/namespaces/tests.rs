//! Streams in front of an API server that lists and watches, or does not
//! let us.

use std::sync::Mutex;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::*;
use crate::admit::door::sight_tests;

#[derive(Clone)]
struct Api {
    /// `list` or `watch`, and of what.
    asked: Sender<String>,
    forbidden: Arc<Mutex<bool>>,
}

fn list(kind: &str, names: &[&str]) -> Response {
    let items: Vec<Value> = names
        .iter()
        .map(|name| json!({"metadata": {"name": name}}))
        .collect();
    let list = json!({"apiVersion": "v1", "kind": format!("{kind}List"),
        "metadata": {"resourceVersion": "1"}, "items": items});
    Json(list).into_response()
}

/// A watch in which nothing ever happens.
fn watch() -> Response {
    Body::from_stream(tokio_stream::pending::<Result<Bytes, std::io::Error>>()).into_response()
}

async fn answer(
    State(api): State<Api>,
    Query(query): Query<BTreeMap<String, String>>,
    uri: axum::http::Uri,
) -> Response {
    let resource = uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    let verb = if query.contains_key("watch") {
        "watch"
    } else {
        "list"
    };
    let is_forbidden = resource == "serviceaccounts" && *api.forbidden.lock().unwrap();
    api.asked.try_send(format!("{verb} {resource}")).ok();
    if is_forbidden {
        let status = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure",
            "code": 403, "reason": "Forbidden", "message": "serviceaccounts is forbidden"});
        return (StatusCode::FORBIDDEN, Json(status)).into_response();
    }
    match (verb, resource.as_str()) {
        ("watch", _) => watch(),
        (_, "namespaces") => list("Namespace", &["shop"]),
        _ => list("ServiceAccount", &["default"]),
    }
}

fn api(is_forbidden: bool) -> (Client, Api, Receiver<String>) {
    let (asked, seen) = mpsc::channel(1_000);
    let api = Api {
        asked,
        forbidden: Arc::new(Mutex::new(is_forbidden)),
    };
    let router = Router::new()
        .route("/api/v1/namespaces", get(answer))
        .route("/api/v1/serviceaccounts", get(answer))
        .with_state(api.clone());
    (Client::new(router, "default"), api, seen)
}

async fn until(seen: &mut Receiver<String>, wanted: &str) {
    while let Some(asked) = seen.recv().await {
        if asked == wanted {
            return;
        }
    }
    panic!("never: {wanted}");
}

fn accounts() -> Served {
    Served {
        kind: Kind {
            group: String::new(),
            version: "v1".to_owned(),
            kind: "ServiceAccount".to_owned(),
        },
        plural: "serviceaccounts".to_owned(),
        is_namespaced: true,
    }
}

/// Follows both; the tasks end with what is returned.
fn begin(client: &Client, door: &Arc<Door>, troubles: &Troubles) -> (Lookups, JoinSet<()>) {
    let mut tasks = JoinSet::new();
    tasks.spawn(namespaces(
        client.clone(),
        Arc::clone(door),
        Arc::clone(troubles),
    ));
    let mut lookups = Lookups::default();
    let rules = door.rules();
    lookups.renew(client, &rules.policies, &[accounts()], door, troubles);
    (lookups, tasks)
}

#[tokio::test]
async fn a_door_is_ready_once_all_it_looks_up_was_listed() {
    let (client, _, mut seen) = api(false);
    let (door, troubles) = (sight_tests::door("ServiceAccount"), Troubles::default());
    assert!(!door.is_ready());
    let running = begin(&client, &door, &troubles);
    // What is watched was listed.
    let mut watched = BTreeSet::new();
    while watched.len() < 2 {
        let asked = seen.recv().await.unwrap();
        if asked.starts_with("watch") {
            watched.insert(asked);
        }
    }
    assert!(door.is_ready());
    assert_eq!(troubles.lock().unwrap().len(), 0);
    drop(running);
}

#[tokio::test]
async fn a_watch_that_is_refused_is_told_with_the_rule_it_lacks() {
    let (client, api, mut seen) = api(true);
    let (door, troubles) = (sight_tests::door("ServiceAccount"), Troubles::default());
    let running = begin(&client, &door, &troubles);
    until(&mut seen, "watch namespaces").await;
    // It asks again after it told.
    until(&mut seen, "list serviceaccounts").await;
    until(&mut seen, "list serviceaccounts").await;
    let told: Vec<String> = troubles.lock().unwrap().values().cloned().collect();
    assert_eq!(
        told,
        [
            "watching serviceaccounts: serviceaccounts is forbidden; add to the ClusterRole: \
          {apiGroups: [\"\"], resources: [\"serviceaccounts\"], verbs: [list, watch]}"
        ]
    );
    assert!(!door.is_ready());
    assert_eq!(door.unseen(), ["ServiceAccount"]);
    *api.forbidden.lock().unwrap() = false;
    until(&mut seen, "watch serviceaccounts").await;
    assert!(door.is_ready());
    assert_eq!(troubles.lock().unwrap().len(), 0);
    drop(running);
}

#[tokio::test]
async fn a_kind_the_cluster_does_not_have_is_not_waited_for() {
    let (client, _, _seen) = api(false);
    let (door, troubles) = (sight_tests::door("Gadget"), Troubles::default());
    let rules = door.rules();
    let mut lookups = Lookups::default();
    lookups.renew(&client, &rules.policies, &[], &door, &troubles);
    assert!(
        door.unseen().contains(&"Gadget".to_owned()),
        "nothing was asked yet"
    );
    lookups.renew(&client, &rules.policies, &[accounts()], &door, &troubles);
    assert_eq!(door.unseen(), ["Namespace"]);
}

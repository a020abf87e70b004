//! An API server that holds what a test says, for whoever sees a cluster
//! once.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::Query,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use cluster::{
    external::Asker,
    watch::{Assessment, Target, once},
};
use model::SystemClock;
use policy::Document;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

const PATIENCE: Duration = Duration::from_mins(1);

/// One kind, and all there is of it.
#[derive(Clone)]
pub(crate) struct Kind {
    /// `v1`, `apps/v1`
    version: &'static str,
    plural: &'static str,
    objects: Vec<Value>,
    is_forbidden: bool,
}

impl Kind {
    pub(crate) fn of(version: &'static str, plural: &'static str, objects: Vec<Value>) -> Self {
        Self {
            version,
            plural,
            objects,
            is_forbidden: false,
        }
    }

    /// Nobody may see it.
    pub(crate) fn forbidden(self) -> Self {
        Self {
            is_forbidden: true,
            ..self
        }
    }

    fn root(&self) -> String {
        let root = if self.version == "v1" { "api" } else { "apis" };
        format!("/{root}/{}", self.version)
    }

    /// As objects of it say.
    fn name(&self) -> Value {
        self.objects[0]["kind"].clone()
    }

    fn resources(&self) -> Value {
        let namespaced = self.objects[0]["metadata"]["namespace"].is_string();
        json!({"kind": "APIResourceList", "groupVersion": self.version, "resources": [
            {"name": self.plural, "singularName": self.plural, "namespaced": namespaced,
                "kind": self.name(), "verbs": ["get", "list", "watch"]}]})
    }

    fn list(&self) -> Response {
        if self.is_forbidden {
            let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {},
                "status": "Failure", "reason": "Forbidden", "code": 403,
                "message": format!("{} is forbidden", self.plural)});
            return (StatusCode::FORBIDDEN, Json(status)).into_response();
        }
        let mut items = self.objects.clone();
        for item in &mut items {
            item["metadata"]["resourceVersion"] = json!("1");
        }
        Json(json!({"kind": "List", "apiVersion": self.version,
            "metadata": {"resourceVersion": "1"}, "items": items}))
        .into_response()
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    watch: bool,
}

/// What an API server says of itself.
pub(crate) fn version() -> Value {
    json!({"major": "1", "minor": "35", "gitVersion": "v1.35.0", "gitCommit": "",
        "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""})
}

/// The groups' list, of kinds of one version each.
fn groups(kinds: &[Kind]) -> Value {
    let groups: BTreeMap<&str, Value> = kinds
        .iter()
        .filter_map(|kind| kind.version.split_once('/'))
        .map(|(group, version)| {
            let preferred =
                json!({"groupVersion": format!("{group}/{version}"), "version": version});
            let told = json!({"name": group, "versions": [preferred],
                "preferredVersion": preferred});
            (group, told)
        })
        .collect();
    json!({"kind": "APIGroupList", "groups": groups.into_values().collect::<Vec<_>>()})
}

/// Notes in `listed` what is listed.
pub(crate) fn router(kinds: Vec<Kind>, listed: &Arc<Mutex<Vec<String>>>) -> Router {
    let core = json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []});
    let groups = groups(&kinds);
    let mut router = Router::new()
        .route("/version", get(|| async { Json(version()) }))
        .route("/api", get(|| async { Json(core) }))
        .route("/apis", get(|| async { Json(groups) }));
    for kind in kinds {
        let (root, resources) = (kind.root(), kind.resources());
        let path = format!("{root}/{}", kind.plural);
        let listed = Arc::clone(listed);
        let list = move |Query(asked): Query<Asked>| async move {
            if asked.watch {
                std::future::pending::<()>().await;
            }
            listed.lock().unwrap().push(kind.plural.to_owned());
            kind.list()
        };
        router = router
            .route(&root, get(|| async { Json(resources) }))
            .route(&path, get(list));
    }
    router
}

/// Serves until the set is dropped; its port.
pub(crate) async fn serve(tasks: &mut JoinSet<()>, router: Router) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    port
}

/// A file that leads to the API server on a port.
pub(crate) fn kubeconfig(folder: &Path, port: u16) -> PathBuf {
    let path = folder.join("kubeconfig");
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]});
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

/// Sees a cluster of these kinds, one of each version, once; what came of
/// it, and what was listed.
pub(crate) async fn assessed(
    kinds: Vec<Kind>,
    policies: Arc<Vec<Document>>,
    external: Option<Arc<Asker>>,
) -> (Assessment, Vec<String>) {
    let listed = Arc::default();
    let mut tasks = JoinSet::new();
    let port = serve(&mut tasks, router(kinds, &listed)).await;
    let folder = tempfile::tempdir().unwrap();
    let target = Target::Kubeconfig {
        path: Some(kubeconfig(folder.path(), port)),
        context: None,
    };
    let assessment = once(&target, policies, PATIENCE, &SystemClock, external).await;
    tasks.shutdown().await;
    let mut listed = std::mem::take(&mut *listed.lock().unwrap());
    listed.sort();
    listed.dedup();
    (assessment.unwrap(), listed)
}

/// Everything that was said of anything.
pub(crate) fn said(assessment: &Assessment) -> Vec<&str> {
    let items = assessment.items.iter();
    let all = items.flat_map(|item| &item.violations);
    all.map(|violation| violation.message.as_str()).collect()
}

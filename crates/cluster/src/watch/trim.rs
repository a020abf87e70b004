//! What is kept of an object: what policies and people look at.

use serde_json::{Map, Value};

/// Written by `kubectl apply`: the whole object once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Takes out what nobody judges and what changes by itself.
pub(crate) fn trim(group: &str, kind: &str, object: &mut Value) {
    let Some(object) = object.as_object_mut() else {
        return;
    };
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for name in ["managedFields", "resourceVersion", "generation", "selfLink"] {
            metadata.remove(name);
        }
        if let Some(annotations) = metadata
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
        {
            annotations.remove(LAST_APPLIED);
            annotations.remove("deployment.kubernetes.io/revision");
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    // Never asked for; whoever sends it all the same is not heard.
    if let ("", "Secret" | "ConfigMap") = (group, kind) {
        for name in ["data", "stringData", "binaryData"] {
            object.remove(name);
        }
    }
    let Some(status) = object.remove("status") else {
        return;
    };
    let kept = match (group, kind) {
        ("", "Pod") => pod(&status),
        ("", "Node") => some(&status, &["nodeInfo", "addresses"]),
        ("", "Service") | ("networking.k8s.io", "Ingress") => some(&status, &["loadBalancer"]),
        _ => Map::new(),
    };
    if !kept.is_empty() {
        object.insert("status".to_owned(), Value::Object(kept));
    }
}

fn some(from: &Value, names: &[&str]) -> Map<String, Value> {
    names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), from.get(*name)?.clone())))
        .filter(|(_, value)| !is_nothing(value))
        .collect()
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}

/// Where it runs, and what its containers are; not how often they were
/// probed.
fn pod(status: &Value) -> Map<String, Value> {
    let mut kept = some(status, &["phase", "podIP", "hostIP"]);
    for list in [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ] {
        let Some(all) = status.get(list).and_then(Value::as_array) else {
            continue;
        };
        let all = all.iter().map(|one| {
            let mut kept = some(one, &["name", "image", "imageID", "containerID"]);
            if let Some(running) = one.pointer("/state/running") {
                kept.insert("state".to_owned(), serde_json::json!({"running": running}));
            }
            Value::Object(kept)
        });
        kept.insert(list.to_owned(), Value::Array(all.collect()));
    }
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_changes_by_itself_is_left_out() {
        let object = |version: &str, probed: &str| {
            let mut object = json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": "web", "resourceVersion": version,
                    "managedFields": [{"manager": "kubelet"}],
                    "annotations": {LAST_APPLIED: "{}"}},
                "spec": {"nodeName": "n1"},
                "status": {"phase": "Running", "conditions": [{"lastProbeTime": probed}],
                    "containerStatuses": [{"name": "web", "containerID": "containerd://c0ffee",
                        "restartCount": 3, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]},
            });
            trim("", "Pod", &mut object);
            object
        };
        let one = object("1", "a");
        assert_eq!(one, object("2", "b"));
        assert_eq!(one["metadata"], json!({"name": "web"}));
        assert_eq!(
            one["status"]["containerStatuses"][0]["containerID"],
            "containerd://c0ffee"
        );
    }

    #[test]
    fn a_secret_that_came_with_its_data_is_kept_without() {
        let mut secret = json!({"kind": "Secret", "metadata": {"name": "s"},
            "data": {"k": "dg=="}, "stringData": {"k": "v"}});
        trim("", "Secret", &mut secret);
        assert_eq!(secret, json!({"kind": "Secret", "metadata": {"name": "s"}}));
    }
}

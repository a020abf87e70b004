//! What is kept of an object: what policies and people look at.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Written by `kubectl apply`: the whole object once more. Of it stays the
/// version it was written in, where that is another.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The longest version that is kept.
const MAX_VERSION: usize = 300;

#[derive(Deserialize)]
struct Applied {
    #[serde(rename = "apiVersion")]
    version: String,
}

/// Takes out what nobody judges and what changes by itself.
pub(crate) fn trim(group: &str, kind: &str, object: &mut Value) {
    let Some(object) = object.as_object_mut() else {
        return;
    };
    let version = object.get("apiVersion").cloned();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for name in ["managedFields", "resourceVersion", "generation", "selfLink"] {
            metadata.remove(name);
        }
        if let Some(annotations) = metadata
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
        {
            let applied = annotations.remove(LAST_APPLIED);
            let applied = applied.as_ref().and_then(Value::as_str).unwrap_or_default();
            if let Ok(Applied { version: written }) = serde_json::from_str(applied)
                && written.len() <= MAX_VERSION
                && version.is_some_and(|version| version != written)
            {
                let kept = json!({"apiVersion": written}).to_string();
                annotations.insert(LAST_APPLIED.to_owned(), kept.into());
            }
            annotations.remove("deployment.kubernetes.io/revision");
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    // Of a secret never asked for; whoever sends it all the same is not
    // heard. Of a configuration map it is judged, and not kept.
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
                kept.insert("state".to_owned(), json!({"running": running}));
            }
            Value::Object(kept)
        });
        kept.insert(list.to_owned(), Value::Array(all.collect()));
    }
    kept
}

#[cfg(test)]
mod tests {
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
    fn of_what_was_applied_stays_the_version_where_it_is_another() {
        let trimmed = |applied: Value| {
            let mut object = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
                "metadata": {"name": "web", "annotations": {LAST_APPLIED: applied}}});
            trim("policy", "PodDisruptionBudget", &mut object);
            object["metadata"]["annotations"][LAST_APPLIED].take()
        };
        let text = |version: &str| {
            let whole = json!({"apiVersion": version, "kind": "PodDisruptionBudget",
                "spec": {"maxUnavailable": 1}});
            Value::from(whole.to_string())
        };
        assert_eq!(
            trimmed(text("policy/v1beta1")),
            r#"{"apiVersion":"policy/v1beta1"}"#
        );
        assert_eq!(trimmed(text("policy/v1")), Value::Null);
        assert_eq!(trimmed(text(&"v".repeat(MAX_VERSION + 1))), Value::Null);
        assert_eq!(trimmed(json!("{")), Value::Null);
        assert_eq!(
            trimmed(json!({"apiVersion": "policy/v1beta1"})),
            Value::Null
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

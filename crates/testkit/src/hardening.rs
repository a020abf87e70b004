//! A cluster in which much is wrong, and its hardened twin.
//!
//! `testkit/hardening/plants.yaml` says what is wrong: each entry is one
//! object as it should be, a patch, and the policies that must find it.
//! The twin is the same without the patches. Everything but what is
//! marked otherwise is taken by a real API server.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Value, json};

const PLANTS: &str = include_str!("../../../testkit/hardening/plants.yaml");

/// Namespaces, each with a workload, an account, a network policy, a
/// quota and a budget. In those of the second half one of these is planted.
const NAMESPACES: [&str; 12] = [
    "bank",
    "ci",
    "ops",
    "shop",
    "web",
    "anything",
    "bare",
    "free",
    "loose",
    "stuck",
    "undisturbed",
    "unlabelled",
];

/// One object of the cluster, and what must be found of it.
#[derive(Clone, Debug)]
pub struct Planted {
    pub object: Value,
    /// Ids of policies: these, and no others.
    pub policies: Vec<String>,
    /// A real API server takes it from a file.
    pub real: bool,
}

/// What scans said of the images, by name.
pub fn images() -> BTreeMap<String, Value> {
    let name = |digit: &str| format!("registry.example/web@sha256:{}", digit.repeat(64));
    BTreeMap::from([
        (
            name("2"),
            json!({"scanned": true, "critical": 2, "high": 5, "fixable": 7, "exploited": 1}),
        ),
        (name("3"), json!({"scanned": false})),
    ])
}

/// The cluster as it should not be.
pub fn bad() -> anyhow::Result<Vec<Planted>> {
    cluster(true)
}

/// The same, as it should be.
pub fn twin() -> anyhow::Result<Vec<Planted>> {
    cluster(false)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plant {
    #[serde(default)]
    make: Option<String>,
    #[serde(default)]
    of: Option<String>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    ingress: Option<String>,
    #[serde(default)]
    webhook: Option<String>,
    #[serde(default)]
    object: Option<Value>,
    #[serde(default)]
    policies: Vec<String>,
    /// Further ones, as a consequence.
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    on: BTreeMap<String, Vec<String>>,
    /// Of the pod, where there is one.
    #[serde(default)]
    patch: Vec<Value>,
    /// Of the whole object.
    #[serde(default)]
    whole: Vec<Value>,
    /// Its name in the twin.
    #[serde(default)]
    plain: Option<String>,
    #[serde(default)]
    absent: bool,
    #[serde(default)]
    real: Option<String>,
}

fn cluster(bad: bool) -> anyhow::Result<Vec<Planted>> {
    let mut all: Vec<Planted> = NAMESPACES
        .iter()
        .flat_map(|namespace| common(namespace))
        .map(|object| Planted {
            object,
            policies: Vec::new(),
            real: true,
        })
        .collect();
    let plants: Vec<Plant> = serde_norway::from_str(PLANTS).context("plants.yaml")?;
    for plant in &plants {
        let named = plant.make.as_ref().or(plant.role.as_ref());
        let mut object = match (named, &plant.service, &plant.ingress, &plant.webhook) {
            (Some(named), ..) => made(named)?,
            (_, Some(place), ..) => service(place),
            (_, _, Some(place), _) => ingress(place),
            (.., Some(name)) => webhook(name),
            _ => match (&plant.object, &plant.of) {
                (Some(object), _) => object.clone(),
                (_, Some(place)) => take(&mut all, place)?,
                _ => bail!("an entry without an object: {plant:?}"),
            },
        };
        if !bad && let Some(name) = &plant.plain {
            object["metadata"]["name"] = json!(name);
        }
        if bad && !plant.absent {
            let pod = pod_path(object["kind"].as_str().unwrap_or_default());
            patch(object.pointer_mut(pod), &plant.patch)
                .and_then(|()| patch(Some(&mut object), &plant.whole))
                .with_context(|| format!("{plant:?}"))?;
        }
        if !(bad && plant.absent) {
            let policies = plant.policies.iter().chain(&plant.also).cloned();
            all.push(Planted {
                object,
                policies: if bad { policies.collect() } else { Vec::new() },
                real: plant.real.is_none(),
            });
        }
    }
    if bad {
        for (place, policies) in plants.iter().flat_map(|plant| &plant.on) {
            let found = all.iter_mut().find(|one| key(&one.object) == *place);
            let found = found.with_context(|| format!("{place} is not in the cluster"))?;
            found.policies.extend(policies.iter().cloned());
        }
    }
    // Namespaces first, then what others lean on.
    all.sort_by_key(|one| {
        let kind = one.object["kind"].as_str().unwrap_or_default();
        let order = [
            "Namespace",
            "ServiceAccount",
            "ClusterRole",
            "Role",
            "PriorityClass",
        ];
        order
            .iter()
            .position(|first| *first == kind)
            .unwrap_or(order.len())
    });
    Ok(all)
}

/// `Kind namespace/name`, or `Kind name`.
pub fn key(object: &Value) -> String {
    let text = |at: &str| {
        object
            .pointer(at)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    match text("/metadata/namespace") {
        "" => format!("{} {}", text("/kind"), text("/metadata/name")),
        namespace => format!("{} {namespace}/{}", text("/kind"), text("/metadata/name")),
    }
}

fn take(all: &mut Vec<Planted>, place: &str) -> anyhow::Result<Value> {
    let at = all.iter().position(|one| key(&one.object) == place);
    let at = at.with_context(|| format!("{place} is in no namespace"))?;
    Ok(all.remove(at).object)
}

fn patch(object: Option<&mut Value>, patch: &[Value]) -> anyhow::Result<()> {
    let patch: json_patch::Patch = serde_json::from_value(json!(patch))?;
    json_patch::patch(object.context("there is no pod in it")?, &patch)?;
    Ok(())
}

fn pod_path(kind: &str) -> &'static str {
    match kind {
        "CronJob" => "/spec/jobTemplate/spec/template",
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => "/spec/template",
        _ => "",
    }
}

/// What every namespace has: a workload, and what goes with it.
fn common(namespace: &str) -> Vec<Value> {
    let metadata = |name: &str| json!({"name": name, "namespace": namespace});
    let mut all = vec![
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {
                "name": namespace,
                "labels": {"pod-security.kubernetes.io/enforce": "baseline"},
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata("default"),
            "automountServiceAccountToken": false,
        }),
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": metadata("default-deny"),
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
        }),
        json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata("all"),
            "spec": {"hard": {"pods": "500"}},
        }),
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata("all"),
            "spec": {
                "maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": {},
            },
        }),
    ];
    if let Ok(workload) = made(&format!("Deployment {namespace}/shop")) {
        all.push(workload);
    }
    all
}

/// A hardened object of its kind: `Deployment shop/web`, `ClusterRole x`.
fn made(named: &str) -> anyhow::Result<Value> {
    let (kind, place) = named.split_once(' ').context("'Kind namespace/name'")?;
    let (namespace, name) = place.split_once('/').unwrap_or(("", place));
    let mut metadata = json!({"name": name});
    if !namespace.is_empty() {
        metadata["namespace"] = json!(namespace);
    }
    let rbac = "rbac.authorization.k8s.io";
    let template = |pod: Value| json!({"metadata": {"labels": {"app": name}}, "spec": pod});
    let selector = json!({"matchLabels": {"app": name}});
    let object = match kind {
        "Deployment" => json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": metadata,
            "spec": {"replicas": 2, "selector": selector, "template": template(pod(name, true))},
        }),
        "StatefulSet" => json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": metadata,
            "spec": {
                "replicas": 2, "serviceName": name, "selector": selector,
                "template": template(pod(name, true)),
            },
        }),
        "DaemonSet" => json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": metadata,
            "spec": {"selector": selector, "template": template(pod(name, true))},
        }),
        "Job" => json!({
            "apiVersion": "batch/v1", "kind": kind, "metadata": metadata,
            "spec": {"activeDeadlineSeconds": 600, "template": template(pod(name, false))},
        }),
        "CronJob" => json!({
            "apiVersion": "batch/v1", "kind": kind, "metadata": metadata,
            "spec": {
                "schedule": "0 3 * * *", "concurrencyPolicy": "Forbid",
                "jobTemplate": {"spec": {
                    "activeDeadlineSeconds": 600, "template": template(pod(name, false)),
                }},
            },
        }),
        "Pod" => {
            // As if something had made it; the API server asks nobody
            // whether there is such a thing.
            metadata["ownerReferences"] = json!([{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "controller": true,
                "uid": "7d0d3c1e-0000-4000-8000-000000000001",
            }]);
            json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": pod(name, true)})
        }
        "ClusterRole" | "Role" => json!({
            "apiVersion": format!("{rbac}/v1"), "kind": kind, "metadata": metadata,
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}],
        }),
        "ClusterRoleBinding" | "RoleBinding" => json!({
            "apiVersion": format!("{rbac}/v1"), "kind": kind, "metadata": metadata,
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "view"},
            "subjects": [{"apiGroup": rbac, "kind": "Group", "name": "operators"}],
        }),
        _ => bail!("no way to make a {kind}"),
    };
    Ok(object)
}

fn pod(name: &str, lasting: bool) -> Value {
    let container = |name: &str| {
        json!({
            "name": name,
            "image": format!("registry.example/{name}:1.4@sha256:{}", "a".repeat(64)),
            "securityContext": {
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                "runAsUser": 10001, "capabilities": {"drop": ["ALL"]},
            },
            "resources": {
                "requests": {"cpu": "100m", "memory": "64Mi"},
                "limits": {"cpu": "500m", "memory": "64Mi"},
            },
            "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],
        })
    };
    let mut main = container("web");
    let mut pod = json!({
        "automountServiceAccountToken": false,
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [container("prepare")],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "64Mi"}}],
    });
    if lasting {
        main["readinessProbe"] = json!({"httpGet": {"path": "/healthz", "port": 8080}});
        pod["topologySpreadConstraints"] = json!([{
            "maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app": name}},
        }]);
    } else {
        pod["restartPolicy"] = json!("Never");
    }
    pod["containers"] = json!([main]);
    pod
}

fn service(place: &str) -> Value {
    let (namespace, name) = place.split_once('/').unwrap_or(("", place));
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": "ClusterIP", "selector": {"app": name}, "ports": [{"port": 443}]},
    })
}

fn ingress(place: &str) -> Value {
    let (namespace, name) = place.split_once('/').unwrap_or(("", place));
    let host = format!("{name}.example");
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "tls": [{"hosts": [host], "secretName": name}],
            "rules": [{"host": host, "http": {"paths": [{
                "path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": name, "port": {"number": 443}}},
            }]}}],
        },
    })
}

/// It is for a kind nobody makes, so that nothing is kept waiting.
fn webhook(name: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": format!("{name}.guard.example"),
            "admissionReviewVersions": ["v1"], "sideEffects": "None", "timeoutSeconds": 1,
            "failurePolicy": "Fail",
            "clientConfig": {"service": {"name": "guard", "namespace": "guard"}},
            "namespaceSelector": {"matchLabels": {"guarded": "nowhere"}},
            "rules": [{
                "apiGroups": ["guard.example"], "apiVersions": ["v1"], "operations": ["CREATE"],
                "resources": ["things"],
            }],
        }],
    })
}

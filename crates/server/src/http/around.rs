//! What is around a workload, read from the texts of other objects: ways
//! to it, policies of the network, the account it acts as.

use std::collections::BTreeMap;

use api::posture::{AccountRight, Exposure, ServiceAccount};
use serde_json::{Map, Value};
use store::{ObjectName, ObjectText};

/// What is looked at.
pub(crate) const KINDS: &[&str] = &[
    "Service",
    "Ingress",
    "NetworkPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
];

/// Rules of an account that are told.
const MAX_RIGHTS: usize = 200;

/// What is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Around {
    pub(crate) exposure: Vec<Exposure>,
    pub(crate) network_policies: Vec<String>,
    pub(crate) service_account: ServiceAccount,
    /// Containers by name, and the image each names.
    pub(crate) containers: Vec<(String, String)>,
}

/// The pod a workload makes, or is: its metadata and spec.
fn pod<'a>(name: &ObjectName, body: &'a Value) -> &'a Value {
    match name.kind.as_str() {
        "Pod" => body,
        "CronJob" => &body["spec"]["jobTemplate"]["spec"]["template"],
        _ => &body["spec"]["template"],
    }
}

impl Around {
    pub(crate) fn read(name: &ObjectName, body: &Value, others: &[ObjectText]) -> Self {
        let pod = pod(name, body);
        let spec = &pod["spec"];
        let labels = pod["metadata"]["labels"].as_object();
        let empty = Map::new();
        let labels = labels.unwrap_or(&empty);
        let mut around = Self {
            containers: containers(spec),
            service_account: ServiceAccount {
                name: match spec["serviceAccountName"].as_str() {
                    None | Some("") => "default".to_owned(),
                    Some(name) => name.to_owned(),
                },
                mounted: spec["automountServiceAccountToken"] != Value::Bool(false),
                rights: Vec::new(),
            },
            ..Self::default()
        };
        let objects: Vec<(&ObjectName, Value)> = others
            .iter()
            .filter_map(|text| Some((&text.name, serde_json::from_str(&text.body).ok()?)))
            .collect();
        let of = |kind: &'static str| objects.iter().filter(move |(name, _)| name.kind == kind);
        let services = of("Service").map(|(name, body)| (name.name.as_str(), body));
        let ingresses = of("Ingress").map(|(name, body)| (name.name.as_str(), body));
        around.exposure = leading(services, ingresses, labels);
        around.exposure.extend(of_host(spec));
        for (name, policy) in of("NetworkPolicy") {
            if selects(&policy["spec"]["podSelector"], labels) {
                around.network_policies.push(name.name.clone());
            }
        }
        let account = around.service_account.name.clone();
        for (binding, body) in objects
            .iter()
            .filter(|(name, _)| matches!(name.kind.as_str(), "RoleBinding" | "ClusterRoleBinding"))
        {
            if !binds(body, &name.namespace, &account) {
                continue;
            }
            let role = &body["roleRef"];
            let (kind, named) = (text(&role["kind"]), text(&role["name"]));
            let rules = of_role(&objects, &kind, &named);
            for rule in rules {
                if around.service_account.rights.len() >= MAX_RIGHTS {
                    break;
                }
                around.service_account.rights.push(AccountRight {
                    binding: format!("{}/{}", binding.kind, binding.name),
                    role: format!("{kind}/{named}"),
                    namespace: binding.namespace.clone(),
                    verbs: texts(&rule["verbs"]),
                    resources: match texts(&rule["resources"]) {
                        resources if resources.is_empty() => texts(&rule["nonResourceURLs"]),
                        resources => resources,
                    },
                });
            }
        }
        around
    }
}

/// Services and ingresses that choose these labels.
fn leading<'v>(
    services: impl Iterator<Item = (&'v str, &'v Value)>,
    ingresses: impl Iterator<Item = (&'v str, &'v Value)>,
    labels: &Map<String, Value>,
) -> Vec<Exposure> {
    let mut found = Vec::new();
    let mut chosen = Vec::new();
    for (name, service) in services {
        if let Some(exposure) = service_of(name, service, labels) {
            chosen.push(name.to_owned());
            found.push(exposure);
        }
    }
    for (name, ingress) in ingresses {
        let mut backends = Vec::new();
        backend_services(&ingress["spec"], &mut backends);
        if backends.iter().any(|name| chosen.contains(name)) {
            let rules = ingress["spec"]["rules"].as_array();
            let hosts = rules.into_iter().flatten();
            let hosts = hosts.filter_map(|rule| rule["host"].as_str().map(str::to_owned));
            found.push(Exposure {
                by: "ingress".to_owned(),
                name: name.to_owned(),
                reach: "outside".to_owned(),
                ports: hosts.collect(),
            });
        }
    }
    found
}

/// Services and ingresses of one namespace, read once for all its pods.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ways {
    services: Vec<(String, Value)>,
    ingresses: Vec<(String, Value)>,
}

impl Ways {
    pub(crate) fn add(&mut self, object: &ObjectText) {
        let Ok(body) = serde_json::from_str(&object.body) else {
            return;
        };
        let named = (object.name.name.clone(), body);
        match object.name.kind.as_str() {
            "Service" => self.services.push(named),
            "Ingress" => self.ingresses.push(named),
            _ => {}
        }
    }

    /// What leads to a pod with these labels.
    pub(crate) fn to(&self, labels: &BTreeMap<String, String>) -> Vec<Exposure> {
        let labels = labels
            .iter()
            .map(|(name, value)| (name.clone(), Value::String(value.clone())));
        leading(
            self.services
                .iter()
                .map(|(name, body)| (name.as_str(), body)),
            self.ingresses
                .iter()
                .map(|(name, body)| (name.as_str(), body)),
            &labels.collect(),
        )
    }

    /// What of its node a workload opens, by its text or its pod's.
    pub(crate) fn of_host(body: &str) -> Vec<Exposure> {
        let Ok(body) = serde_json::from_str::<Value>(body) else {
            return Vec::new();
        };
        let specs = [
            &body["spec"],
            &body["spec"]["template"]["spec"],
            &body["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        ];
        specs.into_iter().flat_map(of_host).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(|one| one.as_str().map(str::to_owned))
        .collect()
}

fn containers(spec: &Value) -> Vec<(String, String)> {
    ["initContainers", "containers"]
        .iter()
        .filter_map(|list| spec[*list].as_array())
        .flatten()
        .map(|container| (text(&container["name"]), text(&container["image"])))
        .collect()
}

fn service_of(name: &str, service: &Value, labels: &Map<String, Value>) -> Option<Exposure> {
    let spec = &service["spec"];
    let selector = spec["selector"].as_object()?;
    // A service without a selector chooses nothing.
    let is_chosen = !selector.is_empty()
        && selector
            .iter()
            .all(|(label, value)| labels.get(label) == Some(value));
    let has_address = || {
        spec["externalIPs"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    };
    is_chosen.then(|| Exposure {
        by: "service".to_owned(),
        name: name.to_owned(),
        reach: match spec["type"].as_str() {
            Some("LoadBalancer") => "outside",
            _ if has_address() => "outside",
            Some("NodePort") => "node",
            _ => "cluster",
        }
        .to_owned(),
        ports: spec["ports"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|port| {
                let protocol = port["protocol"].as_str().unwrap_or("TCP").to_lowercase();
                let node = match port["nodePort"].as_u64() {
                    Some(node) => format!(" (node {node})"),
                    None => String::new(),
                };
                format!("{}/{protocol}{node}", port["port"])
            })
            .collect(),
    })
}

/// Services an ingress leads to, wherever in it they are named.
fn backend_services(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields
                .get("service")
                .and_then(|service| service["name"].as_str())
            {
                found.push(name.to_owned());
            }
            fields
                .values()
                .for_each(|field| backend_services(field, found));
        }
        Value::Array(all) => all.iter().for_each(|one| backend_services(one, found)),
        _ => {}
    }
}

/// What of a node a pod opens.
fn of_host(spec: &Value) -> Vec<Exposure> {
    let mut found = Vec::new();
    if spec["hostNetwork"] == Value::Bool(true) {
        found.push(Exposure {
            by: "host_network".to_owned(),
            name: String::new(),
            reach: "node".to_owned(),
            ports: Vec::new(),
        });
    }
    let containers = spec["containers"].as_array().into_iter().flatten();
    for container in containers {
        let ports = container["ports"].as_array().into_iter().flatten();
        let ports: Vec<String> = ports
            .filter_map(|port| port["hostPort"].as_u64())
            .map(|port| port.to_string())
            .collect();
        if !ports.is_empty() {
            found.push(Exposure {
                by: "host_port".to_owned(),
                name: text(&container["name"]),
                reach: "node".to_owned(),
                ports,
            });
        }
    }
    found
}

/// Whether a label selector chooses these labels.
fn selects(selector: &Value, labels: &Map<String, Value>) -> bool {
    let equal = selector["matchLabels"].as_object();
    let equal = equal
        .into_iter()
        .flatten()
        .all(|(label, value)| labels.get(label) == Some(value));
    let asked = selector["matchExpressions"].as_array();
    equal
        && asked.into_iter().flatten().all(|one| {
            let label = one["key"].as_str().unwrap_or_default();
            let values = one["values"].as_array();
            let has = |value: &Value| values.is_some_and(|values| values.contains(value));
            match (one["operator"].as_str(), labels.get(label)) {
                (Some("In"), value) => value.is_some_and(has),
                (Some("NotIn"), value) => !value.is_some_and(has),
                (Some("Exists"), value) => value.is_some(),
                (Some("DoesNotExist"), value) => value.is_none(),
                _ => false,
            }
        })
}

/// Whether a binding names an account, or a group it is in.
fn binds(binding: &Value, namespace: &str, account: &str) -> bool {
    let subjects = binding["subjects"].as_array().into_iter().flatten();
    let mine = format!("system:serviceaccounts:{namespace}");
    let user = format!("system:serviceaccount:{namespace}:{account}");
    for subject in subjects {
        let name = subject["name"].as_str().unwrap_or_default();
        let is_it = match subject["kind"].as_str() {
            Some("ServiceAccount") => name == account && subject["namespace"] == namespace,
            Some("Group") => {
                name == mine || matches!(name, "system:serviceaccounts" | "system:authenticated")
            }
            Some("User") => name == user,
            _ => false,
        };
        if is_it {
            return true;
        }
    }
    false
}

fn of_role(objects: &[(&ObjectName, Value)], kind: &str, name: &str) -> Vec<Value> {
    let role = objects
        .iter()
        .find(|(object, _)| object.kind == kind && object.name == name);
    role.and_then(|(_, role)| role["rules"].as_array().cloned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str, namespace: &str, name: &str, body: &Value) -> ObjectText {
        ObjectText {
            name: ObjectName {
                group: String::new(),
                kind: kind.to_owned(),
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            },
            body: body.to_string(),
        }
    }

    #[test]
    fn what_leads_to_a_workload_and_what_it_may_do_is_read_from_the_rest() {
        let name = ObjectName {
            group: "apps".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        };
        let body = json!({"spec": {"template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"serviceAccountName": "shopper", "containers": [
                {"name": "web", "image": "nginx:1", "ports": [{"hostPort": 8080}]}]},
        }}});
        let others = [
            object(
                "Service",
                "shop",
                "web",
                &json!({"spec": {"type": "NodePort",
                "selector": {"app": "web"}, "ports": [{"port": 80, "nodePort": 30_080}]}}),
            ),
            object(
                "Service",
                "shop",
                "other",
                &json!({"spec": {"selector": {"app": "x"}}}),
            ),
            object(
                "Service",
                "shop",
                "headless",
                &json!({"spec": {"selector": {}}}),
            ),
            object(
                "Ingress",
                "shop",
                "front",
                &json!({"spec": {"rules": [{"host": "shop.example",
                "http": {"paths": [{"backend": {"service": {"name": "web"}}}]}}]}}),
            ),
            object(
                "NetworkPolicy",
                "shop",
                "all",
                &json!({"spec": {"podSelector": {}}}),
            ),
            object(
                "NetworkPolicy",
                "shop",
                "db",
                &json!({"spec": {"podSelector": {
                "matchExpressions": [{"key": "app", "operator": "In", "values": ["db"]}]}}}),
            ),
            object(
                "RoleBinding",
                "shop",
                "read",
                &json!({
                "roleRef": {"kind": "ClusterRole", "name": "reader"},
                "subjects": [{"kind": "ServiceAccount", "name": "shopper", "namespace": "shop"}]}),
            ),
            object(
                "ClusterRole",
                "",
                "reader",
                &json!({"rules": [
                {"verbs": ["get"], "resources": ["secrets"]}]}),
            ),
            object(
                "ClusterRoleBinding",
                "",
                "theirs",
                &json!({
                "roleRef": {"kind": "ClusterRole", "name": "reader"},
                "subjects": [{"kind": "ServiceAccount", "name": "shopper", "namespace": "bank"}]}),
            ),
        ];
        let around = Around::read(&name, &body, &others);
        let told: Vec<(&str, &str, &str)> = around
            .exposure
            .iter()
            .map(|one| (one.by.as_str(), one.name.as_str(), one.reach.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("service", "web", "node"),
                ("ingress", "front", "outside"),
                ("host_port", "web", "node"),
            ]
        );
        assert_eq!(around.exposure[0].ports, ["80/tcp (node 30080)"]);
        assert_eq!(around.network_policies, ["all"]);
        assert_eq!(around.service_account.name, "shopper");
        assert_eq!(around.service_account.rights.len(), 1);
        assert_eq!(around.service_account.rights[0].role, "ClusterRole/reader");
        assert_eq!(
            around.containers,
            [("web".to_owned(), "nginx:1".to_owned())]
        );
    }
}

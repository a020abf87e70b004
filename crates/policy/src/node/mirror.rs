//! A control plane seen through its API: static pods have mirrors there,
//! with the command lines of what they run.
//!
//! Files are not seen this way, so checks of files do not apply.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{NodeFacts, facts::Process};

/// What is known of nodes by the mirrors of their static pods in
/// `kube-system`, one for each node that has any.
pub fn from_pods<'a>(pods: impl Iterator<Item = &'a Value>) -> Vec<NodeFacts> {
    let mut nodes: BTreeMap<&str, NodeFacts> = BTreeMap::new();
    for pod in pods {
        let metadata = &pod["metadata"];
        if metadata["namespace"] != "kube-system"
            || !metadata["annotations"]["kubernetes.io/config.mirror"].is_string()
        {
            continue;
        }
        let Some(node) = pod["spec"]["nodeName"].as_str() else {
            continue;
        };
        for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
            let words = ["command", "args"].into_iter().flat_map(|part| {
                let words = container[part].as_array().into_iter().flatten();
                words.filter_map(Value::as_str)
            });
            let Some(process) = process(words.map(str::to_owned)) else {
                continue;
            };
            let facts = nodes.entry(node).or_insert_with(|| NodeFacts {
                name: node.to_owned(),
                ..NodeFacts::default()
            });
            facts.processes.push(process);
        }
    }
    nodes.into_values().collect()
}

/// The components of Kubernetes that checks are about.
pub const COMPONENTS: [&str; 6] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
];

/// A process by its command line, if it is a component's.
pub fn process(mut words: impl Iterator<Item = String>) -> Option<Process> {
    let program = words.next()?;
    let name = program.rsplit('/').next()?;
    let component = COMPONENTS.into_iter().find(|known| *known == name)?;
    Some(Process {
        component: component.to_owned(),
        arguments: words.collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(namespace: &str, mirror: bool, command: &[&str]) -> Value {
        let mut annotations = json!({});
        if mirror {
            annotations["kubernetes.io/config.mirror"] = json!("c0ffee");
        }
        json!({
            "metadata": { "namespace": namespace, "annotations": annotations },
            "spec": { "nodeName": "one", "containers": [{ "command": command }] },
        })
    }

    #[test]
    fn mirrors_of_static_pods_tell_command_lines_and_other_pods_nothing() {
        let pods = [
            pod(
                "kube-system",
                true,
                &["kube-apiserver", "--profiling=false"],
            ),
            pod("kube-system", true, &["/usr/bin/etcd", "--auto-tls"]),
            pod("kube-system", true, &["sidecar"]),
            pod("kube-system", false, &["kube-scheduler"]),
            // Whoever may make pods could pretend otherwise.
            pod("default", true, &["kube-controller-manager"]),
        ];
        let nodes = from_pods(pods.iter());
        assert_eq!(nodes.len(), 1);
        assert_eq!(nodes[0].name, "one");
        let seen: Vec<&str> = nodes[0]
            .processes
            .iter()
            .map(|process| process.component.as_str())
            .collect();
        assert_eq!(seen, ["kube-apiserver", "etcd"]);
    }
}

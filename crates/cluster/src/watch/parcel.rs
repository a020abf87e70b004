//! From what a connector knows to what it sends.

use std::{collections::HashMap, sync::Arc};

use api::posture::{
    ObjectBatch, ObjectJudgement, ObjectKey, SentContainer, SentNode, SentObject, SentPod,
};
use serde_json::Value;

use super::{
    core::Core,
    kinds,
    mirror::{Object, word},
};

/// The longest text of an object that is sent.
const MAX_TEXT: usize = 64 << 10;
/// Objects, and bytes of their texts, in one batch.
const MAX_OBJECTS: usize = 400;
const MAX_BYTES: usize = 2 << 20;
/// Objects of a batch that nothing changed but what is said of them: what
/// changes meanwhile does not wait long for the server to take it.
const MAX_AROUND: usize = 100;
const MAX_GONE: usize = 2_000;
/// Violations of one object that are sent.
const MAX_VIOLATIONS: usize = 1_000;

impl Core {
    /// Whether a server wants to know of an object.
    fn is_sent(&self, key: &ObjectKey) -> bool {
        let named = (key.group.as_str(), key.kind.as_str());
        match named {
            ("", "Pod" | "Node" | "Namespace") => true,
            ("", "Secret" | "ConfigMap") | ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                self.judged(key).is_some()
            }
            _ => self.mirror.top(key).is_none(),
        }
    }

    /// The next batch of what the server has to be told, and whether
    /// there is more; the batch's session and number are the caller's.
    pub(crate) fn parcel(&mut self) -> (ObjectBatch, bool) {
        let mut batch = ObjectBatch::default();
        let mut sets: HashMap<u32, u32> = HashMap::new();
        let mut bytes = 0;
        let mut later = Vec::new();
        while batch.objects.len() < MAX_OBJECTS && bytes < MAX_BYTES {
            if self.changed.has_no_news() && batch.objects.len() >= MAX_AROUND {
                break;
            }
            let Some((key, why)) = self.changed.pop() else {
                break;
            };
            if self.is_waiting(&key) {
                later.push((key, why));
                continue;
            }
            if !self.is_sent(&key) {
                if self.sent.remove(&key) {
                    self.gone.insert((*key).clone());
                }
                continue;
            }
            let Some(object) = self.mirror.get(&key) else {
                continue;
            };
            let mut parcel = self.sent(&key, object);
            bytes += object.size.min(MAX_TEXT) + 1_000;
            if let Some(verdict) = self.judged(&key) {
                let next = u32::try_from(batch.policies.len()).unwrap_or(u32::MAX);
                let set = *sets.entry(verdict.policies).or_insert_with(|| {
                    batch.policies.push(self.set(verdict.policies).to_vec());
                    next
                });
                let mut violations = verdict.violations();
                let left_out = violations.len().saturating_sub(MAX_VIOLATIONS);
                violations.truncate(MAX_VIOLATIONS);
                bytes += violations.len() * 400;
                parcel.judged = Some(ObjectJudgement {
                    policies: set,
                    violations,
                    left_out: u32::try_from(left_out).unwrap_or(u32::MAX),
                });
            }
            batch.objects.push(parcel);
            self.sent.insert(key);
        }
        while batch.gone.len() < MAX_GONE {
            let Some(key) = self.gone.pop_first() else {
                break;
            };
            batch.gone.push(key);
        }
        self.sent_no_more(&batch.gone);
        let has_more = !self.changed.is_empty() || !self.gone.is_empty();
        // Those are told once they are judged.
        for (key, why) in later {
            self.changed.insert(key, why);
        }
        (batch, has_more)
    }

    fn sent_no_more(&mut self, gone: &[ObjectKey]) {
        for key in gone {
            self.sent.remove(key);
        }
    }

    fn sent(&self, key: &Arc<ObjectKey>, object: &Object) -> SentObject {
        let kind = self.kind(key);
        let owner = self.mirror.top(key);
        let is_pod = key.group.is_empty() && key.kind == "Pod";
        let is_node = key.group.is_empty() && key.kind == "Node";
        let value = object.value();
        let pod = is_pod.then(|| pod(&value));
        let node = is_node.then(|| node(&value));
        let keeps_text = object.size <= MAX_TEXT
            && (owner.is_none() || !kinds::is_workload(&key.group, &key.kind));
        SentObject {
            key: (**key).clone(),
            version: kind.version,
            owner: owner.map(|owner| (*owner).clone()),
            body: keeps_text.then_some(value),
            judged: None,
            pod,
            node,
        }
    }
}

fn pod(pod: &Value) -> SentPod {
    let spec = &pod["spec"];
    let status = &pod["status"];
    let mut containers = Vec::new();
    for (list, statuses) in [
        ("initContainers", "initContainerStatuses"),
        ("containers", "containerStatuses"),
        ("ephemeralContainers", "ephemeralContainerStatuses"),
    ] {
        for container in list_of(&spec[list]) {
            let name = word(container, "name");
            let status = list_of(&status[statuses])
                .iter()
                .find(|status| status["name"] == name.as_str());
            let said = |field| status.map(|status| word(status, field)).unwrap_or_default();
            let running = status.and_then(|status| status.pointer("/state/running"));
            containers.push(SentContainer {
                image: word(container, "image"),
                image_id: said("imageID"),
                id: said("containerID"),
                running: running.is_some(),
                started: running.and_then(|running| word(running, "startedAt").parse().ok()),
                name,
            });
        }
    }
    let labels = pod.pointer("/metadata/labels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten().filter_map(|(name, value)| {
        let value = value.as_str()?;
        Some((name.clone(), value.to_owned()))
    });
    SentPod {
        node: word(spec, "nodeName"),
        service_account: word(spec, "serviceAccountName"),
        phase: word(status, "phase"),
        address: word(status, "podIP"),
        labels: labels.take(64).collect(),
        containers,
    }
}

fn list_of(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn node(node: &Value) -> SentNode {
    const ROLE: &str = "node-role.kubernetes.io/";
    let info = &node["status"]["nodeInfo"];
    let labels = node.pointer("/metadata/labels").and_then(Value::as_object);
    let roles = labels.into_iter().flatten();
    let roles = roles.filter_map(|(name, _)| name.strip_prefix(ROLE).map(str::to_owned));
    let address = list_of(&node["status"]["addresses"])
        .iter()
        .find(|address| address["type"] == "InternalIP")
        .map(|address| word(address, "address"));
    SentNode {
        os: word(info, "osImage"),
        kernel: word(info, "kernelVersion"),
        runtime: word(info, "containerRuntimeVersion"),
        kubelet: word(info, "kubeletVersion"),
        architecture: word(info, "architecture"),
        address: address.unwrap_or_default(),
        roles: roles.collect(),
    }
}

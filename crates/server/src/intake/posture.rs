//! What a connector sends of a cluster's objects.
//!
//! What: `ObjectBatch`, each object with what policies say of it. Why:
//! the words of the wire become the record's: an object its place on the
//! tree, a violation a finding with its mend. Limits: what is too long is
//! cut or left out, here and nowhere else; an object without a name is
//! refused with its batch.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use api::posture::{
    ObjectBatch, ObjectJudgement, ObjectKey, ObjectViolation, SentNode, SentObject, SentPod,
};
use model::{AssetKind, Digest, FindingKind, Fingerprint, Severity};
use policy::Recommendation;
use serde_json::{Value, json};
use store::{
    AssetStep, ClusterBatch, NewFinding, NewNode, NewObject, NewPod, NewRule, ObjectName,
    PodContainer, RuleDetails, RuleStep,
};

use super::sensor::clean;

/// The largest body that is read.
pub(crate) const MAX_BODY: usize = 16 << 20;
/// Objects in one body, those that are gone, and sets of policies.
const MAX_OBJECTS: usize = 2_000;
const MAX_GONE: usize = 10_000;
const MAX_SETS: usize = 2_000;
/// The longest text of an object that is kept.
const MAX_TEXT: usize = 64 << 10;
const MAX_NAME: usize = 253;
const MAX_WORD: usize = 200;
const MAX_MESSAGE: usize = 2_000;
/// Messages kept of one finding, and bytes of a patch.
const MAX_MESSAGES: usize = 20;
const MAX_PATCH: usize = 16 << 10;
const MAX_VIOLATIONS: usize = 1_000;
const MAX_CONTAINERS: usize = 200;
const MAX_LABELS: usize = 64;

/// What a connector says is out of bounds: the part, and why.
pub(crate) type Refusal = (String, String);

/// The rule of a constraint's kind: the policy's id, where it is one of
/// ours, else the kind.
pub(crate) fn rule_of(kind: &str) -> String {
    match policy::policy_of_kind(kind) {
        Some(policy) => policy.id.clone(),
        None => clean(kind, MAX_WORD),
    }
}

/// Reads a batch.
pub(crate) fn understand(cluster: &str, batch: ObjectBatch) -> Result<ClusterBatch, Refusal> {
    let bound = |part: &str, count: usize, most: usize| {
        if count > most {
            return Err((part.to_owned(), format!("more than {most} at once")));
        }
        Ok(())
    };
    bound("/objects", batch.objects.len(), MAX_OBJECTS)?;
    bound("/gone", batch.gone.len(), MAX_GONE)?;
    bound("/policies", batch.policies.len(), MAX_SETS)?;
    if batch.session.is_empty() || batch.session.len() > MAX_WORD || batch.number == 0 {
        let told = "expected a session's name and a number from 1".to_owned();
        return Err(("/session".to_owned(), told));
    }
    let sets: Vec<Vec<String>> = batch
        .policies
        .iter()
        .map(|set| {
            let rules: BTreeSet<String> = set.iter().map(|kind| rule_of(kind)).collect();
            rules.into_iter().collect()
        })
        .collect();
    let mut rules = BTreeMap::new();
    let mut objects = Vec::with_capacity(batch.objects.len());
    for (index, sent) in batch.objects.into_iter().enumerate() {
        let part = || format!("/objects/{index}");
        let name = name(&sent.key).map_err(|told| (format!("{}/key", part()), told))?;
        let is_set = |set: u32| usize::try_from(set).is_ok_and(|set| set < sets.len());
        if let Some(judged) = &sent.judged
            && !is_set(judged.policies)
        {
            let told = "names no set of the batch".to_owned();
            return Err((format!("{}/judged/policies", part()), told));
        }
        objects.push(object(cluster, name, sent, &mut rules));
    }
    let gone = batch.gone.iter().filter_map(|key| name(key).ok()).collect();
    Ok(ClusterBatch {
        session: batch.session,
        number: batch.number,
        completes: batch.completes,
        except: batch
            .except
            .iter()
            .map(|text| {
                let (kind, group) = text.split_once('.').unwrap_or((text, ""));
                (group.to_owned(), kind.to_owned())
            })
            .collect(),
        sets,
        rules: rules.into_values().collect(),
        objects,
        gone,
    })
}

fn name(key: &ObjectKey) -> Result<ObjectName, String> {
    for (what, text, may_be_empty) in [
        ("group", &key.group, true),
        ("kind", &key.kind, false),
        ("namespace", &key.namespace, true),
        ("name", &key.name, false),
    ] {
        let is_bad = text.len() > MAX_NAME
            || (text.is_empty() && !may_be_empty)
            || text.chars().any(char::is_control);
        if is_bad {
            return Err(format!(
                "{what}: expected 1 to {MAX_NAME} bytes on one line"
            ));
        }
    }
    Ok(ObjectName {
        group: key.group.clone(),
        kind: key.kind.clone(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
    })
}

fn object(
    cluster: &str,
    name: ObjectName,
    sent: SentObject,
    rules: &mut BTreeMap<String, NewRule>,
) -> NewObject {
    let owner = sent.owner.as_ref().and_then(|key| self::name(key).ok());
    let asset = asset(cluster, &name, owner.as_ref());
    let labels = labels(&name, &asset, &sent);
    let judged_by = sent
        .judged
        .as_ref()
        .and_then(|judged| usize::try_from(judged.policies).ok());
    let findings = match sent.judged {
        Some(judged) => findings(cluster, &name, &sent.version, &asset, judged, rules),
        None => Vec::new(),
    };
    let body = sent.body.map(|body| body.to_string());
    NewObject {
        version: clean(&sent.version, 50),
        owner,
        labels,
        body: body.filter(|text| text.len() <= MAX_TEXT),
        set: judged_by,
        findings,
        pod: sent.pod.as_ref().map(|pod| self::pod(pod, &asset)),
        node: sent.node.map(|node| self::node(&node)),
        asset,
        name,
    }
}

/// An object's own labels, where it is what its findings are about.
fn labels(
    name: &ObjectName,
    asset: &[AssetStep],
    sent: &SentObject,
) -> Option<BTreeMap<String, String>> {
    let is_itself = asset.last().is_some_and(|step| {
        matches!(step.kind, AssetKind::Workload | AssetKind::Pod) && step.name == name.name
    });
    if !is_itself {
        return None;
    }
    let of_body = sent
        .body
        .as_ref()
        .and_then(|body| body.pointer("/metadata/labels"));
    let of_body = of_body.and_then(Value::as_object).into_iter().flatten();
    let of_body = of_body.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let of_pod = sent.pod.iter().flat_map(|pod| &pod.labels);
    let of_pod = of_pod.map(|(name, value)| (name.as_str(), value.as_str()));
    let all = of_body.chain(of_pod).take(MAX_LABELS);
    Some(
        all.map(|(name, value)| (clean(name, MAX_NAME), clean(value, MAX_NAME)))
            .collect(),
    )
}

/// What findings of an object are about: the workload it is, the node,
/// the pod nothing known made; else where it is.
pub(crate) fn asset(
    cluster: &str,
    name: &ObjectName,
    owner: Option<&ObjectName>,
) -> Vec<AssetStep> {
    let step = |kind, name: &str| AssetStep {
        kind,
        identity: name.to_owned(),
        name: name.to_owned(),
    };
    let mut path = vec![step(AssetKind::Cluster, cluster)];
    let what = (name.group.as_str(), name.kind.as_str());
    if name.namespace.is_empty() {
        match what {
            ("", "Node") => path.push(step(AssetKind::Host, &name.name)),
            ("", "Namespace") => path.push(step(AssetKind::Namespace, &name.name)),
            _ => {}
        }
        return path;
    }
    path.push(step(AssetKind::Namespace, &name.namespace));
    match what {
        ("", "Pod") => {
            path.extend(owner.map(|owner| step(AssetKind::Workload, &owner.name)));
            path.push(step(AssetKind::Pod, &name.name));
        }
        ("apps", "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet")
        | ("batch", "Job" | "CronJob")
        | ("", "ReplicationController") => path.push(step(AssetKind::Workload, &name.name)),
        _ => {}
    }
    path
}

/// One finding for each policy and container.
fn findings(
    cluster: &str,
    name: &ObjectName,
    version: &str,
    asset: &[AssetStep],
    judged: ObjectJudgement,
    rules: &mut BTreeMap<String, NewRule>,
) -> Vec<NewFinding> {
    let beyond = judged.violations.len().saturating_sub(MAX_VIOLATIONS);
    let beyond = u64::from(judged.left_out) + u64::try_from(beyond).unwrap_or(u64::MAX);
    let left_out = (beyond > 0)
        .then(|| format!("{beyond} more violations of this object are not kept, of any policy"));
    let mut gathered: BTreeMap<(String, String), Vec<ObjectViolation>> = BTreeMap::new();
    for violation in judged.violations.into_iter().take(MAX_VIOLATIONS) {
        let container = violation.details.get("container").and_then(Value::as_str);
        let container = clean(container.unwrap_or_default(), MAX_NAME);
        gathered
            .entry((rule_of(&violation.kind), container))
            .or_default()
            .push(violation);
    }
    gathered
        .into_iter()
        .map(|((rule, container), violations)| {
            let known = rules
                .entry(rule.clone())
                .or_insert_with(|| new_rule(&rule, &violations[0]));
            let path = name.path();
            let apart = format!("{path}:{container}");
            let mut parts = vec![FindingKind::Misconfiguration.as_str(), &rule, &apart];
            for step in asset {
                parts.extend([step.kind.as_str(), step.identity.as_str()]);
            }
            let has_failed = violations.iter().all(|violation| violation.failed);
            let mut messages: Vec<String> = violations
                .iter()
                .map(|violation| clean(&violation.message, MAX_MESSAGE))
                .collect();
            messages.dedup();
            let more = messages.len().saturating_sub(1);
            let mut summary = match (has_failed, more) {
                (true, _) => format!("cannot be judged: {}", messages[0]),
                (false, 0) => messages[0].clone(),
                (false, more) => format!("{} (and {more} more)", messages[0]),
            };
            messages.truncate(MAX_MESSAGES);
            if let Some(left_out) = &left_out {
                summary = format!("{summary}; {left_out}");
                messages.push(left_out.clone());
            }
            NewFinding {
                fingerprint: Fingerprint::of(&parts),
                severity: if has_failed {
                    Severity::Info
                } else {
                    known.severity
                },
                rule,
                asset: asset.to_vec(),
                summary: Some(summary),
                path: Some(path),
                layer: None,
                container: Some(container.clone()).filter(|name| !name.is_empty()),
                evidence: Some(
                    evidence(cluster, name, version, &container, &messages, &violations)
                        .to_string(),
                ),
                happened: None,
            }
        })
        .collect()
}

fn evidence(
    cluster: &str,
    name: &ObjectName,
    version: &str,
    container: &str,
    messages: &[String],
    violations: &[ObjectViolation],
) -> Value {
    let mut evidence = json!({
        "cluster": cluster,
        "object": {
            "apiVersion": match name.group.as_str() {
                "" => version.to_owned(),
                group => format!("{group}/{version}"),
            },
            "kind": name.kind,
            "namespace": name.namespace,
            "name": name.name,
        },
        "messages": messages,
        "constraint": clean(&violations[0].constraint, MAX_NAME),
        "action": clean(&violations[0].action, 20),
    });
    if !container.is_empty() {
        evidence["container"] = json!(container);
    }
    let mut patch: Vec<Value> = Vec::new();
    for violation in violations {
        let operations = violation.details.get("patch").and_then(Value::as_array);
        for operation in operations.into_iter().flatten() {
            if !patch.contains(operation) {
                patch.push(operation.clone());
            }
        }
    }
    if !patch.is_empty() {
        let patch = Value::Array(patch);
        let text = patch.to_string();
        if text.len() <= MAX_PATCH {
            evidence["remediation"] = json!([mend(name, &text)]);
            evidence["patch"] = patch;
        }
    }
    evidence
}

/// A command that applies a patch. Names come from a cluster: each is
/// one word to a shell.
fn mend(name: &ObjectName, patch: &str) -> Value {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let resource = match name.group.as_str() {
        "" => name.kind.to_lowercase(),
        group => format!("{}.{group}", name.kind.to_lowercase()),
    };
    let namespace = match name.namespace.as_str() {
        "" => String::new(),
        namespace => format!(" --namespace {}", quoted(namespace)),
    };
    json!({
        "text": "Patch the object; better, change it where its manifest is kept.",
        "code": format!(
            "kubectl patch {} {}{namespace} --type json --patch {}",
            quoted(&resource),
            quoted(&name.name),
            quoted(patch)
        ),
        "language": "shell",
    })
}

fn new_rule(id: &str, violation: &ObjectViolation) -> NewRule {
    match policy::recommendation(id) {
        Some(known) => of_recommendation(known),
        None => NewRule {
            kind: FindingKind::Misconfiguration,
            name: id.to_owned(),
            severity: Severity::Medium,
            title: format!("{id}: {}", clean(&violation.constraint, MAX_WORD)),
            tactics: model::Tactics::default(),
            techniques: Vec::new(),
            details: RuleDetails {
                description: format!("A policy of yours: constraints of the kind {id}."),
                source: "policy".to_owned(),
                ..RuleDetails::default()
            },
        },
    }
}

fn of_recommendation(rule: &Recommendation) -> NewRule {
    let tactics = &policy::attack::matrix().tactics;
    let served = tactics.iter().filter(|tactic| {
        let mut known = tactic.techniques.iter();
        known.any(|technique| rule.techniques.contains(&technique.id))
    });
    NewRule {
        kind: FindingKind::Misconfiguration,
        name: rule.id.clone(),
        severity: rule.severity,
        title: rule.title.clone(),
        tactics: model::Tactics::named(served.map(|tactic| tactic.slug.as_str())),
        techniques: rule.techniques.clone(),
        details: RuleDetails {
            description: rule.description.trim().to_owned(),
            why: rule.why.trim().to_owned(),
            condition: rule.checked_by.trim().to_owned(),
            source: "policy".to_owned(),
            remediation: rule
                .remediation
                .iter()
                .map(|step| RuleStep {
                    text: step.text.clone(),
                    code: step.code.clone(),
                    language: step.language.clone(),
                })
                .collect(),
            references: rule.references.clone(),
            ..RuleDetails::default()
        },
    }
}

fn pod(pod: &SentPod, asset: &[AssetStep]) -> NewPod {
    let namespace = asset.iter().find(|step| step.kind == AssetKind::Namespace);
    let mut labels: BTreeMap<String, String> = pod
        .labels
        .iter()
        .take(MAX_LABELS)
        .map(|(name, value)| (clean(name, MAX_NAME), clean(value, MAX_NAME)))
        .collect();
    if let Some(namespace) = namespace {
        labels.insert(
            "io.kubernetes.pod.namespace".to_owned(),
            namespace.name.clone(),
        );
    }
    let running = pod.containers.iter().take(MAX_CONTAINERS);
    let containers = running
        .filter(|container| container.running && !container.id.is_empty())
        .map(|container| {
            let (engine, id) = container
                .id
                .split_once("://")
                .unwrap_or(("", &container.id));
            let facts = [
                ("engine", engine),
                ("id", id),
                ("image", &container.image),
                ("image id", &container.image_id),
                ("node", &pod.node),
                ("service account", &pod.service_account),
            ];
            PodContainer {
                id: clean(id, MAX_NAME),
                name: clean(&container.name, MAX_NAME),
                digests: digest(&container.image_id).into_iter().collect(),
                facts: facts
                    .into_iter()
                    .filter(|(_, value)| !value.is_empty())
                    .map(|(name, value)| (name.to_owned(), clean(value, 500)))
                    .collect(),
                labels: labels.clone(),
                started: container.started,
            }
        })
        .collect();
    NewPod {
        told: serde_json::to_string(&pod).unwrap_or_default(),
        containers,
    }
}

/// `…/nginx@sha256:…`, `sha256:…`, `docker-pullable://…@sha256:…`.
pub(crate) fn digest(image_id: &str) -> Option<Digest> {
    let start = image_id.rfind("sha256:")?;
    image_id.get(start..)?.parse().ok()
}

/// The fact of a machine that is its kubelet's version.
pub(crate) const KUBELET: &str = "kubelet";

fn node(node: &SentNode) -> NewNode {
    let facts = [
        ("operating system", &node.os),
        ("kernel", &node.kernel),
        ("container runtime", &node.runtime),
        (KUBELET, &node.kubelet),
        ("architecture", &node.architecture),
        ("address", &node.address),
        ("roles", &node.roles.join(", ")),
    ];
    NewNode {
        facts: facts
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), clean(value, 500)))
            .collect(),
    }
}

//! A match of a rule, told as an alert: where it happened, who did what,
//! and what was seen.

use std::borrow::Cow;

use jiff::Timestamp;
use model::{
    Alert, AlertAction, AlertChange, AlertContext, AlertPlace, AlertRule, AssetKind, Fingerprint,
    Principal, Whence,
    alert::{MAX_RAW, RuleStep, bounded, redact},
    asset::WORKLOAD_RESOURCES,
};
use rules::{audit::Event, engine::Match, rule::Rule};
use serde_json::{Map, Value, json};

use super::Origin;

const MAX_SUMMARY: usize = 500;
const MAX_OUTPUT: usize = 8 << 10;
/// No single value is kept longer.
const MAX_VALUE: usize = 4 << 10;
/// The longest object that is kept as what changed.
const MAX_CHANGE: usize = 16 << 10;
/// Groups and addresses that are kept of one event.
const MAX_LISTED: usize = 32;
/// Events a match is made of that are named.
const MAX_RELATED: usize = 50;

/// What the record keeps of a rule.
pub(super) fn rule(rule: &Rule) -> AlertRule {
    let extension = &rule.extension;
    let tactics = rule.tags.iter().filter_map(|tag| {
        let tag = tag.to_ascii_lowercase();
        let name = tag.strip_prefix("mitre_")?;
        let is_technique = name.starts_with('t') && name.bytes().any(|byte| byte.is_ascii_digit());
        (!is_technique).then(|| name.to_owned())
    });
    AlertRule {
        id: rule.id.clone(),
        title: extension.title.as_ref().unwrap_or(&rule.name).clone(),
        description: rule.description.clone(),
        severity: rule.severity(),
        tactics: tactics.collect(),
        techniques: extension.attack.clone(),
        matrix: extension.matrix.clone(),
        source: "Kubernetes audit log".to_owned(),
        why: extension.why.clone().unwrap_or_default(),
        steps: RuleStep::of_text(extension.fix.as_deref().unwrap_or_default()),
        false_positives: extension.false_positives.clone().unwrap_or_default(),
        references: extension.references.clone(),
        ..AlertRule::default()
    }
}

/// The alert of a match.
pub(super) fn alert(
    found: &Match<'_>,
    rule: &AlertRule,
    event: &Event<'_>,
    origin: Origin<'_>,
    received: Timestamp,
) -> Alert {
    let place = place(event, origin.cluster);
    let key: Vec<&str> = found.key.iter().map(|(_, value)| value.as_str()).collect();
    let key = key.join("\u{1f}");
    let output = clean(&found.output(), MAX_OUTPUT);
    let fields = found.fields().into_iter().map(|(name, value)| {
        let value = Value::String(clean(&value, MAX_VALUE));
        (name, value)
    });
    let id = event.audit_id();
    Alert {
        event: Fingerprint::of(&["audit", origin.cluster, &rule.id, &id, &key]),
        // A clock that runs ahead must not keep an alert on top for ever.
        time: found.time.min(received),
        fingerprint: place.fingerprint(&rule.id, &key),
        place,
        summary: clean(output.lines().next().unwrap_or_default(), MAX_SUMMARY),
        evidence: json!({
            "sensor": "kubernetes-audit",
            "source": found.rule.source.as_str(),
            "priority": found.rule.priority.as_str(),
            "output": output,
            "tags": found.rule.tags,
            "fields": fields.collect::<Map<_, _>>(),
            "audit_id": id,
            "stage": event.stage(),
            "count": found.count,
            "first": found.first,
            "last": found.last,
            "related": found.related.iter().take(MAX_RELATED).collect::<Vec<_>>(),
        })
        .to_string(),
        context: context(event),
        raw: raw(event),
        trace: None,
        rule: rule.clone(),
    }
}

/// Below the cluster: the namespace, and in it the pod or workload; or
/// the node.
fn place(event: &Event<'_>, cluster: &str) -> AlertPlace {
    let mut place = AlertPlace::default();
    let mut push = |kind: AssetKind, name: String| place.push(kind, name.clone(), name);
    push(AssetKind::Cluster, cluster.to_owned());
    let resource = event.resource().unwrap_or_default();
    let name = owned(event.name());
    if let (true, Some(name)) = (resource == "namespaces", &name) {
        push(AssetKind::Namespace, name.clone());
    } else if let (true, Some(name)) = (resource == "nodes", &name) {
        push(AssetKind::Host, name.clone());
    } else if let Some(namespace) = owned(event.namespace()) {
        push(AssetKind::Namespace, namespace);
        if let Some(name) = name {
            if resource == "pods" {
                push(AssetKind::Pod, name);
            } else if WORKLOAD_RESOURCES.contains(&&*resource) {
                push(AssetKind::Workload, name);
            }
        }
    }
    place
}

fn context(event: &Event<'_>) -> AlertContext {
    let principal = owned(event.user()).map(|name| {
        let acting_as = owned(event.impersonated_user()).map(|name| {
            Box::new(Principal {
                groups: listed(event.impersonated_groups()),
                ..Principal::of_kubernetes(name)
            })
        });
        Principal {
            groups: listed(event.groups()),
            acting_as,
            ..Principal::of_kubernetes(name)
        }
    });
    let resource = owned(event.resource()).unwrap_or_default();
    let action = owned(event.verb()).map(|verb| AlertAction {
        verb,
        subresource: owned(event.subresource()),
        group: owned(event.api_group()),
        version: owned(event.api_version()),
        namespace: owned(event.namespace()),
        name: owned(event.name()),
        path: owned(event.request_uri()).filter(|_| resource.is_empty()),
        code: event.response_code(),
        decision: owned(event.decision()),
        resource: resource.clone(),
    });
    AlertContext {
        principal,
        whence: Whence {
            addresses: listed(event.source_ips()),
            user_agent: owned(event.user_agent()),
        },
        action,
        change: change(event, resource == "secrets"),
    }
}

/// What was asked for, where the event shows it.
fn change(event: &Event<'_>, is_secret: bool) -> Option<AlertChange> {
    let verb = event.verb()?;
    if !["create", "update", "patch"].contains(&&*verb) {
        return None;
    }
    let text = event
        .request_object()
        .filter(|text| text.len() <= MAX_CHANGE)?;
    let mut new: Value = serde_json::from_str(text).ok()?;
    redact(&mut new, is_secret);
    let patch = match &new {
        _ if verb != "patch" => None,
        Value::Array(_) => Some("application/json-patch+json"),
        _ => Some("application/merge-patch+json"),
    };
    Some(AlertChange {
        old: None,
        new: Some(new),
        patch: patch.map(str::to_owned),
    })
}

/// The event as it came, for a click.
fn raw(event: &Event<'_>) -> Option<String> {
    let mut value: Value = serde_json::from_str(event.json()).ok()?;
    redact(&mut value, false);
    bounded(value, MAX_RAW)
}

fn owned(text: Option<Cow<'_, str>>) -> Option<String> {
    text.map(|text| clean(&text, MAX_SUMMARY))
        .filter(|text| !text.is_empty())
}

fn listed(texts: Vec<Cow<'_, str>>) -> Vec<String> {
    let texts = texts.into_iter().take(MAX_LISTED);
    texts.filter_map(|text| owned(Some(text))).collect()
}

/// Cut between characters, and without NUL, which no database keeps.
fn clean(text: &str, most: usize) -> String {
    let end = text.floor_char_boundary(most);
    let text = text.get(..end).unwrap_or_default().trim();
    text.replace('\0', "\u{fffd}")
}

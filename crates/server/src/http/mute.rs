//! Exemptions by example: what an alert could be muted by.

use model::{FindingKind, query::Query};
use store::Finding;

/// Labels and scopes, from narrow to wide: the rule is always part of it,
/// so that muting one thing never hides another.
pub(crate) fn proposals(finding: &Finding) -> Vec<(String, Query)> {
    if finding.kind != FindingKind::Alert {
        return Vec::new();
    }
    let mut parts: Vec<(String, Vec<(&'static str, &str)>)> = Vec::new();
    let namespace = finding.asset.namespace.as_deref();
    let principal = finding
        .context
        .as_deref()
        .and_then(|context| context.principal.as_ref())
        .filter(|principal| !principal.name.is_empty());
    let source = finding
        .context
        .as_deref()
        .and_then(|context| context.whence.addresses.first());
    if let Some(principal) = principal {
        let who = match principal.service_account() {
            Some(_) => format!("this service account ({})", principal.shown()),
            None => format!("this user ({})", principal.name),
        };
        let user = ("user", principal.name.as_str());
        if let Some(source) = source {
            parts.push((
                format!("This rule for {who} from {source}"),
                vec![user, ("source_ip", source)],
            ));
        }
        if let Some(namespace) = namespace {
            parts.push((
                format!("This rule for {who} in the namespace {namespace}"),
                vec![user, ("namespace", namespace)],
            ));
        }
        parts.push((format!("This rule for {who}"), vec![user]));
    }
    if let Some(source) = source {
        parts.push((
            format!("This rule from the address {source}"),
            vec![("source_ip", source)],
        ));
    }
    if let (Some(namespace), Some(workload)) = (namespace, finding.asset.workload.as_deref()) {
        parts.push((
            format!("This rule for the workload {namespace}/{workload}"),
            vec![("namespace", namespace), ("workload", workload)],
        ));
    }
    if let Some(namespace) = namespace {
        parts.push((
            format!("This rule in the namespace {namespace}"),
            vec![("namespace", namespace)],
        ));
    }
    parts.push(("This rule everywhere".to_owned(), Vec::new()));
    parts
        .into_iter()
        .filter_map(|(label, terms)| {
            let mut text = format!("rule:{}", quoted(&finding.rule));
            for (field, value) in terms {
                text.push(' ');
                text.push_str(field);
                text.push(':');
                text.push_str(&quoted(value));
            }
            Some((label, Query::parse_scope(&text).ok()?))
        })
        .collect()
}

/// A value as the grammar takes it literally.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

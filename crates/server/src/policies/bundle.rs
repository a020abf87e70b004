//! Bundles: documents with what was set written into them.

use std::fmt::Write as _;

use api::policy::{
    Bundle, BundleDocument, BundleExemption, BundleImage, BundlePolicy, PolicyAction, PolicyScope,
};
use model::{Query, query::Field};
use policy::Document;
use serde_json::{Map, Value, json};
use store::{ExemptionFilter, ExemptionState, PageRequest, PolicySetting, Scope};

use super::{action, by_default, by_policy, customs, holding};
use crate::{app::App, http::error::ApiError, trust::Told};

/// Exemptions of one bundle.
const MAX_EXEMPTIONS: usize = 10_000;

/// Everything whoever judges a cluster's objects needs.
pub(super) async fn make(
    app: &App,
    environment: &str,
    cluster: &str,
    images: &[BundleImage],
    trusted: &Told,
) -> Result<Bundle, ApiError> {
    let scope = app.store.scope(Some(environment)).await?;
    let settings = by_policy(app.store.policy_settings(&scope).await?);
    let of = |policy: &str| {
        let settings = settings.get(policy).map_or(&[][..], Vec::as_slice);
        holding(settings, environment, cluster)
    };
    let trusts = !trusted.policies.is_empty();
    let mut policies = Vec::new();
    for policy in policy::policies() {
        let setting = of(&policy.id);
        let action = setting.map_or_else(|| by_default(policy, trusts), |set| action(&set.action));
        if action == PolicyAction::Off {
            continue;
        }
        let said = policy::recommendation(&policy.id);
        policies.push(BundlePolicy {
            id: policy.id.clone(),
            title: said.map_or_else(String::new, |said| said.title.clone()),
            severity: said.map_or(api::Severity::Medium, |said| said.severity.into()),
            action,
            fix: said
                .and_then(|said| said.remediation.first())
                .map(|step| step.text.clone())
                .unwrap_or_default(),
            documents: wire(documents_for(&policy.documents(), Some(action), setting)),
        });
    }
    for (custom, parsed) in customs(app, &scope).await? {
        let setting = of(&custom.name);
        let set = setting.map(|set| action(&set.action));
        if set == Some(PolicyAction::Off) {
            continue;
        }
        policies.push(BundlePolicy {
            id: custom.name.clone(),
            title: custom.title,
            severity: custom.severity.into(),
            action: set.unwrap_or_else(|| action_of(&parsed.documents)),
            fix: String::new(),
            documents: wire(documents_for(&parsed.documents, set, setting)),
        });
    }
    let (exemptions, exemptions_cut) = exemptions(app, &scope).await?;
    let mut bundle = Bundle {
        mark: String::new(),
        environment: environment.to_owned(),
        cluster: cluster.to_owned(),
        policies,
        exemptions,
        exemptions_cut,
        images: images.to_vec(),
        trust: trusted.policies.clone(),
        trusted: trusted.images.clone(),
    };
    let content = serde_json::to_vec(&bundle).expect("invariant: plain data");
    bundle.mark = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&content));
    Ok(bundle)
}

fn wire(documents: Vec<Document>) -> Vec<BundleDocument> {
    let documents = documents.into_iter();
    documents
        .map(|document| BundleDocument {
            source: document.source,
            value: document.value,
        })
        .collect()
}

/// The exemptions in force that may mean an object, and whether there are
/// more than are told.
pub(crate) async fn exemptions(
    app: &App,
    scope: &Scope,
) -> Result<(Vec<BundleExemption>, bool), ApiError> {
    let filter = ExemptionFilter {
        states: vec![ExemptionState::Active],
        text: None,
        everywhere: true,
    };
    let now = app.clock.now();
    let mut request = PageRequest::first(1_000);
    let mut all = Vec::new();
    loop {
        let page = app.store.exemptions(scope, &filter, &request).await?;
        for exemption in page.items {
            if exemption.expires.is_some_and(|end| end <= now) {
                continue;
            }
            let Ok(query) = Query::parse_scope(&exemption.scope) else {
                continue;
            };
            let scopes = match named_findings(&query) {
                Some(ids) => of_findings(app, scope, &ids).await?,
                None if may_mean_objects(&query) => vec![exemption.scope],
                None => Vec::new(),
            };
            all.extend(scopes.into_iter().map(|scope| BundleExemption {
                id: exemption.id.clone(),
                scope,
                expires: exemption.expires,
            }));
        }
        request.cursor = page.next_cursor;
        if request.cursor.is_none() || all.len() > MAX_EXEMPTIONS {
            return Ok(within(all, MAX_EXEMPTIONS));
        }
    }
}

/// At most `most`, and whether there were more.
fn within(mut exemptions: Vec<BundleExemption>, most: usize) -> (Vec<BundleExemption>, bool) {
    let is_cut = exemptions.len() > most;
    exemptions.truncate(most);
    (exemptions, is_cut)
}

/// Whether a scope asks for nothing that only findings of other kinds
/// have.
fn may_mean_objects(query: &Query) -> bool {
    let foreign = [
        Field::Cve,
        Field::Package,
        Field::Version,
        Field::Purl,
        Field::Ecosystem,
        Field::Path,
        Field::User,
        Field::Groups,
        Field::ServiceAccount,
        Field::SourceIp,
        Field::Verb,
        Field::Resource,
        Field::Finding,
    ];
    query.tests().iter().all(|test| {
        let field = test.condition.field();
        field.is_none_or(|field| !foreign.contains(&field))
    })
}

/// The findings a scope means by their ids, where it means nothing else.
fn named_findings(query: &Query) -> Option<Vec<String>> {
    let [test] = query.tests()[..] else {
        return None;
    };
    match &test.condition {
        model::query::Condition::Text(Field::Finding, patterns) => patterns
            .iter()
            .map(|pattern| pattern.as_exact().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

/// What is meant by findings, in words that mean the same at the door.
/// All of them: a scope names no more than a query may.
async fn of_findings(app: &App, scope: &Scope, ids: &[String]) -> Result<Vec<String>, ApiError> {
    let mut scopes = Vec::new();
    for id in ids {
        let Some(detail) = app.store.finding_detail(scope, id).await? else {
            continue;
        };
        let finding = detail.finding;
        if finding.kind != model::FindingKind::Misconfiguration {
            continue;
        }
        let asset = &finding.asset;
        // What is about less than a workload cannot be told apart from
        // others in its namespace: better it holds nothing.
        if asset.workload.is_none() {
            continue;
        }
        let evidence = detail.evidence.as_ref();
        let container = evidence
            .and_then(|evidence| evidence.get("container"))
            .and_then(Value::as_str)
            .map(str::to_owned);
        let mut text = format!("rule:{}", quoted(&finding.rule));
        for (field, value) in [
            ("cluster", &asset.cluster),
            ("namespace", &asset.namespace),
            ("workload", &asset.workload),
            ("container", &container),
        ] {
            if let Some(value) = value {
                write!(text, " {field}:{}", quoted(value)).ok();
            }
        }
        scopes.push(text);
    }
    Ok(scopes)
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

fn is_constraint(value: &Value) -> bool {
    let version = value.get("apiVersion").and_then(Value::as_str);
    version.is_some_and(|version| version.starts_with("constraints."))
}

fn is_binding(value: &Value) -> bool {
    value.get("kind").and_then(Value::as_str) == Some("ValidatingAdmissionPolicyBinding")
}

/// The strongest thing documents do by themselves.
pub(crate) fn action_of(documents: &[Document]) -> PolicyAction {
    let mut strongest = PolicyAction::Audit;
    for document in documents {
        let value = &document.value;
        let own = if is_constraint(value) {
            match value
                .pointer("/spec/enforcementAction")
                .and_then(Value::as_str)
            {
                None | Some("deny") => PolicyAction::Deny,
                Some("warn") => PolicyAction::Warn,
                Some(_) => PolicyAction::Audit,
            }
        } else if is_binding(value) {
            let actions = value.pointer("/spec/validationActions");
            let actions = actions.and_then(Value::as_array).into_iter().flatten();
            let words = actions.filter_map(Value::as_str);
            words
                .map(|word| match word {
                    "Deny" => PolicyAction::Deny,
                    "Warn" => PolicyAction::Warn,
                    _ => PolicyAction::Audit,
                })
                .max()
                .unwrap_or(PolicyAction::Deny)
        } else {
            PolicyAction::Audit
        };
        strongest = strongest.max(own);
    }
    strongest
}

/// Documents as they hold with this action and setting.
pub(crate) fn documents_for(
    documents: &[Document],
    action: Option<PolicyAction>,
    setting: Option<&PolicySetting>,
) -> Vec<Document> {
    let scope: Option<PolicyScope> = setting
        .and_then(|set| set.scope.clone())
        .and_then(|scope| serde_json::from_value(scope).ok());
    let parameters = setting.and_then(|set| set.parameters.as_ref());
    let mut all = documents.to_vec();
    for document in &mut all {
        let value = &mut document.value;
        if is_constraint(value) {
            set_constraint(part(value, "spec"), action, parameters, scope.as_ref());
        } else if is_binding(value) {
            set_binding(part(value, "spec"), action, scope.as_ref());
        }
    }
    all
}

/// The object under a key, made where it is not there.
fn part<'v>(value: &'v mut Value, key: &str) -> &'v mut Value {
    if !value.get(key).is_some_and(Value::is_object) {
        value[key] = Value::Object(Map::new());
    }
    &mut value[key]
}

fn set_constraint(
    spec: &mut Value,
    action: Option<PolicyAction>,
    parameters: Option<&Value>,
    scope: Option<&PolicyScope>,
) {
    if let Some(action) = action {
        spec["enforcementAction"] = json!(match action {
            PolicyAction::Deny => "deny",
            PolicyAction::Warn => "warn",
            PolicyAction::Audit | PolicyAction::Off => "dryrun",
        });
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("scopedEnforcementActions");
        }
    }
    if let Some(parameters) = parameters {
        spec["parameters"] = parameters.clone();
    }
    let Some(scope) = scope else { return };
    let matches = part(spec, "match");
    if !scope.namespaces.is_empty() {
        matches["namespaces"] = json!(scope.namespaces);
    }
    if !scope.excluded_namespaces.is_empty() {
        let known = matches.get("excludedNamespaces").and_then(Value::as_array);
        let mut all = known.cloned().unwrap_or_default();
        all.extend(scope.excluded_namespaces.iter().cloned().map(Value::from));
        matches["excludedNamespaces"] = all.into();
    }
    if let Some(selector) = &scope.namespace_selector {
        matches["namespaceSelector"] = selector.clone();
    }
    if let Some(selector) = &scope.label_selector {
        matches["labelSelector"] = selector.clone();
    }
}

fn set_binding(spec: &mut Value, action: Option<PolicyAction>, scope: Option<&PolicyScope>) {
    if let Some(action) = action {
        spec["validationActions"] = match action {
            PolicyAction::Deny => json!(["Deny"]),
            PolicyAction::Warn => json!(["Warn"]),
            PolicyAction::Audit | PolicyAction::Off => json!(["Audit"]),
        };
    }
    let Some(scope) = scope else { return };
    let mut expressions = Vec::new();
    for (names, operator) in [
        (&scope.namespaces, "In"),
        (&scope.excluded_namespaces, "NotIn"),
    ] {
        if !names.is_empty() {
            expressions.push(json!({
                "key": "kubernetes.io/metadata.name", "operator": operator, "values": names,
            }));
        }
    }
    let matches = part(spec, "matchResources");
    if scope.namespace_selector.is_some() || !expressions.is_empty() {
        let mut selector = scope
            .namespace_selector
            .clone()
            .unwrap_or_else(|| json!({}));
        if !expressions.is_empty() {
            let known = selector.get("matchExpressions").and_then(Value::as_array);
            let mut all = known.cloned().unwrap_or_default();
            all.extend(expressions);
            selector["matchExpressions"] = all.into();
        }
        matches["namespaceSelector"] = selector;
    }
    if let Some(selector) = &scope.label_selector {
        matches["objectSelector"] = selector.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraint() -> Document {
        Document {
            source: "x".to_owned(),
            value: json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "X",
                "spec": {"enforcementAction": "dryrun", "parameters": {"a": 1},
                    "match": {"excludedNamespaces": ["kube-*"]}}}),
        }
    }

    #[test]
    fn what_is_set_is_written_into_the_constraint() {
        let setting = PolicySetting {
            environment: "local".to_owned(),
            cluster: String::new(),
            policy: "x".to_owned(),
            action: "deny".to_owned(),
            parameters: Some(json!({"a": 2})),
            scope: Some(json!({"excluded_namespaces": ["legacy"],
                "namespace_selector": {"matchLabels": {"team": "a"}}})),
            reason: String::new(),
            changed: jiff::Timestamp::UNIX_EPOCH,
            changed_by: String::new(),
        };
        let made = documents_for(&[constraint()], Some(PolicyAction::Deny), Some(&setting));
        assert_eq!(
            made[0].value["spec"],
            json!({"enforcementAction": "deny", "parameters": {"a": 2},
                "match": {"excludedNamespaces": ["kube-*", "legacy"],
                    "namespaceSelector": {"matchLabels": {"team": "a"}}}})
        );
        assert_eq!(action_of(&made), PolicyAction::Deny);
        assert_eq!(action_of(&[constraint()]), PolicyAction::Audit);
        let same = documents_for(&[constraint()], None, None);
        assert_eq!(same, [constraint()]);
    }

    #[test]
    fn a_bundle_says_where_it_holds_not_every_exemption() {
        let all = || {
            let ids = ["a", "b", "c"].into_iter();
            let all = ids.map(|id| BundleExemption {
                id: id.to_owned(),
                scope: "rule:x".to_owned(),
                expires: None,
            });
            all.collect::<Vec<_>>()
        };
        let (kept, is_cut) = within(all(), 2);
        assert_eq!((kept.len(), is_cut), (2, true));
        let (kept, is_cut) = within(all(), 3);
        assert_eq!((kept.len(), is_cut), (3, false));
    }

    #[test]
    fn a_binding_is_set_in_kubernetes_own_words() {
        let binding = Document {
            source: "x".to_owned(),
            value: json!({"kind": "ValidatingAdmissionPolicyBinding", "spec": {"policyName": "x"}}),
        };
        assert_eq!(
            action_of(std::slice::from_ref(&binding)),
            PolicyAction::Deny
        );
        let made = documents_for(&[binding], Some(PolicyAction::Warn), None);
        assert_eq!(made[0].value["spec"]["validationActions"], json!(["Warn"]));
    }

    #[test]
    fn only_exemptions_that_may_mean_objects_are_in_a_bundle() {
        let scope = |text: &str| Query::parse_scope(text).unwrap();
        assert!(may_mean_objects(&scope("rule:a ns:shop")));
        assert!(!may_mean_objects(&scope("cve:CVE-2021-44228")));
        assert!(!may_mean_objects(&scope("finding:abc ns:shop")));
        assert_eq!(
            named_findings(&scope("finding:abc,def")),
            Some(vec!["abc".to_owned(), "def".to_owned()])
        );
        assert_eq!(named_findings(&scope("rule:a")), None);
    }
}

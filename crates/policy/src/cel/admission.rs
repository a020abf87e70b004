//! Kubernetes' own `ValidatingAdmissionPolicy` and its bindings, so that
//! what the API server refuses is known before it is asked, and what it
//! admitted earlier is judged too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::POLICY_LIMIT;
use super::matching::{Asked, Matching, strings};
use super::validation::{Decision, Outcome, Seen, Validator, request};
use crate::gatekeeper::matching::{Selector, labels};
use crate::review::{Action, Kind, Operation, Review, Violation};
use crate::set::{ConstraintInfo, Document, Problem, unseen};
use crate::world::World;

const GROUP: &str = "admissionregistration.k8s.io/";
const POLICY: &str = "ValidatingAdmissionPolicy";
const BINDING: &str = "ValidatingAdmissionPolicyBinding";

/// `ValidatingAdmissionPolicy` objects and their bindings.
#[derive(Debug, Default)]
pub(crate) struct Native {
    policies: BTreeMap<String, Policy>,
    bindings: Vec<Binding>,
    /// What bindings take parameters from, as far as it was loaded with
    /// the policies.
    params: Vec<Arc<Json>>,
}

#[derive(Debug)]
struct Policy {
    validator: Validator,
    matching: Matching,
    /// `apiVersion` and `kind` of its parameters.
    params: Option<(String, String)>,
}

#[derive(Debug)]
struct Binding {
    name: String,
    policy: String,
    source: String,
    matching: Option<Matching>,
    params: Option<ParamRef>,
    action: Action,
}

#[derive(Debug)]
struct ParamRef {
    name: Option<String>,
    namespace: Option<String>,
    selector: Option<Selector>,
    /// Whether it is refused when there are none.
    deny: bool,
}

impl Native {
    /// Compiles what `documents` holds of these; the rest may be what a
    /// binding takes parameters from.
    pub(crate) fn load(documents: &[Document], problems: &mut Vec<Problem>) -> Self {
        let mut native = Self::default();
        for document in documents {
            let kind = document.value.get("kind").and_then(Json::as_str);
            let version = document.value.get("apiVersion").and_then(Json::as_str);
            if !version.is_some_and(|version| version.starts_with(GROUP)) {
                continue;
            }
            let name = name_of(&document.value);
            let added = match kind {
                Some(POLICY) => Policy::parse(&document.value).map(|policy| {
                    native.policies.insert(name.clone(), policy);
                }),
                Some(BINDING) => Binding::parse(&document.value, &document.source)
                    .map(|binding| native.bindings.push(binding)),
                _ => Ok(()),
            };
            if let Err(message) = added {
                problems.push(Problem {
                    source: document.source.clone(),
                    kind: kind.unwrap_or_default().to_owned(),
                    name,
                    message,
                });
            }
        }
        native.collect_params(documents);
        native
    }

    fn collect_params(&mut self, documents: &[Document]) {
        let kinds: BTreeSet<&(String, String)> = self
            .policies
            .values()
            .filter_map(|policy| policy.params.as_ref())
            .collect();
        if kinds.is_empty() {
            return;
        }
        self.params = documents
            .iter()
            .filter(|document| kinds.iter().any(|kind| is_of(&document.value, kind)))
            .map(|document| Arc::new(document.value.clone()))
            .collect();
    }

    pub(crate) fn review(&self, review: &Review<'_>, world: &World) -> Vec<Violation> {
        if self.bindings.is_empty() || is_exempt(&review.kind) {
            return Vec::new();
        }
        let mut violations = Vec::new();
        let asked = Asked::new(review, world);
        let mut request_json = None;
        for binding in &self.bindings {
            let Some(policy) = self.policies.get(&binding.policy) else {
                continue;
            };
            if !policy.matching.matches(&asked)
                || !binding
                    .matching
                    .as_ref()
                    .is_none_or(|matching| matching.matches(&asked))
            {
                continue;
            }
            let params = match self.params_of(policy, binding, review, world) {
                Ok(params) => params,
                Err(message) => {
                    if policy.validator.fails_closed() {
                        violations.push(binding.violation(
                            Decision {
                                message: format!("failed to configure binding: {message}"),
                                reason: None,
                                failed: true,
                            },
                            &[],
                        ));
                    }
                    continue;
                }
            };
            let request =
                request_json.get_or_insert_with(|| request(review, review.operation.word()));
            for params in params {
                let outcome = policy.validator.judge(
                    Seen {
                        object: review
                            .object
                            .filter(|_| review.operation != Operation::Delete),
                        old_object: review.old_object,
                        request,
                        params: params.as_deref(),
                        namespace: asked.namespace_object,
                    },
                    &[],
                    POLICY_LIMIT,
                );
                binding.say(outcome, &mut violations);
            }
        }
        violations
    }

    /// The objects one binding asks with. Absent parameters are asked
    /// with once, as `null`.
    fn params_of(
        &self,
        policy: &Policy,
        binding: &Binding,
        review: &Review<'_>,
        world: &World,
    ) -> Result<Vec<Option<Arc<Json>>>, String> {
        let (Some(kind), Some(reference)) = (&policy.params, &binding.params) else {
            return Ok(vec![None]);
        };
        let namespace = reference.namespace.as_deref().unwrap_or(review.namespace);
        let wanted = |object: &Json| {
            let place = object
                .get("metadata")
                .and_then(|metadata| metadata.get("namespace"))
                .and_then(Json::as_str)
                .unwrap_or("");
            (place.is_empty() || place == namespace)
                && match (&reference.name, &reference.selector) {
                    (Some(name), _) => name_of(object) == *name,
                    (None, Some(selector)) => selector.matches(labels(object)),
                    (None, None) => false,
                }
        };
        let mut found: Vec<Option<Arc<Json>>> = self
            .params
            .iter()
            .filter(|object| is_of(object, kind) && wanted(object))
            .map(|object| Some(Arc::clone(object)))
            .collect();
        if found.is_empty() {
            let kind_of = params_kind(kind);
            if world.unseen.contains(&kind_of) {
                return Err(unseen(&kind_of));
            }
            found = world
                .inventory
                .of_kind(&kind.0, &kind.1)
                .into_iter()
                .filter(|object| wanted(object))
                .map(|object| Some(Arc::new(object)))
                .collect();
        }
        if found.is_empty() && reference.deny {
            return Err(
                "no params found for policy binding with `Deny` parameterNotFoundAction".to_owned(),
            );
        }
        Ok(found)
    }

    /// A cheap first look: whether any of them may match this kind.
    pub(crate) fn wants(&self, kind: &Kind) -> bool {
        !is_exempt(kind)
            && self.bindings.iter().any(|binding| {
                self.policies
                    .get(&binding.policy)
                    .is_some_and(|policy| policy.matching.wants(kind))
            })
    }

    /// Whether one of those takes its parameters from other objects.
    pub(crate) fn looks_around(&self, kind: &Kind) -> bool {
        let mut bound = self.bindings.iter();
        !is_exempt(kind)
            && bound.any(|binding| {
                let policy = self.policies.get(&binding.policy);
                let policy = policy.filter(|policy| policy.matching.wants(kind));
                binding.params.is_some() && policy.is_some_and(|policy| policy.params.is_some())
            })
    }

    /// What is done to objects of `kind` that any of them asks to judge.
    pub(crate) fn operations(&self, kind: &Kind) -> BTreeSet<Operation> {
        if is_exempt(kind) {
            return BTreeSet::new();
        }
        let bound = self.bindings.iter();
        let policies = bound.filter_map(|binding| self.policies.get(&binding.policy));
        policies
            .flat_map(|policy| policy.matching.operations(kind))
            .collect()
    }

    /// One line for each binding.
    pub(crate) fn constraints(&self) -> Vec<ConstraintInfo> {
        self.bindings
            .iter()
            .map(|binding| ConstraintInfo {
                kind: POLICY.to_owned(),
                name: binding.name.clone(),
                action: binding.action,
                template: binding.policy.clone(),
                matches: self
                    .policies
                    .get(&binding.policy)
                    .map_or_else(String::new, |policy| policy.matching.summary()),
                source: binding.source.clone(),
            })
            .collect()
    }

    /// Kinds that bindings take parameters from.
    pub(crate) fn param_kinds(&self) -> impl Iterator<Item = Kind> {
        let kinds = self
            .policies
            .values()
            .filter_map(|policy| policy.params.as_ref());
        kinds.map(params_kind)
    }
}

fn params_kind((api_version, kind): &(String, String)) -> Kind {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Kind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.clone(),
    }
}

/// Policies about policies would lock everybody out: the API server never
/// asks about these.
fn is_exempt(kind: &Kind) -> bool {
    kind.group == "admissionregistration.k8s.io"
        && matches!(
            kind.kind.as_str(),
            "ValidatingWebhookConfiguration"
                | "MutatingWebhookConfiguration"
                | POLICY
                | BINDING
                | "MutatingAdmissionPolicy"
                | "MutatingAdmissionPolicyBinding"
        )
}

fn name_of(object: &Json) -> String {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get("name"))
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn is_of(object: &Json, (version, kind): &(String, String)) -> bool {
    object.get("kind").and_then(Json::as_str) == Some(kind)
        && object.get("apiVersion").and_then(Json::as_str) == Some(version)
}

impl Policy {
    fn parse(object: &Json) -> Result<Self, String> {
        let spec = object
            .get("spec")
            .filter(|spec| spec.is_object())
            .ok_or("spec is missing")?;
        let constraints = spec
            .get("matchConstraints")
            .filter(|constraints| constraints.is_object())
            .ok_or("policy contained no match constraints, a required field")?;
        let params = match spec.get("paramKind") {
            None | Some(Json::Null) => None,
            Some(kind) => {
                let part = |key: &str| {
                    kind.get(key)
                        .and_then(Json::as_str)
                        .map(str::to_owned)
                        .ok_or_else(|| format!("paramKind.{key} is missing"))
                };
                Some((part("apiVersion")?, part("kind")?))
            }
        };
        Ok(Self {
            validator: Validator::parse(spec, "matchConditions", params.is_some(), &[])?,
            matching: Matching::parse(constraints)
                .map_err(|message| format!("matchConstraints: {message}"))?,
            params,
        })
    }
}

impl Binding {
    fn parse(object: &Json, source: &str) -> Result<Self, String> {
        let spec = object
            .get("spec")
            .filter(|spec| spec.is_object())
            .ok_or("spec is missing")?;
        let policy = spec
            .get("policyName")
            .and_then(Json::as_str)
            .ok_or("policyName is missing")?;
        let mut action = None;
        for entry in strings(spec, "validationActions")? {
            let found = match entry.as_str() {
                "Deny" => Action::Deny,
                "Warn" => Action::Warn,
                "Audit" => Action::DryRun,
                other => {
                    return Err(format!(
                        "validationActions has {other:?}: it may have Deny, Warn and Audit"
                    ));
                }
            };
            action = action.max(Some(found));
        }
        Ok(Self {
            name: name_of(object),
            policy: policy.to_owned(),
            source: source.to_owned(),
            matching: match spec.get("matchResources") {
                None | Some(Json::Null) => None,
                Some(value) => Some(
                    Matching::parse(value)
                        .map_err(|message| format!("matchResources: {message}"))?,
                ),
            },
            params: match spec.get("paramRef") {
                None | Some(Json::Null) => None,
                Some(value) => Some(ParamRef::parse(value)?),
            },
            action: action.ok_or("validationActions is missing")?,
        })
    }

    fn violation(&self, decision: Decision, annotations: &[(String, String)]) -> Violation {
        let mut details = json!({"policy": self.policy});
        if let Json::Object(map) = &mut details {
            if !decision.failed {
                let reason = decision.reason.unwrap_or_else(|| "Invalid".to_owned());
                map.insert("reason".to_owned(), json!(reason));
            }
            if !annotations.is_empty() {
                let annotations: BTreeMap<&str, &str> = annotations
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str()))
                    .collect();
                map.insert("auditAnnotations".to_owned(), json!(annotations));
            }
        }
        Violation {
            kind: POLICY.to_owned(),
            constraint: self.name.clone(),
            action: self.action,
            message: decision.message,
            details,
            failed: decision.failed,
        }
    }

    fn say(&self, outcome: Outcome, into: &mut Vec<Violation>) {
        let annotations = outcome.annotations;
        for decision in outcome.decisions {
            into.push(self.violation(decision, &annotations));
        }
        // The API server refuses these whatever the binding's actions are.
        for fault in outcome.faults {
            let mut violation = self.violation(fault, &annotations);
            violation.action = Action::Deny;
            into.push(violation);
        }
    }
}

impl ParamRef {
    fn parse(value: &Json) -> Result<Self, String> {
        let part = |key: &str| {
            value
                .get(key)
                .and_then(Json::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let selector = match value.get("selector") {
            None | Some(Json::Null) => None,
            Some(given) => Some(Selector::read(given, "paramRef.selector")?),
        };
        let name = part("name");
        match (&name, &selector) {
            (Some(_), Some(_)) => {
                return Err("paramRef.name and paramRef.selector are mutually exclusive".to_owned());
            }
            (None, None) => return Err("paramRef: one of name or selector must be provided".into()),
            _ => {}
        }
        Ok(Self {
            name,
            namespace: part("namespace"),
            selector,
            deny: match value.get("parameterNotFoundAction").and_then(Json::as_str) {
                Some("Deny") | None => true,
                Some("Allow") => false,
                Some(other) => {
                    return Err(format!(
                        "parameterNotFoundAction is {other:?}: it may be Allow or Deny"
                    ));
                }
            },
        })
    }
}

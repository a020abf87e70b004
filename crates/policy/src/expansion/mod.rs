//! The objects a workload will make, judged when the workload is:
//! `ExpansionTemplate`, and without any, the pods of the workloads
//! Kubernetes and its kin know.
//!
//! A workload that another controls makes nothing here: its owner was
//! judged by the same template already.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::gatekeeper::matching::metadata;
use crate::gatekeeper::shape;
use crate::mutation::{ApplyTo, Mutators};
use crate::review::{Action, Kind, Operation, Origin, Review};
use crate::set::{Document, Problem};
use crate::world::World;

const GROUP: &str = "expansion.gatekeeper.sh";

/// How often what was made may make something itself.
const MAX_DEPTH: usize = 30;

/// Kubernetes' own workloads, and where each keeps its pods' template.
const WORKLOADS: &[(&str, &str, &str)] = &[
    ("", "PodTemplate", "template"),
    ("", "ReplicationController", "spec.template"),
    ("apps", "DaemonSet", "spec.template"),
    ("apps", "Deployment", "spec.template"),
    ("apps", "ReplicaSet", "spec.template"),
    ("apps", "StatefulSet", "spec.template"),
    ("batch", "CronJob", "spec.jobTemplate.spec.template"),
    ("batch", "Job", "spec.template"),
    ("extensions", "DaemonSet", "spec.template"),
    ("extensions", "Deployment", "spec.template"),
    ("extensions", "ReplicaSet", "spec.template"),
];

/// Groups whose workloads look like Kubernetes' own.
const SIMILAR: &[&str] = &[
    "apps.kruise.io",
    "argoproj.io",
    "kubeflow.org",
    "serving.knative.dev",
    "workloads.kubeblocks.io",
];

/// Every expansion.
#[derive(Debug, Default)]
pub(crate) struct Expansions {
    templates: BTreeMap<String, Template>,
}

#[derive(Debug)]
struct Template {
    source: String,
    apply_to: Vec<ApplyTo>,
    path: Vec<String>,
    makes: Kind,
    action: Option<Action>,
}

/// An object that another will make.
#[derive(Clone, Debug)]
pub(crate) struct Generated {
    pub(crate) object: Value,
    /// The expansion's name: Gatekeeper puts `[Implied by NAME]` before
    /// what is said of the object. Empty where no expansion said so.
    pub(crate) implied_by: String,
    /// Replaces a constraint's own action.
    pub(crate) action: Option<Action>,
}

impl Expansions {
    pub(crate) fn load(documents: &[Document], problems: &mut Vec<Problem>) -> Self {
        let mut expansions = Self::default();
        for document in documents.iter().filter(|each| is_expansion(&each.value)) {
            match Template::read(&document.value, &document.source) {
                Ok(template) => {
                    let name = metadata(&document.value, "name").to_owned();
                    expansions.templates.insert(name, template);
                }
                Err(message) => problems.push(document.problem(message)),
            }
        }
        for name in expansions.cycles() {
            if let Some(template) = expansions.templates.remove(&name) {
                problems.push(Problem {
                    source: template.source,
                    kind: "ExpansionTemplate".to_owned(),
                    name,
                    message: "template forms expansion cycle: what it makes makes itself again"
                        .to_owned(),
                });
            }
        }
        expansions
    }

    /// Templates from which a way leads back to themselves.
    fn cycles(&self) -> BTreeSet<String> {
        let next = |kind: &Kind| {
            let kind = kind.clone();
            self.templates
                .iter()
                .filter(move |(_, template)| template.is_for(&kind))
        };
        let mut cycles = BTreeSet::new();
        for name in self.templates.keys() {
            let mut seen = BTreeSet::new();
            let mut ahead = vec![name];
            while let Some(current) = ahead.pop() {
                let Some(template) = self.templates.get(current) else {
                    continue;
                };
                for (follower, _) in next(&template.makes) {
                    if follower == name {
                        cycles.insert(name.clone());
                    }
                    if seen.insert(follower) {
                        ahead.push(follower);
                    }
                }
            }
        }
        cycles
    }

    /// What the object of `review` makes, and what that makes, mutated as
    /// it would be.
    pub(crate) fn expand(
        &self,
        review: &Review<'_>,
        world: &World,
        mutators: &Mutators,
    ) -> Result<Vec<Generated>, String> {
        let mut made = Vec::new();
        if let Some(object) = review.object {
            self.step(object, review, world, mutators, 0, &mut made)?;
        }
        Ok(made)
    }

    fn step(
        &self,
        object: &Value,
        review: &Review<'_>,
        world: &World,
        mutators: &Mutators,
        depth: usize,
        into: &mut Vec<Generated>,
    ) -> Result<(), String> {
        if depth >= MAX_DEPTH {
            return Err(format!("maximum recursion depth of {MAX_DEPTH} reached"));
        }
        let Some(kind) = Kind::of(object) else {
            return Ok(());
        };
        let namespace = match shape::namespace(review, world) {
            Some(namespace) => metadata(namespace, "name"),
            None => metadata(object, "namespace"),
        };
        let mut made = Vec::new();
        for (name, template) in &self.templates {
            if template.is_for(&kind) {
                made.push(Generated {
                    object: generate(object, &template.path, &template.makes, namespace)?,
                    implied_by: name.clone(),
                    action: template.action,
                });
            }
        }
        if made.is_empty() {
            made.extend(pod_of(object, &kind, namespace));
        }
        for generated in &mut made {
            let inner = Review {
                kind: Kind::of(&generated.object).unwrap_or_default(),
                object: Some(&generated.object),
                old_object: None,
                operation: Operation::Create,
                name: metadata(&generated.object, "name"),
                origin: Origin::Generated,
                ..review.clone()
            };
            let changed = mutators.apply(&inner, world).map_err(|error| {
                format!(
                    "failed to mutate resultant resource {}: {error}",
                    inner.name
                )
            })?;
            if let Some(changed) = changed {
                generated.object = changed;
            }
        }
        for generated in &made {
            self.step(&generated.object, review, world, mutators, depth + 1, into)?;
        }
        into.extend(made);
        Ok(())
    }

    /// The kinds that objects of `kind` make, and those of what these
    /// make.
    pub(crate) fn makes(&self, kind: &Kind) -> Vec<Kind> {
        let mut all = self.makes_itself(kind);
        let mut next = 0;
        while let Some(made) = all.get(next) {
            for further in self.makes_itself(made) {
                if !all.contains(&further) {
                    all.push(further);
                }
            }
            next += 1;
        }
        all
    }

    fn makes_itself(&self, kind: &Kind) -> Vec<Kind> {
        let mut makes: Vec<Kind> = self
            .templates
            .values()
            .filter(|template| template.is_for(kind))
            .map(|template| template.makes.clone())
            .collect();
        if makes.is_empty() && (template_of(kind).is_some() || SIMILAR.contains(&&*kind.group)) {
            makes.push(pod());
        }
        makes
    }
}

fn is_expansion(value: &Value) -> bool {
    value["kind"] == "ExpansionTemplate"
        && value["apiVersion"]
            .as_str()
            .is_some_and(|version| version.split('/').next() == Some(GROUP))
}

fn pod() -> Kind {
    Kind {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "Pod".to_owned(),
    }
}

/// Where one of Kubernetes' own workloads keeps its template.
fn template_of(kind: &Kind) -> Option<&'static str> {
    WORKLOADS
        .iter()
        .find(|(group, name, _)| *group == kind.group && *name == kind.kind)
        .map(|(_, _, path)| *path)
}

impl Template {
    fn read(value: &Value, source: &str) -> Result<Self, String> {
        let name = metadata(value, "name");
        if name.is_empty() || name.len() >= 64 {
            return Err("ExpansionTemplate name must be 1 to 63 characters".to_owned());
        }
        let version = value["apiVersion"].as_str().unwrap_or_default();
        let version = version.rsplit('/').next().unwrap_or_default();
        if !["v1alpha1", "v1beta1"].contains(&version) {
            return Err(format!(
                "apiVersion: unsupported version '{version}' (one of v1beta1, v1alpha1)"
            ));
        }
        let spec = &value["spec"];
        let path: Vec<String> = match spec["templateSource"].as_str() {
            None | Some("") => {
                return Err(format!("ExpansionTemplate {name} has empty source field"));
            }
            Some(path) => path.split('.').map(str::to_owned).collect(),
        };
        let part = |key: &str| {
            spec["generatedGVK"][key]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let makes = Kind {
            group: part("group"),
            version: part("version"),
            kind: part("kind"),
        };
        if makes == Kind::default() {
            return Err(format!(
                "ExpansionTemplate {name} has empty generatedGVK field"
            ));
        }
        let apply_to: Vec<ApplyTo> = spec["applyTo"]
            .as_array()
            .into_iter()
            .flatten()
            .map(ApplyTo::read)
            .collect::<Result<_, _>>()?;
        if apply_to.is_empty() {
            return Err(format!("ExpansionTemplate {name} must specify ApplyTo"));
        }
        if apply_to.iter().any(|entry| entry.is_for(&makes)) {
            return Err(format!(
                "ExpansionTemplate {name} generates {}, but also applies to that same GVK",
                makes.kind
            ));
        }
        let action = match spec["enforcementAction"].as_str() {
            None | Some("") => None,
            Some("deny") => Some(Action::Deny),
            Some("warn") => Some(Action::Warn),
            Some("dryrun") => Some(Action::DryRun),
            Some(other) => {
                return Err(format!(
                    "enforcementAction is {other:?}: it may be deny, warn or dryrun"
                ));
            }
        };
        Ok(Self {
            source: source.to_owned(),
            apply_to,
            path,
            makes,
            action,
        })
    }

    fn is_for(&self, kind: &Kind) -> bool {
        self.apply_to.iter().any(|entry| entry.is_for(kind))
    }
}

/// The pod a workload makes, where no expansion says.
fn pod_of(object: &Value, kind: &Kind, namespace: &str) -> Option<Generated> {
    let path = if let Some(path) = template_of(kind) {
        path
    } else {
        // Others that look the same: a template with containers.
        let containers = object.pointer("/spec/template/spec/containers")?;
        containers.as_array()?;
        "spec.template"
    };
    let path: Vec<String> = path.split('.').map(str::to_owned).collect();
    let owners = object
        .get("metadata")
        .and_then(|it| it.get("ownerReferences"));
    let is_controlled = owners
        .and_then(Value::as_array)
        .is_some_and(|owners| owners.iter().any(|owner| owner["controller"] == true));
    if is_controlled {
        return None;
    }
    Some(Generated {
        object: generate(object, &path, &pod(), namespace).ok()?,
        implied_by: String::new(),
        action: None,
    })
}

fn generate(
    object: &Value,
    path: &[String],
    kind: &Kind,
    namespace: &str,
) -> Result<Value, String> {
    let mut source = object;
    for step in path {
        source = source.get(step).ok_or_else(|| {
            format!(
                "could not find source field {:?} in resource {}",
                path.join("."),
                metadata(object, "name")
            )
        })?;
    }
    let mut made = source.as_object().cloned().ok_or_else(|| {
        format!(
            "could not extract source field {:?}: it is no object",
            path.join(".")
        )
    })?;
    let version = match kind.group.as_str() {
        "" => kind.version.clone(),
        group => format!("{group}/{}", kind.version),
    };
    made.insert("apiVersion".to_owned(), json!(version));
    made.insert("kind".to_owned(), json!(kind.kind));
    let about = made
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()));
    if !about.is_object() {
        *about = Value::Object(Map::new());
    }
    if let Some(about) = about.as_object_mut() {
        let name = format!("{}-{}", metadata(object, "name"), kind.kind);
        about.insert("name".to_owned(), json!(name.to_lowercase()));
        if !namespace.is_empty() {
            about.insert("namespace".to_owned(), json!(namespace));
        }
        let owner = json!({"apiVersion": object["apiVersion"], "kind": object["kind"],
                           "name": metadata(object, "name"), "uid": ""});
        let owners = about
            .entry("ownerReferences")
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Some(owners) = owners.as_array_mut()
            && !metadata(object, "name").is_empty()
        {
            owners.push(owner);
        }
    }
    Ok(Value::Object(made))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::Moment;
    use crate::set::Policies;

    fn documents(values: Vec<Value>) -> Vec<Document> {
        let source = "test.yaml".to_owned();
        values
            .into_iter()
            .map(|value| Document {
                source: source.clone(),
                value,
            })
            .collect()
    }

    fn expansion(name: &str, from: (&str, &str), makes: (&str, &str), spec: &Value) -> Value {
        let mut expansion = json!({
            "apiVersion": "expansion.gatekeeper.sh/v1beta1", "kind": "ExpansionTemplate",
            "metadata": {"name": name},
            "spec": {"applyTo": [{"groups": [from.0], "versions": ["v1"], "kinds": [from.1]}],
                     "templateSource": "spec.template",
                     "generatedGVK": {"group": makes.0, "version": "v1", "kind": makes.1}}});
        for (key, value) in spec.as_object().into_iter().flatten() {
            expansion["spec"][key] = value.clone();
        }
        expansion
    }

    fn deployment() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
               "metadata": {"name": "Web", "namespace": "shop"},
               "spec": {"template": {"metadata": {"labels": {"app": "web"}},
                        "spec": {"containers": [{"name": "a", "image": "nginx"}]}}}})
    }

    /// Refuses every pod, by name.
    fn pods_refused() -> Vec<Value> {
        vec![
            json!({"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
                "metadata": {"name": "nopods"},
                "spec": {"crd": {"spec": {"names": {"kind": "NoPods"}}},
                    "targets": [{"target": "admission.k8s.gatekeeper.sh", "code": [
                        {"engine": "K8sNativeValidation", "source": {"validations": [
                            {"expression": "false",
                             "messageExpression": "'pod ' + object.metadata.name"}]}}]}]}}),
            json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "NoPods",
                "metadata": {"name": "none"},
                "spec": {"match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}}}),
        ]
    }

    fn review(object: &Value) -> Review<'_> {
        Review {
            moment: Moment::Audit,
            operation: Operation::Create,
            kind: Kind::of(object).unwrap(),
            object: Some(object),
            old_object: None,
            name: metadata(object, "name"),
            namespace: metadata(object, "namespace"),
            namespace_object: None,
            origin: Origin::Original,
            request: None,
        }
    }

    fn said(more: Vec<Value>, object: &Value) -> Vec<(String, Action)> {
        let mut all = pods_refused();
        all.extend(more);
        let (policies, problems) = Policies::load(&documents(all));
        assert_eq!(problems, []);
        assert!(policies.wants(&Kind::of(object).unwrap()));
        policies
            .review(&review(object), &World::default())
            .into_iter()
            .map(|violation| (violation.message, violation.action))
            .collect()
    }

    #[test]
    fn a_workload_is_judged_by_the_pod_it_makes() {
        let message = "pod web-pod".to_owned();
        assert_eq!(said(vec![], &deployment()), [(message, Action::Deny)]);
        let job = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "n"},
            "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}}});
        assert_eq!(said(vec![], &job)[0].0, "pod n-pod");
        let clone = json!({"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet",
            "metadata": {"name": "c"}, "spec": {"template": {"spec": {"containers": []}}}});
        assert_eq!(said(vec![], &clone)[0].0, "pod c-pod");
    }

    #[test]
    fn an_expansion_says_who_implied_it_and_with_what_action() {
        let more = expansion(
            "deployments",
            ("apps", "Deployment"),
            ("", "Pod"),
            &json!({"enforcementAction": "warn"}),
        );
        assert_eq!(
            said(vec![more], &deployment()),
            [(
                "[Implied by deployments] pod web-pod".to_owned(),
                Action::Warn
            )]
        );
    }

    #[test]
    fn what_another_workload_controls_is_judged_there() {
        let mut set = deployment();
        set["kind"] = json!("ReplicaSet");
        set["metadata"]["ownerReferences"] = json!([{"kind": "Deployment", "controller": true}]);
        let none: [(String, Action); 0] = [];
        assert_eq!(said(vec![], &set), none);
    }

    #[test]
    fn mutators_change_what_is_made_before_it_is_judged() {
        let mutator = json!({"apiVersion": "mutations.gatekeeper.sh/v1", "kind": "Assign",
            "metadata": {"name": "host"},
            "spec": {"applyTo": [{"groups": [""], "versions": ["v1"], "kinds": ["Pod"]}],
                "match": {"source": "Generated"}, "location": "spec.hostname",
                "parameters": {"assign": {"value": "x"}}}});
        let mut problems = Vec::new();
        let documents = documents(vec![mutator]);
        let mutators = Mutators::load(&documents, &mut problems);
        let object = deployment();
        let made = Expansions::default()
            .expand(&review(&object), &World::default(), &mutators)
            .unwrap();
        assert_eq!(made[0].object["spec"]["hostname"], "x");
        assert_eq!(
            made[0].object["metadata"]["ownerReferences"][0]["name"],
            "Web"
        );
    }

    #[test]
    fn expansions_that_go_round_are_refused() {
        let mut problems = Vec::new();
        let none = json!({});
        let documents = documents(vec![
            expansion("a", ("x", "A"), ("x", "B"), &none),
            expansion("b", ("x", "B"), ("x", "A"), &none),
            expansion("c", ("x", "C"), ("x", "A"), &none),
            expansion("self", ("x", "S"), ("x", "S"), &none),
        ]);
        let expansions = Expansions::load(&documents, &mut problems);
        assert_eq!(expansions.templates.keys().collect::<Vec<_>>(), ["c"]);
        assert_eq!(problems.len(), 3);
    }

    #[test]
    fn a_source_that_is_not_there_is_said() {
        let more = expansion(
            "deployments",
            ("apps", "Deployment"),
            ("", "Pod"),
            &json!({"templateSource": "spec.nothing"}),
        );
        let said = said(vec![more], &deployment());
        assert!(
            said[0]
                .0
                .contains("could not find source field \"spec.nothing\""),
            "{said:?}"
        );
    }
}

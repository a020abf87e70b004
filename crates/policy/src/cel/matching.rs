//! Which requests a `ValidatingAdmissionPolicy` or a binding is asked
//! about.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::resource;
use crate::gatekeeper::matching::{Selector, labels};
use crate::review::{Kind, Operation, Review};
use crate::set::connection;
use crate::world::World;

/// `matchConstraints` and `matchResources`.
#[derive(Debug)]
pub(super) struct Matching {
    rules: Vec<Rule>,
    excluded: Vec<Rule>,
    namespace: Selector,
    object: Selector,
    exact: bool,
}

#[derive(Debug)]
struct Rule {
    groups: Vec<String>,
    versions: Vec<String>,
    operations: Vec<String>,
    resources: Vec<String>,
    names: Vec<String>,
    scope: Option<String>,
}

/// What a request is asked about with.
pub(super) struct Asked<'a> {
    review: &'a Review<'a>,
    resource: String,
    subresource: &'a str,
    pub(super) namespace_object: Option<&'a Json>,
    is_namespace: bool,
}

impl<'a> Asked<'a> {
    pub(super) fn new(review: &'a Review<'a>, world: &'a World) -> Self {
        let given = |key: &str| review.request.and_then(|request| request.get(key));
        let is_namespace = review.kind.kind == "Namespace" && review.kind.group.is_empty();
        let namespace_object = (!is_namespace && !review.namespace.is_empty())
            .then(|| {
                review
                    .namespace_object
                    .or_else(|| world.namespace(review.namespace))
            })
            .flatten();
        Self {
            review,
            resource: given("resource")
                .and_then(|resource| resource.get("resource"))
                .and_then(Json::as_str)
                .map_or_else(|| resource::plural(&review.kind.kind), str::to_owned),
            subresource: given("subResource").and_then(Json::as_str).unwrap_or(""),
            namespace_object,
            is_namespace,
        }
    }

    fn namespaced(&self) -> bool {
        !self.is_namespace
            && !self.review.namespace.is_empty()
            && !resource::is_cluster_scoped(&self.review.kind.kind)
    }
}

impl Matching {
    pub(super) fn parse(value: &Json) -> Result<Self, String> {
        let rules = |key: &str| -> Result<Vec<Rule>, String> {
            match value.get(key) {
                None | Some(Json::Null) => Ok(Vec::new()),
                Some(Json::Array(rules)) => rules.iter().map(Rule::parse).collect(),
                Some(_) => Err(format!("{key} is a list")),
            }
        };
        let selector = |key: &str| match value.get(key) {
            None | Some(Json::Null) => Ok(Selector::default()),
            Some(given) => Selector::read(given, key),
        };
        Ok(Self {
            rules: rules("resourceRules")?,
            excluded: rules("excludeResourceRules")?,
            namespace: selector("namespaceSelector")?,
            object: selector("objectSelector")?,
            exact: match value.get("matchPolicy").and_then(Json::as_str) {
                None | Some("Equivalent") => false,
                Some("Exact") => true,
                Some(other) => {
                    return Err(format!(
                        "matchPolicy is {other:?}: it may be Exact or Equivalent"
                    ));
                }
            },
        })
    }

    pub(super) fn matches(&self, asked: &Asked<'_>) -> bool {
        self.matches_namespace(asked)
            && self.matches_object(asked)
            && !self
                .excluded
                .iter()
                .any(|rule| rule.matches(asked, self.exact))
            && (self.rules.is_empty()
                || self
                    .rules
                    .iter()
                    .any(|rule| rule.matches(asked, self.exact)))
    }

    fn matches_namespace(&self, asked: &Asked<'_>) -> bool {
        if self.namespace == Selector::default() {
            return true;
        }
        if asked.is_namespace {
            let review = asked.review;
            let object = match review.operation {
                Operation::Delete => review.old_object.or(review.object),
                _ => review.object.or(review.old_object),
            };
            return object.is_some_and(|object| self.namespace.matches(labels(object)));
        }
        if !asked.namespaced() {
            return true;
        }
        if let Some(labels) = asked.namespace_object.and_then(labels) {
            self.namespace.matches(Some(labels))
        } else {
            // Every namespace carries its own name; nothing more is
            // known of this one.
            let own = json!({"kubernetes.io/metadata.name": asked.review.namespace});
            self.namespace.matches(Some(&own))
        }
    }

    fn matches_object(&self, asked: &Asked<'_>) -> bool {
        self.object == Selector::default()
            || [asked.review.object, asked.review.old_object]
                .into_iter()
                .flatten()
                .any(|object| self.object.matches(labels(object)))
    }

    pub(super) fn wants(&self, kind: &Kind) -> bool {
        self.rules.is_empty() || self.about(kind).next().is_some()
    }

    /// What is done to objects of `kind` that it asks to judge. Without
    /// rules it is asked about everything that is made or changed.
    pub(super) fn operations(&self, kind: &Kind) -> BTreeSet<Operation> {
        let is_connection = connection(kind).is_some();
        let may = |operation: &Operation| (*operation == Operation::Connect) == is_connection;
        let makes = [Operation::Create, Operation::Update];
        let is_asked = |operation: &Operation| {
            (self.rules.is_empty() && makes.contains(operation))
                || self
                    .about(kind)
                    .any(|rule| has(&rule.operations, operation.word()))
        };
        let all = Operation::ALL.into_iter();
        all.filter(may).filter(is_asked).collect()
    }

    /// The rules that may mean objects of `kind`.
    fn about(&self, kind: &Kind) -> impl Iterator<Item = &Rule> {
        let connected = connection(kind);
        let resource = match connected {
            Some((resource, _)) => resource.to_owned(),
            None => resource::plural(&kind.kind),
        };
        self.rules.iter().filter(move |rule| {
            rule.is_for_group(kind, self.exact)
                && rule.resources.iter().any(|entry| {
                    let (name, part) = entry.split_once('/').unwrap_or((entry, ""));
                    let is_part = match connected {
                        Some((_, wanted)) => part == "*" || part == wanted,
                        None => true,
                    };
                    is_part && (name == "*" || name == resource)
                })
        })
    }

    pub(super) fn summary(&self) -> String {
        if self.rules.is_empty() {
            return "everything".to_owned();
        }
        let mut resources: Vec<&str> = self
            .rules
            .iter()
            .flat_map(|rule| &rule.resources)
            .map(String::as_str)
            .collect();
        resources.dedup();
        resources.join(", ")
    }
}

impl Rule {
    fn parse(value: &Json) -> Result<Self, String> {
        let rule = Self {
            groups: strings(value, "apiGroups")?,
            versions: strings(value, "apiVersions")?,
            operations: strings(value, "operations")?,
            resources: strings(value, "resources")?,
            names: strings(value, "resourceNames")?,
            scope: value.get("scope").and_then(Json::as_str).map(str::to_owned),
        };
        for (key, list) in [
            ("apiGroups", &rule.groups),
            ("apiVersions", &rule.versions),
            ("operations", &rule.operations),
            ("resources", &rule.resources),
        ] {
            if list.is_empty() {
                return Err(format!("a rule has no {key}"));
            }
        }
        Ok(rule)
    }

    fn is_for_group(&self, kind: &Kind, exact: bool) -> bool {
        self.groups.iter().any(|group| {
            group == "*" || *group == kind.group || (!exact && resource::is_same_group(kind, group))
        })
    }

    fn matches(&self, asked: &Asked<'_>, exact: bool) -> bool {
        let review = asked.review;
        let scope = match self.scope.as_deref() {
            None | Some("*") => true,
            Some("Namespaced") => asked.namespaced(),
            Some("Cluster") => !asked.namespaced(),
            Some(_) => false,
        };
        scope
            && has(&self.operations, review.operation.word())
            && self.is_for_group(&review.kind, exact)
            // Where another version is as good, the API server converts
            // the object; here it is judged as it is.
            && (!exact || has(&self.versions, &review.kind.version))
            && self.resources.iter().any(|entry| {
                let (name, sub) = entry.split_once('/').unwrap_or((entry, ""));
                (name == "*" || name == asked.resource) && (sub == "*" || sub == asked.subresource)
            })
            && (self.names.is_empty() || self.names.iter().any(|name| name == review.name))
    }
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|entry| entry == "*" || entry == wanted)
}

pub(super) fn strings(value: &Json, key: &str) -> Result<Vec<String>, String> {
    match value.get(key) {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(items)) => items
            .iter()
            .map(|item| {
                item.as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| format!("{key} has an entry that is no string"))
            })
            .collect(),
        Some(_) => Err(format!("{key} is a list")),
    }
}

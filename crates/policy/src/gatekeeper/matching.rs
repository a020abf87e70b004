//! Which objects a constraint is about: `spec.match`.

use serde_json::Value;

use crate::review::{Kind, Origin, Review};
use crate::world::World;

use super::shape;

/// A constraint's `spec.match`, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Match {
    kinds: Vec<Kinds>,
    scope: String,
    namespaces: Vec<String>,
    excluded_namespaces: Vec<String>,
    labels: Option<Selector>,
    namespace_labels: Option<Selector>,
    name: String,
    source: Option<Origin>,
}

/// One entry of `kinds`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Kinds {
    groups: Vec<String>,
    kinds: Vec<String>,
}

/// What is wrong with one field of a match.
pub(crate) type Fault = String;

const FIELDS: &[&str] = &[
    "kinds",
    "scope",
    "namespaces",
    "excludedNamespaces",
    "labelSelector",
    "namespaceSelector",
    "name",
    "source",
];

impl Match {
    pub(crate) fn read(value: Option<&Value>) -> Result<Self, Fault> {
        let Some(value) = value.filter(|value| !value.is_null()) else {
            return Ok(Self::default());
        };
        let fields = value.as_object().ok_or("spec.match: must be an object")?;
        if let Some(unknown) = fields.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            return Err(format!(
                "spec.match.{unknown}: unknown field (known are {})",
                FIELDS.join(", ")
            ));
        }
        let mut kinds = Vec::new();
        for (index, entry) in list(fields.get("kinds"), "spec.match.kinds")?
            .iter()
            .enumerate()
        {
            let at = format!("spec.match.kinds[{index}]");
            kinds.push(Kinds {
                groups: texts(entry.get("apiGroups"), &format!("{at}.apiGroups"))?,
                kinds: texts(entry.get("kinds"), &format!("{at}.kinds"))?,
            });
        }
        let scope = text(fields.get("scope"), "spec.match.scope")?;
        if !["", "*", "Cluster", "Namespaced"].contains(&scope.as_str()) {
            return Err(format!(
                "spec.match.scope: unsupported value '{scope}' (one of *, Cluster, Namespaced)"
            ));
        }
        let source = text(fields.get("source"), "spec.match.source")?;
        let source = match source.as_str() {
            "" | "All" => None,
            "Original" => Some(Origin::Original),
            "Generated" => Some(Origin::Generated),
            other => {
                return Err(format!(
                    "spec.match.source: unsupported value '{other}' (one of All, Generated, \
                     Original)"
                ));
            }
        };
        let selector = |field: &str| -> Result<Option<Selector>, Fault> {
            match fields.get(field) {
                None | Some(Value::Null) => Ok(None),
                Some(value) => Selector::read(value, &format!("spec.match.{field}")).map(Some),
            }
        };
        Ok(Self {
            kinds,
            scope,
            namespaces: globs(fields.get("namespaces"), "spec.match.namespaces")?,
            excluded_namespaces: globs(
                fields.get("excludedNamespaces"),
                "spec.match.excludedNamespaces",
            )?,
            labels: selector("labelSelector")?,
            namespace_labels: selector("namespaceSelector")?,
            name: text(fields.get("name"), "spec.match.name")?,
            source,
        })
    }

    /// The kinds it is about, as far as it says.
    pub(crate) fn kinds(&self) -> &[Kinds] {
        &self.kinds
    }

    /// Whether objects of `kind` may match at all.
    pub(crate) fn wants(&self, kind: &Kind) -> bool {
        self.kinds.is_empty()
            || self
                .kinds
                .iter()
                .any(|entry| holds(&entry.kinds, &kind.kind) && holds(&entry.groups, &kind.group))
    }

    /// Whether objects of `kind` are meant by its own name.
    pub(crate) fn names(&self, kind: &Kind) -> bool {
        self.kinds
            .iter()
            .any(|entry| entry.kinds.contains(&kind.kind) && holds(&entry.groups, &kind.group))
    }

    /// Whether the object of `review`, or what it was before, matches; or
    /// why that cannot be told, which counts as a violation.
    pub(crate) fn matches(&self, review: &Review<'_>, world: &World) -> Result<bool, Fault> {
        let namespace = shape::namespace(review, world);
        let mut any = false;
        for object in [shape::object(review), review.old_object]
            .into_iter()
            .flatten()
        {
            any = true;
            if self.matches_object(object, review.origin, namespace)? {
                return Ok(true);
            }
        }
        if any {
            Ok(false)
        } else {
            Err("neither object nor old object are defined".to_owned())
        }
    }

    /// The same, of one object alone.
    pub(crate) fn matches_object(
        &self,
        object: &Value,
        origin: Origin,
        namespace: Option<&Value>,
    ) -> Result<bool, Fault> {
        let kind = Kind::of(object).unwrap_or_default();
        let is_namespace = kind.kind == "Namespace" && kind.group.is_empty();
        let own_namespace = metadata(object, "namespace");
        let name = metadata(object, "name");
        if !self.wants(&kind) {
            return Ok(false);
        }
        let has_namespace = !own_namespace.is_empty() || namespace.is_some();
        let fits = match self.scope.as_str() {
            "Cluster" => is_namespace || !has_namespace,
            "Namespaced" => !is_namespace && has_namespace,
            _ => true,
        };
        if !fits {
            return Ok(false);
        }
        let within = if is_namespace {
            Some(name)
        } else if let Some(namespace) = namespace {
            Some(metadata(namespace, "name"))
        } else {
            Some(own_namespace).filter(|name| !name.is_empty())
        };
        if let Some(within) = within {
            let listed = |globs: &[String]| globs.iter().any(|pattern| glob(pattern, within));
            if (!self.namespaces.is_empty() && !listed(&self.namespaces))
                || listed(&self.excluded_namespaces)
            {
                return Ok(false);
            }
        }
        if let Some(selector) = &self.labels
            && !selector.matches(labels(object))
        {
            return Ok(false);
        }
        if let Some(selector) = &self.namespace_labels {
            let holds = if is_namespace {
                selector.matches(labels(object))
            } else if let Some(namespace) = namespace {
                selector.matches(labels(namespace))
            } else if own_namespace.is_empty() {
                true
            } else {
                return Err(
                    "failed to run Match criteria: namespace selector for namespace-scoped \
                     object but missing Namespace"
                        .to_owned(),
                );
            };
            if !holds {
                return Ok(false);
            }
        }
        let named = self.name.is_empty()
            || glob(&self.name, name)
            || glob_begins(&self.name, metadata(object, "generateName"));
        Ok(named && self.source.is_none_or(|source| source == origin))
    }

    /// In a few words.
    pub(crate) fn summary(&self) -> String {
        let mut words = Vec::new();
        let kinds: Vec<&str> = self
            .kinds
            .iter()
            .flat_map(|entry| entry.kinds.iter().map(String::as_str))
            .collect();
        words.push(match kinds.as_slice() {
            [] | ["*"] => "everything".to_owned(),
            kinds => kinds.join(", "),
        });
        if !self.namespaces.is_empty() {
            words.push(format!("in {}", self.namespaces.join(", ")));
        }
        if !self.excluded_namespaces.is_empty() {
            words.push(format!("not in {}", self.excluded_namespaces.join(", ")));
        }
        if self.labels.is_some() || self.namespace_labels.is_some() {
            words.push("by labels".to_owned());
        }
        if !self.name.is_empty() {
            words.push(format!("named {}", self.name));
        }
        words.join(" ")
    }
}

fn holds(list: &[String], word: &str) -> bool {
    list.is_empty() || list.iter().any(|entry| entry == "*" || entry == word)
}

/// A field of an object's metadata.
pub(crate) fn metadata<'a>(object: &'a Value, field: &str) -> &'a str {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get(field))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// An object's labels.
pub(crate) fn labels(object: &Value) -> Option<&Value> {
    object.get("metadata")?.get("labels")
}

/// Whether `text` fits `pattern`, which may begin or end with `*`.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => text.contains(rest.strip_suffix('*').unwrap_or(rest)),
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => pattern == text,
    }
}

/// Whether a name that will begin with `begin` is sure to fit.
fn glob_begins(pattern: &str, begin: &str) -> bool {
    if begin.is_empty() {
        return false;
    }
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => begin.contains(rest.strip_suffix('*').unwrap_or(rest)),
        (None, Some(start)) => begin.starts_with(start),
        _ => false,
    }
}

/// A label selector.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Selector {
    labels: Vec<(String, String)>,
    expressions: Vec<(String, Operator, Vec<String>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    pub(crate) fn read(value: &Value, at: &str) -> Result<Self, Fault> {
        let fields = value
            .as_object()
            .ok_or_else(|| format!("{at}: must be an object"))?;
        let mut selector = Self::default();
        for (key, value) in fields {
            match key.as_str() {
                "matchLabels" => {
                    for (key, value) in value.as_object().into_iter().flatten() {
                        let text = value.as_str().ok_or_else(|| {
                            format!("{at}.matchLabels.{key}: must be text, in quotes")
                        })?;
                        selector.labels.push((key.clone(), text.to_owned()));
                    }
                }
                "matchExpressions" => {
                    for entry in list(Some(value), &format!("{at}.matchExpressions"))? {
                        selector.expressions.push(expression(entry, at)?);
                    }
                }
                other => {
                    return Err(format!(
                        "{at}.{other}: unknown field (known are matchLabels, matchExpressions)"
                    ));
                }
            }
        }
        Ok(selector)
    }

    pub(crate) fn matches(&self, labels: Option<&Value>) -> bool {
        let label = |key: &str| {
            labels
                .and_then(|labels| labels.get(key))
                .and_then(Value::as_str)
        };
        self.labels
            .iter()
            .all(|(key, value)| label(key) == Some(value.as_str()))
            && self.expressions.iter().all(|(key, operator, values)| {
                let found = label(key);
                let listed = found.is_some_and(|found| values.iter().any(|value| value == found));
                match operator {
                    Operator::In => listed,
                    Operator::NotIn => !listed,
                    Operator::Exists => found.is_some(),
                    Operator::DoesNotExist => found.is_none(),
                }
            })
    }
}

fn expression(entry: &Value, at: &str) -> Result<(String, Operator, Vec<String>), Fault> {
    let at = format!("{at}.matchExpressions");
    let key = text(entry.get("key"), &format!("{at}.key"))?;
    let word = text(entry.get("operator"), &format!("{at}.operator"))?;
    let values = texts(entry.get("values"), &format!("{at}.values"))?;
    let operator = match word.as_str() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => {
            return Err(format!(
                "{at}: '{other}' is not a valid label selector operator"
            ));
        }
    };
    let lists = matches!(operator, Operator::In | Operator::NotIn);
    match (lists, values.is_empty()) {
        (true, true) => Err(format!(
            "{at}: values must be given when operator is {word}"
        )),
        (false, false) => Err(format!(
            "{at}: values may not be given when operator is {word}"
        )),
        _ => Ok((key, operator, values)),
    }
}

fn list<'a>(value: Option<&'a Value>, at: &str) -> Result<&'a [Value], Fault> {
    match value {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(format!("{at}: must be a list")),
    }
}

fn text(value: Option<&Value>, at: &str) -> Result<String, Fault> {
    match value {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(format!("{at}: must be text")),
    }
}

fn texts(value: Option<&Value>, at: &str) -> Result<Vec<String>, Fault> {
    list(value, at)?
        .iter()
        .map(|item| text(Some(item), at))
        .collect()
}

/// Names, each of which may begin or end with `*`.
pub(super) fn globs(value: Option<&Value>, at: &str) -> Result<Vec<String>, Fault> {
    let globs = texts(value, at)?;
    for glob in &globs {
        let inner = glob.strip_prefix('*').unwrap_or(glob);
        let inner = inner.strip_suffix('*').unwrap_or(inner);
        let fits = inner.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b':'
        });
        if !fits {
            return Err(format!(
                "{at}: '{glob}' is not a namespace's name, with * at its beginning or end at most"
            ));
        }
    }
    Ok(globs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(namespace: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1",
            "namespace": namespace, "labels": {"app": "web"}}})
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a test says it in place")]
    fn check(spec: Value, object: &Value, namespace: Option<&Value>, expected: bool) {
        let matches = Match::read(Some(&spec)).unwrap();
        assert_eq!(
            matches.matches_object(object, Origin::Original, namespace),
            Ok(expected),
            "{spec}"
        );
    }

    #[test]
    fn every_part_of_a_match_must_hold() {
        let shop = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "shop", "labels": {"stage": "test"}}});
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "admin"}});
        let web = pod("shop");
        let cases = [
            (json!({}), true, true),
            (
                json!({"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}),
                true,
                false,
            ),
            (
                json!({"kinds": [{"apiGroups": ["*"], "kinds": ["*"]}]}),
                true,
                true,
            ),
            (
                json!({"kinds": [{"apiGroups": ["apps"], "kinds": ["Pod"]}]}),
                false,
                false,
            ),
            (json!({"kinds": [{"kinds": ["ClusterRole"]}]}), false, true),
            (json!({"scope": "Namespaced"}), true, false),
            (json!({"scope": "Cluster"}), false, true),
            (json!({"namespaces": ["shop"]}), true, true),
            (json!({"namespaces": ["sh*", "x"]}), true, true),
            (json!({"namespaces": ["*op"]}), true, true),
            (json!({"namespaces": ["*ho*"]}), true, true),
            (json!({"namespaces": ["other"]}), false, true),
            (json!({"excludedNamespaces": ["s*"]}), false, true),
            (
                json!({"labelSelector": {"matchLabels": {"app": "web"}}}),
                true,
                false,
            ),
            (
                json!({"labelSelector": {"matchExpressions": [
                {"key": "app", "operator": "NotIn", "values": ["web"]}]}}),
                false,
                true,
            ),
            (
                json!({"labelSelector": {"matchExpressions": [
                {"key": "app", "operator": "DoesNotExist"}]}}),
                false,
                true,
            ),
            (
                json!({"namespaceSelector": {"matchLabels": {"stage": "test"}}}),
                true,
                true,
            ),
            (
                json!({"namespaceSelector": {"matchLabels": {"stage": "live"}}}),
                false,
                true,
            ),
            (json!({"name": "web-*"}), true, false),
            (json!({"name": "admin"}), false, true),
            (json!({"source": "Generated"}), false, false),
            (json!({"source": "All"}), true, true),
        ];
        for (spec, is_web, is_role) in cases {
            check(spec.clone(), &web, Some(&shop), is_web);
            check(spec, &role, None, is_role);
        }
    }

    #[test]
    fn a_namespace_is_matched_by_itself() {
        let shop = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "shop", "labels": {"stage": "test"}}});
        check(json!({"namespaces": ["shop"]}), &shop, None, true);
        check(json!({"excludedNamespaces": ["shop"]}), &shop, None, false);
        check(json!({"scope": "Cluster"}), &shop, None, true);
        let selector = json!({"namespaceSelector": {"matchLabels": {"stage": "test"}}});
        check(selector.clone(), &shop, None, true);
        let unknown = Match::read(Some(&selector)).unwrap();
        let fault = unknown
            .matches_object(&pod("nowhere"), Origin::Original, None)
            .unwrap_err();
        assert!(fault.ends_with("missing Namespace"), "{fault}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_field() {
        for (spec, expected) in [
            (json!({"kind": []}), "spec.match.kind: unknown field"),
            (json!({"scope": "cluster"}), "spec.match.scope"),
            (
                json!({"namespaces": "shop"}),
                "spec.match.namespaces: must be a list",
            ),
            (
                json!({"namespaces": ["a*b"]}),
                "'a*b' is not a namespace's name",
            ),
            (json!({"source": "some"}), "spec.match.source"),
            (
                json!({"labelSelector": {"matchLabels": {"a": true}}}),
                "in quotes",
            ),
            (
                json!({"labelSelector": {"labels": {}}}),
                "labelSelector.labels",
            ),
            (
                json!({"namespaceSelector": {"matchExpressions": [
                    {"key": "a", "operator": "Is", "values": []}]}}),
                "'Is' is not a valid label selector operator",
            ),
            (
                json!({"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}),
                "values must be given",
            ),
        ] {
            let fault = Match::read(Some(&spec)).unwrap_err();
            assert!(fault.contains(expected), "{fault}: not {expected}");
        }
    }

    #[test]
    fn a_name_yet_to_be_made_matches_by_its_beginning() {
        for (pattern, begin, expected) in [
            ("web-*", "web-", true),
            ("web-*", "we", false),
            ("*web*", "a-web-", true),
            ("*-1", "web-", false),
            ("web-1", "web-", false),
            ("*", "", false),
        ] {
            assert_eq!(glob_begins(pattern, begin), expected, "{pattern} {begin}");
        }
        assert!(glob("*", "") && glob("*", "any") && !glob("", "any"));
    }
}

//! One mutator, read and checked.

use serde_json::Value;

use super::change::Setter;
use super::conflict::Shape;
use super::external::External;
use super::image::Image;
use super::path::{Path, Tests};
use crate::gatekeeper::matching::{Match, metadata};
use crate::review::Kind;

const GROUP: &str = "mutations.gatekeeper.sh";

/// A mutator.
#[derive(Clone, Debug)]
pub(crate) struct Mutator {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) source: String,
    /// Absent for metadata, which every kind has.
    pub(crate) apply_to: Option<Vec<ApplyTo>>,
    pub(crate) matches: Match,
    pub(crate) path: Path,
    pub(crate) tests: Tests,
    pub(crate) value: Assigned,
}

/// What a mutator sets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Assigned {
    Fixed(Setter),
    /// The object's own name or namespace.
    Metadata(&'static str),
    External(External),
}

/// Kinds and operations a mutator is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApplyTo {
    groups: Vec<String>,
    versions: Vec<String>,
    kinds: Vec<String>,
    operations: Vec<String>,
}

/// Operations the mutating webhook is asked about.
pub(crate) const OPERATIONS: [&str; 2] = ["CREATE", "UPDATE"];

/// Whether a document is a mutator.
pub(crate) fn is_mutator(value: &Value) -> bool {
    value["apiVersion"]
        .as_str()
        .is_some_and(|version| version.split('/').next() == Some(GROUP))
}

impl Mutator {
    pub(crate) fn read(value: &Value, source: &str) -> Result<Self, String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let version = text(&value["apiVersion"]);
        let version = version.rsplit('/').next().unwrap_or_default();
        if !["v1", "v1beta1", "v1alpha1"].contains(&version) {
            return Err(format!(
                "apiVersion: unsupported version '{version}' (one of v1, v1beta1, v1alpha1)"
            ));
        }
        let kind = text(&value["kind"]);
        let name = metadata(value, "name").to_owned();
        if name.is_empty() || name.len() > 63 {
            return Err("metadata.name: 1 to 63 characters".to_owned());
        }
        let spec = &value["spec"];
        let location = text(&spec["location"]);
        let path = Path::parse(&location)
            .map_err(|why| format!("invalid location format `{location}`: {why}"))?;
        let parameters = &spec["parameters"];
        let (tests, value, apply_to) = match kind.as_str() {
            "AssignMetadata" => (
                Tests::only_where_absent(&path),
                assign_metadata(parameters, &path, &location)?,
                None,
            ),
            "Assign" | "ModifySet" | "AssignImage" => {
                if path.is_under("metadata") {
                    return Err(format!("{kind} can't change metadata: AssignMetadata can"));
                }
                let value = match kind.as_str() {
                    "Assign" => assign(parameters, &path)?,
                    "ModifySet" => modify_set(parameters, &path)?,
                    _ => assign_image(parameters, &path)?,
                };
                (
                    Tests::parse(parameters.get("pathTests"), &path)?,
                    value,
                    Some(ApplyTo::read_all(&spec["applyTo"])?),
                )
            }
            other => {
                return Err(format!(
                    "kind: '{other}' is not known (one of Assign, AssignImage, AssignMetadata, \
                     ModifySet)"
                ));
            }
        };
        Ok(Self {
            kind,
            name,
            source: source.to_owned(),
            apply_to,
            matches: Match::read(spec.get("match"))?,
            path,
            tests,
            value,
        })
    }

    /// `Assign/name`.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    pub(crate) fn applies_to(&self, kind: &Kind, operation: &str) -> bool {
        self.apply_to
            .as_ref()
            .is_none_or(|entries| entries.iter().any(|entry| entry.holds(kind, operation)))
    }

    pub(crate) fn wants(&self, kind: &Kind) -> bool {
        self.matches.wants(kind)
            && self
                .apply_to
                .as_ref()
                .is_none_or(|entries| entries.iter().any(|entry| entry.is_for(kind)))
    }

    /// What is at the end of its path, as far as that is sure.
    pub(crate) fn shape(&self) -> Shape {
        match &self.value {
            Assigned::Fixed(Setter::Merge(_) | Setter::Prune(_)) => Shape::Set,
            Assigned::Fixed(Setter::Image(_)) => Shape::Text,
            _ => Shape::Unknown,
        }
    }

    /// Whether nothing may be below the end of its path.
    pub(crate) fn is_end(&self) -> bool {
        matches!(
            self.value,
            Assigned::Fixed(Setter::Image(_)) | Assigned::External(_)
        )
    }
}

impl ApplyTo {
    fn read_all(value: &Value) -> Result<Vec<Self>, String> {
        let entries = value
            .as_array()
            .filter(|entries| !entries.is_empty())
            .ok_or("applyTo required")?;
        entries.iter().map(Self::read).collect()
    }

    pub(crate) fn read(value: &Value) -> Result<Self, String> {
        let list = |key: &str| -> Vec<String> {
            let items = value.get(key).and_then(Value::as_array);
            items
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let entry = Self {
            groups: list("groups"),
            versions: list("versions"),
            kinds: list("kinds"),
            operations: list("operations"),
        };
        if entry.groups.is_empty() || entry.versions.is_empty() || entry.kinds.is_empty() {
            return Err(
                "invalid applyTo, all of group, version and kind must be specified".to_owned(),
            );
        }
        if let Some(other) = entry
            .operations
            .iter()
            .find(|name| *name != "*" && !OPERATIONS.contains(&name.as_str()))
        {
            return Err(format!(
                "invalid applyTo: the operation '{other}' is not supported (one of CREATE, UPDATE, *)"
            ));
        }
        Ok(entry)
    }

    pub(crate) fn is_for(&self, kind: &Kind) -> bool {
        let has = |list: &[String], word: &str| list.iter().any(|entry| entry == word);
        has(&self.groups, &kind.group)
            && has(&self.versions, &kind.version)
            && has(&self.kinds, &kind.kind)
    }

    /// An operation that is not known is one only if every one is.
    fn holds(&self, kind: &Kind, operation: &str) -> bool {
        let any = self.operations.is_empty() || self.operations.iter().any(|name| name == "*");
        let named = |wanted: &str| self.operations.iter().any(|name| name == wanted);
        self.is_for(kind)
            && match operation {
                "" => any || OPERATIONS.iter().all(|name| named(name)),
                known => OPERATIONS.contains(&known) && (any || named(known)),
            }
    }

    /// Every kind and operation it names.
    pub(crate) fn bindings(&self) -> impl Iterator<Item = (Kind, &'static str)> {
        let operations: Vec<&'static str> = OPERATIONS
            .into_iter()
            .filter(|name| {
                self.operations.is_empty()
                    || self.operations.iter().any(|own| own == "*" || own == name)
            })
            .collect();
        let mut bindings = Vec::new();
        for group in &self.groups {
            for version in &self.versions {
                for kind in &self.kinds {
                    for operation in &operations {
                        let kind = Kind {
                            group: group.clone(),
                            version: version.clone(),
                            kind: kind.clone(),
                        };
                        bindings.push((kind, *operation));
                    }
                }
            }
        }
        bindings.into_iter()
    }
}

/// `parameters.assign`: exactly one way to say what is set.
fn assigned(parameters: &Value) -> Result<Assigned, String> {
    let field = |key: &str| parameters["assign"].get(key);
    match (field("value"), field("fromMetadata"), field("externalData")) {
        (Some(value), None, None) => Ok(Assigned::Fixed(Setter::Value(value.clone()))),
        (None, Some(from), None) => match from.get("field").and_then(Value::as_str) {
            Some("name") => Ok(Assigned::Metadata("name")),
            Some("namespace") => Ok(Assigned::Metadata("namespace")),
            other => Err(format!(
                "fromMetadata: field {} is not recognized (one of name, namespace)",
                other.unwrap_or("nothing")
            )),
        },
        (None, None, Some(external)) => External::read(external).map(Assigned::External),
        (None, None, None) => {
            Err("assign must set one of `externalData`, `value` or `fromMetadata`".to_owned())
        }
        _ => {
            Err("assign must only set one of `externalData`, `value` or `fromMetadata`".to_owned())
        }
    }
}

fn assign(parameters: &Value, path: &Path) -> Result<Assigned, String> {
    if path.changes_key() {
        return Err("invalid path format: changing the item key is not allowed".to_owned());
    }
    let value = assigned(parameters)?;
    let Some(super::path::Step::Entry { key, value: wanted }) = path.steps.last() else {
        return Ok(value);
    };
    match (&value, wanted) {
        (_, None) => Err("can't append to a globbed list".to_owned()),
        (Assigned::Fixed(Setter::Value(Value::Object(entry))), Some(wanted)) => {
            if entry.get(key) == Some(wanted) {
                Ok(value)
            } else {
                Err(format!(
                    "adding object to list with different key {key}: list key {wanted}, object \
                     key {}",
                    entry.get(key).unwrap_or(&Value::Null)
                ))
            }
        }
        (Assigned::Fixed(Setter::Value(other)), _) => Err(format!(
            "invalid value: `{other}`, only objects can be added to keyed lists"
        )),
        (Assigned::Metadata(_), _) => Err("cannot assign a metadata field to a list".to_owned()),
        _ => Err("cannot assign external data response to a list".to_owned()),
    }
}

fn assign_metadata(parameters: &Value, path: &Path, location: &str) -> Result<Assigned, String> {
    use super::path::Step;
    let valid = matches!(path.steps.as_slice(),
        [Step::Member(first), Step::Member(second), Step::Member(_)]
            if first == "metadata" && (second == "labels" || second == "annotations"));
    if !valid {
        return Err(format!(
            "invalid location for AssignMetadata: {location} (a label or an annotation)"
        ));
    }
    match assigned(parameters)? {
        Assigned::Fixed(Setter::Value(value)) if !value.is_string() => {
            Err("spec.parameters.assign.value field must be a string for AssignMetadata".to_owned())
        }
        Assigned::External(external) if !external.by_user => {
            Err("only username data source is supported for AssignMetadata".to_owned())
        }
        assigned => Ok(assigned),
    }
}

fn modify_set(parameters: &Value, path: &Path) -> Result<Assigned, String> {
    if path.ends_in_list() {
        return Err("final node in a modifyset location cannot be a keyed list".to_owned());
    }
    let values = parameters["values"]["fromList"]
        .as_array()
        .cloned()
        .ok_or("values.fromList is missing")?;
    let setter = match parameters["operation"].as_str() {
        None | Some("merge") => Setter::Merge(values),
        Some("prune") => Setter::Prune(values),
        Some(other) => {
            return Err(format!(
                "unrecognized operation for modifyset: {other} (one of merge, prune)"
            ));
        }
    };
    Ok(Assigned::Fixed(setter))
}

fn assign_image(parameters: &Value, path: &Path) -> Result<Assigned, String> {
    if path.ends_in_list() {
        return Err("the location of an AssignImage cannot end in a list".to_owned());
    }
    if path.changes_key() {
        return Err("invalid path format: changing the item key is not allowed".to_owned());
    }
    let part = |key: &str| parameters[key].as_str().unwrap_or_default();
    Image::new(part("assignDomain"), part("assignPath"), part("assignTag"))
        .map(|image| Assigned::Fixed(Setter::Image(image)))
}

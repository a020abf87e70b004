//! Manifests: objects as they are written in files, with where they
//! stand, judged where they are written.
//!
//! Text is hostile: documents, their size and their depth are bounded,
//! and one that cannot be read is named beside the rest.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::review::{Kind, Moment, Operation, Origin, Review, Violation};
use crate::set::Policies;
use crate::world::World;

/// Documents read of one text.
const MAX_DOCUMENTS: usize = 100_000;

/// The largest document.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Lists within lists.
const MAX_LISTS: usize = 4;

/// One object, and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The file; of what Helm made, the template it made it from.
    pub source: String,
    /// The line its document begins at.
    pub line: usize,
    pub object: Value,
    /// The document, for finding lines in it.
    text: Arc<str>,
}

/// A document that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    pub source: String,
    pub line: usize,
    pub message: String,
}

/// What the policies say of one manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged<'a> {
    pub manifest: &'a Manifest,
    pub violations: Vec<Violation>,
}

/// Reads every object of a YAML or JSON text, those in lists one by one.
/// Documents that are no objects of Kubernetes are left out.
pub fn read(source: &str, text: &str) -> (Vec<Manifest>, Vec<Unread>) {
    let (mut manifests, mut unread) = (Vec::new(), Vec::new());
    for (index, (line, document)) in split(text).into_iter().enumerate() {
        let place = made_from(document).map_or_else(
            || source.to_owned(),
            |template| match source {
                "-" => template.to_owned(),
                source => format!("{source} ({template})"),
            },
        );
        let mut fault = |line: usize, message: String| {
            unread.push(Unread {
                source: place.clone(),
                line,
                message,
            });
        };
        if index >= MAX_DOCUMENTS {
            fault(line, format!("more than {MAX_DOCUMENTS} documents"));
            break;
        }
        if document.len() > MAX_BYTES {
            fault(line, format!("a document of more than {MAX_BYTES} bytes"));
            continue;
        }
        let mut parts = serde_norway::Deserializer::from_str(document);
        let parsed = parts.next().map(Value::deserialize);
        let object = match parsed {
            None => continue,
            Some(Ok(object)) => object,
            Some(Err(error)) => {
                let at = error.location().map_or(0, |place| place.line() - 1);
                fault(line + at, error.to_string());
                continue;
            }
        };
        let text: Arc<str> = document.into();
        add(&object, 0, &mut |object| {
            manifests.push(Manifest {
                source: place.clone(),
                line: line + begin(document),
                object: object.clone(),
                text: Arc::clone(&text),
            });
        });
    }
    (manifests, unread)
}

/// Documents of a text, each with the line it begins at.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut documents = Vec::new();
    let (mut from, mut at, mut line, mut first) = (0, 0, 1, 1);
    for row in text.split_inclusive('\n') {
        let is_border = row
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if is_border {
            documents.push((first, text.get(from..at).unwrap_or_default()));
            // What stands behind the dashes belongs to the document.
            let has_more = row.get(3..).is_some_and(|rest| {
                let rest = rest.trim();
                !rest.is_empty() && !rest.starts_with('#')
            });
            (from, first) = if has_more {
                (at + 3, line)
            } else {
                (at + row.len(), line + 1)
            };
        }
        at += row.len();
        line += 1;
    }
    documents.push((first, text.get(from..).unwrap_or_default()));
    documents
}

/// Lines before the first that says something.
fn begin(document: &str) -> usize {
    document
        .lines()
        .position(|row| !row.trim().is_empty() && !row.trim_start().starts_with('#'))
        .unwrap_or(0)
}

/// The template Helm says a document was made from.
fn made_from(document: &str) -> Option<&str> {
    let head = document.lines().take(3);
    head.filter_map(|row| row.strip_prefix("# Source: "))
        .map(str::trim)
        .next()
}

fn add(object: &Value, depth: usize, found: &mut dyn FnMut(&Value)) {
    let is_list = object["kind"]
        .as_str()
        .is_some_and(|kind| kind.ends_with("List"));
    match object.get("items").and_then(Value::as_array) {
        Some(items) if is_list && depth < MAX_LISTS => {
            for item in items {
                add(item, depth + 1, found);
            }
        }
        _ => {
            if Kind::of(object).is_some() {
                found(object);
            }
        }
    }
}

/// Documents as YAML, one behind the other.
pub fn write(documents: &[Value]) -> Result<String, String> {
    let mut texts = Vec::new();
    for document in documents {
        texts.push(serde_norway::to_string(document).map_err(|error| error.to_string())?);
    }
    Ok(texts.join("---\n"))
}

/// Kinds that are in no namespace, of those everybody has.
const CLUSTER_KINDS: &[&str] = &[
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "FlowSchema",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
];

impl Manifest {
    /// Puts an object that names no namespace into `namespace`, unless it
    /// is of a kind that is in none.
    pub fn place(&mut self, namespace: &str) {
        let kind = self.object["kind"].as_str().unwrap_or_default();
        let is_placed = self.object["metadata"]["namespace"].is_string();
        if !is_placed && !CLUSTER_KINDS.contains(&kind) {
            if !self.object["metadata"].is_object() {
                self.object["metadata"] = json!({});
            }
            self.object["metadata"]["namespace"] = json!(namespace);
        }
    }

    pub fn name(&self) -> &str {
        let metadata = &self.object["metadata"];
        metadata["name"]
            .as_str()
            .or(metadata["generateName"].as_str())
            .unwrap_or_default()
    }

    pub fn namespace(&self) -> &str {
        self.object["metadata"]["namespace"]
            .as_str()
            .unwrap_or_default()
    }

    /// `Deployment shop/web`
    pub fn title(&self) -> String {
        let kind = self.object["kind"].as_str().unwrap_or_default();
        match self.namespace() {
            "" => format!("{kind} {}", self.name()),
            namespace => format!("{kind} {namespace}/{}", self.name()),
        }
    }

    /// The line to look at for a violation: the container's, where it
    /// names one that is found.
    pub fn line_of(&self, violation: &Violation) -> usize {
        let name = violation.details["container"].as_str();
        let row = name.and_then(|name| {
            self.text.lines().position(|row| {
                let row = row.trim_start().trim_start_matches("- ").trim_start();
                row.strip_prefix("name:")
                    .is_some_and(|value| value.trim().trim_matches(['"', '\'']) == name)
            })
        });
        match row {
            Some(row) => self.line + row - begin(&self.text),
            None => self.line,
        }
    }
}

/// What the manifests know of each other: they are one another's
/// inventory. A namespace none of them describes is taken to have the
/// label every namespace has.
pub fn world(manifests: &[Manifest]) -> World {
    let mut world = World::default();
    let mut namespaces = BTreeSet::new();
    for manifest in manifests {
        world.inventory.put(&manifest.object);
        namespaces.insert(manifest.namespace());
        let kind = Kind::of(&manifest.object).unwrap_or_default();
        if kind.kind == "Namespace" && kind.group.is_empty() {
            let mut object = manifest.object.clone();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = json!(manifest.name());
            world
                .namespaces
                .insert(manifest.name().to_owned(), Arc::new(object));
        }
    }
    for name in namespaces.into_iter().filter(|name| !name.is_empty()) {
        world.namespaces.entry(name.to_owned()).or_insert_with(|| {
            Arc::new(
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
                "name": name, "labels": {"kubernetes.io/metadata.name": name}}}),
            )
        });
    }
    world
}

/// Judges each manifest, in their order.
pub fn judge<'a>(policies: &Policies, manifests: &'a [Manifest], world: &World) -> Vec<Judged<'a>> {
    manifests
        .iter()
        .map(|manifest| Judged {
            manifest,
            violations: policies.review(
                &Review {
                    moment: Moment::Ci,
                    operation: Operation::Create,
                    kind: Kind::of(&manifest.object).unwrap_or_default(),
                    object: Some(&manifest.object),
                    old_object: None,
                    name: manifest.name(),
                    namespace: manifest.namespace(),
                    namespace_object: None,
                    origin: Origin::Original,
                    request: None,
                },
                world,
            ),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::Action;

    const TEXT: &str = "\
# Source: shop/templates/web.yaml
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
  - image: a
    name: app
---
---
# nothing
--- # two
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}
- {apiVersion: v1, kind: Service, metadata: {name: web, namespace: other}}
---
just: data
---
kind: [
";

    #[test]
    fn objects_are_read_with_their_place() {
        let (mut manifests, unread) = read("-", TEXT);
        let titles: Vec<String> = manifests.iter().map(Manifest::title).collect();
        assert_eq!(titles, ["Pod web", "Namespace shop", "Service other/web"]);
        let lines: Vec<usize> = manifests.iter().map(|manifest| manifest.line).collect();
        assert_eq!(lines, [2, 14, 14]);
        assert_eq!(manifests[0].source, "shop/templates/web.yaml");
        assert_eq!(manifests[1].source, "-");
        assert_eq!(unread.len(), 1);
        assert!((22..=24).contains(&unread[0].line), "{unread:?}");

        let violation = |container: &str| Violation {
            kind: String::new(),
            constraint: String::new(),
            action: Action::Deny,
            message: String::new(),
            details: json!({"container": container}),
            failed: false,
        };
        assert_eq!(manifests[0].line_of(&violation("app")), 9);
        assert_eq!(manifests[0].line_of(&violation("other")), 2);

        for manifest in &mut manifests {
            manifest.place("shop");
        }
        let titles: Vec<String> = manifests.iter().map(Manifest::title).collect();
        assert_eq!(
            titles,
            ["Pod shop/web", "Namespace shop", "Service other/web"]
        );
        let world = world(&manifests);
        let label = |name: &str, label: &str| {
            world.namespace(name).unwrap()["metadata"]["labels"][label].clone()
        };
        assert_eq!(label("shop", "team"), "a");
        assert_eq!(label("other", "kubernetes.io/metadata.name"), "other");
        assert_eq!(world.inventory.len(), 3);
    }

    #[test]
    fn what_is_too_large_or_too_deep_is_named() {
        let large = format!("kind: Pod\napiVersion: v1\na: {}\n", "x".repeat(MAX_BYTES));
        let (manifests, unread) = read("a.yaml", &large);
        assert!(manifests.is_empty() && unread[0].message.contains("bytes"));
        let deep = "[".repeat(100_000);
        let (manifests, unread) = read("a.yaml", &deep);
        assert!(manifests.is_empty() && unread.len() == 1, "{unread:?}");
    }
}

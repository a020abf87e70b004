//! `ConstraintTemplate`, of every version.

use serde_json::Value;

use super::schema::Schema;
use crate::engine::TemplateEngine;
use crate::rego::{Dialect, RegoTemplate};
use crate::review::Kind;
use crate::suite::RegoEngine;
use crate::world::World;

const GROUP: &str = "templates.gatekeeper.sh";

/// The one target there is.
const TARGET: &str = "admission.k8s.gatekeeper.sh";

/// An annotation of a template: of what it looks up it asks for nothing
/// but names.
const NAMES_ONLY: &str = "policies.seawall.dev/sync-names-only";

/// A compiled template.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) name: String,
    /// The kind of its constraints.
    pub(crate) kind: String,
    pub(crate) schema: Option<Schema>,
    /// Operations it is asked about at admission; all where empty.
    pub(crate) operations: Vec<String>,
    /// Kinds it looks up, by its `requires-sync-data`.
    pub(crate) looks_up: Vec<Kind>,
    /// Of those, nothing but what they are called.
    pub(crate) names_only: bool,
    pub(crate) engine: Box<dyn TemplateEngine>,
}

/// Whether a document is a template.
pub(crate) fn is_template(value: &Value) -> bool {
    value["kind"] == "ConstraintTemplate"
        && value["apiVersion"]
            .as_str()
            .is_some_and(|version| version.starts_with(GROUP))
}

impl Template {
    pub(crate) fn read(value: &Value, by: RegoEngine) -> Result<Self, String> {
        let version = value["apiVersion"].as_str().unwrap_or_default();
        let version = version.rsplit('/').next().unwrap_or_default();
        if !["v1", "v1beta1", "v1alpha1"].contains(&version) {
            return Err(format!(
                "apiVersion: '{GROUP}/{version}' is not known (one of v1, v1beta1, v1alpha1)"
            ));
        }
        let name = value["metadata"]["name"].as_str().unwrap_or_default();
        let crd = &value["spec"]["crd"]["spec"];
        let kind = crd["names"]["kind"].as_str().unwrap_or_default();
        if kind.is_empty() {
            return Err("spec.crd.spec.names.kind: Required value".to_owned());
        }
        if name != kind.to_lowercase() {
            return Err(format!(
                "metadata.name: is '{name}', must be the lower-case of \
                 spec.crd.spec.names.kind: '{}'",
                kind.to_lowercase()
            ));
        }
        let is_name = name.len() <= 63
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !is_name {
            return Err(format!(
                "metadata.name: '{name}' is not a name (letters, digits and '-', at most 63)"
            ));
        }
        let validation = &crd["validation"];
        let lenient = validation["legacySchema"]
            .as_bool()
            .unwrap_or(version != "v1" && validation.is_object());
        let schema = match validation.get("openAPIV3Schema") {
            Some(schema) if !schema.is_null() => Some(Schema::read(schema, lenient)?),
            _ if lenient || version != "v1" => Some(Schema::any()),
            _ => None,
        };
        let targets = value["spec"]["targets"].as_array();
        let target = match targets.map(Vec::as_slice) {
            None => {
                return Err("field \"targets\" not specified in ConstraintTemplate spec".to_owned());
            }
            Some([]) => {
                return Err(
                    "no targets specified: ConstraintTemplate must specify one target".to_owned(),
                );
            }
            Some([target]) => target,
            Some(_) => {
                return Err("multi-target templates are not currently supported".to_owned());
            }
        };
        let aimed = target["target"].as_str().unwrap_or_default();
        if aimed != TARGET {
            return Err(format!(
                "spec.targets[0].target: '{aimed}' is not known (it is {TARGET})"
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            schema,
            operations: words(&target["operations"]),
            looks_up: looks_up(value),
            names_only: value["metadata"]["annotations"][NAMES_ONLY] == "true",
            engine: engine(target, by)?,
        })
    }

    /// Whether it looks at other objects than the one it judges.
    pub(crate) fn looks_around(&self) -> bool {
        match self.engine.reads() {
            Some(reads) => reads.inventory || reads.all,
            None => !self.looks_up.is_empty(),
        }
    }

    /// Whether it may ask providers of external data.
    pub(crate) fn asks_providers(&self) -> bool {
        self.engine.reads().is_some_and(|reads| reads.external)
    }

    /// A kind it looks up and that is not known whole. Which ones it does
    /// not say, may be any.
    pub(crate) fn unseen<'w>(&self, world: &'w World) -> Option<&'w Kind> {
        let mut unseen = world.unseen.iter();
        if self.looks_up.is_empty() {
            return unseen.next().filter(|_| self.looks_around());
        }
        unseen.find(|kind| self.looks_up.contains(kind))
    }

    /// Whether it is asked about requests that do this.
    pub(crate) fn judges(&self, operation: &str) -> bool {
        self.operations.is_empty()
            || self
                .operations
                .iter()
                .any(|known| known == "*" || known == operation)
    }
}

fn words(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}

/// The first code in a language that is known here; CEL before Rego, as
/// Gatekeeper prefers it, unless an engine of Rego's is asked for.
fn engine(target: &Value, by: RegoEngine) -> Result<Box<dyn TemplateEngine>, String> {
    let code = target["code"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let written_in = |engine: &str| {
        let code = code.iter().find(|each| each["engine"] == engine);
        code.map(|code| &code["source"])
    };
    let in_rego = written_in("Rego").or_else(|| target.get("rego").map(|_| target));
    let in_cel = written_in("K8sNativeValidation");
    match (in_cel, in_rego) {
        (Some(source), None) => crate::cel::template(source),
        (Some(source), Some(_)) if by == RegoEngine::Chosen => crate::cel::template(source),
        (_, Some(source)) => rego(source, by),
        (None, None) => Err(match code.first() {
            Some(other) => format!(
                "spec.targets[0].code[0].engine: {} is not known (one of Rego, \
                 K8sNativeValidation)",
                other["engine"]
            ),
            None => NO_REGO.to_owned(),
        }),
    }
}

const NO_REGO: &str = "could not extract Rego from the constraint template";

fn rego(source: &Value, by: RegoEngine) -> Result<Box<dyn TemplateEngine>, String> {
    let text = source["rego"].as_str().unwrap_or_default();
    if text.trim().is_empty() {
        return Err(NO_REGO.to_owned());
    }
    let dialect = match source["version"].as_str() {
        Some("v1") => Dialect::V1,
        _ => Dialect::V0,
    };
    let template = RegoTemplate::compile(text, &words(&source["libs"]), dialect, by)?;
    Ok(Box::new(template))
}

/// Kinds named by the annotation that says what a template needs synced:
/// a list of alternatives, each a list of groups, versions and kinds.
fn looks_up(value: &Value) -> Vec<Kind> {
    let annotation = value["metadata"]["annotations"]["metadata.gatekeeper.sh/requires-sync-data"]
        .as_str()
        .unwrap_or_default();
    let text = annotation.trim().trim_matches('"');
    let parsed: Value = serde_json::from_str(text).unwrap_or_default();
    let mut kinds = Vec::new();
    for entry in parsed
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|each| each.as_array().into_iter().flatten())
    {
        for group in words(&entry["groups"]) {
            for version in words(&entry["versions"]) {
                for kind in words(&entry["kinds"]) {
                    kinds.push(Kind {
                        group: group.clone(),
                        version: version.clone(),
                        kind,
                    });
                }
            }
        }
    }
    kinds
}

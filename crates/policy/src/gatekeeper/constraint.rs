//! Constraints: a template, parameters, what they are about, and what
//! becomes of a violation.

use serde_json::{Map, Value};

use super::matching::Match;
use super::template::Template;
use crate::rego::to_rego;
use crate::review::{Action, Moment};

const GROUP: &str = "constraints.gatekeeper.sh";

/// Fields of a constraint's `spec`.
const FIELDS: &[&str] = &[
    "match",
    "parameters",
    "enforcementAction",
    "scopedEnforcementActions",
];

/// One constraint, read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Constraint {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) source: String,
    /// The whole document: CEL templates see it as `params`.
    pub(crate) object: Value,
    /// `spec.parameters`, with the schema's defaults.
    pub(crate) parameters: Value,
    pub(crate) rego_parameters: regorus::Value,
    pub(crate) matches: Match,
    actions: Actions,
}

/// What becomes of a violation, by when it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Actions {
    Always(Action),
    /// At the enforcement points named.
    Scoped(Vec<(String, Action)>),
}

/// Gatekeeper's enforcement points that somebody asks at.
pub(super) const POINTS: [&str; 3] = [
    "audit.gatekeeper.sh",
    "gator.gatekeeper.sh",
    "validation.gatekeeper.sh",
];

/// The name of a moment among them.
fn point(moment: Moment) -> &'static str {
    let [audit, ci, admission] = POINTS;
    match moment {
        Moment::Ci => ci,
        Moment::Admission => admission,
        Moment::Audit => audit,
    }
}

/// Whether a document is a constraint.
pub(crate) fn is_constraint(value: &Value) -> bool {
    value["apiVersion"]
        .as_str()
        .is_some_and(|version| version.split('/').next() == Some(GROUP))
}

impl Constraint {
    pub(crate) fn read(value: &Value, source: &str, template: &Template) -> Result<Self, String> {
        let version = value["apiVersion"].as_str().unwrap_or_default();
        let version = version.rsplit('/').next().unwrap_or_default();
        if !["v1beta1", "v1alpha1"].contains(&version) {
            return Err(format!(
                "apiVersion: unsupported version '{version}' (one of v1beta1, v1alpha1)"
            ));
        }
        let name = value["metadata"]["name"].as_str().unwrap_or_default();
        if !is_subdomain(name) {
            return Err(format!(
                "metadata.name: invalid name: '{name}' (lower-case letters, digits, '-' and '.')"
            ));
        }
        if name.len() > 63 {
            return Err(
                "metadata.name: schema validation failed: at most 63 characters".to_owned(),
            );
        }
        let empty = Map::new();
        let spec = match value.get("spec") {
            None | Some(Value::Null) => &empty,
            Some(Value::Object(spec)) => spec,
            Some(_) => return Err("schema validation failed: spec: must be an object".to_owned()),
        };
        if let Some(unknown) = spec.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            return Err(format!(
                "spec.{unknown}: unknown field (known are {})",
                FIELDS.join(", ")
            ));
        }
        let mut object = value.clone();
        let mut parameters = spec.get("parameters").cloned().unwrap_or_default();
        let given = !parameters.is_null();
        if !given {
            parameters = Value::Object(Map::new());
        }
        let faults = match &template.schema {
            Some(schema) => {
                let mut faults = schema.apply(&mut parameters, "spec.parameters");
                if !given {
                    // Kubernetes misses a field only where its parent is.
                    faults.clear();
                }
                faults
            }
            None if given => vec![
                "spec.parameters: unknown field (the template has no \
                 schema of parameters)"
                    .to_owned(),
            ],
            None => Vec::new(),
        };
        if !faults.is_empty() {
            return Err(format!("schema validation failed: {}", faults.join("; ")));
        }
        let has_parameters = parameters
            .as_object()
            .is_none_or(|fields| !fields.is_empty());
        if has_parameters && let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut)
        {
            spec.insert("parameters".to_owned(), parameters.clone());
        }
        Ok(Self {
            kind: template.kind.clone(),
            name: name.to_owned(),
            source: source.to_owned(),
            object,
            rego_parameters: to_rego(&parameters),
            parameters,
            matches: Match::read(spec.get("match"))
                .map_err(|fault| format!("schema validation failed: {fault}"))?,
            actions: Actions::read(spec)?,
        })
    }

    /// What becomes of a violation found at `moment`; `None` where the
    /// constraint is not asked then.
    pub(crate) fn action(&self, moment: Moment) -> Option<Action> {
        match &self.actions {
            Actions::Always(action) => Some(*action),
            Actions::Scoped(points) => points
                .iter()
                .filter(|(name, _)| name == "*" || name == point(moment))
                .map(|(_, action)| *action)
                .max(),
        }
    }

    /// The strongest action it has at any moment.
    pub(crate) fn strongest(&self) -> Action {
        match &self.actions {
            Actions::Always(action) => *action,
            Actions::Scoped(points) => points
                .iter()
                .map(|(_, action)| *action)
                .max()
                .unwrap_or(Action::DryRun),
        }
    }
}

impl Actions {
    fn read(spec: &Map<String, Value>) -> Result<Self, String> {
        let word = match spec.get("enforcementAction") {
            None | Some(Value::Null) => "deny",
            Some(Value::String(word)) => word.as_str(),
            Some(_) => {
                return Err(
                    "schema validation failed: spec.enforcementAction: must be text".to_owned(),
                );
            }
        };
        if word != "scoped" {
            return action(word, "spec.enforcementAction").map(Self::Always);
        }
        let entries = match spec.get("scopedEnforcementActions") {
            Some(Value::Array(entries)) => entries,
            None => {
                return Err(
                    "spec.scopedEnforcementActions: Required value where enforcementAction is \
                     scoped"
                        .to_owned(),
                );
            }
            Some(_) => {
                return Err(
                    "scopedEnforcementActions value must be a [{action: string, \
                     enforcementPoints: [{name: string}]}]"
                        .to_owned(),
                );
            }
        };
        let mut points = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let at = format!("spec.scopedEnforcementActions[{index}].action");
            let action = action(entry["action"].as_str().unwrap_or_default(), &at)?;
            for point in entry["enforcementPoints"].as_array().into_iter().flatten() {
                if let Some(name) = point["name"].as_str() {
                    points.push((name.to_owned(), action));
                }
            }
        }
        Ok(Self::Scoped(points))
    }
}

fn action(word: &str, at: &str) -> Result<Action, String> {
    match word {
        "deny" => Ok(Action::Deny),
        "warn" => Ok(Action::Warn),
        "dryrun" => Ok(Action::DryRun),
        other => Err(format!(
            "{at}: '{other}' is not known (one of deny, warn, dryrun, scoped)"
        )),
    }
}

fn is_subdomain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|part| {
            let is_edge = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
            part.starts_with(is_edge)
                && part.ends_with(is_edge)
                && part.chars().all(|letter| is_edge(letter) || letter == '-')
        })
}

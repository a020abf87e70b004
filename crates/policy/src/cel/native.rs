//! Gatekeeper's engine `K8sNativeValidation`: templates in CEL.

use serde_json::Value as Json;

use super::validation::{Given, Seen, Validator, request};
use super::value::Value;
use super::{CALL_LIMIT, Root};
use crate::engine::{Ask, Said, TemplateEngine};
use crate::gatekeeper::shape;
use crate::rego::Reads;
use crate::review::Operation;

/// Variables every template has. Gatekeeper defines them so, and where it
/// turns a template into one of Kubernetes' own policies it says the same.
const GIVEN: Given = &[
    (
        "anyObject",
        "has(request.operation) && request.operation == \"DELETE\" && object == null ? oldObject \
         : object",
    ),
    (
        "params",
        "!has(params.spec) ? null : !has(params.spec.parameters) ? null : params.spec.parameters",
    ),
];
/// Where `params` is among them.
const PARAMS: usize = 1;

const RESERVED: &str = "gatekeeper_internal_";

#[derive(Debug)]
struct Template {
    validator: Validator,
    reads: Reads,
}

/// Compiles the `source` of a template's `K8sNativeValidation` code.
pub(crate) fn template(source: &Json) -> Result<Box<dyn TemplateEngine>, String> {
    if !source.is_object() {
        return Err("the source of K8sNativeValidation is a map".to_owned());
    }
    for variable in source
        .get("variables")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        let name = variable.get("name").and_then(Json::as_str).unwrap_or("");
        if name.starts_with(RESERVED) || GIVEN.iter().any(|(given, _)| *given == name) {
            return Err(format!(
                "{name:?} is no name for a variable: it is reserved"
            ));
        }
    }
    // Gatekeeper reads `matchCondition`; everybody writes `matchConditions`.
    let conditions = if source.get("matchCondition").is_some() {
        "matchCondition"
    } else {
        "matchConditions"
    };
    for condition in source
        .get(conditions)
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        let name = condition.get("name").and_then(Json::as_str).unwrap_or("");
        if name.starts_with(RESERVED) {
            return Err(format!(
                "{name:?} is no name for a match condition: it is reserved"
            ));
        }
    }
    let validator = Validator::parse(source, conditions, true, GIVEN)?;
    let reads = reads(&validator);
    Ok(Box::new(Template { validator, reads }))
}

impl TemplateEngine for Template {
    fn judge(&self, ask: &Ask<'_>) -> Result<Vec<Said>, String> {
        let review = ask.review;
        let request = request(review, shape::operation(review));
        let seen = Seen {
            // Gatekeeper hides the object of a deletion, as Kubernetes does.
            object: review
                .object
                .filter(|_| review.operation != Operation::Delete),
            old_object: review.old_object,
            request: &request,
            params: Some(&ask.constraint.object),
            namespace: shape::namespace(review, ask.world),
        };
        let known = match &ask.constraint.parameters {
            Json::Null => Vec::new(),
            parameters => vec![(PARAMS, Value::of(parameters))],
        };
        let outcome = self.validator.judge(seen, &known, CALL_LIMIT);
        Ok(outcome
            .decisions
            .into_iter()
            .map(|decision| Said {
                message: decision.message,
                details: Json::Null,
            })
            .collect())
    }

    fn reads(&self) -> Option<&Reads> {
        Some(&self.reads)
    }
}

/// What a template's expressions look at. Whether there is an object at
/// all follows from the operation.
fn reads(validator: &Validator) -> Reads {
    let part = |name: &str| vec![name.to_owned()];
    let mut parts = vec![part("object"), part("operation")];
    if validator.looks_at(Root::OldObject) {
        parts.push(part("oldObject"));
    }
    if validator.looks_at(Root::NamespaceObject) {
        parts.push(part("namespaceObject"));
    }
    Reads {
        parts,
        all: validator.looks_at(Root::Request) || validator.looks_at(Root::Params),
        ..Reads::default()
    }
}

//! Gatekeeper's engine `K8sNativeValidation`: templates in CEL.

use serde_json::Value as Json;

use super::CALL_LIMIT;
use super::validation::{Given, Seen, Validator, request};
use super::value::Value;
use crate::engine::{Ask, Said, TemplateEngine};
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
    Ok(Box::new(Template {
        validator: Validator::parse(source, conditions, true, GIVEN)?,
    }))
}

impl TemplateEngine for Template {
    fn judge(&self, ask: &Ask<'_>) -> Result<Vec<Said>, String> {
        let review = ask.review;
        let request = request(review);
        let seen = Seen {
            // Gatekeeper hides the object of a deletion, as Kubernetes does.
            object: review
                .object
                .filter(|_| review.operation != Operation::Delete),
            old_object: review.old_object,
            request: &request,
            params: Some(&ask.constraint.object),
            namespace: review.namespace_object,
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

    /// Expressions see who asks and how, which is not in what a verdict
    /// is remembered by.
    fn is_pure(&self) -> bool {
        !self.validator.looks_around()
    }
}

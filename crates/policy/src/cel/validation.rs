//! What `ValidatingAdmissionPolicy` and `K8sNativeValidation` have in
//! common: conditions, variables, validations and their messages, judged
//! as the API server judges them.

use serde_json::{Map, Value as Json, json};

use super::call::{Answer, Fault};
use super::eval::Machine;
use super::resource;
use super::value::{Text, Value};
use super::{CALL_LIMIT, MATCH_LIMIT, Program, Root, Scope, Variable, variables};
use crate::review::Review;

/// The longest message an expression may make.
const MAX_MESSAGE: usize = 5 * 1024;
const MAX_ANNOTATION: usize = 10 * 1024;
/// How many variables, validations and conditions one policy may have.
const MAX_EXPRESSIONS: usize = 256;

const OUT_OF_BUDGET: &str = "validation failed due to running out of cost budget, no further \
                             validation rules will be run";

#[derive(Debug)]
struct Condition {
    name: String,
    program: Program,
}

#[derive(Debug)]
struct Validation {
    program: Program,
    message: String,
    message_expression: Option<Program>,
    reason: Option<String>,
}

/// A policy's expressions, compiled.
#[derive(Debug)]
pub(crate) struct Validator {
    conditions: Vec<Condition>,
    variables: Vec<Variable>,
    validations: Vec<Validation>,
    annotations: Vec<Condition>,
    /// Whether what cannot be evaluated is refused.
    fail: bool,
    /// How many of the variables were given.
    given: usize,
}

/// One thing said against an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) message: String,
    pub(crate) reason: Option<String>,
    /// It could not be evaluated.
    pub(crate) failed: bool,
}

/// What a policy says of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) decisions: Vec<Decision>,
    /// Audit annotations: key and value.
    pub(crate) annotations: Vec<(String, String)>,
    /// Annotations that could not be worked out.
    pub(crate) faults: Vec<Decision>,
}

/// What expressions see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) object: Option<&'a Json>,
    pub(crate) old_object: Option<&'a Json>,
    pub(crate) request: &'a Json,
    pub(crate) params: Option<&'a Json>,
    pub(crate) namespace: Option<&'a Json>,
}

/// Variables defined before a policy's own.
pub(crate) type Given = &'static [(&'static str, &'static str)];

impl Validator {
    /// Compiles the expressions of `spec`. `conditions` is the key of its
    /// match conditions.
    pub(crate) fn parse(
        spec: &Json,
        conditions: &str,
        params: bool,
        given: Given,
    ) -> Result<Self, String> {
        let fail = match spec.get("failurePolicy").and_then(Json::as_str) {
            None | Some("Fail") => true,
            Some("Ignore") => false,
            Some(other) => {
                return Err(format!(
                    "failurePolicy is {other:?}: it may be Fail or Ignore"
                ));
            }
        };
        let mut scope = Scope {
            params,
            variables: Some(Vec::new()),
        };
        let own = list(spec, "variables")?;
        let mut sources = given.to_vec();
        for variable in own {
            sources.push((text(variable, "name")?, text(variable, "expression")?));
        }
        let variables = variables(sources, &mut scope)?;
        let compile = |place: &str, source: &str| {
            Program::compile(source, &scope)
                .map_err(|error| format!("{place}: compilation failed: {error}"))
        };
        let mut parsed = Self {
            conditions: Vec::new(),
            variables,
            validations: Vec::new(),
            annotations: Vec::new(),
            fail,
            given: given.len(),
        };
        for (at, condition) in list(spec, conditions)?.iter().enumerate() {
            let name = condition.get("name").and_then(Json::as_str).unwrap_or("");
            parsed.conditions.push(Condition {
                name: name.to_owned(),
                program: compile(
                    &format!("{conditions}[{at}] {name:?}"),
                    text(condition, "expression")?,
                )?,
            });
        }
        for (at, validation) in list(spec, "validations")?.iter().enumerate() {
            let optional = |key: &str| validation.get(key).and_then(Json::as_str);
            parsed.validations.push(Validation {
                program: compile(
                    &format!("validations[{at}]"),
                    text(validation, "expression")?,
                )?,
                message: optional("message").unwrap_or("").trim().to_owned(),
                message_expression: optional("messageExpression")
                    .filter(|source| !source.trim().is_empty())
                    .map(|source| compile(&format!("validations[{at}].messageExpression"), source))
                    .transpose()?,
                reason: optional("reason").map(str::to_owned),
            });
        }
        for (at, annotation) in list(spec, "auditAnnotations")?.iter().enumerate() {
            parsed.annotations.push(Condition {
                name: text(annotation, "key")?.to_owned(),
                program: compile(
                    &format!("auditAnnotations[{at}]"),
                    text(annotation, "valueExpression")?,
                )?,
            });
        }
        Ok(parsed)
    }

    /// Whether errors are refused.
    pub(crate) fn fails_closed(&self) -> bool {
        self.fail
    }

    /// Whether an expression of the policy's own looks at `root`.
    pub(crate) fn looks_at(&self, root: Root) -> bool {
        let around = |program: &Program| program.node.reads(root);
        let variables = self.variables.iter().skip(self.given);
        variables.map(|variable| &variable.program).any(around)
            || self.conditions.iter().map(|it| &it.program).any(around)
            || self.annotations.iter().map(|it| &it.program).any(around)
            || self.validations.iter().any(|validation| {
                around(&validation.program)
                    || validation.message_expression.as_ref().is_some_and(around)
            })
    }

    /// Judges what `seen` shows, for at most `limit`. `known` are values
    /// of variables that are not worked out.
    pub(crate) fn judge<'a>(
        &'a self,
        seen: Seen<'a>,
        known: &[(usize, Value<'a>)],
        limit: u64,
    ) -> Outcome {
        let mut machine = Machine::new(&self.variables);
        for (index, value) in known {
            machine.fix(*index, value.clone());
        }
        let or_null = |json: Option<&'a Json>| json.map_or(Value::Null, Value::of);
        machine.set(Root::Object, or_null(seen.object));
        machine.set(Root::OldObject, or_null(seen.old_object));
        machine.set(Root::Request, Value::of(seen.request));
        machine.set(Root::Params, or_null(seen.params));
        // Match conditions do not see the namespace.
        machine.set(Root::NamespaceObject, Value::Null);
        match self.is_matched(&mut machine) {
            Ok(true) => {}
            Ok(false) => return Outcome::default(),
            Err(message) => {
                return Outcome {
                    decisions: self.failure(message),
                    ..Outcome::default()
                };
            }
        }
        machine.set(Root::NamespaceObject, or_null(seen.namespace));
        machine.forget();
        let mut purse = Purse::new(limit);
        let decisions = match self.validate(&mut machine, &mut purse) {
            Ok(decisions) => decisions,
            Err(message) => {
                return Outcome {
                    decisions: self.failure(message),
                    ..Outcome::default()
                };
            }
        };
        machine.forget();
        let (annotations, faults) = self.annotate(&mut machine, limit);
        Outcome {
            decisions,
            annotations,
            faults,
        }
    }

    fn failure(&self, message: String) -> Vec<Decision> {
        if self.fail {
            vec![Decision {
                message,
                reason: None,
                failed: true,
            }]
        } else {
            Vec::new()
        }
    }

    /// Any condition that does not hold decides, whatever became of the
    /// others.
    fn is_matched<'a>(&'a self, machine: &mut Machine<'a>) -> Result<bool, String> {
        let mut purse = Purse::new(MATCH_LIMIT);
        let mut errors = Vec::new();
        for condition in &self.conditions {
            match purse.run(machine, &condition.program) {
                Err(broke) if self.fail => return Err(broke),
                Err(_) | Ok(Ok(Value::Bool(false))) => return Ok(false),
                Ok(Ok(Value::Bool(true))) => {}
                Ok(Ok(other)) => errors.push(format!(
                    "match condition {:?} must evaluate to bool but got {}",
                    condition.name,
                    other.type_name()
                )),
                Ok(Err(message)) => errors.push(message),
            }
        }
        match errors.len() {
            0 => Ok(true),
            _ if !self.fail => Ok(false),
            1 => Err(errors.remove(0)),
            _ => Err(format!("[{}]", errors.join(", "))),
        }
    }

    fn validate<'a>(
        &'a self,
        machine: &mut Machine<'a>,
        purse: &mut Purse,
    ) -> Result<Vec<Decision>, String> {
        // All validations first, then messages with what is left: a
        // message is only made where one is needed.
        let mut found = Vec::new();
        for validation in &self.validations {
            let failures = match purse.run(machine, &validation.program)? {
                Ok(Value::Bool(true)) => continue,
                Ok(Value::Bool(false)) => {
                    found.push(Err(validation));
                    continue;
                }
                Ok(other) => self.failure(format!(
                    "expression '{}' must evaluate to bool but got {}",
                    validation.program.source,
                    other.type_name()
                )),
                Err(message) => self.failure(message),
            };
            found.extend(failures.into_iter().map(Ok));
        }
        machine.forget();
        let mut decisions = Vec::new();
        for found in found {
            match found {
                Ok(failure) => decisions.push(failure),
                Err(validation) => decisions.extend(self.refusal(validation, machine, purse)),
            }
        }
        Ok(decisions)
    }

    /// What is said where a validation does not hold: what its expression
    /// makes, else its message, else the expression itself.
    fn refusal<'a>(
        &'a self,
        validation: &'a Validation,
        machine: &mut Machine<'a>,
        purse: &mut Purse,
    ) -> Vec<Decision> {
        let made = match &validation.message_expression {
            None => None,
            Some(program) => match purse.run(machine, program) {
                Err(broke) => return self.failure(format!("failed messageExpression: {broke}")),
                Ok(Ok(Value::String(text))) => usable(&text),
                Ok(_) => None,
            },
        };
        let message = made.unwrap_or_else(|| match validation.message.as_str() {
            "" => format!("failed expression: {}", validation.program.source.trim()),
            message => message.to_owned(),
        });
        vec![Decision {
            message,
            reason: validation.reason.clone(),
            failed: false,
        }]
    }

    fn annotate<'a>(
        &'a self,
        machine: &mut Machine<'a>,
        limit: u64,
    ) -> (Vec<(String, String)>, Vec<Decision>) {
        let mut purse = Purse::new(limit);
        let mut annotations = Vec::new();
        let mut faults = Vec::new();
        for annotation in &self.annotations {
            match purse.run(machine, &annotation.program) {
                Ok(Ok(Value::Null)) => {}
                Ok(Ok(Value::String(text))) => {
                    let text: String = text.trim().chars().take(MAX_ANNOTATION).collect();
                    if !text.is_empty() {
                        annotations.push((annotation.name.clone(), text));
                    }
                }
                Ok(Ok(other)) => faults.extend(self.failure(format!(
                    "valueExpression '{}' resulted in unsupported return type: {}. Return type \
                     must be either string or null.",
                    annotation.program.source,
                    other.type_name()
                ))),
                Ok(Err(message)) | Err(message) => faults.extend(self.failure(message)),
            }
        }
        (annotations, faults)
    }
}

/// A message an expression made, unless it is none: empty, too long, or
/// of several lines.
fn usable(text: &Text<'_>) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= MAX_MESSAGE && !text.contains('\n')).then(|| text.to_owned())
}

/// What a policy's expressions may cost together.
struct Purse {
    left: u64,
}

impl Purse {
    fn new(left: u64) -> Self {
        Self { left }
    }

    /// Runs one expression. The outer error is that nothing may run any
    /// more; the inner one is this expression's own.
    fn run<'a>(
        &mut self,
        machine: &mut Machine<'a>,
        program: &'a Program,
    ) -> Result<Result<Value<'a>, String>, String> {
        let limit = CALL_LIMIT.min(self.left);
        let (answer, left): (Answer<'a>, u64) = machine.run(&program.node, limit);
        self.left -= limit - left.min(limit);
        match answer {
            Ok(value) => Ok(Ok(value)),
            Err(Fault::Cost) if limit < CALL_LIMIT => Err(OUT_OF_BUDGET.to_owned()),
            Err(fault) => Ok(Err(format!(
                "expression '{}' resulted in error: {fault}",
                program.source
            ))),
        }
    }
}

fn list<'j>(spec: &'j Json, key: &str) -> Result<&'j [Json], String> {
    match spec.get(key) {
        None | Some(Json::Null) => Ok(&[]),
        Some(Json::Array(items)) if items.len() <= MAX_EXPRESSIONS => Ok(items),
        Some(Json::Array(items)) => Err(format!(
            "{key} has {} entries, more than the {MAX_EXPRESSIONS} a policy may have",
            items.len()
        )),
        Some(_) => Err(format!("{key} is a list")),
    }
}

fn text<'j>(value: &'j Json, key: &str) -> Result<&'j str, String> {
    value
        .get(key)
        .and_then(Json::as_str)
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| format!("{key} is missing"))
}

/// `request` as expressions see it: everything but the objects, filled in
/// where the review has no request.
pub(crate) fn request(review: &Review<'_>, operation: &str) -> Json {
    const KEPT: &[&str] = &[
        "dryRun",
        "kind",
        "options",
        "requestKind",
        "requestResource",
        "requestSubResource",
        "resource",
        "subResource",
        "uid",
        "userInfo",
    ];
    let mut request = Map::new();
    if let Some(Json::Object(given)) = review.request {
        for key in KEPT {
            if let Some(value) = given.get(*key) {
                request.insert((*key).to_owned(), value.clone());
            }
        }
    }
    let kind = &review.kind;
    let mut put = |key: &str, value: Json| {
        request.entry(key).or_insert(value);
    };
    let of_kind = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
    let of_resource = json!({
        "group": kind.group,
        "version": kind.version,
        "resource": resource::plural(&kind.kind),
    });
    put("uid", json!(""));
    put("kind", of_kind.clone());
    put("requestKind", of_kind);
    put("resource", of_resource.clone());
    put("requestResource", of_resource);
    put("userInfo", json!({}));
    put("dryRun", json!(false));
    put("options", Json::Null);
    put("operation", json!(operation));
    put("object", Json::Null);
    put("oldObject", Json::Null);
    if !review.name.is_empty() {
        put("name", json!(review.name));
    }
    if !review.namespace.is_empty() {
        put("namespace", json!(review.namespace));
    }
    Json::Object(request)
}

/// So that tests may say what an expression is worth without a policy.
#[cfg(test)]
pub(crate) fn worth<'a>(program: &'a Program, object: &'a Json, limit: u64) -> (Answer<'a>, u64) {
    let mut machine = Machine::new(&[]);
    machine.set(Root::Object, Value::of(object));
    machine.run(&program.node, limit)
}

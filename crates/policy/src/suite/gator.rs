//! Suites as `gator verify` runs them: templates, constraints, objects,
//! and what has to be said of each.

use std::sync::Arc;

use regex::Regex;
use serde_json::Value;

use super::{CaseReport, Outcome, Reader, RegoEngine, Report, TestReport, beside, documents};
use crate::review::{Kind, Moment, Operation, Origin, Review, Violation};
use crate::set::{Document, Policies};
use crate::world::World;

/// Whether a document is a suite.
pub fn is_suite(value: &Value) -> bool {
    value["kind"] == "Suite"
        && value["apiVersion"]
            .as_str()
            .is_some_and(|version| version.starts_with("test.gatekeeper.sh/"))
}

/// Runs the suites in the text of the file `path`.
pub fn run_suite(path: &str, text: &str, read: Reader<'_>, engine: RegoEngine) -> Report {
    let suites = match documents(text) {
        Ok(suites) => suites,
        Err(error) => return Report::unread(path, error),
    };
    let mut report = Report {
        path: path.to_owned(),
        tests: Vec::new(),
    };
    for suite in suites.iter().filter(|suite| is_suite(suite)) {
        for test in suite["tests"].as_array().into_iter().flatten() {
            let is_skipped = suite["skip"] == true || test["skip"] == true;
            let name = text_of(test, "name");
            report.tests.push(if is_skipped {
                TestReport {
                    name,
                    outcome: Outcome::Skipped,
                    cases: skipped_cases(test),
                }
            } else {
                let (outcome, cases) = match run_test(path, test, read, engine) {
                    Ok(cases) => (Outcome::Passed, cases),
                    Err(fault) => (Outcome::Failed(fault), Vec::new()),
                };
                TestReport {
                    name,
                    outcome,
                    cases,
                }
            });
        }
    }
    report
}

fn text_of(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn skipped_cases(test: &Value) -> Vec<CaseReport> {
    test["cases"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|case| CaseReport {
            name: text_of(case, "name"),
            outcome: Outcome::Skipped,
        })
        .collect()
}

fn load(path: &str, file: &str, read: Reader<'_>) -> Result<Vec<Document>, String> {
    let source = beside(path, file);
    let text = read(&source)?;
    let values = documents(&text).map_err(|error| format!("{source}: {error}"))?;
    Ok(values
        .into_iter()
        .map(|value| Document {
            source: source.clone(),
            value,
        })
        .collect())
}

fn run_test(
    path: &str,
    test: &Value,
    read: Reader<'_>,
    engine: RegoEngine,
) -> Result<Vec<CaseReport>, String> {
    let mut all = Vec::new();
    for field in ["template", "constraint"] {
        let file = test[field].as_str().unwrap_or_default();
        if file.is_empty() {
            return Err(format!("invalid Suite: missing {field}"));
        }
        all.extend(load(path, file, read)?);
    }
    if let Some(expansion) = test["expansion"].as_str().filter(|file| !file.is_empty()) {
        all.extend(load(path, expansion, read)?);
    }
    let (policies, problems) = Policies::load_on(&all, engine);
    let is_invalid = problems
        .iter()
        .any(|problem| problem.kind != "ConstraintTemplate");
    if test["invalid"] == true {
        return if is_invalid {
            Ok(Vec::new())
        } else {
            Err("the constraint is valid, and should not be".to_owned())
        };
    }
    if let Some(problem) = problems.first() {
        return Err(format!(
            "{}: {} {}: {}",
            problem.source, problem.kind, problem.name, problem.message
        ));
    }
    let cases = test["cases"].as_array().into_iter().flatten();
    Ok(cases
        .map(|case| CaseReport {
            name: text_of(case, "name"),
            outcome: if case["skip"] == true {
                Outcome::Skipped
            } else {
                match run_case(path, case, read, &policies) {
                    Ok(()) => Outcome::Passed,
                    Err(fault) => Outcome::Failed(fault),
                }
            },
        })
        .collect())
}

fn run_case(path: &str, case: &Value, read: Reader<'_>, policies: &Policies) -> Result<(), String> {
    let file = case["object"].as_str().unwrap_or_default();
    if file.is_empty() {
        return Err("invalid Case: must define object".to_owned());
    }
    let assertions = case["assertions"].as_array().map(Vec::as_slice);
    let assertions = assertions.unwrap_or_default();
    if assertions.is_empty() {
        return Err("invalid Case: assertions must be non-empty".to_owned());
    }
    let objects = load(path, file, read)?;
    let [object] = objects.as_slice() else {
        return Err(format!("{file} defines {} objects", objects.len()));
    };
    let mut world = World::default();
    for file in case["inventory"].as_array().into_iter().flatten() {
        for document in load(path, file.as_str().unwrap_or_default(), read)? {
            put(&mut world, &document.value);
        }
    }
    let violations = judge(policies, &object.value, &world)?;
    assertions
        .iter()
        .try_for_each(|assertion| assert(assertion, &violations))
}

fn put(world: &mut World, object: &Value) {
    world.inventory.put(object);
    if object["kind"] == "Namespace" && object["apiVersion"] == "v1" {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        world
            .namespaces
            .insert(name.to_owned(), Arc::new(object.clone()));
    }
}

/// What the policies say of an object, or of the request an
/// `AdmissionReview` holds.
fn judge(policies: &Policies, object: &Value, world: &World) -> Result<Vec<Violation>, String> {
    let is_request = object["kind"] == "AdmissionReview"
        && object["apiVersion"]
            .as_str()
            .is_some_and(|version| version.starts_with("admission.k8s.io/"));
    if !is_request {
        let metadata = &object["metadata"];
        let kind = Kind::of(object).ok_or("the object has no apiVersion or kind")?;
        return Ok(policies.review(
            &Review {
                moment: Moment::Ci,
                operation: Operation::Create,
                kind,
                object: Some(object),
                old_object: None,
                name: metadata["name"].as_str().unwrap_or_default(),
                namespace: metadata["namespace"].as_str().unwrap_or_default(),
                namespace_object: None,
                origin: Origin::Original,
                request: None,
            },
            world,
        ));
    }
    let request = object
        .get("request")
        .filter(|request| request.is_object())
        .ok_or("request did not actually pass in an AdmissionRequest")?;
    let given = |field: &str| request.get(field).filter(|value| !value.is_null());
    let (new, old) = (given("object"), given("oldObject"));
    if new.is_none() && old.is_none() {
        return Err(
            "AdmissionRequest does not contain an \"object\" or \"oldObject\" to review".to_owned(),
        );
    }
    let operation = match request["operation"].as_str() {
        Some("UPDATE") => Operation::Update,
        Some("DELETE") => Operation::Delete,
        Some("CONNECT") => Operation::Connect,
        _ => Operation::Create,
    };
    if operation == Operation::Delete && old.is_none() {
        return Err("oldObject cannot be nil for DELETE operations".to_owned());
    }
    let kind = serde_json::from_value(request["kind"].clone()).unwrap_or_default();
    Ok(policies.review(
        &Review {
            moment: Moment::Ci,
            operation,
            kind,
            object: new,
            old_object: old,
            name: request["name"].as_str().unwrap_or_default(),
            namespace: request["namespace"].as_str().unwrap_or_default(),
            namespace_object: None,
            origin: Origin::Original,
            request: Some(request),
        },
        world,
    ))
}

fn assert(assertion: &Value, violations: &[Violation]) -> Result<(), String> {
    let pattern = assertion["message"].as_str();
    let regex = pattern
        .map(Regex::new)
        .transpose()
        .map_err(|error| format!("assertion.message: {error}"))?;
    let found = violations
        .iter()
        .filter(|violation| {
            regex
                .as_ref()
                .is_none_or(|regex| regex.is_match(&violation.message))
        })
        .count();
    let wanted = match &assertion["violations"] {
        Value::Null | Value::Bool(true) => (found > 0, "at least 1".to_owned()),
        Value::Bool(false) => (found == 0, "none".to_owned()),
        Value::String(word) if word == "yes" => (found > 0, "at least 1".to_owned()),
        Value::String(word) if word == "no" => (found == 0, "none".to_owned()),
        Value::Number(number) => (
            number.as_u64() == Some(found as u64),
            format!("exactly {number}"),
        ),
        other => {
            return Err(format!(
                "assertion.violations: {other} is not a number, \"yes\" or \"no\""
            ));
        }
    };
    if wanted.0 {
        return Ok(());
    }
    let containing = pattern.map_or_else(String::new, |text| format!(" containing \"{text}\""));
    let messages: Vec<&str> = violations
        .iter()
        .map(|violation| violation.message.as_str())
        .collect();
    Err(format!(
        "got {found} violations{containing} but want {}: got messages {messages:?}",
        wanted.1
    ))
}

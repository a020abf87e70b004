//! A template's schema of its constraints' parameters: `OpenAPI` v3 as
//! Kubernetes uses it for custom resources.
//!
//! What is here is what such a schema may say of a value: types, bounds,
//! required and unknown fields, defaults. A schema that says more than
//! it may is refused with the template.

use std::fmt::Write as _;

use regex::Regex;
use serde_json::{Map, Value};

/// How deep schemas and parameters are followed.
const MAX_DEPTH: usize = 40;

/// Faults named of one constraint.
const MAX_FAULTS: usize = 10;

/// A schema, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schema {
    root: Value,
    /// Fields the schema does not name are kept: `legacySchema`.
    lenient: bool,
}

const TYPES: &[&str] = &["string", "number", "integer", "boolean", "array", "object"];

impl Schema {
    /// Reads a schema; `lenient` ones need not say every type.
    pub(crate) fn read(root: &Value, lenient: bool) -> Result<Self, String> {
        check(root, "openAPIV3Schema", lenient, 0)?;
        Ok(Self {
            root: root.clone(),
            lenient,
        })
    }

    /// The schema of whatever anybody writes.
    pub(crate) fn any() -> Self {
        Self {
            root: Value::Object(Map::new()),
            lenient: true,
        }
    }

    /// Fills defaults in, then says what is wrong with `value`.
    pub(crate) fn apply(&self, value: &mut Value, at: &str) -> Vec<String> {
        fill(&self.root, value, 0);
        let mut faults = Vec::new();
        self.validate(&self.root, value, at, 0, &mut faults);
        faults.truncate(MAX_FAULTS);
        faults
    }

    fn validate(
        &self,
        schema: &Value,
        value: &Value,
        at: &str,
        depth: usize,
        faults: &mut Vec<String>,
    ) {
        if depth > MAX_DEPTH || faults.len() >= MAX_FAULTS {
            return;
        }
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        if schema["x-kubernetes-int-or-string"] == true {
            if !(value.is_string() || is_whole(value)) {
                faults.push(format!("{at}: must be an integer or text"));
            }
            return;
        }
        if let Some(wanted) = schema["type"].as_str()
            && !is_of(value, wanted)
        {
            faults.push(format!(
                "{at}: Invalid value: \"{}\": {at} in body must be of type {wanted}: \"{}\"",
                name_of(value),
                name_of(value)
            ));
            return;
        }
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.contains(value)
        {
            let known: Vec<String> = allowed.iter().map(Value::to_string).collect();
            faults.push(format!(
                "{at}: Unsupported value: {value}: supported values: {}",
                known.join(", ")
            ));
        }
        match value {
            Value::String(text) => Self::text(schema, text, at, faults),
            Value::Number(_) => number(schema, value.as_f64().unwrap_or(0.0), at, faults),
            Value::Array(items) => {
                let count = items.len() as u64;
                bounds(schema, ("minItems", "maxItems"), count, "items", at, faults);
                if schema["uniqueItems"] == true
                    && items
                        .iter()
                        .enumerate()
                        .any(|(index, item)| items[..index].contains(item))
                {
                    faults.push(format!("{at}: items must differ"));
                }
                if let Some(inner) = schema.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        self.validate(inner, item, &format!("{at}[{index}]"), depth + 1, faults);
                    }
                }
            }
            Value::Object(fields) => self.object(schema, fields, at, depth, faults),
            _ => {}
        }
        Self::combined(schema, value, at, depth, faults);
    }

    fn text(schema: &Value, text: &str, at: &str, faults: &mut Vec<String>) {
        let length = text.chars().count() as u64;
        bounds(
            schema,
            ("minLength", "maxLength"),
            length,
            "characters",
            at,
            faults,
        );
        if let Some(pattern) = schema["pattern"].as_str()
            && let Ok(regex) = Regex::new(pattern)
            && !regex.is_match(text)
        {
            faults.push(format!("{at}: '{text}' should match '{pattern}'"));
        }
    }

    fn object(
        &self,
        schema: &Value,
        fields: &Map<String, Value>,
        at: &str,
        depth: usize,
        faults: &mut Vec<String>,
    ) {
        let count = fields.len() as u64;
        bounds(
            schema,
            ("minProperties", "maxProperties"),
            count,
            "fields",
            at,
            faults,
        );
        for required in schema["required"].as_array().into_iter().flatten() {
            if let Some(name) = required.as_str()
                && !fields.contains_key(name)
            {
                faults.push(format!("{at}.{name}: Required value"));
            }
        }
        let known = schema["properties"].as_object();
        let others = schema.get("additionalProperties");
        let keeps = self.lenient
            || schema["x-kubernetes-preserve-unknown-fields"] == true
            || others.is_some_and(|others| *others == true);
        for (name, value) in fields {
            let at = format!("{at}.{name}");
            if let Some(inner) = known.and_then(|known| known.get(name)) {
                self.validate(inner, value, &at, depth + 1, faults);
            } else if let Some(inner) = others.filter(|others| others.is_object()) {
                self.validate(inner, value, &at, depth + 1, faults);
            } else if !keeps {
                let mut fault = format!("{at}: unknown field");
                if let Some(known) = known.filter(|known| !known.is_empty()) {
                    let names: Vec<&str> = known.keys().map(String::as_str).collect();
                    // Writing to a String cannot fail.
                    _ = write!(fault, " (known are {})", names.join(", "));
                }
                faults.push(fault);
            }
        }
    }

    fn combined(schema: &Value, value: &Value, at: &str, depth: usize, faults: &mut Vec<String>) {
        let holds = |inner: &Value| {
            let mut found = Vec::new();
            // Which fields there are is said outside of these.
            let lenient = Self {
                root: Value::Null,
                lenient: true,
            };
            lenient.validate(inner, value, at, depth + 1, &mut found);
            found.is_empty()
        };
        let list = |word: &str| {
            schema[word]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default()
        };
        if let Some(failed) = list("allOf").iter().find(|inner| !holds(inner)) {
            faults.push(format!("{at}: must be valid by {failed}"));
        }
        if !list("anyOf").is_empty() && !list("anyOf").iter().any(holds) {
            faults.push(format!("{at}: must be valid by at least one of anyOf"));
        }
        if !list("oneOf").is_empty()
            && list("oneOf").iter().filter(|inner| holds(inner)).count() != 1
        {
            faults.push(format!("{at}: must be valid by exactly one of oneOf"));
        }
        if let Some(inner) = schema.get("not")
            && holds(inner)
        {
            faults.push(format!("{at}: must not be valid by {inner}"));
        }
    }
}

/// What is wrong with a schema itself.
fn check(schema: &Value, at: &str, lenient: bool, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("{at}: nested too deeply"));
    }
    let Some(fields) = schema.as_object() else {
        return Err(format!("{at}: must be an object"));
    };
    match fields.get("type") {
        Some(Value::String(word)) if TYPES.contains(&word.as_str()) => {}
        Some(other) => {
            return Err(format!(
                "{at}.type: Unsupported value: {other} (one of {})",
                TYPES.join(", ")
            ));
        }
        None => {
            let is_free = lenient
                || schema["x-kubernetes-preserve-unknown-fields"] == true
                || schema["x-kubernetes-int-or-string"] == true;
            if !is_free {
                return Err(format!("{at}.type: Required value: must not be empty"));
            }
        }
    }
    if let Some(pattern) = schema["pattern"].as_str()
        && let Err(error) = Regex::new(pattern)
    {
        return Err(format!("{at}.pattern: {error}"));
    }
    match fields.get("items") {
        Some(inner) => check(inner, &format!("{at}.items"), lenient, depth + 1)?,
        None if schema["type"] == "array" && !lenient => {
            return Err(format!("{at}.items: Required value: must be specified"));
        }
        None => {}
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}.properties[{name}]");
        check(inner, &at, lenient, depth + 1)?;
    }
    match fields.get("additionalProperties") {
        Some(Value::Bool(_)) | None => Ok(()),
        Some(inner) => check(
            inner,
            &format!("{at}.additionalProperties"),
            lenient,
            depth + 1,
        ),
    }
}

fn fill(schema: &Value, value: &mut Value, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
                match (fields.get_mut(name), inner.get("default")) {
                    (Some(value), default) => {
                        if let (true, Some(default), false) =
                            (value.is_null(), default, inner["nullable"] == true)
                        {
                            *value = default.clone();
                        }
                        fill(inner, value, depth + 1);
                    }
                    (None, Some(default)) => {
                        let mut value = default.clone();
                        fill(inner, &mut value, depth + 1);
                        fields.insert(name.clone(), value);
                    }
                    (None, None) => {}
                }
            }
            if let Some(inner) = schema.get("additionalProperties") {
                let known = schema["properties"].as_object();
                for (name, value) in fields.iter_mut() {
                    if known.is_none_or(|known| !known.contains_key(name)) {
                        fill(inner, value, depth + 1);
                    }
                }
            }
        }
        Value::Array(items) => {
            if let Some(inner) = schema.get("items") {
                for item in items {
                    fill(inner, item, depth + 1);
                }
            }
        }
        _ => {}
    }
}

fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|real| real.fract() == 0.0)
}

fn is_of(value: &Value, wanted: &str) -> bool {
    match wanted {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => is_whole(value),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_whole(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn bounds(
    schema: &Value,
    (least, most): (&str, &str),
    count: u64,
    noun: &str,
    at: &str,
    faults: &mut Vec<String>,
) {
    if let Some(bound) = schema[least].as_u64()
        && count < bound
    {
        faults.push(format!("{at}: should have at least {bound} {noun}"));
    }
    if let Some(bound) = schema[most].as_u64()
        && count > bound
    {
        faults.push(format!("{at}: should have at most {bound} {noun}"));
    }
}

fn number(schema: &Value, real: f64, at: &str, faults: &mut Vec<String>) {
    if let Some(bound) = schema["minimum"].as_f64() {
        let is_exclusive = schema["exclusiveMinimum"] == true;
        if real < bound || (is_exclusive && real <= bound) {
            faults.push(format!("{at}: should be greater than or equal to {bound}"));
        }
    }
    if let Some(bound) = schema["maximum"].as_f64() {
        let is_exclusive = schema["exclusiveMaximum"] == true;
        if real > bound || (is_exclusive && real >= bound) {
            faults.push(format!("{at}: should be less than or equal to {bound}"));
        }
    }
    if let Some(step) = schema["multipleOf"].as_f64()
        && step > 0.0
        && (real / step).fract() != 0.0
    {
        faults.push(format!("{at}: should be a multiple of {step}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: &Value, lenient: bool, mut value: Value, expected: &[&str]) -> Value {
        let schema = Schema::read(schema, lenient).unwrap();
        let faults = schema.apply(&mut value, "spec.parameters");
        assert_eq!(faults.len(), expected.len(), "{faults:?}");
        for (fault, expected) in faults.iter().zip(expected) {
            assert!(fault.contains(expected), "{fault}: not {expected}");
        }
        value
    }

    #[test]
    fn parameters_are_held_to_the_schema() {
        let schema = json!({"type": "object", "required": ["repos"], "properties": {
            "repos": {"type": "array", "minItems": 1, "items": {"type": "string"}},
            "most": {"type": "integer", "minimum": 1, "default": 3},
            "mode": {"type": "string", "enum": ["a", "b"]},
            "port": {"x-kubernetes-int-or-string": true},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        }});
        let filled = check(&schema, false, json!({"repos": ["x"], "port": "http"}), &[]);
        assert_eq!(filled["most"], 3);
        check(&schema, false, json!({}), &["repos: Required value"]);
        check(
            &schema,
            false,
            json!({"repos": [1], "most": 0, "mode": "c", "repo": true, "labels": {"a": 1}}),
            &[
                "labels.a: Invalid value",
                "mode: Unsupported value",
                "most: should be greater",
                "repo: unknown field (known are",
                "repos[0]: Invalid value",
            ],
        );
        check(&schema, true, json!({"repos": ["x"], "repo": true}), &[]);
    }

    #[test]
    fn a_schema_that_is_not_structural_is_refused() {
        let bare = json!({"properties": {"a": {"type": "string"}}});
        assert!(Schema::read(&bare, false).is_err());
        assert!(Schema::read(&bare, true).is_ok());
        let odd = json!({"type": "object", "properties": {"a": {"type": "text"}}});
        assert!(
            Schema::read(&odd, true)
                .unwrap_err()
                .contains("properties[a].type")
        );
        let list = json!({"type": "array"});
        assert!(Schema::read(&list, false).unwrap_err().contains("items"));
        let mut deep = json!({"type": "string"});
        for _ in 0..60 {
            deep = json!({"type": "array", "items": deep});
        }
        assert!(Schema::read(&deep, false).unwrap_err().contains("deeply"));
    }
}

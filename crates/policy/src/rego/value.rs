//! JSON as Rego values, and back.

use std::collections::BTreeMap;

use regorus::Value as Rego;
use serde_json::{Map, Number, Value};

/// Integers up to here are exact in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A JSON value as Rego sees it. A number without a fraction is an
/// integer, as it is after Go has read and written it.
pub(crate) fn to_rego(value: &Value) -> Rego {
    match value {
        Value::Null => Rego::Null,
        Value::Bool(flag) => Rego::Bool(*flag),
        Value::Number(number) => number_to_rego(number),
        Value::String(text) => Rego::from(text.as_str()),
        Value::Array(items) => Rego::from(items.iter().map(to_rego).collect::<Vec<_>>()),
        Value::Object(fields) => Rego::from(
            fields
                .iter()
                .map(|(key, value)| (Rego::from(key.as_str()), to_rego(value)))
                .collect::<BTreeMap<_, _>>(),
        ),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "only whole numbers that a double holds exactly"
)]
fn number_to_rego(number: &Number) -> Rego {
    if let Some(whole) = number.as_i64() {
        return Rego::from(whole);
    }
    if let Some(whole) = number.as_u64() {
        return Rego::from(whole);
    }
    match number.as_f64() {
        Some(real) if real.fract() == 0.0 && real.abs() <= EXACT => Rego::from(real as i64),
        Some(real) => Rego::from(real),
        None => Rego::Null,
    }
}

/// A Rego value as JSON. Sets become arrays; what JSON has no word for
/// becomes null.
pub(crate) fn from_rego(value: &Rego) -> Value {
    match value {
        Rego::Null | Rego::Undefined => Value::Null,
        Rego::Bool(flag) => Value::Bool(*flag),
        Rego::String(text) => Value::String(text.to_string()),
        Rego::Number(_) => match value.as_i64() {
            Ok(whole) => Value::from(whole),
            Err(_) => value.as_f64().map_or(Value::Null, Value::from),
        },
        Rego::Array(items) => items.iter().map(from_rego).collect(),
        Rego::Set(items) => items.iter().map(from_rego).collect(),
        Rego::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, value)| (key_text(key), from_rego(value)))
                .collect::<Map<_, _>>(),
        ),
    }
}

fn key_text(key: &Rego) -> String {
    match key {
        Rego::String(text) => text.to_string(),
        other => from_rego(other).to_string(),
    }
}

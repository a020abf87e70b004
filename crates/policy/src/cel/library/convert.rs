//! Conversions between types, `size`, and optional values.

use super::{Function, flat, method, plain};
use crate::cel::call::{Answer, Call, Fault};
use crate::cel::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    flat(plain("size", 1, size)),
    flat(method("size", 0, 0, size)),
    flat(plain("dyn", 1, same)),
    flat(plain("type", 1, type_of)),
    plain("int", 1, int),
    plain("uint", 1, uint),
    plain("double", 1, double),
    plain("bool", 1, boolean),
    plain("string", 1, string),
    plain("bytes", 1, bytes),
    flat(plain("optional.of", 1, some)),
    flat(plain("optional.ofNonZeroValue", 1, some_unless_zero)),
    flat(plain("optional.none", 0, none)),
    flat(method("hasValue", 0, 0, has_value)),
    flat(method("value", 0, 0, value)),
    // Authorisation: nothing answers here, and reaching for `authorizer`
    // says so before any of these runs.
    flat(method("path", 1, 1, unanswered)),
    flat(method("group", 1, 1, unanswered)),
    flat(method("serviceAccount", 2, 2, unanswered)),
    flat(method("resource", 1, 1, unanswered)),
    flat(method("subresource", 1, 1, unanswered)),
    flat(method("namespace", 1, 1, unanswered)),
    flat(method("name", 1, 1, unanswered)),
    flat(method("check", 1, 1, unanswered)),
    flat(method("allowed", 0, 0, unanswered)),
    flat(method("reason", 0, 0, unanswered)),
    flat(method("errored", 0, 0, unanswered)),
    flat(method("error", 0, 0, unanswered)),
    flat(method("fieldSelector", 1, 1, unanswered)),
    flat(method("labelSelector", 1, 1, unanswered)),
];

fn unanswered<'a>(_: &mut Call<'_, 'a>) -> Answer<'a> {
    Err(Fault::no_overload())
}

fn length(length: usize) -> Value<'static> {
    Value::Int(i64::try_from(length).unwrap_or(i64::MAX))
}

fn size<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.arg(0)? {
        Value::String(text) => {
            let text = text.clone();
            call.budget.spend(text.len() as u64 / 10)?;
            Ok(length(text.chars().count()))
        }
        Value::Bytes(bytes) => Ok(length(bytes.len())),
        Value::List(list) => Ok(length(list.len())),
        Value::Map(map) => Ok(length(map.len())),
        _ => Err(Fault::no_overload()),
    }
}

fn same<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    call.arg(0).cloned()
}

fn type_of<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Type(call.arg(0)?.type_name()))
}

fn conversion(value: &Value<'_>, to: &str) -> Fault {
    Fault::Error(format!(
        "type conversion error from '{}' to '{to}'",
        value.type_name()
    ))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the range is checked before"
)]
fn int<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let value = call.arg(0)?;
    match value {
        Value::Int(value) => Ok(Value::Int(*value)),
        Value::Uint(value) => i64::try_from(*value)
            .map(Value::Int)
            .ok()
            .ok_or_else(|| Fault::new("integer overflow")),
        Value::Double(value) if *value > i64::MIN as f64 && *value < i64::MAX as f64 => {
            Ok(Value::Int(*value as i64))
        }
        Value::Double(_) => Err(Fault::new("integer overflow")),
        Value::String(text) => text.parse().map(Value::Int).ok().ok_or_else(|| {
            Fault::Error(format!(
                "strconv.ParseInt: parsing {:?}: invalid syntax",
                &**text
            ))
        }),
        Value::Timestamp(time) => Ok(Value::Int(time.as_second())),
        Value::Duration(span) => i64::try_from(span.as_nanos())
            .map(Value::Int)
            .ok()
            .ok_or_else(|| Fault::new("integer overflow")),
        other => Err(conversion(other, "int")),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the range is checked before"
)]
fn uint<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let value = call.arg(0)?;
    match value {
        Value::Uint(value) => Ok(Value::Uint(*value)),
        Value::Int(value) => u64::try_from(*value)
            .map(Value::Uint)
            .ok()
            .ok_or_else(|| Fault::new("unsigned integer overflow")),
        Value::Double(value) if *value >= 0.0 && *value < u64::MAX as f64 => {
            Ok(Value::Uint(*value as u64))
        }
        Value::Double(_) => Err(Fault::new("unsigned integer overflow")),
        Value::String(text) => text.parse().map(Value::Uint).ok().ok_or_else(|| {
            Fault::Error(format!(
                "strconv.ParseUint: parsing {:?}: invalid syntax",
                &**text
            ))
        }),
        other => Err(conversion(other, "uint")),
    }
}

fn double<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let value = call.arg(0)?;
    if let Some(value) = value.as_f64() {
        return Ok(Value::Double(value));
    }
    match value {
        Value::String(text) => text.parse().map(Value::Double).ok().ok_or_else(|| {
            Fault::Error(format!(
                "strconv.ParseFloat: parsing {:?}: invalid syntax",
                &**text
            ))
        }),
        other => Err(conversion(other, "double")),
    }
}

fn boolean<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.arg(0)? {
        Value::Bool(value) => Ok(Value::Bool(*value)),
        Value::String(text) => match &**text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(Value::Bool(false)),
            other => Err(Fault::Error(format!(
                "strconv.ParseBool: parsing {other:?}: invalid syntax"
            ))),
        },
        other => Err(conversion(other, "bool")),
    }
}

fn string<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let value = call.arg(0)?;
    match value {
        Value::String(text) => Ok(Value::String(text.clone())),
        Value::Bytes(bytes) => std::str::from_utf8(bytes)
            .map(Value::text)
            .ok()
            .ok_or_else(|| Fault::new("invalid UTF-8 in bytes, cannot convert to string")),
        Value::Null
        | Value::List(_)
        | Value::Map(_)
        | Value::Type(_)
        | Value::Optional(_)
        | Value::Quantity(_)
        | Value::Url(_)
        | Value::Semver(_)
        | Value::Format(_) => Err(conversion(value, "string")),
        other => Ok(Value::text(display(other))),
    }
}

fn bytes<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.arg(0)? {
        Value::Bytes(bytes) => Ok(Value::Bytes(bytes.clone())),
        Value::String(text) => Ok(Value::Bytes(text.as_bytes().into())),
        other => Err(conversion(other, "bytes")),
    }
}

/// A value as it stands in a message.
pub(crate) fn display(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => float(*value),
        Value::String(text) => (**text).to_owned(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Duration(span) => super::time::seconds(*span),
        Value::Timestamp(time) => time.to_string(),
        Value::Type(name) => (*name).to_owned(),
        Value::Ip(address) => address.to_string(),
        Value::Cidr(cidr) => cidr.to_string(),
        Value::List(list) => {
            let items: Vec<String> = list.iter().map(|item| display(&item)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => {
            let items: Vec<String> = map
                .entries()
                .iter()
                .map(|(key, value)| format!("{}: {}", display(key), display(value)))
                .collect();
            format!("{{{}}}", items.join(", "))
        }
        Value::Semver(version) => version.to_string(),
        other => other.type_name().to_owned(),
    }
}

/// A double as Go writes it with the fewest digits.
pub(crate) fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    value.to_string()
}

fn some<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::some(call.arg(0)?.clone()))
}

fn some_unless_zero<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let value = call.arg(0)?;
    let zero = match value {
        Value::Null | Value::Bool(false) | Value::Int(0) | Value::Uint(0) => true,
        Value::Double(value) => *value == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(list) => list.len() == 0,
        Value::Map(map) => map.len() == 0,
        Value::Duration(span) => span.is_zero(),
        _ => false,
    };
    Ok(if zero {
        Value::Optional(None)
    } else {
        Value::some(value.clone())
    })
}

#[expect(clippy::unnecessary_wraps, reason = "every function may fail")]
fn none<'a>(_: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Optional(None))
}

fn has_value<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.arg(0)? {
        Value::Optional(value) => Ok(Value::Bool(value.is_some())),
        _ => Err(Fault::no_overload()),
    }
}

fn value<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.arg(0)? {
        Value::Optional(Some(value)) => Ok((**value).clone()),
        Value::Optional(None) => Err(Fault::new("optional.none() dereference")),
        _ => Err(Fault::no_overload()),
    }
}

//! Values of an expression. JSON is borrowed where it lies: a member is
//! converted when it is reached, and nothing of an object is copied
//! that an expression does not build itself.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::call::{Budget, Fault};
use super::library::net::Cidr;
use super::library::{format::Format, quantity::Quantity};

/// A string, borrowed from an object or made by an expression.
#[derive(Clone, Debug)]
pub(crate) enum Text<'a> {
    Borrowed(&'a str),
    Shared(Arc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Text::Shared(text.into())
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text<'_> {}

impl PartialOrd for Text<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (**self).cmp(&**other)
    }
}

/// A key of a map an expression made. Whole numbers are equal whatever
/// their type, so an unsigned one is kept as signed where it fits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key<'a> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Text(Text<'a>),
}

impl<'a> Key<'a> {
    pub(crate) fn of(value: &Value<'a>) -> Option<Self> {
        Some(match value {
            Value::Bool(value) => Key::Bool(*value),
            Value::Int(value) => Key::Int(*value),
            Value::Uint(value) => i64::try_from(*value).map_or(Key::Uint(*value), Key::Int),
            Value::Double(value) => Key::Int(whole(*value)?),
            Value::String(text) => Key::Text(text.clone()),
            _ => return None,
        })
    }

    pub(crate) fn value(&self) -> Value<'a> {
        match self {
            Key::Bool(value) => Value::Bool(*value),
            Key::Int(value) => Value::Int(*value),
            Key::Uint(value) => Value::Uint(*value),
            Key::Text(text) => Value::String(text.clone()),
        }
    }
}

/// The whole number a double is, if it is one that fits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked before"
)]
pub(crate) fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < 9.0e18).then_some(value as i64)
}

#[derive(Clone, Debug)]
pub(crate) enum List<'a> {
    Json(&'a [Json]),
    Made(Arc<Vec<Value<'a>>>),
}

impl<'a> List<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            List::Json(items) => items.len(),
            List::Made(items) => items.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            List::Json(items) => items.get(index).map(Value::of),
            List::Made(items) => items.get(index).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Value<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Map<'a> {
    Json(&'a serde_json::Map<String, Json>),
    Made(Arc<BTreeMap<Key<'a>, Value<'a>>>),
}

impl<'a> Map<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Map::Json(map) => map.len(),
            Map::Made(map) => map.len(),
        }
    }

    pub(crate) fn field(&self, name: &str) -> Option<Value<'a>> {
        match self {
            Map::Json(map) => map.get(name).map(Value::of),
            Map::Made(map) => map.get(&Key::Text(Text::Shared(name.into()))).cloned(),
        }
    }

    pub(crate) fn get(&self, key: &Value<'a>) -> Option<Value<'a>> {
        match (self, key) {
            (Map::Json(map), Value::String(name)) => map.get(&**name).map(Value::of),
            (Map::Json(_), _) => None,
            (Map::Made(map), key) => map.get(&Key::of(key)?).cloned(),
        }
    }

    pub(crate) fn entries(&self) -> Vec<(Value<'a>, Value<'a>)> {
        match self {
            Map::Json(map) => map
                .iter()
                .map(|(key, value)| (Value::String(Text::Borrowed(key)), Value::of(value)))
                .collect(),
            Map::Made(map) => map
                .iter()
                .map(|(key, value)| (key.value(), value.clone()))
                .collect(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Text<'a>),
    Bytes(Arc<[u8]>),
    List(List<'a>),
    Map(Map<'a>),
    Duration(SignedDuration),
    Timestamp(Timestamp),
    Type(&'static str),
    Optional(Option<Arc<Self>>),
    Quantity(Quantity),
    Url(Arc<super::library::net::Uri>),
    Ip(std::net::IpAddr),
    Cidr(Cidr),
    Semver(Arc<semver::Version>),
    Format(&'static Format),
}

impl<'a> Value<'a> {
    /// A view of JSON. What does not fit a signed number of 64 bits is a
    /// double, as it is for the API server.
    pub(crate) fn of(json: &'a Json) -> Self {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => number.as_i64().map_or_else(
                || Value::Double(number.as_f64().unwrap_or(f64::NAN)),
                Value::Int,
            ),
            Json::String(text) => Value::String(Text::Borrowed(text)),
            Json::Array(items) => Value::List(List::Json(items)),
            Json::Object(map) => Value::Map(Map::Json(map)),
        }
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Value::String(Text::from(text.into()))
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Value::List(List::Made(Arc::new(items)))
    }

    pub(crate) fn map(entries: BTreeMap<Key<'a>, Self>) -> Self {
        Value::Map(Map::Made(Arc::new(entries)))
    }

    pub(crate) fn some(value: Self) -> Self {
        Value::Optional(Some(Arc::new(value)))
    }

    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null_type",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint",
            Value::Double(_) => "double",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Duration(_) => "google.protobuf.Duration",
            Value::Timestamp(_) => "google.protobuf.Timestamp",
            Value::Type(_) => "type",
            Value::Optional(_) => "optional_type",
            Value::Quantity(_) => "kubernetes.Quantity",
            Value::Url(_) => "kubernetes.URL",
            Value::Ip(_) => "net.IP",
            Value::Cidr(_) => "net.CIDR",
            Value::Semver(_) => "kubernetes.Semver",
            Value::Format(_) => "kubernetes.NamedFormat",
        }
    }

    /// How much work it is to look at, roughly as Kubernetes counts.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Value::String(text) => text.len() as u64 / 10,
            Value::Bytes(bytes) => bytes.len() as u64 / 10,
            Value::List(list) => list.len() as u64,
            Value::Map(map) => map.len() as u64,
            _ => 0,
        }
    }

    /// Whether two values are equal; values of different types are not,
    /// except numbers. Every member looked at is paid for.
    pub(crate) fn equals(&self, other: &Self, budget: &mut Budget) -> Result<bool, Fault> {
        budget.spend(1)?;
        Ok(match (self, other) {
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (
                Value::Int(_) | Value::Uint(_) | Value::Double(_),
                Value::Int(_) | Value::Uint(_) | Value::Double(_),
            ) => self.number_order(other) == Some(std::cmp::Ordering::Equal),
            (Value::String(left), Value::String(right)) => {
                budget.spend(left.len().min(right.len()) as u64 / 10)?;
                left == right
            }
            (Value::Bytes(left), Value::Bytes(right)) => {
                budget.spend(left.len().min(right.len()) as u64 / 10)?;
                left == right
            }
            (Value::List(left), Value::List(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (left, right) in left.iter().zip(right.iter()) {
                    if !left.equals(&right, budget)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Map(left), Value::Map(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                budget.spend(left.len() as u64)?;
                for (key, value) in left.entries() {
                    match right.get(&key) {
                        Some(other) if value.equals(&other, budget)? => {}
                        _ => return Ok(false),
                    }
                }
                true
            }
            (Value::Duration(left), Value::Duration(right)) => left == right,
            (Value::Timestamp(left), Value::Timestamp(right)) => left == right,
            (Value::Type(left), Value::Type(right)) => left == right,
            (Value::Null, Value::Null) | (Value::Optional(None), Value::Optional(None)) => true,
            (Value::Optional(Some(left)), Value::Optional(Some(right))) => {
                left.equals(right, budget)?
            }
            (Value::Quantity(left), Value::Quantity(right)) => left.compare(right).is_eq(),
            (Value::Url(left), Value::Url(right)) => left == right,
            (Value::Ip(left), Value::Ip(right)) => left == right,
            (Value::Cidr(left), Value::Cidr(right)) => left == right,
            (Value::Semver(left), Value::Semver(right)) => left == right,
            (Value::Format(left), Value::Format(right)) => left.name == right.name,
            _ => false,
        })
    }

    /// The order of two numbers of whatever types.
    fn number_order(&self, other: &Self) -> Option<std::cmp::Ordering> {
        let exact = |value: &Self| match value {
            Value::Int(value) => Some(i128::from(*value)),
            Value::Uint(value) => Some(i128::from(*value)),
            _ => None,
        };
        if let (Some(left), Some(right)) = (exact(self), exact(other)) {
            return Some(left.cmp(&right));
        }
        self.as_f64()?.partial_cmp(&other.as_f64()?)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "comparing with a double is as exact as a double"
    )]
    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(value) => Some(*value as f64),
            Value::Uint(value) => Some(*value as f64),
            Value::Double(value) => Some(*value),
            _ => None,
        }
    }

    /// The order of two values of one type, where it has one.
    pub(crate) fn order(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
            (Value::Duration(left), Value::Duration(right)) => Some(left.cmp(right)),
            (Value::Timestamp(left), Value::Timestamp(right)) => Some(left.cmp(right)),
            _ => self.number_order(other),
        }
    }
}

//! An event as fields by name: what cases are written in, and replays.

use std::collections::BTreeMap;

use super::Place;
use crate::{
    field::{Field, Kind, Source},
    value::{Facts, Value},
};

/// Fields of an event by their names, brackets and all; `proc.aname[2]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    values: BTreeMap<String, Vec<Held>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Held {
    Text(Vec<u8>),
    Number(i64),
    Boolean(bool),
    Address(std::net::IpAddr),
}

/// Why an event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FieldsError {
    #[error("read an event of system calls: it is not an object of fields")]
    Json(#[source] serde_json::Error),
    #[error("read an event with the unknown field `{name}`")]
    UnknownField { name: String },
    #[error("read an event whose `{name}` is not of its kind: {value}")]
    WrongKind { name: String, value: String },
}

impl Fields {
    /// Reads `{"evt.type": "openat", "fd.name": "/etc/shadow"}`; several
    /// values of one field are a list.
    pub fn read(text: &str) -> Result<Self, FieldsError> {
        let object: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(text).map_err(FieldsError::Json)?;
        let mut fields = Self::default();
        for (name, value) in object {
            let base = name.split_once('[').map_or(name.as_str(), |(base, _)| base);
            let Some(field) = Source::Syscall.field(base) else {
                return Err(FieldsError::UnknownField { name });
            };
            let values = match value {
                serde_json::Value::Array(values) => values,
                serde_json::Value::Null => continue,
                value => vec![value],
            };
            let mut held = Vec::new();
            for value in values {
                let Some(value) = Held::new(field.kind, &value) else {
                    return Err(FieldsError::WrongKind {
                        name,
                        value: value.to_string(),
                    });
                };
                held.push(value);
            }
            fields.values.insert(name, held);
        }
        Ok(fields)
    }

    pub(crate) fn at(&self, place: &Place, each: &mut dyn FnMut(Value<'_>)) {
        self.named(place.name, place.argument.as_deref(), each);
    }

    fn named(&self, name: &str, argument: Option<&str>, each: &mut dyn FnMut(Value<'_>)) {
        let found = match argument {
            None => self.values.get(name),
            Some(argument) => self.values.get(&format!("{name}[{argument}]")),
        };
        for held in found.into_iter().flatten() {
            each(match held {
                Held::Text(text) => Value::Text(text),
                Held::Number(number) => Value::Number(*number),
                Held::Boolean(truth) => Value::Boolean(*truth),
                Held::Address(address) => Value::Address(*address),
            });
        }
    }

    /// Nanoseconds since 1970, where it is told.
    pub fn time(&self) -> Option<i64> {
        match self.values.get("evt.rawtime")?.first()? {
            Held::Number(number) => Some(*number),
            _ => None,
        }
    }
}

impl Held {
    fn new(kind: Kind, value: &serde_json::Value) -> Option<Self> {
        let text = match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some(match kind {
            Kind::Text | Kind::Path => Self::Text(text.into_bytes()),
            Kind::Number | Kind::Time | Kind::Port => Self::Number(text.parse().ok()?),
            Kind::Boolean => Self::Boolean(text.parse().ok()?),
            Kind::Address | Kind::Network => Self::Address(text.parse().ok()?),
        })
    }
}

impl Facts for Fields {
    fn visit(&self, field: &Field, argument: Option<&str>, each: &mut dyn FnMut(Value<'_>)) {
        self.named(field.name, argument, each);
    }
}

//! A body, cut into its events. Nothing is copied but what is broken.

use std::fmt;

use serde::{
    Deserialize,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Fault, Faults};

/// One event, not yet looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece<'b> {
    pub(super) raw: &'b str,
    /// `apiVersion` of the list it was in.
    pub(super) version: Option<std::sync::Arc<str>>,
}

/// Cuts a body. What is broken is counted, and skipped to the next line.
pub(super) fn split<'b>(body: &'b str, faults: &mut Faults) -> Vec<Piece<'b>> {
    let mut pieces = Vec::new();
    let mut rest = body.trim_start();
    while !rest.is_empty() {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        let value = values.next();
        let read = values.byte_offset();
        let consumed = match value {
            None => break,
            Some(Ok(value)) => {
                take(value.get(), &mut pieces, faults);
                read
            }
            Some(Err(_broken)) => {
                faults.add(Fault::NotJson);
                salvage(rest, &mut pieces);
                rest.find('\n').unwrap_or(rest.len())
            }
        };
        rest = rest.get(consumed..).unwrap_or_default().trim_start();
    }
    pieces
}

/// Whether an object is a list, and of what.
#[derive(Deserialize)]
struct List<'b> {
    kind: Option<String>,
    #[serde(rename = "apiVersion")]
    version: Option<String>,
    #[serde(borrow)]
    items: Option<&'b RawValue>,
}

fn take<'b>(raw: &'b str, pieces: &mut Vec<Piece<'b>>, faults: &mut Faults) {
    if raw.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
        for item in items {
            take_one(item.get(), pieces, faults);
        }
    } else {
        take_one(raw, pieces, faults);
    }
}

fn take_one<'b>(raw: &'b str, pieces: &mut Vec<Piece<'b>>, faults: &mut Faults) {
    // An event has no `items`; most bodies are one list, whose beginning
    // tells.
    let is_object = raw.starts_with('{');
    let list = if is_object {
        serde_json::from_str::<List<'_>>(raw).ok()
    } else {
        None
    };
    match list {
        Some(List {
            kind: Some(kind),
            version,
            items: Some(items),
        }) if kind.ends_with("List") => {
            let version = version.unwrap_or_default().into();
            match serde_json::from_str::<Vec<&RawValue>>(items.get()) {
                Ok(items) => pieces.extend(items.iter().map(|item| Piece {
                    raw: item.get(),
                    version: Some(std::sync::Arc::clone(&version)),
                })),
                Err(_no_list) => faults.add(Fault::WrongShape),
            }
        }
        _ => pieces.push(Piece { raw, version: None }),
    }
}

/// The whole events of a list that breaks off.
fn salvage<'b>(text: &'b str, pieces: &mut Vec<Piece<'b>>) {
    if !text.starts_with('{') {
        return;
    }
    let mut broken = Broken::default();
    let mut source = serde_json::Deserializer::from_str(text);
    // It ends in an error: that is why we are here.
    drop(Salvage(&mut broken).deserialize(&mut source));
    let version = broken.version.unwrap_or_default().into();
    pieces.extend(broken.items.into_iter().map(|raw| Piece {
        raw,
        version: Some(std::sync::Arc::clone(&version)),
    }));
}

#[derive(Default)]
struct Broken<'b> {
    version: Option<String>,
    items: Vec<&'b str>,
}

struct Salvage<'a, 'b>(&'a mut Broken<'b>);

impl<'b> DeserializeSeed<'b> for Salvage<'_, 'b> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'b>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_map(self)
    }
}

impl<'b> Visitor<'b> for Salvage<'_, 'b> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "apiVersion" => self.0.version = map.next_value()?,
                "items" => map.next_value_seed(Items(&mut self.0.items))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct Items<'a, 'b>(&'a mut Vec<&'b str>);

impl<'b> DeserializeSeed<'b> for Items<'_, 'b> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'b>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_seq(self)
    }
}

impl<'b> Visitor<'b> for Items<'_, 'b> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("events")
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<&RawValue>()? {
            self.0.push(item.get());
        }
        Ok(())
    }
}

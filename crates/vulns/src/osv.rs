//! The advisory form: a record of the OSV schema, version 1.7.
//!
//! Strings are borrowed from the bytes they were read from wherever
//! they hold no escape. Reading is lenient where publishers stray
//! (`null` for a list, free-form `*_specific` objects) and strict where
//! a guess could hide a vulnerability: a list that is no list makes the
//! record bad, and the caller says so by name. Nesting is bounded by
//! `serde_json`; size is bounded by whoever hands the bytes in.

use std::{borrow::Cow, fmt};

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// The longest record read; the longest published ones are near 3 MB.
pub(crate) const MAX_RECORD_BYTES: u64 = 32 << 20;

/// A string that borrows from the record when it can.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Record<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) modified: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) published: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) withdrawn: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(crate) aliases: Vec<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(crate) upstream: Vec<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(crate) related: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) summary: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) details: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(crate) severity: Vec<Score<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(crate) affected: Vec<Affected<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(crate) references: Vec<Reference<'a>>,
    #[serde(borrow, default)]
    pub(crate) database_specific: Specific<'a>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Score<'a> {
    #[serde(borrow, rename = "type", default)]
    pub(crate) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) score: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Reference<'a> {
    #[serde(borrow, default)]
    pub(crate) url: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Affected<'a> {
    #[serde(borrow, default)]
    pub(crate) package: Option<PackageName<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(crate) severity: Vec<Score<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(crate) ranges: Vec<Range<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(crate) versions: Vec<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) ecosystem_specific: Specific<'a>,
    #[serde(borrow, default)]
    pub(crate) database_specific: Specific<'a>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PackageName<'a> {
    #[serde(borrow, default)]
    pub(crate) ecosystem: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Range<'a> {
    #[serde(borrow, rename = "type", default)]
    pub(crate) kind: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(crate) events: Vec<Event<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Event<'a> {
    #[serde(borrow, default)]
    pub(crate) introduced: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) fixed: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) last_affected: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) limit: Option<Text<'a>>,
}

impl<'a> Record<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// The moment a record names, where it names a real one: some feeds
/// write the year 1 for "unknown".
pub(crate) fn timestamp(text: Option<&Text<'_>>) -> Option<Timestamp> {
    let moment: Timestamp = text?.parse().ok()?;
    (moment.as_second() > 0).then_some(moment)
}

/// What we understand of the publisher's free-form objects.
#[derive(Debug, Default)]
pub(crate) struct Specific<'a> {
    /// `urgency` (Debian), `priority`, `ubuntu_priority`, `severity`.
    pub(crate) severity: Option<Cow<'a, str>>,
    /// `status`, `state`, `fix_state`.
    pub(crate) state: Option<Cow<'a, str>>,
    /// `RustSec`: `unmaintained`, `unsound`, `notice`.
    pub(crate) informational: Option<Cow<'a, str>>,
    pub(crate) cwes: Vec<Cow<'a, str>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Specific<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpecificVisitor)
    }
}

struct SpecificVisitor;

impl<'de> Visitor<'de> for SpecificVisitor {
    type Value = Specific<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut specific = Specific::default();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key {
                "urgency" | "priority" | "ubuntu_priority" | "severity" => {
                    if let Loose::Text(text) = map.next_value()? {
                        specific.severity = Some(text);
                    }
                }
                "status" | "state" | "fix_state" => {
                    if let Loose::Text(text) = map.next_value()? {
                        specific.state = Some(text);
                    }
                }
                "informational" => {
                    if let Loose::Text(text) = map.next_value()? {
                        specific.informational = Some(text);
                    }
                }
                "cwe_ids" => {
                    if let Loose::List(list) = map.next_value()? {
                        specific.cwes = list;
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(specific)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Specific::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Specific::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Specific::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Specific::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Specific::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Specific::default())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Specific::default())
    }
}

/// A value of a free-form object: kept when it is text or a list of text.
enum Loose<'a> {
    Text(Cow<'a, str>),
    List(Vec<Cow<'a, str>>),
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Loose::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Loose::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element::<Loose<'de>>()? {
            if let Loose::Text(text) = item {
                list.push(text);
            }
        }
        Ok(Loose::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Loose::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Loose::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Loose::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Loose::Other)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Loose::Other)
    }
}

/// Reads `null` as the default.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_lists_and_odd_specifics_do_not_make_a_record_bad() {
        let record = Record::parse(
            br#"{"id":"A-1","aliases":null,"database_specific":"free text","affected":[{
                "package":{"ecosystem":"npm","name":"x"},
                "ecosystem_specific":{"urgency":"low","status":{"a":[1,null]},"cwe_ids":["CWE-1",2]}}]}"#,
        )
        .unwrap();
        assert!(record.aliases.is_empty());
        let specific = &record.affected[0].ecosystem_specific;
        assert_eq!(specific.severity.as_deref(), Some("low"));
        assert_eq!(specific.state, None);
        assert_eq!(specific.cwes, ["CWE-1"]);
    }

    #[test]
    fn a_number_where_versions_are_listed_is_an_error() {
        let error = Record::parse(br#"{"id":"A-1","affected":[{"versions":3}]}"#).unwrap_err();
        assert!(error.to_string().contains("expected a sequence"));
    }

    #[test]
    fn the_year_one_is_no_date() {
        let text = Text(Cow::Borrowed("0001-01-01T00:00:00Z"));
        assert_eq!(timestamp(Some(&text)), None);
    }

    #[test]
    fn deep_nesting_is_refused_where_it_is_read_and_free_where_it_is_not() {
        let nest = "[".repeat(5000) + &"]".repeat(5000);
        let unread = format!(r#"{{"id":"A","x":{nest}}}"#);
        assert!(Record::parse(unread.as_bytes()).is_ok());
        let read = format!(r#"{{"id":"A","database_specific":{{"status":{nest}}}}}"#);
        assert!(Record::parse(read.as_bytes()).is_err());
    }
}

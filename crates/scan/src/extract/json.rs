//! JSON lock files, read as a stream.
//!
//! A lock file is one large object of small ones. Reading it entry by
//! entry keeps memory flat, and keeps what came before the damage when
//! the file is cut short. Nesting is bounded by `serde_json` (128).

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// What to do with each field of an object.
pub(crate) trait Fields {
    /// Reads the value of `key` from `map`; whoever does not care reads
    /// an [`IgnoredAny`].
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Hands each field of the object in `bytes` to `fields`.
pub(crate) fn read(bytes: &[u8], fields: &mut impl Fields) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(without_mark(bytes));
    Object(fields).deserialize(&mut deserializer)?;
    deserializer.end()
}

/// Hands each element of the list in `bytes` to `each`.
pub(crate) fn read_list<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    each: impl FnMut(T),
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Elements::new(each).deserialize(&mut deserializer)?;
    deserializer.end()
}

/// Windows tools put a byte-order mark before JSON.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// An object whose fields are read one by one.
pub(crate) struct Object<'f, F>(pub(crate) &'f mut F);

impl<'de, F: Fields> DeserializeSeed<'de> for Object<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: Fields> Visitor<'de> for Object<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            self.0.field(&key, &mut map)?;
        }
        Ok(())
    }
}

/// An object of like entries, each handed to a closure as it is read.
/// Anything else than an object is passed over.
pub(crate) struct Entries<T, F>(F, PhantomData<T>);

impl<T, F: FnMut(String, T)> Entries<T, F> {
    pub(crate) fn new(each: F) -> Self {
        Self(each, PhantomData)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(String, T)> DeserializeSeed<'de> for Entries<T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(String, T)> Visitor<'de> for Entries<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<String, T>()? {
            (self.0)(key, value);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        // PHP writes an empty object as an empty list.
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A list of like elements, each handed to a closure as it is read.
pub(crate) struct Elements<T, F>(F, PhantomData<T>);

impl<T, F: FnMut(T)> Elements<T, F> {
    pub(crate) fn new(each: F) -> Self {
        Self(each, PhantomData)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Elements<T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Elements<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<T>()? {
            (self.0)(element);
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A field that ought to be a string. Anything else reads as absent, so
/// that one odd entry does not cost the rest of the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut words = deserializer.deserialize_any(WordsVisitor { depth: 0 })?;
        Ok(Self(if words.is_text {
            words.list.pop()
        } else {
            None
        }))
    }
}

/// A field that ought to be `true` or `false`; anything else is `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = deserializer.deserialize_any(WordsVisitor { depth: 0 })?;
        Ok(Self(words.is_true))
    }
}

/// Licences as package files state them: a string, a list of strings,
/// or objects with a `type`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Licenses(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Licenses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = deserializer.deserialize_any(WordsVisitor { depth: 0 })?;
        Ok(Self(words.list))
    }
}

/// No package states more licences than this.
const MAX_WORDS: usize = 32;

/// Whatever the value was, its words.
#[derive(Default)]
struct Words {
    list: Vec<String>,
    is_text: bool,
    is_true: bool,
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordsVisitor { depth: 1 })
    }
}

struct WordsVisitor {
    depth: u8,
}

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Words, E> {
        Ok(Words {
            list: vec![text.to_owned()],
            is_text: true,
            is_true: false,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Words, A::Error> {
        let mut words = Words::default();
        while self.depth == 0 && words.list.len() < MAX_WORDS {
            match elements.next_element::<Words>()? {
                Some(element) => words.list.extend(element.list),
                None => return Ok(words),
            }
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(words)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Words, A::Error> {
        let mut words = Words::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if matches!(key.as_ref(), "type" | "name") && words.list.is_empty() {
                words.list.extend(map.next_value::<Text>()?.0);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(words)
    }

    fn visit_bool<E>(self, is_true: bool) -> Result<Words, E> {
        Ok(Words {
            is_true,
            ..Words::default()
        })
    }

    fn visit_i64<E>(self, _: i64) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_unit<E>(self) -> Result<Words, E> {
        Ok(Words::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_value_reads_as_absent() {
        for odd in ["1", "-1", "1.5", "null", "true", "[\"a\"]", "{\"a\":1}"] {
            assert_eq!(
                serde_json::from_str::<Text>(odd).unwrap(),
                Text(None),
                "{odd}"
            );
        }
        assert_eq!(
            serde_json::from_str::<Text>("\"a\"").unwrap(),
            Text(Some("a".to_owned()))
        );
    }

    #[test]
    fn licences_are_read_in_every_form_in_use() {
        let cases = [
            (r#""MIT""#, vec!["MIT"]),
            (r#"["MIT", "ISC"]"#, vec!["MIT", "ISC"]),
            (r#"{"type": "MIT", "url": "http://x"}"#, vec!["MIT"]),
            (r#"[{"type": "MIT"}, {"type": "ISC"}]"#, vec!["MIT", "ISC"]),
            ("false", vec![]),
            ("[[[[]]], 1]", vec![]),
        ];
        for (text, expected) in cases {
            assert_eq!(
                serde_json::from_str::<Licenses>(text).unwrap().0,
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn endless_licences_are_cut_off() {
        let text = format!("[{}\"MIT\"]", "\"MIT\",".repeat(1000));
        let licenses: Licenses = serde_json::from_str(&text).unwrap();
        assert_eq!(licenses.0.len(), MAX_WORDS);
    }
}

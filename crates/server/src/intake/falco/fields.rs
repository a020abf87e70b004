//! Falco's output fields: `proc.name`, `k8s.ns.name` and their like.

use serde_json::{Map, Value};

/// No single value is kept longer.
const MAX_VALUE: usize = 4 << 10;
const MAX_FIELDS: usize = 200;

/// The fields of one event.
pub(super) struct Fields<'e>(pub(super) &'e Map<String, Value>);

impl Fields<'_> {
    /// A field that has a value; Falco writes `<NA>` or null where there
    /// is none.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = match self.0.get(name)? {
            Value::String(text) => clean(text, 500),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        (!text.is_empty() && text != "<NA>").then_some(text)
    }

    /// The first of several that has a value.
    pub(super) fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.text(name))
    }

    /// What is kept of them: values without more than one level, up to
    /// `budget` bytes in all.
    pub(super) fn evidence(&self, budget: usize) -> Map<String, Value> {
        let mut kept = Map::new();
        let mut left = budget;
        let mut is_cut = false;
        for (name, value) in self.0 {
            let value = match value {
                Value::Null => continue,
                Value::Bool(_) | Value::Number(_) => value.clone(),
                Value::String(text) => Value::String(clean(text, MAX_VALUE)),
                nested => Value::String(clean(&nested.to_string(), MAX_VALUE)),
            };
            let name = clean(name, 100);
            let size = name.len() + value.as_str().map_or(16, str::len);
            if size > left || kept.len() == MAX_FIELDS {
                is_cut = true;
                continue;
            }
            left -= size;
            kept.insert(name, value);
        }
        if is_cut {
            kept.insert("seawall.cut".to_owned(), Value::Bool(true));
        }
        kept
    }
}

/// Cut between characters, and without NUL, which no database keeps.
pub(super) fn clean(text: &str, most: usize) -> String {
    let end = text.floor_char_boundary(most);
    let text = text.get(..end).unwrap_or_default().trim();
    text.replace('\0', "\u{fffd}")
}

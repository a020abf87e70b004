//! Objects that policies may look up beside the one they judge:
//! `data.inventory`, in Gatekeeper's shape.
//!
//! `data.inventory.cluster[apiVersion][kind][name]` and
//! `data.inventory.namespace[namespace][apiVersion][kind][name]`.

use serde_json::Value;

use crate::review::Kind;

/// The objects policies may look up.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    root: std::collections::BTreeMap<Key, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    namespace: String,
    api_version: String,
    kind: String,
    name: String,
}

impl Inventory {
    /// Adds `object`, or replaces what had its name.
    pub fn put(&mut self, object: &Value) {
        if let Some(key) = Key::of(object) {
            self.root.insert(key, object.clone());
        }
    }

    /// Forgets an object.
    pub fn remove(&mut self, kind: &Kind, namespace: &str, name: &str) {
        let api_version = match kind.group.as_str() {
            "" => kind.version.clone(),
            group => format!("{group}/{}", kind.version),
        };
        self.root.remove(&Key {
            namespace: namespace.to_owned(),
            api_version,
            kind: kind.kind.clone(),
            name: name.to_owned(),
        });
    }

    pub fn len(&self) -> usize {
        self.root.len()
    }

    pub fn is_empty(&self) -> bool {
        self.root.is_empty()
    }
}

impl Key {
    fn of(object: &Value) -> Option<Self> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let metadata = object.get("metadata")?;
        Some(Self {
            namespace: text(metadata.get("namespace")).unwrap_or_default(),
            api_version: text(object.get("apiVersion"))?,
            kind: text(object.get("kind"))?,
            name: text(metadata.get("name"))?,
        })
    }
}

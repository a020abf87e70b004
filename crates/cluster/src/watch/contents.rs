//! What a configuration map holds: judged once as it comes, and not kept. It may
//! be a secret somebody put in the wrong place; that is what it is read
//! for.

use std::{collections::HashMap, sync::Arc};

use api::posture::ObjectKey;
use serde_json::{Map, Value};

use super::{mirror::MAX_OBJECT, packed};

const FIELDS: [&str; 3] = ["data", "binaryData", "immutable"];
/// Bytes that wait to be judged, compressed: all there are in a cluster
/// may come before anything is judged.
const MAX_WAITING: usize = 64 << 20;

/// Whether a kind's objects are judged with what they hold, and kept
/// without.
pub(crate) fn has_contents(group: &str, kind: &str) -> bool {
    group.is_empty() && kind == "ConfigMap"
}

/// What one object holds.
#[derive(Clone, Debug)]
pub struct Contents {
    packed: Box<[u8]>,
    size: usize,
}

impl Contents {
    /// Takes them out of an object; `None`: more than is looked at.
    pub(crate) fn take(object: &mut Value) -> Option<Self> {
        let mut held = Map::new();
        if let Some(object) = object.as_object_mut() {
            for name in FIELDS {
                if let Some(value) = object.remove(name) {
                    held.insert(name.to_owned(), value);
                }
            }
        }
        let text = serde_json::to_vec(&held).unwrap_or_default();
        (text.len() <= MAX_OBJECT).then(|| Self {
            packed: packed::pack(&text),
            size: text.len(),
        })
    }

    /// Puts them back.
    pub(super) fn put_into(&self, object: &mut Value) {
        let text = packed::unpack(&self.packed, self.size);
        let held: Map<String, Value> = serde_json::from_slice(&text).unwrap_or_default();
        if let Some(object) = object.as_object_mut() {
            object.extend(held);
        }
    }
}

/// Contents of objects that are about to be judged.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    contents: HashMap<Arc<ObjectKey>, Contents>,
    bytes: usize,
}

impl Waiting {
    /// Whether there was room.
    pub(super) fn put(&mut self, key: &Arc<ObjectKey>, contents: Contents) -> bool {
        self.remove(key);
        if self.bytes + contents.packed.len() > MAX_WAITING {
            return false;
        }
        self.bytes += contents.packed.len();
        self.contents.insert(Arc::clone(key), contents);
        true
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Option<&Contents> {
        self.contents.get(key)
    }

    pub(super) fn remove(&mut self, key: &ObjectKey) {
        if let Some(contents) = self.contents.remove(key) {
            self.bytes -= contents.packed.len();
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

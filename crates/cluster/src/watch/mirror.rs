//! The cluster's objects, compressed, and who made whom.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use api::posture::ObjectKey;
use policy::review::Kind;
use serde_json::Value;

use super::{
    contents::{Contents, has_contents},
    packed,
    trim::trim,
};

/// The largest object that is looked at, in bytes of JSON once trimmed.
pub(crate) const MAX_OBJECT: usize = 3 << 20;
/// Steps from a pod up to what made it.
const LEVELS: usize = 6;

/// An object as a stream hands it on.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub key: ObjectKey,
    pub version: String,
    pub object: Object,
    /// What it holds, where that is judged and not kept.
    pub contents: Option<Contents>,
}

/// One object, as it is kept.
#[derive(Clone, Debug)]
pub struct Object {
    /// Of its trimmed text.
    pub(crate) hash: u64,
    /// That text, compressed.
    body: Box<[u8]>,
    /// Bytes of the text.
    pub(crate) size: usize,
    /// What controls it: as it says itself.
    pub(crate) owner: Option<Arc<ObjectKey>>,
    /// Of its own uid, and of the one it says its owner has.
    uid: u64,
    owner_uid: u64,
}

/// An object longer than is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes: more than is looked at")]
pub struct TooLarge(pub usize);

impl Object {
    pub(crate) fn new(key: &ObjectKey, mut value: Value) -> Result<Self, TooLarge> {
        trim(&key.group, &key.kind, &mut value);
        let text = serde_json::to_vec(&value).unwrap_or_default();
        if text.len() > MAX_OBJECT {
            return Err(TooLarge(text.len()));
        }
        let (owner, owner_uid) = match owner(&key.namespace, &value) {
            Some((owner, uid)) => (Some(Arc::new(owner)), uid),
            None => (None, 0),
        };
        Ok(Self {
            hash: xxhash_rust::xxh3::xxh3_64(&text),
            owner,
            owner_uid,
            uid: value.get("metadata").map_or(0, uid),
            body: packed::pack(&text),
            size: text.len(),
        })
    }

    /// Its text, as JSON.
    pub(crate) fn text(&self) -> Vec<u8> {
        packed::unpack(&self.body, self.size)
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.text()).unwrap_or_default()
    }
}

impl Arrived {
    /// From an object as an API server or a file has it.
    pub fn of(mut value: Value) -> Option<Result<Self, (ObjectKey, TooLarge)>> {
        let kind = Kind::of(&value)?;
        let metadata = value.get("metadata")?;
        let key = ObjectKey {
            group: kind.group,
            kind: kind.kind,
            namespace: word(metadata, "namespace"),
            name: word(metadata, "name"),
        };
        let contents = has_contents(&key.group, &key.kind)
            .then(|| Contents::take(&mut value))
            .flatten();
        Some(match Object::new(&key, value) {
            Ok(object) => Ok(Self {
                key,
                version: kind.version,
                object,
                contents,
            }),
            Err(refused) => Err((key, refused)),
        })
    }
}

pub(crate) fn word(value: &Value, name: &str) -> String {
    let text = value.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// A hash of the uid; 0 where there is none.
fn uid(of: &Value) -> u64 {
    match of.get("uid").and_then(Value::as_str) {
        Some(uid) => xxhash_rust::xxh3::xxh3_64(uid.as_bytes()),
        None => 0,
    }
}

/// The controller an object names, and its uid.
fn owner(namespace: &str, object: &Value) -> Option<(ObjectKey, u64)> {
    let all = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let is_controller = |owner: &&Value| owner.get("controller") == Some(&Value::Bool(true));
    let owner = all.iter().find(is_controller)?;
    let version = word(owner, "apiVersion");
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let key = ObjectKey {
        group: group.to_owned(),
        kind: word(owner, "kind"),
        namespace: namespace.to_owned(),
        name: word(owner, "name"),
    };
    Some((key, uid(owner)))
}

/// All objects that are there.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    objects: HashMap<Arc<ObjectKey>, Object>,
    /// By the object they say made them, whether that is there or not.
    children: HashMap<Arc<ObjectKey>, BTreeSet<Arc<ObjectKey>>>,
    /// By group and kind.
    by_kind: HashMap<(String, String), BTreeSet<Arc<ObjectKey>>>,
}

impl Mirror {
    /// Takes an object in; its key, where that changed anything.
    pub(crate) fn put(&mut self, key: ObjectKey, object: Object) -> Option<Arc<ObjectKey>> {
        let key = match self.objects.get_key_value(&key) {
            Some((_, known)) if known.hash == object.hash => return None,
            Some((known, _)) => Arc::clone(known),
            None => Arc::new(key),
        };
        if let Some(before) = self.objects.get(&key).and_then(|known| known.owner.clone())
            && Some(&before) != object.owner.as_ref()
        {
            self.orphan(&key, &before);
        }
        if let Some(owner) = &object.owner {
            let siblings = self.children.entry(Arc::clone(owner)).or_default();
            siblings.insert(Arc::clone(&key));
        }
        let kind = (key.group.clone(), key.kind.clone());
        self.by_kind
            .entry(kind)
            .or_default()
            .insert(Arc::clone(&key));
        self.objects.insert(Arc::clone(&key), object);
        Some(key)
    }

    pub(crate) fn remove(&mut self, key: &ObjectKey) -> Option<Arc<ObjectKey>> {
        let (key, object) = self.objects.remove_entry(key)?;
        if let Some(owner) = &object.owner {
            self.orphan(&key, owner);
        }
        let kind = (key.group.clone(), key.kind.clone());
        if let Some(all) = self.by_kind.get_mut(&kind) {
            all.remove(&key);
            if all.is_empty() {
                self.by_kind.remove(&kind);
            }
        }
        Some(key)
    }

    fn orphan(&mut self, key: &Arc<ObjectKey>, owner: &Arc<ObjectKey>) {
        if let Some(siblings) = self.children.get_mut(owner) {
            siblings.remove(key);
            if siblings.is_empty() {
                self.children.remove(owner);
            }
        }
    }

    pub(crate) fn get(&self, key: &ObjectKey) -> Option<&Object> {
        self.objects.get(key)
    }

    /// The key of an object that is there, as others hold it.
    pub(crate) fn shared(&self, key: &ObjectKey) -> Option<Arc<ObjectKey>> {
        let (key, _) = self.objects.get_key_value(key)?;
        Some(Arc::clone(key))
    }

    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Arc<ObjectKey>> {
        self.objects.keys()
    }

    pub(crate) fn of_kind(
        &self,
        group: &str,
        kind: &str,
    ) -> impl Iterator<Item = &Arc<ObjectKey>> + use<'_> {
        let all = self.by_kind.get(&(group.to_owned(), kind.to_owned()));
        all.into_iter().flatten()
    }

    /// What made an object, as far up as is known; `None`: nothing that
    /// is known. A name alone proves nothing: whoever could write a pod
    /// would hide it behind somebody's deployment.
    pub(crate) fn top(&self, key: &ObjectKey) -> Option<Arc<ObjectKey>> {
        let mut top = None;
        let mut at = self.objects.get(key)?;
        for _ in 0..LEVELS {
            let Some(owner) = &at.owner else { break };
            let Some((owner, object)) = self.objects.get_key_value(owner) else {
                break;
            };
            if object.uid != at.owner_uid || **owner == *key {
                break;
            }
            top = Some(Arc::clone(owner));
            at = object;
        }
        top
    }

    /// Everything made by an object, at any remove.
    pub(crate) fn below(&self, key: &ObjectKey) -> Vec<Arc<ObjectKey>> {
        let mut all: Vec<Arc<ObjectKey>> = Vec::new();
        let mut level: Vec<Arc<ObjectKey>> = self
            .children
            .get(key)
            .map(|children| children.iter().cloned().collect())
            .unwrap_or_default();
        for _ in 0..LEVELS {
            if level.is_empty() {
                break;
            }
            let next = level
                .iter()
                .filter_map(|child| self.children.get(child))
                .flatten()
                .cloned()
                .collect();
            all.append(&mut level);
            level = next;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn put(mirror: &mut Mirror, value: Value) -> Option<Arc<ObjectKey>> {
        let arrived = Arrived::of(value).unwrap().unwrap();
        mirror.put(arrived.key, arrived.object)
    }

    fn object(version: &str, kind: &str, name: &str, owner: Option<(&str, &str, &str)>) -> Value {
        let owners: Vec<Value> = owner
            .into_iter()
            .map(|(version, kind, name)| {
                json!({"apiVersion": version, "kind": kind, "name": name, "controller": true,
                    "uid": format!("uid-{name}")})
            })
            .collect();
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": name,
            "uid": format!("uid-{name}"), "namespace": "shop", "ownerReferences": owners}})
    }

    #[test]
    fn a_pod_is_of_its_deployment_whichever_came_first() {
        let mut mirror = Mirror::default();
        let pod = put(
            &mut mirror,
            object(
                "v1",
                "Pod",
                "web-1-x",
                Some(("apps/v1", "ReplicaSet", "web-1")),
            ),
        )
        .unwrap();
        assert_eq!(mirror.top(&pod), None, "its owner is not known");
        let set = put(
            &mut mirror,
            object(
                "apps/v1",
                "ReplicaSet",
                "web-1",
                Some(("apps/v1", "Deployment", "web")),
            ),
        )
        .unwrap();
        assert_eq!(mirror.top(&pod), Some(Arc::clone(&set)));
        let deployment = put(&mut mirror, object("apps/v1", "Deployment", "web", None)).unwrap();
        assert_eq!(mirror.top(&pod), Some(Arc::clone(&deployment)));
        assert_eq!(
            mirror.below(&deployment),
            [Arc::clone(&set), Arc::clone(&pod)]
        );
        mirror.remove(&set);
        assert_eq!(mirror.top(&pod), None);
        assert!(mirror.below(&deployment).is_empty());
    }

    #[test]
    fn what_did_not_change_is_no_news_and_what_owns_itself_ends() {
        let mut mirror = Mirror::default();
        let own = object("v1", "Pod", "a", Some(("v1", "Pod", "a")));
        let key = put(&mut mirror, own.clone()).unwrap();
        assert!(put(&mut mirror, own).is_none());
        assert_eq!(mirror.top(&key), None);
        assert_eq!(mirror.below(&key).len(), LEVELS);
    }

    #[test]
    fn an_owner_of_another_uid_is_no_owner() {
        let mut mirror = Mirror::default();
        put(&mut mirror, object("apps/v1", "Deployment", "web", None)).unwrap();
        let mut forged = object("v1", "Pod", "x", Some(("apps/v1", "Deployment", "web")));
        forged["metadata"]["ownerReferences"][0]["uid"] = json!("made-up");
        let pod = put(&mut mirror, forged).unwrap();
        assert_eq!(mirror.top(&pod), None);
    }

    #[test]
    fn an_object_longer_than_is_looked_at_is_refused() {
        let mut big = object("v1", "Pod", "big", None);
        big["spec"] = json!({"text": "x".repeat(MAX_OBJECT)});
        let (key, refused) = Arrived::of(big).unwrap().unwrap_err();
        assert_eq!(key.name, "big");
        assert!(refused.0 > MAX_OBJECT);
    }
}

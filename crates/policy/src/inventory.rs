//! Objects that policies may look up beside the one they judge:
//! `data.inventory`, in Gatekeeper's shape.
//!
//! `data.inventory.cluster[apiVersion][kind][name]` and
//! `data.inventory.namespace[namespace][apiVersion][kind][name]`.
//!
//! Kept as the values Rego reads, so that an evaluation copies nothing:
//! it takes a reference, and a change copies only the maps on its way.

use regorus::Value as Rego;
use serde_json::{Value, json};

use crate::rego::{from_rego, to_rego};
use crate::review::Kind;

/// The objects policies may look up.
#[derive(Clone, Debug)]
pub struct Inventory {
    root: Rego,
    len: usize,
}

impl Default for Inventory {
    fn default() -> Self {
        Self {
            root: Rego::new_object(),
            len: 0,
        }
    }
}

impl Inventory {
    /// Adds `object`, or replaces what had its name; whether that changed
    /// anything. What has no kind or name is not an object, and is left
    /// out.
    pub fn put(&mut self, object: &Value) -> bool {
        let Some(kind) = Kind::of(object) else {
            return false;
        };
        let text = |field: &str| {
            object
                .get("metadata")
                .and_then(|metadata| metadata.get(field))
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let name = text("name");
        if name.is_empty() {
            return false;
        }
        let path = path(&kind, text("namespace"), name);
        let object = to_rego(object);
        if find(&self.root, &path) == Some(&object) {
            return false;
        }
        if insert(&mut self.root, &path, object) {
            self.len += 1;
        }
        true
    }

    /// Forgets an object; whether it was there.
    pub fn remove(&mut self, kind: &Kind, namespace: &str, name: &str) -> bool {
        let was_there = remove(&mut self.root, &path(kind, namespace, name));
        self.len = self.len.saturating_sub(usize::from(was_there));
        was_there
    }

    /// Every object of one `apiVersion` and kind.
    pub(crate) fn of_kind(&self, api_version: &str, kind: &str) -> Vec<Value> {
        let step = |map: &Rego, key: &str| -> Option<Rego> {
            map.as_object().ok()?.get(&Rego::from(key)).cloned()
        };
        let mut scopes: Vec<Rego> = step(&self.root, "cluster").into_iter().collect();
        if let Some(Rego::Object(namespaces)) = step(&self.root, "namespace") {
            scopes.extend(namespaces.iter().map(|(_, scope)| scope.clone()));
        }
        let mut objects = Vec::new();
        for scope in scopes {
            let found = step(&scope, api_version).and_then(|kinds| step(&kinds, kind));
            if let Some(Rego::Object(named)) = found {
                objects.extend(named.iter().map(|(_, object)| from_rego(object)));
            }
        }
        objects
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn root(&self) -> &Rego {
        &self.root
    }
}

/// So much of an object as says that there is one of that name.
pub fn names_only(object: &Value) -> Value {
    let mut metadata = serde_json::Map::new();
    for field in ["name", "namespace"] {
        if let Some(value) = object.get("metadata").and_then(|known| known.get(field)) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let field = |name: &str| object.get(name).cloned().unwrap_or_default();
    json!({"apiVersion": field("apiVersion"), "kind": field("kind"), "metadata": metadata})
}

fn path(kind: &Kind, namespace: &str, name: &str) -> Vec<Rego> {
    let version = match kind.group.as_str() {
        "" => kind.version.clone(),
        group => format!("{group}/{}", kind.version),
    };
    let mut path = match namespace {
        "" => vec![Rego::from("cluster")],
        namespace => vec![Rego::from("namespace"), Rego::from(namespace)],
    };
    path.extend([
        Rego::from(version),
        Rego::from(kind.kind.as_str()),
        Rego::from(name),
    ]);
    path
}

fn find<'a>(map: &'a Rego, path: &[Rego]) -> Option<&'a Rego> {
    path.iter()
        .try_fold(map, |map, key| map.as_object().ok()?.get(key))
}

/// Whether it was not there before.
fn insert(map: &mut Rego, path: &[Rego], value: Rego) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    let Ok(fields) = map.as_object_mut() else {
        return false;
    };
    if rest.is_empty() {
        let is_new = fields.get(first).is_none();
        fields.insert(first.clone(), value);
        return is_new;
    }
    if fields.get(first).is_none() {
        fields.insert(first.clone(), Rego::new_object());
    }
    fields
        .get_mut(first)
        .is_some_and(|inner| insert(inner, rest, value))
}

/// Whether it was there. Maps that became empty go with it.
fn remove(map: &mut Rego, path: &[Rego]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    let Ok(fields) = map.as_object_mut() else {
        return false;
    };
    if rest.is_empty() {
        return fields.remove(first).is_some();
    }
    let Some(inner) = fields.get_mut(first) else {
        return false;
    };
    let was_there = remove(inner, rest);
    if inner
        .as_object()
        .is_ok_and(regorus::value::Object::is_empty)
    {
        fields.remove(first);
    }
    was_there
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_where_gatekeeper_keeps_them() {
        let service = json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "shop"}});
        let ingress = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": "web", "namespace": "shop"}});
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "shop"}});
        let mut inventory = Inventory::default();
        for object in [&service, &ingress, &namespace] {
            assert!(inventory.put(object));
        }
        assert!(!inventory.put(&service), "nothing changed");
        assert_eq!(inventory.len(), 3);
        assert_eq!(
            inventory.of_kind("v1", "Service"),
            std::slice::from_ref(&service)
        );
        assert_eq!(
            inventory.of_kind("v1", "Namespace"),
            std::slice::from_ref(&namespace)
        );
        let root = from_rego(inventory.root());
        assert_eq!(root["namespace"]["shop"]["v1"]["Service"]["web"], service);
        assert_eq!(
            root["namespace"]["shop"]["networking.k8s.io/v1"]["Ingress"]["web"],
            ingress
        );
        assert_eq!(root["cluster"]["v1"]["Namespace"]["shop"], namespace);

        let before = inventory.clone();
        inventory.remove(&Kind::of(&service).unwrap(), "shop", "web");
        inventory.remove(&Kind::of(&ingress).unwrap(), "shop", "web");
        inventory.remove(&Kind::of(&ingress).unwrap(), "shop", "other");
        assert_eq!(
            from_rego(inventory.root()),
            json!({"cluster": {"v1": {"Namespace": {"shop": namespace}}}})
        );
        assert_eq!((inventory.len(), before.len()), (1, 3));
    }
}

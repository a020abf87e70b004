//! What policies look up around an object: namespaces, always, and the
//! kinds that `data.inventory` is asked for.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::watcher::{self, Event},
};
use policy::review::Kind;
use serde_json::Value;
use tokio_stream::StreamExt as _;

use super::{door::Door, register::Served};

/// Before what failed is watched again.
const RESPITE: Duration = Duration::from_secs(2);

fn resource(kind: &Kind, plural: &str) -> ApiResource {
    let kind = GroupVersionKind::gvk(&kind.group, &kind.version, &kind.kind);
    ApiResource::from_gvk_with_plural(&kind, plural)
}

/// An object as policies read it: whole, but for what nobody reads.
fn told(resource: &ApiResource, mut object: DynamicObject) -> Value {
    object.metadata.managed_fields = None;
    let mut value = serde_json::to_value(object).unwrap_or_default();
    // Items of a list do not say what they are.
    value["apiVersion"] = resource.api_version.clone().into();
    value["kind"] = resource.kind.clone().into();
    value
}

/// Follows namespaces until told to stop.
pub(super) async fn namespaces(client: Client, door: Arc<Door>) {
    let kind = Kind {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
    };
    follow(client, &resource(&kind, "namespaces"), |change| {
        door.around(|world| match change {
            Change::Put(object) => {
                if let Some(name) = object.pointer("/metadata/name").and_then(Value::as_str) {
                    world
                        .namespaces
                        .insert(name.to_owned(), Arc::new(object.clone()));
                }
            }
            Change::Gone { name, .. } => {
                world.namespaces.remove(name);
            }
            Change::Whole(names) => {
                world.namespaces.retain(|name, _| {
                    let key = (String::new(), name.clone());
                    names.contains(&key)
                });
            }
        });
    })
    .await;
}

/// Follows one kind of the inventory until told to stop: whole objects, or
/// their names.
pub(super) async fn inventory(client: Client, served: Served, by_name: bool, door: Arc<Door>) {
    let mut known: BTreeSet<(String, String)> = BTreeSet::new();
    let kind = served.kind.clone();
    follow(client, &resource(&served.kind, &served.plural), |change| {
        door.around(|world| match change {
            Change::Put(object) => {
                known.insert(named(object));
                if by_name {
                    world.inventory.put(&policy::names_only(object));
                } else {
                    world.inventory.put(object);
                }
            }
            Change::Gone { namespace, name } => {
                known.remove(&(namespace.to_owned(), name.to_owned()));
                world.inventory.remove(&kind, namespace, name);
            }
            Change::Whole(names) => {
                for (namespace, name) in known.difference(names) {
                    world.inventory.remove(&kind, namespace, name);
                }
                known.retain(|name| names.contains(name));
            }
        });
    })
    .await;
}

fn named(object: &Value) -> (String, String) {
    let of = |pointer| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or("")
    };
    (
        of("/metadata/namespace").to_owned(),
        of("/metadata/name").to_owned(),
    )
}

enum Change<'a> {
    Put(&'a Value),
    Gone {
        namespace: &'a str,
        name: &'a str,
    },
    /// These are all there are.
    Whole(&'a BTreeSet<(String, String)>),
}

async fn follow(client: Client, resource: &ApiResource, mut note: impl FnMut(Change<'_>) + Send) {
    let api: Api<DynamicObject> = Api::all_with(client, resource);
    let mut stream = Box::pin(watcher::watcher(api, watcher::Config::default()));
    let mut listed = BTreeSet::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => {
                let object = told(resource, object);
                listed.insert(named(&object));
                note(Change::Put(&object));
            }
            Ok(Event::InitDone) => note(Change::Whole(&listed)),
            Ok(Event::Apply(object)) => note(Change::Put(&told(resource, object))),
            Ok(Event::Delete(object)) => note(Change::Gone {
                namespace: object.metadata.namespace.as_deref().unwrap_or(""),
                name: object.metadata.name.as_deref().unwrap_or(""),
            }),
            Err(error) => {
                let error = model::error::chain(&error);
                tracing::warn!(
                    kind = resource.kind,
                    error,
                    "cannot be watched; tried again"
                );
                tokio::time::sleep(RESPITE).await;
            }
        }
    }
}

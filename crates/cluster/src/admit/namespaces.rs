//! What policies look up around an object: namespaces, always, and the
//! kinds that `data.inventory` is asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::watcher::{self, Event},
};
use policy::{Policies, review::Kind};
use serde_json::Value;
use tokio::task::{AbortHandle, JoinSet};
use tokio_stream::StreamExt as _;

use super::{
    door::Door,
    register::Served,
    troubles::{Troubles, note},
};
use crate::watch::{Backoff, is_forbidden, message, rule};

/// What failed and is quiet for so long goes well again: nothing else
/// says so of a watch.
const SURE: Duration = Duration::from_secs(15);

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
pub(super) async fn namespaces(client: Client, door: Arc<Door>, troubles: Troubles) {
    let kind = Kind {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
    };
    let resource = resource(&kind, "namespaces");
    follow(client, &resource, &troubles, |change| {
        let is_whole = matches!(change, Change::Whole(_));
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
        if is_whole {
            door.saw_namespaces();
        }
    })
    .await;
}

/// The kinds that are followed because policies look them up.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    /// Whether only by name.
    followed: BTreeMap<Served, (bool, AbortHandle)>,
    /// What the API server does not have: there is nothing to be seen.
    absent: BTreeSet<Kind>,
    tasks: JoinSet<()>,
}

impl Lookups {
    /// Follows what `policies` look up of what the API server has.
    pub(super) fn renew(
        &mut self,
        client: &Client,
        policies: &Policies,
        served: &[Served],
        door: &Arc<Door>,
        troubles: &Troubles,
    ) {
        for kind in policies.inventory_kinds() {
            let wanted = served.iter().find(|one| {
                one.kind.group == kind.group
                    && one.kind.kind == kind.kind
                    && (kind.version.is_empty() || one.kind.version == kind.version)
            });
            let Some(wanted) = wanted else {
                // Before anything is known of what there is, nothing is
                // known of what there is not.
                if !served.is_empty() && self.absent.insert(kind.clone()) {
                    door.saw(&kind, false);
                }
                continue;
            };
            if self.absent.remove(&kind) {
                door.looks_at(&kind);
            }
            let by_name = policies.looks_up_names_only(&wanted.kind);
            let known = self.followed.get(wanted);
            if known.is_some_and(|(known, _)| !known || by_name) {
                continue;
            }
            let following = inventory(
                client.clone(),
                wanted.clone(),
                by_name,
                Arc::clone(door),
                Arc::clone(troubles),
            );
            let following = self.tasks.spawn(following);
            let before = self.followed.insert(wanted.clone(), (by_name, following));
            if let Some((_, less)) = before {
                less.abort();
            }
        }
    }
}

/// Follows one kind of the inventory until told to stop: whole objects, or
/// their names.
async fn inventory(
    client: Client,
    served: Served,
    by_name: bool,
    door: Arc<Door>,
    troubles: Troubles,
) {
    let mut known: BTreeSet<(String, String)> = BTreeSet::new();
    let kind = served.kind.clone();
    let resource = resource(&served.kind, &served.plural);
    follow(client, &resource, &troubles, |change| {
        let is_whole = matches!(change, Change::Whole(_));
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
        if is_whole {
            door.saw(&kind, by_name);
        }
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

async fn follow(
    client: Client,
    resource: &ApiResource,
    troubles: &Troubles,
    mut take: impl FnMut(Change<'_>) + Send,
) {
    let what = format!("watching {}", resource.plural);
    let api: Api<DynamicObject> = Api::all_with(client, resource);
    let mut stream = Box::pin(watcher::watcher(api, watcher::Config::default()));
    let mut backoff = Backoff::new(&what);
    let mut listed = BTreeSet::new();
    let (mut is_listing, mut is_failing) = (true, false);
    loop {
        let next = stream.next();
        let event = if is_failing && !is_listing {
            tokio::time::timeout(SURE, next).await
        } else {
            Ok(next.await)
        };
        if !matches!(
            event,
            Ok(Some(Ok(Event::Init | Event::InitApply(_)) | Err(_)))
        ) && std::mem::take(&mut is_failing)
        {
            note(troubles, &what, Ok(()));
            backoff.succeeded();
        }
        let Ok(event) = event else { continue };
        let Some(event) = event else { return };
        match event {
            Ok(Event::Init) => {
                listed.clear();
                is_listing = true;
            }
            Ok(Event::InitApply(object)) => {
                let object = told(resource, object);
                listed.insert(named(&object));
                take(Change::Put(&object));
            }
            Ok(Event::InitDone) => {
                is_listing = false;
                take(Change::Whole(&listed));
            }
            Ok(Event::Apply(object)) => take(Change::Put(&told(resource, object))),
            Ok(Event::Delete(object)) => take(Change::Gone {
                namespace: object.metadata.namespace.as_deref().unwrap_or(""),
                name: object.metadata.name.as_deref().unwrap_or(""),
            }),
            Err(error) => {
                is_failing = true;
                let mut problem = message(&error);
                if is_forbidden(&error) {
                    problem.push_str("; ");
                    problem.push_str(&rule(&resource.group, &resource.plural));
                }
                note(troubles, &what, Err(problem));
                tokio::time::sleep(backoff.failed()).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;

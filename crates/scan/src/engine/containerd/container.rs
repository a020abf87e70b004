//! Running containers of containerd, of every namespace (services
//! `containers` and `tasks`, version 1).

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use jiff::Timestamp;
use model::{Cancel, ContainerEngine, Digest, PublishedPort, RunningContainer};
use serde::Deserialize;

use super::{ENGINE, Store, check, find, index_of, namespaces, refused, spec};
use crate::{
    Options, Silent,
    engine::{
        EngineError,
        bound::{self, Listed},
        grpc,
    },
    image::{Choice, Reader, resolve},
};

const LIST_CONTAINERS: &str = "containerd.services.containers.v1.Containers/List";
const LIST_TASKS: &str = "containerd.services.tasks.v1.Tasks/List";

/// `containerd.v1.types.Status`: running, paused, pausing.
const ALIVE: [u64; 3] = [2, 4, 5];

/// Where nerdctl and Kubernetes write names and ports.
const NAMES: [&str; 2] = ["nerdctl/name", "io.kubernetes.container.name"];
const PORTS: &str = "nerdctl/ports";

/// Every container with a task that runs or is paused.
pub(in crate::engine) fn running(socket: &Path) -> Result<Listed, EngineError> {
    check(socket)?;
    let mut listed = Listed::default();
    for namespace in namespaces(socket)? {
        let ask =
            |method, what| grpc::unary(socket, &namespace, method, &[]).map_err(refused(what));
        let tasks = ask(LIST_TASKS, "its tasks")?;
        let tasks: HashMap<String, u32> = messages(&tasks)
            .filter(|task| ALIVE.contains(&grpc::number(task, 4)))
            .map(|task| {
                let pid = u32::try_from(grpc::number(task, 3)).unwrap_or_default();
                // A container's own process goes by its id; the field
                // beside, for the container's, stays empty.
                (grpc::text(task, 2), pid)
            })
            .collect();
        if tasks.is_empty() {
            continue;
        }
        let containers = ask(LIST_CONTAINERS, "its containers")?;
        let mut images: HashMap<String, Vec<Digest>> = HashMap::new();
        for message in messages(&containers) {
            let Some(pid) = tasks.get(&grpc::text(message, 1)) else {
                continue;
            };
            if listed.containers.len() == bound::CONTAINERS {
                listed.is_cut = true;
                return Ok(listed);
            }
            let mut container = read(message, &namespace, *pid);
            let known = images
                .entry(container.image.clone())
                .or_insert_with(|| digests(socket, &namespace, &container.image));
            container.image_digests.extend_from_slice(known);
            listed.containers.push(container);
        }
    }
    Ok(listed)
}

/// The repeated first field of a list's answer.
fn messages(answer: &[u8]) -> impl Iterator<Item = &[u8]> {
    grpc::fields(answer).filter_map(|(field, message)| (field == 1).then_some(message))
}

fn read(message: &[u8], namespace: &str, pid: u32) -> RunningContainer {
    let labels = grpc::fields(message).filter(|(field, _)| *field == 2);
    let labels = labels.map(|(_, entry)| (grpc::text(entry, 1), grpc::text(entry, 2)));
    let labels = bound::labels(labels);
    let id = bound::text(grpc::text(message, 1));
    let specification = grpc::bytes(message, 5).and_then(|any| grpc::bytes(any, 2));
    let created = grpc::bytes(message, 8).unwrap_or_default();
    let seconds = i64::try_from(grpc::number(created, 1)).unwrap_or_default();
    let nanoseconds = i32::try_from(grpc::number(created, 2)).unwrap_or_default();
    let name = NAMES.iter().find_map(|label| labels.get(*label));
    RunningContainer {
        engine: ContainerEngine::Containerd,
        namespace: Some(namespace.to_owned()),
        name: name.unwrap_or(&id).clone(),
        id,
        image: bound::text(grpc::text(message, 3)),
        image_digests: Vec::new(),
        started: Timestamp::new(seconds, nanoseconds)
            .ok()
            .filter(|_| seconds > 0),
        pid: Some(pid).filter(|pid| *pid > 0),
        privileged: specification.and_then(spec::is_privileged),
        // A pod's containers are in the namespaces of another process,
        // which may be the machine's: the specification does not tell.
        host_namespaces: None,
        host_paths: specification.and_then(spec::host_paths).map(bound::paths),
        ports: ports(&labels),
        labels,
        options: None,
    }
}

#[derive(Deserialize)]
struct Port {
    #[serde(rename = "HostPort")]
    host: u16,
    #[serde(rename = "ContainerPort")]
    container: u16,
    #[serde(default, rename = "Protocol")]
    protocol: String,
    #[serde(default, rename = "HostIP")]
    address: String,
}

fn ports(labels: &BTreeMap<String, String>) -> Vec<PublishedPort> {
    let listed = labels.get(PORTS);
    let listed = listed.and_then(|json| serde_json::from_str::<Vec<Port>>(json).ok());
    let mut ports: Vec<PublishedPort> = listed
        .unwrap_or_default()
        .into_iter()
        .map(|port| PublishedPort {
            address: port.address,
            host: port.host,
            container: port.container,
            protocol: port.protocol,
        })
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports.truncate(bound::PORTS);
    ports
}

/// Digests of an image: of its configuration, its manifest, and what its
/// name points at. An image that was removed while its containers run
/// has none.
fn digests(socket: &Path, namespace: &str, image: &str) -> Vec<Digest> {
    let record = match find(socket, namespace, image) {
        Ok(record) => record,
        Err(error) => {
            tracing::debug!(image, error = %model::error::chain(&error), "{ENGINE} has no such image");
            return Vec::new();
        }
    };
    let options = Options::default();
    let cancel = Cancel::default();
    let reader = Reader {
        extractors: &[],
        options: &options,
        cache: None,
        progress: &Silent,
        cancel: &cancel,
    };
    let store = Store {
        socket,
        namespace,
        index: index_of(&record),
        reader: &reader,
    };
    let platform = options.platform_or_own();
    let mut choice = Choice::of(&options, &platform);
    choice.select = None;
    let identity = resolve(&store, choice).map(|plan| plan.identity);
    let identity = identity.unwrap_or_default();
    let mut digests: Vec<Digest> = [identity.config, identity.manifest, record.target]
        .into_iter()
        .flatten()
        .collect();
    digests.sort_unstable();
    digests.dedup();
    digests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(message: &mut Vec<u8>, field: u32, content: &[u8]) {
        grpc::put_bytes(message, field, content);
    }

    #[test]
    fn a_record_becomes_a_container() {
        let mut label = Vec::new();
        put(&mut label, 1, b"nerdctl/name");
        put(&mut label, 2, b"web");
        let mut published = Vec::new();
        put(&mut published, 1, b"nerdctl/ports");
        put(
            &mut published,
            2,
            br#"[{"HostPort":8080,"ContainerPort":80,"Protocol":"tcp","HostIP":"0.0.0.0"}]"#,
        );
        let mut message = Vec::new();
        put(&mut message, 1, b"c0ffee");
        put(&mut message, 2, &label);
        put(&mut message, 2, &published);
        put(&mut message, 3, b"example.org/shop:1");
        // 2023-11-14T22:13:20Z
        put(&mut message, 8, &[0x08, 0x80, 0xe2, 0xcf, 0xaa, 0x06]);
        let container = read(&message, "default", 7);
        assert_eq!(
            (container.id.as_str(), container.name.as_str()),
            ("c0ffee", "web")
        );
        assert_eq!(container.image, "example.org/shop:1");
        assert_eq!(
            container.started.unwrap().to_string(),
            "2023-11-14T22:13:20Z"
        );
        assert_eq!(container.ports[0].to_string(), "0.0.0.0:8080 -> 80/tcp");
        assert_eq!((container.pid, container.privileged), (Some(7), None));
    }
}

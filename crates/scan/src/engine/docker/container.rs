//! Running containers of Docker Engine (`/containers/json` and
//! `/containers/{id}/json`).

mod options;

use std::collections::HashMap;

use jiff::Timestamp;
use model::{ContainerEngine, PublishedPort, RunningContainer};
use serde::Deserialize;

use super::Engine;
use crate::engine::{
    EngineError, Engines,
    bound::{self, Listed},
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    image: String,
    #[serde(default, rename = "ImageID")]
    image_id: String,
    #[serde(default)]
    created: i64,
    #[serde(default)]
    ports: Option<Vec<Port>>,
    #[serde(default)]
    labels: Option<HashMap<String, String>>,
    #[serde(default)]
    state: String,
}

#[derive(Deserialize)]
struct Port {
    #[serde(default, rename = "IP")]
    ip: String,
    #[serde(rename = "PrivatePort")]
    private: u16,
    /// Absent: open inside, but published nowhere.
    #[serde(default, rename = "PublicPort")]
    public: Option<u16>,
    #[serde(default, rename = "Type")]
    protocol: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Inspected {
    state: State,
    host_config: HostConfig,
    config: Config,
    mounts: Option<Vec<Mount>>,
    app_armor_profile: Option<String>,
    network_settings: options::Networks,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    started_at: Option<Timestamp>,
    pid: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    privileged: Option<bool>,
    network_mode: Option<String>,
    pid_mode: Option<String>,
    ipc_mode: Option<String>,
    #[serde(rename = "UTSMode")]
    uts_mode: Option<String>,
    #[serde(flatten)]
    options: options::Limits,
}

impl HostConfig {
    /// `None` where the engine did not say.
    fn host_namespaces(&self) -> Option<Vec<String>> {
        let modes = [
            ("network", self.network_mode.as_ref()?),
            ("process", self.pid_mode.as_ref()?),
            ("IPC", self.ipc_mode.as_ref()?),
        ];
        let names = self.uts_mode.as_ref().map(|mode| ("host name", mode));
        let shared = modes
            .into_iter()
            .chain(names)
            .filter(|(_, mode)| *mode == "host");
        Some(shared.map(|(name, _)| name.to_owned()).collect())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mount {
    #[serde(default, rename = "Type")]
    kind: String,
    #[serde(default)]
    source: String,
    #[serde(default, rename = "RW")]
    writable: bool,
    #[serde(default)]
    propagation: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    image: String,
    healthcheck: Option<options::HealthCheck>,
}

/// Every container that runs or is paused.
pub(in crate::engine) fn running(engines: &Engines) -> Result<Listed, EngineError> {
    let engine = Engine::connect(engines)?;
    let mut listed: Vec<Container> = engine.json("its containers", &["containers", "json"])?;
    // Podman lists what it has only created, too.
    listed.retain(|container| matches!(container.state.as_str(), "running" | "paused" | ""));
    let is_cut = listed.len() > bound::CONTAINERS;
    listed.truncate(bound::CONTAINERS);
    let mut containers = Vec::with_capacity(listed.len());
    for (index, container) in listed.into_iter().enumerate() {
        let inspected = if index < bound::INSPECTED {
            let path = ["containers", container.id.as_str(), "json"];
            match engine.json::<Inspected>(&container.id, &path) {
                Ok(inspected) => inspected,
                // It ended since it was listed.
                Err(EngineError::NoSuchImage { .. }) => continue,
                Err(error) => return Err(error),
            }
        } else {
            Inspected::default()
        };
        let programs = if index < bound::PEERED_INTO {
            // Older engines cannot say, and a container may end meanwhile.
            let path = ["containers", container.id.as_str(), "top"];
            engine.json::<options::Processes>(&container.id, &path).ok()
        } else {
            None
        };
        let mut container = container.join(inspected);
        if let (Some(options), Some(programs)) = (&mut container.options, programs) {
            options.programs = Some(programs.names());
        }
        containers.push(container);
    }
    Ok(Listed { containers, is_cut })
}

impl Container {
    fn join(self, inspected: Inspected) -> RunningContainer {
        let names = self.names.unwrap_or_default().into_iter();
        // Links give a container further names: `/web/db`.
        let names = names.filter_map(|name| Some(name.strip_prefix('/')?.to_owned()));
        let name = names.min_by_key(|name| (name.contains('/'), name.len()));
        // Once its tag has moved on, the list shows an image's id.
        let is_id = self.image.starts_with("sha256:") || self.image.is_empty();
        let options = options::of(&inspected);
        let asked = inspected.config.image;
        let image = if is_id && !asked.is_empty() {
            asked
        } else {
            self.image
        };
        let created = Timestamp::from_second(self.created).ok();
        RunningContainer {
            engine: ContainerEngine::Docker,
            namespace: None,
            name: bound::text(name.unwrap_or_else(|| self.id.clone())),
            id: bound::text(self.id),
            image: bound::text(image),
            image_digests: self.image_id.parse().into_iter().collect(),
            started: inspected.state.started_at.or(created),
            pid: Some(inspected.state.pid).filter(|pid| *pid > 0),
            privileged: inspected.host_config.privileged,
            host_namespaces: inspected.host_config.host_namespaces(),
            host_paths: inspected.mounts.map(|mounts| {
                let bound = mounts.into_iter().filter(|mount| mount.kind == "bind");
                bound::paths(bound.map(|mount| mount.source))
            }),
            ports: ports(self.ports.unwrap_or_default()),
            labels: bound::labels(self.labels.unwrap_or_default()),
            options,
        }
    }
}

fn ports(listed: Vec<Port>) -> Vec<PublishedPort> {
    let published = listed.into_iter().filter_map(|port| {
        Some(PublishedPort {
            address: bound::text(port.ip),
            host: port.public?,
            container: port.private,
            protocol: bound::text(port.protocol),
        })
    });
    let mut ports: Vec<PublishedPort> = published.collect();
    ports.sort_unstable();
    ports.dedup();
    ports.truncate(bound::PORTS);
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(listed: &str, inspected: &str) -> RunningContainer {
        let listed: Container = serde_json::from_str(listed).unwrap();
        listed.join(serde_json::from_str(inspected).unwrap())
    }

    #[test]
    fn list_and_inspection_become_one_container() {
        let id = format!("sha256:{}", "a".repeat(64));
        let container = joined(
            &format!(
                r#"{{"Id":"c0ffee","Names":["/web/db","/db"],"Image":"{id}","ImageID":"{id}",
                "Created":1700000000,"State":"running","Labels":{{"team":"shop"}},
                "Ports":[{{"PrivatePort":9000,"Type":"tcp"}},
                {{"IP":"0.0.0.0","PrivatePort":5432,"PublicPort":15432,"Type":"tcp"}}]}}"#
            ),
            r#"{"State":{"StartedAt":"2026-01-02T03:04:05.6Z","Pid":77},
                "HostConfig":{"Privileged":true,"NetworkMode":"host","PidMode":"","IpcMode":"private"},
                "Mounts":[{"Type":"bind","Source":"/var/run/docker.sock"},
                    {"Type":"volume","Source":"/var/lib/docker/volumes/x"}],
                "Config":{"Image":"postgres:15"}}"#,
        );
        assert_eq!(container.host_namespaces.as_deref().unwrap(), ["network"]);
        assert_eq!(
            container.host_paths.as_deref().unwrap(),
            ["/var/run/docker.sock"]
        );
        assert_eq!(container.name, "db");
        assert_eq!(container.image, "postgres:15");
        assert_eq!(container.image_digests, [id.parse().unwrap()]);
        assert_eq!(
            container.started.unwrap().to_string(),
            "2026-01-02T03:04:05.6Z"
        );
        assert_eq!(
            (container.pid, container.privileged),
            (Some(77), Some(true))
        );
        assert_eq!(container.labels["team"], "shop");
        let ports: Vec<_> = container.ports.iter().map(ToString::to_string).collect();
        assert_eq!(ports, ["0.0.0.0:15432 -> 5432/tcp"]);
    }

    #[test]
    fn what_the_engine_does_not_say_is_not_made_up() {
        let container = joined(r#"{"Id":"c0ffee","Image":"shop:1","Created":0}"#, "{}");
        assert_eq!(container.name, "c0ffee");
        assert_eq!((container.pid, container.privileged), (None, None));
        assert_eq!(
            (container.host_namespaces, container.host_paths),
            (None, None)
        );
        assert!(container.image_digests.is_empty() && container.ports.is_empty());
    }
}

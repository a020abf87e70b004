//! What the Docker Engine keeps of a container: `config.v2.json` and
//! `hostconfig.json` in its data, or what it answers on its socket.

use std::collections::BTreeMap;

use rules::syscall::{Bytes, Container, Mount};
use serde::Deserialize;

use super::{
    image::{self, bytes},
    kubernetes::{self, Notes},
};

pub(super) const MAX_CONFIG: u64 = 1024 * 1024;
/// Every image of the node is a few lines of it.
pub(super) const MAX_IMAGES: u64 = 8 * 1024 * 1024;
const MAX_MOUNTS: usize = 256;

/// Both the file and the answer of the engine, which differ in a few names.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Config {
    pub(super) name: String,
    /// Identifier of the image.
    image: String,
    #[serde(rename = "Config")]
    inner: Inner,
    mount_points: BTreeMap<String, Point>,
    mounts: Vec<Point>,
    network_settings: Network,
    #[serde(rename = "HostConfig")]
    host: Option<HostConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Inner {
    image: String,
    labels: Option<Notes>,
    healthcheck: Option<Health>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Health {
    test: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Point {
    source: String,
    destination: String,
    mode: String,
    #[serde(rename = "RW")]
    is_writable: bool,
    propagation: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Network {
    networks: Option<BTreeMap<String, End>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct End {
    #[serde(rename = "IPAddress")]
    address: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct HostConfig {
    privileged: bool,
    pid_mode: String,
    network_mode: String,
    ipc_mode: String,
}

pub(super) fn read(text: &[u8]) -> Option<Config> {
    serde_json::from_slice(text).ok()
}

impl HostConfig {
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    pub(super) fn put(&self, container: &mut Container) {
        container.is_privileged = Some(self.privileged);
        container.has_host_pid = self.pid_mode == "host";
        container.has_host_network = self.network_mode == "host";
        container.has_host_ipc = self.ipc_mode == "host";
    }
}

impl Config {
    /// Fills in a container; gives the words of its health check.
    pub(super) fn put(&self, container: &mut Container) -> Vec<Bytes> {
        container.runtime = bytes("docker");
        container.name = bytes(self.name.trim_start_matches('/'));
        container.image_id = image::id(&self.image);
        if !image::is_id(&self.inner.image) {
            image::put(&self.inner.image, container);
        }
        if let Some(labels) = &self.inner.labels {
            container.labels = kubernetes::labels_of(labels);
            kubernetes::put(labels, container);
        }
        container.mounts = self
            .mount_points
            .values()
            .chain(&self.mounts)
            .take(MAX_MOUNTS)
            .map(|point| Mount {
                source: bytes(&point.source),
                destination: bytes(&point.destination),
                mode: bytes(&point.mode),
                is_writable: point.is_writable,
                propagation: bytes(&point.propagation),
            })
            .collect();
        if let Some(end) = self.network_settings.networks.as_ref().and_then(|it| {
            it.values()
                .find(|end| !end.address.is_empty() && end.address.len() < 64)
        }) {
            container.address = bytes(&end.address);
        }
        if let Some(host) = &self.host {
            host.put(container);
        }
        let words = self.healthcheck();
        container.healthcheck = words.join(&b' ').into();
        words
    }

    fn healthcheck(&self) -> Vec<Bytes> {
        let test = self
            .inner
            .healthcheck
            .as_ref()
            .and_then(|it| it.test.as_deref())
            .unwrap_or_default();
        match test.split_first() {
            Some((first, rest)) if first == "CMD" => {
                rest.iter().take(64).map(|word| bytes(word)).collect()
            }
            Some((first, [command, ..])) if first == "CMD-SHELL" => {
                vec![bytes("/bin/sh"), bytes("-c"), bytes(command)]
            }
            _ => Vec::new(),
        }
    }
}

/// `repositories.json`: the names of each image, and the digest it was
/// pulled by.
pub(super) fn put_names(text: &[u8], container: &mut Container) {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Names {
        repositories: BTreeMap<String, BTreeMap<String, String>>,
    }
    let Ok(names) = serde_json::from_slice::<Names>(text) else {
        return;
    };
    let image_id = container.image_id.clone();
    let mut of_image = names
        .repositories
        .values()
        .flatten()
        .filter(|(_, id)| image::id(id) == image_id);
    if container.image.is_empty()
        && let Some((name, _)) = of_image.clone().find(|(name, _)| !name.contains('@'))
    {
        image::put(name, container);
    }
    if container.digest.is_empty()
        && let Some((_, digest)) = of_image.find_map(|(name, _)| name.split_once('@'))
    {
        container.digest = bytes(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"ID":"ab","Name":"/shop","Image":"sha256:1111","State":{"Running":true},
      "Config":{"Image":"nginx:1.25","Labels":{"a":"b"},"Healthcheck":{"Test":["CMD-SHELL","curl -f localhost"]}},
      "MountPoints":{"/data":{"Source":"/srv","Destination":"/data","RW":true,"Mode":"z","Propagation":"rprivate"}},
      "NetworkSettings":{"Networks":{"bridge":{"IPAddress":"172.17.0.2"}}}}"#;

    #[test]
    fn the_file_names_container_and_image() {
        let mut container = Container::default();
        let words = read(FILE.as_bytes()).unwrap().put(&mut container);
        assert_eq!(&*container.name, b"shop");
        assert_eq!(
            (&*container.repository, &*container.tag),
            (&b"nginx"[..], &b"1.25"[..])
        );
        assert_eq!(&*container.image_id, b"1111");
        assert_eq!(container.labels.len(), 1);
        assert_eq!(&*container.mounts[0].destination, b"/data");
        assert_eq!(&*container.address, b"172.17.0.2");
        assert_eq!(&*container.healthcheck, b"/bin/sh -c curl -f localhost");
        assert_eq!(words.len(), 3);
        assert_eq!(container.is_privileged, None);
    }

    #[test]
    fn the_engine_answers_alike() {
        let mut container = Container::default();
        read(
            br#"{"Id":"ab","Name":"/shop","Image":"sha256:1111","Config":{"Image":"nginx","Labels":null},
                "HostConfig":{"Privileged":true,"PidMode":"host","NetworkMode":"bridge"},
                "Mounts":[{"Type":"bind","Source":"/a","Destination":"/b","Mode":"","RW":false,"Propagation":"rslave"}]}"#,
        )
        .unwrap()
        .put(&mut container);
        assert_eq!(container.is_privileged, Some(true));
        assert!(container.has_host_pid && !container.has_host_network);
        assert_eq!(container.mounts.len(), 1);
    }

    #[test]
    fn images_get_their_digest_and_lost_names() {
        let text = br#"{"Repositories":{"nginx":{"nginx:1.25":"sha256:1111","nginx@sha256:ff":"sha256:1111"},
                        "x":{"x:1":"sha256:2222"}}}"#;
        let mut container = Container {
            image_id: b"1111".as_slice().into(),
            ..Container::default()
        };
        put_names(text, &mut container);
        assert_eq!(
            (&*container.image, &*container.digest),
            (&b"nginx:1.25"[..], &b"sha256:ff"[..])
        );
        put_names(b"[]", &mut container);
    }
}

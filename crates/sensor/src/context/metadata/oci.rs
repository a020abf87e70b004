//! `config.json` of a bundle: what a low-level runtime was told to run.

use std::{collections::BTreeMap, path::Path};

use rules::syscall::{Bytes, Container, Mount};
use serde::Deserialize;

use super::{
    image::bytes,
    kubernetes::{self, MAX_LABEL, Notes},
};

/// A bundle of many mounts and a long seccomp profile has some 60 kB.
pub(super) const MAX_CONFIG: u64 = 1024 * 1024;
const MAX_MOUNTS: usize = 256;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) annotations: Notes,
    mounts: Vec<ConfigMount>,
    process: ConfigProcess,
    linux: Linux,
    pub(super) root: Root,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Root {
    pub(super) path: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConfigMount {
    destination: String,
    r#type: String,
    source: String,
    options: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConfigProcess {
    capabilities: Option<Capabilities>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Capabilities {
    bounding: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Linux {
    namespaces: Option<Vec<Namespace>>,
    resources: Option<Resources>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Namespace {
    r#type: String,
    path: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Resources {
    devices: Option<Vec<Device>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Device {
    allow: bool,
    access: String,
    major: Option<i64>,
    r#type: Option<String>,
}

pub(super) fn read(text: &[u8]) -> Option<Config> {
    serde_json::from_slice(text).ok()
}

impl Config {
    /// Puts into a container what the bundle says. `is_host` tells whether
    /// a namespace that is joined by its path is the host's.
    pub(super) fn put(&self, container: &mut Container, is_host: &dyn Fn(&str, &Path) -> bool) {
        kubernetes::put(&self.annotations, container);
        container.is_privileged = Some(self.is_privileged());
        if let Some(namespaces) = &self.linux.namespaces {
            let shares =
                |kind: &str, file: &str| match namespaces.iter().find(|it| it.r#type == kind) {
                    Some(it) => !it.path.is_empty() && is_host(file, Path::new(&it.path)),
                    None => true,
                };
            container.has_host_pid = shares("pid", "pid");
            container.has_host_network = shares("network", "net");
            container.has_host_ipc = shares("ipc", "ipc");
        }
        container.mounts = self
            .mounts
            .iter()
            .filter(|mount| {
                mount.source.starts_with('/')
                    && (mount.r#type == "bind"
                        || mount
                            .options
                            .iter()
                            .flatten()
                            .any(|it| it == "bind" || it == "rbind"))
            })
            .filter(|mount| mount.source.len() <= MAX_LABEL && mount.destination.len() <= MAX_LABEL)
            .take(MAX_MOUNTS)
            .map(of_mount)
            .collect();
    }

    /// What is mounted from the host.
    pub(super) fn sources(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().map(|mount| mount.source.as_str())
    }

    /// It may do what only privileged containers may: load modules, talk to
    /// hardware, and use every device.
    fn is_privileged(&self) -> bool {
        let caps = self
            .process
            .capabilities
            .as_ref()
            .and_then(|it| it.bounding.as_deref())
            .unwrap_or_default();
        let has = |name: &str| caps.iter().any(|it| it == name);
        // The last word about all devices counts; without one, nothing is
        // held back.
        let has_devices = self
            .linux
            .resources
            .iter()
            .flat_map(|it| it.devices.iter().flatten())
            .rfind(|it| {
                it.access.contains("rw")
                    && it.major.is_none_or(|major| major < 0)
                    && it
                        .r#type
                        .as_deref()
                        .is_none_or(|kind| kind == "a" || kind.is_empty())
            })
            .is_none_or(|it| it.allow);
        has("CAP_SYS_ADMIN") && has("CAP_SYS_MODULE") && has("CAP_SYS_RAWIO") && has_devices
    }
}

fn of_mount(mount: &ConfigMount) -> Mount {
    let options = mount.options.as_deref().unwrap_or_default();
    let is_writable = !options.iter().any(|it| it == "ro");
    let propagation = options.iter().find(|it| {
        matches!(
            it.trim_start_matches('r'),
            "private" | "shared" | "slave" | "unbindable"
        )
    });
    Mount {
        source: bytes(&mount.source),
        destination: bytes(&mount.destination),
        mode: bytes(if is_writable { "rw" } else { "ro" }),
        is_writable,
        propagation: bytes(propagation.map_or("", String::as_str)),
    }
}

/// `state.json` of runc and `status` of crun: where the bundle is.
pub(super) fn bundle_of(text: &[u8]) -> Option<Bytes> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct State {
        bundle: String,
        config: StateConfig,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct StateConfig {
        labels: Option<Vec<String>>,
    }
    let state: State = serde_json::from_slice(text).ok()?;
    let bundle = if state.bundle.is_empty() {
        state
            .config
            .labels?
            .iter()
            .find_map(|label| label.strip_prefix("bundle="))?
            .to_owned()
    } else {
        state.bundle
    };
    bundle.starts_with('/').then(|| bytes(&bundle))
}

/// Labels of whoever ran a bundle by hand.
pub(super) fn labels(notes: &BTreeMap<String, String>) -> Vec<(Bytes, Bytes)> {
    kubernetes::labels_of(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_into(text: &str) -> Container {
        let mut container = Container::default();
        read(text.as_bytes())
            .unwrap()
            .put(&mut container, &|_, path| {
                path == Path::new("/proc/1/ns/net")
            });
        container
    }

    #[test]
    fn a_bundle_says_what_it_may_and_shares() {
        let container = read_into(
            r#"{"process":{"capabilities":{"bounding":["CAP_SYS_ADMIN","CAP_SYS_MODULE","CAP_SYS_RAWIO"]}},
            "linux":{"namespaces":[{"type":"mount"},{"type":"pid"},{"type":"network","path":"/proc/1/ns/net"}],
                     "resources":{"devices":[{"allow":true,"access":"rwm"}]}},
            "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
                      {"destination":"/host","type":"bind","source":"/etc","options":["rbind","ro","rslave"]},
                      {"destination":"/x","source":"/y","options":["bind"]}]}"#,
        );
        assert_eq!(container.is_privileged, Some(true));
        assert!(!container.has_host_pid);
        assert!(container.has_host_network && container.has_host_ipc);
        let [first, second] = container.mounts.as_slice() else {
            panic!("{:?}", container.mounts);
        };
        assert_eq!(
            (&*first.mode, &*first.propagation),
            (&b"ro"[..], &b"rslave"[..])
        );
        assert!(second.is_writable);
    }

    #[test]
    fn an_ordinary_bundle_is_not_privileged() {
        let container = read_into(
            r#"{"process":{"capabilities":{"bounding":["CAP_SYS_ADMIN","CAP_SYS_MODULE","CAP_SYS_RAWIO"]}},
            "linux":{"namespaces":[{"type":"pid"},{"type":"network"},{"type":"ipc"}],
            "resources":{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"access":"rwm"}]}}}"#,
        );
        assert_eq!(container.is_privileged, Some(false));
        assert!(!container.has_host_pid && !container.has_host_network);
    }

    #[test]
    fn states_say_where_the_bundle_is() {
        assert_eq!(
            bundle_of(br#"{"config":{"labels":["a=b","bundle=/b/x"]}}"#).as_deref(),
            Some(&b"/b/x"[..])
        );
        assert_eq!(
            bundle_of(br#"{"bundle":"/c"}"#).as_deref(),
            Some(&b"/c"[..])
        );
        assert_eq!(bundle_of(br#"{"bundle":"../c"}"#), None);
        assert_eq!(bundle_of(b"[]"), None);
    }

    #[test]
    fn hostile_bundles_are_bounded() {
        let mounts: Vec<_> = (0..10_000)
            .map(|number| format!(r#"{{"destination":"/{number}","type":"bind","source":"/s"}}"#))
            .collect();
        let container = read_into(&format!(r#"{{"mounts":[{}]}}"#, mounts.join(",")));
        assert_eq!(container.mounts.len(), MAX_MOUNTS);
        assert!(read(&b"[".repeat(100_000)).is_none());
        assert!(read(b"{\"annotations\":[1]}").is_none());
    }
}

//! Checks of running containers.

use serde_json::json;

use super::{count, list};
use crate::{ContainerFacts, Step, Verdict, verdict::Fault};

pub(super) fn not_privileged(container: &ContainerFacts) -> Verdict {
    match container.privileged {
        None => Verdict::NotApplicable,
        Some(false) => Verdict::Healthy,
        Some(true) => Fault::verdict(
            "runs privileged".to_owned(),
            json!({ "privileged": true }),
            vec![Step::say(
                "Start it again without --privileged, with only the capabilities and devices it \
                 needs.",
            )],
        ),
    }
}

pub(super) fn ports_bound(container: &ContainerFacts) -> Verdict {
    let Some(ports) = &container.ports else {
        return Verdict::NotApplicable;
    };
    let open: Vec<_> = ports
        .iter()
        .filter(|port| matches!(port.address.as_str(), "" | "0.0.0.0" | "::" | "[::]"))
        .collect();
    if open.is_empty() {
        return Verdict::Healthy;
    }
    let mut names: Vec<String> = open
        .iter()
        .map(|port| format!("{}/{}", port.port, port.protocol))
        .collect();
    // IPv4 and IPv6 are two entries of one port.
    names.dedup();
    let first = open[0];
    Fault::verdict(
        format!(
            "{} open to every network of the machine: {}",
            count(names.len() as u64, "port", "ports"),
            list(&names)
        ),
        json!({
            "ports": open
                .iter()
                .map(|port| json!({
                    "address": port.address,
                    "port": port.port,
                    "container_port": port.container_port,
                    "protocol": port.protocol,
                }))
                .collect::<Vec<_>>(),
        }),
        vec![Step::copy(
            "Start it again with the address that needs to reach it, behind a proxy for example.",
            "shell",
            format!("-p 127.0.0.1:{}:{}", first.port, first.container_port),
        )],
    )
}

pub(super) fn by_digest(container: &ContainerFacts) -> Verdict {
    let Some(image) = &container.image else {
        return Verdict::NotApplicable;
    };
    // Started by an id: nothing can move under it.
    if image.contains("@sha256:") || image.starts_with("sha256:") {
        return Verdict::Healthy;
    }
    let (bare, tag) = split_tag(image);
    let step = match &container.digest {
        Some(digest) => Step::copy(
            "Name the image by the digest that runs now; raise it on purpose.",
            "shell",
            format!("{bare}@{digest}"),
        ),
        None => Step::say(
            "Push the image to a registry and name it by the digest the registry gives it.",
        ),
    };
    let summary = match tag {
        Some("latest") | None => "started from a name that moves: latest".to_owned(),
        Some(tag) => format!("started from a tag that can move: {tag}"),
    };
    Fault::verdict(
        summary,
        json!({ "image": image, "digest": container.digest }),
        vec![step],
    )
}

/// A name and its tag; a port is no tag.
fn split_tag(image: &str) -> (&str, Option<&str>) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (image, None),
    }
}

pub(super) fn no_host_namespaces(container: &ContainerFacts) -> Verdict {
    match &container.host_namespaces {
        None => Verdict::NotApplicable,
        Some(shared) if shared.is_empty() => Verdict::Healthy,
        Some(shared) => Fault::verdict(
            format!("shares the machine's {}", list(shared)),
            json!({ "namespaces": shared }),
            vec![Step::say(format!(
                "Start it again without sharing the machine's {}; publish the ports it serves.",
                list(shared)
            ))],
        ),
    }
}

/// The controls by the namespace they are about.
const NAMESPACES: [(&str, &str, &str); 4] = [
    ("network", "5.10", "network"),
    ("process", "5.16", "processes"),
    ("IPC", "5.17", "IPC"),
    ("host name", "5.21", "host name"),
];

pub(super) fn namespace_parts(container: &ContainerFacts) -> Vec<super::Part> {
    let Some(shared) = &container.host_namespaces else {
        return Vec::new();
    };
    NAMESPACES
        .iter()
        .map(|(name, control, words)| {
            let verdict = if shared.iter().any(|known| known == name) {
                Fault::verdict(
                    format!("shares the machine's {words}"),
                    json!({ "namespaces": shared }),
                    vec![Step::say(format!(
                        "Start it again without sharing the machine's {words}."
                    ))],
                )
            } else {
                Verdict::Healthy
            };
            (*control, verdict)
        })
        .collect()
}

pub(super) fn no_low_ports(container: &ContainerFacts) -> Verdict {
    /// Web servers are meant to be found.
    const USUAL: [u16; 2] = [80, 443];
    let Some(ports) = &container.ports else {
        return Verdict::NotApplicable;
    };
    let mut low: Vec<u16> = ports
        .iter()
        .map(|port| port.port)
        .filter(|port| *port < 1024 && !USUAL.contains(port))
        .collect();
    low.sort_unstable();
    low.dedup();
    if low.is_empty() {
        return Verdict::Healthy;
    }
    let words: Vec<String> = low.iter().map(ToString::to_string).collect();
    Fault::verdict(
        format!("takes the machine's port {}", list(&words)),
        json!({ "ports": low }),
        vec![Step::say(
            "Publish it on a port above 1023, and let a proxy lead there where that is needed.",
        )],
    )
}

/// Folders that are the machine itself.
const SENSITIVE: [&str; 10] = [
    "/",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/proc",
    "/sys",
    "/usr",
    "/root",
    "/var/lib/docker",
];

pub(super) fn no_sensitive_paths(container: &ContainerFacts) -> Verdict {
    let Some(paths) = &container.host_paths else {
        return Verdict::NotApplicable;
    };
    let sensitive: Vec<String> = paths
        .iter()
        .filter(|path| {
            let path = match path.trim_end_matches('/') {
                "" => "/",
                path => path,
            };
            SENSITIVE.contains(&path)
        })
        .cloned()
        .collect();
    if sensitive.is_empty() {
        return Verdict::Healthy;
    }
    let writable = container
        .options
        .as_ref()
        .and_then(|options| options.writable_paths.as_ref());
    let written = writable.is_some_and(|paths| sensitive.iter().any(|path| paths.contains(path)));
    Fault::verdict(
        format!(
            "has {} of the machine{}",
            list(&sensitive),
            if written { ", and may write there" } else { "" }
        ),
        json!({ "paths": sensitive, "writable": writable }),
        vec![Step::say(
            "Mount the one file or folder it needs, read-only where it only reads.",
        )],
    )
}

/// Where engines listen.
const SOCKETS: [&str; 4] = [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
];
/// Folders that hold one of them.
const FOLDERS: [&str; 4] = ["/", "/var/run", "/run", "/run/containerd"];

pub(super) fn no_engine_socket(container: &ContainerFacts) -> Verdict {
    let Some(paths) = &container.host_paths else {
        return Verdict::NotApplicable;
    };
    let reaching: Vec<String> = paths
        .iter()
        .filter(|path| {
            let path = match path.trim_end_matches('/') {
                "" => "/",
                path => path,
            };
            SOCKETS.contains(&path) || FOLDERS.contains(&path)
        })
        .cloned()
        .collect();
    if reaching.is_empty() {
        return Verdict::Healthy;
    }
    Fault::verdict(
        format!("can give the engine orders through {}", list(&reaching)),
        json!({ "mounts": reaching }),
        vec![Step::say(
            "Start it again without that mount; where it must watch the engine, give it a proxy \
             that only reads.",
        )],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrys_port_is_no_tag() {
        let cases = [
            ("nginx", ("nginx", None)),
            ("nginx:1.27", ("nginx", Some("1.27"))),
            ("localhost:5000/shop", ("localhost:5000/shop", None)),
            (
                "localhost:5000/shop:v2",
                ("localhost:5000/shop", Some("v2")),
            ),
        ];
        for (image, expected) in cases {
            assert_eq!(split_tag(image), expected);
        }
    }
}

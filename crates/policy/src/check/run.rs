//! How containers were started: one check for each option.

use serde_json::json;

use super::{Part, list, together};
use crate::{ContainerFacts, Fault, Step, Verdict};

/// The recommendation's verdict; "not applicable" where the engine did
/// not tell how the container was started.
pub(super) fn judge(rule: &str, container: &ContainerFacts) -> Verdict {
    let Some(options) = &container.options else {
        return Verdict::NotApplicable;
    };
    let fault = match rule {
        "containers-confined" => return together(confined(container)),
        "containers-few-capabilities" => options.added_capabilities.as_deref().map(few_capabilities),
        "containers-memory-limited" => options.memory.map(|bytes| {
            (bytes == 0).then(|| {
                say(
                    "may take all of the machine's memory",
                    json!({ "memory": 0 }),
                    "Give it as much as it needs.",
                    "docker update --memory 512m --memory-swap 512m CONTAINER",
                )
            })
        }),
        "containers-cpu-limited" => options.has_cpu_limit.map(|limited| {
            (!limited).then(|| {
                say(
                    "may take all of the machine's processors",
                    json!({ "cpus": null }),
                    "Give it shares or processors.",
                    "docker update --cpus 1.5 CONTAINER",
                )
            })
        }),
        "containers-processes-limited" => options.processes.map(|most| {
            (most == 0).then(|| {
                say(
                    "may start processes without end",
                    json!({ "processes": 0 }),
                    "Give it a number.",
                    "docker update --pids-limit 200 CONTAINER",
                )
            })
        }),
        "containers-read-only" => options.read_only.map(|read_only| {
            (!read_only).then(|| {
                say(
                    "can write to its own root file system",
                    json!({ "read_only": false }),
                    "Start it again with a root it cannot write, and a place for what it must.",
                    "docker run --read-only --tmpfs /tmp IMAGE",
                )
            })
        }),
        "containers-restart-bounded" => options.restart.as_deref().map(|policy| {
            let bounded = match policy {
                "" | "no" => true,
                "on-failure" => matches!(options.retries, Some(1..=5)),
                _ => false,
            };
            (!bounded).then(|| {
                say(
                    &format!("is started again without end: {policy}"),
                    json!({ "restart": policy, "retries": options.retries }),
                    "Let it be started again five times, and then be looked at.",
                    "docker update --restart on-failure:5 CONTAINER",
                )
            })
        }),
        "containers-no-devices" => options.devices.as_deref().map(|devices| {
            (!devices.is_empty()).then(|| {
                say(
                    &format!("uses the machine's {}", list(devices)),
                    json!({ "devices": devices }),
                    "Start it again without; where it must use one, say what it may do there.",
                    "docker run --device /dev/DEVICE:/dev/DEVICE:r IMAGE",
                )
            })
        }),
        "containers-mounts-private" => options.shared_mounts.as_deref().map(|paths| {
            (!paths.is_empty()).then(|| {
                say(
                    &format!("mounts it makes below {} show on the machine", list(paths)),
                    json!({ "paths": paths }),
                    "Mount them so that they stay inside.",
                    "docker run --mount type=bind,source=/srv,target=/srv,bind-propagation=rprivate IMAGE",
                )
            })
        }),
        "containers-user-namespace" => options.host_users.map(|host| {
            host.then(|| {
                say(
                    "is in the machine's own user namespace",
                    json!({ "userns": "host" }),
                    "Start it again without --userns=host.",
                    "docker run IMAGE",
                )
            })
        }),
        "containers-seccomp" => options.security.as_deref().map(|security| {
            let off = security.iter().any(|option| {
                matches!(option.as_str(), "seccomp=unconfined" | "seccomp:unconfined")
            });
            // Privileged ones have none, which is another check's.
            off.then(|| {
                say(
                    "may make every system call: seccomp is unconfined",
                    json!({ "security": security }),
                    "Start it again without that option; the engine's own filter then holds.",
                    "docker run IMAGE",
                )
            })
        }),
        "containers-no-new-privileges" => options.security.as_deref().map(|security| {
            let on = security.iter().any(|option| {
                let (name, value) = option.split_once(['=', ':']).unwrap_or((option, "true"));
                name == "no-new-privileges" && value != "false"
            });
            (!on).then(|| {
                say(
                    "can gain rights by setuid programs",
                    json!({ "security": security }),
                    "Start it again with that forbidden.",
                    "docker run --security-opt no-new-privileges IMAGE",
                )
            })
        }),
        "containers-default-cgroup" => options.cgroup_parent.as_deref().map(|parent| {
            (!parent.is_empty()).then(|| {
                say(
                    &format!("is put below the control group {parent}"),
                    json!({ "cgroup_parent": parent }),
                    "Start it again without --cgroup-parent, unless limits are set on that group.",
                    "docker run IMAGE",
                )
            })
        }),
        "containers-own-network" => options.networks.as_deref().map(|networks| {
            networks.iter().any(|network| network == "bridge").then(|| {
                say(
                    "is in the default network with whatever else is",
                    json!({ "networks": networks }),
                    "Make a network for those that belong together.",
                    "docker network create shop\ndocker run --network shop IMAGE",
                )
            })
        }),
        "containers-health-checked" => options.has_health_check.map(|checked| {
            (!checked).then(|| {
                say(
                    "nobody checks whether it is well",
                    json!({ "health_check": false }),
                    "Say how.",
                    "docker run --health-cmd 'curl -f http://localhost/' IMAGE",
                )
            })
        }),
        "containers-no-ssh" => options.programs.as_deref().map(|programs| {
            let is_ssh = |name: &&String| matches!(name.as_str(), "sshd" | "dropbear" | "telnetd");
            programs.iter().find(is_ssh).map(|name| {
                say(
                    &format!("runs {name}"),
                    json!({ "program": name }),
                    "Build the image without it, and go in through the engine.",
                    "docker exec --interactive --tty CONTAINER sh",
                )
            })
        }),
        _ => None,
    };
    match fault {
        None => Verdict::NotApplicable,
        Some(None) => Verdict::Healthy,
        Some(Some(verdict)) => verdict,
    }
}

fn say(summary: &str, evidence: serde_json::Value, text: &str, code: &str) -> Verdict {
    Fault::verdict(
        summary.to_owned(),
        evidence,
        vec![Step::copy(text, "shell", code)],
    )
}

/// `AppArmor` and `SELinux`, each by itself: a kernel has one of them, or
/// neither, which is the machine's to mend.
pub(super) fn confined(container: &ContainerFacts) -> Vec<Part> {
    let Some(options) = &container.options else {
        return Vec::new();
    };
    let off = |what: &str| {
        say(
            &format!("is not held back: {what}"),
            json!({ "apparmor": options.apparmor, "security": options.security }),
            "Start it again without that option.",
            "docker run IMAGE",
        )
    };
    let apparmor = match options.apparmor.as_deref() {
        None | Some("") => Verdict::NotApplicable,
        Some("unconfined") => off("apparmor=unconfined"),
        Some(_) => Verdict::Healthy,
    };
    let mut labels = options.security.iter().flatten().filter_map(|option| {
        option
            .strip_prefix("label=")
            .or_else(|| option.strip_prefix("label:"))
    });
    // The engine itself writes it for those that share more, where it may
    // mean nothing: what they share is another check's.
    let shares_more = container.privileged == Some(true)
        || container
            .host_namespaces
            .iter()
            .flatten()
            .any(|name| matches!(name.as_str(), "process" | "IPC"));
    let selinux = match labels.next() {
        None => Verdict::NotApplicable,
        Some("disable") if shares_more => Verdict::NotApplicable,
        Some("disable") => off("label=disable"),
        Some(_) => Verdict::Healthy,
    };
    vec![("5.2", apparmor), ("5.3", selinux)]
}

/// The engine's own choice, which adding changes nothing of.
const USUAL: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

fn few_capabilities(added: &[String]) -> Option<Verdict> {
    let more: Vec<String> = added
        .iter()
        .filter(|name| !USUAL.contains(&name.as_str()))
        .cloned()
        .collect();
    (!more.is_empty()).then(|| {
        say(
            &format!("has further rights over the machine: {}", list(&more)),
            json!({ "capabilities": more }),
            "Start it again with the few it needs, and no other.",
            "docker run --cap-drop ALL --cap-add NET_BIND_SERVICE IMAGE",
        )
    })
}

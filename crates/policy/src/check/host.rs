//! Container hosts: the daemon's options and its swarm.

pub(crate) mod access;
pub(crate) mod files;

use serde_json::{Value, json};

use super::list;
use crate::{
    Fault, Step, Verdict,
    facts::{DaemonFacts, HostFacts},
};

/// The daemon's file with one option set.
fn setting(text: &str, code: &str) -> Vec<Step> {
    vec![
        Step::copy(text, "yaml", format!("# /etc/docker/daemon.json\n{code}")),
        Step::copy("Restart the daemon.", "shell", "systemctl restart docker"),
    ]
}

#[expect(clippy::option_option, reason = "not known and not set are two things")]
fn option<'facts>(host: &'facts HostFacts, name: &str) -> Option<Option<&'facts Value>> {
    Some(host.options.as_ref()?.get(name))
}

/// An option that is yes or no; the outer `None`: nobody looked.
#[expect(clippy::option_option, reason = "not known and not set are two things")]
fn flag(host: &HostFacts, name: &str) -> Option<Option<bool>> {
    Some(option(host, name)?.and_then(Value::as_bool))
}

fn judge(healthy: bool, fault: impl FnOnce() -> Verdict) -> Verdict {
    if healthy { Verdict::Healthy } else { fault() }
}

fn daemon(host: &HostFacts) -> Option<&DaemonFacts> {
    host.daemon.as_ref()
}

pub(super) fn own_partition(host: &HostFacts) -> Verdict {
    match host.own_partition {
        None => Verdict::NotApplicable,
        Some(true) => Verdict::Healthy,
        Some(false) => {
            let root = daemon(host).and_then(|daemon| daemon.root.clone());
            let root = root.unwrap_or_else(|| "/var/lib/docker".to_owned());
            Fault::verdict(
                format!("{root} shares its file system with the rest of the machine"),
                json!({ "folder": root }),
                vec![Step::say(format!(
                    "Make a file system of its own, move what is in {root} to it and mount it there."
                ))],
            )
        }
    }
}

pub(super) fn few_may_control(host: &HostFacts) -> Verdict {
    match host.trusted.as_deref() {
        None => Verdict::NotApplicable,
        Some([]) => Verdict::Healthy,
        Some(members) => Fault::verdict(
            format!("{} may do what root may, by group docker", list(members)),
            json!({ "members": members }),
            members
                .iter()
                .take(3)
                .map(|member| {
                    Step::copy(
                        format!("Take {member} out of the group, unless that is meant."),
                        "shell",
                        format!("gpasswd --delete {member} docker"),
                    )
                })
                .collect(),
        ),
    }
}

fn has_security(host: &HostFacts, name: &str) -> Option<bool> {
    let security = daemon(host)?.security.as_ref()?;
    Some(security.iter().any(|known| {
        known == name
            || known
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('='))
    }))
}

pub(super) fn users_remapped(host: &HostFacts) -> Verdict {
    let (Some(rootless), Some(remapped)) =
        (has_security(host, "rootless"), has_security(host, "userns"))
    else {
        return Verdict::NotApplicable;
    };
    judge(rootless || remapped, || {
        Fault::verdict(
            "root in a container is root of the machine".to_owned(),
            json!({ "rootless": false, "userns-remap": false }),
            setting(
                "Let containers' root be nobody on the machine.",
                "{\"userns-remap\": \"default\"}",
            ),
        )
    })
}

pub(super) fn no_inter_container(host: &HostFacts) -> Verdict {
    let told = daemon(host).and_then(|daemon| daemon.inter_container);
    let told = told.or_else(|| Some(flag(host, "icc")?.unwrap_or(true)));
    match told {
        None => Verdict::NotApplicable,
        Some(false) => Verdict::Healthy,
        Some(true) => Fault::verdict(
            "containers of the default network may all talk to each other".to_owned(),
            json!({ "icc": true }),
            setting(
                "Let only those talk that share a network made for it.",
                "{\"icc\": false}",
            ),
        ),
    }
}

pub(super) fn log_level(host: &HostFacts) -> Verdict {
    let Some(level) = option(host, "log-level") else {
        return Verdict::NotApplicable;
    };
    let level = level.and_then(Value::as_str).unwrap_or("info");
    judge(level == "info", || {
        Fault::verdict(
            format!("the daemon logs at level {level}"),
            json!({ "log-level": level }),
            setting("Log at level info.", "{\"log-level\": \"info\"}"),
        )
    })
}

pub(super) fn firewall(host: &HostFacts) -> Verdict {
    let Some(iptables) = flag(host, "iptables") else {
        return Verdict::NotApplicable;
    };
    judge(iptables != Some(false), || {
        Fault::verdict(
            "the daemon may not write the firewall rules that keep networks apart".to_owned(),
            json!({ "iptables": false }),
            setting(
                "Let it, or write those rules yourself.",
                "{\"iptables\": true}",
            ),
        )
    })
}

pub(super) fn no_insecure_registries(host: &HostFacts) -> Verdict {
    match daemon(host).and_then(|daemon| daemon.insecure_registries.as_deref()) {
        None => Verdict::NotApplicable,
        Some([]) => Verdict::Healthy,
        Some(registries) => Fault::verdict(
            format!(
                "pulls from {} without knowing whom it talks to",
                list(registries)
            ),
            json!({ "registries": registries }),
            setting(
                "Give the registry a certificate, put its authority into /etc/docker/certs.d, and \
                 take it out of the list.",
                "{\"insecure-registries\": []}",
            ),
        ),
    }
}

pub(super) fn storage_driver(host: &HostFacts) -> Verdict {
    let Some(driver) = daemon(host).and_then(|daemon| daemon.storage_driver.as_deref()) else {
        return Verdict::NotApplicable;
    };
    judge(
        !matches!(driver, "aufs" | "devicemapper" | "overlay"),
        || {
            Fault::verdict(
                format!("layers are kept by {driver}, which is no longer maintained"),
                json!({ "driver": driver }),
                setting(
                    "Save the images you need, change the driver, and load them again.",
                    "{\"storage-driver\": \"overlay2\"}",
                ),
            )
        },
    )
}

pub(super) fn default_cgroup(host: &HostFacts) -> Verdict {
    let Some(parent) = option(host, "cgroup-parent") else {
        return Verdict::NotApplicable;
    };
    let parent = parent.and_then(Value::as_str).unwrap_or_default();
    judge(
        matches!(parent, "" | "/docker" | "docker" | "system.slice"),
        || {
            Fault::verdict(
                format!("containers are put below the control group {parent}"),
                json!({ "cgroup-parent": parent }),
                vec![Step::say(
                    "Take cgroup-parent out of /etc/docker/daemon.json, unless limits are set on that \
                 group.",
                )],
            )
        },
    )
}

pub(super) fn base_size(host: &HostFacts) -> Verdict {
    let Some(options) = option(host, "storage-opts") else {
        return Verdict::NotApplicable;
    };
    let options: Vec<&str> = options
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let raised = options
        .iter()
        .find(|option| option.starts_with("dm.basesize"));
    match raised {
        None => Verdict::Healthy,
        Some(option) => Fault::verdict(
            format!("every container may grow to {option}"),
            json!({ "storage-opts": options }),
            vec![Step::say("Take dm.basesize out of the storage options.")],
        ),
    }
}

pub(super) fn authorization(host: &HostFacts) -> Verdict {
    match daemon(host).and_then(|daemon| daemon.authorization.as_deref()) {
        None => Verdict::NotApplicable,
        Some([]) => Fault::verdict(
            "whoever may talk to the engine may do everything".to_owned(),
            json!({ "authorization-plugins": [] }),
            vec![Step::say(
                "Put an authorization plug-in in front of it, or a proxy that lets only the calls \
                 through that are needed.",
            )],
        ),
        Some(_) => Verdict::Healthy,
    }
}

pub(super) fn central_logs(host: &HostFacts) -> Verdict {
    let Some(driver) = daemon(host).and_then(|daemon| daemon.logging_driver.as_deref()) else {
        return Verdict::NotApplicable;
    };
    judge(
        !matches!(driver, "json-file" | "local" | "none" | ""),
        || {
            Fault::verdict(
                format!("containers' output stays on the machine: {driver}"),
                json!({ "driver": driver }),
                setting(
                    "Send it to where the machine cannot change it.",
                    "{\"log-driver\": \"journald\"}",
                ),
            )
        },
    )
}

pub(super) fn no_new_privileges(host: &HostFacts) -> Verdict {
    let told = has_security(host, "no-new-privileges");
    let wanted = flag(host, "no-new-privileges").flatten();
    match (told, wanted) {
        (Some(true), _) | (_, Some(true)) => Verdict::Healthy,
        (None, None) => Verdict::NotApplicable,
        _ => Fault::verdict(
            "containers may gain rights by setuid programs unless each forbids it".to_owned(),
            json!({ "no-new-privileges": false }),
            setting("Forbid it for all.", "{\"no-new-privileges\": true}"),
        ),
    }
}

pub(super) fn live_restore(host: &HostFacts) -> Verdict {
    let Some(daemon) = daemon(host) else {
        return Verdict::NotApplicable;
    };
    // The two exclude each other.
    let in_swarm = daemon.swarm.as_ref().is_some_and(|swarm| swarm.is_active);
    match daemon.live_restore {
        _ if in_swarm => Verdict::NotApplicable,
        None => Verdict::NotApplicable,
        Some(true) => Verdict::Healthy,
        Some(false) => Fault::verdict(
            "containers stop whenever the daemon does".to_owned(),
            json!({ "live-restore": false }),
            setting("Let them outlive it.", "{\"live-restore\": true}"),
        ),
    }
}

pub(super) fn no_userland_proxy(host: &HostFacts) -> Verdict {
    let Some(proxy) = flag(host, "userland-proxy") else {
        return Verdict::NotApplicable;
    };
    judge(proxy == Some(false), || {
        Fault::verdict(
            "each published port has a process of its own that passes bytes on".to_owned(),
            json!({ "userland-proxy": true }),
            setting("Leave it to the kernel.", "{\"userland-proxy\": false}"),
        )
    })
}

pub(super) fn seccomp(host: &HostFacts) -> Verdict {
    let Some(security) = daemon(host).and_then(|daemon| daemon.security.as_ref()) else {
        return Verdict::NotApplicable;
    };
    let profile = security.iter().find(|known| known.starts_with("seccomp"));
    let summary = match profile.map(String::as_str) {
        None => "the engine filters no system calls: the kernel has no seccomp",
        Some("seccomp=unconfined") => "the engine filters no system calls: seccomp is unconfined",
        Some(_) => return Verdict::Healthy,
    };
    Fault::verdict(
        summary.to_owned(),
        json!({ "security": security }),
        vec![Step::say(
            "Take seccomp-profile out of /etc/docker/daemon.json, so that the engine's own holds.",
        )],
    )
}

pub(super) fn no_experimental(host: &HostFacts) -> Verdict {
    match daemon(host).and_then(|daemon| daemon.experimental) {
        None => Verdict::NotApplicable,
        Some(false) => Verdict::Healthy,
        Some(true) => Fault::verdict(
            "features that are still tried out are on".to_owned(),
            json!({ "experimental": true }),
            setting("Turn them off.", "{\"experimental\": false}"),
        ),
    }
}

pub(super) fn no_swarm(host: &HostFacts) -> Verdict {
    match daemon(host).and_then(|daemon| daemon.swarm.as_ref()) {
        Some(swarm) if !swarm.is_active => Verdict::Healthy,
        // Alone in a swarm: nobody made use of it.
        Some(swarm) if swarm.is_manager && swarm.nodes == 1 => Fault::verdict(
            "is the only node of a swarm".to_owned(),
            json!({ "nodes": 1 }),
            vec![Step::copy(
                "Leave the swarm, unless services run in it.",
                "shell",
                "docker node ls; docker service ls\ndocker swarm leave --force",
            )],
        ),
        _ => Verdict::NotApplicable,
    }
}

pub(super) fn swarm_parts(host: &HostFacts) -> Vec<(&'static str, Verdict)> {
    let Some(swarm) = daemon(host)
        .and_then(|daemon| daemon.swarm.as_ref())
        .filter(|swarm| swarm.is_active && swarm.is_manager)
    else {
        return Vec::new();
    };
    // An even number outvotes no more than the odd one below it.
    let managers = swarm.managers;
    let number = judge(managers % 2 == 1 && managers <= 7, || {
        Fault::verdict(
            format!("{managers} managers: an odd number up to seven is as safe with less"),
            json!({ "managers": managers }),
            vec![Step::copy(
                "Demote one.",
                "shell",
                "docker node demote NODE",
            )],
        )
    });
    let encrypted = match swarm.plain_networks.as_deref() {
        None => Verdict::NotApplicable,
        Some([]) => Verdict::Healthy,
        Some(networks) => Fault::verdict(
            format!("traffic between nodes is readable in {}", list(networks)),
            json!({ "networks": networks }),
            vec![Step::copy(
                "Make them again, encrypted.",
                "shell",
                "docker network create --driver overlay --opt encrypted NAME",
            )],
        ),
    };
    let locked = match swarm.is_locked {
        None => Verdict::NotApplicable,
        Some(true) => Verdict::Healthy,
        Some(false) => Fault::verdict(
            "a manager's keys lie on its disk unlocked".to_owned(),
            json!({ "autolock": false }),
            vec![Step::copy(
                "Lock them, and keep the key it prints.",
                "shell",
                "docker swarm update --autolock=true",
            )],
        ),
    };
    let rotated = match swarm.certificate_days {
        None => Verdict::NotApplicable,
        Some(days) => judge(days <= 90, || {
            Fault::verdict(
                format!("nodes' certificates hold {days} days"),
                json!({ "days": days }),
                vec![Step::copy(
                    "Renew them sooner.",
                    "shell",
                    "docker swarm update --cert-expiry 2160h",
                )],
            )
        }),
    };
    vec![
        ("7.1", number),
        ("7.3", encrypted),
        ("7.5", locked),
        ("7.7", rotated),
    ]
}

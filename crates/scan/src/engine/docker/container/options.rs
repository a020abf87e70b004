//! How Docker Engine started a container: the parts of `HostConfig`
//! that hold it back, or do not.
//!
//! Other engines answer the same question with less; whatever is not in
//! the answer stays unknown.

use std::collections::BTreeMap;

use model::RunOptions;
use serde::Deserialize;

use super::Inspected;
use crate::engine::bound;

/// Part of `HostConfig`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Limits {
    security_opt: Option<Vec<String>>,
    cap_add: Option<Vec<String>>,
    memory: Option<i64>,
    cpu_shares: Option<i64>,
    cpu_quota: Option<i64>,
    nano_cpus: Option<i64>,
    cpuset_cpus: Option<String>,
    pids_limit: Option<i64>,
    readonly_rootfs: Option<bool>,
    restart_policy: Option<Restart>,
    devices: Option<Vec<Device>>,
    userns_mode: Option<String>,
    cgroup_parent: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Restart {
    name: String,
    maximum_retry_count: i64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Device {
    path_on_host: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Networks {
    #[expect(clippy::zero_sized_map_values, reason = "what they hold is read over")]
    networks: Option<BTreeMap<String, serde::de::IgnoredAny>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct HealthCheck {
    test: Option<Vec<String>>,
}

/// What `/containers/{id}/top` answers: a table of `ps`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Processes {
    titles: Vec<String>,
    processes: Vec<Vec<String>>,
}

impl Processes {
    /// The programs' names, without their folders and arguments: those
    /// may be secrets.
    pub(super) fn names(&self) -> Vec<String> {
        let Some(column) = self
            .titles
            .iter()
            .position(|title| matches!(title.as_str(), "CMD" | "COMMAND"))
        else {
            return Vec::new();
        };
        bound::words(self.processes.iter().filter_map(|row| {
            let command = row.get(column)?;
            let program = command.split_whitespace().next()?;
            let name = program.rsplit('/').next()?;
            Some(name.trim_end_matches(':').to_owned())
        }))
    }
}

/// `None` where the engine said nothing of how it was started.
pub(super) fn of(inspected: &Inspected) -> Option<RunOptions> {
    let host = &inspected.host_config;
    // Always there in a real answer.
    host.network_mode.as_ref()?;
    let limits = &host.options;
    // Negative and zero both mean "no limit".
    let limit = |number: Option<i64>| number.map(|number| u64::try_from(number).unwrap_or(0));
    let words = |list: &Option<Vec<String>>| bound::words(list.iter().flatten().cloned());
    let mounts = inspected.mounts.as_deref().unwrap_or_default();
    let cpu = [limits.cpu_shares, limits.cpu_quota, limits.nano_cpus];
    let restart = limits.restart_policy.as_ref();
    Some(RunOptions {
        apparmor: inspected.app_armor_profile.clone().map(bound::text),
        security: Some(words(&limits.security_opt)),
        added_capabilities: Some(bound::words(limits.cap_add.iter().flatten().map(|name| {
            let name = name.to_ascii_uppercase();
            name.strip_prefix("CAP_").unwrap_or(&name).to_owned()
        }))),
        memory: limit(limits.memory),
        has_cpu_limit: Some(
            cpu.iter().flatten().any(|number| *number > 0)
                || limits
                    .cpuset_cpus
                    .as_ref()
                    .is_some_and(|set| !set.is_empty()),
        ),
        processes: Some(limit(limits.pids_limit).unwrap_or(0)),
        read_only: limits.readonly_rootfs,
        restart: restart.map(|policy| bound::text(policy.name.clone())),
        retries: restart.and_then(|policy| limit(Some(policy.maximum_retry_count))),
        devices: Some(bound::words(
            limits
                .devices
                .iter()
                .flatten()
                .map(|device| device.path_on_host.clone()),
        )),
        shared_mounts: Some(bound::paths(
            mounts
                .iter()
                .filter(|mount| matches!(mount.propagation.as_str(), "shared" | "rshared"))
                .map(|mount| mount.source.clone()),
        )),
        writable_paths: Some(bound::paths(
            mounts
                .iter()
                .filter(|mount| mount.kind == "bind" && mount.writable)
                .map(|mount| mount.source.clone()),
        )),
        host_users: limits.userns_mode.as_ref().map(|mode| mode == "host"),
        cgroup_parent: limits.cgroup_parent.clone().map(bound::text),
        networks: inspected
            .network_settings
            .networks
            .as_ref()
            .map(|networks| bound::words(networks.keys().cloned())),
        has_health_check: Some(inspected.config.healthcheck.as_ref().is_some_and(|check| {
            check
                .test
                .as_ref()
                .and_then(|test| test.first())
                .is_some_and(|word| word != "NONE")
        })),
        programs: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_container_was_started_is_read() {
        let inspected: Inspected = serde_json::from_str(
            r#"{"AppArmorProfile":"docker-default",
                "HostConfig":{"NetworkMode":"bridge","PidMode":"","IpcMode":"private",
                  "UTSMode":"host","UsernsMode":"host","SecurityOpt":["seccomp=unconfined"],
                  "CapAdd":["CAP_NET_ADMIN","sys_ptrace"],"Memory":0,"NanoCpus":500000000,
                  "PidsLimit":-1,"ReadonlyRootfs":true,
                  "RestartPolicy":{"Name":"on-failure","MaximumRetryCount":5},
                  "Devices":[{"PathOnHost":"/dev/kvm","PathInContainer":"/dev/kvm"}],
                  "CgroupParent":""},
                "Mounts":[{"Type":"bind","Source":"/srv","RW":true,"Propagation":"rshared"},
                  {"Type":"bind","Source":"/etc","RW":false,"Propagation":"rprivate"}],
                "NetworkSettings":{"Networks":{"shop":{},"bridge":{}}},
                "Config":{"Image":"x","Healthcheck":{"Test":["NONE"]}}}"#,
        )
        .unwrap();
        assert_eq!(
            inspected.host_config.host_namespaces().unwrap(),
            ["host name"]
        );
        let options = of(&inspected).unwrap();
        let told = RunOptions {
            apparmor: Some("docker-default".to_owned()),
            security: Some(vec!["seccomp=unconfined".to_owned()]),
            added_capabilities: Some(vec!["NET_ADMIN".to_owned(), "SYS_PTRACE".to_owned()]),
            memory: Some(0),
            has_cpu_limit: Some(true),
            processes: Some(0),
            read_only: Some(true),
            restart: Some("on-failure".to_owned()),
            retries: Some(5),
            devices: Some(vec!["/dev/kvm".to_owned()]),
            shared_mounts: Some(vec!["/srv".to_owned()]),
            writable_paths: Some(vec!["/srv".to_owned()]),
            host_users: Some(true),
            cgroup_parent: Some(String::new()),
            networks: Some(vec!["bridge".to_owned(), "shop".to_owned()]),
            has_health_check: Some(false),
            programs: None,
        };
        assert_eq!(options, told);
        assert_eq!(of(&Inspected::default()), None, "nothing is made up");
    }

    #[test]
    fn programs_are_named_without_what_they_were_given() {
        let processes: Processes = serde_json::from_str(
            r#"{"Titles":["UID","CMD"],"Processes":[["root","/usr/sbin/sshd -D -p secret"],
                ["root","nginx: master"],["root"]]}"#,
        )
        .unwrap();
        assert_eq!(processes.names(), ["nginx", "sshd"]);
        assert!(Processes::default().names().is_empty());
    }
}

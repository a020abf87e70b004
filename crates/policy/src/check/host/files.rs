//! A host's files: whose they are, who may change them, and whether the
//! kernel writes down who does. One row per control of the benchmark.

use serde_json::json;

use super::super::Part;
use crate::{
    Fault, Step, Verdict,
    facts::{AuditFacts, EngineFile, FileFacts, HostFacts},
};

/// Files of one sort: the control for their owner, the group they may
/// belong to, the control for their mode, and the most it may allow.
struct Rule {
    role: EngineFile,
    owned: &'static str,
    groups: &'static [&'static str],
    moded: &'static str,
    most: u32,
}

const fn rule(
    role: EngineFile,
    owned: &'static str,
    groups: &'static [&'static str],
    moded: &'static str,
    most: u32,
) -> Rule {
    Rule {
        role,
        owned,
        groups,
        moded,
        most,
    }
}

const ROOT: &[&str] = &["root"];
const ROOT_OR_DOCKER: &[&str] = &["root", "docker"];

const UNITS: [Rule; 2] = [
    rule(EngineFile::DockerService, "3.1", ROOT, "3.2", 0o644),
    rule(EngineFile::SocketUnit, "3.3", ROOT, "3.4", 0o644),
];
const SETTINGS: [Rule; 4] = [
    rule(EngineFile::DockerFolder, "3.5", ROOT, "3.6", 0o755),
    rule(EngineFile::DaemonJson, "3.17", ROOT, "3.18", 0o644),
    rule(EngineFile::DefaultDocker, "3.19", ROOT, "3.20", 0o644),
    rule(EngineFile::SysconfigDocker, "3.22", ROOT, "3.21", 0o644),
];
const CERTIFICATES: [Rule; 4] = [
    rule(EngineFile::RegistryCertificate, "3.7", ROOT, "3.8", 0o444),
    rule(EngineFile::TlsAuthority, "3.9", ROOT, "3.10", 0o444),
    rule(EngineFile::TlsCertificate, "3.11", ROOT, "3.12", 0o444),
    rule(EngineFile::TlsKey, "3.13", ROOT, "3.14", 0o400),
];
const SOCKETS: [Rule; 2] = [
    rule(
        EngineFile::DockerSocket,
        "3.15",
        ROOT_OR_DOCKER,
        "3.16",
        0o660,
    ),
    rule(EngineFile::ContainerdSocket, "3.23", ROOT, "3.24", 0o660),
];

pub(in crate::check) fn units(host: &HostFacts) -> Vec<Part> {
    judge(host, &UNITS)
}

pub(in crate::check) fn settings(host: &HostFacts) -> Vec<Part> {
    judge(host, &SETTINGS)
}

pub(in crate::check) fn certificates(host: &HostFacts) -> Vec<Part> {
    judge(host, &CERTIFICATES)
}

pub(in crate::check) fn sockets(host: &HostFacts) -> Vec<Part> {
    judge(host, &SOCKETS)
}

fn judge(host: &HostFacts, rules: &[Rule]) -> Vec<Part> {
    let Some(files) = &host.files else {
        return Vec::new();
    };
    let mut parts = Vec::new();
    for rule in rules {
        let there = files.get(&rule.role).map_or(&[][..], Vec::as_slice);
        parts.push((rule.owned, owners(there, rule)));
        parts.push((rule.moded, modes(there, rule)));
    }
    parts
}

fn owners(files: &[FileFacts], rule: &Rule) -> Verdict {
    if files.is_empty() {
        return Verdict::NotApplicable;
    }
    let others: Vec<&FileFacts> = files
        .iter()
        .filter(|file| file.owner != "root" || !rule.groups.contains(&file.group.as_str()))
        .collect();
    let Some(first) = others.first() else {
        return Verdict::Healthy;
    };
    let group = rule.groups.last().copied().unwrap_or("root");
    Fault::verdict(
        format!("{} belongs to {}:{}", first.path, first.owner, first.group),
        json!({ "files": others }),
        vec![Step::copy(
            "Give it back to root.",
            "shell",
            commands(&others, |file| {
                format!("chown root:{group} {}", quoted(&file.path))
            }),
        )],
    )
}

fn modes(files: &[FileFacts], rule: &Rule) -> Verdict {
    if files.is_empty() {
        return Verdict::NotApplicable;
    }
    let open: Vec<&FileFacts> = files
        .iter()
        .filter(|file| file.mode & 0o7777 & !rule.most != 0)
        .collect();
    let Some(first) = open.first() else {
        return Verdict::Healthy;
    };
    Fault::verdict(
        format!(
            "{} has mode {:04o}, more than {:04o}",
            first.path, first.mode, rule.most
        ),
        json!({
            "files": open
                .iter()
                .map(|file| json!({ "path": file.path, "mode": format!("{:04o}", file.mode) }))
                .collect::<Vec<_>>(),
            "most": format!("{:04o}", rule.most),
        }),
        vec![Step::copy(
            "Close it.",
            "shell",
            commands(&open, |file| {
                format!("chmod {:04o} {}", file.mode & rule.most, quoted(&file.path))
            }),
        )],
    )
}

/// The commands for the first few files.
fn commands(files: &[&FileFacts], command: impl Fn(&FileFacts) -> String) -> String {
    let lines: Vec<String> = files.iter().take(10).map(|file| command(file)).collect();
    lines.join("\n")
}

/// A path as a shell reads it.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if path.chars().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

/// What should be watched: the control, and where it lies on different
/// systems.
pub(crate) const AUDITED: [(&str, &[&str]); 16] = [
    ("1.1.3", &["/usr/bin/dockerd", "/usr/sbin/dockerd"]),
    ("1.1.4", &["/run/containerd"]),
    ("1.1.5", &["/var/lib/docker"]),
    ("1.1.6", &["/etc/docker"]),
    (
        "1.1.7",
        &[
            "/usr/lib/systemd/system/docker.service",
            "/lib/systemd/system/docker.service",
            "/etc/systemd/system/docker.service",
        ],
    ),
    ("1.1.8", &["/run/containerd/containerd.sock"]),
    ("1.1.9", &["/var/run/docker.sock", "/run/docker.sock"]),
    ("1.1.10", &["/etc/default/docker"]),
    ("1.1.11", &["/etc/docker/daemon.json"]),
    ("1.1.12", &["/etc/containerd/config.toml"]),
    ("1.1.13", &["/etc/sysconfig/docker"]),
    ("1.1.14", &["/usr/bin/containerd"]),
    ("1.1.15", &["/usr/bin/containerd-shim"]),
    ("1.1.16", &["/usr/bin/containerd-shim-runc-v1"]),
    ("1.1.17", &["/usr/bin/containerd-shim-runc-v2"]),
    ("1.1.18", &["/usr/bin/runc", "/usr/sbin/runc"]),
];

/// Every path that a host should say of whether it is there.
pub fn audited_paths() -> impl Iterator<Item = &'static str> {
    AUDITED.iter().flat_map(|(_, paths)| paths.iter().copied())
}

pub(in crate::check) fn audited(host: &HostFacts) -> Vec<Part> {
    let Some(audit) = &host.audit else {
        return Vec::new();
    };
    AUDITED
        .iter()
        .map(|(control, paths)| (*control, watched(audit, paths)))
        .collect()
}

fn watched(audit: &AuditFacts, paths: &[&str]) -> Verdict {
    let there = paths
        .iter()
        .find(|path| audit.present.iter().any(|present| present == *path));
    let Some(path) = there else {
        return Verdict::NotApplicable;
    };
    if audit.rules.iter().any(|rule| watches(rule, paths)) {
        return Verdict::Healthy;
    }
    Fault::verdict(
        format!("nothing is written down when {path} is changed"),
        json!({ "path": path }),
        vec![
            Step::copy(
                "Watch it.",
                "shell",
                format!("echo '-w {path} -p rwxa -k docker' >>/etc/audit/rules.d/docker.rules"),
            ),
            Step::copy("Load the rules.", "shell", "augenrules --load"),
        ],
    )
}

/// Whether a rule of the audit system watches one of these paths, or a
/// folder above it: `-w PATH`, or `-F path=PATH` and `-F dir=PATH`.
fn watches(rule: &str, paths: &[&str]) -> bool {
    let mut words = rule.split_whitespace();
    // Rules that delete or never match watch nothing.
    if words
        .clone()
        .any(|word| matches!(word, "-W" | "-d" | "never,exit" | "exit,never"))
    {
        return false;
    }
    while let Some(word) = words.next() {
        let (target, is_exact) = match word {
            "-w" => (words.next(), false),
            "-F" => match words.next().and_then(|field| field.split_once('=')) {
                Some(("path", path)) => (Some(path), true),
                Some(("dir", path)) => (Some(path), false),
                _ => (None, true),
            },
            _ => (None, true),
        };
        let Some(target) = target else { continue };
        let target = target.trim_end_matches('/');
        let hit = paths.iter().any(|path| {
            *path == target
                || !is_exact
                    && path
                        .strip_prefix(target)
                        .is_some_and(|rest| rest.starts_with('/'))
        });
        if hit {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_watches_its_path_and_what_lies_below() {
        let path = &["/etc/docker/daemon.json"][..];
        for rule in [
            "-w /etc/docker/daemon.json -p wa",
            "-w /etc/docker/ -p rwxa -k docker",
            "-a always,exit -F path=/etc/docker/daemon.json -F perm=wa",
            "-a always,exit -S all -F dir=/etc/docker -F perm=wa",
        ] {
            assert!(watches(rule, path), "{rule}");
        }
        for rule in [
            "-w /etc/dock -p wa",
            "-a always,exit -F path=/etc/docker",
            "-a never,exit -F path=/etc/docker/daemon.json",
            "-W /etc/docker/daemon.json",
            "-w",
            "",
        ] {
            assert!(!watches(rule, path), "{rule}");
        }
    }

    #[test]
    fn a_path_is_quoted_for_the_shell() {
        assert_eq!(quoted("/etc/docker"), "/etc/docker");
        assert_eq!(quoted("/a b'c"), "'/a b'\\''c'");
    }
}

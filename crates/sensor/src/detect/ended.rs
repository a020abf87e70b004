//! What watches the machine was ended by a signal.
//!
//! # What
//! A signal that ends or stops, sent to a process that watches: this
//! sensor, other sensors, the audit daemon, anti-virus. Not told where the
//! init system, a container runtime or the program itself sends it.
//!
//! # Why
//! Intruders end what could tell of them before they begin.
//!
//! # Limits
//! Names of programs, as far as the target was seen before. Stopping a
//! service the regular way goes through the init system and is seen by
//! rules about that command.
//!
//! # References
//! ATT&CK T1562.001; Defender's `K8S.NODE_SuspectProcessTermination`.

use api::Severity;
use rules::syscall::Event;

use super::{
    processes::Processes,
    suspicion::{Suspicion, Text},
    text,
};

pub(super) static TEXT: Text = Text {
    id: "K8S.NODE_SuspectProcessTermination",
    on_host: "VM_SuspectProcessTermination",
    title: "Security-related process was ended",
    description: "A signal that ends or stops a process was sent to one that watches this \
                  machine.",
    severity: Severity::Medium,
    tactics: &["defense_evasion"],
    techniques: &["T1562.001"],
    matrix: &[],
    why: "What could tell of an intruder is the first thing they end.",
    fix: "1. See who sent it, and what they did since.\n\
          2. Start the ended program again and compare what it says with this trace.",
    false_positives: "Administrators who restart an agent by hand; updates of agents.",
    references: &["https://attack.mitre.org/techniques/T1562/001/"],
};

const WATCHERS: [&[u8]; 20] = [
    b"seawall-sensor",
    b"seawall-malware",
    b"seawall",
    b"falco",
    b"tetragon",
    b"tracee",
    b"auditd",
    b"osqueryd",
    b"wazuh-agentd",
    b"ossec-agentd",
    b"clamd",
    b"freshclam",
    b"falcon-sensor",
    b"mdatp",
    b"wdavdaemon",
    b"sysdig-agent",
    b"dragent",
    b"aide",
    b"rsyslogd",
    b"systemd-journal",
];

const MAY: [&[u8]; 10] = [
    b"systemd",
    b"init",
    b"runc",
    b"crun",
    b"containerd",
    b"containerd-shim",
    b"dockerd",
    b"kubelet",
    b"conmon",
    b"logrotate",
];

/// KILL, TERM, STOP, ABRT, QUIT, INT, SEGV.
const ENDS: [u64; 7] = [9, 15, 19, 6, 3, 2, 11];

/// `target` as the host counts; `signal` its number.
pub(super) fn see(
    event: &Event<'_>,
    target: u32,
    signal: u64,
    processes: &Processes,
) -> Option<Suspicion> {
    let process = event.process;
    if target == 0 || i64::from(target) == process.pid || !ENDS.contains(&signal) {
        return None;
    }
    let facts = processes.get(target)?;
    let is_watcher = WATCHERS.contains(&facts.name());
    // Their own parts, and a shim whose name was cut.
    let is_regular = *process.name == *facts.name()
        || MAY.contains(&&*process.name)
        || process.name.starts_with(b"containerd-sh")
        || process.pid == i64::from(facts.parent);
    if !is_watcher || is_regular {
        return None;
    }
    let (name, of) = (
        text::bytes(&process.name, 64),
        text::bytes(facts.name(), 64),
    );
    let what = if event.result < 0 {
        "tried to send"
    } else {
        "sent"
    };
    Some(
        Suspicion::new(
            &TEXT,
            format!("{name} {what} signal {signal} to {of} (process {target})"),
        )
        .field("signal.number", signal.to_string())
        .field("signal.target", of)
        .field("signal.target_pid", target.to_string()),
    )
}

#[cfg(test)]
mod tests {
    use rules::syscall::Kind;

    use super::*;
    use crate::detect::{history::History, made};

    #[test]
    fn strangers_who_end_a_watcher_are_told() {
        let mut processes = Processes::default();
        let mut history = History::default();
        for (pid, path) in [(200, "/usr/sbin/auditd"), (201, "/usr/bin/sleep")] {
            let process = made::on_host(pid, path, &[]);
            processes.see(&made::event(&process, Kind::Execve), &mut history);
        }
        let told = |path: &str, target: u32, signal: u64| {
            let by = made::on_host(300, path, &[]);
            see(&made::event(&by, Kind::Kill), target, signal, &processes).map(|it| it.summary)
        };
        assert_eq!(
            told("/bin/bash", 200, 9).unwrap(),
            "bash sent signal 9 to auditd (process 200)"
        );
        assert_eq!(told("/bin/bash", 200, 1), None);
        assert_eq!(told("/bin/bash", 201, 9), None);
        assert_eq!(told("/bin/bash", 999, 9), None);
        assert_eq!(told("/usr/lib/systemd/systemd", 200, 15), None);
        assert_eq!(told("/usr/sbin/auditd", 200, 15), None);
    }
}

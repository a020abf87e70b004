//! A process became root without a way to become it.
//!
//! # What
//! Compares who a process is at each change with who it was before. One
//! that is root all at once, and neither executed another program nor had
//! the right to change its user, was made root by something else.
//!
//! # Why
//! It is what exploits of the kernel end with: the credentials of their
//! process are overwritten in memory. The exploit itself can look like
//! anything; this cannot.
//!
//! # Limits
//! Seen at the process's next event, not at once. Where events were lost
//! lately it is not told, since the exec that explains it may be among
//! them. A process that executes something in between is not seen.
//!
//! # References
//! ATT&CK T1068; `credentials(7)`.

use api::Severity;
use rules::syscall::{Event, Kind};

use super::{
    processes::Before,
    suspicion::{Suspicion, Text},
    text,
};

pub(super) static TEXT: Text = Text {
    id: "K8S.NODE_CredentialChange",
    on_host: "VM_CredentialChange",
    title: "Process became root without executing anything",
    description: "A process that was an ordinary user and had no right to change that is root \
                  at its next event.",
    severity: Severity::Critical,
    tactics: &["privilege_escalation"],
    techniques: &["T1068"],
    matrix: &[],
    why: "There is no permitted way from an ordinary user to root but executing a program that \
          has the right. A process that got there otherwise exploited the kernel, and with it \
          the whole machine.",
    fix: "1. Treat the machine as taken over: move workloads away, take it off the network.\n\
          2. Keep its disk and, where you can, its memory.\n\
          3. Reinstall it with a kernel that is up to date; replace every secret that was on \
          it.",
    false_positives: "None known. A sensor that lost events tells so, and this stays quiet then.",
    references: &["https://attack.mitre.org/techniques/T1068/"],
};

pub(super) fn see(event: &Event<'_>, before: Before, has_lost: bool) -> Option<Suspicion> {
    let process = event.process;
    let is_root = process.user.uid == 0 && before.uid != 0;
    let is_explained =
        before.may_set_user || matches!(event.kind, Kind::Execve | Kind::Execveat | Kind::Procexit);
    if !is_root || is_explained || has_lost {
        return None;
    }
    let name = text::bytes(&process.name, 64);
    Some(
        Suspicion::new(
            &TEXT,
            format!(
                "{name} (process {}) was user {} and is root, without executing anything",
                process.pid, before.uid
            ),
        )
        .field("user.before", before.uid.to_string())
        .field("evt.type", event.kind.as_str()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::made;

    #[test]
    fn root_out_of_nothing_is_told_and_what_is_permitted_is_not() {
        let mut process = made::process(151, "/tmp/x", &[]);
        process.user.uid = 0;
        let ordinary = Before {
            uid: 1000,
            may_set_user: false,
        };
        let told = |kind: Kind, before: Before, has_lost: bool| {
            see(&made::event(&process, kind), before, has_lost).is_some()
        };
        assert!(told(Kind::Openat, ordinary, false));
        assert!(!told(Kind::Execve, ordinary, false));
        assert!(!told(Kind::Openat, ordinary, true));
        let able = Before {
            may_set_user: true,
            ..ordinary
        };
        assert!(!told(Kind::Setuid, able, false));
        let root = Before { uid: 0, ..ordinary };
        assert!(!told(Kind::Openat, root, false));
        process.user.uid = 33;
        let event = made::event(&process, Kind::Openat);
        assert!(see(&event, ordinary, false).is_none());
    }
}

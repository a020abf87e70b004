//! What is watched without programs, and what is lost.

use super::Fallback;
use crate::kernel::{Feature, State};

impl Fallback {
    /// By which means, and what is lost.
    pub(in crate::kernel) fn report(&self) -> Vec<Feature> {
        let [no_connector, no_files, no_gate] = &self.why;
        let because = |why: &Option<String>| why.clone().unwrap_or_default();
        let processes = if self.connector.is_some() {
            Feature {
                name: "processes",
                state: State::Fallback,
                detail: "the kernel's process connector, and /proc".into(),
                lost: "arguments of programs that end at once; changes of privilege but the \
                       user's"
                    .into(),
            }
        } else {
            Feature {
                name: "processes",
                state: State::Fallback,
                detail: format!(
                    "/proc, looked at four times a second: {}",
                    because(no_connector)
                ),
                lost: "programs that run shorter than a quarter of a second".into(),
            }
        };
        let files = if self.files.is_some() {
            Feature {
                name: "files",
                state: State::Fallback,
                detail: "fanotify".into(),
                lost: "names that are removed, renamed or linked; changed permissions; secrets \
                       outside their usual places; failed attempts"
                    .into(),
            }
        } else {
            Feature {
                name: "files",
                state: State::Absent,
                detail: no_files.clone().unwrap_or_else(|| "switched off".into()),
                lost: "files written and secrets read".into(),
            }
        };
        let drift = if self.gate.is_some() {
            Feature {
                name: "drift",
                state: State::Fallback,
                detail: "fanotify asks before a program runs".into(),
                lost: "a round trip for each program run in containers where drift is blocked; \
                       programs on volumes and without a name"
                    .into(),
            }
        } else {
            Feature {
                name: "drift",
                state: State::Fallback,
                detail: format!(
                    "the process is ended once it was seen: {}",
                    because(no_gate)
                ),
                lost: "what it does until then".into(),
            }
        };
        let absent = |name, lost: &str| Feature {
            name,
            state: State::Absent,
            detail: "nothing tells of it without programs in the kernel".into(),
            lost: lost.into(),
        };
        vec![
            processes,
            files,
            drift,
            absent("network", "connections, listeners and datagrams"),
            absent("dns", "names that are looked up"),
            absent(
                "privileges",
                "namespaces, mounts, modules, capabilities, signals",
            ),
        ]
    }
}

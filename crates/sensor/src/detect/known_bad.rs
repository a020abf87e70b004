//! Files that are worth a look, and what is said of those that are known
//! to be bad.
//!
//! # What
//! A program that is not in the image, and a file that was just made
//! executable, is opened and handed to the malware worker; what that knows
//! becomes an alert.
//!
//! # Why
//! What an image brought was scanned with it. What came later was not.
//!
//! # Limits
//! A file is opened when the event arrives: a process that is gone by then
//! is looked for through its parent, and then not at all. What was built
//! here is looked at when it runs, not when it is written.
//!
//! # References
//! Defender's anti-malware alerts; ATT&CK T1204.003, T1105.

use std::{fs::File, path::Path, sync::Arc};

use api::Severity;
use model::malware::FindingBy;
use rules::syscall::{Event, Process};

use super::{
    drifted, entry,
    suspicion::{Suspicion, Text},
    text,
};
use crate::{
    drift::{Drift, open_for},
    malware::{Found, Wanted},
    record,
};

pub(super) static TEXT: Text = Text {
    id: "K8S.NODE_Antimalware",
    on_host: "VM_Antimalware",
    title: "Malware was found",
    description: "A file that was executed or made executable is on a list of bad hashes or \
                  fits a rule about malware.",
    severity: Severity::High,
    tactics: &["execution"],
    techniques: &["T1204.003", "T1105"],
    matrix: &["MS-TA9006"],
    why: "The file is known from other intrusions. Whoever brought it can write here and, where \
          it ran, has run what they wanted.",
    fix: "1. See in the trace who wrote the file and from where it came.\n\
          2. Keep it for whoever looks into it, and do not run it again.\n\
          3. Replace the container by a new one of its image; on a host, take the machine off \
          the network and reinstall it.\n\
          4. Replace the secrets the workload could read.",
    false_positives: "Rules that are too wide, security tools that carry what they look for. The \
                      evidence names the rule and its file.",
    references: &["https://attack.mitre.org/techniques/T1204/003/"],
};

/// The file of a program that was executed.
pub(super) fn executed(
    event: &Event<'_>,
    process: &Arc<Process>,
    path: &[u8],
    is_script: bool,
    file: &record::File,
    drift: &Drift,
) -> Option<Wanted> {
    use std::os::unix::fs::MetadataExt as _;

    let opened = if is_script {
        open(process, path, drift)
    } else {
        // Also what has no name any more.
        File::open(format!("/proc/{}/exe", process.pid))
            .ok()
            .filter(|opened| opened.metadata().is_ok_and(|its| its.ino() == file.inode))
            .or_else(|| open(process, path, drift))
    }?;
    Some(Wanted {
        file: opened,
        path: path.to_vec(),
        process: Arc::clone(process),
        time: event.time,
        was_executed: true,
    })
}

/// A file that was made executable.
pub(super) fn written(event: &Event<'_>, process: &Arc<Process>, drift: &Drift) -> Option<Wanted> {
    let mode = event.arguments.named("mode");
    let is_executable = mode
        .and_then(|mode| mode.raw)
        .is_some_and(|mode| mode & 0o111 != 0);
    if event.result < 0 || !is_executable || drifted::is_built(process) {
        return None;
    }
    let path = entry::path(event, &["path", "filename", "name"]);
    let mut whole = Vec::new();
    if !path.starts_with(b"/") {
        whole.extend_from_slice(&process.working_folder);
        whole.push(b'/');
    }
    whole.extend_from_slice(path);
    Some(Wanted {
        file: open(process, &whole, drift)?,
        path: whole,
        process: Arc::clone(process),
        time: event.time,
        was_executed: false,
    })
}

/// As the process sees it, or its parent where that is in the same
/// container; else where the host keeps what the container writes.
fn open(process: &Process, path: &[u8], drift: &Drift) -> Option<File> {
    use std::os::unix::ffi::OsStrExt as _;

    let path = Path::new(std::ffi::OsStr::from_bytes(path));
    let id = |of: &Process| of.container.as_ref().map(|it| it.full_id.clone());
    let by_parent = || {
        let parent = process.parent.as_ref()?;
        (id(parent) == id(process))
            .then(|| open_for(parent.pid, path))
            .flatten()
    };
    open_for(process.pid, path)
        .or_else(by_parent)
        .or_else(|| drift.open_written(process, path))
}

pub(super) fn suspect(found: &Found) -> Suspicion {
    let path = text::bytes(&found.path, 300);
    let names: Vec<&str> = found.findings.iter().map(|it| it.name.as_str()).collect();
    let names = names.join(", ");
    let done = if found.was_executed {
        "was executed and"
    } else {
        "was made executable and"
    };
    let first = found.findings.first();
    let by = match first.map(|it| it.by) {
        Some(FindingBy::Test) => format!("is a test file ({names})"),
        Some(FindingBy::Hash) => format!("is on a list of malware ({names})"),
        _ => format!("fits rules about malware ({names})"),
    };
    let listed: Vec<&str> = found.findings.iter().map(|it| it.list.as_str()).collect();
    let told = first.map_or("", |it| it.description.as_str());
    Suspicion::new(&TEXT, format!("{path} {done} {by}"))
        .field("malware.path", path)
        .field("malware.sha256", &found.sha256)
        .field("malware.names", text::clean(&names, 1000))
        .field("malware.lists", text::clean(&listed.join(", "), 1000))
        .field("malware.by", first.map_or("", |it| it.by.as_str()))
        .field("malware.description", told)
}

#[cfg(test)]
mod tests {
    use model::malware::Finding;
    use rules::syscall::{Argument, Arguments, Kind};

    use super::*;
    use crate::detect::made;

    #[test]
    fn what_is_bad_is_told_by_name_and_hash() {
        let found = Found {
            path: b"/tmp/x".to_vec(),
            process: Arc::default(),
            time: made::NOW,
            was_executed: true,
            sha256: "ab".to_owned(),
            findings: [Finding {
                by: FindingBy::Rule,
                name: "Miner".to_owned(),
                list: "miners.yar".to_owned(),
                description: "Speaks to a pool".to_owned(),
                reference: String::new(),
                tags: Vec::new(),
            }]
            .into(),
        };
        let suspicion = suspect(&found);
        assert_eq!(
            suspicion.summary,
            "/tmp/x was executed and fits rules about malware (Miner)"
        );
        assert!(
            suspicion
                .fields
                .contains(&("malware.sha256", "ab".to_owned()))
        );
    }

    #[test]
    fn what_was_made_executable_is_opened_as_its_process_sees_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tool");
        std::fs::write(&path, "x").unwrap();
        let own = i64::from(std::process::id());
        let mut process = made::on_host(151, "/bin/chmod", &[]);
        process.pid = own;
        let process = Arc::new(process);
        let path = path.display().to_string();
        let wanted = |mode: i64, result: i64| {
            let arguments = [
                Argument {
                    name: "path",
                    text: path.as_bytes(),
                    raw: None,
                },
                Argument {
                    name: "mode",
                    text: b"",
                    raw: Some(mode),
                },
            ];
            let event = Event {
                arguments: Arguments::new(&arguments),
                result,
                ..made::event(&process, Kind::Fchmodat)
            };
            written(&event, &process, &Drift::default()).is_some()
        };
        assert!(wanted(0o755, 0));
        assert!(!wanted(0o644, 0));
        assert!(!wanted(0o755, -1));
    }
}

//! A file was downloaded and then executed.
//!
//! # What
//! Remembers, by inode, files that were written by a process which had
//! talked to another machine, and says so when one of them is executed or
//! handed to an interpreter. Whether it was made executable in between is
//! part of the evidence.
//!
//! # Why
//! It is how nearly every intrusion into a container goes on: fetch a tool,
//! `chmod +x`, run. A rule over one command line sees only those who do it
//! in one line.
//!
//! # Limits
//! [`MAX_FILES`] files and [`MAX_TALKERS`] processes, the oldest go first;
//! a file is remembered for an hour. A download that another process copies
//! is not followed. Package managers are not downloads: they have their
//! signatures. Names of interpreters, not what they do, decide.
//!
//! # References
//! ATT&CK T1105; Defender's `K8S.NODE_LinuxSuspiciousActivity`.

use api::Severity;
use rules::syscall::{Event, Kind, Process};

use super::{
    bounded::Bounded,
    drifted, entry,
    history::Whose,
    suspicion::{Suspicion, Text},
    text,
};
use crate::record::{Exec, File};

const MAX_FILES: usize = 4_096;
const MAX_TALKERS: usize = 1_024;
/// Nanoseconds a file is remembered.
const HOUR: i64 = 3_600_000_000_000;

pub(super) static TEXT: Text = Text {
    id: "K8S.NODE_LinuxSuspiciousActivity",
    on_host: "VM_LinuxSuspiciousActivity",
    title: "A file was downloaded and executed",
    description: "A process that had talked to another machine wrote a file, and the file was \
                  executed or handed to an interpreter afterwards.",
    severity: Severity::Medium,
    tactics: &["execution", "command_and_control"],
    techniques: &["T1105", "T1059"],
    matrix: &["MS-TA9006"],
    why: "Whoever gets into a workload brings tools with them: a miner, a scanner, a remote \
          shell. What is downloaded and run at once was reviewed by nobody.",
    fix: "1. See in the trace from where it came and what started the download.\n\
          2. Keep the file to look at, then stop the container.\n\
          3. Close the way in: the ancestors name the program that was made to do it.\n\
          4. Where a workload needs the tool, put it into the image.",
    false_positives: "Installers that fetch a program and run it, build and test runners.",
    references: &["https://attack.mitre.org/techniques/T1105/"],
};

const INTERPRETERS: [&[u8]; 10] = [
    b"sh", b"bash", b"dash", b"ash", b"zsh", b"python", b"python3", b"perl", b"php", b"ruby",
];

type Inode = (u64, (u32, u32));

#[derive(Clone, Copy, Debug)]
struct Written {
    time: i64,
    by: [u8; 16],
    was_made_executable: bool,
}

#[derive(Debug)]
pub(super) struct Fetched {
    /// Processes that talked to another machine, by id and start.
    /// Whether what they write counts.
    talkers: Bounded<(i64, i64), bool>,
    files: Bounded<Inode, Written>,
    /// The inode behind a path, as a container or session sees it.
    paths: Bounded<(Whose, Box<[u8]>), Inode>,
}

impl Default for Fetched {
    fn default() -> Self {
        Self {
            talkers: Bounded::new(MAX_TALKERS),
            files: Bounded::new(MAX_FILES),
            paths: Bounded::new(MAX_FILES),
        }
    }
}

impl Fetched {
    /// A process talked to another machine.
    pub(super) fn talked(&mut self, event: &Event<'_>) {
        let connection = event.descriptor.and_then(|it| it.connection);
        let Some((address, port)) = connection.as_ref().and_then(entry::other_end) else {
            return;
        };
        // A name server is not where files come from.
        if address.is_loopback() || port == 53 {
            return;
        }
        let process = event.process;
        let key = (process.pid, process.started);
        if !self.talkers.contains(&key) {
            self.talkers.insert(key, !builds(process));
        }
    }

    /// A file was opened to be written.
    pub(super) fn written(&mut self, event: &Event<'_>, file: Option<&File>) {
        let process = event.process;
        let key = (process.pid, process.started);
        if event.result < 0 || self.talkers.get(&key) != Some(&true) {
            return;
        }
        let Some(inode) = file.filter(|file| file.inode != 0).map(inode) else {
            return;
        };
        let path = entry::path(event, &["path", "name"]);
        if path.starts_with(b"/dev/") && !path.starts_with(b"/dev/shm/") {
            return;
        }
        let mut by = [0; 16];
        for (to, from) in by.iter_mut().zip(&process.name) {
            *to = *from;
        }
        self.files.insert(
            inode,
            Written {
                time: event.time,
                by,
                was_made_executable: false,
            },
        );
        if path.len() <= 512 {
            self.paths.insert((Whose::of(process), path.into()), inode);
        }
    }

    /// A file's mode was changed.
    pub(super) fn mode_changed(&mut self, event: &Event<'_>, file: Option<&File>) {
        let mode = event.arguments.named("mode");
        let is_executable = mode
            .and_then(|mode| mode.raw)
            .is_none_or(|mode| mode & 0o111 != 0);
        if event.result < 0 || !is_executable {
            return;
        }
        let inode = file.filter(|file| file.inode != 0).map(inode).or_else(|| {
            let path = entry::path(event, &["path", "filename", "name"]);
            self.at(event.process, path)
        });
        if let Some(written) = inode.and_then(|inode| self.files.get_mut(&inode)) {
            written.was_made_executable = true;
        }
    }

    fn at(&self, process: &Process, path: &[u8]) -> Option<Inode> {
        let mut whole = Vec::new();
        if !path.starts_with(b"/") {
            whole.extend_from_slice(&process.working_folder);
            whole.push(b'/');
        }
        whole.extend_from_slice(path.strip_prefix(b"./").unwrap_or(path));
        self.paths
            .get(&(Whose::of(process), whole.into_boxed_slice()))
            .copied()
    }

    /// A program was executed: did it come from elsewhere?
    pub(super) fn executed(&mut self, event: &Event<'_>, exec: &Exec<'_>) -> Option<Suspicion> {
        let process = event.process;
        let mut path: &[u8] = &process.exe_path;
        let mut found = self.files.get(&inode(&exec.file));
        if found.is_none() && INTERPRETERS.contains(&&*process.name) || is_script(process) {
            let script = process
                .arguments
                .iter()
                .find(|argument| !argument.starts_with(b"-"))?;
            found = self
                .at(process, script)
                .and_then(|inode| self.files.get(&inode));
            path = script;
        }
        let found = found.filter(|found| {
            (0..HOUR).contains(&(event.time - found.time)) && !drifted::is_built(process)
        })?;
        let by = text::bytes(&found.by, 16);
        let by = by.trim_end_matches('\u{fffd}');
        let path = text::bytes(path, 300);
        let seconds = (event.time - found.time) / 1_000_000_000;
        Some(
            Suspicion::new(
                &TEXT,
                format!("{path} was downloaded by {by} and executed {seconds} s later"),
            )
            .field("download.path", &path)
            .field("download.by", by)
            .field(
                "download.made_executable",
                found.was_made_executable.to_string(),
            ),
        )
    }

    pub(super) fn see(&mut self, event: &Event<'_>, file: Option<&File>) {
        match event.kind {
            Kind::Connect | Kind::Accept | Kind::Accept4 => self.talked(event),
            Kind::Chmod | Kind::Fchmod | Kind::Fchmodat => self.mode_changed(event, file),
            _ if event.open.writes || event.open.creates => self.written(event, file),
            _ => {}
        }
    }
}

/// A script that was executed by its name is called what it is.
fn is_script(process: &Process) -> bool {
    let exe = process.exe_path.rsplit(|byte| *byte == b'/').next();
    exe.is_some_and(|exe| {
        INTERPRETERS
            .iter()
            .any(|known| exe == *known || exe.starts_with(b"python3."))
    })
}

/// Brings files that are signed, or makes them of what is there.
fn builds(process: &Process) -> bool {
    drifted::is_built(process)
        || process.arguments.iter().take(3).any(|it| {
            matches!(
                it.rsplit(|byte| *byte == b'/').next(),
                Some(b"pip" | b"pip3" | b"npm")
            )
        })
}

fn inode(file: &File) -> Inode {
    (file.inode, file.device)
}

#[cfg(test)]
mod tests {
    use rules::syscall::{Argument, Arguments, Open};

    use super::*;
    use crate::detect::made;

    fn file(inode: u64) -> File {
        File {
            inode,
            is_overlay: true,
            is_upper: true,
            ..File::default()
        }
    }

    fn after(seconds: i64, event: Event<'_>) -> Event<'_> {
        Event {
            time: event.time + seconds * 1_000_000_000,
            ..event
        }
    }

    fn fetch(analytic: &mut Fetched, process: &Process) {
        analytic.see(&made::connect(process, [192, 0, 2, 7], 80), None);
        analytic.see(&made::open(process, "/tmp/x", true), Some(&file(7)));
    }

    #[test]
    fn what_was_fetched_and_run_is_told_with_who_fetched_it() {
        let mut analytic = Fetched::default();
        let curl = made::process(151, "/usr/bin/curl", &["-O", "http://192.0.2.7/x"]);
        fetch(&mut analytic, &curl);
        let chmod = made::process(152, "/bin/chmod", &["+x", "x"]);
        let mode = [Argument {
            name: "mode",
            text: b"0755",
            raw: Some(0o755),
        }];
        let changed = Event {
            arguments: Arguments::new(&mode),
            ..made::event(&chmod, Kind::Fchmodat)
        };
        analytic.see(&changed, Some(&file(7)));
        let it = made::process(153, "/tmp/x", &[]);
        let event = after(3, made::event(&it, Kind::Execve));
        let found = analytic.executed(&event, &made::exec(file(7))).unwrap();
        assert_eq!(
            found.summary,
            "/tmp/x was downloaded by curl and executed 3 s later"
        );
        assert!(
            found
                .fields
                .contains(&("download.made_executable", "true".to_owned()))
        );
        assert!(analytic.executed(&event, &made::exec(file(8))).is_none());
        let late = after(3_601, made::event(&it, Kind::Execve));
        assert!(analytic.executed(&late, &made::exec(file(7))).is_none());
    }

    #[test]
    fn an_interpreter_that_is_handed_it_is_told() {
        let mut analytic = Fetched::default();
        let wget = made::process(151, "/usr/bin/wget", &["http://192.0.2.7/x"]);
        fetch(&mut analytic, &wget);
        let mut shell = made::process(152, "/bin/sh", &["-e", "x"]);
        shell.working_folder = made::bytes("/tmp");
        let event = after(1, made::event(&shell, Kind::Execve));
        let found = analytic.executed(&event, &made::exec(file(1))).unwrap();
        assert!(found.summary.starts_with("x was downloaded by wget"));
        shell.arguments = vec![made::bytes("y")];
        let event = after(1, made::event(&shell, Kind::Execve));
        assert!(analytic.executed(&event, &made::exec(file(1))).is_none());
    }

    #[test]
    fn what_was_written_without_a_network_or_by_a_package_manager_is_not() {
        let mut analytic = Fetched::default();
        let cp = made::process(151, "/bin/cp", &["a", "/tmp/x"]);
        analytic.see(&made::open(&cp, "/tmp/x", true), Some(&file(7)));
        let pip = made::process(152, "/usr/bin/python3", &["-m", "pip", "install", "x"]);
        fetch(&mut analytic, &pip);
        let apt = made::process(153, "/usr/bin/apt-get", &["install", "x"]);
        fetch(&mut analytic, &apt);
        // Only a name server was asked.
        let tool = made::process(154, "/usr/bin/tool", &[]);
        analytic.see(&made::connect(&tool, [10, 0, 0, 2], 53), None);
        analytic.see(&made::open(&tool, "/tmp/x", true), Some(&file(7)));
        // It was only read.
        let curl = made::process(155, "/usr/bin/curl", &[]);
        analytic.see(&made::connect(&curl, [192, 0, 2, 7], 80), None);
        let read = Event {
            open: Open {
                reads: true,
                ..Open::default()
            },
            ..made::open(&curl, "/tmp/x", false)
        };
        analytic.see(&read, Some(&file(7)));
        let it = made::process(156, "/tmp/x", &[]);
        let event = after(1, made::event(&it, Kind::Execve));
        assert!(analytic.executed(&event, &made::exec(file(7))).is_none());
    }

    #[test]
    fn memory_is_fixed() {
        let mut analytic = Fetched::default();
        let curl = made::process(151, "/usr/bin/curl", &[]);
        analytic.see(&made::connect(&curl, [192, 0, 2, 7], 80), None);
        for number in 1..20_000 {
            let path = format!("/tmp/{number}");
            analytic.see(&made::open(&curl, &path, true), Some(&file(number)));
        }
        assert_eq!(analytic.files.len(), MAX_FILES);
        assert_eq!(analytic.paths.len(), MAX_FILES);
    }
}

//! Records and answers for tests: small, and the same each time.
#![expect(
    clippy::large_types_passed_by_value,
    reason = "records are written where they are used"
)]

use std::sync::{Arc, Mutex};

use rules::syscall::{Container, Kind};

use super::{Context, Found, Metadata, MetadataAnswer, Moment, Question, Settings, Told, Users};
use crate::record::{Call, Cgroup, Credentials, Exec, File, Fork, Group, Record, Task, What};

pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const ID: &str = "4f5e1d0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e";

pub(crate) fn name(text: &str) -> [u8; 16] {
    let mut name = [0; 16];
    for (to, from) in name.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    name
}

/// A process of the host, begun at second `pid`.
pub(crate) fn task(pid: u32, parent: u32) -> Task {
    Task {
        time: 5_000 * SECOND,
        pid,
        tid: pid,
        parent,
        started: u64::from(pid) * SECOND,
        cgroup: Cgroup {
            unified: 1,
            legacy: 1,
        },
        name: name("bash"),
        ..Task::default()
    }
}

pub(crate) fn within(group: u64, task: Task) -> Task {
    Task {
        cgroup: Cgroup {
            unified: group,
            legacy: 0,
        },
        ..task
    }
}

pub(crate) fn call(kind: Kind) -> Call<'static> {
    Call::new(kind)
}

pub(crate) fn open(path: &[u8]) -> Call<'_> {
    Call {
        result: 3,
        arguments: [u64::MAX - 99, 0, 0o2_000_000, 0, 0, 0],
        path,
        ..call(Kind::Openat)
    }
}

pub(crate) fn exec<'a>(path: &'a [u8], arguments: &'a [u8]) -> Exec<'a> {
    Exec {
        path,
        resolved: path,
        arguments,
        are_arguments_cut: false,
        environment: b"A=1\0B=2\0",
        file: File::default(),
        credentials: Credentials::default(),
        virtual_pid: 7,
        session: 0,
        group: 0,
        terminal: 0,
        login_uid: u32::MAX,
        stdio: [None; 3],
    }
}

pub(crate) fn fork(parent: Task, pid: u32) -> Record<'static> {
    Record {
        task: parent,
        what: What::Fork(Fork {
            pid,
            started: u64::from(pid) * SECOND,
            virtual_pid: pid,
        }),
    }
}

pub(crate) fn made(id: u64, path: &[u8]) -> Record<'_> {
    Record {
        task: task(1, 0),
        what: What::CgroupMade(Group {
            id,
            hierarchy: 0,
            path,
        }),
    }
}

pub(crate) fn removed(id: u64, path: &[u8]) -> Record<'_> {
    Record {
        task: task(1, 0),
        what: What::CgroupRemoved(Group {
            id,
            hierarchy: 0,
            path,
        }),
    }
}

/// Answers when the test says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) asked: Arc<Mutex<Vec<Question>>>,
    pub(crate) answers: Arc<Mutex<Vec<MetadataAnswer>>>,
    pub(crate) kept: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Oracle {
    pub(crate) fn say(&self, id: &str, name: &str, is_complete: bool) {
        let found = Found {
            container: Container {
                full_id: id.as_bytes().into(),
                name: name.as_bytes().into(),
                image: b"nginx".as_slice().into(),
                ..Container::default()
            },
            users: Some(Users::read(b"app:x:7:7::/:/bin/sh\n", b"app:x:7:\n")),
            healthcheck: vec![b"/bin/check".as_slice().into(), b"-q".as_slice().into()],
            is_complete,
            wants_engine: false,
        };
        self.answers
            .lock()
            .unwrap()
            .push(MetadataAnswer::Found(Box::new(found)));
    }
}

impl Metadata for Oracle {
    fn ask(&mut self, question: Question) -> bool {
        self.asked.lock().unwrap().push(question);
        true
    }

    fn answer(&mut self) -> Option<MetadataAnswer> {
        let mut answers = self.answers.lock().unwrap();
        (!answers.is_empty()).then(|| answers.remove(0))
    }

    fn is_kept(&self, id: &[u8]) -> bool {
        self.kept.lock().unwrap().iter().any(|it| it == id)
    }
}

/// A context without a machine around it.
pub(crate) fn context(settings: Settings) -> (Context, Oracle) {
    let oracle = Oracle::default();
    let settings = Settings {
        proc: "/nonexistent".into(),
        ..settings
    };
    let now = Moment {
        boot: 5_000 * SECOND,
        wall: 1_700_000_000_000_000_000,
    };
    (
        Context::new(settings, Box::new(oracle.clone()), now),
        oracle,
    )
}

/// What was told, a line each.
pub(crate) fn line(told: &Told<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match told {
        Told::Event { event, process, .. } => {
            let container = process
                .container
                .as_ref()
                .map_or_else(|| "host".to_owned(), |it| text(&it.name));
            let arguments: Vec<_> = event
                .arguments
                .all()
                .iter()
                .map(|it| format!("{}={}", it.name, text(it.text)))
                .collect();
            format!(
                "{container} {}({}) {} {}",
                text(&process.name),
                process.pid,
                event.kind.as_str(),
                arguments.join(" ")
            )
        }
        Told::Lookup(lookup) => format!("lookup {} {:?}", text(lookup.name), lookup.answers),
        Told::Verdict { verdict, .. } => {
            format!("verdict {:?} {:?}", verdict.matter, verdict.outcome)
        }
        Told::Container(known) => format!("container {}", text(&known.container.name)),
        Told::Ended(known) => format!("ended {}", text(&known.container.name)),
    }
}

pub(crate) fn take(context: &mut Context, record: &Record<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    context.take(record, &mut |told| lines.push(line(&told)));
    lines
}

pub(crate) fn run(context: &mut Context, task: Task, what: What<'_>) -> Vec<String> {
    take(context, &Record { task, what })
}

//! Events made by hand, for tests.

use std::sync::Arc;

use api::{
    Severity,
    sensor::{SensorAlert, SensorRule},
};
use rules::syscall::{
    Arguments, Bytes, Connection, Container, Descriptor, DescriptorKind, Event, Kind, Open,
    Process, User,
};
use serde_json::json;

use crate::{
    context::Lookup,
    record::{Credentials, Exec, File},
};

/// When everything happens, in nanoseconds since 1970.
pub(super) const NOW: i64 = 1_700_000_000_000_000_000;

pub(super) fn bytes(text: &str) -> Bytes {
    text.as_bytes().into()
}

pub(super) fn container(name: &str) -> Container {
    Container {
        full_id: bytes(&"0123456789abcdef".repeat(4)),
        name: bytes(name),
        image: bytes("docker.io/library/nginx:1.29"),
        repository: bytes("docker.io/library/nginx"),
        tag: bytes("1.29"),
        runtime: bytes("docker"),
        ..Container::default()
    }
}

/// A process of a container: shim, main program, and it.
pub(super) fn process(pid: i64, path: &str, arguments: &[&str]) -> Process {
    let shim = Arc::new(Process {
        pid: 10,
        name: bytes("containerd-shim"),
        exe_path: bytes("/usr/bin/containerd-shim-runc-v2"),
        ..Process::default()
    });
    let container = Arc::new(container("web"));
    let main = Arc::new(Process {
        pid: 100,
        vpid: 1,
        name: bytes("nginx"),
        exe: bytes("nginx"),
        exe_path: bytes("/usr/sbin/nginx"),
        parent: Some(shim),
        container: Some(Arc::clone(&container)),
        started: NOW - 60_000_000_000,
        ..Process::default()
    });
    let name = path.rsplit('/').next().unwrap_or_default();
    Process {
        slot: u32::try_from(pid).unwrap(),
        version: u64::try_from(pid).unwrap(),
        pid,
        vpid: pid - 99,
        sid: 100,
        name: bytes(name),
        exe: bytes(name),
        exe_path: bytes(path),
        arguments: arguments.iter().copied().map(bytes).collect(),
        working_folder: bytes("/app"),
        started: NOW,
        user: User {
            name: bytes("www-data"),
            uid: 33,
            gid: 33,
            login_uid: -1,
            ..User::default()
        },
        parent: Some(main),
        container: Some(container),
        ..Process::default()
    }
}

/// The same in no container.
pub(super) fn on_host(pid: i64, path: &str, arguments: &[&str]) -> Process {
    Process {
        container: None,
        parent: None,
        ..process(pid, path, arguments)
    }
}

pub(super) fn event(process: &Process, kind: Kind) -> Event<'_> {
    Event {
        number: 1,
        time: NOW,
        kind,
        cpu: 0,
        process,
        thread: process.pid,
        result: 0,
        latency: 0,
        open: Open::default(),
        descriptor: None,
        arguments: Arguments::new(&[]),
        buffer: &[],
    }
}

pub(super) fn open<'a>(process: &'a Process, path: &'a str, writes: bool) -> Event<'a> {
    Event {
        open: Open {
            reads: !writes,
            writes,
            executes: false,
            creates: writes,
        },
        result: 3,
        descriptor: Some(Descriptor::file(3, path.as_bytes())),
        ..event(process, Kind::Openat)
    }
}

pub(super) fn connect(process: &Process, address: [u8; 4], port: u16) -> Event<'_> {
    Event {
        descriptor: Some(Descriptor {
            kind: DescriptorKind::Ipv4,
            connection: Some(Connection {
                client: Some(([10, 0, 0, 9].into(), 40_000)),
                server: Some((address.into(), port)),
                protocol: "tcp",
                is_server: false,
                is_connected: true,
                client_names: &[],
                server_names: &[],
            }),
            ..Descriptor::file(3, b"")
        }),
        ..event(process, Kind::Connect)
    }
}

pub(super) fn alert(rule: &str) -> SensorAlert {
    SensorAlert {
        rule: SensorRule {
            id: rule.to_owned(),
            title: "A rule".to_owned(),
            description: String::new(),
            condition: String::new(),
            severity: Severity::High,
            tactics: Vec::new(),
            techniques: Vec::new(),
            matrix: Vec::new(),
            why: String::new(),
            fix: String::new(),
            false_positives: String::new(),
            references: Vec::new(),
        },
        place: Vec::new(),
        image: None,
        program: "/bin/x".to_owned(),
        summary: "something happened".to_owned(),
        evidence: json!({}),
        user: None,
        uid: None,
        trace: None,
    }
}

/// A program that is executed.
pub(super) fn exec(file: File) -> Exec<'static> {
    Exec {
        path: b"",
        resolved: b"",
        arguments: b"",
        are_arguments_cut: false,
        environment: b"",
        file,
        credentials: Credentials::default(),
        virtual_pid: 1,
        session: 1,
        group: 1,
        terminal: 0,
        login_uid: u32::MAX,
        stdio: [None; 3],
    }
}

/// A name that was asked for, or told.
pub(super) fn lookup<'a>(
    process: &'a Arc<Process>,
    name: &'a str,
    kind: u16,
    answer: Option<u8>,
) -> Lookup<'a> {
    Lookup {
        time: NOW,
        container: process.container.as_ref(),
        process: Some(process),
        is_answer: answer.is_some(),
        server: None,
        name: name.as_bytes(),
        kind,
        code: answer.unwrap_or_default(),
        answers: &[],
        size: name.len() + 18,
    }
}

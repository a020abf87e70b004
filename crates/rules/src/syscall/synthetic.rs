//! A stream of events made up for measuring: what a busy node does most,
//! 70 % opens, with a little of what rules look for.
//!
//! The same seed makes the same stream.

use std::sync::Arc;

use super::{
    Argument, Arguments, Bytes, Connection, Container, Descriptor, DescriptorKind, Event, Kind,
    Open, Pod, Process, User,
};

const NAMES: &[&str] = &[
    "nginx",
    "java",
    "node",
    "python3",
    "postgres",
    "redis-server",
    "sh",
    "bash",
    "envoy",
    "kubelet",
    "containerd",
    "coredns",
    "prometheus",
    "curl",
    "sleep",
    "gunicorn",
    "php-fpm",
    "mysqld",
    "runc",
    "sshd",
];
const IMAGES: &[&str] = &[
    "docker.io/library/nginx",
    "registry.local/app/api",
    "docker.io/library/redis",
    "quay.io/prometheus/prometheus",
    "registry.k8s.io/coredns/coredns",
    "ghcr.io/acme/worker",
];
const READ: &[&str] = &[
    "/etc/ld.so.cache",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/proc/self/status",
    "/usr/share/zoneinfo/UTC",
    "/app/static/index.html",
    "/etc/resolv.conf",
    "/proc/123/stat",
    "/sys/fs/cgroup/memory.max",
    "/usr/lib/python3.11/os.py",
    "/etc/nsswitch.conf",
    "/var/lib/postgresql/data/base/1/2619",
    "/etc/passwd",
    "/dev/null",
    "/opt/app/lib/foo.jar",
];
const WRITTEN: &[&str] = &[
    "/var/log/app/app.log",
    "/tmp/tmp8f3k",
    "/var/lib/postgresql/data/pg_wal/000001",
    "/dev/null",
    "/app/cache/x.json",
    "/run/app.pid",
];
const RARE: &[&str] = &[
    "/etc/shadow",
    "/root/.ssh/id_rsa",
    "/usr/bin/evil",
    "/proc/sys/kernel/core_pattern",
    "/root/.bash_history",
    "/dev/shm/x",
];
/// Per mille, added up.
const MIX: &[(u64, Kind)] = &[
    (620, Kind::Openat),
    (700, Kind::Openat2),
    (760, Kind::Connect),
    (800, Kind::Accept4),
    (860, Kind::Sendto),
    (900, Kind::Recvfrom),
    (930, Kind::Execve),
    (955, Kind::Dup2),
    (970, Kind::Unlinkat),
    (980, Kind::Fchmodat),
    (990, Kind::Renameat2),
    (1000, Kind::Socket),
];

/// A small generator, enough for a mix.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        let at = self.below(texts.len() as u64);
        texts
            .get(usize::try_from(at).unwrap_or_default())
            .copied()
            .unwrap_or_default()
    }
}

fn bytes(text: &str) -> Bytes {
    text.as_bytes().into()
}

/// Processes and paths the stream is made of.
#[derive(Debug)]
pub struct Stream {
    processes: Vec<Process>,
    paths: Vec<String>,
    dice: Dice,
}

impl Stream {
    /// With so many processes, and paths that each turn up now and then
    /// besides the common ones.
    pub fn new(seed: u64, processes: u32, paths: u32) -> Self {
        let mut dice = Dice(seed | 1);
        let init = Arc::new(Process {
            pid: 1,
            name: bytes("systemd"),
            exe: bytes("/sbin/init"),
            exe_path: bytes("/usr/lib/systemd/systemd"),
            slot: processes,
            version: 1,
            ..Process::default()
        });
        let shim = Arc::new(Process {
            pid: 2,
            name: bytes("containerd-shim"),
            exe: bytes("containerd-shim"),
            arguments: ["-namespace", "k8s.io", "-id", "abcdef"].map(bytes).into(),
            parent: Some(init.clone()),
            slot: processes + 1,
            version: 1,
            ..Process::default()
        });
        let processes = (0..processes)
            .map(|slot| process(&mut dice, slot, &init, &shim))
            .collect();
        let paths = (0..paths)
            .map(|number| format!("/var/lib/app/{}/data-{number}.bin", number % 50))
            .collect();
        Self {
            processes,
            paths,
            dice,
        }
    }

    /// Makes so many events and hands them over one by one.
    pub fn events(&mut self, count: u64) -> Vec<Event<'_>> {
        let Self {
            processes,
            paths,
            dice,
        } = self;
        (1..=count)
            .filter_map(|number| event(dice, processes, paths, number))
            .collect()
    }
}

fn process(dice: &mut Dice, slot: u32, init: &Arc<Process>, shim: &Arc<Process>) -> Process {
    let name = dice.one_of(NAMES);
    let is_in_container = dice.below(7) != 0;
    let image = dice.one_of(IMAGES);
    let parent = Arc::new(Process {
        pid: i64::from(slot) + 10_000,
        name: bytes(dice.one_of(NAMES)),
        exe: bytes("/usr/bin/parent"),
        parent: Some(if is_in_container {
            shim.clone()
        } else {
            init.clone()
        }),
        ..Process::default()
    });
    Process {
        slot,
        version: 1,
        pid: i64::from(slot) + 1000,
        vpid: i64::from(slot % 50),
        name: bytes(name),
        exe: bytes(&format!("/usr/bin/{name}")),
        exe_path: bytes(&format!("/usr/bin/{name}")),
        arguments: [
            "--config".to_owned(),
            format!("/etc/{name}/{name}.conf"),
            "--worker".to_owned(),
            slot.to_string(),
        ]
        .map(|it| bytes(&it))
        .into(),
        working_folder: bytes("/app"),
        permitted: bytes("CAP_CHOWN CAP_NET_BIND_SERVICE CAP_KILL"),
        user: User {
            login_uid: -1,
            name: bytes("root"),
            ..User::default()
        },
        parent: Some(parent),
        container: is_in_container.then(|| {
            Arc::new(Container {
                full_id: bytes(&format!("{slot:064x}")),
                name: bytes("app"),
                image: bytes(&format!("{image}:1.2")),
                repository: bytes(image),
                tag: bytes("1.2"),
                is_privileged: Some(false),
                pod: Some(Pod {
                    name: bytes(&format!("app-{slot}")),
                    namespace: bytes("default"),
                    ..Pod::default()
                }),
                ..Container::default()
            })
        }),
        ..Process::default()
    }
}

fn event<'a>(
    dice: &mut Dice,
    processes: &'a [Process],
    paths: &'a [String],
    number: u64,
) -> Option<Event<'a>> {
    const UNLINKED: &[Argument<'static>] = &[Argument {
        name: "path",
        text: b"/tmp/tmp8f3k",
        raw: None,
    }];
    const EXECUTED: &[Argument<'static>] = &[Argument {
        name: "flags",
        text: b"EXE_WRITABLE",
        raw: Some(1),
    }];
    let share = dice.below(1000);
    let (_, kind) = MIX.iter().find(|(until, _)| share < *until)?;
    // Some processes are far busier than others.
    let many = processes.len() as u64;
    let at = usize::try_from(dice.below(many) * dice.below(many) / many).ok()?;
    let process = processes.get(at)?;
    let writes = dice.below(7) == 0;
    let path = match dice.below(2000) {
        0 => dice.one_of(RARE),
        1..200 if !paths.is_empty() => paths
            .get(usize::try_from(dice.below(paths.len() as u64)).ok()?)
            .map(String::as_str)?,
        _ if writes => dice.one_of(WRITTEN),
        _ => dice.one_of(READ),
    };
    let mut event = Event {
        number,
        time: 1_700_000_000_000_000_000 + i64::try_from(number).ok()? * 10_000,
        kind: *kind,
        cpu: 0,
        process,
        thread: process.pid,
        result: 7,
        latency: 1000,
        open: Open::default(),
        descriptor: None,
        arguments: Arguments::new(&[]),
        buffer: &[],
    };
    match kind {
        Kind::Openat | Kind::Openat2 => {
            event.open = Open {
                reads: !writes,
                writes,
                executes: false,
                creates: writes,
            };
            let mut file = Descriptor::file(7, path.as_bytes());
            // Some are opened from the folder they are in.
            if dice.below(5) == 0 {
                file.raw_name = path.rsplit('/').next()?.as_bytes();
            }
            event.descriptor = Some(file);
        }
        Kind::Connect | Kind::Accept4 | Kind::Sendto | Kind::Recvfrom => {
            let port = u16::try_from(30_000 + dice.below(20_000)).ok()?;
            event.result = 0;
            event.descriptor = Some(Descriptor {
                kind: DescriptorKind::Ipv4,
                connection: Some(Connection {
                    client: Some(([10, 0, 3, 4].into(), port)),
                    server: Some(([10, 96, 0, 1].into(), 443)),
                    protocol: "tcp",
                    is_server: *kind == Kind::Accept4,
                    is_connected: true,
                    client_names: &[],
                    server_names: &[],
                }),
                ..Descriptor::file(7, b"")
            });
        }
        Kind::Unlinkat | Kind::Fchmodat | Kind::Renameat2 => {
            event.arguments = Arguments::new(UNLINKED);
        }
        Kind::Execve => event.arguments = Arguments::new(EXECUTED),
        _ => {}
    }
    Some(event)
}

//! Events of a node's kernel: system calls and the processes that make
//! them.
//!
//! Who watches the kernel fills an [`Event`] for each call and keeps the
//! [`Process`]es; nothing is copied to run rules over it. What a process
//! is gets worked out once for each [`version`](Process::version) of it,
//! so that has to change with every exec, every change of user, group,
//! capability, session or container, and when its container becomes known.
//! [`Fields`] is the slow form: fields by name, for cases and replays.

use std::{net::IpAddr, sync::Arc};

mod arguments;
mod errno;
mod extract;
mod fields;
pub mod synthetic;

pub use arguments::{Argument, Arguments, Later};
pub use errno::name as errno_name;
pub(crate) use extract::{Place, scope_of};
pub use fields::{Fields, FieldsError};

/// Text of the kernel: mostly UTF-8.
pub type Bytes = Box<[u8]>;

macro_rules! kinds {
    ($($name:ident => $word:literal, $category:literal;)+) => {
        /// Which call it was.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $($name,)+ }

        impl Kind {
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// As rule files spell it: `evt.type`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// `evt.category`.
            pub fn category(self) -> &'static str {
                match self { $(Self::$name => $category,)+ }
            }

            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|each| each.as_str() == word)
            }
        }
    };
}

kinds! {
    Accept => "accept", "net";
    Accept4 => "accept4", "net";
    Bind => "bind", "net";
    Bpf => "bpf", "other";
    Capset => "capset", "user";
    Chdir => "chdir", "file";
    Chmod => "chmod", "file";
    Chown => "chown", "file";
    Chroot => "chroot", "process";
    Clone => "clone", "process";
    Clone3 => "clone3", "process";
    Close => "close", "IO-other";
    Connect => "connect", "net";
    Creat => "creat", "file";
    DeleteModule => "delete_module", "other";
    Dup => "dup", "IO-other";
    Dup2 => "dup2", "IO-other";
    Dup3 => "dup3", "IO-other";
    Execve => "execve", "process";
    Execveat => "execveat", "process";
    Fchdir => "fchdir", "file";
    Fchmod => "fchmod", "file";
    Fchmodat => "fchmodat", "file";
    Fchown => "fchown", "file";
    Fchownat => "fchownat", "file";
    FinitModule => "finit_module", "other";
    Fork => "fork", "process";
    Ftruncate => "ftruncate", "file";
    InitModule => "init_module", "other";
    IoUring => "io_uring", "IO-other";
    Ioctl => "ioctl", "IO-other";
    Kill => "kill", "signal";
    Lchown => "lchown", "file";
    Link => "link", "file";
    Linkat => "linkat", "file";
    Listen => "listen", "net";
    MemfdCreate => "memfd_create", "memory";
    Mkdir => "mkdir", "file";
    Mkdirat => "mkdirat", "file";
    Mknod => "mknod", "file";
    Mknodat => "mknodat", "file";
    Mount => "mount", "file";
    MoveMount => "move_mount", "file";
    Mprotect => "mprotect", "memory";
    Open => "open", "file";
    OpenByHandleAt => "open_by_handle_at", "file";
    Openat => "openat", "file";
    Openat2 => "openat2", "file";
    PivotRoot => "pivot_root", "file";
    Prctl => "prctl", "process";
    ProcessVmWritev => "process_vm_writev", "other";
    Procexit => "procexit", "process";
    Ptrace => "ptrace", "process";
    Read => "read", "IO-read";
    Recvfrom => "recvfrom", "IO-read";
    Recvmsg => "recvmsg", "IO-read";
    Rename => "rename", "file";
    Renameat => "renameat", "file";
    Renameat2 => "renameat2", "file";
    Rmdir => "rmdir", "file";
    Sendmsg => "sendmsg", "IO-write";
    Sendto => "sendto", "IO-write";
    Setgid => "setgid", "user";
    Setns => "setns", "process";
    Setregid => "setregid", "user";
    Setresgid => "setresgid", "user";
    Setresuid => "setresuid", "user";
    Setreuid => "setreuid", "user";
    Setsid => "setsid", "process";
    Setuid => "setuid", "user";
    Socket => "socket", "net";
    Symlink => "symlink", "file";
    Symlinkat => "symlinkat", "file";
    Tgkill => "tgkill", "signal";
    Tkill => "tkill", "signal";
    Truncate => "truncate", "file";
    Umount2 => "umount2", "file";
    Unlink => "unlink", "file";
    Unlinkat => "unlinkat", "file";
    Unshare => "unshare", "process";
    Userfaultfd => "userfaultfd", "other";
    Utimensat => "utimensat", "file";
    Vfork => "vfork", "process";
    Write => "write", "IO-write";
}

/// A call that has returned.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Counted from 1.
    pub number: u64,
    /// Nanoseconds since 1970.
    pub time: i64,
    pub kind: Kind,
    pub cpu: u16,
    pub process: &'a Process,
    /// The thread that called; the process id for the main one.
    pub thread: i64,
    /// What the call returned; negative is an error.
    pub result: i64,
    /// Nanoseconds the call took, where that is known.
    pub latency: i64,
    /// How a file was opened; nothing for other calls.
    pub open: Open,
    pub descriptor: Option<Descriptor<'a>>,
    pub arguments: Arguments<'a>,
    /// Bytes read or written, as far as they were taken along.
    pub buffer: &'a [u8],
}

/// How a file was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of its own")]
pub struct Open {
    pub reads: bool,
    pub writes: bool,
    /// A file was made that may be executed.
    pub executes: bool,
    pub creates: bool,
}

/// What a file descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptorKind {
    File,
    Directory,
    Ipv4,
    Ipv6,
    Unix,
    Pipe,
    Event,
    Signal,
    Eventpoll,
    Inotify,
    Timer,
    Memfd,
    Bpf,
    Netlink,
    Unknown,
}

impl DescriptorKind {
    /// `fd.typechar` and `fd.type`.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::File => ("f", "file"),
            Self::Directory => ("d", "directory"),
            Self::Ipv4 => ("4", "ipv4"),
            Self::Ipv6 => ("6", "ipv6"),
            Self::Unix => ("u", "unix"),
            Self::Pipe => ("p", "pipe"),
            Self::Event => ("e", "event"),
            Self::Signal => ("s", "signalfd"),
            Self::Eventpoll => ("l", "eventpoll"),
            Self::Inotify => ("i", "inotify"),
            Self::Timer => ("t", "timerfd"),
            Self::Memfd => ("m", "memfd"),
            Self::Bpf => ("b", "bpf"),
            Self::Netlink => ("n", "netlink"),
            Self::Unknown => ("o", "unknown"),
        }
    }
}

/// A file, a connection, or whatever a descriptor stands for.
#[derive(Clone, Copy, Debug)]
pub struct Descriptor<'a> {
    pub number: i64,
    pub kind: DescriptorKind,
    /// Full path of a file; empty for a connection, whose name is made of
    /// its ends.
    pub name: &'a [u8],
    /// As the program passed it.
    pub raw_name: &'a [u8],
    pub is_renamed: bool,
    pub connection: Option<Connection<'a>>,
    pub inode: u64,
    pub device: (u32, u32),
    /// On an overlay: written since the container began.
    pub is_upper_layer: Option<bool>,
}

impl<'a> Descriptor<'a> {
    /// A file of this path.
    pub fn file(number: i64, path: &'a [u8]) -> Self {
        Self {
            number,
            kind: DescriptorKind::File,
            name: path,
            raw_name: path,
            is_renamed: false,
            connection: None,
            inode: 0,
            device: (0, 0),
            is_upper_layer: None,
        }
    }
}

/// Both ends of a connection; a listening socket has only the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection<'a> {
    pub client: Option<(IpAddr, u16)>,
    pub server: Option<(IpAddr, u16)>,
    /// `tcp`, `udp`, `icmp`, `raw`.
    pub protocol: &'static str,
    /// Whether this process is the server.
    pub is_server: bool,
    pub is_connected: bool,
    /// Names last resolved to these addresses.
    pub client_names: &'a [Bytes],
    pub server_names: &'a [Bytes],
}

/// What is known of a process, from its start to its next change.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Its place in the table of processes: small, and used again.
    pub slot: u32,
    /// Unlike that of any other process, and of itself before a change.
    pub version: u64,
    pub pid: i64,
    pub vpid: i64,
    pub sid: i64,
    pub pgid: i64,
    pub vpgid: i64,
    pub tty: i64,
    /// At most 15 bytes.
    pub name: Bytes,
    /// The first argument.
    pub exe: Bytes,
    pub exe_path: Bytes,
    /// Without the first.
    pub arguments: Vec<Bytes>,
    pub environment: Vec<Bytes>,
    pub working_folder: Bytes,
    pub started: i64,
    /// Names joined by blanks.
    pub permitted: Bytes,
    pub inheritable: Bytes,
    pub effective: Bytes,
    pub cgroups: Vec<(Bytes, Bytes)>,
    pub user: User,
    pub executable: Executable,
    pub session_leader: Option<Arc<Self>>,
    pub group_leader: Option<Arc<Self>>,
    pub parent: Option<Arc<Self>>,
    pub container: Option<Arc<Container>>,
    pub stdio: [Option<(DescriptorKind, Bytes)>; 3],
    pub is_healthcheck: bool,
    pub is_liveness_probe: bool,
    pub is_readiness_probe: bool,
}

/// Who runs a process.
#[derive(Clone, Debug, Default)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    /// -1 where nobody signed in.
    pub login_uid: i64,
    pub name: Bytes,
    pub group: Bytes,
    pub login_name: Bytes,
    pub home: Bytes,
    pub shell: Bytes,
}

/// The file a process runs.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of its own")]
pub struct Executable {
    pub is_writable: bool,
    pub is_upper_layer: bool,
    pub is_lower_layer: bool,
    pub is_memfd: bool,
    pub inode: u64,
    pub changed: i64,
    pub modified: i64,
    /// When the first process of its namespace began.
    pub namespace_started: i64,
}

/// The container of a process.
#[derive(Clone, Debug, Default)]
pub struct Container {
    pub full_id: Bytes,
    pub name: Bytes,
    pub image: Bytes,
    pub image_id: Bytes,
    pub repository: Bytes,
    pub tag: Bytes,
    pub digest: Bytes,
    pub runtime: Bytes,
    pub is_privileged: Option<bool>,
    pub mounts: Vec<Mount>,
    pub labels: Vec<(Bytes, Bytes)>,
    pub healthcheck: Bytes,
    pub liveness_probe: Bytes,
    pub readiness_probe: Bytes,
    pub started: i64,
    pub address: Bytes,
    pub cni: Bytes,
    pub has_host_pid: bool,
    pub has_host_network: bool,
    pub has_host_ipc: bool,
    pub pod: Option<Pod>,
}

#[derive(Clone, Debug, Default)]
pub struct Mount {
    pub source: Bytes,
    pub destination: Bytes,
    pub mode: Bytes,
    pub is_writable: bool,
    pub propagation: Bytes,
}

#[derive(Clone, Debug, Default)]
pub struct Pod {
    pub name: Bytes,
    pub namespace: Bytes,
    pub uid: Bytes,
    pub sandbox: Bytes,
    pub labels: Vec<(Bytes, Bytes)>,
    pub address: Bytes,
    pub cni: Bytes,
}

/// Ancestors are looked for this far up.
const MAX_ANCESTORS: usize = 64;

impl Process {
    /// The n-th ancestor; 0 is the process itself.
    fn ancestor(&self, number: usize) -> Option<&Self> {
        let mut at = self;
        for _ in 0..number {
            at = at.parent.as_deref()?;
        }
        Some(at)
    }

    /// From the parent upwards.
    fn ancestors(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(self.parent.as_deref(), |it| it.parent.as_deref()).take(MAX_ANCESTORS)
    }
}

impl Event<'_> {
    /// What sort of event it is, as far as its kind, its success, how it
    /// opened and what its descriptor is tell.
    pub(crate) fn sort(&self) -> u16 {
        let descriptor = self.descriptor.map_or(15, |it| it.kind as u16);
        let flags = u16::from(self.open.reads)
            | u16::from(self.open.writes) << 1
            | u16::from(self.result < 0) << 2;
        (self.kind as u16) << 7 | descriptor << 3 | flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{field::Source, value::Facts as _};

    fn ask(event: &Event<'_>, name: &str, argument: Option<&str>) -> Vec<String> {
        let field = Source::Syscall.field(name).unwrap();
        let mut values = Vec::new();
        event.visit(field, argument, &mut |value| values.push(value.to_text()));
        values
    }

    #[test]
    fn processes_descriptors_and_connections_answer() {
        let bytes = |text: &str| -> Bytes { text.as_bytes().into() };
        let init = Arc::new(Process {
            name: bytes("systemd"),
            ..Process::default()
        });
        let parent = Arc::new(Process {
            name: bytes("bash"),
            parent: Some(init),
            ..Process::default()
        });
        let process = Process {
            name: bytes("curl"),
            arguments: vec![bytes("-s"), bytes("x")],
            environment: vec![bytes("A=1"), bytes("B=2")],
            parent: Some(parent),
            working_folder: bytes("/app"),
            container: Some(Arc::new(Container {
                full_id: bytes(&"0123456789abcdef".repeat(4)),
                mounts: vec![Mount {
                    source: bytes("/etc"),
                    destination: bytes("/host"),
                    ..Mount::default()
                }],
                ..Container::default()
            })),
            ..Process::default()
        };
        let arguments = [Argument {
            name: "path",
            text: b"x/y",
            raw: None,
        }];
        let mut event = Event {
            number: 1,
            time: 1_000,
            kind: Kind::Unlinkat,
            cpu: 0,
            process: &process,
            thread: 0,
            result: -13,
            latency: 0,
            open: Open::default(),
            descriptor: Some(Descriptor::file(3, b"/etc/shadow")),
            arguments: Arguments::new(&arguments),
            buffer: b"",
        };
        assert_eq!(ask(&event, "proc.aname", None), ["bash", "systemd"]);
        assert_eq!(ask(&event, "proc.aname", Some("2")), ["systemd"]);
        assert_eq!(ask(&event, "proc.aname", Some("0")), ["curl"]);
        assert_eq!(ask(&event, "proc.cmdline", None), ["curl -s x"]);
        assert_eq!(ask(&event, "proc.args", Some("1")), ["x"]);
        assert_eq!(ask(&event, "proc.env", Some("B")), ["2"]);
        assert_eq!(ask(&event, "container.id", None), ["0123456789ab"]);
        assert_eq!(ask(&event, "container.mount.dest", Some("/e*")), ["/host"]);
        assert!(ask(&event, "container.mount.dest", Some("/proc*")).is_empty());
        assert_eq!(ask(&event, "evt.res", None), ["EACCES"]);
        assert_eq!(ask(&event, "evt.arg", Some("path")), ["x/y"]);
        assert_eq!(ask(&event, "evt.arg.path", None), ["x/y"]);
        assert_eq!(ask(&event, "fs.path.name", None), ["/app/x/y"]);
        assert_eq!(ask(&event, "fd.directory", None), ["/etc"]);
        assert_eq!(ask(&event, "fd.filename", None), ["shadow"]);
        event.descriptor = Some(Descriptor {
            kind: DescriptorKind::Ipv4,
            connection: Some(Connection {
                client: Some(([10, 0, 0, 1].into(), 4000)),
                server: Some(([10, 0, 0, 2].into(), 443)),
                protocol: "tcp",
                is_server: false,
                is_connected: true,
                client_names: &[],
                server_names: &[],
            }),
            ..Descriptor::file(3, b"")
        });
        assert_eq!(
            ask(&event, "fd.name", None),
            ["10.0.0.1:4000->10.0.0.2:443"]
        );
        assert_eq!(ask(&event, "fd.ip", None), ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(ask(&event, "fd.rport", None), ["443"]);
        assert_eq!(ask(&event, "fd.lip", None), ["10.0.0.1"]);
        assert!(ask(&event, "fd.directory", None).is_empty());
    }

    #[test]
    fn every_field_that_stock_rules_use_is_read() {
        let silent: Vec<_> = Source::Syscall
            .fields()
            .iter()
            .filter(|field| !extract::is_read(field.name))
            .map(|field| field.name)
            .filter(|name| !name.starts_with("k8s.") && !name.contains("vm"))
            .collect();
        assert_eq!(
            silent,
            [
                "evt.asynctype",
                "evt.deltatime",
                "evt.hostname",
                "evt.reltime",
                "proc.fdlimit",
                "proc.fdopencount",
                "proc.fdusage",
                "proc.nchilds",
                "proc.nthreads",
                "thread.pfmajor",
                "thread.pfminor",
            ],
            "fields that no event answers"
        );
    }

    #[test]
    fn fields_by_name_are_read_or_refused() {
        let fields =
            Fields::read(r#"{"evt.type":"openat","proc.aname":["a","b"],"fd.sport":443}"#).unwrap();
        let mut values = Vec::new();
        let field = Source::Syscall.field("proc.aname").unwrap();
        fields.visit(field, None, &mut |value| values.push(value.to_text()));
        assert_eq!(values, ["a", "b"]);
        assert!(matches!(
            Fields::read(r#"{"proc.nmae":"x"}"#),
            Err(FieldsError::UnknownField { .. })
        ));
        assert!(matches!(
            Fields::read(r#"{"fd.sport":"http"}"#),
            Err(FieldsError::WrongKind { .. })
        ));
    }
}

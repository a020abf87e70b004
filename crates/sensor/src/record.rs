//! What the kernel told, decoded: one [`Record`] for each entry of a ring.
//!
//! Nothing here is resolved: numbers are the kernel's, paths are bytes as
//! they came, and a process is its id and the time it began. [`context`]
//! makes events of it. Records borrow from the ring and live as long as
//! one turn of the loop.
//!
//! [`context`]: crate::context

use std::net::IpAddr;

use rules::syscall::{DescriptorKind, Kind};

/// One entry.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub task: Task,
    pub what: What<'a>,
}

/// Who did it, as the kernel knew them then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Nanoseconds since boot, suspended time included.
    pub time: u64,
    pub cpu: u16,
    /// The process: the id of its first thread, as the host counts.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    pub parent: u32,
    /// When the process began, in nanoseconds since boot: with `pid`, its
    /// identity. 0 where the kernel did not say.
    pub started: u64,
    pub uid: u32,
    pub gid: u32,
    pub cgroup: Cgroup,
    pub mount_namespace: u32,
    pub pid_namespace: u32,
    /// `comm`, ended by a zero byte.
    pub name: [u8; 16],
}

/// Control groups are numbered anew in each hierarchy: a number means
/// something only beside which hierarchy it is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cgroup {
    /// In the unified hierarchy (version 2); 1 is its root.
    pub unified: u64,
    /// In the hierarchy of the `pids` controller where that is version 1;
    /// 0 where there is none.
    pub legacy: u64,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    Fork(Fork),
    Exec(Exec<'a>),
    Exit {
        /// As `wait` reports it.
        code: i32,
    },
    /// A control group was made, before any process was in it.
    CgroupMade(Group<'a>),
    CgroupRemoved(Group<'a>),
    /// A process was moved into it.
    CgroupJoined {
        group: Group<'a>,
        pid: u32,
    },
    Call(Call<'a>),
    /// A packet from or to port 53.
    Dns(Dns<'a>),
    /// Something was refused or ended, or would have been.
    Verdict(Verdict<'a>),
}

/// A process made another; `Record::task` is the one that did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    pub pid: u32,
    pub started: u64,
    /// Its number within its own process namespace.
    pub virtual_pid: u32,
}

/// A process runs another program from here on.
#[derive(Clone, Copy, Debug)]
pub struct Exec<'a> {
    /// As passed.
    pub path: &'a [u8],
    /// The file, from the root of its mount namespace; empty where the
    /// kernel did not say.
    pub resolved: &'a [u8],
    /// Each ended by a zero byte, the first included; cut at the end.
    pub arguments: &'a [u8],
    pub are_arguments_cut: bool,
    /// The first variables, each ended by a zero byte; cut at the end.
    pub environment: &'a [u8],
    pub file: File,
    pub credentials: Credentials,
    pub virtual_pid: u32,
    pub session: u32,
    pub group: u32,
    /// Number of the controlling terminal; 0 where there is none.
    pub terminal: u32,
    /// Nobody signed in: `u32::MAX`.
    pub login_uid: u32,
    /// Kinds of the descriptors 0, 1 and 2, where they are open.
    pub stdio: [Option<DescriptorKind>; 3],
}

/// A file as the kernel sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct File {
    pub inode: u64,
    /// Major and minor number.
    pub device: (u32, u32),
    /// On an overlay, which is what images are mounted as.
    pub is_overlay: bool,
    /// On an overlay: written since the container began.
    pub is_upper: bool,
    /// It has no name: made by `memfd_create`, or deleted.
    pub is_unlinked: bool,
    /// In memory only: a `memfd`.
    pub is_memfd: bool,
    /// Permission bits and type.
    pub mode: u32,
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: i64,
    pub changed: i64,
    /// The file system's magic number.
    pub magic: u64,
}

/// Who a process is, and what it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    pub uid: u32,
    pub gid: u32,
    pub effective_uid: u32,
    pub effective_gid: u32,
    /// Capability sets, a bit each.
    pub permitted: u64,
    pub inheritable: u64,
    pub effective: u64,
}

/// A control group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    pub id: u64,
    /// 0 is the unified one.
    pub hierarchy: u32,
    /// From the root of its hierarchy.
    pub path: &'a [u8],
}

/// A call that returned, or one a hook saw made.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub kind: Kind,
    pub result: i64,
    /// As passed; what a hook saw has only those it knows.
    pub arguments: [u64; 6],
    /// The first path, as passed.
    pub path: &'a [u8],
    /// The same or the file of the descriptor, from the root of its mount
    /// namespace; empty where the kernel did not say.
    pub resolved: &'a [u8],
    /// The second path (`rename`, `link`, `symlink`, `mount`), as passed.
    pub second: &'a [u8],
    /// The folders that relative paths of this call begin from, resolved;
    /// empty where they begin from the working folder or are absolute.
    pub folder: &'a [u8],
    pub second_folder: &'a [u8],
    /// The file it is about, where there is one.
    pub file: Option<File>,
    pub descriptor: Option<DescriptorKind>,
    pub socket: Option<Socket<'a>>,
    /// Bytes sent or received, as far as they were taken along.
    pub data: &'a [u8],
    /// The other process it is about (`kill`, `ptrace`, `setns`), as the
    /// host counts; 0 where there is none.
    pub target: u32,
    /// Credentials afterwards, for calls that change them.
    pub credentials: Option<Credentials>,
    pub by: Via,
}

impl Call<'_> {
    /// A call of which nothing is known but which it was.
    #[inline]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            result: 0,
            arguments: [0; 6],
            path: b"",
            resolved: b"",
            second: b"",
            folder: b"",
            second_folder: b"",
            file: None,
            descriptor: None,
            socket: None,
            data: b"",
            target: 0,
            credentials: None,
            by: Via::SystemCall,
        }
    }
}

/// How a call came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    #[default]
    SystemCall,
    /// A hook saw it and no system call was in progress: `io_uring`.
    IoUring,
}

/// A socket: both its ends as far as they are known.
#[derive(Clone, Copy, Debug)]
pub struct Socket<'a> {
    /// `tcp`, `udp`, `icmp`, `raw`, or empty.
    pub protocol: &'static str,
    pub local: Option<(IpAddr, u16)>,
    pub remote: Option<(IpAddr, u16)>,
    /// Path of a unix socket; begins with a zero byte where it is abstract.
    pub path: &'a [u8],
    /// This end waited for the other.
    pub is_server: bool,
}

/// A packet of the domain name system.
#[derive(Clone, Copy, Debug)]
pub struct Dns<'a> {
    pub is_answer: bool,
    /// The other end.
    pub server: Option<(IpAddr, u16)>,
    /// The message, cut at the end.
    pub message: &'a [u8],
}

/// Something that was, or would have been, stopped.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    pub matter: Matter,
    pub outcome: Outcome,
    pub path: &'a [u8],
    pub file: File,
    pub address: Option<(IpAddr, u16)>,
}

/// What was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matter {
    /// A program that is not in the image.
    Drift,
    /// A connection on the deny list.
    Connect,
    /// A kernel setting written from a container.
    Sysctl,
    /// A file on the deny list.
    File,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It would have been stopped, were the rule not being tried out.
    WouldStop,
    /// It was refused with an error.
    Refused,
    /// The process was ended.
    Killed,
}

//! One thing that was done, as it is remembered: what of an event is worth
//! it, in a fixed number of bytes.

use model::alert::TraceKind;
use rules::syscall::{Connection, Event, Kind};

use super::text;
use crate::context::Lookup;

/// Bytes kept of what an entry is about.
const TEXT: usize = 110;

/// Something that was done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Microseconds since 1970.
    pub(super) time: i64,
    pub(super) pid: u32,
    pub(super) count: u32,
    pub(super) kind: TraceKind,
    length: u8,
    text: [u8; TEXT],
}

impl Entry {
    /// `time` in nanoseconds since 1970.
    pub(super) fn new(time: i64, pid: i64, kind: TraceKind, text: &[u8]) -> Self {
        let mut entry = Self {
            time: time / 1000,
            pid: u32::try_from(pid).unwrap_or_default(),
            count: 1,
            kind,
            length: 0,
            text: [0; TEXT],
        };
        entry.write(text);
        entry
    }

    pub(super) fn text(&self) -> &[u8] {
        self.text
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }

    fn write(&mut self, bytes: &[u8]) {
        let from = usize::from(self.length);
        let room = self.text.get_mut(from..).unwrap_or_default();
        let taken = bytes.len().min(room.len());
        if let (Some(room), Some(bytes)) = (room.get_mut(..taken), bytes.get(..taken)) {
            room.copy_from_slice(bytes);
        }
        // At most TEXT.
        self.length = u8::try_from(from + taken).unwrap_or(u8::MAX);
    }

    /// What of an event is worth remembering, if anything.
    pub(super) fn of(event: &Event<'_>) -> Option<Self> {
        let kind = kind(event)?;
        let mut entry = Self::new(event.time, event.process.pid, kind, b"");
        entry.describe(event);
        Some(entry)
    }

    /// A name that was asked for.
    pub(super) fn of_lookup(lookup: &Lookup<'_>) -> Option<Self> {
        if lookup.is_answer && lookup.code == 0 {
            return None;
        }
        let pid = lookup.process.map_or(0, |process| process.pid);
        let mut entry = Self::new(lookup.time, pid, TraceKind::Resolve, lookup.name);
        if lookup.is_answer {
            entry.write(b" (no such name)");
        }
        Some(entry)
    }

    fn describe(&mut self, event: &Event<'_>) {
        match self.kind {
            TraceKind::Execute => {
                text::write_command(event.process, TEXT, &mut |part| self.write(part));
            }
            TraceKind::Exit => self.write(&event.process.name),
            TraceKind::Read | TraceKind::Write | TraceKind::Delete => {
                self.write(path(
                    event,
                    &["path", "name", "filename", "newpath", "linkpath"],
                ));
                if is_link(event.kind)
                    && let Some(target) = argument(event, &["oldpath", "target"])
                {
                    self.write(b" -> ");
                    self.write(target);
                }
            }
            TraceKind::Rename => {
                self.write(path(event, &["oldpath"]));
                self.write(b" -> ");
                self.write(argument(event, &["newpath"]).unwrap_or_default());
            }
            TraceKind::Permission => {
                self.write(path(event, &["path", "filename", "name"]));
                if let Some(mode) = argument(event, &["mode"]) {
                    self.write(b" ");
                    self.write(mode);
                }
            }
            TraceKind::Connect | TraceKind::Listen | TraceKind::Accept => self.address(event),
            _ => {
                self.write(event.kind.as_str().as_bytes());
                for each in event.arguments.all().iter().take(4) {
                    self.write(b" ");
                    self.write(each.text);
                }
            }
        }
        if event.result < 0 && self.kind != TraceKind::Exit && event.result != IN_PROGRESS {
            self.write(b" (failed)");
        }
    }

    fn address(&mut self, event: &Event<'_>) {
        let Some(descriptor) = event.descriptor else {
            return self.write(argument(event, &["addr"]).unwrap_or_default());
        };
        match descriptor.connection.as_ref().and_then(other_end) {
            Some((address, port)) => {
                use std::io::Write as _;
                let mut text = [0_u8; 64];
                let room = text.len();
                let mut rest = text.as_mut_slice();
                // 64 bytes hold any address with its port.
                _ = if address.is_ipv6() {
                    write!(rest, "[{address}]:{port}")
                } else {
                    write!(rest, "{address}:{port}")
                };
                let used = room - rest.len();
                self.write(text.get(..used).unwrap_or_default());
                let names = descriptor.connection.map_or(&[][..], |it| it.server_names);
                if let Some(name) = names.first() {
                    self.write(b" (");
                    self.write(name);
                    self.write(b")");
                }
            }
            None => self.write(descriptor.name),
        }
    }
}

fn is_link(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Link | Kind::Linkat | Kind::Symlink | Kind::Symlinkat
    )
}

/// `EINPROGRESS`: a connection that does not wait.
const IN_PROGRESS: i64 = -115;

/// The end that is not this process's, or the only one.
pub(super) fn other_end(connection: &Connection<'_>) -> Option<(std::net::IpAddr, u16)> {
    let (near, far) = if connection.is_server {
        (connection.server, connection.client)
    } else {
        (connection.client, connection.server)
    };
    far.or(near)
}

/// The first of these arguments that is there.
pub(super) fn argument<'e>(event: &Event<'e>, names: &[&str]) -> Option<&'e [u8]> {
    names.iter().find_map(|name| {
        let found = event.arguments.named(name)?;
        (!found.text.is_empty()).then_some(found.text)
    })
}

/// The file an event is about: resolved where that is known.
pub(super) fn path<'e>(event: &Event<'e>, names: &[&str]) -> &'e [u8] {
    let resolved = event
        .descriptor
        .as_ref()
        .filter(|descriptor| descriptor.connection.is_none())
        .map(|descriptor| descriptor.name)
        .filter(|name| !name.is_empty());
    resolved
        .or_else(|| argument(event, names))
        .unwrap_or_default()
}

/// Whose reads tell nothing.
const DULL: [&[u8]; 9] = [
    b"/usr/lib",
    b"/lib",
    b"/usr/share",
    b"/proc/self/",
    b"/proc/sys/",
    b"/sys/",
    b"/dev/",
    b"/etc/ld.so",
    b"/usr/local/lib",
];

fn kind(event: &Event<'_>) -> Option<TraceKind> {
    use Kind as K;
    let is_done = event.result >= 0;
    Some(match event.kind {
        K::Execve | K::Execveat => TraceKind::Execute,
        K::Procexit => TraceKind::Exit,
        K::Open | K::Openat | K::Openat2 | K::Creat => {
            let name = path(event, &["path", "name"]);
            if event.open.writes || event.open.creates {
                if name.starts_with(b"/dev/") && !name.starts_with(b"/dev/shm/") {
                    return None;
                }
                TraceKind::Write
            } else if is_done && !DULL.iter().any(|dull| name.starts_with(dull)) {
                TraceKind::Read
            } else {
                return None;
            }
        }
        K::Unlink | K::Unlinkat | K::Rmdir => TraceKind::Delete,
        K::Rename | K::Renameat | K::Renameat2 => TraceKind::Rename,
        K::Link | K::Linkat | K::Symlink | K::Symlinkat => TraceKind::Write,
        K::Chmod | K::Fchmod | K::Fchmodat | K::Chown | K::Fchownat | K::Lchown => {
            TraceKind::Permission
        }
        K::Connect => TraceKind::Connect,
        K::Sendto | K::Sendmsg => {
            let connection = event.descriptor?.connection?;
            let (_, port) = connection.server?;
            // What is asked of it is told apart.
            if port == 53 {
                return None;
            }
            TraceKind::Connect
        }
        K::Bind | K::Listen => TraceKind::Listen,
        K::Accept | K::Accept4 if is_done => TraceKind::Accept,
        K::Setuid
        | K::Setgid
        | K::Setresuid
        | K::Capset
        | K::Ptrace
        | K::ProcessVmWritev
        | K::Bpf
        | K::InitModule
        | K::FinitModule
        | K::MemfdCreate
        | K::IoUring
        | K::Userfaultfd
        | K::OpenByHandleAt => TraceKind::Privilege,
        K::Setns | K::Unshare | K::Chroot => TraceKind::Namespace,
        K::Mount | K::Umount2 => TraceKind::Mount,
        K::Kill => TraceKind::Signal,
        _ => return None,
    })
}
